// All turns of one session, without the ends of long prompts: what its timeline and its charts are
// made of. The first time all of them are fetched, then those from the last on, which may have grown.

import { timeline, type Page, type Turn } from '../api/sessions';
import { Value } from './value';

const PAGE = 200;
const MOST = 20_000;

export interface TurnList {
  turns: readonly Turn[];
  total: number;
  /** Of all that are there, or as many as are kept. */
  whole: boolean;
}

type Ask = <T>(what: (signal: AbortSignal) => Promise<T>) => Promise<T | null>;

export class Turns {
  readonly list = new Value<TurnList>({ turns: [], total: 0, whole: false });
  private busy: Promise<void> | null = null;

  constructor(
    private readonly session: string,
    private readonly ask: Ask,
  ) {}

  refresh(): Promise<void> {
    this.busy ??= this.load().finally(() => (this.busy = null));
    return this.busy;
  }

  get(turn: number | null): Turn | undefined {
    const { turns } = this.list.get();
    const near = turns[(turn ?? 0) - 1]; // they are numbered from 1 on
    return near?.turn === turn ? near : turns.find((t) => t.turn === turn);
  }

  private async load(): Promise<void> {
    for (;;) {
      const { turns } = this.list.get();
      const kept = turns.slice(0, -1);
      const after = kept.at(-1)?.turn ?? 0;
      const got: Page<Turn> | null = await this.ask((signal) =>
        timeline(this.session, after, PAGE, signal),
      );
      if (!got) return;
      const { data, total, next_cursor: next } = got;
      const all = [...kept, ...data].slice(0, MOST);
      const whole = next === null || all.length >= MOST;
      const changed = JSON.stringify(data) !== JSON.stringify(turns.slice(-1));
      if (changed || !this.list.get().whole) this.list.set({ turns: all, total, whole });
      if (whole) return;
    }
  }
}
