// One session of an agent: what it is, and one of its views, each of which stays where it was
// while another is shown. Events tell what happens in it; it is asked for less often while they come.

import { Events, type DaemonEvent } from '../api/events';
import { ApiError } from '../api/http';
import { getSession, placeOf, type Session, type SessionState } from '../api/sessions';
import { ago, exactly } from '../parts/ago';
import { Badge } from '../parts/badge';
import { button, el, icon, renew, tame } from '../parts/dom';
import { notice } from '../parts/notice';
import { problem } from '../parts/problem';
import { usageWords } from '../parts/usage';
import { addCommands } from '../state/commands';
import { go, sessionHash, sessionRoute, type SessionPart } from '../state/route';
import { Turns } from '../state/turns';
import { titleOf } from './sessions';
import type { Host, Tab } from './tab';
import { Timeline } from './timeline';
import { Tokens } from './tokens';
import { Trace } from './trace';
import { Conversation } from './transcript';

const AGAIN_MS = 2000;
const AGAIN_UP_MS = 10_000; // while events come
const SOON_MS = 250; // after an event
const HEAD_MS = 2000; // the head is not asked for more often

type Name = SessionPart | 'conversation';

const TABS: [name: Name, title: string, make: (host: Host) => Tab][] = [
  ['conversation', 'Conversation', (host) => new Conversation(host)],
  ['timeline', 'Timeline', (host) => new Timeline(host)],
  ['trace', 'Trace', (host) => new Trace(host)],
  ['tokens', 'Tokens', (host) => new Tokens(host)],
];

const number = (n: number): string => n.toLocaleString('en');
const part = (name: Name): SessionPart | null => (name === 'conversation' ? null : name);
const timeOf = (e: DaemonEvent): string | null => (typeof e.time === 'string' ? e.time : null);

export interface SessionActions {
  back(): void;
  title(text: string): void;
}

export class SessionView {
  readonly element: HTMLElement;
  private readonly title = el('span', { class: 'bar-name' }, 'Session');
  private readonly badge = new Badge();
  private readonly facts = el('div', { class: 'transcript-facts' });
  private readonly sums = el('dl', { class: 'transcript-sums' });
  private readonly note = el('p', { class: 'history-note', role: 'status', hidden: true });
  private readonly tabs = el('div', { class: 'session-tabs', role: 'tablist', 'aria-label': 'Views of the session' });
  private readonly body = el('div', { class: 'session-body', role: 'tabpanel' });
  private readonly made = new Map<Name, Tab>();
  private name: Name = 'conversation';
  private known: Session | null = null;
  private gone = false;
  private readonly asking = new AbortController();
  private readonly host: Host;
  private readonly events: Events;
  private up = false;
  private n: number | null = null; // of the last delta
  private again = 0;
  private soon = 0;
  private headAt = -Infinity;
  private readonly forget: () => void;
  private readonly onVisible = (): void => {
    if (document.visibilityState === 'visible') void this.follow();
  };

  constructor(
    readonly session: string,
    private readonly actions: SessionActions,
    view?: SessionPart,
    at?: string,
  ) {
    const { signal } = this.asking;
    this.host = {
      id: session,
      turns: new Turns(session, (what) => this.ask(what, signal)),
      session: () => this.known,
      place: (at, until) => placeOf(session, at, until),
      ask: (what, until) => this.ask(what, until),
    };
    this.element = el(
      'section',
      { class: 'pane transcript', 'aria-label': 'Session of an agent' },
      this.bar(),
      el('div', { class: 'transcript-head' }, this.badge.element, this.facts, this.sums),
      this.tabs,
      this.note,
      this.body,
    );
    this.tabs.append(...TABS.map(([name, title]) => this.tabButton(name, title)));
    this.tabs.addEventListener('keydown', (e) => this.tabKey(e));
    this.element.addEventListener('keydown', (e) => this.key(e));
    document.addEventListener('visibilitychange', this.onVisible);
    actions.title('Session');
    this.forget = addCommands(
      TABS.map(([name, title]) => ({
        id: `session.${name}`, title: `Show the ${title.toLowerCase()}`, group: 'Session',
        when: () => this.element.isConnected, run: () => this.choose(name),
      })),
    );
    this.events = new Events(
      [`session:${session}`],
      (event) => this.heard(event),
      (up) => (this.up = up),
    );
    this.show(view, at);
  }

  /** One of its views, perhaps at a place. */
  show(view?: SessionPart, at?: string): void {
    const name = view ?? 'conversation';
    const focused = this.body.contains(document.activeElement);
    const before = this.made.get(this.name);
    if (name !== this.name) before?.hide();
    this.name = name;
    let tab = this.made.get(name);
    if (!tab) {
      tab = TABS.find(([n]) => n === name)?.[2](this.host);
      if (!tab) return;
      this.made.set(name, tab);
    }
    if (!tab.element.isConnected) this.body.replaceChildren(tab.element);
    this.body.setAttribute('aria-labelledby', `${this.idOf(name)}`);
    this.element.dataset.view = name;
    for (const b of this.tabs.querySelectorAll('button')) {
      const chosen = b.dataset.tab === name;
      b.setAttribute('aria-selected', String(chosen));
      b.tabIndex = chosen ? 0 : -1;
    }
    tab.show(at);
    if (focused) tab.focus();
    void this.follow();
  }

  focus(): void {
    this.made.get(this.name)?.focus();
  }

  dispose(): void {
    clearTimeout(this.again);
    clearTimeout(this.soon);
    this.forget();
    this.events.close();
    this.asking.abort();
    for (const tab of this.made.values()) tab.dispose();
    document.removeEventListener('visibilitychange', this.onVisible);
    this.element.remove();
  }

  private bar(): HTMLElement {
    const back = button('', { class: 'quiet', 'aria-label': 'All sessions', title: 'Esc' }, () =>
      this.actions.back(),
    );
    back.append(icon('back'));
    const jump = (name: string, end: boolean): HTMLButtonElement => {
      const title = end ? 'End' : 'Home';
      const b = button('', { class: 'quiet jump', 'aria-label': `Go to the ${name}`, title }, () =>
        this.made.get(this.name)?.jump?.(end),
      );
      b.append(icon(name));
      return b;
    };
    return el(
      'header',
      { class: 'bar' },
      back,
      el('h1', { class: 'bar-text' }, this.title),
      jump('start', false),
      jump('end', true),
    );
  }

  /* Tabs. */

  private idOf(name: Name): string {
    return `session-${this.session.replace(/[^\w-]/g, '_')}-${name}`;
  }

  private tabButton(name: Name, title: string): HTMLButtonElement {
    const attributes = { role: 'tab', id: this.idOf(name), 'data-tab': name };
    return button(title, attributes, () => this.choose(name));
  }

  private choose(name: Name): void {
    if (name === this.name) return;
    const turn = this.made.get(this.name)?.turn() ?? null;
    go(sessionRoute(this.session, part(name), turn === null ? undefined : `n${turn}`));
  }

  private tabKey(e: KeyboardEvent): void {
    const all = [...this.tabs.querySelectorAll('button')];
    const at = all.findIndex((b) => b.getAttribute('aria-selected') === 'true');
    const by = e.key === 'ArrowRight' ? 1 : e.key === 'ArrowLeft' ? -1 : 0;
    const to = all[(at + by + all.length) % all.length];
    if (!by || !to || e.ctrlKey || e.altKey || e.metaKey || e.shiftKey) return;
    e.preventDefault();
    e.stopPropagation();
    to.focus();
    to.click();
  }

  private key(e: KeyboardEvent): void {
    if (e.isComposing || e.ctrlKey || e.altKey || e.metaKey || e.shiftKey) return;
    if (e.defaultPrevented) return;
    const typing = e.target instanceof HTMLInputElement || e.target instanceof HTMLSelectElement;
    if (e.key === 'Escape') this.actions.back();
    else if (typing) return;
    else if (e.key === 'Home') this.made.get(this.name)?.jump?.(false);
    else if (e.key === 'End') this.made.get(this.name)?.jump?.(true);
    else return;
    e.preventDefault();
    e.stopPropagation();
  }

  /* What it is, and what comes. */

  /** Now and again while it is seen. */
  private async follow(): Promise<void> {
    clearTimeout(this.again);
    clearTimeout(this.soon);
    this.soon = 0;
    if (performance.now() - this.headAt >= HEAD_MS || !this.known) await this.head();
    await this.made.get(this.name)?.refresh();
    if (this.gone || this.asking.signal.aborted || document.visibilityState !== 'visible') return;
    clearTimeout(this.again);
    this.again = window.setTimeout(() => void this.follow(), this.up ? AGAIN_UP_MS : AGAIN_MS);
  }

  private async head(): Promise<void> {
    this.headAt = performance.now();
    const session = await this.ask(
      (signal) => getSession(this.session, signal),
      this.asking.signal,
    );
    if (!session) return;
    this.known = session;
    this.tell(session);
  }

  private heard(event: DaemonEvent): void {
    if (event.type === 'reset') return;
    if (event.type === 'state') this.n = typeof event.n === 'number' ? event.n : null;
    if (event.type === 'delta' && typeof event.n === 'number') {
      if (this.n !== null && event.n > this.n + 1) this.events.renew(); // one is missing
      this.n = event.n;
      const { state } = event;
      if (event.channel === 'status' && typeof state === 'string') {
        this.badge.show(state as SessionState, timeOf(event));
        this.headAt = -Infinity;
      }
      this.made.get(this.name)?.heard?.(event);
    }
    this.soon ||= window.setTimeout(() => void this.follow(), SOON_MS);
  }

  private async ask<T>(
    what: (signal: AbortSignal) => Promise<T>,
    signal: AbortSignal,
  ): Promise<T | null> {
    try {
      const answer = await what(signal);
      if (signal.aborted) return null;
      this.note.hidden = true;
      return answer;
    } catch (e) {
      if (signal.aborted) return null;
      const code = e instanceof ApiError ? e.code : '';
      if (code === 'no_such_place') {
        notice('The session has no such place.');
        return null;
      }
      this.gone = code === 'no_such_session';
      this.note.textContent = this.gone ? 'There is no such session.' : problem(e);
      this.note.hidden = false;
      return null;
    }
  }

  private tell(s: Session): void {
    const title = titleOf(s);
    if (this.title.textContent !== title) this.title.textContent = title;
    this.title.title = title;
    this.actions.title(title);
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
  }
}
