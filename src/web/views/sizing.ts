// Whose size a pane has, as seen from one viewer of it. A window tells its size and the daemon
// gives the pane that of who types. A phone tells none, so that nothing it does resizes a desktop's
// terminal, until a person has it fit the pane to the phone; what is larger than its room then
// scrolls there or is shrunk.

import { isTtyd, resizePane } from '../api/http';
import type { AnyLink, Hello, Size } from '../api/link';
import type { KeyRow } from '../parts/keyrow';
import { notice } from '../parts/notice';
import { isPhone } from '../parts/phone';
import { shrink } from '../parts/shrink';
import type { PaneTerminal } from '../parts/terminal';
import { look, onLookChange } from '../parts/theme';
import { dropFit, fitOf, keepFit, setShrinking, shrinking } from '../state/fits';
import type { PaneBar } from './bar';

const same = (a: Size, b: Size): boolean => a.cols === b.cols && a.rows === b.rows;

export interface Sized {
  pane: string;
  room: HTMLElement;
  terminal: PaneTerminal;
  bar: PaneBar;
  keys: KeyRow;
  link: AnyLink;
}

export class Sizing {
  private paneSize: Size | null = null;
  private told: Size | null = null; // the size of this viewer that the daemon knows
  private undo: { from: Size; to: Size } | null = null; // unless somebody else has a size
  private viewers = 1;
  private readOnly = false;
  private readonly stops: (() => void)[];

  constructor(private readonly of: Sized) {
    const resized = of.terminal.term.onResize(() => {
      this.scale();
      this.hint();
    });
    this.stops = [
      shrinking.watch(() => this.roomChanged()),
      onLookChange(() => this.roomChanged()),
      () => resized.dispose(),
    ];
  }

  /** What to tell the daemon when attaching. */
  size(): Size | null {
    return (this.told = this.tells() ? this.of.terminal.fitting() : null);
  }

  hello(hello: Hello): void {
    this.readOnly = hello.readOnly;
    this.paneChanged(hello);
    // The window may have changed while there was no connection to say so.
    this.roomChanged();
    const { undo } = this;
    this.undo = null;
    if (undo && same(hello, undo.from)) void this.resize(undo.to);
  }

  paneChanged(size: Size): void {
    this.paneSize = { cols: size.cols, rows: size.rows };
    this.of.terminal.resize(size.cols, size.rows);
    this.hint();
  }

  viewersChanged(viewers: number): void {
    this.viewers = viewers;
    this.hint();
  }

  roomChanged(): void {
    const { terminal, link } = this.of;
    this.scale();
    terminal.showCursor();
    const size = terminal.fitting();
    if (this.tells() && !(this.told && same(size, this.told))) {
      this.told = size;
      link.resize(size);
    }
    this.hint();
  }

  /** Whether the program sees this window's size, and so may hear of its focus. */
  isOwn(): boolean {
    if (this.viewers <= 1) return true;
    return this.told !== null && this.paneSize !== null && same(this.told, this.paneSize);
  }

  hint(): void {
    const { bar, keys, link, pane, room, terminal } = this.of;
    const phone = isPhone();
    const before = phone ? fitOf(pane) : undefined;
    const fits = before !== undefined;
    const shrunk = terminal.term.options.fontSize !== look().fontSize;
    const differs = this.paneSize !== null && (shrunk || !same(this.paneSize, terminal.fitting()));
    room.classList.toggle('letterbox', differs);
    const shared = this.viewers > 1;
    const may = this.readOnly ? null : !fits ? 'fit' : before || shared ? 'own' : null;
    if (link.state.kind === 'online') bar.hint(differs ? this.paneSize : null, shared, may);
    else bar.hint(null, false, null);
    const wide = shrunk || room.scrollWidth > room.clientWidth;
    keys.shrunk(phone && !fits && wide ? shrinking.get() : null);
  }

  async fit(): Promise<void> {
    const { terminal, link, pane } = this.of;
    if (isPhone()) keepFit(pane, this.paneSize);
    this.scale();
    const size = (this.told = terminal.fitting());
    link.resize(size);
    if (!isPhone()) terminal.term.focus(); // there it brings the keyboard up
    await this.resize(size);
  }

  /** The pane has the size of others again. A size cannot be taken back but by attaching anew. */
  unfit(): void {
    const { pane, link } = this.of;
    const to = fitOf(pane);
    this.undo = to && this.paneSize ? { from: this.paneSize, to } : null;
    dropFit(pane);
    link.again();
  }

  toggleShrink(): void {
    setShrinking(!shrinking.get());
  }

  dispose(): void {
    for (const stop of this.stops) stop();
  }

  private tells(): boolean {
    return isTtyd || !isPhone() || fitOf(this.of.pane) !== undefined;
  }

  private scale(): void {
    const { room, terminal } = this.of;
    shrink(terminal.term, room, shrinking.get() && !this.tells());
    terminal.box();
  }

  private async resize(size: Size): Promise<void> {
    try {
      await resizePane(this.of.pane, size.cols, size.rows);
    } catch (e) {
      notice(e instanceof Error ? e.message : String(e));
    }
  }
}
