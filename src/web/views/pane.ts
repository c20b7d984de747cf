// One pane: its bar, its terminal and the link between terminal and daemon.

import { killPane, resizePane, type Pane } from '../api/http';
import { latin1, type Control } from '../api/frames';
import { Link, type Hello, type LinkState, type Size } from '../api/link';
import { Banner } from '../parts/banner';
import { copyText } from '../parts/clipboard';
import { debounce, el } from '../parts/dom';
import { KeyRow } from '../parts/keyrow';
import { notice } from '../parts/notice';
import { PaneTerminal } from '../parts/terminal';
import { touchScroll } from '../parts/touch';
import { refreshPanes } from '../state/panes';
import type { Route } from '../state/route';
import { PaneBar } from './bar';
import { HistoryView } from './history';

const RESIZE_MS = 120;
const FOCUS_REPORT = /^\x1b\[[IO]$/;

const same = (a: Size, b: Size): boolean => a.cols === b.cols && a.rows === b.rows;

export interface PaneActions {
  search(): void;
  /** Another thing in its place. */
  go(to: Route): void;
  title(text: string): void;
}

export class PaneView {
  readonly element: HTMLElement;
  readonly terminal: PaneTerminal;
  readonly link: Link;
  private readonly bar: PaneBar;
  private readonly banner: Banner;
  private readonly keys: KeyRow;
  private readonly room = el('div', { class: 'room' });
  private readonly work: HTMLElement; // the terminal with its keys, and a history over both
  private history: HistoryView | null = null;
  private readonly watcher: ResizeObserver;
  private paneSize: Size | null = null;
  private told: Size | null = null; // the size of this viewer that the daemon knows
  private viewers = 1;
  private readOnly: boolean;
  private shown = false;

  /** Puts itself into the stage at once: xterm.js measures what it is opened in. */
  constructor(
    stage: HTMLElement,
    readonly pane: string,
    readonly asReader: boolean,
    private readonly actions: PaneActions,
  ) {
    const readOnly = (this.readOnly = asReader);
    this.work = el('div', { class: 'work' }, this.room);
    this.bar = new PaneBar(pane, {
      search: () => actions.search(),
      fit: () => void this.fit(),
      toggleReadOnly: () => actions.go({ pane, readOnly: !readOnly }),
      title: (text) => actions.title(text),
    });
    this.banner = new Banner({
      reconnect: () => this.link.connect(),
      remove: () => void this.remove(),
    });
    this.element = el(
      'section',
      { class: 'pane', 'aria-label': `Pane ${pane}` },
      this.bar.element,
      this.banner.element,
      this.work,
    );
    stage.replaceChildren(this.element);
    this.terminal = new PaneTerminal(this.room, {
      data: (data, typed) => this.data(data, typed),
      binary: (data) => this.send(latin1(data)),
      bell: () => this.bar.ring(),
      title: (title) => this.bar.title(title),
      behind: (lines) => this.link.skip(lines),
      copy: (text) =>
        notice('A program wants to copy a text.', {
          label: 'Copy it',
          run: () => void copyText(text),
        }),
    });
    const { term } = this.terminal;
    this.keys = new KeyRow(term);
    this.work.append(this.keys.element);
    touchScroll(this.room, term);
    this.link = new Link(pane, readOnly, {
      hello: (hello) => this.hello(hello),
      snapshot: (bytes, done) =>
        this.terminal.redraw(bytes, () => {
          done();
          this.terminal.showCursor();
        }),
      output: (bytes, replayed, done) => this.terminal.write(bytes, replayed, done),
      control: (control) => this.control(control),
      state: (state) => this.state(state),
      size: () => (this.told = this.terminal.fitting()),
      waiting: () => this.terminal.waiting,
    });
    const changed = debounce(RESIZE_MS, () => this.roomChanged());
    this.watcher = new ResizeObserver(changed);
    this.watcher.observe(this.room);
    this.setReadOnly(readOnly);
    this.link.connect();
  }

  /** On a phone the focus would bring up the keyboard. */
  focus(): void {
    if (this.history) this.history.focus();
    else if (!matchMedia('(pointer: coarse)').matches) this.terminal.term.focus();
  }

  /** A place in the history, or the live terminal again. */
  showLine(line: number | undefined, spans: [number, number][]): void {
    const live = line === undefined;
    this.room.inert = !live;
    this.keys.element.inert = !live;
    if (live) {
      this.history?.dispose();
      this.history = null;
    } else {
      if (!this.history) {
        const { pane, asReader: readOnly } = this;
        this.history = new HistoryView(pane, () => this.actions.go({ pane, readOnly }));
        this.work.append(this.history.element);
      }
      void this.history.show(line, spans);
    }
  }

  /** What the list of panes says about this one. */
  info(pane: Pane | undefined): void {
    if (pane) this.bar.info(pane);
  }

  dispose(): void {
    this.history?.dispose();
    this.watcher.disconnect();
    this.link.close();
    this.banner.dispose();
    this.bar.dispose();
    this.terminal.dispose();
    this.element.remove();
  }

  private hello(hello: Hello): void {
    this.shown = true;
    this.setReadOnly(hello.readOnly);
    this.setPaneSize(hello);
    // The window may have changed while there was no connection to say so.
    this.roomChanged();
  }

  private control(control: Control): void {
    const { type, cols, rows, title } = control;
    if (type === 'resize' && typeof cols === 'number' && typeof rows === 'number') {
      this.setPaneSize({ cols, rows });
    } else if (type === 'title' && typeof title === 'string') {
      this.bar.title(title);
    } else if (type === 'viewers') {
      const n = control.viewers ?? control.count;
      if (typeof n === 'number') this.viewers = n;
      this.hint();
    } else if (type === 'bell') {
      this.bar.ring();
    } else if (type === 'error' && typeof control.message === 'string') {
      notice(control.message);
    }
  }

  private state(state: LinkState): void {
    this.banner.show(state, !this.shown);
    this.element.dataset.link = state.kind;
    if (state.kind === 'ended' || state.kind === 'gone') {
      this.terminal.term.options.disableStdin = true;
      void refreshPanes();
    }
    this.hint();
  }

  private setReadOnly(readOnly: boolean): void {
    this.readOnly = readOnly;
    this.bar.readOnly(readOnly);
    this.keys.element.hidden = readOnly;
    this.terminal.term.options.cursorStyle = readOnly ? 'underline' : 'block';
  }

  /**
   * A program's questions are answered by the daemon's terminal, which all viewers share; what
   * xterm.js answers is dropped. A focus report is news of this window; it counts as typing, so
   * it must not come from a window of another size.
   */
  private data(data: string, typed: boolean): void {
    if (typed) this.send(this.keys.apply(data));
    else if (FOCUS_REPORT.test(data) && this.hasPaneSize()) this.send(data);
  }

  private hasPaneSize(): boolean {
    if (this.viewers <= 1) return true;
    return this.told !== null && this.paneSize !== null && same(this.told, this.paneSize);
  }

  private send(data: string | Uint8Array): void {
    if (this.readOnly) return;
    if (!this.link.input(data)) this.banner.lost();
    this.bar.calm();
    this.terminal.showCursor();
  }

  private setPaneSize(size: Size): void {
    this.paneSize = { cols: size.cols, rows: size.rows };
    this.terminal.resize(size.cols, size.rows);
    this.hint();
  }

  private roomChanged(): void {
    const size = this.terminal.fitting();
    this.terminal.box();
    this.terminal.showCursor();
    if (!this.told || !same(size, this.told)) {
      this.told = size;
      this.link.resize(size);
    }
    this.hint();
  }

  private hint(): void {
    const fitting = this.terminal.fitting();
    const differs = this.paneSize !== null && !same(this.paneSize, fitting);
    this.room.classList.toggle('letterbox', differs);
    const show = differs && this.link.state.kind === 'online';
    this.bar.hint(show ? this.paneSize : null, this.viewers > 1, !this.readOnly);
  }

  private async fit(): Promise<void> {
    const size = this.terminal.fitting();
    this.told = size;
    this.link.resize(size);
    this.terminal.term.focus();
    try {
      await resizePane(this.pane, size.cols, size.rows);
    } catch (e) {
      notice(e instanceof Error ? e.message : String(e));
    }
  }

  private async remove(): Promise<void> {
    try {
      await killPane(this.pane);
      this.actions.go({ pane: null, readOnly: false });
    } catch (e) {
      notice(e instanceof Error ? e.message : String(e));
    }
    void refreshPanes();
  }
}
