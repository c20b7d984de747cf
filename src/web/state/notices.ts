// What a person may want to hear of: the last of it, and how much was not looked at. One subject has
// one notice that was not looked at; a newer one takes its place. When very many come they become one
// that counts them.

import { unread } from './title';
import { Value } from './value';

export type NoticeKind = 'wait' | 'watch' | 'job' | 'flow';

/** What is told of. */
export interface News {
  kind: NoticeKind;
  /** The subject: "pane:p1". */
  tag: string;
  title: string;
  text: string;
  /** The hash of the route to it. */
  to: string;
  /** The pane that shows it. */
  pane?: string;
}

export interface Notice extends News {
  id: number;
  time: number;
  unread: boolean;
  /** How many it stands for. */
  count: number;
}

const MOST = 50;
const GATHER_MS = 300; // what comes with others is told with them
const SPAN_MS = 10_000;
const SINGLE = 4; // notices of a kind in that time, before they are counted only

export const notices = new Value<readonly Notice[]>([]);

const MANY: Record<NoticeKind, { words: (n: number) => string; to: string }> = {
  wait: { words: (n) => `${n} agents wait`, to: '#' },
  watch: { words: (n) => `Watches have fired ${n} times`, to: '#' },
  job: { words: (n) => `${n} jobs ended`, to: '#jobs' },
  flow: { words: (n) => `${n} flows want something`, to: '#flows' },
};

let lastId = 0;
let due = 0;
const gathered = new Map<string, News>();
let swallowed: Partial<Record<NoticeKind, number>> = {}; // of subjects beyond what is gathered
const times: Record<NoticeKind, number[]> = { wait: [], watch: [], job: [], flow: [] };

/** What was put in the list: to be shown and heard elsewhere, too. */
type Told = (notice: Notice) => void;

function set(all: Notice[]): void {
  notices.set(all.slice(0, MOST));
  unread.set(notices.get().filter((n) => n.unread).length);
}

function put(news: News, count: number, isUnread: boolean): Notice {
  const notice = { ...news, id: ++lastId, time: Date.now(), unread: isUnread, count };
  set([notice, ...notices.get().filter((n) => !(n.tag === news.tag && n.unread))]);
  return notice;
}

/** Those of a kind that are too many to be told one by one, with those that were before. */
function putMany(kind: NoticeKind, more: number): Notice {
  const tag = `many:${kind}`;
  const known = notices.get().find((n) => n.tag === tag);
  const goesOn = known && Date.now() - known.time < SPAN_MS;
  const count = more + (goesOn ? known.count : 0);
  if (goesOn) set(notices.get().filter((n) => n !== known));
  const { words, to } = MANY[kind];
  return put({ kind, tag, title: words(count), text: '', to }, count, true);
}

function flush(seen: (n: News) => boolean, told: Told): void {
  due = 0;
  const all = [...gathered.values()];
  const beyond = swallowed;
  gathered.clear();
  swallowed = {};
  for (const kind of Object.keys(MANY) as NoticeKind[]) {
    const of = all.filter((n) => n.kind === kind);
    const more = of.length + (beyond[kind] ?? 0);
    if (!more) continue;
    const now = Date.now();
    const recent = times[kind].filter((t) => now - t < SPAN_MS);
    times[kind] = [...recent, ...of.map(() => now)].slice(-2 * SINGLE);
    if (recent.length + more > SINGLE) told(putMany(kind, more));
    else for (const n of of) told(put(n, 1, !seen(n)));
  }
}

/** `seen`: it is before the person's eyes. */
export class Notices {
  constructor(
    private readonly seen: (n: News) => boolean,
    private readonly told: Told,
  ) {}

  add(news: News): void {
    if (gathered.has(news.tag) || gathered.size < MOST) gathered.set(news.tag, news);
    else swallowed[news.kind] = (swallowed[news.kind] ?? 0) + 1;
    due ||= window.setTimeout(() => flush(this.seen, this.told), GATHER_MS);
  }

  /** Not so any more. */
  over(tag: string): void {
    gathered.delete(tag);
    if (notices.get().some((n) => n.tag === tag && n.unread)) read((n) => n.tag === tag);
  }

  look(): void {
    if (unread.get() > 0) read((n) => this.seen(n));
  }
}

/** They have been looked at. */
export function read(which: (n: Notice) => boolean): void {
  if (!notices.get().some((n) => n.unread && which(n))) return;
  set(notices.get().map((n) => (n.unread && which(n) ? { ...n, unread: false } : n)));
}

export const clearNotices = (): void => set([]);
