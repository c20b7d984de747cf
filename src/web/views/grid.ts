// The main area: one to six cells, of which one has the focus. Its route is the page's. Cells lie
// beside each other in the page and are only ever placed, never moved within it: a terminal keeps
// its canvas, its scroll position and its connection whatever happens around it.

import { newPane } from '../api/http';
import { el } from '../parts/dom';
import { notice } from '../parts/notice';
import { isPhone } from '../parts/phone';
import { attempt } from '../parts/problem';
import {
  cellsOf, divide, lineOf, MOST, neighbour, pack, place, shareAt, shownRoutes, unpack, without,
  withShare, type Layout, type Side, type Tree,
} from '../state/grid';
import { keepFit } from '../state/fits';
import { refreshPanes } from '../state/panes';
import { go, route, stand, toHash, type Route } from '../state/route';
import { store, stored } from '../state/settings';
import { title } from '../state/title';
import { Cell, type CellActions } from './cell';
import { Dividers } from './dividers';
import { Switcher } from './switcher';

const KEY = 'panescry.grid';
const STEP = 0.04;
const NOTHING: Route = { pane: null, readOnly: false };

export interface GridActions {
  search(): void;
}

export class Grid {
  readonly element = el('main', { class: 'stage' });
  private readonly narrow = matchMedia('(max-width: 720px)');
  private readonly dividers: Dividers;
  private readonly switcher = new Switcher((id) => {
    const cell = this.cells.get(id);
    if (cell) this.focus(cell);
  });
  private readonly cells = new Map<number, Cell>();
  private readonly actions: CellActions;
  private tree: Tree = 1;
  private focused = 1;
  private visited: number[] = []; // cells, the last one first
  private forced: Cell | null = null; // where the next route goes
  private forgetTitle = (): void => undefined;
  /** This tab's layout is what the next one begins with. */
  private leads = false;

  constructor(actions: GridActions) {
    this.actions = {
      search: () => actions.search(),
      go: (cell, to) => this.go(to, cell),
      split: (cell, row) => this.split(row, cell),
      close: (cell) => this.close(cell),
      start: (cell) => void this.start(cell),
      others: (cell) => [...this.cells.values()].filter((c) => c !== cell).map((c) => c.route),
    };
    this.dividers = new Dividers(this.element, {
      move: (path, share, done) => {
        this.tree = withShare(this.tree, path, share);
        this.lay();
        if (done) this.save();
      },
    });
    for (const type of ['pointerdown', 'focusin'] as const) {
      this.element.addEventListener(type, (e) => this.entered(e.target), { capture: true });
    }
    this.element.addEventListener('click', (e) => this.clicked(e.target));
    this.narrow.addEventListener('change', () => this.arrange());
  }

  /** Once it is in the page, which has its size by then. */
  begin(): void {
    this.restore();
    this.element.append(this.switcher.element);
    new ResizeObserver(() => this.lay()).observe(this.element);
    this.arrange();
    this.settle(this.current);
    route.watch((to) => this.follow(to));
  }

  get current(): Cell {
    const cell = this.cells.get(this.focused);
    if (!cell) throw new Error('no cell has the focus');
    return cell;
  }

  /** In the order in which they are numbered. */
  get all(): Cell[] {
    return cellsOf(this.tree).flatMap((id) => this.cells.get(id) ?? []);
  }

  /** Shows it in this cell, also if another one shows it. */
  go(to: Route, cell: Cell = this.current): void {
    this.forced = cell;
    go(to);
    this.forced = null;
  }

  split(row: boolean, cell: Cell = this.current): void {
    if (this.cells.size >= MOST) {
      notice('There are six cells already: close one first.');
      return;
    }
    const id = Math.max(...this.cells.keys()) + 1;
    this.tree = divide(this.tree, cell.id, id, row);
    const added = this.add(id, NOTHING);
    cell.element.after(added.element);
    this.arrange();
    this.focus(added);
    this.save();
  }

  /** False: it is the only one. */
  close(cell: Cell = this.current): boolean {
    const tree = without(this.tree, cell.id);
    if (tree === null) return false;
    const had = cell.id === this.focused;
    this.tree = tree;
    this.cells.delete(cell.id);
    cell.dispose();
    if (had) {
      const { cells } = this;
      this.focused = this.visited.find((id) => cells.has(id)) ?? cellsOf(tree)[0] ?? 1;
    }
    this.arrange();
    if (had) this.settle(this.current);
    this.save();
    return true;
  }

  focus(cell: Cell): void {
    if (this.enter(cell)) this.settle(cell);
    else cell.focus();
  }

  /** The next one, or the one before. */
  step(by: number): void {
    const { all } = this;
    const next = all[(all.indexOf(this.current) + by + all.length) % all.length];
    if (next) this.focus(next);
  }

  towards(side: Side): void {
    const next = this.cellAt(neighbour(this.tree, this.focused, side));
    if (next) this.focus(next);
  }

  /** Moves the nearest line of the focused cell. */
  push(side: Side): void {
    const path = lineOf(this.tree, this.focused, side === 'left' || side === 'right');
    const share = path === null ? null : shareAt(this.tree, path);
    if (path === null || share === null) return;
    this.tree = withShare(this.tree, path, share + (side === 'right' || side === 'down' ? STEP : -STEP));
    this.lay();
    this.save();
  }

  async start(cell: Cell = this.current): Promise<void> {
    const made = await attempt(() => newPane({ ...cell.screen?.terminal.fitting() }));
    if (!made) return;
    if (isPhone()) keepFit(made.id, null); // it is this phone's own
    await refreshPanes();
    this.go({ pane: made.id, readOnly: false }, this.cells.has(cell.id) ? cell : this.current);
  }

  private cellAt(id: number | null): Cell | undefined {
    return id === null ? undefined : this.cells.get(id);
  }

  private add(id: number, to: Route): Cell {
    const cell = new Cell(id, to, this.actions);
    this.cells.set(id, cell);
    return cell;
  }

  /* What is shown, and where the focus is. */

  private follow(to: Route): void {
    if (to === this.current.route) return;
    const cell = this.target(to);
    this.enter(cell);
    cell.show(to);
    history.replaceState({ cell: cell.id }, '');
    // One that has it moved within what it shows, and knows where it belongs.
    if (!cell.element.contains(document.activeElement)) cell.focus();
    this.tell();
    this.save();
  }

  private target(to: Route): Cell {
    const { current, forced } = this;
    if (forced) return forced;
    const { cell: id } = (history.state ?? {}) as { cell?: unknown }; // a step back
    const was = typeof id === 'number' ? this.cells.get(id) : undefined;
    if (was) return was;
    if (current.isEmpty || current.shows(to)) return current;
    return this.all.find((c) => c.shows(to)) ?? current;
  }

  /** The focus goes there; false if it is there. */
  private enter(cell: Cell): boolean {
    const changed = cell.id !== this.focused;
    this.focused = cell.id;
    this.visited = [cell.id, ...this.visited.filter((id) => id !== cell.id)].slice(0, MOST);
    this.forgetTitle();
    this.forgetTitle = cell.title.watch((text) => title.set(text));
    if (changed && this.narrow.matches) this.arrange();
    this.mark();
    return changed;
  }

  /** The page's route is that of the cell. */
  private settle(cell: Cell): void {
    this.enter(cell);
    stand(cell.route, { cell: cell.id });
    cell.focus();
  }

  private entered(target: EventTarget | null): void {
    const cell = this.all.find((c) => c.element.contains(target as Node));
    if (!cell || !this.enter(cell)) return;
    stand(cell.route, { cell: cell.id });
    this.save();
  }

  /** Where nothing takes the focus the browser takes it away from the cell that had it. */
  private clicked(target: EventTarget | null): void {
    const { current } = this;
    if (!current.element.contains(target as Node)) return;
    if (document.activeElement === document.body && getSelection()?.isCollapsed !== false) current.focus();
  }

  private mark(): void {
    const { all } = this;
    all.forEach((c, i) => c.mark(i + 1, all.length, c.id === this.focused));
    this.switcher.show(this.narrow.matches ? all : [], this.focused);
  }

  /** Which ones can be seen: all, or on a small screen the one with the focus. */
  private arrange(): void {
    const alone = this.narrow.matches;
    const seen = (c: Cell): boolean => !alone || c.id === this.focused;
    for (const c of this.all) if (!seen(c)) c.wake(false);
    this.lay();
    for (const c of this.all) if (seen(c)) c.wake(true);
    this.mark();
    this.tell();
  }

  private tell(): void {
    const { all, narrow } = this;
    shownRoutes.set(all.filter((c) => !narrow.matches || c.id === this.focused).map((c) => c.route));
  }

  private lay(): void {
    const { clientWidth: w, clientHeight: h } = this.element;
    const tree = this.narrow.matches ? this.focused : this.tree;
    const { cells, dividers } = place(tree, { x: 0, y: 0, w, h });
    for (const [id, box] of cells) {
      const { element } = this.cells.get(id) ?? {};
      if (!element) continue;
      Object.assign(element.style, {
        left: `${box.x}px`, top: `${box.y}px`, width: `${box.w}px`, height: `${box.h}px`,
      });
      element.toggleAttribute('data-corner', box.x === 0 && box.y === 0);
    }
    this.dividers.show(dividers);
  }

  /* What is remembered: by this tab for a reload, and for tabs to come. */

  private restore(): void {
    const own = unpack(stored(KEY, true));
    const common = own ? null : unpack(stored(KEY));
    const to = route.get();
    const named = location.hash.length > 1;
    const holds = common && [...common.routes].some(([, r]) => toHash(r) === toHash(to));
    // A link opens what it names, not that beside the rest of another day.
    const kept: Layout = own ?? (common && (!named || holds) ? common : null) ??
      { tree: 1, routes: new Map([[1, to]]), focus: 1 };
    this.leads = kept === own ? cellsOf(kept.tree).length > 1 : kept === common;
    this.tree = kept.tree;
    this.focused = kept.focus;
    for (const id of cellsOf(kept.tree)) this.element.append(this.add(id, kept.routes.get(id) ?? NOTHING).element);
    if (!named) return;
    const cell = this.target(to);
    this.focused = cell.id;
    cell.show(to);
  }

  private save(): void {
    const routes = new Map(this.all.map((c) => [c.id, c.route]));
    const packed = pack({ tree: this.tree, routes, focus: this.focused });
    store(KEY, packed, true);
    this.leads ||= routes.size > 1;
    if (this.leads) store(KEY, packed);
  }
}
