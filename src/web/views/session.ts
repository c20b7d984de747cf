// One session of an agent: what it is, and one of its views, each of which stays where it was
// while another is shown. Events tell what happens in it; it is asked for less often while they come.

import { Events, type DaemonEvent } from '../api/events';
import { ApiError } from '../api/http';
import { getSession, placeOf, type Session } from '../api/sessions';
import { button, el, icon } from '../parts/dom';
import { notice } from '../parts/notice';
import { problem } from '../parts/problem';
import { addCommands } from '../state/commands';
import { go, sessionRoute, type Route, type SessionPart } from '../state/route';
import { Turns } from '../state/turns';
import { SessionHead } from './head';
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

const part = (name: Name): SessionPart | null => (name === 'conversation' ? null : name);
const timeOf = (e: DaemonEvent): string | null => (typeof e.time === 'string' ? e.time : null);

let made = 0;

export interface SessionActions {
  back(): void;
  title(text: string): void;
}

export class SessionView {
  readonly element: HTMLElement;
  private readonly number = ++made; // several may be in the page
  private readonly head = new SessionHead();
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
      this.head.element,
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
  private show(view?: SessionPart, at?: string): void {
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
    this.body.setAttribute('aria-labelledby', this.idOf(name));
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

  /** Another place of the same session. */
  moveTo(to: Route): boolean {
    this.show(to.view, to.at);
    return true;
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
      el('h1', { class: 'bar-text' }, this.head.title),
      jump('start', false),
      jump('end', true),
    );
  }

  /* Tabs. */

  private idOf(name: Name): string {
    return `session-${this.number}-${name}`;
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
    if (performance.now() - this.headAt >= HEAD_MS || !this.known) await this.getHead();
    await this.made.get(this.name)?.refresh();
    if (this.gone || this.asking.signal.aborted || document.visibilityState !== 'visible') return;
    clearTimeout(this.again);
    this.again = window.setTimeout(() => void this.follow(), this.up ? AGAIN_UP_MS : AGAIN_MS);
  }

  private async getHead(): Promise<void> {
    this.headAt = performance.now();
    const session = await this.ask(
      (signal) => getSession(this.session, signal),
      this.asking.signal,
    );
    if (!session) return;
    this.known = session;
    this.actions.title(this.head.show(session));
  }

  private heard(event: DaemonEvent): void {
    if (event.type === 'reset') return;
    if (event.type === 'state') this.n = typeof event.n === 'number' ? event.n : null;
    if (event.type === 'delta' && typeof event.n === 'number') {
      if (this.n !== null && event.n > this.n + 1) this.events.renew(); // one is missing
      this.n = event.n;
      const { state } = event;
      if (event.channel === 'status' && typeof state === 'string') {
        this.head.badge.show(state, timeOf(event));
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
}
