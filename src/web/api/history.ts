// Lines of a pane's history and main screen, by number, with the styles they were written in.

import { call, panePath } from './http';
import type { ArchiveLines, Line } from './types';

export type { Colour, Style } from './types';

/** Asked for by its number, so it has one. */
export interface HistoryLine extends Line {
  line: number;
}

export interface HistoryPart extends ArchiveLines {
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

/** The first line that was completed at that time or later; null: none was. */
export async function lineSince(
  pane: string,
  time: string,
  signal: AbortSignal,
): Promise<number | null> {
  const args = new URLSearchParams({ pattern: '^', since: time, limit: '1', order: 'oldest' });
  const found = await call<{ matches?: { line: number }[] } | null>(
    'GET', `${panePath(pane)}/search?${args}`, undefined, signal,
  );
  return found?.matches?.[0]?.line ?? null;
}

/** The same in the archive, and the start of the daemon that had the pane, if that was an earlier one. */
export async function archivedSince(
  pane: string,
  time: string,
  signal: AbortSignal,
): Promise<{ line: number; run?: string } | null> {
  const args = new URLSearchParams({
    pattern: '^', pane, source: 'archive', since: time, limit: '1', order: 'oldest',
  });
  const found = await call<{ matches?: { line: number; run?: string }[] } | null>(
    'GET', `api/v1/search?${args}`, undefined, signal,
  );
  return found?.matches?.[0] ?? null;
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
