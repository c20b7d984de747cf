// Sessions of agents: the list, and what was said and done in one of them.

import { ApiError, call } from './http';

export type SessionState = 'working' | 'waiting_input' | 'waiting_permission' | 'done' | 'failed';

/** Tokens and cost; null is not known. */
export interface Usage {
  input_tokens: number | null;
  cache_read_tokens: number | null;
  cache_write_5m_tokens: number | null;
  cache_write_1h_tokens: number | null;
  output_tokens: number | null;
  reasoning_tokens: number | null;
  cost_usd: number | null;
  cost_source: 'computed' | 'stated' | 'mixed' | 'unknown';
}

export interface Session {
  id: number;
  agent: string;
  parent: number | null;
  fork: boolean;
  /** What the agent calls it, else the first prompt. */
  title: string | null;
  /** A directory. */
  project: string | null;
  pane: string | null;
  model: string | null;
  branch: string | null;
  state: SessionState | null;
  updated: string | null;
  turns: number;
  messages: number;
  tool_calls: number;
  /** Of one session, not in the list. */
  usage?: Usage;
}

/** Texts of rows are cut; the lengths (bytes of UTF-8) are there where they were. */
export interface Message {
  id: number;
  /** The agent's own id of it; several rows are parts of one. */
  message: string | null;
  part?: number;
  turn: number | null;
  role: 'user' | 'assistant' | 'thinking' | 'system' | null;
  /** On an abandoned branch, or said to the model alone. */
  hidden: boolean;
  time: string | null;
  text: string | null;
  text_bytes?: number;
}

export interface Tool {
  id: number;
  /** The agent's own id of it. */
  call?: string | null;
  /** The message that asked for it. */
  message: string | null;
  turn: number | null;
  name: string | null;
  input: string | null;
  input_bytes?: number;
  output: string | null;
  output_bytes?: number;
  outcome: 'unknown' | 'ok' | 'failed' | 'interrupted' | 'denied' | null;
  started: string | null;
  finished?: string | null;
  latency_ms: number | null;
}

export type Outcome = Exclude<Tool['outcome'], null>;

export interface Turn extends Usage {
  turn: number;
  started: string | null;
  ended: string | null;
  duration_ms: number | null;
  prompt: string | null;
  outcome: Outcome | null;
  error: string | null;
  tools: number;
  tools_failed: number;
  model: string | null;
  cache_hit_rate: number | null;
  pane: string | null;
  /** Of the pane, at that time. */
  first_line: number | null;
  last_line: number | null;
}

export interface Latencies {
  calls: number;
  failed: number;
  median_ms: number | null;
  p95_ms: number | null;
  max_ms: number | null;
  total_ms: number | null;
}

export interface ToolStats {
  tools: (Latencies & { name: string | null })[];
  all: Latencies;
}

/** Tool calls that are wanted; '' and 0 are any. */
export interface TraceFilter {
  tool: string;
  text: string;
  failed: boolean;
  min_ms: number;
}

export interface Page<T> {
  data: T[];
  total: number;
  next_cursor: number | null;
}

/** `after` is the id of a row; `offset` counts rows. */
export interface Place {
  limit: number;
  after?: number;
  offset?: number;
}

export const TEXT_MAX = 6000; // bytes of a text, of which all can be asked for

async function page<T>(path: string, args: URLSearchParams, signal: AbortSignal): Promise<Page<T>> {
  const answer = await call<Page<T> | null>('GET', `${path}?${args}`, undefined, signal);
  if (!answer || !Array.isArray(answer.data) || typeof answer.total !== 'number') {
    throw new ApiError(0, 'offline', 'Something else answers in place of the daemon.');
  }
  return answer;
}

export function listSessions(
  filter: { text: string; agent: string },
  limit: number,
  offset: number,
  signal: AbortSignal,
): Promise<Page<Session>> {
  const args = new URLSearchParams({ limit: String(limit), offset: String(offset) });
  if (filter.text) args.set('text', filter.text);
  if (filter.agent) args.set('agent', filter.agent);
  return page('api/v1/sessions', args, signal);
}

const sessionPath = (id: string): string => `api/v1/sessions/${encodeURIComponent(id)}`;

export const getSession = (id: string, signal: AbortSignal): Promise<Session> =>
  call('GET', sessionPath(id), undefined, signal);

function rows<T>(path: string, at: Place, max: number | undefined, signal: AbortSignal): Promise<Page<T>> {
  const args = new URLSearchParams({ limit: String(at.limit) });
  if (at.after) args.set('cursor', String(at.after));
  else if (at.offset) args.set('offset', String(at.offset));
  if (max !== undefined) args.set('text_max', String(max));
  return page(path, args, signal);
}

export const messages = (id: string, at: Place, signal: AbortSignal): Promise<Page<Message>> =>
  rows(`${sessionPath(id)}/messages`, at, TEXT_MAX, signal);

export const traces = (id: string, at: Place, signal: AbortSignal): Promise<Page<Tool>> =>
  rows(`${sessionPath(id)}/traces`, at, TEXT_MAX, signal);

const BRIEF_MAX = 400; // bytes of a text of which the beginning is shown

export function tracesLike(
  id: string,
  filter: TraceFilter,
  at: Place,
  signal: AbortSignal,
): Promise<Page<Tool>> {
  const args = new URLSearchParams({
    limit: String(at.limit), offset: String(at.offset ?? 0), text_max: String(BRIEF_MAX),
  });
  if (filter.tool) args.set('tool', filter.tool);
  if (filter.text) args.set('q', filter.text);
  if (filter.failed) args.set('outcome', 'failed,interrupted,denied');
  if (filter.min_ms) args.set('min_ms', String(filter.min_ms));
  return page(`${sessionPath(id)}/traces`, args, signal);
}

export const toolStats = (id: string, signal: AbortSignal): Promise<ToolStats> =>
  call('GET', `${sessionPath(id)}/traces/stats`, undefined, signal);

/** How many rows of each list come before a place (state/route.ts says how it is written). */
export const placeOf = (
  id: string,
  at: string,
  signal: AbortSignal,
): Promise<{ turn: number | null; messages: number; traces: number }> =>
  call('GET', `${sessionPath(id)}/place?${new URLSearchParams({ at })}`, undefined, signal);

/** Turns, behind that one. */
export function timeline(
  id: string,
  after: number,
  limit: number,
  signal: AbortSignal,
): Promise<Page<Turn>> {
  const args = new URLSearchParams({
    limit: String(limit), cursor: String(after), text_max: String(BRIEF_MAX),
  });
  return page(`${sessionPath(id)}/timeline`, args, signal);
}

export const subAgents = (id: string, signal: AbortSignal): Promise<Page<Session>> =>
  page('api/v1/sessions', new URLSearchParams({ parent: id, limit: '50' }), signal);

/** A row with the whole of its texts, or no more of each than so many bytes. */
export async function whole<T extends Message | Tool>(
  id: string,
  kind: 'messages' | 'traces',
  row: number,
  signal: AbortSignal,
  max?: number,
): Promise<T | undefined> {
  const at = { limit: 1, after: row - 1 };
  const { data } = await rows<T>(`${sessionPath(id)}/${kind}`, at, max, signal);
  return data.find((r) => r.id === row);
}
