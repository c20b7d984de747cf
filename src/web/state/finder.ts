// One question to all sources at once. Each is told as soon as it answers: first with a few matches,
// then with as many as are wanted; and it is asked again and again, as long as somebody can see it,
// the quick ones more often.

import { ApiError } from '../api/http';
import {
  canHave, LIMIT_MAX, search, SOURCES, type Found, type Match, type Query, type Source,
} from '../api/search';

const AGAIN_MS: Record<Source, number> = { panes: 1000, jobs: 2000, sessions: 3000, archive: 5000 };
const RESTS = 10; // what takes long is asked for less often: it takes a tenth of the time
const QUICK = 25;
const FIRST_LIMIT = 200;
const MORE = 5; // times as many with each "more"

export interface Answer {
  /** There is more to come of this question. */
  asking: boolean;
  found: Found | null;
  error: ApiError | null;
}

const BLANK: Answer = { asking: false, found: null, error: null };

export class Finder {
  readonly answers: Record<Source, Answer> = {
    panes: BLANK, archive: BLANK, sessions: BLANK, jobs: BLANK,
  };
  query: Query | null = null;
  private limit = FIRST_LIMIT;
  private asked = new AbortController();
  private timers = new Map<Source, number>();
  private stale = false; // what is shown answers another question

  /** `fresh`: it is another question than before. */
  constructor(private readonly changed: (fresh: boolean) => void) {}

  /** null: nothing. `fresh`: another question; otherwise the same one again. */
  ask(query: Query | null, fresh: boolean): void {
    this.stop();
    this.asked = new AbortController();
    this.query = query;
    if (fresh) this.limit = FIRST_LIMIT;
    this.stale = this.stale || fresh;
    for (const source of SOURCES) {
      const wanted = query !== null && canHave(source, query);
      const { found } = this.answers[source];
      this.answers[source] = wanted
        ? { asking: fresh || !found, found, error: null }
        : BLANK;
      if (wanted) void this.run(source, query, fresh ? QUICK : this.limit);
    }
    if (!query) {
      this.stale = false;
      this.changed(true);
    }
  }

  stop(): void {
    this.asked.abort();
    for (const timer of this.timers.values()) clearTimeout(timer);
    this.timers.clear();
  }

  get hasMore(): boolean {
    return this.limit < LIMIT_MAX && SOURCES.some((s) => this.answers[s].found?.truncated);
  }

  more(): void {
    this.limit = Math.min(LIMIT_MAX, this.limit * MORE);
    this.ask(this.query, false);
  }

  get searching(): Source[] {
    return SOURCES.filter((s) => this.answers[s].asking);
  }

  get matches(): Match[] {
    return SOURCES.flatMap((s) => this.answers[s].found?.matches ?? []);
  }

  private async run(source: Source, query: Query, limit: number): Promise<void> {
    const { signal } = this.asked;
    const began = performance.now();
    let more = false;
    try {
      const found = await search(query, source, limit, signal);
      if (signal.aborted) return;
      more = found.truncated && limit < this.limit;
      this.put(source, { asking: more, found, error: null });
    } catch (e) {
      if (signal.aborted) return;
      if (!(e instanceof ApiError)) throw e;
      this.failed(source, e);
    }
    if (more) {
      void this.run(source, query, this.limit);
      return;
    }
    if (document.visibilityState !== 'visible') return;
    const wait = Math.max(AGAIN_MS[source], (performance.now() - began) * RESTS);
    const again = (): void => void this.run(source, query, this.limit);
    this.timers.set(source, window.setTimeout(again, wait));
  }

  private failed(source: Source, error: ApiError): void {
    const { found } = this.answers[source];
    if (error.code === 'too_many_searches') return; // it is asked again soon
    const kept = error.code === 'offline' ? found : null;
    this.put(source, { asking: false, found: kept, error });
  }

  private put(source: Source, answer: Answer): void {
    const fresh = this.stale && answer.error?.code !== 'offline';
    if (fresh) {
      this.stale = false;
      for (const s of SOURCES) this.answers[s] = { ...this.answers[s], found: null };
    }
    this.answers[source] = answer;
    this.changed(fresh);
  }
}
