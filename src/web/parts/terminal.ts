// xterm.js, set up the way this page wants it. Knows nothing of panes and connections: bytes go
// in, and what is to be sent comes out.

import { FitAddon } from '@xterm/addon-fit';
import { Unicode11Addon } from '@xterm/addon-unicode11';
import { WebLinksAddon } from '@xterm/addon-web-links';
import { Terminal } from '@xterm/xterm';
import { settings } from '../state/settings';
import { Answers } from './answers';
import { copyText, loadClipboard } from './clipboard';
import { accelerate } from './gpu';
import { openLink } from './link';
import { Lane } from './pace';
import { FONT, look, onLookChange } from './theme';

export interface TerminalEvents {
  /** A person's input, or an answer of the terminal to a program. */
  data(data: string, typed: boolean): void;
  binary(data: string): void;
  bell(): void;
  title(title: string): void;
  /** A program's text that needs a click before the browser lets it be copied. */
  copy(text: string): void;
  /** Too much waits to be shown: a snapshot is wanted, with so many lines of history. */
  behind(lines: number): void;
}

const SCROLLBACK = 10_000;
const MAX_SIDE = 2000;
const RESTORED = 1000; // lines above the screen, after a flood; the daemon gives no more

// Ends a sequence that may be open, and then the terminal is as new. It all is one piece with
// what follows: in between nothing is drawn.
const ANEW = new TextEncoder().encode('\x18\x1bc');

export class PaneTerminal {
  readonly term: Terminal;
  readonly answers: Answers;
  private readonly fit = new FitAddon();
  private gone = false; // whoever is told later of a size finds no renderer
  private readonly forgetLook: () => void;
  private readonly lane: Lane;
  private readonly sight: IntersectionObserver;
  private inSight = true;

  constructor(
    private readonly host: HTMLElement,
    private readonly events: TerminalEvents,
  ) {
    this.term = new Terminal({
      ...look(),
      allowProposedApi: true, // unicode versions
      cursorBlink: false,
      cursorInactiveStyle: 'outline',
      fontFamily: FONT,
      lineHeight: 1.15,
      // What it takes for a link is looked at by openLink, mail too.
      linkHandler: { activate: (e, uri) => void openLink(e, uri), allowNonHttpProtocols: true },
      macOptionClickForcesSelection: true,
      scrollback: SCROLLBACK,
    });
    const { term } = this;
    this.answers = new Answers(term);
    term.loadAddon(this.fit);
    term.loadAddon(new Unicode11Addon());
    term.unicode.activeVersion = '11';
    term.loadAddon(new WebLinksAddon((e, uri) => void openLink(e, uri)));
    loadClipboard(term, {
      allowed: () => settings.get().copies,
      replaying: () => this.answers.replaying,
      refused: (text) => events.copy(text),
    });
    term.attachCustomKeyEventHandler((e) => this.key(e));
    this.lane = new Lane({
      feed: (bytes, replayed, parsed) => this.feed(bytes, replayed, parsed),
      then: (run) => term.write('', run),
      behind: (calm) => events.behind(calm ? RESTORED : 0),
      aside: () => this.aside,
      above: () => this.above,
      selected: () => term.hasSelection(),
      focused: () => host.contains(document.activeElement),
    });
    this.sight = new IntersectionObserver((entries) => {
      this.inSight = entries.at(-1)?.isIntersecting ?? true;
    });
    this.sight.observe(host);
    term.onData((data) => this.data(data, this.answers.takeTyped()));
    term.onBinary((data) => events.binary(data));
    term.onBell(() => {
      if (!this.answers.replaying) events.bell();
    });
    term.onTitleChange((title) => events.title(title));
    term.open(host);
    accelerate(term);
    this.forgetLook = onLookChange(() => Object.assign(term.options, look()));
  }

  /** Bytes that are not parsed yet. */
  get waiting(): number {
    return this.lane.waiting;
  }

  /** Output as it is made, or again if it was made earlier. */
  write(bytes: Uint8Array, replayed: boolean, done: () => void): void {
    this.lane.add(bytes, replayed, done);
  }

  /** A redrawing from nothing. */
  redraw(bytes: Uint8Array, done: () => void): void {
    const all = new Uint8Array(ANEW.length + bytes.length);
    all.set(ANEW);
    all.set(bytes, ANEW.length);
    this.lane.skip(all, done);
  }

  /** The size from here on in the output, not before what is still to be parsed. */
  resize(cols: number, rows: number): void {
    if (cols < 1 || rows < 1 || cols > MAX_SIDE || rows > MAX_SIDE) return;
    this.lane.then(() => {
      if (cols !== this.term.cols || rows !== this.term.rows) this.term.resize(cols, rows);
      this.box();
    });
  }

  /** The size that would fill the room there is. */
  fitting(): { cols: number; rows: number } {
    const fit = this.gone ? undefined : this.fit.proposeDimensions();
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
    this.sight.disconnect();
    this.lane.close();
    this.gone = true;
    this.term.dispose();
  }

  /** Nobody sees what is new: it is out of sight, or the person looks at what was before. */
  private get aside(): boolean {
    return !this.inSight || document.visibilityState === 'hidden' || this.above;
  }

  private get above(): boolean {
    const { viewportY, baseY } = this.term.buffer.active;
    return viewportY < baseY;
  }

  private feed(bytes: Uint8Array, replayed: boolean, parsed: () => void): void {
    if (replayed) this.answers.replay(() => this.term.write(bytes, parsed));
    else this.term.write(bytes, parsed);
  }

  private data(data: string, typed: boolean): void {
    this.events.data(data, typed);
    if (typed) this.lane.hurry();
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
