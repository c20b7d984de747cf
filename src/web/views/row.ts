// The rows of a list of matches: one that was found, the head of a group, and what says how many
// more a group has. They are filled again and stay the same elements.

import type { Match } from '../api/search';
import { ago, exactly } from '../parts/ago';
import { Badge } from '../parts/badge';
import { el, icon, tame } from '../parts/dom';
import { marked } from '../parts/line';
import { toIndices } from '../parts/utf8';
import type { Group, Item } from '../state/groups';

const LEAD = 40; // characters before the first mark of a long line
const SHOWN = 400; // characters of a line

/** What a group is called. */
export interface Name {
  title: string;
  about: string;
  state: string | null;
  /** Of what it is, as an icon. */
  kind: 'pane' | 'archive' | 'talk' | 'jobs';
}

export interface Naming {
  (group: Group): Name;
}

let made = 0;

const setText = (e: HTMLElement, text: string): void => {
  if (e.textContent !== text) e.textContent = text;
};

function setTime(e: HTMLTimeElement, time: string): void {
  setText(e, time ? ago(time) : '');
  if (e.dateTime === time) return;
  e.dateTime = time;
  e.title = time ? exactly(time) : '';
}

/** The line, or of a long one the piece around what was found. */
function excerpt(m: Match): Node[] {
  const spans = toIndices(m.content, m.spans);
  const first = spans[0]?.[0] ?? 0;
  const from = m.content.length <= SHOWN || first <= LEAD ? 0 : first - LEAD;
  const to = Math.min(m.content.length, from + SHOWN);
  const inside = spans
    .filter(([a]) => a < to)
    .map(([a, b]): [number, number] => [a - from, Math.min(b, to) - from]);
  const nodes = marked(m.content.slice(from, to), inside);
  if (from > 0) nodes.unshift(document.createTextNode('…'));
  if (to < m.content.length) nodes.push(document.createTextNode('…'));
  return nodes;
}

const ROLES: Record<string, string> = {
  user: 'user', assistant: 'assistant', thinking: 'thinking', system: 'system',
};

/** Who said it, or which tool; of a job's channel which. */
function voice(m: Match): string {
  if (m.said) {
    const { tool, role, field } = m.said;
    return tool === null ? (ROLES[role] ?? '') : `${tame(tool, 30) || 'tool'} ${field}`;
  }
  if (m.source !== 'jobs') return '';
  const channel = m.pane?.split('.')[1];
  return channel === '1' ? 'output' : channel === '2' ? 'errors' : `channel ${channel ?? ''}`;
}

/** One that can be chosen; `select` tells it. */
abstract class Row {
  abstract readonly element: HTMLElement;
  item: Item | null = null;

  select(on: boolean): void {
    if (this.element.getAttribute('role') === 'option') {
      this.element.setAttribute('aria-selected', String(on));
    }
  }
}

export class MatchRow extends Row {
  readonly before = el('div', { class: 'result-context', 'aria-hidden': 'true' });
  readonly after = el('div', { class: 'result-context', 'aria-hidden': 'true' });
  private readonly text = el('div', { class: 'result-text' });
  private readonly voice = el('span', { class: 'result-voice' });
  private readonly where = el('span', { class: 'result-pane' });
  private readonly time = el('time', { class: 'result-time' });
  private match: Match | null = null;
  readonly element = el(
    'div',
    { class: 'result', role: 'option', id: `result-${++made}`, 'aria-selected': 'false' },
    el('div', { class: 'result-lines' }, this.before, this.text, this.after),
    el('div', { class: 'result-where' }, this.voice, this.where, this.time),
  );

  /** `name`: of the group, where the rows do not stand in it. */
  fill(match: Match, name: string | null): void {
    const old = this.match;
    this.match = match;
    if (name === null) this.where.remove();
    else this.time.before(this.where);
    setText(this.where, name ?? '');
    setTime(this.time, match.time);
    const same = old?.content === match.content && String(old.spans) === String(match.spans);
    if (same) return;
    this.element.dataset.source = match.source;
    this.text.replaceChildren(...excerpt(match));
    const said = voice(match);
    setText(this.voice, said);
    this.voice.hidden = said === '';
    this.element.title = match.pane === null ? '' : `${match.pane}, line ${match.line}`;
  }

  unfold(before: Node[], after: Node[]): void {
    this.before.replaceChildren(...before);
    this.after.replaceChildren(...after);
  }
}

export class HeadRow extends Row {
  private readonly title = el('span', { class: 'result-pane' });
  private readonly about = el('span', { class: 'group-about' });
  private readonly badge = new Badge();
  private readonly count = el('span', { class: 'group-count' });
  private readonly time = el('time', { class: 'result-time' });
  private readonly sign = el('span', { class: 'group-sign' });
  readonly element = el(
    'div',
    { class: 'group-head', id: `result-${++made}` },
    el('span', { class: 'group-fold' }, icon('unfold')),
    this.sign, this.title, this.badge.element, this.about, this.count, this.time,
  );
  private kind = '';

  /** Only one that is folded is chosen: it stands for its matches. */
  fill(group: Group, folded: boolean, name: Name): void {
    const { element } = this;
    element.classList.toggle('folded', folded);
    if (folded) element.setAttribute('role', 'option');
    else element.setAttribute('role', 'presentation');
    if (!folded) element.removeAttribute('aria-selected');
    else if (!element.hasAttribute('aria-selected')) element.setAttribute('aria-selected', 'false');
    if (this.kind !== name.kind) {
      this.kind = name.kind;
      this.sign.replaceChildren(icon(name.kind));
    }
    setText(this.title, name.title);
    setText(this.about, name.about);
    this.badge.show(name.state);
    const n = group.matches.length;
    setText(this.count, n.toLocaleString('en'));
    this.count.title = `${n} ${n === 1 ? 'match' : 'matches'}`;
    setTime(this.time, group.matches[0]?.time ?? '');
    element.title = folded ? 'Unfold (Alt+C)' : 'Fold (Alt+C)';
  }
}

export class RestRow extends Row {
  readonly element = el('div', {
    class: 'group-rest', role: 'option', id: `result-${++made}`, 'aria-selected': 'false',
  });

  fill(count: number): void {
    setText(this.element, `Show ${count.toLocaleString('en')} more of it`);
  }
}

export type AnyRow = MatchRow | HeadRow | RestRow;
