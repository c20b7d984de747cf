// The name of a key, or of several at once, as caps.

import { el } from './dom';

const SIGNS: Record<string, string> = {
  ArrowLeft: '←', ArrowRight: '→', ArrowUp: '↑', ArrowDown: '↓',
  Slash: '/', Backslash: '\\', Period: '.', Comma: ',', Minus: '-', Equal: '=', Backquote: '`',
  Semicolon: ';', Quote: "'", BracketLeft: '[', BracketRight: ']', Escape: 'Esc',
};

const capsOf = (keys: string): string[] => keys.split('+').map((k) => SIGNS[k] ?? k);

export function keyCaps(keys: string): HTMLElement {
  const caps = capsOf(keys);
  return el('kbd', { class: 'caps', 'data-caps': caps.join('+') }, ...caps.map((k) => el('kbd', {}, k)));
}
