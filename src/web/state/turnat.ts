// Which agent was at work in a pane at a moment: one request, and the last ones are remembered.

import { turnAt as ask, type TurnAt } from '../api/turns';

const MOST = 50;
const known = new Map<string, TurnAt | null>();

/** `time` null: now. */
export async function turnAt(
  pane: string,
  time: string | null,
  signal: AbortSignal,
): Promise<TurnAt | null> {
  const key = `${pane} ${time ?? ''}`;
  const had = time === null ? undefined : known.get(key);
  if (had) return had;
  const turn = await ask(pane, time, signal);
  if (known.size >= MOST) known.clear();
  if (turn?.ended) known.set(key, turn); // it is what it will be
  return turn;
}

/** Whether it was over by then. */
export const wasOver = (turn: TurnAt, time: string | null): boolean =>
  turn.ended !== null && Date.parse(turn.ended) < (time === null ? Date.now() : Date.parse(time));
