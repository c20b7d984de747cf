// Jobs: commands that the daemon runs without a terminal, and what they wrote.

import { ApiError, call, foreign, unanswered, url } from './http';
import type { Job, Jobs, JobState } from './types';

export const JOB_STATES = [
  'queued', 'running', 'completed', 'failed', 'cancelled', 'timed_out', 'orphaned',
] as const satisfies readonly JobState[];

export type { Channel, Job, Jobs, JobState, Try } from './types';

export interface JobFilter {
  text: string;
  state: string;
}

export const jobLives = (j: Job): boolean => j.state === 'running' || j.state === 'queued';

const jobPath = (id: string): string => `api/v1/jobs/${encodeURIComponent(id)}`;

export async function listJobs(
  filter: JobFilter,
  limit: number,
  before: string | null,
  signal: AbortSignal,
): Promise<Jobs> {
  const args = new URLSearchParams({ limit: String(limit) });
  if (filter.text) args.set('q', filter.text);
  if (filter.state) args.set('state', filter.state);
  if (before) args.set('before', before);
  const answer = await call<Jobs | null>('GET', `api/v1/jobs?${args}`, undefined, signal);
  if (!answer || !Array.isArray(answer.jobs)) {
    throw foreign();
  }
  return answer;
}

export const getJob = (id: string, signal: AbortSignal): Promise<Job> =>
  call('GET', jobPath(id), undefined, signal);

/** Jobs and flows that the person cancelled in this page: that they end is no news. */
export const cancelledHere = new Set<string>();

export function cancelJob(id: string): Promise<Job> {
  cancelledHere.add(id);
  return call('POST', `${jobPath(id)}/cancel`, {});
}
export const retryJob = (id: string): Promise<Job> => call('POST', `${jobPath(id)}/retry`, {});
export const removeJob = (id: string): Promise<unknown> => call('DELETE', jobPath(id));

/** What a channel wrote from `offset` on, at most `limit` bytes. */
export async function readChannel(
  id: string,
  channel: number,
  offset: number,
  limit: number,
  signal: AbortSignal,
): Promise<Uint8Array> {
  const args = new URLSearchParams({ offset: String(offset), limit: String(limit) });
  let response: Response;
  try {
    response = await fetch(url(`${jobPath(id)}/channels/${channel}?${args}`), {
      cache: 'no-store',
      credentials: 'same-origin',
      signal,
    });
    if (response.ok) return new Uint8Array(await response.arrayBuffer());
  } catch {
    throw unanswered(signal);
  }
  throw new ApiError(response.status, `http_${response.status}`, `HTTP ${response.status}`);
}
