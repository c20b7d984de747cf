// The lines between cells: dragged, or moved by arrow keys.

import { el } from '../parts/dom';
import { clampShare, type Divider } from '../state/grid';

const STEP = 0.02;
const percent = (share: number): string => String(Math.round(share * 100));

export interface DividerActions {
  /** `done`: it will stay there. */
  move(path: string, share: number, done: boolean): void;
}

export class Dividers {
  private readonly lines = new Map<string, HTMLElement>();
  private now = new Map<string, Divider>();

  constructor(
    private readonly host: HTMLElement,
    private readonly actions: DividerActions,
  ) {}

  show(dividers: Divider[]): void {
    this.now = new Map(dividers.map((d) => [d.path, d]));
    for (const [path, line] of this.lines) {
      if (this.now.has(path)) continue;
      line.remove();
      this.lines.delete(path);
    }
    for (const d of dividers) this.put(d);
  }

  private put(d: Divider): void {
    let line = this.lines.get(d.path);
    if (!line) {
      this.lines.set(d.path, (line = this.make(d.path)));
      this.host.append(line);
    }
    const { x, y, w, h } = d.box;
    Object.assign(line.style, { left: `${x}px`, top: `${y}px`, width: `${w}px`, height: `${h}px` });
    // A separator's own orientation: between columns it stands upright.
    line.setAttribute('aria-orientation', d.row ? 'vertical' : 'horizontal');
    line.setAttribute('aria-valuenow', percent(d.share));
    line.setAttribute('aria-label', d.row ? 'Width of the cells' : 'Height of the cells');
  }

  private make(path: string): HTMLElement {
    const line = el('div', {
      class: 'divider',
      role: 'separator',
      tabindex: '0',
      'aria-valuemin': percent(clampShare(0)),
      'aria-valuemax': percent(clampShare(1)),
    });
    line.addEventListener('pointerdown', (e) => this.drag(e, line, path));
    line.addEventListener('dblclick', () => this.actions.move(path, 0.5, true));
    line.addEventListener('keydown', (e) => this.key(e, path));
    return line;
  }

  private drag(e: PointerEvent, line: HTMLElement, path: string): void {
    const d = this.now.get(path);
    if (e.button !== 0 || !d) return;
    e.preventDefault(); // the focus stays where one types
    line.setPointerCapture(e.pointerId);
    line.classList.add('dragged');
    const { x, y, w, h } = d.whole;
    const origin = this.host.getBoundingClientRect();
    let share = d.share;
    const moved = (m: PointerEvent): void => {
      share = clampShare(d.row ? (m.clientX - origin.left - x) / w : (m.clientY - origin.top - y) / h);
      this.actions.move(path, share, false);
    };
    const ended = (): void => {
      line.removeEventListener('pointermove', moved);
      line.classList.remove('dragged');
      this.actions.move(path, share, true);
    };
    line.addEventListener('pointermove', moved);
    line.addEventListener('lostpointercapture', ended, { once: true });
  }

  private key(e: KeyboardEvent, path: string): void {
    const d = this.now.get(path);
    if (!d || e.ctrlKey || e.altKey || e.metaKey) return;
    const step = e.shiftKey ? 5 * STEP : STEP;
    const to: Record<string, number> = {
      [d.row ? 'ArrowRight' : 'ArrowDown']: d.share + step,
      [d.row ? 'ArrowLeft' : 'ArrowUp']: d.share - step,
      Home: 0,
      End: 1,
      Enter: 0.5,
    };
    const share = to[e.key];
    if (share === undefined) return;
    e.preventDefault();
    e.stopPropagation();
    this.actions.move(path, clampShare(share), true);
  }
}
