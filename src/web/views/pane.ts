// One pane: its bar, its terminal and the link between terminal and daemon.

import { isTtyd, killPane, type Pane } from '../api/http';
import { latin1, type Control } from '../api/frames';
import { Link, type AnyLink, type Hello, type LinkState } from '../api/link';
import { TtyLink } from '../api/ttylink';
import { Banner } from '../parts/banner';
import { copyText } from '../parts/clipboard';
import { debounce, el } from '../parts/dom';
import { KeyRow } from '../parts/keyrow';
import { notice } from '../parts/notice';
import { PaneTerminal } from '../parts/terminal';
import { prefer } from '../parts/theme';
import { touchScroll } from '../parts/touch';
import { linesOf } from '../state/lines';
import { touchSelect } from '../parts/touchselect';
import { refreshPanes } from '../state/panes';
import type { Route } from '../state/route';
import { showing } from '../state/seen';
import { PaneBar } from './bar';
import { HistoryView } from './history';
import { Sizing } from './sizing';

const RESIZE_MS = 120;
const PREFERENCES = [
  'cursorBlink', 'cursorStyle', 'fontFamily', 'fontSize', 'fontWeight', 'fontWeightBold', 'letterSpacing',
  'lineHeight', 'macOptionIsMeta', 'minimumContrastRatio', 'scrollback', 'tabStopWidth', 'theme', 'wordSeparator',
];
const FOCUS_REPORT = /^\x1b\[[IO]$/;

/** A grid may have no room for it now. */
const isVisible = (e: HTMLElement): boolean => e.getClientRects().length > 0;

export interface PaneActions {
  search(): void;
  /** Another thing in its place. */
  go(to: Route): void;
  title(text: string): void;
}

export class PaneView {
  readonly element: HTMLElement;
  readonly terminal: PaneTerminal;
  readonly link: AnyLink;
  private readonly bar: PaneBar;
  private readonly banner: Banner;
  private readonly keys: KeyRow;
  private readonly room = el('div', { class: 'room' });
  private readonly work: HTMLElement; // the terminal with its keys, and a history over both
  private history: HistoryView | null = null;
  private readonly watcher: ResizeObserver;
  private readonly sizing: Sizing;
  private readonly forgetTouch: () => void;
  private readOnly: boolean;
  private shown = false;
  private readonly unsee: () => void;

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
      fit: () => void this.sizing.fit(),
        unfit: () => this.sizing.unfit(),
      toggleReadOnly: () => actions.go({ pane, readOnly: !readOnly }),
      title: (text) => actions.title(text),
    });
    this.banner = new Banner({
      reconnect: () => this.link.connect(),
      remove: () => void this.remove(),
    }, isTtyd);
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
    this.keys = new KeyRow(term, () => this.sizing.toggleShrink());
    this.work.append(this.keys.element);
    touchScroll(this.room, term);
    this.forgetTouch = touchSelect(this.room, term);
    this.link = new (isTtyd ? TtyLink : Link)(pane, readOnly, {
      hello: (hello) => this.hello(hello),
      snapshot: (bytes, done) =>
        this.terminal.redraw(bytes, () => {
          done();
          this.terminal.showCursor();
        }),
      output: (bytes, replayed, done) => this.terminal.write(bytes, replayed, done),
      control: (control) => this.control(control),
      state: (state) => this.state(state),
      size: () => this.sizing.size(),
      waiting: () => this.terminal.waiting,
      preferences: (of) => this.prefer(of),
    });
    const { room, terminal, bar, keys, link } = this;
    this.sizing = new Sizing({ pane, room, terminal, bar, keys, link });
    const changed = debounce(RESIZE_MS, () => this.sizing.roomChanged());
    this.watcher = new ResizeObserver(changed);
    this.watcher.observe(this.room);
    this.setReadOnly(readOnly);
    this.unsee = showing(pane, () => (isVisible(this.element) ? this.link.offset : null));
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
        this.history = new HistoryView(linesOf(pane), 'Back to live', () => this.actions.go({ pane, readOnly }));
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
    this.unsee();
    this.history?.dispose();
    this.watcher.disconnect();
    this.sizing.dispose();
    this.forgetTouch();
    this.link.close();
    this.banner.dispose();
    this.bar.dispose();
    this.terminal.dispose();
    this.element.remove();
  }

  /** Of what ttyd's clients have as options, those of the terminal; others are passed over. */
  private prefer(of: Record<string, unknown>): void {
    const { options } = this.terminal.term;
    const good: Record<string, unknown> = {};
    for (const name of PREFERENCES) {
      if (!(name in of)) continue;
      try {
        Object.assign(options, { [name]: of[name] });
        good[name] = of[name];
      } catch {
        notice(`The option ${name} is not as it should be.`);
      }
    }
    prefer(good);
    this.sizing.roomChanged();
  }

  private hello(hello: Hello): void {
    this.shown = true;
    this.terminal.term.options.disableStdin = false;
    this.setReadOnly(hello.readOnly);
    this.sizing.hello(hello);
  }

  private control(control: Control): void {
    const { type, cols, rows, title } = control;
    if (type === 'resize' && typeof cols === 'number' && typeof rows === 'number') {
      this.sizing.paneChanged({ cols, rows });
    } else if (type === 'title' && typeof title === 'string') {
      this.bar.title(title);
    } else if (type === 'viewers') {
      const n = control.viewers ?? control.count;
      if (typeof n === 'number') this.sizing.viewersChanged(n);
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
    this.sizing.hint();
  }

  private setReadOnly(readOnly: boolean): void {
    this.readOnly = readOnly;
    this.bar.readOnly(readOnly);
    this.keys.readOnly(readOnly);
    this.terminal.term.options.cursorStyle = readOnly ? 'underline' : 'block';
  }

  /**
   * A program's questions are answered by the daemon's terminal, which all viewers share; what
   * xterm.js answers is dropped. A focus report is news of this window; it counts as typing, so
   * it must not come from a window of another size.
   */
  private data(data: string, typed: boolean): void {
    if (typed) this.send(this.keys.apply(data));
    else if (FOCUS_REPORT.test(data) && this.sizing.isOwn()) this.send(data);
  }

  private send(data: string | Uint8Array): void {
    if (this.readOnly) return;
    if (!this.link.input(data)) this.banner.lost();
    this.bar.calm();
    this.terminal.showCursor();
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
