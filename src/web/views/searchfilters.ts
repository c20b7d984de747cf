// What a person chooses of a search besides its text: how it is read, of which panes and of what age
// lines are, and the sources.

import { SOURCES, type Case, type Source } from '../api/search';
import { button, el } from '../parts/dom';
import type { Answer } from '../state/finder';
import type { Search } from '../state/searches';

type Choice = Omit<Search, 'pattern'>;

const NAMES: Record<Source, string> = {
  panes: 'Panes', archive: 'Archive', sessions: 'Sessions', jobs: 'Jobs',
};

function select(label: string, options: [value: string, text: string][]): HTMLSelectElement {
  return el(
    'select',
    { 'aria-label': label },
    ...options.map(([value, text]) => el('option', { value }, text)),
  );
}

export function field(label: string, name: string): HTMLInputElement {
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

/** A button that is on or off, with a key. */
export function toggle(sign: string, label: string, key: string, on: boolean, changed: () => void): HTMLButtonElement {
  const title = `${label} (Alt+${key.toUpperCase()})`;
  const b = button(sign, { class: 'toggle', 'aria-label': label, title }, () => {
    press(b, !isPressed(b));
    changed();
  });
  press(b, on);
  b.setAttribute('aria-keyshortcuts', `Alt+${key.toUpperCase()}`);
  return b;
}

export const isPressed = (b: HTMLElement): boolean => b.getAttribute('aria-pressed') === 'true';
const press = (b: HTMLElement, on: boolean): void => b.setAttribute('aria-pressed', String(on));

const AGES: [value: string, text: string][] = [
  ['', 'Any time'],
  ['10m', 'Past 10 min'],
  ['1h', 'Past hour'],
  ['today', 'Today'],
  ['24h', 'Past 24 h'],
  ['1w', 'Past 7 days'],
];

function midnight(): string {
  const d = new Date();
  d.setHours(0, 0, 0, 0);
  return d.toISOString();
}

export class Filters {
  readonly glob = field('Ids or names, as build* or p[12]', 'search-glob');
  readonly regex: HTMLButtonElement;
  readonly word: HTMLButtonElement;
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
  private readonly age = select('Age', AGES);
  readonly element: HTMLElement;

  /** `pane`: the one that is shown, for "this pane". */
  constructor(private readonly pane: () => string | null, changed: () => void) {
    this.glob.hidden = true;
    this.regex = toggle('.*', 'Regular expression', 'r', true, changed);
    this.word = toggle('W', 'Whole words', 'w', false, changed);
    const another = (): void => {
      this.glob.hidden = this.panes.value !== 'glob';
      changed();
    };
    this.glob.addEventListener('input', changed);
    for (const e of [this.panes, this.age, this.letters]) e.addEventListener('change', another);
    this.element = el('div', { class: 'search-filters' }, this.panes, this.glob, this.age, this.letters);
  }

  /** What is shown may be another pane than before. */
  here(): void {
    const pane = this.pane();
    const here = this.panes.options[1];
    if (here) {
      here.disabled = pane === null;
      here.textContent = pane === null ? 'This pane' : `This pane (${pane})`;
    }
    if (pane === null && this.panes.value === 'this') this.panes.value = 'all';
  }

  get value(): Omit<Choice, 'only'> {
    return {
      regex: isPressed(this.regex),
      word: isPressed(this.word),
      case: this.letters.value as Case,
      panes: this.panes.value as Search['panes'],
      glob: this.panes.value === 'glob' ? this.glob.value.trim() : '',
      age: this.age.value,
    };
  }

  set value(to: Omit<Choice, 'only'>) {
    press(this.regex, to.regex);
    press(this.word, to.word);
    this.letters.value = to.case;
    this.panes.value = to.panes === 'this' && this.pane() === null ? 'all' : to.panes;
    this.glob.value = to.glob;
    this.glob.hidden = this.panes.value !== 'glob';
    this.age.value = AGES.some(([age]) => age === to.age) ? to.age : '';
  }

  /** The panes as a glob; '' for all. */
  get scope(): string {
    const { panes, glob } = this.value;
    return panes === 'this' ? (this.pane() ?? '') : glob;
  }

  get since(): string {
    return this.age.value === 'today' ? midnight() : this.age.value;
  }

  /** For a person; '' for any. */
  get ageText(): string {
    return this.age.value && (this.age.selectedOptions[0]?.textContent ?? '').toLowerCase();
  }
}

/** Which sources are shown, with how much there is in each. */
export class SourceRow {
  private readonly all: HTMLButtonElement;
  private readonly buttons: Record<Source, HTMLButtonElement>;
  readonly element: HTMLElement;
  private chosen = new Set<Source>();

  constructor(private readonly changed: () => void) {
    const make = (choose: () => void): HTMLButtonElement =>
      button('', { class: 'source' }, () => {
        choose();
        this.draw();
        this.changed();
      });
    const one = (source: Source): HTMLButtonElement => {
      const b = make(() => this.flip(source));
      b.dataset.source = source;
      return b;
    };
    this.all = make(() => this.chosen.clear());
    this.buttons = { panes: one('panes'), archive: one('archive'), sessions: one('sessions'), jobs: one('jobs') };
    this.element = el(
      'div',
      { class: 'sources', role: 'group', 'aria-label': 'Sources' },
      this.all,
      ...SOURCES.map((s) => this.buttons[s]),
    );
    this.draw();
  }

  /** None: all. */
  get only(): Source[] {
    return SOURCES.filter((s) => this.chosen.has(s));
  }

  set only(sources: Source[]) {
    this.chosen = new Set(sources);
    this.draw();
  }

  has(source: Source): boolean {
    return !this.chosen.size || this.chosen.has(source);
  }

  /** `counts`: of the matches; null where nothing is asked for. */
  show(answers: Record<Source, Answer>, counts: Record<Source, number> | null): void {
    let sum = 0;
    let more = false;
    for (const source of SOURCES) {
      const { found, asking, error } = answers[source];
      const n = counts?.[source] ?? 0;
      const truncated = found?.truncated === true && n > 0;
      sum += n;
      more ||= truncated;
      const b = this.buttons[source];
      b.dataset.state = asking ? 'asking' : error ? 'failed' : '';
      b.title = error ? error.message : asking ? 'Searching…' : '';
      this.label(b, NAMES[source], counts && (found || asking) ? words(n, truncated, asking) : '');
    }
    this.label(this.all, 'All', counts ? words(sum, more, false) : '');
  }

  private label(b: HTMLElement, name: string, count: string): void {
    if (b.dataset.text === name + count) return;
    b.dataset.text = name + count;
    b.replaceChildren(el('span', {}, name), el('span', { class: 'source-count' }, count));
  }

  private flip(source: Source): void {
    if (!this.chosen.delete(source)) this.chosen.add(source);
    if (this.chosen.size === SOURCES.length) this.chosen.clear();
  }

  private draw(): void {
    press(this.all, !this.chosen.size);
    for (const s of SOURCES) press(this.buttons[s], this.chosen.has(s));
    for (const b of [this.all, ...Object.values(this.buttons)]) {
      if (!b.firstChild) this.label(b, b === this.all ? 'All' : NAMES[b.dataset.source as Source], '');
    }
  }
}

function words(n: number, more: boolean, asking: boolean): string {
  if (asking && !n) return '…';
  return `${n.toLocaleString('en')}${more ? '+' : ''}`;
}
