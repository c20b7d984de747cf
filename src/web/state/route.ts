// What the page shows, kept in the location's hash so that a reload comes back to it:
// #p1, #t%253 (an id is percent-encoded), #p1?mode=ro, #p1?line=123 (a place in its history),
// #sessions, #session=12 (of agents), #jobs, #job=j12, #flows, #flow=f3.

import { Value } from './value';

export interface Route {
  pane: string | null;
  readOnly: boolean;
  /** A line of the pane's history; without one, the live terminal. */
  line?: number;
  /** One of these in place of a pane, by its id; null: the list of them. */
  session?: string | null;
  job?: string | null;
  flow?: string | null;
}

const KINDS = ['session', 'job', 'flow'] as const;
type Kind = (typeof KINDS)[number];

const ID = /^[A-Za-z0-9_.%-]{1,64}$/;

function decode(s: string): string {
  try {
    return decodeURIComponent(s);
  } catch {
    return s; // somebody typed a bare t%3
  }
}

const ONE = /^(session|job|flow)=(.{1,256})$/s;

export function parseHash(hash: string): Route {
  const text = hash.replace(/^#/, '');
  const [, kind, one] = ONE.exec(text) ?? [];
  if (kind && one) return { pane: null, readOnly: false, [kind]: decode(one) };
  for (const k of KINDS) if (text === `${k}s`) return listOf(k);
  const [id = '', query = ''] = text.split('?', 2);
  const pane = decode(id);
  const args = new URLSearchParams(query);
  const to: Route = { pane: ID.test(pane) ? pane : null, readOnly: args.get('mode') === 'ro' };
  const line = args.get('line') ?? '';
  if (/^[1-9]\d{0,14}$/.test(line)) to.line = Number(line);
  return to;
}

export const listOf = (kind: Kind): Route => ({ pane: null, readOnly: false, [kind]: null });

/** Whether it is a pane's, or nothing's. */
export const isPane = (route: Route): boolean => KINDS.every((k) => route[k] === undefined);

const hashOf = (kind: Kind, id: string | null): string =>
  id === null ? `#${kind}s` : `#${kind}=${encodeURIComponent(id)}`;

export const sessionHash = (id: string | null): string => hashOf('session', id);
export const jobHash = (id: string | null): string => hashOf('job', id);
export const flowHash = (id: string | null): string => hashOf('flow', id);

export function toHash(route: Route): string {
  for (const k of KINDS) {
    const id = route[k];
    if (id !== undefined) return hashOf(k, id);
  }
  if (!route.pane) return '#';
  const args = new URLSearchParams();
  if (route.readOnly) args.set('mode', 'ro');
  if (route.line !== undefined) args.set('line', String(route.line));
  const query = args.toString();
  return `#${encodeURIComponent(route.pane)}${query && `?${query}`}`;
}

export const route = new Value<Route>(parseHash(location.hash));

export function go(to: Route): void {
  const hash = toHash(to);
  // The same place again: somebody has scrolled away from it.
  if (hash === location.hash) route.set({ ...to });
  else location.hash = hash;
}

window.addEventListener('hashchange', () => route.set(parseHash(location.hash)));
