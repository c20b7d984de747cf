// Sessions as they go on: what listeners are told, what panes and the status line show, and which
// pane a session is in.

import assert from 'node:assert/strict';
import { appendFile, mkdir, readFile, realpath, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { privateDir } from './lib/daemon.mjs';
import { listed, startFollowed } from './lib/follow.mjs';
import { info, killWorker, startKept } from './lib/keeper.mjs';
import { Listener } from './lib/listener.mjs';
import { assertDone } from './lib/run.mjs';
import { until } from './lib/until.mjs';

const lines = (...all) => all.map((o) => `${JSON.stringify(o)}\n`).join('');

/** A transcript of Claude Code that grows under a home of one's own. */
class Transcript {
  constructor(home, session, cwd) {
    Object.assign(this, { session, cwd, n: 0, last: null });
    this.file = join(home, '.claude', 'projects', '-live', `${session}.jsonl`);
  }

  line(type, message, more = {}) {
    const uuid = `${this.session}-${++this.n}`;
    const o = { type, uuid, parentUuid: this.last, sessionId: this.session, timestamp: new Date().toISOString(), version: '2.1.0', cwd: this.cwd, message, ...more };
    this.last = uuid;
    return o;
  }

  prompt(text) {
    return this.line('user', { role: 'user', content: text });
  }

  says(content, stop = null) {
    const list = typeof content === 'string' ? [{ type: 'text', text: content }] : content;
    return this.line('assistant', { id: `msg_${this.session}_${this.n}`, model: 'claude-opus-4-5', role: 'assistant', content: list, stop_reason: stop, usage: { input_tokens: 1, output_tokens: 1 } });
  }

  calls(id, command) {
    return this.says([{ type: 'tool_use', id, name: 'Bash', input: { command } }], 'tool_use');
  }

  result(id, text, failed = false) {
    return this.line('user', { role: 'user', content: [{ type: 'tool_result', tool_use_id: id, content: text, is_error: failed }] });
  }

  write(...all) {
    return appendFile(this.file, lines(...all));
  }
}

/** A process whose first argument is that, in a pane. */
const runs = (d, name, cwd, more = {}) => d.new(['bash', '-c', `exec -a ${name} sleep 1000`], { cwd, ...more });

/** What a pane says that its process is: "process 123." */
const processIn = async (d, pane) => Number((await d.shows(pane, /process \d+\./)).match(/process (\d+)\./)[1]);

describe('sessions as they go on', () => {
  let d, home, work;
  const transcript = (session, cwd = '/nowhere') => new Transcript(home, session, cwd);
  const session = (name) => d.ok('GET', `sessions/${name}`);
  const known = (name) =>
    until(`session ${name}`, async () => {
      const r = await d.request('GET', `/api/v1/sessions/${name}`);
      return r.status === 200 && r.json;
    });
  const directory = async (name) => {
    const dir = join(work, name);
    await mkdir(dir);
    return dir;
  };

  before(async () => {
    home = await privateDir();
    work = await realpath(await privateDir());
    await mkdir(join(home, '.claude', 'projects', '-live'), { recursive: true });
    d = await startKept({ env: { HOME: home, TZ: 'UTC' } });
  });
  after(async () => {
    await d.well();
    await d.stop();
    await rm(home, { recursive: true, force: true });
    await rm(work, { recursive: true, force: true });
  });

  it('are told to who listens to all of them', async () => {
    const l = await Listener.on(d, ['sessions']);
    const state = await l.hears('the state', (o) => o.type === 'state');
    assert.deepEqual(state.sessions, []);
    const t = transcript('all');
    await t.write(t.prompt('  Make it\n\twork, ' + 'ä'.repeat(100)));
    const e = await l.hears('the session', (o) => o.type === 'session');
    assert.equal(e.topic, 'sessions');
    assert.equal(e.session.agent, 'claude');
    assert.equal(e.session.agent_session, 'all');
    assert.equal(e.session.title, 'Make it work, ' + 'ä'.repeat(66));
    assert.equal(e.session.state, 'working');
    assert.equal(e.session.phase, 'connecting');
    assert.equal(e.session.pane, null);
    assert.equal((await session('all')).title, e.session.title, 'the list has the same');
    await t.write(t.says('Done', 'end_turn'));
    await l.hears('that it waits', (o) => o.session?.state === 'waiting_input' && o.session.phase === 'idle');
    assert.equal(l.of('delta').length, 0, 'nobody listens to what is said');
    await l.close();
  });

  it('are told by channels, the same to all, with numbers without holes', async () => {
    const t = transcript('chan');
    await t.write(t.prompt('Begin'));
    const { id } = await known('chan');
    const a = await Listener.on(d, [`session:${id}`]);
    const b = await Listener.on(d, ['session:chan']); // by the agent's own id
    const first = await a.hears('a snapshot', (o) => o.type === 'state');
    const other = await b.hears('a snapshot', (o) => o.type === 'state');
    assert.equal(first.topic, `session:${id}`);
    assert.equal(other.topic, 'session:chan');
    assert.deepEqual([other.session, other.n, other.messages], [first.session, first.n, first.messages]);
    assert.deepEqual(first.messages.map((m) => [m.role, m.text]), [['user', 'Begin']]);
    assert.equal(first.session.phase, 'connecting');
    await t.write(
      t.says([{ type: 'thinking', thinking: 'Hm' }]),
      t.says('I will look'),
      t.calls('toolu_1', 'ls'),
      t.result('toolu_1', 'no such file', true),
      t.says('x'.repeat(100_000), 'end_turn'),
    );
    const end = (o) => o.type === 'delta' && o.channel === 'status' && o.phase === 'idle';
    await a.hears('the end', end);
    await b.hears('the end', end);
    const deltas = a.of('delta');
    assert.deepEqual(b.of('delta'), deltas);
    assert.deepEqual(deltas.map((o) => o.n), deltas.map((_, i) => first.n + 1 + i));
    assert.deepEqual(deltas.filter((o) => o.channel === 'text').map((o) => [o.role, o.text.slice(0, 20)]), [['thinking', 'Hm'], ['assistant', 'I will look'], ['assistant', 'x'.repeat(20)]]);
    const long = deltas.findLast((o) => o.channel === 'text');
    assert.deepEqual([long.text.length, long.truncated], [65536, true]);
    const call = deltas.find((o) => o.channel === 'tool_call');
    assert.deepEqual([call.call, call.tool, JSON.parse(call.text)], ['toolu_1', 'Bash', { command: 'ls' }]);
    const result = deltas.find((o) => o.channel === 'tool_result');
    assert.deepEqual([result.call, result.outcome, result.text], ['toolu_1', 'failed', 'no such file']);
    assert.deepEqual(deltas.filter((o) => o.channel === 'status').map((o) => o.phase), ['thinking', 'streaming', 'connecting', 'streaming', 'idle']);
    assert.ok(deltas.every((o) => o.topic === `session:${id}` && o.session === id));
    const c = await Listener.on(d, [`session:${id}`]);
    const late = await c.hears('a snapshot', (o) => o.type === 'state');
    assert.equal(late.n, deltas.at(-1).n);
    assert.equal(late.session.phase, 'idle');
    assert.deepEqual(late.traces.map((x) => [x.call, x.outcome]), [['toolu_1', 'failed']]);
    assert.equal(late.messages.at(-1).text.length, 65536);
    assert.equal(late.messages.at(-1).truncated, true);
    for (const l of [a, b, c]) await l.close();
  });

  it('are gone on with after a disconnection', async () => {
    const t = transcript('again');
    await t.write(t.prompt('Begin'));
    const { id } = await known('again');
    const topics = [`session:${id}`, 'sessions'];
    const a = await Listener.on(d, topics);
    await a.hears('a snapshot', (o) => o.type === 'state' && o.messages);
    await t.write(t.says('one'));
    await a.hears('one', (o) => o.text === 'one');
    await a.close();
    await t.write(t.says('two'));
    await until('two', async () => (await d.ok('GET', `sessions/${id}/messages`)).data.at(-1).text === 'two');
    const b = await Listener.on(d, topics, a.last);
    await b.hears('two', (o) => o.text === 'two');
    assert.deepEqual(b.of('reset'), []);
    assert.deepEqual(b.of('state'), []);
    const n = [...a.of('delta'), ...b.of('delta')].map((o) => o.n);
    assert.deepEqual(n, n.map((_, i) => n[0] + i), 'nothing twice and nothing missing');
    await b.close();
  });

  it('begin with a reset and a snapshot when too much has gone by', async () => {
    const t = transcript('flood');
    await t.write(t.prompt('Begin'));
    const { id } = await known('flood');
    const a = await Listener.on(d, [`session:${id}`]);
    await a.hears('a snapshot', (o) => o.type === 'state');
    await t.write(t.says('one'));
    await a.hears('one', (o) => o.text === 'one');
    await a.close();
    const many = 300;
    for (let i = 0; i < many; i++) await t.write(t.says(`${i} ${'y'.repeat(65_000)}`));
    await until('all of it', async () => (await session(id)).messages === many + 2);
    const b = await Listener.on(d, [`session:${id}`], a.last);
    const s = await b.hears('a snapshot', (o) => o.type === 'state');
    assert.equal(b.all[0].type, 'reset');
    assert.equal(s.truncated, true, 'no more than 1 MiB');
    assert.deepEqual(s.messages.map((m) => m.text.split(' ')[0]), Array.from({ length: s.messages.length }, (_, i) => String(many - s.messages.length + i)));
    assert.ok(s.messages.length > 10 && s.messages.length <= 50);
    await t.write(t.says('after that'));
    const next = await b.hears('what follows', (o) => o.type === 'delta');
    assert.deepEqual([next.n, next.text], [s.n + 1, 'after that']);
    await b.close();
  });

  it('that nobody listened to before begin with a reset and a snapshot, whatever is named', async () => {
    const t = transcript('quiet');
    await t.write(t.prompt('Begin'));
    const { id } = await known('quiet');
    const other = await Listener.on(d, ['panes']);
    await other.hears('the state', (o) => o.type === 'state');
    const seq = other.last;
    await t.write(t.says('unheard'));
    await until('it', async () => (await d.ok('GET', `sessions/${id}/messages`)).data.length === 2);
    other.subscribe([`session:${id}`], seq);
    const s = await other.hears('a snapshot', (o) => o.topic === `session:${id}`);
    assert.equal(s.type, 'state');
    assert.equal(s.messages.at(-1).text, 'unheard');
    assert.equal(other.of('reset').length, 2);
    other.subscribe(['session:no-such'], other.last);
    const none = await other.hears('an answer', (o) => o.topic === 'session:no-such');
    assert.equal(none.session, null);
    await other.close();
  });

  it('are linked to the one pane that their process runs in', async () => {
    const cwd = await directory('linked');
    const l = await Listener.on(d, ['panes']);
    await l.hears('the state', (o) => o.type === 'state');
    const p = await runs(d, 'claude', cwd, { name: 'agent' });
    assert.equal(p.agent, null);
    const t = transcript('link', cwd);
    await until('the process', async () => (await d.pane(p.id)).program === 'sleep');
    await t.write(t.prompt('Work in the pane'));
    const e = await l.hears('the agent', (o) => o.type === 'agent' && o.id === p.id);
    const { id, pane } = await session('link');
    assert.equal(pane, p.id);
    assert.deepEqual([e.agent.session, e.agent.agent, e.agent.state, e.agent.title], [id, 'claude', 'working', 'Work in the pane']);
    assert.deepEqual((await d.pane(p.id)).agent, e.agent);
    assert.equal(assertDone(await d.cli(['status'])), 'panes:1 working:1\n');
    assert.match(assertDone(await d.cli(['ls'])), /AGENT +COMMAND\n.* claude working +bash /);

    await t.write(t.says('Which one?', 'end_turn'));
    await l.hears('that it waits', (o) => o.agent?.state === 'waiting_input');
    assert.equal(assertDone(await d.cli(['status'])), `panes:1 waiting:1 (${p.id})\n`);
    assert.equal(assertDone(await d.cli(['status', '-f', '{?working:w}{waiting} {first}'])), `1 ${p.id}\n`);
    const { first } = (await d.ok('GET', 'status')).agents;
    assert.deepEqual(first, { pane: p.id, agent: 'claude', state: 'waiting_input', title: 'Work in the pane' });
    await l.close();

    // Another worker has it from the store.
    await killWorker(d);
    await until('the agent', async () => (await d.pane(p.id)).agent?.session === id);
    const again = await Listener.on(d, [`session:${id}`], l.last);
    const s = await again.hears('a snapshot', (o) => o.type === 'state');
    assert.equal(again.all[0].type, 'reset');
    assert.deepEqual(s.messages.map((m) => m.text), ['Work in the pane', 'Which one?']);
    await t.write(t.prompt('That one'));
    await again.hears('it goes on', (o) => o.text === 'That one' && o.n > s.n);

    // What ends at work has failed.
    await until('work', async () => (await d.pane(p.id)).agent?.state === 'working');
    await d.remove(p.id);
    await again.hears('its end', (o) => o.channel === 'status' && o.state === 'failed', 20_000).catch(async (x) => {
      throw new Error(`${x.message} ${JSON.stringify(await session('link'))}`);
    });
    await again.close();
  });

  it('are counted and told once, whenever the worker is killed', async () => {
    const all = [0, 1, 2].map((i) => transcript(`kill${i}`));
    let said = 0;
    const grow = async (n) => {
      for (; n > 0; n--, said++) for (const t of all) await t.write(t.says(`answer ${said}`));
    };
    const read = () =>
      until('all of it', async () => {
        for (const t of all) {
          const s = await session(t.session);
          if (s.messages !== said + 1 || s.usage.output_tokens !== said) return false;
        }
        return true;
      });

    for (const t of all) await t.write(t.prompt('Begin'));
    for (const t of all) await known(t.session);
    for (let round = 0; round < 4; round++) {
      await grow(3);
      await killWorker(d); // with some of it read, or none
      await read();
    }
    for (let round = 0; round < 3; round++) {
      await grow(1);
      await read();
    }
    const i = await killWorker(d); // what it has read is ahead of the places
    const l = await Listener.on(d, ['session:kill1']);
    const { messages } = await l.hears('a snapshot', (o) => o.type === 'state');
    assert.equal(messages.length, said + 1);
    const { sessions } = await until('it to be read', async () => (await info(d, (n) => n.pid === i.pid && n.sessions.settled)) || false);
    assert.ok(sessions.bytes_read > 0, 'some of it was read again');
    await grow(1);
    await l.hears('the last', (o) => o.text === `answer ${said - 1}`);
    assert.deepEqual(l.of('delta').filter((o) => o.channel === 'text').map((o) => o.text), [`answer ${said - 1}`]);
    await read();
    await l.close();
  });

  it('are not linked where two panes might be theirs', async () => {
    const two = await directory('two');
    const one = await directory('one');
    const panes = [await runs(d, 'claude', two), await runs(d, 'claude', two), await runs(d, 'claude', one)];
    for (const p of panes) await until('the process', async () => (await d.pane(p.id)).program === 'sleep');
    const unsure = transcript('unsure', two);
    await unsure.write(unsure.prompt('Which?'));
    await known('unsure');
    const sure = transcript('sure', one);
    await sure.write(sure.prompt('This one'));
    await until('the link of the other', async () => (await known('sure')).pane === panes[2].id);
    // Looks at both are one: by the next link, the first has been looked at twice.
    const next = await directory('next');
    panes.push(await runs(d, 'claude', next));
    await until('the process', async () => (await d.pane(panes[3].id)).program === 'sleep');
    const then = transcript('then', next);
    await then.write(then.prompt('And this'));
    await until('the link', async () => (await known('then')).pane === panes[3].id);
    assert.equal((await session('unsure')).pane, null);
    for (const p of panes) await d.remove(p.id);
  });

  it('have ended with their process, while the pane goes on', async () => {
    const cwd = await directory('ends');
    const p = await d.new(['bash', '-c', '(exec -a claude sleep 1000) & echo "process $!."; wait; exec cat'], { cwd });
    const pid = await processIn(d, p.id);
    const t = transcript('ends', cwd);
    await t.write(t.prompt('Work'));
    await until('the link', async () => (await d.pane(p.id)).agent?.state === 'working', 20_000);
    process.kill(pid, 'SIGKILL');
    await until('the end', async () => (await session('ends')).state === 'failed', 30_000);
    const { agent, state } = await until('no agent', async () => {
      const now = await d.pane(p.id);
      return now.agent === null && now;
    });
    assert.deepEqual([agent, state], [null, 'running']);
    await t.write(t.prompt('Resumed, elsewhere'));
    await until('it to go on', async () => (await session('ends')).state === 'working');
    assert.equal((await d.pane(p.id)).agent, null);
    await d.remove(p.id);
  });

  it('wait for a permission when the screen says so, and no longer than that', async () => {
    const cwd = await directory('asks');
    const ask = [' Bash command', '', '   rm -rf build', '', ' Do you want to proceed?', ' ❯ 1. Yes', "   2. Yes, and don't ask again for rm commands", '   3. No, and tell Claude what to do differently (esc)', ''];
    // The agent's process, and below it what writes on the screen when it is told to.
    const script = `read x; printf '%s\\n' ${ask.map((l) => `'${l.replaceAll("'", "'\\''")}'`).join(' ')}; read x; clear; printf 'Running\\n'; sleep 1000`;
    await writeFile(join(cwd, 'script'), script);
    const p = await d.new(['bash', '-c', 'stty -echo; exec -a claude bash script'], { cwd, env: { TERM: 'xterm' } });
    const t = transcript('asks', cwd);
    await until('the process', async () => (await d.pane(p.id)).program === 'bash');
    await t.write(t.prompt('Clean up'), t.calls('toolu_rm', 'rm -rf build'));
    await until('the link', async () => (await d.pane(p.id)).agent?.state === 'working', 20_000);
    const l = await Listener.on(d, ['session:asks']);
    await l.hears('a snapshot', (o) => o.type === 'state');
    await d.type(p.id, '\n');
    await l.hears('that it asks', (o) => o.state === 'waiting_permission' && o.phase === 'awaiting_approval', 20_000);
    assert.equal((await d.pane(p.id)).agent.state, 'waiting_permission');
    await d.type(p.id, '\n');
    await l.hears('that it goes on', (o) => o.type === 'delta' && o.state === 'working', 20_000);
    await l.close();
    await d.remove(p.id);
  });
});

describe('sessions in panes of tmux', () => {
  let f, home, cwd;
  before(async () => {
    home = await privateDir();
    cwd = await realpath(await privateDir());
    await mkdir(join(home, '.claude', 'projects', '-live'), { recursive: true });
    f = await startFollowed({ daemon: false });
    await f.daemon({ options: { env: { TMUX_TMPDIR: join(f.dir, 'tmux'), LC_ALL: 'C.UTF-8', HOME: home } } });
  });
  after(async () => {
    await f.stop();
    await rm(home, { recursive: true, force: true });
    await rm(cwd, { recursive: true, force: true });
  });

  it('are linked as those in others are', async () => {
    const pane = await f.t.sh(`cd ${cwd}; bash -c 'echo process $$.; exec -a claude sleep 1000'; exec cat`);
    await listed(f.d, f.t.id(pane));
    const pid = await processIn(f.d, f.t.id(pane));
    await until('the process', async () => (await readFile(`/proc/${pid}/cmdline`, 'utf8')).startsWith('claude\0'));
    const t = new Transcript(home, 'tmux', cwd);
    await t.write(t.prompt('In tmux'));
    const { agent } = await until('the agent', async () => {
      const p = await f.d.pane(f.t.id(pane));
      return p.agent && p;
    }, 30_000);
    assert.deepEqual([agent.agent, agent.state, agent.title], ['claude', 'working', 'In tmux']);
    assert.equal((await f.d.ok('GET', 'sessions/tmux')).pane, f.t.id(pane));
  });
});
