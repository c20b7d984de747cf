// The usage view's question, and its answer as bars: which days, and which model has which colour.

import type { Span, UsageRow } from '../api/usage';
import { store, stored } from './settings';

export const RANGES = ['7', '30', '90', 'all', 'custom'] as const;
export type Range = (typeof RANGES)[number];

export interface Choice {
  range: Range;
  /** Of a custom range, the first day and the last: "2026-11-21", or ''. */
  since: string;
  until: string;
  metric: 'cost' | 'tokens';
}

const KEY = 'panescry.usage';
const DAY = /^\d{4}-\d\d-\d\d$/;
const MOST_DAYS = 400;
const COLOURS = 8;
const OTHER = '--chart-other';

export function loadChoice(): Choice {
  const read = (stored(KEY) ?? {}) as Record<string, unknown>;
  const day = (v: unknown): string => (typeof v === 'string' && DAY.test(v) ? v : '');
  return {
    range: RANGES.find((r) => r === read.range) ?? '30',
    since: day(read.since),
    until: day(read.until),
    metric: read.metric === 'tokens' ? 'tokens' : 'cost',
  };
}

export const keepChoice = (choice: Choice): void => store(KEY, choice);

const two = (n: number): string => String(n).padStart(2, '0');

const dayOf = (d: Date): string => `${d.getFullYear()}-${two(d.getMonth() + 1)}-${two(d.getDate())}`;

/** Midnight here; `plus` days later. */
function midnight(day: string, plus = 0): Date {
  const [y = 0, m = 1, d = 1] = day.split('-').map(Number);
  return new Date(y, m - 1, d + plus);
}

export function spanOf({ range, since, until }: Choice, now = new Date()): Span {
  if (range === 'all') return { since: null, until: null };
  if (range === 'custom') {
    return {
      since: since ? midnight(since).toISOString() : null,
      // The last millisecond of that day: the daemon takes both ends in.
      until: until ? new Date(midnight(until, 1).getTime() - 1).toISOString() : null,
    };
  }
  return { since: midnight(dayOf(now), 1 - Number(range)).toISOString(), until: null };
}

/** Every day of the range, also those on which there was nothing; the last ones of very many. */
export function daysOf({ since, until }: Span, rows: UsageRow[], now = new Date()): string[] {
  const known = rows.map((r) => r.key).filter((k) => DAY.test(k)).sort();
  const first = since ? dayOf(new Date(since)) : (known[0] ?? dayOf(now));
  const last = [until ? dayOf(new Date(until)) : dayOf(now), known.at(-1) ?? ''].sort().at(-1) ?? first;
  const days: string[] = [];
  // Those before the first known one say nothing where the range is open or long.
  const begin = [first, known[0] ?? first].sort()[0] ?? first;
  for (let i = 0; i < MOST_DAYS; i++) {
    const day = dayOf(midnight(last, -i));
    if (day < begin) break;
    days.push(day);
  }
  return days.reverse();
}

/** Which model has which colour: as long as the view is there, the same one. */
export class Palette {
  private readonly colours = new Map<string, string>();

  /** The first of them get one of their own. */
  add(models: string[]): void {
    for (const m of models) {
      if (this.colours.size >= COLOURS) return;
      if (!this.colours.has(m)) this.colours.set(m, `--chart-${this.colours.size + 1}`);
    }
  }

  of(model: string): string {
    return this.colours.get(model) ?? OTHER;
  }

  /** Models with a colour, in its order, and then the others. */
  order(models: string[]): string[] {
    const own = [...this.colours.keys()].filter((m) => models.includes(m));
    return [...own, ...models.filter((m) => !this.colours.has(m))];
  }
}
