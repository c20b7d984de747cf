// From a moment of a session to what its terminal showed then.

import { ApiError, call, panePath, type Pane } from '../api/http';
import { archivedSince, lineSince } from '../api/history';
import { go } from '../state/route';
import { button, icon } from './dom';
import { notice } from './notice';
import { problem } from './problem';

const GONE = 'The pane is gone, and the archive has nothing of it that was printed later.';

/** `line`: where that is known already. */
async function showThen(pane: string, time: string, known: number | null): Promise<void> {
  const signal = AbortSignal.timeout(15_000);
  try {
    if (!(await hasPane(pane, time, signal))) return await showArchived(pane, time, signal);
    const line = known ?? await lineSince(pane, time, signal);
    // None since: it is what the screen shows.
    go({ pane, readOnly: false, ...(line !== null && { line }) });
  } catch (e) {
    notice(problem(e));
  }
}

/** Whether it is there, and was then: another daemon may have had another pane of that name. */
async function hasPane(pane: string, time: string, signal: AbortSignal): Promise<boolean> {
  try {
    const { created } = await call<Pane & { created?: string }>('GET', panePath(pane), undefined, signal);
    return !(Date.parse(created ?? '') > Date.parse(time));
  } catch (e) {
    if (e instanceof ApiError && e.status === 404) return false;
    throw e;
  }
}

async function showArchived(pane: string, time: string, signal: AbortSignal): Promise<void> {
  const found = await archivedSince(pane, time, signal);
  if (found) go({ pane: null, readOnly: false, archive: pane, line: found.line, ...(found.run && { run: found.run }) });
  else notice(GONE);
}

/** null where it is not known when it was. */
export function thenButton(
  pane: string,
  time: string | null,
  line: number | null = null,
): HTMLButtonElement | null {
  if (time === null || Number.isNaN(Date.parse(time))) return null;
  const label = 'What the terminal showed then';
  const b = button('', { class: 'quiet then', 'aria-label': label, title: label }, () => {
    void showThen(pane, time, line);
  });
  // In a summary a click would also unfold.
  b.addEventListener('click', (e) => e.preventDefault());
  b.append(icon('screen'));
  return b;
}
