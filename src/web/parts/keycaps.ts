// The name of a key, or of several at once, as caps.

import { el } from './dom';

const SIGNS: Record<string, string> = {
  ArrowLeft: '←', ArrowRight: '→', ArrowUp: '↑', ArrowDown: '↓',
  Slash: '/', Backslash: '\\', Period: '.', Comma: ',', Minus: '-', Equal: '=', Backquote: '`',
  Semicolon: ';', Quote: "'", BracketLeft: '[', BracketRight: ']', Escape: 'Esc',
};

const capsOf = (keys: string): string[] => keys.split('+').map((k) => SIGNS[k] ?? k);

/** "Ctrl+Shift+/" */
export const keyWords = (keys: string): string => capsOf(keys).join('+');

export function keyCaps(keys: string): HTMLElement {
  return el('kbd', { class: 'caps', 'aria-label': keyWords(keys) }, ...capsOf(keys).map((k) => el('kbd', {}, k)));
}
