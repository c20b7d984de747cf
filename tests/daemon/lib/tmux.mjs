// A tmux server of one's own, and one client of it, which is in a pane of a second server: so
// what a person would type and see can be sent and read.

import assert from 'node:assert/strict';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { privateDir } from './daemon.mjs';
import { alive, run } from './run.mjs';
import { until } from './until.mjs';

export const hasTmux = async () => (await run('sh', ['-c', 'command -v tmux'])).status === 0;

/** `conf` is the text of the server's tmux.conf; `socket` a name, by default the usual one. */
export async function startTmux({ conf = '', env = {}, cols = 100, rows = 30, socket } = {}) {
  const dir = await privateDir();
  const home = join(dir, 'home');
  for (const name of ['home', 'run', 'tmp']) await mkdir(join(dir, name), { mode: 0o700 });
  await writeFile(join(dir, 'tmux.conf'), `set -g default-shell /bin/sh\nset -sg escape-time 0\nset -g assume-paste-time 0\n${conf}\n`);
  const all = {
    HOME: home,
    XDG_RUNTIME_DIR: join(dir, 'run'),
    XDG_STATE_HOME: join(dir, 'state'),
    XDG_CONFIG_HOME: join(dir, 'config'),
    TMUX_TMPDIR: join(dir, 'tmp'),
    SHELL: '/bin/sh',
    ENV: '',
    PS1: '$ ',
    LC_ALL: 'C.UTF-8',
    TERM: 'screen',
    ...env,
  };
  const which = socket ? ['-S', join(dir, socket)] : [];
  const raw = (...args) => run('tmux', [...which, ...args], { env: all });
  const outer = (...args) => run('tmux', ['-u', '-S', join(dir, 'outer'), '-f', '/dev/null', ...args], { env: all });
  const t = {
    dir,
    env: all,
    /** A command of tmux that must succeed; its output. */
    tmux: async (...args) => {
      const r = await raw('-u', ...args);
      assert.equal(r.status, 0, `tmux ${args.join(' ')}: ${r.err}`);
      return r.out.replace(/\n$/, '');
    },
    start: async (file) => {
      const r = await raw('-f', file, 'new-session', '-d', '-s', 'work', '-x', String(cols), '-y', String(rows));
      assert.equal(r.status, 0, r.err);
    },
    /** The server ends, and another begins with that file. */
    restart: async (file) => {
      const pid = Number(await t.tmux('display-message', '-p', '#{pid}'));
      await raw('kill-server');
      await until('the server to end', async () => !(await alive(pid)));
      await t.start(file);
    },
    /** A client comes and looks at it. */
    attach: async () => {
      const r = await outer('new-session', '-d', '-x', String(cols), '-y', String(rows),
        `TMUX= exec tmux -u ${which.map((x) => `'${x.replaceAll("'", "'\\''")}'`).join(' ')} attach`);
      assert.equal(r.status, 0, r.err);
      await until('a client', async () => (await t.client()) !== '');
    },
    client: async () => (await raw('list-clients', '-F', '#{?client_control_mode,,#{client_name}}')).out.split('\n').filter(Boolean)[0] ?? '',
    keys: async (...keys) => assert.equal((await outer('send-keys', ...keys)).status, 0),
    /** A ; at the end would end tmux's command. */
    type: async (text) => assert.equal((await outer('send-keys', '-l', '--', text.replace(/;$/, '\\;'))).status, 0),
    resize: (x, y) => outer('resize-window', '-x', String(x), '-y', String(y)),
    screen: async () => (await outer('capture-pane', '-p')).out,
    sees: async (what, ms) => {
      let last;
      const test = typeof what === 'function' ? what : what instanceof RegExp ? (s) => what.test(s) : (s) => s.includes(what);
      return until(`${what} at the client`, async () => test((last = await t.screen())) && last, ms)
        .catch((e) => assert.fail(`${e.message}; the screen is\n${last}`));
    },
    /** Presses the prefix and a key. */
    prefix: async (key) => t.keys('C-b', key),
    stop: async () => {
      await outer('kill-server');
      await raw('kill-server');
      await rm(dir, { recursive: true, force: true, maxRetries: 5 });
    },
  };
  await t.start(join(dir, 'tmux.conf'));
  return t;
}
