// Bundles the page and writes it as one C file: node build.mjs OUT.c
//
// Output depends on the sources and the locked packages alone, so that two builds of one
// commit give the same bundle. Scripts and styles get their content's hash in their path and
// may be cached for ever; the page itself is at "/". What is imported by import() is a chunk of
// its own, fetched when it is needed. net/assets.h describes the C side.

import { build } from 'esbuild';
import { createHash } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';

const here = dirname(fileURLToPath(import.meta.url));
const out = process.argv[2];
if (!out) {
  console.error('usage: node build.mjs OUT.c');
  process.exit(2);
}

const sha = (data) => createHash('sha256').update(data).digest('hex').slice(0, 16);

/** uPlot's files have no licence in them that a minifier would keep. */
const licensed = {
  name: 'licensed',
  setup(b) {
    b.onLoad({ filter: /uPlot\.(esm\.js|min\.css)$/ }, async ({ path }) => {
      const licence = await readFile(join(dirname(path), '..', 'LICENSE'), 'utf8');
      const contents = `/*! uPlot\n${licence.trim()}\n*/\n${await readFile(path, 'utf8')}`;
      return { contents, loader: path.endsWith('.css') ? 'css' : 'js' };
    });
  },
};

async function bundle() {
  const result = await build({
    absWorkingDir: here,
    entryPoints: { app: 'main.ts' },
    outdir: 'out',
    chunkNames: 'chunk-[hash]',
    splitting: true,
    plugins: [licensed],
    bundle: true,
    minify: true,
    write: false,
    sourcemap: false,
    format: 'esm',
    target: ['es2022'],
    charset: 'utf8',
    legalComments: 'eof',
    logLevel: 'warning',
  });
  const files = new Map(result.outputFiles.map((f) => [basename(f.path), Buffer.from(f.contents)]));
  const file = (name) => {
    const found = files.get(name);
    if (!found) throw new Error(`the bundle has no ${name}`);
    files.delete(name);
    return found;
  };
  const [js, css] = [file('app.js'), file('app.css')];
  for (const name of files.keys()) if (!name.endsWith('.js')) throw new Error(`what is ${name}?`);
  return { js, css, chunks: [...files].sort(([a], [b]) => (a < b ? -1 : 1)) };
}

/** What runs before the first painting: a classic script, which holds up the parser. */
async function bundleEarly() {
  const result = await build({
    absWorkingDir: here,
    entryPoints: ['early.ts'],
    bundle: true,
    minify: true,
    write: false,
    format: 'iife',
    target: ['es2022'],
    charset: 'utf8',
    logLevel: 'warning',
  });
  return Buffer.from(result.outputFiles[0].contents);
}

/** Made from icon.svg by icons.mjs. */
async function pictures() {
  const names = ['icon-192', 'icon-512', 'icon-mask', 'icon-touch'];
  const all = names.map(async (name) => {
    const data = await readFile(join(here, `${name}.png`));
    return [`${name}.png`, { path: `/assets/${name}-${sha(data)}.png`, type: 'image/png', data }];
  });
  return Object.fromEntries(await Promise.all(all));
}

function gzip(data) {
  const z = gzipSync(data, { level: 9 });
  z.writeUInt32LE(0, 4); // no time of making
  z[9] = 255; // no system either
  return z;
}

// String literals compile many times faster than lists of numbers. Octal escapes have three
// digits so that a digit behind one is not taken into it; '?' is escaped against trigraphs.
function literal(data) {
  const lines = [];
  let line = '';
  for (const byte of data) {
    if (byte === 0x22 || byte === 0x5c || byte === 0x3f) line += '\\' + String.fromCharCode(byte);
    else if (byte >= 0x20 && byte < 0x7f) line += String.fromCharCode(byte);
    else line += '\\' + byte.toString(8).padStart(3, '0');
    if (line.length >= 92) {
      lines.push(`\t"${line}"`);
      line = '';
    }
  }
  if (line || !lines.length) lines.push(`\t"${line}"`);
  return lines.join('\n');
}

const array = (name, data) =>
  `static const unsigned char ${name}[${data.length} + 1] =\n${literal(data)};\n`;

function toC(assets) {
  let c = '/* Made from src/web by build.mjs: do not edit. */\n#include "net/assets.h"\n\n';
  assets.forEach((a, i) => {
    c += `/* ${a.path} */\n${array(`data_${i}`, a.data)}${array(`gzip_${i}`, a.gzip)}\n`;
  });
  c += 'const struct asset net_assets[] = {\n';
  assets.forEach((a, i) => {
    c +=
      `\t{ "${a.path}", "${a.type}", "\\"${sha(a.data)}\\"",\n` +
      `\t  data_${i}, ${a.data.length}, gzip_${i}, ${a.gzip.length} },\n`;
  });
  return c + `};\n\nconst size_t net_asset_count = ${assets.length};\n`;
}

const { js, css, chunks } = await bundle();
const early = await bundleEarly();
const icon = await readFile(join(here, 'icon.svg'));
const named = {
  'app.js': { path: `/assets/app-${sha(js)}.js`, type: 'text/javascript; charset=utf-8', data: js },
  'app.css': { path: `/assets/app-${sha(css)}.css`, type: 'text/css; charset=utf-8', data: css },
  'early.js': { path: `/assets/early-${sha(early)}.js`, type: 'text/javascript; charset=utf-8', data: early },
  'icon.svg': { path: `/assets/icon-${sha(icon)}.svg`, type: 'image/svg+xml', data: icon },
  ...(await pictures()),
};
// Relative, so that the page works below a reverse proxy's prefix.
const filled = async (file, from, up = '') =>
  (await readFile(join(here, file), 'utf8')).replace(/@([a-z0-9.-]+)@/g, (_, name) =>
    up + named[name].path.slice(from),
  );
const manifest = Buffer.from(await filled('manifest.webmanifest', '/assets/'.length));
named['manifest.webmanifest'] = {
  path: `/assets/manifest-${sha(manifest)}.webmanifest`,
  type: 'application/manifest+json',
  data: manifest,
};
const html = await filled('index.html', 1);
// That of one pane is at p/PANE/.
const one = (await filled('index.html', 1, '../../')).replace('<html ', '<html data-one ');
// That of serve --ttyd is at the root of its own daemon.
const ttyd = html.replace('<html ', '<html data-ttyd ');
const assets = [
  { path: '/', type: 'text/html; charset=utf-8', data: Buffer.from(html) },
  { path: '/p/', type: 'text/html; charset=utf-8', data: Buffer.from(one) },
  { path: '/ttyd/', type: 'text/html; charset=utf-8', data: Buffer.from(ttyd) },
  ...Object.values(named),
  // esbuild has put a hash of the content into their names, by which others import them.
  ...chunks.map(([name, data]) => ({ path: `/assets/${name}`, type: named['app.js'].type, data })),
].map((a) => ({ ...a, gzip: gzip(a.data) }));

await writeFile(out, toC(assets));
for (const a of assets) console.log(`${a.path} ${a.data.length} bytes, ${a.gzip.length} gzip`);
