// A common axis of time for turns. While nobody had typed nothing happened: such a gap is drawn
// where it is short beside the work, and folded where it is long, so that work is what one sees.

export interface Span {
  from: number; // ms
  to: number;
}

/** A gap that takes less room than time: how long it was, and where it is, 0 to 1. */
export interface Fold {
  ms: number;
  at: number;
}

const GAPS = 0.25; // what gaps may take beside the work
const LEAST_MS = 1000;

export class Axis {
  readonly folds: Fold[] = [];
  /** Pieces in order: each from a moment, with the room that is before it. */
  private readonly pieces: { from: number; to: number; before: number; room: number }[] = [];
  private readonly room: number;

  constructor(spans: Span[]) {
    const busy = merge(spans);
    const work = busy.reduce((sum, s) => sum + s.to - s.from, 0);
    const cap = Math.max(LEAST_MS, (GAPS * work) / Math.max(1, busy.length - 1));
    let room = 0;
    let last: Span | null = null;
    const folds: [number, number][] = [];
    for (const span of busy) {
      if (last) {
        const gap = span.from - last.to;
        const taken = Math.min(gap, cap);
        this.pieces.push({ from: last.to, to: span.from, before: room, room: taken });
        if (taken < gap) folds.push([gap, room + taken / 2]);
        room += taken;
      }
      this.pieces.push({ ...span, before: room, room: span.to - span.from });
      room += span.to - span.from;
      last = span;
    }
    this.room = Math.max(1, room);
    for (const [ms, at] of folds) this.folds.push({ ms, at: at / this.room });
  }

  /** Where a moment is, 0 to 1. */
  at(ms: number): number {
    let lo = 0;
    let hi = this.pieces.length - 1;
    while (lo < hi) {
      const mid = (lo + hi) >> 1;
      if ((this.pieces[mid]?.to ?? 0) < ms) lo = mid + 1;
      else hi = mid;
    }
    const p = this.pieces[lo];
    if (!p) return 0;
    const part = p.to > p.from ? (ms - p.from) / (p.to - p.from) : 0;
    return (p.before + p.room * Math.min(1, Math.max(0, part))) / this.room;
  }
}

/** Without overlaps, in order. */
function merge(spans: Span[]): Span[] {
  const all: Span[] = [];
  for (const s of [...spans].sort((a, b) => a.from - b.from)) {
    const last = all.at(-1);
    if (last && s.from <= last.to) last.to = Math.max(last.to, s.to);
    else all.push({ ...s });
  }
  return all;
}
