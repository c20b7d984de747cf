// Events: who listens hears everything once and in order, or is told that it cannot.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import WebSocket from 'ws';
import { useDaemon } from './lib/daemon.mjs';
import { killWorker, pause, startKept } from './lib/keeper.mjs';
import { until, within } from './lib/until.mjs';

const KEPT = 10_000;

/** A client of panescry.events.v1 that keeps what it was sent, and book of the numbers. */
class Listener {
  constructor(d, { token = d.token, protocols = ['panescry.events.v1'], headers = {} } = {}) {
    this.all = [];
    this.faults = [];
    this.last = 0;
    this.ws = new WebSocket(`ws://127.0.0.1:${d.port}/ws/events`, protocols, { headers: { ...(token ? { authorization: `Bearer ${token}` } : {}), ...headers }, perMessageDeflate: false });
    this.ws.on('message', (data, binary) => {
      if (binary) this.faults.push('a binary message');
      const o = JSON.parse(data.toString());
      if (!Number.isSafeInteger(o.seq)) this.faults.push(`no number: ${data}`);
      if (o.seq < this.last || (o.seq === this.last && !['reset', 'state', 'error'].includes(o.type))) this.faults.push(`${o.seq} after ${this.last}`);
      this.last = o.seq;
      this.all.push(o);
    });
    this.ws.on('error', (e) => (this.error = e));
    this.ws.on('unexpected-response', (_, res) => {
      this.refused = res.statusCode;
      this.ws.terminate();
    });
    this.open = new Promise((r) => this.ws.on('open', r));
    this.over = new Promise((r) => this.ws.on('close', (code) => r((this.code = code))));
  }

  static async on(d, topics, after_, options) {
    const l = new Listener(d, options);
    await within('the connection', l.open);
    l.subscribe(topics, after_);
    return l;
  }

  send(o) {
    this.ws.send(typeof o === 'string' ? o : JSON.stringify(o));
  }

  subscribe(topics, after_) {
    this.send({ type: 'subscribe', topics, ...(after_ === undefined ? {} : { after: after_ }) });
  }

  hears(what, test) {
    return until(what, () => {
      if (this.code) throw new Error(`closed with ${this.code} before ${what}`);
      return this.all.find(test);
    });
  }

  of(type) {
    return this.all.filter((o) => o.type === type);
  }

  async close() {
    assert.deepEqual(this.faults, []);
    this.ws.close();
    await within('the close', this.over);
  }
}

const make = (d, pattern = 'never') => d.ok('POST', 'watches', { pattern });
const drop = (d, w) => d.ok('DELETE', `watches/${w.id}`);

describe('a listener', () => {
  const d = useDaemon({ before, after });

  it('is told how things are, and then what happens', async () => {
    const there = await d.sh('cat', { name: 'there' });
    const l = await Listener.on(d, ['panes', 'watches']);
    await l.hears('the state', () => l.of('state').length === 2);
    const [reset, panes, watches] = l.all;
    assert.deepEqual(Object.keys(reset).sort(), ['seq', 'type']);
    assert.deepEqual([reset.type, panes.topic, watches.topic], ['reset', 'panes', 'watches']);
    assert.ok(panes.seq === reset.seq && watches.seq === reset.seq);
    assert.deepEqual(panes.panes.map((p) => p.id), [there.id]);
    assert.deepEqual(watches.watches, []);
    const p = await d.sh('read x; exit 3', { name: 'mine' });
    const started = await l.hears('started', (o) => o.type === 'started');
    assert.deepEqual([started.topic, started.pane.id, started.pane.name, started.pane.state], ['panes', p.id, 'mine', 'running']);
    assert.ok(started.seq > reset.seq);
    await d.type(p.id, '\n');
    const exited = await l.hears('exited', (o) => o.type === 'exited');
    assert.deepEqual([exited.pane.id, exited.pane.exit_status, exited.pane.state], [p.id, 3, 'exited']);
    await d.remove(p.id);
    assert.equal((await l.hears('removed', (o) => o.type === 'removed')).id, p.id);
    const w = await d.ok('POST', 'watches', { pattern: '^f(i)re', every_s: 0 });
    assert.deepEqual((await l.hears('created', (o) => o.type === 'created')).watch, w);
    await d.type(there.id, 'fire\n');
    const fired = await l.hears('fired', (o) => o.type === 'fired');
    assert.deepEqual([fired.topic, fired.watch, fired.suppressed, fired.match.content, fired.match.captures, fired.match.pane], ['watches', w.id, 0, 'fire', ['i'], there.id]);
    await drop(d, w);
    const gone = await l.hears('removed', (o) => o.type === 'removed' && o.topic === 'watches');
    assert.equal(gone.watch.id, w.id);
    await d.remove(there.id);
    await l.close();
  });

  it('hears the topics that it asked for', async () => {
    const l = await Listener.on(d, ['watches']);
    const none = await Listener.on(d, []);
    const unknown = await Listener.on(d, ['jobs', 'session:x', 'watches']);
    await unknown.hears('three states', () => unknown.of('state').length === 3);
    assert.deepEqual(unknown.of('state').map((o) => o.topic).sort(), ['jobs', 'session:x', 'watches']);
    await none.hears('the reset', (o) => o.type === 'reset');
    const p = await d.sh('true');
    await d.exited(p.id);
    await d.remove(p.id);
    await drop(d, await make(d));
    await l.hears('removed', (o) => o.type === 'removed');
    assert.deepEqual(l.all.map((o) => [o.topic, o.type]), [[undefined, 'reset'], ['watches', 'state'], ['watches', 'created'], ['watches', 'removed']]);
    l.subscribe(['panes']);
    await l.hears('another state', (o) => o.topic === 'panes');
    await drop(d, await make(d));
    const q = await d.sh('true');
    await l.hears('started', (o) => o.type === 'started');
    assert.equal(l.of('created').length, 1, 'no longer subscribed');
    assert.deepEqual(none.all.map((o) => o.type), ['reset']);
    await until('the end', () => l.of('exited').length === 1);
    await d.remove(q.id);
    for (const x of [l, none, unknown]) await x.close();
  });

  it('goes on where it was', async () => {
    const l = await Listener.on(d, ['watches']);
    await l.hears('the state', (o) => o.type === 'state');
    const at = l.last;
    const made = [];
    for (let i = 0; i < 20; i++) made.push(await make(d, `m${i}`));
    await until('all', () => l.of('created').length === 20);
    const all = l.of('created');
    for (const [i, from] of [[0, at], [7, all[6].seq], [19, all[18].seq]]) {
      const again = await Listener.on(d, ['watches'], from);
      await until('the rest', () => again.of('created').length === 20 - i);
      assert.deepEqual(again.all, all.slice(i), 'neither a reset nor a state');
      await again.close();
    }
    const end = await Listener.on(d, ['watches'], all.at(-1).seq);
    await drop(d, made[0]);
    await end.hears('what comes', (o) => o.type === 'removed');
    assert.equal(end.all.length, 1);
    for (const from of [0, 1, 2 ** 53 - 1, all.at(-1).seq + 1000]) {
      const lost = await Listener.on(d, ['watches'], from);
      await lost.hears('the state', (o) => o.type === 'state');
      assert.deepEqual(lost.all.map((o) => o.type), ['reset', 'state'], String(from));
      assert.equal(lost.all[1].watches.length, 19);
      await lost.close();
    }
    for (const w of made.slice(1)) await drop(d, w);
    await end.close();
    await l.close();
  });

  it('is told of a message that is none, and goes on', async () => {
    const l = new Listener(d);
    await within('the connection', l.open);
    const bad = [{}, { type: 'x' }, { type: 'subscribe' }, { type: 'subscribe', topics: 'panes' }, { type: 'subscribe', topics: [5] }, { type: 'subscribe', topics: ['x'.repeat(80)] }, { type: 'subscribe', topics: Array(33).fill('x') }, '[]', '{', '', 'null', '{"type":"subscribe","topics":["a"]} x', '['.repeat(9000)];
    for (const [i, m] of bad.entries()) {
      l.send(m);
      await until(`error ${i}`, () => l.of('error').length === i + 1);
      assert.ok(l.of('error')[i].message);
    }
    l.ws.send(Buffer.from('{"type":"subscribe","topics":["watches"]}'), { binary: true });
    await until('the last error', () => l.of('error').length === bad.length + 1);
    l.subscribe(['watches'], 'x');
    await l.hears('the state', (o) => o.type === 'state');
    await l.close();
    const big = new Listener(d);
    await within('the connection', big.open);
    big.send(JSON.stringify({ type: 'subscribe', topics: ['x'.repeat(20_000)] }));
    assert.equal(await within('the close', big.over), 1009);
    await d.well();
  });

  it('needs a token, of either kind, and the right subprotocol', async () => {
    const none = new Listener(d, { token: null });
    assert.equal(await within('the close', none.over), 4401);
    const wrong = new Listener(d, { token: 'wrong' });
    assert.equal(await within('the close', wrong.over), 4401);
    const { token } = await d.ok('POST', 'tokens', { read_only: true });
    const l = await Listener.on(d, ['panes'], undefined, { token });
    await l.hears('the state', (o) => o.type === 'state');
    await l.close();
    for (const protocols of [['panescry.attach.v1'], ['x']]) {
      const other = new Listener(d, { protocols });
      await within('the close', other.over);
      assert.equal(other.all.length, 0);
    }
    const foreign = new Listener(d, { headers: { origin: 'http://example.com' } });
    await within('the close', foreign.over);
    assert.equal(foreign.refused, 403);
  });

  it('that does not read holds up nobody, and is told what it missed', async () => {
    const p = await d.sh('stty -echo; echo ready; while read n; do seq -f "event %.0f" 1 $n; done');
    await d.shows(p.id, 'ready');
    const quick = await Listener.on(d, ['watches']);
    const slow = await Listener.on(d, ['watches']);
    await quick.hears('the state', (o) => o.type === 'state');
    await slow.hears('the state', (o) => o.type === 'state');
    const w = await d.ok('POST', 'watches', { pattern: '^event (.*)', every_s: 0 });
    await until('it', () => quick.of('created').length === 1 && slow.of('created').length === 1);
    const at = quick.last;
    slow.ws._socket.pause();
    const rss = await d.rss();
    let n = 0;
    // The kernel's buffers take some thousand events before the daemon has to keep any back.
    for (const k of [3000, KEPT, KEPT, KEPT]) {
      await d.type(p.id, `${k}\n`);
      n += k;
      await until(`${n} events`, () => quick.of('fired').length === n);
    }
    assert.deepEqual(quick.of('fired').slice(0, 3000).map((o) => o.match.captures[0]), [...Array(3000)].map((_, i) => String(i + 1)));
    assert.deepEqual(quick.of('fired').map((o) => o.seq), [...Array(n)].map((_, i) => at + 1 + i), 'numbers without a gap');
    assert.ok((await d.rss()) - rss < 200e6);
    slow.ws._socket.resume();
    await until('the last number', () => slow.last === quick.last);
    await pause(50);
    const resets = slow.of('reset').length;
    assert.ok(resets === 2 || slow.of('fired').length === n, `${resets} resets, ${slow.of('fired').length} events`);
    if (resets === 2) assert.equal(slow.of('state').length, 2);
    // Just within what is kept, and just beyond.
    const kept = await Listener.on(d, ['watches'], quick.last - KEPT);
    await until('all that is kept', () => kept.of('fired').length === KEPT);
    assert.equal(kept.of('reset').length, 0);
    const beyond = await Listener.on(d, ['watches'], quick.last - KEPT - 1);
    await beyond.hears('the state', (o) => o.type === 'state');
    assert.equal(beyond.of('fired').length, 0);
    await drop(d, w);
    await d.remove(p.id);
    for (const l of [quick, slow, kept, beyond]) await l.close();
  });
});

it('numbers grow over the end of the worker', async () => {
  const d = await startKept();
  let last = 0;
  const p = await d.sh('cat');
  for (let i = 0; i < 4; i++) {
    const l = await Listener.on(d, ['panes', 'watches'], last || undefined);
    await until('the states', () => l.of('state').length === 2);
    assert.deepEqual(l.all.map((o) => o.type), ['reset', 'state', 'state'], 'what the last worker knew has gone');
    assert.ok(l.all[0].seq > last || i === 0, `${l.all[0].seq} after ${last}`);
    assert.deepEqual(l.all[1].panes.map((x) => x.id), [p.id]);
    await drop(d, await make(d));
    await until('two events', () => l.of('removed').length === 1);
    assert.ok(l.last > last);
    last = l.last;
    await killWorker(d);
    await within('the close', l.over);
    assert.deepEqual(l.faults, []);
  }
  await d.stop();
});
