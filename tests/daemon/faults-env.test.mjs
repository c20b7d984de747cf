// What surrounds the daemon: clocks that jump, processes that are stopped, transcripts that are exchanged
// while they are read, no /proc, no home, no locale.

import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, truncateSync, unlinkSync, writeFileSync, appendFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { privateDir, startDaemon } from './lib/daemon.mjs';
import { canMount, clockLibrary, SANITIZED, startAt, using } from './lib/faults.mjs';
import { startFollowed } from './lib/follow.mjs';
import { checkHistory, Follower, info, killWorker, pids, slow, startKept } from './lib/keeper.mjs';
import { BINARY, cleanEnv, panescry } from './lib/run.mjs';
import { until, within } from './lib/until.mjs';

const noClock = !clockLibrary ? 'needs libfaketime' : SANITIZED && 'sanitizers and libfaketime both want to be loaded first';

test('a clock that jumps hurts neither times nor terminals', { skip: noClock }, using(() => startAt({ conf: { history_lines: 200 } }), async (d) => {
  const pane = (await slow(d, {}, 0.01)).id;
  const viewer = new Follower(d, pane);
  await until('bytes', () => viewer.flowing);
  const token = (await d.ok('POST', 'tokens', { expires_in: 3600 })).token;
  const status = async () => (await d.request('GET', '/api/v1/panes', { token })).status;
  assert.equal(await status(), 200);
  for (const offset of ['-1d', '+1d', '-2d', '+0s']) {
    await d.clock(offset);
    const at = viewer.next;
    await until(`output at ${offset}`, () => viewer.next > at + 160);
    // What is awaited with a time-out is neither cut short nor endless.
    const began = performance.now();
    const w = await d.request('POST', `/api/v1/panes/${pane}/wait`, { json: { pattern: 'never', timeout_ms: 700 } });
    assert.equal(w.status, 408, w.text);
    assert.ok(performance.now() - began >= 650);
    const j = await d.request('POST', '/api/v1/jobs', { json: { command: ['sh', '-c', 'sleep 0.3; echo done'], timeout_s: 60, wait_s: 20 } });
    assert.equal(j.json.state, 'completed', `${offset}: ${j.text}`);
    assert.equal(await status(), offset === '+1d' ? 401 : 200, `a token of an hour at ${offset}`);
    if (offset === '-2d') await killWorker(d);
  }
  await checkHistory(d, pane);
  viewer.check();
  await viewer.close();
  assert.equal((await d.info()).archive.damaged, 0);
}));

test('a job that is to be tried again is so although the clock was set back', { skip: noClock }, using(() => startAt(), async (d) => {
  const dir = d.dir;
  const j = await d.ok('POST', 'jobs', { command: ['sh', '-c', `echo x >>${dir}/tries; [ -e ${dir}/good ]`], retries: 10, retry_on: [1], backoff_s: [3] });
  await until('a try', () => existsSync(join(dir, 'tries')));
  await d.clock('-1d');
  writeFileSync(join(dir, 'good'), '');
  await until('it to have been tried again', async () => (await d.ok('GET', `jobs/${j.id}`)).state === 'completed', 40_000);
}));

test('a limit of time is kept although the clock was set back', { skip: noClock }, using(() => startAt(), async (d) => {
  const began = performance.now();
  const { id } = await d.ok('POST', 'jobs', { command: ['sh', '-c', 'echo begun; exec sleep 600'], timeout_s: 3 });
  const idle = await d.ok('POST', 'jobs', { command: ['sleep', '600'], idle_timeout_s: 3 });
  await d.clock('-1d');
  for (const one of [id, idle.id]) await until(`the end of ${one}`, async () => (await d.ok('GET', `jobs/${one}`)).state === 'timed_out', 40_000);
  assert.ok(performance.now() - began >= 2900);
}));

test('the archive keeps for its days, by the clock', { skip: noClock }, using(() => startAt({ conf: { archive: 'on', archive_days: 2 } }), async (d) => {
  const found = async (text) => (await d.ok('GET', `search?pattern=${text}&archive=1`)).total;
  const leave = async (text) => {
    const { id } = await d.sh(`echo ${text}`);
    await until(`the end of ${id}`, async () => (await d.ok('GET', `panes/${id}`)).state === 'exited');
    await d.remove(id);
    await until(`${text} in the archive`, async () => (await found(text)) === 1);
  };
  await leave('of-today');
  await d.clock('+1d');
  await leave('of-tomorrow');
  await killWorker(d);
  await until('what is of yesterday', async () => (await found('of-today')) === 1);
  await d.clock('+4d');
  await killWorker(d);
  await until('both to be gone', async () => (await found('of-today')) + (await found('of-tomorrow')) === 0, 60_000);
  await leave('of-that-day');
  await d.clock('-30d');
  await killWorker(d);
  await until('what is of a month from now', async () => (await found('of-that-day')) === 1);
}));

test('events go on with rising numbers when the clock was set back', { skip: noClock }, using(() => startAt(), async (d) => {
  const seen = async () => {
    const { default: WebSocket } = await import('ws');
    const ws = new WebSocket(`ws://127.0.0.1:${d.port}/ws/events`, ['panescry.events.v1'], { headers: { authorization: `Bearer ${d.token}` } });
    const got = [];
    ws.on('message', (m) => got.push(JSON.parse(m)));
    ws.on('error', () => {});
    await until('the connection', () => ws.readyState === 1);
    ws.send(JSON.stringify({ type: 'subscribe', topics: ['panes'] }));
    await d.new(['true']);
    await until('an event', () => got.some((e) => e.topic === 'panes' && e.seq !== undefined));
    ws.terminate();
    return Math.max(...got.map((e) => e.seq ?? 0));
  };
  const before = await seen();
  await d.clock('-1d');
  assert.ok((await seen()) > before, 'the same worker');
  await killWorker(d);
  await seen();
}));

const signal = (pid, s) => process.kill(pid, s);

test('whoever is stopped is missed, and goes on', using(() => startKept(), async (d) => {
  const pane = (await slow(d, {}, 0.01)).id;
  const viewer = new Follower(d, pane);
  await until('bytes', () => viewer.flowing);
  const { worker, keeper } = await pids(d);
  signal(worker, 'SIGSTOP');
  try {
    const began = performance.now();
    const r = await panescry(['ls'], { env: d.env, ms: 90_000 });
    assert.notEqual(r.status, 0);
    assert.match(r.err, /^panescry: [^\n]+\n$/);
    assert.ok(performance.now() - began < 80_000, 'in bounded time');
  } finally {
    signal(worker, 'SIGCONT');
  }
  let at = viewer.next;
  await until('output after SIGCONT', () => viewer.next > at);
  signal(keeper, 'SIGSTOP');
  try {
    const made = await d.sh('echo without a keeper');
    await d.shows(made.id, 'without a keeper');
    at = viewer.next;
    await until('output', () => viewer.next > at + 160);
    signal(worker, 'SIGKILL');
  } finally {
    signal(keeper, 'SIGCONT');
  }
  await info(d, (i) => i.pid !== worker);
  at = viewer.next;
  await until('output of the next worker', () => viewer.next > at);
  await checkHistory(d, pane);
  viewer.check();
  await viewer.close();
}));

test('a tmux server that is stopped', { timeout: 120_000 }, async () => {
  const f = await startFollowed({ names: ['default', 'other'] });
  try {
    const { d } = f;
    const mine = await d.sh('exec cat');
    f.t.signal('SIGSTOP');
    await d.type(mine.id, 'native goes on\n');
    await d.shows(mine.id, 'native goes on');
    await d.well();
    f.t.signal('SIGCONT');
    const p = await f.t.sh('echo after it went on; exec cat');
    await d.shows(f.t.id(p), 'after it went on');
  } finally {
    if (f.t.pid) f.t.signal('SIGCONT');
    await f.stop();
  }
});

const message = (n, session = 's1') => `${JSON.stringify({ type: 'user', uuid: `u${n}`, sessionId: session, timestamp: '2026-11-01T00:00:00Z', cwd: '/', message: { role: 'user', content: `question ${n} of ${session}` } })}\n`;

test('transcripts that are exchanged while they are read', async () => {
  const home = mkdtempSync(join(tmpdir(), 'panescry-home-'));
  const project = join(home, '.claude', 'projects', '-tmp');
  mkdirSync(project, { recursive: true });
  const file = (n) => join(project, `0000000${n}-0000-4000-8000-000000000000.jsonl`);
  writeFileSync(file(1), message(1));
  const d = await startKept({ env: { HOME: home } });
  try {
    const knows = (text) => until(`"${text}"`, async () => (await d.ok('GET', `search?source=sessions&fixed=1&pattern=${encodeURIComponent(text)}`)).total > 0, 60_000);
    await knows('question 1 of s1');
    let n = 1;
    const next = () => message(++n);
    appendFileSync(file(1), next());
    await knows(`question ${n} of s1`);
    truncateSync(file(1), 10);
    appendFileSync(file(1), `\n${next()}`);
    writeFileSync(`${file(1)}.new`, message(1) + next());
    renameSync(`${file(1)}.new`, file(1));
    await knows(`question ${n} of s1`);
    unlinkSync(file(1));
    execFileSync('mkfifo', [file(1)]);
    execFileSync('mkfifo', [file(2)]);
    symlinkSync('/dev/zero', file(3));
    symlinkSync(file(4), file(4));
    mkdirSync(file(5));
    writeFileSync(file(6), message(1, 's6'));
    await knows('question 1 of s6');
    await d.well();
    unlinkSync(file(1));
    writeFileSync(file(1), message(1) + next());
    await knows(`question ${n} of s1`);
    // One that is written to without end, and without a newline.
    const child = spawn('sh', ['-c', 'while :; do printf xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx; done >"$0"', file(8)], { stdio: 'ignore' });
    writeFileSync(file(9), message(1, 's9'));
    await knows('question 1 of s9');
    child.kill('SIGKILL');
    await d.well();
  } finally {
    await d.stop();
    rmSync(home, { recursive: true, force: true });
  }
});

const noProc = SANITIZED ? 'sanitizers need /proc' : !canMount() && 'needs root, or whatever lets one mount a tmpfs';

test('without /proc', { skip: noProc }, using(() => startKept({ under: ['unshare', '-m', 'sh', '-c', 'mount -t tmpfs none /proc && exec "$@"', '-'] }), async (d) => {
  const pane = await d.sh('echo there; exec cat');
  await d.shows(pane.id, 'there');
  const j = await d.ok('POST', 'jobs', { command: ['echo', 'done'], wait_s: 20 });
  assert.equal(j.state, 'completed');
  await killWorker(d);
  await d.type(pane.id, 'typed\n');
  await d.shows(pane.id, 'typed');
  assert.equal((await d.cli(['doctor'])).status < 3, true);
}));

test('without a locale, a terminal, a home or a place for the socket', async () => {
  const home = mkdtempSync(join(tmpdir(), 'panescry-home-'));
  try {
    for (const [what, env, drop] of [
      ['C', { LC_ALL: 'C', LANG: 'C' }, ['TERM', 'HOME']],
      ['a home that is missing', { HOME: join(home, 'missing'), LC_ALL: 'C' }, ['LANG']],
      ['a home that is none', { HOME: '', LC_ALL: 'POSIX' }, []],
      ['a home that is a file', { HOME: '/dev/null' }, ['LC_ALL', 'LANG', 'TERM']],
    ]) {
      const d = await startDaemon({ env, under: ['env', ...drop.flatMap((n) => ['-u', n])] });
      try {
        const p = await d.sh("printf 'na\\303\\257ve \\344\\270\\255\\346\\226\\207 \\360\\237\\230\\200 end\\n'; exec cat");
        await d.shows(p.id, 'naïve 中文 😀 end');
        const r = await d.ok('GET', `search?pattern=${encodeURIComponent('naïve 中.')}`);
        assert.equal(r.matches[0].content, 'naïve 中文 😀 end', what);
        const cli = await d.cli(['search', '中文'], { env: { ...env, HOME: env.HOME ?? '/nonexistent' } });
        assert.match(cli.out, /naïve 中文 😀 end/, what);
      } finally {
        await d.stop();
      }
    }
  } finally {
    rmSync(home, { recursive: true, force: true });
  }
});

/** `panescry serve` in a shell that changes what it is given; its standard error is a file. */
async function serveFrom(script, env = {}) {
  const dir = await privateDir();
  const socket = join(dir, 's.sock');
  const child = spawn('sh', ['-c', `${script}`, 'sh', BINARY, 'serve', '--foreground', '--listen', '127.0.0.1:0', '--socket', socket, '--state-dir', join(dir, 'state')], {
    env: cleanEnv(env), stdio: 'ignore', cwd: dir,
  });
  const ended = new Promise((resolve) => child.on('close', resolve));
  const ask = (...args) => panescry(args, { env: { PANESCRY_SOCKET: socket } });
  try {
    await until('it to serve', async () => (await ask('ls')).status === 0);
    const id = (await ask('new', '--', 'sh', '-c', 'echo works; exec cat')).out.trim();
    await until('a pane', async () => /works/.test((await ask('capture', id)).out));
    const job = await ask('run', '--', 'echo', 'a job works');
    assert.match(job.out, /a job works/, job.err);
  } finally {
    child.kill('SIGTERM');
    await within('its end', ended).catch(() => child.kill('SIGKILL'));
    rmSync(dir, { recursive: true, force: true });
  }
}

test('without standard input, output or error', () => serveFrom('exec "$@" <&- >&- 2>&-'));
test('in a directory that is removed', () => serveFrom('mkdir gone && cd gone && rmdir ../gone && exec "$@"'));
test('without XDG_RUNTIME_DIR', () => serveFrom('unset XDG_RUNTIME_DIR; exec "$@"'));
