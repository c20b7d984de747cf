// The edge of the sidebar, which can be dragged, or moved with the arrow keys.

import { el } from '../parts/dom';
import { store, stored } from '../state/settings';

const KEY = 'panescry.width';
const USUAL = 264;
const LEAST = 180;
const MOST = 560;
const STEP = 16;

/** `host` gets the width as --side. */
export function sizer(host: HTMLElement): HTMLElement {
  const edge = el('div', {
    class: 'side-edge', role: 'separator', tabindex: '0', 'aria-orientation': 'vertical',
    'aria-label': 'Width of the list', 'aria-valuemin': String(LEAST), 'aria-valuemax': String(MOST),
  });
  let width = USUAL;
  const set = (to: number, keep = true): void => {
    width = Math.round(Math.min(MOST, Math.max(LEAST, to)));
    host.style.setProperty('--side', `${width}px`);
    edge.setAttribute('aria-valuenow', String(width));
    if (keep) store(KEY, width);
  };
  const kept = stored(KEY);
  set(typeof kept === 'number' ? kept : USUAL, false);
  edge.addEventListener('pointerdown', (e) => {
    if (e.button !== 0) return;
    e.preventDefault();
    edge.setPointerCapture(e.pointerId);
    const from = e.clientX - width;
    const move = (m: PointerEvent): void => set(m.clientX - from, false);
    edge.addEventListener('pointermove', move);
    edge.addEventListener(
      'lostpointercapture',
      () => {
        edge.removeEventListener('pointermove', move);
        store(KEY, width);
      },
      { once: true },
    );
  });
  edge.addEventListener('dblclick', () => set(USUAL));
  edge.addEventListener('keydown', (e) => {
    const to: Record<string, number> = {
      ArrowLeft: width - STEP, ArrowRight: width + STEP, Home: LEAST, End: MOST, Enter: USUAL,
    };
    const next = to[e.key];
    if (next === undefined || e.ctrlKey || e.altKey || e.metaKey) return;
    e.preventDefault();
    set(next);
  });
  return edge;
}
