// What a search has found, as a list whose rows stay what they are while it is asked again: the
// chosen one, the place it is scrolled to, and its surroundings. Of very many there are only as
// many rows as somebody has scrolled to.

import { history } from '../api/history';
import type { Match } from '../api/search';
import { ago, exactly } from '../parts/ago';
import { debounce, el } from '../parts/dom';
import { Inks, lineNodes, marked } from '../parts/line';
import { toIndices } from '../parts/utf8';
import { paneList } from '../state/panes';

const CONTEXT = 2; // lines before and after the chosen one
const CONTEXT_MS = 60;
const STEP = 200; // rows
const NEAR = 2; // heights of the list from its end
const LEAD = 40; // characters before the first mark of a long line
const SHOWN = 400; // characters of a line

interface Row {
  match: Match;
  element: HTMLElement;
  text: HTMLElement;
  before: HTMLElement;
  after: HTMLElement;
  pane: HTMLElement;
  time: HTMLTimeElement;
}

const keyOf = (m: Match): string => `${m.run ?? ''}/${m.pane}:${m.line}`;

/** Only the archive has it: there is no pane that could show its place. */
export const isGone = (m: Match): boolean =>
  m.run !== undefined ||
  (m.source === 'archive' && !paneList.get().panes.some((p) => p.id === m.pane));

function same(a: Match, b: Match): boolean {
  return a.content === b.content && a.time === b.time && String(a.spans) === String(b.spans);
}

/** The line, or of a long one the piece around what was found. */
function excerpt(m: Match): Node[] {
  const spans = toIndices(m.content, m.spans);
  const first = spans[0]?.[0] ?? 0;
  const from = m.content.length <= SHOWN || first <= LEAD ? 0 : first - LEAD;
  const to = Math.min(m.content.length, from + SHOWN);
  const inside = spans
    .filter(([a]) => a < to)
    .map(([a, b]): [number, number] => [a - from, Math.min(b, to) - from]);
  const nodes = marked(m.content.slice(from, to), inside);
  if (from > 0) nodes.unshift(document.createTextNode('…'));
  if (to < m.content.length) nodes.push(document.createTextNode('…'));
  return nodes;
}

export interface ResultsActions {
  choose(match: Match): void;
  /** The id of the row that is selected, for whoever has the focus. */
  selected(id: string | null): void;
}

export class Results {
  readonly element = el('div', {
    class: 'results',
    id: 'search-results',
    role: 'listbox',
    'aria-label': 'Lines that were found',
  });
  private matches: Match[] = [];
  private label: (pane: string) => string = (pane) => pane;
  private shown = STEP;
  private rows = new Map<string, Row>();
  private order: Row[] = []; // of the first `shown` matches
  private current: Row | null = null;
  private pressed = false;
  private asking = new AbortController();
  private made = 0;
  private readonly context = debounce(CONTEXT_MS, () => void this.fetchContext());

  constructor(private readonly actions: ResultsActions) {
    // What is under a finger stays there.
    this.element.addEventListener('pointerdown', () => (this.pressed = true));
    for (const type of ['pointerup', 'pointercancel']) {
      window.addEventListener(type, () => window.setTimeout(() => (this.pressed = false)));
    }
    this.element.addEventListener('scroll', () => this.scrolled(), { passive: true });
    this.element.addEventListener('click', (e) => {
      const target = e.target instanceof Element ? e.target.closest('.result') : null;
      const row = this.order.find((r) => r.element === target);
      if (row) this.actions.choose(row.match);
    });
  }

  get selected(): Match | null {
    return this.current?.match ?? null;
  }

  /** `fresh`: another search; otherwise the same one again. */
  show(matches: Match[], label: (pane: string) => string, fresh: boolean): void {
    if (this.pressed && !fresh) return;
    const keys = new Set<string>();
    this.label = label;
    this.matches = matches.filter((m) => !keys.has(keyOf(m)) && keys.add(keyOf(m))); // two sources
    if (fresh) {
      this.shown = STEP;
    } else if (this.selected) {
      const key = keyOf(this.selected);
      const i = this.matches.findIndex((m) => keyOf(m) === key);
      this.shown = Math.max(this.shown, i + 1); // pushed down by newer ones
    }
    const { element } = this;
    const anchor = !fresh && element.scrollTop > 0 ? this.firstVisible() : null;
    const was = anchor?.element.offsetTop ?? 0;
    this.draw();
    if (fresh) element.scrollTop = 0;
    else if (anchor?.element.isConnected) element.scrollTop += anchor.element.offsetTop - was;
    const kept = this.current && !fresh && this.order.includes(this.current);
    if (!kept) this.select(this.order[0] ?? null, fresh);
  }

  /** By rows; beyond the ends is at the ends. */
  move(by: number): void {
    const i = this.current ? this.order.indexOf(this.current) : -1;
    if (i + by >= this.order.length) this.grow();
    const to = Math.max(0, Math.min(this.order.length - 1, i + by));
    this.select(this.order[to] ?? null, true);
  }

  private draw(): void {
    const old = this.rows;
    this.rows = new Map();
    this.order = this.matches.slice(0, this.shown).map((match) => {
      const key = keyOf(match);
      const row = old.get(key) ?? this.row();
      old.delete(key);
      this.rows.set(key, row);
      this.fill(row, match, isGone(match) ? `${match.pane} (gone)` : this.label(match.pane));
      return row;
    });
    for (const { element } of old.values()) element.remove();
    this.order.forEach((row, i) => {
      const at = this.element.children[i];
      if (at !== row.element) this.element.insertBefore(row.element, at ?? null);
    });
  }

  private grow(): void {
    if (this.shown >= this.matches.length) return;
    this.shown += STEP;
    this.draw();
  }

  private scrolled(): void {
    const { scrollTop, clientHeight, scrollHeight } = this.element;
    if (scrollHeight - scrollTop - clientHeight < NEAR * clientHeight) this.grow();
  }

  private firstVisible(): Row | null {
    const top = this.element.scrollTop;
    return this.order.find(({ element: e }) => e.offsetTop + e.offsetHeight > top) ?? null;
  }

  private row(): Row {
    const text = el('div', { class: 'result-text' });
    const before = el('div', { class: 'result-context', 'aria-hidden': 'true' });
    const after = el('div', { class: 'result-context', 'aria-hidden': 'true' });
    const pane = el('span', { class: 'result-pane' });
    const time = el('time', { class: 'result-time' });
    const element = el(
      'div',
      { class: 'result', role: 'option', id: `result-${++this.made}`, 'aria-selected': 'false' },
      el('div', { class: 'result-lines' }, before, text, after),
      el('div', { class: 'result-where' }, pane, time),
    );
    const match: Match = { pane: '', line: 0, time: '', source: 'ring', content: '', spans: [], before: [], after: [] };
    return { match, element, text, before, after, pane, time };
  }

  private fill(row: Row, match: Match, label: string): void {
    const changed = !row.match.line || !same(row.match, match);
    row.match = match;
    if (row.pane.textContent !== label) row.pane.textContent = label;
    const when = ago(match.time);
    if (row.time.textContent !== when) row.time.textContent = when;
    if (!changed) return;
    row.text.replaceChildren(...excerpt(match));
    row.pane.title = `${match.pane}, line ${match.line}`;
    row.time.title = exactly(match.time);
    row.time.dateTime = match.time;
  }

  private select(row: Row | null, reveal: boolean): void {
    if (row !== this.current) {
      this.asking.abort();
      this.current?.element.setAttribute('aria-selected', 'false');
      this.current?.before.replaceChildren();
      this.current?.after.replaceChildren();
      row?.element.setAttribute('aria-selected', 'true');
      this.current = row;
      this.actions.selected(row?.element.id ?? null);
      if (row) this.context();
    }
    if (reveal) row?.element.scrollIntoView({ block: 'nearest' });
  }

  private async fetchContext(): Promise<void> {
    const row = this.current;
    if (!row || isGone(row.match)) return;
    const asking = (this.asking = new AbortController());
    const { pane, line } = row.match;
    try {
      const part = await history(pane, line - CONTEXT, line + CONTEXT, asking.signal);
      if (row !== this.current || asking.signal.aborted) return;
      const inks = new Inks(part.styles.map(({ link: _, ...style }) => style)); // a click chooses
      const nodes = (from: number, to: number): Node[] =>
        part.lines
          .filter((l) => l.line >= from && l.line <= to)
          .map((l) => el('div', {}, ...lineNodes({ ...l, text: l.text.slice(0, SHOWN) }, inks)));
      row.before.replaceChildren(...nodes(line - CONTEXT, line - 1));
      row.after.replaceChildren(...nodes(line + 1, line + CONTEXT));
      row.element.scrollIntoView({ block: 'nearest' });
    } catch {
      // the line is there without its surroundings
    }
  }
}
