// Producers that send events of sessions: repeats, gaps, many at once, a kill in the midst, and
// what is no event.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { useDaemon } from './lib/daemon.mjs';
import { pids, startKept } from './lib/keeper.mjs';
import { Listener } from './lib/listener.mjs';
import { until } from './lib/until.mjs';

const lines = (events) => events.map((e) => `${JSON.stringify(e)}\n`).join('');

const post = (d, id, events) =>
  d.request('POST', `/api/v1/sessions/${id}/events`, { body: typeof events === 'string' || Buffer.isBuffer(events) ? events : lines(events) });

const send = async (d, id, events) => {
  const r = await post(d, id, events);
  assert.equal(r.status, 200, r.text);
  return r.json;
};

const begin = async (d, more = {}) => {
  const r = await d.request('POST', '/api/v1/sessions', { json: { agent: 'maker', ...more } });
  assert.equal(r.status, 201, r.text);
  return r.json;
};

const messages = async (d, id) => (await d.ok('GET', `sessions/${id}/messages?limit=200`)).data;
const texts = async (d, id) => (await messages(d, id)).map((m) => [m.role, m.text]);

/** A whole conversation, whose text is `said`. */
const conversation = (said) => {
  const events = [
    { type: 'message_start', message: 'u1', role: 'user', text: 'Count' },
    { type: 'message_start', message: 'a1', role: 'assistant', model: 'claude-opus-4-5' },
    { type: 'thinking', message: 'a1', text: 'Let me ' },
    { type: 'thinking', message: 'a1', text: 'see.' },
    ...said.map((text) => ({ type: 'text_delta', message: 'a1', text })),
    { type: 'tool_call', call: 'item_0', message: 'a1', name: 'shell', input: { command: ['ls'] } },
    { type: 'tool_result', call: 'item_0', output: 'a\nb', outcome: 'failed', duration_ms: 12 },
    { type: 'token_usage', message: 'a1', model: 'claude-opus-4-5', input_tokens: 10, cache_read_tokens: 100, output_tokens: 5 },
    { type: 'message_end', message: 'a1' },
    { type: 'agent_end', outcome: 'ok' },
  ];
  return events.map((e, i) => ({ seq: i + 1, time: new Date(Date.UTC(2026, 10, 20, 12, 0, i)).toISOString(), ...e }));
};

describe('a producer of events', () => {
  const d = useDaemon({ before, after });

  it('tells the turn that was under way in a pane at a time', async () => {
    const start = Date.now() - 600_000;
    const at = (s) => new Date(start + s * 1000).toISOString();
    const turn = async (s, pane = 'p70', more = '') => (await d.ok('GET', `turns?pane=${pane}&time=${at(s)}${more}`)).turn;
    const told = async (...args) => {
      const t = await turn(...args);
      return t && [t.session, t.turn, t.prompt];
    };
    const events = (list) => list.map((e, i) => ({ seq: i + 1, ...e }));
    const said = (message, s, text) => [
      { type: 'message_start', message, role: 'user', text, time: at(s) },
      { type: 'message_start', message: `a${message}`, role: 'assistant', model: 'claude-opus-4-5', time: at(s + 1) },
      { type: 'text_delta', text: 'Yes.', time: at(s + 20) },
      { type: 'token_usage', model: 'claude-opus-4-5', input_tokens: 1, time: at(s + 20) },
      { type: 'message_end', time: at(s + 20) },
    ];
    const one = await begin(d, { pane: 'p70', title: 'Lamps', model: 'm-1' });
    await send(d, one.id, events([...said('u1', 0, 'Clean it'), ...said('u2', 60, `Key ghp_${'aB3dE6gH9jK2mN5pQ8sT'.repeat(2).slice(0, 36)} there`), { type: 'agent_end', outcome: 'ok', time: at(80) }]));
    const two = await begin(d, { pane: 'p70' });
    await send(d, two.id, events([...said('u1', 300, 'Another'), { type: 'agent_end', outcome: 'ok', time: at(320) }]));
    const first = await turn(10);
    assert.deepEqual([first.session, first.agent, first.title, first.turn, first.prompt, first.model, first.started], [one.id, 'maker', 'Lamps', 1, 'Clean it', 'claude-opus-4-5', at(0)]);
    assert.equal(await turn(-5), null);
    assert.deepEqual(await told(40), [one.id, 1, 'Clean it'], 'between turns');
    assert.match((await turn(70)).prompt, /^Key ghp_….*masked/);
    assert.match((await turn(70, 'p70', '&reveal=1')).prompt, /^Key ghp_a/);
    assert.equal((await turn(83)).turn, 2, 'shown a moment later');
    assert.equal(await turn(200), null, 'nothing was at work');
    assert.deepEqual(await told(305), [two.id, 1, 'Another']);
    assert.equal(await turn(10, 'p71'), null);
    const sub = await begin(d, { pane: 'p70', parent: two.id });
    await send(d, sub.id, events(said('u1', 310, 'A part of it')));
    assert.equal((await turn(312)).session, two.id, 'not that of its sub-agent');
    for (const q of ['', 'pane=a%20b', 'pane=p1&time=noon', 'pane=p1&reveal=2'])
      assert.equal((await d.request('GET', `/api/v1/turns?${q}`)).json.error, 'bad_params', q);
    assert.equal((await d.request('GET', '/api/v1/turns?pane=p70', { token: null })).status, 401);
  });

  it('begins a session, which is one for its agent and id', async () => {
    const s = await begin(d, { native: 'one', cwd: '/work/thing', title: 'A title', model: 'm-1', pane: 'p7' });
    assert.equal(s.agent, 'maker');
    assert.equal(s.agent_session, 'one');
    assert.equal(s.project, '/work/thing');
    assert.equal(s.title, 'A title');
    assert.equal(s.pane, 'p7');
    assert.equal(s.state, 'working');
    assert.deepEqual(await d.ok('GET', `sessions/${s.id}`), s);
    const again = await d.request('POST', '/api/v1/sessions', { json: { agent: 'maker', native: 'one' } });
    assert.equal(again.status, 200);
    assert.equal(again.json.id, s.id);
    assert.equal(again.json.title, 'A title');
    const made = await begin(d, { parent: s.id });
    assert.match(made.agent_session, /^[0-9a-f]{32}$/);
    assert.equal(made.parent, s.id);
    assert.equal((await begin(d, { parent: 'one' })).parent, s.id);
  });

  it('is heard live, and no more when it was removed', async () => {
    const pane = (await d.new(['cat'])).id;
    const { id } = await begin(d, { native: 'live', title: 'Heard', pane });
    const l = await Listener.on(d, ['panes', `session:${id}`]);
    await l.hears('the state', (o) => o.type === 'reset' || o.type === 'snapshot' || o.topic === `session:${id}`);
    assert.equal((await d.pane(pane)).agent.title, 'Heard');
    await send(d, id, conversation(['One', ', two']));
    await l.hears('the end', (o) => o.channel === 'status' && o.state === 'done');
    const said = l.all.filter((o) => o.channel === 'text' && o.role === null);
    assert.ok(said.length > 0 && said.every((o) => o.append), JSON.stringify(l.all));
    assert.equal(said.map((o) => o.text).join(''), 'One, two');
    assert.deepEqual(l.all.filter((o) => /^tool_/.test(o.channel)).map((o) => o.channel), ['tool_call', 'tool_result']);
    const other = await begin(d, { native: 'stays', title: 'Stays', pane });
    await until('the other one', async () => (await d.pane(pane)).agent?.session === other.id);
    await d.ok('DELETE', `sessions/${other.id}`);
    await until('it to be gone', async () => (await d.pane(pane)).agent === null);
    await l.close();
    await d.remove(pane);
  });

  it('has its events as messages, calls, usage and turns', async () => {
    const { id } = await begin(d, { native: 'whole' });
    const all = conversation(['One', ', two', ', ünd drei']);
    assert.deepEqual(await send(d, id, all), { accepted: all.length, repeated: 0, last_seq: all.length, missing: [] });
    assert.deepEqual(await texts(d, id), [['user', 'Count'], ['thinking', 'Let me see.'], ['assistant', 'One, two, ünd drei']]);
    const [call] = (await d.ok('GET', `sessions/${id}/traces`)).data;
    assert.deepEqual(
      [call.call, call.name, call.input, call.output, call.outcome, call.latency_ms],
      ['item_0', 'shell', '{"command":["ls"]}', 'a\nb', 'failed', 12],
    );
    const s = await d.ok('GET', `sessions/${id}`);
    assert.deepEqual([s.state, s.turns, s.title, s.model], ['done', 1, 'Count', 'claude-opus-4-5']);
    const row = (await d.ok('GET', 'usage?by=session')).rows.find((r) => r.key === 'whole');
    assert.deepEqual([row.input_tokens, row.cache_read_tokens, row.output_tokens, row.reasoning_tokens], [10, 100, 5, null]);
    assert.ok(Math.abs(row.cost_usd - (10 * 5 + 100 * 0.5 + 5 * 25) / 1e6) < 1e-9);
  });

  it('may say it one by one, by the id that the agent has', async () => {
    await begin(d, { native: 'single' });
    const all = conversation(['a', 'b', 'c']);
    for (const e of all) await send(d, 'single', [e]);
    assert.deepEqual(await texts(d, 'single'), [['user', 'Count'], ['thinking', 'Let me see.'], ['assistant', 'abc']]);
    const deltas = [
      { type: 'message_start', role: 'user' },
      { type: 'text_delta', text: 'Say ' },
      { type: 'text_delta', text: 'more' },
      { type: 'message_end' },
      { type: 'message_start' },
      { type: 'text_delta', text: 'More.' },
    ].map((e, i) => ({ seq: all.length + 1 + i, ...e }));
    for (const e of deltas) await send(d, 'single', [e]);
    assert.deepEqual((await texts(d, 'single')).slice(3), [['user', 'Say more'], ['assistant', 'More.']]);
    const s = await d.ok('GET', 'sessions/single');
    assert.deepEqual([s.turns, s.state], [2, 'working']);
    assert.equal((await d.ok('GET', 'sessions?text=say%20more')).total, 1, 'a prompt in deltas is the prompt of its turn');
  });

  it('may repeat itself', async () => {
    const { id } = await begin(d, { native: 'repeat' });
    const all = conversation(['x', 'y', 'z']);
    await send(d, id, all.slice(0, 6));
    const before = await messages(d, id);
    assert.deepEqual(await send(d, id, all.slice(0, 6)), { accepted: 0, repeated: 6, last_seq: 6, missing: [] });
    assert.deepEqual(await messages(d, id), before);
    assert.deepEqual(await send(d, id, all.slice(2)), { accepted: all.length - 6, repeated: 4, last_seq: all.length, missing: [] });
    // Another event of a number that was there is a repeat as well.
    await send(d, id, [{ seq: 5, type: 'text_delta', message: 'a1', text: 'other' }]);
    assert.deepEqual((await texts(d, id)).at(-1), ['assistant', 'xyz']);
    assert.equal((await d.ok('GET', 'usage?by=session')).rows.find((r) => r.key === 'repeat').output_tokens, 5);
  });

  it('is told what is missing, which may come late', async () => {
    const { id } = await begin(d, { native: 'gaps' });
    const all = conversation(['1', '2', '3', '4', '5', '6']);
    const some = (...seqs) => seqs.map((n) => all[n - 1]);
    assert.deepEqual(await send(d, id, some(5, 3)), { accepted: 2, repeated: 0, last_seq: 5, missing: [[1, 2], [4, 4]] });
    assert.deepEqual((await send(d, id, some(10, 8))).missing, [[1, 2], [4, 4], [6, 7], [9, 9]]);
    assert.deepEqual((await send(d, id, some(7))).missing, [[1, 2], [4, 4], [6, 6], [9, 9]]);
    assert.deepEqual((await send(d, id, [])).missing, [[1, 2], [4, 4], [6, 6], [9, 9]]);
    await send(d, id, some(9, 6, 4));
    await send(d, id, all.slice(10));
    assert.deepEqual(await send(d, id, some(2, 1)), { accepted: 2, repeated: 0, last_seq: all.length, missing: [] });
    const { data } = await d.ok('GET', `sessions/${id}/messages`);
    assert.equal(data.find((m) => m.role === 'assistant').text, '123456', 'in the order of their numbers');
    assert.equal(data.find((m) => m.role === 'thinking').text, 'Let me see.');
    const many = Array.from({ length: 1100 }, (_, i) => ({ seq: 100 + 2 * i, type: 'error', text: 'x' }));
    const r = await post(d, id, many);
    assert.equal(r.status, 409);
    assert.equal(r.json.error, 'too_many_gaps');
    assert.equal((await send(d, id, [])).last_seq, all.length, 'nothing of it is written');
  });

  it('counts usage with an id once, as it was said last', async () => {
    await begin(d, { native: 'usage' });
    const u = (seq, more) => ({ seq, type: 'token_usage', ...more });
    await send(d, 'usage', [
      u(1, { id: 'r1', model: 'mine', input_tokens: 1, output_tokens: 1 }),
      u(2, { id: 'r1', model: 'mine', usage: { input_tokens: 3, output_tokens: 40, reasoning_tokens: 7 }, cost_usd: 0.5 }),
      u(3, { model: 'mine', input_tokens: 100, output_tokens: 200 }),
      u(4, { model: 'mine', input_tokens: 100, output_tokens: 200 }),
    ]);
    const rep = await d.ok('GET', 'usage?by=session');
    const row = rep.rows.find((r) => r.key === 'usage');
    assert.deepEqual([row.input_tokens, row.output_tokens, row.reasoning_tokens, row.cost_usd], [203, 440, 7, 0.5]);
    assert.ok(rep.unpriced_models.includes('mine'));
    // Another session may use the same ids.
    await begin(d, { native: 'usage2' });
    await send(d, 'usage2', [u(1, { id: 'r1', model: 'mine', input_tokens: 9, output_tokens: 9 })]);
    assert.equal((await d.ok('GET', 'usage?by=session')).rows.find((r) => r.key === 'usage2').output_tokens, 9);
  });

  it('is one of fifty at once', async () => {
    const said = Array.from({ length: 30 }, (_, i) => `${i} `);
    const all = conversation(said);
    await Promise.all(
      Array.from({ length: 50 }, async (_, n) => {
        const { id } = await begin(d, { native: `many-${n}` });
        for (let at = 0; at < all.length; at += 4) {
          // Each piece is sent twice, one of them at the same time as others'.
          const [a, b] = await Promise.all([send(d, id, all.slice(at, at + 4)), send(d, id, all.slice(at, at + 4))]);
          assert.equal(a.accepted + b.accepted, Math.min(4, all.length - at));
          assert.deepEqual(b.missing, []);
        }
      }),
    );
    const { total, data } = await d.ok('GET', 'sessions?limit=200&agent=maker&text=many');
    assert.ok(total === 0 && data.length === 0, 'their ids are no text');
    for (let n = 0; n < 50; n++) {
      assert.deepEqual((await texts(d, `many-${n}`)).at(-1), ['assistant', said.join('')]);
      assert.equal((await d.ok('GET', `sessions/many-${n}`)).tool_calls, 1);
    }
  });

  describe('that is hostile', () => {
    const good = '{"seq":1,"type":"error","text":"x"}';
    const refused = {
      'no JSON': '{"seq":1',
      'no object': '[1]',
      'no type': '{"seq":1}',
      'another type': '{"seq":1,"type":"mind"}',
      'no number': '{"type":"error","text":"x"}',
      'number 0': '{"seq":0,"type":"error","text":"x"}',
      'a negative number': '{"seq":-1,"type":"error","text":"x"}',
      'half a number': '{"seq":1.5,"type":"error","text":"x"}',
      'a number beyond 2^53': '{"seq":9007199254740993,"type":"error","text":"x"}',
      'a number beyond all': '{"seq":1e400,"type":"error","text":"x"}',
      'a number as a text': '{"seq":"1","type":"error","text":"x"}',
      'no text': '{"seq":1,"type":"text_delta","message":"m"}',
      'a text that is none': '{"seq":1,"type":"text_delta","message":"m","text":{"a":1}}',
      'an id that is none': '{"seq":1,"type":"tool_call","call":7,"name":"x"}',
      'an id that is too long': `{"seq":1,"type":"tool_call","call":"${'x'.repeat(300)}","name":"x"}`,
      'a role that is none': '{"seq":1,"type":"message_start","role":"king"}',
      'tokens beyond 2^53': '{"seq":1,"type":"token_usage","input_tokens":90071992547409930}',
      'tokens below 0': '{"seq":1,"type":"token_usage","usage":{"output_tokens":-1}}',
      'a time that is none': '{"seq":1,"type":"error","text":"x","time":"noon"}',
      'a NUL': '{"seq":1,"type":"error","text":"a\\u0000b"}',
      'a bare NUL': Buffer.from('{"seq":1,"type":"error","text":"a\0b"}'),
      'half a surrogate': '{"seq":1,"type":"error","text":"\\ud800"}',
      'invalid UTF-8': Buffer.concat([Buffer.from('{"seq":1,"type":"error","text":"'), Buffer.from([0xff, 0xfe]), Buffer.from('"}')]),
      'depth': `{"seq":1,"type":"error","text":"x","deep":${'['.repeat(100_000)}${']'.repeat(100_000)}}`,
      'a line of 3 MiB': `{"seq":1,"type":"error","text":"${'x'.repeat(3 << 20)}"}`,
    };
    for (const [what, line] of Object.entries(refused)) {
      it(`is refused ${what}, with the number of the line, and nothing is written`, async () => {
        const id = (await begin(d)).id;
        const r = await post(d, id, Buffer.concat([Buffer.from(`${good}\n\n`), Buffer.from(line), Buffer.from('\n')]));
        assert.equal(r.status, 400, r.text);
        assert.equal(r.json.error, 'bad_event');
        assert.match(r.json.message, /^line 3: /);
        assert.deepEqual(await send(d, id, []), { accepted: 0, repeated: 0, last_seq: 0, missing: [] });
      });
    }

    it('is refused a body of more than 8 MiB', async () => {
      const { id } = await begin(d);
      assert.equal((await post(d, id, Buffer.alloc((8 << 20) + 1, 0x20))).status, 413);
    });

    it('is refused sessions that make no sense', async () => {
      for (const json of [{}, { agent: '' }, { agent: 'a b' }, { agent: 7 }, { agent: 'x', native: '' }, { agent: 'x', native: 'a\nb' }, { agent: 'x', native: 'y'.repeat(300) }, { agent: 'x', cwd: 7 }, { agent: 'x', pane: 'a b' }, { agent: 'x', title: 'a\u0000b' }]) {
        const r = await d.request('POST', '/api/v1/sessions', { json });
        assert.equal(r.status, 400, JSON.stringify(json));
      }
      assert.equal((await post(d, 'none', good)).status, 404);
      assert.equal((await post(d, '99999999', good)).status, 404);
    });
  });

  it('needs a token that may write', async () => {
    const { token } = await d.ok('POST', 'tokens', { read_only: true });
    const r = await d.request('POST', '/api/v1/sessions', { token, json: { agent: 'x' } });
    assert.equal(r.status, 403);
  });
});

describe('a producer whose daemon is killed in the midst of a message', () => {
  it('tries again, and nothing is lost or there twice', async () => {
    const d = await startKept();
    try {
      const said = Array.from({ length: 400 }, (_, i) => `w${i} `);
      const all = conversation(said);
      await begin(d, { native: 'killed' });
      const killed = new Set();
      for (let at = 0; at < all.length;) {
        const piece = all.slice(at, at + 10);
        const sent = post(d, 'killed', piece).catch(() => null);
        if (at % 100 === 50 && !killed.has(at)) {
          const { worker } = await pids(d);
          process.kill(worker, 'SIGKILL');
          killed.add(at);
        }
        const r = await sent;
        if (r?.status !== 200) {
          await until('the daemon', async () => (await d.local('GET', '/healthz').catch(() => null))?.status === 200);
          continue; // the same again, whether it was written or not
        }
        assert.deepEqual(r.json.missing, []);
        at += 10;
      }
      assert.ok(killed.size >= 3);
      assert.deepEqual(await texts(d, 'killed'), [['user', 'Count'], ['thinking', 'Let me see.'], ['assistant', said.join('')]]);
      const s = await d.ok('GET', 'sessions/killed');
      assert.deepEqual([s.turns, s.tool_calls, s.state], [1, 1, 'done']);
      assert.equal((await d.ok('GET', 'usage?by=session')).rows.find((r) => r.key === 'killed').output_tokens, 5);
    } finally {
      await d.stop();
    }
  });
});
