// The part of a transcript that is in the page: where it lies in the two lists of messages and of
// tool calls, and what comes before and behind it.

import {
  messages, placeOf, traces, type Message, type Page, type Place, type Tool,
} from '../api/sessions';
import { certainEnd, certainStart, interleave, type Item } from './transcript';

const PAGE = 100;
const BEFORE = 30; // rows in front of a place that is looked for

type Kind = Item['kind'];
type Rows = [Page<Message>, Page<Tool>];
type Ask = <T>(what: (signal: AbortSignal) => Promise<T>) => Promise<T | null>;

/** Of one of the two lists. */
interface Part {
  /** Rows in front of the window. */
  before: number;
  /** The id of its last; 0 while there is none. */
  last: number;
}

const KINDS = ['message', 'tool'] as const;
const parts = (): Record<Kind, Part> => ({
  message: { before: 0, last: 0 },
  tool: { before: 0, last: 0 },
});

export interface Later {
  /** Rows that may have been there before. */
  again: Item[];
  more: Item[];
}

export class TranscriptWindow {
  private at = parts();
  /** It reaches the end that is known. */
  ended = false;

  constructor(
    private readonly session: string,
    private readonly ask: Ask,
  ) {}

  get begun(): boolean {
    return this.at.message.before > 0 || this.at.tool.before > 0;
  }

  private fetch(message: Place, tool: Place): Promise<Rows | null> {
    const none = { data: [], total: 0, next_cursor: null };
    return this.ask((signal) =>
      Promise.all([
        message.limit ? messages(this.session, message, signal) : none,
        tool.limit ? traces(this.session, tool, signal) : none,
      ]),
    );
  }

  async start(): Promise<Item[] | null> {
    const rows = await this.fetch({ limit: PAGE }, { limit: PAGE });
    return rows && this.begin(rows, { message: 0, tool: 0 });
  }

  async end(): Promise<Item[] | null> {
    const rows = await this.fetch({ limit: PAGE }, { limit: PAGE });
    if (!rows) return null;
    const skip = {
      message: Math.max(0, rows[0].total - PAGE),
      tool: Math.max(0, rows[1].total - PAGE),
    };
    return skip.message || skip.tool ? this.from(skip) : this.begin(rows, skip);
  }

  /** Around a place, as state/route.ts writes it. */
  async around(at: string): Promise<Item[] | null> {
    const place = await this.ask((signal) => placeOf(this.session, at, signal));
    if (!place) return null;
    return this.from({
      message: Math.max(0, place.messages - BEFORE),
      tool: Math.max(0, place.traces - BEFORE),
    });
  }

  private async from(skip: Record<Kind, number>): Promise<Item[] | null> {
    const rows = await this.fetch(
      { limit: PAGE, offset: skip.message },
      { limit: PAGE, offset: skip.tool },
    );
    return rows && this.begin(rows, skip);
  }

  private begin([m, t]: Rows, skip: Record<Kind, number>): Item[] {
    const list = interleave(m.data, t.data);
    const earlier = { message: skip.message > 0, tool: skip.tool > 0 };
    const later = { message: m.next_cursor !== null, tool: t.next_cursor !== null };
    const late = certainEnd(list, earlier);
    const shown = certainStart(late, later);
    const cut = list.length - late.length; // in front of what is shown
    this.at = parts();
    for (const kind of KINDS) {
      const here = shown.filter((i) => i.kind === kind);
      const before = list.slice(0, cut).filter((i) => i.kind === kind);
      this.at[kind].before = skip[kind] + before.length;
      this.at[kind].last = here.at(-1)?.row.id ?? before.at(-1)?.row.id ?? 0;
    }
    this.ended = shown.length === late.length && !later.message && !later.tool;
    return shown;
  }

  async earlier(): Promise<Item[] | null> {
    const { message, tool } = this.at;
    const place = ({ before }: Part): Place => {
      const limit = Math.min(PAGE, before);
      return { limit, offset: before - limit };
    };
    const places = [place(message), place(tool)] as const;
    const rows = await this.fetch(...places);
    if (!rows) return null;
    const more = { message: (places[0].offset ?? 0) > 0, tool: (places[1].offset ?? 0) > 0 };
    const list = certainEnd(interleave(rows[0].data, rows[1].data), more);
    for (const { kind } of list) this.at[kind].before--;
    return list;
  }

  /** `open`: the first call whose result may have come. */
  async later(open: Tool | undefined): Promise<Later | null> {
    const { message, tool } = this.at;
    const rows = await this.fetch(
      { limit: PAGE, after: Math.max(0, message.last - 1) },
      { limit: PAGE, after: open ? open.id - 1 : tool.last },
    );
    if (!rows) return null;
    const [m, t] = rows;
    const later = { message: m.next_cursor !== null, tool: t.next_cursor !== null };
    const list = interleave(
      m.data.filter((r) => r.id > message.last),
      t.data.filter((r) => r.id > tool.last),
    );
    const more = certainStart(list, later);
    this.ended = more.length === list.length && !later.message && !later.tool;
    for (const { kind, row } of more) this.at[kind].last = row.id;
    return { again: interleave(m.data, t.data), more };
  }

  /** The page has let go of rows at its start, or at its end. */
  dropped({ kind, row }: Item, atEnd: boolean): void {
    if (!atEnd) this.at[kind].before++;
    else {
      this.at[kind].last = row.id - 1;
      this.ended = false;
    }
  }
}
