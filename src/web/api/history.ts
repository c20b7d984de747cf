// Lines of a pane's history and main screen, by number, with the styles they were written in.

import { call, panePath } from './http';
import type { Capture, Line } from './types';

export type { Colour, Style } from './types';

/** Asked for by its number, so it has one. */
export interface HistoryLine extends Line {
  line: number;
}

export interface HistoryPart extends Capture {
  lines: HistoryLine[];
}

export function history(
  pane: string,
  from: number,
  to: number,
  signal: AbortSignal,
): Promise<HistoryPart> {
  const args = new URLSearchParams({
    from: String(Math.max(1, from)),
    to: String(Math.max(1, to)),
    format: 'json',
  });
  return call('GET', `${panePath(pane)}/capture?${args}`, undefined, signal);
}
