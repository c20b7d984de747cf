// The list of agents' sessions, those at work last first: asked for every few seconds, as long as
// somebody can see it.

import { ApiError } from '../api/http';
import { listSessions, type Session } from '../api/sessions';
import { ago, exactly } from '../parts/ago';
import { Badge } from '../parts/badge';
import { button, debounce, el, tame } from '../parts/dom';
import { sessionHash } from '../state/route';
import { Collisions } from './collisions';

const PAGE = 50;
const AGAIN_MS = 3000;
const TYPING_MS = 150;
const AGENTS = ['claude', 'codex', 'copilot', 'gemini', 'grok', 'opencode', 'pi', 'vibe'];

const number = (n: number): string => n.toLocaleString('en');

export const titleOf = (s: Session): string =>
  tame(s.title ?? '') || tame(s.project ?? '') || `Session ${s.id}`;

/** The end of a directory, which says most. */
export function place(directory: string): string {
  const parts = tame(directory, 300).split('/').filter(Boolean);
  return parts.length > 2 ? `…/${parts.slice(-2).join('/')}` : tame(directory, 300);
}

export function problem(e: unknown): string {
  if (e instanceof ApiError && e.status === 401) {
    return 'Not signed in: run “panescry token” and open the link that it prints.';
  }
  return e instanceof Error ? e.message : String(e);
}

class Row {
  private readonly title = el('span', { class: 'session-title' });
  private readonly badge = new Badge();
  private readonly about = el('span', { class: 'session-about' });
  private readonly when = el('time', { class: 'session-when' });
  private readonly agent = el('span', { class: 'session-agent' });
  private readonly link: HTMLAnchorElement;
  readonly element: HTMLElement;

  constructor(id: number) {
    this.link = el(
      'a',
      { class: 'session', href: sessionHash(String(id)) },
      this.title,
      this.badge.element,
      el('span', { class: 'session-sub' }, this.agent, this.about),
      this.when,
    );
    this.element = el('li', {}, this.link);
  }

  focus(): void {
    this.link.focus();
  }

  update(s: Session): void {
    this.title.textContent = titleOf(s);
    this.badge.show(s.state, s.updated);
    this.agent.textContent = tame(s.agent, 20);
    this.agent.dataset.agent = AGENTS.includes(s.agent) ? s.agent : '';
    this.about.textContent = [
      s.parent !== null && (s.fork ? 'fork' : 'sub-agent'),
      s.project && place(s.project),
      s.pane && `pane ${tame(s.pane, 64)}`,
      `${number(s.turns)} turn${s.turns === 1 ? '' : 's'}`,
    ]
      .filter(Boolean)
      .join(' · ');
    this.about.title = s.project ? tame(s.project, 500) : '';
    this.when.textContent = s.updated ? ago(s.updated) : '';
    this.when.dateTime = s.updated ?? '';
    this.when.title = s.updated ? exactly(s.updated) : '';
  }
}

export class SessionsView {
  readonly element: HTMLElement;
  private readonly filter: HTMLInputElement;
  private readonly agent = el(
    'select',
    { 'aria-label': 'Agent' },
    el('option', { value: '' }, 'All agents'),
    ...AGENTS.map((a) => el('option', { value: a }, a)),
  );
  private readonly list = el('ul', { class: 'sessions-list', 'aria-label': 'Sessions' });
  private readonly note = el('p', { class: 'sessions-note', role: 'status' });
  private readonly collisions = new Collisions();
  private readonly counted = el('span', { role: 'status' });
  private readonly previous: HTMLButtonElement;
  private readonly next: HTMLButtonElement;
  private readonly foot: HTMLElement;
  private readonly scroller: HTMLElement;
  private rows = new Map<number, Row>();
  private ids: number[] = [];
  private offset = 0;
  private chosen = -1; // what the keys are on
  private wanted: number | null = null; // id that gets the focus when it is there
  private asking = new AbortController();
  private again = 0;
  private readonly typed = debounce(TYPING_MS, () => void this.ask());
  private readonly onVisible = (): void => {
    if (document.visibilityState === 'visible' && this.element.isConnected) void this.ask();
  };

  constructor(private readonly leave: () => void) {
    this.filter = el('input', {
      type: 'search',
      name: 'filter',
      'aria-label': 'Filter',
      'aria-keyshortcuts': '/',
      placeholder: 'Title, prompt or directory',
      autocomplete: 'off',
      autocapitalize: 'off',
      spellcheck: 'false',
      enterkeyhint: 'search',
    });
    this.previous = button('Newer', { class: 'small' }, () => this.turn(-PAGE));
    this.next = button('Older', { class: 'small' }, () => this.turn(PAGE));
    this.foot = el(
      'div',
      { class: 'sessions-foot', hidden: true },
      this.counted,
      el('span', { class: 'sessions-turn' }, this.previous, this.next),
    );
    this.scroller = el('div', { class: 'sessions-scroll' }, this.collisions.element, this.note, this.list);
    this.element = el(
      'section',
      { class: 'pane sessions', 'aria-label': 'Sessions of agents' },
      el(
        'header',
        { class: 'bar' },
        el('h1', { class: 'bar-text' }, el('span', { class: 'bar-name' }, 'Sessions')),
        el('div', { class: 'sessions-filter', role: 'search' }, this.filter, this.agent),
      ),
      this.scroller,
      this.foot,
    );
    this.filter.addEventListener('input', () => this.changed());
    this.agent.addEventListener('change', () => this.changed());
    this.element.addEventListener('keydown', (e) => this.key(e));
    this.list.addEventListener('focusin', (e) => {
      const at = [...this.list.children].findIndex((li) => li.contains(e.target as Node));
      if (at >= 0) this.chosen = at;
    });
  }

  /** Once it is in the page. `from`: the session that one comes back from. */
  show(from: string | null): void {
    document.title = 'Sessions – panescry';
    document.addEventListener('visibilitychange', this.onVisible);
    this.wanted = from === null ? null : Number(from);
    void this.ask();
    this.focus();
  }

  hide(): void {
    document.removeEventListener('visibilitychange', this.onVisible);
    this.stop();
    this.element.remove();
  }

  focus(): void {
    if (matchMedia('(pointer: coarse)').matches) return;
    const id = this.wanted ?? this.ids[Math.max(0, this.chosen)];
    const row = id === undefined ? undefined : this.rows.get(id);
    if (row) row.focus();
    else this.filter.focus({ preventScroll: true });
  }

  private key(e: KeyboardEvent): void {
    if (e.isComposing || e.ctrlKey || e.altKey || e.metaKey) return;
    const typing = e.target === this.filter;
    if (e.target === this.agent && e.key !== 'Escape') return;
    if (e.key === 'ArrowDown') this.move(typing ? 0 : this.chosen + 1);
    else if (e.key === 'ArrowUp' && !typing) this.move(this.chosen - 1);
    else if (e.key === 'Home' && !typing) this.move(0);
    else if (e.key === 'End' && !typing) this.move(this.ids.length - 1);
    else if (e.key === 'Enter' && typing) this.list.querySelector('a')?.click();
    else if (e.key === '/' && !typing) this.filter.select();
    else if (e.key === 'Escape' && typing && this.filter.value) this.clear();
    else if (e.key === 'Escape') this.leave();
    else return;
    e.preventDefault();
    e.stopPropagation();
  }

  private move(to: number): void {
    if (to < 0) {
      this.filter.select();
      return;
    }
    const id = this.ids[Math.min(to, this.ids.length - 1)];
    if (id !== undefined) this.rows.get(id)?.focus();
  }

  private clear(): void {
    this.filter.value = '';
    this.changed();
  }

  /** The question is another one. */
  private changed(): void {
    this.offset = 0;
    this.chosen = -1;
    this.stop();
    this.typed();
  }

  private turn(by: number): void {
    this.offset = Math.max(0, this.offset + by);
    this.chosen = -1;
    this.scroller.scrollTop = 0;
    void this.ask();
  }

  private stop(): void {
    clearTimeout(this.again);
    this.asking.abort();
  }

  private async ask(): Promise<void> {
    this.stop();
    if (!this.element.isConnected) return;
    const { signal } = (this.asking = new AbortController());
    const filter = { text: this.filter.value.trim(), agent: this.agent.value };
    try {
      const { data, total } = await listSessions(filter, PAGE, this.offset, signal);
      if (signal.aborted) return;
      if (!data.length && this.offset > 0 && total > 0) {
        this.turn(-PAGE); // they have become fewer
        return;
      }
      this.fill(data);
      this.count(data.length, total, filter.text !== '' || filter.agent !== '');
      await this.collisions.refresh(signal);
    } catch (e) {
      if (signal.aborted) return;
      this.say(problem(e));
    }
    if (signal.aborted) return;
    if (document.visibilityState !== 'visible') return;
    this.again = window.setTimeout(() => void this.ask(), AGAIN_MS);
  }

  private fill(sessions: Session[]): void {
    const focused = this.list.contains(document.activeElement)
      ? this.ids[this.chosen]
      : undefined;
    const ids = sessions.map((s) => s.id);
    const rows = new Map<number, Row>();
    sessions.forEach((s, i) => {
      const row = this.rows.get(s.id) ?? new Row(s.id);
      row.update(s);
      rows.set(s.id, row);
      // Moved only where needed: moving takes the focus away.
      if (this.list.children[i] !== row.element) {
        this.list.insertBefore(row.element, this.list.children[i] ?? null);
      }
    });
    for (const [id, row] of this.rows) if (!rows.has(id)) row.element.remove();
    const first = !this.rows.size;
    this.rows = rows;
    this.ids = ids;
    const back = this.wanted !== null && rows.has(this.wanted);
    const idle = first && document.activeElement === this.filter && !this.filter.value;
    if (back || idle) this.focus();
    else if (focused !== undefined) {
      this.chosen = Math.max(0, ids.indexOf(focused));
      if (!this.list.contains(document.activeElement)) this.move(this.chosen);
    }
    this.wanted = null;
  }

  private count(n: number, total: number, filtered: boolean): void {
    this.say(
      n
        ? ''
        : filtered
          ? 'No session matches.'
          : 'No sessions yet. What Claude Code, Codex, Gemini CLI, opencode and others keep of theirs is listed here as it comes.',
    );
    this.foot.hidden = n === 0;
    const text =
      total > n
        ? `${number(this.offset + 1)}–${number(this.offset + n)} of ${number(total)}`
        : `${number(total)} session${total === 1 ? '' : 's'}`;
    if (this.counted.textContent !== text) this.counted.textContent = text;
    this.previous.hidden = this.next.hidden = total <= PAGE;
    this.previous.disabled = this.offset === 0;
    this.next.disabled = this.offset + n >= total;
  }

  private say(text: string): void {
    if (this.note.textContent !== text) this.note.textContent = text;
    this.note.hidden = text === '';
  }
}
