// The list of panes: asked for every two seconds while somebody can see it, since no event tells how
// much a pane has written; what events tell of panes is put in at once.

import { ApiError, isTtyd, listPanes, type Agent, type Alarm, type Listing, type Pane } from '../api/http';
import type { DaemonEvent } from '../api/events';
import { onEvent } from './events';
import { perFrame } from './frame';
import { Value } from './value';

const INTERVAL_MS = 2000;
const REFUSED_MS = 60_000; // another tab may sign in; until then it is no use to ask

export interface PaneList {
  panes: Pane[];
  alarms: Alarm[];
  /** What this browser's token may. */
  access: Listing['access'];
  /** The one pane that it is for; null: it is for everything. */
  only: string | null;
  /** null while the daemon answers. */
  trouble: 'offline' | 'unauthorised' | null;
  /** False until the first answer. */
  known: boolean;
}

export const paneList = new Value<PaneList>({
  panes: [], alarms: [], access: 'read_write', only: null, trouble: null, known: false,
});

let timer = 0;
let asking = false;
let again = false;

/** Asks now; while an answer is under way, once more after it. */
export async function refreshPanes(): Promise<void> {
  if (isTtyd) return; // it has no list of them
  if (asking) {
    again = true;
    return;
  }
  asking = true;
  clearTimeout(timer);
  do {
    again = false;
    await ask();
  } while (again);
  asking = false;
  if (document.visibilityState === 'visible') {
    const refused = paneList.get().trouble === 'unauthorised';
    timer = window.setTimeout(() => void refreshPanes(), refused ? REFUSED_MS : INTERVAL_MS);
  }
}

async function ask(): Promise<void> {
  tell();
  try {
    const list = await listPanes();
    paneList.set({ ...list, panes: changed(list.panes), trouble: null, known: true });
  } catch (e) {
    const unauthorised = e instanceof ApiError && e.status === 401;
    const list = paneList.get();
    const trouble = unauthorised ? 'unauthorised' : 'offline';
    paneList.set({ ...list, panes: changed(list.panes), trouble });
  }
  changes.clear();
}

/** What events said of a pane since the list was asked for; an answer may be older. */
interface Change {
  pane?: Pane;
  gone?: true;
  agent?: Agent | null;
}

const changes = new Map<string, Change>();

function changed(panes: Pane[]): Pane[] {
  if (!changes.size) return panes;
  const after = new Map(panes.map((p) => [p.id, p]));
  for (const [id, { pane, gone, agent }] of changes) {
    const now = pane ?? after.get(id);
    if (gone || !now) after.delete(id);
    else after.set(id, agent === undefined ? now : { ...now, agent });
  }
  return [...after.values()];
}

function tell(): void {
  if (!changes.size) return;
  const list = paneList.get();
  paneList.set({ ...list, panes: changed(list.panes) });
  if (!asking) changes.clear();
}

const soon = perFrame(tell);

function heard(e: DaemonEvent): void {
  if (e.topic !== 'panes') return;
  if (e.type === 'started' || e.type === 'exited') {
    const pane = e.pane as Pane | null;
    if (typeof pane?.id === 'string') changes.set(pane.id, { pane });
  } else if (typeof e.id !== 'string') {
    return;
  } else if (e.type === 'removed') {
    changes.set(e.id, { gone: true });
  } else if (e.type === 'agent') {
    changes.set(e.id, { ...changes.get(e.id), agent: e.agent as Agent | null });
  }
  soon();
}

export function startPolling(): void {
  document.addEventListener('visibilitychange', () => {
    if (document.visibilityState === 'visible') void refreshPanes();
    else clearTimeout(timer);
  });
  onEvent(heard);
  void refreshPanes();
}
