// What was said and done in one session, from its end backwards. A transcript can be much longer
// than what a browser lays out well: some hundred rows are there, more are fetched when their end
// comes near, and the farthest leave. At the end of the transcript it follows as it grows.

import { ApiError } from '../api/http';
import {
  getSession, messages, traces, type Message, type Page, type Place, type Session, type Tool,
} from '../api/sessions';
import { ago, exactly } from '../parts/ago';
import { Badge } from '../parts/badge';
import { button, el, icon, renew, tame } from '../parts/dom';
import { itemElement } from '../parts/item';
import { problem } from '../parts/problem';
import { usageWords } from '../parts/usage';
import { sessionHash } from '../state/route';
import { certainEnd, certainStart, interleave, type Item } from '../state/transcript';
import { titleOf } from './sessions';

const PAGE = 100;
const MOST = 600; // rows in the page
const NEAR = 1.5; // screens from an end
const AGAIN_MS = 2000;
const AT_END = 40; // px
const OPEN_CALLS = 20; // the last ones, whose results may still come

type Kind = Item['kind'];
type Rows = [Page<Message>, Page<Tool>];

/** Where the window of rows lies in one of the two lists. */
interface Window {
  /** Rows in front of it. */
  before: number;
  /** The id of its last; 0 while there is none. */
  last: number;
}

interface Row {
  item: Item;
  element: HTMLElement;
}

const windows = (): Record<Kind, Window> => ({
  message: { before: 0, last: 0 },
  tool: { before: 0, last: 0 },
});
const key = (item: Item): string => `${item.kind}${item.row.id}`;
const number = (n: number): string => n.toLocaleString('en');

export interface TranscriptActions {
  back(): void;
  title(text: string): void;
}

export class TranscriptView {
  readonly element: HTMLElement;
  private readonly title = el('span', { class: 'bar-name' });
  private readonly badge = new Badge();
  private readonly facts = el('div', { class: 'transcript-facts' });
  private readonly sums = el('dl', { class: 'transcript-sums' });
  private readonly note = el('p', { class: 'history-note', role: 'status', hidden: true });
  private readonly items = el('div', { class: 'transcript-items' });
  private readonly empty = el('p', { class: 'sessions-note', hidden: true }, 'Nothing has been said yet.');
  private readonly scroller: HTMLElement;
  private rows: Row[] = [];
  private at = windows();
  private ended = false; // the window reaches the end that is known
  private filled = false;
  private busy = false;
  private gone = false;
  private asking = new AbortController();
  private again = 0;
  private readonly onVisible = (): void => {
    if (document.visibilityState === 'visible') void this.follow();
  };
  private height = 0;
  /** Who was at the end stays there when the head grows, or the window shrinks. */
  private readonly resized = new ResizeObserver(() => {
    const was = this.height;
    this.height = this.scroller.clientHeight;
    if (this.ended && this.isAtEnd(was)) this.scroller.scrollTop = this.scroller.scrollHeight;
  });

  constructor(
    readonly session: string,
    private readonly actions: TranscriptActions,
  ) {
    const back = button('', { class: 'quiet', 'aria-label': 'All sessions', title: 'Esc' }, () =>
      actions.back(),
    );
    back.append(icon('back'));
    const jump = (name: string, end: boolean): HTMLButtonElement => {
      const b = button('', { class: 'quiet', 'aria-label': `Go to the ${name}`, title: end ? 'End' : 'Home' }, () => {
        void this.jump(end);
      });
      b.append(icon(name));
      return b;
    };
    this.scroller = el(
      'div',
      { class: 'transcript-scroll', tabindex: '0', role: 'document', 'aria-label': 'Transcript' },
      this.empty,
      this.items,
    );
    this.title.textContent = 'Session';
    this.element = el(
      'section',
      { class: 'pane transcript', 'aria-label': 'Session of an agent' },
      el(
        'header',
        { class: 'bar' },
        back,
        el('h1', { class: 'bar-text' }, this.title),
        jump('start', false),
        jump('end', true),
      ),
      el('div', { class: 'transcript-head' }, this.badge.element, this.facts, this.sums),
      this.note,
      this.scroller,
    );
    this.scroller.addEventListener('scroll', () => void this.scrolled(), { passive: true });
    this.element.addEventListener('keydown', (e) => {
      if (e.isComposing || e.ctrlKey || e.altKey || e.metaKey || e.shiftKey) return;
      if (e.key === 'Escape') actions.back();
      else if (e.key === 'Home') void this.jump(false);
      else if (e.key === 'End') void this.jump(true);
      else return;
      e.preventDefault();
      e.stopPropagation();
    });
    this.resized.observe(this.scroller);
    document.addEventListener('visibilitychange', this.onVisible);
    actions.title('Session');
    void this.follow();
  }

  focus(): void {
    this.scroller.focus({ preventScroll: true });
  }

  dispose(): void {
    clearTimeout(this.again);
    this.asking.abort();
    this.resized.disconnect();
    document.removeEventListener('visibilitychange', this.onVisible);
    this.element.remove();
  }

  /** Every two seconds while it is seen: what the session is, and what has come. */
  private async follow(): Promise<void> {
    clearTimeout(this.again);
    const filling = this.filled
      ? this.ended && this.exclusively(() => this.later())
      : this.jump(true);
    const session = await this.try((signal) => getSession(this.session, signal));
    if (session) this.head(session);
    await filling;
    if (this.gone || !this.element.isConnected) return;
    void this.scrolled(); // somebody may have, while it was busy
    if (document.visibilityState !== 'visible') return;
    clearTimeout(this.again);
    this.again = window.setTimeout(() => void this.follow(), AGAIN_MS);
  }

  /** What was asked for, or null after saying why not. */
  private async try<T>(ask: (signal: AbortSignal) => Promise<T>): Promise<T | null> {
    const { signal } = this.asking;
    try {
      const answer = await ask(signal);
      if (signal.aborted) return null;
      this.note.hidden = true;
      return answer;
    } catch (e) {
      if (signal.aborted) return null;
      this.gone = e instanceof ApiError && e.status === 404;
      this.note.textContent = this.gone ? 'There is no such session.' : problem(e);
      this.note.hidden = false;
      return null;
    }
  }

  private head(s: Session): void {
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

  /* The window. */

  private fetch(message: Place, tool: Place): Promise<Rows | null> {
    const none = { data: [], total: 0, next_cursor: null };
    return this.try((signal) =>
      Promise.all([
        message.limit ? messages(this.session, message, signal) : none,
        tool.limit ? traces(this.session, tool, signal) : none,
      ]),
    );
  }

  /** One at a time. */
  private async exclusively(load: () => Promise<boolean>): Promise<boolean> {
    if (this.busy) return false;
    this.busy = true;
    const { signal } = this.asking;
    try {
      return await load();
    } finally {
      if (!signal.aborted) this.busy = false;
    }
  }

  /** To the end, or to the start. */
  private async jump(end: boolean): Promise<void> {
    this.asking.abort(); // whatever was under way for another place
    this.asking = new AbortController();
    this.busy = false;
    const there = this.filled && (end ? this.ended : !this.at.message.before && !this.at.tool.before);
    if (!there && !(await this.exclusively(() => this.reset(end)))) return;
    this.scroller.scrollTop = end ? this.scroller.scrollHeight : 0;
    void this.scrolled();
  }

  private async reset(end: boolean): Promise<boolean> {
    let rows = await this.fetch({ limit: PAGE }, { limit: PAGE });
    if (!rows) return false;
    const skip = { message: 0, tool: 0 };
    if (end) {
      skip.message = Math.max(0, rows[0].total - PAGE);
      skip.tool = Math.max(0, rows[1].total - PAGE);
      if (skip.message || skip.tool) {
        const place = (offset: number): Place => ({ limit: PAGE, offset });
        rows = await this.fetch(place(skip.message), place(skip.tool));
        if (!rows) return false;
      }
    }
    const [m, t] = rows;
    const list = interleave(m.data, t.data);
    const earlier = { message: skip.message > 0, tool: skip.tool > 0 };
    const later = { message: m.next_cursor !== null, tool: t.next_cursor !== null };
    const shown = end ? certainEnd(list, earlier) : certainStart(list, later);
    this.at = windows();
    for (const kind of ['message', 'tool'] as const) {
      const all = list.filter((i) => i.kind === kind);
      const here = shown.filter((i) => i.kind === kind);
      this.at[kind].before = end ? skip[kind] + all.length - here.length : 0;
      this.at[kind].last = (end ? all : here).at(-1)?.row.id ?? 0;
    }
    this.ended = end || (shown.length === list.length && !later.message && !later.tool);
    this.rows = shown.map((item) => this.row(item));
    this.items.replaceChildren(...this.rows.map((r) => r.element));
    this.filled = true;
    this.empty.hidden = this.rows.length > 0;
    return true;
  }

  private row(item: Item): Row {
    return { item, element: itemElement(this.session, item) };
  }

  private async earlier(): Promise<boolean> {
    const { message, tool } = this.at;
    const place = ({ before }: Window): Place => {
      const limit = Math.min(PAGE, before);
      return { limit, offset: before - limit };
    };
    const places = [place(message), place(tool)] as const;
    const rows = await this.fetch(...places);
    if (!rows) return false;
    const more = { message: (places[0].offset ?? 0) > 0, tool: (places[1].offset ?? 0) > 0 };
    const list = certainEnd(interleave(rows[0].data, rows[1].data), more);
    if (!list.length) return false;
    const made = list.map((item) => this.row(item));
    this.keeping(() => {
      for (const { item } of made) this.at[item.kind].before--;
      this.items.prepend(...made.map((r) => r.element));
      this.rows.unshift(...made);
      for (const { item, element } of this.rows.splice(MOST).reverse()) {
        element.remove();
        this.at[item.kind].last = item.row.id - 1;
        this.ended = false;
      }
    });
    return true;
  }

  /** What follows; the last message again, which may have grown, and calls without a result. */
  private async later(): Promise<boolean> {
    const { message, tool } = this.at;
    const open = this.rows
      .flatMap(({ item }) => (item.kind === 'tool' ? [item.row] : []))
      .slice(-OPEN_CALLS)
      .find((t) => t.outcome === null);
    const rows = await this.fetch(
      { limit: PAGE, after: Math.max(0, message.last - 1) },
      { limit: PAGE, after: open ? open.id - 1 : tool.last },
    );
    if (!rows) return false;
    const [m, t] = rows;
    const stuck = this.ended && this.isAtEnd();
    const now = new Map(interleave(m.data, t.data).map((item) => [key(item), item]));
    this.rows.forEach((row, i) => this.renew(row, i, now.get(key(row.item))));
    const list = interleave(
      m.data.filter((r) => r.id > message.last),
      t.data.filter((r) => r.id > tool.last),
    );
    const shown = certainStart(list, {
      message: m.next_cursor !== null,
      tool: t.next_cursor !== null,
    });
    this.ended = shown.length === list.length && m.next_cursor === null && t.next_cursor === null;
    if (shown.length) this.append(shown);
    if (stuck) this.scroller.scrollTop = this.scroller.scrollHeight;
    this.empty.hidden = this.rows.length > 0;
    return shown.length > 0;
  }

  private renew(row: Row, i: number, item: Item | undefined): void {
    if (!item || JSON.stringify(item.row) === JSON.stringify(row.item.row)) return;
    const { element } = row;
    const open = element instanceof HTMLDetailsElement && element.open;
    const focused = element.contains(document.activeElement);
    const made = { item, element: itemElement(this.session, item, open) };
    element.replaceWith(made.element);
    if (focused) made.element.querySelector('summary')?.focus({ preventScroll: true });
    this.rows[i] = made;
  }

  private append(list: Item[]): void {
    const made = list.map((item) => this.row(item));
    this.keeping(() => {
      for (const { item } of made) this.at[item.kind].last = item.row.id;
      this.items.append(...made.map((r) => r.element));
      this.rows.push(...made);
      const gone = this.rows.splice(0, Math.max(0, this.rows.length - MOST));
      for (const { item, element } of gone) {
        element.remove();
        this.at[item.kind].before++;
      }
    });
  }

  private isAtEnd(height = this.scroller.clientHeight): boolean {
    const { scrollTop, scrollHeight } = this.scroller;
    return scrollHeight - scrollTop - height < AT_END;
  }

  /** What is at the top of the window stays there, whatever comes and goes above it. */
  private keeping(change: () => void): void {
    const { scroller } = this;
    const top = scroller.scrollTop;
    const anchor = this.rows.find(({ element: e }) => e.offsetTop + e.offsetHeight > top)?.element;
    const was = anchor?.offsetTop ?? 0;
    change();
    if (anchor?.isConnected) scroller.scrollTop = top + anchor.offsetTop - was;
  }

  private async scrolled(): Promise<void> {
    const { scrollTop, clientHeight, scrollHeight } = this.scroller;
    const near = NEAR * clientHeight;
    const { message, tool } = this.at;
    let more = false;
    if (scrollTop < near && (message.before > 0 || tool.before > 0)) {
      more = await this.exclusively(() => this.earlier());
    } else if (!this.ended && scrollHeight - scrollTop - clientHeight < near) {
      more = await this.exclusively(() => this.later());
    }
    if (more) void this.scrolled();
  }
}
