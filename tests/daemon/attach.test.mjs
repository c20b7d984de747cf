// Attaching: greeting, snapshot, resuming, reading only, the window, and the end.

import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { after, before, describe, it } from 'node:test';
import { useDaemon } from './lib/daemon.mjs';
import { each, until } from './lib/until.mjs';
import { inputFrame, WINDOW } from './lib/viewer.mjs';

const RING = 1024 * 1024;

describe('attaching', () => {
  const d = useDaemon({ before, after });

  it('greets with size, offset, mode and window', async () => {
    const { id } = await d.sh('stty -echo; printf 12345; exec cat', { cols: 90, rows: 30 });
    await d.shows(id, '12345');
    const v = await d.attach(id);
    assert.deepEqual(v.hello, { type: 'hello', pane: id, cols: 90, rows: 30, offset: 5, mode: 'rw', window: WINDOW });
    await v.sees('12345');
    assert.deepEqual(v.snapshots.map((s) => s.offset), [5]);
    await v.close();
    await d.remove(id);
  });

  it('shows a late viewer what was there, then goes on', async () => {
    const { id } = await d.sh('stty -echo; seq 1 500; while read -r x; do echo "got $x"; done');
    await d.shows(id, /\b500\s/);
    const v = await d.attach(id);
    await v.sees(/499\D.*500/s);
    assert.equal(v.snapshots.length, 1);
    v.input('more\n');
    await v.sees('got more');
    assert.equal(v.snapshots.length, 1, 'the rest is output');
    await v.close();
    await d.remove(id);
  });

  it('resumes at every kind of offset', async () => {
    const { id } = await d.sh('stty raw -echo; seq -f %09.0f 1 200000; echo end; exec cat');
    const whole = Buffer.from([...Array(200000)].map((_, i) => `${String(i + 1).padStart(9, '0')}\n`).join('') + 'end\n');
    const end = whole.length;
    await until('all output', async () => (await d.pane(id)).offset === end);
    const start = end - RING;
    for (const offset of [end, end - 1, end - 1000, end - RING / 2, start + 1, start]) {
      const v = await d.attach(id, { offset });
      await until(`all from ${offset}`, () => v.next === end);
      assert.deepEqual(v.snapshots, [], `${offset} is in the ring`);
      assert.ok(v.bytes.equals(whole.subarray(offset)), `bytes from ${offset}`);
      await v.close();
    }
    for (const offset of [0, 1, start - 1, end + 1, 2 ** 53, '18446744073709551615']) {
      const v = await d.attach(id, { offset });
      await until('a snapshot', () => v.snapshots.length === 1);
      assert.equal(v.snapshots[0].offset, end, `${offset} is not in the ring`);
      const { data } = v.snapshots[0];
      const at = ['000199999', '000200000', 'end'].map((line) => data.lastIndexOf(line));
      assert.ok(at[0] > 0 && at[0] < at[1] && at[1] < at[2], 'the tail, in its order');
      await v.close();
    }
    await d.remove(id);
  });

  it('resumes from 0 while all is in the ring', async () => {
    const { id } = await d.sh('stty raw -echo; echo all of it; exec cat');
    await d.shows(id, 'all of it');
    const v = await d.attach(id, { offset: 0 });
    await v.sees('all of it\n');
    assert.equal(v.start, 0);
    assert.deepEqual(v.snapshots, []);
    await v.close();
    await d.remove(id);
  });

  it('closes with 1008 on arguments that are none', async () => {
    const { id } = await d.new(['cat']);
    for (const query of ['offset=', 'offset=x', 'offset=-1', 'offset=1.5', 'offset=0x1', 'offset=18446744073709551616', 'offset=1%20', 'cols=80',
      'rows=24', 'cols=0&rows=24', 'cols=80&rows=2001', 'cols=a&rows=b', 'cols=80&rows=', 'mode=x', 'mode=', 'mode=RO', 'mode=rwx'])  {
      const v = d.viewer(id, { query });
      const { code } = await v.ended();
      assert.equal(code, 1008, query);
      assert.equal(v.hello, undefined);
    }
    for (const query of ['mode=rw', 'cols=2000&rows=1&mode=ro&other=x', '']) {
      const v = await d.attach(id, { query });
      await v.close();
    }
    await d.remove(id);
  });

  it('closes with 4401 without a token, 4404 without a pane', async () => {
    const { id } = await d.new(['cat'], { name: 'known' });
    for (const token of [null, 'f'.repeat(40), `${d.token}0`]) {
      const v = d.viewer(id, { token });
      assert.equal((await v.ended()).code, 4401);
      assert.equal(v.hello, undefined);
      assert.equal(v.received, 0);
      const hidden = d.viewer('nobody', { token });
      assert.equal((await hidden.ended()).code, 4401, 'says nothing about panes to strangers');
    }
    for (const name of ['nobody', 'p999', 'a b', 'x'.repeat(65), 'knownn']) {
      const v = d.viewer(name);
      assert.equal((await v.ended()).code, 4404, name);
    }
    for (const name of [id, 'known', 'kno']) {
      const v = await d.attach(name);
      assert.equal(v.hello.pane, id);
      await v.close();
    }
    const cookie = await d.attach(id, { token: null, headers: { cookie: `panescry-${d.port}=${d.token}`, origin: `http://127.0.0.1:${d.port}` } });
    await cookie.close();
    const local = await d.attach(id, { local: true });
    await local.close();
    await d.remove(id);
  });

  it('has a read-only mode, which a read-only token cannot leave', async () => {
    const { id } = await d.sh('stty raw -echo; echo ready; exec cat');
    const { token } = await d.ok('POST', 'tokens', { read_only: true });
    for (const options of [{ mode: 'ro' }, { token }, { token, mode: 'rw' }]) {
      const v = await d.attach(id, { ...options, cols: 33, rows: 11 });
      assert.equal(v.hello.mode, 'ro');
      await v.sees('ready');
      v.control({ type: 'ping' });
      await v.hears('pong');
      v.control({ type: 'resize', cols: 44, rows: 22 });
      v.control({ type: 'ping' });
      await until('a second pong', () => v.of('pong').length === 2);
      assert.deepEqual([(await d.pane(id)).cols, (await d.pane(id)).rows], [80, 24], 'has no say in the size');
      v.input('FORBIDDEN');
      assert.equal((await v.ended()).code, 4409);
    }
    await d.type(id, 'allowed');
    assert.ok(!(await d.shows(id, 'allowed')).includes('FORBIDDEN'));
    await d.remove(id);
  });

  it('sends two viewers the same bytes', async () => {
    const { id } = await d.quiet('stty raw -echo; read -r x; seq 1 100000; echo end; exec cat');
    const many = await Promise.all([0, 0, 0, 0].map((offset) => d.attach(id, { offset })));
    many[0].input('\n');
    await each(many, 4, (v) => v.sees(/100000\nend\n$/));
    const digest = (v) => createHash('sha256').update(v.bytes).digest('hex');
    assert.deepEqual(new Set(many.map(digest)).size, 1);
    assert.ok(many.every((v) => v.snapshots.length === 0));
    for (const v of many) await v.close();
    await d.remove(id);
  });

  it('counts viewers and tells each', async () => {
    const { id } = await d.new(['cat']);
    const a = await d.attach(id);
    await a.hears('viewers', (c) => c.count === 1);
    const b = await d.attach(id);
    await a.hears('viewers', (c) => c.count === 2);
    assert.equal((await d.pane(id)).viewers, 2);
    await b.close();
    await until('one again', () => a.of('viewers').at(-1).count === 1);
    assert.equal((await d.pane(id)).viewers, 1);
    await a.close();
    await d.remove(id);
  });

  it('serves 200 viewers that come at once', async () => {
    const { id } = await d.quiet('stty raw -echo; read -r x; seq 1 20000; echo end; exec cat');
    const viewers = await Promise.all(Array.from({ length: 200 }, () => d.attach(id, { offset: 0 })));
    assert.equal((await d.pane(id)).viewers, 200);
    viewers[199].input('\n');
    const want = [...Array(20000)].map((_, i) => `${i + 1}\n`).join('') + 'end\n';
    await each(viewers, 20, async (v) => {
      await v.sees(/end\n$/);
      assert.ok(v.text === want, 'the whole of it');
    });
    await Promise.all(viewers.map((v) => v.close()));
    await until('none to be left', async () => (await d.pane(id)).viewers === 0);
    await d.remove(id);
  });

  it('ends viewers of a pane that is removed', async () => {
    const { id } = await d.new(['cat']);
    const v = await d.attach(id);
    await d.remove(id);
    assert.equal((await v.ended()).code, 1000);
    assert.ok(await until('the pane to be gone', () => d.gone(id)));
  });
});

describe('the window of a viewer', () => {
  const d = useDaemon({ before, after });
  const flood = (bytes, more) => d.quiet(`stty raw -echo; read -r x; yes zzzzzzz | head -c ${bytes}; echo END; exec cat`, more);

  /** Acknowledges until there is no more to be had. */
  const catchUp = (v, end) =>
    until('a viewer to catch up', () => {
      v.ack();
      return v.next === end;
    });

  it('is 1 MiB: without an acknowledgement no more comes', async () => {
    const { id } = await flood(900_000);
    const silent = await d.attach(id, { ack: false, offset: 0 });
    const keen = await d.attach(id, { offset: 0 });
    keen.input('\n');
    await keen.sees(/END\n$/);
    await silent.sees(/END\n$/); // below the window
    keen.input('z'.repeat(60_000));
    keen.input('z'.repeat(60_000));
    keen.input('z'.repeat(60_000));
    keen.input('LAST');
    await keen.sees(/LAST$/);
    await until('the whole window', () => silent.received === WINDOW);
    silent.control({ type: 'ping' });
    await silent.hears('pong');
    assert.equal(silent.received, WINDOW, 'not a byte more');
    silent.ack(silent.next - WINDOW + 1);
    await until('one more byte', () => silent.received === WINDOW + 1);
    silent.control({ type: 'ping' });
    await until('a second pong', () => silent.of('pong').length === 2);
    assert.equal(silent.received, WINDOW + 1);
    silent.ack();
    await silent.sees(/LAST$/);
    assert.deepEqual(silent.snapshots, []);
    assert.ok(silent.bytes.equals(keen.bytes));
    await silent.close();
    await keen.close();
    await d.remove(id);
  });

  it('gives a snapshot to who asks, in place of what waits to be acknowledged', async () => {
    const { id } = await flood(50_000_000);
    const v = await d.attach(id, { ack: false, offset: 0 });
    v.input('\n');
    await until('a full window', () => v.received >= WINDOW || v.snapshots.length !== 0);
    for (let i = 0; i < 3; i++) {
      const had = v.snapshots.length;
      await until('the snapshot', () => {
        v.control({ type: 'snapshot' });
        return v.snapshots.length > had;
      });
    }
    v.check();
    const rows = () => v.snapshots.at(-1).data.toString('latin1').split('zzzzzzz').length - 1;
    assert.ok(rows() > 900);
    await until('a short one', () => {
      v.control({ type: 'snapshot', lines: 0 });
      return rows() <= 24;
    });
    assert.ok(rows() > 10);
    const had = v.snapshots.length;
    const began = Date.now();
    for (let i = 0; i < 1000; i++) v.control({ type: 'snapshot' });
    v.control({ type: 'ping' });
    await v.hears('pong');
    assert.ok(v.snapshots.length - had <= 2 + (Date.now() - began) / 50, 'many at once are few');
    await v.close();
    await d.remove(id);
  });

  it('resynchronises with a snapshot who has fallen out of the ring', async () => {
    const { id } = await flood(5_000_000);
    const silent = await d.attach(id, { ack: false, offset: 0 });
    const keen = await d.attach(id, { offset: 0 });
    keen.input('\n');
    await keen.sees(/END\n$/);
    assert.equal(keen.next, 5_000_004);
    await until('a window or a snapshot', () => silent.received === WINDOW || silent.snapshots.length !== 0);
    await catchUp(silent, 5_000_004);
    assert.ok(silent.snapshots.length > 0 && silent.received < 5_000_000);
    silent.check();
    assert.match(silent.screen, /END/);
    keen.input('after');
    await keen.sees(/after$/);
    await silent.sees(/END.*after$/s);
    await silent.close();
    await keen.close();
    await d.remove(id);
  });

  it('refuses to acknowledge what was never sent', async () => {
    const { id } = await d.sh('echo hello; exec cat');
    const v = await d.attach(id, { ack: false, offset: 0 });
    await v.sees('hello');
    v.ack(v.next + 1);
    await v.hears('error', (e) => e.error === 'bad_message');
    v.ack(0);
    v.ack(v.next);
    v.ack(1); // older than the last: no harm
    v.control({ type: 'ping' });
    await v.hears('pong');
    assert.equal(v.of('error').length, 1);
    await v.close();
    await d.remove(id);
  });

  it('costs nothing while a viewer does not read at all', async () => {
    const total = 200_000_000;
    // The archive has a queue of its own, which has nothing to do with viewers.
    const { id } = await flood(total, { archive: false });
    let seen = 0;
    let wrong = 0;
    const keen = await d.attach(id, {
      offset: 0,
      sink: (bytes, offset) => {
        seen += bytes.length;
        if (offset + bytes.length <= total) for (let i = 0; i < bytes.length; i += 997) if (bytes[i] !== 0x7a && bytes[i] !== 0x0a) wrong++;
      },
    });
    const stalled = await d.attach(id, { ack: false, offset: 0 });
    const dead = await d.attach(id, { offset: 0 });
    stalled.stall();
    dead.stall();
    const base = await d.rss();
    let peak = base;
    keen.input('\n');
    await until('the end of the flood', async () => {
      peak = Math.max(peak, await d.rss());
      return keen.next === total + 4 || keen.snapshots.at(-1)?.offset === total + 4;
    }, 120_000);
    peak = Math.max(peak, await d.rss());
    assert.equal(wrong, 0);
    assert.deepEqual(keen.faults, []);
    if (keen.snapshots.length === 0) assert.equal(seen, total + 4, 'whole');
    assert.ok(peak - base < 8 * 1024 * 1024, `resident memory grew by ${peak - base} bytes`);
    stalled.unstall();
    await until('a full window', () => stalled.received >= WINDOW || stalled.snapshots.length !== 0);
    await catchUp(stalled, total + 4);
    assert.notEqual(stalled.snapshots.length, 0);
    stalled.check();
    assert.match(stalled.screen, /END/);
    dead.ws.terminate();
    await stalled.close();
    await keen.close();
    await d.remove(id);
  });
});

describe('the end of a pane', () => {
  const d = useDaemon({ before, after });
  const numbers = (n) => [...Array(n)].map((_, i) => `${i + 1}\r\n`).join('');

  for (const [name, late] of [['from its start', false], ['afterwards', true]])
    it(`loses no byte of 250 commands that print and exit, watched ${name}`, async () => {
      const want = numbers(3000);
      await each(Array.from({ length: 250 }, (_, i) => i), 6, async (i) => {
        const { id } = await d.sh(`seq 1 3000; exit ${i % 7}`);
        if (late) await d.exited(id);
        const v = d.viewer(id, { offset: 0 });
        await v.finish(i % 7);
        assert.equal(v.text.length, want.length, `run ${i}`);
        assert.ok(v.text === want, `run ${i}`);
        assert.deepEqual(v.snapshots, []);
        await d.remove(id);
      });
    });

  it('tells how the command ended', async () => {
    for (const [script, status] of [['true', 0], ['exit 3', 3], ['exit 255', 255], ['kill -TERM $$', 143], ['kill -KILL $$', 137], ['kill -INT $$', 130]]) {
      const { id } = await d.sh(`echo x; ${script}`);
      const v = d.viewer(id, { offset: 0 });
      await v.finish(status);
      assert.equal(v.text, 'x\r\n');
      const p = await d.pane(id);
      assert.deepEqual([p.state, p.exit_status], ['exited', status]);
      const again = d.viewer(id);
      await again.finish(status);
      assert.match(again.screen, /x/, 'can be looked at afterwards');
    }
  });

  it('comes although a child keeps the terminal open', async () => {
    const { id } = await d.sh("trap '' HUP; (sleep 3; echo too late) & echo started; exit 5");
    const v = d.viewer(id, { offset: 0 });
    await v.finish(5);
    assert.match(v.text, /started/);
  });

  it('waits for output that a child still writes', async () => {
    const { id } = await d.sh("trap '' HUP; (for i in 1 2 3 4 5 6 7 8; do sleep 0.1; echo late $i; done) & exit 0");
    const v = d.viewer(id, { offset: 0 });
    await v.finish(0);
    assert.match(v.text, /late 8/);
  });

  it('brings all of a burst to a viewer that acknowledges', async () => {
    const size = 5_000_000;
    const { id } = await d.sh(`stty raw -echo; printf R; read -r x; yes bbb | head -c ${size}; printf E`);
    const v = await d.attach(id, { offset: 0 });
    await v.sees('R');
    v.input('\n');
    await v.finish(0);
    if (v.snapshots.length === 0) assert.equal(v.received, size + 2);
    assert.equal(v.next, size + 2);
    assert.match(v.screen.slice(-2000), /^[b\n]+E$/);
  });

  it('waits for a viewer that has not acknowledged', async () => {
    const { id } = await d.sh("stty raw -echo; printf R; read -r x; yes bbb | head -c 8000; read -r x; yes bbb | head -c 1045000; printf E");
    const v = await d.attach(id, { ack: false, offset: 0 });
    await v.sees('R');
    v.input('\n');
    await until('the first part', () => v.received === 8001);
    v.input('\n');
    await d.exited(id);
    await until('the window', () => v.received === WINDOW);
    v.control({ type: 'ping' });
    await v.hears('pong');
    assert.equal(v.exit, undefined);
    v.acking = true;
    v.ack();
    await v.finish(0);
    assert.equal(v.next, 1_053_002);
  });

  it('comes for a viewer that has typed more than was read', async () => {
    const { id } = await d.sh("stty raw -echo; echo ready; read -r x; head -c 3000000 /dev/zero | tr '\\0' o; printf E; sleep 0.2; exit 4");
    const v = await d.attach(id);
    await v.sees('ready');
    v.input('\n');
    for (let i = 0; i < 16; i++) v.send(inputFrame(Buffer.alloc(60_000, 'i')));
    await v.finish(4);
    assert.equal(v.next, 6 + 3_000_001);
  });
});
