// Tells a terminal's answers from a person's input; xterm.js sends both through onData, and
// says which is which only inside, by firing onUserInput right before onData. Were that gone,
// all data counts as typed.
//
// And knows when output that was made earlier is being replayed: then a bell is no news and
// the clipboard is not written.

import type { Terminal } from '@xterm/xterm';

interface Core {
  coreService?: { onUserInput?: (f: () => void) => unknown };
}

export class Answers {
  private replays = 0;
  private typed = false;
  private readonly tells: boolean;

  constructor(private readonly term: Terminal) {
    const core = (term as unknown as { _core?: Core })._core;
    const on = core?.coreService?.onUserInput;
    this.tells = typeof on === 'function';
    on?.call(core?.coreService, () => {
      this.typed = true;
    });
  }

  get replaying(): boolean {
    return this.replays > 0;
  }

  /** Whether the data of the onData event being handled is a person's. */
  takeTyped(): boolean {
    const typed = this.typed || !this.tells;
    this.typed = false;
    return typed;
  }

  /** Writes are parsed later but in order, so the marks around them are writes as well. */
  replay(write: () => void): void {
    this.term.write('', () => this.replays++);
    write();
    this.term.write('', () => this.replays--);
  }
}
