// Which live sessions wait for a permission, by the ids of their jobs.

import { getTalk } from '../api/talks';
import { ApiError } from '../api/http';
import { onEvent } from './events';
import { Value } from './value';

const MOST = 32;
const ASKS = 'awaiting_approval';

export const asking = new Value<ReadonlySet<string>>(new Set());

function put(job: string, asks: boolean): void {
  const now = asking.get();
  if (now.has(job) === asks) return;
  const jobs = [...now].filter((id) => id !== job);
  asking.set(new Set(asks ? [...jobs, job].slice(-MOST) : jobs));
}

/** How those that run already stand; events tell the rest. */
async function look(jobs: unknown): Promise<void> {
  if (!Array.isArray(jobs)) return;
  const talks = (jobs as { id?: unknown; kind?: unknown; state?: unknown }[])
    .flatMap(({ id, kind, state }) => (kind === 'session' && state === 'running' && typeof id === 'string' ? [id] : []))
    .slice(-MOST);
  asking.set(new Set([...asking.get()].filter((id) => talks.includes(id))));
  for (const id of talks) {
    try {
      put(id, (await getTalk(id, new AbortController().signal)).phase === ASKS);
    } catch (e) {
      if (!(e instanceof ApiError)) throw e;
    }
  }
}

onEvent((e) => {
  if (e.topic !== 'jobs') return;
  const job = e.job as { id?: unknown; state?: unknown } | undefined;
  if (e.type === 'state') void look(e.jobs);
  else if (e.type === 'phase' && typeof e.id === 'string') put(e.id, e.phase === ASKS);
  else if (typeof job?.id === 'string' && job.state !== 'running') put(job.id, false);
});
