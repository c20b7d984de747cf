// Sessions of agents: the list, and what was said and done in one of them.

import { call, foreign } from './http';
import type { Message, Session, Tool } from './types';

export type { Message, Session, SessionState, Tool, Usage } from './types';

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
