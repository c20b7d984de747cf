// What agents used and what it cost: by day, model, project or agent, of all or of a part.

import { ApiError, call } from './http';
import type { Usage } from './sessions';

export type Facet = 'day' | 'model' | 'project' | 'agent' | 'session';

/** Unknown is null, never 0. */
export interface UsageSum extends Usage {
  /** How much of the input came from a cache. */
  cache_hit_rate: number | null;
}

export interface UsageRow extends UsageSum {
  key: string;
  sessions: number;
  /** The same by model, where that was asked for. */
  models?: UsageRow[];
}

export interface UsageReport {
  rows: UsageRow[];
  totals: UsageSum;
  /** Those without a price: what they cost is in no sum. */
  unpriced_models: string[];
}

/** Times as the daemon takes them; null is open. */
export interface Span {
  since: string | null;
  until: string | null;
}

/** Only what has this day, this model... */
export type Part = Partial<Record<Facet, string>>;

export interface CacheRow {
  key: string;
  agent: string | null;
  project: string | null;
  title: string | null;
}

function args(by: Facet, { since, until }: Span): URLSearchParams {
  const all = new URLSearchParams({ by });
  if (since) all.set('since', since);
  if (until) all.set('until', until);
  return all;
}

async function ask<T extends { rows: unknown[] }>(path: string, signal: AbortSignal): Promise<T> {
  const answer = await call<T | null>('GET', path, undefined, signal);
  if (!answer || !Array.isArray(answer.rows)) {
    throw new ApiError(0, 'offline', 'Something else answers in place of the daemon.');
  }
  return answer;
}

export function usageBy(by: Facet, span: Span, part: Part, signal: AbortSignal): Promise<UsageReport> {
  const all = args(by, span);
  if (by !== 'model' && by !== 'session') all.set('split', 'model');
  for (const [name, key] of Object.entries(part)) all.set(name, key);
  return ask(`api/v1/usage?${all}`, signal);
}

/** Sessions with a name for a person. */
export async function cacheBySession(span: Span, signal: AbortSignal): Promise<CacheRow[]> {
  const { rows } = await ask<{ rows: CacheRow[] }>(`api/v1/usage/cache?${args('session', span)}`, signal);
  return rows;
}
