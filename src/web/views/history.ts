// A place in a pane's history, over its terminal, which goes on meanwhile. The history can be
// much longer than what a browser scrolls well: some thousand lines around what one looks at are
// there, more are fetched when their end comes near, and the farthest leave.

import type { HistoryLine, HistoryPart } from '../api/history';
import { ApiError } from '../api/http';
import { exactly } from '../parts/ago';
import { copyText } from '../parts/clipboard';
import { button, el } from '../parts/dom';
import { Inks, lineNodes } from '../parts/line';
import { notice } from '../parts/notice';
import { onLookChange } from '../parts/theme';
import type { LineSource } from '../state/lines';
import { TurnStrip } from './turnstrip';

const AROUND = 500;
const CHUNK = 500;
const MOST = 3000; // lines in the page
const NEAR = 2; // screens from an end
const AGAIN_MS = 1000; // at the live end

interface Row {
  line: HistoryLine;
  inks: Inks;
  element: HTMLElement;
}

const same = (a: HistoryLine, b: HistoryLine): boolean =>
  a.text === b.text && a.time === b.time && JSON.stringify(a.runs) === JSON.stringify(b.runs);

const number = (n: number): string => n.toLocaleString('en');

export class HistoryView {
  readonly element: HTMLElement;
  private readonly title = el('h2', { class: 'history-title' });
  private readonly when = el('span', { class: 'history-when' });
  private readonly turn = new TurnStrip();
  private readonly note = el('p', { class: 'history-note', role: 'status', hidden: true });
  private readonly lines = el('div', { class: 'history-lines' });
  private readonly scroller: HTMLElement;
  private rows: Row[] = [];
  private line = 0;
  private spans: [number, number][] = [];
  private known = { first: 1, last: 0 }; // of the pane, as the last answer told
  private asking = new AbortController();
  private busy = false;
  private askedAt = 0;
  private offline = false;
  private retry = 0;
  private readonly forgetLook: () => void;

  /** `back`: what closing it leads to. */
  constructor(
    private readonly source: LineSource,
    back: string,
    close: () => void,
  ) {
    this.scroller = el(
      'div',
      { class: 'history-scroll', tabindex: '0', role: 'document', 'aria-label': 'History' },
      this.lines,
    );
    this.element = el(
      'section',
      { class: 'history', 'aria-label': `History of ${source.pane}` },
      el(
        'header',
        { class: 'history-bar' },
        el('div', { class: 'history-place' }, this.title, this.when),
        button('Copy link', { class: 'small' }, () => void this.copyLink()),
        button(back, { class: 'small primary', title: 'Esc' }, close),
      ),
      this.turn.element,
      this.note,
      this.scroller,
    );
    this.scroller.addEventListener('scroll', () => void this.scrolled(), { passive: true });
    this.element.addEventListener('keydown', (e) => {
      if (e.key === 'Escape') {
        e.preventDefault();
        e.stopPropagation();
        close();
      } else if (e.ctrlKey && e.shiftKey && e.code === 'KeyC') {
        e.preventDefault(); // as in the terminal
        void copyText(String(getSelection()));
      }
    });
    this.forgetLook = onLookChange(() => this.redraw());
  }

  focus(): void {
    this.scroller.focus({ preventScroll: true });
  }

  /** `spans` are the bytes of the line that were found. */
  async show(line: number, spans: [number, number][]): Promise<void> {
    this.stop();
    this.asking = new AbortController();
    this.busy = false;
    this.line = line;
    this.spans = spans;
    this.title.textContent = `Line ${number(line)}`;
    this.when.textContent = '';
    this.turn.hide();
    const { signal } = this.asking;
    const part = await this.fetch(line - AROUND, line + AROUND);
    if (!part && this.offline && !signal.aborted) {
      this.retry = window.setTimeout(() => void this.show(line, spans), AGAIN_MS);
    }
    if (!part) return;
    // Before the first or behind the last: what is nearest.
    const nearest = Math.max(part.first_line, Math.min(part.last_line, line));
    const shown = part.lines.length
      ? part
      : await this.fetch(nearest - AROUND, nearest + AROUND);
    if (!shown) return;
    this.rows = [];
    this.lines.replaceChildren();
    this.lines.style.setProperty('--digits', String(String(shown.last_line).length));
    this.append(shown);
    this.say(line, shown);
    this.reveal(nearest);
  }

  dispose(): void {
    this.stop();
    this.turn.hide();
    this.forgetLook();
    this.element.remove();
  }

  private stop(): void {
    clearTimeout(this.retry);
    this.asking.abort();
  }

  private say(line: number, { first_line: first, last_line: last }: HistoryPart): void {
    const row = this.rows.find((r) => r.line.line === line);
    this.note.hidden = row !== undefined;
    if (line < first) {
      this.note.textContent = `Line ${number(line)} has left the history, which begins with line ${number(first)}.`;
    } else if (line > last) {
      this.note.textContent = `Line ${number(line)} has not been printed; the last is ${number(last)}.`;
    }
    this.title.textContent = `Line ${number(line)} of ${number(last)}`;
    this.when.textContent = row?.line.time ? exactly(row.line.time) : row ? 'on the screen' : '';
    if (row) void this.turn.show(this.source.pane, row.line.time);
  }

  private async fetch(from: number, to: number): Promise<HistoryPart | null> {
    const { signal } = this.asking;
    try {
      const part = await this.source.fetch(from, to, signal);
      if (signal.aborted) return null;
      if (this.offline) this.note.hidden = true;
      this.offline = false;
      this.known = { first: part.first_line, last: part.last_line };
      return part;
    } catch (e) {
      if (signal.aborted) return null;
      this.offline = e instanceof ApiError && e.code === 'offline';
      this.note.hidden = false;
      this.note.textContent =
        e instanceof ApiError && e.status === 404
          ? 'This pane does not exist any more.'
          : e instanceof Error
            ? e.message
            : String(e);
      return null;
    }
  }

  private row(line: HistoryLine, inks: Inks): Row {
    const found = line.line === this.line;
    const element = el(
      'div',
      {
        class: found ? 'history-line found' : 'history-line',
        'data-line': String(line.line),
        title: line.time ? exactly(line.time) : '',
      },
      ...lineNodes(line, inks, found ? this.spans : []),
    );
    if (found) element.setAttribute('aria-current', 'true');
    return { line, inks, element };
  }

  private append(part: HistoryPart): void {
    const inks = new Inks(part.styles);
    for (const line of part.lines) {
      let i = this.rows.length - 1;
      while (i >= 0 && (this.rows[i]?.line.line ?? 0) > line.line) i--;
      const old = this.rows[i]?.line.line === line.line ? this.rows[i] : undefined;
      if (old && same(old.line, line)) continue; // a selection in it stays
      const row = this.row(line, inks);
      if (old) {
        old.element.replaceWith(row.element);
        this.rows[i] = row;
      } else {
        this.lines.append(row.element);
        this.rows.push(row);
      }
    }
  }

  private prepend(part: HistoryPart): void {
    const inks = new Inks(part.styles);
    const rows = part.lines.map((line) => this.row(line, inks));
    this.lines.prepend(...rows.map((r) => r.element));
    this.rows.unshift(...rows);
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

  private drop(rows: Row[]): void {
    for (const { element } of rows) element.remove();
  }

  private reveal(line: number): void {
    const e = this.rows.find((r) => r.line.line === line)?.element;
    if (e) this.scroller.scrollTop = e.offsetTop - this.scroller.clientHeight * 0.4;
  }

  private async scrolled(): Promise<void> {
    const { scrollTop, clientHeight, scrollHeight } = this.scroller;
    const [first] = this.rows;
    const last = this.rows.at(-1);
    if (this.busy || !first || !last) return;
    this.busy = true;
    const { signal } = this.asking;
    const near = NEAR * clientHeight;
    let more = false;
    if (scrollTop < near && first.line.line > this.known.first) more = await this.earlier(first);
    else if (scrollHeight - scrollTop - clientHeight < near) more = await this.later(last);
    if (signal.aborted) return; // another place is shown
    this.busy = false;
    if (more) void this.scrolled();
  }

  private async earlier(first: Row): Promise<boolean> {
    const part = await this.fetch(first.line.line - CHUNK, first.line.line - 1);
    if (!part?.lines.length) return false;
    this.keeping(() => {
      this.prepend(part);
      this.drop(this.rows.splice(MOST));
    });
    return true;
  }

  /** What is still on the screen may have changed and is fetched again. */
  private async later(last: Row): Promise<boolean> {
    const live = this.known.last <= last.line.line;
    if (live && performance.now() - this.askedAt < AGAIN_MS) return false;
    if (live) this.askedAt = performance.now();
    const from = this.rows.find((r) => r.line.time === null)?.line.line ?? last.line.line + 1;
    const part = await this.fetch(from, last.line.line + CHUNK);
    if (!part?.lines.length) return false;
    this.keeping(() => {
      this.append(part);
      this.drop(this.rows.splice(0, Math.max(0, this.rows.length - MOST)));
    });
    return this.rows.at(-1) !== last;
  }

  private redraw(): void {
    for (const { inks } of this.rows) inks.fade();
    for (const row of this.rows) {
      const spans = row.line.line === this.line ? this.spans : [];
      row.element.replaceChildren(...lineNodes(row.line, row.inks, spans));
    }
  }

  private async copyLink(): Promise<void> {
    notice((await copyText(location.href)) ? 'The link is copied.' : 'The browser did not copy it.');
    this.focus();
  }
}
