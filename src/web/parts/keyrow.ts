// The keys that a phone's keyboard lacks. Ctrl and Alt stick for one key: that of the row or
// the next one typed. Arrows repeat as long as they are held.

import type { Terminal } from '@xterm/xterm';
import { button, el } from './dom';
import { notice } from './notice';

const CHARS = ['|', '/', '~', '-'];
const ARROWS: [string, string, string][] = [
  ['↑', 'Up', 'A'],
  ['↓', 'Down', 'B'],
  ['←', 'Left', 'D'],
  ['→', 'Right', 'C'],
];
const PAGES: [string, string, string][] = [
  ['PgUp', 'Page up', '5'],
  ['PgDn', 'Page down', '6'],
];
const ENDS: [string, string, string][] = [
  ['Home', 'Home', 'H'],
  ['End', 'End', 'F'],
];

const HELD_MS = 400;
const REPEAT_MS = 60;

function withCtrl(data: string): string {
  if (data === ' ' || data === '@') return '\0';
  if (data === '?') return '\x7f';
  if (/^[a-z[\\\]^_]$/i.test(data)) return String.fromCharCode(data.toUpperCase().charCodeAt(0) & 0x1f);
  return data;
}

/** Again and again while a finger stays on it. */
function repeat(key: HTMLButtonElement, action: () => void): void {
  let timer = 0;
  let held = false;
  const again = (): void => {
    held = true;
    action();
    timer = window.setTimeout(again, REPEAT_MS);
  };
  const stop = (): void => clearTimeout(timer);
  key.addEventListener('pointerdown', () => {
    stop();
    held = false;
    timer = window.setTimeout(again, HELD_MS);
  });
  for (const type of ['pointerup', 'pointercancel', 'pointerleave']) key.addEventListener(type, stop);
  key.addEventListener('contextmenu', (e) => e.preventDefault());
  key.addEventListener('click', () => {
    if (!held) action();
    held = false;
  });
}

export class KeyRow {
  readonly element: HTMLElement;
  private ctrl = false;
  private alt = false;
  private readonly ctrlKey: HTMLButtonElement;
  private readonly altKey: HTMLButtonElement;
  private readonly typing: HTMLButtonElement[];
  private readonly shrinkKey: HTMLButtonElement;
  private mayType = true;

  constructor(
    private readonly term: Terminal,
    shrink: () => void,
  ) {
    this.ctrlKey = this.key('Ctrl', 'Ctrl, for the next key', () => this.hold(!this.ctrl, this.alt));
    this.altKey = this.key('Alt', 'Alt, for the next key', () => this.hold(this.ctrl, !this.alt));
    this.shrinkKey = this.key('Shrink', 'Shrink to the width', shrink);
    this.shrinkKey.classList.add('key-last');
    this.shrinkKey.hidden = true;
    this.typing = [
      this.key('Esc', 'Esc', () => this.send('\x1b')),
      this.key('Tab', 'Tab', () => this.send('\t')),
      this.ctrlKey,
      this.altKey,
      ...ARROWS.map(([sign, name, final]) => this.arrow(sign, name, final)),
      ...CHARS.map((c) => this.key(c, c, () => this.send(c))),
      ...PAGES.map(([sign, name, n]) => this.key(sign, name, () => this.page(n))),
      ...ENDS.map(([sign, name, final]) => this.key(sign, name, () => this.cursor(final))),
      this.key('Paste', 'Paste', () => void this.paste()),
    ];
    this.element = el(
      'div',
      { class: 'keyrow', role: 'toolbar', 'aria-label': 'Terminal keys' },
      ...this.typing,
      this.shrinkKey,
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

  readOnly(on: boolean): void {
    this.mayType = !on;
    for (const key of this.typing) key.hidden = on;
    this.tidy();
  }

  /** Null where it would be no use. */
  shrunk(on: boolean | null): void {
    this.shrinkKey.hidden = on === null;
    this.shrinkKey.setAttribute('aria-pressed', String(on === true));
    this.tidy();
  }

  private tidy(): void {
    this.element.hidden = !this.mayType && this.shrinkKey.hidden;
  }

  private key(text: string, label: string, action: () => void): HTMLButtonElement {
    return button(text, { class: 'key', 'aria-label': label }, action);
  }

  private arrow(sign: string, name: string, final: string): HTMLButtonElement {
    const key = this.key(sign, name, () => undefined);
    repeat(key, () => this.cursor(final));
    return key;
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

  /** As xterm counts them: 1 and what is held; releases it. */
  private modifier(): number {
    const modifier = 1 + (this.alt ? 2 : 0) + (this.ctrl ? 4 : 0);
    this.hold(false, false);
    return modifier;
  }

  private cursor(final: string): void {
    const modifier = this.modifier();
    if (modifier > 1) this.send(`\x1b[1;${modifier}${final}`);
    else this.send(`\x1b${this.term.modes.applicationCursorKeysMode ? 'O' : '['}${final}`);
  }

  private page(n: string): void {
    const modifier = this.modifier();
    this.send(modifier > 1 ? `\x1b[${n};${modifier}~` : `\x1b[${n}~`);
  }

  private async paste(): Promise<void> {
    try {
      const text = await navigator.clipboard.readText();
      if (text) this.term.paste(text);
    } catch {
      notice('The browser does not let the page read the clipboard.');
    }
  }
}
