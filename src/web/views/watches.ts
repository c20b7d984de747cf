// The watches: what is looked for, how often it was found, and the last line of it.

import { removeWatch, type Watch } from '../api/watches';
import { ago, exactly } from '../parts/ago';
import { button, el, icon, renew, tame } from '../parts/dom';
import { attempt } from '../parts/problem';
import { followWatches, refreshWatches, watches } from '../state/watches';

const SHOWN = 200;

function about(w: Watch): string {
  const facts = [
    w.id,
    w.pane ? `in ${tame(w.pane, 64)}` : 'in all panes',
    w.fixed && 'as it is written',
    w.icase && 'in any case',
    w.every_s ? `at most every ${w.every_s} s` : '',
    w.command && 'runs a command',
    w.url && 'calls a URL',
  ];
  return facts.filter(Boolean).join(' · ');
}

function row(w: Watch): HTMLElement {
  const times = w.fired === 0 ? 'not yet' : `${w.fired.toLocaleString('en')}×`;
  const last = w.last_fired ?? '';
  const remove = button('', {
    class: 'quiet changes', 'aria-label': `Delete watch ${w.id}`, title: 'Delete', 'data-watch': w.id,
  }, () => undefined);
  remove.append(icon('close'));
  return el(
    'li',
    { class: w.fired ? 'watch fired' : 'watch' },
    el(
      'div',
      { class: 'watch-text' },
      el('code', { class: 'watch-pattern' }, tame(w.pattern, 200)),
      el('span', { class: 'watch-about' }, about(w)),
      w.last_content === null ? null : el('code', { class: 'watch-last' }, tame(w.last_content, 200)),
    ),
    el(
      'div',
      { class: 'watch-fired' },
      el('span', { class: 'watch-count' }, times),
      el('time', { datetime: last, title: last && exactly(last) }, last && ago(last)),
    ),
    remove,
  );
}

export class WatchList {
  private readonly list = el('ul', { class: 'watches', 'aria-label': 'Watches' });
  private readonly none = el('p', { class: 'home-none' });
  readonly element = el('div', {}, this.list, this.none);
  private readonly forget: () => void;

  constructor() {
    followWatches();
    this.forget = watches.watch((all) => this.show(all));
    this.list.addEventListener('click', (e) => {
      const target = e.target instanceof Element ? e.target.closest('[data-watch]') : null;
      const id = target?.getAttribute('data-watch');
      if (id) void this.remove(id);
    });
  }

  dispose(): void {
    this.forget();
  }

  private show(all: Watch[] | null): void {
    this.none.hidden = all === null || all.length > 0;
    this.none.textContent = 'None. Search for something, then “Watch”, to be told when it is printed.';
    const focused = this.list.contains(document.activeElement)
      ? document.activeElement?.getAttribute('data-watch')
      : null;
    renew(this.list, (all ?? []).slice(0, SHOWN).map(row));
    if (focused) this.list.querySelector<HTMLElement>(`[data-watch="${CSS.escape(focused)}"]`)?.focus();
  }

  private async remove(id: string): Promise<void> {
    const rows = [...this.list.querySelectorAll<HTMLElement>('[data-watch]')];
    const at = rows.findIndex((b) => b.dataset.watch === id);
    if ((await attempt(() => removeWatch(id))) === null) return;
    const next = (rows[at + 1] ?? rows[at - 1])?.dataset.watch;
    await refreshWatches();
    const button = next && this.list.querySelector<HTMLElement>(`[data-watch="${CSS.escape(next)}"]`);
    if (button) button.focus();
  }
}

/** In a dialog of their own. */
export function openWatches(): void {
  if (document.querySelector('dialog[open]')) return;
  const list = new WatchList();
  const dialog = el(
    'dialog',
    { class: 'watches-dialog', 'aria-labelledby': 'watches-title' },
    el('h2', { id: 'watches-title' }, 'Watches'),
    list.element,
    el('div', { class: 'dialog-buttons' }, button('Close', {}, () => dialog.close())),
  );
  dialog.addEventListener('click', (e) => {
    if (e.target === dialog) dialog.close();
  });
  dialog.addEventListener('close', () => {
    list.dispose();
    dialog.remove();
  });
  document.body.append(dialog);
  dialog.showModal();
}
