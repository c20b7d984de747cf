// The state directory: its disk is full, cramped or read-only, or it goes away. Terminals go on, what
// cannot be written is said, and when there is room again nothing that was held is lost.

import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { privateDir } from './lib/daemon.mjs';
import { canMount, startOnDisk, using } from './lib/faults.mjs';
import { checkHistory, Follower, killWorker, pause, pids, slow, startKept } from './lib/keeper.mjs';
import { until } from './lib/until.mjs';

const skip = !canMount() && 'needs root, or whatever lets one mount a tmpfs';
const alarms = async (d) => (await d.request('GET', '/healthz')).json.alarms.map((a) => a.alarm).sort();
const ready = (d) => until('store and archive', async () => {
  const i = await d.info();
  return i.store.state === 'ready' && i.archive.state === 'ready';
});
const count = (text, what) => text.split(what).length - 1;

/** How many of a pane's lines the archive alone has; all there are must be there, each with its number. */
async function archived(d, id) {
  const r = await d.ok('GET', `panes/${id}/search?pattern=${encodeURIComponent('^\\d{14}$')}&limit=10000&order=oldest`);
  const found = r.matches.filter((m) => m.source === 'archive');
  found.forEach((m, i) => {
    assert.equal(m.line, i + 1, `a line of ${id} is missing`);
    assert.equal(Number(m.content), m.line);
  });
  return found.length;
}

test('a full disk stops no terminal, is said, and costs no line', { skip }, using(() => startOnDisk(6, { conf: { history_lines: 200 } }), async (d) => {
  await ready(d);
  const pane = (await slow(d, {}, 0.002)).id;
  const viewer = new Follower(d, pane);
  await until('lines in the archive', async () => (await archived(d, pane)) > 50);
  const kept = await archived(d, pane);
  d.disk.fill();
  await until('both alarms', async () => {
    await d.request('POST', '/api/v1/panes', { json: { command: ['true', 'x'.repeat(4000)] } });
    const a = await alarms(d);
    return a.includes('archive_full') && a.includes('store_full');
  }, 60_000);
  const { offset } = await d.pane(pane);
  await until('more output', async () => (await d.pane(pane)).offset > offset + 16 * 200);
  await until('more at the viewer', () => viewer.next > offset + 16 * 200);
  const found = await d.ok('GET', `panes/${pane}/search?pattern=0000&limit=10&order=newest`);
  assert.equal(found.matches.length, 10);
  const old = await d.ok('GET', `panes/${pane}/search?pattern=${encodeURIComponent('^0*1$')}&source=archive`);
  assert.equal(old.total, 1, 'what was archived can be read');
  assert.equal(await d.metric('panescry_archive_full'), 1);
  assert.equal(await d.metric('panescry_store_full'), 1);
  assert.match((await d.cli(['doctor'])).out, /No space left on device/);
  // Neither of these may hang, nor pretend.
  const job = await d.request('POST', '/api/v1/jobs', { json: { command: ['true'] } });
  assert.equal(job.status, 503, job.text);
  assert.equal(job.json.error, 'store_unavailable');
  assert.match(job.json.message, /No space left/);
  const token = await d.request('POST', '/api/v1/tokens', { json: {} });
  assert.equal(token.status, 500, token.text);
  const watch = await d.request('POST', '/api/v1/watches', { json: { pattern: 'x', pane } });
  assert.equal(watch.status, 500, watch.text);
  await until('some attempts', async () => count(d.stderr(), 'cannot write') >= 2);
  const last = (await d.pane(pane)).last_line;

  d.disk.free();
  await until('the end of the alarms', async () => (await alarms(d)).length === 0);
  await until('what was held', async () => (await archived(d, pane)) >= last - 250);
  const i = await d.info();
  assert.equal(i.archive.lines_missing, 0);
  assert.equal(i.store.dropped, 0);
  assert.ok((await archived(d, pane)) > kept);
  await until('watches.json', () => d.disk.read('watches.json')?.includes('"x"'));
  await until('tokens.json', () => d.disk.read('tokens.json') !== null);
  for (const what of ['nothing is archived for now', 'nothing can be written for now', 'tokens.json: No space', 'watches.json: No space'])
    assert.equal(count(d.stderr(), what), 1, `${what} is said once: ${d.stderr()}`);
  await killWorker(d);
  await checkHistory(d, pane);
  viewer.check();
  await viewer.close();
}));

test('room is seen when all that was to be written was refused', { skip }, using(() => startOnDisk(6), async (d) => {
  await ready(d);
  const job = () => d.request('POST', '/api/v1/jobs', { json: { command: ['true'] } });
  const { worker } = await pids(d);
  const ticks = () => Number(readFileSync(`/proc/${worker}/stat`, 'utf8').split(') ')[1].split(' ').slice(11, 13).reduce((a, b) => a + Number(b), 0));
  d.disk.fill();
  await until('a refusal', async () => (await job()).status === 503, 60_000);
  await until('the alarm', async () => (await alarms(d)).includes('store_full'));
  const before = ticks();
  await pause(2500); // more than until it is tried again
  assert.ok(ticks() - before < 100, `${ticks() - before} hundredths of a second of the processor in vain`);
  assert.deepEqual((await alarms(d)).filter((a) => a === 'store_full'), ['store_full']);
  d.disk.free();
  await until('the end of the alarm', async () => (await alarms(d)).length === 0);
  assert.equal((await job()).status, 201);
}));

test('on a cramped disk the log is cut, and jobs are taken', { skip }, using(() => startOnDisk(5), async (d) => {
  await ready(d);
  d.disk.fill(1.5);
  const sizes = [];
  for (let i = 0; i < 150; i++) {
    const r = await d.request('POST', '/api/v1/jobs', { json: { command: ['true', 'y'.repeat(3000)] } });
    assert.equal(r.status, 201, `job ${i}: ${r.text} ${d.disk.list()}`);
    sizes.push(d.disk.size('panescry.db-wal'));
  }
  assert.deepEqual(await alarms(d), []);
  assert.ok(Math.max(...sizes) < 1024 * 1024, `the log had ${Math.max(...sizes)} bytes`);
  await until('all to have ended', async () => (await d.ok('GET', 'jobs?state=completed&limit=1')).total === 150, 60_000);
}));

test('a state directory that cannot be written is a clear error at the start', { skip }, async () => {
  const said = async (mount) => {
    const e = await startOnDisk(2, { mount }).then((d) => d.stop().then(() => null), (error) => error);
    return e?.message ?? 'it started';
  };
  assert.match(await said('mount -o remount,ro "$0"'), /panescry: [^\n]*state[^\n]*: Read-only file system\n/);
  assert.match(await said('rmdir "$0" 2>/dev/null; umount "$0" && rmdir "$0" && echo >"$0"'), /panescry: [^\n]*state[^\n]*: Not a directory\n/);
});

test('a state directory that becomes read-only is survived', { skip }, using(() => startOnDisk(8, { conf: { history_lines: 200 } }), async (d) => {
  await ready(d);
  const pane = (await slow(d, {}, 0.01)).id;
  await until('lines in the archive', async () => (await archived(d, pane)) > 10);
  d.disk.cover();
  await until('it to be said', async () => (await d.request('POST', '/api/v1/tokens', { json: {} })).status === 500);
  await killWorker(d);
  await until('both alarms', async () => {
    const a = await alarms(d);
    return a.includes('archive_full') && a.includes('store_full');
  }, 60_000);
  const job = await d.request('POST', '/api/v1/jobs', { json: { command: ['true'] } });
  assert.deepEqual([job.status, job.json.error], [503, 'store_unavailable']);
  const { offset } = await d.pane(pane);
  await until('more output', async () => (await d.pane(pane)).offset > offset + 320);
  const last = (await d.pane(pane)).last_line;
  d.disk.uncover();
  await until('the end of the alarms', async () => (await alarms(d)).length === 0, 60_000);
  await until('what was held', async () => (await archived(d, pane)) >= last - 250);
  await until('a job to be taken', async () => (await d.request('POST', '/api/v1/jobs', { json: { command: ['true'] } })).status === 201);
}));

test('a database that is removed before the record of jobs was read is made anew', using(async () => {
  const dir = await privateDir();
  return startKept({ dir, args: ['--state-dir', join(dir, 'state')] });
}, async (d) => {
  const at = join(d.dir, 'state');
  const remove = () => readdirSync(at).filter((n) => n.startsWith('panescry.db')).forEach((n) => rmSync(join(at, n)));
  await ready(d);
  for (let ms = 0; ms < 24; ms += 2) {
    const { worker, keeper } = await pids(d);
    process.kill(worker, 'SIGSTOP');
    remove();
    process.kill(worker, 'SIGKILL');
    // The next one is stopped so much behind the moment when it opens a new one.
    for (const end = Date.now() + 20_000; !existsSync(join(at, 'panescry.db-wal'));) assert.ok(Date.now() < end);
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
    const next = Number(readFileSync(`/proc/${keeper}/task/${keeper}/children`, 'latin1').trim().split(' ').at(-1));
    process.kill(next, 'SIGSTOP');
    remove();
    process.kill(next, 'SIGCONT');
    await until(`a job to be taken, ${ms} ms`, async () => {
      const r = await d.request('POST', '/api/v1/jobs', { json: { command: ['true'] } });
      assert.ok([201, 503].includes(r.status), r.text);
      return r.status === 201;
    });
  }
  assert.ok(existsSync(join(at, 'panescry.db')));
}));

test('a state directory that is removed, or replaced, is noticed and made anew', using(async () => {
  const dir = await privateDir();
  return startKept({ dir, args: ['--state-dir', join(dir, 'state')], conf: { history_lines: 200 } });
}, async (d) => {
  const at = join(d.dir, 'state');
  await ready(d);
  const pane = (await slow(d, {}, 0.01)).id;
  for (const how of ['removed', 'moved away', 'emptied']) {
    if (how === 'removed') rmSync(at, { recursive: true });
    else if (how === 'moved away') renameSync(at, `${at}.old`);
    else for (const name of readdirSync(at)) rmSync(join(at, name), { recursive: true });
    const name = `after-it-was-${how.replaceAll(' ', '-')}`;
    await until(`jobs on record after it was ${how}`, async () => {
      const r = await d.request('POST', '/api/v1/jobs', { json: { command: ['echo', name], name } });
      return r.status === 201 && existsSync(join(at, 'panescry.db'));
    }, 60_000);
    await until('it to be well', async () => (await alarms(d)).every((a) => a === 'store_damaged'), 60_000);
    await until('an archive', () => existsSync(join(at, 'archive')) && readdirSync(join(at, 'archive')).some((f) => f.endsWith('.seg')), 60_000);
    const { offset } = await d.pane(pane);
    await until('more output', async () => (await d.pane(pane)).offset > offset + 32);
    const v = await d.attach(pane);
    await v.close();
    const r = await d.request('POST', '/api/v1/tokens', { json: {} });
    assert.equal(r.status, 201, r.text);
    assert.ok(existsSync(join(at, 'tokens.json')));
    await until('a job on record', async () => {
      const j = (await d.ok('GET', 'jobs?state=completed&limit=10')).jobs;
      return j.some((x) => x.name === name);
    });
  }
}));
