// One viewer's connection to one pane, kept up over disconnections.
//
// The link knows the offset up to which it has handed out output. It connects again with that
// offset, drops bytes it has seen and treats a gap as a broken connection, so that its sink
// gets every byte once and in order, or a snapshot in their place. Nothing typed while there
// is no connection is kept: sent late, it would meet another prompt than the one it was for.

import { Acks } from './acks';
import { ApiError, getPane, url } from './http';
import {
  controlMessage,
  inputMessages,
  parse,
  SUBPROTOCOL,
  type ClientControl,
  type Control,
} from './frames';

export type LinkState =
  | { kind: 'connecting'; attempt: number }
  | { kind: 'online' }
  | { kind: 'waiting'; retryAt: number }
  | { kind: 'unauthorised' }
  | { kind: 'gone' }
  | { kind: 'ended'; status: number | null };

export interface Hello {
  cols: number;
  rows: number;
  readOnly: boolean;
}

export interface Size {
  cols: number;
  rows: number;
}

/** `done` is to be called when the bytes are on the screen. */
export interface Sink {
  hello(hello: Hello): void;
  snapshot(bytes: Uint8Array, done: () => void): void;
  output(bytes: Uint8Array, replayed: boolean, done: () => void): void;
  control(control: Control): void;
  state(state: LinkState): void;
  /** Of this viewer's window; null: the pane is not to have it. */
  size(): Size | null;
  /** Bytes that have been handed out and are not on the screen yet. */
  waiting(): number;
  /** What ttyd calls the client's options. */
  preferences?(of: Record<string, unknown>): void;
}

// The first attempt is at once: a daemon whose worker is replaced is back within a blink.
const BACKOFF_S = [0.02, 0.5, 1, 2, 5, 15, 30];
const JITTER = 0.2;
const CONNECT_MS = 15_000;
const RESUME = 128 * 1024; // what may wait when a connection begins, whose window is a new one
const PING_MS = 25_000; // well below what proxies and the daemon count as silence
const ANSWER_MS = 10_000;

const num = (v: unknown, otherwise: number): number => (typeof v === 'number' ? v : otherwise);

/** A connection to a pane, in whichever protocol. */
export type AnyLink = Pick<Link, 'state' | 'offset' | 'connect' | 'again' | 'input' | 'resize' | 'skip' | 'close'>;

export class Link {
  private socket: WebSocket | null = null;
  private current: LinkState = { kind: 'connecting', attempt: 0 };
  private known: number | null = null; // next byte wanted; null: a snapshot is
  private live = 0; // output below it was made before this connection
  private greeted = false;
  private gapAt: number | null = null;
  private failures = 0;
  private status: number | null = null;
  private retry = 0;
  private deadline = 0;
  private pinger = 0;
  private readonly acks = new Acks((offset) => this.control({ type: 'ack', offset }));
  private readonly onOnline = (): void => this.wake();
  private readonly onVisible = (): void => {
    if (document.visibilityState === 'visible') this.wake();
  };

  constructor(
    private readonly pane: string,
    private readonly readOnly: boolean,
    private readonly sink: Sink,
  ) {
    window.addEventListener('online', this.onOnline);
    document.addEventListener('visibilitychange', this.onVisible);
    this.pinger = window.setInterval(() => {
      if (document.visibilityState === 'visible') this.probe();
    }, PING_MS);
  }

  get state(): LinkState {
    return this.current;
  }

  /** Up to where output was handed out; null before the first. */
  get offset(): number | null {
    return this.known;
  }

  connect(): void {
    if (this.socket) return;
    clearTimeout(this.retry);
    this.greeted = false;
    const size = this.sink.size();
    const to = url(`ws/panes/${encodeURIComponent(this.pane)}`);
    to.protocol = to.protocol === 'https:' ? 'wss:' : 'ws:';
    if (this.sink.waiting() > RESUME) this.known = null;
    if (this.known !== null) to.searchParams.set('offset', String(this.known));
    if (size) {
      to.searchParams.set('cols', String(size.cols));
      to.searchParams.set('rows', String(size.rows));
    }
    to.searchParams.set('mode', this.readOnly ? 'ro' : 'rw');
    const socket = new WebSocket(to, SUBPROTOCOL);
    socket.binaryType = 'arraybuffer';
    this.socket = socket;
    socket.onmessage = (e) => {
      if (socket === this.socket) this.receive(e.data);
    };
    socket.onclose = (e) => {
      if (socket === this.socket) void this.closed(e.code);
    };
    this.expect(CONNECT_MS);
    this.set({ kind: 'connecting', attempt: this.failures });
  }

  /** A new connection in place of this one, as by a viewer that never told a size. */
  again(): void {
    this.drop();
    this.connect();
  }

  /** False if it could not be sent; then it never will be. */
  input(data: string | Uint8Array): boolean {
    if (this.current.kind !== 'online') return false;
    for (const m of inputMessages(data)) this.socket?.send(m);
    return true;
  }

  resize(size: Size): void {
    if (this.current.kind === 'online') this.control({ type: 'resize', ...size });
  }

  /** A snapshot in place of what has been handed out and not yet shown. `lines` of history. */
  skip(lines: number): void {
    if (this.current.kind === 'online') this.control({ type: 'snapshot', lines });
  }

  close(): void {
    window.removeEventListener('online', this.onOnline);
    document.removeEventListener('visibilitychange', this.onVisible);
    clearInterval(this.pinger);
    clearTimeout(this.retry);
    this.drop();
  }

  private set(state: LinkState): void {
    this.current = state;
    this.sink.state(state);
  }

  private control(control: ClientControl): void {
    if (this.socket?.readyState === WebSocket.OPEN) this.socket.send(controlMessage(control));
  }

  /** The network or the person is back: do not sit out the wait, and do not trust the line. */
  private wake(): void {
    const { kind } = this.current;
    if (kind === 'waiting' || kind === 'unauthorised') this.connect();
    else this.probe();
  }

  private probe(): void {
    if (this.current.kind !== 'online' || this.deadline) return;
    this.control({ type: 'ping' });
    this.expect(ANSWER_MS);
  }

  private expect(ms: number): void {
    clearTimeout(this.deadline);
    this.deadline = window.setTimeout(() => {
      this.drop();
      void this.closed(1006);
    }, ms);
  }

  private drop(): void {
    clearTimeout(this.deadline);
    this.deadline = 0;
    this.acks.stop();
    const socket = this.socket;
    this.socket = null;
    socket?.close();
  }

  private receive(data: unknown): void {
    if (!(data instanceof ArrayBuffer)) return;
    const m = parse(data);
    if (!m) return;
    if (this.greeted) {
      clearTimeout(this.deadline);
      this.deadline = 0;
    }
    if (m.kind === 'control') this.receiveControl(m.control);
    else if (m.kind === 'snapshot') this.receiveSnapshot(m.offset, m.bytes);
    else this.receiveOutput(m.offset, m.bytes);
  }

  private receiveControl(control: Control): void {
    if (control.type === 'hello') {
      this.greeted = true;
      this.failures = 0;
      clearTimeout(this.deadline);
      this.deadline = 0;
      this.live = num(control.offset, 0);
      this.acks.start(this.known ?? -1);
      this.sink.hello({
        cols: num(control.cols, 80),
        rows: num(control.rows, 24),
        readOnly: this.readOnly || control.mode === 'ro',
      });
      this.set({ kind: 'online' });
      return;
    }
    if (control.type === 'exit' && control.status !== null) this.status = num(control.status, 0);
    this.sink.control(control);
  }

  private receiveSnapshot(offset: number, bytes: Uint8Array): void {
    this.known = offset;
    this.acks.start(offset - 1);
    this.sink.snapshot(bytes, () => this.acks.done(offset));
  }

  private receiveOutput(offset: number, bytes: Uint8Array): void {
    let start = offset;
    this.known ??= start;
    if (start > this.known) {
      this.gap();
      return;
    }
    if (start < this.known) {
      bytes = bytes.subarray(Math.min(bytes.length, this.known - start));
      start = this.known;
    }
    if (!bytes.length) return;
    this.gapAt = null;
    this.known = start + bytes.length;
    const old = Math.max(0, Math.min(bytes.length, this.live - start));
    if (old > 0) this.hand(bytes.subarray(0, old), true, start + old);
    if (old < bytes.length) this.hand(bytes.subarray(old), false, this.known);
  }

  private hand(bytes: Uint8Array, replayed: boolean, end: number): void {
    this.sink.output(bytes, replayed, () => this.acks.done(end));
  }

  /** Bytes are missing. The same gap again means they are not to be had: take a snapshot. */
  private gap(): void {
    if (this.gapAt === this.known) this.known = null;
    this.gapAt = this.known;
    this.drop();
    this.connect();
  }

  private async closed(code: number): Promise<void> {
    this.drop();
    // After the exit there is nothing to come back for, however the connection was closed.
    if (code === 1000 || this.status !== null) {
      return this.set({ kind: 'ended', status: this.status });
    }
    if (code === 4401) return this.set({ kind: 'unauthorised' });
    if (code === 4404) return this.set({ kind: 'gone' });
    const wait = BACKOFF_S[Math.min(this.failures, BACKOFF_S.length - 1)] ?? 30;
    this.failures++;
    const ms = wait * 1000 * (1 + JITTER * (2 * Math.random() - 1));
    this.set({ kind: 'waiting', retryAt: Date.now() + ms });
    this.retry = window.setTimeout(() => this.connect(), ms);
    await this.why();
  }

  /** A browser does not tell the status of a refused upgrade, and a close may lose its code. */
  private async why(): Promise<void> {
    let status = 0;
    try {
      await getPane(this.pane);
    } catch (e) {
      if (e instanceof ApiError) status = e.status;
    }
    if (this.current.kind !== 'waiting') return;
    if (status !== 401 && status !== 404) return;
    clearTimeout(this.retry);
    this.set({ kind: status === 401 ? 'unauthorised' : 'gone' });
  }
}
