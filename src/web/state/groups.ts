// Matches in the order in which they are shown: by what they belong to, or all by their time.

import type { Match } from '../api/search';

export interface Group {
  id: string;
  /** The newest first. */
  matches: Match[];
}

/** A row of the list. Of a group that is folded there is its head alone. */
export type Item =
  | { kind: 'head'; key: string; group: Group; folded: boolean }
  | { kind: 'match'; key: string; group: Group; match: Match }
  | { kind: 'rest'; key: string; group: Group; count: number };

const CAP = 10; // matches of a group that are shown at once, where there are several

/** Two sources can have the same line. */
export function unique(matches: Match[]): Match[] {
  const keys = new Set<string>();
  return matches.filter((m) => !keys.has(m.key) && keys.add(m.key));
}

/** The newest first; times are of one form, and what has none comes last. */
const byTime = (matches: Match[]): Match[] =>
  [...matches].sort((a, b) => (a.time < b.time ? 1 : a.time > b.time ? -1 : 0));

/** By their newest matches. */
export function grouped(matches: Match[]): Group[] {
  const groups = new Map<string, Group>();
  for (const match of byTime(matches)) {
    const group = groups.get(match.group);
    if (group) group.matches.push(match);
    else groups.set(match.group, { id: match.group, matches: [match] });
  }
  return [...groups.values()];
}

export interface Shape {
  folded: ReadonlySet<string>;
  /** Groups that are shown whole. */
  whole: ReadonlySet<string>;
}

export function itemsOf(groups: Group[], { folded, whole }: Shape): Item[] {
  const cap = groups.length > 1 ? CAP : Infinity;
  return groups.flatMap((group): Item[] => {
    const closed = folded.has(group.id);
    const head: Item = { kind: 'head', key: `head ${group.id}`, group, folded: closed };
    if (closed) return [head];
    // One that is left over takes no more room than saying so.
    const all = whole.has(group.id) || group.matches.length <= cap + 1;
    const shown = all ? group.matches : group.matches.slice(0, cap);
    const rows = shown.map((match): Item => ({ kind: 'match', key: match.key, group, match }));
    const count = group.matches.length - shown.length;
    if (!count) return [head, ...rows];
    return [head, ...rows, { kind: 'rest', key: `rest ${group.id}`, group, count }];
  });
}

/** Without groups each match is one of its own. */
export const itemsByTime = (matches: Match[]): Item[] =>
  byTime(matches).map((match) => ({
    kind: 'match', key: match.key, group: { id: match.group, matches: [match] }, match,
  }));
