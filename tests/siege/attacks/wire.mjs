// One connection, told by events: what is sent is bytes, what comes is answers or frames.

import net from 'node:net';
import tls from 'node:tls';

const PATIENCE_MS = 10_000;

export const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** The first answer in the bytes, or null while it is not whole. */
function answerIn(data, { head = false, ended = false } = {}) {
  const at = data.indexOf('\r\n\r\n');
  if (at < 0) return null;
  const lines = data.subarray(0, at).toString('latin1').split('\r\n');
  const headers = {};
  for (const line of lines.slice(1)) {
    const colon = line.indexOf(':');
    const name = line.slice(0, colon).toLowerCase();
    headers[name] = name in headers ? `${headers[name]}, ${line.slice(colon + 1).trim()}` : line.slice(colon + 1).trim();
  }
  const status = Number(/^HTTP\/1\.[01] (\d{3})/.exec(lines[0])?.[1] ?? 0);
  const bare = head || status === 101 || status === 204 || status === 304;
  const length = bare ? 0 : Number(headers['content-length'] ?? (ended ? data.length - at - 4 : NaN));
  if (Number.isNaN(length)) return null;
  if (data.length < at + 4 + length && !ended) return null;
  return { status, headers, body: data.subarray(at + 4, at + 4 + length), size: at + 4 + length };
}

export class Wire {
  #parts = [];
  #waiting = new Set();

  constructor(where) {
    const { tls: secure, ...to } = where;
    this.socket = secure
      ? tls.connect({ ...to, rejectUnauthorized: false, servername: net.isIP(to.host) ? '' : to.host })
      : net.connect({ ...to, allowHalfOpen: true });
    this.ended = false;
    this.socket.on(secure ? 'secureConnect' : 'connect', () => this.#turn((this.connected = true)));
    this.socket.on('data', (d) => this.#turn(this.#parts.push(d)));
    const end = () => this.#turn((this.ended = true));
    this.socket.on('end', end);
    this.socket.on('close', end);
    this.socket.on('error', end);
    this.socket.setNoDelay?.(true);
  }

  #turn() {
    for (const look of [...this.#waiting]) look();
  }

  get data() {
    if (this.#parts.length > 1) this.#parts = [Buffer.concat(this.#parts)];
    return this.#parts[0] ?? Buffer.alloc(0);
  }

  drop(n) {
    this.#parts = [this.data.subarray(n)];
  }

  /** What `probe` finds in what has come; null once nothing more can come, or in time. */
  hear(probe, ms = PATIENCE_MS) {
    return new Promise((resolve) => {
      const done = (value) => {
        clearTimeout(timer);
        this.#waiting.delete(look);
        resolve(value);
      };
      const look = () => {
        const found = probe();
        if (found || this.ended) done(found || null);
      };
      const timer = setTimeout(() => done(null), ms);
      this.#waiting.add(look);
      look();
    });
  }

  static async open(where, ms) {
    const w = new Wire(where);
    await w.hear(() => w.connected, ms);
    return w;
  }

  /** Resolves when the system has taken it, or the connection is over, or in time. */
  write(data, ms = PATIENCE_MS) {
    if (this.ended || this.socket.destroyed) return Promise.resolve();
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, ms);
      const done = () => {
        clearTimeout(timer);
        resolve();
      };
      this.socket.write(data, done);
      this.socket.once('close', done);
    }).finally(() => this.socket.setMaxListeners(0));
  }

  /** The next answer, taken off; null for none. */
  async answer(options = {}) {
    const a = await this.hear(() => answerIn(this.data, { ...options, ended: this.ended }), options.ms);
    if (a) this.drop(a.size);
    return a;
  }

  over(ms) {
    return this.hear(() => this.ended, ms).then(() => this.ended);
  }

  close() {
    this.socket.destroy();
  }
}
