// The watches that there are, and how often they fired, as it happens.

import { ApiError } from '../api/http';
import type { Case } from '../api/search';
import { listWatches, type Watch, type WatchWish } from '../api/watches';
import { isNarrow, whenWhole } from './access';
import { onEvent } from './events';
import { Value } from './value';

/** null: not known yet. */
export const watches = new Value<Watch[] | null>(null);

const SOON_MS = 100; // many can fire at once
let timer = 0;

export async function refreshWatches(): Promise<void> {
  clearTimeout(timer);
  timer = 0;
  if (isNarrow()) return;
  try {
    watches.set(await listWatches());
  } catch (e) {
    if (!(e instanceof ApiError)) throw e; // what was known stays
  }
}

let following = false;

/** From now on. */
export function followWatches(): void {
  if (following) {
    void refreshWatches();
    return;
  }
  following = true;
  whenWhole(() => void refreshWatches());
  onEvent((e) => {
    if (e.topic !== 'watches' && e.type !== 'reset') return;
    timer ||= window.setTimeout(() => void refreshWatches(), SOON_MS);
  });
}

const literally = (text: string): string => text.replace(/[\\^$.|?*+()[\]{}]/g, '\\$&');

interface Asked {
  pattern: string;
  regex: boolean;
  word: boolean;
  case: Case;
  /** A glob; '' for all. */
  pane: string;
}

/** Whether a text has a capital that is meant as one: not of \S, \W and the like. */
const hasCapital = (pattern: string, regex: boolean): boolean =>
  /\p{Lu}/u.test(regex ? pattern.replace(/\\(?:[pP]\{[^}]*\}|x\{[^}]*\}|.)/gsu, '') : pattern);

/** The same question, asked of what will be printed. */
export function wishOf({ pattern, regex, word, case: letters, pane }: Asked): WatchWish {
  const text = regex ? pattern : literally(pattern);
  return {
    pattern: word ? `\\b(?:${text})\\b` : pattern,
    fixed: !regex && !word,
    icase: letters === 'ignore' || (letters === 'smart' && !hasCapital(pattern, regex)),
    ...(pane && { pane }),
  };
}
