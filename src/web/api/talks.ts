// Live sessions: agents that are talked to, each a job of kind "session".

import { call, foreign } from './http';
import type { Priority, Talk } from './types';

export type { Permission, Priority, Talk, Waiting } from './types';

/** Its members are those of its type: panescry-protocol(7). */
export interface TalkEvent {
  seq: number;
  type: string;
  time?: string;
  [member: string]: unknown;
}

export interface TalkEvents {
  events: TalkEvent[];
  next: number;
}

const WAIT_MS = 6000; // below what a call may take

const talkPath = (id: string): string => `api/v1/talks/${encodeURIComponent(id)}`;

export const getTalk = (id: string, signal: AbortSignal): Promise<Talk> =>
  call('GET', talkPath(id), undefined, signal);

/** Those behind a number. With `wait` the answer comes when there is one, or after some seconds. */
export async function talkEvents(
  id: string,
  after: number,
  wait: boolean,
  signal: AbortSignal,
): Promise<TalkEvents> {
  const path = `${talkPath(id)}/events?after=${after}&wait_ms=${wait ? WAIT_MS : 0}`;
  const answer = await call<TalkEvents | null>('GET', path, undefined, signal);
  if (!answer || !Array.isArray(answer.events) || typeof answer.next !== 'number') {
    throw foreign();
  }
  return answer;
}

export const say = (id: string, text: string, priority: Priority): Promise<unknown> =>
  call('POST', `${talkPath(id)}/messages`, { text, priority });
export const interrupt = (id: string): Promise<unknown> => call('POST', `${talkPath(id)}/interrupt`, {});
export const endTalk = (id: string): Promise<unknown> => call('POST', `${talkPath(id)}/end`, {});

export function answer(id: string, permission: string, allow: boolean, message: string): Promise<unknown> {
  const path = `${talkPath(id)}/permissions/${encodeURIComponent(permission)}`;
  return call('POST', path, message ? { allow, message } : { allow });
}
