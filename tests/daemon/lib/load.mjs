// Loads for a daemon, by bare sockets so that it is not the client that is measured, and what can
// be seen of the daemon meanwhile: memory, descriptors, and how long a key takes to come back.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readdir, readFile } from 'node:fs/promises';
import net from 'node:net';
import { now, pause, pids } from './keeper.mjs';
import { requestText, upgradeText } from './raw.mjs';
import { each, until, within } from './until.mjs';
import { attachPath } from './viewer.mjs';

/** Settings under which all parts are possible. */
export const CONF = {
  max_panes: 2000, max_viewers: 20_000, max_connections: 30_000, max_connections_per_address: 30_000,
  max_requests_per_connection: 1_000_000_000, header_seconds: 5, send_seconds: 5, archive: 'off', sessions: 'off',
};

const WIDTH = 50; // connections that are made at a time
const GAP_MS = 10;

async function numbers(path, names) {
  const text = await readFile(path, 'latin1');
  return names.map((name) => Number(text.match(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm'))[1]) * 1024);
}

/** Of the worker and the keeper: bytes, and open descriptors. */
export async function state(d) {
  const p = await pids(d);
  const all = {};
  for (const [who, pid] of Object.entries(p)) {
    const [anon] = await numbers(`/proc/${pid}/status`, ['RssAnon']);
    const [rss, pss] = await numbers(`/proc/${pid}/smaps_rollup`, ['Rss', 'Pss']);
    all[who] = { rss, pss, anon, descriptors: (await readdir(`/proc/${pid}/fd`)).length };
  }
  return all;
}

/** Keys that are typed to a pane of their own, one after the other, each timed until it is back. */
export class Echo {
  static async start(d) {
    const e = new Echo();
    const { id } = await d.sh('stty raw -echo; echo ready; exec cat');
    await d.shows(id, 'ready');
    e.viewer = await d.attach(id, { sink: (bytes) => e.#back(bytes) });
    await e.viewer.sees('ready');
    e.times = [];
    e.sent = 0;
    e.over = e.#run();
    return e;
  }

  #back(bytes) {
    this.due?.(bytes.length);
  }

  async #run() {
    while (!this.done) {
      const from = now();
      const back = new Promise((resolve) => (this.due = resolve));
      this.viewer.input('x');
      this.sent++;
      await within('a key to come back', back, 60_000);
      this.times.push(now() - from);
      await pause(GAP_MS);
    }
  }

  /** Times in ms since the last one was taken. */
  async take(least = 30) {
    await until('some keys', () => this.times.length >= least, 120_000);
    const sorted = this.times.splice(0).sort((a, b) => a - b);
    const at = (q) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * q))];
    return { p50: at(0.5), p99: at(0.99), worst: sorted.at(-1), count: sorted.length };
  }

  async stop() {
    this.done = true;
    await this.over;
    await this.viewer.close();
  }
}

/** A socket that takes whatever comes, or with `reads: false` nothing. */
export async function socket(d, { reads = true } = {}) {
  const s = net.connect({ host: '127.0.0.1', port: d.port });
  s.on('error', () => (s.gone = true));
  s.on('close', () => (s.gone = true));
  if (reads) s.resume();
  await within('a connection', once(s, 'connect'), 60_000);
  return s;
}

export const ask = (d, path, method = 'GET') =>
  requestText(method, path, [`Host: 127.0.0.1:${d.port}`, `Authorization: Bearer ${d.token}`]);

const many = async (n, make) => {
  const all = [];
  await each(Array.from({ length: n }, (_, i) => i), WIDTH, async (i) => all.push(await make(i)));
  return all;
};

async function leave(d, id, sockets) {
  for (const s of sockets) s.destroy();
  await until('the viewers to be gone', async () => (await d.pane(id)).viewers === 0, 60_000 + sockets.length * 10);
}

const viewers = (d, id, n, options) =>
  many(n, async () => {
    const s = await socket(d, options);
    s.write(upgradeText(d, attachPath(id)));
    return s;
  });

const printed = (d, id, lines) => until(`${lines} lines in ${id}`, async () => (await d.pane(id)).last_line >= lines - 100, 120_000);

/** Requests one after the other on a kept connection; calls back with each status. */
async function asker(d, next, until_, told) {
  const s = await socket(d, { reads: false });
  let data = '';
  let waiting;
  s.setEncoding('latin1');
  s.on('data', (more) => {
    data += more;
    const end = data.indexOf('\r\n\r\n');
    if (end < 0) return;
    const length = Number(data.match(/content-length: *(\d+)/i)?.[1] ?? 0);
    if (data.length < end + 4 + length) return;
    const status = Number(data.slice(9, 12));
    data = data.slice(end + 4 + length);
    waiting(status);
  });
  s.on('close', () => waiting?.(0));
  while (now() < until_) {
    const answer = new Promise((resolve) => (waiting = resolve));
    const due = next();
    if (due.wait > 0) await pause(due.wait);
    s.write(due.text);
    told(await within('an answer', answer, 60_000));
  }
  s.destroy();
}

/**
 * The parts: each puts its load on the daemon, calls `during` while it is there, and takes it off. `n`
 * is how much; `seconds` how long where that is asked. They return what is to be told.
 */
export const parts = {
  /** Viewers that do nothing. */
  async idle(d, { n, during }) {
    const { id } = await d.sh('stty raw -echo; echo ready; exec cat');
    await d.shows(id, 'ready');
    const before = (await state(d)).worker.anon;
    const all = await viewers(d, id, n);
    await until('all viewers', async () => (await d.pane(id)).viewers === n, 120_000);
    const each_ = ((await state(d)).worker.anon - before) / n;
    await during();
    assert.equal(all.filter((s) => s.gone).length, 0, 'none is sent away');
    await leave(d, id, all);
    await d.remove(id);
    return { 'KiB a viewer': (each_ / 1024).toFixed(2) };
  },

  /** Panes. */
  async panes(d, { n, during }) {
    const ids = new Set(await many(n, async () => (await d.new(['cat'])).id));
    await during();
    await each([...ids], WIDTH, (id) => d.remove(id));
    await until('them to be gone', async () => !(await d.ok('GET', 'panes')).panes.some((p) => ids.has(p.id)), 120_000);
    return {};
  },

  /** Viewers of one pane that writes as fast as it can, and a client that resizes it all the time. */
  async flood(d, { n, during }) {
    const { id } = await d.sh('stty -echo; exec yes "a line of a pane that floods"');
    const all = await viewers(d, id, n);
    let on = true;
    let sizes = 0;
    const resizer = await d.attach(id, { cols: 80, rows: 24, sink: () => {} });
    const resizes = (async () => {
      while (on) {
        for (let i = 0; i < 20; i++) resizer.control({ type: 'resize', cols: 60 + (sizes++ % 60), rows: 24 });
        await pause(5);
      }
    })();
    const from = (await d.pane(id)).offset;
    const at = now();
    await during();
    const rate = ((await d.pane(id)).offset - from) / (now() - at) / 1000;
    on = false;
    await resizes;
    await resizer.close();
    await leave(d, id, all);
    await d.remove(id);
    return { 'MB/s of the pane': rate.toFixed(0), resizes: sizes };
  },

  /** Searches and lists, `n` a second. */
  async requests(d, { n, seconds, during }) {
    const { id } = await d.sh("stty -echo; seq -f 'line %g of a history' 1 5000; exec cat");
    await printed(d, id, 5000);
    const paths = [`/api/v1/panes/${id}/search?pattern=line%20777&limit=5`, '/api/v1/panes', `/api/v1/panes/${id}`, '/healthz'];
    const texts = paths.map((p) => ask(d, p));
    const statuses = {};
    const from = now();
    const end = from + seconds * 1000;
    let count = 0;
    const next = () => ({ text: texts[count % texts.length], wait: from + (count++ * 1000) / n - now() });
    const told = (status) => (statuses[status] = (statuses[status] ?? 0) + 1);
    const all = Array.from({ length: 16 }, () => asker(d, next, end, told));
    await during();
    await Promise.all(all);
    const took = (now() - from) / 1000;
    assert.deepEqual(Object.keys(statuses), ['200'], JSON.stringify(statuses));
    await d.remove(id);
    return { 'requests/s': (statuses[200] / took).toFixed(0), asked: n };
  },

  /** Clients that ask for much and read nothing, and viewers that do not read. */
  async slow(d, { n, during }) {
    const { id } = await d.sh("stty -echo; seq -f '%0100.0f' 1 40000; exec cat");
    await printed(d, id, 40_000);
    const all = await many(n, async () => {
      const s = await socket(d, { reads: false });
      s.write(ask(d, `/api/v1/panes/${id}/capture?history=all`));
      return s;
    });
    const flood = (await d.sh('stty -echo; exec yes')).id;
    const stalled = await viewers(d, flood, n, { reads: false });
    await during();
    for (const s of all) s.destroy();
    await leave(d, flood, stalled);
    await d.remove(flood);
    await d.remove(id);
    return {};
  },

  /** Connections that begin a request and send no more of it. */
  async half(d, { n, during }) {
    const all = await many(n, async () => {
      const s = await socket(d);
      s.write('GET /healthz HTTP/1.1\r\nHo');
      return s;
    });
    const from = now();
    await d.well();
    const took = now() - from;
    await during();
    await until('all to be given up', () => all.every((s) => s.gone), 120_000);
    return { 'ms for a good request': took.toFixed(1) };
  },

  /** Requests that come a byte at a time. */
  async drip(d, { n, during }) {
    const text = ask(d, '/healthz');
    let good = 0;
    const work = many(n, async () => {
      const s = await socket(d, { reads: false });
      let got = '';
      s.on('data', (more) => (got += more));
      s.setNoDelay(true);
      for (const c of text) {
        s.write(c);
        await new Promise((resolve) => setImmediate(resolve));
      }
      await until('an answer', () => got.includes('\r\n\r\n') || s.gone, 60_000);
      if (got.startsWith('HTTP/1.1 200')) good++;
      s.destroy();
    });
    await during();
    await work;
    assert.equal(good, n, 'each is answered');
    return {};
  },

  /** Connections that are opened and dropped: at once, after some bytes, after a request. */
  async churn(d, { n, during }) {
    const words = ['', 'G', 'GET / HTTP/1.1\r\n', ask(d, '/healthz'), ask(d, '/api/v1/panes')];
    const from = now();
    const work = many(n, async (i) => {
      const s = await socket(d);
      if (words[i % words.length]) s.write(words[i % words.length]);
      if (i % 2) s.resetAndDestroy();
      else s.destroy();
    });
    await during();
    await work;
    const took = (now() - from) / 1000;
    return { 'connections/s': (n / took).toFixed(0) };
  },

  /** Jobs that write, one after the other; each is completed, and all of its output is there. */
  async jobs(d, { n, during }) {
    const work = each(Array.from({ length: n }), 4, async () => {
      const r = await d.request('POST', '/api/v1/jobs', { json: { command: ['seq', '1000'], force_refresh: true, wait_s: 60 } });
      assert.ok([200, 201].includes(r.status), r.text);
      assert.equal(r.json.state, 'completed', r.text);
      assert.equal((await d.request('GET', `/api/v1/jobs/${r.json.id}/channels/1`)).text.length, 3893);
    });
    await during();
    await work;
    return {};
  },
};

const MARGIN = 24 * 1024 * 1024; // what an allocator may keep

/** Waits until the daemon holds no more than before, as far as it can be had. */
async function settles(d, before, margin, spare) {
  const within_ = (s) =>
    s.worker.descriptors <= before.worker.descriptors + spare && s.keeper.descriptors <= before.keeper.descriptors &&
    s.worker.anon <= before.worker.anon + margin && s.keeper.anon <= before.keeper.anon + margin;
  let last;
  await until('memory and descriptors', async () => within_((last = await state(d))), 60_000).catch(() => {
    const show = (s) => Object.entries(s).map(([who, v]) => `${who} ${v.descriptors} descriptors ${(v.anon / 1048576).toFixed(1)} MiB`).join(', ');
    throw new Error(`it keeps more than it had: ${show(before)}; now ${show(last)}`);
  });
  return last;
}

/**
 * One part under watch. Fails when a key is lost, descriptors or memory stay (more than the
 * margin), or the part says so. Returns figures. `warm`: it has happened once before, so that what
 * the allocator keeps of it is there already, and what it grows by the second time is lost. `spare`
 * descriptors may stay: SQLite closes those of a file when none of its connections has it locked.
 */
export async function watched(d, name, how, { margin = MARGIN, warm = false } = {}) {
  const first = warm ? await parts[name](d, { ...how, during: async () => {} }) : {};
  const echo = await Echo.start(d);
  const figures = { before: await echo.take() };
  const before = await state(d);
  const told = await parts[name](d, {
    ...how,
    during: async () => {
      echo.times.length = 0;
      await pause((how.seconds ?? 2) * 1000);
      figures.during = await echo.take();
      figures.load = await state(d);
    },
  });
  const after = await settles(d, before, margin, how.spare ?? 0);
  echo.times.length = 0;
  figures.after = await echo.take();
  await echo.stop();
  await d.well();
  for (const { id } of (await d.ok('GET', 'panes')).panes) await d.remove(id);
  await until('no pane', async () => (await d.ok('GET', 'panes')).panes.length === 0);
  return { ...figures, told: { ...told, ...first }, states: { before, load: figures.load, after } };
}

/** Lines for a person. */
export function report(name, n, f) {
  const ms = (t) => `${t.p50.toFixed(1)}/${t.p99.toFixed(1)}`;
  const MiB = (b) => (b / 1048576).toFixed(1);
  const one = (s) => `rss ${MiB(s.rss)} pss ${MiB(s.pss)} fds ${s.descriptors}`;
  const lines = [`${name} ${n}: echo ms p50/p99 before ${ms(f.before)}, during ${ms(f.during)} (worst ${f.during.worst.toFixed(0)}), after ${ms(f.after)}`];
  for (const [when, s] of Object.entries(f.states)) lines.push(`    ${when.padEnd(6)} worker ${one(s.worker)}; keeper ${one(s.keeper)} (MiB)`);
  for (const [what, value] of Object.entries(f.told)) lines.push(`    ${what}: ${value}`);
  return lines.join('\n');
}
