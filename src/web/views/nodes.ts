// What the tree of the sidebar has: panes of tmux below their sessions and windows, native panes,
// sessions of agents and jobs, each with its state.

import type { Flow } from '../api/flows';
import type { Pane } from '../api/http';
import type { Job } from '../api/jobs';
import { ago } from '../parts/ago';
import { tame } from '../parts/dom';
import { graver, markWords, type Mark } from '../parts/mark';
import { approvalOf, type Going, type LiveSession } from '../state/going';
import { flowHash, jobHash, sessionHash, toHash } from '../state/route';
import { hasBell, hasFired, unseen } from '../state/seen';
import { paneLabel } from './bar';
import { flowTitle } from './flows';
import { jobTitle } from './jobs';
import { place, titleOf } from './sessions';

export interface Node {
  /** The same thing again has the same. */
  key: string;
  kind: 'section' | 'group' | 'row';
  label: string;
  /** At the right: what there is to say of it. */
  detail: string;
  /** All that is known, for who points at it. */
  about: string;
  mark: Mark;
  unseen: boolean;
  href: string | null;
  /** What can be killed or removed. */
  pane: Pane | null;
  below: Node[];
}

const OLD_MS = 86_400_000; // who has waited that long is not waited for
const FRESH_MS = 600_000; // an agent outside of panes is at work still
const SESSIONS = 8;
const JOBS = 8;

const node = (key: string, kind: Node['kind'], label: string, more: Partial<Node> = {}): Node => ({
  key, kind, label, detail: '', about: '', mark: 'none', unseen: false, href: null, pane: null,
  below: [], ...more,
});

/** Of what lies below it, where it has no state of its own. */
export function sum(n: Node): { mark: Mark; unseen: boolean } {
  return n.below.map(sum).reduce(
    (all, one) => ({ mark: graver(all.mark, one.mark), unseen: all.unseen || one.unseen }),
    { mark: n.mark, unseen: n.unseen },
  );
}

const young = (time: string | null, ms: number): boolean => Date.now() - Date.parse(time ?? '') < ms;

function agentMark(state: string | null | undefined): Mark | null {
  if (state === 'waiting_permission') return 'permission';
  if (state === 'waiting_input') return 'input';
  return state === 'working' ? 'working' : null;
}

function paneMark(p: Pane): Mark {
  if (p.state === 'exited') return p.exit_status ? 'failed' : 'exited';
  const agent = agentMark(p.agent?.state);
  const waits = agent !== 'working' && agent !== null && !(p.agent?.since && !young(p.agent.since, OLD_MS));
  if (waits) return agent;
  if (hasFired(p.id)) return 'fired';
  if (hasBell(p.id)) return 'bell';
  return agent === 'working' ? 'working' : 'running';
}

function paneDetail(p: Pane, mark: Mark): string {
  if (p.state === 'exited') return p.kind === 'tmux' ? 'exited' : `exited, status ${p.exit_status ?? 'unknown'}`;
  if (mark === 'running') return p.id;
  return mark === 'working' ? tame(p.agent?.agent ?? '', 20) : markWords(mark);
}

function paneNode(p: Pane, label: string): Node {
  const mark = paneMark(p);
  const where = p.tmux && `${tame(p.tmux.session)}:${p.tmux.window}.${p.tmux.pane}`;
  const about = [
    paneLabel(p), p.id, where, p.agent && `${tame(p.agent.agent, 20)}: ${tame(p.agent.title ?? '')}`,
    p.program && tame(p.program, 40), `${p.cols}×${p.rows}`, p.viewers > 1 && `${p.viewers} viewers`,
  ];
  return node(`pane/${p.id}`, 'row', label, {
    detail: paneDetail(p, mark),
    about: about.filter(Boolean).join(' · '),
    mark,
    unseen: unseen(p),
    href: toHash({ pane: p.id, readOnly: false }),
    pane: p,
  });
}

function grouped<T>(all: T[], by: (t: T) => string): Map<string, T[]> {
  const groups = new Map<string, T[]>();
  for (const one of all) {
    const key = by(one);
    const group = groups.get(key);
    if (group) group.push(one);
    else groups.set(key, [one]);
  }
  return groups;
}

type TmuxPane = Pane & { tmux: NonNullable<Pane['tmux']> };

function windowNode(key: string, panes: TmuxPane[]): Node[] {
  const [first] = panes;
  if (!first) return [];
  const label = `${first.tmux.window} ${tame(first.tmux.window_name)}`.trim();
  if (panes.length === 1) return [paneNode(first, label)];
  const below = panes
    .sort((a, b) => a.tmux.pane - b.tmux.pane)
    .map((p) => paneNode(p, paneLabel(p)));
  return [node(key, 'group', label, { detail: `${panes.length}`, below })];
}

function sessionNodes(key: string, panes: TmuxPane[]): Node[] {
  return [...grouped(panes, (p) => p.tmux.session)].map(([session, all]) => {
    const at = `${key}/${session}`;
    const windows = [...grouped(all, (p) => String(p.tmux.window))].sort(([a], [b]) => Number(a) - Number(b));
    const below = windows.flatMap(([window, of]) => windowNode(`${at}/${window}`, of));
    return node(at, 'group', tame(session), { below });
  });
}

/** Servers are a level of their own where there are several. */
function tmuxNodes(panes: TmuxPane[]): Node[] {
  const servers = [...grouped(panes, (p) => p.tmux.socket)];
  if (servers.length < 2) return servers.flatMap(([, all]) => sessionNodes('tmux', all));
  return servers.map(([socket, all]) =>
    node(`tmux:${socket}`, 'group', tame(socket.split('/').pop() ?? socket), {
      about: tame(socket, 300),
      below: sessionNodes(`tmux:${socket}`, all),
    }),
  );
}

function sessionNode(s: LiveSession): Node {
  const state = agentMark(s.state);
  const now = state !== null && young(s.updated, s.pane ? OLD_MS : FRESH_MS);
  const failed = s.state === 'failed' && young(s.updated, OLD_MS);
  const mark: Mark = now ? state : failed ? 'failed' : 'exited';
  const age = s.updated ? ago(s.updated) : '';
  const about = [titleOf(s), tame(s.agent, 20), s.project && place(s.project), s.pane && `pane ${tame(s.pane, 64)}`];
  return node(`session/${s.id}`, 'row', titleOf(s), {
    detail: !now ? age : state === 'working' ? tame(s.agent, 20) : markWords(state),
    about: about.filter(Boolean).join(' · '),
    mark,
    href: sessionHash(String(s.id)),
  });
}

function jobMark(j: Job, asking: boolean): Mark {
  if (asking) return 'permission';
  if (j.state === 'queued') return 'queued';
  return j.state === 'running' ? 'running' : 'failed';
}

function jobNode(j: Job, asking: boolean): Node {
  const mark = jobMark(j, asking);
  const failed = j.state === 'failed' && j.exit_status !== null ? `failed, status ${j.exit_status}` : j.state.replace('_', ' ');
  return node(`job/${j.id}`, 'row', jobTitle(j), {
    detail: asking ? markWords(mark) : mark === 'failed' ? failed : mark === 'queued' ? 'queued' : j.id,
    about: [jobTitle(j), j.id, j.kind === 'session' && 'live session', j.flow && `step of ${tame(j.flow, 20)}`].filter(Boolean).join(' · '),
    mark,
    href: jobHash(j.id),
  });
}

function flowNode(f: Flow): Node {
  const message = tame(approvalOf(f)?.message ?? '', 300);
  return node(`flow/${f.id}`, 'row', flowTitle(f), {
    detail: 'waits for approval',
    about: [flowTitle(f), f.id, message].filter(Boolean).join(' · '),
    mark: 'permission',
    href: flowHash(f.id),
  });
}

function jobNodes({ live, failed }: Going, asking: ReadonlySet<string>): Node[] {
  const order = (j: Job): number => (asking.has(j.id) ? 0 : j.state === 'running' ? 1 : 2);
  const alive = [...live].sort((a, b) => order(a) - order(b));
  const more = alive.length - JOBS;
  return [
    ...alive.slice(0, JOBS).map((j) => jobNode(j, asking.has(j.id))),
    ...(more > 0 ? [node('more/jobs', 'row', `${more} more`, { href: jobHash(null) })] : []),
    ...failed.slice(0, JOBS / 2).map((j) => jobNode(j, false)),
  ];
}

export function nodesOf(panes: Pane[], going: Going, asking: ReadonlySet<string>): Node[] {
  const inTmux = panes.filter((p): p is TmuxPane => p.tmux !== undefined);
  const others = panes.filter((p) => p.tmux === undefined);
  const agents = going.sessions.map((s) => ({ id: s.id, node: sessionNode(s) }));
  // Those at work change too often to be in the order of their changes.
  const active = agents.filter(({ node: n }) => n.mark !== 'exited').sort((a, b) => b.id - a.id);
  const rest = agents.filter(({ node: n }) => n.mark === 'exited');
  const sessions = [...active, ...rest].slice(0, SESSIONS).map(({ node: n }) => n);
  const sections = [
    node('tmux', 'section', 'tmux', { below: tmuxNodes(inTmux) }),
    node('panes', 'section', 'Panes', { below: others.map((p) => paneNode(p, paneLabel(p))) }),
    node('agents', 'section', 'Agents', { below: sessions }),
    node('flows', 'section', 'Approvals', { below: going.flows.map(flowNode) }),
    node('jobs', 'section', 'Jobs', { below: jobNodes(going, asking) }),
  ];
  return sections.filter((s) => s.below.length > 0);
}
