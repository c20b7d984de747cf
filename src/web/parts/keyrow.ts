// The keys that a phone's keyboard lacks. Ctrl and Alt stick for one key: that of the row or
// the next one typed.

import type { Terminal } from '@xterm/xterm';
import { button, el } from './dom';

const CHARS = ['|', '/', '~', '-'];
const ARROWS: [string, string, string][] = [
  ['↑', 'Up', 'A'],
  ['↓', 'Down', 'B'],
  ['←', 'Left', 'D'],
  ['→', 'Right', 'C'],
];

function withCtrl(data: string): string {
  if (data === ' ' || data === '@') return '\0';
  if (data === '?') return '\x7f';
  if (/^[a-z[\\\]^_]$/i.test(data)) return String.fromCharCode(data.toUpperCase().charCodeAt(0) & 0x1f);
  return data;
}

export class KeyRow {
  readonly element: HTMLElement;
  private ctrl = false;
  private alt = false;
  private readonly ctrlKey: HTMLButtonElement;
  private readonly altKey: HTMLButtonElement;

  constructor(private readonly term: Terminal) {
    this.ctrlKey = this.key('Ctrl', 'Control, for the next key', () => this.hold(!this.ctrl, this.alt));
    this.altKey = this.key('Alt', 'Alt, for the next key', () => this.hold(this.ctrl, !this.alt));
    this.element = el(
      'div',
      { class: 'keyrow', role: 'toolbar', 'aria-label': 'Terminal keys' },
      this.key('Esc', 'Escape', () => this.send('\x1b')),
      this.key('Tab', 'Tab', () => this.send('\t')),
      this.ctrlKey,
      this.altKey,
      ...ARROWS.map(([sign, name, final]) => this.key(sign, name, () => this.arrow(final))),
      ...CHARS.map((c) => this.key(c, c, () => this.send(c))),
    );
    // The terminal keeps the focus, and with it the keyboard stays up.
    this.element.addEventListener('mousedown', (e) => e.preventDefault());
    this.hold(false, false);
  }

  /** What a person typed, with the keys that were held for it. */
  apply(data: string): string {
    if (!this.ctrl && !this.alt) return data;
    const { ctrl, alt } = this;
    this.hold(false, false);
    if ([...data].length !== 1) return data;
    return (alt ? '\x1b' : '') + (ctrl ? withCtrl(data) : data);
  }

  private key(text: string, label: string, action: () => void): HTMLButtonElement {
    return button(text, { class: 'key', 'aria-label': label }, action);
  }

  private hold(ctrl: boolean, alt: boolean): void {
    this.ctrl = ctrl;
    this.alt = alt;
    this.ctrlKey.setAttribute('aria-pressed', String(ctrl));
    this.altKey.setAttribute('aria-pressed', String(alt));
  }

  private send(data: string): void {
    this.term.input(data, true);
  }

  private arrow(final: string): void {
    const modifier = 1 + (this.alt ? 2 : 0) + (this.ctrl ? 4 : 0);
    this.hold(false, false);
    if (modifier > 1) this.send(`\x1b[1;${modifier}${final}`);
    else this.send(`\x1b${this.term.modes.applicationCursorKeysMode ? 'O' : '['}${final}`);
  }
}
