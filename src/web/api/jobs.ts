// Jobs: commands that the daemon runs without a terminal, and what they wrote.

import { ApiError, call, unanswered, url } from './http';
import type { Usage } from './sessions';

export const JOB_STATES = [
  'queued', 'running', 'completed', 'failed', 'cancelled', 'timed_out', 'orphaned',
] as const;
export type JobState = (typeof JOB_STATES)[number];

export interface Channel {
  channel: number;
  name: string | null;
  state: 'proposed' | 'streaming' | 'resolved' | 'failed' | 'cancelled';
  bytes: number;
  reason?: string | null;
}

/** One run of the command; a job that is tried again has several. */
export interface Try {
  n: number;
  started: string | null;
  ended: string | null;
  exit_status: number | null;
  reason: string | null;
  /** Until the next one. */
  retry_s: number | null;
}

export interface Job {
  id: string;
  kind: 'command' | 'session' | 'stream';
  state: JobState;
  command: string[];
  cwd: string | null;
  name: string | null;
  agent: string | null;
  model: string | null;
  prompt: string | null;
  pane: string | null;
  /** The agent's own id of it. */
  session: string | null;
  flow: string | null;
  step: string | null;
  pty: boolean;
  pid: number | null;
  created: string | null;
  started: string | null;
  ended: string | null;
  exit_status: number | null;
  error: string | null;
  /** In lists how many. */
  tries: number | Try[];
  channels: Channel[];
  usage: Usage | null;
}

export interface JobFilter {
  text: string;
  state: string;
}

export interface Jobs {
  jobs: Job[];
  total: number;
  next_cursor: string | null;
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
    throw new ApiError(0, 'offline', 'Something else answers in place of the daemon.');
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
