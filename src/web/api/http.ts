// The daemon's JSON API, as far as the page uses it. Addresses are relative to the page, so
// that a reverse proxy may put it below a prefix.

import type { Info, Pane, Panes } from './types';

export type { Alarm, Info, Pane, PaneAgent as Agent, Panes as Listing } from './types';

/**
 * What the daemon refused; with status 0, 'offline' when it was not reached, and 'aborted' when
 * whoever asked did not want the answer any more.
 */
export class ApiError extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    message: string,
    /** What else the answer says. */
    readonly details: Record<string, unknown> = {},
  ) {
    super(message);
  }
}

const TIMEOUT_MS = 10_000;

/** Where the daemon's paths begin: the page of one pane is two steps below. */
const ROOT = 'one' in document.documentElement.dataset ? '../../' : './';

/** Whether it is the page of `panescry serve --ttyd`. */
export const isTtyd = 'ttyd' in document.documentElement.dataset;

/** The pane that this page is for, '' for one that has no name here; null: it is for all of them. */
export function ownPane(): string | null {
  if (isTtyd) return '';
  if (ROOT === './') return null;
  return decodeURIComponent(new URL(document.baseURI).pathname.split('/').at(-2) ?? '');
}

export function url(path: string): URL {
  const base = new URL(ROOT, document.baseURI);
  base.search = '';
  base.hash = '';
  return new URL(path, base);
}

/** Aborted by the caller or when the time is over; older browsers cannot combine the two. */
function within(signal: AbortSignal | undefined): AbortSignal {
  const late = AbortSignal.timeout(TIMEOUT_MS);
  if (!signal) return late;
  return 'any' in AbortSignal ? AbortSignal.any([signal, late]) : signal;
}

export async function call<T>(
  method: string,
  path: string,
  body?: unknown,
  signal?: AbortSignal,
): Promise<T> {
  const init: RequestInit = {
    method,
    cache: 'no-store',
    credentials: 'same-origin',
    signal: within(signal),
  };
  if (body !== undefined) {
    init.headers = { 'Content-Type': 'application/json' };
    init.body = JSON.stringify(body);
  }
  let response: Response;
  try {
    response = await fetch(url(path), init);
  } catch {
    throw unanswered(signal);
  }
  // A login proxy in front answers with a page of its own, not with JSON.
  const json: unknown = await response.json().catch(() => null);
  if (signal?.aborted) throw unanswered(signal);
  if (!response.ok) {
    const e = (json ?? {}) as Record<string, unknown>;
    const code = typeof e.error === 'string' ? e.error : `http_${response.status}`;
    const message = typeof e.message === 'string' ? e.message : `HTTP ${response.status}`;
    throw new ApiError(response.status, code, message, e);
  }
  if (response.status !== 204 && !isObject(json)) throw foreign();
  return json as T;
}

const isObject = (v: unknown): boolean => typeof v === 'object' && v !== null && !Array.isArray(v);

/** Each answer of the daemon's with a body is an object: this one is somebody else's. */
export const foreign = (): ApiError =>
  new ApiError(0, 'offline', 'Something else answers in place of the daemon.');

export function unanswered(signal: AbortSignal | undefined): ApiError {
  if (signal?.aborted) return new ApiError(0, 'aborted', 'Not wanted any more.');
  return new ApiError(0, 'offline', 'The daemon does not answer.');
}

export const panePath = (id: string): string => `api/v1/panes/${encodeURIComponent(id)}`;

export async function listPanes(): Promise<Panes> {
  const answer = await call<Partial<Panes> | null>('GET', 'api/v1/panes');
  if (!answer || !Array.isArray(answer.panes)) {
    throw foreign();
  }
  const { panes, alarms, access, only } = answer;
  return {
    panes,
    alarms: Array.isArray(alarms) ? alarms : [],
    access: access === 'read_only' ? access : 'read_write',
    only: typeof only === 'string' ? only : null,
  };
}

export interface NewPane {
  command?: string[];
  cols?: number;
  rows?: number;
}

export const getInfo = (): Promise<Info> => call('GET', 'api/v1/info');
export const getPane = (id: string): Promise<Pane> => call('GET', panePath(id));
export const newPane = (pane: NewPane): Promise<Pane> => call('POST', 'api/v1/panes', pane);
export const killPane = (id: string): Promise<unknown> => call('DELETE', panePath(id));
export const resizePane = (id: string, cols: number, rows: number): Promise<unknown> =>
  call('POST', `${panePath(id)}/resize`, { cols, rows });
