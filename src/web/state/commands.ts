// What a person can do on the page, each under a name: the palette offers them, keys run them and
// the help lists them. Views add theirs and take them away when they go.

import { Value } from './value';

export interface Command {
  /** Unique, as "pane.split-right". */
  id: string;
  /** For a person: "Split to the right". */
  title: string;
  /** Of the help and the palette: "Panes", "Search". */
  group: string;
  /** "Ctrl+Shift+F": modifiers in the order Ctrl, Alt, Shift, then KeyboardEvent.code less "Key" or "Digit". */
  keys?: string;
  /** Others that do the same. */
  also?: string[];
  /** What else one may look for in the palette. */
  words?: string;
  /** What it is about at the moment, shown beside it. */
  detail?(): string;
  /** Not in the palette, which it opens itself. */
  unlisted?: boolean;
  /** Offered and run only then. */
  when?(): boolean;
  run(): void;
}

export const commands = new Value<readonly Command[]>([]);

/** Until the returned function is called. One with the id of another takes its place. */
export function addCommands(added: Command[]): () => void {
  const ids = new Set(added.map((c) => c.id));
  commands.set([...commands.get().filter((c) => !ids.has(c.id)), ...added]);
  return () => commands.set(commands.get().filter((c) => !added.includes(c)));
}

export const can = (c: Command): boolean => c.when?.() ?? true;

/** The name of a pressed key, as in Command.keys; the Command key of a Mac counts as Ctrl. */
export function keyName(e: KeyboardEvent): string {
  const code = e.code.replace(/^(Key|Digit)/, '');
  const held = [
    (e.ctrlKey || e.metaKey) && 'Ctrl',
    e.altKey && 'Alt',
    e.shiftKey && 'Shift',
  ].filter(Boolean);
  return [...held, code].join('+');
}

export const commandOf = (e: KeyboardEvent): Command | undefined => {
  const name = keyName(e);
  return commands.get().find((c) => (c.keys === name || c.also?.includes(name)) && can(c));
};
