// Sessions of agents: transcripts that are there, that grow, and what is asked of them.

import assert from 'node:assert/strict';
import { appendFile, cp, mkdir, readFile, rename, rm, truncate, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { privateDir, startDaemon } from './lib/daemon.mjs';
import { until } from './lib/until.mjs';

const SAMPLES = join(dirname(fileURLToPath(import.meta.url)), '..', 'agents', 'samples');

const line = (o) => `${JSON.stringify(o)}\n`;

/** A call of a model, as Claude Code writes it. */
const call = (session, n, text, usage = {}) =>
  line({
    type: 'assistant',
    uuid: `u-${session}-${n}`,
    parentUuid: n > 1 ? `u-${session}-${n - 1}` : `p-${session}`,
    sessionId: session,
    timestamp: new Date(Date.UTC(2026, 10, 20, 12, 0, n)).toISOString(),
    version: '2.1.0',
    cwd: '/work/thing',
    message: {
      id: `msg_${session}_${n}`,
      model: 'claude-opus-4-5',
      role: 'assistant',
      content: [{ type: 'text', text }],
      usage: { input_tokens: 10, output_tokens: 5, cache_read_input_tokens: 100, cache_creation_input_tokens: 20, ...usage },
    },
    requestId: `req_${session}_${n}`,
  });

const prompt = (session, text) =>
  line({
    type: 'user',
    uuid: `p-${session}`,
    parentUuid: null,
    sessionId: session,
    timestamp: '2026-11-20T12:00:00.000Z',
    version: '2.1.0',
    cwd: '/work/thing',
    message: { role: 'user', content: text },
  });

describe('sessions of agents', () => {
  let d, home, project;
  const file = (name) => join(project, `${name}.jsonl`);
  const get = (path) => d.ok('GET', path);
  const totals = async (query = '') => (await get(`usage${query}`)).totals;
  const output = (n) => until(`${n} tokens of output`, async () => (await totals()).output_tokens === n);

  before(async () => {
    home = await privateDir();
    project = join(home, '.claude', 'projects', '-work-thing');
    await mkdir(project, { recursive: true });
    await writeFile(file('one'), prompt('one', 'Make it work') + call('one', 1, 'I will') + call('one', 2, 'It works'));
    d = await startDaemon({ env: { HOME: home, TZ: 'UTC' } });
  });
  after(async () => {
    await d.well();
    await d.stop();
    await rm(home, { recursive: true, force: true });
  });

  it('are read when the daemon starts', async () => {
    await output(10);
    const { data, total } = await get('sessions');
    assert.equal(total, 1);
    assert.equal(data[0].agent, 'claude');
    assert.equal(data[0].agent_session, 'one');
    assert.equal(data[0].title, 'Make it work');
    assert.equal(data[0].project, '/work/thing');
    assert.equal(data[0].model, 'claude-opus-4-5');
    const m = await get(`sessions/${data[0].id}/messages`);
    assert.deepEqual(m.data.map((x) => [x.role, x.text]), [['user', 'Make it work'], ['assistant', 'I will'], ['assistant', 'It works']]);
    assert.equal((await get('sessions/one')).id, data[0].id, 'by the id that the agent gave it');
  });

  it('are counted once, at the price of their model', async () => {
    const u = await get('usage?by=model');
    assert.deepEqual(u.rows.map((r) => r.key), ['claude-opus-4-5']);
    const { sessions, key, ...row } = u.rows[0];
    assert.equal(sessions, 1);
    assert.deepEqual(row, u.totals);
    assert.deepEqual((await get('sessions/one')).usage, u.totals);
    assert.equal(row.input_tokens, 20);
    assert.equal(row.cache_read_tokens, 200);
    assert.equal(row.cache_write_5m_tokens, 40);
    assert.equal(row.output_tokens, 10);
    assert.equal(row.cost_source, 'computed');
    const cost = (20 * 5 + 200 * 0.5 + 40 * 6.25 + 10 * 25) / 1e6;
    assert.ok(Math.abs(row.cost_usd - cost) < 1e-9, `${row.cost_usd} is ${cost}`);
    assert.deepEqual(u.unpriced_models, []);
    assert.deepEqual((await get('usage?by=day')).rows.map((r) => r.key), ['2026-11-20']);
    assert.deepEqual((await get('usage?by=session')).rows.map((r) => r.key), ['one']);
    assert.deepEqual((await get('usage?by=project')).rows.map((r) => r.key), ['/work/thing']);
    assert.equal((await totals('?since=2026-11-20T12:00:02Z')).output_tokens, 5);
    assert.equal((await totals('?until=2026-11-20T12:00:01Z')).output_tokens, 5);
    assert.equal((await totals('?since=2026-11-21T00:00:00Z')).output_tokens, null, 'unknown, not 0');
  });

  it('go on as they grow, line by line, also in pieces of lines', async () => {
    const next = call('one', 3, 'And more');
    await appendFile(file('one'), next.slice(0, 50));
    await appendFile(file('one'), next.slice(50));
    await output(15);
    const whole = call('one', 4, 'Halves: äöü €');
    const bytes = Buffer.from(whole);
    const half = bytes.indexOf(0xe2) + 1; // within a character
    await appendFile(file('one'), bytes.subarray(0, half));
    await new Promise((r) => setTimeout(r, 400));
    assert.equal((await totals()).output_tokens, 15, 'a line without its end waits');
    await appendFile(file('one'), bytes.subarray(half));
    await output(20);
    const { data } = await get('sessions/one/messages?limit=200');
    assert.equal(data.at(-1).text, 'Halves: äöü €');
    assert.equal(data.at(-1).text_bytes, undefined);
    const cut = (await get('sessions/one/messages?limit=200&text_max=17')).data;
    assert.deepEqual([cut[0].text, cut[0].text_bytes], ['Make it work', undefined]);
    assert.deepEqual([cut.at(-1).text, cut.at(-1).text_bytes], ['Halves: äöü ', 18], 'no part of a character');
  });

  it('that are copied, forked or written again add nothing', async () => {
    const text = await readFile(file('one'), 'utf8');
    await writeFile(file('copy'), text);
    await writeFile(file('fork'), text.replaceAll('"sessionId":"one"', '"sessionId":"fork"') + call('fork', 9, 'Another way'));
    await output(25);
    await cp(file('one'), file('one.new'));
    await rename(file('one.new'), file('one'));
    await appendFile(file('one'), call('one', 5, 'After a new file'));
    await output(30);
    assert.equal((await get('usage?by=session')).rows.length, 2);
  });

  it('whose file is cut short or begun anew are read from its beginning', async () => {
    await truncate(file('copy'), 100);
    await appendFile(file('copy'), '\n' + call('copy', 1, 'Anew'));
    await output(35);
    assert.equal((await get('sessions/copy/messages')).data.at(-1).text, 'Anew');
  });

  it('come from directories that are made later', async () => {
    const dir = join(home, '.claude', 'projects', '-other', 'main', 'subagents');
    await mkdir(dir, { recursive: true });
    await writeFile(join(dir, 'agent-a1.jsonl'), call('main', 1, 'From below').replace('"version"', '"isSidechain":true,"agentId":"a1","version"'));
    await output(40);
    const { data } = await get('sessions?text=thing');
    assert.ok(data.some((s) => s.agent_session === 'main/a1' || s.agent_session.startsWith('main/')), JSON.stringify(data.map((s) => s.agent_session)));
  });

  it('of other agents stand beside them', async () => {
    const dir = join(home, '.codex', 'sessions', '2026', '11', '21');
    await mkdir(dir, { recursive: true });
    const name = 'rollout-2026-11-21T02-36-44-01a1fbf6-9794-7fe2-a395-d2e34a15cb23.jsonl';
    await cp(join(SAMPLES, 'codex', name), join(dir, name));
    // A directory in the home that was not there is found by the next look.
    await d.stop();
    d = await startDaemon({ env: { HOME: home, TZ: 'UTC' }, dir: undefined });
    const row = await until('usage of Codex', async () => (await get('usage?by=agent')).rows.find((r) => r.key === 'codex'));
    assert.deepEqual(
      [row.input_tokens, row.cache_read_tokens, row.output_tokens, row.reasoning_tokens],
      [2600, 2400, 200, 80],
    );
    const s = (await get('sessions?agent=codex')).data[0];
    const traces = await get(`sessions/${s.id}/traces`);
    const cut = await get(`sessions/${s.id}/traces?text_max=2`);
    assert.deepEqual(cut.data.map((t) => t.input_bytes), traces.data.map((t) => Buffer.byteLength(t.input)));
    assert.ok(cut.data.every((t) => t.input.length === 2));
    assert.equal(traces.total, traces.data.length);
    assert.ok(traces.data.every((t) => t.name && t.call));
  });

  it('refuse what makes no sense', async () => {
    for (const path of ['usage?by=colour', 'usage?since=noon', 'usage?timezone=mars', 'sessions?limit=0', 'sessions?limit=201', 'sessions/one/traces?offset=-1', 'sessions/one/messages?text_max=x']) {
      const r = await d.request('GET', `/api/v1/${path}`);
      assert.equal(r.status, 400, path);
      assert.equal(r.json.error, 'bad_params', path);
    }
    for (const path of ['sessions/none', 'sessions/none/messages', 'sessions/none/traces', "sessions/'"]) {
      assert.equal((await d.request('GET', `/api/v1/${path}`)).status, 404, path);
    }
  });

  it('are shown by commands', async () => {
    const usage = await d.cli(['usage', '--by', 'agent']);
    assert.equal(usage.status, 0, usage.err);
    assert.match(usage.out, /^codex +2 600 +2 400 /m);
    assert.match(usage.out, /^total /m);
    const json = JSON.parse((await d.cli(['usage', '--json'])).out);
    assert.equal(json.by, 'day');
    const ls = await d.cli(['sessions', 'ls', '--agent', 'claude']);
    assert.match(ls.out, /Make it work/);
    assert.doesNotMatch(ls.out, /codex/);
    const show = await d.cli(['sessions', 'show', 'one']);
    assert.match(show.out, /^user:\n    Make it work$/m);
    assert.equal((await d.cli(['sessions', 'show', 'none'])).status, 2);
    assert.equal((await d.cli(['sessions', 'shine'])).status, 2);
  });
});

describe('transcripts of agents', () => {
  it('are left alone where that is set', async () => {
    const home = await privateDir();
    const project = join(home, '.claude', 'projects', 'p');
    await mkdir(project, { recursive: true });
    await writeFile(join(project, 's.jsonl'), prompt('s', 'x') + call('s', 1, 'y'));
    await writeFile(join(home, 'conf'), 'sessions = off\n');
    const d = await startDaemon({ env: { HOME: home, PANESCRY_CONFIG: join(home, 'conf') } });
    try {
      assert.equal((await d.info()).sessions.enabled, false);
      await new Promise((r) => setTimeout(r, 300));
      assert.equal((await d.ok('GET', 'sessions')).total, 0);
    } finally {
      await d.stop();
      await rm(home, { recursive: true, force: true });
    }
  });
});
