// Shares the page's time among its terminals, so that it stays smooth while they flood.
//
// What arrives for a terminal waits in its lane and is parsed a piece at a time, of a size that
// was measured to take the terminal's part of the frame: the focused terminal first, then the
// one that has waited longest. Little that arrives while nothing waits is parsed at once, so an
// echo comes no later than without all this. The part of a frame that goes into parsing shrinks
// when frames come late and grows again when they do not.
//
// A lane whose oldest bytes have waited too long asks for a snapshot, which takes the place of
// all that waits: nobody can read a flood, but its end should be on the screen when it is
// there. These have the screen alone; when the flood is over one with lines above it follows. A
// terminal that is out of sight, or that is scrolled back, keeps what it has and does not ask. One
// that comes unasked, as the daemon has no more of what was to follow, waits until the person is
// back at the end. What waits has not been acknowledged, so the daemon's window bounds every lane.

export interface PaceEvents {
  /** Parses the bytes behind those it was given before, then calls `parsed`. */
  feed(bytes: Uint8Array, replayed: boolean, parsed: () => void): void;
  /** Calls `run` when all that it was given has been parsed. */
  then(run: () => void): void;
  /** So much waits that a snapshot is wanted; when it is calm again, one with its history. */
  behind(calm: boolean): void;
  /** Whether what is shown is not the newest, or not seen at all. */
  aside(): boolean;
  /** The person looks at lines above, which a snapshot would take away from them. */
  above(): boolean;
  /** Text is selected, which a snapshot would undo. */
  selected(): boolean;
  focused(): boolean;
}

interface Bytes {
  bytes: Uint8Array;
  since: number;
  replayed: boolean;
  anew: boolean; // a snapshot
  done: () => void;
}

type Item = Bytes | { run: () => void };

const FRAME_MS = 1000 / 60;
const LATE = 1.5; // times the time of a frame
const BUDGET_MS = { least: 1.5, first: 4, most: 8 }; // of parsing, a frame
const PART_MS = 1; // the least of a frame that is worth drawing a terminal for
const PIECE = { least: 1024, first: 8 * 1024, most: 64 * 1024 };
const AT_ONCE = 4 * 1024; // bytes of a lane in each frame that do not wait
const BEHIND_MS = 200;
const BEHIND = 128 * 1024; // a lane with less will be through sooner than a snapshot comes
const ASIDE = 64 * 1024; // parsed even if nobody sees it
const CALM_MS = 300; // without output: the flood is over
const AGAIN_MS = 1000; // a snapshot that was asked for is not coming
const HURRY_MS = 60; // the daemon gives them no faster than each 50 ms
const HIDDEN_MS = 100; // browsers make it a second

const counts = { frames: 0, late: 0, skipped: 0, most: 0 };
const lanes = new Set<Lane>();

export class Lane {
  private queue: Item[] = [];
  private size = 0; // bytes that wait
  private head = 0; // bytes of the first item that have been fed
  private feeding = false;
  private rate = PIECE.first; // bytes parsed in a millisecond
  private asked = -Infinity;
  private asking = false;
  private frame = -1;
  private now = 0; // bytes of this frame that did not wait
  private short = false; // lines above the screen are missing
  private held = false; // a snapshot waits until the lines above it are left
  private calmer = 0;
  fed = 0; // when

  constructor(private readonly events: PaceEvents) {
    lanes.add(this);
  }

  /** Bytes. */
  get waiting(): number {
    return this.size;
  }

  get pending(): boolean {
    return this.queue.length > 0;
  }

  add(bytes: Uint8Array, replayed: boolean, done: () => void): void {
    this.calm();
    if (this.frame !== counts.frames) {
      this.frame = counts.frames;
      this.now = 0;
    }
    this.now += bytes.length;
    if (!this.queue.length && !this.feeding && this.now <= AT_ONCE) {
      this.events.feed(bytes, replayed, done);
      return wake();
    }
    this.queue.push({ bytes, since: performance.now(), replayed, anew: false, done });
    this.size += bytes.length;
    counts.most = Math.max(counts.most, this.size);
    wake();
  }

  /** In its place between the bytes before and behind it. */
  then(run: () => void): void {
    if (this.queue.length) this.queue.push({ run });
    else this.events.then(run);
  }

  /** A snapshot is here: the bytes that wait are part of it; what is to be run is still run. */
  skip(bytes: Uint8Array, done: () => void): void {
    if (this.size) counts.skipped++;
    this.queue = this.queue.filter((item) => 'run' in item);
    this.size = this.head = 0;
    this.asking = false;
    this.calm();
    this.queue.push({ bytes, since: performance.now(), replayed: true, anew: true, done });
    this.size = bytes.length;
    if ((this.held = this.events.above())) wake();
    else while (this.queue.length) this.feedFirst(bytes.length);
  }

  /** The person has typed: the answer is not to wait behind the flood. */
  hurry(): void {
    if (this.size > BEHIND) this.ask(HURRY_MS);
  }

  close(): void {
    clearTimeout(this.calmer);
    lanes.delete(this);
    this.queue = [];
    this.size = 0;
  }

  focused(): boolean {
    return this.events.focused();
  }

  /** Whether a part of the frame would be of use; asks for a snapshot when that is better. */
  ready(now: number): boolean {
    const first = this.queue[0];
    if (!first || (this.held &&= this.events.above())) return false;
    if (this.size > ASIDE && this.events.aside()) return false;
    const old = 'since' in first && now - first.since > BEHIND_MS;
    if (this.size > BEHIND && old) this.ask(BEHIND_MS);
    return !this.feeding;
  }

  /** Feeds as much as takes about so long; `took` is told how long it was. */
  feed(ms: number, took: (ms: number) => void): void {
    let left = Math.round(Math.min(Math.max(this.rate * ms, PIECE.least), PIECE.most));
    const size = Math.min(left, this.size);
    let began = 0;
    this.feeding = true;
    this.events.then(() => (began = performance.now()));
    while (left > 0 && this.queue.length) left -= this.feedFirst(left);
    this.events.then(() => {
      const spent = performance.now() - began;
      this.feeding = false;
      if (size >= PIECE.least) this.rate = (this.rate + size / Math.max(spent, 0.05)) / 2;
      took(spent);
    });
  }

  /** At most `max` bytes of the first item; how many it were. */
  private feedFirst(max: number): number {
    const item = this.queue[0];
    if (!item) return 0;
    if ('run' in item) {
      this.queue.shift();
      this.events.then(item.run);
      return 0;
    }
    const { bytes, replayed, anew, done } = item;
    // A snapshot is not long, and in pieces it would be seen being drawn.
    const end = anew ? bytes.length : Math.min(bytes.length, this.head + max);
    const piece = bytes.subarray(this.head, end);
    const last = end === bytes.length;
    this.head = last ? 0 : end;
    this.size -= piece.length;
    if (last) this.queue.shift();
    this.events.feed(piece, replayed, last ? done : () => undefined);
    return piece.length;
  }

  private ask(every: number): void {
    const now = performance.now();
    if (now - this.asked < (this.asking ? AGAIN_MS : every)) return;
    this.asked = now;
    this.asking = this.short = true;
    this.events.behind(false);
  }

  /** Begins anew to wait for the end of the flood. */
  private calm(): void {
    if (!this.short) return;
    clearTimeout(this.calmer);
    this.calmer = window.setTimeout(() => {
      if (this.queue.length || this.events.aside() || this.events.selected()) return this.calm();
      this.short = false;
      this.events.behind(true);
    }, CALM_MS);
  }
}

let running = 0;
let timer = 0;
let last = 0;
let budget = BUDGET_MS.first;
let credit = 0;

/** Frames are asked for while something waits, and one more, in which AT_ONCE begins anew. */
function wake(): void {
  if (running || timer) return;
  if (document.visibilityState === 'hidden') timer = window.setTimeout(() => tick(0), HIDDEN_MS);
  else running = requestAnimationFrame(tick);
}

/** The part of frames that parsing may have follows what they allow. */
function adapt(now: number): void {
  const since = last && now ? now - last : FRAME_MS;
  if (last && now) {
    const late = since > LATE * FRAME_MS;
    counts.late += late ? 1 : 0;
    budget = late
      ? Math.max(BUDGET_MS.least, budget * 0.7)
      : Math.min(BUDGET_MS.most, budget + 0.1);
  }
  last = now;
  credit = Math.min(credit + (budget * since) / FRAME_MS, BUDGET_MS.most);
}

function tick(frame: number): void {
  running = timer = 0;
  counts.frames++;
  adapt(frame);
  const now = performance.now();
  const ready = [...lanes].filter((l) => l.ready(now));
  const order = ready.sort((a, b) => Number(b.focused()) - Number(a.focused()) || a.fed - b.fed);
  order.forEach((lane, i) => {
    if (credit < Math.min(PART_MS, budget)) return;
    const part = Math.max(PART_MS, credit / (order.length - i));
    credit -= part;
    lane.fed = now;
    lane.feed(part, (ms) => (credit += part - ms));
  });
  if ([...lanes].some((l) => l.pending)) wake();
  else last = 0;
}

document.addEventListener('visibilitychange', () => {
  if (!running && !timer) return;
  cancelAnimationFrame(running);
  clearTimeout(timer);
  running = timer = 0;
  last = 0;
  wake();
});

/** How it goes: frames in which something waited, those that came late, snapshots skipped to. */
export function pace(): { frames: number; late: number; skipped: number; most: number; waiting: number } {
  let waiting = 0;
  for (const lane of lanes) waiting += lane.waiting;
  return { ...counts, waiting };
}
