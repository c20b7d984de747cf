// What the page shows, kept in the location's hash so that a reload comes back to it:
// #p1, #t%253 (an id is percent-encoded), #p1?mode=ro, #p1?line=123 (a place in its history),
// #sessions, #session=12 (of agents).

import { Value } from './value';

export interface Route {
  pane: string | null;
  readOnly: boolean;
  /** A line of the pane's history; without one, the live terminal. */
  line?: number;
  /** A session of an agent in place of a pane, by its id; null: the list of them. */
  session?: string | null;
}

const ID = /^[A-Za-z0-9_.%-]{1,64}$/;

function decode(s: string): string {
  try {
    return decodeURIComponent(s);
  } catch {
    return s; // somebody typed a bare t%3
  }
}

const SESSION = /^session=(.{1,256})$/s;

export function parseHash(hash: string): Route {
  const session = SESSION.exec(hash.replace(/^#/, ''))?.[1];
  if (session) return { pane: null, readOnly: false, session: decode(session) };
  if (hash === '#sessions') return { pane: null, readOnly: false, session: null };
  const [id = '', query = ''] = hash.replace(/^#/, '').split('?', 2);
  const pane = decode(id);
  const args = new URLSearchParams(query);
  const to: Route = { pane: ID.test(pane) ? pane : null, readOnly: args.get('mode') === 'ro' };
  const line = args.get('line') ?? '';
  if (/^[1-9]\d{0,14}$/.test(line)) to.line = Number(line);
  return to;
}

export const sessionHash = (id: string | null): string =>
  id === null ? '#sessions' : `#session=${encodeURIComponent(id)}`;

export function toHash(route: Route): string {
  if (route.session !== undefined) return sessionHash(route.session);
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
