// What happens, told as it happens: panescry.events.v1. Each instance is one connection with its
// topics. It comes back by itself and asks for what came after the last event that it had; where
// that is not to be had, the daemon sends the present state ("reset", then a "state" a topic).

import { url } from './http';

const EVENTS_SUBPROTOCOL = 'panescry.events.v1';

/** Its members are those of its type: panescry-protocol(7). */
export interface DaemonEvent {
  seq: number;
  topic: string;
  type: string;
  [member: string]: unknown;
}

const REFUSED = 4401;
const BACKOFF_MS = [500, 1000, 2000, 5000, 10_000];

export class Events {
  private socket: WebSocket | null = null;
  private last: number | null = null;
  private failures = 0;
  private timer = 0;
  private closed = false;
  private refused = false; // without another token it would be again
  private readonly onBack = (): void => {
    if (document.visibilityState === 'visible' && !this.socket) this.connect();
  };

  /** `up` tells whether it is connected. */
  constructor(
    private readonly topics: string[],
    private readonly heard: (event: DaemonEvent) => void,
    private readonly up: (connected: boolean) => void = () => undefined,
  ) {
    window.addEventListener('online', this.onBack);
    document.addEventListener('visibilitychange', this.onBack);
    this.connect();
  }

  /** The present state again, and what comes after it. */
  renew(): void {
    this.last = null;
    this.subscribe();
  }

  /** Somebody has signed in. */
  readmit(): void {
    if (this.refused) this.connect();
  }

  close(): void {
    this.closed = true;
    window.removeEventListener('online', this.onBack);
    document.removeEventListener('visibilitychange', this.onBack);
    clearTimeout(this.timer);
    const { socket } = this;
    this.socket = null;
    socket?.close();
  }

  private connect(): void {
    clearTimeout(this.timer);
    this.refused = false;
    const to = url('ws/events');
    to.protocol = to.protocol === 'https:' ? 'wss:' : 'ws:';
    const socket = new WebSocket(to, EVENTS_SUBPROTOCOL);
    this.socket = socket;
    socket.onopen = () => {
      if (socket !== this.socket) return;
      this.failures = 0;
      this.subscribe();
      this.up(true);
    };
    socket.onmessage = (e) => {
      if (socket === this.socket) this.receive(e.data);
    };
    socket.onclose = (e) => {
      if (socket === this.socket) this.lost(e.code);
    };
  }

  private subscribe(): void {
    if (this.socket?.readyState !== WebSocket.OPEN) return;
    const after = this.last === null ? {} : { after: this.last };
    this.socket.send(JSON.stringify({ type: 'subscribe', topics: this.topics, ...after }));
  }

  private lost(code: number): void {
    clearTimeout(this.timer);
    const { socket } = this;
    this.socket = null;
    socket?.close();
    if (this.closed) return;
    this.up(false);
    this.refused = code === REFUSED;
    if (this.refused) return;
    const wait = BACKOFF_MS[Math.min(this.failures, BACKOFF_MS.length - 1)] ?? 10_000;
    this.failures++;
    this.timer = window.setTimeout(() => this.connect(), wait * (0.8 + 0.4 * Math.random()));
  }

  private receive(data: unknown): void {
    const event = parseEvent(data);
    if (!event) return;
    this.last = event.seq;
    this.heard(event);
  }
}

/** null for what is none. */
function parseEvent(data: unknown): DaemonEvent | null {
  if (typeof data !== 'string') return null;
  try {
    const e = JSON.parse(data) as Partial<DaemonEvent> | null;
    if (typeof e !== 'object' || e === null) return null;
    if (!Number.isSafeInteger(e.seq) || typeof e.type !== 'string') return null;
    return { ...e, seq: e.seq as number, topic: typeof e.topic === 'string' ? e.topic : '', type: e.type };
  } catch {
    return null;
  }
}
