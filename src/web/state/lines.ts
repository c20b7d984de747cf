// Where lines come from that a history shows: a pane's history and screen, with what the archive has
// of what came before; or, of a pane that is gone, the archive alone.

import { archived, history, type HistoryPart } from '../api/history';
import { ApiError } from '../api/http';
import { isNarrow } from './access';

export interface LineSource {
  readonly pane: string;
  /** Start of the daemon that had it, if that was an earlier one. */
  readonly run?: string;
  fetch(from: number, to: number, signal: AbortSignal): Promise<HistoryPart>;
}

const OTHERS = 65_536; // ids of styles of a second answer begin here

const isMissing = (e: unknown): boolean => e instanceof ApiError && e.status === 404;

/** The two as one; their styles have ids of their own. */
function joined(past: HistoryPart, now: HistoryPart): HistoryPart {
  const lines = past.lines.map((l) => ({
    ...l,
    runs: l.runs.map((r) => ({ ...r, style: r.style + OTHERS })),
  }));
  return {
    ...now,
    first_line: Math.min(past.first_line, now.first_line),
    lines: [...lines, ...now.lines],
    styles: [...now.styles, ...past.styles.map((s) => ({ ...s, id: s.id + OTHERS }))],
  };
}

export function linesOf(pane: string, run?: string): LineSource {
  let gone = run !== undefined;
  let none = false; // the archive has nothing of it
  let oldest: number | undefined; // line there
  const past = async (from: number, to: number, signal: AbortSignal): Promise<HistoryPart | null> => {
    if (none || isNarrow()) return null;
    try {
      return await archived(pane, run, from, to, signal);
    } catch (e) {
      if (!isMissing(e)) throw e;
      none = !gone; // what has just ended comes to the archive soon
      return null;
    }
  };
  const now = async (from: number, to: number, signal: AbortSignal): Promise<HistoryPart | null> => {
    if (gone) return null;
    try {
      const part = await history(pane, from, to, signal);
      if (part.pane === pane) return part; // and not another whose id begins so
    } catch (e) {
      if (!isMissing(e)) throw e;
    }
    gone = true;
    return null;
  };
  return {
    pane,
    ...(run !== undefined && { run }),
    fetch: async (from, to, signal) => {
      const part = await now(from, to, signal);
      if (!part) {
        const old = await past(from, to, signal);
        if (old) return old;
        throw new ApiError(404, 'no_such_lines', 'Nothing is kept of this pane any more.');
      }
      const end = part.first_line - 1; // of what only the archive can have
      if (end < 1) return part;
      if (from > end) {
        oldest ??= (await past(end, end, signal))?.first_line ?? part.first_line;
        return { ...part, first_line: Math.min(oldest, part.first_line) };
      }
      const old = await past(from, Math.min(to, end), signal);
      if (!old) return part;
      return joined({ ...old, lines: old.lines.filter((l) => l.line <= end) }, part);
    },
  };
}
