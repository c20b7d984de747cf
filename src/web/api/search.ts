// Searching what the panes have printed.

import { call } from './http';
import type { Found } from './types';

/** Of a regular expression in general: smart is without case unless there is a capital. */
export type Case = 'smart' | 'ignore' | 'match';

export interface Query {
  pattern: string;
  regex: boolean;
  word: boolean;
  case: Case;
  /** A glob over ids and names; '' for all panes. */
  pane: string;
  /** A moment or an age, as the daemon reads them; '' for any. */
  since: string;
  limit: number;
}

export const LIMIT_MAX = 10_000;

export type { Found, Match } from './types';

export function search(query: Query, signal: AbortSignal): Promise<Found> {
  const args = new URLSearchParams({
    pattern: query.pattern,
    limit: String(query.limit),
    order: 'newest',
  });
  if (!query.regex) args.set('fixed', '1');
  if (query.word) args.set('word', '1');
  if (query.case !== 'match') args.set(query.case === 'smart' ? 'smart' : 'icase', '1');
  if (query.pane) args.set('pane', query.pane);
  if (query.since) args.set('since', query.since);
  return call('GET', `api/v1/search?${args}`, undefined, signal);
}
