// The list of panes, asked for every two seconds while somebody can see it.

import { ApiError, listPanes, type Alarm, type Pane } from '../api/http';
import { Value } from './value';

const INTERVAL_MS = 2000;

export interface PaneList {
  panes: Pane[];
  alarms: Alarm[];
  /** null while the daemon answers. */
  trouble: 'offline' | 'unauthorised' | null;
  /** False until the first answer. */
  known: boolean;
}

export const paneList = new Value<PaneList>({ panes: [], alarms: [], trouble: null, known: false });

let timer = 0;
let asking = false;
let again = false;

/** Asks now; while an answer is under way, once more after it. */
export async function refreshPanes(): Promise<void> {
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
    timer = window.setTimeout(() => void refreshPanes(), INTERVAL_MS);
  }
}

async function ask(): Promise<void> {
  try {
    paneList.set({ ...(await listPanes()), trouble: null, known: true });
  } catch (e) {
    const unauthorised = e instanceof ApiError && e.status === 401;
    const { panes, alarms, known } = paneList.get();
    paneList.set({ panes, alarms, known, trouble: unauthorised ? 'unauthorised' : 'offline' });
  }
}

export function startPolling(): void {
  document.addEventListener('visibilitychange', () => {
    if (document.visibilityState === 'visible') void refreshPanes();
    else clearTimeout(timer);
  });
  void refreshPanes();
}
