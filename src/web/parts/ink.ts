// From a style of the terminal to properties of an element, in the page's colours and as
// xterm.js would draw it.

import type { Colour, Style } from '../api/history';
import { contrast, css, longHex, luminance, mix, parse, type Rgb } from './rgb';
import { look } from './theme';
import { ANSI } from './usertheme';

export type Ink = [property: string, value: string][];

const LINES: Record<string, string> = {
  single: 'solid',
  double: 'double',
  curly: 'wavy',
  dotted: 'dotted',
  dashed: 'dashed',
};

/** A colour made darker or lighter until it can be read. */
function readable(fg: Rgb, bg: Rgb, ratio: number): Rgb {
  const end: Rgb = luminance(bg) > 0.18 ? [0, 0, 0] : [255, 255, 255];
  let c = fg;
  for (let i = 0; i < 10 && contrast(c, bg) < ratio; i++) c = mix(fg, end, (i + 1) / 10);
  return c;
}

function paletteColour(i: number): Rgb {
  const name = ANSI[i];
  if (name) return parse(look().theme?.[name] ?? '#808080');
  const set = look().theme?.extendedAnsi?.[i - 16];
  if (set) return parse(longHex(set));
  if (i >= 232) {
    const grey = 8 + (i - 232) * 10;
    return [grey, grey, grey];
  }
  const step = (n: number): number => (n ? 55 + n * 40 : 0);
  return [step(Math.floor((i - 16) / 36)), step(Math.floor((i - 16) / 6) % 6), step((i - 16) % 6)];
}

const resolve = (c: Colour): Rgb => (typeof c === 'number' ? paletteColour(c) : parse(c));

function lines(style: Style): Ink {
  const kinds = [
    style.underline && 'underline',
    style.strike && 'line-through',
    style.overline && 'overline',
  ].filter(Boolean);
  if (!kinds.length) return [];
  const ink: Ink = [['text-decoration-line', kinds.join(' ')]];
  if (style.underline) ink.push(['text-decoration-style', LINES[style.underline] ?? 'solid']);
  if (style.underline_colour !== undefined) {
    ink.push(['text-decoration-color', css(resolve(style.underline_colour))]);
  }
  return ink;
}

export function inkOf(style: Style): Ink {
  const { theme, minimumContrastRatio: ratio = 1 } = look();
  const ink = lines(style);
  const bright = style.bold && typeof style.fg === 'number' && style.fg < 8;
  const given = bright ? Number(style.fg) + 8 : style.fg;
  let fg = given === undefined ? parse(theme?.foreground ?? '#000000') : resolve(given);
  let bg = style.bg === undefined ? parse(theme?.background ?? '#ffffff') : resolve(style.bg);
  if (style.inverse) [fg, bg] = [bg, fg];
  if (given !== undefined || style.bg !== undefined || style.inverse || style.dim) {
    fg = readable(fg, bg, ratio);
    ink.push(['color', css(style.dim ? mix(fg, bg, 0.5) : fg)]);
  }
  if (style.bg !== undefined || style.inverse) ink.push(['background-color', css(bg)]);
  if (style.hidden) ink.push(['color', 'transparent']);
  if (style.bold) ink.push(['font-weight', '700']);
  if (style.italic) ink.push(['font-style', 'italic']);
  return ink;
}
