// Clients that were written for ttyd: /p/ID/ws to the byte, who is let in, PAUSE, and what they must not do.

import assert from 'node:assert/strict';
import { hostname } from 'node:os';
import { after, before, describe, it } from 'node:test';
import { request, useDaemon } from './lib/daemon.mjs';
import { frame, OP } from './lib/frames.mjs';
import { Raw, upgradeText } from './lib/raw.mjs';
import { TtyClient } from './lib/ttyd.mjs';
import { each, until } from './lib/until.mjs';

const MiB = 1024 * 1024;
const wire = (id) => `/p/${encodeURIComponent(id)}/ws`;

describe('a client of ttyd', () => {
  const d = useDaemon({ before, after });
  const greet = (id, hello, options) => TtyClient.greet(d, wire(id), hello, options);
  /** A pane that says what it reads. */
  const echo = async () => {
    const { id } = await d.sh('stty raw -echo; echo ready; exec cat -v');
    await d.shows(id, 'ready');
    return id;
  };
  const kind = async (body) => (await d.ok('POST', 'tokens', body)).token;

  let mute; // it begins a first message, and never ends it
  before(async () => {
    mute = await Raw.open(d.tcp);
    await mute.write(upgradeText(d, wire('p1'), { protocol: 'tty' }));
    await mute.write(frame(OP.BINARY, '{"AuthTo', { fin: false }));
  });

  it('is told a title, preferences, and the screen behind a reset', async () => {
    const command = ['sh', '-c', 'printf "\\033[1mbold\\033[0m\\n"; exec cat', 'two\nlines'];
    const { id } = await d.new(command);
    await d.shows(id, 'bold');
    const c = new TtyClient(d, wire(id));
    await c.open;
    // Nothing before the first message: a ping comes back first.
    await new Promise((r) => (c.ws.once('pong', r), c.ws.ping()));
    assert.equal(c.types, '');
    c.say({ AuthToken: '', columns: 100, rows: 30 });
    await c.shows('bold');
    assert.equal(c.types.slice(0, 3), '120');
    assert.equal(c.messages[0].data.toString(), `${command.join(' ').replace(/[\n\x1b]/g, ' ')} (${hostname()})`);
    assert.equal(c.messages[1].data.toString(), '{}');
    assert.ok(c.output.subarray(0, 2).equals(Buffer.from('\x1bc')));
    assert.match(c.text, /\x1b\[[\d;]*1m?[^\n]*bold/, 'with its styles');
    await until('its size', async () => (await d.pane(id)).cols === 100);
    assert.equal((await d.pane(id)).viewers, 1);
    // Again, with all of it.
    const other = await greet(id);
    await other.shows('bold');
    assert.ok(other.output.subarray(0, 2).equals(Buffer.from('\x1bc')));
    await other.leave();
    await c.leave();
  });

  it('is served as the page of ttyd 1.7.7 was recorded to ask', async () => {
    // Its frames: a greeting, "ls" and an arrow key, a narrower window, and what it says of a flood.
    const frames = ['{"AuthToken":"","columns":160,"rows":47}', '0l', '0s', '0\x1b[A', '1{"columns":125,"rows":32}', '2', '3', '3'];
    const id = await echo();
    const c = new TtyClient(d, wire(id));
    await c.open;
    for (const f of frames) c.send(f);
    await c.shows('ls^[[A');
    assert.equal(c.types.slice(0, 3), '120');
    assert.match(c.types.slice(3), /^0*$/);
    await until('the size', async () => {
      const { cols, rows } = await d.pane(id);
      return cols === 125 && rows === 32;
    });
    await c.leave();
  });

  it('types, as binary and as text, in one frame and in many', async () => {
    const id = await echo();
    const c = await greet(id);
    await c.shows('ready');
    c.type('abc\x01');
    c.ws.send('0text\u00e9');
    c.ws.send(Buffer.from('0in'), { fin: false });
    c.ws.send(Buffer.from(' pie'), { fin: false });
    c.ws.send(Buffer.from('ces.'), { fin: true });
    await c.shows('abc^AtextM-CM-)in pieces.');
    c.type(''); // none, and others that are passed over
    for (const m of ['', '9x', 'x', '1', '1{', '1[]', '1{"columns":0,"rows":5}', '1{"columns":5}', '1{"columns":2001,"rows":5}', '1null', '{"AuthToken":"wrong"}', '{', '3', '3']) c.send(m);
    c.type('end.');
    await c.shows('pieces.end.');
    const { cols, rows } = await d.pane(id);
    assert.deepEqual([cols, rows], [80, 24]);
    c.send('1{"columns":90,"rows":33}');
    await until('the size', async () => (await d.pane(id)).cols === 90 && (await d.pane(id)).rows === 33);
    await c.leave();
  });

  it('answers no queries beside the daemon', async () => {
    const id = await echo();
    const c = await greet(id);
    await c.shows('ready');
    for (const answer of ['\x1b[?1;2c', '\x1b[>0;276;0c', '\x1b[24;80R', '\x1b]11;rgb:0000/0000/0000\x1b\\', '\x1bP>|xterm.js(5.5.0)\x1b\\']) c.type(answer);
    for (const key of ['\x1b[1;2R', '\x1b[A', '\x1b[I', '\x1b']) c.type(key);
    c.type('.');
    await c.shows('^[[1;2R^[[A^[[I^[.');
    assert.doesNotMatch(c.text, /rgb|xterm|1;2c|24;80R/);
    await c.leave();
  });

  it('takes a paste of 200 KiB, and closes on more than there may be', async () => {
    const { id } = await d.sh('stty raw -echo; echo ready; head -c 200000 | wc -c; exec cat');
    await d.shows(id, 'ready');
    const c = await greet(id);
    c.type('x'.repeat(200_000));
    await c.shows('200000');
    c.send(`0${'x'.repeat(256 * 1024)}`);
    assert.equal((await c.ended()).code, 1009);
    const late = await greet(id);
    await late.shows('200000');
    late.ws.send('0', { fin: false });
    for (let i = 0; i < 5; i++) late.ws.send('x'.repeat(64 * 1024), { fin: false });
    assert.equal((await late.ended()).code, 1009);
    const text = await greet(id);
    await text.shows('200000');
    text.ws.send(Buffer.from([0x30, 0xc3, 0x28]), { binary: false });
    assert.ok([1007, 1006].includes((await text.ended()).code));
  });

  it('is let in by AuthToken, Authorization or cookie alone', async () => {
    const id = await echo();
    const cookie = `panescry-${d.port}=${d.token}`;
    const origin = `http://127.0.0.1:${d.port}`;
    const good = [
      [{ AuthToken: d.token }, { token: null }],
      [{ AuthToken: '' }, {}],
      [{}, {}],
      [{ AuthToken: null }, { token: null, headers: { cookie, origin } }],
      [{ AuthToken: d.token }, { token: 'f'.repeat(40) }],
      [{}, { local: true }],
      [{ AuthToken: 'whatever' }, { local: true }],
    ];
    for (const [hello, options] of good) {
      const c = await greet(id, hello, options);
      await c.shows('ready');
      c.type('typed.');
      await c.shows('typed.');
      await c.leave();
    }
    const bad = [
      [{}, { token: null }],
      [{ AuthToken: '' }, { token: null }],
      [{ AuthToken: null }, { token: null }],
      [{ AuthToken: 'x' }, { token: null }],
      [{ AuthToken: `${d.token}0` }, { token: null }],
      [{ AuthToken: 'wrong' }, {}],
      [{ AuthToken: 'wrong' }, { token: null, headers: { cookie, origin } }],
      [{ AuthToken: d.token.toUpperCase() }, { token: null }],
      [{}, { token: 'f'.repeat(40) }],
    ];
    await each(bad, 4, async ([hello, options]) => {
      const c = await greet(id, hello, options);
      assert.equal((await c.ended()).code, 1008, JSON.stringify([hello, options]));
      assert.equal(c.types, '', 'it has been sent nothing');
    });
    // A cookie comes with any upgrade: not without an Origin, and not from elsewhere.
    for (const headers of [{ cookie }, { cookie, origin: 'http://evil.example' }, { origin: 'null' }, { origin: `http://localhost:${d.port}` }, { host: 'evil.example' }]) {
      const c = new TtyClient(d, wire(id), { token: 'host' in headers || 'cookie' in headers ? null : d.token, headers });
      await c.ended();
      assert.equal(c.refused, 403, JSON.stringify(headers));
    }
  });

  it('closes on a first message that is none, and sends nothing', async () => {
    const id = await echo();
    const first = ['', '0x', '1{"columns":80,"rows":24}', '2', '3', 'x', '{', '{}}', '[]', '{"AuthToken":7}', '{"columns":80}', '{"columns":-1,"rows":24}',
      '{"columns":"80","rows":"24"}', '{"columns":1e9,"rows":24}', `{"AuthToken":"${'x'.repeat(600)}"}`, `{"x":${'['.repeat(500)}`];
    await each(first, 6, async (text) => {
      const c = new TtyClient(d, wire(id));
      await c.open;
      c.send(text);
      c.say({ columns: 80, rows: 24 }); // too late
      assert.equal((await c.ended()).code, 1008, text);
      assert.equal(c.types, '', text);
    });
    // Longer than it may be, whole and in fragments.
    for (const pieces of [[`{"x":"${'x'.repeat(5000)}"}`], Array(9).fill('{'.repeat(512))]) {
      const c = new TtyClient(d, wire(id));
      await c.open;
      pieces.forEach((p, i) => c.ws.send(p, { fin: i === pieces.length - 1 }));
      assert.equal((await c.ended()).code, 1009);
    }
    for (const protocols of [[], ['tty2'], ['panescry.attach.v1'], ['TTY']]) {
      const c = new TtyClient(d, wire(id), { protocols });
      await c.ended();
      assert.equal(c.refused, 400, String(protocols));
    }
    await d.well();
  });

  it('tells nothing of panes to strangers, and of none to who may know', async () => {
    const id = await echo();
    const token = await kind({ pane: id });
    const other = await echo();
    const ends = async (ref, hello, options) => (await (await greet(ref, hello, options)).ended()).code;
    const codes = await Promise.all([
      ends('p999', {}, { token: null }), ends(id, {}, { token: null }), ends('p999'), ends('x y'),
      ends(other, { AuthToken: token }, { token: null }), ends(other, {}, { token }), ends('p999', {}, { token }),
    ]);
    assert.deepEqual(codes, [1008, 1008, 4404, 4404, 1008, 1008, 1008]);
    const mine = await greet(id, { AuthToken: token }, { token: null });
    await mine.shows('ready');
    mine.type('mine');
    await mine.shows('mine');
    await mine.leave();
  });

  it('cannot type with a token that only reads', async () => {
    const id = await echo();
    const token = await kind({ read_only: true });
    const { cols } = await d.pane(id);
    for (const [hello, use] of [[{ AuthToken: token }, null], [{}, token], [{ AuthToken: token }, d.token]]) {
      const c = await greet(id, { ...hello, columns: 111 }, { token: use });
      await c.shows('ready');
      c.type('not this');
      c.send('1{"columns":112,"rows":24}');
      await d.type(id, '+');
      await c.shows(/\+$/);
      assert.equal(c.closed, null);
      assert.equal((await d.pane(id)).cols, cols);
      await c.leave();
    }
    assert.doesNotMatch(await d.text(id), /not this/);
  });

  it('closes when its token ends, whichever way it came', async () => {
    const id = await echo();
    const made = await d.ok('POST', 'tokens', { name: 'short' });
    const first = await greet(id, { AuthToken: made.token }, { token: null });
    const second = await greet(id, {}, { token: made.token });
    await Promise.all([first.shows('ready'), second.shows('ready')]);
    await d.ok('DELETE', 'tokens/short');
    assert.equal((await first.ended()).code, 4401);
    assert.equal((await second.ended()).code, 4401);
  });

  it('is told by its close how the command ended', async () => {
    for (const [status, code] of [[0, 1000], [3, 4410]]) {
      const { id } = await d.sh(`echo up; read x; echo last; exit ${status}`);
      const c = await greet(id);
      await c.shows('up');
      c.type('\r');
      assert.equal((await c.ended()).code, code);
      assert.match(c.text, /last/);
      // It would come back at once for ever.
      const again = await greet(id);
      assert.equal((await again.ended()).code, 1000);
      assert.match(again.text, /up[^]*last/);
    }
    const { id } = await d.sh('echo up; exec cat');
    const c = await greet(id);
    await c.shows('up');
    await d.remove(id);
    assert.equal((await c.ended()).code, 4410);
  });

  it('gets nothing while it pauses, holds up nobody, and costs little', async () => {
    const { id } = await d.sh('stty -echo; echo up; read x; seq 1 3000000; echo done; exec cat');
    const slow = await greet(id);
    const quick = await greet(id);
    await Promise.all([slow.shows('up'), quick.shows('up')]);
    slow.send('2');
    slow.send('2');
    slow.type('\r'); // behind the pause, in order
    const before_ = await d.rss();
    await quick.shows(/done/, 120_000);
    const heard = slow.output.length;
    assert.ok(heard < 4096, `${heard} bytes came after PAUSE`);
    assert.ok((await d.rss()) - before_ < 16 * MiB, 'what it does not take is not kept for it');
    await d.type(id, 'more\r');
    await quick.shows('more');
    assert.equal(slow.output.length, heard);
    slow.send('3');
    slow.send('3');
    await slow.shows(/3000000[^]*done[^]*more/);
    const after_ = slow.output.subarray(heard);
    assert.ok(after_.subarray(0, 2).equals(Buffer.from('\x1bc')), 'the whole screen, since the ring has gone on');
    assert.ok(after_.length < MiB);
    // A short one is no gap.
    slow.send('2');
    const { offset } = await d.pane(id);
    await d.type(id, 'one\r');
    await until('the output', async () => (await d.pane(id)).offset >= offset + 5);
    const n = slow.output.length;
    slow.send('3');
    await slow.shows(/one\r\n$/);
    assert.equal(slow.output.subarray(n).toString(), 'one\r\n');
    await slow.leave();
    await quick.leave();
  });

  it('does not hear of the end while it pauses', async () => {
    const { id } = await d.sh('echo up; read x; echo last');
    const c = await greet(id);
    await c.shows('up');
    c.send('2');
    c.type('\r');
    await d.exited(id);
    await new Promise((r) => (c.ws.once('pong', r), c.ws.ping()));
    assert.equal(c.closed, null);
    c.send('3');
    assert.equal((await c.ended()).code, 1000);
    assert.match(c.text, /last/);
  });

  it('waits for a first message no longer than it must', async () => {
    await until('the close frame', () => mute.data.includes(Buffer.from([0x03, 0xf0])), 60_000);
    mute.close();
  });

  it('counts wrong tokens of first messages as guesses', async () => {
    // From another address, so that the others are not kept waiting.
    const id = await echo();
    const guess = async (AuthToken) => {
      const raw = await Raw.open({ ...d.tcp, localAddress: '127.0.0.77' });
      await raw.write(upgradeText(d, wire(id), { protocol: 'tty', token: null }));
      await raw.write(frame(OP.BINARY, JSON.stringify({ AuthToken })));
      await until('an end', () => raw.data.includes(Buffer.from([0x03, 0xf0])) || raw.data.includes('ready'));
      const passed = raw.data.includes('ready');
      raw.close();
      return passed;
    };
    assert.equal(await guess(d.token), true);
    await each(Array.from({ length: 25 }, (_, i) => `wrong-${i}-${'x'.repeat(30)}`), 8, async (t) => assert.equal(await guess(t), false));
    assert.equal(await guess(d.token), false, 'the right one is not looked at either');
    const c = await greet(id, { AuthToken: d.token }, { token: null });
    await c.shows('ready');
    await c.leave();
  });
});

describe('what goes with it over HTTP', () => {
  const d = useDaemon({ before, after }, { args: ['--base-path', '/x'] });
  const get = (path, { token = d.token, headers = {} } = {}) =>
    request(d.tcp, 'GET', path, { headers: { ...(token && { authorization: `Bearer ${token}` }), ...headers } });

  it('sends /p/ID to the page with a slash', async () => {
    for (const [path, to] of [['/x/p/p1', '/x/p/p1/'], ['/p/p1', '/x/p/p1/'], ['/x/p/t%253', '/x/p/t%253/'], ['/x/p/p1?token=x', '/x/p/p1/']]) {
      const r = await get(path, { token: null });
      assert.equal(r.status, 302, path);
      assert.equal(r.headers.location, to);
    }
    for (const path of ['/x/p/', '/x/p', '/x/p/a%20b', '/x/p/a%0d%0ab', `/x/p/${'p'.repeat(65)}`, '/x/p/%3cscript%3e', '/x/p//', '/x/p/a/b', '/x/p/a%2fb'])
      assert.ok([400, 404].includes((await get(path, { token: null })).status), path);
  });

  it('serves the page of one pane to anybody, and signs in there', async () => {
    const { id } = await d.sh('exec cat');
    for (const ref of [id, 'p999']) {
      const r = await get(`/x/p/${ref}/`, { token: null });
      assert.equal(r.status, 200);
      assert.match(r.headers['content-security-policy'], /default-src 'none'/);
      assert.match(r.text, /src="\.\.\/\.\.\/assets\/app-/);
    }
    const r = await get(`/x/p/${id}/?token=${d.token}`, { token: null });
    assert.equal(r.status, 303);
    assert.equal(r.headers.location, `/x/p/${id}/`);
    assert.equal(r.headers['set-cookie'].length, 1);
    assert.equal((await get(`/x/p/${id}/?token=wrong`, { token: null })).status, 401);
  });

  it('gives a token to nobody who has not shown it', async () => {
    const { id } = await d.sh('exec cat');
    const path = `/x/p/${id}/token`;
    const own = await get(path);
    assert.equal(own.status, 200);
    assert.equal(own.headers['content-type'], 'application/json;charset=utf-8');
    assert.equal(own.headers['cache-control'], 'no-store');
    assert.deepEqual(own.json, { token: d.token });
    const cookie = `panescry-${d.port}=${d.token}`;
    assert.deepEqual((await get(path, { token: null, headers: { cookie } })).json, { token: '' });
    assert.deepEqual((await get(path, { token: 'f'.repeat(40), headers: { cookie } })).json, { token: '' });
    assert.deepEqual((await d.local('GET', path.slice(2))).json, { token: '' });
    assert.equal((await get(path, { token: null })).status, 401);
    assert.equal((await get(path, { token: null, headers: { cookie, 'sec-fetch-site': 'cross-site' } })).status, 403);
    assert.equal((await get(path, { headers: { origin: 'http://evil.example' } })).status, 403);
    assert.equal((await get('/x/p/p999/token')).status, 404);
    const { token } = await d.ok('POST', 'tokens', { pane: id });
    assert.deepEqual((await get(path, { token })).json, { token });
    const { id: other } = await d.sh('exec cat');
    assert.equal((await get(`/x/p/${other}/token`, { token })).status, 403);
    assert.equal((await request(d.tcp, 'POST', path)).status, 405);
  });

  it('attaches below the base path', async () => {
    const { id } = await d.sh('echo below; exec cat');
    const c = await TtyClient.greet(d, `/x${wire(id)}`);
    await c.shows('below');
    await c.leave();
  });
});
