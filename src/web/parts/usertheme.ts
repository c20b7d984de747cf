// A terminal theme that a person has pasted: an xterm.js ITheme, a scheme of Windows Terminal, or
// color0 to color15 with background and foreground. Nothing but known names and colours in hex.

import type { ITheme } from '@xterm/xterm';

export const ANSI = [
  'black', 'red', 'green', 'yellow', 'blue', 'magenta', 'cyan', 'white',
  'brightBlack', 'brightRed', 'brightGreen', 'brightYellow',
  'brightBlue', 'brightMagenta', 'brightCyan', 'brightWhite',
] as const;

const OTHERS = [
  'background', 'foreground', 'cursor', 'cursorAccent',
  'selectionBackground', 'selectionForeground', 'selectionInactiveBackground',
  'scrollbarSliderBackground', 'scrollbarSliderHoverBackground', 'scrollbarSliderActiveBackground',
  'overviewRulerBorder',
] as const;

type Name = (typeof ANSI)[number] | (typeof OTHERS)[number];

const NAMES = new Map<string, Name>([...ANSI, ...OTHERS].map((name) => [name, name]));
ANSI.forEach((name, i) => NAMES.set(`color${i}`, name));
NAMES.set('purple', 'magenta').set('brightPurple', 'brightMagenta');
NAMES.set('cursorColor', 'cursor').set('selection', 'selectionBackground');

/** They say whose it is, not how it looks. */
const LABELS = new Set(['name', 'author', 'variant', '$schema']);

const COLOUR = /^#(?:[0-9a-f]{3}|[0-9a-f]{6}|[0-9a-f]{8})$/i;
const MAX_TEXT = 10_000;
const MAX_EXTENDED = 240; // those of 256 behind the 16

/** What is wrong with it, in words for the person who pasted it. */
export class ThemeError extends Error {}

const quoted = (text: string): string => `“${text.length > 40 ? `${text.slice(0, 39)}…` : text}”`;

function colour(key: string, value: unknown): string {
  if (typeof value !== 'string') throw new ThemeError(`${quoted(key)} has no colour.`);
  if (COLOUR.test(value)) return value.toLowerCase();
  throw new ThemeError(`${quoted(key)} is ${quoted(value)}: write it as #rgb, #rrggbb or #rrggbbaa.`);
}

function extended(value: unknown): string[] {
  if (!Array.isArray(value) || value.length > MAX_EXTENDED) {
    throw new ThemeError(`“extendedAnsi” must be a list of at most ${MAX_EXTENDED} colours.`);
  }
  return value.map((v, i) => colour(`extendedAnsi ${i}`, v));
}

function parsed(text: string): object {
  if (text.length > MAX_TEXT) throw new ThemeError('This is too long for a theme.');
  let read: unknown;
  try {
    read = JSON.parse(text);
  } catch {
    throw new ThemeError('This is not JSON. A theme looks like {"background": "#101010", …}.');
  }
  if (read && typeof read === 'object' && !Array.isArray(read)) return read;
  throw new ThemeError('A theme is one object: {"background": "#101010", …}.');
}

/** Throws a ThemeError. */
export function readTheme(text: string): ITheme {
  const theme: ITheme = {};
  for (const [key, value] of Object.entries(parsed(text))) {
    const name = NAMES.get(key);
    if (name) theme[name] = colour(key, value);
    else if (key === 'extendedAnsi') theme.extendedAnsi = extended(value);
    else if (!LABELS.has(key)) throw new ThemeError(`${quoted(key)} is no colour of a terminal theme.`);
  }
  const { background, foreground } = theme;
  if (background && foreground) return theme;
  throw new ThemeError('A theme needs a “background” and a “foreground”.');
}
