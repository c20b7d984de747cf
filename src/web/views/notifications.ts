// What a person is told of without having looked: an agent in a pane begins to wait, a watch fires, a
// job or a flow ends, a flow wants an answer.

import type { DaemonEvent } from '../api/events';
import type { Flow } from '../api/flows';
import type { Agent, Pane } from '../api/http';
import { cancelledHere, jobLives, type Job } from '../api/jobs';
import { lasted } from '../parts/ago';
import { tame } from '../parts/dom';
import { notice } from '../parts/notice';
import { askToNotify, chime, mayNotify, notify, unnotify } from '../parts/notify';
import { asking } from '../state/asking';
import { addCommands } from '../state/commands';
import { onEvent } from '../state/events';
import { approvalOf, flowOf, going, jobOf } from '../state/going';
import { Notices, notices, read, type News, type Notice } from '../state/notices';
import { paneList } from '../state/panes';
import { flowHash, go, jobHash, parseHash, route, toHash } from '../state/route';
import { isShown } from '../state/seen';
import { change, settings } from '../state/settings';
import { paneLabel } from './bar';
import { flowTitle } from './flows';
import { jobTitle } from './jobs';

const ENDS: Record<string, string> = {
  completed: 'completed', failed: 'failed', cancelled: 'cancelled', timed_out: 'timed out', orphaned: 'lost',
};

const waits = (a: Agent | null | undefined): boolean =>
  a?.state === 'waiting_input' || a?.state === 'waiting_permission';

const bare = (hash: string): string => hash.split('?', 1)[0] ?? '';

/** It is before the eyes of somebody who works in this window. */
function isSeen(n: News): boolean {
  if (document.visibilityState !== 'visible' || !document.hasFocus()) return false;
  if (n.pane !== undefined && isShown(n.pane)) return true;
  return bare(toHash(route.get())) === bare(n.to) && !n.tag.startsWith('many:');
}

/** Goes there, which is looking at it. */
export function follow(n: Notice): void {
  read((one) => one.id === n.id);
  go(parseHash(n.to));
}

function told(n: Notice): void {
  if (!n.unread) return;
  notify(n.tag, n.title, n.text, () => follow(n));
  chime();
}

const all = new Notices(isSeen, told);

const agents = new Map<string, string>(); // the state of each pane's, as last heard

function paneOf(id: string): Pane | undefined {
  return paneList.get().panes.find((p) => p.id === id);
}

function agentIs(pane: string, agent: Agent | null, news: boolean): void {
  const state = agent ? agent.state : '';
  const before = agents.get(pane);
  agents.set(pane, state);
  if (state === before) return;
  const tag = `pane:${pane}`;
  if (!agent || !waits(agent)) {
    all.over(tag);
  } else if (news) {
    const of = paneOf(pane);
    const what = agent.state === 'waiting_permission' ? 'waits for permission' : 'waits for input';
    all.add({
      kind: 'wait', tag, title: `${tame(agent.agent, 20)} ${what}`,
      text: [of ? paneLabel(of) : pane, tame(agent.title ?? '')].filter(Boolean).join(': '),
      to: toHash({ pane, readOnly: false }), pane,
    });
  }
}

/** Of all panes; what was not known before is no news. */
function agentsAre(panes: Pane[]): void {
  const ids = new Set(panes.map((p) => p.id));
  for (const id of agents.keys()) {
    if (ids.has(id)) continue;
    agents.delete(id);
    all.over(`pane:${id}`);
  }
  for (const p of panes) agentIs(p.id, p.agent, agents.has(p.id));
}

const ended = new Set<string>(); // jobs that were told of: what is written of them later is no news
const ENDED = 1000;

function jobIs(job: Job): void {
  const tag = `job:${job.id}`;
  if (jobLives(job)) {
    ended.delete(job.id);
    return all.over(tag);
  }
  if (ended.has(job.id)) return;
  ended.add(job.id);
  const [oldest] = ended;
  if (ended.size > ENDED && oldest !== undefined) ended.delete(oldest);
  // A step's end is the flow's affair.
  if (job.flow !== null || cancelledHere.delete(job.id)) return;
  const status = job.state === 'failed' && job.exit_status !== null ? `, status ${job.exit_status}` : '';
  const title = `${jobTitle(job)}: ${ENDS[job.state] ?? job.state}${status}`;
  all.add({ kind: 'job', tag, title, text: [job.id, lasted(job.started, job.ended)].filter(Boolean).join(' · '), to: jobHash(job.id) });
}

function asks(id: string): void {
  const job = going.get().live.find((j) => j.id === id);
  const title = `${job?.agent ? tame(job.agent, 20) : 'A live session'} waits for permission`;
  all.add({ kind: 'wait', tag: `asks:${id}`, title, text: job ? jobTitle(job) : id, to: jobHash(id) });
}

const flows = new Map<string, string>(); // what each that goes on was last seen to do
const FLOWS = 1000;

function flowIs(flow: Flow): void {
  const tag = `flow:${flow.id}`;
  const step = approvalOf(flow);
  const now = step ? `asks ${step.name}` : flow.state;
  const before = flows.get(flow.id);
  if (now === before) return;
  flows.delete(flow.id);
  flows.set(flow.id, now);
  const [oldest] = flows.keys();
  if (flows.size > FLOWS && oldest !== undefined) flows.delete(oldest);
  const to = flowHash(flow.id);
  if (step) {
    const text = tame(step.message ?? '', 200);
    all.add({ kind: 'flow', tag, title: `${flowTitle(flow)} waits for approval`, text, to });
  } else if (flow.ended && !cancelledHere.delete(flow.id)) {
    all.add({ kind: 'flow', tag, title: `${flowTitle(flow)}: ${ENDS[flow.state] ?? flow.state}`, text: tame(flow.error ?? '', 200), to });
  } else {
    all.over(tag);
  }
}

function fired(e: DaemonEvent): void {
  const { pane, content, line } = (e.match ?? {}) as Record<string, unknown>;
  if (typeof pane !== 'string' || typeof e.watch !== 'string') return;
  const of = paneOf(pane);
  const place = typeof line === 'number' ? { line } : {};
  all.add({
    kind: 'watch', tag: `watch:${e.watch}`, title: `A watch fired in ${of ? paneLabel(of) : tame(pane, 64)}`,
    text: tame(typeof content === 'string' ? content : '', 200),
    to: toHash({ pane, readOnly: false, ...place }), pane,
  });
}

function heard(e: DaemonEvent): void {
  if (e.topic === 'panes' && e.type === 'state' && Array.isArray(e.panes)) agentsAre(e.panes as Pane[]);
  else if (e.topic === 'panes' && e.type === 'agent' && typeof e.id === 'string') {
    agentIs(e.id, e.agent as Agent | null, true);
  } else if (e.topic === 'watches' && e.type === 'fired') fired(e);
  else if (e.topic === 'jobs' && e.type === 'job') {
    const job = jobOf(e.job);
    if (job) jobIs(job);
  } else if (e.topic === 'jobs' && e.type === 'phase' && typeof e.id === 'string') {
    if (e.phase === 'awaiting_approval') asks(e.id);
  } else if (e.topic === 'flows') {
    const flow = flowOf(e.flow);
    if (flow) flowIs(flow);
  }
}

export async function notifyOn(): Promise<void> {
  notice((await askToNotify()).words);
}

const group = 'Notices';
const words = 'notifications alerts';

function commands(): void {
  addCommands([
    { id: 'notify.on', title: 'Notify me on this computer: on', group, words, when: () => !mayNotify(), run: () => void notifyOn() },
    { id: 'notify.off', title: 'Notify me on this computer: off', group, words, when: mayNotify, run: () => change({ notify: false }) },
    { id: 'sound.on', title: 'Sound with notices: on', group, words: 'bell', when: () => !settings.get().sound, run: () => change({ sound: true }) },
    { id: 'sound.off', title: 'Sound with notices: off', group, words: 'bell', when: () => settings.get().sound, run: () => change({ sound: false }) },
  ]);
}

export function startNotifying(): void {
  onEvent(heard);
  let before = asking.get();
  asking.watch((now) => {
    for (const id of before) if (!now.has(id)) all.over(`asks:${id}`);
    before = now;
  });
  paneList.watch(({ panes, known }) => {
    if (known) agentsAre(panes);
    all.look();
  });
  const look = (): void => all.look();
  route.watch(look);
  window.addEventListener('focus', look);
  document.addEventListener('visibilitychange', look);
  // What was looked at here needs no notification elsewhere.
  notices.watch((list) => {
    for (const n of list) if (!n.unread) unnotify(n.tag);
  });
  commands();
}
