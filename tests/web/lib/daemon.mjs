// Starts the real daemon in a private directory and talks to its API.

import { spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { until } from './until.mjs';

const BINARY = process.env.PANESCRY ?? 'panescry';

/** The link may be a proxy's. */
const ownPort = (socketPath) =>
  new Promise((resolve, reject) => {
    const asked = request({ socketPath, path: '/api/v1/info' }, (answer) => {
      let text = '';
      answer.on('data', (d) => (text += d)).on('error', reject);
      answer.on('end', () => resolve(JSON.parse(text).port));
    });
    asked.on('error', reject).end();
  });

/** `prepare` is given the directory, which is its home as well, before it starts; what it returns is
 * added to the environment. `args` are further ones of `panescry serve`. */
export async function startDaemon(prepare = async () => {}, args = []) {
  const dir = await mkdtemp(join(tmpdir(), 'panescry-web-'));
  const more = await prepare(dir);
  const child = spawn(
    BINARY,
    ['serve', '--foreground', '--listen', '127.0.0.1:0', '--socket', join(dir, 's.sock'), '--state-dir', dir, ...args],
    // No tmux server and no agents' sessions of whoever runs this.
    { stdio: ['ignore', 'pipe', 'pipe'], env: { ...process.env, TMUX_TMPDIR: dir, HOME: dir, ...more } },
  );
  let out = '';
  let err = '';
  let failed = null;
  child.stdout.on('data', (d) => (out += d));
  child.stderr.on('data', (d) => (err += d));
  child.on('error', (e) => (failed = e));
  const exited = new Promise((resolve) => child.on('close', resolve));

  const stop = async () => {
    if (child.exitCode === null && child.signalCode === null && !failed) {
      child.kill('SIGTERM');
      const timer = setTimeout(() => child.kill('SIGKILL'), 10_000);
      await exited;
      clearTimeout(timer);
    }
    await rm(dir, { recursive: true, force: true });
  };

  let link;
  let port;
  try {
    link = await until('the link on standard output', () => {
      if (failed) throw failed;
      if (child.exitCode !== null) throw new Error(`the daemon ended: ${err}`);
      return out.match(/^https?:\/\/\S+\?token=\S+/m)?.[0];
    });
    port = await ownPort(join(dir, 's.sock'));
  } catch (e) {
    await stop();
    throw e;
  }
  const token = new URL(link).searchParams.get('token');

  /** A request that must succeed, with a body as it is. */
  const raw = async (method, path, body, headers = {}) => {
    const response = await fetch(`http://127.0.0.1:${port}/api/v1/${path}`, {
      method,
      headers: { Authorization: `Bearer ${token}`, ...headers },
      body,
    });
    const text = await response.text();
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${text}`);
    return text ? JSON.parse(text) : null;
  };
  const api = (method, path, body) =>
    body ? raw(method, path, JSON.stringify(body), { 'Content-Type': 'application/json' }) : raw(method, path);

  return {
    port,
    token,
    link,
    dir,
    api,
    raw,
    stop,
    stderr: () => err,
    /** Types into a pane, by no page. */
    type: (id, text) => raw('POST', `panes/${encodeURIComponent(id)}/input`, text),
    /** The id of a new pane. */
    pane: async (command, more = {}) => (await api('POST', 'panes', { command, ...more })).id,
    /** A shell without the machine's own settings, so that its prompt is known; and it has come: what is
     * typed before would have its output behind it. */
    shell: async (more = {}) => {
      const { id } = await api('POST', 'panes', { command: ['sh'], env: { PS1: '$ ', ENV: '' }, ...more });
      await until('the prompt', async () => (await api('GET', `panes/${id}`)).offset >= 2);
      return id;
    },
  };
}
