// Starts the real daemon in a private directory, and talks to its API.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import http from 'node:http';
import https from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { BINARY, cleanEnv, panescry, run } from './run.mjs';
import { checkAnswer } from './schema.mjs';
import { until, within } from './until.mjs';
import { Viewer } from './viewer.mjs';

/** Every daemon that has a keeper is started with --harden: the tests of everything else then say what that breaks. */
export const HARDEN = process.env.PANESCRY_HARDEN === '1';

/** An id as a part of a path: those of tmux panes have a %. */
export const part = encodeURIComponent;

export const privateDir = () => mkdtemp(join(tmpdir(), 'panescry-test-'));

/** One request on a connection of its own. The body comes back as bytes, text and JSON. */
export function request(where, method, path, { headers = {}, body, ms } = {}) {
  const answer = new Promise((resolve, reject) => {
    const client = where.tls ? https : http;
    const r = client.request(
      { ...where, method, path, headers, agent: false, rejectUnauthorized: false },
      (res) => {
        const parts = [];
        res.on('data', (d) => parts.push(d));
        res.on('error', reject);
        res.on('end', () => {
          const bytes = Buffer.concat(parts);
          const text = bytes.toString();
          let json = null;
          if (/^application\/json/.test(res.headers['content-type'] ?? '')) {
            try {
              json = JSON.parse(text);
            } catch {
              json = undefined; // says that it is JSON and is none
            }
          }
          resolve({ status: res.statusCode, headers: res.headers, bytes, text, json });
        });
      },
    );
    r.on('error', reject);
    r.end(body);
  });
  return within(`an answer to ${method} ${path}`, answer, ms);
}

/** The same, of a daemon: its answer is as the schema says. */
async function asked(where, method, path, more) {
  const answer = await request(where, method, path, more);
  checkAnswer(method, path, answer);
  return answer;
}

/**
 * A daemon of one's own. `stop` ends it with SIGTERM and checks that it went well: status 0, no
 * complaint of a sanitizer, no socket left. `under` is a command that executes the rest.
 */
export async function startDaemon({ args = [], env = {}, dir, listen = '127.0.0.1:0', keep = false, under = [] } = {}) {
  dir ??= await privateDir();
  const socket = join(dir, 's.sock');
  const serve = ['serve', '--foreground', '--listen', listen, '--socket', socket, '--state-dir', dir];
  if (HARDEN && !args.includes('--no-keeper')) serve.push('--harden');
  const [program, ...rest] = [...under, BINARY, ...serve, ...args];
  const child = spawn(program, rest, { stdio: ['ignore', 'pipe', 'pipe'], env: cleanEnv(env) });
  let out = '';
  let err = '';
  let failed = null;
  child.stdout.on('data', (d) => (out += d));
  child.stderr.on('data', (d) => (err += d));
  child.on('error', (e) => (failed = e));
  const ended = new Promise((resolve) => child.on('close', (code, signal) => resolve({ code, signal })));
  const running = () => child.exitCode === null && child.signalCode === null && !failed;

  const kill = async (signal) => {
    child.kill(signal);
    return within(`the daemon to end after ${signal}`, ended);
  };
  let link;
  try {
    link = await until('the link on standard output', () => {
      if (!running()) throw failed ?? new Error(`the daemon ended: ${err}`);
      return out.match(/^(https?:\/\/\S+)\n/m)?.[1];
    });
  } catch (e) {
    if (running()) await kill('SIGKILL');
    if (!keep) await rm(dir, { recursive: true, force: true });
    throw e;
  }
  const url = new URL(link);
  const port = Number(url.port);
  const token = url.searchParams.get('token');
  const tcp = { host: '127.0.0.1', port, tls: url.protocol === 'https:' };

  const d = {
    dir,
    socket,
    link,
    port,
    token,
    tcp,
    pid: child.pid,
    running,
    kill,
    ended,
    stderr: () => err,
    env: { PANESCRY_SOCKET: socket },

    /** Over TCP with the token, unless `token` is null or another one. */
    request: (method, path, { token: use = token, headers = {}, json, body, ...more } = {}) => {
      const all = { ...headers };
      if (use) all.authorization = `Bearer ${use}`;
      if (json !== undefined) {
        body = JSON.stringify(json);
        all['content-type'] = 'application/json';
      }
      return asked(tcp, method, path, { headers: all, body, ...more });
    },
    /** The same over the Unix socket, without any token. */
    local: (method, path, { json, body, headers = {} } = {}) =>
      asked({ socketPath: socket }, method, path, {
        headers,
        body: json !== undefined ? JSON.stringify(json) : body,
      }),
    /** A request that must succeed. */
    ok: async (method, path, json) => {
      const r = await d.request(method, `/api/v1/${path}`, { json });
      assert.ok(r.status >= 200 && r.status < 300, `${method} ${path}: ${r.status} ${r.text}`);
      return r.json;
    },
    new: (command, more = {}) => d.ok('POST', 'panes', { command, ...more }),
    sh: (script, more = {}) => d.new(['sh', '-c', script], more),
    /** The same of a script that turns its terminal's echo off, when it is: what is typed is not printed. */
    quiet: async (script, more) => {
      const p = await d.sh(script, more);
      const stty = () => run('stty', ['-a', '-F', `/proc/${p.pid}/fd/0`]);
      await until('the echo to be off', async () => (await stty()).out.includes(' -echo '));
      return p;
    },
    pane: (id) => d.ok('GET', `panes/${part(id)}`),
    gone: async (id) => (await d.request('GET', `/api/v1/panes/${part(id)}`)).status === 404,
    remove: (id) => d.ok('DELETE', `panes/${part(id)}`),
    type: async (id, text) => {
      const r = await d.request('POST', `/api/v1/panes/${part(id)}/input`, { body: text });
      assert.equal(r.status, 204, r.text);
    },
    text: async (id) => (await d.request('GET', `/api/v1/panes/${part(id)}/capture?history=all`)).text,
    shows: (id, what, ms) =>
      until(
        `${what} in pane ${id}`,
        async () => {
          const text = await d.text(id);
          return (what instanceof RegExp ? what.test(text) : text.includes(what)) && text;
        },
        ms,
      ),
    exited: (id, ms) =>
      until(`the end of pane ${id}`, async () => {
        const p = await d.pane(id);
        return p.state === 'exited' && p;
      }, ms),
    info: () => d.ok('GET', 'info'),
    metric: async (name) => {
      const { status, text } = await d.request('GET', '/metrics');
      if (status === 429) return NaN; // there is no room for the question itself
      return Number(text.match(new RegExp(`^${name} (\\S+)$`, 'm'))[1]);
    },
    /** The worker's own resident memory, from outside: without the panes' memory files. */
    rss: async () => {
      const { pid } = await d.info();
      const text = await readFile(`/proc/${pid}/status`, 'latin1');
      return Number(text.match(/^RssAnon:\s+(\d+) kB/m)[1]) * 1024;
    },
    cli: (cmd, more = {}) => panescry(cmd, { ...more, env: { PANESCRY_SOCKET: socket, ...more.env } }),
    attach: (pane, options = {}) => Viewer.attach(d, pane, options),
    viewer: (pane, options = {}) => new Viewer(d, pane, options),

    /** It still answers. */
    well: async () => {
      assert.ok(running(), `the daemon has ended: ${err}`);
      const r = await d.request('GET', '/healthz', { token: null });
      assert.equal(r.status, 200);
      assert.equal(r.json.status, 'ok');
    },
    stop: async () => {
      let how = null;
      if (running()) {
        child.kill('SIGTERM');
        how = await within('the daemon to end after SIGTERM', ended, 40_000).catch(() => null);
        if (how === null) await kill('SIGKILL');
      }
      const left = await readFile(socket).catch((e) => e.code);
      if (!keep) await rm(dir, { recursive: true, force: true });
      assert.doesNotMatch(err, /Sanitizer|runtime error/, err);
      assert.deepEqual(how, { code: 0, signal: null }, `the daemon's end; it said ${err}`);
      assert.equal(left, 'ENOENT', 'the socket is gone');
    },
  };
  return d;
}

/** One daemon for a file of tests; after the last one it must be well and end well. */
export function useDaemon({ before, after }, options) {
  const use = {};
  before(async () => {
    Object.assign(use, await startDaemon(options));
  });
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
