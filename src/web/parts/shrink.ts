// A terminal's letters made smaller until all of its columns are in sight.

import type { Terminal } from '@xterm/xterm';
import { ownFontSize, look } from './theme';

const LEAST = 6; // pixels; nobody reads less
const STEP = 0.5;
const BESIDE = 14; // xterm.js reserves it for its scroll bar

/** How wide it would like to be. */
function width(term: Terminal): number {
  const { element } = term;
  const screen = element?.querySelector<HTMLElement>('.xterm-screen');
  if (!element || !screen) return 0;
  const { paddingLeft, paddingRight } = getComputedStyle(element);
  return screen.offsetWidth + BESIDE + parseFloat(paddingLeft) + parseFloat(paddingRight);
}

/** To the letters that are set, or to the largest below them with which it fits the room. */
export function shrink(term: Terminal, room: HTMLElement, on: boolean): void {
  const own = look().fontSize ?? ownFontSize();
  const now = term.options.fontSize ?? own;
  if (!on) {
    if (now !== own) term.options.fontSize = own;
    return;
  }
  const has = room.clientWidth;
  const wants = (width(term) * own) / now;
  let size = wants <= has ? own : Math.floor((own * has) / wants / STEP) * STEP;
  size = Math.max(Math.min(size, own), Math.min(LEAST, own));
  if (size !== now) term.options.fontSize = size;
  // Cells are whole pixels of the device: it may still be a little too wide.
  while (width(term) > has && size - STEP >= LEAST) term.options.fontSize = size -= STEP;
}
