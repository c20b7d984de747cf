// What no decent client sends. Nothing of it may end the daemon, or cost it anything that stays.

import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { after, before, describe, it } from 'node:test';
import { useDaemon } from './lib/daemon.mjs';
import { frame, OP, Raw, RawViewer, requestText, upgradeText } from './lib/raw.mjs';
import { each, until } from './lib/until.mjs';
import { controlFrame, inputFrame } from './lib/viewer.mjs';

describe('bytes that are hardly HTTP', () => {
  const d = useDaemon({ before, after });
  const host = () => `Host: 127.0.0.1:${d.port}`;
  const auth = () => `Authorization: Bearer ${d.token}`;
  const doors = () => [d.tcp, { path: d.socket }];

  /** Sends, and takes whatever comes until it is over or answered. */
  const poke = async (where, data, { wait = 400 } = {}) => {
    const raw = await Raw.open(where);
    try {
      await raw.write(data);
      await until('an answer or an end', () => raw.ended || raw.data.length !== 0, wait).catch(() => null);
      return raw.data.toString('latin1');
    } finally {
      raw.close();
    }
  };

  it('answers pipelined requests in their order', async () => {
    for (const where of doors()) {
      const raw = await Raw.open(where);
      try {
        const get = (path) => requestText('GET', path, [host(), auth()]);
        await raw.write(get('/healthz') + get('/api/v1/panes/nobody') + get('/metrics') + get('/nothing') + get('/healthz'));
        assert.equal((await raw.answer()).status, 200);
        assert.equal(JSON.parse((await raw.answer()).body).error, 'no_such_pane');
        assert.match((await raw.answer()).body, /^# HELP/);
        assert.equal(JSON.parse((await raw.answer()).body).error, 'not_found');
        assert.equal(JSON.parse((await raw.answer()).body).status, 'ok');
      } finally {
        raw.close();
      }
    }
  });

  it('answers a POST, and may end a connection on which something is sent behind it', async () => {
    const get = requestText('GET', '/healthz', [host()]);
    const size = (path) => requestText('POST', path, [host(), auth()], '{"cols":9}');
    const { id } = await d.sh('stty raw -echo; echo ready; cat');
    await d.shows(id, 'ready');
    const type = requestText('POST', `/api/v1/panes/${id}/input`, [host(), auth()], 'typed');
    for (const where of doors())
      for (const text of [get + type + get, type + type, type + get, get + size(`/api/v1/panes/${id}/resize`), size('/nothing') + size('/nothing'),
        get + requestText('POST', '/api/v1/tokens', [host()], '{}') + get]) {
        const raw = await Raw.open(where);
        await raw.write(text);
        // Whole, refused, or ended: but never anything other than what was sent.
        await until('an answer or an end', () => raw.ended || raw.data.includes('\r\n\r\n'));
        await d.well();
        raw.close();
      }
    await d.type(id, 'END');
    assert.match((await d.shows(id, 'END')).replace(/\s/g, ''), /^ready(typed)*END$/);
    await d.remove(id);
  });

  it('takes a request byte by byte', async () => {
    for (const where of doors()) {
      const raw = await Raw.open(where);
      try {
        await raw.drip(requestText('GET', '/api/v1/info?a=b', [host(), auth(), 'X-Other: y']));
        assert.equal((await raw.answer()).status, 200);
        await raw.drip(requestText('POST', '/api/v1/tokens', [host(), auth()], '{"read_only":true}'));
        assert.equal((await raw.answer()).status, 201);
      } finally {
        raw.close();
      }
    }
  });

  it('waits for a slow body', async () => {
    const { id } = await d.sh('stty raw -echo; echo ready; cat');
    await d.shows(id, 'ready');
    const raw = await Raw.open(d.tcp);
    try {
      await raw.write(requestText('POST', `/api/v1/panes/${id}/input`, [host(), auth(), 'Content-Length: 12']));
      await raw.write('slow ');
      await d.well(); // others are served meanwhile
      await raw.drip('and ');
      await d.well();
      await raw.write('so.');
      assert.equal((await raw.answer()).status, 204);
      await d.shows(id, 'slow and so.');
    } finally {
      raw.close();
      await d.remove(id);
    }
  });

  it('forgets a body whose sender goes away', async () => {
    const { id } = await d.sh('stty raw -echo; echo ready; cat');
    await d.shows(id, 'ready');
    for (const where of doors()) {
      const raw = await Raw.open(where);
      await raw.write(requestText('POST', `/api/v1/panes/${id}/input`, [host(), auth(), 'Content-Length: 12'], '') + 'LOST');
      raw.close();
      const create = await Raw.open(where);
      await create.write(requestText('POST', '/api/v1/panes', [host(), auth()], '{"command":["true"]}'));
      create.close(); // before the command has started
    }
    await d.type(id, 'after');
    assert.ok(!(await d.shows(id, 'after')).includes('LOST'));
    await d.remove(id);
  });

  it('survives creators that leave at once', async () => {
    await each(Array.from({ length: 60 }), 10, async () => {
      const raw = await Raw.open(d.tcp);
      await raw.write(requestText('POST', '/api/v1/panes', [host(), auth()], '{"command":["true"]}'));
      raw.close();
    });
    await d.well();
  });

  it('answers a client that has closed its sending side', async () => {
    const raw = await Raw.open(d.tcp);
    raw.socket.end(requestText('GET', '/healthz', [host()]));
    // A half-closed socket may be answered or given up, but not kept.
    await raw.over();
    assert.ok(raw.data.length === 0 || /^HTTP\/1\.[01] 200 /.test(raw.data.toString('latin1')));
    raw.close();
  });

  it('gives up sockets that are half-open, and counts them no longer', async () => {
    const base = await d.metric('panescry_connections');
    const raws = await Promise.all(Array.from({ length: 50 }, () => Raw.open(d.tcp)));
    for (const raw of raws) await raw.write('GET /hea');
    await until('them to be counted', async () => (await d.metric('panescry_connections')) >= base + 50);
    for (const raw of raws) raw.socket.end();
    await until('them to be given up', async () => (await d.metric('panescry_connections')) <= base + 1);
    for (const raw of raws) raw.close();
  });

  it('speaks HTTP/1.0', async () => {
    const raw = await Raw.open(d.tcp);
    try {
      await raw.write(requestText('GET', '/healthz', [host()], '', 'HTTP/1.0'));
      assert.equal((await raw.answer()).status, 200);
      await raw.over();
    } finally {
      raw.close();
    }
    assert.match(await poke(d.tcp, requestText('GET', '/healthz', [], '', 'HTTP/1.0')), /^HTTP\/1\.[01] 403/);
  });

  it('refuses headers that are too long, and lives', async () => {
    for (const where of doors())
      for (const lines of [[`X-Long: ${'a'.repeat(20_000)}`], Array.from({ length: 2000 }, (_, i) => `X-${i}: ${'b'.repeat(20)}`),
        [`Cookie: ${'c=d; '.repeat(5000)}`], [`Authorization: Bearer ${'e'.repeat(17_000)}`], [`${'n'.repeat(20_000)}: v`]]) {
        const got = await poke(where, requestText('GET', '/api/v1/info', [host(), ...lines]), { wait: 2000 });
        assert.doesNotMatch(got, where === d.tcp ? /^HTTP\/1\.[01] 2/ : /^HTTP\/1\.[01] 5/, lines[0].slice(0, 30));
        await d.well();
      }
    const long = await poke(d.tcp, requestText('GET', `/${'p'.repeat(20_000)}`, [host()]));
    assert.doesNotMatch(long, /^HTTP\/1\.[01] 2/);
    const many = await poke(d.tcp, requestText('GET', `/healthz?${'a=b&'.repeat(3000)}`, [host()]));
    assert.ok(many === '' || /^HTTP\/1\.[01] (200|4\d\d)/.test(many));
  });

  it('lives through lengths that make no sense', async () => {
    for (const length of ['-1', '+5', '0x10', '5 5', '99999999999999999999', '18446744073709551615', '', 'abc', '1e3'])
      for (const where of doors()) {
        const got = await poke(where, requestText('POST', '/api/v1/tokens', [host(), auth(), `Content-Length: ${length}`]) + '{}');
        assert.doesNotMatch(got, /^HTTP\/1\.[01] 5/, length);
        if (!['', '5 5'].includes(length)) assert.doesNotMatch(got, /^HTTP\/1\.[01] 2/, length);
        await d.well();
      }
  });

  it('lives through garbage', async () => {
    const junk = ['\0', '\r\n\r\n\r\n', 'GET', 'GET /\r\n\r\n', 'GET / HTTP/9.9\r\n\r\n', 'GET  / HTTP/1.1\r\n\r\n', ' GET / HTTP/1.1\r\n\r\n',
      'FROB /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n', 'get /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n',
      'CONNECT elsewhere.example:443 HTTP/1.1\r\nHost: localhost\r\n\r\n', 'GET http://elsewhere.example/ HTTP/1.1\r\nHost: localhost\r\n\r\n',
      'GET * HTTP/1.1\r\nHost: localhost\r\n\r\n', 'TRACE / HTTP/1.1\r\nHost: localhost\r\n\r\n', 'OPTIONS * HTTP/1.1\r\nHost: localhost\r\n\r\n',
      'GET / HTTP/1.1\nHost: localhost\n\n', 'GET / HTTP/1.1\r\nHost\r\n\r\n', 'GET / HTTP/1.1\r\n: x\r\n\r\n',
      'GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n', 'GET /%zz%1 HTTP/1.1\r\nHost: localhost\r\n\r\n', 'GET /%00 HTTP/1.1\r\nHost: localhost\r\n\r\n',
      'GET /?%00=%00& HTTP/1.1\r\nHost: localhost\r\n\r\n', 'GET /healthz?a=%0a HTTP/1.1\r\nHost: localhost\r\n\r\n',
      'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03', '\x80\x80\x80\x80',
      'GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: h2c\r\nConnection: Upgrade, HTTP2-Settings\r\nHTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA\r\n\r\n',
      'GET /healthz HTTP/1.1\r\nHost: localhost\r\nUpgrade: frob\r\nConnection: Upgrade\r\n\r\n',
      'GET /healthz HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n',
      'POST /healthz HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n\r\nabcde', 'GET /healthz HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3\r\n\r\nabcGET'];
    for (let i = 0; i < 40; i++) junk.push(randomBytes(1 + i * 50));
    for (const where of doors())
      await each(junk, 8, (data) => poke(where, typeof data === 'string' ? Buffer.from(data, 'latin1') : data));
    await d.well();
    assert.equal((await d.ok('GET', 'panes')).panes.filter((p) => p.state === 'running').length, 0);
  });

  it('lives through connections that come and go', async () => {
    await each(Array.from({ length: 300 }), 30, async (_, i) => {
      const raw = await Raw.open(i % 2 ? d.tcp : { path: d.socket });
      if (i % 2) raw.socket.resetAndDestroy();
      else raw.close();
    });
    await d.well();
    await until('all to be forgotten', async () => (await d.metric('panescry_connections')) <= 2);
  });

  it('refuses upgrades that are incomplete or wrong', async () => {
    const { id } = await d.new(['cat']);
    const path = `/ws/panes/${id}`;
    const whole = upgradeText(d, path);
    for (const [text, name] of [
      [upgradeText(d, path, { protocol: null }), 'no subprotocol'],
      [upgradeText(d, path, { protocol: 'panescry.attach.v2' }), 'an unknown subprotocol'],
      [upgradeText(d, path, { protocol: 'panescry.attach.v' }), 'the beginning of one'],
      [upgradeText(d, path, { protocol: 'http' }), 'a name that the library knows'],
      [upgradeText(d, '/ws/nothing'), 'an unknown path'],
      [upgradeText(d, '/healthz'), 'a path that is no endpoint'],
      [upgradeText(d, `${path}/more`), 'a longer path'],
      [whole.replace('Upgrade: websocket', 'Upgrade: frob'), 'another upgrade'],
      [whole.replace(/(Sec-WebSocket-Key: ).*/, '$1AAAA'), 'a key that is too short'],
      [whole.replace(/(Sec-WebSocket-Key: )..../, '$1!!!!'), 'a key that is no base64'],
      [whole.replace('HTTP/1.1', 'HTTP/1.0'), 'a version of HTTP that has no upgrade'],
    ]) {
      const got = await poke(d.tcp, text, { wait: 5000 });
      assert.match(got, /^HTTP\/1\.[01] (4\d\d|501) /, name);
    }
    for (const [text, name] of [
      [whole.replace(/Sec-WebSocket-Key: .*\r\n/, ''), 'no key'],
      [whole.replace('Sec-WebSocket-Version: 13', 'Sec-WebSocket-Version: 99'), 'an unknown version'],
    ])
      assert.doesNotMatch(await poke(d.tcp, text), /^HTTP\/1\.[01] 101/, name);
    // Behind another request the library answers, frees the headers, and asks us about them.
    for (const next of ['', requestText('GET', '/healthz', [host()])]) {
      const raw = await Raw.open(d.tcp);
      await raw.write(requestText('GET', '/healthz', [host()]));
      assert.equal((await raw.answer()).status, 200);
      const frob = whole.replace('Upgrade: websocket', 'Upgrade: frob');
      await raw.write(frob + next);
      await raw.over();
      const answers = raw.data.toString('latin1').match(/^HTTP\/1\.[01] \d+/gm);
      assert.deepEqual(answers, ['HTTP/1.1 403'], 'one answer, and no more is taken');
      raw.close();
    }
    const both = await Raw.open(d.tcp);
    await both.write(upgradeText(d, path, { protocol: 'other.v1, panescry.attach.v1' }));
    const r = await both.answer();
    assert.equal(r.status, 101);
    assert.equal(r.headers['sec-websocket-protocol'], 'panescry.attach.v1');
    both.close();
    await d.remove(id);
  });
});

describe('frames that no library sends', () => {
  const d = useDaemon({ before, after });
  let pane;

  before(async () => {
    pane = (await d.sh('stty raw -echo; echo ready; exec cat')).id;
    await d.shows(pane, 'ready');
  });

  const attach = async (options) => {
    const v = await RawViewer.attach(d, pane, options);
    await v.control('hello');
    return v;
  };
  const echoes = async (v, text) => {
    await until(`${text} to come back`, () => {
      if (v.ended) throw new Error('the connection has ended');
      return v.screen.includes(text);
    });
  };

  it('takes frames that are split at every byte', async () => {
    const v = await attach();
    await v.drip(frame(OP.BINARY, inputFrame('drip by drip')));
    await v.drip(frame(OP.BINARY, controlFrame({ type: 'ping' })));
    await v.control('pong');
    await echoes(v, 'drip by drip');
    v.close();
  });

  it('takes several frames in one segment', async () => {
    const v = await attach();
    await v.write(Buffer.concat([...'many-at-once'].map((c) => frame(OP.BINARY, inputFrame(c)))));
    await echoes(v, 'many-at-once');
    v.close();
  });

  it('takes nothing behind a close', async () => {
    const close = frame(OP.CLOSE, Buffer.from([3, 232]));
    for (let i = 0; i < 60; i++) {
      const v = await attach();
      const late = frame(OP.BINARY, inputFrame('too-late'));
      if (i % 3 === 0) await v.write(Buffer.concat([close, late]));
      else {
        await v.write(close);
        if (i % 3 === 1) await new Promise((resolve) => setImmediate(resolve));
        await v.write(late);
      }
      await until('the end', () => v.ended);
    }
    const v = await attach();
    await v.write(frame(OP.BINARY, inputFrame('the-last')));
    await echoes(v, 'the-last');
    assert.doesNotMatch(v.screen, /too-late/);
    v.close();
  });

  it('takes messages in fragments, with a ping between them', async () => {
    const v = await attach();
    await v.write(frame(OP.BINARY, Buffer.from([1]), { fin: false }));
    for (const c of 'fragmented') {
      await v.write(frame(OP.CONTINUE, c, { fin: false }));
      await v.write(frame(OP.PING, c));
    }
    await v.write(frame(OP.CONTINUE, '', { fin: false }));
    await v.write(frame(OP.CONTINUE, '!', { fin: true }));
    await echoes(v, 'fragmented!');
    await v.write(frame(OP.BINARY, '', { fin: false }));
    await v.write(frame(OP.CONTINUE, inputFrame('late type'), { fin: true }));
    await echoes(v, 'late type');
    v.close();
  });

  it('answers pings of every length', async () => {
    const v = await attach();
    for (const n of [0, 1, 124, 125]) {
      const payload = 'p'.repeat(n);
      await v.write(frame(OP.PING, payload));
      await v.hears(`a pong of ${n}`, (m) => m.op === OP.PONG && m.data.toString() === payload);
    }
    await v.write(frame(OP.PONG, 'unasked'));
    await v.write(frame(OP.BINARY, inputFrame('still here')));
    await echoes(v, 'still here');
    v.close();
  });

  it('tells an error for what is not of the protocol, and goes on', async () => {
    const v = await attach();
    const errors = () => v.frames().filter((m) => m.data[0] === 3 && JSON.parse(m.data.subarray(1)).type === 'error');
    let count = 0;
    for (const [op, data] of [[OP.TEXT, 'hello'], [OP.TEXT, ''], [OP.BINARY, ''], [OP.BINARY, Buffer.from([0])], [OP.BINARY, Buffer.from([2, 1])],
      [OP.BINARY, Buffer.from([0xff])], [OP.BINARY, controlFrame('')], [OP.BINARY, controlFrame('{')], [OP.BINARY, controlFrame('[]')],
      [OP.BINARY, controlFrame('7')], [OP.BINARY, controlFrame({})], [OP.BINARY, controlFrame({ type: 7 })], [OP.BINARY, controlFrame({ type: 'frob' })],
      [OP.BINARY, controlFrame({ type: 'resize' })], [OP.BINARY, controlFrame({ type: 'resize', cols: 0, rows: 24 })],
      [OP.BINARY, controlFrame({ type: 'resize', cols: 80, rows: 2001 })], [OP.BINARY, controlFrame({ type: 'resize', cols: '80', rows: 24 })],
      [OP.BINARY, controlFrame({ type: 'ack' })], [OP.BINARY, controlFrame({ type: 'ack', offset: -1 })], [OP.BINARY, controlFrame({ type: 'ack', offset: 1e15 })],
      [OP.BINARY, controlFrame({ type: 'ack', offset: 1.5 })], [OP.BINARY, controlFrame({ type: 'ack', offset: '1' })],
      [OP.BINARY, controlFrame('['.repeat(60_000))], [OP.BINARY, Buffer.concat([Buffer.from([3]), Buffer.from([0xff, 0xfe])])]]) {
      await v.write(frame(op, data));
      count++;
      await until(`error ${count} for ${op} ${data.subarray ? data.subarray(0, 30).toString('latin1') : data}`, () => {
        if (v.ended) throw new Error(`the connection has ended at ${count}`);
        return errors().length === count;
      });
      const o = JSON.parse(errors().at(-1).data.subarray(1));
      assert.equal(o.error, 'bad_message');
      assert.ok(o.message.length > 3);
    }
    await v.write(frame(OP.BINARY, inputFrame('alive after all')));
    await echoes(v, 'alive after all');
    v.close();
  });

  it('takes 64 KiB of input in one message, and closes with 1009 above', async () => {
    const sink = (await d.sh('stty raw -echo; echo ready; head -c 65536 | tr -d "\\n" | wc -c; exec cat >/dev/null')).id;
    await d.shows(sink, 'ready');
    const v = await RawViewer.attach(d, sink);
    await v.control('hello');
    await v.write(frame(OP.BINARY, inputFrame(Buffer.alloc(65536, 'i'))));
    await until('all of it', () => v.screen.includes('65536'));
    await v.write(frame(OP.BINARY, inputFrame(Buffer.alloc(65537, 'i'))));
    assert.equal(await v.closeCode(), 1009);
    v.close();
    for (const send of [
      (w) => w.write(frame(OP.BINARY, '', { length: 0x7fffffff })),
      async (w) => {
        await w.write(frame(OP.BINARY, inputFrame(Buffer.alloc(1000)), { fin: false }));
        for (let i = 0; i < 66; i++) await w.write(frame(OP.CONTINUE, Buffer.alloc(1000), { fin: false }));
      },
    ]) {
      const w = await attach();
      await send(w);
      // The second is over the limit only by what has arrived; the first may wait for its bytes.
      for (let i = 0; i < 80 && !w.ended && !w.frames().some((m) => m.op === OP.CLOSE); i++) await w.write(Buffer.alloc(1000));
      assert.equal(await w.closeCode(), 1009);
      w.close();
    }
    await d.remove(sink);
  });

  it('closes what breaks the framing, and lives', async () => {
    const before = await d.metric('panescry_viewers');
    for (const [name, data] of [
      ['a reserved opcode', frame(3, 'x')],
      ['a reserved control opcode', frame(11, 'x')],
      ['reserved bits', frame(OP.BINARY, inputFrame('RSV'), { rsv: 0x40 })],
      ['a ping of 126 bytes', frame(OP.PING, 'x'.repeat(126))],
      ['a continuation of nothing', frame(OP.CONTINUE, inputFrame('NOTHING'))],
      ['a ping in fragments', frame(OP.PING, 'x', { fin: false })],
      ['a message within a message', Buffer.concat([frame(OP.BINARY, Buffer.from([1]), { fin: false }), frame(OP.BINARY, inputFrame('WITHIN'))])],
    ]) {
      const v = await attach();
      await v.write(data);
      await until(`an end after ${name}`, () => v.ended || v.frames().some((m) => m.op === OP.CLOSE), 10_000);
      v.close();
    }
    await d.well();
    await until('none to be left', async () => (await d.metric('panescry_viewers')) === before);
    const text = await d.text(pane);
    for (const word of ['RSV', 'NOTHING', 'WITHIN']) assert.ok(!text.includes(word), `${word} was typed`);
  });

  it('lives through frames that are not masked', async () => {
    for (const data of [frame(OP.BINARY, inputFrame('bare'), { mask: false }), frame(OP.PING, '', { mask: false }), frame(OP.CLOSE, '', { mask: false })]) {
      const v = await attach();
      await v.write(data);
      await d.well();
      v.close();
    }
    await until('none to be left', async () => (await d.pane(pane)).viewers === 0);
  });

  it('answers a close frame with its own', async () => {
    for (const payload of ['', Buffer.from([0x03, 0xe8]), Buffer.concat([Buffer.from([0x0f, 0xa0]), Buffer.from('bye')])]) {
      const v = await attach();
      await v.write(frame(OP.CLOSE, payload));
      await v.hears('a close frame', (m) => m.op === OP.CLOSE);
      await v.over();
      v.close();
    }
  });

  it('forgets viewers that vanish in any state', async () => {
    const cut = frame(OP.BINARY, inputFrame('half a frame'));
    for (let i = 0; i < 30; i++) {
      const v = await RawViewer.attach(d, pane);
      if (i % 3 === 1) await v.write(cut.subarray(0, i % cut.length));
      if (i % 3 === 2) v.socket.end();
      else v.close();
      if (i % 3 === 2) await v.over().then(() => v.close());
    }
    await until('none to be left', async () => (await d.pane(pane)).viewers === 0);
  });

  it('lives through random frames', async () => {
    await each(Array.from({ length: 40 }), 4, async () => {
      const v = await RawViewer.attach(d, pane);
      const bytes = randomBytes(600);
      await v.write(frame(bytes[0] & 15, bytes.subarray(1, 1 + bytes[1]), { fin: bytes[2] > 60, mask: bytes[3] > 40, rsv: bytes[4] > 200 ? 16 : 0 }));
      await v.write(bytes);
      v.close();
    });
    await until('none to be left', async () => (await d.pane(pane)).viewers === 0);
    await d.well();
  });
});
