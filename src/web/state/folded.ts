// Which nodes of the tree are folded; remembered by this browser.

import { stored, store } from './settings';

const KEY = 'panescry.folded';
const MOST = 200;

const read = stored(KEY);
const folded = new Set<string>(
  Array.isArray(read) ? read.filter((k): k is string => typeof k === 'string').slice(-MOST) : [],
);

export const isFolded = (key: string): boolean => folded.has(key);

export function fold(key: string, on: boolean): void {
  folded.delete(key);
  if (on) folded.add(key);
  store(KEY, [...folded].slice(-MOST));
}
