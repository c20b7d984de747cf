// The page's one connection for what happens to all: panes, watches, jobs, sessions, flows and
// collisions. Who needs a topic of one session or job opens an Events of its own.

import { Events, type DaemonEvent } from '../api/events';
import { Value } from './value';

const TOPICS = ['panes', 'watches', 'jobs', 'sessions', 'flows', 'collisions'];

type Listener = (event: DaemonEvent) => void;

const listeners = new Set<Listener>();

/** Whether events come; lists are asked for less often then. */
export const eventsUp = new Value(false);

let events: Events | null = null;
let narrow = false;

/**
 * Called with each answer that says what the token is for. `one`: one pane alone, of which a single
 * topic tells. Where events were refused and the daemon answers again, they are asked for again.
 */
export function followEvents(one: boolean): void {
  if (events && narrow === one) {
    events.readmit();
    return;
  }
  events?.close();
  narrow = one;
  events = new Events(
    one ? ['panes'] : TOPICS,
    (event) => {
      for (const listener of [...listeners]) listener(event);
    },
    (up) => eventsUp.set(up),
  );
}

/** `reset` and `state` are events, too. Until the returned function is called. */
export function onEvent(listener: Listener): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}
