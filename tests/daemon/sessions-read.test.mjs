// What is made of sessions: timelines, statistics of caches, exports; and what is masked, removed
// and priced.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { appendFile, mkdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { cleanEnv, panescry } from './lib/run.mjs';
import { privateDir, startDaemon } from './lib/daemon.mjs';
import { until } from './lib/until.mjs';

const line = (o) => `${JSON.stringify(o)}\n`;
const at = (ms) => new Date(ms).toISOString();

// Made up, of the shape that they have.
const GITHUB = `ghp_${'aB3dE6gH9jK2mN5pQ8sT'.repeat(2).slice(0, 36)}`;
const ANTHROPIC = `sk-ant-api03-${'aB3dE6gH9jK2mN5pQ8sT'.repeat(4)}-AA`;
const SECRETS = [GITHUB, ANTHROPIC, 'hunter2hunter2'];

// All of an hour is of one day.
const HOUR_MS = 3600_000;
const LAST_HOUR = Math.floor(Date.now() / HOUR_MS - 1) * HOUR_MS;

/** A transcript of Claude Code, of the last hour unless said otherwise. */
class Transcript {
  constructor(session, { cwd = '/work/thing', start = LAST_HOUR } = {}) {
    Object.assign(this, { session, cwd, time: start, n: 0, last: null, text: '' });
  }
  add(type, message, more = {}) {
    const uuid = `${this.session}-${++this.n}`;
    this.time += 1000;
    this.text += line({ type, uuid, parentUuid: this.last, sessionId: this.session, timestamp: at(this.time), version: '2.1.0', cwd: this.cwd, message, ...more });
    this.last = uuid;
    return this;
  }
  prompt(text) {
    return this.add('user', { role: 'user', content: text });
  }
  call(content, usage = {}) {
    if (typeof content === 'string') content = [{ type: 'text', text: content }];
    const id = `msg_${this.session}_${this.n}`;
    return this.add(
      'assistant',
      { id, model: 'claude-opus-4-5', role: 'assistant', content, usage: { input_tokens: 10, output_tokens: 5, cache_read_input_tokens: 70, cache_creation_input_tokens: 20, ...usage } },
      { requestId: `req_${id}` },
    );
  }
  tool(id, input, result, error = false) {
    this.call([{ type: 'tool_use', id, name: 'Bash', input }]);
    return this.add('user', { role: 'user', content: [{ type: 'tool_result', tool_use_id: id, content: result, is_error: error }] });
  }
}

const makeHome = async (conf) => {
  const home = await privateDir();
  await mkdir(join(home, '.claude', 'projects', '-work-thing'), { recursive: true });
  if (conf) await writeFile(join(home, 'conf'), conf);
  return home;
};
const fileOf = (home, name) => join(home, '.claude', 'projects', '-work-thing', `${name}.jsonl`);
const hasSqlite = (() => {
  try {
    execFileSync('sqlite3', ['--version']);
    return true;
  } catch {
    return false;
  }
})();

describe('sessions of agents', () => {
  let d, home;
  const get = (path) => d.ok('GET', path);
  const ids = async () => (await get('sessions?limit=200')).data.map((s) => s.agent_session).sort();

  before(async () => {
    home = await makeHome();
    const one = new Transcript('one')
      .prompt(`Clone with ${GITHUB}`)
      .tool('c1', { command: 'PASSWORD=hunter2hunter2 make' }, `told ${ANTHROPIC}\u001b[31m <b>`, true)
      .tool('c2', { command: 'true' }, 'fine')
      .call('It <script>alert(1)</script> works')
      .prompt('And now?')
      .call('Nothing', { input_tokens: 100, cache_read_input_tokens: 0, cache_creation_input_tokens: 0 });
    await writeFile(fileOf(home, 'one'), one.text);
    await writeFile(fileOf(home, 'two'), new Transcript('two', { start: Date.now() - 200 * 86400_000 }).prompt(`Clone with ${GITHUB}`).call('Old').text);
    await writeFile(fileOf(home, 'three'), new Transcript('three', { cwd: '/work/other' }).prompt('Else').call('Three').text);
    d = await startDaemon({ env: { HOME: home, TZ: 'UTC' } });
    await until('three sessions with usage', async () => (await get('usage?by=session')).rows.length === 3 && (await get('sessions/one')).turns === 2);
  });
  after(async () => {
    await d.well();
    await d.stop();
    await rm(home, { recursive: true, force: true });
  });

  it('have a timeline of their turns', async () => {
    const t = await get('sessions/one/timeline');
    assert.deepEqual({ total: t.total, limit: t.limit, offset: t.offset, next: t.next_cursor }, { total: 2, limit: 50, offset: 0, next: null });
    const [a, b] = t.data;
    assert.deepEqual([a.turn, b.turn], [1, 2]);
    assert.equal(a.model, 'claude-opus-4-5');
    assert.deepEqual([a.tools, a.tools_failed, b.tools, b.tools_failed], [2, 1, 0, 0]);
    assert.deepEqual([a.input_tokens, a.cache_read_tokens, a.cache_write_5m_tokens, a.output_tokens], [30, 210, 60, 15]);
    assert.equal(a.cache_hit_rate, 0.7);
    assert.equal(b.cache_hit_rate, 0);
    assert.equal(a.cost_source, 'computed');
    assert.ok(Math.abs(a.cost_usd - (30 * 5 + 210 * 0.5 + 60 * 6.25 + 15 * 25) / 1e6) < 1e-9, `${a.cost_usd}`);
    assert.ok(Date.parse(a.started) < Date.parse(b.started));
    assert.equal(b.prompt, 'And now?');
    for (const turn of t.data) {
      for (const name of ['ended', 'duration_ms', 'outcome', 'pane', 'first_line', 'last_line']) assert.ok(name in turn, name);
      assert.deepEqual([turn.pane, turn.first_line, turn.last_line], [null, null, null]);
    }
    const { usage } = await get('sessions/one');
    assert.equal(usage.input_tokens, a.input_tokens + b.input_tokens);
    assert.ok(Math.abs(usage.cost_usd - a.cost_usd - b.cost_usd) < 1e-9);
  });

  it('have timelines in pages', async () => {
    const first = await get('sessions/one/timeline?limit=1');
    assert.deepEqual([first.data.length, first.total, first.next_cursor], [1, 2, 1]);
    const second = await get(`sessions/one/timeline?limit=1&cursor=${first.next_cursor}`);
    assert.equal(second.data[0].turn, 2);
    assert.equal((await get('sessions/one/timeline?limit=1&offset=1')).data[0].turn, 2);
    assert.deepEqual((await get('sessions/one/timeline?cursor=2')).data, []);
    for (const path of ['sessions/one/timeline?limit=201', 'sessions/one/timeline?reveal=2', 'usage/cache?by=day', 'usage/cache?since=noon'])
      assert.equal((await d.request('GET', `/api/v1/${path}`)).json.error, 'bad_params', path);
    assert.equal((await d.request('GET', '/api/v1/sessions/none/timeline')).status, 404);
  });

  it('give their tool calls by what they are', async () => {
    const calls = async (query) => {
      const p = await get(`sessions/one/traces?${query}`);
      return [p.data.map((t) => t.call), p.total, p.next_cursor === null];
    };
    assert.deepEqual(await calls('tool=Bash'), [['c1', 'c2'], 2, true]);
    assert.deepEqual(await calls('tool=bash'), [[], 0, true]);
    assert.deepEqual(await calls('outcome=failed,denied,interrupted'), [['c1'], 1, true]);
    assert.deepEqual(await calls('outcome=ok,open'), [['c2'], 1, true]);
    assert.deepEqual(await calls('min_ms=1000'), [['c1', 'c2'], 2, true]);
    assert.deepEqual(await calls('min_ms=1001'), [[], 0, true]);
    assert.deepEqual(await calls('q=MAKE'), [['c1'], 1, true]);
    assert.deepEqual(await calls('q=%25'), [[], 0, true], 'it is text, no pattern');
    assert.deepEqual(await calls('tool=Bash&q=true&outcome=ok&min_ms=1'), [['c2'], 1, true]);
    assert.deepEqual(await calls('tool=Bash&limit=1'), [['c1'], 2, false]);
    assert.deepEqual(await calls('tool=Bash&limit=1&offset=1'), [['c2'], 2, false]);
    const { next_cursor: next } = await get('sessions/one/traces?tool=Bash&limit=1');
    assert.deepEqual((await calls(`tool=Bash&cursor=${next}`))[0], ['c2']);
    for (const query of ['outcome=good', 'outcome=fail', 'min_ms=x', 'min_ms=-1'])
      assert.equal((await d.request('GET', `/api/v1/sessions/one/traces?${query}`)).json.error, 'bad_params', query);
    assert.equal((await d.request('GET', '/api/v1/sessions/none/traces?tool=x')).status, 404);
  });

  it('say what each tool was like', async () => {
    const s = await get('sessions/one/traces/stats');
    const row = { calls: 2, failed: 1, median_ms: 1000, p95_ms: 1000, max_ms: 1000, total_ms: 2000 };
    assert.deepEqual(s, { tools: [{ name: 'Bash', ...row }], all: row });
    const none = { calls: 0, failed: 0, median_ms: null, p95_ms: null, max_ms: null, total_ms: null };
    assert.deepEqual(await get('sessions/three/traces/stats'), { tools: [], all: none });
    assert.equal((await d.request('GET', '/api/v1/sessions/none/traces/stats')).status, 404);
    // One that takes 10, 20 ... 1000 ms, and one of another tool that has no end.
    const { id } = await d.ok('POST', 'sessions', { agent: 'mine', native: 'ranks' });
    const events = Array.from({ length: 100 }, (_, i) => [
      { type: 'tool_call', call: `r${i}`, name: 'Sleep', input: { i } },
      { type: 'tool_result', call: `r${i}`, output: '', duration_ms: (((i * 37) % 100) + 1) * 10 },
    ]).flat();
    events.push({ type: 'tool_call', call: 'open', name: '<b>', input: {} });
    const body = events.map((e, i) => line({ seq: i + 1, ...e })).join('');
    const r = await d.request('POST', `/api/v1/sessions/${id}/events`, { body });
    assert.equal(r.status, 200, r.text);
    const { tools, all } = await get(`sessions/${id}/traces/stats`);
    assert.deepEqual(tools.map((t) => [t.name, t.calls, t.failed, t.median_ms, t.p95_ms, t.max_ms, t.total_ms]), [
      ['Sleep', 100, 0, 500, 950, 1000, 50_500], ['<b>', 1, 0, null, null, null, null]]);
    assert.deepEqual([all.calls, all.median_ms, all.p95_ms], [101, 500, 950]);
    assert.equal((await get(`sessions/${id}/traces?outcome=open`)).data[0].call, 'open');
    assert.equal((await get(`sessions/${id}/traces?min_ms=500`)).total, 51);
    assert.equal((await get(`sessions/${id}/traces?min_ms=0`)).total, 100, 'not known is not long');
    await d.ok('DELETE', `sessions/${id}`);
  });

  it('say where a turn, a message and a call is', async () => {
    const place = (at) => get(`sessions/one/place?at=${at}`);
    const all = (await get('sessions/one/messages')).data;
    const tools = (await get('sessions/one/traces')).data;
    assert.deepEqual(await place('n1'), { turn: 1, messages: 0, traces: 0 });
    const second = all.findIndex((m) => m.turn === 2);
    assert.deepEqual(await place('n2'), { turn: 2, messages: second, traces: 2 });
    assert.deepEqual(await place('n3'), { turn: 3, messages: all.length, traces: 2 });
    for (const [i, m] of all.entries()) assert.equal((await place(`m${m.id}`)).messages, i);
    for (const [i, t] of tools.entries()) assert.equal((await place(`t${t.id}`)).traces, i);
    assert.equal((await place(`m${all[second].id}`)).traces, 2);
    assert.equal((await place(`t${tools[0].id}`)).messages, 1, 'behind the prompt');
    const status = async (path) => (await d.request('GET', `/api/v1/sessions/${path}`)).status;
    assert.equal(await status('one/place?at=m999999'), 404);
    assert.equal(await status(`two/place?at=m${all[0].id}`), 404, 'of another session');
    for (const at of ['', '?at=', '?at=m', '?at=x1', '?at=1', '?at=n-1']) assert.equal(await status(`one/place${at}`), 400, at);
  });

  it('have sub-agents that can be asked for, and prompts that can be cut', async () => {
    const parent = await d.ok('POST', 'sessions', { agent: 'mine', native: 'parent' });
    const child = await d.ok('POST', 'sessions', { agent: 'mine', native: 'child', parent: 'parent' });
    const subs = async (of) => (await get(`sessions?parent=${of}`)).data.map((s) => s.id);
    assert.deepEqual(await subs('parent'), [child.id]);
    assert.deepEqual(await subs(parent.id), [child.id]);
    assert.deepEqual(await subs('child'), []);
    await d.ok('DELETE', `sessions/${parent.id}`);
    const [turn] = (await get('sessions/one/timeline?text_max=5')).data;
    assert.deepEqual([turn.prompt, typeof turn.prompt_bytes], ['Clone', 'number']);
  });

  it('say how well caches were hit', async () => {
    const s = await get('usage/cache?by=session');
    assert.deepEqual(s.rows.map((r) => r.key).sort(), ['one', 'three', 'two']);
    const one = s.rows.find((r) => r.key === 'one');
    assert.deepEqual([one.calls, one.input_tokens, one.cache_read_tokens, one.cache_write_tokens], [4, 130, 210, 60]);
    assert.equal(one.hit_rate, 210 / 400);
    assert.equal(s.totals.calls, 6);
    const m = await get('usage/cache?by=model');
    assert.deepEqual(m.rows.map((r) => [r.key, r.calls]), [['claude-opus-4-5', 6]]);
    const p = await get('usage/cache?by=prefix');
    assert.deepEqual(p.rows.map((r) => r.calls).sort(), [1, 5], 'one and two begin alike, three does not');
    assert.match(p.rows[0].key, /^[0-9a-f]{16}$/);
    assert.equal(p.rows.find((r) => r.calls === 1).prompt, 'Else');
    assert.equal((await get('usage/cache?since=1d')).totals.calls, 5);
    assert.equal((await get('usage/cache?until=100w')).totals.hit_rate, null);
    const cli = await d.cli(['usage', '--cache']);
    assert.match(cli.out, /^session +CALLS/);
    assert.match(cli.out, /^one +4 +130 +210 +60 +52\.5 %/m);
    assert.match(cli.out, /^total +6 /m);
    assert.equal(JSON.parse((await d.cli(['usage', '--cache', '--by', 'model', '--json'])).out).by, 'model');
  });

  it('say what was used in a part of it', async () => {
    const day = at(LAST_HOUR).slice(0, 10);
    const days = await get('usage?by=day&split=model&hits=1');
    const sum = (rows) => rows.reduce((n, r) => n + r.input_tokens, 0);
    assert.equal(days.rows.length, 2);
    assert.equal(sum(days.rows), days.totals.input_tokens);
    for (const { models, ...row } of days.rows) assert.deepEqual(models, [{ ...row, key: 'claude-opus-4-5' }]);
    assert.ok(Math.abs(days.totals.cache_hit_rate - 350 / 600) < 1e-9, `${days.totals.cache_hit_rate}`);
    assert.equal(days.rows.at(-1).key, day);

    const keys = async (query) => (await get(`usage?${query}`)).rows.map((r) => r.key);
    assert.deepEqual(await keys(`by=session&day=${day}`), ['one', 'three']);
    assert.deepEqual(await keys('by=session&project=/work/other'), ['three']);
    assert.deepEqual(await keys(`by=session&agent=claude&model=claude-opus-4-5&day=${days.rows[0].key}`), ['two']);
    assert.deepEqual(await keys('by=project&session=three'), ['/work/other']);
    const none = await get('usage?model=other&hits=1');
    assert.deepEqual([none.rows, none.totals.input_tokens, none.totals.cost_usd, none.totals.cache_hit_rate], [[], null, null, null]);
    assert.equal((await get('usage?project=/work/other')).rows[0].models, undefined);
    assert.ok(!('cache_hit_rate' in (await get('usage')).totals), 'only where it is asked for');
    assert.equal((await d.request('GET', '/api/v1/usage?split=day')).json.error, 'bad_params');
  });

  it('are shown without their secrets, unless they are asked for', async () => {
    const id = (await get('sessions/one')).id;
    const shown = [];
    for (const path of ['sessions', `sessions/${id}`, `sessions/${id}/messages`, `sessions/${id}/traces`, `sessions/${id}/timeline`, 'usage/cache?by=prefix']) {
      const masked = (await d.request('GET', `/api/v1/${path}`)).text;
      for (const s of SECRETS) assert.ok(!masked.includes(s), `${path}: ${s}`);
      shown.push(masked, (await d.request('GET', `/api/v1/${path}${path.includes('?') ? '&' : '?'}reveal=1`)).text);
      if (!path.includes('traces')) assert.match(masked, /Clone with ghp_…\[masked\]/, path);
    }
    const { token } = await d.ok('POST', 'tokens', { read_only: true });
    for (const path of [`sessions/${id}`, `sessions/${id}/messages`, `sessions/${id}/traces`]) {
      const refused = await d.request('GET', `/api/v1/${path}?reveal=1`, { token });
      assert.deepEqual([refused.status, refused.json.error], [403, 'read_only']);
    }
    for (const s of SECRETS) assert.ok(shown.some((text) => text.includes(s)), `${s} is revealed`);
    const traces = (await get(`sessions/${id}/traces`)).data;
    assert.match(traces[0].input, /PASSWORD=…\[masked\] ?/);
    assert.match(traces[0].output, /^told sk-ant-…\[masked\]/);
    for (const cmd of [['ls'], ['show', 'one'], ['show', 'one', '--json'], ['export', 'one'], ['export', 'one', '--format', 'md'], ['export', 'one', '--format', 'html']]) {
      const masked = await d.cli(['sessions', ...cmd]);
      assert.equal(masked.status, 0, masked.err);
      for (const s of SECRETS) assert.ok(!masked.out.includes(s), `${cmd}: ${s}`);
      assert.ok((await d.cli(['sessions', ...cmd, '--reveal'])).out.includes(GITHUB), `${cmd} --reveal`);
    }
  });

  it('are kept in a file that nobody else can read, as they were', async () => {
    for (const name of ['panescry.db', 'panescry.db-wal']) assert.equal((await stat(join(d.dir, name))).mode & 0o777, 0o600, name);
    const all = (await readFile(join(d.dir, 'panescry.db'), 'latin1')) + (await readFile(join(d.dir, 'panescry.db-wal'), 'latin1'));
    for (const s of SECRETS) assert.ok(all.includes(s), s);
  });

  it('are exported as JSON, whole', async () => {
    const file = join(home, 'one.json');
    const r = await d.cli(['sessions', 'export', 'one', '--format', 'json', '-o', file]);
    assert.deepEqual([r.status, r.out], [0, ''], r.err);
    assert.equal((await stat(file)).mode & 0o777, 0o600);
    const o = JSON.parse(await readFile(file, 'utf8'));
    assert.equal(o.session.agent_session, 'one');
    assert.equal(o.usage.output_tokens, 20);
    assert.deepEqual(o.turns.map((t) => t.turn), [1, 2]);
    assert.deepEqual(o.tools.map((t) => t.outcome), ['failed', 'ok']);
    assert.equal(o.messages.length, (await get('sessions/one/messages')).total);
  });

  it('of any length are exported', async () => {
    const t = new Transcript('long').prompt('Count');
    for (let i = 0; i < 450; i++) t.tool(`l${i}`, { command: `echo ${i}` }, `${i}`);
    await writeFile(fileOf(home, 'long'), t.text);
    await until('450 tools', async () => (await d.request('GET', '/api/v1/sessions/long/traces?limit=1')).json.total === 450);
    await until('its last result', async () => (await get('sessions/long/traces?limit=1&offset=449')).data[0].output === '449');
    const o = JSON.parse((await d.cli(['sessions', 'export', 'long'])).out);
    assert.deepEqual(o.tools.map((x) => x.output), Array.from({ length: 450 }, (_, i) => `${i}`));
    const md = (await d.cli(['sessions', 'export', 'long', '--format', 'md'])).out;
    assert.equal(md.match(/^\*\*tool\*\* Bash/gm).length, 450);
  });

  it('are exported as documents that can be read and do nothing', async () => {
    const md = (await d.cli(['sessions', 'export', 'one', '--format', 'md'])).out;
    assert.match(md, /^# Clone with ghp_…\[masked\]$/m);
    assert.match(md, /^## Turn 2 /m);
    assert.ok(md.indexOf('told sk-ant') < md.indexOf('works') && md.indexOf('works') < md.indexOf('And now?'), 'in order');
    assert.doesNotMatch(md, /\x1b/);
    const html = (await d.cli(['sessions', 'export', 'one', '--format', 'html'])).out;
    assert.match(html, /^<!doctype html>/);
    assert.doesNotMatch(html, /<script|<b>alert|\x1b|https?:\/\//);
    assert.match(html, /It &#60;script&#62;alert\(1\)&#60;\/script&#62; works/);
    assert.match(html, /default-src 'none'/);
  });

  it('are not exported where that makes no sense', async () => {
    const file = join(home, 'kept');
    await writeFile(file, 'as it was');
    assert.equal((await d.cli(['sessions', 'export', 'none', '-o', file])).status, 2);
    assert.equal(await readFile(file, 'utf8'), 'as it was');
    assert.match((await d.cli(['sessions', 'export', 'one', '--format', 'pdf'])).err, /json, md or html/);
    assert.match((await d.cli(['sessions', 'export', 'one', '-o', join(home, 'no', 'where')])).err, /No such file/);
    assert.equal((await d.cli(['sessions', 'export', 'one', '-o', '/dev/full'])).status, 2);
    for (const cmd of [['rm'], ['rm', 'one', '--older-than', '9d'], ['export']]) assert.equal((await d.cli(['sessions', ...cmd])).status, 2, cmd.join(' '));
  });

  it('know the lines of their pane', { skip: !hasSqlite && 'needs sqlite3' }, async () => {
    const pane = await d.new(['sh', '-c', 'read x; seq 1 500; read x; seq 501 900; read x; seq 901 1300; cat']);
    await d.type(pane.id, 'a\n');
    await d.shows(pane.id, /^500$/m);
    const from = Date.now();
    await d.type(pane.id, 'b\n');
    await d.shows(pane.id, /^900$/m);
    const to = Date.now();
    const t = new Transcript('pane', { start: from - 1000 }).prompt('Go');
    t.time = to - 999; // the next turn
    t.prompt('On').call('Done');
    await writeFile(fileOf(home, 'pane'), t.text);
    await until('its turns', async () => (await d.request('GET', '/api/v1/sessions/pane')).json.turns === 2);
    // Who tells the daemon which pane it is, is not what this is about.
    execFileSync('sqlite3', [join(d.dir, 'panescry.db'), '.timeout 10000', `UPDATE sessions SET pane='${pane.id}' WHERE native='pane'`]);
    const { lines } = (await d.request('GET', `/api/v1/panes/${pane.id}/capture?history=all&format=json`)).json;
    const number = (text) => lines.find((l) => l.text === text).line;
    const range = async () => (await get('sessions/pane/timeline')).data[0];
    const turn = await range();
    assert.equal(turn.pane, pane.id);
    let all = JSON.stringify([turn.first_line, turn.last_line, number('100'), number('600'), number('900')]);
    assert.ok(turn.first_line <= number('600') && number('900') <= turn.last_line, `600 and 900 are within: ${all}`);
    assert.ok(number('100') < turn.first_line, `what came before is not: ${all}`);
    await d.type(pane.id, 'c\n');
    await d.shows(pane.id, /^1300$/m);
    const later = await range();
    all = JSON.stringify([later.first_line, later.last_line, number('860'), number('900')]);
    assert.equal(later.first_line, turn.first_line);
    assert.ok(number('860') <= later.last_line && later.last_line < number('900'), `what was on the screen at its end left it later: ${all}`);
  });

  it('are removed for good', async () => {
    const r = await d.request('DELETE', '/api/v1/sessions/two');
    assert.deepEqual([r.status, r.json], [200, { removed: 1 }]);
    assert.equal((await d.request('DELETE', '/api/v1/sessions/two')).status, 404);
    assert.equal((await d.request('DELETE', '/api/v1/sessions')).status, 400);
    assert.equal((await d.request('DELETE', '/api/v1/sessions?before=soon')).status, 400);
    assert.ok(!(await ids()).includes('two'));
    assert.ok(!(await get('usage?by=session')).rows.some((x) => x.key === 'two'));
    assert.equal((await d.cli(['sessions', 'rm', 'one', 'nobody'])).status, 2, 'one of them is not there');
    assert.ok(!(await ids()).includes('one'));
    for (const name of ['panescry.db', 'panescry.db-wal']) {
      const bytes = await readFile(join(d.dir, name), 'latin1');
      for (const s of [...SECRETS, 'alert(1)']) assert.ok(!bytes.includes(s), `${name}: ${s}`);
    }
  });

  it('that were removed are not taken up again when they grow, and others are', async () => {
    await appendFile(fileOf(home, 'one'), new Transcript('one').prompt('Again').call('More').text);
    await writeFile(fileOf(home, 'one-copy'), await readFile(fileOf(home, 'one'), 'utf8'));
      await appendFile(fileOf(home, 'three'), new Transcript('three').prompt('More').text.replaceAll('three-1', 'three-x'));
    await until('what was added to another', async () => (await get('sessions/three')).turns === 2);
    await until('the files', async () => (await d.info()).sessions.files >= 6);
    assert.ok(!(await ids()).includes('one'), 'nor by a copy');
  });

  it('are removed by their age', async () => {
    await writeFile(fileOf(home, 'aged'), new Transcript('aged', { start: Date.now() - 100 * 86400_000 }).prompt('Old').text);
    await until('an old one', async () => (await ids()).includes('aged'));
    const r = await d.cli(['sessions', 'rm', '--older-than', '90d']);
    assert.deepEqual([r.status, r.out], [0, '1 removed\n'], r.err);
    assert.equal((await d.cli(['sessions', 'rm', '--older-than', '90d'])).status, 1, 'there are no more');
    assert.ok((await ids()).includes('three'));
  });
});

describe('old sessions of agents', () => {
  it('go by themselves where that is set, and come back when they go on', async () => {
    const home = await makeHome('sessions_days = 30\n');
    const old = new Transcript('old', { start: Date.now() - 40 * 86400_000 }).prompt('Then').call('Long ago');
    await writeFile(fileOf(home, 'old'), old.text);
    await writeFile(fileOf(home, 'new'), new Transcript('new').prompt('Now').call('Just now').text);
    const d = await startDaemon({ env: { HOME: home, PANESCRY_CONFIG: join(home, 'conf') } });
    try {
      await until('only the new one', async () => {
        const { data } = await d.ok('GET', 'sessions');
        return (await d.info()).sessions.settled && data.length === 1 && data[0].agent_session === 'new';
      });
      old.text = '';
      old.time = Date.now() - 5000;
      await appendFile(fileOf(home, 'old'), old.prompt('Go on').call('Going on').text);
      const m = await until('what was added', async () => {
        const r = await d.request('GET', '/api/v1/sessions/old/messages');
        return r.status === 200 && r.json.data.length === 2 && r.json.data;
      });
      assert.deepEqual(m.map((x) => x.text), ['Go on', 'Going on']);
    } finally {
      await d.stop();
      await rm(home, { recursive: true, force: true });
    }
  });
});

describe('sessions of agents beyond the most', () => {
  it('are removed, those that were at work the longest ago', async () => {
    const home = await makeHome('max_sessions = 2\n');
    for (const days of [4, 1, 3, 2])
      await writeFile(fileOf(home, `s${days}`), new Transcript(`s${days}`, { start: Date.now() - days * 86400_000 }).prompt('Then').call('Done').text);
    const d = await startDaemon({ env: { HOME: home, PANESCRY_CONFIG: join(home, 'conf') } });
    try {
      const left = async () => (await d.ok('GET', 'sessions')).data.map((s) => s.agent_session).sort().join(' ');
      await until('the newest two', async () => (await d.info()).sessions.settled && (await left()) === 's1 s2');
    } finally {
      await d.stop();
      await rm(home, { recursive: true, force: true });
    }
  });
});

describe('prices of one’s own', () => {
  it('count before those of the program', async () => {
    const home = await makeHome('prices = ~/prices.json\n');
    await writeFile(join(home, 'prices.json'), JSON.stringify({ 'claude-opus-4-5': { input_cost_per_token: 0.001, output_cost_per_token: 0.002 } }));
    await writeFile(fileOf(home, 'one'), new Transcript('one').prompt('x').call('y', { cache_read_input_tokens: 0, cache_creation_input_tokens: 0 }).text);
    const d = await startDaemon({ env: { HOME: home, PANESCRY_CONFIG: join(home, 'conf') } });
    try {
      const { totals } = await until('usage', async () => {
        const u = await d.ok('GET', 'usage');
        return u.totals.output_tokens === 5 && u;
      });
      assert.ok(Math.abs(totals.cost_usd - (10 * 0.001 + 5 * 0.002)) < 1e-9, `${totals.cost_usd}`);
    } finally {
      await d.stop();
      await rm(home, { recursive: true, force: true });
    }
  });

  it('that cannot be read are complained about', async () => {
    const home = await makeHome();
    const start = async (conf) => {
      await writeFile(join(home, 'conf'), conf);
      const args = ['serve', '--foreground', '--listen', '127.0.0.1:0', '--socket', join(home, 's.sock'), '--state-dir', home];
      return panescry(args, { env: { ...cleanEnv(), HOME: home, PANESCRY_CONFIG: join(home, 'conf') } });
    };
    try {
      let r = await start('prices = ~/none.json\n');
      assert.notEqual(r.status, 0);
      assert.match(r.err, /none\.json: No such file or directory/);
      await writeFile(join(home, 'bad.json'), '{"gpt-5": 3}');
      r = await start('prices = ~/bad.json\n');
      assert.match(r.err, /bad\.json: prices: "gpt-5" is not an object/);
      await writeFile(join(home, 'bad.json'), 'no JSON');
      r = await start('prices = ~/bad.json\n');
      assert.match(r.err, /bad\.json: prices: not a JSON object/);
      r = await start('prices = here.json\n');
      assert.match(r.err, /conf:1: prices must be a path/);
      r = await start('sessions_days = -1\n');
      assert.match(r.err, /sessions_days must be a number from 0 to 36500/);
    } finally {
      await rm(home, { recursive: true, force: true });
    }
  });
});
