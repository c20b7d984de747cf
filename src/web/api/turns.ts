// What an agent was at in a pane at a moment.

import { call } from './http';
import type { Moment, TurnAt } from './types';

export type { TurnAt } from './types';

/** `time` null: now. */
export async function turnAt(
  pane: string,
  time: string | null,
  signal: AbortSignal,
): Promise<TurnAt | null> {
  const args = new URLSearchParams({ pane, ...(time && { time }) });
  const answer = await call<Partial<Moment> | null>('GET', `api/v1/turns?${args}`, undefined, signal);
  const turn = answer?.turn ?? null;
  return turn && Number.isSafeInteger(turn.session) && Number.isSafeInteger(turn.turn) ? turn : null;
}
