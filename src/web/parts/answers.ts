// Tells a terminal's answers from a person's input; xterm.js sends both through onData.
//
// While output that was made earlier is replayed, answers must not be sent: the program that
// asked has had one, or is gone, and its shell would get the answer as if it were typed. What
// a person types meanwhile is still sent. xterm.js says which is which only inside, by firing
// onUserInput right before onData; were that gone, all data during a replay counts as answers.

import type { Terminal } from '@xterm/xterm';

interface Core {
  coreService?: { onUserInput?: (f: () => void) => unknown };
}

export class Answers {
  private replays = 0;
  private typed = false;

  constructor(private readonly term: Terminal) {
    const core = (term as unknown as { _core?: Core })._core;
    core?.coreService?.onUserInput?.(() => {
      this.typed = true;
    });
  }

  get replaying(): boolean {
    return this.replays > 0;
  }

  /** Whether the data of the onData event being handled is a person's. */
  takeTyped(): boolean {
    const typed = this.typed;
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
