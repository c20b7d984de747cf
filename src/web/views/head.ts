// What a session of an agent is, in a few lines above what is shown of it.

import type { Session } from '../api/sessions';
import { ago, exactly } from '../parts/ago';
import { Badge } from '../parts/badge';
import { el, renew, tame } from '../parts/dom';
import { usageWords } from '../parts/usage';
import { sessionHash } from '../state/route';
import { titleOf } from './sessions';

const number = (n: number): string => n.toLocaleString('en');

export class SessionHead {
  readonly title = el('span', { class: 'bar-name' }, 'Session');
  readonly badge = new Badge();
  private readonly facts = el('div', { class: 'transcript-facts' });
  private readonly sums = el('dl', { class: 'transcript-sums' });
  readonly element = el('div', { class: 'transcript-head' }, this.badge.element, this.facts, this.sums);

  /** Returns the title. */
  show(s: Session): string {
    const title = titleOf(s);
    if (this.title.textContent !== title) this.title.textContent = title;
    this.title.title = title;
    this.badge.show(s.state, s.updated);
    const link = (to: string, text: string): HTMLElement => el('a', { href: to }, text);
    const facts: (Node | string)[] = [tame(s.agent, 20)];
    if (s.model) facts.push(tame(s.model, 60));
    if (s.project) facts.push(tame(s.project, 300));
    if (s.branch) facts.push(tame(s.branch, 60));
    if (s.pane) facts.push(link(`#${encodeURIComponent(s.pane)}`, `pane ${tame(s.pane, 64)}`));
    if (s.parent !== null) {
      const text = s.fork ? 'forked from another' : 'sub-agent of another';
      facts.push(link(sessionHash(String(s.parent)), text));
    }
    if (s.updated) facts.push(el('time', { title: exactly(s.updated) }, `${ago(s.updated)} ago`));
    renew(this.facts, facts.map((f) => el('span', {}, f)));
    const sums = s.usage ? usageWords(s.usage) : [];
    sums.unshift(['turns', number(s.turns)], ['tool calls', number(s.tool_calls)]);
    renew(this.sums, sums.map(([n, v]) => el('div', {}, el('dt', {}, n), el('dd', {}, v))));
    return title;
  }
}
