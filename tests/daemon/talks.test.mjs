// Live sessions with an agent: a stand-in (tests/agents/standin) that does what its prompts say.

import assert from 'node:assert/strict';
import { mkdir, readFile, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { startDaemon, privateDir } from './lib/daemon.mjs';
import { killWorker, startKept } from './lib/keeper.mjs';
import { Listener } from './lib/listener.mjs';
import { until } from './lib/until.mjs';

const STANDIN = fileURLToPath(new URL('../agents/standin', import.meta.url));

/** A directory of one's own, in which `claude` is the stand-in, and the environment for it. */
async function place() {
  const dir = await privateDir();
  await mkdir(join(dir, 'bin'));
  await symlink(STANDIN, join(dir, 'bin', 'claude'));
  return { dir, env: { PATH: `${join(dir, 'bin')}:${process.env.PATH}`, STANDIN_LOG: join(dir, 'stdin.log'), PYTHONDONTWRITEBYTECODE: '1' } };
}

/** What all stand-ins were sent, as objects. */
const sent = async (dir) => {
  const text = await readFile(join(dir, 'stdin.log'), 'utf8').catch(() => '');
  return text.split('\n').filter((l) => l !== '').map((l) => JSON.parse(l));
};
const said = (lines) => lines.filter((o) => o.type === 'user').map((o) => o.message.content[0].text);

/** A client of a talk: it asks for events, each behind the last one that it has. */
class Talk {
  static async begin(d, more = {}) {
    const job = await d.ok('POST', 'talks', { agent: 'claude', cwd: d.dir, ...more });
    assert.equal(job.kind, 'session');
    return new Talk(d, job.id);
  }

  constructor(d, id) {
    Object.assign(this, { d, id, next: 0, events: [] });
  }

  async poll(wait = 500) {
    const r = await this.d.local('GET', `/api/v1/talks/${this.id}/events?after=${this.next}&wait_ms=${wait}`).catch(() => null);
    if (r === null || r.status === 503) return; // a worker that has been killed, or that begins
    assert.equal(r.status, 200, r.text);
    for (const e of r.json.events) {
      if (e.type !== 'reset') assert.equal(e.seq, (this.events.at(-1)?.seq ?? e.seq - 1) + 1, 'no hole and nothing twice');
      this.events.push(e);
    }
    this.next = r.json.next;
  }

  /** The first event that is so, of those behind the mark. */
  async sees(what, match, from = 0) {
    const test = typeof match === 'function' ? match : (e) => Object.entries(match).every(([k, v]) => e[k] === v);
    return until(what, async () => {
      await this.poll(200);
      return this.events.slice(from).find(test);
    }).catch((e) => {
      throw new Error(`${e.message}; it saw ${JSON.stringify(this.events.slice(-30))}`);
    });
  }

  ask(method, path, json) {
    return this.d.request(method, `/api/v1/talks/${this.id}${path}`, { json });
  }
  async say(text, priority) {
    const r = await this.ask('POST', '/messages', { text, priority });
    assert.equal(r.status, 202, r.text);
    return r.json.message;
  }
  answer(permission, allow, more = {}) {
    return this.ask('POST', `/permissions/${permission}`, { allow, ...more });
  }
  async state() {
    const r = await this.ask('GET', '');
    assert.equal(r.status, 200, r.text);
    return r.json;
  }
  /** A turn has ended, behind the mark. */
  turn(from = 0) {
    return this.sees('the end of a turn', { type: 'turn_end' }, from);
  }
  idle() {
    return until(`${this.id} to be idle`, async () => (await this.state()).phase === 'idle');
  }
  of(type) {
    return this.events.filter((e) => e.type === type);
  }
  async end() {
    await this.ask('POST', '/end', {});
    return until(`the end of ${this.id}`, async () => {
      const job = await this.d.ok('GET', `jobs/${this.id}`);
      return job.state !== 'running' && job.state !== 'queued' && job;
    });
  }
}

describe('a live session', () => {
  let d;
  let where;
  before(async () => {
    where = await place();
    d = await startDaemon(where);
  });
  after(async () => {
    await d.well();
    await d.stop();
  });

  test('messages go in, and what the agent does comes out', async () => {
    const t = await Talk.begin(d, { prompt: 'think first; say hello; tool Bash {"command":"ls"}; pieces one two', model: 'opus' });
    const end = await t.turn();
    assert.equal(end.ok, true);
    assert.ok(end.cost_usd > 0);
    assert.deepEqual(t.of('phase').map((e) => e.phase).filter((p) => p !== 'idle').slice(0, 2), ['connecting', 'thinking']);
    assert.equal(t.of('text')[0].text, 'hello');
    assert.equal(t.of('thinking')[0].text, 'first');
    assert.deepEqual(t.of('tool')[0].input, { command: 'ls' });
    assert.equal(t.of('tool_result')[0].outcome, 'ok');
    assert.deepEqual(t.of('delta').map((e) => e.text), ['one ', 'two ']);
    await t.idle();
    const mark = t.events.length;
    const id = await t.say('say again');
    await t.sees('the answer', { type: 'text', text: 'again' }, mark);
    assert.equal(id, 'm2');
    const { session, queue, permissions } = await t.state();
    assert.match(session, /^[0-9a-f-]{36}$/);
    assert.deepEqual([queue, permissions], [[], []]);
    const job = await t.end();
    assert.equal(job.state, 'completed', JSON.stringify(job));
    assert.equal(job.exit_status, 0);
    assert.ok(job.command.join(' ').startsWith('claude -p --input-format stream-json --output-format stream-json --verbose --permission-prompt-tool stdio --model opus'));
    await t.sees('its end', { type: 'ended' });
    assert.equal((await t.ask('POST', '/messages', { text: 'x' })).status, 409);
    const lines = await sent(where.dir);
    assert.deepEqual(lines[0].request, { subtype: 'initialize', hooks: null });
  });

  test('secrets are masked for who looks on, and left to the agent', async () => {
    const token = `ghp_${'a1B2'.repeat(9)}`;
    const t = await Talk.begin(d, { prompt: `ask Bash {"command":"deploy --token ${token}","password":"hunter2"}; say it is ${token}` });
    const { permission } = await t.sees('the permission', { type: 'permission' });
    assert.deepEqual(permission.input, { command: 'deploy --token \u2026[masked]', password: '\u2026[masked]' });
    assert.deepEqual((await t.state()).permissions[0].input, permission.input);
    assert.equal((await t.answer('p1', true)).status, 200);
    await t.sees('the end', { type: 'turn_end' });
    const text = JSON.stringify(t.events);
    assert.ok(text.includes('it is ghp_\u2026[masked]') && !text.includes(token.slice(8)) && !text.includes('hunter2'), text);
    const answer = (await sent(where.dir)).find((o) => o.response?.response?.updatedInput?.password !== undefined);
    assert.deepEqual(answer.response.response.updatedInput, { command: `deploy --token ${token}`, password: 'hunter2' });
  });

  test('a permission is answered once, whoever asks', async () => {
    const t = await Talk.begin(d, { prompt: 'ask Bash {"command":"rm x"}; ask Write {"file":"y"}; ask Read {"file":"z"}' });
    const topic = `job:${t.id}`;
    const clients = await Promise.all([Listener.on(d, [topic]), Listener.on(d, [topic])]);
    const all = await Listener.on(d, ['jobs']);
    await all.hears('the state', (o) => o.type === 'state');
    const first = await t.sees('a permission', { type: 'permission' });
    assert.equal(first.permission.tool, 'Bash');
    assert.deepEqual(first.permission.input, { command: 'rm x' });
    assert.ok(Date.parse(first.permission.expires) > Date.now() + 200_000);
    const state = await t.state();
    assert.equal(state.phase, 'awaiting_approval');
    assert.deepEqual(state.permissions.map((p) => p.id), ['p1']);
    assert.equal(state.clients >= 2, true);
    const answers = await Promise.all(Array.from({ length: 20 }, (_, i) => t.answer('p1', i % 2 === 0, { message: 'no' })));
    assert.equal(answers.filter((r) => r.status === 200).length, 1);
    for (const r of answers.filter((r) => r.status !== 200)) assert.deepEqual([r.status, r.json.error], [409, 'answered']);
    await t.sees('the second', (e) => e.type === 'permission' && e.permission.id === 'p2');
    assert.equal((await t.answer('p2', false, { message: 'not that' })).status, 200);
    await t.sees('what it was told', (e) => e.type === 'tool_result' && e.text === 'not that');
    await t.sees('the third', (e) => e.type === 'permission' && e.permission.id === 'p3');
    assert.equal((await t.answer('p3', true, { input: { file: 'other' } })).status, 200);
    await t.sees('the other input', (e) => e.type === 'tool_result' && e.text.includes('other'));
    await t.turn();
    assert.equal(t.of('answered').length, 3);
    const phase = (of) => (o) => o.topic === 'jobs' && o.type === 'phase' && o.id === t.id && o.phase === of;
    await all.hears('that it asks', phase('awaiting_approval'));
    await all.hears('that it has done', phase('idle'));
    await all.close();
    // All clients were told the same.
    for (const c of clients) {
      await c.hears('the third answer', (o) => o.type === 'talk' && o.event.type === 'answered' && o.event.id === 'p3');
      const seqs = c.of('talk', topic).map((o) => o.event.seq);
      assert.deepEqual(seqs, seqs.map((_, i) => seqs[0] + i));
      await until('the rest of it', async () => {
        await t.poll(0);
        return t.next >= seqs.at(-1);
      });
      for (const o of c.of('talk', topic).slice(0, seqs.length)) assert.deepEqual(o.event, t.events.find((e) => e.seq === o.event.seq));
      await c.close();
    }
    await t.end();
  });

  test('nobody answers: no', async () => {
    const t = await Talk.begin(d, { prompt: 'ask Bash; say after', permission_timeout_s: 1 });
    const e = await t.sees('the time-out', { type: 'answered' });
    assert.equal(e.outcome, 'timed_out');
    await t.sees('what it was told', (e) => e.type === 'tool_result' && /in time/.test(e.text));
    await t.turn();
    assert.deepEqual([(await t.answer('p1', true)).status, (await t.answer('p9', true)).status], [409, 404]);
    await t.end();
  });

  test('what the agent takes back, and what it asks besides', async () => {
    const t = await Talk.begin(d, { prompt: 'ask_and_leave Bash; request hook_callback' });
    assert.equal((await t.sees('the end of it', { type: 'answered' })).outcome, 'cancelled');
    await t.sees('the error', (e) => e.type === 'text' && /Unsupported control request subtype: hook_callback/.test(e.text));
    await t.turn();
    await t.end();
  });

  test('now, next and later', async () => {
    const t = await Talk.begin(d, { prompt: 'hang' });
    await t.sees('the turn', { type: 'turn' });
    await t.say('say later', 'later');
    await t.say('say next 1', 'next');
    await t.say('say next 2');
    assert.deepEqual((await t.state()).queue.map((m) => m.text), ['say next 1', 'say next 2', 'say later']);
    await t.say('say now', 'now');
    await t.sees('the last', { type: 'text', text: 'later' });
    assert.deepEqual(t.of('text').map((e) => e.text), ['now', 'next 1', 'next 2', 'later']);
    assert.equal(t.of('turn_end')[0].ok, false);
    assert.equal(t.of('interrupt').length, 1);
    await t.idle();
    assert.deepEqual([(await t.ask('POST', '/interrupt', {})).status], [409]);
    const mark = t.events.length;
    await t.say('ask Bash');
    await t.sees('the permission', { type: 'permission' }, mark);
    assert.equal((await t.ask('POST', '/interrupt', {})).status, 202);
    assert.equal((await t.sees('it to be taken back', { type: 'answered' }, mark)).outcome, 'cancelled');
    await t.turn(mark);
    await t.end();
  });

  test('garbage, cut lines and long ones', async () => {
    const t = await Talk.begin(d, { prompt: 'garbage; truncate; big 100000; say still here' });
    await t.turn();
    assert.ok(t.of('note').some((e) => e.name === 'unreadable'));
    const big = t.of('text')[0];
    assert.equal(big.truncated, true);
    assert.equal(big.text.length, 16 * 1024);
    assert.equal(t.of('text')[1].text, 'still here');
    await t.end();
  });

  test('a client that comes back gets what it missed', async () => {
    const t = await Talk.begin(d, { prompt: 'say one' });
    await t.turn();
    const missed = new Talk(d, t.id);
    missed.next = t.events.find((e) => e.type === 'text').seq;
    await t.say('say two');
    await t.sees('two', { type: 'text', text: 'two' });
    await missed.sees('two', { type: 'text', text: 'two' });
    assert.ok(!missed.of('text').some((e) => e.text === 'one'));
    await until('both to have it all', async () => {
      await t.poll(0);
      await missed.poll(0);
      return t.next === missed.next;
    });
    for (const e of missed.events) assert.deepEqual(e, t.events.find((o) => o.seq === e.seq));
    // One that knows more than there is starts anew.
    const r = await t.ask('GET', '/events?after=99999');
    assert.equal(r.json.events[0].type, 'reset');
    assert.equal(r.json.events[1].seq, 1);
    // More than is kept.
    await t.idle();
    const mark = t.events.length;
    await t.say(Array(2500).fill('say x').join(';'));
    await t.turn(mark);
    const all = await t.ask('GET', '/events?after=1');
    assert.equal(all.json.events[0].type, 'reset');
    await t.end();
  });

  test('it ends when nobody is there', async () => {
    const t = await Talk.begin(d, { prompt: 'say hi', idle_end_s: 1 });
    await t.turn();
    const job = await until('its end', async () => {
      const j = await d.ok('GET', `jobs/${t.id}`);
      return j.state !== 'running' && j;
    });
    assert.equal(job.state, 'completed');
    await t.poll();
    assert.equal(t.of('ending').length, 1);
  });

  test('an agent that ends, fails or is cancelled', async () => {
    const gone = await Talk.begin(d, { prompt: 'hang' });
    await gone.sees('the turn', { type: 'turn' });
    await gone.say('say never', 'later');
    assert.equal((await d.request('POST', `/api/v1/jobs/${gone.id}/cancel`, { json: {} })).status, 202);
    await gone.sees('its end', { type: 'ended' });
    assert.deepEqual(gone.of('dropped').map((e) => e.message), ['m2']);
    assert.equal((await gone.state()).ended, true);

    const waiting = await Talk.begin(d, { prompt: 'ask Bash; wait 100', args: ['--status', '3'] });
    await waiting.sees('a permission', { type: 'permission' });
    await d.request('POST', `/api/v1/jobs/${waiting.id}/signal`, { json: { signal: 'KILL' } });
    assert.equal((await waiting.sees('the end of it', { type: 'answered' })).outcome, 'cancelled');
    await waiting.sees('its end', { type: 'ended' });
    assert.equal((await waiting.answer('p1', true)).status, 409);

    const limited = await Talk.begin(d, { prompt: 'rate_limit' });
    const end = await limited.turn();
    assert.equal(end.ok, false);
    assert.match(end.text, /hit your limit/);
    assert.ok(limited.of('note').some((e) => e.name === 'rate_limit'));
    await limited.end();
  });

  test('a session that is resumed keeps its first name', async () => {
    const t = await Talk.begin(d, { resume: 'aaaa-1', prompt: 'say hi' });
    await t.turn();
    assert.equal((await t.state()).session, 'aaaa-1');
    assert.equal(t.of('session').length, 1);
    assert.ok(t.of('note').some((e) => e.name === 'session'));
    const job = await t.end();
    assert.ok(job.command.join(' ').includes('--resume aaaa-1'));
  });

  test('what is wrong is refused', async () => {
    const bad = async (json) => {
      const r = await d.request('POST', '/api/v1/talks', { json });
      assert.equal(r.status, 400, `${JSON.stringify(json)}: ${r.text}`);
      assert.ok(r.json.error && r.json.message);
    };
    for (const o of [{}, { agent: 'other' }, { agent: 1 }, { agent: 'claude', model: '-x' }, { agent: 'claude', resume: '' },
      { agent: 'claude', args: 'x' }, { agent: 'claude', args: [1] }, { agent: 'claude', idle_end_s: -1 }, { agent: 'claude', permission_timeout_s: 0 },
      { agent: 'claude', cwd: 'relative' }, { agent: 'claude', command: ['sh'] }, { agent: 'claude', more: 1 }]) await bad(o);
    for (const [path, status] of [['talks/j99999', 404], ['talks/x', 404], ['talks/j99999/events', 404]])
      assert.equal((await d.request('GET', `/api/v1/${path}`)).status, status, path);
    const job = await d.ok('POST', 'jobs', { command: ['sleep', '1000'] });
    assert.equal((await d.request('GET', `/api/v1/talks/${job.id}`)).status, 409);
    await d.ok('POST', `jobs/${job.id}/cancel`, {});
    const t = await Talk.begin(d);
    for (const json of [{}, { text: '' }, { text: 1 }, { text: 'x', priority: 'soon' }, { text: 'x', priority: 1 }, { text: 'x'.repeat(129 * 1024) }])
      assert.equal((await t.ask('POST', '/messages', json)).status, 400, JSON.stringify(json).slice(0, 80));
    for (const json of [{}, { allow: 'yes' }, { allow: true, input: [] }, { allow: false, message: 1 }])
      assert.equal((await t.ask('POST', '/permissions/p1', json)).status, 400);
    assert.equal((await t.answer('p1', true)).status, 404);
    assert.equal((await d.request('GET', `/api/v1/talks/${t.id}/events?wait_ms=40000`)).status, 400);
    assert.equal((await d.request('POST', `/api/v1/talks/${t.id}/messages`, { token: null, json: { text: 'x' } })).status, 401);
    await t.end();
  });
});

test('a talk goes on with another worker', async () => {
  const where = await place();
  const d = await startKept(where);
  try {
    const t = await Talk.begin(d, { prompt: 'ask Bash {"n":1}; ask Bash {"n":2}; say done' });
    await t.sees('the first permission', { type: 'permission' });
    await killWorker(d);
    await t.sees('what there was', { type: 'permission' });
    await until('the talk', async () => (await t.ask('GET', '').catch(() => null))?.json?.permissions?.length === 1);
    assert.equal((await t.answer('p1', true)).status, 200);
    await t.sees('the second', (e) => e.type === 'permission' && e.permission.id === 'p2');
    await t.say('say one', 'later');
    await t.say('say two', 'next');
    await killWorker(d);
    await until('the talk', async () => (await t.ask('GET', '').catch(() => null))?.json?.queue?.length === 2);
    const state = await t.state();
    assert.deepEqual(state.permissions.map((p) => p.id), ['p2']);
    assert.equal((await t.answer('p1', false)).status, 409);
    assert.equal((await t.answer('p2', true)).status, 200);
    await t.sees('the last', { type: 'text', text: 'one' });
    assert.deepEqual(t.of('text').map((e) => e.text), ['done', 'two', 'one']);
    // A client that was there all along has seen each event once; one that comes now sees the same.
    const other = new Talk(d, t.id);
    await until('all of it', async () => {
      await t.poll(100);
      await other.poll(100);
      return other.events.length === t.events.length;
    });
    const plain = (e) => ({ ...e, time: null, ...(e.permission ? { permission: { ...e.permission, expires: null } } : {}) });
    assert.deepEqual(other.events.map(plain), t.events.map(plain));
    const lines = await sent(where.dir);
    assert.deepEqual(said(lines).slice(1), ['say two', 'say one'], 'each message once');
    assert.equal(lines.filter((o) => o.type === 'control_response').length, 2, 'each answer once');
    assert.equal(lines.filter((o) => o.request?.subtype === 'initialize').length, 1);
    assert.equal((await t.end()).state, 'completed');
  } finally {
    await d.stop();
  }
});

test('workers that die again and again lose no message', async () => {
  const where = await place();
  const d = await startKept(where);
  const want = [];
  try {
    const t = await Talk.begin(d);
    for (let i = 0; i < 10; i++) {
      for (let n = 0; n < 3; n++) {
        const text = `say ${i}.${n}`;
        await until('it to be taken', async () => {
          const r = await t.ask('POST', '/messages', { text }).catch(() => null);
          return r?.status === 202;
        });
        want.push(text);
      }
      await killWorker(d);
    }
    await t.sees('the last', { type: 'text', text: '9.2' });
    await t.idle();
    // What was taken was sent. A worker that died between sending and its record sends again.
    const got = said(await sent(where.dir));
    assert.deepEqual([...new Set(got)], want);
    assert.equal((await t.end()).state, 'completed');
  } finally {
    await d.stop();
  }
});
