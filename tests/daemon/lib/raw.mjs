// Bytes on a socket: HTTP by hand, and WebSocket frames that no library would send.

import { once } from 'node:events';
import net from 'node:net';
import { randomBytes } from 'node:crypto';
import { attachPath, frame, OP, requestText, SUBPROTOCOL } from './frames.mjs';
import { until, within } from './until.mjs';

export { frame, OP, requestText };

export class Raw {
  constructor(where) {
    this.socket = net.connect({ ...where, allowHalfOpen: true });
    this.socket.setNoDelay(true);
    this.data = Buffer.alloc(0);
    this.ended = false;
    this.socket.on('data', (d) => (this.data = Buffer.concat([this.data, d])));
    this.socket.on('end', () => (this.ended = true));
    this.socket.on('close', () => (this.ended = true));
    this.socket.on('error', (e) => {
      this.error = e;
      this.ended = true;
    });
  }

  static async open(where) {
    const raw = new Raw(where);
    await within('a connection', once(raw.socket, 'connect'));
    return raw;
  }

  write(data) {
    return new Promise((resolve) => this.socket.write(data, () => resolve()));
  }

  /** Each byte in a segment of its own, as far as one can tell from here. */
  async drip(data) {
    for (const byte of Buffer.from(data)) {
      await this.write(Buffer.from([byte]));
      await new Promise((resolve) => setImmediate(resolve));
    }
  }

  /** The next whole answer on the connection. `head`: it was asked for without a body. */
  async answer({ head = false, ms } = {}) {
    const end = await until('the head of an answer', () => {
      const at = this.data.indexOf('\r\n\r\n');
      if (at < 0 && this.ended) throw new Error(`closed instead of an answer: ${this.data.toString('latin1')}`);
      return at >= 0 && at + 4;
    }, ms);
    const lines = this.data.subarray(0, end - 4).toString('latin1').split('\r\n');
    const headers = {};
    for (const line of lines.slice(1)) {
      const at = line.indexOf(':');
      headers[line.slice(0, at).toLowerCase()] = line.slice(at + 1).trim();
    }
    const status = Number(lines[0].split(' ')[1]);
    const length = head || status === 304 || status === 204 ? 0 : Number(headers['content-length'] ?? 0);
    await until('the body of an answer', () => {
      if (this.data.length < end + length && this.ended) throw new Error('closed within a body');
      return this.data.length >= end + length;
    }, ms);
    const body = this.data.subarray(end, end + length).toString();
    this.data = this.data.subarray(end + length);
    return { status, headers, body, line: lines[0] };
  }

  over(ms) {
    return until('the other side to close', () => this.ended, ms);
  }

  close() {
    this.socket.destroy();
  }
}

/** A WebSocket without a library on it. */
export class RawViewer extends Raw {
  static async attach(daemon, pane, options = {}) {
    const v = new RawViewer({ host: '127.0.0.1', port: daemon.port });
    await within('a connection', once(v.socket, 'connect'));
    await v.write(upgradeText(daemon, attachPath(pane, options), options));
    const { status } = await v.answer();
    if (status !== 101) throw new Error(`the upgrade was answered with ${status}`);
    v.messages = [];
    return v;
  }

  /** Takes whole frames off what has arrived. */
  frames() {
    for (;;) {
      const b = this.data;
      if (b.length < 2) break;
      let n = b[1] & 127;
      let at = 2;
      if (n === 126) {
        if (b.length < 4) break;
        n = b.readUInt16BE(2);
        at = 4;
      } else if (n === 127) {
        if (b.length < 10) break;
        n = Number(b.readBigUInt64BE(2));
        at = 10;
      }
      if (b.length < at + n) break;
      this.messages.push({ op: b[0] & 15, fin: (b[0] & 128) !== 0, data: b.subarray(at, at + n) });
      this.data = b.subarray(at + n);
    }
    return this.messages;
  }

  hears(what, test, ms) {
    return until(what, () => {
      const found = this.frames().find(test);
      if (!found && this.ended) throw new Error(`closed before ${what}`);
      return found;
    }, ms);
  }

  control(type, ms) {
    const is = (m) => m.op === OP.BINARY && m.data[0] === 3 && JSON.parse(m.data.subarray(1)).type === type;
    return this.hears(`a ${type} message`, is, ms);
  }

  /** All that the pane has said: snapshot and output. */
  get screen() {
    return this.frames()
      .filter((m) => m.op === OP.BINARY && (m.data[0] === 1 || m.data[0] === 2))
      .map((m) => m.data.subarray(9).toString('latin1'))
      .join('');
  }

  async closeCode(ms) {
    const m = await this.hears('a close frame', (f) => f.op === OP.CLOSE, ms);
    return m.data.length >= 2 ? m.data.readUInt16BE(0) : 1005;
  }
}

export const upgradeText = (daemon, path, { token = daemon.token, protocol = SUBPROTOCOL, headers = [], host } = {}) =>
  requestText('GET', path, [
    `Host: ${host ?? `127.0.0.1:${daemon.port}`}`,
    'Upgrade: websocket',
    'Connection: Upgrade',
    'Sec-WebSocket-Version: 13',
    `Sec-WebSocket-Key: ${randomBytes(16).toString('base64')}`,
    ...(protocol ? [`Sec-WebSocket-Protocol: ${protocol}`] : []),
    ...(token ? [`Authorization: Bearer ${token}`] : []),
    ...headers,
  ]);
