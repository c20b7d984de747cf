// A client of ttyd's protocol, as its page is one, which keeps every message to the byte.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import WebSocket from 'ws';
import { privateDir, request } from './daemon.mjs';
import { BINARY, cleanEnv } from './run.mjs';
import { until, within } from './until.mjs';

export class TtyClient {
  /** Options: token (null: no Authorization), headers, protocols, local, path, origin. Says nothing by itself. */
  constructor(d, path, { token = d.token, headers = {}, protocols = ['tty'], local = false } = {}) {
    const scheme = d.tcp.tls ? 'wss' : 'ws';
    this.messages = []; // {type, data}
    this.faults = [];
    this.closed = null;
    this.refused = null; // HTTP status
    this.ws = new WebSocket(local ? `ws+unix://${d.socket}:${path}` : `${scheme}://127.0.0.1:${d.port}${path}`, protocols, {
      headers: { ...(token && !local ? { authorization: `Bearer ${token}` } : {}), ...headers },
      perMessageDeflate: false,
      rejectUnauthorized: false,
    });
    this.ws.on('message', (data, binary) => {
      if (!binary || data.length === 0) this.faults.push('a message that is not binary, or empty');
      else this.messages.push({ type: String.fromCharCode(data[0]), data: data.subarray(1) });
    });
    this.ws.on('unexpected-response', (_, res) => {
      this.refused = res.statusCode;
      res.resume();
      this.ws.terminate();
    });
    this.ws.on('error', (e) => (this.error = e));
    this.open = new Promise((resolve) => this.ws.on('open', resolve));
    this.over = new Promise((resolve) => {
      this.ws.on('close', (code, reason) => resolve((this.closed = { code, reason: reason.toString() })));
    });
  }

  /** Connected, and has said its first message. */
  static async greet(d, path, hello = {}, options = {}) {
    const c = new TtyClient(d, path, options);
    await within('the connection', Promise.race([c.open, c.over]));
    assert.equal(c.closed, null, `refused with ${c.refused}`);
    assert.equal(c.ws.protocol, 'tty');
    c.say({ columns: 80, rows: 24, ...hello });
    return c;
  }

  send(data) {
    this.ws.send(Buffer.isBuffer(data) ? data : Buffer.from(data));
  }

  say(o) {
    this.send(JSON.stringify(o));
  }

  type(text) {
    this.send(`0${text}`);
  }

  /** Types of all messages, in their order. */
  get types() {
    return this.messages.map((m) => m.type).join('');
  }

  get output() {
    return Buffer.concat(this.messages.filter((m) => m.type === '0').map((m) => m.data));
  }

  get text() {
    return this.output.toString();
  }

  shows(what, ms) {
    return until(`${what} at a client of ttyd`, () => (what instanceof RegExp ? what.test(this.text) : this.text.includes(what)), ms).catch((e) => {
      throw new Error(`${e.message}: ${JSON.stringify(this.text.slice(-500))} ${JSON.stringify(this.closed)}`);
    });
  }

  ended() {
    return within('the close', this.over);
  }

  async leave() {
    this.ws.close();
    await this.ended();
    assert.deepEqual(this.faults, []);
  }
}

/**
 * serve --ttyd ARGS, on a free port and in a private directory. `stop` ends it; `ended` is told how it
 * ended by itself.
 */
export async function startTtyd(args, { env = {} } = {}) {
  const dir = await privateDir();
  const socket = join(dir, 's.sock');
  const child = spawn(BINARY, ['serve', '--ttyd', '-p', '0', '--socket', socket, '--state-dir', dir, ...args], { stdio: ['ignore', 'pipe', 'pipe'], env: cleanEnv(env) });
  let out = '';
  let err = '';
  child.stdout.on('data', (x) => (out += x));
  child.stderr.on('data', (x) => (err += x));
  const ended = new Promise((resolve) => child.on('close', (code) => resolve(code)));
  const running = () => child.exitCode === null && child.signalCode === null;
  const end = async () => {
    const code = await within('its end', ended, 40_000).catch(() => (child.kill('SIGKILL'), 'it had to be killed'));
    await rm(dir, { recursive: true, force: true });
    assert.doesNotMatch(err, /Sanitizer|runtime error/, err);
    assert.equal(code, 0, err);
  };
  try {
    const link = await until('the link', () => {
      if (!running()) throw new Error(`it ended: ${err}`);
      return out.match(/^(https?:\/\/\S+)\n/m)?.[1];
    });
    const url = new URL(link);
    const d = { socket, link, dir, port: Number(url.port), token: url.searchParams.get('token'), tcp: { host: '127.0.0.1', port: Number(url.port), tls: url.protocol === 'https:' } };
    return {
      ...d,
      running,
      ended,
      end,
      stderr: () => err,
      /** With `auth` as Authorization. */
      get: (path, { auth, headers = {}, method = 'GET' } = {}) => request(d.tcp, method, path, { headers: { ...(auth && { authorization: auth }), ...headers } }),
      panes: async () => (await request({ socketPath: socket }, 'GET', '/api/v1/panes')).json.panes,
      stop: async () => {
        if (running()) child.kill('SIGTERM');
        await end();
      },
    };
  } catch (e) {
    if (running()) child.kill('SIGKILL');
    await rm(dir, { recursive: true, force: true });
    throw e;
  }
}
