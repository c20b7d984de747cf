// Jobs, while the worker is killed over and over: every one of them ends once, on record, and what it
// wrote is there to the byte.

import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { allGone, info, killWorker, pause, pids, random, seed, startKept } from './lib/keeper.mjs';
import { until } from './lib/until.mjs';

const KILLS = 50;
const TERMINAL = new Set(['completed', 'failed', 'cancelled', 'timed_out', 'orphaned']);

/** Numbered lines on both channels, and a status of its own. */
const SCRIPT = 'i=0; while [ $i -lt $1 ]; do i=$((i+1)); printf "%014d\\n" $i; printf "%014d\\n" $i >&2; sleep $2; done; exit $3';
const lines = (n) => Array.from({ length: n }, (_, i) => `${String(i + 1).padStart(14, '0')}\n`).join('');
const output = (d, job, channel) =>
  readFile(join(d.dir, 'jobs', `${job.id.slice(1)}.${channel}`), 'utf8').catch(() => '');

/** Every record, page by page. */
async function records(d) {
  const all = [];
  for (let before = ''; ; ) {
    const r = await d.local('GET', `/api/v1/jobs?limit=1000${before}`).catch(() => null);
    if (r?.status !== 200) return null;
    all.push(...r.json.jobs);
    if (r.json.next_cursor === null) return all;
    before = `&before=${r.json.next_cursor}`;
  }
}

test(`${KILLS} kills of the worker while jobs run`, async (t) => {
  const from = seed();
  t.diagnostic(`seed ${from}`);
  const rnd = random(from);
  const d = await startKept();
  const wanted = new Map(); // name: what it does
  const answered = new Set();

  const ask = async () => {
    const name = `job-${wanted.size}`;
    const what = { n: 1 + Math.floor(rnd() * 60), sleep: rnd() < 0.3 ? 0.1 : 0.01, status: rnd() < 0.5 ? 0 : 7 };
    wanted.set(name, what);
    const command = ['sh', '-c', SCRIPT, name, String(what.n), String(what.sleep), String(what.status)];
    const r = await d.local('POST', '/api/v1/jobs', { json: { command, name } }).catch(() => null);
    if (r?.status === 201) answered.add(name);
    else assert.ok(r === null || r.status === 503, r?.text);
  };

  try {
    for (let kill = 0; kill < KILLS; kill++) {
      await Promise.all(Array.from({ length: 4 }, ask));
      await pause(rnd() * 200);
      await killWorker(d);
    }
    const all = await until('the end of all', async () => {
      const list = await records(d);
      return list?.every((j) => TERMINAL.has(j.state)) && list;
    }, 120_000);

    const names = all.map((j) => j.name);
    assert.equal(new Set(names).size, names.length, 'no job is there twice');
    for (const name of answered) assert.ok(names.includes(name), `${name} was promised`);
    const states = {};
    for (const job of all) {
      const { n, status } = wanted.get(job.name);
      states[job.state] = (states[job.state] ?? 0) + 1;
      assert.equal(job.tries, 1, `${job.name} was begun once`);
      for (const channel of [1, 2]) {
        const text = await output(d, job, channel);
        const { bytes } = job.channels.find((c) => c.channel === channel);
        assert.equal(Buffer.byteLength(text), bytes, `${job.name}, channel ${channel}: what the record says`);
        if (job.state === 'orphaned') assert.ok(lines(n).startsWith(text), `${job.name}: not what it wrote`);
        else assert.equal(text, lines(n), `${job.name}, channel ${channel}`);
      }
      if (job.state === 'orphaned') {
        assert.equal(job.exit_status, null);
        assert.match(job.error, /killed/);
      } else {
        assert.equal(job.exit_status, status);
        assert.equal(job.state, status === 0 ? 'completed' : 'failed');
      }
    }
    t.diagnostic(JSON.stringify(states));
    assert.ok((states.orphaned ?? 0) <= all.length / 10, 'few are lost');
    const whole = all.find((j) => j.state === 'completed');
    const found = await until('its lines in a search', async () => {
      const r = await d.local('GET', `/api/v1/search?jobs=1&pane=${whole.id}.1&pattern=0&limit=10000`).catch(() => null);
      return r?.json?.total === wanted.get(whole.name).n && r.json;
    });
    assert.deepEqual(found.matches.map((m) => m.line), Array.from({ length: found.total }, (_, i) => i + 1));
    assert.equal((await info(d)).keeper.jobs, 0, 'the keeper holds none');
  } finally {
    await d.stop();
  }
});

test('what a job is sent reaches it behind a kill, and its end is seen', async () => {
  const d = await startKept();
  try {
    const { id } = await d.ok('POST', 'jobs', { command: ['sh', '-c', 'read a; echo "$a"; read b; echo "$b"; cat'], input: true });
    const send = (text, query = '') =>
      until('its input to be taken', async () => {
        const r = await d.local('POST', `/api/v1/jobs/${id}/input${query}`, { body: text }).catch(() => null);
        return r?.status === 204;
      });
    await send('one\n');
    await killWorker(d);
    await send('two\n');
    await killWorker(d);
    await send('three\n', '?eof=1');
    const job = await until('its end', async () => {
      const j = await d.ok('GET', `jobs/${id}`);
      return TERMINAL.has(j.state) && j;
    });
    assert.equal(job.state, 'completed');
    assert.equal(await output(d, job, 1), 'one\ntwo\nthree\n');
  } finally {
    await d.stop();
  }
});

test('jobs go on over upgrades', async () => {
  const d = await startKept();
  try {
    const ids = [];
    for (let i = 0; i < 8; i++) {
      const command = ['sh', '-c', SCRIPT, `up-${i}`, '150', '0.02', String(i % 2)];
      ids.push((await d.ok('POST', 'jobs', { command, pty: i === 7 })).id);
    }
    for (let i = 0; i < 3; i++) {
      const before = await pids(d);
      const r = await d.cli(['serve', '--upgrade']);
      assert.equal(r.status, 0, r.stderr);
      await info(d, (w) => w.pid !== before.worker);
    }
    const all = await until('the end of all', async () => {
      const list = await records(d);
      return list?.every((j) => TERMINAL.has(j.state)) && list;
    }, 60_000);
    for (const [i, id] of ids.entries()) {
      const job = all.find((j) => j.id === id);
      assert.equal(job.state, i % 2 ? 'failed' : 'completed', job.error);
      assert.equal(job.tries, 1);
      const text = await output(d, job, 1);
      if (job.pty) assert.equal(text.split('\r\n').length, 301, 'both in one');
      else assert.equal(text, lines(150), id);
    }
  } finally {
    await d.stop();
  }
});

test('a kill right behind the end of a job takes no line from the search', async () => {
  const d = await startKept();
  const LINES = 200_000; // more than the archive takes at once
  try {
    for (let i = 0; i < 5; i++) {
      const { worker } = await pids(d);
      const r = await d.local('POST', '/api/v1/jobs', { json: { command: ['seq', '-f', `round ${i} %.0f`, String(LINES)], wait_s: 30 } });
      process.kill(worker, 'SIGKILL');
      assert.equal(r.json.state, 'completed', r.text);
      await info(d, (w) => w.pid !== worker);
      const path = `/api/v1/search?jobs=1&pane=${r.json.id}.1&pattern=0$&limit=10000`;
      await until('all of its lines', async () => {
        const found = await d.local('GET', path).catch(() => null);
        return found?.json?.scanned_lines >= LINES && found.json.matches.every((m) => m.content === `round ${i} ${m.line}`);
      });
    }
  } finally {
    await d.stop();
  }
});

test('limits go on behind a kill', async () => {
  const d = await startKept();
  try {
    const ids = [];
    for (const more of [{ timeout_s: 2 }, { idle_timeout_s: 1 }, { max_output: 100 }]) {
      const command = ['sh', '-c', more.max_output ? 'sleep 1; yes' : 'echo $$; exec sleep 1000'];
      ids.push((await d.ok('POST', 'jobs', { command, ...more })).id);
    }
    await until('them to run', async () => (await d.ok('GET', 'jobs')).jobs.every((j) => j.pid));
    const pids = (await d.ok('GET', 'jobs')).jobs.map((j) => j.pid);
    await killWorker(d);
    const all = await until('their ends', async () => {
      const list = await records(d);
      return list?.every((j) => TERMINAL.has(j.state)) && list;
    }, 20_000);
    assert.deepEqual(all.map((j) => [j.id, j.state]).sort(), [[ids[0], 'timed_out'], [ids[1], 'timed_out'], [ids[2], 'failed']]);
    await allGone('their processes', pids);
  } finally {
    await d.stop();
  }
});
