// What groups of matches are called: panes by the list of them, sessions and jobs as the daemon says
// when it is asked, once and a few at a time.

import { getJob } from '../api/jobs';
import { getSession } from '../api/sessions';

export interface Label {
  title: string;
  /** A directory, a command. */
  about: string;
  state: string | null;
}

const AT_ONCE = 4;
const MOST = 500;

export class Labels {
  private readonly known = new Map<string, Label>();
  private readonly wanted: string[] = [];
  private readonly asking = new AbortController();
  private busy = 0;

  constructor(private readonly changed: () => void) {}

  /** Of "session 12" or "job j3"; null as long as it is not known. */
  get(group: string): Label | null {
    const label = this.known.get(group);
    if (label) return label.title || label.about || label.state ? label : null;
    if (this.known.size >= MOST) this.known.clear();
    this.known.set(group, { title: '', about: '', state: null });
    this.wanted.push(group);
    this.next();
    return null;
  }

  /** States change: they are asked for again. */
  forget(): void {
    if (!this.busy) this.known.clear();
  }

  private next(): void {
    while (this.busy < AT_ONCE && this.wanted.length) {
      const group = this.wanted.shift();
      if (group === undefined) return;
      this.busy++;
      void this.fetch(group).finally(() => {
        this.busy--;
        this.next();
      });
    }
  }

  private async fetch(group: string): Promise<void> {
    const [kind = '', id = ''] = group.split(' ');
    const { signal } = this.asking;
    try {
      this.known.set(group, kind === 'job' ? await ofJob(id, signal) : await ofSession(id, signal));
      this.changed();
    } catch {
      // it is called by its id
    }
  }
}

async function ofSession(id: string, signal: AbortSignal): Promise<Label> {
  const s = await getSession(id, signal);
  return { title: s.title ?? '', about: [s.agent, s.project].filter(Boolean).join(' · '), state: s.state };
}

async function ofJob(id: string, signal: AbortSignal): Promise<Label> {
  const j = await getJob(id, signal);
  return { title: j.name ?? '', about: (j.command ?? []).join(' '), state: j.state };
}
