// tmux servers and their panes as they come, go, change and stand still; and what is asked of them.

import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { mkdir, readFile, rm } from 'node:fs/promises';
import { after, before, describe, it } from 'node:test';
import { part } from './lib/daemon.mjs';
import { capture, checkNumbers, find, listed, same, startFollowed, textOf, useFollowed } from './lib/follow.mjs';
import { now, pause, random, seed } from './lib/keeper.mjs';
import { alive } from './lib/run.mjs';
import { hasTmux } from './lib/tmux.mjs';
import { until } from './lib/until.mjs';

const skip = (await hasTmux()) ? false : 'no tmux';
const LONG = Boolean(process.env.PANESCRY_LONG);
const ROOM = 500;
const shownIds = async (d) => (await d.ok('GET', 'panes')).panes.map((p) => p.id).sort();
const state = async (d, i = 0) => (await d.info()).tmux.servers[i].state;

describe('the list of panes', { skip }, () => {
  const f = useFollowed({ before, after }, { history: 50_000, conf: { max_panes: ROOM } });

  // tmux 3.3 itself dies of some changes while a control client is attached: then it is another one's turn.
  it('are those that tmux has, whatever is done to them', async (t) => {
    for (let s = seed(), left = 4; ; s++) {
      t.diagnostic(`PANESCRY_SEED=${s}`);
      try {
        await change(t, s);
        break;
      } catch (e) {
        await pause(100);
        if (--left === 0 || (await alive(f.t.pid))) throw e;
        t.diagnostic(`tmux has crashed: ${e.message.trim().split('\n').slice(-3).join('; ')}`);
        await f.t.stop();
        await until('its panes to be gone', async () => (await shownIds(f.d)).length === 0);
        f.t.first = await f.t.start();
      }
    }
  });

  const change = async (t, s) => {
    const chance = random(s);
    await rm(f.file('still'), { force: true });
    const one = (list) => list[Math.floor(chance() * list.length)];
    const list = async (format) => (await f.t.run('list-panes', '-a', '-F', format)).split('\n').filter(Boolean);
    const list_ = async (format, command_ = 'list-sessions') => (await f.t.run(command_, '-F', format)).split('\n').filter(Boolean);
    const unique = async (format) => [...new Set(await list(format))];
    // Until `still` is there; what it prints is its own.
    const script = `stty -echo; i=0; until [ -e ${f.file('still')} ]; do i=$((i + 1)); printf 'pane %s \\033[3%dmline %d\\033[m\\n' $TMUX_PANE $((i % 7)) $i; sleep 0.1; done; exec sleep 10000`;
    const command = ['sh', '-c', script];
    let n = 0;
    const sessions = () => unique('#{session_id}');
    const size = () => [String(20 + Math.floor(chance() * 180)), String(5 + Math.floor(chance() * 60))];
    const ops = {
      'new-session': async () => (await sessions()).length < 6 && ['new-session', '-d', '-s', `s${++n}`, '-x', size()[0], '-y', size()[1], ...command],
      'grouped': async () => (await sessions()).length < 6 && ['new-session', '-d', '-t', one(await sessions()), '-s', `g${++n}`],
      'new-window': async () => (await list('x')).length < 60 && ['new-window', '-d', '-t', `${one(await sessions())}:`, ...command],
      'split': async () => (await list('x')).length < 60 && ['split-window', one(['-h', '-v']), '-d', '-t', one(await list('#{pane_id}')), ...command],
      'link': async () => ['link-window', '-d', '-s', one(await list('#{window_id}')), '-t', `${one(await sessions())}:`],
      'unlink': async () => ['unlink-window', '-t', one(await list('#{session_id}:#{window_index}'))],
      'move': async () => ['move-window', '-d', '-s', one(await list('#{session_id}:#{window_index}')), '-t', `${one(await sessions())}:`],
      'break': async () => ['break-pane', '-d', '-s', one(await list('#{pane_id}'))],
      'join': async () => ['join-pane', '-d', '-s', one(await list('#{pane_id}')), '-t', one(await list('#{pane_id}'))],
      'swap': async () => ['swap-pane', '-d', '-s', one(await list('#{pane_id}')), '-t', one(await list('#{pane_id}'))],
      'swap-window': async () => ['swap-window', '-d', '-s', one(await list('#{session_id}:#{window_index}')), '-t', one(await list('#{session_id}:#{window_index}'))],
      'rename-window': async () => ['rename-window', '-t', one(await list('#{window_id}')), one(['a b', 'ü', "it's", '#{pane_id}', `w${++n}`])],
      'rename-session': async () => ['rename-session', '-t', one(await sessions()), `r${++n}`],
      'resize': async () => ['resize-window', '-t', one(await list('#{window_id}')), '-x', size()[0], '-y', size()[1]],
      'resize-pane': async () => ['resize-pane', '-t', one(await list('#{pane_id}')), one(['-L', '-R', '-U', '-D']), '3'],
      'zoom': async () => ['resize-pane', '-Z', '-t', one(await list('#{pane_id}'))],
      'layout': async () => ['select-layout', '-t', one(await list('#{window_id}')), one(['tiled', 'even-horizontal', 'even-vertical', 'main-vertical'])],
      'border': async () => ['set-option', '-w', '-t', one(await list('#{window_id}')), 'pane-border-status', one(['off', 'top', 'bottom'])],
      'kill-pane': async () => (await list('x')).length > 8 && ['kill-pane', '-t', one(await list('#{pane_id}'))],
      'kill-window': async () => (await unique('#{window_id}')).length > 6 && ['kill-window', '-t', one(await list('#{window_id}'))],
      'kill-session': async () => (await sessions()).length > 3 && ['kill-session', '-t', one((await sessions()).slice(1))],
    };
    const done = [];
    const end = now() + (LONG ? 60_000 : 10_000);
    while (now() < end) {
      const name = one(Object.keys(ops));
      const args = await ops[name]().catch((e) => assert.fail(`${e.message}${done.slice(-20).join('\n')}`));
      if (!args) continue;
      const r = await f.t.raw(args);
      done.push(`${r.status} ${args.slice(0, 6).join(' ')}`);
      if (args[0] === 'new-session') await until('all sessions to be followed', async () => (await list_('#{session_id}')).length === ((await list_('x', 'list-clients')).length - 1));
      if (chance() < 0.3) await pause(chance() * 60);
    }
    const log = () => done.slice(-60).join('\n');
    t.diagnostic(`${done.filter((x) => x.startsWith('0')).length} changes, ${(await list('x')).length} panes`);
    await f.go('still');
    const quiet = now();
    const theirs = async () => {
      const rows = await list('#{pane_id}\t#{session_name}:#{window_index}.#{pane_index}\t#{pane_width}x#{pane_height}\t#{window_name}');
      const all = {};
      for (const [id, where, wh, name] of rows.map((l) => l.split('\t'))) (all[f.t.id(id)] ??= { where: [], size: wh, name }).where.push(where);
      return all;
    };
    let differ;
    await until('the list to be the same', async () => {
      const want = await theirs();
      const got = Object.fromEntries((await f.d.ok('GET', 'panes')).panes.filter((p) => p.kind === 'tmux').map((p) => [p.id, p]));
      differ = [];
      for (const id of new Set([...Object.keys(want), ...Object.keys(got)])) {
        const [w, g] = [want[id], got[id]];
        if (!w || !g) differ.push(`${id} is ${w ? 'missing' : 'not there'}`);
        else {
          const where = g.tmux && `${g.tmux.session}:${g.tmux.window}.${g.tmux.pane}`;
          if (!w.where.includes(where)) differ.push(`${id} is at ${where} for ${w.where}`);
          if (`${g.cols}x${g.rows}` !== w.size) differ.push(`${id} has ${g.cols}x${g.rows} for ${w.size}`);
          if (g.tmux && g.tmux.window_name !== w.name) differ.push(`${id} is in ${g.tmux.window_name} for ${w.name}`);
        }
      }
      return differ.length === 0;
    }, 15_000).catch(() => assert.deepEqual(differ, [], log()));
    const took = now() - quiet;
    t.diagnostic(`the list was right after ${Math.round(took)} ms`);
    const wrong = [];
    for (const id of Object.keys(await theirs())) {
      const pane = id.slice(f.t.prefix.length);
      await same(id, () => textOf(f.d, id), () => f.t.text(pane), 2000).catch((e) => wrong.push(e));
    }
    if (wrong.length !== 0) assert.fail(`${wrong.length} panes have other lines; ${wrong[0].message}\n${log()}`);
    assert.ok(took < 2000 * (process.env.ASAN_OPTIONS ? 4 : 1), `${took} ms`);
  };
});

describe('the panes of a server', { skip }, () => {
  const f = useFollowed({ before, after }, { history: 50_000 });

  it('have names with anything in them', async () => {
    const names = ["a\tb", 'a"b\'c', '#{pane_id} #(echo evil)', '$HOME;kill-server', '%end 1 1 1', 'ü日本', '\\', '-x'];
    const dir = f.file('dir\twith\nall #{pane_id} "q" \'s\' ü');
    await mkdir(dir);
    const pane = await f.t.sh('stty -echo; echo ready; exec cat', { args: ['-c', dir.replaceAll('#', '##')] });
    const id = f.t.id(pane);
    await listed(f.d, id);
    assert.equal((await f.d.pane(id)).cwd, dir);
    for (const name of names) {
      await f.t.run('rename-window', '-t', pane, '--', name);
      await f.t.run('rename-session', '-t', '=main', '--', name);
      const shown = await f.t.get(pane, '#{window_name}');
      const session = await f.t.get(pane, '#{session_name}');
      // tmux tells of the two one after the other.
      await until(`the name ${name}`, async () => {
        const { tmux } = await f.d.pane(id);
        return tmux?.window_name === shown && tmux.session === session;
      });
      await f.t.run('rename-session', '-t', pane, 'main');
    }
    await f.t.run('select-pane', '-t', pane, '-T', 'ti#{pane_id}\ttle');
    await f.t.type(pane, 'still there', 'Enter');
    await f.d.shows(id, 'still there');
    assert.equal(await state(f.d), 'connected');
    await f.t.run('kill-pane', '-t', pane);
  });

  it('may be kept out', async () => {
    const pane = await f.t.sh('stty -echo; echo ready; exec cat');
    const other = await f.t.sh('stty -echo; echo shy secret; exec cat', { args: [';', 'set-option', '-p', '@panescry', 'on'] }).catch(() => f.t.sh('echo shy secret; exec cat'));
    const id = f.t.id(pane);
    await listed(f.d, id);
    await f.t.run('set-option', '-p', '-t', pane, '@panescry', 'off');
    await until('it to be gone', () => f.d.gone(id));
    await f.t.type(pane, 'hidden words', 'Enter');
    await until('it to be printed', async () => (await f.t.text(pane)).includes('hidden words'));
    assert.equal((await find(f.d, { pattern: 'hidden words', source: 'ring' })).total, 0);
    await f.t.run('set-option', '-p', '-t', pane, '@panescry', 'on');
    await listed(f.d, id);
    await f.t.type(pane, 'seen words', 'Enter');
    await f.d.shows(id, 'seen words');
    await same('the lines', () => textOf(f.d, id), () => f.t.text(pane));
    // Of a window, too.
    await f.t.run('set-option', '-w', '-t', pane, '@panescry', 'off', ';', 'set-option', '-pu', '-t', pane, '@panescry');
    await until('it to be gone', () => f.d.gone(id));
    for (const p of [pane, other]) await f.t.run('kill-pane', '-t', p);
  });

  it('are waited for, watched, signalled and ended', async () => {
    const pane = await f.t.sh(`stty -echo; echo was there; while read -r l; do echo "said $l"; done`);
    const id = f.t.id(pane);
    await listed(f.d, id);
    await f.d.shows(id, 'was there');
    const w = f.d.ok('POST', `panes/${part(id)}/wait`, { pattern: '^said (\\w+)', timeout_ms: 20_000 });
    await until('it to wait', async () => (await f.d.metric('panescry_waits')) === 1);
    await f.d.type(id, 'hello\r');
    assert.deepEqual((await w).captures, ['hello']);
    assert.equal((await f.d.ok('POST', `panes/${part(id)}/wait`, { pattern: 'was there', from: 'start', timeout_ms: 1000 })).line, 1);
    const watch = await f.d.ok('POST', 'watches', { pattern: '(was|comes) there', command: 'true', every_s: 0 });
    const fired = async () => (await f.d.ok('GET', 'watches')).watches.find((x) => x.id === watch.id);
    // One that is first seen when that is there already.
    const late = await f.t.run('new-window', '-P', '-F', '#{pane_id}', '-t', '=main:', 'sh', '-c', 'stty -echo; echo was there; exec cat', ';',
      'set-option', '-p', '-t', '=main:', '@panescry', 'off');
    await until('its text', async () => (await f.t.text(late)).includes('was there'));
    await f.t.run('set-option', '-pu', '-t', late, '@panescry');
    await listed(f.d, f.t.id(late));
    await f.d.type(id, 'it comes there\r');
    await until('it to fire', async () => (await fired()).fired > 0);
    assert.equal((await fired()).last_content, 'said it comes there');
    const asleep = await f.t.sh("trap 'echo caught' INT; echo ready; while :; do sleep 0.05; done");
    await listed(f.d, f.t.id(asleep));
    await f.d.shows(f.t.id(asleep), 'ready');
    await f.d.ok('POST', `panes/${part(f.t.id(asleep))}/signal`, { signal: 'INT' });
    await f.d.shows(f.t.id(asleep), 'caught');
    for (const p of [pane, late, asleep]) {
      await f.d.remove(f.t.id(p));
      await until(`${p} to be gone`, () => f.d.gone(f.t.id(p)));
    }
    assert.ok(!(await f.t.run('list-panes', '-a', '-F', '#{pane_id}')).split('\n').includes(pane));
    await f.d.ok('DELETE', `watches/${watch.id}`);
  });

  it('are made by request', async () => {
    const ask = (json) => f.d.request('POST', '/api/v1/panes', { json });
    const p = await f.d.ok('POST', 'panes', { tmux: true, name: 'made', command: ['sh', '-c', 'echo "$PWD $A $0 $1"; exec cat', 'a b', "it's; #{pane_id} $A"], cwd: '/usr', env: { A: 'x y;$z' } });
    assert.deepEqual([p.kind, p.name], ['tmux', 'made']);
    await f.d.shows(p.id, "/usr x y;$z a b it's; #{pane_id} $A");
    assert.equal((await f.d.pane('made')).id, p.id);
    assert.equal((await f.d.request('GET', '/api/v1/panes/made')).json.cwd, '/usr');
    assert.equal((await ask({ tmux: true, name: 'made', command: ['cat'] })).status, 409);
    const one = await f.d.ok('POST', 'panes', { tmux: true, command: ['cat'] });
    await until('its program', async () => (await f.d.pane(one.id)).program === 'cat');
    const other = await f.d.ok('POST', 'panes', { tmux: 'fresh', command: ['sh', '-c', 'echo fresh; exec cat'] });
    assert.equal(other.tmux.session, 'fresh');
    const third = await f.d.ok('POST', 'panes', { tmux: 'fresh' });
    assert.equal(third.tmux.session, 'fresh');
    await f.d.type(third.id, 'echo shell $((1+1))\r');
    await f.d.shows(third.id, 'shell 2');
    const cli = await f.d.cli(['ls', '--json']);
    assert.equal(cli.status, 0, cli.err);
    for (const x of [p, one, other, third]) assert.ok(cli.out.includes(`"${x.id}"`));
    await f.d.shows(other.id, 'fresh');
    for (const x of [p, one, other, third]) {
      await f.d.remove(x.id);
      await until(`${x.id} to be gone`, () => f.d.gone(x.id));
    }
    await until('the session to be gone', async () => (await f.d.info()).tmux.servers[0].sessions === 1);
  });
});

describe('what is typed into a pane of tmux', { skip }, () => {
  const f = useFollowed({ before, after }, { history: 50_000 });
  const reader = async (name, bytes) => {
    const pane = await f.t.sh(`stty raw -echo; printf 'ready\\r\\n'; head -c ${bytes} >${f.file(name)}; sha256sum <${f.file(name)}; exec cat >${f.file(`${name}.more`)}`);
    await listed(f.d, f.t.id(pane));
    await f.d.shows(f.t.id(pane), 'ready');
    return pane;
  };
  const arrives = async (name, want) => {
    let got;
    await until(`${name} to arrive`, async () => (got = await readFile(f.file(name)).catch(() => Buffer.alloc(0))).length >= want.length, 20_000)
      .catch((e) => assert.fail(`${e.message}: ${got.length} of ${want.length} bytes`));
    const at = want.findIndex((b, i) => b !== got[i]);
    assert.ok(got.equals(want), `differs from byte ${at} on: ${got.subarray(at, at + 20).toString('hex')} for ${want.subarray(at, at + 20).toString('hex')}`);
  };

  it('arrives whole and in order: a megabyte', async () => {
    const text = Buffer.from(Array.from({ length: 1 << 16 }, (_, i) => `${String(i).padStart(15, '0')}\n`).join(''));
    assert.equal(text.length, 1 << 20);
    const pane = await reader('mega', text.length);
    const start = now();
    await f.d.type(f.t.id(pane), text);
    await f.d.shows(f.t.id(pane), createHash('sha256').update(text).digest('hex'));
    assert.ok(now() - start < 20_000);
    await f.t.run('kill-pane', '-t', pane);
  });

  it('arrives as it is: every byte', async () => {
    const every = Buffer.from(Array.from({ length: 256 }, (_, i) => i));
    const hard = Buffer.from('"\'$HOME;#{pane_id}%#(date)\\\\ \\n \\033 ~ {} \\; ; \n; \u00e9\u65e5\u{1f600}\x1b[A\x1bOP\r\n\t');
    const broken = Buffer.from([0xc3, 0x28, 0xff, 0xfe, 0x80, 0xe2, 0x82, 0xf0, 0x9f, 0x98, 0, 0, 0x1b, 0x5b, 0xff, 0]);
    const some = randomBytes(40_000);
    const nulls = Buffer.alloc(300);
    const minus = Buffer.from(`-b ${'- a list\n'.repeat(20)}`);
    const all = Buffer.concat([every, hard, broken, minus, some, nulls, every]);
    const pane = await reader('bytes', all.length);
    for (const piece of [every, hard, broken, minus, some, nulls, every]) await f.d.type(f.t.id(pane), piece);
    await arrives('bytes', all);
    await f.t.run('kill-pane', '-t', pane);
  });

  it('arrives in order: keys between pastes, of several viewers', async () => {
    const pieces = Array.from({ length: 60 }, (_, i) => (i % 3 === 1 ? Buffer.from(`<${i}:${'p'.repeat(20_000)}>`) : Buffer.from(`<${i}>`)));
    const all = Buffer.concat(pieces);
    const pane = await reader('order', all.length);
    const v = await f.d.attach(f.t.id(pane));
    for (const piece of pieces) v.input(piece);
    await arrives('order', all);
    await v.close();
    await f.t.run('kill-pane', '-t', pane);
  });

  it('arrives while somebody reads back, who is not disturbed', async () => {
    const all = Buffer.concat([Buffer.from('- q sho'), Buffer.alloc(3), Buffer.from('long '.repeat(500))]);
    const pane = await f.t.sh(`stty raw -echo; printf 'ready\\r\\n'; exec cat >${f.file('back')}`);
    await listed(f.d, f.t.id(pane));
    await f.d.shows(f.t.id(pane), 'ready');
    await f.t.run('copy-mode', '-t', pane);
    await f.d.type(f.t.id(pane), all.subarray(0, 7));
    await f.d.type(f.t.id(pane), all.subarray(7, 10));
    await f.d.type(f.t.id(pane), all.subarray(10));
    let got;
    // NUL cannot be pasted: a mode takes those as keys.
    await until('it to arrive', async () => (got = await readFile(f.file('back'))).length >= all.length - 3);
    assert.deepEqual(got.filter((b) => b !== 0), all.filter((b) => b !== 0));
    assert.equal(await f.t.get(pane, '#{pane_in_mode}'), '1');
    await f.t.run('kill-pane', '-t', pane);
  });
});

describe('the size of a pane of tmux', { skip }, () => {
  const f = useFollowed({ before, after });
  const size = async (pane) => (await f.t.get(pane, '#{pane_width}x#{pane_height}'));
  const becomes = (pane, want) => until(`${want}`, async () => {
    const p = await f.d.pane(f.t.id(pane));
    return (await size(pane)) === want && `${p.cols}x${p.rows}` === want;
  });

  it('is a viewer\'s while nobody else looks, and by request', async () => {
    const pane = await f.t.sh('echo ready; exec cat');
    await listed(f.d, f.t.id(pane));
    const v = await f.d.attach(f.t.id(pane), { cols: 91, rows: 31 });
    await becomes(pane, '91x31');
    v.control({ type: 'resize', cols: 70, rows: 20 });
    await becomes(pane, '70x20');
    await v.close();
    const p = await f.d.ok('POST', `panes/${part(f.t.id(pane))}/resize`, { cols: 66, rows: 22 });
    assert.deepEqual([p.cols, p.rows], [66, 22]);
    assert.equal(await size(pane), '66x22');
    await f.t.run('kill-pane', '-t', pane);
  });

  it('stays as a client has it', async () => {
    const pane = await f.t.sh('echo ready; exec cat', { args: ['-n', 'looked'] });
    await listed(f.d, f.t.id(pane));
    const c = await f.t.attach({ cols: 100, rows: 30 });
    await f.t.run('select-window', '-t', pane);
    await becomes(pane, '100x30');
    const v = await f.d.attach(f.t.id(pane), { cols: 60, rows: 20 });
    v.control({ type: 'resize', cols: 61, rows: 21 });
    await f.t.type(pane, 'typed', 'Enter');
    await v.sees('typed');
    await pause(300);
    assert.equal(await size(pane), '100x30');
    await v.close();
    await c.detach();
    await f.t.run('kill-pane', '-t', pane);
  });

  it('of one in a split window changes within it', async () => {
    const pane = await f.t.sh('echo ready; exec cat');
    const below = await f.t.run('split-window', '-v', '-d', '-P', '-F', '#{pane_id}', '-t', pane, 'echo below; exec cat');
    for (const x of [pane, below]) await listed(f.d, f.t.id(x));
    const v = await f.d.attach(f.t.id(pane), { cols: 50, rows: 20 });
    await pause(200);
    assert.equal((await size(pane)).split('x')[0], '80', 'a viewer does not change it');
    await f.d.ok('POST', `panes/${part(f.t.id(pane))}/resize`, { cols: 80, rows: 6 });
    assert.equal(await size(pane), '80x6');
    assert.equal(await size(below), '80x17');
    await becomes(below, '80x17');
    await v.close();
    for (const x of [pane, below]) await f.t.run('kill-pane', '-t', x);
  });

  it('may grow and shrink: the screen is as tmux has it', async () => {
    const pane = await f.t.sh(`stty -echo; i=0; while [ $i -lt 60 ]; do i=$((i + 1)); printf '%d %s\\n' $i "$(printf 'word%.0s' $(seq $((i % 30))))"; done; printf 'prompt> '; exec cat`);
    const id = f.t.id(pane);
    await listed(f.d, id);
    await f.d.shows(id, 'prompt>');
    const chance = random(7);
    for (let i = 0; i < 12; i++) {
      const [cols, rows] = [10 + Math.floor(chance() * 120), 3 + Math.floor(chance() * 50)];
      await f.t.run('resize-window', '-t', pane, '-x', String(cols), '-y', String(rows));
      await becomes(pane, `${cols}x${rows}`);
      await same(`the screen of ${cols}x${rows}`, async () => (await capture(f.d, id, 'history=0&format=json')).lines.map((l) => l.text).join('\n').trimEnd(), async () => (await f.t.run('capture-pane', '-p', '-J', '-t', pane)).split('\n').map((l) => l.trimEnd()).join('\n').trimEnd());
      await same(`the lines at ${cols}x${rows}`, () => textOf(f.d, id), () => f.t.text(pane));
      if (i % 3 === 0) await f.t.type(pane, `typed at ${i}`, 'Enter');
      if (i % 3 === 0) await f.d.shows(id, `typed at ${i}`);
    }
    await f.t.run('kill-pane', '-t', pane);
  });
});

describe('a tmux server', { skip }, () => {
  it('may end, be killed, and start again', async (t) => {
    const f = await startFollowed();
    t.after(() => f.stop());
    for (const [i, signal] of [null, 'SIGKILL'].entries()) {
      const pane = await f.t.sh(`stty -echo; seq 5${i}001 5${i}100; echo life ${i}; exec cat`);
      const id = f.t.id(pane);
      await listed(f.d, id);
      await f.d.shows(id, `life ${i}`);
      await f.t.stop(signal);
      await until('no panes', async () => (await shownIds(f.d)).length === 0);
      await until('it to be absent', async () => (await state(f.d)) === 'absent');
      const old = await until('the old lines', async () => {
        const o = await find(f.d, { pattern: `^(life ${i}|5${i}001)$`, source: 'archive' });
        return o.total === 2 && o;
      });
      assert.deepEqual([...new Set(old.matches.map((m) => m.pane))], [id]);
      assert.equal((await find(f.d, { pattern: `^life ${i}$`, source: 'auto' })).total, 1);
      const start = now();
      f.t.first = await f.t.start({ script: `echo again ${i}; exec cat` });
      await f.d.shows(f.t.id(f.t.first), `again ${i}`);
      t.diagnostic(`found again after ${Math.round(now() - start)} ms`);
      assert.deepEqual(await shownIds(f.d), [f.t.id(f.t.first)]);
      assert.doesNotMatch(await textOf(f.d, f.t.id(f.t.first)), /life/);
    }
  });

  it('may be stopped: nothing else waits, and it goes on', async (t) => {
    const f = await startFollowed();
    t.after(() => f.stop());
    const { d } = f;
    const pane = await f.t.sh(`stty -echo; i=0; until [ -e ${f.file('end')} ]; do i=$((i + 1)); echo $i; sleep 0.01; done; exec sleep 10000`);
    const id = f.t.id(pane);
    await listed(d, id);
    const own = await d.sh('stty raw -echo; exec cat');
    const v = await d.attach(own.id);
    const echo = async (text) => {
      const start = now();
      v.input(text);
      await new Promise((resolve, reject) => {
        const late = setTimeout(() => reject(new Error('no echo')), 20_000);
        const look = () => {
          if (!v.text.includes(text)) return;
          clearTimeout(late);
          v.ws.off('message', look);
          resolve();
        };
        v.ws.on('message', look);
      });
      return now() - start;
    };
    await echo('first;');
    f.t.signal('SIGSTOP');
    const start = now();
    await d.type(id, 'not yet');
    const times = [];
    const health = [];
    let i = 0;
    let stopped = 0;
    while (now() - start < (LONG ? 15_000 : 5000)) {
      times.push(await echo(`echo ${i++};`));
      const asked = now();
      await d.well();
      if (!stopped && (await state(d)) === 'stopped') stopped = now() - start;
      await d.ok('GET', 'panes');
      assert.equal((await find(d, { pattern: '^first', pane: own.id })).total, 1);
      await find(d, { pattern: 'echo' });
      health.push(now() - asked);
      await pause(30);
    }
    const median = (x) => x.sort((a, b) => a - b)[x.length >> 1];
    t.diagnostic(`echo ${median(times).toFixed(1)} ms, four requests ${median(health).toFixed(1)} ms, stopped after ${Math.round(stopped)} ms`);
    // Whoever waited for the stopped tmux would wait for seconds.
    assert.ok(median(times) < 1000, `${median(times)} ms`);
    assert.ok(median(health) < 2000, `${median(health)} ms`);
    if (!stopped) await until('the state', async () => (await state(d)) === 'stopped');
    f.t.signal('SIGCONT');
    await until('the state', async () => (await state(d)) === 'connected');
    await pause(300);
    await f.go('end');
    await same('the lines', () => textOf(d, id), () => f.t.text(pane));
    const last = Number((await textOf(d, id)).match(/(\d+)$/)[1]);
    await checkNumbers(d, id, last);
    await v.close();
  });

  it('has printed before what no watch looks at', async (t) => {
    const f = await startFollowed();
    t.after(() => f.stop());
    const pane = await f.t.sh('stty -echo; exec cat');
    const id = f.t.id(pane);
    await listed(f.d, id);
    const { id: watch } = await f.d.ok('POST', 'watches', { pattern: 'needle', command: 'true', every_s: 0 });
    await f.d.stop();
    await f.t.type(pane, 'needle while nobody looked', 'Enter');
    const other = await f.t.sh('stty -echo; echo needle from another; exec cat');
    await until('them', async () => (await f.t.text(pane)).includes('needle') && (await f.t.text(other)).includes('needle'));
    const d = await f.daemon();
    for (const p of [pane, other]) await d.shows(f.t.id(p), 'needle');
    const fired = async () => (await d.ok('GET', 'watches')).watches.find((x) => x.id === watch);
    await f.t.type(other, 'needle now', 'Enter');
    await until('it to fire', async () => (await fired()).fired > 0);
    assert.deepEqual([(await fired()).fired, (await fired()).last_content], [1, 'needle now']);
  });

  it('may be one of several', async (t) => {
    const f = await startFollowed({ names: ['default', 'second', 'third.x'], daemon: false, conf: { tmux_sockets: 'default, third.x' }, args: ['--tmux-socket', 'second'] });
    t.after(() => f.stop());
    const [one, two, three] = f.servers;
    three.prefix = 't-third_x';
    const d = await f.daemon();
    for (const s of f.servers) await listed(d, s.id(s.first));
    assert.deepEqual(await shownIds(d), ['t%0', 't-second%0', 't-third_x%0']);
    await f.servers[1].type('%0', '', 'Enter');
    const said = await two.sh('echo from the second; exec cat');
    await d.shows('t-second%1', 'from the second');
    assert.equal((await d.pane('t-second%1')).tmux.socket, await two.get(said, '#{socket_path}'));
    assert.deepEqual((await d.info()).tmux.servers.map((s) => [s.prefix, s.state]), [['t', 'connected'], ['t-third_x', 'connected'], ['t-second', 'connected']]);
    await two.stop();
    await until('its panes to be gone', async () => (await shownIds(d)).length === 2);
    await one.type('%0', '', 'Enter');
    assert.equal((await d.pane('t-third_x%0')).state, 'running');
  });

  it('is left alone, or asked for captures only', async (t) => {
    const f = await startFollowed({ daemon: false });
    t.after(() => f.stop());
    const pane = await f.t.sh('echo captured words; exec cat');
    const off = await f.t.sh('echo hidden captured words; exec cat');
    await f.t.run('set-option', '-p', '-t', off, '@panescry', 'off');
    await until('it', async () => (await f.t.text(pane)).includes('words'));
    let d = await f.daemon({ options: { args: ['--no-tmux'] } });
    assert.deepEqual(await shownIds(d), []);
    assert.equal((await d.info()).tmux.mode, 'off');
    assert.equal((await d.request('POST', '/api/v1/panes', { json: { tmux: true } })).status, 503);
    await d.stop();
    d = await f.daemon({ conf: { tmux: 'capture' } });
    await until('its panes', async () => (await shownIds(d)).length === 2);
    assert.equal(await state(d), 'capture');
    assert.equal((await f.t.run('list-clients')), '', 'nothing is attached');
    const o = await find(d, { pattern: 'captured words' });
    assert.deepEqual(o.matches.map((m) => [m.pane, m.content, m.source]), [[f.t.id(pane), 'captured words', 'capture']]);
    assert.equal((await find(d, { pattern: 'captured words', source: 'capture' })).total, 1);
    await d.stop();
    d = await f.daemon({ conf: { tmux: 'off' } });
    assert.deepEqual(await shownIds(d), []);
    await d.stop();
    // Off from the start: neither listed, searched nor archived.
    d = await f.daemon();
    await listed(d, f.t.id(pane));
    await until('the words', async () => (await find(d, { pattern: 'captured words' })).total === 1);
    assert.deepEqual((await shownIds(d)).includes(f.t.id(off)), false);
    await f.t.run('set-option', '-p', '-t', off, '@panescry', 'on');
    await listed(d, f.t.id(off));
    await until('its words', async () => (await find(d, { pattern: 'hidden captured', source: 'ring' })).total === 1);
  });
});
