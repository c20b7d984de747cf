// Where the steps of a flow are drawn: in layers from left to right, each step behind all that it
// depends on. An edge over several layers has a bend in each, so that it passes between the steps.
// The order within the layers is by barycentres, the places by those of the neighbours.

export interface Linked {
  name: string;
  depends_on: string[];
}

export interface Point {
  x: number;
  y: number;
}

/** The upper left corner of a step. */
export interface Spot extends Point {
  name: string;
  layer: number;
}

export interface Wire {
  from: string;
  to: string;
  points: Point[];
}

export interface Layout {
  width: number;
  height: number;
  spots: Spot[];
  wires: Wire[];
}

export const NODE = { width: 200, height: 54 };
const GAP = { x: 46, y: 16 };
const PAD = 20;
const BEND = 10; // the height of one
const MOST_BENDS = 3000; // further edges go straight
const SWEEPS = 12;
const ROUNDS = 10;

interface Cell {
  name: string | null; // null: a bend
  layer: number;
  up: Cell[];
  down: Cell[];
  at: number; // in its layer
  y: number; // of its middle
}

interface Edge {
  from: string;
  to: string;
  via: Cell[];
}

const mean = (all: number[]): number => all.reduce((n, x) => n + x, 0) / all.length;

/** The longest path to each; steps of a circle, which no flow has, come last. */
function layersOf(nodes: Map<string, Linked>): Map<string, number> {
  const layers = new Map<string, number>();
  let left = [...nodes.values()];
  for (let layer = 0; left.length; layer++) {
    const ready = left.filter((n) => n.depends_on.every((d) => !nodes.has(d) || layers.has(d)));
    const these = ready.length ? ready : left;
    for (const n of these) layers.set(n.name, layer);
    left = left.filter((n) => !layers.has(n.name));
  }
  return layers;
}

function join(from: Cell, to: Cell): void {
  from.down.push(to);
  to.up.push(from);
}

class Graph {
  readonly cells = new Map<string, Cell>();
  readonly edges: Edge[] = [];
  layers: Cell[][] = [];
  private bends = 0;

  constructor(all: Linked[]) {
    const nodes = new Map(all.map((n) => [n.name, n]));
    for (const [name, layer] of layersOf(nodes)) this.add(name, layer);
    for (const n of nodes.values()) {
      for (const d of new Set(n.depends_on)) this.link(d, n.name);
    }
    this.count();
  }

  private add(name: string | null, layer: number): Cell {
    const cell: Cell = { name, layer, up: [], down: [], at: 0, y: 0 };
    (this.layers[layer] ??= []).push(cell);
    if (name !== null) this.cells.set(name, cell);
    return cell;
  }

  private link(from: string, to: string): void {
    const [a, b] = [this.cells.get(from), this.cells.get(to)];
    if (!a || !b || a.layer >= b.layer) return;
    const via: Cell[] = [];
    let last = a;
    const needed = b.layer - a.layer - 1;
    if (this.bends + needed <= MOST_BENDS) {
      this.bends += needed;
      for (let layer = a.layer + 1; layer < b.layer; layer++) {
        const bend = this.add(null, layer);
        join(last, bend);
        via.push((last = bend));
      }
      join(last, b);
    }
    this.edges.push({ from, to, via });
  }

  private count(): void {
    for (const layer of this.layers) layer.forEach((c, i) => (c.at = i));
  }

  /** Back and forth; the order with the fewest crossings stays. */
  order(): void {
    let best = this.layers.map((l) => [...l]);
    let least = this.crossings();
    for (let i = 0; i < SWEEPS && least > 0; i++) {
      const forth = i % 2 === 0;
      for (const layer of forth ? this.layers : [...this.layers].reverse()) {
        const weight = new Map(layer.map((c): [Cell, number] => {
          const near = forth ? c.up : c.down;
          return [c, near.length ? mean(near.map((n) => n.at)) : c.at];
        }));
        layer.sort((a, b) => (weight.get(a) ?? 0) - (weight.get(b) ?? 0));
        layer.forEach((c, at) => (c.at = at));
      }
      const crossings = this.crossings();
      if (crossings >= least) continue;
      least = crossings;
      best = this.layers.map((l) => [...l]);
    }
    this.layers = best;
    this.count();
  }

  private crossings(): number {
    let sum = 0;
    for (const layer of this.layers) {
      const seen: number[] = []; // where edges from above end, sorted
      for (const c of layer) {
        const ends = c.down.map((d) => d.at).sort((a, b) => a - b);
        for (const end of ends) sum += seen.length - place(seen, end);
        for (const end of ends) seen.splice(place(seen, end), 0, end);
      }
    }
    return sum;
  }

  /** Each as near to its neighbours as those beside it in its layer allow. */
  settle(): void {
    for (const layer of this.layers) spread(layer, layer.map((_, i) => i * NODE.height));
    for (let i = 0; i < ROUNDS; i++) {
      for (const layer of i % 2 ? [...this.layers].reverse() : this.layers) {
        spread(layer, layer.map((c) => {
          const near = [...c.up, ...c.down];
          return near.length ? mean(near.map((n) => n.y)) : c.y;
        }));
      }
    }
  }
}

/** Behind all that are not larger. */
function place(sorted: number[], value: number): number {
  let [low, high] = [0, sorted.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((sorted[middle] ?? 0) <= value) low = middle + 1;
    else high = middle;
  }
  return low;
}

const halfOf = (c: Cell): number => (c.name === null ? BEND : NODE.height) / 2;

/** Pushed apart downwards, and upwards, and half of each: so none overlaps and none drifts. */
function spread(layer: Cell[], wanted: number[]): void {
  const apart = (i: number): number => {
    const [a, b] = [layer[i], layer[i + 1]];
    return a && b ? halfOf(a) + halfOf(b) + GAP.y : 0;
  };
  const down = [...wanted];
  const up = [...wanted];
  for (let i = 1; i < down.length; i++) down[i] = Math.max(down[i] ?? 0, (down[i - 1] ?? 0) + apart(i - 1));
  for (let i = up.length - 2; i >= 0; i--) up[i] = Math.min(up[i] ?? 0, (up[i + 1] ?? 0) - apart(i));
  layer.forEach((c, i) => (c.y = ((down[i] ?? 0) + (up[i] ?? 0)) / 2));
}

const leftOf = (layer: number): number => PAD + layer * (NODE.width + GAP.x);

export function layout(all: Linked[]): Layout {
  const g = new Graph(all);
  g.order();
  g.settle();
  const cells = g.layers.flat();
  const top = Math.min(0, ...cells.map((c) => c.y - halfOf(c)));
  const lowest = Math.max(0, ...cells.map((c) => c.y + halfOf(c)));
  const y = (c: Cell): number => Math.round(c.y - top + PAD);
  const spots = [...g.cells].map(([name, c]): Spot => ({
    name, layer: c.layer, x: leftOf(c.layer), y: y(c) - NODE.height / 2,
  }));
  const wires = g.edges.map(({ from, to, via }): Wire => {
    const ends = [g.cells.get(from), g.cells.get(to)];
    const points = [ends[0], ...via, ends[1]].flatMap((c, i, { length }) => {
      if (!c) return [];
      const left = { x: leftOf(c.layer), y: y(c) };
      const right = { x: left.x + NODE.width, y: left.y };
      return i === 0 ? [right] : i === length - 1 ? [left] : [left, right];
    });
    return { from, to, points };
  });
  return {
    width: leftOf(Math.max(0, g.layers.length - 1)) + NODE.width + PAD,
    height: Math.round(lowest - top) + 2 * PAD,
    spots, wires,
  };
}
