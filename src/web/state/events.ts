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

export function startEvents(): void {
  events ??= new Events(
    TOPICS,
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
