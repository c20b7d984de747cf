// Jobs and sessions that change the same file at the same time.

import assert from 'node:assert/strict';
import { appendFile, mkdir, realpath, rm, symlink } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { after, afterEach, before, beforeEach, describe, it } from 'node:test';
import { privateDir, startDaemon } from './lib/daemon.mjs';
import { killWorker, startKept } from './lib/keeper.mjs';
import { Listener } from './lib/listener.mjs';
import { assertDone } from './lib/run.mjs';
import { until } from './lib/until.mjs';

const TERMINAL = new Set(['completed', 'failed', 'cancelled', 'timed_out', 'orphaned']);

describe('collisions', () => {
  let d, home, work, l;
  let calls = 0;

  /** A transcript of Claude Code; of a sub-agent with `agentId`. */
  class Transcript {
    constructor(session, { agentId, cwd = work, age = 0 } = {}) {
      Object.assign(this, { session, agentId, cwd, age, n: 0 });
      const dir = join(home, '.claude', 'projects', '-w');
      this.file = agentId ? join(dir, session, 'subagents', `agent-${agentId}.jsonl`) : join(dir, `${session}.jsonl`);
    }

    async write(type, message, more = {}) {
      const of = this.agentId ? { isSidechain: true, agentId: this.agentId } : {};
      const timestamp = new Date(Date.now() - this.age).toISOString();
      const o = { type, uuid: `${this.session}-${this.agentId ?? ''}-${++this.n}`, sessionId: this.session, timestamp, version: '2.1.0', cwd: this.cwd, ...of, message, ...more };
      await mkdir(dirname(this.file), { recursive: true });
      await appendFile(this.file, `${JSON.stringify(o)}\n`);
    }

    async call(name, input) {
      const id = `toolu_${++calls}`;
      await this.write('assistant', { id: `msg_${calls}`, role: 'assistant', model: 'claude-opus-4-5', content: [{ type: 'tool_use', id, name, input }], stop_reason: 'tool_use', usage: { input_tokens: 1, output_tokens: 1 } });
      return id;
    }

    /** An edit of that many lines from `line`, with the context that Claude Code shows. */
    async edit(file_path, line, count = 1) {
      const id = await this.call('Edit', { file_path, old_string: 'a', new_string: 'b' });
      const context = Math.min(3, line - 1);
      const hunk = {
        oldStart: line - context,
        oldLines: context + count + 3,
        newStart: line - context,
        newLines: context + count + 3,
        lines: [...Array(context).fill(' x'), ...Array(count).fill('-a'), ...Array(count).fill('+b'), ' y', ' y', ' y'],
      };
      await this.write(
        'user',
        { role: 'user', content: [{ type: 'tool_result', tool_use_id: id, content: 'The file has been updated.' }] },
        { toolUseResult: { filePath: file_path, oldString: 'a', newString: 'b', structuredPatch: [hunk] } },
      );
    }
  }

  const all = async (query = '') => (await d.ok('GET', `collisions${query}`)).collisions;
  const of = (path) => l.of('collision').filter((o) => o.path === path);
  const kinds = (path) => of(path).map((o) => o.kind);
  const hears = (path, kind) => l.hears(`${kind} of ${path}`, (o) => o.type === 'collision' && o.path === path && o.kind === kind, 30_000);
  const session = (name) =>
    until(`session ${name}`, async () => {
      const r = await d.request('GET', `/api/v1/sessions/${encodeURIComponent(name)}`);
      return r.status === 200 && r.json;
    }, 30_000);
  /** Two sessions collide on a path of its own: what was written before has been read. */
  const read = async (name) => {
    const path = join(work, name);
    await new Transcript(`${name}-1`).call('Write', { file_path: path, content: '' });
    await new Transcript(`${name}-2`).call('Write', { file_path: path, content: '' });
    await hears(path, 'same_line');
  };
  const post = async (command, more = {}) => {
    const r = await d.request('POST', '/api/v1/jobs', { json: { command, cwd: work, ...more } });
    assert.equal(r.status, 201, r.text);
    return r.json.id;
  };
  const running = (id) => until(`${id} to run`, async () => (await d.ok('GET', `jobs/${id}`)).pid);
  const cancel = async (...ids) => {
    for (const id of ids) {
      await d.request('POST', `/api/v1/jobs/${id}/cancel`, { json: {} });
      await until(`the end of ${id}`, async () => TERMINAL.has((await d.ok('GET', `jobs/${id}`)).state));
    }
  };

  before(async () => {
    home = await privateDir();
    work = await realpath(await privateDir());
    await mkdir(join(home, '.claude', 'projects', '-w'), { recursive: true });
    d = await startDaemon({ env: { HOME: home, TZ: 'UTC' } });
  });
  beforeEach(async () => {
    l = await Listener.on(d, ['collisions']);
    await l.hears('the state', (o) => o.type === 'state');
  });
  afterEach(() => l.close());
  after(async () => {
    await d.stop();
    await rm(home, { recursive: true, force: true });
    await rm(work, { recursive: true, force: true });
  });

  it('are none at first', async () => {
    assert.deepEqual(await all(), []);
    assert.equal((await d.ok('GET', 'status')).collisions, 0);
  });

  it('of two sessions are told by the lines', async () => {
    const [a, b] = [new Transcript('one'), new Transcript('two')];
    const same = join(work, 'same'), near = join(work, 'near'), far = join(work, 'far');
    await a.edit(same, 10, 5);
    await a.edit(near, 10, 5);
    await a.edit(far, 10, 5);
    await b.edit(same, 14, 2);
    await b.edit(near, 19);
    await b.edit(far, 20);
    const e = await hears(same, 'same_line');
    assert.deepEqual(Object.keys(e.a).sort(), ['agent', 'job', 'lines', 'pane', 'session', 'time']);
    const lines = [e.a, e.b].map((p) => [p.session, p.lines, p.agent, p.job, p.pane]);
    assert.deepEqual(lines.sort((x, y) => x[1][0] - y[1][0]), [
      [(await session('one')).id, [10, 14], 'claude', null, null],
      [(await session('two')).id, [14, 15], 'claude', null, null],
    ]);
    await hears(near, 'adjacent_line');
    await hears(far, 'different_area');
    await read('by-lines');
    assert.ok(!kinds(near).includes('same_line'));
    assert.deepEqual(kinds(far), ['different_area']);
  });

  it('are told once', async () => {
    const [a, b] = [new Transcript('once-a'), new Transcript('once-b')];
    const path = join(work, 'once');
    for (let i = 0; i < 20; i++) {
      await a.edit(path, 5);
      await b.edit(path, 5);
    }
    await hears(path, 'same_line');
    await read('told-once');
    const told = kinds(path);
    assert.deepEqual(told.length, new Set(told).size, told.join());
    const listed = (await all('?limit=1000')).filter((o) => o.path === path);
    assert.deepEqual(listed.map((o) => o.kind).reverse(), told);
  });

  it('can be asked for, the newest first', async () => {
    const list = await all('?limit=1000');
    assert.deepEqual(list.map((o) => o.id), list.map((_, i) => list.length - i));
    assert.deepEqual((await all('?limit=2')).map((o) => o.id), [list.length, list.length - 1]);
    assert.equal((await d.ok('GET', 'status')).collisions, list.length);
    assert.equal(assertDone(await d.cli(['status'])), `panes:0 collisions:${list.length}\n`);
    assert.deepEqual(await all('?since=2999-01-01T00:00:00Z'), []);
    assert.equal((await all('?since=10m&limit=1000')).length, list.length);
    const [state] = l.of('state');
    assert.deepEqual(state.collisions, list.slice(0, 100));
    for (const bad of ['limit=0', 'limit=1001', 'limit=x', 'since=yesterday', 'since=']) {
      const r = await d.request('GET', `/api/v1/collisions?${bad}`);
      assert.equal(r.status, 400, bad);
    }
  });

  it('are none of a session and its sub-agents', async () => {
    const path = join(work, 'family');
    await new Transcript('parent').edit(path, 10);
    await session('parent');
    const stranger = new Transcript('stranger');
    for (const agentId of ['a1', 'a2']) {
      const t = new Transcript('parent', { agentId });
      await t.edit(path, 10);
      await t.edit(join(work, agentId), 1);
      await stranger.edit(join(work, agentId), 1);
      await hears(join(work, agentId), 'same_line'); // it is seen, and it is another party
    }
    assert.deepEqual(kinds(path), []);
    await stranger.edit(path, 10);
    await hears(path, 'same_line');
    const { id } = await session('stranger');
    assert.ok(of(path).every((o) => o.a.session === id || o.b.session === id), JSON.stringify(of(path)));
  });

  it('are none of what only reads, or was long ago', async () => {
    const path = join(work, 'read');
    await new Transcript('old', { age: 11 * 60_000 }).edit(path, 1);
    await new Transcript('reader').call('Read', { file_path: path });
    await new Transcript('writer').edit(path, 1);
    await session('old');
    await session('reader');
    await session('writer');
    await read('of-readers');
    assert.deepEqual(kinds(path), []);
  });

  it('are of one path however it is written', async () => {
    const path = join(work, 'dots');
    await new Transcript('dots-1').call('Write', { file_path: join(work, 'x') + '/../dots', content: '' });
    await new Transcript('dots-2').call('Write', { file_path: './/dots', content: '' });
    await hears(path, 'same_line');
  });

  it('are not upset by what is hostile', async () => {
    const t = new Transcript('hostile');
    await t.call('Write', { file_path: join(work, 'big'), content: 'x'.repeat(10 << 20) });
    await t.call('Write', { file_path: '/' + 'x'.repeat(100_000), content: '' });
    await t.call('Write', { file_path: `${work}/nul\u0000l`, content: '' });
    await t.call('Write', { file_path: '../'.repeat(5000), content: '' });
    await t.call('Write', { file_path: { a: 1 }, content: [] });
    await t.call('Edit', { file_path: join(work, 'lines'), start_line: 1e308, end_line: -1 });
    await t.call('MultiEdit', { file_path: join(work, 'many'), edits: Array.from({ length: 10_000 }, (_, i) => ({ start_line: i + 1 })) });
    await t.call('apply_patch', { patch: `*** Begin Patch\n*** Update File: many\n${Array.from({ length: 10_000 }, (_, i) => `@@ -${i * 10 + 1} +${i * 10 + 1} @@\n-a\n+b\n`).join('')}` });
    await t.write('user', { role: 'user', content: [{ type: 'tool_result', tool_use_id: 'toolu_1', content: '' }] }, { toolUseResult: { filePath: join(work, 'many'), structuredPatch: Array(10_000).fill({ newStart: 1e15, lines: ['+', 7, null] }) } });
    // Of so many lines those of who comes first are the ones that are kept.
    await until('all of it to be read', async () => (await session('hostile')).tool_calls >= 7);
    await new Transcript('victim').edit(join(work, 'many'), 2551);
    await hears(join(work, 'many'), 'same_line');
    assert.ok((await d.ok('GET', 'status')).collisions > 0);
  });

  it('of two jobs that are watched are told', async () => {
    const path = join(work, 'jobs', 'shared');
    await mkdir(dirname(path));
    await symlink(dirname(path), join(work, 'link'));
    const loop = `while :; do echo x >>${path}; sleep 1; done`;
    const a = await post(['sh', '-c', loop], { watch: true, name: 'a', cwd: join(work, 'link') });
    const b = await post(['sh', '-c', loop], { watch: true, name: 'b', agent: 'codex' });
    const e = await hears(path, 'different_area');
    assert.deepEqual([e.a.job, e.b.job].sort(), [a, b].sort());
    assert.deepEqual([e.a.lines, e.b.lines, e.a.session], [null, null, null]);
    await cancel(a, b);
    assert.deepEqual(kinds(path), ['different_area']);
  });

  it('are none of a job that is not watched, or below .git', async () => {
    const dir = join(work, 'quiet');
    await mkdir(join(dir, '.git'), { recursive: true });
    await mkdir(join(dir, 'node_modules', 'x'), { recursive: true });
    await mkdir(join(dir, 'new'));
    const script = (end) => `while :; do echo x >>loud; echo x >>.git/index; echo x >>node_modules/x/y; mkdir -p deep/er; echo x >>deep/er/f; ${end} sleep 1; done`;
    const a = await post(['sh', '-c', script('echo x >>quiet;')], { cwd: dir });
    const b = await post(['sh', '-c', script('')], { cwd: dir, watch: true });
    const c = await post(['sh', '-c', script('')], { cwd: dir, watch: true });
    await hears(join(dir, 'loud'), 'different_area');
    await hears(join(dir, 'deep/er/f'), 'different_area');
    await cancel(a, b, c);
    for (const path of ['.git/index', 'node_modules/x/y'])
      assert.deepEqual(kinds(join(dir, path)), [], path);
    for (const o of l.of('collision')) assert.ok(o.a.job !== a && o.b.job !== a);
  });

  it('are none of a job and the session that it belongs to', async () => {
    const dir = join(work, 'own');
    await mkdir(dir);
    const path = join(dir, 'f');
    await new Transcript('owner').edit(path, 1);
    const { id } = await session('owner');
    const a = await post(['sh', '-c', 'while :; do echo x >>f; sleep 1; done'], { cwd: dir, watch: true, session: String(id) });
    await running(a);
    // The job's changes have been seen when one collides with another session's.
    await new Transcript('other').edit(path, 1);
    await l.hears('the collision with another', (o) => o.path === path && [o.a.job, o.b.job].includes(a), 30_000);
    await cancel(a);
    const owner = (o) => o.session === id;
    assert.ok(!of(path).some((o) => (owner(o.a) && o.b.job) || (owner(o.b) && o.a.job)), JSON.stringify(of(path)));
  });

  it('of a job whose file changed once, of two that could have, are none', async () => {
    const dir = join(work, 'build');
    await mkdir(dir);
    const b = await post(['sh', '-c', 'until test -e 3.o; do sleep 0.1; done; while :; do sleep 1; echo y >1.o; done'], { cwd: dir, watch: true });
    await running(b);
    const a = await post(['sh', '-c', 'for i in 1 2 3; do echo x >$i.o; done; sleep 1000'], { cwd: dir, watch: true });
    await hears(join(dir, '1.o'), 'different_area');
    await cancel(a, b);
    assert.deepEqual([...kinds(join(dir, '2.o')), ...kinds(join(dir, '3.o'))], []);
  });
});

it('collisions of jobs that a killed worker left are told by the next', async () => {
  const dir = await realpath(await privateDir());
  const d = await startKept({ env: { TZ: 'UTC' } });
  try {
    for (const name of ['a', 'b']) {
      const r = await d.request('POST', '/api/v1/jobs', { json: { command: ['sh', '-c', `while :; do test -e go && echo x >>${name}; test -e go && echo x >>f; sleep 1; done`], cwd: dir, watch: true } });
      assert.equal(r.status, 201, r.text);
      await until('it to run', async () => (await d.ok('GET', `jobs/${r.json.id}`)).pid);
    }
    await killWorker(d);
    await until('both to be taken up', async () => {
      const r = await d.request('GET', '/api/v1/jobs?state=running');
      return r.status === 200 && r.json.running === 2;
    });
    await appendFile(join(dir, 'go'), '');
    const [c] = await until('a collision', async () => {
      const { collisions } = await d.ok('GET', 'collisions');
      return collisions.some((o) => o.path === join(dir, 'f')) && collisions;
    }, 30_000);
    assert.deepEqual([c.a.job, c.b.job].sort(), ['j1', 'j2']);
  } finally {
    await d.stop();
    await rm(dir, { recursive: true, force: true });
  }
});
