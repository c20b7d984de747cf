// What panes of tmux print: all of it, once, in order, whatever happens to either side.

import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { capture, checkNumbers, find, listed, same, startFollowed, textOf, useFollowed } from './lib/follow.mjs';
import { killWorker, pause, pids, random, seed } from './lib/keeper.mjs';
import { hasTmux } from './lib/tmux.mjs';
import { each, until } from './lib/until.mjs';

const CORPORA = fileURLToPath(new URL('../term/corpora/', import.meta.url));
const LINES = 400_000;
const skip = (await hasTmux()) ? false : 'no tmux';

describe('panes that were there before', { skip }, () => {
  it('are searched, captured in colour, and followed from there', async (t) => {
    const f = await startFollowed({ daemon: false, conf: { history_lines: LINES } });
    t.after(() => f.stop());
    const wide = `w${'0123456789'.repeat(20)}w`;
    const pane = await f.t.sh(`stty -echo; cd /; seq 1 3000; printf '\\033[1;31mred\\033[m and \\033[48;2;1;2;3mtrue\\033[m\\n'; printf '%s\\n' ${wide} Größe日本; ${f.wait()}; seq 3001 6000; exec cat`, { args: ['-n', 'a window'] });
    await until('it to have printed', async () => (await f.t.text(pane)).endsWith('日本'));
    const d = await f.daemon();
    const id = f.t.id(pane);
    await listed(d, id);
    for (const [pattern, line] of [['^1$', 1], ['^3000$', 3000], [`^${wide}$`, 3002], ['^Größe日本$', 3003]]) {
      const found = await until(pattern, async () => {
        const o = await find(d, { pattern, pane: id });
        return o.total > 0 && o;
      });
      assert.deepEqual(found.matches.map((m) => [m.pane, m.line]), [[id, line]], pattern);
    }
    const { lines, styles } = await capture(d, id);
    const red = lines.find((l) => l.text === 'red and true');
    assert.deepEqual(red.runs.map((r) => r.len).slice(0, 1), [3]);
    const style = styles.find((s) => s.id === red.runs[0].style);
    assert.deepEqual([style.fg, style.bold], [1, true]);
    assert.equal(styles.find((s) => s.id === red.runs.at(-1).style).bg, '#010203');
    const p = await d.pane(id);
    assert.deepEqual([p.kind, p.state, p.cols, p.rows, p.name], ['tmux', 'running', 80, 24, null]);
    assert.equal(p.cwd, '/');
    assert.equal(p.program, 'sh');
    assert.equal(p.pid, Number(await f.t.get(pane, '#{pane_pid}')));
    const index = (format) => f.t.get(pane, format).then(Number);
    assert.deepEqual(p.tmux, {
      session: 'main', window: await index('#{window_index}'), pane: 0, window_name: 'a window', socket: await f.t.get(pane, '#{socket_path}'),
    });
    assert.deepEqual((await d.ok('GET', 'panes')).panes.map((x) => x.id).sort(), [f.t.first, pane].map((x) => f.t.id(x)).sort());
    const { lines: before_ } = await capture(d, id);
    await f.go();
    await d.shows(id, '\n6000');
    const all = (await capture(d, id)).lines.filter((l) => l.text !== '');
    const kept = before_.filter((l) => l.text !== '');
    assert.deepEqual(all.slice(0, kept.length).map((l) => [l.line, l.text]), kept.map((l) => [l.line, l.text]));
    assert.deepEqual(all.slice(kept.length).map((l) => l.text), Array.from({ length: 3000 }, (_, i) => String(3001 + i)));
    assert.deepEqual(all.map((l) => l.line), all.map((_, i) => i + 1));
    await same('tmux to have the same', () => textOf(d, id), () => f.t.text(pane));
  });

  it('show the screen that is up, and the one below', async (t) => {
    const f = await startFollowed({ daemon: false });
    t.after(() => f.stop());
    const pane = await f.t.sh(`stty raw -echo; printf 'below\\r\\nthe cursor was here'; printf '\\033[?1049h\\033[2J\\033[3;20r\\033[?1h\\033=\\033[?1002h\\033[?1006h\\033[5;7Habove'; ${f.wait()}; printf ' and on'; ${f.wait('leave')}; printf '\\033[r\\033[?1049l back'; exec cat`);
    await until('it to have printed', async () => (await f.t.screen(pane)).includes('above'));
    const d = await f.daemon();
    const id = f.t.id(pane);
    await listed(d, id);
    await until('above', async () => (await textOf(d, id, '')).includes('above'));
    const o = await capture(d, id, 'format=json');
    assert.equal(o.alternate, true);
    assert.deepEqual([o.cursor.x, o.cursor.y], [11, 4]);
    assert.equal(await textOf(d, id, 'history=all&main=1'), 'below\nthe cursor was here');
    const v = await d.attach(id);
    await until('a snapshot', () => v.snapshots.length > 0);
    // Modes and margins reach whoever looks.
    for (const mode of ['?1047h', '?1h', '?1002h', '?1006h', '3;20r']) assert.ok(v.snapshots[0].data.includes(mode), `${mode} in ${JSON.stringify(v.snapshots[0].data.toString('latin1'))}`);
    await f.go();
    await v.sees('and on');
    await v.close();
    assert.match(await textOf(d, id, ''), /^ {6}above and on$/m);
    await f.go('leave');
    await until('the main screen', async () => !(await capture(d, id, 'format=json')).alternate);
    await same('the screens', () => textOf(d, id), () => f.t.text(pane));
    assert.equal(await textOf(d, id), 'below\nthe cursor was here back');
  });
});

describe('what a pane of tmux prints', { skip }, () => {
  const f = useFollowed({ before, after }, { history: 400_000, conf: { history_lines: LINES, max_panes: 500 } });

  it('is what it would be in a pane of one\'s own', async () => {
    const rows = (await readFile(`${CORPORA}index.tsv`, 'utf8')).trim().split('\n').map((l) => l.split('\t'));
    const [head] = rows;
    const at = (name) => head.indexOf(name);
    const all = rows.slice(1).filter((r) => !r[at('name')].includes('ED3') && Number(r[at('bytes')]) < 400_000);
    const step = Math.floor(all.length / 60);
    const some = all.filter((_, i) => i % step === 0);
    assert.ok(some.length >= 30, `${some.length} recordings`);
    const wrong = [];
    await each(some, 4, async (r) => {
      const name = r[at('name')];
      const [cols, rows_] = r[at('WxH')].split('x').map(Number);
      const go = `${name}.${cols}`;
      const script = `stty raw -echo; printf 'ready\\r\\n'; ${f.wait(go)}; cat ${CORPORA}${name}.raw`;
      const pane = await f.t.sh(`${script}; exec sleep 10000`, { cols, rows: rows_ });
      const id = f.t.id(pane);
      await listed(f.d, id);
      await f.d.shows(id, 'ready');
      const own = (await f.d.sh(script, { cols, rows: rows_ })).id;
      const p = await f.d.pane(id);
      assert.deepEqual([p.cols, p.rows], [cols, rows_], name);
      await f.go(go);
      await f.d.exited(own);
      const shown = async (x) => `${await textOf(f.d, x)}\n--\n${await textOf(f.d, x, '')}`;
      const want = await shown(own);
      let got;
      await until(name, async () => (got = await shown(id)) === want, 5000).catch(() => wrong.push({ go, got, want }));
      await f.d.remove(own);
      await f.t.run('kill-pane', '-t', pane);
    });
    assert.deepEqual(wrong.slice(0, 3), [], `${wrong.length} differ`);
  });

  it('is all there when 20 print a million lines', async (t) => {
    const panes = [];
    for (let i = 0; i < 20; i++) panes.push(await f.t.sh(`stty -echo; ${f.wait('million')}; seq 1 50000; exec sleep 10000`));
    await until('them', async () => (await f.d.ok('GET', 'panes')).panes.filter((p) => panes.includes(p.id.slice(1))).length === 20);
    await f.go('million');
    for (const pane of panes) await until(`the last line of ${pane}`, async () => (await textOf(f.d, f.t.id(pane), 'history=0')).includes('\n50000'), 60_000);
    let marks = 0;
    let missing = 0;
    for (const pane of panes) {
      const o = await checkNumbers(f.d, f.t.id(pane), 50_000, { gaps: true });
      marks += o.marks;
      missing += o.missing;
    }
    t.diagnostic(`${marks} gaps of ${missing} lines`);
    assert.equal(missing, 0, 'tmux has them all');
    for (const pane of panes) await f.t.run('kill-pane', '-t', pane);
  });

  it('goes on when the worker is killed', async (t) => {
    const s = seed();
    t.diagnostic(`PANESCRY_SEED=${s}`);
    const chance = random(s);
    const quick = await f.t.sh(`stty -echo; ${f.wait('kill')}; i=0; while [ $i -lt 300 ]; do seq $((i * 1000 + 1)) $((i * 1000 + 1000)); sleep 0.01; i=$((i + 1)); done; exec sleep 10000`);
    // Several that print at once: tmux mixes its answers with what panes print.
    const slow = [];
    for (let i = 0; i < 10; i++) slow.push(await f.t.sh(`stty -echo; ${f.wait('kill')}; i=0; while [ $i -lt 400 ]; do i=$((i + 1)); echo $i; sleep 0.01; done; exec sleep 10000`));
    const idle = await f.t.sh('stty -echo; seq 1 2000; exec sleep 10000');
    for (const pane of [quick, ...slow, idle]) await listed(f.d, f.t.id(pane));
    await f.go('kill');
    for (let i = 0; i < 6; i++) {
      await pause(100 + chance() * 500);
      await killWorker(f.d);
    }
    for (const [pane, last] of [[quick, 300_000], ...slow.map((p) => [p, 400]), [idle, 2000]]) {
      const id = f.t.id(pane);
      await until(`the last line of ${id}`, async () => (await textOf(f.d, id, 'history=0')).endsWith(`\n${last}`), 60_000);
      await checkNumbers(f.d, id, last);
      await same(id, () => textOf(f.d, id), () => f.t.text(pane));
      await f.t.run('kill-pane', '-t', pane);
    }
    // Those of the workers that were killed are gone.
    await until('two clients', async () => (await f.t.run('list-clients', '-F', '#{client_control_mode}')).split('\n').length === 2);
  });

  // Afterwards tmux 3.3 sometimes never answers on the connection again, and nothing gives that up.
  it('is not held up by a daemon that stands still', async () => {
    const few = await f.t.sh(`stty -echo; exec sleep 10000`);
    assert.equal(await f.t.get(few, '#{history_limit}'), '400000');
    await f.t.run('set-option', '-g', 'history-limit', '2000');
    const flood = (name) => `stty -echo; ${f.wait('flood')}; seq 1 300000; : >${f.file(name)}; ${f.wait('more')}; seq 300001 300500; exec sleep 10000`;
    const cut = await f.t.sh(flood('cut'));
    await f.t.run('set-option', '-g', 'history-limit', '400000');
    const whole = await f.t.sh(flood('whole'));
    for (const pane of [cut, whole]) await listed(f.d, f.t.id(pane));
    // A client without output keeps tmux reading.
    await until('it', async () => (await f.t.run('list-clients', '-F', '#{client_flags}')).includes('no-output'));
    const { worker, keeper } = await pids(f.d);
    for (const pid of [keeper, worker]) process.kill(pid, 'SIGSTOP');
    try {
      await f.go('flood');
      await until('the ends of the floods', () => existsSync(f.file('cut')) && existsSync(f.file('whole')), 20_000);
      await pause(5000); // longer than pause-after
    } finally {
      for (const pid of [worker, keeper]) process.kill(pid, 'SIGCONT');
    }
    for (const pane of [cut, whole]) await until('its last line', async () => (await textOf(f.d, f.t.id(pane), 'history=0')).includes('\n300000'));
    await f.go('more');
    for (const pane of [cut, whole]) await until('its last line', async () => (await textOf(f.d, f.t.id(pane), 'history=0')).includes('\n300500'));
    await checkNumbers(f.d, f.t.id(whole), 300_500);
    const o = await checkNumbers(f.d, f.t.id(cut), 300_500, { gaps: true });
    assert.equal(o.marks, 1, 'the lines that tmux has dropped');
    assert.ok(o.missing > 200_000, `${o.missing} lines`);
    for (const pane of [few, cut, whole]) await f.t.run('kill-pane', '-t', pane);
  });

  it('is seen once in windows that several sessions have', async () => {
    const count = (name) => `stty -echo; ${f.wait(name)}; i=0; while [ $i -lt 300 ]; do i=$((i + 1)); echo $i; sleep 0.01; done; exec sleep 10000`;
    await f.t.run('new-session', '-d', '-s', 'one', 'sleep 10000');
    await f.t.run('new-session', '-d', '-s', 'two', 'sleep 10000');
    await f.t.run('new-session', '-d', '-t', '=main', '-s', 'group');
    const linked = await f.t.sh(count('linked'), { session: 'one' });
    await f.t.run('link-window', '-d', '-s', linked, '-t', 'two:');
    const grouped = await f.t.sh(count('linked'));
    for (const pane of [linked, grouped]) await listed(f.d, f.t.id(pane));
    await until('four sessions', async () => (await f.d.info()).tmux.servers[0].sessions === 4);
    assert.equal((await f.d.ok('GET', 'panes')).panes.filter((p) => p.id === f.t.id(linked)).length, 1);
    await f.go('linked');
    await f.d.shows(f.t.id(linked), '\n50\n');
    // It goes on in the other, wherever it was fed from.
    const { session } = (await f.d.pane(f.t.id(linked))).tmux;
    assert.match(session, /^(one|two)$/);
    await f.t.run('kill-session', '-t', `=${session}`);
    await f.d.shows(f.t.id(linked), '\n150\n');
    assert.equal((await f.d.pane(f.t.id(linked))).tmux.session, session === 'one' ? 'two' : 'one');
    await f.t.run('kill-session', '-t', '=group');
    for (const pane of [linked, grouped]) {
      await f.d.shows(f.t.id(pane), '\n300');
      await checkNumbers(f.d, f.t.id(pane), 300);
    }
    await f.t.run('kill-session', '-t', `=${session === 'one' ? 'two' : 'one'}`);
    await until('the pane to be gone', () => f.d.gone(f.t.id(linked)));
    await f.t.run('kill-pane', '-t', grouped);
  });

  it('is not kept by tmux for a session that the pane has left', async () => {
    const rss = async () => Number((await readFile(`/proc/${f.t.pid}/status`, 'latin1')).match(/^VmRSS:\s+(\d+)/m)[1]);
    await f.t.run('set-option', '-g', 'history-limit', '2000', ';', 'new-session', '-d', '-s', 'away', 'exec sleep 10000');
    const moved = await f.t.sh(`stty -echo; echo here; ${f.wait('moved')}; seq 1 1000000; exec sleep 10000`);
    const id = f.t.id(moved);
    await f.d.shows(id, 'here');
    await f.t.run('move-window', '-d', '-s', moved, '-t', 'away:');
    await until('it to be there', async () => (await f.d.pane(id)).tmux?.session === 'away');
    const small = await rss();
    await f.go('moved');
    await until('the last line', async () => (await textOf(f.d, id, 'history=0')).includes('\n1000000'));
    const grown = (await rss()) - small;
    assert.ok(grown < 4000, `${grown} kB`);
    // tmux 3.3 would die of this, too.
    await f.t.run('respawn-pane', '-k', '-t', moved, 'echo again; exec cat');
    await f.d.shows(id, 'again');
    await f.t.type(moved, 'alive', 'Enter');
    await f.d.shows(id, 'alive');
    await f.t.run('move-window', '-d', '-s', moved, '-t', 'main:');
    await f.t.type(moved, 'back', 'Enter');
    await f.d.shows(id, 'back');
    await f.t.run('kill-session', '-t', '=away', ';', 'kill-pane', '-t', moved, ';', 'set-option', '-g', 'history-limit', '400000');
  });

  it('cannot pass for what tmux says', async () => {
    const victim = f.t.first;
    const evil = await f.t.sh(`stty raw -echo; printf 'ready\\r\\n'; ${f.wait('evil')}
      printf '%%begin 1 1 1\\r\\n%%end 1 1 1\\r\\n%%output %${victim} evil\\r\\n%%exit\\r\\n%%error 1 2 3\\r\\n%%pause %${victim}\\r\\n'
      printf '%%window-close @0\\r\\n%%session-changed $0 main\\r\\n%%sessions-changed\\r\\n%%layout-change @0 x x x\\r\\n%%subscription-changed a b\\r\\n'
      printf '\\033P1000p%%output %${victim} evil\\r\\n%%exit\\033\\\\\\033Ptmux;\\033\\033]2;evil\\007\\033\\\\dcs\\r\\n'
      head -c 300000 /dev/zero | tr '\\0' 'x'; printf '\\r\\n'
      printf '\\\\134\\\\015\\\\012\\\\000 back\\134slashes\\r\\n'; printf '\\000\\001\\177\\r\\nend\\r\\n'
      exec sleep 10000`);
    const id = f.t.id(evil);
    await listed(f.d, id);
    await f.go('evil');
    await f.d.shows(id, '\nend');
    // A line here has 64 KiB at most; what is longer goes on in the next.
    const joined = async () => (await textOf(f.d, id)).replaceAll('x\nx', 'xx');
    const text = await joined();
    for (const line of ['%end 1 1 1', `%output ${victim} evil`, '%exit', '%window-close @0', '\\134\\015\\012\\000 back\\slashes'])
      assert.ok(text.split('\n').includes(line), line);
    assert.ok(text.includes('x'.repeat(300_000)));
    assert.equal(await textOf(f.d, f.t.id(victim)), '');
    await same(id, joined, () => f.t.text(evil));
    // The same, but captured.
    await killWorker(f.d);
    await listed(f.d, id);
    await until('a connection', async () => (await f.d.info()).tmux.servers[0].state === 'connected');
    await same(id, joined, () => f.t.text(evil));
    assert.equal(await textOf(f.d, f.t.id(victim)), '');
    await f.t.run('kill-pane', '-t', evil);
  });
});
