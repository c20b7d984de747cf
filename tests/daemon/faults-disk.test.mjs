// The state directory: its disk is full, cramped or read-only, or it goes away. Terminals go on, what
// cannot be written is said, and when there is room again nothing that was held is lost.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { canMount, startOnDisk } from './lib/faults.mjs';
import { checkHistory, Follower, killWorker, slow } from './lib/keeper.mjs';
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

test('a full disk stops no terminal, is said, and costs no line', { skip }, async () => {
  const d = await startOnDisk(6, { conf: { history_lines: 200 } });
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
  await d.stop();
});

test('on a cramped disk the log is cut, and jobs are taken', { skip }, async () => {
  const d = await startOnDisk(5);
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
  await d.stop();
});
