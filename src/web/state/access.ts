// Whether this browser's token may change anything: what would be refused is not offered. Until the
// daemon has said it, it may. Of a page that may not, elements of the class "changes" are hidden.

import { call } from '../api/http';
import { eventsUp } from './events';
import { Value } from './value';

export const mayChange = new Value(true);

async function look(): Promise<void> {
  try {
    const { access } = await call<{ access?: string }>('GET', 'api/v1/info');
    mayChange.set(access !== 'read_only');
  } catch {
    // it is asked for again when there is a connection again
  }
}

export function startAccess(): void {
  mayChange.watch((may) => document.documentElement.toggleAttribute('data-reader', !may));
  eventsUp.watch((up) => {
    if (up) void look();
  });
}
