// What a person has run from the palette last.

import { store, stored } from './settings';

const KEY = 'panescry.recent';
const MOST = 12;

/** The last one first. */
export function recent(): string[] {
  const kept = stored(KEY);
  if (!Array.isArray(kept)) return [];
  return kept.filter((id): id is string => typeof id === 'string' && id.length <= 100).slice(0, MOST);
}

export function remember(id: string): void {
  store(KEY, [id, ...recent().filter((other) => other !== id)].slice(0, MOST));
}
