// Tells the daemon how far output has been rendered, so that its window moves on: after each
// 128 KiB, and a moment after output has stopped.

const STEP = 128 * 1024;
const IDLE_MS = 50;

export class Acks {
  private sent = -1;
  private rendered = -1;
  private timer = 0;

  constructor(private readonly send: (offset: number) => void) {}

  /** For a connection whose output begins at base; what was rendered before is known there. */
  start(base: number): void {
    this.stop();
    this.sent = base;
    this.rendered = base;
  }

  stop(): void {
    clearTimeout(this.timer);
    this.timer = 0;
  }

  /** Output below offset is on the screen. Older than the connection's base: nothing to say. */
  done(offset: number): void {
    if (offset <= this.rendered) return;
    this.rendered = offset;
    if (this.rendered - this.sent >= STEP) this.flush();
    else if (!this.timer) this.timer = window.setTimeout(() => this.flush(), IDLE_MS);
  }

  private flush(): void {
    this.stop();
    if (this.rendered <= this.sent) return;
    this.sent = this.rendered;
    this.send(this.sent);
  }
}
