// Following what a job writes: offsets, ranges, waiting, and its panes.

import assert from 'node:assert/strict';
import http from 'node:http';
import { after, before, test } from 'node:test';
import { useDaemon } from './lib/daemon.mjs';
import { killWorker, startKept } from './lib/keeper.mjs';
import { Listener } from './lib/listener.mjs';
import { until } from './lib/until.mjs';

const d = useDaemon({ before, after });

const run = (script, more = {}, on = d) => on.ok('POST', 'jobs', { command: ['sh', '-c', script], ...more });
const job = (id, on = d) => on.ok('GET', `jobs/${id}`);
const get = (id, n, query = '', headers = {}, on = d) => on.request('GET', `/api/v1/jobs/${id}/channels/${n}${query}`, { headers });
const ended = (id, on = d) => until(`the end of ${id}`, async () => {
  const j = await job(id, on);
  return j.ended && j;
});
const find = async (query, on = d) => (await on.ok('GET', `search?${query}`)).matches;

/** As a client that follows does: from where it is, until the end. */
async function follow(id, n, { on = d, limit = 1024 * 1024 } = {}) {
  const parts = [];
  let at = 0;
  for (;;) {
    const r = await get(id, n, `?offset=${at}&limit=${limit}&wait_ms=20000`, {}, on).catch(() => null);
    if (r === null || r.status === 503) {
      await until('the daemon', async () => (await on.local('GET', '/healthz').catch(() => null))?.status === 200);
      continue;
    }
    assert.equal(r.status, 200, r.text);
    assert.equal(Number(r.headers['x-panescry-offset']), at);
    parts.push(r.bytes);
    at += r.bytes.length;
    if (r.headers['x-panescry-end'] === '1') return Buffer.concat(parts);
  }
}

test('both channels, each with its own bytes', async () => {
  const j = await run('echo out; echo err >&2; printf tail');
  assert.equal((await follow(j.id, 1)).toString(), 'out\ntail');
  assert.equal((await follow(j.id, 2)).toString(), 'err\n');
  const r = await get(j.id, 1);
  assert.equal(r.headers['content-type'], 'application/octet-stream');
  assert.equal(r.headers['x-panescry-end'], '1');
  assert.equal(r.headers['x-panescry-offset'], '0');
});

test('parts of it', async () => {
  const j = await run('printf 0123456789');
  await ended(j.id);
  const part = async (query, headers) => {
    const r = await get(j.id, 1, query, headers);
    return [r.status, r.text, r.headers['content-range'] ?? null, r.headers['x-panescry-end'] ?? null];
  };
  assert.deepEqual(await part('?offset=4'), [200, '456789', null, '1']);
  assert.deepEqual(await part('?offset=4&limit=3'), [200, '456', null, null]);
  assert.deepEqual(await part('?offset=10'), [200, '', null, '1']);
  const range = (s) => part('', { range: s });
  assert.deepEqual(await range('bytes=2-4'), [206, '234', 'bytes 2-4/10', null]);
  assert.deepEqual(await range('bytes=7-'), [206, '789', 'bytes 7-9/10', '1']);
  assert.deepEqual(await range('bytes=-3'), [206, '789', 'bytes 7-9/10', '1']);
  assert.deepEqual(await range('bytes=-30'), [206, '0123456789', 'bytes 0-9/10', '1']);
  assert.deepEqual(await range('bytes=5-99999999999999'), [206, '56789', 'bytes 5-9/10', '1']);
  assert.deepEqual(await range('bytes=0-18446744073709551615'), [206, '0123456789', 'bytes 0-9/10', '1']);
  for (const s of ['bytes=3-1', 'bytes=1-2,4-5', 'lines=1-2', 'bytes=', 'bytes=-', 'bytes=x-y'])
    assert.deepEqual(await range(s), [200, '0123456789', null, '1'], s);
  for (const s of ['bytes=10-', 'bytes=10-12', 'bytes=-0', 'bytes=18446744073709551615-']) {
    const r = await get(j.id, 1, '', { range: s });
    assert.equal(r.status, 416, s);
    assert.equal(r.headers['content-range'], 'bytes */10');
  }
  assert.equal((await get(j.id, 1, '?offset=11')).status, 416);
  const head = await d.request('HEAD', `/api/v1/jobs/${j.id}/channels/1`);
  assert.equal(head.status, 200);
  assert.equal(head.headers['content-length'], '10');
  assert.equal(head.bytes.length, 0);
});

test('what is wrong is said', async () => {
  const j = await run('true');
  await ended(j.id);
  for (const [path, status] of [
    [`${j.id}/channels/0`, 400], [`${j.id}/channels/17`, 400], [`${j.id}/channels/x`, 400], [`${j.id}/channels/3`, 404],
    ['j999999/channels/1', 404], ['x/channels/1', 404],
    [`${j.id}/channels/1?offset=-1`, 400], [`${j.id}/channels/1?limit=0`, 400], [`${j.id}/channels/1?limit=99999999`, 400],
    [`${j.id}/channels/1?wait_ms=30001`, 400],
  ]) assert.equal((await d.request('GET', `/api/v1/jobs/${path}`)).status, status, path);
  assert.equal((await get(j.id, 1, '?offset=0', { range: 'bytes=0-' })).status, 400);
  const empty = await get(j.id, 1);
  assert.deepEqual([empty.status, empty.text, empty.headers['x-panescry-end']], [200, '', '1']);
});

test('one that waits hears of the first byte, of the end, or that the time is over', async () => {
  const j = await run('read a; echo $a; read b', { input: true });
  const waits = get(j.id, 1, '?wait_ms=30000');
  const ranged = get(j.id, 1, '?wait_ms=30000', { range: 'bytes=0-' });
  const short = await get(j.id, 1, '?wait_ms=50');
  assert.deepEqual([short.status, short.text, short.headers['x-panescry-end']], [200, '', undefined]);
  await until('it to run', async () => (await job(j.id)).state === 'running');
  const input = (text) => d.request('POST', `/api/v1/jobs/${j.id}/input`, { body: text });
  assert.equal((await input('hello\n')).status, 204);
  assert.equal((await waits).text, 'hello\n');
  const r = await ranged;
  assert.deepEqual([r.status, r.text, r.headers['content-range']], [206, 'hello\n', 'bytes 0-5/*']);
  const last = get(j.id, 1, '?offset=6&wait_ms=30000');
  assert.equal((await input('\n')).status, 204);
  const end = await last;
  assert.deepEqual([end.status, end.text, end.headers['x-panescry-end']], [200, '', '1']);
});

test('those that have kept up are given what comes, each as much as it wants', async () => {
  const j = await run('cat', { input: true });
  const input = (text, query = '') => d.request('POST', `/api/v1/jobs/${j.id}/input${query}`, { body: text });
  let at = 0;
  for (const text of ['one\n', 'zwölf\n', 'x'.repeat(5000)]) {
    const all = Buffer.from(text);
    const waits = [1, 3, 1024 * 1024].map((limit) => [limit, get(j.id, 1, `?offset=${at}&limit=${limit}&wait_ms=30000`)]);
    await until('it to run', async () => (await job(j.id)).state === 'running');
    await input(text);
    for (const [limit, wait] of waits) {
      const r = await wait;
      assert.equal(r.status, 200, r.text);
      assert.equal(Number(r.headers['x-panescry-offset']), at);
      assert.equal(r.headers['x-panescry-end'], undefined);
      assert.ok(r.bytes.length >= 1 && r.bytes.length <= limit);
      assert.deepEqual(r.bytes, all.subarray(0, r.bytes.length));
    }
    at += all.length;
    await until('all of it', async () => (await job(j.id)).channels[0].bytes === at);
  }
  const last = get(j.id, 1, `?offset=${at}&wait_ms=30000`);
  await input('', '?eof=1');
  const end = await last;
  assert.deepEqual([end.status, end.text, end.headers['x-panescry-end']], [200, '', '1']);
  const whole = await get(j.id, 1);
  assert.deepEqual(whole.bytes, Buffer.from(`one\nzwölf\n${'x'.repeat(5000)}`));
});

test('a client that goes away leaves no place taken', async () => {
  const j = await run('sleep 1000');
  const requests = Array.from({ length: 40 }, () => {
    const r = http.request({ ...d.tcp, path: `/api/v1/jobs/${j.id}/channels/1?wait_ms=30000`, headers: { authorization: `Bearer ${d.token}` }, agent: false });
    r.on('error', () => {});
    r.end();
    return r;
  });
  await until('them to be there', async () => (await d.metric('panescry_connections')) > 40);
  for (const r of requests) r.destroy();
  await until('them to have gone', async () => (await d.metric('panescry_connections')) < 10);
  await d.ok('POST', `jobs/${j.id}/cancel`, {});
  await ended(j.id);
});

test('a follower of much gets every byte, in order', async () => {
  const j = await run('seq 1 400000');
  const all = (await follow(j.id, 1, { limit: 300_007 })).toString();
  assert.equal(all, Array.from({ length: 400_000 }, (_, i) => `${i + 1}\n`).join(''));
});

test('the panes of a job: listed only if asked for, found by name and by the job', async () => {
  const j = await run('echo needle one; echo wrong >&2; read a; echo $a', { input: true, name: 'pins' });
  await d.shows(`${j.id}.1`, 'needle one');
  await d.shows(`${j.id}.2`, 'wrong');
  const p = await d.pane(`${j.id}.1`);
  assert.deepEqual([p.kind, p.job, p.channel, p.cols, p.rows, p.state], ['job', j.id, 1, 120, 40, 'running']);
  assert.equal(p.offset, 'needle one\n'.length + 5);
  assert.equal((await d.request('GET', `/api/v1/panes/${j.id}`)).status, 409);
  const ids = async (query) => (await d.ok('GET', `panes${query}`)).panes.map((x) => x.id);
  assert.deepEqual(await ids(''), []);
  assert.deepEqual((await ids('?jobs=1')).filter((id) => id.startsWith(`${j.id}.`)).sort(), [`${j.id}.1`, `${j.id}.2`]);
  assert.equal((await d.metric('panescry_panes_running')), 0);
  assert.deepEqual(await find('pattern=needle'), []);
  assert.deepEqual((await find('pattern=needle&jobs=1')).map((m) => m.pane), [`${j.id}.1`]);
  assert.deepEqual((await find(`pattern=.&pane=${j.id}.*`)).map((m) => m.pane).sort(), [`${j.id}.1`, `${j.id}.2`]);
  assert.deepEqual(await find('pattern=needle&pane=*'), []);
  assert.deepEqual((await d.ok('GET', `panes/${j.id}.1/search?pattern=needle`)).matches.map((m) => m.line), [1]);
  for (const [method, path, body] of [['DELETE', '', undefined], ['POST', '/signal', { signal: 'TERM' }], ['POST', '/show', {}], ['POST', '/resize', { cols: 10, rows: 10 }]])
    assert.equal((await d.request(method, `/api/v1/panes/${j.id}.1${path}`, { json: body })).status, 409, path);
  assert.equal((await d.request('POST', `/api/v1/panes/${j.id}.1/input`, { body: 'x' })).json.error, 'no_input');
  assert.equal((await job(j.id)).state, 'running');
  const waits = d.request('POST', `/api/v1/panes/${j.id}.1/wait`, { json: { pattern: 'the last', timeout_ms: 20_000 } });
  await d.request('POST', `/api/v1/jobs/${j.id}/input`, { body: 'the last\n' });
  const w = await waits;
  assert.equal(w.status, 200, w.text);
  assert.deepEqual([w.json.pane, w.json.line], [`${j.id}.1`, 2]);
  await ended(j.id);
  await until('its panes to go', () => d.gone(`${j.id}.1`));
  await until('the archive', async () => (await find(`pattern=.&pane=${j.id}*`)).length === 3);
  assert.deepEqual(await find('pattern=needle'), []);
});

test('a viewer of a job sees all of it, types nothing, and hears of its end', async () => {
  const j = await run('echo one; read a; echo two', { input: true });
  await d.shows(`${j.id}.1`, 'one');
  const v = await d.attach(`${j.id}.1`, { offset: 0 });
  assert.equal(v.hello.mode, 'ro');
  await d.request('POST', `/api/v1/jobs/${j.id}/input`, { body: '\n' });
  assert.equal((await v.over).code, 1000);
  assert.equal(Buffer.concat(v.parts).toString(), '\x1b[20hone\ntwo\n');
  assert.deepEqual(v.faults, []);
  await until('its panes to go', () => d.gone(`${j.id}.1`));
});

test('a terminal of a job takes input and size', async () => {
  const j = await run('stty -echo; stty size; read a; echo "got $a"; stty size', { pty: true, cols: 90, rows: 20 });
  await d.shows(`${j.id}.1`, '20 90');
  assert.deepEqual([(await d.pane(`${j.id}.1`)).cols, (await d.pane(j.id)).rows], [90, 20]);
  assert.equal((await d.request('POST', `/api/v1/panes/${j.id}.1/resize`, { json: { cols: 70, rows: 30 } })).status, 200);
  assert.equal((await d.pane(`${j.id}.1`)).cols, 70);
  await d.type(`${j.id}.1`, 'hello\n');
  await ended(j.id);
  assert.match((await follow(j.id, 1)).toString(), /20 90\r\ngot hello\r\n30 70\r\n/);
});

test('a watch that names jobs is fired, others are not', async () => {
  const l = await Listener.on(d, ['watches']);
  await l.hears('the state', (o) => o.type === 'state');
  const all = await d.ok('POST', 'watches', { pattern: 'ready-\\d' });
  const some = await d.ok('POST', 'watches', { pattern: 'ready-\\d', pane: 'j*', every_s: 0 });
  const named = await d.ok('POST', 'watches', { pattern: 'ready-\\d', pane: 'j9999*', every_s: 0 });
  const j = await run('echo ready-1');
  await ended(j.id);
  await until('the end of its panes', () => d.gone(`${j.id}.1`));
  const fired = Object.fromEntries((await d.ok('GET', 'watches')).watches.map((w) => [w.id, w.fired]));
  assert.deepEqual([all, some, named].map((w) => fired[w.id]), [0, 0, 0]);
  const num = `j${Number(j.id.slice(1)) + 1}*`;
  const next = await d.ok('POST', 'watches', { pattern: 'ready-\\d', pane: num, every_s: 0 });
  const m = await run('echo ready-2');
  await l.hears('it', (o) => o.type === 'fired' && o.match.pane === `${m.id}.1`);
  for (const w of [all, some, named, next]) await d.request('DELETE', `/api/v1/watches/${w.id}`);
  await l.close();
});

test('topics of a job', async () => {
  const l = await Listener.on(d, ['jobs']);
  await l.hears('the state', (o) => o.type === 'state');
  const j = await run('read a; seq 1 20000; echo end', { input: true });
  await l.hears('that it runs', (o) => o.type === 'job' && o.job.id === j.id && o.job.state === 'running');
  const own = await Listener.on(d, [`job:${j.id}`]);
  const state = await own.hears('its state', (o) => o.type === 'state');
  assert.deepEqual(state.channels.map((c) => [c.channel, c.offset, c.text]), [[1, 0, ''], [2, 0, '']]);
  await d.request('POST', `/api/v1/jobs/${j.id}/input`, { body: '\n' });
  await own.hears('its end', (o) => o.type === 'job' && o.job.state === 'completed');
  const whole = (await follow(j.id, 1)).toString();
  const out = own.of('output');
  for (const o of out) assert.equal(o.text, whole.slice(o.offset, o.offset + o.text.length));
  assert.equal(out.at(-1).offset + out.at(-1).text.length, whole.length);
  assert.equal(l.of('output').length, 0);
  const again = await Listener.on(d, [`job:${j.id}`]);
  const end = await again.hears('its state', (o) => o.type === 'state');
  assert.equal(end.channels[0].text, whole.slice(-64 * 1024));
  assert.equal(end.channels[0].offset, whole.length - 64 * 1024);
  for (const x of [l, own, again]) await x.close();
});

test('a worker that is killed: followers, lines and numbers go on', async () => {
  const on = await startKept();
  try {
    const j = await run('for i in $(seq 1 60); do echo line $i; sleep 0.03; done', {}, on);
    const follower = follow(j.id, 1, { on });
    await on.shows(`${j.id}.1`, 'line 5\n');
    await killWorker(on);
    await on.shows(`${j.id}.1`, 'line 1\n');
    const text = Array.from({ length: 60 }, (_, i) => `line ${i + 1}\n`).join('');
    assert.equal((await follower).toString(), text);
    const matches = await until('all lines in the archive', async () => {
      const m = await find(`pattern=line&jobs=1&limit=1000`, on);
      return m.length >= 60 && (await on.gone(`${j.id}.1`)) && m;
    });
    assert.deepEqual(matches.map((m) => m.content).sort(), text.trim().split('\n').sort());
    assert.deepEqual(matches.map((m) => m.line).sort((a, b) => a - b), Array.from({ length: 60 }, (_, i) => i + 1));
  } finally {
    await on.stop();
  }
});
