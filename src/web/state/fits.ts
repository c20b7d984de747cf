// How terminals are shown on this phone, kept in this browser: the panes that are to have its size,
// and whether the others are shrunk to its width. Elsewhere a pane has the size of its window.

import { store, stored } from './stored';
import { Value } from './value';

export interface Cells {
  cols: number;
  rows: number;
}

const FITS = 'panescry.fits';
const SHRINK = 'panescry.shrink';
const MAX = 200; // panes; the oldest go

/** By pane, the size it had before, if it had one that may be wanted back. */
function load(): Map<string, Cells | null> {
  const read = stored(FITS);
  if (!Array.isArray(read)) return new Map();
  const fits = new Map<string, Cells | null>();
  for (const one of read.slice(-MAX)) {
    if (!Array.isArray(one) || typeof one[0] !== 'string') continue;
    fits.set(one[0], one[1] === null ? null : cells(one[1]));
  }
  return fits;
}

function cells(read: unknown): Cells | null {
  const { cols, rows } = (read ?? {}) as Partial<Cells>;
  return Number.isInteger(cols) && Number.isInteger(rows) ? ({ cols, rows } as Cells) : null;
}

const fits = load();

/** The size that it had before it was made to fit; undefined: it was not. */
export const fitOf = (pane: string): Cells | null | undefined => fits.get(pane);

/** The pane is to have this phone's size from now on. */
export function keepFit(pane: string, before: Cells | null): void {
  if (fits.has(pane)) return;
  fits.set(pane, before);
  for (const oldest of fits.keys()) {
    if (fits.size <= MAX) break;
    fits.delete(oldest);
  }
  store(FITS, [...fits]);
}

export function dropFit(pane: string): void {
  if (fits.delete(pane)) store(FITS, [...fits]);
}

export const shrinking = new Value<boolean>(stored(SHRINK) === true);

export function setShrinking(on: boolean): void {
  store(SHRINK, on);
  shrinking.set(on);
}
