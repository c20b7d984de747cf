// The list of agents' sessions, those at work last first.

import { listSessions, type Session } from '../api/sessions';
import { tame } from '../parts/dom';
import { Entry } from '../parts/entry';
import { sessionHash } from '../state/route';
import { Collisions } from './collisions';
import { choice, ListView, PAGE } from './list';

const AGENTS = ['claude', 'codex', 'copilot', 'gemini', 'grok', 'opencode', 'pi', 'vibe'];

const number = (n: number): string => n.toLocaleString('en');

export const titleOf = (s: Pick<Session, 'id' | 'title' | 'project'>): string =>
  tame(s.title ?? '') || tame(s.project ?? '') || `Session ${s.id}`;

/** The end of a directory, which says most. */
export function place(directory: string): string {
  const parts = tame(directory, 300).split('/').filter(Boolean);
  return parts.length > 2 ? `…/${parts.slice(-2).join('/')}` : tame(directory, 300);
}

class Row extends Entry {
  constructor(id: number) {
    super(sessionHash(String(id)));
  }

  update(s: Session): void {
    this.title.textContent = titleOf(s);
    this.badge.show(s.state, s.updated);
    this.agent.textContent = tame(s.agent, 20);
    this.agent.dataset.agent = AGENTS.includes(s.agent) ? s.agent : '';
    this.tell([
      s.parent !== null && (s.fork ? 'fork' : 'sub-agent'),
      s.project && place(s.project),
      s.pane && `pane ${tame(s.pane, 64)}`,
      `${number(s.turns)} turn${s.turns === 1 ? '' : 's'}`,
    ]);
    this.about.title = s.project ? tame(s.project, 500) : '';
    this.at(s.updated);
  }
}

export function sessionsView(leave: () => void): ListView<Session, number> {
  const agent = choice('Agent', 'All agents', AGENTS.map((a) => [a, a]));
  return new ListView<Session, number>(
    {
      name: 'Sessions',
      label: 'Sessions of agents',
      noun: 'session',
      topic: 'sessions',
      placeholder: 'Title, prompt or directory',
      none: 'No sessions yet. What Claude Code, Codex, Gemini CLI, opencode and others keep of theirs is listed here as it comes.',
      above: new Collisions(),
      selects: [agent],
      id: (s) => s.id,
      row: (id) => new Row(id),
      fetch: async (text, page, signal) => {
        const at = page * PAGE;
        const { data, total } = await listSessions({ text, agent: agent.value }, PAGE, at, signal);
        return { items: data, total, more: at + data.length < total };
      },
    },
    leave,
  );
}
