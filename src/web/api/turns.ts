// What an agent was at in a pane at a moment.

import { call } from './http';

export interface TurnAt {
  session: number;
  agent: string;
  title: string | null;
  /** From 1. */
  turn: number;
  started: string | null;
  ended: string | null;
  prompt: string | null;
  model: string | null;
}

/** `time` null: now. */
export async function turnAt(
  pane: string,
  time: string | null,
  signal: AbortSignal,
): Promise<TurnAt | null> {
  const args = new URLSearchParams({ pane, ...(time && { time }) });
  const answer = await call<{ turn?: TurnAt | null } | null>('GET', `api/v1/turns?${args}`, undefined, signal);
  const turn = answer?.turn ?? null;
  return turn && Number.isSafeInteger(turn.session) && Number.isSafeInteger(turn.turn) ? turn : null;
}
