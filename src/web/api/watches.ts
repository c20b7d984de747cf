// Watches: patterns that the daemon looks for in what is printed from now on.

import { call } from './http';
import type { Watch, Watches } from './types';

export interface WatchWish {
  pattern: string;
  icase: boolean;
  fixed: boolean;
  /** A glob over ids and names; without one, all panes. */
  pane?: string;
  /** At most once in so many seconds. */
  every_s?: number;
}

export type { Watch } from './types';

export async function listWatches(): Promise<Watch[]> {
  const answer = await call<Partial<Watches> | null>('GET', 'api/v1/watches');
  return Array.isArray(answer?.watches) ? answer.watches : [];
}

export const makeWatch = (wish: WatchWish): Promise<Watch> => call('POST', 'api/v1/watches', wish);

export const removeWatch = (id: string): Promise<unknown> =>
  call('DELETE', `api/v1/watches/${encodeURIComponent(id)}`);
