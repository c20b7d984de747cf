// Selecting by finger: a long press takes the word below it and offers to copy it.

import type { IBufferLine, Terminal } from '@xterm/xterm';
import { copyText } from './clipboard';
import { button } from './dom';
import { notice } from './notice';

const PRESS_MS = 450;
const SLOP = 8; // pixels until it is a drag
const ABOVE = 58; // pixels; clear of the finger
const APART = /[\s()[\]{}'",;`<>│|]/;

const EDGE = 8;

interface Word {
  column: number;
  length: number;
}

/** By cells: a wide character has two of them. */
function wordAt(line: IBufferLine, column: number): Word | null {
  const inWord = (x: number): boolean => {
    const cell = line.getCell(x);
    if (!cell) return false;
    const chars = cell.getChars();
    if (chars === '') return cell.getWidth() === 0; // the second half of a wide one
    return !APART.test(chars);
  };
  if (!inWord(column)) return null;
  let [from, to] = [column, column + 1];
  while (from > 0 && inWord(from - 1)) from--;
  while (to < line.length && inWord(to)) to++;
  return { column: from, length: to - from };
}

export function touchSelect(host: HTMLElement, term: Terminal): () => void {
  let timer = 0;
  let [x, y] = [0, 0];
  let touching = false;
  let took = false; // this touch has selected and is no tap any more
  let chip: HTMLButtonElement | null = null;

  const clear = (): void => {
    chip?.remove();
    chip = null;
  };

  const offer = (): void => {
    clear();
    chip = button('Copy', { class: 'primary copy-chip' }, () => {
      const text = term.getSelection();
      clear();
      term.clearSelection();
      void copyText(text).then((done) => notice(done ? 'Copied.' : 'The browser does not let it be copied.'));
    });
    document.body.append(chip);
    const most = innerWidth - chip.offsetWidth - EDGE;
    chip.style.left = `${Math.max(EDGE, Math.min(most, x - chip.offsetWidth / 2))}px`;
    chip.style.top = `${Math.max(EDGE, y - ABOVE)}px`;
  };

  const press = (): void => {
    const screen = term.element?.querySelector('.xterm-screen')?.getBoundingClientRect();
    if (!screen) return;
    const column = Math.floor(((x - screen.left) / screen.width) * term.cols);
    const row = Math.floor(((y - screen.top) / screen.height) * term.rows) + term.buffer.active.viewportY;
    const line = term.buffer.active.getLine(row);
    const word = line ? wordAt(line, column) : null;
    if (!word) return;
    took = true;
    term.select(word.column, row, word.length);
    offer();
  };

  host.addEventListener(
    'touchstart',
    (e) => {
      clearTimeout(timer);
      touching = true;
      took = false;
      if (chip) term.clearSelection();
      clear();
      const t = e.touches[0];
      if (!t || e.touches.length !== 1) return;
      ({ clientX: x, clientY: y } = t);
      timer = window.setTimeout(press, PRESS_MS);
    },
    { passive: true },
  );
  host.addEventListener(
    'touchmove',
    (e) => {
      const t = e.touches[0];
      if (!t || Math.hypot(x - t.clientX, y - t.clientY) >= SLOP) clearTimeout(timer);
    },
    { passive: true },
  );
  const end = (e: TouchEvent): void => {
    clearTimeout(timer);
    touching = false;
    if (took && e.cancelable) e.preventDefault(); // a click would take the selection away
  };
  host.addEventListener('touchend', end);
  host.addEventListener('touchcancel', end);
  // The browser's own menu for a long press.
  host.addEventListener('contextmenu', (e) => {
    if (!touching) return;
    e.preventDefault();
    e.stopPropagation();
  }, { capture: true });
  return () => {
    clearTimeout(timer);
    clear();
  };
}
