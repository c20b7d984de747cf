// One tool call beside the others: all that is known of it, and where else it is.

import { TEXT_MAX, whole, type Tool } from '../api/sessions';
import { exactly, took } from '../parts/ago';
import { button, el, icon, tame } from '../parts/dom';
import { FAILED, toolFields } from '../parts/item';
import { thenButton } from '../parts/then';
import { sessionRoute, toHash } from '../state/route';
import type { Host } from './tab';

export class CallDetails {
  readonly element = el('aside', { class: 'call-details', 'aria-label': 'Tool call', hidden: true });
  private asking = new AbortController();

  constructor(
    private readonly host: Host,
    private readonly close: () => void,
  ) {}

  dispose(): void {
    this.asking.abort();
  }

  clear(): void {
    this.asking.abort();
    this.element.hidden = true;
    this.element.replaceChildren();
  }

  async show(tool: Tool): Promise<void> {
    this.asking.abort();
    this.asking = new AbortController();
    const { signal } = this.asking;
    const [body, head] = [el('div', { class: 'call-body tool', tabindex: '0' }), this.head(tool)];
    this.element.replaceChildren(head, body);
    this.element.hidden = false;
    const all = await this.host.ask(
      (s) => whole<Tool>(this.host.id, 'traces', tool.id, s, TEXT_MAX),
      signal,
    );
    if (signal.aborted) return;
    if (!all) return body.replaceChildren(el('p', { class: 'call-none' }, 'It is not there any more.'));
    const now = this.head(all);
    const focused = head.contains(document.activeElement);
    head.replaceWith(now);
    if (focused) now.querySelector('button')?.focus();
    body.replaceChildren(...toolFields(this.host.id, all));
  }

  private head(t: Tool): HTMLElement {
    const outcome = t.outcome ?? 'running';
    const close = button('', { class: 'quiet', 'aria-label': 'Close', title: 'Esc' }, this.close);
    close.append(icon('close'));
    const facts = [
      el('span', { class: FAILED.includes(outcome) ? 'turn-bad' : '' }, outcome),
      t.latency_ms === null ? null : el('span', {}, took(t.latency_ms)),
      t.started ? el('time', {}, exactly(t.started)) : null,
      t.turn === null ? null : el('span', {}, `turn ${t.turn}`),
    ];
    const pane = this.host.session()?.pane ?? null;
    const then = pane === null ? null : thenButton(pane, t.started);
    then?.append('In the terminal');
    const to = toHash(sessionRoute(this.host.id, null, `t${t.id}`));
    return el(
      'header',
      { class: 'call-head' },
      el('div', { class: 'call-title' }, el('h2', {}, tame(t.name ?? '', 80) || 'tool'), close),
      el('div', { class: 'call-facts' }, ...facts),
      el('div', { class: 'call-links' }, el('a', { href: to }, 'In the conversation'), then),
    );
  }
}
