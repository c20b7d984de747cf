// From a moment of a session to what its terminal showed then.

import { panePath, call, type Pane } from '../api/http';
import { lineSince } from '../api/history';
import { go } from '../state/route';
import { button, icon } from './dom';
import { notice } from './notice';
import { problem } from './problem';

const GONE = 'The pane is gone. What it printed may still be found by a search.';

/** `line`: where that is known already. */
async function showThen(pane: string, time: string, known: number | null): Promise<void> {
  const signal = AbortSignal.timeout(15_000);
  try {
    await call<Pane>('GET', panePath(pane), undefined, signal);
  } catch {
    notice(GONE);
    return;
  }
  try {
    const line = known ?? await lineSince(pane, time, signal);
    // None since: it is what the screen shows.
    go({ pane, readOnly: false, ...(line !== null && { line }) });
  } catch (e) {
    notice(problem(e));
  }
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
