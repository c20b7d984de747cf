// What the search shows before anything is typed: searches that were saved, the last ones, and the
// watches.

import { button, el, icon, renew, tame } from '../parts/dom';
import { forgetSearch, renameSearch, searches, type Saved, type Search } from '../state/searches';
import { WatchList } from './watches';

const PANES: Record<Search['panes'], string> = { all: '', this: 'this pane', glob: '' };

/** What is special about it. */
function traits(s: Search): string {
  return [
    !s.regex && 'plain text',
    s.word && 'words',
    s.case === 'ignore' ? 'any case' : s.case === 'match' && 'exact case',
    PANES[s.panes] || (s.panes === 'glob' && tame(s.glob, 40)),
    s.age && (s.age === 'today' ? 'today' : `past ${s.age}`),
    s.only.join(', '),
  ]
    .filter(Boolean)
    .join(' · ');
}

function searchButton(name: string, s: Search, at: string): HTMLElement {
  const facts = [name ? tame(s.pattern, 120) : '', traits(s)].filter(Boolean).join(' · ');
  return el(
    'button',
    { type: 'button', class: 'home-run', 'data-run': at },
    el('span', { class: name ? 'home-name' : 'home-name typed' }, tame(name || s.pattern, 120)),
    el('span', { class: 'home-about' }, facts),
  );
}

const tool = (what: string, name: string, sign: string): HTMLElement => {
  const b = button('', {
    class: 'quiet home-tool', 'aria-label': `${what} ${name}`, title: what, [`data-${what.toLowerCase()}`]: name,
  }, () => undefined);
  b.append(icon(sign));
  return b;
};

export class SearchHome {
  private readonly saved = el('ul', { class: 'home-list', 'aria-label': 'Saved searches' });
  private readonly recent = el('ul', { class: 'home-list', 'aria-label': 'Recent searches' });
  private readonly noneSaved = el('p', { class: 'home-none' }, 'None. Type something to search for, then “Save”.');
  private readonly recentPart: HTMLElement;
  private readonly watches = new WatchList();
  readonly element: HTMLElement;
  private renaming: string | null = null;

  constructor(private readonly run: (search: Search) => void) {
    const part = (title: string, ...nodes: HTMLElement[]): HTMLElement =>
      el('section', { class: 'home-part' }, el('h3', {}, title), ...nodes);
    this.recentPart = part('Recent', this.recent);
    const watches = part('Watches', this.watches.element);
    watches.classList.add('whole');
    this.element = el(
      'div',
      { class: 'search-home', hidden: true },
      part('Saved searches', this.saved, this.noneSaved),
      this.recentPart,
      watches,
    );
    this.element.addEventListener('click', (e) => this.click(e));
    this.element.addEventListener('keydown', (e) => this.key(e));
    searches.watch(() => this.draw());
  }

  /** False: there is nothing to choose. */
  focus(): boolean {
    const first = this.element.querySelector<HTMLElement>('[data-run]');
    first?.focus();
    return first !== null;
  }

  private draw(): void {
    const { saved, recent } = searches.get();
    this.noneSaved.hidden = saved.length > 0;
    this.recentPart.hidden = !recent.length;
    renew(this.saved, saved.map((s, i) => this.row(s, i)));
    renew(this.recent, recent.map((s, i) => el('li', {}, searchButton('', s, `recent ${i}`))));
  }

  private row({ name, search }: Saved, i: number): HTMLElement {
    if (name !== this.renaming) {
      return el('li', {}, searchButton(name, search, `saved ${i}`), tool('Rename', name, 'pen'), tool('Delete', name, 'close'));
    }
    const input = el('input', { type: 'text', 'aria-label': `New name of ${name}`, value: name, maxlength: '80' });
    return el('li', {}, input);
  }

  private click(e: MouseEvent): void {
    const target = e.target instanceof Element ? e.target.closest<HTMLElement>('button') : null;
    const { run, rename, delete: gone } = target?.dataset ?? {};
    if (run !== undefined) {
      const [list, n] = run.split(' ');
      const { saved, recent } = searches.get();
      const search = list === 'saved' ? saved[Number(n)]?.search : recent[Number(n)];
      if (search) this.run(search);
    } else if (rename !== undefined) {
      this.edit(rename);
    } else if (gone !== undefined) {
      const at = this.tools('delete').findIndex((b) => b.dataset.delete === gone);
      forgetSearch(gone);
      const rest = this.tools('delete');
      (rest[at] ?? rest[at - 1])?.focus();
    }
  }

  private tools(name: string): HTMLElement[] {
    return [...this.saved.querySelectorAll<HTMLElement>(`[data-${name}]`)];
  }

  private edit(name: string): void {
    this.renaming = name;
    this.draw();
    const input = this.saved.querySelector('input');
    input?.focus();
    input?.select();
    input?.addEventListener('blur', () => this.edited(input.value, null));
  }

  /** `focus`: the name of what is to have it. */
  private edited(to: string | null, focus: string | null): void {
    const name = this.renaming;
    if (name === null) return;
    this.renaming = null;
    if (to !== null) renameSearch(name, to);
    this.draw();
    if (focus !== null) this.tools('rename').find((b) => b.dataset.rename === focus)?.focus();
  }

  private key(e: KeyboardEvent): void {
    if (e.target instanceof HTMLInputElement) {
      const { value } = e.target;
      if (e.key === 'Enter') this.edited(value, value.trim() || this.renaming);
      else if (e.key === 'Escape') this.edited(null, this.renaming);
      else return;
    } else {
      const by = e.key === 'ArrowDown' ? 1 : e.key === 'ArrowUp' ? -1 : 0;
      if (!by) return;
      const all = [...this.element.querySelectorAll<HTMLElement>('[data-run]')];
      const at = all.indexOf(document.activeElement as HTMLElement);
      if (at + by < 0) return; // to the input
      all[Math.min(all.length - 1, at + by)]?.focus();
    }
    e.preventDefault();
    e.stopPropagation();
  }
}
