// Bars, each a stack of series, drawn by uPlot, which is fetched when the first chart is shown. For
// who does not see it a chart is a picture with a name: its numbers are to be in a table beside it.

import type uPlot from 'uplot';
import { el } from './dom';
import { onLookChange } from './theme';

const HEIGHT = 230;
const LABEL_PX = 64; // from one label of the axis to the next
const SPACE_PX = 44; // the same upwards

export interface Series {
  name: string;
  /** The CSS variable of its colour. */
  colour: string;
  /** One of each bar; null is not known. */
  values: (number | null)[];
}

export interface Bars {
  /** For who does not see it. */
  label: string;
  /** Under the bars, and in full. */
  ticks: string[];
  names: string[];
  /** From the bottom up. */
  series: Series[];
  /** Bars of which something is not known. */
  unsure: boolean[];
  chosen: number | null;
  format(value: number): string;
}

export class BarChart {
  readonly element = el('div', { class: 'plot', role: 'img' });
  private readonly tip = el('div', { class: 'plot-tip', hidden: true });
  private readonly band = el('div', { class: 'plot-band', hidden: true });
  private plot: uPlot | null = null;
  private library: typeof uPlot | null = null;
  private bars: Bars | null = null;
  private closed = false;
  private readonly watcher = new ResizeObserver(() => this.resized());
  private readonly unwatch = onLookChange(() => this.draw());

  /** `choose`: a bar was clicked. */
  constructor(private readonly choose: (index: number) => void) {
    this.watcher.observe(this.element);
  }

  show(bars: Bars): void {
    this.bars = bars;
    this.element.setAttribute('aria-label', bars.label);
    if (this.library) this.draw();
    else void this.load();
  }

  dispose(): void {
    this.closed = true;
    this.watcher.disconnect();
    this.unwatch();
    this.plot?.destroy();
    this.plot = null;
  }

  private async load(): Promise<void> {
    try {
      this.library = (await import('uplot')).default;
    } catch {
      this.element.textContent = 'The chart could not be loaded.';
      return;
    }
    this.draw();
  }

  private resized(): void {
    const width = this.element.clientWidth;
    if (!this.plot) this.draw();
    else if (width > 0 && width !== this.plot.width) this.plot.setSize({ width, height: HEIGHT });
  }

  private draw(): void {
    const { library, bars } = this;
    const width = this.element.clientWidth;
    if (!library || !bars || this.closed || width === 0) return;
    this.plot?.destroy();
    this.tip.hidden = this.band.hidden = true;
    const stacks = stacked(bars);
    const data: uPlot.AlignedData = [bars.names.map((_, i) => i), ...stacks];
    this.element.replaceChildren();
    this.plot = new library(this.options(library, bars, width), data, this.element);
    this.plot.over.append(this.band, this.tip);
    this.plot.over.addEventListener('click', () => {
      const at = this.plot?.cursor.idx;
      if (typeof at === 'number') this.choose(at);
    });
  }

  private options(library: typeof uPlot, bars: Bars, width: number): uPlot.Options {
    const colour = (name: string): string => resolved(this.element, name);
    const [ground, muted, line] = ['--screen', '--muted', '--line'].map(colour) as [string, string, string];
    const font = `12px ${getComputedStyle(this.element).fontFamily}`;
    const path = library.paths.bars?.({ size: [0.72, 48], align: 0 });
    const n = bars.names.length;
    return {
      width,
      height: HEIGHT,
      padding: [12, 8, 0, 0],
      legend: { show: false },
      cursor: { x: false, y: false, points: { show: false }, drag: { x: false, y: false } },
      scales: {
        x: { time: false, range: () => [-0.5, n - 0.5] },
        y: { range: (_, __, max) => [0, max > 0 ? max * 1.05 : 1] },
      },
      axes: [
        {
          stroke: muted, font, size: 28, gap: 6, grid: { show: false }, ticks: { show: false },
          splits: (u) => labelled(n, u.bbox.width / devicePixelRatio),
          values: (_, at) => at.map((i) => bars.ticks[i] ?? ''),
        },
        {
          stroke: muted, font, size: 62, gap: 8, space: SPACE_PX, ticks: { show: false },
          grid: { stroke: line, width: 1 },
          values: (_, at) => at.map((v) => bars.format(v)),
        },
      ],
      series: [
        {},
        ...[...bars.series].reverse().map((s): uPlot.Series => ({
          label: s.name, fill: colour(s.colour), stroke: ground, width: 1, points: { show: false },
          ...(path && { paths: path }),
        })),
      ],
      hooks: {
        drawClear: [(u) => column(u, bars.chosen, colour('--chosen'))],
        draw: [(u) => questionMarks(u, bars, font, muted)],
        setCursor: [(u) => this.hover(u, bars)],
      },
    };
  }

  private hover(u: uPlot, bars: Bars): void {
    const { idx } = u.cursor;
    const inside = typeof idx === 'number' && (u.cursor.left ?? -1) >= 0;
    this.tip.hidden = this.band.hidden = !inside;
    if (!inside) return;
    const left = u.valToPos(idx - 0.5, 'x');
    const right = u.valToPos(idx + 0.5, 'x');
    this.band.style.left = `${left}px`;
    this.band.style.width = `${right - left}px`;
    this.tip.replaceChildren(...tipRows(bars, idx));
    const there = right + 8 + this.tip.offsetWidth < u.over.clientWidth;
    this.tip.style.left = `${Math.max(0, there ? right + 8 : left - 8 - this.tip.offsetWidth)}px`;
  }
}

/** A colour of the page for a canvas, which knows nothing of variables. */
function resolved(host: Element, name: string): string {
  const probe = el('span', { hidden: true });
  probe.style.color = `var(${name})`;
  host.append(probe);
  const { color } = getComputedStyle(probe);
  probe.remove();
  return color;
}

/** Sums up to each series, the highest first: that is drawn first, and others over it. */
function stacked({ series, names }: Bars): (number | null)[][] {
  const sums = names.map(() => 0);
  return series
    .map((s) => s.values.map((v, i) => (v ? (sums[i] = (sums[i] ?? 0) + v) : null)))
    .reverse();
}

function labelled(n: number, width: number): number[] {
  const step = Math.max(1, Math.ceil((n * LABEL_PX) / Math.max(1, width)));
  // The last one is today, which is what one looks for.
  return Array.from({ length: Math.ceil(n / step) }, (_, i) => n - 1 - i * step).reverse();
}

function column(u: uPlot, at: number | null, fill: string): void {
  if (at === null) return;
  const left = u.valToPos(at - 0.5, 'x', true);
  u.ctx.fillStyle = fill;
  u.ctx.fillRect(left, u.bbox.top, u.valToPos(at + 0.5, 'x', true) - left, u.bbox.height);
}

function questionMarks(u: uPlot, bars: Bars, font: string, fill: string): void {
  const { ctx, bbox } = u;
  ctx.save();
  ctx.font = font.replace('12px', `${12 * devicePixelRatio}px`);
  ctx.fillStyle = fill;
  ctx.textAlign = 'center';
  ctx.textBaseline = 'bottom';
  bars.unsure.forEach((unsure, i) => {
    if (!unsure) return;
    const sum = bars.series.reduce((n, s) => n + (s.values[i] ?? 0), 0);
    const top = Math.max(bbox.top + 14 * devicePixelRatio, u.valToPos(sum, 'y', true));
    ctx.fillText('?', u.valToPos(i, 'x', true), top - 2);
  });
  ctx.restore();
}

function tipRows(bars: Bars, at: number): HTMLElement[] {
  const known = bars.series.flatMap((s) => {
    const value = s.values[at];
    return typeof value === 'number' && value > 0 ? [{ s, value }] : [];
  });
  const sum = known.reduce((n, { value }) => n + value, 0);
  const more = bars.unsure[at] ? ' + unknown' : '';
  const head = el(
    'div',
    { class: 'plot-tip-head' },
    el('span', {}, bars.names[at] ?? ''),
    el('strong', {}, known.length || !more ? `${bars.format(sum)}${more}` : 'unknown'),
  );
  const rows = known.reverse().map(({ s, value }) =>
    el('div', { class: 'plot-tip-row' }, swatch(s.colour), el('span', {}, s.name), el('span', {}, bars.format(value))),
  );
  return [head, ...rows];
}

export function swatch(colour: string): HTMLElement {
  const e = el('span', { class: 'swatch', 'aria-hidden': 'true' });
  e.style.background = `var(${colour})`;
  return e;
}
