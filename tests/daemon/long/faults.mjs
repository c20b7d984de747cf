// Faults over and over, which takes minutes: `make check-long`, or
//
//	PANESCRY=build/panescry node tests/daemon/long/faults.mjs [PART...]
//
// Prints figures, and ends with how many demands were met. Parts: kills, disk, clock, directory.
// PANESCRY_SEED repeats the choices of a run; PANESCRY_SCALE=0.1 makes it ten times shorter.

import assert from 'node:assert/strict';
import { existsSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { privateDir } from '../lib/daemon.mjs';
import { canMount, clockLibrary, SANITIZED, startAt, startOnDisk } from '../lib/faults.mjs';
import { allGone, checkHistory, Follower, info, now, pause, pids, slow, startKept } from '../lib/keeper.mjs';
import { chance, demand, figure, many, runParts, theSeed } from '../lib/long.mjs';
import { each, until } from '../lib/until.mjs';

// Lines that are not archived yet when a worker dies are those that its pane's history still has.
const HISTORY = 3000;
const PAD = 'p'.repeat(180);

/** How many lines "TAG N" the archive has; they must be those from 1 on, each once. */
async function archived(d, tag) {
  const r = await d.ok('GET', `search?fixed=1&pattern=${tag}-&limit=10000&order=oldest`);
  const found = r.matches.filter((m) => m.source === 'archive');
  found.forEach((m, i) => assert.equal(m.content, `${tag}-${i + 1} ${PAD}`, `line ${i + 1} of ${tag}`));
  return found.length;
}

// Long lines, so that what is collected for the archive is soon written; fewer than a search gives.
const count = (tag) => `stty -echo; i=0; while [ $i -lt 8000 ]; do i=$((i+1)); echo ${tag}-$i ${PAD}; [ $((i % 20)) -ne 0 ] || sleep 0.01; done; exec sleep 1000`;

/** Asks for jobs one after the other, until told to stop; keeps those that were acknowledged. */
function jobs(daemon) {
  const l = { acknowledged: [], refused: 0, over: false };
  l.ended = (async () => {
    for (let n = 0; !l.over; n++) {
      const r = await daemon().request('POST', '/api/v1/jobs', { json: { command: ['true'], name: `n${n}` } }).catch(() => null);
      if (r?.status === 201) l.acknowledged.push(r.json.id);
      else {
        l.refused++;
        await pause(20);
      }
    }
  })();
  return l;
}

const parts = {
  /** The worker, or all, at any moment; what was acknowledged is there ever after. */
  async kills() {
    const dir = await privateDir();
    const start = () => startKept({ dir, keep: true, conf: { history_lines: HISTORY, max_panes: 1000 } });
    let d = await start();
    const load = jobs(() => d);
    const n = many(60);
    const tags = new Map(); // and how many of its lines the archive had
    let all = 0;
    for (let i = 0; i < n; i++) {
      const tag = `t${theSeed}x${i}`;
      await d.new(['sh', '-c', count(tag)], { cols: 250 });
      await pause(chance() * 4000);
      tags.set(tag, await archived(d, tag));
      const { worker, keeper } = await pids(d);
      await pause(chance() * 30);
      if (chance() < 0.5) {
        process.kill(worker, 'SIGKILL');
        await info(d, (x) => x.pid !== worker);
      } else {
        all++;
        process.kill(keeper, 'SIGKILL');
        process.kill(worker, 'SIGKILL');
        await allGone('both', [worker, keeper]);
        rmSync(join(dir, 's.sock'), { force: true });
        d = await start();
      }
      for (const [t, had] of i + 1 === n ? tags : [...tags].slice(-3))
        await demand(`what was archived of ${t} after kill ${i}`, async () => {
          await until('the archive', async () => (await d.info()).archive.state === 'ready');
          assert.ok((await archived(d, t)) >= had);
        });
    }
    load.over = true;
    await load.ended;
    await demand('every job that was acknowledged is on record', async () => {
      await until('the store', async () => (await d.info()).store.state === 'ready');
      await each(load.acknowledged, 8, async (id) => assert.equal((await d.request('GET', `/api/v1/jobs/${id}`)).status, 200, id));
    });
    await demand('no number was given out twice', () => assert.equal(new Set(load.acknowledged).size, load.acknowledged.length));
    await demand('nothing is damaged', async () => {
      const i = await d.info();
      assert.equal(i.archive.damaged, 0);
      assert.equal(i.store.set_aside, null);
    });
    figure('kills, and of these of worker and keeper', `${n}, ${all}`);
    figure('  jobs acknowledged; requests that broke off', `${load.acknowledged.length}; ${load.refused}`);
    figure('  lines that were in the archive before a kill', [...tags.values()].reduce((a, b) => a + b, 0));
    await d.stop();
    rmSync(dir, { recursive: true, force: true });
  },

  async disk() {
    if (!canMount()) return figure('disk', 'no tmpfs can be mounted here');
    const d = await startOnDisk(64, { conf: { history_lines: HISTORY } }); // room for the record of all jobs
    const n = many(20);
    const load = jobs(() => d);
    const tag = `d${theSeed}`;
    await d.new(['sh', '-c', count(tag)], { cols: 250 });
    let full = 0;
    for (let i = 0; i < n; i++) {
      await pause(chance() * 3000);
      d.disk.fill(chance() < 0.5 ? 0 : chance());
      await pause(chance() * 5000);
      full += (await d.request('GET', '/healthz')).json.alarms.length !== 0;
      d.disk.free();
      await until('it to be well', async () => (await d.request('GET', '/healthz')).json.status === 'ok', 60_000);
    }
    load.over = true;
    await load.ended;
    await demand('no line is missing', async () => {
      await until('lines in the archive', async () => (await archived(d, tag)) > 0);
      assert.equal((await d.info()).archive.lines_missing, 0);
    });
    await demand('every job that was acknowledged is on record', async () => {
      await each(load.acknowledged, 8, async (id) => assert.equal((await d.request('GET', `/api/v1/jobs/${id}`)).status, 200, id));
    });
    figure('times that the disk was filled; that an alarm was seen', `${n}; ${full}`);
    figure('  jobs acknowledged; refused', `${load.acknowledged.length}; ${load.refused}`);
    await d.stop();
  },

  async clock() {
    if (!clockLibrary || SANITIZED) return figure('clock', 'needs libfaketime, and no sanitizer');
    const d = await startAt({ conf: { history_lines: HISTORY } });
    const pane = (await slow(d, {}, 0.005)).id;
    const viewer = new Follower(d, pane);
    const n = many(40);
    for (let i = 0; i < n; i++) {
      const days = Math.round((chance() - 0.5) * 20);
      await d.clock(`${days < 0 ? '' : '+'}${days}d`);
      if (chance() < 0.2) {
        const { worker } = await pids(d);
        process.kill(worker, 'SIGKILL');
        await info(d, (x) => x.pid !== worker);
      }
      await demand('a job', async () => {
        const j = await d.ok('POST', 'jobs', { command: ['true'], wait_s: 20, timeout_s: 60 });
        assert.equal(j.state, 'completed');
      });
    }
    await demand('every line', () => checkHistory(d, pane));
    await demand('the viewer', () => viewer.check());
    figure('times that the clock was set by up to ten days', n);
    await viewer.close();
    await d.stop();
  },

  async directory() {
    const dir = await privateDir();
    const at = join(dir, 'state');
    const d = await startKept({ dir, args: ['--state-dir', at], conf: { history_lines: HISTORY } });
    const load = jobs(() => d);
    const pane = (await slow(d, {}, 0.005)).id;
    const n = many(30);
    const took = [];
    for (let i = 0; i < n; i++) {
      await pause(chance() * 500);
      rmSync(at, { recursive: true, force: true, maxRetries: 10 });
      const began = now();
      const before = load.acknowledged.length;
      await until('another database, and jobs in it', () => existsSync(join(at, 'panescry.db')) && load.acknowledged.length > before + 2, 60_000);
      took.push(now() - began);
    }
    load.over = true;
    await load.ended;
    await demand('the last job is on record', async () => assert.equal((await d.request('GET', `/api/v1/jobs/${load.acknowledged.at(-1)}`)).status, 200));
    await demand('every line', () => checkHistory(d, pane));
    figure('times that the state directory was removed', n);
    figure('  until jobs were taken again, the longest', `${Math.max(...took).toFixed(0)} ms`);
    await d.stop();
  },
};

await runParts(parts);
