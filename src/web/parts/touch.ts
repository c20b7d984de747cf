// Scrolling by finger; xterm.js 6 knows the wheel alone. Where the terminal is larger than its
// room, the finger first moves the room. Then it scrolls back, and where there is nothing to
// scroll back (full-screen programs, mouse modes) it turns a wheel for the program.

import type { Terminal } from '@xterm/xterm';

const SLOP = 8; // pixels until a tap is a drag
const FRICTION = 0.95; // of the speed, per frame of 1/60 s
const STILL = 0.02; // pixels per ms

export function touchScroll(host: HTMLElement, term: Terminal): void {
  const calm = matchMedia('(prefers-reduced-motion: reduce)');
  let x = 0;
  let y = 0;
  let at = 0;
  let rest = 0; // of a row
  let speed = 0; // pixels per ms, down positive
  let dragging = false;
  let glide = 0;

  const cellHeight = (): number => {
    const screen = term.element?.querySelector<HTMLElement>('.xterm-screen');
    return screen ? screen.offsetHeight / term.rows : 16;
  };

  const turn = (lines: number): void => {
    const program = term.modes.mouseTrackingMode !== 'none' || term.buffer.active.type === 'alternate';
    if (!program) {
      term.scrollLines(lines);
      return;
    }
    const screen = term.element?.querySelector('.xterm-screen');
    const deltaY = Math.sign(lines);
    for (let i = 0; i < Math.min(Math.abs(lines), 10); i++) {
      screen?.dispatchEvent(
        new WheelEvent('wheel', {
          deltaY,
          deltaMode: WheelEvent.DOM_DELTA_LINE,
          clientX: x,
          clientY: y,
          bubbles: true,
          cancelable: true,
        }),
      );
    }
  };

  const scrollBy = (dx: number, dy: number): void => {
    host.scrollLeft += dx;
    const before = host.scrollTop;
    host.scrollTop += dy;
    rest += dy - (host.scrollTop - before);
    const lines = Math.trunc(rest / cellHeight());
    if (!lines) return;
    rest -= lines * cellHeight();
    turn(lines);
  };

  const stop = (): void => cancelAnimationFrame(glide);

  host.addEventListener(
    'touchstart',
    (e) => {
      stop();
      const t = e.touches[0];
      if (!t || e.touches.length !== 1) return;
      ({ clientX: x, clientY: y } = t);
      at = e.timeStamp;
      rest = 0;
      speed = 0;
      dragging = false;
    },
    { passive: true },
  );

  host.addEventListener(
    'touchmove',
    (e) => {
      const t = e.touches[0];
      if (!t || e.touches.length !== 1) return;
      const dx = x - t.clientX;
      const dy = y - t.clientY;
      if (!dragging && Math.hypot(dx, dy) < SLOP) return;
      dragging = true;
      if (e.cancelable) e.preventDefault();
      speed = dy / Math.max(1, e.timeStamp - at);
      ({ clientX: x, clientY: y } = t);
      at = e.timeStamp;
      scrollBy(dx, dy);
    },
    { passive: false },
  );

  host.addEventListener('touchend', (e) => {
    if (!dragging) return;
    if (e.cancelable) e.preventDefault(); // a drag is no click
    dragging = false;
    if (calm.matches || e.timeStamp - at > 60) return;
    let last = performance.now();
    const step = (now: number): void => {
      const ms = Math.min(50, now - last);
      last = now;
      scrollBy(0, speed * ms);
      speed *= FRICTION ** (ms / (1000 / 60));
      if (Math.abs(speed) > STILL) glide = requestAnimationFrame(step);
    };
    glide = requestAnimationFrame(step);
  });
}
