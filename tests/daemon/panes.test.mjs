// What a pane gives its command, and what may be done to it: environment, size, input, signals.

import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { realpath, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { startDaemon, useDaemon } from './lib/daemon.mjs';
import { killWorker } from './lib/keeper.mjs';
import { alive } from './lib/run.mjs';
import { until } from './lib/until.mjs';
import { inputFrame } from './lib/viewer.mjs';

describe('a pane', () => {
  const d = useDaemon({ before, after }, {
    env: { TMUX: '/tmp/x,1,0', TMUX_PANE: '%9', TERM: 'dumb', COLUMNS: '7', PANESCRY_PANE: 'p99', KEPT: 'yes' },
  });
  /** Output of a command, to its end. */
  const output = async (script, more) => {
    const { id } = await d.sh(script, more);
    const v = d.viewer(id, { offset: 0 });
    await v.ended();
    v.check();
    return v.text.replaceAll('\r\n', '\n');
  };

  it('has the environment of a terminal of its own', async () => {
    const { id } = await d.new(['env'], { env: { MINE: 'a b=c', KEPT: 'changed', EMPTY: '' } });
    await d.exited(id);
    const env = new Map((await d.text(id)).trim().split(/\r?\n/).map((l) => [l.slice(0, l.indexOf('=')), l.slice(l.indexOf('=') + 1)]));
    assert.equal(env.get('TERM'), 'xterm-256color');
    assert.equal(env.get('COLORTERM'), 'truecolor');
    assert.equal(env.get('PANESCRY_PANE'), id);
    assert.equal(env.get('PANESCRY_SOCKET'), d.socket);
    assert.equal(env.get('MINE'), 'a b=c');
    assert.equal(env.get('KEPT'), 'changed');
    assert.equal(env.get('EMPTY'), '');
    for (const name of ['TMUX', 'TMUX_PANE', 'COLUMNS', 'LINES']) assert.ok(!env.has(name), name);
    assert.ok(env.get('PATH') && env.get('HOME'));
  });

  it('has the umask of whoever started the daemon', async () => {
    const before = process.umask(0o027);
    const own = await startDaemon().finally(() => process.umask(before));
    try {
      const shows = async (when) => {
        const { id } = await own.sh('umask');
        await own.exited(id);
        assert.match(await own.text(id), /^0?027\s*$/, `a pane ${when}`);
        const run = await own.cli(['run', '--', 'sh', '-c', 'umask']);
        assert.match(run.out, /^0?027\s*$/, `a job ${when}`);
        assert.equal((await stat(join(own.dir, 'tokens.json'))).mode & 0o777, 0o600);
        assert.equal((await stat(own.socket)).mode & 0o777, 0o600);
      };
      await own.ok('POST', 'tokens', {});
      await shows('of the first worker');
      await killWorker(own);
      await shows('of the next');
    } finally {
      await own.stop();
    }
  });

  it('starts where it is told', async () => {
    const dir = await realpath(d.dir);
    assert.equal(await output('pwd; echo $PWD', { cwd: d.dir }), `${dir}\n${d.dir}\n`);
    const p = await d.new(['sleep', '1000'], { cwd: d.dir });
    assert.equal((await d.pane(p.id)).cwd, dir);
    await d.remove(p.id);
  });

  it('has a terminal of its own of the size that was asked for', async () => {
    assert.equal(await output('stty size; tty >/dev/null && echo tty', { cols: 123, rows: 45 }), '45 123\ntty\n');
    assert.equal(await output('stty size'), '24 80\n');
    assert.equal(await output('ls /proc/self/fd | wc -l').then((s) => s.trim()), '4', 'no descriptor is inherited');
    assert.equal(await output('trap'), '', 'no signal is ignored');
  });

  it('goes by its id, its name and a prefix that is its own', async () => {
    const p = await d.new(['cat'], { name: 'build-tree' });
    for (const ref of [p.id, 'build-tree', 'build', 'build-t']) assert.equal((await d.pane(ref)).id, p.id);
    const other = await d.new(['cat'], { name: 'build' });
    assert.equal((await d.pane('build')).id, other.id, 'a whole name comes before a prefix');
    await d.remove(other.id);
    await until('it to be gone', () => d.gone(other.id));
    await d.remove(p.id);
    await until('it to be gone', () => d.gone(p.id));
    assert.equal((await d.request('GET', '/api/v1/panes/build')).status, 404);
    const again = await d.new(['cat'], { name: 'build-tree' });
    assert.notEqual(again.id, p.id);
    await d.remove(again.id);
  });

  it('is not another pane whose id begins the same', async () => {
    const own = await startDaemon();
    try {
      const first = await own.new(['true']);
      assert.equal(first.id, 'p1');
      for (let i = 0; i < 9; i++) await own.new(['cat']);
      await own.exited('p1');
      await own.remove('p1');
      assert.equal((await own.request('DELETE', '/api/v1/panes/p1')).status, 404, 'must not end p10');
      assert.equal((await own.pane('p10')).state, 'running');
    } finally {
      await own.stop();
    }
  });

  it('tells its command of a new size', async () => {
    const { id } = await d.sh('trap "stty size" WINCH; echo ready; while :; do sleep 0.05; done');
    await d.shows(id, 'ready');
    const v = await d.attach(id);
    await d.ok('POST', `panes/${id}/resize`, { cols: 101, rows: 31 });
    await d.shows(id, '31 101');
    await v.hears('resize', (c) => c.cols === 101 && c.rows === 31);
    await v.close();
    await d.remove(id);
  });

  it('takes the size of the viewer that last typed', async () => {
    const { id } = await d.new(['cat']);
    const size = async () => {
      const p = await d.pane(id);
      return `${p.cols}x${p.rows}`;
    };
    const is = (want) => until(`size ${want}`, async () => (await size()) === want);
    const a = await d.attach(id, { cols: 100, rows: 40 });
    await is('100x40');
    const b = await d.attach(id, { cols: 60, rows: 20 });
    b.control({ type: 'ping' });
    await b.hears('pong');
    assert.equal(await size(), '100x40', 'attaching does not resize');
    b.control({ type: 'resize', cols: 61, rows: 21 });
    b.control({ type: 'ping' });
    await until('a pong', () => b.of('pong').length === 2);
    assert.equal(await size(), '100x40', 'nor does a window that nobody types in');
    b.input('x');
    await is('61x21');
    await a.hears('resize', (c) => c.cols === 61 && c.rows === 21);
    await b.hears('resize', (c) => c.cols === 61 && c.rows === 21);
    b.control({ type: 'resize', cols: 62, rows: 22 });
    await is('62x22');
    a.input('y');
    await is('100x40');
    b.input('z');
    await is('62x22');
    await b.close();
    await is('100x40');
    await d.ok('POST', `panes/${id}/resize`, { cols: 70, rows: 17 });
    await a.hears('resize', (c) => c.cols === 70 && c.rows === 17);
    await a.close();
    await d.remove(id);
  });

  it('takes the last of many sizes, and tells of few of those before', async () => {
    const { id } = await d.new(['cat']);
    const v = await d.attach(id, { cols: 100, rows: 40 });
    const other = await d.attach(id);
    for (let i = 0; i < 3000; i++) v.control({ type: 'resize', cols: 50 + (i % 100), rows: 20 + (i % 7) });
    v.control({ type: 'resize', cols: 177, rows: 33 });
    for (const one of [v, other]) await one.hears('resize', (c) => c.cols === 177 && c.rows === 33);
    const p = await d.pane(id);
    assert.deepEqual([p.cols, p.rows], [177, 33]);
    assert.ok(other.of('resize').length < 1000, `${other.of('resize').length} were told of`);
    const answers = await Promise.all(Array.from({ length: 60 }, (_, i) => d.ok('POST', `panes/${id}/resize`, { cols: 60 + i, rows: 25 })));
    assert.deepEqual(answers.map((a) => a.cols), answers.map((_, i) => 60 + i), 'each is answered with its own');
    const told = answers.length + 59;
    await d.ok('POST', `panes/${id}/resize`, { cols: told, rows: 26 });
    await other.hears('resize', (c) => c.cols === told && c.rows === 26);
    await until('the last size', async () => (await d.pane(id)).rows === 26);
    await v.close();
    await other.close();
    await d.remove(id);
  });

  it('keeps its size for a viewer that has none, also when it types and when it leaves', async () => {
    const { id } = await d.new(['cat'], { cols: 91, rows: 29 });
    const size = async () => {
      const p = await d.pane(id);
      return `${p.cols}x${p.rows}`;
    };
    const phone = await d.attach(id);
    phone.input('one\n');
    await d.shows(id, 'one');
    assert.equal(await size(), '91x29');
    const desktop = await d.attach(id, { cols: 100, rows: 40 });
    await until('the size of the one that has one', async () => (await size()) === '100x40');
    phone.input('two\n');
    await d.shows(id, 'two');
    assert.equal(await size(), '100x40');
    desktop.control({ type: 'resize', cols: 102, rows: 41 });
    await until('its window', async () => (await size()) === '102x41');
    await phone.close();
    assert.equal(await size(), '102x41');
    await desktop.close();
    await d.remove(id);
  });

  it('gets signals, and is removed by SIGHUP', async () => {
    const { id } = await d.sh("trap 'echo got usr1' USR1; echo ready; while :; do sleep 0.05; done");
    await d.shows(id, 'ready');
    await d.ok('POST', `panes/${id}/signal`, { signal: 'SIGUSR1' });
    await d.shows(id, 'got usr1');
    const { pid } = await d.pane(id);
    const v = await d.attach(id);
    await d.remove(id);
    assert.equal((await v.ended()).code, 1000);
    v.check();
    await until('the pane to be gone', () => d.gone(id));
    assert.equal(await alive(pid), false);
  });

  it('is killed after 5 s when it ignores SIGHUP', async () => {
    const { id, pid } = await d.sh("trap '' HUP TERM; echo ready; while :; do sleep 0.1; done");
    await d.shows(id, 'ready');
    const since = Date.now();
    await d.remove(id);
    await until('the pane to be gone', () => d.gone(id));
    assert.ok(Date.now() - since >= 4500, 'it was given time');
    assert.equal(await alive(pid), false);
  });

  it('takes a paste of 1 MB whole and in order', async () => {
    const { id } = await d.sh('stty raw -echo; echo ready; head -c 1000000 | sha256sum');
    const v = await d.attach(id);
    await v.sees('ready');
    const data = Buffer.alloc(1_000_000);
    for (let i = 0; i < data.length; i++) data[i] = (i * 7 + (i >> 8)) & 255;
    for (let at = 0; at < data.length; at += 60_000) v.send(inputFrame(data.subarray(at, at + 60_000)));
    await v.sees(createHash('sha256').update(data).digest('hex'));
    assert.deepEqual(v.of('error'), []);
    await v.ended();
  });

  it('bounds what waits for a command that never reads', async () => {
    const { id } = await d.sh('stty raw -echo; echo ready; exec sleep 1000');
    await d.shows(id, 'ready');
    const chunk = Buffer.alloc(500_000, 'n');
    const statuses = [];
    for (let i = 0; i < 4; i++) statuses.push((await d.request('POST', `/api/v1/panes/${id}/input`, { body: chunk })).status);
    assert.deepEqual([...new Set(statuses)].sort(), [204, 503]);
    assert.ok((await d.metric('panescry_input_pending_bytes')) <= 1024 * 1024);
    const v = await d.attach(id);
    for (let i = 0; i < 40; i++) v.send(inputFrame(Buffer.alloc(60_000, 'n')));
    const other = await d.sh('stty -echo; read -r x; echo "read $x"');
    await d.type(other.id, 'well\n');
    await d.shows(other.id, 'read well');
    assert.ok((await d.metric('panescry_input_pending_bytes')) <= 1024 * 1024);
    v.ws.terminate();
    await d.remove(id);
  });

  it('does not hold back output from a viewer whose input waits', async () => {
    const { id } = await d.sh('stty raw -echo; echo ready; sleep 1; seq 1 400000; echo end; exec sleep 1000');
    const v = await d.attach(id);
    await v.sees('ready');
    for (let i = 0; i < 12; i++) v.send(inputFrame(Buffer.alloc(60_000, 'n')));
    await v.sees(/400000\nend\n$/);
    v.ws.terminate();
    await d.remove(id);
  });
});

describe('two daemons', () => {
  it('do not disturb each other', async () => {
    const [a, b] = await Promise.all([startDaemon(), startDaemon()]);
    try {
      const one = await a.new(['cat'], { name: 'same' });
      const two = await b.new(['cat'], { name: 'same' });
      assert.notEqual(one.pid, two.pid);
      assert.equal((await b.request('GET', '/api/v1/info', { token: a.token })).status, 401);
      await a.type('same', 'for a\n');
      await a.shows('same', 'for a');
      assert.ok(!(await b.text('same')).includes('for a'));
      await a.kill('SIGKILL');
      await b.well();
      assert.equal((await b.pane('same')).state, 'running');
    } finally {
      await a.kill('SIGKILL');
      await b.stop();
    }
  });
});
