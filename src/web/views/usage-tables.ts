// Tables of the usage view: models, projects and agents with a bar each, and the sessions of what is
// chosen.

import type { CacheRow, Facet, UsageRow } from '../api/usage';
import { swatch } from '../parts/chart';
import { button, el, tame } from '../parts/dom';
import { SortTable, type Column } from '../parts/table';
import { dollars, percent, short, tokensOf } from '../parts/usage';
import { sessionHash } from '../state/route';
import type { Palette } from '../state/usage';
import { link } from './one';
import { place } from './sessions';

export type Metric = 'cost' | 'tokens';

const TITLES = { model: 'By model', project: 'By project', agent: 'By agent' } as const;

const unknown = (): HTMLElement => el('span', { class: 'unknown' }, 'unknown');

export const count = (n: number | null): Node | string => (n === null ? unknown() : short(n));
export const hitRate = (r: UsageRow): Node | string => (typeof r.cache_hit_rate === 'number' ? percent(r.cache_hit_rate) : '–');

/** Where a price is missing it is at least that. */
export function cost(r: UsageRow): Node | string {
  if (r.cost_usd === null) return unknown();
  const parts = [dollars(r.cost_usd)];
  if (r.models?.some((m) => m.cost_usd === null)) parts.push('+ unknown');
  const text = parts.join(' ');
  return r.cost_source === 'computed' ? text : el('span', {}, text, el('small', {}, r.cost_source));
}

export function keyName(facet: Facet, key: string): string {
  return facet === 'project' ? place(key) : tame(key, 80);
}

export function keyButton(facet: Facet, key: string, chosen: boolean, choose: (key: string) => void): HTMLElement {
  const title = tame(key, 300);
  const b = button('', { class: 'quiet key-button', 'aria-pressed': String(chosen), title }, () => choose(key));
  b.append(el('span', {}, keyName(facet, key)));
  return b;
}

/** How much of the most it is, in the colours of the models. */
function meter(row: UsageRow, palette: Palette, value: (r: UsageRow) => number | null, most: number): HTMLElement {
  const bar = el('div', { class: 'meter', 'aria-hidden': 'true' });
  const parts = row.models ?? [row];
  for (const model of palette.order(parts.map((p) => p.key))) {
    const part = parts.find((p) => p.key === model);
    const v = part ? value(part) : null;
    if (v === null || v <= 0 || most <= 0) continue;
    const piece = el('span');
    piece.style.width = `${(v / most) * 100}%`;
    piece.style.background = `var(${palette.of(model)})`;
    bar.append(piece);
  }
  return bar;
}

export class FacetTable {
  readonly element: HTMLElement;
  private readonly table: SortTable<UsageRow>;
  private most = 0;
  private metric: Metric = 'cost';
  private chosen: string | null = null;

  constructor(
    facet: keyof typeof TITLES,
    private readonly palette: Palette,
    choose: (key: string) => void,
  ) {
    const name: Column<UsageRow> = {
      title: { model: 'Model', project: 'Project', agent: 'Agent' }[facet],
      text: true,
      sort: (r) => r.key,
      cell: (r) => {
        const key = keyButton(facet, r.key, r.key === this.chosen, choose);
        if (facet === 'model') key.prepend(swatch(this.palette.of(r.key)));
        const bar = meter(r, this.palette, (x) => this.value(x), this.most);
        return el('div', { class: 'key-cell' }, key, bar);
      },
    };
    this.table = new SortTable<UsageRow>(
      TITLES[facet],
      [
        name,
        { title: 'Cost', sort: (r) => r.cost_usd, cell: cost },
        { title: 'Tokens', sort: tokensOf, cell: (r) => count(tokensOf(r)) },
        { title: 'Cache hits', sort: (r) => r.cache_hit_rate ?? null, cell: hitRate },
        { title: 'Sessions', sort: (r) => r.sessions, cell: (r) => String(r.sessions) },
      ],
      (r) => r.key,
      1,
    );
    this.element = el(
      'section',
      { class: 'card', 'aria-label': TITLES[facet] },
      el('div', { class: 'card-head' }, el('h2', {}, TITLES[facet])),
      this.table.element,
    );
  }

  show(rows: UsageRow[], metric: Metric, chosen: string | null): void {
    this.metric = metric;
    this.chosen = chosen;
    this.most = Math.max(0, ...rows.map((r) => this.value(r) ?? 0));
    this.table.show(rows);
  }

  private value(r: UsageRow): number | null {
    return this.metric === 'cost' ? r.cost_usd : tokensOf(r);
  }
}

type SessionRow = UsageRow & Partial<CacheRow>;

export class SessionTable {
  readonly element: HTMLElement;
  private readonly table = new SortTable<SessionRow>(
    'Sessions',
    [
      { title: 'Session', text: true, sort: (r) => sessionName(r), cell: (r) => link(sessionHash(r.key), sessionName(r)) },
      { title: 'Agent', text: true, sort: (r) => r.agent ?? '', cell: (r) => tame(r.agent ?? '', 20) },
      { title: 'Project', text: true, sort: (r) => r.project ?? '', cell: (r) => (r.project ? place(r.project) : '') },
      { title: 'Cost', sort: (r) => r.cost_usd, cell: cost },
      { title: 'Tokens', sort: tokensOf, cell: (r) => count(tokensOf(r)) },
      { title: 'Cache hits', sort: (r) => r.cache_hit_rate ?? null, cell: hitRate },
    ],
    (r) => r.key,
    3,
  );

  constructor() {
    this.element = el(
      'section',
      { class: 'card usage-sessions', 'aria-label': 'Sessions', hidden: true },
      el('div', { class: 'card-head' }, el('h2', {}, 'Sessions')),
      this.table.element,
    );
  }

  /** null: of nothing in particular, so there is no list. */
  show(rows: UsageRow[] | null, names: CacheRow[]): void {
    this.element.hidden = rows === null;
    const named = new Map(names.map((n) => [n.key, n]));
    this.table.show((rows ?? []).map((r) => ({ ...named.get(r.key), ...r })));
  }
}

const sessionName = (r: SessionRow): string => tame(r.title ?? '', 160) || tame(r.key, 80);
