// Searches that a person keeps under a name, and the last ones, in this browser's local storage.

import { SOURCES, type Case, type Source } from '../api/search';
import { store, stored } from './settings';
import { Value } from './value';

/** All that a person can choose of a search. */
export interface Search {
  pattern: string;
  regex: boolean;
  word: boolean;
  case: Case;
  /** Of all panes, of the one that is shown, or of those like `glob`. */
  panes: 'all' | 'this' | 'glob';
  glob: string;
  age: string;
  /** Of these sources; none: of all. */
  only: Source[];
}

export interface Saved {
  name: string;
  search: Search;
}

const KEY = 'panescry.searches';
const SAVED_MOST = 50;
const RECENT_MOST = 10;
const NAME_MOST = 80; // characters
const PATTERN_MOST = 1000;

interface Kept {
  saved: readonly Saved[];
  recent: readonly Search[];
}

function readSearch(v: unknown): Search | null {
  const s = (typeof v === 'object' && v !== null ? v : {}) as Partial<Record<keyof Search, unknown>>;
  if (typeof s.pattern !== 'string' || !s.pattern || s.pattern.length > PATTERN_MOST) return null;
  const only = Array.isArray(s.only) ? s.only : [];
  return {
    pattern: s.pattern,
    regex: s.regex !== false,
    word: s.word === true,
    case: s.case === 'ignore' || s.case === 'match' ? s.case : 'smart',
    panes: s.panes === 'this' || s.panes === 'glob' ? s.panes : 'all',
    glob: typeof s.glob === 'string' ? s.glob.slice(0, 64) : '',
    age: typeof s.age === 'string' ? s.age.slice(0, 10) : '',
    only: SOURCES.filter((source) => only.includes(source)),
  };
}

function load(): Kept {
  const kept = (stored(KEY) ?? {}) as { saved?: unknown; recent?: unknown };
  const list = (v: unknown): unknown[] => (Array.isArray(v) ? v : []);
  const saved = list(kept.saved).flatMap((v): Saved[] => {
    const { name, search: raw } = (v ?? {}) as { name?: unknown; search?: unknown };
    const search = readSearch(raw);
    return search && typeof name === 'string' && name ? [{ name: name.slice(0, NAME_MOST), search }] : [];
  });
  const recent = list(kept.recent).flatMap((v) => readSearch(v) ?? []);
  return { saved: saved.slice(0, SAVED_MOST), recent: recent.slice(0, RECENT_MOST) };
}

export const searches = new Value<Kept>(load());

function keep(some: Partial<Kept>): void {
  const kept = { ...searches.get(), ...some };
  store(KEY, kept);
  searches.set(kept);
}

const isSame = (a: Search, b: Search): boolean => JSON.stringify(a) === JSON.stringify(b);

/** One of that name is replaced. False: there are too many. */
export function saveSearch(name: string, search: Search): boolean {
  const { saved } = searches.get();
  const clean = name.trim().slice(0, NAME_MOST);
  const others = saved.filter((s) => s.name !== clean);
  if (!clean || others.length >= SAVED_MOST) return false;
  keep({ saved: [...others, { name: clean, search }].sort((a, b) => a.name.localeCompare(b.name)) });
  return true;
}

export function renameSearch(from: string, to: string): void {
  const clean = to.trim().slice(0, NAME_MOST);
  const { saved } = searches.get();
  const one = saved.find((s) => s.name === from);
  if (!one || !clean || clean === from) return;
  keep({ saved: saved.filter((s) => s !== one && s.name !== clean) });
  saveSearch(clean, one.search);
}

export const forgetSearch = (name: string): void =>
  keep({ saved: searches.get().saved.filter((s) => s.name !== name) });

/** It has led somewhere. */
export function remember(search: Search): void {
  const others = searches.get().recent.filter((s) => !isSame(s, search));
  keep({ recent: [search, ...others].slice(0, RECENT_MOST) });
}

// Another tab has changed them.
window.addEventListener('storage', (e) => {
  if (e.key === KEY) searches.set(load());
});
