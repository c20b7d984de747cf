// Colours as numbers, and how well one is read on another.

export type Rgb = [number, number, number];

/** #rgb as #rrggbb. */
export function longHex(hex: string): string {
  return hex.length === 4 ? hex.replace(/[0-9a-f]/gi, '$&$&') : hex;
}

/** Of #rrggbb; what comes behind is left out. */
export function parse(hex: string): Rgb {
  const n = parseInt(hex.slice(1, 7), 16) || 0;
  return [n >> 16, (n >> 8) & 255, n & 255];
}

export const css = (c: Rgb): string => `rgb(${c.map(Math.round).join(' ')})`;

export const mix = (a: Rgb, b: Rgb, part: number): Rgb => [
  a[0] + (b[0] - a[0]) * part,
  a[1] + (b[1] - a[1]) * part,
  a[2] + (b[2] - a[2]) * part,
];

export function luminance(c: Rgb): number {
  const [r, g, b] = c.map((v) => {
    const s = v / 255;
    return s <= 0.03928 ? s / 12.92 : ((s + 0.055) / 1.055) ** 2.4;
  }) as Rgb;
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}

export function contrast(a: Rgb, b: Rgb): number {
  const [x, y] = [luminance(a), luminance(b)];
  return (Math.max(x, y) + 0.05) / (Math.min(x, y) + 0.05);
}
