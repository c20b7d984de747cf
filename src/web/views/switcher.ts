// Where there is room for one cell alone: which one it is, and how to get to another.

import { el } from '../parts/dom';
import type { Cell } from './cell';

export class Switcher {
  private readonly text = el('span', { 'aria-hidden': 'true' });
  private readonly select = el('select', { 'aria-label': 'Cell' });
  readonly element = el('div', { class: 'switcher', hidden: true }, this.text, this.select);

  constructor(chosen: (id: number) => void) {
    this.select.addEventListener('change', () => chosen(Number(this.select.value)));
    // Names change while nobody looks.
    for (const type of ['pointerdown', 'focus']) this.select.addEventListener(type, () => this.name());
  }

  private cells: Cell[] = [];

  show(cells: Cell[], focused: number): void {
    this.cells = cells;
    this.element.hidden = cells.length < 2;
    this.text.textContent = `${cells.findIndex((c) => c.id === focused) + 1}/${cells.length}`;
    this.select.replaceChildren(...cells.map((c) => el('option', { value: String(c.id) })));
    this.name();
    this.select.value = String(focused);
  }

  private name(): void {
    this.cells.forEach((cell, i) => {
      const option = this.select.options[i];
      if (option) option.textContent = `${i + 1}: ${cell.name}`;
    });
  }
}
