// What the palette offers: commands, and places to go to.

import type { Pane } from '../api/http';
import type { Job } from '../api/jobs';
import type { Session } from '../api/sessions';
import { ago } from '../parts/ago';
import { tame } from '../parts/dom';
import { can, commands } from '../state/commands';
import { paneList } from '../state/panes';
import { go, jobHash, parseHash, sessionHash } from '../state/route';
import { paneLabel } from './bar';
import { jobTitle } from './jobs';
import { place, titleOf } from './sessions';

export interface Entry {
  id: string;
  group: string;
  title: string;
  detail: string;
  words: string;
  /** The class of a state's dot. */
  dot?: string;
  keys?: string;
  run(): void;
}

const line = (...words: (string | null | false | undefined)[]): string => words.filter(Boolean).join(' · ');

const paneDot = (p: Pane): string =>
  p.state !== 'exited' ? 'running' : p.exit_status ? 'failed' : 'exited';
const sessionDot = ({ state }: Session): string =>
  state === 'working' ? 'running' : state === 'failed' ? 'failed' : 'exited';
const jobDot = ({ state }: Job): string =>
  state === 'running' ? 'running' : state === 'completed' || state === 'queued' ? 'exited' : 'failed';

const paneDetail = ({ id, tmux }: Pane): string =>
  line(tmux && tame(`${tmux.session}:${tmux.window}.${tmux.pane}`, 80), id);

/** Those that can be run now. */
export const commandEntries = (): Entry[] =>
  commands.get().filter((c) => can(c) && !c.unlisted).map((c) => ({
    id: c.id,
    group: c.group,
    title: c.title,
    detail: c.detail?.() ?? '',
    words: `${c.group} ${c.words ?? ''}`,
    ...(c.keys && { keys: c.keys }),
    run: () => c.run(),
  }));

export const paneEntry = (p: Pane): Entry => ({
  id: `pane:${p.id}`,
  group: 'Panes',
  title: paneLabel(p),
  detail: paneDetail(p),
  words: tame(p.tmux?.window_name ?? '', 80),
  dot: paneDot(p),
  run: () => go({ pane: p.id, readOnly: false }),
});

export const paneEntries = (): Entry[] => paneList.get().panes.map(paneEntry);

export const sessionEntry = (s: Session): Entry => ({
  id: `session:${s.id}`,
  group: 'Sessions',
  title: titleOf(s),
  detail: line(tame(s.agent, 20), s.project && place(s.project), s.updated && ago(s.updated)),
  words: 'session agent',
  dot: sessionDot(s),
  run: () => go(parseHash(sessionHash(String(s.id)))),
});

export const jobEntry = (j: Job): Entry => ({
  id: `job:${j.id}`,
  group: 'Jobs',
  title: jobTitle(j),
  detail: line(j.agent && tame(j.agent, 20), j.id),
  words: 'job',
  dot: jobDot(j),
  run: () => go(parseHash(jobHash(j.id))),
});
