// A daemon and the tmux servers that it follows: all in a directory of their own.

import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { part, privateDir } from './daemon.mjs';
import { startKept } from './keeper.mjs';
import { alive, cleanEnv } from './run.mjs';
import { until, within } from './until.mjs';

export const GAP = '[panescry: lines are missing here]';
const servers = new Set(); // pids, of all that this process has started

process.on('exit', () => {
  for (const pid of servers) {
    try {
      process.kill(pid, 'SIGKILL');
    } catch {
      // it has ended
    }
  }
});

/** Ended by a line of one's own: nothing that a pane prints matters. */
export const tidy = (text) => text.split('\n').map((l) => l.replace(/[ \t]+$/, '')).join('\n').replace(/\n+$/, '');

export class Tmux {
  /** `name` as for tmux -L; `history` lines of each pane. */
  constructor(dir, { name = 'default', history = 100_000 } = {}) {
    Object.assign(this, { dir, name, history });
    this.prefix = name === 'default' ? 't' : `t-${name}`;
    this.env = { TMUX_TMPDIR: dir, SHELL: '/bin/sh', ENV: '', TERM: 'screen', LC_ALL: 'C.UTF-8' };
    this.clients = [];
  }

  /** What a command prints; `raw` has also that of one that failed. */
  async raw(args, ms) {
    const done = new Promise((resolve) => {
      execFile('tmux', ['-u', '-L', this.name, '-f', '/dev/null', ...args], { env: cleanEnv(this.env), maxBuffer: 1 << 30, encoding: 'buffer' },
        (error, out, err) => resolve({ status: error ? (error.code ?? 1) : 0, out: out.toString(), err: err.toString() }));
    });
    return within(`tmux ${args.join(' ').slice(0, 200)}`, done, ms);
  }

  async run(...args) {
    const r = await this.raw(args);
    assert.equal(r.status, 0, `tmux ${args.join(' ').slice(0, 500)}: ${r.err}`);
    return r.out.replace(/\n$/, '');
  }

  /** The server and its session `main`; returns its first pane. */
  async start({ cols = 80, rows = 24, script = 'exec sleep 100000' } = {}) {
    const pane = await this.run(
      'start-server', ';', 'set-option', '-g', 'history-limit', String(this.history), ';', 'set-option', '-g', 'status', 'off', ';',
      'set-option', '-g', 'default-shell', '/bin/sh', ';', 'set-option', '-g', 'allow-rename', 'off', ';',
      'set-option', '-g', 'default-size', `${cols}x${rows}`, ';',
      'new-session', '-d', '-P', '-F', '#{pane_id}', '-s', 'main', '-x', String(cols), '-y', String(rows), 'sh', '-c', script,
    );
    this.pid = Number(await this.run('display-message', '-p', '#{pid}'));
    servers.add(this.pid);
    return pane;
  }

  /** A script in a window of its own; returns its pane. */
  async sh(script, { cols = 80, rows = 24, session = 'main', args = [] } = {}) {
    return this.run(
      'set-option', '-t', `=${session}:`, 'default-size', `${cols}x${rows}`, ';',
      'new-window', '-d', '-P', '-F', '#{pane_id}', '-t', `=${session}:`, ...args, 'sh', '-c', script,
    );
  }

  id(pane) {
    return this.prefix + pane;
  }

  /** All lines, as tmux has them. */
  async text(pane) {
    return tidy(await this.run('capture-pane', '-p', '-J', '-S', '-', '-t', pane));
  }

  async screen(pane) {
    return tidy(await this.run('capture-pane', '-p', '-t', pane));
  }

  async get(pane, format) {
    return this.run('display-message', '-p', '-t', pane, format);
  }

  async type(pane, ...keys) {
    await this.run('send-keys', '-t', pane, ...keys);
  }

  /** A person's client, in a terminal of that size. */
  async attach({ cols = 100, rows = 30, session = 'main' } = {}) {
    const child = spawn('script', ['-qfc', `stty cols ${cols} rows ${rows}; exec tmux -u -L ${this.name} attach -t =${session}`, '/dev/null'], {
      env: cleanEnv(this.env),
      stdio: ['pipe', 'ignore', 'ignore'],
    });
    this.clients.push(child);
    const clients = async () => (await this.raw(['list-clients', '-F', '#{client_control_mode}'])).out.split('\n').filter((l) => l === '0').length;
    await until('a client', async () => (await clients()) === this.clients.length);
    return {
      type: (text) => child.stdin.write(text),
      detach: async () => {
        child.kill('SIGTERM');
        this.clients.splice(this.clients.indexOf(child), 1);
        await until('it to have gone', async () => (await clients()) === this.clients.length);
      },
    };
  }

  signal(signal) {
    process.kill(this.pid, signal);
  }

  /** The server ends, with what runs in it. */
  async stop(signal = null) {
    if (!this.pid) return;
    if (signal) {
      this.signal(signal);
    } else {
      if (await alive(this.pid)) this.signal('SIGCONT');
      await this.raw(['kill-server']).catch(() => {});
    }
    await until('the server to end', async () => !(await alive(this.pid)), 5000).catch(() => this.signal('SIGKILL'));
    servers.delete(this.pid);
    this.pid = 0;
    for (const child of this.clients.splice(0)) child.kill('SIGKILL');
  }
}

/** Makes a directory with tmux servers, and a daemon when that is asked for. */
export async function startFollowed({ history, names = ['default'], conf = {}, args = [], cols, rows, daemon = true } = {}) {
  const dir = await privateDir();
  const sockets = join(dir, 'tmux');
  await mkdir(sockets, { mode: 0o700 });
  const f = {
    dir,
    servers: names.map((name) => new Tmux(sockets, { name, history })),
    file: (name) => join(dir, name),
    /** Whoever waits for this file goes on. */
    go: (name = 'go') => writeFile(join(dir, name), ''),
    /** In a script. */
    wait: (name = 'go') => `until [ -e ${join(dir, name)} ]; do sleep 0.02; done`,
    daemon: async (more = {}) => {
      f.d = await startKept({ dir, keep: true, env: { TMUX_TMPDIR: sockets, LC_ALL: 'C.UTF-8' }, args, conf: { ...conf, ...more.conf }, ...more.options });
      return f.d;
    },
    stop: async () => {
      try {
        await f.d?.stop();
      } finally {
        for (const t of f.servers) await t.stop();
        await rm(dir, { recursive: true, force: true, maxRetries: 5 });
      }
    },
  };
  f.t = f.servers[0];
  try {
    for (const t of f.servers) t.first = await t.start({ cols, rows });
    if (daemon) await f.daemon();
  } catch (e) {
    await f.stop();
    throw e;
  }
  return f;
}

/** One of these for a few tests. */
export function useFollowed({ before, after }, options) {
  const use = {};
  before(async () => Object.assign(use, await startFollowed(options)));
  after(async () => {
    if (!use.stop) return;
    try {
      await use.d?.well();
    } finally {
      await use.stop();
    }
  });
  return use;
}

/** Until the daemon has what the pane had printed before. */
export const listed = (d, id, ms) =>
  until(`pane ${id}`, async () => {
    const r = await d.request('GET', `/api/v1/panes/${part(id)}`);
    return r.status === 200 && r.json.offset > 0 && r.json;
  }, ms);

export const capture = (d, id, query = 'history=all&main=1&format=json') => d.ok('GET', `panes/${part(id)}/capture?${query}`);

export const textOf = async (d, id, query = 'history=all&main=1') =>
  tidy((await d.request('GET', `/api/v1/panes/${part(id)}/capture?${query}`)).text);

export async function find(d, args) {
  const q = new URLSearchParams();
  for (const [name, value] of Object.entries(args)) for (const v of [value].flat()) q.append(name, String(v));
  return d.ok('GET', `search?${q}`);
}

/** Until two texts are the same; what they were if they never are. */
export async function same(what, one, other, ms = 10_000) {
  let a;
  let b;
  await until(what, async () => {
    [a, b] = await Promise.all([one(), other()]);
    return a === b;
  }, ms).catch(() => {
    if (a === b) return;
    const [x, y] = [a, b].map((s) => s.split('\n'));
    const at = x.findIndex((l, i) => l !== y[i]);
    const from = at < 0 ? x.length : at;
    const part_ = (s) => s.slice(Math.max(from - 3, 0), from + 4).map((l) => l.slice(0, 100));
    assert.deepEqual(part_(x), part_(y), `${what}: ${x.length} and ${y.length} lines, which differ from ${from + 1} on`);
  });
}

/**
 * A pane has printed `seq from to`: every line is there once and in order, each with its number. Of
 * one with gaps, which must be marked, returns how many there were and how many lines are missing.
 */
export async function checkNumbers(d, id, to, { from = 1, gaps = false } = {}) {
  const { lines } = await capture(d, id);
  let want = from;
  let marks = 0;
  let missing = 0;
  let first = null;
  let after = false;
  for (const l of lines) {
    if (l.text === '') continue;
    if (l.text === GAP) {
      marks++;
      after = true;
      continue;
    }
    if (!/^\d+$/.test(l.text)) continue;
    const n = Number(l.text);
    first ??= l.line - n;
    if (after && (n > want || want === from)) {
      missing += n - want;
      want = n;
    }
    after = false;
    assert.equal(n, want, `${id}: line ${l.line} is ${l.text} where ${want} was due`);
    if (!gaps) assert.equal(l.line - n, first, `${id}: the number of line ${l.text}`);
    want++;
  }
  assert.equal(want, to + 1, `${id}: the last line`);
  if (!gaps) assert.equal(marks, 0, `${id} has a gap`);
  return { marks, missing };
}
