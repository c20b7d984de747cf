// A list that fills the stage: with a filter, in pages, asked for when an event tells of a change and
// every few seconds, as long as somebody can see it. Lists of sessions, jobs and flows differ in
// their rows and in where these come from.

import { button, debounce, el } from '../parts/dom';
import { problem } from '../parts/problem';
import { eventsUp, onEvent } from '../state/events';

export const PAGE = 50;
const AGAIN_MS = 3000;
const CALM_MS = 15_000; // where events tell of what happens
const HINT_MS = 300; // several events are one reason to ask
const TYPING_MS = 150;

const number = (n: number): string => n.toLocaleString('en');

/** A `li` with one link. */
export interface ListRow<T> {
  readonly element: HTMLElement;
  focus(): void;
  update(item: T): void;
}

export interface Listed<T> {
  items: T[];
  /** All that match; null is not known. */
  total: number | null;
  /** Others follow on a next page. */
  more: boolean;
}

export interface ListKind<T, Id extends string | number> {
  /** "Sessions", and of what. */
  name: string;
  label: string;
  noun: string;
  /** What one can look for; without it there is no field for it. */
  placeholder?: string;
  none: string;
  /** Of events that tell of changes. */
  topic?: string;
  /** What is above the list, and renewed with it. */
  above?: { readonly element: HTMLElement; refresh(signal: AbortSignal): Promise<void> };
  /** Filters beside the text; an empty value is no filter. */
  selects: HTMLSelectElement[];
  id(item: T): Id;
  row(id: Id): ListRow<T>;
  /** PAGE of them. A page is asked for when the one in front of it was. */
  fetch(text: string, page: number, signal: AbortSignal): Promise<Listed<T>>;
}

/** A select whose first option, without a value, is `all`. */
export function choice(label: string, all: string, options: [value: string, text: string][]): HTMLSelectElement {
  return el(
    'select',
    { 'aria-label': label },
    el('option', { value: '' }, all),
    ...options.map(([value, text]) => el('option', { value }, text)),
  );
}

export class ListView<T, Id extends string | number> {
  readonly element: HTMLElement;
  private readonly filter: HTMLInputElement;
  private readonly list = el('ul', { class: 'sessions-list' });
  private readonly note = el('p', { class: 'sessions-note', role: 'status' });
  private readonly counted = el('span', { role: 'status' });
  private readonly previous: HTMLButtonElement;
  private readonly next: HTMLButtonElement;
  private readonly foot: HTMLElement;
  private readonly scroller: HTMLElement;
  private rows = new Map<Id, ListRow<T>>();
  private ids: Id[] = [];
  private page = 0;
  private chosen = -1; // what the keys are on
  private wanted: Id | null = null; // id that gets the focus when it is there
  private asking = new AbortController();
  private busy = false;
  private again = 0;
  private hint = 0;
  private ticker = 0;
  private items: T[] = [];
  private deaf: () => void = () => undefined;
  private readonly typed = debounce(TYPING_MS, () => void this.ask());
  private readonly onVisible = (): void => {
    if (document.visibilityState === 'visible' && this.element.isConnected) void this.ask();
  };

  constructor(
    private readonly kind: ListKind<T, Id>,
    private readonly leave: () => void,
  ) {
    this.list.setAttribute('aria-label', kind.name);
    this.filter = el('input', {
      type: 'search',
      name: 'filter',
      'aria-label': 'Filter',
      'aria-keyshortcuts': '/',
      placeholder: kind.placeholder ?? '',
      hidden: kind.placeholder === undefined,
      autocomplete: 'off',
      autocapitalize: 'off',
      spellcheck: 'false',
      enterkeyhint: 'search',
    });
    this.previous = button('Newer', { class: 'small' }, () => this.turn(-1));
    this.next = button('Older', { class: 'small' }, () => this.turn(1));
    this.foot = el(
      'div',
      { class: 'sessions-foot', hidden: true },
      this.counted,
      el('span', { class: 'sessions-turn' }, this.previous, this.next),
    );
    const above = kind.above?.element ?? null;
    this.scroller = el('div', { class: 'sessions-scroll', tabindex: '-1' }, above, this.note, this.list);
    this.element = el(
      'section',
      { class: 'pane sessions', 'aria-label': kind.label },
      el(
        'header',
        { class: 'bar' },
        el('h1', { class: 'bar-text' }, el('span', { class: 'bar-name' }, kind.name)),
        el('div', { class: 'sessions-filter', role: 'search' }, this.filter, ...kind.selects),
      ),
      this.scroller,
      this.foot,
    );
    this.filter.addEventListener('input', () => this.changed());
    for (const e of kind.selects) e.addEventListener('change', () => this.changed());
    this.element.addEventListener('keydown', (e) => this.key(e));
    this.list.addEventListener('focusin', (e) => {
      const at = [...this.list.children].findIndex((li) => li.contains(e.target as Node));
      if (at >= 0) this.chosen = at;
    });
  }

  /** Once it is in the page. `from`: the one that one comes back from. */
  show(from: Id | null): void {
    document.addEventListener('visibilitychange', this.onVisible);
    this.deaf = onEvent((e) => {
      if (this.kind.topic !== undefined && (e.topic === this.kind.topic || e.type === 'reset')) this.soon();
    });
    this.ticker = window.setInterval(() => this.tick(), AGAIN_MS);
    this.wanted = from;
    void this.ask();
  }

  get name(): string {
    return this.kind.name;
  }

  hide(): void {
    document.removeEventListener('visibilitychange', this.onVisible);
    this.deaf();
    clearInterval(this.ticker);
    this.stop();
    this.element.remove();
  }

  focus(): void {
    if (matchMedia('(pointer: coarse)').matches) return;
    const id = this.wanted ?? this.ids[Math.max(0, this.chosen)];
    const row = id === undefined ? undefined : this.rows.get(id);
    if (row) row.focus();
    else (this.filter.hidden ? this.scroller : this.filter).focus({ preventScroll: true });
  }

  private key(e: KeyboardEvent): void {
    if (e.isComposing || e.ctrlKey || e.altKey || e.metaKey) return;
    const typing = e.target === this.filter;
    if (e.target instanceof HTMLSelectElement && e.key !== 'Escape') return;
    if (e.key === 'ArrowDown') this.move(typing ? 0 : this.chosen + 1);
    else if (e.key === 'ArrowUp' && !typing) this.move(this.chosen - 1);
    else if (e.key === 'Home' && !typing) this.move(0);
    else if (e.key === 'End' && !typing) this.move(this.ids.length - 1);
    else if (e.key === 'Enter' && typing) this.list.querySelector('a')?.click();
    else if (e.key === '/' && !typing) this.filter.select();
    else if (e.key === 'Escape' && typing && this.filter.value) this.clear();
    else if (e.key === 'Escape') this.leave();
    else return;
    e.preventDefault();
    e.stopPropagation();
  }

  private move(to: number): void {
    if (to < 0) {
      this.filter.select();
      return;
    }
    const id = this.ids[Math.min(to, this.ids.length - 1)];
    if (id !== undefined) this.rows.get(id)?.focus();
  }

  private clear(): void {
    this.filter.value = '';
    this.changed();
  }

  /** The question is another one. */
  private changed(): void {
    this.page = 0;
    this.chosen = -1;
    this.stop();
    this.typed();
  }

  private turn(by: number): void {
    this.page = Math.max(0, this.page + by);
    this.chosen = -1;
    this.scroller.scrollTop = 0;
    void this.ask();
  }

  private stop(): void {
    clearTimeout(this.again);
    clearTimeout(this.hint);
    this.hint = 0;
    this.asking.abort();
  }

  /** A question that is under way gets its answer first. */
  private soon(): void {
    if (this.hint || document.visibilityState !== 'visible') return;
    this.hint = window.setTimeout(() => {
      this.hint = 0;
      if (this.busy) this.soon();
      else void this.ask();
    }, HINT_MS);
  }

  /** Times go on. */
  private tick(): void {
    if (document.visibilityState !== 'visible') return;
    for (const item of this.items) this.rows.get(this.kind.id(item))?.update(item);
  }

  private async ask(): Promise<void> {
    this.stop();
    if (!this.element.isConnected) return;
    const { signal } = (this.asking = new AbortController());
    const { page } = this;
    const text = this.filter.value.trim();
    this.busy = true;
    try {
      const listed = await this.kind.fetch(text, page, signal);
      if (signal.aborted) return;
      if (!listed.items.length && page > 0 && listed.total !== 0) {
        this.turn(-1); // they have become fewer
        return;
      }
      this.fill(listed.items);
      this.count(listed, text !== '' || this.kind.selects.some((e) => e.value !== ''));
      await this.kind.above?.refresh(signal);
    } catch (e) {
      if (signal.aborted) return;
      this.say(problem(e));
    }
    if (signal.aborted) return;
    this.busy = false;
    if (document.visibilityState !== 'visible') return;
    const told = this.kind.topic !== undefined && eventsUp.get();
    this.again = window.setTimeout(() => void this.ask(), told ? CALM_MS : AGAIN_MS);
  }

  private fill(items: T[]): void {
    const focused = this.list.contains(document.activeElement)
      ? this.ids[this.chosen]
      : undefined;
    const { id, row: make } = this.kind;
    this.items = items;
    const ids = items.map(id);
    const rows = new Map<Id, ListRow<T>>();
    items.forEach((item, i) => {
      const row = this.rows.get(id(item)) ?? make(id(item));
      row.update(item);
      rows.set(id(item), row);
      // Moved only where needed: moving takes the focus away.
      if (this.list.children[i] !== row.element) {
        this.list.insertBefore(row.element, this.list.children[i] ?? null);
      }
    });
    for (const [id, row] of this.rows) if (!rows.has(id)) row.element.remove();
    const first = !this.rows.size;
    this.rows = rows;
    this.ids = ids;
    const back = this.wanted !== null && rows.has(this.wanted);
    const { activeElement: active } = document;
    const idle = first && (active === this.scroller || (active === this.filter && !this.filter.value));
    const current = this.element.closest('.cell[data-focused]') !== null;
    if (current && (back || idle)) this.focus();
    else if (focused !== undefined) {
      this.chosen = Math.max(0, ids.indexOf(focused));
      if (!this.list.contains(document.activeElement)) this.move(this.chosen);
    }
    this.wanted = null;
  }

  private count({ items, total, more }: Listed<T>, filtered: boolean): void {
    const { noun, none } = this.kind;
    const n = items.length;
    this.say(n ? '' : filtered ? `No ${noun} matches.` : none);
    this.foot.hidden = n === 0;
    const first = this.page * PAGE + 1;
    const all = total !== null && total > n ? ` of ${number(total)}` : '';
    const text =
      all || more || this.page > 0
        ? `${number(first)}–${number(first + n - 1)}${all}`
        : `${number(n)} ${noun}${n === 1 ? '' : 's'}`;
    if (this.counted.textContent !== text) this.counted.textContent = text;
    this.previous.hidden = this.next.hidden = this.page === 0 && !more;
    this.previous.disabled = this.page === 0;
    this.next.disabled = !more;
  }

  private say(text: string): void {
    if (this.note.textContent !== text) this.note.textContent = text;
    this.note.hidden = text === '';
  }
}
