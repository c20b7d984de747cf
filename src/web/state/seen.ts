// What nobody has looked at yet, by pane: output, bells and watches that have fired. What a terminal
// on the visible page shows is looked at; views say what they show. Output is remembered for a
// reload of the page, but not for longer: it is about this sitting.

import type { Pane } from '../api/http';
import { onEvent } from './events';
import { paneList } from './panes';
import { Value } from './value';

const KEY = 'panescry.seen';

/** Output up to there was seen; `created` tells a pane from an earlier one of the same id. */
type Seen = [offset: number, created: string | null];

/** The offset that it shows, null while it cannot be seen. */
type Shows = () => number | null;

const seen = new Map<string, Seen>();
const views = new Map<string, Set<Shows>>();
const bells = new Set<string>();
const fired = new Set<string>();
let begun = load();

/** Counts changes of bells and watches. */
export const looked = new Value(0);
const tick = (): void => looked.set(looked.get() + 1);

/** False where nothing is remembered: what there is now counts as seen then. */
function load(): boolean {
  try {
    const read = JSON.parse(sessionStorage.getItem(KEY) ?? 'null') as unknown;
    if (!Array.isArray(read)) return false;
    for (const [id, offset, created] of read as [unknown, unknown, unknown][]) {
      if (typeof id !== 'string' || typeof offset !== 'number') continue;
      seen.set(id, [offset, typeof created === 'string' ? created : null]);
    }
    return true;
  } catch {
    return false;
  }
}

/** Not before the first list: nothing is known then. */
function save(): void {
  if (!begun) return;
  try {
    sessionStorage.setItem(KEY, JSON.stringify([...seen].map(([id, s]) => [id, ...s])));
  } catch {
    // it is not remembered
  }
}

/** A view shows a pane, until the returned function is called. */
export function showing(pane: string, shows: Shows): () => void {
  const all = views.get(pane) ?? new Set();
  views.set(pane, all.add(shows));
  look(pane);
  tick();
  return () => {
    look(pane);
    all.delete(shows);
    if (!all.size) views.delete(pane);
  };
}

const offsets = (pane: string): number[] =>
  [...(views.get(pane) ?? [])].flatMap((shows) => shows() ?? []);

export const isShown = (pane: string): boolean =>
  document.visibilityState === 'visible' && offsets(pane).length > 0;

function look(pane: string): void {
  const known = seen.get(pane);
  if (known) known[0] = Math.max(known[0], ...offsets(pane));
  if (offsets(pane).length && fired.delete(pane)) tick();
}

export function unseen(pane: Pane): boolean {
  return pane.offset > (seen.get(pane.id)?.[0] ?? 0) && !isShown(pane.id);
}

export const rang = (pane: string): void => {
  if (!bells.has(pane)) tick();
  bells.add(pane);
};
export const calmed = (pane: string): void => {
  if (bells.delete(pane)) tick();
};
export const hasBell = (pane: string): boolean => bells.has(pane);
export const hasFired = (pane: string): boolean => fired.has(pane);

/** As many as there are panes. */
function listed(panes: Pane[]): void {
  const ids = new Set(panes.map((p) => p.id));
  for (const id of seen.keys()) if (!ids.has(id)) seen.delete(id);
  for (const id of [...bells, ...fired]) {
    if (ids.has(id)) continue;
    bells.delete(id);
    fired.delete(id);
  }
  for (const { id, offset, created } of panes) {
    const known = seen.get(id);
    if (!known || known[1] !== (created ?? null)) seen.set(id, [begun ? 0 : offset, created ?? null]);
    if (isShown(id)) look(id);
  }
  begun = true;
}

export function startSeeing(): void {
  paneList.watch(({ panes, known }) => known && listed(panes));
  // What was on the screen when the person went.
  document.addEventListener('visibilitychange', () => {
    for (const pane of views.keys()) look(pane);
    save();
  });
  window.addEventListener('pagehide', () => {
    for (const pane of views.keys()) look(pane);
    save();
  });
  onEvent((e) => {
    if (e.topic !== 'watches' || e.type !== 'fired') return;
    const { pane } = (e.match ?? {}) as { pane?: unknown };
    if (typeof pane !== 'string' || isShown(pane)) return;
    fired.add(pane);
    tick();
  });
}
