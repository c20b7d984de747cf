// The settings of this browser, in a dialog. Every change counts at once; there is nothing to save.

import { button, el, icon } from '../parts/dom';
import { radios, stepper, toggle } from '../parts/fields';
import { FONT_SIZE, ownFontSize } from '../parts/theme';
import { addCommands } from '../state/commands';
import { change, reset, settings, type Settings } from '../state/settings';
import { NoticeFields } from './settings-notices';
import { ThemeField } from './settings-theme';

const SCHEMES: [Settings['scheme'], string][] = [
  ['system', 'As the system'],
  ['light', 'Light'],
  ['dark', 'Dark'],
];

let shown: HTMLDialogElement | null = null;

export function openSettings(): void {
  if (shown || document.querySelector('dialog[open]')) return;
  const stops: (() => void)[] = [];
  const close = button('', { class: 'quiet', 'aria-label': 'Close', title: 'Esc' }, () => dialog.close());
  close.append(icon('close'));
  const dialog = el(
    'dialog',
    { class: 'settings', 'aria-labelledby': 'settings-title' },
    el('header', { class: 'settings-head' }, el('h2', { id: 'settings-title' }, 'Settings'), close),
    el('div', { class: 'settings-body' }, ...groups(stops)),
    el(
      'footer',
      { class: 'settings-foot' },
      button('Reset all', { class: 'quiet' }, () => reset()),
      button('Done', { class: 'primary' }, () => dialog.close()),
    ),
  );
  dialog.addEventListener('click', (e) => {
    if (e.target === dialog) dialog.close();
  });
  dialog.addEventListener('close', () => {
    for (const stop of stops) stop();
    dialog.remove();
    shown = null;
  });
  shown = dialog;
  document.body.append(dialog);
  dialog.showModal();
}

function group(name: string, ...rows: HTMLElement[]): HTMLElement {
  return el('section', { class: 'settings-group', 'aria-label': name }, el('h3', {}, name), ...rows);
}

/** Shows what the settings are, from now on. */
function groups(stops: (() => void)[]): HTMLElement[] {
  const scheme = radios('Colours', SCHEMES, (to) => change({ scheme: to }));
  const size = stepper('Text size', 'px', FONT_SIZE, (by) => changeFontSize(by));
  const reader = toggle(
    'For screen readers',
    'Terminals also say what they show; they get slower.',
    (on) => change({ reader: on }),
  );
  const copies = toggle(
    'Programs may copy',
    'What runs in a terminal may write to the clipboard; it can never read it.',
    (on) => change({ copies: on }),
  );
  const theme = new ThemeField();
  const notices = new NoticeFields();
  stops.push(
    settings.watch((now) => {
      scheme.show(now.scheme);
      size.show(fontSize(), now.fontSize === 0 ? 'as fits this device' : '');
      reader.show(now.reader);
      copies.show(now.copies);
    }),
    theme.start(),
    notices.start(),
  );
  return [
    group('Page', scheme.element),
    group('Terminal', size.element, theme.element, copies.element, reader.element),
    group('Notices', notices.element),
  ];
}

const fontSize = (): number => settings.get().fontSize || ownFontSize();

function changeFontSize(by: number): void {
  const { least, most } = FONT_SIZE;
  change({ fontSize: by ? Math.min(most, Math.max(least, fontSize() + by)) : 0 });
}

addCommands([
  {
    id: 'settings', title: 'Settings', group: 'Page', keys: 'Ctrl+Shift+Comma',
    words: 'colours theme dark light notifications accessibility', run: openSettings,
  },
  {
    id: 'text.larger', title: 'Larger text', group: 'Terminal', keys: 'Ctrl+Shift+Equal',
    words: 'font size zoom', run: () => changeFontSize(1),
  },
  {
    id: 'text.smaller', title: 'Smaller text', group: 'Terminal', keys: 'Ctrl+Shift+Minus',
    words: 'font size zoom', run: () => changeFontSize(-1),
  },
  {
    id: 'text.own', title: 'Text size as fits this device', group: 'Terminal', keys: 'Ctrl+Shift+0',
    words: 'font size zoom reset', run: () => changeFontSize(0),
  },
]);
