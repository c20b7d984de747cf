// All keys, in a dialog: those of commands, and those that views have of their own.

import { button, el, icon } from '../parts/dom';
import { keyCaps } from '../parts/keycaps';
import { commands } from '../state/commands';
import { SHORTCUTS } from './shortcuts';

interface Line {
  title: string;
  keys: string[];
}

function groups(): Map<string, Line[]> {
  const all = new Map<string, Line[]>();
  const put = (group: string, line: Line): void => {
    all.set(group, [...(all.get(group) ?? []), line]);
  };
  for (const { group, title, keys, also } of commands.get()) {
    if (keys) put(group, { title, keys: [keys, ...(also ?? [])] });
  }
  for (const { group, title, keys } of SHORTCUTS) put(group, { title, keys });
  return all;
}

export function showHelp(): void {
  const close = button('', { class: 'quiet', 'aria-label': 'Close' }, () => dialog.close());
  close.append(icon('close'));
  const sections = [...groups()].map(([name, lines]) =>
    el(
      'section',
      {},
      el('h3', {}, name),
      el(
        'dl',
        {},
        ...lines.map(({ title, keys }) => el('div', {}, el('dt', {}, title), el('dd', {}, ...keys.map(keyCaps)))),
      ),
    ),
  );
  const dialog = el(
    'dialog',
    { class: 'help', 'aria-labelledby': 'help-title' },
    el('header', {}, el('h2', { id: 'help-title' }, 'Keys'), close),
    el('div', { class: 'help-scroll', tabindex: '0', role: 'document', 'aria-labelledby': 'help-title' }, ...sections),
  );
  dialog.addEventListener('click', (e) => {
    if (e.target === dialog) dialog.close();
  });
  dialog.addEventListener('close', () => dialog.remove());
  document.body.append(dialog);
  dialog.showModal();
  dialog.querySelector<HTMLElement>('.help-scroll')?.focus();
}
