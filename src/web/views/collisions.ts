// What is said above lists of sessions and jobs when several of them change the same file. It is advice.

import { listCollisions, type Collision, type Party } from '../api/collisions';
import { el, tame } from '../parts/dom';

const SHOWN = 3;
const ASKED = 50;

const KINDS: Record<Collision['kind'], string> = {
  same_line: 'the same lines of',
  adjacent_line: 'neighbouring lines of',
  different_area: '',
};
const GRAVE: Collision['kind'][] = ['different_area', 'adjacent_line', 'same_line'];

function party(p: Party): string {
  const who = p.job !== null ? `job ${p.job}` : p.session !== null ? `session ${p.session}` : null;
  const where = p.pane !== null ? `pane ${p.pane}` : null;
  const what = [p.agent, who ?? where].filter(Boolean).join(' ');
  return tame(what, 100);
}

/** For each two parties and a path the gravest one. */
function gravest(all: Collision[]): Collision[] {
  const kept = new Map<string, Collision>();
  for (const c of all) {
    const key = JSON.stringify([c.path, ...[party(c.a), party(c.b)].sort()]);
    const known = kept.get(key);
    if (!known || GRAVE.indexOf(c.kind) > GRAVE.indexOf(known.kind)) kept.set(key, c);
  }
  return [...kept.values()];
}

export class Collisions {
  readonly element = el('ul', { class: 'collisions', 'aria-label': 'Collisions', hidden: true });
  private shown = '';

  async refresh(signal: AbortSignal): Promise<void> {
    this.show(gravest(await listCollisions(ASKED, signal)));
  }

  private show(all: Collision[]): void {
    const lines = all.slice(0, SHOWN).map((c) => {
      const kind = KINDS[c.kind] ?? '';
      return `${party(c.a)} and ${party(c.b)} change ${kind} ${tame(c.path, 300)}`.replace('  ', ' ');
    });
    if (all.length > SHOWN) lines.push(`${all.length - SHOWN} more`);
    const text = lines.join('\n');
    if (text === this.shown) return;
    this.shown = text;
    this.element.replaceChildren(...lines.map((line) => el('li', {}, line)));
    this.element.hidden = !lines.length;
  }
}
