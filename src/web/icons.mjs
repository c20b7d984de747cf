// Draws the PNG icons from icon.svg with Chromium: node icons.mjs. Run by hand when the SVG
// has changed; the pictures are kept beside it, so that a build needs no browser.

import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const here = dirname(fileURLToPath(import.meta.url));
const svg = readFileSync(join(here, 'icon.svg'), 'utf8');
const square = svg.replace(' rx="7"', ''); // whoever shows it cuts the corners
// Whatever shape a launcher cuts out, a circle of four fifths is seen.
const mask = square
  .replace('<path', '<g transform="translate(16 16) scale(.72) translate(-16 -16)"><path')
  .replace('</svg>', '</g></svg>');

const dir = mkdtempSync(join(tmpdir(), 'panescry-icons-'));
const draw = (name, size, source) => {
  const page = join(dir, `${name}.html`);
  const style = 'html,body{margin:0;overflow:hidden}svg{display:block;width:100vw;height:100vh}';
  writeFileSync(page, `<!doctype html><style>${style}</style>${source}`);
  execFileSync(process.env.CHROMIUM ?? '/usr/bin/chromium', [
    '--headless', '--no-sandbox', '--disable-gpu', '--hide-scrollbars',
    `--user-data-dir=${join(dir, 'profile')}`,
    '--default-background-color=00000000',
    '--force-device-scale-factor=1',
    `--window-size=${size},${size}`,
    `--screenshot=${join(here, `${name}.png`)}`,
    `file://${page}`,
  ], { stdio: 'ignore' });
};
try {
  draw('icon-192', 192, svg);
  draw('icon-512', 512, svg);
  draw('icon-mask', 512, mask);
  draw('icon-touch', 180, square);
} finally {
  rmSync(dir, { recursive: true, force: true });
}
