// A tree that one walks with the arrow keys: a row a node, made once and then only changed where it
// differs, so that many of them may change often.

import { button, el, icon } from '../parts/dom';
import { markWords, MarkSign } from '../parts/mark';
import { fold, isFolded } from '../state/folded';
import { sum, type Node } from './nodes';

const TYPING_MS = 700;

export interface TreeActions {
  chosen(): void;
  kill(node: Node): void;
}

interface Row {
  node: Node;
  readonly element: HTMLElement; // treeitem
  readonly group: HTMLElement;
  update(node: Node, level: number, current: boolean): void;
}

export class Tree {
  readonly element = el('ul', { class: 'tree', role: 'tree' });
  private readonly rows = new Map<string, Row>();
  private nodes: Node[] = [];
  private current: string | null = null;
  private active: string | null = null; // the key of the row that Tab leads to
  private typed = '';
  private typedAt = 0;

  constructor(label: string, private readonly actions: TreeActions) {
    this.element.setAttribute('aria-labelledby', label);
    this.element.addEventListener('keydown', (e) => this.key(e));
    this.element.addEventListener('focusin', (e) => {
      const key = this.keyOf(e.target);
      if (key !== null) this.activate(key);
    });
  }

  /** `current` is the address of what the page shows. */
  show(nodes: Node[], current: string): void {
    this.nodes = nodes;
    this.current = current;
    const had = this.element.contains(document.activeElement);
    const before = this.visible();
    const index = before.findIndex((r) => r.node.key === this.active);
    const used = new Set<string>();
    this.fill(this.element, nodes, 1, used);
    for (const [key, row] of this.rows) {
      if (used.has(key)) continue;
      row.element.remove();
      this.rows.delete(key);
    }
    this.settle(index, had);
  }

  focus(): void {
    const at = this.visible().find((r) => r.node.href === this.current) ?? this.visible()[0];
    if (at) this.focusRow(at);
  }

  private fill(list: HTMLElement, nodes: Node[], level: number, used: Set<string>): void {
    nodes.forEach((node, i) => {
      let row = this.rows.get(node.key);
      if (!row) this.rows.set(node.key, (row = this.row(node)));
      used.add(node.key);
      row.update(node, level, node.href !== null && node.href === this.current);
      // Moved only where needed: moving takes the focus away.
      if (list.children[i] !== row.element) list.insertBefore(row.element, list.children[i] ?? null);
      if (!isFolded(node.key)) this.fill(row.group, node.below, level + 1, used);
    });
  }

  /** One row can be reached by Tab, and a focus is not lost with its row. */
  private settle(index: number, had: boolean): void {
    const rows = this.visible();
    const at = rows.find((r) => r.node.key === this.active);
    const next = at ?? rows[Math.min(Math.max(index, 0), rows.length - 1)];
    if (!next) {
      this.active = null;
      return;
    }
    this.activate(next.node.key);
    if (had && !this.element.contains(document.activeElement)) next.element.focus();
  }

  private activate(key: string): void {
    const tab = (k: string | null, on: boolean): void => {
      const row = k === null ? undefined : this.rows.get(k);
      for (const e of [row?.element, row?.element.querySelector<HTMLElement>('.row-kill')]) {
        if (e) e.tabIndex = on ? 0 : -1;
      }
    };
    if (key !== this.active) tab(this.active, false);
    this.active = key;
    tab(key, true);
  }

  private row(first: Node): Row {
    const sign = new MarkSign();
    const name = el('span', { class: 'row-name' });
    const fresh = el('span', { class: 'row-unseen', title: 'unseen output', 'aria-hidden': 'true', hidden: true });
    const detail = el('span', { class: 'row-detail' });
    const twist = el('span', { class: 'row-twist', 'aria-hidden': 'true' });
    const parts = [sign.element, name, fresh, detail];
    const line = el('div', { class: 'row' }, twist);
    const group = el('ul', { role: 'group' });
    const element = el('li', { role: 'treeitem', tabindex: '-1', 'data-key': first.key }, line);
    const link = first.href === null ? el('span', { class: 'row-link' }, ...parts)
      : el('a', { class: 'row-link', tabindex: '-1', draggable: 'false' }, ...parts);
    line.append(link);
    if (first.below.length) {
      twist.append(icon('fold'));
      line.addEventListener('click', () => this.toggle(first.key));
      element.append(group);
    } else {
      link.addEventListener('click', () => this.actions.chosen());
    }
    const kill = first.pane && button('', { class: 'quiet row-kill changes', tabindex: '-1' }, () => this.actions.kill(row.node));
    kill?.append(icon('close'));
    if (kill) line.append(kill);
    let told = '';
    const update = (node: Node, level: number, current: boolean): void => {
      row.node = node;
      const open = node.below.length > 0 && !isFolded(node.key);
      const { mark, unseen } = open ? { mark: node.mark, unseen: node.unseen } : sum(node);
      const now = JSON.stringify([node.label, node.detail, node.about, mark, unseen, node.href, level, current, open, node.pane?.state]);
      if (now === told) return;
      told = now;
      sign.show(mark);
      name.textContent = node.label;
      name.classList.toggle('unseen', unseen);
      fresh.hidden = !unseen;
      detail.textContent = node.kind === 'section' && !open ? String(node.below.length) : node.detail;
      line.dataset.kind = node.kind;
      line.title = node.about;
      line.style.setProperty('--level', String(level - 1));
      if (link instanceof HTMLAnchorElement) link.href = node.href ?? '';
      if (node.below.length) element.setAttribute('aria-expanded', String(open));
      if (current) element.setAttribute('aria-current', 'page');
      else element.removeAttribute('aria-current');
      const words = [node.label, markWords(mark), unseen && 'unseen output', node.detail];
      element.setAttribute('aria-label', [...new Set(words)].filter(Boolean).join(', '));
      kill?.setAttribute('aria-label', `${node.pane?.state === 'exited' ? 'Remove' : 'Kill'} ${node.label}`);
    };
    const row: Row = { node: first, element, group, update };
    return row;
  }

  private toggle(key: string, on = !isFolded(key)): void {
    fold(key, on);
    this.show(this.nodes, this.current ?? '');
  }

  private keyOf(target: EventTarget | null): string | null {
    const item = target instanceof Element ? target.closest<HTMLElement>('[role=treeitem]') : null;
    return item?.dataset.key ?? null;
  }

  private visible(): Row[] {
    const rows: Row[] = [];
    const walk = (nodes: Node[]): void => {
      for (const n of nodes) {
        const row = this.rows.get(n.key);
        if (row) rows.push(row);
        if (!isFolded(n.key)) walk(n.below);
      }
    };
    walk(this.nodes);
    return rows;
  }

  private focusRow(row: Row | undefined): void {
    row?.element.focus({ preventScroll: true });
    row?.element.firstElementChild?.scrollIntoView({ block: 'nearest' });
  }

  private key(e: KeyboardEvent): void {
    const rows = this.visible();
    const i = rows.findIndex((r) => r.node.key === this.keyOf(e.target));
    const row = rows[i];
    if (!row || e.ctrlKey || e.altKey || e.metaKey || e.target instanceof HTMLButtonElement) return;
    const { node } = row;
    const open = node.below.length > 0 && !isFolded(node.key);
    const parent = rows.slice(0, i).reverse().find((r) => r.node.below.includes(node));
    const does: Record<string, () => void> = {
      ArrowDown: () => this.focusRow(rows[i + 1]),
      ArrowUp: () => this.focusRow(rows[i - 1]),
      Home: () => this.focusRow(rows[0]),
      End: () => this.focusRow(rows[rows.length - 1]),
      ArrowRight: () => {
        if (open) this.focusRow(rows[i + 1]);
        else if (node.below.length) this.toggle(node.key, false);
      },
      ArrowLeft: () => {
        if (open) this.toggle(node.key, true);
        else this.focusRow(parent);
      },
      Enter: () => this.choose(row),
      Delete: () => node.pane && this.actions.kill(node),
    };
    const act = does[e.key];
    if (act) act();
    else if ([...e.key].length === 1) this.jump(e.key, rows, i);
    else return;
    e.preventDefault();
    e.stopPropagation();
  }

  private choose(row: Row): void {
    row.element.querySelector<HTMLElement>(row.node.below.length ? '.row' : 'a')?.click();
  }

  /** To the next row that begins with what is typed; a space alone chooses. */
  private jump(key: string, rows: Row[], i: number): void {
    const now = performance.now();
    const goes = now - this.typedAt < TYPING_MS ? this.typed : '';
    const row = rows[i];
    if (key === ' ' && !goes && row) return this.choose(row);
    this.typed = goes + key.toLocaleLowerCase();
    this.typedAt = now;
    const from = this.typed.length > 1 ? i : i + 1;
    const order = [...rows.slice(from), ...rows.slice(0, from)];
    this.focusRow(order.find((r) => r.node.label.toLocaleLowerCase().startsWith(this.typed)));
  }
}
