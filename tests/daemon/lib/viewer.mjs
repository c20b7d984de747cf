// A client of the attach protocol that keeps book: every OUTPUT must begin where the last one
// ended, hello must come first, and exit after the last byte.

import assert from 'node:assert/strict';
import WebSocket from 'ws';
import { checkControl, fault } from './schema.mjs';
import { attachPath, controlFrame, inputFrame, SUBPROTOCOL } from './frames.mjs';
import { until, within } from './until.mjs';

export { attachPath, controlFrame, inputFrame, SUBPROTOCOL } from './frames.mjs';

export const WINDOW = 1024 * 1024;
const ACK_EVERY = 64 * 1024;

export class Viewer {
  /**
   * Options: offset, cols, rows, mode, token (null: none), headers, protocols, local (over the
   * Unix socket), ack (false: never by itself), sink (takes output instead of `bytes`).
   */
  constructor(daemon, pane, options = {}) {
    const { token = daemon.token, headers = {}, protocols = [SUBPROTOCOL], local = false, ack = true } = options;
    const path = attachPath(pane, options);
    const scheme = daemon.tcp.tls ? 'wss' : 'ws';
    const url = local ? `ws+unix://${daemon.socket}:${path}` : `${scheme}://127.0.0.1:${daemon.port}${path}`;
    this.acking = ack;
    this.sink = options.sink ?? null;
    this.controls = [];
    this.snapshots = []; // {offset, data}
    this.parts = [];
    this.start = null; // offset of the first byte in `parts`
    this.next = options.offset !== undefined ? Number(options.offset) : null;
    this.acked = 0;
    this.received = 0; // bytes of OUTPUT
    this.sizes = []; // of each OUTPUT
    this.faults = [];
    this.closed = null;
    this.refused = null; // HTTP status of a failed handshake
    this.pongs = 0;
    this.ws = new WebSocket(url, protocols, {
      headers: { ...(token && !local ? { authorization: `Bearer ${token}` } : {}), ...headers },
      perMessageDeflate: false,
      rejectUnauthorized: false,
      ...(options.autoPong === undefined ? {} : { autoPong: options.autoPong }),
    });
    this.ws.on('message', (data, binary) => this.#message(data, binary));
    this.ws.on('pong', () => this.pongs++);
    this.ws.on('unexpected-response', (_, res) => {
      this.refused = res.statusCode;
      res.resume();
      this.ws.terminate();
    });
    this.ws.on('error', (e) => (this.error = e));
    this.over = new Promise((resolve) => {
      this.ws.on('close', (code, reason) => {
        this.closed = { code, reason: reason.toString() };
        resolve(this.closed);
      });
    });
  }

  /** Attached, and greeted. */
  static async attach(daemon, pane, options) {
    const v = new Viewer(daemon, pane, options);
    await until('hello', () => {
      if (v.closed) throw new Error(`closed instead of hello: ${v.refused ?? ''} ${v.closed.code} ${v.closed.reason}`);
      return v.hello;
    });
    return v;
  }

  #message(data, binary) {
    if (!binary || data.length === 0) {
      this.faults.push('a message that is not binary, or empty');
      return;
    }
    const type = data[0];
    if (type !== 3 && !this.hello) this.faults.push(`type ${type} before hello`);
    if (type === 1) this.#output(Number(data.readBigUInt64BE(1)), data.subarray(9));
    else if (type === 2) this.#snapshot(Number(data.readBigUInt64BE(1)), data.subarray(9));
    else if (type === 3) this.#control(JSON.parse(data.subarray(1).toString()));
    else this.faults.push(`unknown type ${type}`);
  }

  #output(offset, bytes) {
    if (this.exit) this.faults.push('output after exit');
    if (bytes.length === 0) this.faults.push('an OUTPUT without bytes');
    if (this.next !== null && offset !== this.next)
      this.faults.push(`output at ${offset} where ${this.next} was due`);
    this.start ??= offset;
    this.next = offset + bytes.length;
    this.received += bytes.length;
    this.sizes.push(bytes.length);
    if (this.sink) this.sink(bytes, offset);
    else this.parts.push(bytes);
    if (this.acking && this.next - this.acked >= ACK_EVERY) this.ack();
  }

  #snapshot(offset, bytes) {
    if (this.exit) this.faults.push('a snapshot after exit');
    this.snapshots.push({ offset, data: bytes });
    this.next = offset;
    this.parts = [];
    this.start = offset;
    if (this.acking) this.ack();
  }

  #control(o) {
    const wrong = fault(checkControl, o);
    if (wrong) this.faults.push(wrong);
    if (o.type === 'hello') {
      if (this.hello || this.controls.length !== 0) this.faults.push('hello is not first');
      this.hello = o;
    } else if (!this.hello) {
      this.faults.push(`${o.type} before hello`);
    }
    if (o.type === 'exit') this.exit = o;
    this.controls.push(o);
  }

  ack(offset = this.next) {
    this.acked = offset;
    if (this.ws.readyState === WebSocket.OPEN) this.control({ type: 'ack', offset });
  }

  control(o) {
    this.ws.send(controlFrame(o));
  }

  send(bytes) {
    this.ws.send(bytes);
  }

  input(data) {
    this.ws.send(inputFrame(data));
  }

  /** Stops and goes on reading the socket itself. */
  stall() {
    this.ws._socket.pause();
  }

  unstall() {
    this.ws._socket.resume();
  }

  get bytes() {
    return Buffer.concat(this.parts);
  }

  get text() {
    return this.bytes.toString('latin1');
  }

  /** Everything that is on its screen: the last snapshot and what came after it. */
  get screen() {
    const last = this.snapshots.at(-1);
    return (last ? last.data.toString('latin1') : '') + this.text;
  }

  of(type) {
    return this.controls.filter((c) => c.type === type);
  }

  sees(what, ms) {
    return until(`${what} at a viewer`, () => {
      const text = this.screen;
      if (what instanceof RegExp ? what.test(text) : text.includes(what)) return text || true;
      if (this.closed) throw new Error(`closed with ${this.closed.code} before ${what}`);
      return null;
    }, ms);
  }

  hears(type, test = () => true, ms) {
    return until(`a ${type} message`, () => this.of(type).find(test), ms);
  }

  ended(ms) {
    return within('the connection to be closed', this.over, ms);
  }

  /** The pane has ended: all bytes, exit, and then close 1000. */
  async finish(status, ms) {
    const { code } = await this.ended(ms);
    this.check();
    assert.equal(code, 1000);
    assert.ok(this.exit, 'exit was told');
    assert.equal(this.controls.at(-1).type, 'exit', 'exit is the last word');
    assert.equal(this.exit.status, status);
  }

  check() {
    assert.deepEqual(this.faults, []);
  }

  async close() {
    this.ws.close(1000);
    const timer = setTimeout(() => this.ws.terminate(), 5000);
    await this.over;
    clearTimeout(timer);
    this.check();
  }
}
