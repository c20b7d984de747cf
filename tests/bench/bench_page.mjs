// node bench_page.mjs: the page beside ttyd's, in a browser. See README.

import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import net from 'node:net';
import { counters, frames, median, openGrid } from '../web/lib/frames.mjs';
import { startDaemon } from '../web/lib/daemon.mjs';
import { launch } from '../web/lib/browser.mjs';
import { until } from '../web/lib/until.mjs';

const RUNS = Number(process.env.RUNS ?? 5);
const LOADS = Number(process.env.LOADS ?? 15);
const FLOOD_MS = Number(process.env.FLOOD_MS ?? 5000);
const TTYD = process.env.TTYD ?? '/usr/bin/ttyd';
const VIEWPORT = { width: 1400, height: 900 };
const PATIENCE = 120_000;

const READY = 'echo ready-to-be-seen; exec cat';
const FLOOD = 'trap : INT; seq 1 1000000000000; trap - INT; echo it-is-over; exec cat';
const QUIET = 'stty raw -echo; exec cat';
const sh = (command) => ['sh', '-c', command];

const children = new Set();
process.on('exit', () => children.forEach((c) => c.kill('SIGKILL')));
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => process.exit(1));

/** A page that is kept from answering by what it shows has lost. */
const within = (ms, what) => {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`no answer in ${ms / 1000} s`)), ms);
  });
  return Promise.race([what, late]).finally(() => clearTimeout(timer));
};

const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/* What the screen shows, as an expression in the page. */
const OURS = `(() => {
  const s = globalThis.panescry?.screen;
  return s ? s.lines.slice(-s.rows).join('\\n').trimEnd() : '';
})()`;
const THEIRS = `(() => {
  const t = globalThis.term, b = t?.buffer?.active, rows = [];
  for (let i = 0; b && i < t.rows; i++) rows.push(b.getLine(b.baseY + i)?.translateToString(true) ?? '');
  return rows.join('\\n').trimEnd();
})()`;

async function freePort() {
  const server = net.createServer();
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address();
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/** A daemon for all runs; each has panes of its own. */
async function panescry() {
  const daemon = await startDaemon();
  const origin = `http://127.0.0.1:${daemon.port}`;
  const { headers } = await fetch(daemon.link, { redirect: 'manual' });
  const [, name, value] = /^([^=]+)=([^;]+)/.exec(headers.get('set-cookie'));
  return {
    name: 'panescry',
    screen: OURS,
    stop: () => daemon.stop(),
    begin: async (context, commands) => {
      await context.addCookies([{ name, value, url: origin }]);
      const ids = [];
      for (const c of commands) ids.push(await daemon.pane(sh(c)));
      return {
        first: `${origin}/#${ids[0]}`,
        open: async (page) => {
          await openGrid({ page, origin }, ids, ids.length);
          return page.mainFrame();
        },
        end: async () => {
          for (const id of ids) await daemon.api('DELETE', `panes/${id}`);
        },
      };
    },
  };
}

/** A process for each terminal, and a frame of one page. It draws by WebGL if there is any, also in software. */
function ttyd(name, ...options) {
  return {
    name,
    screen: THEIRS,
    stop: async () => undefined,
    begin: async (context, commands) => {
      const own = [];
      const urls = [];
      for (const c of commands) {
        const port = await freePort();
        const args = ['-W', '-i', '127.0.0.1', '-p', String(port), '-t', 'disableLeaveAlert=true', ...options];
        own.push(spawn(TTYD, [...args, ...sh(c)], { stdio: 'ignore' }));
        children.add(own.at(-1));
        urls.push(`http://127.0.0.1:${port}/`);
        await until('ttyd', () => fetch(urls.at(-1)).then((r) => r.ok, () => false));
      }
      return {
        first: urls[0],
        open: async (page) => {
          if (urls.length === 1) {
            await page.goto(urls[0]);
            return page.mainFrame();
          }
          const cells = urls.map((u) => `<iframe src="${u}" style="border:0;height:32vh;width:48vw"></iframe>`);
          await page.setContent(cells.join(''));
          return until('the last frame', () => page.frames().find((f) => f.url() === urls.at(-1)), PATIENCE);
        },
        end: async () => {
          for (const c of own) {
            c.kill('SIGKILL');
            children.delete(c);
          }
        },
      };
    },
  };
}

/** In a browser of its own, with nothing in its cache. */
async function withPage(peer, commands, run) {
  const browser = await launch();
  const context = await browser.newContext({ viewport: VIEWPORT });
  const set = await peer.begin(context, commands);
  try {
    return await within(PATIENCE, run(await context.newPage(), set));
  } finally {
    await set.end();
    await within(PATIENCE, browser.close());
  }
}

/** From the beginning of the navigation, with nothing in the cache, until a frame behind the text. */
const firstLoad = (peer) =>
  withPage(peer, [READY], async (page, set) => {
    const cdp = await page.context().newCDPSession(page);
    let bytes = 0;
    await cdp.send('Network.enable');
    cdp.on('Network.loadingFinished', (e) => (bytes += e.encodedDataLength));
    await page.addInitScript(`
      if (location.protocol !== 'about:') (function look() {
        if ((${peer.screen}).includes('ready-to-be-seen')) requestAnimationFrame((t) => (globalThis.seenAt = t));
        else requestAnimationFrame(look);
      })()`);
    await page.goto(set.first);
    await page.waitForFunction('globalThis.seenAt', null, { polling: 20, timeout: PATIENCE });
    const ms = await page.evaluate('globalThis.seenAt');
    await pause(300);
    return { ms, kib: bytes / 1024 };
  });

/** Until the screen has changed by a key, by the clock of the page. */
async function keyed(page, frame, peer, key, done) {
  const took = frame.evaluate(`new Promise((resolve) => {
    const screen = () => ${peer.screen};
    const before = screen();
    addEventListener('keydown', (e) => {
      const look = () => (${done})(screen(), before) ? resolve(performance.now() - e.timeStamp) : setTimeout(look);
      look();
    }, { capture: true, once: true });
    globalThis.listens = true;
  })`);
  await frame.waitForFunction('globalThis.listens', null, { polling: 20, timeout: PATIENCE });
  await frame.evaluate('globalThis.listens = false');
  await page.keyboard.press(key);
  return took;
}

const focus = (frame) => frame.locator('[data-focused] .xterm-helper-textarea, body > :not(#app) .xterm-helper-textarea').first().focus({ timeout: PATIENCE });

const number = (text) => Number(/(\d+)\s*$/.exec(text)?.[1] ?? NaN);

const oneFlood = (peer) =>
  withPage(peer, [FLOOD], async (page, set) => {
    const frame = await set.open(page);
    const count = await counters(page);
    const screen = () => frame.evaluate(peer.screen);
    await until('the flood', async () => number(await screen()) > 1000, PATIENCE);
    await pause(1000);
    const [at, from] = [number(await screen()), Date.now()];
    const f = await frames(page, FLOOD_MS);
    const lines = (number(await screen()) - at) / ((Date.now() - from) / 1000);
    const heap = (await count.heap()) / 1e6;
    await focus(frame);
    const stop = await keyed(page, frame, peer, 'Control+c', `(now) => now.includes('it-is-over')`);
    return { fps: f.fps, p99: f.p99, heap, lines: lines / 1000, stop };
  });

const fourFloods = (peer) =>
  withPage(peer, [FLOOD, FLOOD, FLOOD, FLOOD, QUIET], async (page, set) => {
    const frame = await set.open(page);
    await pause(2000);
    const f = await frames(page, FLOOD_MS);
    await focus(frame);
    const echoes = [];
    for (let i = 0; i < 11; i++) {
      echoes.push(await keyed(page, frame, peer, 'x', '(now, before) => now.length > before.length'));
    }
    const heap = (await (await counters(page)).heap()) / 1e6;
    return { fps4: f.fps, p994: f.p99, echo: median(echoes), heap4: heap };
  });

const ROWS = [
  ['first text shown, ms', 'ms'],
  ['first load, KiB', 'kib'],
  ['one flood: frames a second', 'fps'],
  ['  p99 of a frame, ms', 'p99'],
  ['  1000 lines a second gone by', 'lines'],
  ['  heap, MB', 'heap'],
  ['  Ctrl-C until its end is seen, ms', 'stop'],
  ['four floods: frames a second', 'fps4'],
  ['  p99 of a frame, ms', 'p994'],
  ['  echo in a fifth terminal, ms', 'echo'],
  ['  heap, MB', 'heap4'],
];

const peers = [await panescry()];
if (existsSync(TTYD)) peers.push(ttyd('ttyd'), ttyd('ttyd, DOM', '-t', 'rendererType=dom'));
else console.log(`${TTYD} is not there: panescry alone (TTYD=FILE)`);
const got = new Map(peers.map((p) => [p, []]));
try {
  const rounds = [...Array(LOADS).fill(firstLoad), ...Array(RUNS).fill([oneFlood, fourFloods]).flat()];
  for (const [i, what] of rounds.entries()) {
    for (let k = 0; k < peers.length; k++) {
      const peer = peers[(i + k) % peers.length];
      const row = await what(peer).catch((e) => ({ failed: e.message }));
      if (row.failed) console.error(`${peer.name}: ${row.failed.split('\n')[0]}`);
      got.get(peer).push(row);
      if (process.env.VERBOSE) console.error(peer.name, JSON.stringify(row));
    }
  }
} finally {
  for (const p of peers) await p.stop();
}
console.log(['', ...peers.map((p) => p.name), ...peers.slice(1).map(() => 'ratio')].map((c, i) => c.padStart(i ? 12 : 38)).join(''));
for (const [name, key] of ROWS) {
  const values = peers.map((p) => median(got.get(p).map((r) => r[key]).filter(Number.isFinite)));
  const ratios = values.slice(1).map((v) => (v && values[0] !== null ? values[0] / v : null));
  const text = (v, digits) => (v === null ? '-' : v.toFixed(digits)).padStart(12);
  const cells = [...values.map((v) => text(v, 1)), ...ratios.map((v) => text(v, 2))];
  console.log(name.padEnd(38) + cells.join(''));
}
