// What an agent's output says of a job: session, usage, cost; and errors that are tried again.

import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { useDaemon } from './lib/daemon.mjs';
import { until } from './lib/until.mjs';

const STANDIN = fileURLToPath(new URL('../agents/standin', import.meta.url));
const SAMPLES = fileURLToPath(new URL('../agents/samples/stream', import.meta.url));
const STREAM = ['-p', '--output-format', 'stream-json', '--verbose'];

describe('a job with an agent', () => {
  const d = useDaemon({ before, after });
  let runs = 0;

  const begin = (args, more = {}) =>
    until('the job to be taken', async () => {
      const r = await d.request('POST', '/api/v1/jobs', { json: { command: [STANDIN, ...args], agent: 'claude', cwd: d.dir, backoff_s: [0.05], ...more } });
      if (r.status === 503) return null;
      assert.equal(r.status, 201, r.text);
      return r.json;
    });
  const ended = (job) =>
    until(`the end of ${job.id}`, async () => {
      const j = await d.ok('GET', `jobs/${job.id}`);
      return j.state !== 'running' && j.state !== 'queued' && j;
    });
  const run = async (args, more) => ended(await begin(args, more));
  const failing = (times, what) => ['--fail-times', String(times), '--count', join(d.dir, `count${++runs}`), '--fail-with', what];
  const counted = async () => (await readFile(join(d.dir, `count${runs}`))).length;

  test('says its session, its tokens and their cost', async () => {
    const job = await run([...STREAM, '--session', 's-1', 'say hi']);
    assert.equal(job.state, 'completed', JSON.stringify(job));
    assert.equal(job.session, 's-1');
    assert.equal(job.usage.input_tokens, 10);
    assert.equal(job.usage.output_tokens, 5);
    assert.equal(job.usage.cost_source, 'stated');
    assert.ok(Math.abs(job.usage.cost_usd - 0.001) < 1e-9);
    const gemini = await run(['--replay', join(SAMPLES, 'gem_stream_1.jsonl')], { agent: 'gemini' });
    assert.equal(gemini.usage.cost_source, 'computed');
    assert.equal(gemini.usage.output_tokens, 100);
    const plain = await run(['-p', 'hello']);
    assert.equal(plain.usage, null);
  });

  for (const what of ['rate_limit', 'overload']) {
    test(`${what} is tried again`, async () => {
      const job = await run([...failing(2, what), ...STREAM, 'say done']);
      assert.equal(job.state, 'completed', JSON.stringify(job));
      assert.deepEqual(job.tries.map((t) => t.n), [1, 2, 3]);
      assert.deepEqual(job.tries.map((t) => t.exit_status), [1, 1, 0]);
      assert.ok(job.tries[0].reason && job.tries[1].reason);
      assert.equal(await counted(), 3);
    });
    test(`${what} in plain text`, async () => {
      const job = await run([...failing(1, what), '-p', 'hello']);
      assert.equal(job.state, 'completed', JSON.stringify(job));
      assert.equal(job.tries.length, 2);
    });
  }

  test('at most so often', async () => {
    const job = await run([...failing(99, 'overload'), ...STREAM, 'hello'], { retries: 2 });
    assert.equal(job.state, 'failed');
    assert.equal(job.tries.length, 3);
    assert.equal(await counted(), 3);
    assert.match(job.error, /overloaded/i);
  });

  test('who is not let in is not let in again', async () => {
    for (const args of [STREAM, ['-p']]) {
      const job = await run([...failing(99, 'auth'), ...args, 'hello']);
      assert.equal(job.state, 'failed');
      assert.equal(job.tries.length, 1);
      assert.equal(await counted(), 1);
      assert.match(job.error, /API key/);
    }
  });

  test('an error that is only talked about is none', async () => {
    const job = await run([...failing(99, 'error it is broken'), ...STREAM, 'x'], { retries: 3 });
    assert.equal(job.tries.length, 1);
    const about = await run([...STREAM, '--status', '1', 'say API Error: 429 rate_limit, please run /login']);
    assert.equal(about.state, 'failed');
    assert.equal(about.tries.length, 1);
    const overcome = await run([...STREAM, '--status', '1', 'retry; limit; say but then it went']);
    assert.equal(overcome.tries.length, 1);
  });

  test('of other agents, as they were recorded', async () => {
    const job = await run(['--status', '1', '--replay', join(SAMPLES, 'codex_exec_err429.jsonl')], { agent: 'codex', retries: 1 });
    assert.equal(job.state, 'failed');
    assert.equal(job.tries.length, 2);
    assert.match(job.error, /429 Too Many Requests/);
    assert.equal(job.session, '01a1fbf7-4f98-7d73-9f32-745792f55528');
  });

  test('one that is cancelled while it waits is not tried again', async () => {
    const job = await begin([...failing(99, 'rate_limit'), ...STREAM, 'x'], { backoff_s: undefined });
    const waiting = await until('it to wait', async () => {
      const j = await d.ok('GET', `jobs/${job.id}`);
      return j.state === 'queued' && j.tries.length === 1 && j;
    });
    assert.equal(waiting.tries[0].retry_s, 15);
    await d.ok('POST', `jobs/${job.id}/cancel`, {});
    const end = await ended(job);
    assert.equal(end.state, 'cancelled');
    assert.equal(end.tries.length, 1);
    assert.equal(await counted(), 1);
  });

  test('what is told of one is of one moment', async () => {
    for (let i = 0; i < 10; i++) {
      const job = await begin([...failing(2, 'overload'), ...STREAM, 'x'], { backoff_s: [0.01] });
      let last = job;
      await Promise.all(Array.from({ length: 8 }, async () => {
        while (last.state === 'running' || last.state === 'queued') {
          const j = await d.ok('GET', `jobs/${job.id}`);
          if (j.state !== 'running' && j.tries.length !== 0) assert.ok(j.tries.at(-1).ended, JSON.stringify(j));
          if (j.state === 'running') assert.ok(j.tries.slice(0, -1).every((t) => t.ended), JSON.stringify(j));
          last = j;
        }
      }));
    }
  });
});
