// Sessions of agents: the list, and what was said and done in one of them.

import { call, foreign } from './http';
import type { Message, Place as RowPlace, Session, Tool, ToolStats, Turn } from './types';

export type { Message, Outcome, Session, SessionState, Tool, ToolLatencies as Latencies, ToolStats, Turn, Usage } from './types';

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
    throw foreign();
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
): Promise<RowPlace> =>
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
