// The terminal's colours and type: the page's own, light or dark, or what the person has set.

import type { ITerminalOptions, ITheme } from '@xterm/xterm';
import { settings } from '../state/settings';
import { longHex, luminance, parse } from './rgb';
import { isDark, onSystemScheme, paintScheme } from './scheme';
import { ANSI, readTheme } from './usertheme';

export const FONT =
  'ui-monospace, "Cascadia Mono", "SF Mono", Menlo, Consolas, "DejaVu Sans Mono", ' +
  '"Liberation Mono", monospace';

const dark: ITheme = {
  background: '#14171a',
  foreground: '#d8dbd6',
  cursor: '#8fd0bf',
  cursorAccent: '#14171a',
  selectionBackground: '#35525699',
  black: '#22272b',
  red: '#e5786d',
  green: '#95c17a',
  yellow: '#dcb566',
  blue: '#78a9d8',
  magenta: '#c08fcf',
  cyan: '#6fc0b8',
  white: '#c9cdc8',
  brightBlack: '#7c848b',
  brightRed: '#f39a8e',
  brightGreen: '#b2d99a',
  brightYellow: '#f0d08a',
  brightBlue: '#9bc4ec',
  brightMagenta: '#d8b0e4',
  brightCyan: '#93dad2',
  brightWhite: '#f4f6f2',
  scrollbarSliderBackground: '#ffffff22',
  scrollbarSliderHoverBackground: '#ffffff3d',
  scrollbarSliderActiveBackground: '#ffffff55',
};

const light: ITheme = {
  background: '#fdfcf9',
  foreground: '#2a2e33',
  cursor: '#0e6f62',
  cursorAccent: '#fdfcf9',
  selectionBackground: '#9fd0c588',
  black: '#2a2e33',
  red: '#b3362c',
  green: '#3a731c',
  yellow: '#8a6100',
  blue: '#1f62a8',
  magenta: '#863f9c',
  cyan: '#0d7070',
  white: '#6b7075',
  brightBlack: '#5d6267',
  brightRed: '#cc4438',
  brightGreen: '#4b8a28',
  brightYellow: '#9c6f05',
  brightBlue: '#2b74c2',
  brightMagenta: '#9a50b1',
  brightCyan: '#157f7f',
  brightWhite: '#2a2e33',
  scrollbarSliderBackground: '#00000022',
  scrollbarSliderHoverBackground: '#0000003d',
  scrollbarSliderActiveBackground: '#00000055',
};

const coarse = matchMedia('(pointer: coarse)');

export const FONT_SIZE = { least: 6, most: 32 };

const pageTheme = (): ITheme => (isDark() ? dark : light);

/** The person's theme with what it leaves open; null: they have none, or one that is damaged. */
function userTheme(): ITheme | null {
  const { theme: text } = settings.get();
  if (!text) return null;
  try {
    return completed(readTheme(text));
  } catch {
    return null;
  }
}

/** What a theme does not say is as in the page's own, of the same lightness. */
export function completed(theme: ITheme): ITheme {
  const { background = '#000', foreground = '#fff', cursor = foreground } = theme;
  const own = luminance(parse(longHex(background))) > 0.18 ? light : dark;
  const all: ITheme = { ...own, cursor, cursorAccent: background, ...theme };
  for (const name of ['background', 'foreground', ...ANSI] as const) {
    all[name] = longHex(all[name] ?? '#808080').slice(0, 7); // nothing shines through a terminal
  }
  return all;
}

export const ownFontSize = (): number => (coarse.matches ? 13 : 14);

function fontSize(): number {
  const { least, most } = FONT_SIZE;
  const chosen = settings.get().fontSize;
  return chosen > 0 ? Math.min(most, Math.max(least, chosen)) : ownFontSize();
}

function compute(): ITerminalOptions {
  const own = userTheme();
  return {
    theme: own ?? pageTheme(),
    // Programs choose colours for a dark screen: on the light one contrast is made up for. A
    // theme of the person's own is shown as it is.
    minimumContrastRatio: own || isDark() ? 1 : 4.5,
    fontSize: fontSize(),
    screenReaderMode: settings.get().reader,
  };
}

let current: ITerminalOptions = {};
const listeners = new Set<() => void>();

export const look = (): ITerminalOptions => current;

let preferred: ITerminalOptions = {};

/** What was asked for this page alone goes before what its person has set. */
export function prefer(options: ITerminalOptions): void {
  preferred = options;
  apply();
}

/** What is around a terminal, and what is written in its colours, has its ground. */
function apply(): void {
  paintScheme(settings.get().scheme);
  const set = compute();
  const next = { ...set, ...preferred, theme: { ...set.theme, ...preferred.theme } };
  if (JSON.stringify(next) === JSON.stringify(current)) return;
  current = next;
  const { style } = document.documentElement;
  style.setProperty('--term', next.theme?.background ?? null);
  style.setProperty('--term-ink', next.theme?.foreground ?? null);
  for (const listener of [...listeners]) listener();
}

settings.watch(apply);
onSystemScheme(apply);
coarse.addEventListener('change', apply);

/** Until the returned function is called. */
export function onLookChange(f: () => void): () => void {
  listeners.add(f);
  return () => listeners.delete(f);
}
