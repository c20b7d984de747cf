// xterm.js, set up the way this page wants it. Knows nothing of panes and connections: bytes go
// in, and what is to be sent comes out.

import { FitAddon } from '@xterm/addon-fit';
import { Unicode11Addon } from '@xterm/addon-unicode11';
import { WebLinksAddon } from '@xterm/addon-web-links';
import { WebglAddon } from '@xterm/addon-webgl';
import { Terminal } from '@xterm/xterm';
import { Answers } from './answers';
import { copyText, loadClipboard } from './clipboard';
import { FONT, look, onLookChange } from './theme';

export interface TerminalEvents {
  /** A person's input, or an answer of the terminal to a program. */
  data(data: string, typed: boolean): void;
  binary(data: string): void;
  bell(): void;
  title(title: string): void;
  /** A program's text that needs a click before the browser lets it be copied. */
  copy(text: string): void;
}

const SCROLLBACK = 10_000;
const MAX_SIDE = 2000;

function openLink(event: MouseEvent, uri: string): void {
  event.preventDefault();
  if (!/^https?:\/\//i.test(uri)) return;
  window.open(uri, '_blank', 'noopener,noreferrer');
}

export class PaneTerminal {
  readonly term: Terminal;
  readonly answers: Answers;
  private readonly fit = new FitAddon();
  private readonly forgetLook: () => void;

  constructor(
    private readonly host: HTMLElement,
    events: TerminalEvents,
  ) {
    this.term = new Terminal({
      ...look(),
      allowProposedApi: true, // unicode versions
      cursorBlink: false,
      cursorInactiveStyle: 'outline',
      fontFamily: FONT,
      lineHeight: 1.15,
      linkHandler: { activate: openLink },
      macOptionClickForcesSelection: true,
      scrollback: SCROLLBACK,
    });
    const { term } = this;
    this.answers = new Answers(term);
    term.loadAddon(this.fit);
    term.loadAddon(new Unicode11Addon());
    term.unicode.activeVersion = '11';
    term.loadAddon(new WebLinksAddon(openLink));
    loadClipboard(term, {
      replaying: () => this.answers.replaying,
      refused: (text) => events.copy(text),
    });
    term.attachCustomKeyEventHandler((e) => this.key(e));
    term.onData((data) => events.data(data, this.answers.takeTyped()));
    term.onBinary((data) => events.binary(data));
    term.onBell(() => {
      if (!this.answers.replaying) events.bell();
    });
    term.onTitleChange((title) => events.title(title));
    term.open(host);
    this.accelerate();
    this.forgetLook = onLookChange(() => Object.assign(term.options, look()));
  }

  /** Output as it is made, or again if it was made earlier. */
  write(bytes: Uint8Array, replayed: boolean, done: () => void): void {
    if (replayed) this.answers.replay(() => this.term.write(bytes, done));
    else this.term.write(bytes, done);
  }

  /** A redrawing from nothing. CAN ends a sequence that the old output may have left open. */
  redraw(bytes: Uint8Array, done: () => void): void {
    this.term.write('\x18', () => this.term.reset());
    this.write(bytes, true, done);
  }

  /** The size from here on in the output, not before what is still to be parsed. */
  resize(cols: number, rows: number): void {
    if (cols < 1 || rows < 1 || cols > MAX_SIDE || rows > MAX_SIDE) return;
    this.term.write('', () => {
      if (cols !== this.term.cols || rows !== this.term.rows) this.term.resize(cols, rows);
      this.box();
    });
  }

  /** The size that would fill the room there is. */
  fitting(): { cols: number; rows: number } {
    const fit = this.fit.proposeDimensions();
    if (!fit || !Number.isFinite(fit.cols) || !Number.isFinite(fit.rows)) {
      return { cols: 80, rows: 24 };
    }
    return { cols: Math.min(fit.cols, MAX_SIDE), rows: Math.min(fit.rows, MAX_SIDE) };
  }

  /** Makes the element as large as its cells, so that the room around it can scroll. */
  box(): void {
    const { element } = this.term;
    const screen = element?.querySelector<HTMLElement>('.xterm-screen');
    if (!element || !screen) return;
    const style = getComputedStyle(element);
    const across = parseFloat(style.paddingLeft) + parseFloat(style.paddingRight);
    const down = parseFloat(style.paddingTop) + parseFloat(style.paddingBottom);
    element.style.width = `${screen.offsetWidth + SCROLLBAR + across}px`;
    element.style.height = `${screen.offsetHeight + down}px`;
  }

  /** Scrolls the room so far that the cursor can be seen. */
  showCursor(): void {
    const { term, host } = this;
    const screen = term.element?.querySelector<HTMLElement>('.xterm-screen');
    if (!screen || (host.scrollHeight <= host.clientHeight && host.scrollWidth <= host.clientWidth)) {
      return;
    }
    const cellH = screen.offsetHeight / term.rows;
    const cellW = screen.offsetWidth / term.cols;
    const top = term.buffer.active.cursorY * cellH;
    const left = term.buffer.active.cursorX * cellW;
    if (top < host.scrollTop || top + 2 * cellH > host.scrollTop + host.clientHeight) {
      host.scrollTop = top + 2 * cellH - host.clientHeight;
    }
    if (left < host.scrollLeft || left + 2 * cellW > host.scrollLeft + host.clientWidth) {
      host.scrollLeft = left - host.clientWidth / 2;
    }
  }

  dispose(): void {
    this.forgetLook();
    this.term.dispose();
  }

  /** Without WebGL, or when the system takes its context away, xterm.js draws by the DOM. */
  private accelerate(): void {
    try {
      const webgl = new WebglAddon();
      webgl.onContextLoss(() => webgl.dispose());
      this.term.loadAddon(webgl);
    } catch {
      // the DOM renderer is in place already
    }
  }

  /** False for keys that are the browser's, not the terminal's. */
  private key(e: KeyboardEvent): boolean {
    if (!e.ctrlKey || !e.shiftKey || e.altKey || e.metaKey) return true;
    if (e.code === 'KeyV') return false; // the browser pastes
    if (e.code !== 'KeyC') return true;
    e.preventDefault(); // the browser would open its inspector
    if (e.type === 'keydown' && this.term.hasSelection()) void copyText(this.term.getSelection());
    return false;
  }
}

/** xterm.js reserves it beside the cells; the fit addon counts with the same width. */
const SCROLLBAR = 14;
