// The keeper at full size, which takes minutes: `make check-long`, or
//
//	PANESCRY=build/panescry node tests/daemon/long/keeper.mjs [PART...]
//
// Prints figures, and ends with how many demands were met. Parts: kills, upgrades, stops, flips,
// many. PANESCRY_SEED repeats the choices of a run; PANESCRY_SCALE=0.1 makes it ten times shorter.

import assert from 'node:assert/strict';
import { open, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import {
  checkHistory, descriptors, drawn, fast, few, Follower, FULL_SCREEN, info, now, pause, pids, residentOf, rests, shown,
  slow, startKept,
} from '../lib/keeper.mjs';
import { chance, demand, figure, many, runParts } from '../lib/long.mjs';
import { has } from '../lib/run.mjs';
import { each, until } from '../lib/until.mjs';

const RING = 16 * 1024 * 1024;
const ZEROS = Buffer.alloc(4096);

const ms = (n) => `${n.toFixed(0)} ms`;
const MiB = (n) => `${(n / 1048576).toFixed(1)} MiB`;

function times(name, list) {
  const sorted = [...list].sort((a, b) => a - b);
  const at = (q) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * q))];
  figure(`${name}: median / p90 / worst of ${list.length}`, `${ms(at(0.5))} / ${ms(at(0.9))} / ${ms(sorted.at(-1))}`);
}

/** 10 panes that write as fast as they can, 10 that write slowly, 5 viewers, full screens. */
async function load(d) {
  const l = { fast: [], slow: [], screens: [], live: [] };
  const screen = (await d.sh(`${FULL_SCREEN} exec cat`)).id;
  l.screens.push(screen);
  await d.shows(screen, 'row 24');
  if (has('vim')) {
    const file = join(d.dir, 'code.c');
    await writeFile(file, 'int main(void)\n{\n\treturn 0; /* none */\n}\n'.repeat(100));
    const { id } = await d.new(['vim', '-u', 'NONE', '-N', '-c', 'syntax on', '-c', 'set number mouse=a', file], { env: { TERM: 'xterm-256color' } });
    await d.shows(id, /return 0/);
    l.screens.push(id);
  }
  // It redraws by itself, so nothing can be compared; it must go on.
  if (has('htop')) l.live.push((await d.new(['htop', '-d', '5'], { env: { TERM: 'xterm-256color' } })).id);
  for (const id of l.screens) await rests(d, id);
  l.was = await Promise.all(l.screens.map(async (id) => [await shown(d, id), await drawn(d, id)]));
  for (let i = 0; i < 10; i++) l.fast.push((await fast(d)).id);
  for (let i = 0; i < 10; i++) l.slow.push((await slow(d)).id);
  l.viewers = [...l.fast.slice(0, 3), ...l.slow.slice(0, 2)].map((id) => new Follower(d, id, { ring: RING }));
  await Promise.all(l.viewers.map((v) => until('bytes', () => v.flowing)));
  l.flooded = l.viewers.slice(0, 3);
  return l;
}

async function checkLoad(d, l) {
  for (const v of l.viewers) await demand(`stream of the viewer of ${v.pane}`, () => v.check());
  for (const id of [...l.fast, ...l.slow]) {
    await demand(`pane ${id} is alive`, async () => assert.equal((await d.pane(id)).state, 'running'));
    await demand(`history of ${id}`, () => checkHistory(d, id));
  }
  for (const [i, id] of l.screens.entries()) {
    await demand(`screen ${id}`, async () => assert.deepEqual(await shown(d, id), l.was[i][0]));
    await demand(`modes of ${id}`, async () => assert.equal(await drawn(d, id), l.was[i][1]));
  }
  for (const id of l.live)
    await demand('htop goes on', async () => {
      const { offset } = await d.pane(id);
      await until('htop to draw', async () => (await d.pane(id)).offset > offset);
      assert.match(await d.text(id), /PID/);
    });
  figure('  bytes at viewers; fell out of the ring', `${MiB(l.viewers.reduce((n, v) => n + v.bytes, 0))}; ${l.viewers.reduce((n, v) => n + v.dropped, 0)} times`);
  await demand('no worker was given up', async () => assert.doesNotMatch(d.stderr(), /not restored whole|is lost/));
}

async function close(d, l) {
  for (const v of l.viewers) {
    v.done = true;
    v.ws.terminate();
  }
  await d.stop();
}

const parts = {
  async kills() {
    const d = await startKept({ conf: { ring_bytes: RING } });
    const l = await load(d);
    const { keeper } = await pids(d);
    const n = many(200);
    const flow = [];
    const first = [];
    for (let i = 0; i < n; i++) {
      await pause(chance() * 300);
      const { worker } = await pids(d);
      const at = now();
      process.kill(worker, 'SIGKILL');
      const got = await Promise.all(l.flooded.map((v) => v.flowsAfter(at)));
      flow.push(...got.map((t) => t - at));
      first.push(Math.min(...got) - at);
    }
    figure('kills with 10 fast and 10 slow panes', n);
    times('  kill to bytes at a viewer', flow);
    times('  kill to bytes at the first viewer', first);
    await demand('the same keeper', async () => assert.equal((await pids(d)).keeper, keeper));
    await demand('as many restarts as kills', async () => assert.equal((await info(d)).keeper.restarts, n));
    await checkLoad(d, l);
    await close(d, l);
  },

  async upgrades() {
    const d = await startKept({ conf: { ring_bytes: RING } });
    const l = await load(d);
    const { keeper } = await pids(d);
    const n = many(50);
    const flow = [];
    const took = [];
    for (let i = 0; i < n; i++) {
      await pause(chance() * 300);
      const was = await info(d);
      const at = now();
      const r = await d.local('POST', '/api/v1/upgrade', { json: {} });
      assert.equal(r.status, 202);
      const got = await Promise.all(l.flooded.map((v) => v.flowsAfter(at)));
      flow.push(...got.map((t) => t - at));
      await info(d, (x) => x.keeper.upgrades + x.keeper.upgrades_failed > was.keeper.upgrades + was.keeper.upgrades_failed);
      took.push(now() - at);
    }
    figure('upgrades with 10 fast and 10 slow panes', n);
    times('  request to bytes at a viewer', flow);
    times('  request to the new worker\'s answer', took);
    const i = await info(d);
    await demand('the same keeper', () => assert.equal(i.keeper.pid, keeper));
    await demand('all upgrades done', () => assert.deepEqual([i.keeper.upgrades, i.keeper.upgrades_failed, i.keeper.restarts], [n, 0, 0]));
    for (const v of l.viewers) await demand('close codes', () => assert.deepEqual(Object.keys(v.closes), ['1012']));
    await checkLoad(d, l);
    await close(d, l);
  },

  async stops() {
    const d = await startKept({ conf: { ring_bytes: RING } });
    const l = await load(d);
    const { worker } = await pids(d);
    const n = many(20);
    const flow = [];
    for (let i = 0; i < n; i++) {
      await pause(chance() * 200);
      process.kill(worker, 'SIGSTOP');
      await pause(chance() * 500);
      const bytes = l.flooded.map((v) => v.bytes);
      const at = now();
      process.kill(worker, 'SIGCONT');
      await Promise.all(l.flooded.map((v, k) => until('bytes after SIGCONT', () => v.bytes > bytes[k])));
      flow.push(now() - at);
    }
    figure('SIGSTOP and SIGCONT of the worker', n);
    times('  SIGCONT to bytes at all viewers', flow);
    await demand('the same worker', async () => assert.equal((await pids(d)).worker, worker));
    await demand('no connection ended', () => assert.ok(l.viewers.every((v) => v.attaches === 1)));
    await checkLoad(d, l);
    await close(d, l);
  },

  /** Bytes of a pane's memory are changed anywhere, from outside, and the worker is killed. */
  async flips() {
    const d = await startKept();
    const whole = (await few(d, 1000)).id;
    await d.shows(whole, '00000000001000');
    const { keeper } = await pids(d);
    const n = many(200);
    const script = "stty -echo; printf '\\033[1;31mred\\033[m \\033]8;;http://x/\\033\\\\link\\033]8;;\\033\\\\\\n'; seq 1 3000; while read -r x; do echo \"<$x>\"; done";
    let noted = 0;
    for (let i = 0; i < n; i++) {
      const { id } = await d.sh(script);
      await d.shows(id, /\n3000\n/);
      const path = (await descriptors(keeper)).filter((f) => f.to.startsWith('/memfd:panescry-pane')).at(-1).path;
      const file = await open(path, 'r+');
      const { worker, pid } = { ...(await pids(d)), pid: (await d.pane(id)).pid };
      process.kill(worker, 'SIGSTOP');
      const holes = await dataOf(file);
      const what = [];
      for (let k = 0; k < 1 + Math.floor(chance() * 20); k++) {
        const page = holes[Math.floor(chance() ** 2 * holes.length)];
        const at = page + Math.floor(chance() * 4096);
        const byte = Buffer.from([Math.floor(chance() * 256)]);
        await file.write(byte, 0, 1, at);
        what.push(`${at}=${byte[0]}`);
      }
      await file.close();
      process.kill(worker, 'SIGKILL');
      const before = d.stderr().length;
      await demand(`a pane goes on with ${what.join(' ')}`, async () => {
        await info(d, (x) => x.pid !== worker);
        const p = await d.pane(id);
        assert.deepEqual([p.state, p.pid], ['running', pid]);
        await d.type(id, 'still there\n');
        await d.shows(id, '<still there>');
        for (const format of ['text', 'ansi', 'json'])
          assert.equal((await d.request('GET', `/api/v1/panes/${id}/capture?history=all&format=${format}`)).status, 200);
        const v = await d.attach(id);
        await v.close();
      });
      noted += /not restored whole/.test(d.stderr().slice(before));
      await d.request('DELETE', `/api/v1/panes/${id}`);
      await until('it to be gone', () => d.gone(id));
    }
    figure('memory changed in 1 to 20 places', `${n} times, noticed ${noted} times`);
    await demand('another pane is whole', () => checkHistory(d, whole));
    await demand('no worker died of it', async () => assert.equal((await info(d)).keeper.restarts, n));
    await d.stop();
  },

  async many() {
    const n = many(500);
    const d = await startKept({ conf: { max_panes: n + 10, max_viewers: 5000 } });
    const ids = [];
    await each([...Array(n).keys()], 8, async (i) => (ids[i] = (await few(d, (i % 50) + 1)).id));
    await each(ids, 8, (id) => d.shows(id, String((ids.indexOf(id) % 50) + 1).padStart(14, '0')));
    const { keeper } = await pids(d);
    figure('panes', n);
    figure('  resident memory of the keeper', MiB(await residentOf(keeper)));
    figure('  resident memory of the worker', MiB((await info(d)).resident_bytes));
    const check = (how) =>
      each(ids, 8, (id) =>
        demand(`pane ${id} after ${how}`, async () => {
          assert.equal((await d.pane(id)).state, 'running');
          assert.equal(await checkHistory(d, id), (ids.indexOf(id) % 50) + 1);
        }));
    const v = new Follower(d, ids[0]);
    await until('bytes', () => v.flowing);
    const flow = [];
    for (let i = 0; i < many(10); i++) {
      const { worker } = await pids(d);
      const at = now();
      process.kill(worker, 'SIGKILL');
      await info(d, (x) => x.pid !== worker);
      flow.push(now() - at);
    }
    times('  kill to the next worker\'s answer', flow);
    await check('kills');
    const took = [];
    for (let i = 0; i < many(10); i++) {
      const { upgrades } = (await info(d)).keeper;
      const at = now();
      await d.local('POST', '/api/v1/upgrade', { json: {} });
      await info(d, (x) => x.keeper.upgrades > upgrades);
      took.push(now() - at);
    }
    times('  upgrade to the next worker\'s answer', took);
    await check('upgrades');
    figure('  resident memory of the keeper at the end', MiB(await residentOf(keeper)));
    await v.close();
    await demand('the end', () => d.stop());
  },
};

/** Pages of a memory file that hold data. */
async function dataOf(file) {
  const { size } = await file.stat();
  const step = 256 * 1024;
  const found = [];
  const buffer = Buffer.alloc(step);
  for (let at = 0; at < size; at += step) {
    const { bytesRead } = await file.read(buffer, 0, step, at);
    for (let k = 0; k < bytesRead; k += 4096)
      if (!buffer.subarray(k, k + 4096).equals(ZEROS)) found.push(at + k);
  }
  return found;
}

await runParts(parts, { table: true });
