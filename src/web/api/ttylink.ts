// The connection of the page of `panescry serve --ttyd` to its daemon, in ttyd's protocol: a terminal
// of its own for as long as it lasts. Nothing is resumed; a new connection has a new terminal.

import type { AnyLink, LinkState, Sink, Size } from './link';
import { url } from './http';

const BACKOFF_S = [0.5, 1, 2, 5, 15, 30];
const CONNECT_MS = 15_000;
const PAUSE = 256 * 1024; // bytes that wait to be shown
const RESUME = 64 * 1024;
const FAILED = 4410; // the command has ended with another status than 0
const REFUSED = [1008, 4401];

const encoder = new TextEncoder();
const utf8 = (text: string): Uint8Array<ArrayBuffer> => encoder.encode(text);

export class TtyLink implements AnyLink {
  readonly offset = null;
  private socket: WebSocket | null = null;
  private current: LinkState = { kind: 'connecting', attempt: 0 };
  private failures = 0;
  private retry = 0;
  private deadline = 0;
  private paused = false;
  private closing = false;
  private readonly onOnline = (): void => {
    if (this.current.kind === 'waiting') this.connect();
  };

  constructor(
    _pane: string,
    _readOnly: boolean,
    private readonly sink: Sink,
  ) {
    window.addEventListener('online', this.onOnline);
  }

  get state(): LinkState {
    return this.current;
  }

  connect(): void {
    if (this.socket) return;
    clearTimeout(this.retry);
    this.paused = false;
    const to = url('ws');
    to.protocol = to.protocol === 'https:' ? 'wss:' : 'ws:';
    const socket = new WebSocket(to, 'tty');
    socket.binaryType = 'arraybuffer';
    this.socket = socket;
    socket.onopen = () => void this.opened(socket);
    socket.onmessage = (e) => {
      if (socket === this.socket && e.data instanceof ArrayBuffer) this.receive(new Uint8Array(e.data));
    };
    socket.onclose = (e) => {
      if (socket === this.socket) this.closed(e.code);
    };
    this.deadline = window.setTimeout(() => {
      this.drop();
      this.closed(1006);
    }, CONNECT_MS);
    this.set({ kind: 'connecting', attempt: this.failures });
  }

  again(): void {
    this.drop();
    this.connect();
  }

  input(data: string | Uint8Array): boolean {
    if (this.current.kind !== 'online') return false;
    this.say('0', typeof data === 'string' ? utf8(data) : data);
    return true;
  }

  /** The terminal is this window's alone, and has its size at once. */
  resize(size: Size): void {
    if (this.current.kind !== 'online') return;
    this.say('1', utf8(JSON.stringify({ columns: size.cols, rows: size.rows })));
    this.sink.control({ type: 'resize', ...size });
  }

  skip(): void {
    // There is no word for it: what is too much is held back by a pause.
  }

  close(): void {
    this.closing = true;
    window.removeEventListener('online', this.onOnline);
    clearTimeout(this.retry);
    this.drop();
  }

  private set(state: LinkState): void {
    this.current = state;
    this.sink.state(state);
  }

  private say(type: string, data: Uint8Array = new Uint8Array()): void {
    const message = new Uint8Array(1 + data.length);
    message[0] = type.charCodeAt(0);
    message.set(data, 1);
    if (this.socket?.readyState === WebSocket.OPEN) this.socket.send(message);
  }

  private drop(): void {
    clearTimeout(this.deadline);
    const socket = this.socket;
    this.socket = null;
    socket?.close();
  }

  private async opened(socket: WebSocket): Promise<void> {
    let token = '';
    try {
      const answer = await fetch(url('token'), { cache: 'no-store', credentials: 'same-origin' });
      const json = (answer.ok ? await answer.json() : {}) as { token?: unknown };
      if (typeof json.token === 'string') token = json.token;
    } catch {
      // The upgrade may have brought what lets it in.
    }
    if (socket !== this.socket) return;
    const { cols, rows } = this.sink.size() ?? { cols: 80, rows: 24 };
    socket.send(JSON.stringify({ AuthToken: token, columns: cols, rows }));
    this.sink.hello({ cols, rows, readOnly: false });
  }

  private receive(message: Uint8Array): void {
    const type = String.fromCharCode(message[0] ?? 0);
    const data = message.subarray(1);
    if (this.current.kind !== 'online') {
      clearTimeout(this.deadline);
      this.failures = 0;
      this.set({ kind: 'online' });
    }
    if (type === '0') this.output(data);
    else if (type === '1') this.sink.control({ type: 'title', title: new TextDecoder().decode(data) });
    else if (type === '2') this.sink.preferences?.(JSON.parse(new TextDecoder().decode(data)) as Record<string, unknown>);
  }

  private output(data: Uint8Array): void {
    this.sink.output(data, false, () => {
      if (!this.paused || this.sink.waiting() > RESUME) return;
      this.paused = false;
      this.say('3');
    });
    if (this.paused || this.sink.waiting() < PAUSE) return;
    this.paused = true;
    this.say('2');
  }

  private closed(code: number): void {
    this.drop();
    if (this.closing) return;
    if (code === 1000 || code === FAILED) return this.set({ kind: 'ended', status: code === 1000 ? 0 : null });
    if (REFUSED.includes(code)) return this.set({ kind: 'unauthorised' });
    const wait = BACKOFF_S[Math.min(this.failures, BACKOFF_S.length - 1)] ?? 30;
    this.failures++;
    this.set({ kind: 'waiting', retryAt: Date.now() + wait * 1000 });
    this.retry = window.setTimeout(() => this.connect(), wait * 1000);
  }
}
