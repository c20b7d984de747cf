// Transcripts and streams that are handed over: what they hold, in pieces, twice, and across kills.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { privateDir, startDaemon, useDaemon } from './lib/daemon.mjs';
import { killWorker, startKept } from './lib/keeper.mjs';
import { BINARY, cleanEnv } from './lib/run.mjs';
import { until } from './lib/until.mjs';

const SAMPLES = join(dirname(fileURLToPath(import.meta.url)), '..', 'agents', 'samples');
const sample = (name) => join(SAMPLES, name);
const spools = async (d) => readdir(join(d.dir, 'imports')).catch(() => []);

const COUNTS = ['input_tokens', 'cache_read_tokens', 'output_tokens', 'reasoning_tokens'];
const counts = (u) => COUNTS.map((n) => u[n]);

/** What is on record, without what differs between two daemons. */
async function record(d) {
  const { totals, rows } = await d.ok('GET', 'usage?by=session&timezone=utc');
  const { data } = await d.ok('GET', 'sessions?limit=200');
  const sessions = {};
  for (const s of data) {
    const { id, parent, updated, started, ...rest } = s;
    const messages = (await d.ok('GET', `sessions/${id}/messages?limit=200`)).data.map((m) => [m.message, m.part, m.role, m.text]);
    const traces = (await d.ok('GET', `sessions/${id}/traces?limit=200`)).data.map((t) => [t.call, t.name, t.input, t.output, t.outcome]);
    sessions[s.agent_session] = { ...rest, messages, traces };
  }
  return { totals, rows, sessions };
}

/** A child that imports what is written to it. */
function importing(d, args = []) {
  const child = spawn(BINARY, ['sessions', 'import', '-', '--json', ...args], { env: cleanEnv(d.env), stdio: ['pipe', 'pipe', 'pipe'] });
  let out = '';
  let err = '';
  child.stdout.on('data', (b) => (out += b));
  child.stderr.on('data', (b) => (err += b));
  const ended = new Promise((resolve) => child.on('close', (code, signal) => resolve({ code, signal, out, err })));
  return { child, ended, write: (text) => child.stdin.write(text), end: () => child.stdin.end() };
}

describe('sessions import', () => {
  const TOTALS = [
    ['stream/codex_exec_1.jsonl', 'codex-exec', [1300, 1200, 100, 40]],
    ['stream/oc_run_1.jsonl', 'opencode-stream', [1300, 1200, 100, 40]],
    ['stream/gem_stream_1.jsonl', 'gemini-stream', [1300, 1200, 100, 40]],
    ['stream/codex_gateway_4.jsonl', 'codex-exec', [5, 0, 7, null]],
    ['stream/grok_streaming.jsonl', 'grok-stream', [null, null, null, null]],
    ['stream/grok_json.json', 'grok-json', [null, null, null, null]],
    ['codex/rollout-2026-11-21T02-36-44-01a1fbf6-9794-7fe2-a395-d2e34a15cb23.jsonl', 'codex-rollout', null],
    ['claude/own_usage.jsonl', 'claude-transcript', null],
    ['claude/asv_valid_session.jsonl', 'claude-transcript', null],
    ['claude/happy_1-continue-run-ls-tool.jsonl', 'claude-transcript', null],
    ['gemini/session-2026-11-21T17-35-05f40780.jsonl', 'gemini-chat', null],
    ['gemini/asv_standard_session.json', 'gemini-chat-document', null],
    ['other/pi_session.jsonl', 'pi-session', null],
    ['stream/claude_first.jsonl', 'claude-stream', null],
  ];

  for (const [name, format, expected] of TOTALS) {
    it(`reads ${name}, from a file and from a pipe, twice`, async () => {
      const d = await startDaemon();
      try {
        const text = await readFile(sample(name));
        const first = await d.cli(['sessions', 'import', sample(name), '--json']);
        assert.equal(first.status, 0, first.err);
        const answer = JSON.parse(first.out);
        assert.equal(answer.format, format);
        assert.ok(answer.sessions.length >= 1, first.out);
        assert.ok(answer.lines >= 1);
        for (const id of answer.sessions) assert.equal((await d.ok('GET', `sessions/${id}`)).id, id);
        const before = await record(d);
        if (expected !== null) assert.deepEqual(counts(before.totals).map((n, i) => (expected[i] === 0 ? n ?? 0 : n)), expected);
        const again = JSON.parse((await d.cli(['sessions', 'import', sample(name), '--json'])).out);
        assert.deepEqual(again.sessions, answer.sessions);
        assert.deepEqual(await record(d), before, 'again is nothing');
        // One that says its own name is the same from a pipe.
        if (!/grok/.test(name)) {
          const piped = await d.cli(['sessions', 'import', '-', '--json', '--format', format], { input: text });
          assert.equal(piped.status, 0, piped.err);
          const now = await record(d);
          assert.deepEqual(now.totals, before.totals);
        }
        assert.deepEqual(await spools(d), []);
      } finally {
        await d.stop();
      }
    });
  }

  it('has the totals of transcripts that are found', async () => {
    const home = await privateDir();
    const name = 'rollout-2026-11-21T02-36-44-01a1fbf6-9794-7fe2-a395-d2e34a15cb23.jsonl';
    const d = await startDaemon();
    try {
      await d.cli(['sessions', 'import', sample(`codex/${name}`)]);
      const { totals } = await d.ok('GET', 'usage');
      assert.deepEqual(counts(totals), [2600, 2400, 200, 80]);
      // The stream of a session whose transcript is known says nothing new.
      const text = (await readFile(sample('stream/codex_exec_1.jsonl'), 'utf8')).replaceAll(/"thread_id":"[^"]*"/g, '"thread_id":"01a1fbf6-9794-7fe2-a395-d2e34a15cb23"');
      const r = await d.cli(['sessions', 'import', '-', '--json'], { input: text });
      assert.equal(r.status, 0, r.err);
      assert.deepEqual(counts((await d.ok('GET', 'usage')).totals), [2600, 2400, 200, 80]);
    } finally {
      await d.stop();
      await rm(home, { recursive: true, force: true });
    }
  });
});

describe('a stream that goes on', () => {
  const d = useDaemon({ before, after });
  const THREAD = 'f0000000-0000-7000-8000-00000000000';
  const line = (o) => `${JSON.stringify(o)}\n`;
  const says = (n, text) => line({ type: 'item.completed', item: { id: `item_${n}`, type: 'agent_message', text } });
  const texts = async (session) => {
    const r = await d.request('GET', `/api/v1/sessions/${session}/messages?limit=200`);
    return r.status === 200 ? r.json.data.filter((m) => m.role === 'assistant').map((m) => m.text) : [];
  };

  it('is there while it does, also after its importer was killed', async () => {
    const id = `${THREAD}1`;
    const i = importing(d);
    i.write(line({ type: 'thread.started', thread_id: id }) + line({ type: 'turn.started' }));
    i.write(says(0, 'one'));
    await until('the first message', async () => (await texts(id)).length === 1);
    const half = says(1, 'two');
    i.write(half.slice(0, 20));
    await until('half a line in the spool', async () => {
      for (const name of await spools(d)) if ((await readFile(join(d.dir, 'imports', name), 'utf8')).endsWith(half.slice(0, 20))) return true;
      return false;
    });
    i.write(half.slice(20));
    await until('the second message', async () => (await texts(id)).length === 2);
    i.child.kill('SIGKILL');
    await i.ended;
    assert.deepEqual(await texts(id), ['one', 'two']);
  });

  it('ends with what it was', async () => {
    const id = `${THREAD}2`;
    const i = importing(d);
    i.write(line({ type: 'thread.started', thread_id: id }) + says(0, 'one'));
    await until('the first message', async () => (await texts(id)).length === 1);
    i.write(line({ type: 'turn.completed', usage: { input_tokens: 10, cached_input_tokens: 4, output_tokens: 3 } }).trimEnd());
    i.end();
    const { code, out, err } = await i.ended;
    assert.equal(code, 0, err);
    const answer = JSON.parse(out);
    assert.equal(answer.format, 'codex-exec');
    assert.equal(answer.lines, 3, 'the last line needs no end');
    assert.deepEqual(answer.sessions, [(await d.ok('GET', `sessions/${id}`)).id]);
  });

  it('is one that an agent knows, or refused', async () => {
    for (const input of ['', 'nothing\n'.repeat(10), '{"a":1}\n', '{"type":"x"}', Buffer.alloc(100_000, 0xff), `${'['.repeat(100_000)}\n`, `{"type":"thread.started","thread_id":${'{"a":'.repeat(1000)}1${'}'.repeat(1000)}}\n`]) {
      const r = await d.cli(['sessions', 'import', '-'], { input });
      assert.equal(r.status, input === '' ? 0 : 2, r.out);
      if (input !== '') assert.match(r.err, /no transcript or stream/);
    }
    const file = join(d.dir, 'x.txt');
    await writeFile(file, 'text');
    assert.equal((await d.cli(['sessions', 'import', file])).status, 2);
    assert.equal((await d.cli(['sessions', 'import', join(d.dir, 'none')])).status, 2);
    assert.equal((await d.cli(['sessions', 'import', '-', '--format', 'none'], { input: 'x' })).status, 2);
    assert.equal((await d.cli(['sessions', 'import'])).status, 2);
    await d.well();
  });

  it('is sent in pieces that may overlap, but have no gap', async () => {
    const id = `${THREAD}3`;
    const text = line({ type: 'thread.started', thread_id: id }) + Array.from({ length: 9 }, (_, n) => says(n, `m${n}`)).join('');
    const post = (from, to, more = '') => d.request('POST', `/api/v1/sessions/import?stream=pieces&offset=${from}${more}`, { body: text.slice(from, to) });
    assert.equal((await post(0, 100)).json.offset, 100);
    assert.equal((await post(50, 200)).json.offset, 200);
    assert.equal((await post(0, 150)).json.offset, 200);
    const gap = await post(300, 400);
    assert.equal(gap.status, 409);
    assert.equal(gap.json.error, 'bad_offset');
    const whole = await post(200, text.length, '&end=1');
    assert.equal(whole.json.lines, 10);
    assert.deepEqual(await texts(id), Array.from({ length: 9 }, (_, n) => `m${n}`));
    for (const query of ['stream=../x', 'stream=.x', 'stream=a&offset=-1', 'stream=a&end=2', 'format=none', 'name='])
      assert.equal((await d.request('POST', `/api/v1/sessions/import?${query}`, { body: 'x' })).status, 400, query);
    assert.equal((await d.request('POST', '/api/v1/sessions/import', { body: Buffer.alloc((8 << 20) + 1) })).status, 413);
  });
});

describe('a stream whose daemon is killed', () => {
  it('goes on with the next one', async () => {
    const d = await startKept();
    try {
      const id = 'f1000000-0000-7000-8000-000000000001';
      const i = importing(d);
      i.write(`${JSON.stringify({ type: 'thread.started', thread_id: id })}\n`);
      const texts = async () => {
        const r = await d.request('GET', `/api/v1/sessions/${id}/messages?limit=200`).catch(() => null);
        return r?.status === 200 ? r.json.data.filter((m) => m.role === 'assistant').map((m) => m.text) : [];
      };
      const want = [];
      for (let n = 0; n < 6; n++) {
        want.push(`text ${n}`);
        i.write(`${JSON.stringify({ type: 'item.completed', item: { id: `item_${n}`, type: 'agent_message', text: `text ${n}` } })}\n`);
        if (n % 2 === 1) await killWorker(d);
        await until(`message ${n}`, async () => (await texts()).length === want.length);
      }
      i.end();
      const { code, err } = await i.ended;
      assert.equal(code, 0, err);
      assert.deepEqual(await texts(), want);
      assert.deepEqual(await spools(d), []);
    } finally {
      await d.stop();
    }
  });
});
