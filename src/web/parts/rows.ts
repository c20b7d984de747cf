// A list of any number of rows that have one height: in the page are those that are in view, and
// some around them. Arrow keys go from row to row, Enter opens one. What a row shows may come later.

import { el } from './dom';

const AROUND = 8; // rows before and behind those in view
const AT_END = 4; // px
const MARKED_MS = 2500;

export interface RowsActions<T> {
  /** undefined: it has not come yet. */
  item(index: number): T | undefined;
  row(item: T, index: number): HTMLElement;
  open(item: T, index: number): void;
  /** After rows were put into the page: the first and the last that are in view. */
  shown?(first: number, last: number): void;
}

interface Row<T> {
  element: HTMLElement;
  item: T | undefined;
}

export class Rows<T> {
  readonly element: HTMLElement;
  private readonly room = el('div', { class: 'rows-room' });
  private readonly rows = new Map<number, Row<T>>();
  private count = 0;
  private height = 40;
  private current = 0;
  private marked = -1;
  private frame = 0;
  private place: { end: boolean; top: number } | null = null; // while it is not in view
  private readonly resized = new ResizeObserver(() => this.measure());

  constructor(
    label: string,
    private readonly actions: RowsActions<T>,
  ) {
    this.element = el('div', { class: 'rows', tabindex: '0', role: 'group', 'aria-label': label }, this.room);
    this.element.addEventListener('scroll', () => this.later(), { passive: true });
    this.element.addEventListener('keydown', (e) => this.key(e));
    this.room.addEventListener('click', (e) => {
      const target = e.target as HTMLElement;
      const at = this.indexOf(target);
      if (at === null || target.closest('a, button')) return;
      this.open(at);
    });
    this.resized.observe(this.element);
  }

  dispose(): void {
    cancelAnimationFrame(this.frame);
    this.resized.disconnect();
  }

  get length(): number {
    return this.count;
  }

  /** Draws what has changed. Who is at the end stays there. */
  update(count: number): void {
    const end = this.atEnd();
    this.count = count;
    if (count) this.room.setAttribute('role', 'list');
    else this.room.removeAttribute('role');
    this.current = Math.max(0, Math.min(this.current, count - 1));
    this.room.style.height = `${count * this.height}px`;
    if (end && this.element.clientHeight) this.element.scrollTop = this.element.scrollHeight;
    this.draw();
  }

  /** Draws all of them again. */
  redraw(): void {
    for (const row of this.rows.values()) row.item = undefined;
    this.draw(true);
  }

  atEnd(): boolean {
    if (this.place) return this.place.end;
    const { scrollTop, scrollHeight, clientHeight } = this.element;
    return scrollHeight - scrollTop - clientHeight <= AT_END;
  }

  first(): number {
    return Math.floor((this.place?.top ?? this.element.scrollTop) / this.height);
  }

  /** The elements of those that are in the page. */
  *drawn(): Iterable<[item: T, element: HTMLElement]> {
    for (const { item, element } of this.rows.values()) if (item !== undefined) yield [item, element];
  }

  jump(end: boolean): void {
    this.element.scrollTop = end ? this.element.scrollHeight : 0;
    this.current = end ? Math.max(0, this.count - 1) : 0;
    this.draw();
  }

  /** Shows it a third of the way down, marked for a moment. */
  goTo(index: number): void {
    const { element } = this;
    element.scrollTop = index * this.height - element.clientHeight / 3;
    this.current = index;
    this.marked = index;
    this.draw(true);
    window.setTimeout(() => {
      if (this.marked !== index) return;
      this.marked = -1;
      this.rows.get(index)?.element.classList.remove('at');
    }, MARKED_MS);
  }

  /** An element that is not shown forgets where it was scrolled to. */
  hide(): void {
    this.place = { end: this.atEnd(), top: this.element.scrollTop };
  }

  show(): void {
    const { place } = this;
    this.place = null;
    this.measure();
    if (place) this.element.scrollTop = place.end ? this.element.scrollHeight : place.top;
    this.draw();
  }

  focus(): void {
    const row = this.rows.get(this.current)?.element ?? this.element;
    row.focus({ preventScroll: true });
  }

  private indexOf(e: HTMLElement): number | null {
    const row = e.closest<HTMLElement>('[data-index]');
    return row && this.room.contains(row) ? Number(row.dataset.index) : null;
  }

  private open(index: number): void {
    const item = this.actions.item(index);
    if (item === undefined) return;
    this.current = index;
    this.tabs();
    this.actions.open(item, index);
  }

  private key(e: KeyboardEvent): void {
    if (e.ctrlKey || e.altKey || e.metaKey || e.shiftKey || e.isComposing) return;
    const by = e.key === 'ArrowDown' ? 1 : e.key === 'ArrowUp' ? -1 : 0;
    const target = e.target as HTMLElement;
    if (by) this.move(this.indexOf(target) === null ? this.current : this.current + by);
    else if (e.key === 'Enter' && target.matches('[data-index]')) this.open(this.current);
    else return;
    e.preventDefault();
    e.stopPropagation();
  }

  private move(to: number): void {
    this.current = Math.max(0, Math.min(to, this.count - 1));
    const { element, height } = this;
    const top = this.current * height;
    if (top < element.scrollTop) element.scrollTop = top;
    else if (top + height > element.scrollTop + element.clientHeight) {
      element.scrollTop = top + height - element.clientHeight;
    }
    this.draw();
    this.rows.get(this.current)?.element.focus({ preventScroll: true });
  }

  private tabs(): void {
    for (const [i, { element }] of this.rows) element.tabIndex = i === this.current ? 0 : -1;
  }

  /** Its style sheet says how high a row is, which depends on how wide the list is. */
  private measure(): void {
    if (this.place || !this.element.clientHeight) return;
    const height = parseFloat(getComputedStyle(this.element).getPropertyValue('--row')) || 40;
    const end = this.atEnd();
    if (height !== this.height) {
      const first = this.element.scrollTop / this.height;
      this.height = height;
      this.room.style.height = `${this.count * height}px`;
      this.element.scrollTop = first * height;
    }
    if (end) this.element.scrollTop = this.element.scrollHeight;
    this.draw(true);
  }

  private later(): void {
    if (this.frame) return;
    this.frame = requestAnimationFrame(() => {
      this.frame = 0;
      this.draw();
    });
  }

  private draw(place = false): void {
    const { scrollTop, clientHeight } = this.element;
    if (this.place || !clientHeight) return;
    const first = Math.max(0, Math.floor(scrollTop / this.height));
    const last = Math.min(this.count - 1, Math.floor((scrollTop + clientHeight) / this.height));
    const [from, to] = [Math.max(0, first - AROUND), Math.min(this.count - 1, last + AROUND)];
    for (const [i, { element }] of this.rows) {
      if (i >= from && i <= to) continue;
      if (element.contains(document.activeElement)) this.element.focus({ preventScroll: true });
      element.remove();
      this.rows.delete(i);
    }
    for (let i = from; i <= to; i++) this.drawRow(i, place);
    this.tabs();
    this.actions.shown?.(first, last);
  }

  private drawRow(i: number, place: boolean): void {
    const item = this.actions.item(i);
    const had = this.rows.get(i);
    if (had && had.item === item && item !== undefined) {
      if (place) this.put(had.element, i);
      return;
    }
    if (had && item === undefined && had.item === undefined && !place) return;
    const element = item === undefined ? el('div', { class: 'row-pending' }) : this.actions.row(item, i);
    element.dataset.index = String(i);
    element.setAttribute('role', 'listitem');
    element.setAttribute('aria-setsize', String(this.count));
    element.setAttribute('aria-posinset', String(i + 1));
    this.put(element, i);
    this.rows.set(i, { element, item });
    this.insert(element, i, had?.element);
  }

  private put(element: HTMLElement, i: number): void {
    element.style.top = `${i * this.height}px`;
    element.classList.toggle('at', i === this.marked);
  }

  /** In the order in which it is read. */
  private insert(element: HTMLElement, i: number, instead: HTMLElement | undefined): void {
    if (!instead) {
      const before = this.rows.get(i - 1)?.element;
      if (before) before.after(element);
      else this.room.prepend(element);
      return;
    }
    const focused = instead.contains(document.activeElement);
    instead.replaceWith(element);
    element.tabIndex = -1;
    if (focused) element.focus({ preventScroll: true });
  }
}
