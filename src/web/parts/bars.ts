// Stacked bars over a common row of places, with a line of the sum so far: plain SVG, a table for who
// does not see it. The pointer, and the arrow keys, say what is at a place.

import { el } from './dom';

const NS = 'http://www.w3.org/2000/svg';
const HEIGHT = 100; // of the drawing, which is stretched to its box

export interface Series {
  name: string;
  /** Of its class, bar-NAME: the style sheet has the colours. */
  kind: string;
  /** null: not known. */
  value(place: number): number | null;
}

export interface Chart {
  title: string;
  series: Series[];
  /** Of a number for a person. */
  words(n: number): string;
  /** Where the scale ends; by default with the highest bar. */
  most?: number;
  /** The line: sums, or values as they are. */
  sum?: boolean;
}

export interface Places {
  count: number;
  /** "Turns 3–4" */
  name(place: number): string;
  chosen(place: number): void;
}

function svg(name: string, attributes: Record<string, string | number>): SVGElement {
  const e = document.createElementNS(NS, name);
  for (const [k, v] of Object.entries(attributes)) e.setAttribute(k, String(v));
  return e;
}

const valueAt = (c: Chart, place: number): number =>
  c.series.reduce((sum, s) => sum + (s.value(place) ?? 0), 0);

/** One chart of several that have their places in common. */
function drawing(c: Chart, places: Places): { element: HTMLElement; total: number; most: number } {
  const { count } = places;
  const root = svg('svg', { viewBox: `0 0 ${count} ${HEIGHT}`, preserveAspectRatio: 'none', 'aria-hidden': 'true' });
  const sums = Array.from({ length: count }, (_, i) => valueAt(c, i));
  const most = c.most ?? Math.max(1e-9, ...sums);
  for (let i = 0; i < count; i++) {
    let top = HEIGHT;
    for (const s of c.series) {
      const high = ((s.value(i) ?? 0) / most) * HEIGHT;
      if (high <= 0) continue;
      top -= high;
      root.append(svg('rect', { class: `bar-${s.kind}`, x: i + 0.08, y: top, width: 0.84, height: high }));
    }
  }
  let total = 0;
  if (c.sum) {
    const all = sums.reduce((a, b) => a + b, 0) || 1;
    const points = sums.map((n, i) => `${i + 0.5},${HEIGHT - ((total += n) / all) * HEIGHT}`);
    root.append(svg('polyline', { class: 'bar-line', points: [`0,${HEIGHT}`, ...points].join(' ') }));
  }
  const element = el('div', { class: 'chart-plot' });
  element.append(root);
  return { element, total, most };
}

export class Bars {
  readonly element = el('div', { class: 'charts' });
  private readonly tip = el('div', { class: 'chart-tip', role: 'status', hidden: true });
  private plots: HTMLElement[] = [];
  private at = -1;
  private charts: Chart[] = [];
  private places: Places = { count: 0, name: () => '', chosen: () => undefined };

  constructor(label: string) {
    this.element.tabIndex = 0;
    this.element.setAttribute('role', 'group');
    this.element.setAttribute('aria-label', `${label}. Arrow keys go from bar to bar.`);
    this.element.addEventListener('pointermove', (e) => this.point(e));
    this.element.addEventListener('pointerleave', () => this.go(-1));
    this.element.addEventListener('blur', () => this.go(-1));
    this.element.addEventListener('click', (e) => {
      if ((e.target as HTMLElement).closest('.chart-plot') && this.at >= 0) this.places.chosen(this.at);
    });
    this.element.addEventListener('keydown', (e) => this.key(e));
  }

  draw(charts: Chart[], places: Places): void {
    this.charts = charts;
    this.places = places;
    this.plots = [];
    this.element.style.setProperty('--count', String(places.count));
    const all = charts.map((c) => {
      const { element, total, most } = drawing(c, places);
      this.plots.push(element);
      const legend = c.series.length > 1 ? c.series.map((s) => key(s.kind, s.name)) : [];
      if (c.sum) legend.push(key('line', `so far, ${c.words(total)} in all`));
      const head = el(
        'figcaption',
        {},
        el('b', {}, c.title),
        el('span', { class: 'chart-keys' }, ...legend),
        el('span', { class: 'chart-most' }, `up to ${c.words(most)}`),
      );
      return el('figure', { class: 'chart' }, head, element);
    });
    this.element.replaceChildren(...all, this.tip);
    this.go(Math.min(this.at, places.count - 1));
  }

  private point(e: PointerEvent): void {
    const plot = (e.target as HTMLElement).closest<HTMLElement>('.chart-plot');
    if (!plot) return this.go(-1);
    const { left, width } = plot.getBoundingClientRect();
    this.go(Math.min(this.places.count - 1, Math.floor(((e.clientX - left) / width) * this.places.count)));
  }

  private key(e: KeyboardEvent): void {
    if (e.ctrlKey || e.altKey || e.metaKey || e.shiftKey) return;
    const { count } = this.places;
    const to = {
      ArrowRight: this.at + 1, ArrowLeft: this.at < 0 ? count - 1 : this.at - 1, Home: 0, End: count - 1,
    }[e.key];
    if (e.key === 'Enter' && this.at >= 0) this.places.chosen(this.at);
    else if (to === undefined) return;
    else this.go(Math.max(0, Math.min(count - 1, to)));
    e.preventDefault();
    e.stopPropagation();
  }

  /** Says what is there; -1: nothing. */
  private go(at: number): void {
    this.at = at;
    this.tip.hidden = at < 0;
    for (const plot of this.plots) {
      plot.style.setProperty('--at', at < 0 ? '-1' : String((at + 0.5) / this.places.count));
      plot.classList.toggle('pointed', at >= 0);
    }
    if (at < 0) return;
    const lines = this.charts.flatMap((c) =>
      c.series.map((s) => {
        const n = s.value(at);
        return el('span', {}, key(s.kind, s.name), el('b', {}, n === null ? 'not known' : c.words(n)));
      }),
    );
    this.tip.replaceChildren(el('strong', {}, this.places.name(at)), ...lines);
    const part = (at + 0.5) / this.places.count;
    this.tip.style.left = part < 0.5 ? `calc(${part * 100}% + 16px)` : '';
    this.tip.style.right = part < 0.5 ? '' : `calc(${(1 - part) * 100}% + 16px)`;
  }

  /** The same in numbers. */
  table(): HTMLElement {
    const series = this.charts.flatMap((c) => c.series.map((s) => ({ c, s })));
    const heads = ['', ...series.map(({ s }) => s.name)].map((h) => el('th', { scope: 'col' }, h));
    const rows = Array.from({ length: this.places.count }, (_, i) =>
      el(
        'tr',
        {},
        el('th', { scope: 'row' }, this.places.name(i)),
        ...series.map(({ c, s }) => {
          const n = s.value(i);
          return el('td', {}, n === null ? '–' : c.words(n));
        }),
      ),
    );
    return el('table', {}, el('thead', {}, el('tr', {}, ...heads)), el('tbody', {}, ...rows));
  }
}

const key = (kind: string, name: string): HTMLElement =>
  el('span', { class: 'chart-key' }, el('i', { class: `key-${kind}` }), name);
