// Streams: jobs whose producer is elsewhere, fed over HTTP.

import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { privateDir, useDaemon } from './lib/daemon.mjs';
import { info, killWorker, startKept } from './lib/keeper.mjs';
import { Listener } from './lib/listener.mjs';
import { until } from './lib/until.mjs';

const d = useDaemon({ before, after });

const begin = (more = {}, on = d) => on.ok('POST', 'streams', more);
const put = (id, n, body, offset, on = d) =>
  on.request('POST', `/api/v1/streams/${id}/channels/${n}${offset === undefined ? '' : `?offset=${offset}`}`, { body });
const say = (id, what, json = {}, on = d) => on.request('POST', `/api/v1/streams/${id}/${what}`, { json });
const job = (id, on = d) => on.ok('GET', `jobs/${id}`);
const channel = async (id, n, on = d) => (await on.request('GET', `/api/v1/jobs/${id}/channels/${n}`)).bytes;
const written = async (id, n, body, offset, on = d) => {
  const r = await put(id, n, body, offset, on);
  assert.equal(r.status, 200, r.text);
  return r.json.offset;
};

test('a stream from its making to its end', async () => {
  const s = await begin({ name: 'deploy', correlation: 'c-1', channels: [1, 2], command: ['make', 'deploy'] });
  assert.equal(s.kind, 'stream');
  assert.equal(s.state, 'running');
  assert.equal(s.correlation, 'c-1');
  assert.deepEqual(s.channels.map((c) => [c.channel, c.state, c.bytes]), [[1, 'proposed', 0], [2, 'proposed', 0]]);
  assert.equal(s.limits.idle_timeout_s, 3600);

  assert.equal(await written(s.id, 1, 'one\n'), 4);
  assert.equal(await written(s.id, 1, 'two\n'), 8);
  await until('its record', async () => {
    const j = await job(s.id);
    return j.channels[0].state === 'streaming' && j.channels[0].bytes === 8 && j.channels[1].state === 'proposed';
  });
  const r = await say(s.id, 'complete', { exit_code: 0, duration_ms: 1234 });
  assert.equal(r.status, 200, r.text);
  assert.equal(r.json.state, 'completed');
  assert.equal(r.json.exit_status, 0);
  const j = await job(s.id);
  assert.equal(j.state, 'completed');
  assert.ok(j.ended);
  assert.deepEqual(j.channels.map((c) => [c.state, c.bytes, c.exit_status, c.duration_ms]), [['resolved', 8, 0, 1234], ['resolved', 0, 0, 1234]]);
  assert.equal((await channel(s.id, 1)).toString(), 'one\ntwo\n');
  assert.equal((await readFile(join(d.dir, 'jobs', `${s.id.slice(1)}.1`))).toString(), 'one\ntwo\n');
  for (const what of ['complete', 'abort', 'cancel']) assert.equal((await say(s.id, what, { reason: 'late' })).status, 409, what);
  assert.equal((await put(s.id, 1, 'more')).json.error, 'ended');
});

test('each way out is one state', async () => {
  const ends = [
    ['complete', { exit_code: 3 }, 'failed', 'failed', 3],
    ['abort', { reason: 'the disk is full' }, 'failed', 'failed', null],
    ['cancel', {}, 'cancelled', 'cancelled', null],
    ['cancel', { reason: 'no more' }, 'cancelled', 'cancelled', null],
  ];
  for (const [what, said, state, of, status] of ends) {
    const s = await begin();
    await written(s.id, 1, 'x');
    const r = await say(s.id, what, said);
    assert.equal(r.status, 200, r.text);
    const j = await job(s.id);
    assert.deepEqual([j.state, j.channels[0].state, j.exit_status], [state, of, status], what);
    assert.equal(j.error, said.reason ?? null);
  }
});

test('a channel ends before its stream', async () => {
  const s = await begin({ channels: [1, 2, 7] });
  await written(s.id, 7, 'data');
  assert.equal((await say(s.id, 'complete', { exit_code: 0, channel: 7 })).status, 200);
  assert.equal((await say(s.id, 'complete', { exit_code: 0, channel: 7 })).json.error, 'closed');
  assert.equal((await put(s.id, 7, 'more')).json.error, 'closed');
  assert.equal((await say(s.id, 'abort', { reason: 'lost', channel: 2 })).status, 200);
  assert.equal((await say(s.id, 'complete', { exit_code: 0, channel: 9 })).status, 400);
  const j = await job(s.id);
  assert.equal(j.state, 'running');
  await until('the record of both', async () => (await job(s.id)).channels.map((c) => c.state).join() === 'proposed,failed,resolved');
  const r = await d.request('GET', `/api/v1/jobs/${s.id}/channels/7`);
  assert.equal(r.headers['x-panescry-end'], '1');
  assert.equal((await say(s.id, 'complete', { exit_code: 0 })).json.state, 'completed');
  assert.deepEqual((await job(s.id)).channels.map((c) => c.state), ['resolved', 'failed', 'resolved']);
});

test('a piece may be sent again, and none is lost between', async () => {
  const s = await begin();
  assert.equal(await written(s.id, 1, 'hello', 0), 5);
  assert.equal(await written(s.id, 1, 'hello', 0), 5);
  assert.equal(await written(s.id, 1, 'lo world', 3), 11);
  const r = await put(s.id, 1, 'far', 12);
  assert.equal(r.status, 409);
  assert.deepEqual([r.json.error, r.json.offset], ['offset', 11]);
  assert.equal(await written(s.id, 1, '', 11), 11);
  assert.equal((await channel(s.id, 1)).toString(), 'hello world');
  await say(s.id, 'cancel');
});

test('pieces of one channel are whole, and in the order of their answers', async () => {
  const s = await begin({ channels: [1, 2] });
  const piece = (i) => `${i}:${'x'.repeat(50_000 + i)}\n`;
  const sent = Array.from({ length: 30 }, (_, i) => piece(i));
  const answers = await Promise.all(sent.flatMap((p) => [put(s.id, 1, p), put(s.id, 2, p)]));
  assert.equal((await say(s.id, 'complete', { exit_code: 0 })).json.state, 'completed');
  for (const n of [1, 2]) {
    // 429 is an answer, too: then it was not taken.
    const taken = answers.map((r, i) => ({ r, i })).filter(({ r, i }) => i % 2 === n - 1 && r.status === 200);
    taken.sort((a, b) => a.r.json.offset - b.r.json.offset);
    const all = (await d.request('GET', `/api/v1/jobs/${s.id}/channels/${n}?limit=8388608`)).text;
    assert.equal(all, taken.map(({ i }) => sent[i >> 1]).join(''));
    assert.ok(taken.length > 0);
  }
});

test('binary comes back byte by byte', async () => {
  const s = await begin();
  const bytes = Buffer.from(Array.from({ length: 300_000 }, (_, i) => (i * 7919) & 255));
  await written(s.id, 1, bytes);
  await say(s.id, 'complete', { exit_code: 0 });
  assert.ok((await channel(s.id, 1)).equals(bytes));
});

test('too much fails it, and nothing of it is taken', async () => {
  const s = await begin({ max_output: 10 });
  await written(s.id, 1, '12345');
  const r = await put(s.id, 1, '678901');
  assert.equal(r.status, 413);
  assert.equal(r.json.error, 'too_much');
  const j = await until('its end', async () => {
    const now = await job(s.id);
    return now.state !== 'running' && now;
  });
  assert.equal(j.state, 'failed');
  assert.equal((await channel(s.id, 1)).toString(), '12345');
  const big = await begin();
  assert.equal((await put(big.id, 1, Buffer.alloc(8 * 1024 * 1024 + 1))).status, 413);
  assert.equal((await job(big.id)).state, 'running');
  await say(big.id, 'cancel');
});

test('a stream is cancelled as any job', async () => {
  const s = await begin();
  await written(s.id, 1, 'x');
  const r = await d.request('POST', `/api/v1/jobs/${s.id}/cancel`, { json: { reason: 'enough' } });
  assert.ok(r.status < 300, r.text);
  const j = await job(s.id);
  assert.deepEqual([j.state, j.error], ['cancelled', 'enough']);
  const t = await begin();
  for (const [what, json] of [['signal', { signal: 'INT' }], ['resize', { cols: 9, rows: 9 }]]) {
    const wrong = await d.request('POST', `/api/v1/jobs/${t.id}/${what}`, { json });
    assert.deepEqual([wrong.status, wrong.json.error], [409, 'no_command'], what);
  }
  assert.equal((await d.request('DELETE', `/api/v1/jobs/${t.id}`)).status, 409);
  await say(t.id, 'cancel');
  assert.equal((await d.request('DELETE', `/api/v1/jobs/${t.id}`)).status, 204);
  assert.equal((await d.request('GET', `/api/v1/jobs/${t.id}/channels/1`)).status, 404);
});

test('one that nobody feeds is timed out', async () => {
  const s = await begin({ idle_timeout_s: 0.5 });
  await written(s.id, 1, 'x');
  const j = await until('its end', async () => {
    const now = await job(s.id);
    return now.state !== 'running' && now;
  });
  assert.equal(j.state, 'timed_out');
  assert.equal(j.channels[0].state, 'failed');
  const t = await begin({ timeout_s: 0.4, idle_timeout_s: 0 });
  await until('the end of the other', async () => (await job(t.id)).state === 'timed_out');
});

test('there are a thousand at most, and all of them can end', async () => {
  const ids = [];
  let refused;
  while (!refused && ids.length <= 1000) {
    const answers = await Promise.all(Array.from({ length: 50 }, () => d.request('POST', '/api/v1/streams', { json: { channels: [] } })));
    for (const r of answers) {
      if (r.status === 201) ids.push(r.json.id);
      else refused = r;
    }
  }
  assert.equal(refused?.status, 429);
  assert.equal(refused.json.error, 'too_many_streams');
  assert.ok(ids.length > 900 && ids.length <= 1000, `${ids.length}`);
  // None of them prints: there are no panes.
  assert.equal((await d.ok('GET', 'panes?jobs=1')).panes.filter((p) => ids.includes(p.job)).length, 0);
  while (ids.length) {
    const answers = await Promise.all(ids.splice(0, 50).map((id) => say(id, 'cancel')));
    for (const r of answers) assert.equal(r.json.state, 'cancelled');
  }
  const s = await begin({ idle_timeout_s: 0.3 });
  await until('its end', async () => (await job(s.id)).state === 'timed_out');
});

test('what is wrong is said', async () => {
  const wrong = [{ channels: [] , kind: 'command' }, { channels: [0] }, { channels: [1, 1] }, { channels: [17] }, { channels: 'x' }, { colour: 1 }, { idle_timeout_s: -1 }, { name: 7 }];
  for (const o of wrong) {
    const r = await d.request('POST', '/api/v1/streams', { json: o });
    assert.equal(r.status, 400, JSON.stringify(o));
    assert.equal(r.json.error, 'bad_params');
  }
  assert.equal((await put('j99999', 1, 'x')).status, 404);
  assert.equal((await put('nonsense', 1, 'x')).status, 404);
  const s = await begin();
  for (const n of ['0', '17', 'x']) assert.equal((await put(s.id, n, 'x')).status, 400);
  assert.equal((await put(s.id, 1, 'x', 'far')).status, 400);
  assert.equal((await say(s.id, 'complete', { exit_code: 'x' })).status, 400);
  assert.equal((await say(s.id, 'abort', {})).status, 400);
  assert.equal((await job(s.id)).state, 'running');
  await say(s.id, 'cancel');
  const c = await d.ok('POST', 'jobs', { command: ['true'] });
  await until('the end of a command', async () => (await job(c.id)).state === 'completed');
  assert.equal((await put(c.id, 1, 'x')).json.error, 'no_stream');
});

test('lines of a stream are seen, searched, and found when it has gone', async () => {
  const s = await begin();
  await written(s.id, 1, 'first needle\nsecond');
  assert.match(await d.text(`${s.id}.1`), /^first needle\nsecond/);
  const find = async (query) => (await d.ok('GET', `search?${query}`)).matches.map((m) => `${m.pane}:${m.line}`);
  assert.deepEqual(await find('pattern=needle'), []);
  assert.deepEqual(await find('pattern=needle&jobs=1'), [`${s.id}.1:1`]);
  assert.deepEqual(await find(`pattern=needle&pane=${s.id}.*`), [`${s.id}.1:1`]);
  await written(s.id, 1, ' needle\n');
  await say(s.id, 'complete', { exit_code: 0 });
  await until('it to go', () => d.gone(`${s.id}.1`));
  await until('its lines in the archive', async () => (await find('pattern=needle&jobs=1')).length === 2);
});

test('the topic of a stream: its state, its output, its end', async () => {
  const s = await begin();
  await written(s.id, 1, 'before ');
  const l = await Listener.on(d, [`job:${s.id}`, 'jobs']);
  const state = await l.hears('its state', (o) => o.type === 'state' && o.topic === `job:${s.id}`);
  assert.equal(state.job.id, s.id);
  assert.deepEqual(state.channels, [{ channel: 1, offset: 0, text: 'before ' }]);
  const jobs = await l.hears('the state of all', (o) => o.type === 'state' && o.topic === 'jobs');
  assert.ok(jobs.jobs.some((j) => j.id === s.id));
  await written(s.id, 1, 'after');
  await l.hears('its output', (o) => o.type === 'output' && o.offset === 7 && o.text === 'after' && o.channel === 1);
  await written(s.id, 1, Buffer.from([0, 255]));
  await l.hears('bytes', (o) => o.type === 'output' && o.offset === 12 && o.base64 === 'AP8=');
  await written(s.id, 1, Buffer.from([0xc3]));
  await written(s.id, 1, Buffer.from([0xa9]));
  await l.hears('a character in two pieces', (o) => o.type === 'output' && o.offset === 14 && o.text === 'é');
  await say(s.id, 'complete', { exit_code: 0 });
  await l.hears('its end', (o) => o.type === 'job' && o.job.id === s.id && o.job.state === 'completed');
  await l.close();
  const late = await Listener.on(d, [`job:${s.id}`]);
  const end = await late.hears('the state of one that has ended', (o) => o.type === 'state');
  assert.equal(end.job.state, 'completed');
  assert.equal(end.channels[0].offset, 0);
  await late.close();
});

test('streams outlive the worker, and the daemon', async () => {
  const dir = await privateDir();
  let on = await startKept({ dir, keep: true });
  const s = await begin({ channels: [1, 2] }, on);
  await written(s.id, 1, 'line 1\nline 2\nhal', undefined, on);
  await killWorker(on);
  await until('streams to be taken', async () => (await put(s.id, 1, '', 0, on).catch(() => null))?.status === 200);
  assert.equal((await put(s.id, 1, 'x', 99, on)).json.offset, 17);
  await on.shows(`${s.id}.1`, 'line 1\nline 2\nhal');
  assert.equal(await written(s.id, 1, 'f\n', 17, on), 19);
  await on.shows(`${s.id}.1`, 'line 2\nhalf');
  const { pid } = await info(on);
  assert.equal((await on.local('POST', '/api/v1/upgrade', { json: {} })).status, 202);
  await info(on, (i) => i.pid !== pid);
  await on.shows(`${s.id}.1`, 'line 2\nhalf');
  assert.equal(await written(s.id, 1, 'f\n', 17, on), 19);
  await on.stop();
  on = await startKept({ dir });
  try {
    await until('streams to be taken again', async () => (await put(s.id, 1, '', 0, on)).status === 200);
    assert.equal(await written(s.id, 1, 'line 4\n', 19, on), 26);
    await on.shows(`${s.id}.1`, 'line 1\nline 2\nhalf\nline 4');
    assert.equal((await say(s.id, 'complete', { exit_code: 0 }, on)).json.state, 'completed');
    assert.equal((await channel(s.id, 1, on)).toString(), 'line 1\nline 2\nhalf\nline 4\n');
    const all = await until('all lines, once', async () => {
      const { matches } = await on.ok('GET', `search?pattern=.&jobs=1&pane=${s.id}.1`);
      return matches.length >= 4 && matches;
    });
    assert.deepEqual(all.map((m) => m.line), [1, 2, 3, 4]);
    const { id } = await begin({}, on);
    assert.ok(Number(id.slice(1)) > Number(s.id.slice(1)));
  } finally {
    await on.stop();
  }
});
