// The keeper and its workers: what dies, what must not, and what comes back.

import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { chmod, copyFile, mkdir, open, readFile, readlink, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import {
  allGone, checkHistory, descriptors, drawn, fast, few, Follower, FULL_SCREEN, info, killWorker, now, pause, pids,
  random, rests, seed, shown, slow, startKept,
} from './lib/keeper.mjs';
import { alive, assertDone, assertRefused, BINARY, cleanEnv, has } from './lib/run.mjs';
import { each, until, within } from './lib/until.mjs';
import { HARDEN } from './lib/daemon.mjs';

const RING = 16 * 1024 * 1024;
const LINES = 10_000; // of history, all of which are read

/** One daemon for a few tests, as useDaemon, with a panescry.conf. */
function useKept(options) {
  const use = {};
  before(async () => Object.assign(use, await startKept(options)));
  after(async () => {
    if (!use.stop) return;
    try {
      await use.well();
    } finally {
      await use.stop();
    }
  });
  return use;
}

/** The children of a keeper that run the daemon's program: panes may be others. */
async function workers(keeper) {
  const children = (await readFile(`/proc/${keeper}/task/${keeper}/children`, 'latin1')).trim().split(' ');
  const found = [];
  for (const pid of children.map(Number))
    if ((await readlink(`/proc/${pid}/exe`).catch(() => '')) === BINARY) found.push(pid);
  return found;
}

/** A named pipe: a new worker that opens it as its configuration comes no further. */
const makePipe = (path) => execFileSync('mkfifo', [path]);

describe('a worker that is killed', () => {
  const d = useKept({ conf: { ring_bytes: RING, history_lines: LINES } });

  it('loses no byte, line or viewer under load', async (t) => {
    const s = seed();
    t.diagnostic(`PANESCRY_SEED=${s}`);
    const chance = random(s);
    const panes = [];
    for (let i = 0; i < 3; i++) panes.push((await fast(d)).id);
    for (let i = 0; i < 3; i++) panes.push((await slow(d)).id);
    const viewers = [panes[0], panes[0], panes[1], panes[3]].map((id) => new Follower(d, id, { ring: RING }));
    const { keeper } = await pids(d);
    await Promise.all(viewers.map((v) => until('bytes', () => v.flowing)));
    for (let i = 0; i < 12; i++) {
      await pause(chance() * 250);
      const { worker } = await pids(d);
      const at = now();
      process.kill(worker, 'SIGKILL');
      await Promise.all(viewers.map((v) => v.flowsAfter(at)));
    }
    for (const v of viewers) {
      assert.ok(v.attaches > 12, `attached ${v.attaches} times`);
      await v.close();
    }
    for (const id of panes) {
      assert.equal((await d.pane(id)).state, 'running');
      assert.ok((await checkHistory(d, id)) > 10);
    }
    const i = await info(d);
    assert.equal(i.keeper.pid, keeper);
    assert.equal(i.keeper.restarts, 12);
    assert.equal(i.keeper.panes, panes.length);
    for (const id of panes) await d.remove(id);
  });

  it('is survived by the end of a command that nobody was there to see', async () => {
    const go = join(d.dir, 'go');
    const { id } = await d.sh(`stty raw -echo; printf ready; until [ -e ${go} ]; do sleep 0.02; done; printf 'last words'; exit 7`);
    const v = new Follower(d, id, { content: null });
    await d.shows(id, 'ready');
    const { worker } = await pids(d);
    const { pid } = await d.pane(id);
    process.kill(worker, 'SIGSTOP');
    try {
      await writeFile(go, '');
      await until('the command to have ended', async () => !(await alive(pid)));
    } finally {
      process.kill(worker, 'SIGKILL');
    }
    const p = await d.exited(id);
    assert.equal(p.exit_status, 7);
    assert.equal((await d.text(id)).trim(), 'readylast words');
    await until('the viewer to be told', () => v.closed === 1000);
    assert.equal(v.next, 'readylast words'.length);
    await v.close();
    // And of one that ends by a signal, and stays so for the next worker.
    await killWorker(d);
    assert.equal((await d.pane(id)).exit_status, 7);
    await d.remove(id);
  });

  it('leaves full-screen programs as they were', async (t) => {
    const scripted = (await d.sh(`${FULL_SCREEN} exec cat`, { cols: 90, rows: 26 })).id;
    const ids = [scripted];
    await d.shows(scripted, 'row 24');
    await until('the title', async () => (await d.pane(scripted)).title === 'full screen');
    if (has('vim')) {
      const file = join(d.dir, 'code.c');
      await writeFile(file, `${'int main(void)\n{\n\treturn 0; /* none */\n}\n'.repeat(30)}`);
      const { id } = await d.new(['vim', '-u', 'NONE', '-N', '--cmd', 'set nomore', '-c', 'syntax on', '-c', 'set number mouse=a', file], { env: { TERM: 'xterm-256color' } });
      ids.push(id);
      await d.shows(id, /return 0/);
    } else {
      t.diagnostic('vim is not installed: only the script is tried');
    }
    for (const id of ids) await rests(d, id);
    const was = await Promise.all(ids.map(async (id) => [await shown(d, id), await drawn(d, id)]));
    for (let i = 0; i < 2; i++) await killWorker(d);
    for (const [i, id] of ids.entries()) {
      assert.deepEqual(await shown(d, id), was[i][0], id);
      assert.equal(await drawn(d, id), was[i][1], id);
    }
    // What comes next is drawn within the scroll region, in the style that was set.
    await d.type(scripted, 'more\x1b[?1049l\x1b[m back\r\n');
    await d.shows(scripted, 'back');
    assert.match(await d.text(scripted), /on the main screen/);
    if (ids[1]) {
      await d.type(ids[1], ':1\rA // typed\x1b');
      await d.shows(ids[1], 'main(void) // typed');
      await d.type(ids[1], ':q!\r');
      assert.equal((await d.exited(ids[1])).exit_status, 0);
    }
    for (const id of ids) await d.remove(id);
  });

  it('takes neither names, times, sizes nor commands with it', async () => {
    const marks = "stty -echo; printf '\\033]133;A\\007$ \\033]133;B\\007make all\\r\\n\\033]133;C\\007built\\r\\n\\033]133;D;3\\007'; cat";
    const named = await d.new(['sh', '-c', marks], { name: 'a-name', cwd: '/', cols: 70, rows: 20, env: { A: 'b' } });
    const last = await d.new(['cat']);
    await d.shows(named.id, 'built');
    await d.ok('POST', `panes/${named.id}/resize`, { cols: 101, rows: 33 });
    const { token } = await d.ok('POST', 'tokens', { read_only: true });
    await d.remove(last.id);
    await until('it to be gone', () => d.gone(last.id));
    await rests(d, named.id);
    const was = [await d.pane(named.id), await d.ok('GET', `panes/${named.id}/commands`)];
    assert.deepEqual([was[0].cols, was[0].rows, was[1].commands.length], [101, 33, 1]);
    await killWorker(d);
    const is = [await d.pane('a-name'), await d.ok('GET', `panes/${named.id}/commands`)];
    assert.deepEqual(is, was);
    assert.equal(is[1].commands[0].command, 'make all');
    assert.equal(is[1].commands[0].exit_status, 3);
    assert.equal((await d.request('GET', `/api/v1/panes/${named.id}`, { token })).status, 200);
    assert.equal((await d.request('DELETE', `/api/v1/panes/${named.id}`, { token })).status, 403);
    const next = await d.new(['sh', '-c', 'stty size; cat']);
    assert.ok(Number(next.id.slice(1)) > Number(last.id.slice(1)), 'no id is given out twice');
    assert.ok(await d.gone(last.id));
    await d.type(named.id, 'still there\n');
    await d.shows(named.id, 'still there');
    for (const { id } of [named, next]) await d.remove(id);
  });

  it('does not stop a removal that is under way', async () => {
    const { id } = await d.sh("trap '' HUP; echo ready; while :; do sleep 0.05; done");
    await d.shows(id, 'ready');
    const { pid } = await d.pane(id);
    await d.remove(id);
    await killWorker(d);
    assert.ok(await alive(pid));
    await until('the pane to be gone', () => d.gone(id));
    await allGone('the command', [pid]);
  });

  it('keeps clients waiting until the next is up', async () => {
    const { id } = await d.new(['cat']);
    const { worker } = await pids(d);
    process.kill(worker, 'SIGSTOP');
    const answers = [d.request('GET', `/api/v1/panes/${id}`), d.local('GET', `/api/v1/panes/${id}`), d.cli(['ls', '--json'])];
    const v = d.viewer(id, { offset: 0 });
    await until('them to have connected', async () => {
      const tcp = await readFile('/proc/net/tcp', 'latin1');
      return tcp.includes(`0100007F:${d.port.toString(16).toUpperCase().padStart(4, '0')} 0100007F`);
    });
    process.kill(worker, 'SIGKILL');
    const [tcp, local, ls] = await Promise.all(answers.map((a) => a.catch((e) => e)));
    // Those that the old one had accepted already are broken off; all others are answered.
    assert.ok(tcp.status === 200 || tcp.code === 'ECONNRESET', tcp);
    assert.ok(local.status === 200 || /ECONNRESET|EPIPE|hang up/.test(local.code), local);
    assertDone(ls);
    await until('the viewer to be greeted', () => v.hello);
    await v.close();
    await d.remove(id);
  });

  it('is not noticed by attach on a terminal', async () => {
    const { id } = await d.sh('stty -echo; echo ready; while read -r x; do echo "<$x>"; done');
    const child = spawn('script', ['-qfec', `"$PANESCRY" attach ${id}; echo "status $?"`, '/dev/null'], {
      env: cleanEnv({ PANESCRY_SOCKET: d.socket, PANESCRY: BINARY, SHELL: '/bin/sh', TERM: 'xterm' }),
      stdio: ['pipe', 'pipe', 'pipe'],
    });
    let out = '';
    child.stdout.on('data', (x) => (out += x.toString('latin1')));
    const ended = new Promise((resolve) => child.on('close', resolve));
    try {
      await until('ready', () => out.includes('ready'));
      for (let i = 0; i < 3; i++) {
        await killWorker(d);
        await until('attach to be back', async () => (await d.pane(id)).viewers === 1);
        child.stdin.write(`line ${i}\r`);
        await until(`line ${i}`, () => out.includes(`<line ${i}>`));
      }
      assert.equal(out.match(/ready/g).length, 1, 'nothing is drawn twice');
      child.stdin.write('~.');
      await within('attach to end', ended);
      assert.match(out, /status 0/);
    } finally {
      child.kill('SIGKILL');
    }
    await d.remove(id);
  });

  it('may also be stopped and continued', async () => {
    const id = (await fast(d)).id;
    const v = new Follower(d, id, { ring: RING });
    const { worker } = await pids(d);
    for (let i = 0; i < 3; i++) {
      await until('bytes', () => v.bytes > i * 100_000);
      process.kill(worker, 'SIGSTOP');
      await pause(100);
      process.kill(worker, 'SIGCONT');
    }
    const { bytes } = v;
    await until('more bytes', () => v.bytes > bytes + 100_000);
    assert.equal((await pids(d)).worker, worker);
    assert.equal(v.attaches, 1);
    await v.close();
    await checkHistory(d, id);
    await d.remove(id);
  });

  it('comes back with 60 panes that had just been started', async () => {
    const ids = (await Promise.all(Array.from({ length: 60 }, (_, i) => few(d, i + 1)))).map((p) => p.id);
    await killWorker(d);
    await each(ids, 8, async (id) => {
      const n = ids.indexOf(id) + 1;
      await d.shows(id, String(n).padStart(14, '0'));
      assert.equal((await d.pane(id)).state, 'running');
      assert.equal((await d.text(id)).trim().split('\n').length, n);
    });
    assert.equal((await info(d)).keeper.panes, 60);
    // One that is killed while it restores them, too.
    for (let i = 0; i < 3; i++) {
      const { worker, keeper } = await pids(d);
      process.kill(worker, 'SIGKILL');
      const next = await until('the next worker', async () => (await workers(keeper)).find((pid) => pid !== worker));
      process.kill(next, 'SIGKILL');
      await info(d, (x) => x.pid !== worker && x.pid !== next);
    }
    await each(ids, 8, async (id) => assert.equal((await d.text(id)).trim().split('\n').length, ids.indexOf(id) + 1, id));
    await each(ids, 8, (id) => d.remove(id));
    await until('no pane in the keeper', async () => (await info(d)).keeper.panes === 0);
  });
});

describe('a keeper without a worker', () => {
  let d;
  before(async () => (d = await startKept({ conf: { max_crashes: 5 } })));
  after(() => d?.stop());

  /** Kills workers until there is none; returns how many that took. */
  const bringDown = async () => {
    const before = d.stderr().split('in a minute').length;
    const down = () => d.stderr().split('in a minute').length > before;
    let kills = 0;
    while (!down() && kills < 20) {
      const { worker } = await pids(d);
      process.kill(worker, 'SIGKILL');
      kills++;
      await until('the keeper to do something', async () => down() || (await workers(d.pid)).some((pid) => pid !== worker));
    }
    return kills;
  };

  it('says so, keeps the panes, and takes a new one', async () => {
    const ids = [(await slow(d)).id, (await few(d, 100)).id];
    const commands = await Promise.all(ids.map(async (id) => (await d.pane(id)).pid));
    await d.shows(ids[1], '00000000000100');
    const { keeper } = await pids(d);
    assert.equal(await bringDown(), 5);
    const local = await d.local('GET', '/healthz');
    assert.equal(local.status, 503);
    assert.match(local.headers['content-type'], /^application\/json/);
    assert.equal(local.json.error, 'no_worker');
    assert.match(local.json.message, /serve --upgrade/);
    for (let i = 0; i < 20; i++) {
      const r = await d.request('GET', '/api/v1/panes');
      assert.equal(r.status, 503);
      assert.equal(r.json.error, 'no_worker');
    }
    for (const pid of commands) assert.ok(await alive(pid));
    const ls = await d.cli(['ls']);
    assert.notEqual(ls.status, 0);
    assert.match(ls.err, /^panescry: [^\n]+\n$/);
    const doctor = await d.cli(['doctor']);
    assert.notEqual(doctor.status, 0);
    assert.match(doctor.out, /503/);
    const out = assertDone(await d.cli(['serve', '--upgrade']));
    assert.match(out, /^worker \d+, version \S+\n$/);
    assert.equal((await pids(d)).keeper, keeper);
    for (const [i, id] of ids.entries()) {
      assert.equal((await d.pane(id)).pid, commands[i]);
      await checkHistory(d, id);
    }
    // What has been put right is forgotten: it takes five again.
    await killWorker(d);
    process.kill(keeper, 'SIGUSR2');
    await until('an upgrade', async () => (await info(d)).keeper.upgrades > 0);
    await d.well();
    assert.ok((await bringDown()) >= 5);
    process.kill(keeper, 'SIGUSR2');
    await info(d);
    for (const id of ids) await checkHistory(d, id);
    for (const id of ids) await d.remove(id);
  });

  it('ends the panes itself', async () => {
    const { id } = await d.sh('echo ready; exec cat');
    await d.shows(id, 'ready');
    const { pid } = await d.pane(id);
    await bringDown();
    await d.stop(); // looks for the socket, too
    await allGone('the command', [pid]);
    d = null;
  });
});

describe('an upgrade', () => {
  const d = useKept({ conf: { ring_bytes: RING, history_lines: LINES } });
  const upgrade = async (program) => {
    const r = await d.local('POST', '/api/v1/upgrade', { json: program ? { program } : {} });
    assert.equal(r.status, 202, r.text);
  };

  it('is not noticed by panes, nor by viewers that come again', async () => {
    const ids = [];
    for (let i = 0; i < 3; i++) ids.push((await fast(d)).id);
    ids.push((await slow(d)).id);
    const screen = (await d.sh(`${FULL_SCREEN} exec cat`)).id;
    await d.shows(screen, 'row 24');
    await rests(d, screen);
    const was = [await shown(d, screen), await drawn(d, screen)];
    const viewers = [ids[0], ids[1], ids[3]].map((id) => new Follower(d, id, { ring: RING }));
    const before = await pids(d);
    const workers = new Set([before.worker]);
    for (let i = 0; i < 5; i++) {
      await Promise.all(viewers.map((v) => until('bytes', () => v.flowing)));
      const at = now();
      assertDone(await d.cli(['serve', '--upgrade']));
      workers.add((await pids(d)).worker);
      await Promise.all(viewers.map((v) => v.flowsAfter(at)));
    }
    assert.equal(workers.size, 6);
    const i = await info(d);
    assert.equal(i.keeper.pid, before.keeper);
    assert.deepEqual([i.keeper.upgrades, i.keeper.upgrades_failed, i.keeper.restarts, i.keeper.last_failure ?? null], [5, 0, 0, null]);
    for (const v of viewers) {
      assert.deepEqual(v.closes, { 1012: 5 });
      await v.close();
    }
    assert.deepEqual([await shown(d, screen), await drawn(d, screen)], was);
    for (const id of ids) {
      assert.equal((await d.pane(id)).state, 'running');
      await checkHistory(d, id);
    }
    for (const id of [...ids, screen]) await d.remove(id);
  });

  it('replaces the program of the keeper, too', async () => {
    const copies = join(d.dir, 'other');
    await mkdir(copies);
    for (const name of ['panescry', 'panescry-keeper']) {
      await copyFile(join(dirname(BINARY), name), join(copies, name));
      await chmod(join(copies, name), 0o755);
    }
    const { id } = await d.new(['cat']);
    const was = await pids(d);
    assert.equal(await readlink(`/proc/${was.keeper}/exe`), join(dirname(BINARY), 'panescry-keeper'));
    for (const dir of [copies, dirname(BINARY)]) {
      await upgrade(join(dir, 'panescry'));
      await until('the keeper to be the other program', async () => (await readlink(`/proc/${was.keeper}/exe`)) === join(dir, 'panescry-keeper'));
      const is = await info(d);
      assert.equal(is.keeper.pid, was.keeper);
      assert.equal(is.keeper.panes, 1);
      assert.equal(await readlink(`/proc/${is.pid}/exe`), join(dir, 'panescry'));
      // It still does what a keeper does.
      await killWorker(d);
      await d.type(id, `from ${dir}\r`);
      await d.shows(id, `from ${dir}`);
    }
    await until('all descriptors to be closed that are of no use', async () => {
      const open = (await descriptors(was.keeper)).filter((f) => f.n > 2 && /^\/memfd|ptmx|^socket/.test(f.to));
      // Memory and master, listeners, the worker; where it asks for other processes' directories.
      return open.length === 2 + 2 + 1 + (HARDEN ? 1 : 0);
    });
    await d.remove(id);
  });

  it('answers what the worker asks while the program is replaced', async () => {
    const dir = join(d.dir, 'stops');
    const stopped = join(dir, 'stopped');
    const real = join(dirname(BINARY), 'panescry-keeper');
    await mkdir(dir);
    await copyFile(BINARY, join(dir, 'panescry'));
    // The old one stops as the new one looks at its state, and then finds at once that it has ended and what is asked.
    const script = `#!/bin/sh\n[ "$1" = check ] && kill -STOP $PPID && echo $$ >${stopped}.new && mv ${stopped}.new ${stopped}\nexec ${real} "$@"\n`;
    await writeFile(join(dir, 'panescry-keeper'), script);
    for (const name of ['panescry', 'panescry-keeper']) await chmod(join(dir, name), 0o755);
    const { keeper, worker } = await pids(d);
    await upgrade(join(dir, 'panescry'));
    const checker = await until('the keeper to stop', () => readFile(stopped, 'latin1').catch(() => null));
    await until('its successor to have looked', async () => /\) Z /.test(await readFile(`/proc/${checker.trim()}/stat`, 'latin1')));
    const answer = d.local('GET', '/api/v1/info');
    for (let i = 0; i < 2; i++) await d.local('GET', '/api/v1/panes');
    process.kill(keeper, 'SIGCONT');
    const { json } = await answer;
    assert.equal(json.keeper.pid, keeper);
    assert.notEqual(json.pid, worker);
    await upgrade(BINARY);
    await info(d, (x) => x.keeper.upgrades === json.keeper.upgrades + 1);
  });

  it('may follow another at once', async () => {
    const ids = [];
    for (let i = 0; i < 20; i++) ids.push((await few(d, 10)).id);
    const { upgrades } = (await info(d)).keeper;
    for (let i = 1; i <= 6; i++) {
      await upgrade();
      await info(d, (x) => x.keeper.upgrades === upgrades + i);
    }
    await each(ids, 8, async (id) => {
      await until('its lines', async () => (await checkHistory(d, id)) === 10);
      await d.remove(id);
    });
    await until('no pane in the keeper', async () => (await info(d)).keeper.panes === 0);
  });

  it('to a program that ends at once leaves the old worker', async () => {
    const { id } = await slow(d);
    const v = new Follower(d, id);
    await until('bytes', () => v.flowing);
    const { worker, keeper } = await pids(d);
    const failed = (await info(d)).keeper.upgrades_failed;
    // No worker can start without its tokens.
    const tokens = join(d.dir, 'tokens.json');
    await rename(tokens, `${tokens}.away`);
    await mkdir(tokens);
    const how = await d.cli(['serve', '--upgrade']);
    await rm(tokens, { recursive: true });
    await rename(`${tokens}.away`, tokens);
    assertRefused(how, 2, /the old worker stays: the new worker ended/);
    for (const program of ['/bin/false', '/nowhere/panescry', d.dir]) {
      const n = (await info(d)).keeper.upgrades_failed;
      await upgrade(program);
      await info(d, (i) => i.keeper.upgrades_failed > n);
    }
    assert.deepEqual(await pids(d), { worker, keeper });
    assert.equal((await info(d)).keeper.upgrades_failed, failed + 4);
    assert.match((await d.cli(['doctor'])).out, /ok +worker .*the last upgrade failed: the new worker ended/);
    const { bytes } = v;
    await until('more bytes', () => v.bytes > bytes);
    assert.deepEqual(v.closes, {}, 'the viewer has seen nothing of it');
    await v.close();
    await checkHistory(d, id);
    await d.remove(id);
    const bad = await d.local('POST', '/api/v1/upgrade', { json: { program: 'panescry' } });
    assert.equal(bad.status, 400);
    const far = await d.request('POST', '/api/v1/upgrade', { json: {} });
    assert.notEqual(far.status, 202, 'only over the Unix socket');
  });

  it('to one that hangs, too, after 5 seconds', async () => {
    const { worker, keeper } = await pids(d);
    const conf = join(d.dir, 'panescry.conf');
    const text = await readFile(conf, 'utf8');
    await rm(conf);
    makePipe(conf); // a new worker waits for somebody who writes
    const at = now();
    const how = await d.cli(['serve', '--upgrade']);
    const took = now() - at;
    await rm(conf);
    await writeFile(conf, text);
    assertRefused(how, 2, /the old worker stays/);
    assert.ok(took > 4000, `${took} ms`);
    assert.deepEqual(await pids(d), { worker, keeper });
    assert.deepEqual(await workers(keeper), [worker], 'the new one is gone');
    assertDone(await d.cli(['serve', '--upgrade']));
    assert.notEqual((await pids(d)).worker, worker);
  });
});

describe('the end', () => {
  /** A daemon with a pane, and all its processes. */
  const start = async (options) => {
    const d = await startKept(options);
    const { id } = await d.sh("echo ready; trap 'exit 0' TERM; while :; do sleep 0.1; done");
    await d.shows(id, 'ready');
    return { d, id, pid: (await d.pane(id)).pid, ...(await pids(d)) };
  };

  it('comes with SIGTERM to the keeper', async () => {
    const { d, pid, worker, keeper } = await start();
    assert.equal(d.pid, keeper);
    await d.stop();
    await allGone('everything', [pid, worker, keeper]);
  });

  it('comes with SIGTERM to the worker', async () => {
    const { d, pid, worker, keeper } = await start();
    process.kill(worker, 'SIGTERM');
    await within('the keeper to end', d.ended);
    await allGone('everything', [pid, worker, keeper]);
    assert.equal(await readFile(d.socket).catch((e) => e.code), 'ENOENT');
    await rm(d.dir, { recursive: true });
  });

  it('comes with SIGTERM while another worker is being started', async () => {
    const { d, pid, worker, keeper } = await start();
    process.kill(worker, 'SIGKILL');
    await d.stop();
    await allGone('everything', [pid, worker, keeper]);
  });

  it('of a keeper that is killed is the end of all, and no obstacle', async () => {
    const { d, pid, worker, keeper, id } = await start({ keep: true });
    const v = new Follower(d, id, { content: null });
    await d.kill('SIGKILL');
    await allGone('everything', [pid, worker, keeper]);
    v.done = true;
    v.ws.terminate();
    const again = await startKept({ dir: d.dir });
    assert.deepEqual((await again.ok('GET', 'panes')).panes, []);
    const { id: next } = await again.new(['cat']);
    await again.type(next, 'hello\n');
    await again.shows(next, 'hello');
    await again.stop();
  });

  it('of both at once, too', async () => {
    const { d, pid, worker, keeper } = await start({ keep: true });
    process.kill(keeper, 'SIGSTOP');
    process.kill(worker, 'SIGKILL');
    process.kill(keeper, 'SIGKILL');
    await allGone('everything', [pid, worker, keeper]);
    const again = await startKept({ dir: d.dir });
    await again.well();
    await again.stop();
  });
});

describe('what is told of the keeper', () => {
  it('is in doctor', async () => {
    const d = await startKept();
    await d.new(['cat']);
    const { worker, keeper } = await pids(d);
    const next = (await killWorker(d)).pid;
    const { out, err } = await d.cli(['doctor']);
    assert.equal(err, '');
    assert.match(out, new RegExp(`^ok +keeper +pid ${keeper}, [0-9.]+ MiB resident, \\d+ descriptors, 1 panes$`, 'm'));
    assert.match(out, new RegExp(`^ok +worker +pid ${next}, restarted 1 times, upgraded 0 times$`, 'm'));
    assert.notEqual(next, worker);
    const { checks } = JSON.parse((await d.cli(['doctor', '--json'])).out);
    for (const name of ['keeper', 'worker']) assert.equal(checks.find((c) => c.check === name)?.ok, true, name);
    await d.stop();
  });

  it('is that there is none, with --no-keeper', async () => {
    const d = await startKept({ args: ['--no-keeper'] });
    const { id } = await few(d, 10);
    await d.shows(id, '00000000000010');
    const { pid } = await d.pane(id);
    const i = await d.info();
    assert.deepEqual([i.pid, i.keeper], [d.pid, null]);
    const r = await d.local('POST', '/api/v1/upgrade', { json: {} });
    assert.equal(r.status, 409);
    assertRefused(await d.cli(['serve', '--upgrade']), 2);
    const { out, status } = await d.cli(['doctor']);
    assert.match(out, /^bad +keeper +none/m);
    assert.equal(status, 1);
    await d.stop();
    await allGone('the command', [pid]);
  });
});

describe('memory that is damaged', () => {
  const PAGE = 4096;
  // Where things lie in a pane's file: see pane/memory.c.
  const BIRTH = 2 * PAGE;
  const STYLES = BIRTH + 2 * 1024 * 1024;

  /** Places of the parts, found by their magic numbers: the same in every pane of a daemon. */
  async function findParts(file) {
    const { size } = await file.stat();
    const find = async (magic, from, step) => {
      for (let at = from; at < size; at += step) {
        const { buffer } = await file.read(Buffer.alloc(magic.length), 0, magic.length, at);
        if (buffer.toString('latin1') === magic) return at;
      }
      throw new Error(`no ${magic}`);
    };
    const ring = await find('pscring1', STYLES, PAGE);
    const slab = await find('PSB1', ring, PAGE).catch(() => ring);
    return { size, ring, slab, slots: ring - 128 * 1024 * 1024 };
  }

  /** The newest pane's file, as the keeper holds it. */
  async function memoryOf(keeper) {
    const all = (await descriptors(keeper)).filter((f) => f.to.startsWith('/memfd:panescry-pane'));
    return open(all.at(-1).path, 'r+');
  }

  const flip = async (file, at, bits = 0xff) => {
    const { buffer } = await file.read(Buffer.alloc(1), 0, 1, at);
    buffer[0] ^= bits;
    await file.write(buffer, 0, 1, at);
  };

  const places = {
    'the magic': () => [0],
    'the version': () => [8],
    'the length of its birth': () => [12, 15],
    'the size of the file': () => [16, 22],
    'the size of the ring': () => [24, 30],
    'the bytes of history': () => [32, 38],
    'what was fed': () => [48, 54],
    'the size of the screen': () => [72, 73, 75, 76],
    'the count of styles': () => [99],
    'which slot is newest': () => [112],
    'its birth': () => [BIRTH + 5],
    'a style': () => [STYLES + 40],
    'both slots': (p) => [p.slots + 3, p.slots + 64 * 1024 * 1024 + 3],
    'the header of the ring': (p) => [p.ring],
    'the end of the ring': (p) => [p.ring + 21],
    'a byte of the ring': (p) => [p.ring + 64 + 10],
    'the magic of a slab': (p) => [p.slab],
    'the commit of a slab': (p) => [p.slab + 35, p.slab + 39, p.slab + 75],
    'the strides of a slab': (p) => [p.slab + 115],
    'the text of a slab': (p) => [p.slab + 2000],
    'the records of a slab': (p) => [p.slab + 256 * 1024 - 2, p.slab + 256 * 1024 - 20],
  };

  it('costs a pane its past at most', async () => {
    const d = await startKept();
    const whole = (await few(d, 200)).id;
    await d.shows(whole, '00000000000200');
    const { keeper } = await pids(d);
    let parts;
    for (const [what, where] of Object.entries(places)) {
      const { id } = await d.sh("stty -echo; printf '\\033[1;31mred\\033[m\\n'; seq 1 300; while read -r x; do echo \"<$x>\"; done");
      await d.shows(id, /\n300\n/);
      const { pid } = await d.pane(id);
      const file = await memoryOf(keeper);
      const { worker } = await pids(d);
      process.kill(worker, 'SIGSTOP');
      parts ??= await findParts(file);
      for (const at of where(parts)) await flip(file, at);
      await file.close();
      process.kill(worker, 'SIGKILL');
      await info(d, (i) => i.pid !== worker);
      const p = await d.pane(id);
      assert.deepEqual([p.state, p.pid], ['running', pid], what);
      await d.type(id, 'still there\n');
      await d.shows(id, '<still there>');
      for (const format of ['text', 'ansi', 'json'])
        assert.equal((await d.request('GET', `/api/v1/panes/${id}/capture?history=all&format=${format}`)).status, 200, what);
      await checkHistory(d, whole);
      await d.remove(id);
      await until('it to be gone', () => d.gone(id));
    }
    assert.equal((await info(d)).keeper.restarts, Object.keys(places).length, 'no worker died of it');
    assert.match(d.stderr(), /warn app: pane p\d+ was not restored whole: /);
    await d.stop();
  });
});
