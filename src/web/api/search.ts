// Searching what panes have printed, what the archive has of it, what agents said and did, and what
// jobs wrote. Each of these is asked for by itself: they take different times.

import { call, foreign, panePath } from './http';

export const SOURCES = ['panes', 'archive', 'sessions', 'jobs'] as const;
export type Source = (typeof SOURCES)[number];

/** Of a regular expression in general: smart is without case unless there is a capital. */
export type Case = 'smart' | 'ignore' | 'match';

export interface Query {
  pattern: string;
  regex: boolean;
  word: boolean;
  case: Case;
  /** The one pane that may be asked; null: everything may. */
  only: string | null;
  /** A glob over ids and names; '' for all panes. */
  pane: string;
  /** A moment or an age, as the daemon reads them; '' for any. */
  since: string;
}

export const LIMIT_MAX = 10_000;

export interface Match {
  source: Source;
  /** Of a line, or of a place in a session. */
  key: string;
  /** What it belongs to: a pane, a session or a job. */
  group: string;
  /** Of lines; a channel of a job is one, too. */
  pane: string | null;
  /** Start of the daemon that had the pane, if that was an earlier one. */
  run?: string;
  line: number;
  time: string;
  content: string;
  /** Bytes of content's UTF-8. */
  spans: [number, number][];
  said?: Said;
}

/** Where in a session. */
export interface Said {
  session: number;
  agent: string;
  role: string;
  tool: string | null;
  /** Of the message, or with a tool of its call. */
  id: number;
  field: string;
}

export interface Found {
  matches: Match[];
  total: number;
  truncated: boolean;
  partial: boolean;
  elapsed_us: number;
}

const ASKED: Record<Source, Record<string, string>> = {
  panes: { source: 'ring' },
  archive: { source: 'past' },
  sessions: { source: 'sessions' },
  jobs: { jobs: '1' },
};

/** Whether there can be anything in a source: the globs of panes mean no jobs unless they say so. */
export const canHave = (source: Source, { pane, only }: Query): boolean =>
  only !== null ? source === 'panes' : source !== 'jobs' || !pane || /^j\d/.test(pane);

export async function search(
  query: Query,
  source: Source,
  limit: number,
  signal: AbortSignal,
): Promise<Found> {
  const args = new URLSearchParams({
    pattern: query.pattern,
    limit: String(limit),
    order: 'newest',
    ...ASKED[source],
  });
  if (!query.regex) args.set('fixed', '1');
  if (query.word) args.set('word', '1');
  if (query.case !== 'match') args.set(query.case === 'smart' ? 'smart' : 'icase', '1');
  if (query.pane) args.set('pane', query.pane);
  if (query.since) args.set('since', query.since);
  const at = query.only !== null ? `${panePath(query.only)}/search` : 'api/v1/search';
  const answer = await call<Answer | null>('GET', `${at}?${args}`, undefined, signal);
  if (!answer || !Array.isArray(answer.matches)) {
    throw foreign();
  }
  const { total, truncated, partial, elapsed_us } = answer;
  const read = source === 'sessions' ? saidMatch : (m: Raw): Match | null => lineMatch(m, source);
  return { matches: answer.matches.flatMap((m) => read(m) ?? []), total, truncated, partial, elapsed_us };
}

interface Answer extends Omit<Found, 'matches'> {
  matches: Raw[];
}

type Raw = Record<string, unknown>;

const str = (v: unknown): string => (typeof v === 'string' ? v : '');
const num = (v: unknown): number => (typeof v === 'number' ? v : 0);

function common(m: Raw): Pick<Match, 'line' | 'time' | 'content' | 'spans'> {
  const spans = Array.isArray(m.spans) ? (m.spans as [number, number][]) : [];
  return { line: num(m.line), time: str(m.time), content: str(m.content), spans };
}

function lineMatch(m: Raw, asked: Source): Match | null {
  const pane = str(m.pane);
  const run = str(m.run);
  if (!pane) return null;
  const job = asked === 'jobs' ? pane.split('.')[0] : undefined;
  // What tmux was asked for belongs to panes that are there.
  const source = asked === 'archive' && m.source === 'capture' ? 'panes' : asked;
  const all = common(m);
  return {
    ...all,
    source,
    key: `${run}/${pane}:${all.line}`,
    group: job ? `job ${job}` : `pane ${run}/${pane}`,
    pane,
    ...(run && { run }),
  };
}

function saidMatch(m: Raw): Match | null {
  const session = num(m.session);
  const id = num(m.message);
  if (!session || !id) return null;
  const all = common(m);
  const tool = m.role === 'tool' ? str(m.tool) : null;
  const field = str(m.field);
  return {
    ...all,
    source: 'sessions',
    key: `s${session}/${tool === null ? 'm' : 't'}${id}/${field}:${all.line}`,
    group: `session ${session}`,
    pane: null,
    said: { session, agent: str(m.agent), role: str(m.role), tool, id, field },
  };
}
