// Every route of the API schema is asked, every kind of event and message heard, with real content;
// lib/schema.mjs checks what comes. At the end nothing of the schema may have been left out.

import assert from 'node:assert/strict';
import { appendFile, cp, mkdir, readFile, realpath, rm, symlink } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { part, privateDir } from './lib/daemon.mjs';
import { listed, Tmux } from './lib/follow.mjs';
import { startKept } from './lib/keeper.mjs';
import { Listener } from './lib/listener.mjs';
import { checkClientControl, checkTtyHello, checkTtyPreferences, keepBook, schema, seen, things } from './lib/schema.mjs';
import { TtyClient } from './lib/ttyd.mjs';
import { hasTmux } from './lib/tmux.mjs';
import { until } from './lib/until.mjs';

const AGENTS = fileURLToPath(new URL('../agents', import.meta.url));
const sample = (name) => join(AGENTS, 'samples', name);
const tmux = await hasTmux();

/** What these tests do not bring about, and why. */
const LEFT_OUT = new Map([
  ['Alarm', 'the disk would have to be full: store.test.mjs'],
  ['Match.run', 'a daemon before this one would have to have been there: search.test.mjs'],
  ['SessionTold.message', 'the store would have to fail'],
  ['TalkReset', '2,000 events would have to go by: talks.test.mjs'],
  ...(tmux ? [] : ['Capture.captured', 'Pane.tmux', 'PaneTmux', 'POST /api/v1/panes/:id/show 204'].map((x) => [x, 'no tmux'])),
]);

keepBook();

describe('what the daemon sends is what the schema says:', () => {
  let d, home, work, t;

  /** A request and the status that it must have. */
  const ask = async (status, method, path, more = {}) => {
    const r = await (more.local ? d.local : d.request)(method, path.startsWith('/') ? path : `/api/v1/${path}`, more);
    assert.equal(r.status, status, `${method} ${path}: ${r.text}`);
    return r.json;
  };
  const refused = async (status, code, method, path, more) =>
    assert.equal((await ask(status, method, path, more)).error, code, `${method} ${path}`);
  const get = (path) => ask(200, 'GET', path);
  const post = (status, path, json = {}) => ask(status, 'POST', path, { json });
  const ended = (id) =>
    until(`the end of ${id}`, async () => {
      const o = await get(`${id[0] === 'f' ? 'flows' : 'jobs'}/${id}`);
      return !['queued', 'running', 'pending', 'waiting'].includes(o.state) && o;
    });
  const session = (name) =>
    until(`session ${name}`, async () => {
      const r = await d.request('GET', `/api/v1/sessions/${name}`);
      return r.status === 200 && r.json;
    });
  /** Appends to a transcript of Claude Code. */
  let line = 0;
  const says = async (name, cwd, type, message, more = {}) => {
    const file = join(home, '.claude', 'projects', '-own', `${name}.jsonl`);
    await mkdir(dirname(file), { recursive: true });
    const o = { type, uuid: `u-${++line}`, sessionId: name, timestamp: new Date().toISOString(), version: '2.1.0', gitBranch: 'main', cwd, message, ...more };
    await appendFile(file, `${JSON.stringify(o)}\n`);
  };
  const prompts = (name, cwd, text, more) => says(name, cwd, 'user', { role: 'user', content: text }, more);
  const answers = (name, cwd, content, stop = null) =>
    says(name, cwd, 'assistant', { id: `msg_${line}`, role: 'assistant', model: 'claude-opus-4-5', content, stop_reason: stop, usage: { input_tokens: 9, cache_read_input_tokens: 90, output_tokens: 5 } });

  before(async () => {
    home = await privateDir();
    work = await realpath(await privateDir());
    await mkdir(join(home, 'bin'));
    await symlink(join(AGENTS, 'standin'), join(home, 'bin', 'claude'));
    await cp(sample('claude'), join(home, '.claude', 'projects', 'samples'), { recursive: true });
    await cp(sample('codex'), join(home, '.codex', 'sessions', '2026', '11', '21'), { recursive: true });
    if (tmux) {
      t = new Tmux(home);
      t.pane = await t.start({ script: 'seq 1 60; printf "before it came\\n"; exec cat' });
      await until('something before it came', async () => (await t.text(t.pane)).includes('before it came'));
    }
    d = await startKept({ env: { HOME: home, TMUX_TMPDIR: home, TZ: 'UTC', PYTHONDONTWRITEBYTECODE: '1', PATH: `${join(home, 'bin')}:${process.env.PATH}` } });
  });
  after(async () => {
    await d.well();
    await d.stop();
    await t?.stop();
    for (const dir of [home, work]) await rm(dir, { recursive: true, force: true });
  });

  it('panes', async () => {
    const l = await Listener.on(d, ['panes']);
    const styled = 'printf "\\033]2;a title\\007\\033[1;2;3;4;7;8;9;53;5;38;2;1;2;3;48;5;7;58;5;3mstyled\\033[m\\033]8;;http://x/\\033\\\\link\\033]8;;\\033\\\\\\n"';
    const osc = (what) => `printf "\\033]133;${what}\\007"`;
    const script = `${styled}; ${osc('A')}; printf '$ '; ${osc('B')}; printf 'ls\\r\\n'; ${osc('C')}; echo out; ${osc('D;0')}; seq 1 40; while read -r x; do printf "\\007$x\\n"; done`;
    const { id } = await post(201, 'panes', { command: ['sh', '-c', script], name: 'shell', cwd: work, cols: 80, rows: 24 });
    await d.shows(id, '40');
    await get('panes');
    await get(`panes/${id}`);
    await post(200, `panes/${id}/resize`, { cols: 90, rows: 30 });
    const v = await d.attach(id, { cols: 90, rows: 30 });
    for (const o of [{ type: 'ping' }, { type: 'ack', offset: v.next ?? 0 }, { type: 'resize', cols: 91, rows: 31 }, { type: 'snapshot', lines: 10 }]) {
      checkClientControl(o);
      v.control(o);
    }
    v.control({ type: 'what' });
    await v.hears('pong');
    await v.hears('error');
    await v.hears('viewers');
    await ask(204, 'POST', `panes/${id}/input`, { body: 'typed\n' });
    await v.hears('bell');
    await v.hears('resize');
    for (const format of ['text', 'ansi', 'json']) await get(`panes/${id}/capture?history=all&format=${format}`);
    assert.equal((await get(`panes/${id}/commands`)).commands.length, 1);
    await ask(200, 'POST', `panes/${id}/wait`, { json: { pattern: 't(y)(x)?ped', from: 'start' } });
    await get(`panes/${id}/search?pattern=out`);
    await get(`/api/term/sessions/native/panes/${id}/search?pattern=out&context=1`);
    await d.type(id, `${String.fromCharCode(4)}`);
    await d.exited(id);
    await v.finish(0);
    await until('the archive', async () => (await d.request('GET', `/api/v1/archive/lines?pane=${id}`)).status === 200);
    const title = await post(201, 'panes', { command: ['sh', '-c', 'read x; printf "\\033]2;named\\007"; read x'] });
    const w = await d.attach(title.id);
    w.input('\n');
    await w.hears('title');
    await w.close();
    await post(200, `panes/${title.id}/signal`, { signal: 'TERM' });
    await refused(409, 'not_tmux', 'POST', `panes/${title.id}/show`, { json: {} });
    await ask(200, 'DELETE', `panes/${title.id}`);
    await l.hears('the end of it', (o) => o.type === 'removed' && o.id === title.id);
    for (const type of ['state', 'started', 'exited']) await l.hears(type, (o) => o.type === type);
    await l.close();
  });

  it('panes of tmux', { skip: tmux ? false : 'no tmux' }, async () => {
    const id = t.id(t.pane);
    await listed(d, id);
    await d.shows(id, 'before it came');
    assert.equal((await get(`panes/${part(id)}`)).tmux.session, 'main');
    const { captured } = await get(`panes/${part(id)}/capture?format=json&history=all`);
    assert.ok(captured.length > 0);
    await t.attach();
    await ask(204, 'POST', `panes/${part(id)}/show`, { json: { line: 3 } });
    await get('search?pattern=before&source=capture&order=newest&context=1');
    assert.equal((await get('info')).tmux.servers[0].state, 'connected');
  });

  it('the daemon itself', async () => {
    await get('/healthz');
    assert.equal(await get('/metrics'), null);
    await get('info');
    await get('status');
    assert.ok((await get('routes')).routes.length >= 70);
    assert.equal((await d.request('GET', `/?token=${d.token}`, { token: null })).status, 303);
    const page = await d.request('GET', '/');
    const asset = `/${page.text.match(/assets\/app-\w+\.js/)[0]}`;
    await ask(200, 'GET', asset);
    const { headers } = await d.request('GET', asset);
    await ask(304, 'GET', asset, { headers: { 'if-none-match': headers.etag } });
    await ask(304, 'GET', '/', { headers: { 'if-none-match': page.headers.etag } });
    await post(201, 'tokens', { read_only: true, expires_in: 60 });
    await post(201, 'tokens', {});
    const visitor = await post(201, 'tokens', { name: 'visitor', once: true });
    const { id: shown } = await d.new(['cat']);
    await post(201, 'tokens', { pane: shown });
    await d.remove(shown);
    await get('tokens');
    await ask(200, 'DELETE', `tokens/${visitor.id}`);
    await ask(204, 'POST', '/api/v1/hooks', { local: true, json: {} });
  });

  it('watches', async () => {
    const l = await Listener.on(d, ['watches']);
    await l.hears('the state', (o) => o.type === 'state');
    const { id } = await d.sh('while read -r x; do echo "$x"; done');
    const all = { pattern: 'SEEN (\\d+)', icase: true, fixed: false, pane: id, command: 'true', url: 'http://127.0.0.1:9/', every_s: 0 };
    const w = await post(201, 'watches', all);
    await post(201, 'watches', { pattern: 'never', pane: null, command: null, url: null });
    await d.type(id, 'seen 1\n');
    await l.hears('that it fired', (o) => o.type === 'fired' && o.watch === w.id);
    assert.ok((await get('watches')).watches[0].fired > 0);
    await ask(200, 'DELETE', `watches/${w.id}`);
    await l.hears('that it is gone', (o) => o.type === 'removed');
    await l.hears('that it was made', (o) => o.type === 'created');
    await l.close();
  });

  it('sessions that were there', async () => {
    await until('all transcripts', async () => (await get('info')).sessions.settled);
    const { data } = await get('sessions?limit=200');
    assert.ok(data.length > 10 && new Set(data.map((s) => s.agent)).size > 1);
    for (const { id } of data) {
      await get(`sessions/${id}`);
      for (const what of ['messages', 'traces', 'timeline']) await get(`sessions/${id}/${what}?limit=200&text_max=10`);
      await get(`sessions/${id}/traces/stats`);
    }
    for (const by of ['day', 'model', 'agent', 'session', 'project']) await get(`usage?by=${by}&timezone=utc&split=model&hits=1`);
    const turns = (await get(`sessions/${data[0].id}/timeline`)).data;
    await get(`sessions/${data[0].id}/place?at=n${turns[0].turn}`);
    await refused(404, 'no_such_place', 'GET', `sessions/${data[0].id}/place?at=m999999`);
    await refused(404, 'no_such_lines', 'GET', 'archive/lines?pane=p999&from=1&to=2');
    for (const by of ['session', 'model', 'prefix']) await get(`usage/cache?by=${by}&text_max=10`);
    for (const role of ['user', 'assistant', 'thinking', 'system', 'tool']) await get(`search?pattern=e&source=sessions&context=1&role=${role}`);
    await ask(200, 'DELETE', `sessions/${data.at(-1).id}`);
    await ask(200, 'DELETE', 'sessions?before=2000-01-01T00:00:00Z');
  });

  it('sessions as they go on', async () => {
    const l = await Listener.on(d, ['sessions', 'session:own', 'session:nobody', 'panes']);
    await l.hears('the state', (o) => o.topic === 'sessions' && o.type === 'state');
    const { id } = await d.new(['bash', '-c', 'exec -a claude sleep 1000'], { cwd: work });
    await until('its process', async () => (await d.pane(id)).program === 'sleep');
    await prompts('own', work, 'Do something');
    const { id: number } = await session('own');
    const one = await Listener.on(d, [`session:${number}`]);
    await one.hears('its state', (o) => o.type === 'state');
    const long = 'x'.repeat(70_000);
    await answers('own', work, [{ type: 'thinking', thinking: 'Hm' }, { type: 'tool_use', id: 'toolu_1', name: 'Bash', input: { command: 'ls' } }], 'tool_use');
    await says('own', work, 'user', { role: 'user', content: [{ type: 'tool_result', tool_use_id: 'toolu_1', content: long, is_error: true }] });
    await says('own', work, 'system', undefined, { subtype: 'compact_boundary', content: 'Conversation compacted', compactMetadata: { trigger: 'auto', preTokens: 5 } });
    await says('own', work, 'system', undefined, { subtype: 'api_error', level: 'error', content: 'Overloaded', error: { status: 529 }, retryInMs: 10, retryAttempt: 1, maxRetries: 10 });
    await prompts('own', work, 'Not for people', { isMeta: true });
    await answers('own', work, [{ type: 'text', text: long }], 'end_turn');
    for (const channel of ['text', 'tool_call', 'tool_result', 'status', 'error']) await one.hears(channel, (o) => o.channel === channel);
    await one.hears('a remark', (o) => o.channel === 'status' && o.name);
    await one.hears('the end', (o) => o.channel === 'text' && o.truncated);
    await l.hears('the agent in its pane', (o) => o.type === 'agent' && o.agent?.state === 'waiting_input');
    assert.equal((await get('status')).agents.first.pane, id);
    assert.equal((await get(`turns?pane=${id}`)).turn.session, number);
    assert.equal((await get('turns?pane=p999')).turn, null);
    const late = await Listener.on(d, [`session:${number}`]);
    await late.hears('texts that were cut', (o) => o.type === 'state' && o.messages.at(-1).truncated && o.traces.at(-1).truncated);
    for (const x of [l, one, late]) await x.close();
  });

  it('sessions of other producers, and imports', async () => {
    const s = await post(201, 'sessions', { agent: 'maker', native: 'm-1', cwd: work, title: 'Made' });
    await post(200, 'sessions', { agent: 'maker', native: 'm-1' });
    const l = await Listener.on(d, [`session:${s.id}`]);
    await l.hears('its state', (o) => o.type === 'state');
    const lines = (...all) => ({ body: all.map((o) => `${JSON.stringify(o)}\n`).join('') });
    await ask(200, 'POST', `sessions/${s.id}/events`, lines(
      { seq: 1, type: 'message_start', message: 'a', role: 'assistant' },
      { seq: 2, type: 'text_delta', message: 'a', text: 'so ' },
      { seq: 5, type: 'text_delta', message: 'a', text: 'on' },
    ));
    await l.hears('more of a text', (o) => o.append);
    await l.close();
    const body = await readFile(sample('codex/asv_function_calls.jsonl'));
    await ask(200, 'POST', 'sessions/import?name=rollout.jsonl', { body });
    const cut = body.indexOf(10) + 1;
    await ask(200, 'POST', 'sessions/import?stream=s1&offset=0&name=rollout.jsonl', { body: body.subarray(0, cut) });
    await refused(409, 'bad_offset', 'POST', `sessions/import?stream=s1&offset=${cut + 5}`, { body: 'x' });
    await ask(200, 'POST', `sessions/import?stream=s1&offset=${cut}&end=1`, { body: body.subarray(cut) });
  });

  it('jobs', async () => {
    const l = await Listener.on(d, ['jobs']);
    await l.hears('the state', (o) => o.type === 'state');
    const command = ['sh', '-c', 'echo out; echo bad >&2; read x; printf "\\377$x\\n"; sleep 0.2; exit 3'];
    const { id } = await post(201, 'jobs', { command, cwd: work, name: 'one', env: { A: 'b' }, input: true, timeout_s: 60 });
    const one = await Listener.on(d, [`job:${id}`]);
    await one.hears('its state', (o) => o.type === 'state');
    await ask(204, 'POST', `jobs/${id}/input`, { body: 'in\n' });
    await one.hears('its output', (o) => o.type === 'output' && o.base64 !== undefined);
    await one.hears('its end', (o) => o.type === 'job' && o.job.state === 'failed');
    assert.equal((await ended(id)).tries.length, 1);
    await ask(200, 'GET', `jobs/${id}/channels/1`);
    await ask(206, 'GET', `jobs/${id}/channels/1`, { headers: { range: 'bytes=0-1' } });
    await refused(416, 'bad_range', 'GET', `jobs/${id}/channels/1`, { headers: { range: 'bytes=9999-' } });
    const late = await Listener.on(d, [`job:${id}`, 'job:j999']);
    await late.hears('what it wrote', (o) => o.type === 'state' && o.channels.some((c) => c.base64));
    const pty = await post(201, 'jobs', { command: ['sh', '-c', 'echo here; exec sleep 1000'], cwd: work, pty: true });
    const pane = await until('its pane', async () => (await get('panes?jobs=1')).panes.find((p) => p.job === pty.id));
    assert.equal(pane.kind, 'job');
    await post(200, `jobs/${pty.id}/resize`, { cols: 90, rows: 30 });
    await ask(204, 'POST', `jobs/${pty.id}/signal`, { json: { signal: 'CONT' } });
    await post(202, `jobs/${pty.id}/cancel`, { reason: 'enough' });
    await ended(pty.id);
    await post(200, 'jobs', { command: ['true'], cwd: work, wait_s: 30 });
    const slow = await post(202, 'jobs', { command: ['sleep', '1000'], cwd: work, wait_s: 0.05, dedup: true });
    await post(200, 'jobs', { command: ['sleep', '1000'], cwd: work, dedup: true });
    await post(202, `jobs/${slow.job}/cancel`);
    const again = await post(201, `jobs/${id}/retry`);
    await post(202, `jobs/${again.id}/cancel`);
    await ended(again.id);
    const retried = await post(201, 'jobs', { command: ['false'], cwd: work, retries: 1, retry_on: [1], backoff_s: [0.05] });
    assert.equal((await ended(retried.id)).tries.length, 2);
    const agent = await post(201, 'jobs', { command: ['claude', '-p', '--output-format', 'stream-json', '--verbose', 'say hi'], agent: 'claude', cwd: work });
    assert.notEqual((await ended(agent.id)).usage, null);
    await get('jobs?limit=2');
    await ask(204, 'DELETE', `jobs/${id}`);
    for (const x of [l, one, late]) await x.close();
  });

  it('streams', async () => {
    const { id } = await post(201, 'streams', { name: 's', channels: [1, 2] });
    await ask(200, 'POST', `streams/${id}/channels/1`, { body: 'one\n' });
    await refused(409, 'offset', 'POST', `streams/${id}/channels/1?offset=100`, { body: 'x' });
    await post(200, `streams/${id}/complete`, { channel: 1, exit_code: 0, duration_ms: 5 });
    await post(200, `streams/${id}/abort`, { reason: 'the disk is full' });
    await get(`jobs/${id}`);
    const other = await post(201, 'streams', {});
    await post(200, `streams/${other.id}/cancel`, { reason: 'no more' });
    await post(200, `jobs/${(await post(201, 'streams')).id}/cancel`);
  });

  it('flows', async () => {
    const l = await Listener.on(d, ['flows']);
    await l.hears('the state', (o) => o.type === 'state');
    const step = (name, more) => ({ name, command: ['sh', '-c', 'echo 1'], cwd: work, ...more });
    const definition = {
      name: 'build',
      steps: [
        step('make'),
        step('big', { command: ['sh', '-c', 'seq 1 50000'] }),
        step('ask', { type: 'approval', command: undefined, cwd: undefined, message: 'Go on?', depends_on: ['make'] }),
        { name: 'agent', type: 'agent', agent: 'claude', prompt: 'say hi', cwd: work, depends_on: ['ask'] },
      ],
    };
    await post(200, 'flows/validate', { definition });
    await refused(400, 'bad_flow', 'POST', 'flows/validate', { json: { definition: { steps: [step('a', { depends_on: ['b'] })] } } });
    const { id } = await post(201, 'flows', { definition });
    const waits = await until('the question', async () => {
      const run = await get(`flows/${id}`);
      return run.steps.some((s) => s.state === 'waiting') && run;
    });
    assert.equal(waits.steps[2].message, 'Go on?');
    await post(200, `flows/${id}/steps/ask/approve`, { approve: true, reason: 'yes' });
    assert.equal((await ended(id)).state, 'completed');
    await l.hears('a change', (o) => o.type === 'flow');
    const bad = await post(201, 'flows', { definition: { name: 'bad', steps: [step('f', { command: ['false'] })] } });
    await ended(bad.id);
    await post(200, `flows/${bad.id}/resume`);
    await ended(bad.id);
    await post(201, 'flows', { resume: bad.id });
    await ended(bad.id);
    const long = await post(201, 'flows', { definition: { name: 'long', steps: [step('s', { command: ['sleep', '1000'] })] } });
    await post(202, `flows/${long.id}/cancel`, { reason: 'enough' });
    await ended(long.id);
    await get('flows?limit=1');
    await ask(204, 'DELETE', `flows/${bad.id}`);
    await l.close();
  });

  it('talks', async () => {
    const talk = async (prompt, more) => (await post(201, 'talks', { agent: 'claude', cwd: work, prompt, ...more })).id;
    const events = new Map();
    const hears = (id, what, test) =>
      until(`${what} in ${id}`, async () => {
        const list = events.get(id) ?? [];
        const { events: more } = await get(`talks/${id}/events?after=${list.at(-1)?.seq ?? 0}&wait_ms=200`);
        events.set(id, list.concat(more));
        return events.get(id).find(test);
      });
    const type = (name) => (e) => e.type === name;
    const id = await talk('think first; say hello; tool Bash {"command":"ls"}; pieces one two; sub aside; garbage; ask Bash {"command":"rm x"}; big 20000');
    const l = await Listener.on(d, [`job:${id}`, 'jobs']);
    const { permission } = await hears(id, 'a question', type('permission'));
    const state = await get(`talks/${id}`);
    assert.equal(state.permissions.length, 1);
    await post(202, `talks/${id}/messages`, { text: 'hang', priority: 'later' });
    assert.equal((await get(`talks/${id}`)).queue.length, 1);
    await post(200, `talks/${id}/permissions/${permission.id}`, { allow: false, message: 'not that' });
    await hears(id, 'the end of the turn', type('turn_end'));
    await hears(id, 'the message', (e) => e.type === 'sent' && e.text === 'hang');
    await post(202, `talks/${id}/model`, { model: 'opus' });
    await post(202, `talks/${id}/interrupt`);
    await hears(id, 'the interruption', type('interrupt'));
    await post(202, `talks/${id}/messages`, { text: 'hang' });
    await hears(id, 'the next turn', (e) => e.type === 'sent' && e.message === 'm3');
    await post(202, `talks/${id}/messages`, { text: `x${'y'.repeat(20_000)}` });
    assert.equal((await get(`talks/${id}`)).queue[0].truncated, true);
    await post(202, `talks/${id}/end`);
    await hears(id, 'its end', type('ended'));
    await hears(id, 'what was dropped', type('dropped'));
    await l.hears('an event', (o) => o.type === 'talk');
    await l.hears('a phase', (o) => o.type === 'phase' && o.id === id);
    await l.close();
    await refused(409, 'ended', 'POST', `talks/${id}/messages`, { json: { text: 'x' } });
    // A question that says all that one can say.
    const request = {
      subtype: 'can_use_tool', tool_name: 'Bash', input: {}, tool_use_id: 'toolu_9', title: 'x'.repeat(20_000), display_name: 'Shell',
      description: 'Runs it', decision_reason: 'It writes', blocked_path: '/etc', agent_id: 'a1',
    };
    const other = await talk(`echo ${JSON.stringify({ type: 'control_request', request_id: 'r9', request })}; hang`);
    await hears(other, 'a question', type('permission'));
    await post(202, `talks/${other}/end`);
    await ended(other);
  });

  it('collisions', async () => {
    const l = await Listener.on(d, ['collisions']);
    await l.hears('the state', (o) => o.type === 'state');
    const write = [{ type: 'tool_use', id: 'w', name: 'Write', input: { file_path: join(work, 'same'), content: '' } }];
    for (const name of ['first', 'second']) await answers(name, work, write, 'tool_use');
    await l.hears('one', (o) => o.type === 'collision');
    assert.ok((await get('collisions')).collisions.length > 0);
    await l.close();
  });

  it('refusals', async () => {
    const { id } = await d.sh('exec cat', { name: 'cat' });
    const gone = await d.sh('true');
    await d.exited(gone.id);
    await refused(400, 'bad_pattern', 'GET', 'search?pattern=(');
    await refused(400, 'bad_pattern', 'POST', `panes/${id}/wait`, { json: { pattern: '(' } });
    await refused(400, 'bad_params', 'GET', 'search?pattern=x&limit=0');
    await refused(400, 'bad_id', 'GET', 'panes/a%20b');
    await refused(400, 'bad_json', 'POST', 'panes', { body: '{' });
    await refused(400, 'bad_query', 'GET', `/api/term/sessions/native/panes/${id}/search?pattern=(`);
    await refused(400, 'bad_params', 'GET', `/api/term/sessions/native/panes/${id}/search?pattern=x&limit=9999`);
    await refused(401, 'unauthorised', 'GET', 'panes', { token: null });
    const { token } = await post(201, 'tokens', { read_only: true });
    await refused(403, 'read_only', 'POST', 'panes', { token, json: {} });
    await refused(403, 'forbidden', 'POST', 'panes', { headers: { origin: 'http://elsewhere' }, json: {} });
    await refused(404, 'not_found', 'GET', 'nothing');
    await refused(404, 'no_such_pane', 'GET', 'panes/nobody');
    await refused(404, 'no_such_session', 'GET', 'search?pattern=x&source=sessions&session=nobody');
    await refused(405, 'bad_method', 'DELETE', 'panes');
    await refused(408, 'timeout', 'POST', `panes/${id}/wait`, { json: { pattern: 'never', timeout_ms: 1 } });
    await refused(409, 'pane_exited', 'POST', `panes/${gone.id}/input`, { body: 'x' });
    await refused(409, 'name_taken', 'POST', 'panes', { json: { command: ['true'], name: 'cat' } });
    await refused(413, 'too_large', 'POST', 'tokens', { body: 'x'.repeat(5000) });
    await refused(422, 'cannot_start', 'POST', 'panes', { json: { command: ['/nowhere/nothing'] } });
  });

  it('a client of ttyd', async () => {
    const { id } = await d.sh('cat');
    const page = `/p/${id}/`;
    await ask(302, 'GET', `/p/${id}`);
    await ask(303, 'GET', `${page}?token=${d.token}`, { token: null });
    const { headers } = await d.request('GET', page);
    await ask(304, 'GET', page, { headers: { 'if-none-match': headers.etag } });
    const { token } = await ask(200, 'GET', `${page}token`);
    const hello = { AuthToken: token, columns: 90, rows: 20 };
    checkTtyHello(hello);
    const c = await TtyClient.greet(d, `${page}ws`, hello);
    const told = await until('its preferences', () => c.messages.find((m) => m.type === '2'));
    checkTtyPreferences(JSON.parse(told.data));
    await c.leave();
  });

  it('answers of the Model Context Protocol', async () => {
    const mcp = (status, json) => ask(status, 'POST', '/mcp', { json });
    const read = { jsonrpc: '2.0', id: 'r', method: 'resources/read', params: { uri: 'panescry://panes/nobody' } };
    assert.deepEqual((await mcp(200, { jsonrpc: '2.0', id: 1, method: 'ping' })).result, {});
    assert.equal((await mcp(200, read)).error.data.uri, read.params.uri);
    assert.equal((await mcp(200, [read])).length, 1);
    await mcp(202, { jsonrpc: '2.0', method: 'notifications/initialized' });
    await mcp(400, {});
  });

  it('what was missed', async () => {
    const l = await Listener.on(d, ['panes'], 1e12);
    await l.hears('a reset', (o) => o.type === 'reset');
    l.ws.send('{"type":"what"}');
    await l.hears('an error', (o) => o.type === 'error');
    await l.close();
    const { pid } = await ask(202, 'POST', '/api/v1/upgrade', { local: true, json: {} });
    const next = await until('another worker', async () => {
      const r = await d.local('GET', '/api/v1/info').catch(() => null);
      return r?.status === 200 && r.json.pid !== pid && r.json;
    });
    assert.equal(next.keeper.upgrades, 1);
  });

  it('and nothing of it was left out', () => {
    const routes = Object.entries(schema.routes).flatMap(([r, answers]) => Object.keys(answers).map((s) => `${r} ${s}`));
    const told = Object.entries(schema.events).flatMap(([topic, types]) => Object.keys(types).map((x) => `event ${topic} ${x}`));
    const left = [...things(), ...routes, ...told].filter((x) => !seen.has(x));
    assert.deepEqual(left.sort(), [...LEFT_OUT.keys()].sort());
  });
});
