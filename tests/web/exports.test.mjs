// Pages and pictures of a hostile pane, opened as files: they show its text and do nothing.

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { useRig } from './lib/browser.mjs';
import { until } from './lib/until.mjs';

const rig = useRig({ before, after });
const run = promisify(execFile);
const BINARY = process.env.PANESCRY ?? 'panescry';

const EVIL = [
  '<script>globalThis.owned=1</script><img src=http://127.0.0.1:9/x onerror=globalThis.owned=1>',
  '"><svg onload=globalThis.owned=1><a xlink:href="javascript:globalThis.owned=1">x</a></svg>',
  "</pre></style></title><iframe src='http://127.0.0.1:9/'></iframe><link rel=stylesheet href=//127.0.0.1:9>",
  ']]>--><foreignObject><body onload=globalThis.owned=1></foreignObject>&lt;&#60;&quot;&amp;{}*/',
  '<meta http-equiv=refresh content="0;url=http://127.0.0.1:9/"><base href=http://127.0.0.1:9/>',
];
const LINKS = [
  'javascript:globalThis.owned=1', 'JaVaScRiPt:globalThis.owned=1', 'data:text/html,<script>globalThis.owned=1</script>',
  'vbscript:x', 'file:///etc/passwd', '//127.0.0.1:9/', ' https://127.0.0.1:9/',
  'https://127.0.0.1:9/"onmouseover="globalThis.owned=1', "https://127.0.0.1:9/'><script>globalThis.owned=1</script>",
];

/** A pane with all of that, in its name and title, its text and its links, on both screens. */
async function hostilePane() {
  const file = join(rig.daemon.dir, 'evil.txt');
  const links = LINKS.map((uri, i) => `\u001b]8;;${uri}\u001b\\link ${i}\u001b]8;;\u001b\\`);
  const looks = '\u001b[1;3;4:3;9;31;48;2;1;2;3mlooks\u001b[m \u001b[7minverse\u001b[m \u001b[8mhidden\u001b[m \u001b[5mblink\u001b[m';
  const odd = 'wide \u65e5\u672c\u{1f600} e\u0301 \u05d0\u05d1 \u202egpj.exe\u202c \u2028 \u0007\u009b31m';
  await writeFile(file, [...EVIL, ...links, looks, odd, `${'long '.repeat(60)}end`].join('\r\n'));
  return rig.daemon.pane(['sh', '-c', 'printf "\\033]2;$(head -n 2 "$1")\\007"; cat "$1"; exec sleep 1000', '"><script>', file]);
}

async function look(file, what) {
  const context = await rig.browser.newContext();
  const page = await context.newPage();
  const asked = [];
  const faults = [];
  page.on('request', (r) => asked.push(r.url()));
  page.on('dialog', (x) => (faults.push(x.message()), x.dismiss()));
  context.on('page', (p) => p !== page && faults.push('a page was opened'));
  const url = pathToFileURL(file).href;
  await page.goto(url, { waitUntil: 'load' });
  // Whoever moves over all of it sets nothing off.
  for (const a of await page.locator('a, text').all()) await a.hover({ force: true, timeout: 1000 }).catch(() => {});
  const seen = await page.evaluate(what);
  assert.equal(await page.evaluate(() => globalThis.owned), undefined);
  assert.deepEqual(asked, [url], 'nothing is fetched');
  assert.equal(page.url(), url);
  assert.deepEqual(faults, []);
  await context.close();
  return seen;
}

/** Of the page itself: what it consists of. A function that is sent there. */
const consists = () => {
  const all = [...document.querySelectorAll('*')];
  return {
    names: [...new Set(all.map((e) => e.localName))].sort(),
    handlers: all.flatMap((e) => [...e.attributes]).map((a) => a.name).filter((n) => /^on|^style$|^src|xlink/i.test(n)),
    links: [...document.querySelectorAll('a')].map((a) => [a.textContent, a.getAttribute('href'), a.getAttribute('rel')]),
    text: document.querySelector('pre')?.textContent ?? null,
    rows: [...document.querySelectorAll('text')].map((t) => [t.getAttribute('class') === 'w', t.textContent]),
    broken: document.querySelector('parsererror')?.textContent ?? null,
  };
};

test('exported pages and pictures of a hostile pane are its text', async () => {
  const id = await hostilePane();
  const env = { ...process.env, PANESCRY_SOCKET: join(rig.daemon.dir, 's.sock') };
  const capture = async () => (await run(BINARY, ['capture', '--history', 'all', id], { env })).stdout;
  await until('all of it', async () => (await capture()).includes('end'));
  const wanted = (await capture()).split('\n').slice(0, -1);
  const made = {};
  for (const format of ['html', 'svg']) {
    made[format] = join(rig.daemon.dir, `page.${format}`);
    await run(BINARY, ['export', '--history', 'all', '--title', `</title>${EVIL[0]}`, id, made[format]], { env });
  }

  const page = await look(made.html, consists);
  assert.deepEqual(page.names, ['a', 'body', 'head', 'html', 'meta', 'pre', 'span', 'style', 'title']);
  assert.deepEqual(page.text.split('\n').slice(0, -1).map((l) => l.trimEnd()), wanted.map((l) => l.trimEnd()));

  const picture = await look(made.svg, consists);
  assert.equal(picture.broken, null);
  assert.deepEqual(picture.names, ['a', 'rect', 'style', 'svg', 'text', 'title', 'tspan']);
  const lines = [];
  for (const [goesOn, text] of picture.rows)
    if (goesOn) lines[lines.length - 1] += text;
    else lines.push(text);
  assert.deepEqual(lines.map((l) => l.trimEnd()), wanted.map((l) => l.trimEnd()));

  for (const { handlers, links } of [page, picture]) {
    assert.deepEqual(handlers, []);
    assert.deepEqual(links.map(([text]) => text), ['link 7', 'link 8']);
    for (const [, href, rel] of links) {
      assert.match(href, /^https:\/\/127\.0\.0\.1:9\/%2/);
      assert.match(rel, /noopener/);
    }
  }
  assert.match(await readFile(made.html, 'utf8'), /Content-Security-Policy content="default-src 'none'/);
});
