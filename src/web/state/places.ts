// Where a match leads, and what was found there.

import type { Match } from '../api/search';
import { paneList } from './panes';
import type { Route } from './route';

/** There is no pane any more that has it. */
export const isGone = (m: Match): boolean =>
  m.pane !== null &&
  m.source !== 'jobs' &&
  (m.run !== undefined ||
    (m.source === 'archive' && !paneList.get().panes.some((p) => p.id === m.pane)));

export function placeOf(m: Match): Route {
  const nowhere = { pane: null, readOnly: false };
  if (m.said) {
    const { session, tool, id } = m.said;
    return { ...nowhere, session: String(session), at: `${tool === null ? 'm' : 't'}${id}` };
  }
  if (m.pane !== null && (m.source === 'jobs' || isGone(m))) {
    return { ...nowhere, archive: m.pane, line: m.line, ...(m.run && { run: m.run }) };
  }
  return { pane: m.pane, readOnly: false, line: m.line };
}

let chosen: Match | null = null;

/** The place of this match is shown from now on. */
export function choose(m: Match): void {
  chosen = m;
}

/** Bytes of that line that were found, if it is the one that was chosen last. */
export function spansAt(pane: string, run: string | undefined, line: number): [number, number][] {
  return chosen?.pane === pane && chosen.run === run && chosen.line === line ? chosen.spans : [];
}
