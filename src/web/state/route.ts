// What the page shows, kept in the location's hash so that a reload comes back to it:
// #p1, #t%253 (an id is percent-encoded), #p1?mode=ro, #p1?line=123 (a place in its history),
// #sessions, #session=12 (of agents), #session=12?view=trace&at=t45, #jobs, #job=j12, #flows,
// #flow=f3, #usage, #archive=p1?line=123&run=2026-11-21T02:03:04.567Z (of a pane that is gone).

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
  usage?: null;
  /** A pane that is gone, or a job's channel, of which `line` is shown. */
  archive?: string;
  /** Of it: the start of the daemon that had it, if that was an earlier one. */
  run?: string;
  /** Of a session: which of its views, by default the conversation. */
  view?: SessionPart;
  /** Of a session: the place, m and the id of a message, t and that of a tool call, n and a turn. */
  at?: string;
}

const SESSION_PARTS = ['timeline', 'trace', 'tokens'] as const;
export type SessionPart = (typeof SESSION_PARTS)[number];

const KINDS = ['session', 'job', 'flow', 'usage'] as const;
type Kind = (typeof KINDS)[number];
const RUN = /^[\dTZ:.-]{1,40}$/;

const ID = /^[A-Za-z0-9_.%-]{1,64}$/;

function decode(s: string): string {
  try {
    return decodeURIComponent(s);
  } catch {
    return s; // somebody typed a bare t%3
  }
}

const ONE = /^(session|job|flow|archive)=(.{1,256})$/s;
const AT = /^[mtn]\d{1,15}$/;

export function parseHash(hash: string): Route {
  const [id = '', query = ''] = hash.replace(/^#/, '').split('?', 2);
  const args = new URLSearchParams(query);
  const [, kind, one] = ONE.exec(id) ?? [];
  if (kind === 'archive' && one) return archivePlace(decode(one), args);
  if (kind && one) return { ...listOf(kind as Kind), [kind]: decode(one), ...placeOf(args) };
  for (const k of KINDS) if (id === listName(k)) return listOf(k);
  const pane = decode(id);
  const to: Route = { pane: ID.test(pane) ? pane : null, readOnly: args.get('mode') === 'ro' };
  return { ...to, ...lineOf(args) };
}

function lineOf(args: URLSearchParams): Pick<Route, 'line'> {
  const line = args.get('line') ?? '';
  return /^[1-9]\d{0,14}$/.test(line) ? { line: Number(line) } : {};
}

function archivePlace(pane: string, args: URLSearchParams): Route {
  const run = args.get('run') ?? '';
  const to: Route = { pane: null, readOnly: false };
  if (!ID.test(pane)) return to;
  return { ...to, archive: pane, ...(RUN.test(run) && { run }), ...lineOf(args) };
}

function placeOf(args: URLSearchParams): Pick<Route, 'view' | 'at'> {
  const view = SESSION_PARTS.find((v) => v === args.get('view'));
  const at = args.get('at') ?? '';
  return { ...(view && { view }), ...(AT.test(at) && { at }) };
}

const listName = (kind: Kind): string => (kind === 'usage' ? kind : `${kind}s`);

export const listOf = (kind: Kind): Route => ({ pane: null, readOnly: false, [kind]: null });

/** Whether it is a pane's, or nothing's. */
export const isPane = (route: Route): boolean =>
  route.archive === undefined && KINDS.every((k) => route[k] === undefined);

const hashOf = (kind: Kind, id: string | null): string =>
  id === null ? `#${listName(kind)}` : `#${kind}=${encodeURIComponent(id)}`;

export const sessionHash = (id: string | null): string => hashOf('session', id);
/** One of a session's views, perhaps at a place; null: the conversation. */
export const sessionRoute = (session: string, view: SessionPart | null, at?: string): Route => ({
  pane: null, readOnly: false, session, ...(view && { view }), ...(at && { at }),
});
export const jobHash = (id: string | null): string => hashOf('job', id);
export const flowHash = (id: string | null): string => hashOf('flow', id);

export function toHash(route: Route): string {
  const args = new URLSearchParams();
  for (const k of KINDS) {
    const id = route[k];
    if (id === undefined) continue;
    if (route.view) args.set('view', route.view);
    if (route.at) args.set('at', route.at);
    return withArgs(hashOf(k, id), args);
  }
  if (route.pane && route.readOnly) args.set('mode', 'ro');
  if (route.line !== undefined) args.set('line', String(route.line));
  if (route.archive !== undefined) {
    if (route.run) args.set('run', route.run);
    return withArgs(`#archive=${encodeURIComponent(route.archive)}`, args);
  }
  if (!route.pane) return '#';
  return withArgs(`#${encodeURIComponent(route.pane)}`, args);
}

function withArgs(hash: string, args: URLSearchParams): string {
  const query = args.toString();
  return query ? `${hash}?${query}` : hash;
}

export const route = new Value<Route>(parseHash(location.hash));

/** Shows it where the focus is. A step back in the browser comes back from it. */
export function go(to: Route): void {
  const hash = toHash(to);
  const here = hash === location.hash || (hash === '#' && !location.hash);
  if (!here) history.pushState(null, '', hash);
  // A new one also for the same place again: somebody has scrolled away from it.
  route.set({ ...to });
}

/** What has the focus is another thing now: no step of its own. */
export function stand(to: Route, state: unknown): void {
  history.replaceState(state, '', toHash(to));
  route.set(to);
}

window.addEventListener('hashchange', () => route.set(parseHash(location.hash)));
