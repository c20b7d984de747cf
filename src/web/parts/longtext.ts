// Text from a program, of any length: its beginning, and all of it when one asks. What is in it
// is shown and does nothing.

import { button, el, unturned } from './dom';

const SHORT = 2400; // characters
const SHORT_LINES = 40;
const BLOCK = 32_768; // a browser lays out what is in view, by blocks

/** Without a terminal's colours; other control characters as ^X. */
export function plain(text: string): string {
  return unturned(text)
    .replace(/\r\n/g, '\n')
    .replace(/\x1b\[[0-?]*[ -/]*[@-~]/g, '')
    .replace(/[\0-\x08\x0b-\x1f\x7f]/g, (c) => `^${String.fromCharCode(c.charCodeAt(0) ^ 64)}`)
    .replace(/[\x80-\x9f]/g, '\ufffd');
}

/** Cuts between code points. */
function cutAt(text: string, n: number): number {
  const unit = text.charCodeAt(n - 1);
  return unit >= 0xd800 && unit < 0xdc00 ? n - 1 : n;
}

function shortEnd(text: string): number {
  let end = Math.min(text.length, SHORT);
  for (let i = 0, lines = 0; i < end; i++) {
    if (text[i] === '\n' && ++lines === SHORT_LINES) end = i;
  }
  return end < text.length ? cutAt(text, end) : end;
}

export function size(bytes: number): string {
  if (bytes < 1000) return `${bytes} bytes`;
  return bytes < 1e6 ? `${Math.round(bytes / 1000)} kB` : `${(bytes / 1e6).toFixed(1)} MB`;
}

/** A long text as pieces that a browser lays out when they come into view. */
export function blocks(text: string): HTMLElement[] {
  const all: HTMLElement[] = [];
  for (let at = 0; at < text.length; ) {
    let end = at + BLOCK;
    if (end < text.length) {
      const line = text.lastIndexOf('\n', end);
      end = line > at ? line + 1 : cutAt(text, end);
    }
    // A block ends its line by itself.
    all.push(el('div', { class: 'text-block' }, text.slice(at, end).replace(/\n$/, '')));
    at = end;
  }
  return all;
}

/**
 * `bytes`: of the whole text, where `text` is only its beginning; `fetch` then gives it, or null
 * if it cannot.
 */
export function longText(
  text: string,
  bytes: number | undefined,
  fetch: () => Promise<string | null>,
): HTMLElement {
  const tidy = plain(text).replace(/\s+$/, '');
  const end = shortEnd(tidy);
  const box = el('div', { class: 'text' }, tidy.slice(0, end));
  if (end === tidy.length && bytes === undefined) return box;
  const length = bytes ?? new TextEncoder().encode(text).length;
  const more = button(`Show all, ${size(length)}`, { class: 'small' }, () => {
    more.disabled = true;
    void (bytes === undefined ? Promise.resolve(text) : fetch()).then((all) => {
      more.disabled = false;
      if (all === null) return;
      more.remove();
      box.replaceChildren(...blocks(plain(all)));
    });
  });
  box.append('…', el('div', { class: 'text-more' }, more));
  return box;
}
