// What agents used and what it cost: by day, model, project or agent, of all or of a part.

import { call, foreign } from './http';
import type { CacheReport, CacheRow, UsageReport } from './types';

export type { UsageReport, UsageRow, UsageSum } from './types';

export type Facet = UsageReport['by'];

/** Times as the daemon takes them; null is open. */
export interface Span {
  since: string | null;
  until: string | null;
}

/** Only what has this day, this model... */
export type Part = Partial<Record<Facet, string>>;

export type { CacheRow } from './types';

function args(by: Facet, { since, until }: Span): URLSearchParams {
  const all = new URLSearchParams({ by });
  if (since) all.set('since', since);
  if (until) all.set('until', until);
  return all;
}

async function ask<T extends { rows: unknown[] }>(path: string, signal: AbortSignal): Promise<T> {
  const answer = await call<T | null>('GET', path, undefined, signal);
  if (!answer || !Array.isArray(answer.rows)) {
    throw foreign();
  }
  return answer;
}

export function usageBy(by: Facet, span: Span, part: Part, signal: AbortSignal): Promise<UsageReport> {
  const all = args(by, span);
  all.set('hits', '1');
  if (by !== 'model' && by !== 'session') all.set('split', 'model');
  for (const [name, key] of Object.entries(part)) all.set(name, key);
  return ask(`api/v1/usage?${all}`, signal);
}

/** Sessions with a name for a person. */
export async function cacheBySession(span: Span, signal: AbortSignal): Promise<CacheRow[]> {
  const { rows } = await ask<CacheReport>(`api/v1/usage/cache?${args('session', span)}`, signal);
  return rows;
}
