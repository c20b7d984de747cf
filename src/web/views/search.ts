// The search over all panes: asks while one types, and once a second again, as long as it is
// open and somebody can see it.

import { ApiError } from '../api/http';
import { LIMIT_MAX, search, type Case, type Found, type Match, type Query } from '../api/search';
import { button, debounce, el } from '../parts/dom';
import { notice } from '../parts/notice';
import { ByteWalk } from '../parts/utf8';
import { paneList } from '../state/panes';
import { paneLabel } from './bar';
import { isGone, Results } from './results';

const TYPING_MS = 80;
const AGAIN_MS = 1000;
const RESTS = 10; // what takes long is asked for less often: it takes a tenth of the time
const SLOW_MS = 300; // until it says that it searches
const FIRST_LIMIT = 200;
const MORE = 5; // times as many with each "more"
const PAGE = 10; // rows

const count = (n: number, what: string): string =>
  `${n.toLocaleString('en')} ${what}${n === 1 ? '' : 's'}`;

function select(label: string, options: [value: string, text: string][]): HTMLSelectElement {
  return el(
    'select',
    { 'aria-label': label },
    ...options.map(([value, text]) => el('option', { value }, text)),
  );
}

function midnight(): string {
  const d = new Date();
  d.setHours(0, 0, 0, 0);
  return d.toISOString();
}

export interface SearchActions {
  choose(match: Match): void;
  closed(): void;
  /** The pane that is shown, for "this pane". */
  pane(): string | null;
}

export class SearchPanel {
  readonly element: HTMLElement;
  private readonly input: HTMLInputElement;
  private readonly regex: HTMLButtonElement;
  private readonly word: HTMLButtonElement;
  private readonly letters = select('Case', [
    ['smart', 'Smart case'],
    ['ignore', 'Ignore case'],
    ['match', 'Match case'],
  ]);
  private readonly panes = select('Panes', [
    ['all', 'All panes'],
    ['this', 'This pane'],
    ['glob', 'Panes like…'],
  ]);
  private readonly glob: HTMLInputElement;
  private readonly age = select('Age', [
    ['', 'Any time'],
    ['10m', 'Past 10 min'],
    ['1h', 'Past hour'],
    ['today', 'Today'],
    ['24h', 'Past 24 h'],
    ['1w', 'Past 7 days'],
  ]);
  private readonly results: Results;
  private readonly counted = el('span', { role: 'status' });
  private readonly took = el('span', { 'aria-hidden': 'true' }); // it changes each second
  private readonly wrong = el('div', { class: 'search-wrong', role: 'alert', hidden: true });
  private readonly more: HTMLButtonElement;
  private limit = FIRST_LIMIT;
  private asking = new AbortController();
  private again = 0;
  private readonly typed: () => void;

  constructor(private readonly actions: SearchActions) {
    this.input = this.field('Search all panes', 'search-input');
    this.glob = this.field('Ids or names, as build* or p[12]', 'search-glob');
    this.glob.hidden = true;
    this.input.setAttribute('role', 'combobox');
    this.input.setAttribute('aria-expanded', 'true');
    this.input.setAttribute('aria-controls', 'search-results');
    this.regex = this.toggle('.*', 'Regular expression', 'r', true);
    this.word = this.toggle('W', 'Whole words', 'w', false);
    this.results = new Results({
      choose: (match) => this.choose(match),
      selected: (id) => {
        if (id) this.input.setAttribute('aria-activedescendant', id);
        else this.input.removeAttribute('aria-activedescendant');
      },
    });
    this.more = button('More', { class: 'small' }, () => {
      this.limit = Math.min(LIMIT_MAX, this.limit * MORE);
      this.input.focus();
      void this.ask(false);
    });
    const box = el(
      'div',
      { class: 'search-box', role: 'dialog', 'aria-label': 'Search' },
      el(
        'div',
        { class: 'search-head' },
        this.input,
        this.regex,
        this.word,
        button('Close', { class: 'quiet', title: 'Esc' }, () => this.close()),
      ),
      el('div', { class: 'search-filters' }, this.panes, this.glob, this.age, this.letters),
      this.wrong,
      this.results.element,
      el('div', { class: 'search-foot' }, el('span', {}, this.counted, this.took), this.more),
    );
    this.element = el('div', { class: 'search', hidden: true }, box);
    this.element.addEventListener('pointerdown', (e) => {
      if (e.target === this.element) this.close();
    });
    this.element.addEventListener('keydown', (e) => this.key(e));
    this.typed = debounce(TYPING_MS, () => void this.ask(true));
    for (const e of [this.input, this.glob]) e.addEventListener('input', () => this.changed());
    for (const e of [this.panes, this.age, this.letters]) {
      e.addEventListener('change', () => this.changed());
    }
    document.addEventListener('visibilitychange', () => {
      if (this.isOpen && document.visibilityState === 'visible') void this.ask(false);
    });
  }

  get isOpen(): boolean {
    return !this.element.hidden;
  }

  open(): void {
    const pane = this.actions.pane();
    const here = this.panes.options[1];
    if (here) {
      here.disabled = pane === null;
      here.textContent = pane === null ? 'This pane' : `This pane (${pane})`;
    }
    if (pane === null && this.panes.value === 'this') this.panes.value = 'all';
    const was = this.isOpen;
    this.element.hidden = false;
    this.input.focus();
    this.input.select();
    if (!was) void this.ask(false);
  }

  close(): void {
    if (!this.isOpen) return;
    this.stop();
    this.element.hidden = true;
    this.actions.closed();
  }

  private field(label: string, name: string): HTMLInputElement {
    return el('input', {
      type: 'text',
      class: name,
      name,
      'aria-label': label,
      placeholder: label,
      autocomplete: 'off',
      autocapitalize: 'off',
      autocorrect: 'off',
      spellcheck: 'false',
      enterkeyhint: 'search',
    });
  }

  private toggle(sign: string, label: string, key: string, on: boolean): HTMLButtonElement {
    const title = `${label} (Alt+${key.toUpperCase()})`;
    const b = button(sign, { class: 'toggle', 'aria-label': label, title }, () => {
      b.setAttribute('aria-pressed', String(b.getAttribute('aria-pressed') !== 'true'));
      this.changed();
    });
    b.setAttribute('aria-pressed', String(on));
    b.setAttribute('aria-keyshortcuts', `Alt+${key.toUpperCase()}`);
    return b;
  }

  private key(e: KeyboardEvent): void {
    if (e.isComposing) return;
    if (e.altKey && !e.ctrlKey && !e.metaKey) {
      if (e.code === 'KeyR') this.regex.click();
      else if (e.code === 'KeyW') this.word.click();
      else return;
      e.preventDefault();
      return;
    }
    const field = e.target === this.input || e.target === this.glob;
    const moves: Record<string, number> = { ArrowDown: 1, ArrowUp: -1, PageDown: PAGE, PageUp: -PAGE };
    const by = moves[e.key];
    if (e.key === 'Escape') {
      e.stopPropagation();
      this.close();
    } else if (e.key === 'Enter' && field) {
      const { selected } = this.results;
      if (selected) this.choose(selected);
    } else if (by !== undefined && field) {
      this.results.move(by);
    } else {
      return;
    }
    e.preventDefault();
  }

  private choose(match: Match): void {
    if (isGone(match)) {
      notice('The pane of this line is gone; the archive has its text alone.');
      return;
    }
    this.close();
    this.actions.choose(match);
  }

  /** The question is another one. */
  private changed(): void {
    this.glob.hidden = this.panes.value !== 'glob';
    this.limit = FIRST_LIMIT;
    this.stop();
    this.typed();
  }

  private stop(): void {
    clearTimeout(this.again);
    this.asking.abort();
  }

  private pane(): string {
    if (this.panes.value === 'this') return this.actions.pane() ?? '';
    return this.panes.value === 'glob' ? this.glob.value.trim() : '';
  }

  private query(): Query {
    return {
      pattern: this.input.value,
      regex: this.regex.getAttribute('aria-pressed') === 'true',
      word: this.word.getAttribute('aria-pressed') === 'true',
      case: this.letters.value as Case,
      pane: this.pane(),
      since: this.age.value === 'today' ? midnight() : this.age.value,
      limit: this.limit,
    };
  }

  private async ask(fresh: boolean): Promise<void> {
    this.stop();
    if (!this.isOpen) return;
    const query = this.query();
    if (!query.pattern) {
      this.nothing('↑ ↓ choose, Enter shows the place, Esc closes.');
      return;
    }
    const asking = (this.asking = new AbortController());
    const began = performance.now();
    const slow = window.setTimeout(() => (this.took.textContent = ' – searching…'), SLOW_MS);
    try {
      const found = await search(query, asking.signal);
      if (!asking.signal.aborted) this.show(found, fresh);
    } catch (e) {
      if (!asking.signal.aborted) this.failed(e, query);
    } finally {
      clearTimeout(slow);
    }
    if (asking.signal.aborted || document.visibilityState !== 'visible') return;
    const took = performance.now() - began;
    this.again = window.setTimeout(() => void this.ask(false), Math.max(AGAIN_MS, took * RESTS));
  }

  private show(found: Found, fresh: boolean): void {
    const { matches, total, truncated, partial } = found;
    const labels = new Map(paneList.get().panes.map((p) => [p.id, paneLabel(p)]));
    this.wrong.hidden = true;
    this.results.show(matches, (id) => labels.get(id) ?? id, fresh);
    const panes = count(new Set(matches.map((m) => m.pane)).size, 'pane');
    let text = matches.length ? `${count(matches.length, 'line')} in ${panes}` : 'Nothing found';
    if (truncated && matches.length) {
      const of = total > matches.length ? ` of ${total.toLocaleString('en')} or more` : '';
      text = `The newest ${count(matches.length, 'line')}${of}, in ${panes}`;
    }
    if (partial) text += ', but not all could be searched in time';
    if (this.counted.textContent !== text) this.counted.textContent = text;
    this.took.textContent = `, ${Math.max(1, Math.round(found.elapsed_us / 1000))} ms`;
    this.more.hidden = !truncated || this.limit >= LIMIT_MAX;
  }

  private nothing(words: string): void {
    this.wrong.hidden = true;
    this.results.show([], () => '', true);
    this.counted.textContent = words;
    this.took.textContent = '';
    this.more.hidden = true;
  }

  private failed(e: unknown, query: Query): void {
    if (!(e instanceof ApiError)) throw e;
    if (e.code === 'too_many_searches') return; // it is asked again soon
    if (e.code !== 'offline') this.nothing('');
    this.wrong.hidden = false;
    const message =
      e.status === 401
        ? 'Not signed in: run “panescry token” and open the link that it prints.'
        : e.message;
    this.wrong.replaceChildren(el('p', {}, message));
    const { offset } = e.details;
    if (e.code !== 'bad_pattern' || typeof offset !== 'number') return;
    const { pattern } = query;
    const at = new ByteWalk(pattern).at(offset);
    const [place = ' '] = pattern.slice(at); // a whole code point
    this.wrong.append(
      el('code', {}, pattern.slice(0, at), el('mark', {}, place), pattern.slice(at + place.length)),
    );
  }
}
