// Limits of the system: no descriptor, no memory, no process, no bigger file to be had. What cannot
// be given is refused with a clear error; terminals go on, and all is well when there is room again.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import net from 'node:net';
import { test } from 'node:test';
import { become, SANITIZED, startLimited, using } from './lib/faults.mjs';
import { checkHistory, descriptors, few, Follower, info, killWorker, pids, slow } from './lib/keeper.mjs';
import { until } from './lib/until.mjs';

/** Connections that say nothing, as many as the system gives. */
async function crowd(port, n) {
  const sockets = [];
  for (let i = 0; i < n; i++) {
    const s = net.connect(port, '127.0.0.1');
    s.on('error', () => {});
    sockets.push(s);
  }
  await until('them to have connected or not', () => sockets.every((s) => !s.connecting));
  return { sockets, leave: () => sockets.forEach((s) => s.destroy()) };
}

/** The soft limit alone, which the owner may raise again. */
function prlimit(pid, what, value, uid) {
  const [program, ...args] = [...(uid === undefined ? [] : become(uid)), 'prlimit', '--pid', String(pid), `--${what}=${value}:`];
  execFileSync(program, args);
}

test('descriptors at their end: accepting pauses, panes go on', using(() => startLimited(['--nofile=120'], { conf: { max_crashes: 0 } }), async (d) => {
  const pane = (await slow(d, {}, 0.01)).id;
  const viewer = new Follower(d, pane);
  await until('bytes', () => viewer.flowing);
  const { worker } = await pids(d);
  const many = await crowd(d.port, 400);
  const before = viewer.next;
  await until('output at the viewer', () => viewer.next > before + 160);
  many.leave();
  await until('health', async () => (await d.request('GET', '/healthz').catch(() => null))?.status === 200, 60_000);
  assert.equal((await pids(d)).worker, worker, 'no worker died of it');
  viewer.check();
  // So many panes that no more can be had.
  const ids = [];
  let refused = null;
  for (let i = 0; i < 60 && refused === null; i++) {
    const r = await d.request('POST', '/api/v1/panes', { json: { command: ['sleep', '1000'] } });
    if (r.status === 201) ids.push(r.json.id);
    else refused = r;
  }
  assert.ok(refused, `${ids.length} panes were made`);
  assert.ok([500, 503].includes(refused.status), refused.text);
  assert.match(refused.json.message, /[Tt]oo many open files|descriptors/);
  const job = await d.request('POST', '/api/v1/jobs', { json: { command: ['true'], wait_s: 10 } });
  assert.ok(job.status < 600 && job.json !== null, job.text);
  const now = viewer.next;
  await until('output goes on', () => viewer.next > now + 160);
  for (const a of (await d.request('GET', '/healthz')).json.alarms) assert.match(a.message, /[Tt]oo many open files|unable to open database file/);
  for (const id of ids) await d.remove(id);
  await until('room', async () => (await d.request('POST', '/api/v1/panes', { json: { command: ['true'] } })).status === 201);
  // Whatever found no descriptor meanwhile has one.
  await until('no alarm', async () => (await d.request('GET', '/healthz')).json.status === 'ok', 60_000);
  await d.well();
  viewer.check();
  await viewer.close();
}));

test('a keeper without descriptors says which panes it cannot hold, and keeps the others', using(() => startLimited([]), async (d) => {
  const kept = (await few(d, 500)).id;
  await d.shows(kept, '00000000000500');
  const { keeper } = await pids(d);
  const open = (await descriptors(keeper)).length;
  prlimit(keeper, 'nofile', open + 3);
  const ids = [];
  for (let i = 0; i < 8; i++) ids.push((await d.sh('echo here; exec cat')).id);
  for (const id of ids) await d.shows(id, 'here');
  // It says which it could not take, and has what it needs for another worker.
  const unkept = new Set([...(await until('it to say so', () => {
    const said = [...d.stderr().matchAll(/no descriptor is left for pane (\d+)/g)];
    return said.length >= 6 && said;
  }))].map((m) => `p${m[1]}`));
  await killWorker(d);
  for (const id of [kept, ...ids].filter((x) => !unkept.has(x))) {
    const p = await d.pane(id);
    assert.equal(p.state, 'running', `${id} lives`);
    await d.type(id, `typed-${id}\n`);
    await d.shows(id, `typed-${id}`);
  }
  prlimit(keeper, 'nofile', 1024);
  const again = (await d.sh('echo here; exec cat')).id;
  await d.shows(again, 'here');
  await killWorker(d);
  assert.equal((await d.pane(again)).state, 'running');
}));

test('address space at its end: no pane is lost', { skip: SANITIZED && 'sanitizers need the address space' }, using(() => startLimited([], { conf: { max_crashes: 0 } }), async (d) => {
  const pane = (await few(d, 5000)).id;
  await d.shows(pane, '00000000005000');
  const { worker } = await pids(d);
  const size = Number(execFileSync('ps', ['-o', 'vsz=', '-p', String(worker)]).toString()) * 1024;
  prlimit(worker, 'as', size + 40 * 1024 * 1024);
  const asked = [];
  for (let i = 0; i < 8; i++)
    asked.push(d.request('GET', `/api/v1/search?pattern=${encodeURIComponent('0+[0-9]*')}&limit=10000&context=5`).catch((e) => e));
  for (let i = 0; i < 10; i++) {
    const r = await d.request('POST', '/api/v1/panes', { json: { command: ['sh', '-c', 'echo more; exec cat'] } }).catch((e) => e);
    if (r.status !== undefined && r.status !== 201) assert.ok(r.json.message.length > 0);
  }
  const body = `${JSON.stringify({ type: 'user', message: { role: 'user', content: 'x'.repeat(100_000) } })}\n`.repeat(100);
  await d.request('POST', '/api/v1/sessions/import?source=claude', { body }).catch((e) => e);
  await Promise.all(asked);
  await info(d, () => true, 60_000);
  const p = await d.pane(pane);
  assert.equal(p.state, 'running');
  assert.equal(p.last_line >= 5000, true);
  await checkHistory(d, pane);
}));

test('files at their largest: it is said, and survived', using(() => startLimited([], { conf: { max_crashes: 0, history_lines: 300 } }), async (d) => {
  const pane = (await slow(d, {}, 0.002)).id;
  const { worker } = await pids(d);
  await until('the store', async () => (await d.info()).store.state === 'ready');
  prlimit(worker, 'fsize', 40_000);
  await until('an alarm', async () => {
    await d.request('POST', '/api/v1/jobs', { json: { command: ['true', 'z'.repeat(5000)] } });
    return (await d.request('GET', '/healthz')).json.alarms.some((a) => a.alarm === 'store_full');
  });
  const { offset } = await d.pane(pane);
  await until('more output', async () => (await d.pane(pane)).offset > offset + 160);
  const t = await d.request('POST', '/api/v1/jobs', { json: { command: ['true'] } });
  assert.equal(t.status, 503, t.text);
  const p = await d.request('POST', '/api/v1/panes', { json: { command: ['true'] } });
  assert.ok(p.status >= 500, p.text);
  assert.match(p.json.message, /File too large/, 'its memory is a file');
  assert.equal((await pids(d)).worker, worker, 'no signal ended it');
  prlimit(worker, 'fsize', 'unlimited');
  await until('the end of the alarm', async () => (await d.request('GET', '/healthz')).json.status === 'ok', 60_000);
}));

// Root has no limit of processes: the daemon is another user's.
const other = process.getuid?.() === 0 ? 54321 : null;
test('no process to be had is a clear error', { skip: other === null && 'needs root, to become a user whose processes can be counted' },
  using(() => startLimited([], { uid: other }), async (d) => {
    const pane = (await few(d, 10)).id;
    await d.shows(pane, '00000000000010');
    const { worker, keeper } = await pids(d);
    for (const pid of [worker, keeper]) prlimit(pid, 'nproc', 1, other);
    const r = await d.request('POST', '/api/v1/panes', { json: { command: ['true'] } });
    assert.ok([500, 503].includes(r.status), r.text);
    assert.match(r.json.message, /Resource temporarily unavailable/);
    const j = await d.request('POST', '/api/v1/jobs', { json: { command: ['true'], wait_s: 10 } });
    assert.ok([200, 201, 202, 503].includes(j.status), j.text);
    if (j.status === 200) {
      assert.equal(j.json.state, 'failed');
      assert.match(j.json.error, /Resource temporarily unavailable/);
    }
    // The worker is killed while none can be started: the keeper waits until one can.
    process.kill(worker, 'SIGKILL');
    await until('the keeper to say so', () => /no worker can be started|Resource temporarily unavailable/.test(d.stderr()));
    prlimit(keeper, 'nproc', 1000, other);
    await info(d, (i) => i.pid !== worker, 60_000);
    assert.equal((await d.pane(pane)).state, 'running');
    await d.type(pane, 'still there\n');
    await d.shows(pane, 'still there');
  }));
