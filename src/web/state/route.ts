// What the page shows, kept in the location's hash so that a reload comes back to it:
// #p1, #t%253 (an id is percent-encoded), #p1?mode=ro.

import { Value } from './value';

export interface Route {
  pane: string | null;
  readOnly: boolean;
}

const ID = /^[A-Za-z0-9_.%-]{1,64}$/;

function decode(s: string): string {
  try {
    return decodeURIComponent(s);
  } catch {
    return s; // somebody typed a bare t%3
  }
}

export function parseHash(hash: string): Route {
  const [id = '', query = ''] = hash.replace(/^#/, '').split('?', 2);
  const pane = decode(id);
  return {
    pane: ID.test(pane) ? pane : null,
    readOnly: new URLSearchParams(query).get('mode') === 'ro',
  };
}

export function toHash(route: Route): string {
  if (!route.pane) return '#';
  return `#${encodeURIComponent(route.pane)}${route.readOnly ? '?mode=ro' : ''}`;
}

export const route = new Value<Route>(parseHash(location.hash));

export function go(to: Route): void {
  location.hash = toHash(to);
}

window.addEventListener('hashchange', () => route.set(parseHash(location.hash)));
