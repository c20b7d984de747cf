// A live session: what is said and done in it as it happens, what the agent asks for, and a field
// for what one has to say.

import { ApiError } from '../api/http';
import { answer, endTalk, getTalk, interrupt, say, talkEvents, type Priority } from '../api/talks';
import { Badge } from '../parts/badge';
import { confirm } from '../parts/dialog';
import { button, el, renew, tame } from '../parts/dom';
import { itemElement } from '../parts/item';
import { PermissionBox } from '../parts/permission';
import { attempt } from '../parts/problem';
import { mayChange } from '../state/access';
import { Conversation, type Line } from '../state/talk';

const RETRY_MS = 1500;
const HIDDEN_MS = 3000; // between questions
const AT_END = 40; // px
const REMARK = 300; // characters

const coarse = (): boolean => matchMedia('(pointer: coarse)').matches;

export interface TalkActions {
  /** The daemon has nothing of it any more. */
  gone(): void;
  /** Something waits for a person. */
  waits(on: boolean): void;
}

export class TalkView {
  readonly element: HTMLElement;
  private readonly talk = new Conversation();
  private readonly items = el('div', { class: 'transcript-items' });
  private readonly scroller: HTMLElement;
  private readonly asks = el('div', { class: 'asks', role: 'region', 'aria-label': 'Permissions', 'aria-live': 'polite' });
  private readonly queue = el('ul', { class: 'queue', 'aria-label': 'Messages that wait', hidden: true });
  private readonly badge = new Badge();
  private readonly text: HTMLTextAreaElement;
  private readonly priority: HTMLSelectElement;
  private readonly form: HTMLFormElement;
  private readonly rows = new Map<string, HTMLElement>();
  private readonly boxes = new Map<string, PermissionBox>();
  private readonly asking = new AbortController();
  private next = 0;
  private again = 0;
  private readonly ticker: number;
  private readonly unwatch: () => void;

  constructor(
    private readonly job: string,
    private readonly actions: TalkActions,
  ) {
    this.scroller = el(
      'div',
      { class: 'transcript-scroll', tabindex: '0', role: 'document', 'aria-label': 'Conversation' },
      this.items,
    );
    this.text = el('textarea', {
      'aria-label': 'Message', placeholder: 'Message', rows: '2', maxlength: '100000',
      title: 'Enter sends, Shift+Enter begins a new line',
    });
    this.priority = el(
      'select',
      { 'aria-label': 'Priority' },
      el('option', { value: 'next' }, 'After this turn'),
      el('option', { value: 'now' }, 'Now: interrupt'),
      el('option', { value: 'later' }, 'When all is done'),
    );
    this.form = el(
      'form',
      { class: 'compose', 'aria-label': 'Say something' },
      this.text,
      el(
        'div',
        { class: 'compose-row' },
        this.badge.element,
        this.priority,
        button('Interrupt', { class: 'small' }, () => void attempt(() => interrupt(job))),
        button('End', { class: 'small danger' }, () => void this.end()),
        el('button', { type: 'submit', class: 'small primary' }, 'Send'),
      ),
    );
    this.form.addEventListener('submit', (e) => {
      e.preventDefault();
      void this.send();
    });
    this.text.addEventListener('keydown', (e) => {
      // An on-screen keyboard has no Shift+Enter.
      if (e.isComposing || e.shiftKey || e.key !== 'Enter' || coarse()) return;
      e.preventDefault();
      this.form.requestSubmit();
    });
    this.element = el('div', { class: 'talk' }, this.scroller, this.asks, this.queue, this.form);
    this.ticker = window.setInterval(() => {
      for (const box of this.boxes.values()) box.tick();
    }, 1000);
    this.unwatch = mayChange.watch(() => {
      for (const box of this.boxes.values()) box.element.remove();
      this.boxes.clear();
      this.show();
    });
    void this.follow();
  }

  focus(): void {
    (coarse() || this.talk.ended || !mayChange.get() ? this.scroller : this.text).focus({ preventScroll: true });
  }

  dispose(): void {
    clearTimeout(this.again);
    clearInterval(this.ticker);
    this.unwatch();
    this.asking.abort();
    this.element.remove();
  }

  /**
   * Each question waits for something new. It is asked also while nobody sees it, as it may wait for
   * a person; but then it does not wait: a browser has few connections for all of its tabs.
   */
  private async follow(): Promise<void> {
    const { signal } = this.asking;
    let again = RETRY_MS;
    clearTimeout(this.again);
    for (;;) {
      const seen = document.visibilityState === 'visible';
      try {
        const { events, next } = await talkEvents(this.job, this.next, seen, signal);
        if (signal.aborted) return;
        for (const e of events) this.talk.apply(e);
        this.next = next;
        if (this.talk.torn) this.talk.mend(await getTalk(this.job, signal));
        if (signal.aborted) return;
        if (events.length) this.show();
        if (this.talk.ended) return;
        if (!seen) {
          again = HIDDEN_MS;
          break;
        }
      } catch (e) {
        if (signal.aborted) return;
        if (!(e instanceof ApiError)) throw e;
        if (e.status === 404 || e.status === 409) {
          this.actions.gone();
          return;
        }
        break; // it is starting, or not there
      }
    }
    this.again = window.setTimeout(() => void this.follow(), again);
  }

  private show(): void {
    const { scrollTop, scrollHeight, clientHeight } = this.scroller;
    const stuck = scrollHeight - scrollTop - clientHeight < AT_END;
    for (const key of this.talk.takeChanged()) this.row(key);
    this.ask();
    this.wait();
    const { phase, ended } = this.talk;
    this.badge.show(ended ? null : phase);
    const silent = ended || !mayChange.get();
    if (silent && this.form.contains(document.activeElement)) this.scroller.focus();
    this.form.hidden = silent;
    if (stuck) this.scroller.scrollTop = this.scroller.scrollHeight;
  }

  private row(key: string): void {
    const old = this.rows.get(key);
    const line = this.talk.lines.get(key);
    if (!line) {
      old?.remove();
      this.rows.delete(key);
      return;
    }
    const open = old instanceof HTMLDetailsElement && old.open;
    const focused = old?.contains(document.activeElement);
    const row = this.lineElement(line, open);
    if (old) old.replaceWith(row);
    else this.items.append(row);
    if (focused) row.querySelector('summary')?.focus({ preventScroll: true });
    this.rows.set(key, row);
  }

  private lineElement(line: Line, open: boolean): HTMLElement {
    if ('remark' in line) {
      return el('p', { class: line.bad ? 'remark bad' : 'remark' }, tame(line.remark, REMARK));
    }
    const row = itemElement(this.job, line.item, open);
    row.classList.toggle('sub', line.sub);
    return row;
  }

  private ask(): void {
    const { permissions } = this.talk;
    const ids = new Set(permissions.map((p) => p.id));
    let moved = false;
    for (const [id, box] of this.boxes) {
      if (ids.has(id)) continue;
      if (box.element.contains(document.activeElement)) this.focus();
      box.element.remove();
      this.boxes.delete(id);
      moved = true;
    }
    if (moved) for (const box of this.boxes.values()) box.moved();
    for (const p of permissions) {
      if (this.boxes.has(p.id)) continue;
      const box = new PermissionBox(p, mayChange.get(), async (allow, word) => {
        const taken = await attempt(() => answer(this.job, p.id, allow, word));
        return taken !== null;
      });
      this.boxes.set(p.id, box);
      this.asks.append(box.element);
    }
    this.actions.waits(permissions.length > 0);
  }

  private wait(): void {
    const { queue } = this.talk;
    this.queue.hidden = queue.length === 0;
    renew(
      this.queue,
      queue.map((w) =>
        el('li', {}, el('span', { class: 'queue-when' }, tame(w.priority, 10)), tame(w.text, 200)),
      ),
    );
  }

  private async send(): Promise<void> {
    const text = this.text.value;
    if (!text.trim()) return;
    const sent = await attempt(() => say(this.job, text, this.priority.value as Priority));
    if (sent === null || this.text.value !== text) return;
    this.text.value = '';
    this.priority.value = 'next';
  }

  private async end(): Promise<void> {
    const detail = 'The agent gets no more input, and has ten seconds to come to its end.';
    if (await confirm(`End ${this.job}?`, detail, 'End')) await attempt(() => endTalk(this.job));
  }
}
