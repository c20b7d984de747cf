// Jobs: what is asked for, what becomes of it, and what is on record of it.

import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { startDaemon, useDaemon } from './lib/daemon.mjs';
import { alive } from './lib/run.mjs';
import { until } from './lib/until.mjs';

const daemon = useDaemon({ before, after });
const TERMINAL = new Set(['completed', 'failed', 'cancelled', 'timed_out', 'orphaned']);

const post = (body, d = daemon) => d.request('POST', '/api/v1/jobs', { json: body, ms: 300_000 });
async function run(command, more = {}, d = daemon) {
  const r = await post({ command, wait_s: 240, ...more }, d);
  assert.equal(r.status, 200, r.text);
  assert.ok(TERMINAL.has(r.json.state), r.text);
  return r.json;
}
const sh = (script, more, d) => run(['sh', '-c', script], more, d);
async function start(command, more = {}, d = daemon) {
  const r = await post({ command, ...more }, d);
  assert.equal(r.status, 201, r.text);
  return r.json.id;
}
const get = (id, d = daemon) => d.ok('GET', `jobs/${id}`);
const ended = (id, ms, d = daemon) =>
  until(`the end of ${id}`, async () => {
    const j = await get(id, d);
    return TERMINAL.has(j.state) && j;
  }, ms);
const running = (id, d = daemon) =>
  until(`${id} to run`, async () => {
    const j = await get(id, d);
    return j.pid && j;
  });
const file = (id, channel = 1, d = daemon) => join(d.dir, 'jobs', `${id.slice(1)}.${channel}`);
const output = (id, channel, d) => readFile(file(id, channel, d), 'utf8').catch(() => '');
const bytes = (job, channel = 1) => job.channels.find((c) => c.channel === channel).bytes;

test('what a command printed, where, and how it ended', async () => {
  const j = await sh('pwd; echo "$A"; echo bad >&2; exit 3', { cwd: '/usr', env: { A: 'b c' }, name: 'one', correlation: 'c-1' });
  assert.equal(j.state, 'failed');
  assert.equal(j.exit_status, 3);
  assert.equal(j.error, null);
  assert.equal(j.name, 'one');
  assert.equal(j.correlation, 'c-1');
  assert.equal(await output(j.id), '/usr\nb c\n');
  assert.equal(await output(j.id, 2), 'bad\n');
  assert.equal(bytes(j), 9);
  assert.equal(bytes(j, 2), 4);
  const kept = await get(j.id);
  assert.equal(kept.state, 'failed');
  assert.equal(kept.tries.length, 1);
  assert.equal(kept.tries[0].exit_status, 3);
  assert.ok(kept.created <= kept.started && kept.started <= kept.ended);
  assert.deepEqual(kept.channels.map((c) => c.bytes), [9, 4]);
});

test('an argument is an argument, and not a shell\'s', async () => {
  const j = await run(['printf', '%s|', '$HOME', '; exit 1', 'a b', '']);
  assert.equal(j.state, 'completed');
  assert.equal(await output(j.id), '$HOME|; exit 1|a b||');
});

test('its environment says whose it is, and lets it ask', async () => {
  const j = await sh('echo "$PANESCRY_JOB"; test -S "$PANESCRY_SOCKET" && echo yes');
  assert.equal(await output(j.id), `${j.id}\nyes\n`);
});

test('what cannot be started says why', async () => {
  const j = await run(['/nonesuch/program']);
  assert.equal(j.state, 'failed');
  assert.equal(j.exit_status, null);
  assert.match(j.error, /cannot execute \/nonesuch\/program: No such file/);
  assert.match((await sh('true', { cwd: '/nonesuch' })).error, /cannot change to \/nonesuch: No such file/);
  assert.match((await sh('true', { cwd: '/etc/passwd' })).error, /cannot change to \/etc\/passwd: Not a dir/);
  assert.match((await run(['/nonesuch'], { pty: true })).error, /cannot execute the command: No such file/);
  assert.match((await run(['panescry-none'], { env: { PATH: '/usr/lib' } })).error, /cannot execute panescry-none/);
});

test('a program is looked for along the PATH that it is given', async () => {
  const j = await run(['true'], { env: { PATH: '/nonesuch:/usr/bin:/bin' } });
  assert.equal(j.state, 'completed', j.error);
});

test('silent for too long, running for too long', async () => {
  const idle = await sh('echo a; sleep 100', { idle_timeout_s: 1.5 }); // a busy machine starts sh late
  assert.equal(idle.state, 'timed_out');
  assert.equal(idle.error, 'no output for 1.5 s');
  assert.equal(await output(idle.id), 'a\n');
  const total = await sh('while echo a; do sleep 0.05; done', { timeout_s: 0.6, idle_timeout_s: 60 });
  assert.equal(total.state, 'timed_out');
  assert.equal(total.error, 'it ran for more than 0.6 s');
  const noisy = await sh('for i in 1 2 3 4 5 6 7 8 9 10; do echo; sleep 0.1; done', { idle_timeout_s: 5 });
  assert.equal(noisy.state, 'completed');
});

test('one that ignores SIGTERM is killed, and so is what it started', async () => {
  const id = await start(['sh', '-c', 'trap "" TERM; sleep 1000 & echo $!; while :; do sleep 0.1; done']);
  const child = Number(await until('its child', () => output(id)));
  const r = await daemon.request('POST', `/api/v1/jobs/${id}/cancel`, { json: { reason: 'enough' } });
  assert.equal(r.status, 202);
  const j = await ended(id, 20_000);
  assert.equal(j.state, 'cancelled');
  assert.equal(j.exit_status, 137);
  assert.equal(j.error, 'enough');
  assert.ok(j.channels.every((c) => c.state === 'cancelled'));
  await until('its child to be gone', async () => !(await alive(child)));
  const again = await daemon.request('POST', `/api/v1/jobs/${id}/cancel`, { json: {} });
  assert.equal(again.status, 409);
  assert.equal(again.json.error, 'ended');
});

test('one that waits is cancelled without having run', async () => {
  const block = await Promise.all(Array.from({ length: 16 }, () => start(['sleep', '1000'])));
  const id = await start(['touch', join(daemon.dir, 'ran')]);
  assert.equal((await get(id)).state, 'queued');
  assert.equal(await daemon.metric('panescry_jobs_queued'), 1);
  assert.equal(await daemon.metric('panescry_jobs_running'), 16);
  assert.equal((await daemon.request('POST', `/api/v1/jobs/${id}/cancel`)).status, 202);
  assert.equal((await ended(id)).state, 'cancelled');
  for (const b of block) await daemon.request('POST', `/api/v1/jobs/${b}/cancel`);
  for (const b of block) assert.equal((await ended(b)).state, 'cancelled');
  await assert.rejects(stat(join(daemon.dir, 'ran')));
});

test('what it left behind keeps neither it nor its record', async () => {
  const j = await sh('(trap "" HUP; exec setsid sleep 1000) & echo $!');
  assert.equal(j.state, 'completed');
  const left = Number(await output(j.id));
  assert.ok(await alive(left), 'it goes on, whoever started it wanted so');
  process.kill(left, 'SIGKILL');
});

test('no output, at once, by a signal', async () => {
  const none = await run(['true']);
  assert.equal(none.state, 'completed');
  assert.ok(none.channels.every((c) => c.bytes === 0 && c.state === 'resolved'));
  await assert.rejects(stat(file(none.id)), 'and no file');
  const killed = await sh('kill -KILL $$');
  assert.equal(killed.state, 'failed');
  assert.equal(killed.exit_status, 137);
  const segv = await sh('echo x; kill -SEGV $$');
  assert.equal(segv.exit_status, 139);
  assert.equal(await output(segv.id), 'x\n');
});

async function sum(path) {
  const h = createHash('sha256');
  for await (const part of createReadStream(path)) h.update(part);
  return h.digest('hex');
}

test('binary output is as it was, on both channels', async () => {
  const size = 20_000_000;
  const script = `head -c ${size} /dev/urandom | tee "$0" ; head -c ${size} /dev/urandom | tee "$1" >&2`;
  const one = join(daemon.dir, 'one');
  const two = join(daemon.dir, 'two');
  const j = await run(['sh', '-c', script, one, two]);
  assert.equal(j.state, 'completed');
  assert.equal(bytes(j), size);
  assert.equal(await sum(file(j.id)), await sum(one));
  assert.equal(await sum(file(j.id, 2)), await sum(two));
});

test('2 GB, where it may', async () => {
  const size = 2_000_000_000;
  const j = await run(['head', '-c', String(size), '/dev/zero'], { max_output: 3_000_000_000, wait_s: 300 });
  assert.equal(j.state, 'completed', j.error);
  assert.equal(bytes(j), size);
  assert.equal((await stat(file(j.id))).size, size);
  assert.equal((await daemon.request('DELETE', `/api/v1/jobs/${j.id}`)).status, 204);
  await until('its file to go', async () => !(await stat(file(j.id)).catch(() => null)));
});

test('and not a byte more than it may', async () => {
  const j = await sh('yes & yes >&2', { max_output: 1_000_000 });
  assert.equal(j.state, 'failed');
  assert.equal(j.error, 'it wrote more than 1000000 bytes');
  assert.equal(bytes(j) + bytes(j, 2), 1_000_000);
  // One of them may have had all of it.
  const sizes = await Promise.all([1, 2].map((n) => stat(file(j.id, n)).then((x) => x.size, () => 0)));
  assert.equal(sizes[0] + sizes[1], 1_000_000);
  const usual = await run(['yes']);
  assert.equal(bytes(usual), 50 * 1024 * 1024);
});

test('a terminal, with its size', async () => {
  const j = await sh('test -t 0 && test -t 1 && stty size; kill -WINCH $$; printf "\\033[31mred\\033[m"', { pty: true, cols: 99, rows: 33 });
  assert.equal(j.state, 'completed');
  assert.equal(await output(j.id), '33 99\r\n\x1b[31mred\x1b[m');
  const id = await start(['sh', '-c', 'read x; stty size; cat'], { pty: true, input: true });
  await running(id);
  assert.equal((await daemon.request('POST', `/api/v1/jobs/${id}/resize`, { json: { cols: 44, rows: 22 } })).status, 200);
  await daemon.request('POST', `/api/v1/jobs/${id}/input?eof=1`, { body: 'x\n' });
  const done = await ended(id);
  assert.equal(done.state, 'completed');
  assert.match(await output(id), /22 44/);
});

test('what is sent to its input', async () => {
  const id = await start(['sh', '-c', 'sha256sum; echo done'], { input: true });
  await running(id);
  const data = Buffer.alloc(900_000, 'abc\n');
  const sent = await daemon.request('POST', `/api/v1/jobs/${id}/input`, { body: data });
  assert.equal(sent.status, 204, sent.text);
  const rest = await daemon.request('POST', `/api/v1/jobs/${id}/input?eof=1`, { body: 'end' });
  assert.equal(rest.status, 204);
  assert.equal((await ended(id)).state, 'completed');
  const want = createHash('sha256').update(data).update('end').digest('hex');
  assert.equal(await output(id), `${want}  -\ndone\n`);

  const deaf = await start(['sleep', '1000'], { input: true });
  await running(deaf);
  const statuses = [];
  for (let i = 0; i < 3; i++) statuses.push((await daemon.request('POST', `/api/v1/jobs/${deaf}/input`, { body: data })).status);
  assert.deepEqual(statuses, [204, 429, 429]);
  await daemon.request('POST', `/api/v1/jobs/${deaf}/cancel`);
  await ended(deaf);
  const none = await start(['sleep', '1000']);
  await running(none);
  assert.equal((await daemon.request('POST', `/api/v1/jobs/${none}/input`, { body: 'x' })).json.error, 'no_input');
  await daemon.request('POST', `/api/v1/jobs/${none}/cancel`);
  await ended(none);
});

test('a signal', async () => {
  const id = await start(['sh', '-c', 'trap "echo got; exit 7" USR1; echo on; while :; do sleep 0.05; done']);
  await until('its trap', async () => (await output(id)) === 'on\n');
  assert.equal((await daemon.request('POST', `/api/v1/jobs/${id}/signal`, { json: { signal: 'USR1' } })).status, 204);
  const j = await ended(id);
  assert.equal(j.exit_status, 7);
  assert.equal(await output(id), 'on\ngot\n');
  assert.equal((await daemon.request('POST', `/api/v1/jobs/${id}/signal`, { json: { signal: 'USR1' } })).json.error, 'ended');
});

test('tried again, with a delay, as often as it may be', async () => {
  const count = join(daemon.dir, 'count');
  const script = `n=$(cat "${count}" 2>/dev/null || echo 0); echo $((n+1)) >"${count}"; echo try $n; test $n -ge 2 || exit 75`;
  const j = await sh(script, { retry_on: [75], backoff_s: [0.2, 0.4] });
  assert.equal(j.state, 'completed');
  const kept = await get(j.id);
  assert.deepEqual(kept.tries.map((t) => t.exit_status), [75, 75, 0]);
  assert.deepEqual(kept.tries.map((t) => t.retry_s), [0.2, 0.4, null]);
  assert.deepEqual(kept.tries.map((t) => t.reason), ['status 75', 'status 75', null]);
  assert.ok(Date.parse(kept.tries[1].started) - Date.parse(kept.tries[0].ended) >= 199);
  assert.equal(await output(j.id), 'try 0\ntry 1\ntry 2\n');
  const never = await sh('exit 75', { retry_on: [75], retries: 2, backoff_s: [0.01] });
  assert.equal(never.state, 'failed');
  assert.equal(never.tries, 3);
  assert.equal((await sh('exit 76', { retry_on: [75] })).tries, 1);

  const id = await start(['sh', '-c', 'exit 75'], { retry_on: [75], backoff_s: [1000] });
  await until('its delay', async () => (await get(id)).tries[0]?.retry_s === 1000);
  assert.equal((await daemon.request('POST', `/api/v1/jobs/${id}/cancel`)).status, 202);
  const cancelled = await ended(id);
  assert.equal(cancelled.state, 'cancelled');
  assert.equal(cancelled.tries.length, 1);
});

test('the same is asked for by fifty at once', async () => {
  const body = { command: ['sh', '-c', 'sleep 0.3; echo $$'], cwd: '/', env: { K: 'fifty' }, dedup: true, wait_s: 30 };
  const all = await Promise.all(Array.from({ length: 50 }, () => post(body)));
  assert.deepEqual([...new Set(all.map((r) => r.status))], [200], all.find((r) => r.status !== 200)?.text);
  assert.equal(new Set(all.map((r) => r.json.id)).size, 1, 'one job');
  assert.equal(all.filter((r) => r.json.deduplicated).length, 49);
  const [{ id }] = all.map((r) => r.json);
  assert.equal((await output(id)).split('\n').length, 2, 'which ran once');
  const later = await post(body);
  assert.equal(later.json.id, id);
  assert.equal(later.json.deduplicated, true);
  const other = await post({ ...body, env: { K: 'other' } });
  assert.notEqual(other.json.id, id);
  const fresh = await post({ ...body, force_refresh: true });
  assert.notEqual(fresh.json.id, id);
  assert.equal((await post(body)).json.id, fresh.json.id, 'the newest counts');
  const short = await post({ ...body, dedup: 0.001 });
  assert.notEqual(short.json.id, fresh.json.id);
});

test('what failed is no answer to who asks for the same', async () => {
  const body = { command: ['sh', '-c', 'exit 1'], dedup: true, wait_s: 30 };
  const a = await post(body);
  const b = await post(body);
  assert.notEqual(a.json.id, b.json.id);
});

test('who waits for too long is told which job it is, and its record is written once', async () => {
  const r = await post({ command: ['sh', '-c', 'sleep 0.5; echo late'], wait_s: 0.1 });
  assert.equal(r.status, 202);
  assert.deepEqual(Object.keys(r.json).sort(), ['deferred', 'job']);
  const j = await ended(r.json.job);
  assert.equal(j.state, 'completed');
  assert.equal(await output(j.id), 'late\n');
});

test('500 through 16 slots', async () => {
  const ids = await Promise.all(
    Array.from({ length: 500 }, (_, i) => start(['sh', '-c', `echo ${i}; exit ${i % 3}`], { name: `many-${i}` })),
  );
  assert.equal(new Set(ids).size, 500);
  let most = 0;
  const all = await until('all of them', async () => {
    const l = await daemon.ok('GET', 'jobs?limit=1000&q=many-');
    most = Math.max(most, l.running);
    const jobs = l.jobs.filter((j) => j.name?.startsWith('many-'));
    return l.running + l.queued === 0 && jobs.every((j) => TERMINAL.has(j.state)) && jobs;
  }, 60_000);
  assert.equal(all.length, 500);
  assert.ok(most <= 16, `${most} ran at once`);
  for (const j of all) {
    const i = Number(j.name.slice(5));
    assert.equal(j.state, i % 3 ? 'failed' : 'completed');
    assert.equal(j.exit_status, i % 3);
    assert.equal(j.tries, 1);
    assert.equal(await output(j.id), `${i}\n`);
  }
});

test('the list, by state and words, in pages', async () => {
  const page = await daemon.ok('GET', 'jobs?limit=7&q=many-');
  assert.equal(page.jobs.length, 7);
  assert.equal(page.total, 500);
  const next = await daemon.ok('GET', `jobs?limit=7&q=many-&before=${page.next_cursor}`);
  assert.ok(Number(next.jobs[0].id.slice(1)) < Number(page.jobs.at(-1).id.slice(1)));
  const failed = await daemon.ok('GET', 'jobs?state=failed&q=many-&limit=1000');
  assert.equal(failed.total, 333);
  assert.ok(failed.jobs.every((j) => j.state === 'failed'));
  for (const bad of ['state=x', 'limit=0', 'limit=1001', 'before=x', 'kind=y'])
    assert.equal((await daemon.request('GET', `/api/v1/jobs?${bad}`)).status, 400, bad);
});

test('what cannot be asked for', async () => {
  const bad = [
    [{}, /command/],
    [{ command: [] }, /command/],
    [{ command: 'ls' }, /command/],
    [{ command: ['a', 1] }, /command/],
    [{ command: [''] }, /command/],
    [{ command: ['a'], nonesuch: 1 }, /no member "nonesuch"/],
    [{ command: ['a'], cwd: 'relative' }, /cwd/],
    [{ command: ['a'], env: { 'A B': 'x' } }, /A B/],
    [{ command: ['a'], env: [] }, /env/],
    [{ command: ['a'], timeout_s: -1 }, /timeout_s/],
    [{ command: ['a'], timeout_s: '1' }, /timeout_s/],
    [{ command: ['a'], idle_timeout_s: 1e300 }, /idle_timeout_s/],
    [{ command: ['a'], max_output: 0 }, /max_output/],
    [{ command: ['a'], max_output: 1.5 }, /max_output/],
    [{ command: ['a'], retries: 11 }, /retries/],
    [{ command: ['a'], retry_on: [0] }, /retry_on/],
    [{ command: ['a'], retry_on: [256] }, /retry_on/],
    [{ command: ['a'], backoff_s: [1, 2, 3, 4, 5, 6, 7, 8, 9] }, /backoff_s/],
    [{ command: ['a'], pty: 1 }, /pty/],
    [{ command: ['a'], cols: 0 }, /cols/],
    [{ command: ['a'], name: 'x'.repeat(201) }, /name/],
    [{ command: ['a'], kind: 'stream' }, /streams/],
    [{ command: ['a'], wait_s: 1e9 }, /wait_s/],
    [{ command: ['a'], force_refresh: 1 }, /force_refresh/],
  ];
  for (const [body, why] of bad) {
    const r = await post(body);
    assert.equal(r.status, 400, JSON.stringify(body));
    assert.match(r.json.message, why);
  }
  assert.equal((await daemon.request('POST', '/api/v1/jobs', { body: '{' })).status, 400);
  for (const id of ['j0', 'x', 'j999999', 'j1x', 'j99999999999999999999'])
    for (const [method, path] of [['GET', ''], ['DELETE', ''], ['POST', '/cancel'], ['POST', '/retry'], ['POST', '/input']])
      assert.equal((await daemon.request(method, `/api/v1/jobs/${id}${path}`)).status, 404, `${method} ${id}${path}`);
});

test('once more, and away with it', async () => {
  const j = await sh('echo again', { name: 'again' });
  const r = await daemon.request('POST', `/api/v1/jobs/${j.id}/retry`, { json: {} });
  assert.equal(r.status, 201);
  const second = await ended(r.json.id);
  assert.equal(second.name, 'again');
  assert.equal(await output(second.id), 'again\n');
  assert.equal((await daemon.request('DELETE', `/api/v1/jobs/${j.id}`)).status, 204);
  assert.equal((await daemon.request('GET', `/api/v1/jobs/${j.id}`)).status, 404);
  await until('its file to go', async () => (await output(j.id)) === '');
  const busy = await start(['sleep', '1000']);
  assert.equal((await daemon.request('DELETE', `/api/v1/jobs/${busy}`)).json.error, 'running');
  await daemon.request('POST', `/api/v1/jobs/${busy}/cancel`);
  await ended(busy);
  assert.ok(Number(busy.slice(1)) > Number(second.id.slice(1)), 'numbers are never given again');
});

test('a read-only token looks, and asks for nothing', async () => {
  const { token } = await daemon.ok('POST', 'tokens', { read_only: true });
  assert.equal((await daemon.request('GET', '/api/v1/jobs', { token })).status, 200);
  for (const [method, path] of [['POST', 'jobs'], ['POST', 'jobs/j1/cancel'], ['POST', 'jobs/j1/retry'], ['DELETE', 'jobs/j1']])
    assert.equal((await daemon.request(method, `/api/v1/${path}`, { token, json: method === 'POST' ? {} : undefined })).status, 403, path);
});

test('the daemon ends: what runs is cancelled, what waits is run by the next', async () => {
  const d = await startDaemon({ keep: true });
  const block = await Promise.all(Array.from({ length: 16 }, () => start(['sleep', '1000'], {}, d)));
  const waits = await start(['sh', '-c', 'echo next'], {}, d);
  await running(block[15], d);
  await d.stop();
  const next = await startDaemon({ dir: d.dir });
  try {
    for (const b of block) {
      const j = await get(b, next);
      assert.equal(j.state, 'cancelled');
      assert.equal(j.error, 'the daemon was ended');
    }
    assert.equal((await ended(waits, undefined, next)).state, 'completed');
    assert.equal(await output(waits, 1, next), 'next\n');
  } finally {
    await next.stop();
  }
});
