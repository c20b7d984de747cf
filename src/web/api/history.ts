// Lines of a pane's history and main screen, by number, with the styles they were written in.

import { call, panePath } from './http';

export interface HistoryLine {
  line: number;
  /** null while it is on the screen and may still change. */
  time: string | null;
  text: string;
  /** Lengths in bytes of the text's UTF-8; what is behind them has style 0. */
  runs: { len: number; style: number }[];
}

export type Colour = number | string; // of the palette, or #rrggbb

export interface Style {
  id: number;
  fg?: Colour;
  bg?: Colour;
  underline_colour?: Colour;
  bold?: boolean;
  dim?: boolean;
  italic?: boolean;
  inverse?: boolean;
  hidden?: boolean;
  strike?: boolean;
  overline?: boolean;
  underline?: 'single' | 'double' | 'curly' | 'dotted' | 'dashed';
  link?: string;
}

export interface HistoryPart {
  pane: string;
  first_line: number;
  last_line: number;
  lines: HistoryLine[];
  styles: Style[];
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

/** What the archive has of it; `run` as a match of a search has it. */
export function archived(
  pane: string,
  run: string | undefined,
  from: number,
  to: number,
  signal: AbortSignal,
): Promise<HistoryPart> {
  const args = new URLSearchParams({
    pane,
    ...(run && { run }),
    from: String(Math.max(1, from)),
    to: String(Math.max(1, to)),
  });
  return call('GET', `api/v1/archive/lines?${args}`, undefined, signal);
}
