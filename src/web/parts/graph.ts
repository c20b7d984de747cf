// A flow as a graph: its steps as buttons, one of which has the keys, over the edges between them.
// The arrow keys go along the edges, and up and down within a layer.

import type { FlowState, Step } from '../api/flows';
import { layout, NODE, type Layout, type Point, type Spot } from '../state/graph';
import { lasted } from './ago';
import { stateWords } from './badge';
import { button, el, tame } from './dom';

const NS = 'http://www.w3.org/2000/svg';
const ZOOM = { least: 0.3, most: 1.5, step: 1.25, first: 0.75 };
const ARROW = 4;

const MARKS: Record<FlowState, string> = {
  pending: 'M10 5.5a4.5 4.5 0 1 0 0 9a4.5 4.5 0 0 0 0-9z',
  running: 'M10 3.5a6.5 6.5 0 0 1 6.5 6.5',
  waiting: 'M7.2 7.6a2.8 2.8 0 1 1 4 2.5c-.8.4-1.2 1-1.2 1.9M10 14.6v.1',
  completed: 'M4.5 10.5l3.7 3.7l7.3-8',
  failed: 'M5.5 5.5l9 9M14.5 5.5l-9 9',
  cancelled: 'M10 4a6 6 0 1 0 0 12a6 6 0 0 0 0-12zM5.8 5.8l8.4 8.4',
  skipped: 'M5 6l4 4l-4 4M11 6l4 4l-4 4',
};

function svg(name: string, attributes: Record<string, string>): SVGElement {
  const e = document.createElementNS(NS, name);
  for (const [k, v] of Object.entries(attributes)) e.setAttribute(k, v);
  return e;
}

function mark(state: FlowState): SVGElement {
  const e = svg('svg', { viewBox: '0 0 20 20', class: 'icon node-mark', 'aria-hidden': 'true' });
  e.append(svg('path', { d: MARKS[state] ?? MARKS.pending }));
  return e;
}

function pathOf(points: Point[]): string {
  let d = '';
  points.forEach((p, i) => {
    const before = points[i - 1];
    if (!before) d = `M${p.x} ${p.y}`;
    else if (before.y === p.y) d += `H${p.x}`;
    else {
      const middle = (before.x + p.x) / 2;
      d += `C${middle} ${before.y} ${middle} ${p.y} ${p.x} ${p.y}`;
    }
  });
  const end = points.at(-1);
  return end ? `${d}m${-ARROW} ${-ARROW}l${ARROW} ${ARROW}l${-ARROW} ${ARROW}` : d;
}

/** What was taken from another run took no time. */
const timeOf = (s: Step): string => (s.started && !s.cached ? lasted(s.started, s.ended) : '');

interface NodeBox {
  element: HTMLButtonElement;
  time: HTMLElement;
  step: Step;
  spot: Spot;
}

export class FlowGraph {
  readonly element: HTMLElement;
  private readonly wires = svg('svg', { class: 'graph-wires', 'aria-hidden': 'true' });
  private readonly plane = el('div', { class: 'graph-plane', role: 'group', 'aria-label': 'Steps' });
  private readonly room = el('div', { class: 'graph-room' });
  private readonly scroller: HTMLElement;
  private readonly level = el('output', { class: 'graph-level', 'aria-label': 'Zoom' });
  private readonly nodes = new Map<string, NodeBox>();
  private shape = '';
  private plan: Layout = { width: 0, height: 0, spots: [], wires: [] };
  private zoom = 1;
  private zoomed = false; // by a person
  private chosen: string | null = null;
  private readonly watcher = new ResizeObserver(() => this.fitFirst());

  /** null: the one that was chosen is not, any more. */
  constructor(private readonly choose: (name: string | null) => void) {
    this.room.append(this.plane);
    this.plane.append(this.wires);
    this.scroller = el('div', { class: 'graph-scroll' }, this.room);
    const tool = (text: string, label: string, act: () => void): HTMLElement =>
      button(text, { class: 'small', 'aria-label': label, title: label }, act);
    const tools = el(
      'div',
      { class: 'graph-tools', role: 'group', 'aria-label': 'Zoom' },
      tool('−', 'Smaller', () => this.scale(this.zoom / ZOOM.step)),
      this.level,
      tool('+', 'Larger', () => this.scale(this.zoom * ZOOM.step)),
      tool('Fit', 'Fit', () => this.scale(this.fitting())),
    );
    this.element = el('div', { class: 'graph', role: 'region', 'aria-label': 'Graph' }, this.scroller, tools);
    this.element.addEventListener('keydown', (e) => this.key(e));
    this.scroller.addEventListener('wheel', (e) => this.wheel(e), { passive: false });
    this.plane.addEventListener('focusin', (e) => this.rove(e.target));
    this.watcher.observe(this.scroller);
  }

  dispose(): void {
    this.watcher.disconnect();
  }

  focus(): void {
    this.plane.querySelector<HTMLElement>('[tabindex="0"]')?.focus();
  }

  show(steps: Step[], chosen: string | null): void {
    this.chosen = chosen;
    const shape = JSON.stringify(steps.map((s) => [s.name, s.depends_on]));
    if (shape !== this.shape) {
      this.shape = shape;
      this.build(steps);
    }
    for (const s of steps) this.tell(s);
    this.wire();
  }

  /** Times go on. */
  tick(): void {
    for (const { step, time } of this.nodes.values()) {
      if (step.started && !step.ended) time.textContent = timeOf(step);
    }
  }

  private build(steps: Step[]): void {
    this.plan = layout(steps);
    for (const { element } of this.nodes.values()) element.remove();
    this.nodes.clear();
    const byName = new Map(steps.map((s) => [s.name, s]));
    // In the order in which one reads them.
    for (const spot of [...this.plan.spots].sort((a, b) => a.layer - b.layer || a.y - b.y)) {
      const step = byName.get(spot.name);
      if (!step) continue;
      const time = el('span', { class: 'node-time' });
      const element = button('', { class: 'node', tabindex: this.nodes.size ? '-1' : '0' }, () =>
        this.choose(this.chosen === spot.name ? null : spot.name),
      );
      element.style.left = `${spot.x}px`;
      element.style.top = `${spot.y}px`;
      element.style.width = `${NODE.width}px`;
      element.style.height = `${NODE.height}px`;
      this.nodes.set(spot.name, { element, time, step, spot });
      this.plane.append(element);
    }
    this.wires.replaceChildren(
      ...this.plan.wires.map(({ from, to, points }) =>
        svg('path', { d: pathOf(points), class: 'wire', 'data-from': from, 'data-to': to }),
      ),
    );
    const { width, height } = this.plan;
    this.plane.style.width = `${width}px`;
    this.plane.style.height = `${height}px`;
    this.wires.setAttribute('width', String(width));
    this.wires.setAttribute('height', String(height));
    this.fitFirst();
  }

  private tell(s: Step): void {
    const node = this.nodes.get(s.name);
    if (!node) return;
    const { element, time, step } = node;
    const pressed = String(s.name === this.chosen);
    element.setAttribute('aria-pressed', pressed);
    node.step = s;
    const now = timeOf(s);
    if (time.textContent !== now) time.textContent = now;
    if (element.dataset.state === s.state && step.cached === s.cached) return;
    element.dataset.state = s.state;
    element.toggleAttribute('data-cached', s.cached);
    const name = tame(s.name, 64);
    const kind = tame(s.agent ?? s.type, 20);
    element.title = `${name}: ${kind}, ${stateWords(s.state).toLowerCase()}`;
    element.replaceChildren(
      mark(s.state),
      el('span', { class: 'node-line' }, el('span', { class: 'node-name' }, name), el('span', { class: 'node-type' }, kind)),
      el(
        'span',
        { class: 'node-line' },
        el('span', { class: 'node-words' }, s.cached ? `${stateWords(s.state)}, cached` : stateWords(s.state)),
        time,
      ),
    );
  }

  /** Those behind which something has come to its end, and those of the chosen step. */
  private wire(): void {
    for (const path of this.wires.querySelectorAll<SVGElement>('.wire')) {
      const { from = '', to = '' } = path.dataset;
      path.dataset.state = this.nodes.get(from)?.step.state ?? '';
      path.toggleAttribute('data-chosen', this.chosen !== null && (from === this.chosen || to === this.chosen));
    }
  }

  private fitting(): number {
    const { clientWidth, clientHeight } = this.scroller;
    const { width, height } = this.plan;
    return width > 0 && height > 0 ? Math.min(1, clientWidth / width, clientHeight / height) : 1;
  }

  /** Until a person has said how large: all of it, as long as one can read it. */
  private fitFirst(): void {
    if (!this.zoomed && this.scroller.clientWidth > 0) this.set(Math.max(ZOOM.first, this.fitting()));
  }

  private scale(zoom: number): void {
    this.zoomed = true;
    this.set(zoom);
  }

  /** What is in the middle stays there. */
  private set(zoom: number): void {
    const { scroller } = this;
    const by = Math.min(ZOOM.most, Math.max(ZOOM.least, zoom)) / this.zoom;
    const x = (scroller.scrollLeft + scroller.clientWidth / 2) * by - scroller.clientWidth / 2;
    const y = (scroller.scrollTop + scroller.clientHeight / 2) * by - scroller.clientHeight / 2;
    this.zoom *= by;
    this.plane.style.transform = `scale(${this.zoom})`;
    this.room.style.width = `${this.plan.width * this.zoom}px`;
    this.room.style.height = `${this.plan.height * this.zoom}px`;
    this.level.textContent = `${Math.round(this.zoom * 100)} %`;
    scroller.scrollTo(x, y);
  }

  private wheel(e: WheelEvent): void {
    if (!e.ctrlKey) return;
    e.preventDefault();
    this.scale(this.zoom * Math.exp(-e.deltaY / 300));
  }

  private rove(target: EventTarget | null): void {
    for (const { element } of this.nodes.values()) element.tabIndex = element === target ? 0 : -1;
  }

  private key(e: KeyboardEvent): void {
    if (e.ctrlKey || e.altKey || e.metaKey || e.isComposing) return;
    const here = [...this.nodes.values()].find((n) => n.element === document.activeElement);
    if (e.key === '+' || e.key === '=') this.scale(this.zoom * ZOOM.step);
    else if (e.key === '-') this.scale(this.zoom / ZOOM.step);
    else if (e.key === '0') this.scale(this.fitting());
    else if (!here || !this.walk(e.key, here)) return;
    e.preventDefault();
    e.stopPropagation();
  }

  /** Whether it is one of the keys that go somewhere. */
  private walk(key: string, { spot, step }: NodeBox): boolean {
    const all = [...this.nodes.values()];
    const near = (some: NodeBox[]): NodeBox | undefined =>
      [...some].sort((a, b) => Math.abs(a.spot.y - spot.y) - Math.abs(b.spot.y - spot.y))[0];
    const beside = all.filter((n) => n.spot.layer === spot.layer);
    const to: Record<string, () => NodeBox | undefined> = {
      ArrowRight: () => near(all.filter((n) => n.step.depends_on.includes(step.name))),
      ArrowLeft: () => near(all.filter((n) => step.depends_on.includes(n.step.name))),
      ArrowDown: () => near(beside.filter((n) => n.spot.y > spot.y)),
      ArrowUp: () => near(beside.filter((n) => n.spot.y < spot.y)),
      Home: () => all[0],
      End: () => all.at(-1),
    };
    const go = to[key];
    go?.()?.element.focus();
    return go !== undefined;
  }
}
