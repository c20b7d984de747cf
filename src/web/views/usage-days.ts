// The days of the usage view: a stack of models for each, and the same as a table.

import type { Span, UsageRow } from '../api/usage';
import { BarChart, swatch, type Series } from '../parts/chart';
import { el, renew, tame } from '../parts/dom';
import { SortTable } from '../parts/table';
import { dollars, short, tokensOf } from '../parts/usage';
import { daysOf, type Choice, type Palette } from '../state/usage';
import { cost, count, hitRate, keyButton, type Metric } from './usage-tables';

/** Noon, so that no zone makes it another day. */
const date = (day: string): Date => new Date(`${day}T12:00:00`);
const inFull = (day: string): string =>
  date(day).toLocaleDateString(undefined, { weekday: 'short', day: 'numeric', month: 'short', year: 'numeric' });
const onAxis = (day: string): string => date(day).toLocaleDateString(undefined, { day: 'numeric', month: 'short' });

const valueOf = (row: UsageRow, metric: Metric): number | null => (metric === 'cost' ? row.cost_usd : tokensOf(row));

export class DayChart {
  readonly element: HTMLElement;
  private readonly chart: BarChart;
  private readonly legend = el('ul', { class: 'usage-legend', 'aria-label': 'Models' });
  private readonly title = el('h2');
  private readonly table: SortTable<UsageRow>;
  private days: string[] = [];
  private chosen: string | null = null;

  constructor(
    private readonly palette: Palette,
    choose: (day: string) => void,
  ) {
    this.chart = new BarChart((i) => {
      const day = this.days[i];
      if (day !== undefined) choose(day);
    });
    this.table = new SortTable<UsageRow>(
      'By day',
      [
        { title: 'Day', sort: (r) => r.key, cell: (r) => keyButton('day', r.key, r.key === this.chosen, choose), text: true },
        { title: 'Cost', sort: (r) => r.cost_usd, cell: cost },
        { title: 'Tokens', sort: tokensOf, cell: (r) => count(tokensOf(r)) },
        { title: 'Input', sort: (r) => r.input_tokens, cell: (r) => count(r.input_tokens) },
        { title: 'Output', sort: (r) => r.output_tokens, cell: (r) => count(r.output_tokens) },
        { title: 'Cache hits', sort: (r) => r.cache_hit_rate ?? null, cell: hitRate },
        { title: 'Sessions', sort: (r) => r.sessions, cell: (r) => String(r.sessions) },
      ],
      (r) => r.key,
      0,
    );
    this.element = el(
      'section',
      { class: 'card usage-days', 'aria-label': 'By day' },
      el('div', { class: 'card-head' }, this.title, this.legend),
      this.chart.element,
      el('details', {}, el('summary', {}, 'The days as a table'), this.table.element),
    );
  }

  show(rows: UsageRow[], span: Span, metric: Choice['metric'], chosen: string | null): void {
    this.days = daysOf(span, rows);
    this.chosen = chosen;
    const byDay = new Map(rows.map((r) => [r.key, r]));
    const found = this.days.map((d) => byDay.get(d));
    const series = this.series(found, metric);
    const format = metric === 'cost' ? dollars : short;
    const what = metric === 'cost' ? 'Cost' : 'Tokens';
    this.title.textContent = `${what} by day`;
    this.legendOf(series);
    const values = found.flatMap((r) => (r ? (valueOf(r, metric) ?? []) : []));
    const most = values.length ? `, at most ${format(Math.max(...values))} a day` : '';
    this.chart.show({
      label: `${what} by day, ${inFull(this.days[0] ?? '')} to ${inFull(this.days.at(-1) ?? '')}${most}`,
      ticks: this.days.map(onAxis),
      names: this.days.map(inFull),
      series,
      unsure: found.map((r) => r !== undefined && [r, ...(r.models ?? [])].some((m) => valueOf(m, metric) === null)),
      chosen: chosen === null || !this.days.includes(chosen) ? null : this.days.indexOf(chosen),
      format,
    });
    this.table.show(rows);
  }

  dispose(): void {
    this.chart.dispose();
  }

  /** Those without a colour of their own are one. */
  private series(found: (UsageRow | undefined)[], metric: Metric): Series[] {
    const models = [...new Set(found.flatMap((r) => r?.models?.map((m) => m.key) ?? []))];
    const all = new Map<string, Series>();
    for (const model of this.palette.order(models)) {
      const colour = this.palette.of(model);
      const series = all.get(colour) ?? {
        name: colour === '--chart-other' ? 'Others' : tame(model, 32), colour, values: found.map(() => null),
      };
      all.set(colour, series);
      found.forEach((row, i) => {
        const m = row?.models?.find((x) => x.key === model);
        const value = m ? valueOf(m, metric) : null;
        if (value !== null) series.values[i] = (series.values[i] ?? 0) + value;
      });
    }
    return [...all.values()];
  }

  private legendOf(series: Series[]): void {
    renew(this.legend, series.map((s) => el('li', {}, swatch(s.colour), s.name)));
  }
}

