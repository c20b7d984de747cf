// A table that is sorted by a click on the head of a column. What is not known comes last.

import { button, el, renew } from './dom';

const MOST = 200; // rows

export interface Column<T> {
  title: string;
  sort(row: T): number | string | null;
  cell(row: T): Node | string;
  /** A text, which is sorted from A to Z at first. */
  text?: boolean;
}

export class SortTable<T> {
  readonly element: HTMLElement;
  private readonly heads: HTMLElement[];
  private readonly body = el('tbody');
  private readonly more = el('p', { class: 'table-more', hidden: true });
  private rows: T[] = [];

  /** `by` is the column that it is sorted by at first. */
  constructor(
    label: string,
    private readonly columns: Column<T>[],
    private readonly key: (row: T) => string,
    private by: number,
    private down = true,
  ) {
    this.heads = columns.map((c, i) =>
      el(
        'th',
        { scope: 'col', class: c.text ? '' : 'number' },
        button(c.title, { class: 'quiet' }, () => this.sort(i)),
      ),
    );
    const head = el('thead', {}, el('tr', {}, ...this.heads));
    const table = el('table', { class: 'table', 'aria-label': label }, head, this.body);
    this.element = el('div', { class: 'table-box' }, table, this.more);
  }

  show(rows: T[]): void {
    this.rows = rows;
    this.draw();
  }

  private sort(column: number): void {
    this.down = this.by === column ? !this.down : !this.columns[column]?.text;
    this.by = column;
    this.draw();
  }

  private draw(): void {
    this.heads.forEach((th, i) => {
      if (i === this.by) th.setAttribute('aria-sort', this.down ? 'descending' : 'ascending');
      else th.removeAttribute('aria-sort');
    });
    const { activeElement: active } = document;
    const focused = this.body.contains(active) ? active?.closest('tr')?.dataset.key : undefined;
    const sorted = this.sorted();
    renew(this.body, sorted.slice(0, MOST).map((row) => this.row(row)));
    this.more.hidden = sorted.length <= MOST;
    this.more.textContent = `and ${(sorted.length - MOST).toLocaleString('en')} more`;
    if (focused === undefined || this.body.contains(document.activeElement)) return;
    const again = [...this.body.rows].find((tr) => tr.dataset.key === focused);
    again?.querySelector<HTMLElement>('a, button')?.focus({ preventScroll: true });
  }

  private sorted(): T[] {
    const column = this.columns[this.by];
    if (!column) return this.rows;
    const way = this.down ? -1 : 1;
    return [...this.rows].sort((x, y) => {
      const [a, b] = [column.sort(x), column.sort(y)];
      if (a === null || b === null) return a === b ? 0 : a === null ? 1 : -1;
      const less = typeof a === 'string' && typeof b === 'string' ? a.localeCompare(b) : Number(a) - Number(b);
      return way * less || this.key(x).localeCompare(this.key(y));
    });
  }

  private row(row: T): HTMLElement {
    const cells = this.columns.map((c, i) =>
      i === 0 ? el('th', { scope: 'row' }, c.cell(row)) : el('td', { class: c.text ? '' : 'number' }, c.cell(row)),
    );
    return el('tr', { 'data-key': this.key(row) }, ...cells);
  }
}
