// What a search has found, as a list whose rows stay what they are while it is asked again: the
// chosen one, the place it is scrolled to, and its surroundings. Of very many there are only as
// many rows as somebody has scrolled to.

import type { Match } from '../api/search';
import { debounce, el } from '../parts/dom';
import { Inks, lineNodes } from '../parts/line';
import { grouped, itemsByTime, itemsOf, unique, type Group, type Item } from '../state/groups';
import { linesOf } from '../state/lines';
import { HeadRow, MatchRow, RestRow, type AnyRow, type Naming } from './row';

const CONTEXT = 2; // lines before and after the chosen one
const CONTEXT_MS = 60;
const STEP = 200; // rows
const NEAR = 2; // heights of the list from its end
const SHOWN = 400; // characters of a line

/** What `order` has, and nothing else, with as little moved as can be. */
function arrange(box: HTMLElement, order: HTMLElement[]): void {
  order.forEach((e, i) => {
    const at = box.children[i];
    if (at !== e) box.insertBefore(e, at ?? null);
  });
  while (box.children.length > order.length) box.lastElementChild?.remove();
}

const canChoose = (row: AnyRow): boolean => row.element.getAttribute('role') === 'option';

export interface ResultsActions {
  choose(match: Match): void;
  /** The id of the row that is selected, for whoever has the focus. */
  selected(id: string | null): void;
  name: Naming;
}

export class Results {
  readonly element = el('div', {
    class: 'results',
    id: 'search-results',
    role: 'listbox',
    'aria-label': 'What was found',
  });
  private matches: Match[] = [];
  private byGroup = true;
  private items: Item[] = [];
  private shown = STEP;
  private rows = new Map<string, AnyRow>();
  private boxes = new Map<string, HTMLElement>(); // of groups
  private order: AnyRow[] = []; // of the first `shown` items
  private current: AnyRow | null = null;
  private chosen = false; // by a person
  private readonly folded = new Set<string>();
  private readonly whole = new Set<string>();
  private pressed = false;
  private asking = new AbortController();
  private readonly context = debounce(CONTEXT_MS, () => void this.fetchContext());

  constructor(private readonly actions: ResultsActions) {
    // What is under a finger stays there.
    this.element.addEventListener('pointerdown', () => (this.pressed = true));
    for (const type of ['pointerup', 'pointercancel']) {
      window.addEventListener(type, () => window.setTimeout(() => (this.pressed = false)));
    }
    // The focus stays in the input. On the box itself it is a scroll bar that is pressed.
    this.element.addEventListener('mousedown', (e) => {
      if (e.target !== this.element) e.preventDefault();
    });
    this.element.addEventListener('scroll', () => this.scrolled(), { passive: true });
    this.element.addEventListener('click', (e) => {
      const target = e.target instanceof Element ? e.target.closest('[id^="result-"]') : null;
      const row = this.order.find((r) => r.element === target);
      if (row) this.enter(row);
    });
  }

  get selected(): Match | null {
    const item = this.current?.item;
    return item?.kind === 'match' ? item.match : null;
  }

  /** How many groups there are of what is shown. */
  get groups(): Group[] {
    return grouped(this.matches);
  }

  get count(): number {
    return this.matches.length;
  }

  /** `fresh`: another search; otherwise the same one again. `settling`: more of it is to come. */
  show(matches: Match[], fresh: boolean, settling = false): void {
    if (this.pressed && !fresh) return;
    this.matches = unique(matches);
    if (fresh) {
      this.chosen = false;
      this.shown = STEP;
      this.whole.clear();
      this.folded.clear();
    }
    this.renew(fresh);
    // What comes first is not what came first.
    if (settling && !this.chosen) this.select(this.order.find(canChoose) ?? null, false);
  }

  /** By groups, or all by their time. */
  group(on: boolean): void {
    this.byGroup = on;
    this.renew(false);
    this.current?.element.scrollIntoView({ block: 'nearest' });
  }

  /** By rows; beyond the ends is at the ends. */
  move(by: number): void {
    this.chosen = true;
    const at = this.current ? this.order.indexOf(this.current) : -1;
    if (at + Math.abs(by) * 2 >= this.order.length) this.grow();
    const rows = this.order.filter(canChoose);
    const i = this.current ? rows.indexOf(this.current) : -1;
    const to = Math.max(0, Math.min(rows.length - 1, i + by));
    this.select(rows[to] ?? null, true);
    // The head of the first group is seen with its first row.
    if (to === 0) this.element.scrollTop = 0;
  }

  /** Does what the row is for. */
  enter(row: AnyRow | null = this.current): void {
    const item = row?.item;
    if (!item) return;
    this.chosen = true;
    if (item.kind === 'match') {
      this.select(row, false);
      this.actions.choose(item.match);
    } else if (item.kind === 'head') {
      this.fold(item.group.id, !item.folded);
    } else {
      this.whole.add(item.group.id);
      const at = this.order.indexOf(row);
      this.renew(false);
      this.select(this.order[at] ?? this.current, true);
    }
  }

  /** The group of the selected row. */
  toggleFold(): void {
    const item = this.current?.item;
    if (this.byGroup && item) this.fold(item.group.id, item.kind !== 'head');
  }

  private fold(id: string, folded: boolean): void {
    if (folded) this.folded.add(id);
    else this.folded.delete(id);
    const was = this.current?.item;
    this.renew(false);
    const head = this.order.findIndex((r) => r.item?.kind === 'head' && r.item.group.id === id);
    if (was?.group.id !== id) return;
    this.select(this.order[folded ? head : head + 1] ?? null, true);
    if (!folded) this.order[head]?.element.scrollIntoView({ block: 'nearest' });
  }

  private renew(fresh: boolean): void {
    this.items = this.byGroup
      ? itemsOf(grouped(this.matches), { folded: this.folded, whole: this.whole })
      : itemsByTime(this.matches);
    const key = fresh ? undefined : this.current?.item?.key;
    if (key !== undefined) {
      const i = this.items.findIndex((item) => item.key === key);
      this.shown = Math.max(this.shown, i + 1); // pushed down by newer ones
    }
    const { element } = this;
    const anchor = !fresh && element.scrollTop > 0 ? this.firstVisible() : null;
    const was = anchor?.element.offsetTop ?? 0;
    this.draw();
    if (fresh) element.scrollTop = 0;
    else if (anchor?.element.isConnected) element.scrollTop += anchor.element.offsetTop - was;
    const kept = this.current && !fresh && this.order.includes(this.current) && canChoose(this.current);
    if (!kept) this.select(this.order.find(canChoose) ?? null, false);
  }

  private draw(): void {
    const old = this.rows;
    this.rows = new Map();
    this.order = this.items.slice(0, this.shown).map((item) => {
      const row = old.get(item.key) ?? newRow(item);
      this.rows.set(item.key, row);
      this.fill(row, item);
      return row;
    });
    if (this.byGroup) this.drawGroups();
    else arrange(this.element, this.order.map((r) => r.element));
  }

  private fill(row: AnyRow, item: Item): void {
    row.item = item;
    const { name } = this.actions;
    if (row instanceof MatchRow && item.kind === 'match') {
      row.fill(item.match, this.byGroup ? null : name(item.group).title);
    } else if (row instanceof HeadRow && item.kind === 'head') {
      row.fill(item.group, item.folded, name(item.group));
    } else if (row instanceof RestRow && item.kind === 'rest') {
      row.fill(item.count);
    }
  }

  private drawGroups(): void {
    const rows = new Map<Group, AnyRow[]>();
    for (const row of this.order) {
      if (!row.item) continue;
      const { group } = row.item;
      const its = rows.get(group);
      if (its) its.push(row);
      else rows.set(group, [row]);
    }
    const old = this.boxes;
    this.boxes = new Map();
    for (const [group, its] of rows) {
      const box = old.get(group.id) ?? el('div', { class: 'group', role: 'group' });
      const n = group.matches.length;
      box.setAttribute('aria-label', `${this.actions.name(group).title}, ${n} ${n === 1 ? 'match' : 'matches'}`);
      arrange(box, its.map((r) => r.element));
      this.boxes.set(group.id, box);
    }
    arrange(this.element, [...this.boxes.values()]);
  }

  private grow(): void {
    if (this.shown >= this.items.length) return;
    this.shown += STEP;
    this.draw();
  }

  private scrolled(): void {
    const { scrollTop, clientHeight, scrollHeight } = this.element;
    if (scrollHeight - scrollTop - clientHeight < NEAR * clientHeight) this.grow();
  }

  /** Heads stick to the top and are at no place of their own. */
  private firstVisible(): AnyRow | null {
    const top = this.element.scrollTop;
    return (
      this.order.find(
        (r) => !(r instanceof HeadRow) && r.element.offsetTop + r.element.offsetHeight > top,
      ) ?? null
    );
  }

  private select(row: AnyRow | null, reveal: boolean): void {
    if (row !== this.current) {
      this.asking.abort();
      this.current?.select(false);
      if (this.current instanceof MatchRow) this.current.unfold([], []);
      this.current = row;
      this.actions.selected(row?.element.id ?? null);
      if (row) this.context();
    }
    row?.select(true);
    if (reveal) row?.element.scrollIntoView({ block: 'nearest' });
  }

  private async fetchContext(): Promise<void> {
    const row = this.current;
    const match = this.selected;
    if (!(row instanceof MatchRow) || match?.pane == null) return;
    const asking = (this.asking = new AbortController());
    const { pane, run, line } = match;
    try {
      const part = await linesOf(pane, run).fetch(line - CONTEXT, line + CONTEXT, asking.signal);
      if (row !== this.current || asking.signal.aborted) return;
      const inks = new Inks(part.styles.map(({ link: _, ...style }) => style)); // a click chooses
      const nodes = (from: number, to: number): Node[] =>
        part.lines
          .filter((l) => l.line >= from && l.line <= to)
          .map((l) => el('div', {}, ...lineNodes({ ...l, text: l.text.slice(0, SHOWN) }, inks)));
      row.unfold(nodes(line - CONTEXT, line - 1), nodes(line + 1, line + CONTEXT));
      row.element.scrollIntoView({ block: 'nearest' });
    } catch {
      // the line is there without its surroundings
    }
  }
}

function newRow(item: Item): AnyRow {
  if (item.kind === 'match') return new MatchRow();
  return item.kind === 'head' ? new HeadRow() : new RestRow();
}
