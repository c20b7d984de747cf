// The terminal of a job's channel, as long as the job lives.

import { latin1 } from '../api/frames';
import { Link, type LinkState, type Size } from '../api/link';
import { Banner } from '../parts/banner';
import { debounce, el } from '../parts/dom';
import { isPhone } from '../parts/phone';
import { PaneTerminal } from '../parts/terminal';
import { onLookChange } from '../parts/theme';
import { touchScroll } from '../parts/touch';

const RESIZE_MS = 120;

export interface LiveActions {
  /** It has no terminal, or none more. */
  gone(): void;
  leave(): void;
}

export class LiveOutput {
  readonly element: HTMLElement;
  readonly terminal: PaneTerminal;
  readonly link: Link;
  private readonly banner = new Banner({ reconnect: () => this.link.connect(), remove: () => undefined });
  private readonly room = el('div', { class: 'room' });
  private readonly watcher: ResizeObserver;
  private readonly forgetLook: () => void;
  private told: Size | null = null;
  private shown = false;

  /** Puts itself into the host at once. `input`: what is typed goes to the job. */
  constructor(
    host: HTMLElement,
    pane: string,
    private readonly input: boolean,
    private readonly actions: LiveActions,
  ) {
    this.element = el('div', { class: 'output-live' }, this.banner.element, this.room);
    host.replaceChildren(this.element);
    this.terminal = new PaneTerminal(this.room, {
      data: (data, typed) => typed && this.send(data),
      binary: (data) => this.send(latin1(data)),
      bell: () => undefined,
      title: () => undefined,
      behind: (lines) => this.link.skip(lines),
      copy: () => undefined,
    });
    const { term } = this.terminal;
    term.options.disableStdin = !input;
    term.options.cursorStyle = input ? 'block' : 'underline';
    touchScroll(this.room, term);
    this.link = new Link(pane, !input, {
      hello: (hello) => {
        this.shown = true;
        this.terminal.resize(hello.cols, hello.rows);
      },
      snapshot: (bytes, done) => this.terminal.redraw(bytes, done),
      output: (bytes, replayed, done) => this.terminal.write(bytes, replayed, done),
      control: ({ type, cols, rows }) => {
        if (type !== 'resize' || typeof cols !== 'number' || typeof rows !== 'number') return;
        this.terminal.resize(cols, rows);
      },
      state: (state) => this.state(state),
      size: () => (this.told = isPhone() ? null : this.terminal.fitting()),
      waiting: () => this.terminal.waiting,
    });
    if (!input) this.element.addEventListener('keydown', (e) => this.key(e), { capture: true });
    this.watcher = new ResizeObserver(debounce(RESIZE_MS, () => this.resized()));
    this.watcher.observe(this.room);
    this.forgetLook = onLookChange(() => this.resized());
    this.link.connect();
  }

  /** On a phone the focus would bring up the keyboard. */
  focus(): void {
    if (!matchMedia('(pointer: coarse)').matches) this.terminal.term.focus();
  }

  dispose(): void {
    this.watcher.disconnect();
    this.forgetLook();
    this.link.close();
    this.banner.dispose();
    this.terminal.dispose();
    this.element.remove();
  }

  /** xterm.js would keep these to itself. */
  private key(e: KeyboardEvent): void {
    if (e.key !== 'Escape' && e.key !== 'Tab') return;
    e.stopPropagation();
    if (e.key === 'Escape') this.actions.leave();
  }

  private state(state: LinkState): void {
    if (state.kind === 'gone') this.actions.gone();
    // That it has ended is seen from the job.
    else if (state.kind !== 'ended') this.banner.show(state, !this.shown);
  }

  private send(data: string | Uint8Array): void {
    if (this.input && !this.link.input(data)) this.banner.lost();
  }

  private resized(): void {
    const size = this.terminal.fitting();
    this.terminal.box();
    if (isPhone()) return;
    if (this.told?.cols === size.cols && this.told.rows === size.rows) return;
    this.told = size;
    this.link.resize(size);
  }
}
