// What this browser's token is for, as each list of panes says. What would be refused is neither
// offered nor asked for: of a page that may not change anything, elements of the class "changes" are
// hidden and those of "reader" shown; of one that is for one pane alone, those of "whole" are hidden.

import { followEvents } from './events';
import { paneList } from './panes';
import { Value } from './value';

/** Until the daemon has said it, it may. */
export const mayChange = new Value(true);

/** The one pane that there is; null: everything; undefined: not known yet. */
export const onlyPane = new Value<string | null | undefined>(undefined);

/** What a person asks for is tried while it is not known. */
export const isNarrow = (): boolean => typeof onlyPane.get() === 'string';

/** What nobody has asked for waits: once, as soon as it is known that there is everything. */
export function whenWhole(run: () => void): () => void {
  let done = false;
  const forget = onlyPane.watch((pane) => {
    if (done || pane !== null) return;
    done = true;
    run();
  });
  return () => {
    done = true;
    forget();
  };
}

export function startAccess(): void {
  const page = document.documentElement;
  mayChange.watch((may) => page.toggleAttribute('data-reader', !may));
  onlyPane.watch((pane) => page.toggleAttribute('data-only', typeof pane === 'string'));
  paneList.watch(({ access, only, trouble, known }) => {
    if (!known || trouble) return;
    mayChange.set(access !== 'read_only');
    onlyPane.set(only);
    followEvents(only !== null);
  });
}
