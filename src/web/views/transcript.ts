// What was said and done in one session, from its end backwards. A transcript can be much longer
// than what a browser lays out well: some hundred rows are there, more are fetched when their end
// comes near, and the farthest leave. At the end of the transcript it follows as it grows, and
// what is being said is there before it is stored.

import type { DaemonEvent } from '../api/events';
import { el } from '../parts/dom';
import { itemElement, type Links } from '../parts/item';
import { notice } from '../parts/notice';
import { sessionRoute, toHash } from '../state/route';
import { changed, deltaOf, rowOf } from '../state/stream';
import type { Item } from '../state/transcript';
import { TranscriptWindow } from '../state/window';
import type { Host, Tab } from './tab';

const MOST = 600; // rows in the page
const NEAR = 1.5; // screens from an end
const AT_END = 40; // px
const OPEN_CALLS = 20; // the last ones, whose results may still come
const FRESH = 200; // rows that are not stored yet
const MARKED_MS = 2500;
const UPPER = 0.2; // of the height: where a place is shown

interface Row {
  item: Item;
  element: HTMLElement;
  /** When it was told something that a stored one may not have yet. */
  told?: number;
}

const key = ({ kind, row }: Item): string => `${kind}${row.id}`;

export class Conversation implements Tab {
  readonly element: HTMLElement;
  private readonly items = el('div', { class: 'transcript-items' });
  private readonly empty = el('p', { class: 'sessions-note', hidden: true }, 'Nothing has been said yet.');
  private rows: Row[] = [];
  private fresh: Row[] = []; // behind those, not stored yet
  private readonly window: TranscriptWindow;
  private filled = false;
  private busy = false;
  private asking = new AbortController();
  private links: Links = { pane: null };
  private place: { end: boolean; top: number } | null = null; // while it is not in view
  private height = 0;
  private staying = false; // at the end, until somebody scrolls up
  private top = 0; // where it was scrolled to last
  /** Who was at the end stays there when the head grows, or the window shrinks. */
  private readonly resized = new ResizeObserver(() => {
    const was = this.height;
    this.height = this.element.clientHeight;
    if (this.height && this.window.ended && (this.staying || this.isAtEnd(was))) this.toEnd();
  });

  constructor(private readonly host: Host) {
    this.window = new TranscriptWindow(host.id, (what) => host.ask(what, this.asking.signal));
    this.element = el(
      'div',
      { class: 'transcript-scroll', tabindex: '0', role: 'document', 'aria-label': 'Transcript' },
      this.empty,
      this.items,
    );
    this.element.addEventListener('scroll', () => {
      this.moved();
      void this.scrolled();
    }, { passive: true });
    // What is unfolded stays where it was clicked.
    this.items.addEventListener('click', () => (this.staying = false), { capture: true });
    this.resized.observe(this.element);
    this.resized.observe(this.items); // rows are laid out when they come into view, and higher then
  }

  focus(): void {
    this.element.focus({ preventScroll: true });
  }

  dispose(): void {
    this.asking.abort();
    this.resized.disconnect();
  }

  hide(): void {
    this.place ??= { end: this.window.ended && this.isAtEnd(), top: this.element.scrollTop };
  }

  show(at: string | undefined): void {
    const { place } = this;
    this.place = null;
    if (place && !at) this.element.scrollTop = place.end ? this.element.scrollHeight : place.top;
    if (at) void this.goTo(at);
    else if (!this.filled) void this.toPlace(true);
  }

  turn(): number | null {
    const { end, top } = this.place ?? { end: this.window.ended && this.isAtEnd(), top: this.element.scrollTop };
    if (end || !this.filled) return null;
    const looked = top + this.element.clientHeight * UPPER + 2;
    const shown = this.rows.find(({ element: e }) => e.offsetTop + e.offsetHeight > looked);
    return shown?.item.row.turn ?? null;
  }

  async refresh(): Promise<void> {
    this.link();
    if (!this.filled) return; // a place is being looked for
    if (this.window.ended) await this.exclusively(() => this.later());
    void this.scrolled(); // somebody may have, while it was busy
  }

  jump(end: boolean): void {
    void this.toPlace(end);
  }

  /** Where the pane is known later than rows were made. */
  private link(): void {
    const pane = this.host.session()?.pane ?? null;
    if (pane === this.links.pane && this.links.trace) return;
    this.links = {
      pane,
      trace: (tool) => toHash(sessionRoute(this.host.id, 'trace', `t${tool.id}`)),
    };
    const end = this.filled && this.window.ended && this.isAtEnd();
    this.rows.forEach((row, i) => this.remake(this.rows, i, row.item));
    if (end) this.toEnd(); // rows that can be gone from are higher
  }

  /* Places. */

  private abort(): void {
    this.asking.abort(); // whatever was under way for another place
    this.asking = new AbortController();
    this.busy = false;
  }

  private toEnd(): void {
    this.element.scrollTop = this.element.scrollHeight;
    this.top = this.element.scrollTop;
    this.staying = true;
  }

  private goUp(top: number): void {
    this.staying = false;
    this.element.scrollTop = top;
  }

  private moved(): void {
    const { scrollTop } = this.element;
    if (this.isAtEnd()) this.staying = true;
    else if (scrollTop < this.top) this.staying = false;
    this.top = scrollTop;
  }

  private async toPlace(end: boolean): Promise<void> {
    this.abort();
    const there = this.filled && (end ? this.window.ended : !this.window.begun);
    const get = (): Promise<Item[] | null> => (end ? this.window.end() : this.window.start());
    if (!there && !(await this.exclusively(async () => this.fill(await get())))) return;
    if (end) this.toEnd();
    else this.goUp(0);
    void this.scrolled();
  }

  private async goTo(at: string): Promise<void> {
    this.abort();
    const { signal } = this.asking;
    let row = this.find(at);
    if (!row) {
      const found = await this.exclusively(async () => this.fill(await this.window.around(at)));
      row = this.find(at);
      if (found && !row) notice('That place is not in the conversation.'); // it is hidden
      if (!found && !this.filled && !signal.aborted) void this.toPlace(true);
    }
    if (!row) return;
    const { element } = row;
    this.goUp(Math.max(0, element.offsetTop - this.element.clientHeight * UPPER));
    element.classList.add('at');
    window.setTimeout(() => element.classList.remove('at'), MARKED_MS);
    void this.scrolled();
  }

  private find(at: string): Row | undefined {
    const id = Number(at.slice(1));
    const kind = { m: 'message', t: 'tool' }[at[0] ?? ''];
    if (kind) return this.rows.find(({ item }) => item.kind === kind && item.row.id === id);
    // The window may begin in the midst of a turn.
    if (this.window.begun && this.rows[0]?.item.row.turn === id) return undefined;
    return this.rows.find(({ item }) => item.row.turn === id && (item.kind === 'tool' || !item.row.hidden));
  }

  private fill(list: Item[] | null): boolean {
    if (!list) return false;
    this.link();
    this.rows = list.map((item) => this.row(item));
    this.fresh = [];
    this.items.replaceChildren(...this.rows.map((r) => r.element));
    this.filled = true;
    this.empty.hidden = this.rows.length > 0;
    return true;
  }

  /** One at a time. */
  private async exclusively(load: () => Promise<boolean>): Promise<boolean> {
    if (this.busy) return false;
    this.busy = true;
    const { signal } = this.asking;
    try {
      return (await load()) && !signal.aborted;
    } finally {
      if (!signal.aborted) this.busy = false;
    }
  }

  private row(item: Item): Row {
    return { item, element: itemElement(this.host.id, item, false, this.links) };
  }

  private async earlier(): Promise<boolean> {
    const list = await this.window.earlier();
    if (!list?.length) return false;
    const made = list.map((item) => this.row(item));
    this.keeping(() => {
      this.items.prepend(...made.map((r) => r.element));
      this.rows.unshift(...made);
      const gone = this.rows.splice(MOST).reverse();
      for (const { item, element } of gone) {
        element.remove();
        this.window.dropped(item, true);
      }
      if (gone.length) this.settle(this.fresh);
    });
    return true;
  }

  /** What follows; the last message again, which may have grown, and calls without a result. */
  private async later(): Promise<boolean> {
    const open = this.rows
      .flatMap(({ item }) => (item.kind === 'tool' ? [item.row] : []))
      .slice(-OPEN_CALLS)
      .find((t) => t.outcome === null);
    const asked = performance.now();
    const got = await this.window.later(open);
    if (!got) return false;
    const stuck = this.window.ended && this.isAtEnd();
    const now = new Map(got.again.map((item) => [key(item), item]));
    this.rows.forEach((row, i) => this.renew(row, i, now.get(key(row.item)), asked));
    if (got.more.length) this.append(got.more, asked);
    // What was told before is stored, and shown.
    if (this.window.ended) this.settle(this.fresh.filter((r) => (r.told ?? 0) < asked));
    if (stuck) this.toEnd();
    this.empty.hidden = this.rows.length > 0;
    return got.more.length > 0;
  }

  private renew(row: Row, i: number, item: Item | undefined, asked: number): void {
    if (!item || (row.told ?? 0) > asked) return; // it is ahead of what was stored then
    if (JSON.stringify(item.row) !== JSON.stringify(row.item.row)) this.remake(this.rows, i, item);
  }

  private remake(rows: Row[], i: number, item: Item, told?: number): void {
    const row = rows[i];
    if (!row) return;
    const { element } = row;
    const open = element instanceof HTMLDetailsElement && element.open;
    const focused = element.contains(document.activeElement);
    const made: Row = { item, element: itemElement(this.host.id, item, open, this.links) };
    if (told !== undefined) made.told = told;
    made.element.classList.toggle('at', element.classList.contains('at'));
    element.replaceWith(made.element);
    if (focused) made.element.querySelector('summary')?.focus({ preventScroll: true });
    rows[i] = made;
  }

  private append(list: Item[], asked: number): void {
    const made = list.map((item) => this.row(item));
    this.keeping(() => {
      const focused = made.filter((row) => this.replace(row, asked));
      const first = this.fresh[0]?.element ?? null;
      for (const { element } of made) this.items.insertBefore(element, first);
      for (const { element } of focused) element.querySelector('summary')?.focus({ preventScroll: true });
      this.rows.push(...made);
      const gone = this.rows.splice(0, Math.max(0, this.rows.length - MOST));
      for (const { item, element } of gone) {
        element.remove();
        this.window.dropped(item, false);
      }
    });
  }

  /* What is being said. */

  heard(event: DaemonEvent): void {
    const delta = deltaOf(event);
    if (!delta || !this.filled || !this.window.ended) return;
    const stuck = this.place?.end ?? this.isAtEnd();
    const told = performance.now();
    for (const rows of [this.fresh, this.rows]) {
      const i = rowOf(rows.map((r) => r.item), delta);
      if (i < 0) continue;
      const item = changed(rows[i]?.item, delta);
      if (item) this.remake(rows, i, item, told);
      if (stuck) this.toEnd();
      return;
    }
    const item = changed(undefined, delta);
    if (!item || this.fresh.length >= FRESH) return;
    const row: Row = { ...this.row(item), told };
    this.fresh.push(row);
    this.items.append(row.element);
    this.empty.hidden = true;
    if (stuck) this.toEnd();
  }

  /** A stored row in place of the one that was told of: unfolded and ahead as that was. Whether it had the focus. */
  private replace(row: Row, asked: number): boolean {
    const { kind, row: stored } = row.item;
    const i = this.fresh.findIndex(({ item }) => {
      if (kind === 'tool') return item.kind === kind && item.row.call === stored.call;
      if (item.kind !== 'message' || item.row.message !== stored.message) return false;
      const { part, role } = item.row;
      return part < 0 ? role === stored.role : part === stored.part;
    });
    const [fresh] = i < 0 ? [] : this.fresh.splice(i, 1);
    if (!fresh) return false;
    const open = fresh.element instanceof HTMLDetailsElement && fresh.element.open;
    const ahead = (fresh.told ?? 0) > asked;
    if (ahead && kind === 'message' && fresh.item.kind === 'message') {
      row.item = { kind, row: { ...stored, text: fresh.item.row.text } };
      row.told = fresh.told ?? 0;
    }
    if (open || ahead) row.element = itemElement(this.host.id, row.item, open, this.links);
    const focused = fresh.element.contains(document.activeElement);
    fresh.element.replaceWith(row.element);
    return focused;
  }

  private settle(gone: Row[]): void {
    for (const { element } of gone) element.remove();
    this.fresh = this.fresh.filter((r) => !gone.includes(r));
  }

  /* Scrolling. */

  private isAtEnd(height = this.element.clientHeight): boolean {
    const { scrollTop, scrollHeight } = this.element;
    return scrollHeight - scrollTop - height < AT_END;
  }

  /** What is at the top of the window stays there, whatever comes and goes above it. */
  private keeping(change: () => void): void {
    const { element } = this;
    const top = element.scrollTop;
    const anchor = this.rows.find(({ element: e }) => e.offsetTop + e.offsetHeight > top)?.element;
    const was = anchor?.offsetTop ?? 0;
    change();
    if (anchor?.isConnected) element.scrollTop = top + anchor.offsetTop - was;
  }

  private async scrolled(): Promise<void> {
    const { scrollTop, clientHeight, scrollHeight } = this.element;
    if (!clientHeight || !this.filled) return;
    const near = NEAR * clientHeight;
    let more = false;
    if (scrollTop < near && this.window.begun) {
      more = await this.exclusively(() => this.earlier());
    } else if (!this.window.ended && scrollHeight - scrollTop - clientHeight < near) {
      more = await this.exclusively(() => this.later());
    }
    if (more) void this.scrolled();
  }
}
