// Keys that run commands, seen before a terminal or a view sees them.

import { commandOf, commands, type Command } from '../state/commands';

/** A field that one types text into; that of a terminal is none. */
const isField = (e: EventTarget | null): boolean =>
  e instanceof HTMLElement &&
  !e.classList.contains('xterm-helper-textarea') &&
  e.matches('input, textarea, select, [contenteditable]');

export const inTerminal = (e: EventTarget | null): boolean =>
  e instanceof HTMLElement && e.classList.contains('xterm-helper-textarea');

/** What a field does with keys itself: moves the cursor, and selects. */
const EDITS = /^(Arrow|Home$|End$|Page|Backspace$|Delete$|Enter$)/;

function find(e: KeyboardEvent): Command | undefined {
  const held = e.ctrlKey || e.metaKey || e.altKey;
  if (!held && (isField(e.target) || inTerminal(e.target))) return undefined;
  if (isField(e.target) && EDITS.test(e.code)) return undefined;
  // Where it is on the keyboard differs.
  if (!held && e.key === '?') return commands.get().find((c) => c.id === 'help.keys');
  return commandOf(e);
}

export function dispatchKeys(): void {
  window.addEventListener(
    'keydown',
    (e) => {
      if (e.isComposing) return;
      const command = find(e);
      if (!command) return;
      const open = document.querySelector('dialog[open]') !== null;
      const held = e.ctrlKey || e.metaKey || e.altKey;
      if (open && !held) return; // the dialog's own
      if (open && e.target instanceof HTMLElement && e.target.closest('[data-keys="own"]')) return;
      e.preventDefault();
      e.stopPropagation();
      if (!open && (!e.repeat || e.code.startsWith('Arrow'))) command.run();
    },
    { capture: true },
  );
}
