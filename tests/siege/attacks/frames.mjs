// WebSocket: frames that no client may send, more than any may send, and doors that are opened wrongly.

import { deflateRawSync } from 'node:zlib';
import { OP } from '../../daemon/lib/frames.mjs';
import { told } from './target.mjs';

const ECHO_MS = 5000;
const input = (data) => Buffer.concat([Buffer.from([1]), Buffer.from(data)]);
const control = (text) => Buffer.concat([Buffer.from([3]), Buffer.from(text)]);

let marks = 0;

/** Was that typed? What comes back of it comes before an echo. */
async function typed(t, mark) {
  const v = await t.attach();
  await t.echo(v);
  const found = v.screen().includes(mark);
  v.close();
  return found;
}

/**
 * The connection is ended, with a code of those or without one, and nothing was typed of what
 * `send` was given to be typed.
 */
async function ends(t, g, what, send, codes = [1002, 1003, 1007, 1008, 1009, 'ended', 1005, 1011]) {
  const v = await t.attach();
  const mark = `EVIL${++marks}.`;
  await send(v, input(mark));
  const end = await v.end();
  const was = await typed(t, mark);
  g.refuses(codes.includes(end) && !was, what, was ? `it was typed; ${end}` : String(end ?? 'it stays open'), `a viewer of a pane, which sends ${what}`);
  v.close();
}

/** Neither obeyed nor the end of anything: an echo comes on the same connection, or it is ended. */
async function harmless(t, g, what, send) {
  const v = await t.attach();
  const mark = `EVIL${++marks}.`;
  await send(v, mark);
  const echo = await t.echo(v, 5000);
  const was = v.screen().includes(mark);
  const ended = echo === null ? await v.end() : null;
  g.refuses((echo !== null || ended !== null) && !was, what, was ? 'it was typed' : 'neither an echo nor an end', `a viewer of a pane, which sends ${what}`);
  v.close();
}

/** RFC 6455 5.1 wants the connection closed. */
async function unmasked(t, g) {
  const v = await t.attach();
  await v.send(OP.BINARY, input('unmasked'), { mask: false });
  g.bears((await v.end(1000)) !== null, 'a frame without a mask', 'libwebsockets 4.1 takes it and does not tell; masks keep a page from writing what a proxy takes for HTTP, and browsers always have them');
  v.close();
}

async function malformed(t, g) {
  await unmasked(t, g);
  for (const rsv of [0x10, 0x20, 0x40, 0x70]) await ends(t, g, `a frame with reserved bits ${rsv.toString(16)}`, (v, EVIL) => v.send(OP.BINARY, EVIL, { rsv }));
  for (const op of [3, 4, 5, 6, 7, 11, 12, 13, 14, 15]) await ends(t, g, `a frame of the reserved opcode ${op}`, (v, EVIL) => v.send(op, EVIL));
  for (const op of [OP.PING, OP.PONG, OP.CLOSE]) {
    await ends(t, g, `a control frame ${op} of 126 bytes`, (v) => v.send(op, Buffer.alloc(126, 'x')));
    await ends(t, g, `a control frame ${op} of 70,000 bytes`, (v) => v.send(op, Buffer.alloc(70_000, 'x')));
    await ends(t, g, `a control frame ${op} in fragments`, (v) => v.send(op, 'x', { fin: false }));
  }
  await ends(t, g, 'a continuation of nothing', (v, EVIL) => v.send(OP.CONTINUE, EVIL));
  await ends(t, g, 'a message within a message', async (v, EVIL) => {
    await v.send(OP.BINARY, input('a'), { fin: false });
    await v.send(OP.BINARY, EVIL);
  });
  for (const [what, head] of [['2^63 bytes', 'ff00000000000000'], ['2^63 bytes', '8000000000000000'], ['2^64-1 bytes', 'ffffffffffffffff'], ['2^62 bytes', '4000000000000000'], ['4 GiB', '0000000100000000'], ['2 GiB', '0000000080000000']])
    await ends(t, g, `a frame that says it has ${what}`, (v) => v.write(Buffer.concat([Buffer.from([0x82, 0xff]), Buffer.from(head, 'hex'), Buffer.alloc(4), Buffer.alloc(200_000)])));
  await ends(t, g, 'input of 64 KiB and one byte', (v) => v.send(OP.BINARY, input(Buffer.alloc(65537))), [1009, 'ended']);
  await ends(t, g, 'a message of 8 MiB', (v) => v.send(OP.BINARY, input(Buffer.alloc(8 * 1024 * 1024))), [1009, 'ended']);
  await ends(t, g, 'fragments without an end', async (v) => {
    await v.send(OP.BINARY, input(''), { fin: false });
    for (let i = 0; i < 4096 && !v.wire.ended; i++) await v.send(OP.CONTINUE, Buffer.alloc(1024), { fin: false });
  }, [1009, 'ended']);
  await harmless(t, g, '20,000 empty fragments', async (v) => {
    await v.send(OP.BINARY, input(''), { fin: false });
    const one = Buffer.from([0x00, 0x80, 0, 0, 0, 0]);
    await v.write(Buffer.concat(Array.from({ length: 20_000 }, () => one)));
    await v.send(OP.CONTINUE, '', { fin: true });
  });
}

async function closing(t, g) {
  const code = (n) => Buffer.from([n >> 8, n & 255]);
  const any = [1000, 1001, 1002, 1003, 1005, 1007, 1008, 1009, 'ended'];
  for (const n of [0, 1, 999, 1004, 1005, 1006, 1012, 1015, 1016, 1100, 2000, 2999, 5000, 65535]) await ends(t, g, `a close with code ${n}`, (v) => v.send(OP.CLOSE, code(n)), [...any, n]);
  await ends(t, g, 'a close of one byte', (v) => v.send(OP.CLOSE, 'x'), any);
  await ends(t, g, 'a close whose reason is no UTF-8', (v) => v.send(OP.CLOSE, Buffer.concat([code(1000), Buffer.from([0xff, 0xfe, 0xc0, 0x80])])), any);
  await ends(t, g, 'input behind a close', async (v, EVIL) => {
    await v.send(OP.CLOSE, code(1000));
    await v.send(OP.BINARY, EVIL);
  }, any);
}

/** Text where bytes belong, bytes where text belongs, and text that is none. */
async function messages(t, g) {
  const depth = 100_000;
  const odd = ['', '{', 'null', '[]', '1', '"x"', '{"type":null}', '{"type":[]}', '{"type":{}}', '{"type":1e999}', '{"type":"resize"}', '{"type":"resize","cols":-1,"rows":1e99}', '{"type":"resize","cols":"80","rows":[24]}', '{"type":"resize","cols":1e308,"rows":1e-308}', '{"type":"resize","cols":65536,"rows":65536}',
    '{"type":"ack","offset":-1}', '{"type":"ack","offset":1e300}', '{"type":"ack","offset":18446744073709551616}', '{"type":"ack","offset":"9"}', '{"type":"ping"'.padEnd(5000), '{"type":"\ud800"}', '{"type":"\\ud800"}', '{"type":"ping","type":"resize"}', '{"type":"evil\\u0000"}', '{"type":"hello"}', '{"type":"exit","status":0}'];
  for (const text of odd) await harmless(t, g, `the control message ${text.slice(0, 50)}`, (v) => v.send(OP.BINARY, control(text)));
  for (const [what, text] of [['{', '{"a":'.repeat(6000)], ['[', '['.repeat(60_000)]]) await harmless(t, g, `a control message of ${what} without an end`, (v) => v.send(OP.BINARY, control(text)));
  for (const type of [0, 2, 4, 5, 0x7f, 0x80, 0xff]) await harmless(t, g, `a message of type ${type}`, (v, mark) => v.send(OP.BINARY, Buffer.concat([Buffer.from([type]), Buffer.from(mark)])));
  await harmless(t, g, 'an empty message', (v) => v.send(OP.BINARY, ''));
  await harmless(t, g, 'input as text', (v, mark) => v.send(OP.TEXT, `\u0001${mark}`));
  const events = async (what, payload, op = OP.TEXT) => {
    const { socket, ...a } = await t.dial('/ws/events');
    if (!socket) {
      g.serves(false, 'the socket of events', told(a));
      return;
    }
    await socket.send(op, payload);
    await socket.send(OP.PING, 'still');
    const f = await socket.hear((x) => x.op === OP.PONG, 5000);
    const end = f ? null : await socket.end();
    const panes = socket.read().some((x) => x.op === OP.TEXT && /"topic":"panes"/.test(x.data));
    g.refuses((f !== null || end !== null) && !panes, `events: ${what}`, panes ? 'it was taken' : 'neither a pong nor an end', 'a client of events, which sends it');
    socket.close();
  };
  for (const [what, text] of [['no JSON', '{'], ['not an object', '[1]'], ['topics that are a string', '{"type":"subscribe","topics":"panes"}'], ['topics that are numbers', '{"type":"subscribe","topics":[1,null,{}]}'], ['10,000 topics', JSON.stringify({ type: 'subscribe', topics: Array.from({ length: 10_000 }, (_, i) => `job:${i}`) })],
    ['a number that is too large', '{"type":"subscribe","topics":["watches"],"after":1e300}'], ['a negative number', '{"type":"subscribe","topics":["watches"],"after":-1}'], ['a topic with a NUL', '{"type":"subscribe","topics":["panes\\u0000x"]}'], ['a depth of 100,000', '['.repeat(depth)], ['unsubscribed types', '{"type":"publish","topic":"panes"}'], ['duplicate members', '{"type":"frob","type":"subscribe","topics":["watches"]}']])
    await events(what, text);
  for (const [what, hex] of [['overlong', 'c080'], ['a lone surrogate', 'eda080'], ['beyond Unicode', 'f4908080'], ['0xff', 'ff'], ['cut off', 'e282']]) await events(`text that is ${what}`, Buffer.from(hex, 'hex'));
  await events('a subscription as bytes', Buffer.from('{"type":"subscribe","topics":["pane"]}'), OP.BINARY);
}

async function floods(t, g) {
  const other = await t.attach();
  const v = await t.attach();
  const flood = Buffer.concat(Array.from({ length: 20_000 }, () => Buffer.from([0x89, 0x84, 0, 0, 0, 0, 1, 2, 3, 4])));
  const writing = v.write(flood, 20_000);
  let worst = 0;
  for (let i = 0; i < 10; i++) worst = Math.max(worst, (await t.echo(other)) ?? Infinity);
  await writing;
  g.serves(worst < ECHO_MS, 'echo beside 20,000 pings', `${worst} ms`);
  v.close();
  // One that reads nothing and asks for answers all the time.
  const deaf = await t.attach();
  deaf.wire.socket.pause();
  const ping = Buffer.from(control('{"type":"ping"}'));
  const masked = Buffer.concat([Buffer.from([0x82, 0x80 | ping.length, 0, 0, 0, 0]), ping]);
  deaf.write(Buffer.concat(Array.from({ length: 50_000 }, () => masked)), 3000);
  worst = 0;
  for (let i = 0; i < 10; i++) worst = Math.max(worst, (await t.echo(other)) ?? Infinity);
  g.serves(worst < ECHO_MS, 'echo beside one that asks and does not listen', `${worst} ms`);
  deaf.close();
  other.close();
}

/** Upgrades that are wrong in one thing each. */
async function upgrades(t, g) {
  const path = `/ws/panes/${t.pane}`;
  const wrong = [
    ['no subprotocol', { protocol: null }], ['an unknown subprotocol', { protocol: 'panescry.attach.v2' }], ['the start of one', { protocol: 'panescry.attach.v' }], ['another case', { protocol: 'PANESCRY.ATTACH.V1' }], ['that of events', { protocol: 'panescry.events.v1' }], ['that of HTTP', { protocol: 'http' }], ['an empty one', { protocol: '' }],
    ['one of 4 KiB', { protocol: 'p'.repeat(4096) }], ['1,000 of them', { protocol: Array.from({ length: 1000 }, (_, i) => `p${i}`).join(',') }],
    ...[null, '0', '7', '8', '12', '14', '-1', '13x', '1300', '13, 14', '4294967309'].map((version) => [`version ${version}`, { version }]),
    ...[null, '', 'x', 'AAAA', 'not base64 at all!!!!!!!', 'A'.repeat(2000)].map((key) => [`the key ${String(key).slice(0, 30)}`, { key }]),
    ['POST', { method: 'POST' }], ['HTTP/1.0', { version10: true }],
  ];
  for (const [what, { version10, ...options }] of wrong) {
    const raw = version10 ? t.text({ path, version: 'HTTP/1.0', headers: ['Upgrade: websocket', 'Connection: Upgrade', 'Sec-WebSocket-Version: 13', 'Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==', 'Sec-WebSocket-Protocol: panescry.attach.v1'] }) : undefined;
    const a = await t.dial(path, { ...options, raw, ms: 5000 });
    const end = a.socket ? await a.socket.end(1000) : a.status;
    g.refuses(a.socket === undefined || end !== null, `an upgrade with ${what}`, told(a), t.again(a));
    a.socket?.close();
  }
  for (const offer of ['permessage-deflate', 'permessage-deflate; server_no_context_takeover; client_max_window_bits=8', 'x-webkit-deflate-frame', 'permessage-deflate; client_max_window_bits=99999', `${'permessage-deflate, '.repeat(100)}x`]) {
    const a = await t.dial(path, { headers: [`Sec-WebSocket-Extensions: ${offer}`] });
    const taken = a.headers['sec-websocket-extensions'];
    if (a.socket && taken) {
      // 64 MiB of zeroes in 64 KiB.
      await a.socket.send(OP.BINARY, deflateRawSync(Buffer.alloc(64 * 1024 * 1024)), { rsv: 0x40 });
      g.refuses([1009, 1002, 'ended'].includes(await a.socket.end()), `a bomb over ${offer.slice(0, 50)}`, 'it was taken', t.again(a));
    } else {
      g.refuses(a.status === 101 || a.status >= 400 || a.status === 0, `the extension ${offer.slice(0, 50)}`, told(a), t.again(a));
    }
    a.socket?.close();
  }
  const sizes = ['cols=0&rows=0', 'cols=-1&rows=5', 'cols=99999&rows=99999', 'cols=1e3&rows=1', 'cols=abc&rows=def', 'offset=-1', 'offset=99999999999999999999', 'offset=abc', 'mode=root', 'mode=', 'cols=80&cols=90', `offset=${'9'.repeat(3000)}`];
  for (const query of sizes) {
    const a = await t.dial(`${path}?${query}`);
    const odd = a.socket ? await a.socket.hear((f) => f.op === OP.BINARY && f.data[0] === 3, 5000) : null;
    const text = odd ? odd.data.subarray(1).toString() : '';
    const size = /"cols":(\d+),"rows":(\d+)/.exec(text);
    const ok = !a.socket || odd === null || (size && Number(size[1]) >= 1 && Number(size[1]) <= 2000 && Number(size[2]) >= 1 && Number(size[2]) <= 2000);
    g.refuses(ok, `a viewer with ${query.slice(0, 40)}`, text.slice(0, 100), t.again(a));
    a.socket?.close();
  }
}

export async function frames(t, g) {
  await malformed(t, g);
  await closing(t, g);
  await messages(t, g);
  await floods(t, g);
  await upgrades(t, g);
}
