// What can be done with cells by name and by key.

import { isNarrow, mayChange } from '../state/access';
import type { Command } from '../state/commands';
import { MOST, type Side } from '../state/grid';
import type { Grid } from './grid';

const SIDES: [Side, string, string][] = [
  ['left', 'to the left', 'ArrowLeft'],
  ['right', 'to the right', 'ArrowRight'],
  ['up', 'above', 'ArrowUp'],
  ['down', 'below', 'ArrowDown'],
];

export function gridCommands(grid: Grid): Command[] {
  const several = (): boolean => grid.all.length > 1;
  const group = 'Cells';
  const numbers = Array.from({ length: MOST }, (_, i): Command => ({
    id: `cell.${i + 1}`,
    title: `Go to cell ${i + 1}`,
    group,
    keys: `Alt+${i + 1}`,
    detail: () => grid.all[i]?.name ?? '',
    // Alone it leaves Alt and digits to the terminal.
    when: () => several() && i < grid.all.length,
    run: () => {
      const cell = grid.all[i];
      if (cell) grid.focus(cell);
    },
  }));
  return [
    { id: 'pane.new', title: 'New pane', group: 'Panes', words: 'shell terminal start create', when: () => mayChange.get() && !isNarrow(), run: () => void grid.start() },
    { id: 'cell.split-right', title: 'Split right', group, keys: 'Ctrl+Shift+E', words: 'columns beside vertical', run: () => grid.split(true) },
    { id: 'cell.split-down', title: 'Split down', group, keys: 'Ctrl+Shift+O', words: 'rows below horizontal', run: () => grid.split(false) },
    { id: 'cell.close', title: 'Close cell', group, keys: 'Ctrl+Shift+X', when: several, run: () => void grid.close() },
    { id: 'cell.next', title: 'Go to the next cell', group, words: 'focus', when: several, run: () => grid.step(1) },
    { id: 'cell.previous', title: 'Go to the cell before', group, words: 'focus previous', when: several, run: () => grid.step(-1) },
    ...SIDES.map(([side, where, key]): Command => ({
      id: `cell.${side}`,
      title: `Go to the cell ${where}`,
      group,
      keys: `Ctrl+Shift+${key}`,
      words: 'focus',
      when: several,
      run: () => grid.towards(side),
    })),
    ...numbers,
    ...SIDES.map(([side, , key]): Command => ({
      id: `cell.push-${side}`,
      title: `Move the nearest divider ${side}`,
      group,
      keys: `Alt+Shift+${key}`,
      words: 'resize larger smaller wider',
      when: several,
      run: () => grid.push(side),
    })),
  ];
}
