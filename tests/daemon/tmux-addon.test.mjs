// The command line inside tmux, and contrib/tmux/panescry.tmux: real tmux servers, keys and
// popups. What the daemon does with tmux itself is tested in its own files; where this one does
// not know tmux, the tests that need it are left out.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { chmod, mkdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import http from 'node:http';
import { dirname, join, resolve } from 'node:path';
import { after, afterEach, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { privateDir, request } from './lib/daemon.mjs';
import { alive, assertRefused, BINARY, panescry, run } from './lib/run.mjs';
import { hasTmux, startTmux } from './lib/tmux.mjs';
import { until } from './lib/until.mjs';

const PLUGIN = resolve(dirname(fileURLToPath(import.meta.url)), '../../contrib/tmux/panescry.tmux');
const skip = (await hasTmux()) ? false : 'no tmux';

/** Answers as a daemon would that knows panes of tmux. */
async function fakeDaemon(socket) {
  const hit = (pane, line) => ({ pane, line, time: '2026-01-02T03:04:05.000Z', content: `apple ${line} of ${pane}`, spans: [[0, 5]], before: [], after: [], source: 'capture' });
  const f = { shows: [], watches: [], answer: [204, null], hits: [hit('t%3', 41), hit('t-side%7', 5), hit('p1', 9)], tmuxSocket: '' };
  const s = http.createServer((req, res) => {
    const parts = [];
    req.on('data', (b) => parts.push(b));
    req.on('end', () => {
      const body = parts.length ? JSON.parse(Buffer.concat(parts).toString()) : null;
      const url = new URL(req.url, 'http://x');
      let [status, json] = [404, { error: 'not_found', message: 'there is no such thing' }];
      if (url.pathname === '/api/v1/search') {
        const matches = f.hits;
        [status, json] = [200, { matches, total: matches.length, truncated: false, partial: false, source: 'auto' }];
      } else if (/^\/api\/v1\/panes\/[^/]+\/show$/.test(url.pathname)) {
        f.shows.push({ pane: decodeURIComponent(url.pathname.split('/')[4]), ...body });
        [status, json] = f.answer;
      } else if (url.pathname === '/api/v1/panes') {
        const pane = (id, socket_) => ({ id, kind: 'tmux', tmux: { session: 'work', window: 1, window_name: 'sh', pane: 0, socket: socket_ } });
        [status, json] = [200, { panes: [{ id: 'p3', kind: 'native', name: 'x%0' }, pane('t-other%0', '/nowhere'), pane('t-side%0', f.tmuxSocket)], alarms: [] }];
      } else if (url.pathname === '/api/v1/watches') {
        f.watches.push(body);
        [status, json] = [201, { id: 'w1', fired: 0 }];
      }
      const text = json ? JSON.stringify(json) : '';
      res.writeHead(status, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) });
      res.end(text);
    });
  });
  s.listen(socket);
  await once(s, 'listening');
  f.close = () => new Promise((r) => { s.closeAllConnections(); s.close(r); });
  return f;
}

describe('the command line inside tmux', { skip }, () => {
  let t;
  let f;
  let out;
  before(async () => {
    t = await startTmux();
    await t.attach();
    f = await fakeDaemon(join(t.dir, 'fake'));
    f.tmuxSocket = await t.tmux('display-message', '-p', '#{socket_path}');
    out = join(t.dir, 'out');
  });
  after(async () => {
    await f?.close();
    await t?.stop();
  });
  afterEach(() => {
    f.shows.length = 0;
    f.answer = [204, null];
  });

  /** The picker in the client's only pane. */
  const pick = async (args = '', more = '') => {
    await t.tmux('respawn-pane', '-k', `PANESCRY_SOCKET='${join(t.dir, 'fake')}' '${BINARY}' search -I ${args} ${more}; echo "status $?"; exec sleep 1000`);
    await t.sees(/^> t%3 .*apple 41/m);
  };
  const ends = (status) => t.sees((s) => s.trim().startsWith(`status ${status}`));

  it('shows the line of a pane of tmux at the client that looks', async () => {
    await pick();
    await t.keys('Enter');
    await ends(0);
    assert.deepEqual(f.shows, [{ pane: 't%3', line: 41, client: await t.client() }]);
    assert.ok(!(await t.screen()).includes('t%3'), 'nothing is printed');
  });

  it('takes the client that it is told, in a pipe too', async () => {
    await pick("--tmux-client 'a \"client'", `>${out}`);
    await t.keys('Down');
    await t.sees(/^> t-side%7 /m);
    await t.keys('Enter');
    await ends(0);
    assert.deepEqual(f.shows, [{ pane: 't-side%7', line: 5, client: 'a "client' }]);
    assert.equal(await readFile(out, 'utf8'), '');
  });

  it('prints as ever: other panes, into pipes, and runs commands', async () => {
    await pick('', `>${out}`);
    await t.keys('Enter');
    await ends(0);
    assert.equal(await readFile(out, 'utf8'), 't%3 41\n');
    await pick();
    await t.keys('End');
    await t.sees(/^> p1 /m);
    await t.keys('Enter');
    await t.sees(/^p1 9\nstatus 0/m);
    await pick('--exec \'echo "<$PANESCRY_PANE>"\'');
    await t.keys('Enter');
    await t.sees(/^<t%3>\nstatus 0/m);
    assert.deepEqual(f.shows, []);
  });

  it('stays when the line is gone, and says so until a key is pressed', async () => {
    f.answer = [409, { error: 'line_gone', message: 'x' }];
    await pick();
    await t.keys('Enter');
    await t.sees('tmux has that line no longer');
    await until('the list to be asked for again', () => new Promise((r) => setTimeout(r, 1500, true)));
    await t.sees('tmux has that line no longer');
    await t.keys('Down');
    await t.sees((s) => /^> t-side%7/m.test(s) && !s.includes('no longer'));
    f.answer = [404, { error: 'no_such_pane', message: 'there is no pane \u001b[31mt%3' }];
    await t.keys('Enter');
    await t.sees('there is no pane ?[31mt%3');
    f.answer = [204, null];
    await t.keys('Enter');
    await ends(0);
    assert.equal(f.shows.length, 3);
  });

  it('watches the pane that tmux calls %0', async () => {
    const env = { PANESCRY_SOCKET: join(t.dir, 'fake'), TMUX: `${f.tmuxSocket},1,0` };
    assert.equal((await panescry(['watch', 'add', 'x', '--pane', '%0'], { env })).out, 'w1\n');
    assert.equal(f.watches.at(-1).pane, 't-side%0');
    assertRefused(await panescry(['watch', 'add', 'x', '--pane', '%9'], { env }), 2, /%9 of tmux/);
    for (const pane of ['p*', '%x', '%']) {
      assert.equal((await panescry(['watch', 'add', 'x', '--pane', pane], { env })).status, 0);
      assert.equal(f.watches.at(-1).pane, pane);
    }
    assert.equal((await panescry(['watch', 'add', 'x', '--pane', '%0'], { env: { ...env, TMUX: '' } })).status, 0);
    assert.equal(f.watches.at(-1).pane, '%0');
  });

  it('refuses --tmux-client without -I', async () => {
    assertRefused(await panescry(['search', 'x', '--tmux-client', 'y']), 2, /-I/);
  });
});

const knowsTmux = (await run(BINARY, ['serve', '--help'])).out.includes('--tmux-socket');

/**
 * A tmux server with the plugin, and a program `panescry` that writes down what it is given and
 * takes any free port. All in a directory with an inconvenient name.
 */
async function withPlugin({ conf = '', options = {}, program = true, socket } = {}) {
  const lines = Object.entries(options).map(([k, v]) => `set -g @panescry-${k} ${JSON.stringify(v).replaceAll('$', '\\$')}`);
  const t = await startTmux({ socket });
  const odd = join(t.dir, "o'd d #{pid} %H");
  await mkdir(odd);
  const log = join(t.dir, 'log');
  const wrapper = join(odd, 'my panescry');
  await writeFile(wrapper, `#!/bin/sh
printf '%s\\n' "$(printf '%s\\037' "$@")" >>'${log}'
if [ "$1" = serve ]; then
	${knowsTmux ? '' : 'set -- serve'}
	set -- "$@" --listen 127.0.0.1:0
fi
exec '${BINARY}' "$@"
`);
  await chmod(wrapper, 0o755);
  const plugin = join(odd, 'panescry.tmux');
  await symlink(PLUGIN, plugin);
  if (program) lines.unshift(`set -g @panescry-command ${JSON.stringify(wrapper)}`);
  await writeFile(join(t.dir, 'more.conf'), `${lines.join('\n')}\n${conf}\nrun-shell ${JSON.stringify(`'${plugin.replaceAll("'", "'\\''").replaceAll('#', '##')}'`)}\n`);
  Object.assign(t, {
    log,
    wrapper,
    plugin,
    load: () => t.tmux('source-file', join(t.dir, 'more.conf')),
    /** What the program was run with. */
    calls: async (verb) => (existsSync(log) ? (await readFile(log, 'utf8')).split('\n') : [])
      .filter(Boolean).map((l) => l.split('\u001f').slice(0, -1)).filter((a) => !verb || a[0] === verb),
    cli: (args) => panescry(args, { env: { ...t.env } }),
    answers: () => until('a daemon', async () => (await t.cli(['status'])).status === 0),
    info: async () => (await request({ socketPath: join(t.dir, 'run/panescry/default.sock') }, 'GET', '/api/v1/info')).json,
    bound: async () => (await t.tmux('list-keys', '-T', 'prefix')).split('\n').filter((l) => l.includes('@panescry-script')).map((l) => l.match(/prefix\s+(\S+)/)[1]),
  });
  const stop = t.stop;
  t.stop = async () => {
    const pids = await daemonPids(t.dir);
    for (const pid of pids) process.kill(pid, 'SIGTERM');
    await until('the daemon to end', async () => (await Promise.all(pids.map(alive))).every((x) => !x));
    await stop();
  };
  return t;
}

/** Of those that a plugin started: what they were given names the directory. */
async function daemonPids(dir) {
  const { readdir, readlink } = await import('node:fs/promises');
  const pids = [];
  for (const name of await readdir('/proc')) {
    if (!/^\d+$/.test(name)) continue;
    const args = await readFile(`/proc/${name}/cmdline`, 'latin1').catch(() => '');
    const exe = await readlink(`/proc/${name}/exe`).catch(() => '');
    if (/panescry(-keeper)?( \(deleted\))?$/.test(exe) && args.includes(`\0${dir}/run/`)) pids.push(Number(name));
  }
  return pids;
}

describe('the plugin for tmux', { skip }, () => {
  let t;
  afterEach(async () => {
    await t?.stop();
    t = null;
  });

  it('starts the daemon, binds keys, and searches in a popup', async () => {
    t = await withPlugin();
    await t.restart(join(t.dir, 'more.conf'));
    await t.answers();
    assert.deepEqual((await t.calls('serve')).map((c) => c.slice(0, 3)), [['serve', '--tmux-socket', await t.tmux('display-message', '-p', '#{socket_path}')]]);
    assert.deepEqual((await t.bound()).sort(), ['/', 'W']);
    await t.attach();
    const { out } = await t.cli(['new', '--', 'sh', '-c', 'for i in 1 2 3; do echo apple $i; done; exec cat']);
    await until('the lines', async () => (await t.cli(['search', 'apple 3'])).status === 0);
    await t.prefix('/');
    await t.sees(/│> +│/);
    await t.type('apple');
    await t.sees(new RegExp(`│> apple +│\\s+│3 +Tab[^]*│> ${out.trim()} .*apple 3`));
    const wide = (await t.screen()).split('\n');
    assert.equal(wide.find((l) => l.includes('└')).match(/└.*┘/)[0].length, 90, '90% of 100 columns');
    assert.equal(wide.filter((l) => /[│┌└]/.test(l)).length, 24, '80% of 30 rows');
    await t.keys('Down');
    await t.sees(/│> p\d+ .*apple 2/);
    await t.resize(70, 20);
    await t.sees(/│> p\d+ .*apple 2/);
    await t.keys('Escape');
    await t.sees((s) => !s.includes('│'));
    await until('the key to be done', async () => (await run('pgrep', ['-f', t.plugin.replaceAll(/[^/\w]/g, '.')])).status === 1);
    assert.equal(await t.tmux('display-message', '-p', '#{pane_in_mode}'), '0', 'nothing lies over the pane');
    assert.deepEqual(await t.calls('search'), [['search', '-I', '--tmux-client', await t.client()]]);
  });

  it('starts no second daemon, and one again when the first has gone', async () => {
    t = await withPlugin();
    await t.load();
    await t.answers();
    await t.load();
    await t.attach();
    assert.equal((await t.calls('serve')).length, 1);
    const pids = await daemonPids(t.dir);
    for (const pid of pids) process.kill(pid, 'SIGTERM');
    await until('the daemon to end', async () => (await Promise.all(pids.map(alive))).every((x) => !x));
    await t.prefix('/');
    await t.sees(/│> +│/);
    await t.keys('Escape');
    assert.equal((await t.calls('serve')).length, 2);
  });

  it('does not keep tmux from starting, and says what is wrong to who comes first', async () => {
    t = await withPlugin({ options: { command: '/nowhere/pane scry' } });
    await t.restart(join(t.dir, 'more.conf'));
    assert.deepEqual(await t.bound(), []);
    assert.equal((await run('tmux', ['-C', 'attach'], { env: t.env, input: 'list-keys\n' })).status, 0);
    await t.attach();
    await t.sees('panescry: the program that @panescry-command names is not there');
    assert.deepEqual(await daemonPids(t.dir), []);
    assert.equal(await t.tmux('display-message', '-p', '#{pane_in_mode}'), '0');
  });

  it('says that a key is none', async () => {
    t = await withPlugin({ options: { key: 'no-key', 'watch-key': ';' } });
    await t.attach();
    await t.load();
    await t.sees('panescry: @panescry-key: there is no key no-key');
    assert.deepEqual(await t.bound(), ['\\;']);
    assert.equal(await t.tmux('display-message', '-p', '#{pane_in_mode}'), '0');
  });

  it('finds the program beside itself and, before that, in PATH', async (x) => {
    if ((await run('sh', ['-c', 'command -v panescry'])).status === 0) return x.skip('there is one in PATH');
    t = await withPlugin({ program: false });
    await symlink(t.wrapper, join(dirname(t.plugin), 'panescry'));
    await t.load();
    await t.answers();
    assert.equal((await t.calls('serve')).length, 1);
    await t.tmux('set-option', '-g', 'status-right', '#{panescry}');
    await mkdir(join(t.dir, 'bin'));
    await symlink(t.wrapper, join(t.dir, 'bin/panescry'));
    await t.tmux('set-environment', '-g', 'PATH', `${join(t.dir, 'bin')}:${process.env.PATH}`);
    await t.load();
    assert.equal(await t.tmux('show', '-gv', 'status-right'), `#('${join(t.dir, 'bin/panescry')}' status)`);
  });

  it('works with a server of another socket', async () => {
    t = await withPlugin({ socket: "an'y, so #{pid} %H" });
    await t.load();
    await t.answers();
    const socket = await t.tmux('display-message', '-p', '#{socket_path}');
    assert.deepEqual((await t.calls('serve'))[0].slice(0, 3), ['serve', '--tmux-socket', socket]);
    await t.attach();
    await t.prefix('/');
    await t.sees(/│> +│/);
    await t.keys('Escape');
    await t.sees((s) => !s.includes('│'));
    await t.prefix('W');
    await t.sees(/watch this pane for:/);
    await t.type('x');
    await t.keys('Enter');
    const [call] = await until('a watch', async () => (await t.calls('watch')).length > 0 && t.calls('watch'));
    assert.equal(call[3], '%0');
    // It is shown for five seconds, which a machine that is busy may miss.
    await until('what it says', async () => /panescry: (w\d+ watches|the daemon does not know)/.test(await t.tmux('show-messages')));
    const fired = await run('sh', ['-c', call[5]], { env: { ...t.env, PANESCRY_TEXT: 'seen' } });
    assert.equal(fired.status, 0, fired.err);
    await t.sees('panescry: %0: seen');
  });

  it('takes options', async () => {
    t = await withPlugin({ options: { key: 'C-s', 'watch-key': '', 'popup-width': '50', 'popup-height': '10' } });
    await t.load();
    await t.answers();
    assert.deepEqual(await t.bound(), ['C-s']);
    await t.attach();
    await t.prefix('C-s');
    const s = await t.sees(/│> +│/);
    assert.equal(s.match(/└.*┘/)[0].length, 50);
    assert.equal(s.split('\n').filter((l) => /[│┌└]/.test(l)).length, 10);
    await t.keys('Escape');
    await t.sees((x) => !x.includes('│'));
  });

  it('puts numbers into the status line', async () => {
    const format = `#[bold]<{panes}' "$HOME" 100% (x) 你好>{?fired:{fired}}`;
    t = await withPlugin({ options: { format }, conf: 'set -g status-interval 1\nset -g status-right-length 80\nset -g status-right "a #{panescry} b #{panescry}|"' });
    await t.load();
    await t.answers();
    await t.attach();
    const s = await t.sees(/a <\d+' "\$HOME" 100% \(x\) 你好> b <\d+' "\$HOME" 100% \(x\) 你好>\|/);
    await t.cli(['new', '--', 'cat']);
    await t.sees((x) => x.includes('a <') && x.match(/a <\d+/)[0] !== s.match(/a <\d+/)[0]);
    assert.ok(!(await t.tmux('show', '-gv', 'status-right')).includes('#{panescry}'));
  });

  it('hands on what is typed as it is', async () => {
    t = await withPlugin();
    await t.load();
    await t.answers();
    await t.attach();
    const patterns = [
      'plain', 'two  words ', `it's "quoted" \`id\``, '$HOME ${HOME} $(id)', 'a;b ; c;', '\\; \\\\ \\', '100%% %1 %% %%% %H', '%2 %2% %1% %3', '#{pid} ## #(id) #[x]', '~/x ~', '-e', '--help', '{a,b}{1,2}', '(a|b)*?[c]&<d>', '你好 é', "'", '"', '!x ^y', '#',
    ];
    for (const pattern of patterns) {
      const n = (await t.calls('watch')).length;
      await t.prefix('W');
      await t.sees(/watch this pane for:/);
      await t.type(pattern);
      await t.keys('Enter');
      await until(`a watch for ${pattern}`, async () => (await t.calls('watch')).length > n);
      const call = (await t.calls('watch')).at(-1);
      assert.deepEqual([call.at(-1), call.at(-2), call.slice(0, 4)], [pattern, '--', ['watch', 'add', '--pane', '%0']], pattern);
      assert.equal(call.length, 8);
      await until('the prompt to go', async () => !(await t.screen()).includes('watch this pane for:'));
    }
    const n = (await t.calls('watch')).length;
    await t.prefix('W');
    await t.sees(/watch this pane for:/);
    await t.keys('Enter');
    await t.prefix('W');
    await t.sees(/watch this pane for:/);
    await t.keys('Escape');
    await t.sees((s) => !/watch this pane for:/.test(s));
    assert.equal((await t.calls('watch')).length, n, 'nothing typed, nothing watched');
    assert.ok(!(await t.tmux('show-environment', '-g')).includes('PANESCRY_PATTERN'));
  });

  it('shows what a watch has seen, whatever it is', async () => {
    t = await withPlugin();
    await t.load();
    await t.attach();
    const fired = `exec sh '${t.plugin.replaceAll("'", "'\\''")}' fired "$(echo "$TMUX" | cut -d, -f1)" %5`;
    for (const text of ['done', `#(touch ${join(t.dir, 'evil')}) #{pid} %H "x" 'y' $HOME; `, '你好;', '-n']) {
      const env = { ...t.env, PANESCRY_TEXT: text, TMUX: `${await t.tmux('display-message', '-p', '#{socket_path}')},1,0` };
      assert.equal((await run('sh', ['-c', fired], { env })).status, 0);
      await t.sees(`panescry: %5: ${text}`.trim());
    }
    assert.ok(!existsSync(join(t.dir, 'evil')));
  });

  it('jumps to the line of a pane of tmux, and watches one', async (x) => {
    t = await withPlugin();
    await t.load();
    await t.answers();
    if (!(await t.info()).tmux) {
      await t.stop(); // nothing comes after a test that was skipped
      t = null;
      return x.skip('the daemon does not know tmux');
    }
    await t.attach();
    const id = await t.tmux('display-message', '-p', '#{pane_id}');
    await t.type('for i in $(seq 200); do echo "cherry $i"; done\n');
    await until('the lines', async () => (await t.cli(['search', '^cherry 77$'])).status === 0);
    await t.tmux('new-window');
    await t.prefix('/');
    await t.sees(/│> +│/);
    await t.type('cherry 77$');
    await t.sees(new RegExp(`│> cherry 77\\$ +│\\s+│1 +Tab[^]*│> t${id} .*cherry 77`));
    await t.keys('Enter');
    await until('copy mode there', async () => (await t.tmux('display-message', '-p', '#{pane_id} #{pane_in_mode} #{copy_cursor_line}')) === `${id} 1 cherry 77`);
    await t.sees((text) => !text.includes('│')); // the popup has closed: keys are the pane's
    await t.keys('q');
    await t.prefix('W');
    await t.sees(/watch this pane for:/);
    await t.type('^ri+pe');
    await t.keys('Enter');
    await t.sees(/panescry: w\d+ watches %\d+ for \^ri\+pe/);
    await t.type('echo riiipe\n');
    await t.sees(/panescry: %\d+: riiipe/);
  });
});

describe('versions of tmux', () => {
  it('are taken from 3.2 on, each with its own place for what is typed', async () => {
    const dir = await privateDir();
    const env = { PATH: `${dir}:${process.env.PATH}`, LOG: join(dir, 'log'), TMUX: join(dir, 'socket,1,2') };
    await writeFile(join(dir, 'tmux'), '#!/bin/sh\necho "$*" >>"$LOG"\ncase $* in *"-p #{version}") echo "$V" ;; *list-clients*) echo c ;; esac\n', { mode: 0o755 });
    await writeFile(join(dir, 'panescry'), '#!/bin/sh\n', { mode: 0o755 });
    const calls = async (V, ...args) => {
      await writeFile(env.LOG, '');
      assert.equal((await run('sh', [PLUGIN, ...args], { env: { ...env, V } })).status, 0);
      return readFile(env.LOG, 'utf8');
    };
    for (const [version, place] of [['3.2', 1], ['3.2a', 1], ['3.3', 2], ['3.3a', 2], ['3.4', 1], ['3.10', 1], ['4.0', 1], ['next-3.6', 1], ['openbsd-7.4', 1], ['master', 1]]) {
      assert.match(await calls(version), /bind-key/, version);
      assert.match(await calls(version, 'ask', 'c', '%12'), new RegExp(`PATTERN "%${place}%" ; .* 12'\\n$`), version);
    }
    for (const version of ['2.9a', '3.1c', 'next-3.1']) {
      const log = await calls(version);
      assert.doesNotMatch(log, /bind-key/, version);
      assert.ok(log.includes(`display-message panescry: tmux 3.2 or later is needed; this one is ${version}\n`), log);
    }
    await rm(dir, { recursive: true, force: true });
  });
});
