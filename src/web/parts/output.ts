// What a channel of a job wrote, as text: its end, and what is before that when one asks. What is
// in it is shown and does nothing.

import { button, el } from './dom';
import { blocks, plain } from './longtext';

const PIECE = 256 * 1024; // bytes
const MOST = 8 * 1024 * 1024;
const AT_END = 40; // px
const LF = 10;

/** Bytes of the channel, from an offset on, at most so many. */
export type Read = (offset: number, limit: number) => Promise<Uint8Array | null>;

/** Where a line begins; without one, behind what belongs to a code point that was cut. */
function lineStart(bytes: Uint8Array): number {
  const lf = bytes.indexOf(LF);
  if (lf >= 0 && lf < bytes.length - 1) return lf + 1;
  let at = 0;
  while (at < 3 && ((bytes[at] ?? 0) & 0xc0) === 0x80) at++;
  return at;
}

export class Output {
  readonly element: HTMLElement;
  private readonly text = el('div', { class: 'text output-text' });
  private readonly earlier: HTMLButtonElement;
  private readonly note = el('p', { class: 'output-note', role: 'status', hidden: true });
  private from = 0; // bytes of the channel that are here
  private to = 0;
  private busy = false;
  private tail = new TextDecoder();
  private stuck = true; // to its end
  private top = 0;
  /** Blocks get their height when they come into view, and the window may shrink. */
  private readonly resized = new ResizeObserver(() => this.stick());

  /** `command`: what prints all of it, for a person who wants that. */
  constructor(
    private readonly read: Read,
    label: string,
    private readonly command: string,
  ) {
    this.earlier = button('Show earlier', { class: 'small', hidden: true }, () => void this.before());
    this.element = el(
      'div',
      { class: 'output-scroll', tabindex: '0', role: 'document', 'aria-label': label },
      el('div', { class: 'output-more' }, this.earlier, this.note),
      this.text,
    );
    this.element.addEventListener('scroll', () => this.scrolled(), { passive: true });
    this.resized.observe(this.element);
    this.resized.observe(this.text);
  }

  dispose(): void {
    this.resized.disconnect();
    this.element.remove();
  }

  /** The channel has so many bytes now. */
  async grow(bytes: number): Promise<void> {
    if (this.busy || bytes <= this.to) return;
    this.busy = true;
    try {
      if (this.to === 0 || bytes - this.to > PIECE || this.to - this.from > MOST) await this.end(bytes);
      else await this.more(bytes);
    } finally {
      this.busy = false;
    }
  }

  private async end(bytes: number): Promise<void> {
    const from = Math.max(0, bytes - PIECE);
    const piece = await this.read(from, bytes - from);
    if (!piece) return;
    const start = from > 0 ? lineStart(piece) : 0;
    this.from = from + start;
    this.to = from + piece.length;
    this.tail = new TextDecoder();
    const text = this.tail.decode(piece.subarray(start), { stream: true });
    this.text.replaceChildren(...blocks(plain(text)));
    this.rest();
    this.stuck = true;
    this.stick();
  }

  private async more(bytes: number): Promise<void> {
    const piece = await this.read(this.to, bytes - this.to);
    if (!piece) return;
    this.to += piece.length;
    const text = plain(this.tail.decode(piece, { stream: true }));
    // Behind a line that has not ended it goes on within its block.
    const last = this.text.lastElementChild;
    if (last && (last.textContent?.length ?? 0) < PIECE / 8) last.append(text);
    else this.text.append(...blocks(text));
    this.stick();
  }

  private async before(): Promise<void> {
    if (this.busy) return;
    this.busy = this.earlier.disabled = true;
    const from = Math.max(0, this.from - PIECE);
    const piece = await this.read(from, this.from - from);
    this.busy = this.earlier.disabled = false;
    if (!piece) return;
    const start = from > 0 ? lineStart(piece) : 0;
    const { element } = this;
    const was = element.scrollHeight - element.scrollTop;
    this.text.prepend(...blocks(plain(new TextDecoder().decode(piece.subarray(start)))));
    this.from = from + start;
    this.rest();
    this.stuck = false;
    element.scrollTop = element.scrollHeight - was;
    element.focus({ preventScroll: true });
  }

  private stick(): void {
    if (this.stuck) this.element.scrollTop = this.element.scrollHeight;
  }

  private scrolled(): void {
    const { scrollTop, scrollHeight, clientHeight } = this.element;
    if (scrollHeight - scrollTop - clientHeight < AT_END) this.stuck = true;
    else if (scrollTop < this.top) this.stuck = false; // by a person: it grows downwards
    this.top = scrollTop;
  }

  private rest(): void {
    const much = this.to - this.from >= MOST;
    this.earlier.hidden = this.from === 0 || much;
    this.note.hidden = this.from === 0 || !much;
    this.note.textContent = `There is more: “${this.command}” prints all of it.`;
  }
}
