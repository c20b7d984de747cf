// The terminal's colours and type, light or dark as the system is.

import type { ITerminalOptions, ITheme } from '@xterm/xterm';

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
  brightBlack: '#788087',
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
  green: '#3f7a1f',
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

const prefersDark = matchMedia('(prefers-color-scheme: dark)');
const coarse = matchMedia('(pointer: coarse)');

/** Programs choose colours for a dark screen: on a light one contrast is made up for. */
export function look(): ITerminalOptions {
  const isDark = prefersDark.matches;
  return {
    theme: isDark ? dark : light,
    minimumContrastRatio: isDark ? 1 : 4.5,
    fontSize: coarse.matches ? 13 : 14,
  };
}

export function onLookChange(f: () => void): () => void {
  prefersDark.addEventListener('change', f);
  coarse.addEventListener('change', f);
  return () => {
    prefersDark.removeEventListener('change', f);
    coarse.removeEventListener('change', f);
  };
}
