// The instance that is attacked: its doors, its tokens, its table of routes, and what was made in it.

import { randomBytes } from 'node:crypto';
import { frame, OP, requestText, SUBPROTOCOL } from '../../daemon/lib/frames.mjs';
import { again } from './report.mjs';
import { pause, Wire } from './wire.mjs';

const EVENTS = 'panescry.events.v1';
const NAME = `attack-${randomBytes(4).toString('hex')}`;

/** How an answer looks in a line. */
export const told = (a) => {
  if (!a.status) return a.how;
  return `${a.status} ${a.json?.error ?? a.text.slice(0, 80).replace(/[^ -~]/g, '?')}`.trim();
};

export class Target {
  constructor({ url, token, socket }) {
    const u = new URL(url);
    const port = Number(u.port || (u.protocol === 'https:' ? 443 : 80));
    this.name = NAME;
    this.url = u;
    this.base = u.pathname.replace(/\/$/, '');
    this.scheme = u.protocol.slice(0, -1);
    this.host = u.host; // as a browser says it: without a port that is the scheme's own
    this.origin = `${u.protocol}//${u.host}`;
    this.tcp = { host: u.hostname.replace(/^\[|\]$/g, ''), port, tls: u.protocol === 'https:' };
    this.socket = socket ?? null;
    this.token = token;
    this.secrets = [['TOKEN', token]];
    this.made = [];
    this.requests = 0;
    this.groups = [];
  }

  /**
   * Where to connect. `from` is an address of this machine to come from, or true for one that has
   * not been used: on 127.0.0.0/8 there are many, and one that guesses at tokens is shut out.
   */
  door(local, from) {
    if (local) return { path: this.socket };
    const address = from === true ? this.stranger() : from;
    return address ? { ...this.tcp, localAddress: address } : this.tcp;
  }

  get strangers() {
    return /^127\./.test(this.tcp.host) && process.platform === 'linux';
  }

  stranger() {
    this.met = (this.met ?? 0) + 1;
    return this.strangers ? `127.66.${this.met >> 8}.${(this.met & 255) || 1}` : undefined;
  }

  /** How often it was refused, as far as is known here. */
  refusals() {
    return this.groups.reduce((n, g) => n + g.refused, 0);
  }

  /** Text of a request. `headers` are lines; token, host and origin are null for none. */
  text({ method = 'GET', path = '/', headers = [], token = this.token, host = this.host, origin = null, body = '', version, length } = {}) {
    const lines = [
      ...(host === null ? [] : [`Host: ${host}`]),
      ...(origin === null ? [] : [`Origin: ${origin}`]),
      ...(token === null ? [] : [`Authorization: Bearer ${token}`]),
      ...(length === undefined ? [] : [`Content-Length: ${length}`]),
      ...headers,
    ];
    const bytes = Buffer.isBuffer(body) ? body : Buffer.from(body);
    if (bytes.length && length === undefined) lines.push(`Content-Length: ${bytes.length}`);
    return Buffer.concat([Buffer.from(requestText(method, this.base + path, lines, '', version), 'latin1'), bytes]);
  }

  /**
   * One request on a connection of its own, and its answer: {status, headers, text, json, how,
   * bytes}. Status is 0 where the connection ended or nothing came; `how` says which.
   */
  async ask({ raw, local = false, from, ms, ...request } = {}) {
    const bytes = raw === undefined ? this.text(request) : Buffer.isBuffer(raw) ? raw : Buffer.from(raw, 'latin1');
    const w = await Wire.open(this.door(local, from));
    this.requests++;
    try {
      w.write(bytes);
      const a = await w.answer({ head: request.method === 'HEAD', ms });
      const how = a ? 'answered' : w.ended ? 'the connection ended' : 'no answer came';
      const text = a ? a.body.toString() : '';
      let json = null;
      if (/^application\/json/.test(a?.headers['content-type'] ?? ''))
        try {
          json = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(a.body));
        } catch {
          json = undefined;
        }
      return { status: a?.status ?? 0, headers: a?.headers ?? {}, text, json, how, bytes, local };
    } finally {
      w.close();
    }
  }

  again(a) {
    return again(this, a.bytes, a.local);
  }

  /** A request that must succeed, on which the attacks depend. */
  async ok(method, path, json, more = {}) {
    const body = json === undefined ? '' : JSON.stringify(json);
    for (let i = 0; ; i++) {
      const a = await this.ask({ method, path, body, ...more });
      if (a.status >= 200 && a.status < 300) return a.json ?? a.text;
      // Others of these attacks may have used up what an address may do.
      if (a.status !== 429 || i === 120) throw new Error(`${method} ${path}: ${told(a)}`);
      await pause(1000);
    }
  }

  /** What belongs to nobody else: removed at the end. */
  own(path) {
    this.made.push(path);
    return path;
  }

  async start(script, name = this.name) {
    const p = await this.ok('POST', '/api/v1/panes', { command: ['sh', '-c', script], name: `${name}-${this.made.length}` });
    this.own(`/api/v1/panes/${p.id}`);
    return p.id;
  }

  async mint(request) {
    const t = await this.ok('POST', '/api/v1/tokens', request);
    this.secrets.push([`TOKEN${this.secrets.length}`, t.token]);
    const id = t.id ?? t.name;
    if (id !== undefined && this.has('DELETE /api/v1/tokens/:id')) this.own(`/api/v1/tokens/${encodeURIComponent(id)}`);
    return t;
  }

  has(route) {
    return this.routes.some((r) => `${r.method} ${r.path}` === route);
  }

  /** The table of the program itself, and panes to try things on. */
  async prepare() {
    const table = await this.ok('GET', '/api/v1/routes');
    this.routes = table.routes;
    this.sockets = table.sockets;
    // What is typed comes back, and nothing else.
    this.pane = await this.start('stty raw -echo; echo ready; exec cat');
    this.other = await this.start('stty raw -echo; echo ready; exec cat');
    const cookie = (await this.ask({ path: `/?token=${(await this.mint({ ...this.called('link') })).token}`, token: null })).headers['set-cookie'];
    this.cookie = cookie?.split(';')[0] ?? null;
    if (this.cookie) this.secrets.push(['COOKIE', this.cookie]);
  }

  /** For requests that may be given a name. */
  called(name) {
    return this.has('GET /api/v1/tokens') ? { name: `${this.name}-${name}` } : {};
  }

  /** A route's path with its segments filled in. */
  fill(path) {
    return path.replace(/:(\w+)/g, (_, name) => (/\/(panes|p)\/:id/.test(path) && name === 'id' ? this.pane : name === 'file' ? 'nothing.js' : name === 'n' ? '1' : 'nobody'));
  }

  /** Removes what was made, but for the panes that are worked on as long as `keep` is true. */
  async finish(keep = false) {
    const kept = keep ? [this.pane, this.other].map((id) => `/api/v1/panes/${id}`) : [];
    const made = this.made.filter((path) => !kept.includes(path));
    const runs = made.filter((path) => /\/(jobs|flows)\//.test(path));
    for (const path of runs) await this.ask({ method: 'POST', path: `${path}/cancel`, body: '{}' });
    for (const path of made.reverse()) {
      // What has been cancelled takes a moment to end.
      for (let i = 0; i < 100 && (await this.ask({ method: 'DELETE', path })).status === 409; i++) await pause(50);
    }
    this.made = kept;
  }

  /* WebSockets. */

  upgrade(path, { protocol = path.startsWith('/ws/events') ? EVENTS : SUBPROTOCOL, headers = [], key, version = '13', ...more } = {}) {
    return this.text({
      path,
      ...more,
      headers: [
        'Upgrade: websocket',
        'Connection: Upgrade',
        ...(version === null ? [] : [`Sec-WebSocket-Version: ${version}`]),
        ...(key === null ? [] : [`Sec-WebSocket-Key: ${key ?? randomBytes(16).toString('base64')}`]),
        ...(protocol === null ? [] : [`Sec-WebSocket-Protocol: ${protocol}`]),
        ...headers,
      ],
    });
  }

  /** Asks for an upgrade: {status, socket}; `socket` where there is one. */
  async dial(path, options = {}) {
    const bytes = options.raw ?? this.upgrade(path, options);
    const w = await Wire.open(this.door(options.local, options.from));
    this.requests++;
    w.write(bytes);
    const a = await w.answer({ ms: options.ms });
    const answer = { status: a?.status ?? 0, headers: a?.headers ?? {}, text: a?.body.toString() ?? '', json: null, how: w.ended ? 'the connection ended' : 'no answer came', bytes };
    if (answer.status === 101) answer.socket = new Socket(w);
    else w.close();
    return answer;
  }

  /** A viewer of the pane that echoes; it has been greeted. */
  async attach(options = {}, query = '') {
    const { socket, ...answer } = await this.dial(`/ws/panes/${this.pane}${query}`, options);
    if (!socket) throw new Error(`no viewer: ${told(answer)}`);
    await socket.hear((f) => f.op === OP.BINARY && f.data[0] === 3);
    return socket;
  }

  /** How long an echo takes, in ms; null when it does not come. */
  async echo(viewer, ms = 10_000) {
    const mark = `<${randomBytes(4).toString('hex')}>`;
    const from = process.hrtime.bigint();
    viewer.send(OP.BINARY, Buffer.from(`\u0001${mark}`));
    const came = await viewer.wire.hear(() => viewer.screen().includes(mark), ms);
    return came ? Number(process.hrtime.bigint() - from) / 1e6 : null;
  }
}

/** The client's side of a WebSocket, on which anything may be sent. */
export class Socket {
  constructor(wire) {
    this.wire = wire;
    this.frames = [];
  }

  write(bytes) {
    return this.wire.write(bytes);
  }

  send(op, payload, options) {
    return this.write(frame(op, payload, options));
  }

  read() {
    for (;;) {
      const b = this.wire.data;
      if (b.length < 2) break;
      let n = b[1] & 127;
      let at = 2;
      if (n === 126) [n, at] = b.length < 4 ? [Infinity, 4] : [b.readUInt16BE(2), 4];
      else if (n === 127) [n, at] = b.length < 10 ? [Infinity, 10] : [Number(b.readBigUInt64BE(2)), 10];
      if (b.length < at + n) break;
      this.frames.push({ op: b[0] & 15, rsv: b[0] & 0x70, data: Buffer.from(b.subarray(at, at + n)) });
      this.wire.drop(at + n);
    }
    return this.frames;
  }

  /** The first frame like that; null once nothing comes behind a close, or in time. */
  async hear(test, ms) {
    const found = await this.wire.hear(() => this.read().find((f) => test(f) || f.op === OP.CLOSE), ms);
    return found && test(found) ? found : null;
  }

  /** What the pane has written. */
  screen() {
    return this.read()
      .filter((f) => f.op === OP.BINARY && (f.data[0] === 1 || f.data[0] === 2))
      .map((f) => f.data.subarray(9).toString('latin1'))
      .join('');
  }

  /** How it was ended: a close code, 'ended' without one, or null while it goes on. */
  async end(ms = 5000) {
    const over = (f) => f.op === OP.CLOSE;
    const f = await this.hear(over, ms);
    if (f) return f.data.length >= 2 ? f.data.readUInt16BE(0) : 1005;
    return this.wire.ended ? 'ended' : null;
  }

  close() {
    this.wire.close();
  }
}
