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
  latency_ms: number | null;
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

const TEXT_MAX = 6000;

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

function rows<T>(path: string, at: Place, cut: boolean, signal: AbortSignal): Promise<Page<T>> {
  const args = new URLSearchParams({ limit: String(at.limit) });
  if (at.after) args.set('cursor', String(at.after));
  else if (at.offset) args.set('offset', String(at.offset));
  if (cut) args.set('text_max', String(TEXT_MAX));
  return page(path, args, signal);
}

export const messages = (id: string, at: Place, signal: AbortSignal): Promise<Page<Message>> =>
  rows(`${sessionPath(id)}/messages`, at, true, signal);

export const traces = (id: string, at: Place, signal: AbortSignal): Promise<Page<Tool>> =>
  rows(`${sessionPath(id)}/traces`, at, true, signal);

/** A row with the whole of its texts. */
export async function whole<T extends Message | Tool>(
  id: string,
  kind: 'messages' | 'traces',
  row: number,
  signal: AbortSignal,
): Promise<T | undefined> {
  const at = { limit: 1, after: row - 1 };
  const { data } = await rows<T>(`${sessionPath(id)}/${kind}`, at, false, signal);
  return data.find((r) => r.id === row);
}
