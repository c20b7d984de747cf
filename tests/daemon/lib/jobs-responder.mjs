// Answers what `panescry run`, `jobs` and `flow` ask, with real processes, over a Unix socket: a daemon
// that can be made to hang up, to refuse and to go away at any moment.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { rm } from 'node:fs/promises';
import http from 'node:http';
import { join } from 'node:path';
import { privateDir } from './daemon.mjs';
import { panescry } from './run.mjs';

const iso = () => new Date().toISOString();

class Channel {
  constructor(n) {
    Object.assign(this, { n, bytes: Buffer.alloc(0), ended: false, waiting: new Set() });
  }

  add(data) {
    this.bytes = Buffer.concat([this.bytes, data]);
    this.wake();
  }

  end() {
    this.ended = true;
    this.wake();
  }

  wake() {
    for (const w of [...this.waiting]) w();
  }
}

export class Responder {
  /** `refuse(req)` may answer by itself: an object {status, json}, or 'drop' to hang up. */
  static async start() {
    const r = new Responder();
    Object.assign(r, { jobs: new Map(), flows: new Map(), log: [], refuse: () => null, next: 1, sockets: new Set(), answers: new Map() });
    r.dir = await privateDir();
    r.socket = join(r.dir, 's.sock');
    await r.listen();
    return r;
  }

  async listen() {
    this.server = http.createServer((req, res) => this.take(req, res));
    this.server.on('connection', (s) => {
      this.sockets.add(s);
      s.on('close', () => this.sockets.delete(s));
    });
    this.server.listen(this.socket);
    await once(this.server, 'listening');
  }

  /** As a worker that is killed: connections break, nobody answers. */
  async vanish() {
    const closed = once(this.server, 'close');
    this.server.close();
    for (const s of this.sockets) s.destroy();
    await closed;
  }

  async stop() {
    await this.vanish().catch(() => {});
    for (const j of this.jobs.values()) j.child?.kill('SIGKILL');
    await rm(this.dir, { recursive: true, force: true });
  }

  cli(args, more = {}) {
    return panescry(args, { ...more, env: { PANESCRY_SOCKET: this.socket, ...more.env } });
  }

  async take(req, res) {
    const parts = [];
    try {
      for await (const p of req) parts.push(p);
    } catch {
      return;
    }
    const body = Buffer.concat(parts);
    const url = new URL(req.url, 'http://x');
    const what = { method: req.method, path: url.pathname, url, body };
    this.log.push(what);
    const no = this.refuse(what);
    if (no === 'drop') {
      req.socket.destroy();
      return;
    }
    const [status, answer, headers = {}] = no ? [no.status, no.json] : await this.answer(what, req);
    if (no?.after) req.socket.destroy();
    const out = Buffer.isBuffer(answer) ? answer : Buffer.from(answer === undefined ? '' : JSON.stringify(answer));
    res.writeHead(status, { 'content-length': out.length, ...headers });
    res.end(out);
  }

  async answer(what, req) {
    const [, , , kind, id, verb, name] = what.path.split('/');
    const made = this.answers.get(`${what.method} ${what.path}`);
    if (made) return made(what);
    const o = what.body.length && !/input/.test(verb ?? '') ? JSON.parse(what.body) : {};
    if (kind !== 'jobs') return [404, { error: 'not_found', message: `there is no ${what.path}` }];
    if (!id) return what.method === 'POST' ? this.make(o) : [200, { jobs: [...this.jobs.values()].reverse().map(view), total: this.jobs.size, next_cursor: null }];
    const job = this.jobs.get(id);
    if (!job) return [404, { error: 'no_job', message: `${id}: no such job` }];
    if (verb === 'channels') return this.channel(job, Number(name), what.url.searchParams, req);
    if (verb === 'cancel') return this.cancel(job, o);
    if (verb === 'input') return this.input(job, what);
    if (verb === 'resize') {
      job.size = o;
      return [204];
    }
    if (verb === 'retry') return this.make(job.spec);
    if (what.method === 'DELETE') {
      if (job.state === 'running') return [409, { error: 'running', message: `${id} runs` }];
      this.jobs.delete(id);
      return [204];
    }
    return [200, view(job)];
  }

  async make(o) {
    const id = `j${this.next++}`;
    const job = { id, spec: o, state: 'running', created: iso(), started: iso(), ended: null, exit_status: null, error: null, channels: [new Channel(1), ...(o.pty ? [] : [new Channel(2)])] };
    this.jobs.set(id, job);
    job.child = spawn(o.command[0], o.command.slice(1), { cwd: o.cwd, env: { ...process.env, ...o.env }, stdio: [o.input ? 'pipe' : 'ignore', 'pipe', 'pipe'], detached: true });
    job.child.stdin?.on('error', () => {});
    job.child.stdout.on('data', (d) => job.channels[0].add(d));
    job.child.stderr.on('data', (d) => job.channels.at(-1).add(d));
    job.child.on('error', (e) => {
      job.error = `${o.command[0]}: ${e.code}`;
      this.end(job, 'failed', null);
    });
    job.child.on('close', (code, signal) => this.end(job, code === 0 ? 'completed' : 'failed', signal ? 143 : code));
    if (o.wait_s === undefined) return [201, view(job)];
    await Promise.race([new Promise((r) => (job.onEnd = r)), new Promise((r) => setTimeout(r, o.wait_s * 1000).unref())]);
    return job.ended ? [200, view(job)] : [202, { deferred: true, job: id }];
  }

  end(job, state, status) {
    if (job.ended) return;
    job.ended = iso();
    Object.assign(job, { state: job.cancelled ? 'cancelled' : (job.as ?? state), exit_status: status });
    for (const c of job.channels) c.end();
    job.onEnd?.();
  }

  cancel(job, o) {
    if (job.ended) return [409, { error: 'ended', message: `${job.id} has ended` }];
    job.cancelled = true;
    job.error = o.reason ?? null;
    if (!job.stubborn) process.kill(-job.child.pid, 'SIGTERM');
    return [202, view(job)];
  }

  async input(job, { body, url }) {
    if (!job.child.stdin) return [409, { error: 'no_input', message: `${job.id} has no input` }];
    if (job.child.stdin.writableNeedDrain) return [429, { error: 'not_read', message: `${job.id} does not read` }];
    if (body.length) job.child.stdin.write(body);
    if (url.searchParams.get('eof') === '1') job.child.stdin.end();
    return [204];
  }

  async channel(job, n, q, req) {
    const c = job.channels[n - 1];
    if (!c) return [404, { error: 'no_channel', message: `${job.id} has no channel ${n}` }];
    const from = Number(q.get('offset') ?? 0);
    const limit = Number(q.get('limit') ?? 1 << 20);
    const ms = Number(q.get('wait_ms') ?? 0);
    if (c.bytes.length <= from && !c.ended && ms > 0)
      await new Promise((done) => {
        const wake = () => {
          clearTimeout(timer);
          c.waiting.delete(wake);
          done();
        };
        const timer = setTimeout(wake, ms).unref();
        c.waiting.add(wake);
        req.socket.on('close', wake);
      });
    const data = c.bytes.subarray(from, from + limit);
    const headers = { 'x-panescry-offset': String(from), 'content-type': 'application/octet-stream' };
    if (c.ended && from + data.length >= c.bytes.length) headers['x-panescry-end'] = '1';
    return [200, data, headers];
  }
}

export function view(job) {
  const { spec } = job;
  return {
    id: job.id, kind: 'command', state: job.state, command: spec.command, cwd: spec.cwd, env: spec.env ?? {}, name: spec.name ?? null,
    correlation: spec.correlation, agent: spec.agent ?? null, pty: !!spec.pty, created: job.created, started: job.started, ended: job.ended,
    exit_status: job.exit_status, error: job.error, tries: [], usage: job.usage ?? null, limits: {},
    channels: job.channels.map((c) => ({ channel: c.n, name: c.n === 1 ? 'stdout' : 'stderr', state: c.ended ? 'resolved' : 'streaming', bytes: c.bytes.length })),
  };
}
