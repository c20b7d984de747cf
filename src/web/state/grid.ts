// How the main area is divided: a tree whose leaves are cells, one to six, and whose knots divide a
// box in two, side by side or one above the other. Nothing here touches the page; the tree is
// never changed, only made anew. What a browser kept of one is believed after a check alone.

import { parseHash, toHash, type Route } from './route';
import { Value } from './value';

export const MOST = 6;
export const GAP = 1; // px, the line between two
const LEAST = 0.08; // a share; what is smaller could not be grasped again
const HASH_MAX = 400;
const ID_MAX = 1_000_000;

export type Side = 'left' | 'right' | 'up' | 'down';

export interface Split {
  /** Side by side. */
  row: boolean;
  /** Of the first one. */
  share: number;
  a: Tree;
  b: Tree;
}

/** A cell by its id, or a division. */
export type Tree = number | Split;

export interface Box {
  x: number;
  y: number;
  w: number;
  h: number;
}

export interface Divider {
  /** To its knot from the root, as "ab". */
  path: string;
  row: boolean;
  share: number;
  box: Box;
  /** What it divides. */
  whole: Box;
}

export interface Placed {
  cells: Map<number, Box>;
  dividers: Divider[];
}

/** What the cells show that can be seen. */
export const shownRoutes = new Value<readonly Route[]>([]);

const isSplit = (tree: Tree): tree is Split => typeof tree !== 'number';

export const clampShare = (share: number): number => Math.min(1 - LEAST, Math.max(LEAST, share));

/** From left to right, from above to below. */
export const cellsOf = (tree: Tree): number[] =>
  isSplit(tree) ? [...cellsOf(tree.a), ...cellsOf(tree.b)] : [tree];

/** Half of what the cell had goes to the new one. */
export function divide(tree: Tree, cell: number, added: number, row: boolean): Tree {
  if (!isSplit(tree)) return tree === cell ? { row, share: 0.5, a: tree, b: added } : tree;
  return { ...tree, a: divide(tree.a, cell, added, row), b: divide(tree.b, cell, added, row) };
}

/** Its neighbour gets its room. Null if it was the only one. */
export function without(tree: Tree, cell: number): Tree | null {
  if (!isSplit(tree)) return tree === cell ? null : tree;
  const a = without(tree.a, cell);
  const b = without(tree.b, cell);
  return a === null ? b : b === null ? a : { ...tree, a, b };
}

export function withShare(tree: Tree, path: string, share: number): Tree {
  if (!isSplit(tree)) return tree;
  if (!path) return { ...tree, share: clampShare(share) };
  const way = path.startsWith('a') ? 'a' : 'b';
  return { ...tree, [way]: withShare(tree[way], path.slice(1), share) };
}

/** In whole pixels: between them text would be blurred. */
export function place(tree: Tree, whole: Box, path = '', into: Placed = { cells: new Map(), dividers: [] }): Placed {
  if (!isSplit(tree)) {
    into.cells.set(tree, whole);
    return into;
  }
  const { row, share } = tree;
  const { x, y, w, h } = whole;
  const length = Math.max(0, (row ? w : h) - GAP);
  const first = Math.round(length * share);
  const [a, line, b]: [Box, Box, Box] = row
    ? [{ x, y, w: first, h }, { x: x + first, y, w: GAP, h }, { x: x + first + GAP, y, w: length - first, h }]
    : [{ x, y, w, h: first }, { x, y: y + first, w, h: GAP }, { x, y: y + first + GAP, w, h: length - first }];
  into.dividers.push({ path, row, share, box: line, whole });
  place(tree.a, a, `${path}a`, into);
  place(tree.b, b, `${path}b`, into);
  return into;
}

/** How far one has to go from a to b in that direction; null: b does not lie there. */
function distance(a: Box, b: Box, side: Side): number | null {
  const across = side === 'left' || side === 'right';
  const aside = across
    ? Math.max(0, a.y - (b.y + b.h), b.y - (a.y + a.h))
    : Math.max(0, a.x - (b.x + b.w), b.x - (a.x + a.w));
  const ahead = { left: a.x - b.x, right: b.x - a.x, up: a.y - b.y, down: b.y - a.y }[side];
  if (ahead <= 0) return null;
  const middle = across ? Math.abs(a.y - b.y) : Math.abs(a.x - b.x);
  return aside * 1000 + ahead * 10 + middle;
}

/** The cell next to this one in a direction. */
export function neighbour(tree: Tree, cell: number, side: Side): number | null {
  const { cells } = place(tree, { x: 0, y: 0, w: 10_000, h: 10_000 });
  const from = cells.get(cell);
  if (!from) return null;
  let best: number | null = null;
  let least = Infinity;
  for (const [id, box] of cells) {
    const far = distance(from, box, side);
    if (id === cell || far === null || far >= least) continue;
    best = id;
    least = far;
  }
  return best;
}

/** The line that moves when this cell gets larger or smaller: the nearest to it in its direction. */
export function lineOf(tree: Tree, cell: number, row: boolean, path = ''): string | null {
  if (!isSplit(tree)) return null;
  const way = cellsOf(tree.a).includes(cell) ? 'a' : 'b';
  const inner = lineOf(tree[way], cell, row, path + way);
  return inner ?? (tree.row === row ? path : null);
}

export function shareAt(tree: Tree, path: string): number | null {
  if (!isSplit(tree)) return null;
  return path ? shareAt(tree[path.startsWith('a') ? 'a' : 'b'], path.slice(1)) : tree.share;
}

/** Whether two routes are one thing, be it in different places of it. */
export function sameThing(a: Route, b: Route): boolean {
  const bare = ({ line: _, view: __, at: ___, ...thing }: Route): string => toHash(thing);
  return bare(a) === bare(b);
}

/* What a browser keeps of it. */

export interface Layout {
  tree: Tree;
  routes: Map<number, Route>;
  focus: number;
}

type Packed = { id: number; at: string } | { row: boolean; share: number; a: Packed; b: Packed };

export function pack({ tree, routes, focus }: Layout): unknown {
  const packed = (t: Tree): Packed => {
    if (isSplit(t)) return { row: t.row, share: t.share, a: packed(t.a), b: packed(t.b) };
    const to = routes.get(t);
    return { id: t, at: to ? toHash(to) : '#' };
  };
  return { tree: packed(tree), focus };
}

/** Null for anything that pack() could not have made. */
export function unpack(value: unknown): Layout | null {
  const routes = new Map<number, Route>();
  const read = (v: unknown, depth: number): Tree => {
    if (typeof v !== 'object' || v === null || depth >= MOST) throw new TypeError();
    const { id, at, row, share, a, b } = v as Record<string, unknown>;
    if (id === undefined) {
      if (typeof row !== 'boolean' || typeof share !== 'number' || !(share > 0 && share < 1)) throw new TypeError();
      return { row, share: clampShare(share), a: read(a, depth + 1), b: read(b, depth + 1) };
    }
    if (typeof id !== 'number' || !Number.isInteger(id) || id < 1 || id > ID_MAX) throw new TypeError();
    if (typeof at !== 'string' || at.length > HASH_MAX || routes.has(id) || routes.size >= MOST) throw new TypeError();
    routes.set(id, parseHash(at));
    return id;
  };
  try {
    const { tree: kept, focus } = value as Record<string, unknown>;
    const tree = read(kept, 0);
    const [first = 1] = cellsOf(tree);
    return { tree, routes, focus: typeof focus === 'number' && routes.has(focus) ? focus : first };
  } catch {
    return null;
  }
}
