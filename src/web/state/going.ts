// What goes on beside panes, as far as a person would want it at hand: jobs that run and wait and
// those that failed lately, the sessions of agents that were last at work, and flows that wait for
// an answer. Events tell of it; the lists are asked for at the start, and now and then for what no
// event tells, such as what was removed. All of it is bounded.

import type { DaemonEvent } from '../api/events';
import { getFlow, listFlows, type Flow, type Step } from '../api/flows';
import { ApiError } from '../api/http';
import { jobLives, listJobs, type Job } from '../api/jobs';
import { listSessions, type Session } from '../api/sessions';
import { isNarrow } from './access';
import { onEvent } from './events';
import { perFrame } from './frame';
import { Value } from './value';

const LIVE = 1000;
const FAILED = 6;
const SESSIONS = 64;
const RECENT = 8; // sessions that are asked for
const FLOWS = 16;
const FAILED_MS = 86_400_000;
const AGAIN_MS = 60_000;

const BAD = ['failed', 'timed_out', 'orphaned'];

/** Lists and events say different things of one; this is what both say. */
export type LiveSession = Pick<Session, 'id' | 'agent' | 'title' | 'project' | 'pane' | 'state' | 'updated'> & {
  /** The agent's own id. */
  native: string | null;
};

export interface Going {
  /** Those that live first, the newest last; then those that failed, the newest first. */
  live: Job[];
  failed: Job[];
  sessions: LiveSession[];
  flows: Flow[];
}

export const going = new Value<Going>({ live: [], failed: [], sessions: [], flows: [] });

const live = new Map<string, Job>();
const failed = new Map<string, Job>();
const sessions = new Map<number, LiveSession>();
const flows = new Map<string, Flow>();

/** The step that somebody has to answer. */
export const approvalOf = (f: Flow): Step | undefined =>
  f.steps?.find((s) => s.type === 'approval' && s.state === 'waiting');

const waits = (f: Flow): boolean => f.state === 'waiting' || approvalOf(f) !== undefined;

const at = (time: string | null): number => Date.parse(time ?? '') || 0;

const tell = perFrame(() => {
  const since = Date.now() - FAILED_MS;
  going.set({
    live: [...live.values()],
    failed: [...failed.values()].filter((j) => at(j.ended) > since),
    sessions: [...sessions.values()].sort((a, b) => at(b.updated) - at(a.updated)),
    flows: [...flows.values()],
  });
});

function trim<K, V>(map: Map<K, V>, most: number, worth: (v: V) => number): void {
  if (map.size <= most) return;
  const sorted = [...map].sort(([, a], [, b]) => worth(a) - worth(b));
  for (const [key] of sorted.slice(0, map.size - most)) map.delete(key);
}

function putJob(j: Job): void {
  live.delete(j.id);
  failed.delete(j.id);
  if (jobLives(j)) live.set(j.id, j);
  else if (BAD.includes(j.state)) failed.set(j.id, j);
  trim(live, LIVE, (x) => at(x.created));
  trim(failed, FAILED, (x) => at(x.ended));
}

function putSession(s: LiveSession): void {
  const known = sessions.get(s.id);
  if (known && at(known.updated) > at(s.updated)) return;
  sessions.set(s.id, s);
  trim(sessions, SESSIONS, (x) => at(x.updated));
}

function putFlow(f: Flow): void {
  flows.delete(f.id);
  if (waits(f)) flows.set(f.id, f);
  trim(flows, FLOWS, (x) => at(x.created));
}

const isRecord = (v: unknown): v is Record<string, unknown> => typeof v === 'object' && v !== null;
const list = (v: unknown): Record<string, unknown>[] => (Array.isArray(v) ? v.filter(isRecord) : []);
const text = (v: unknown): string | null => (typeof v === 'string' ? v : null);

/** Of an event; null for a sub-agent's. */
function sessionOf(s: unknown): LiveSession | null {
  if (!isRecord(s) || typeof s.id !== 'number' || s.sub === true) return null;
  return {
    id: s.id, agent: text(s.agent) ?? '', title: text(s.title), project: text(s.project),
    pane: text(s.pane), state: text(s.state) as Session['state'], updated: text(s.updated),
    native: text(s.agent_session),
  };
}

/** Of an event; null for what is none. */
export const jobOf = (j: unknown): Job | null =>
  isRecord(j) && typeof j.id === 'string' && Array.isArray(j.command) ? (j as unknown as Job) : null;

export const flowOf = (f: unknown): Flow | null =>
  isRecord(f) && typeof f.id === 'string' ? (f as unknown as Flow) : null;

function heard(e: DaemonEvent): void {
  const [job, session, flow] = [jobOf(e.job), sessionOf(e.session), flowOf(e.flow)];
  if (e.type === 'state' && e.topic === 'jobs') {
    live.clear();
    for (const j of list(e.jobs)) putJob(j as unknown as Job);
    void ask();
  } else if (e.type === 'state' && e.topic === 'sessions') {
    for (const s of list(e.sessions)) {
      const one = sessionOf(s);
      if (one) putSession(one);
    }
  } else if (e.topic === 'jobs' && job) putJob(job);
  else if (e.topic === 'sessions' && session) putSession(session);
  else if (e.topic === 'flows' && flow) putFlow(flow);
  else return;
  tell();
}

/** Older ones than events told of are not of interest, but those of before them are. */
async function askSessions(signal: AbortSignal): Promise<void> {
  const { data } = await listSessions({ text: '', agent: '' }, SESSIONS, 0, signal);
  const ids = new Set(data.map((s) => s.id));
  for (const id of sessions.keys()) if (!ids.has(id)) sessions.delete(id);
  let n = 0;
  for (const s of data) {
    if (s.parent !== null && !s.fork) continue;
    if (n++ < RECENT || sessions.has(s.id)) putSession({ ...s, native: text((s as { agent_session?: unknown }).agent_session) });
  }
}

async function askFailed(signal: AbortSignal): Promise<void> {
  const asked = BAD.map((state) => listJobs({ text: '', state }, FAILED, null, signal));
  const jobs = (await Promise.all(asked)).flatMap((a) => a.jobs);
  failed.clear();
  for (const j of jobs) if (!live.has(j.id)) putJob(j);
}

async function askFlows(signal: AbortSignal): Promise<void> {
  const { flows: all } = await listFlows(FLOWS, null, signal);
  const open = all.filter((f) => f.state === 'waiting' || f.state === 'running');
  const whole = await Promise.all(open.map((f) => getFlow(f.id, signal)));
  flows.clear();
  for (const f of whole) putFlow(f);
}

let timer = 0;
let asking: AbortController | null = null;

async function ask(): Promise<void> {
  if (isNarrow()) return;
  clearTimeout(timer);
  asking?.abort();
  asking = new AbortController();
  const { signal } = asking;
  try {
    await Promise.all([askSessions(signal), askFailed(signal), askFlows(signal)]);
  } catch (e) {
    if (!(e instanceof ApiError)) throw e;
    if (signal.aborted) return;
  }
  tell();
  timer = window.setTimeout(again, AGAIN_MS);
}

const again = (): void => {
  if (document.visibilityState === 'visible') void ask();
};

export function startGoing(): void {
  onEvent(heard);
  document.addEventListener('visibilitychange', again);
}
