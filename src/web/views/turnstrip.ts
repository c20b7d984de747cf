// The agent's turn of a line: which session was at work in the pane when it was printed, with what
// prompt, and the way there.

import type { TurnAt } from '../api/turns';
import { exactly } from '../parts/ago';
import { el, icon, tame } from '../parts/dom';
import { toHash, type Route } from '../state/route';
import { turnAt, wasOver } from '../state/turnat';

const PROMPT = 160; // characters

const routeOf = ({ session, turn }: TurnAt): Route => ({
  pane: null, readOnly: false, session: String(session), at: `n${turn}`,
});

export class TurnStrip {
  readonly element = el('div', { class: 'turn-strip', role: 'note', 'aria-label': 'Agent at that time', hidden: true });
  private asking = new AbortController();

  hide(): void {
    this.asking.abort();
    this.element.hidden = true;
  }

  /** `time` null: of what is on the screen now. */
  async show(pane: string, time: string | null): Promise<void> {
    this.hide();
    const { signal } = (this.asking = new AbortController());
    let turn: TurnAt | null = null;
    try {
      turn = await turnAt(pane, time, signal);
    } catch {
      // the lines are there without it
    }
    if (signal.aborted || !turn) return;
    this.fill(turn, time);
    this.element.hidden = false;
  }

  private fill(turn: TurnAt, time: string | null): void {
    const prompt = tame((turn.prompt ?? '').slice(0, 2000), PROMPT);
    const title = tame((turn.title ?? '').slice(0, 1000), 80);
    const link = el('a', { class: 'strip-link', href: toHash(routeOf(turn)) }, 'Show the turn');
    const when = wasOver(turn, time) ? 'After turn' : 'Turn';
    this.element.replaceChildren(
      icon('talk'),
      el('span', { class: 'strip-agent' }, tame(turn.agent, 30)),
      el(
        'span',
        { class: 'strip-number', title: turn.started ? `Began ${exactly(turn.started)}` : '' },
        `${when} ${turn.turn}`,
      ),
      el('span', { class: 'strip-prompt', title }, prompt || title),
      el('span', { class: 'strip-model' }, tame(turn.model ?? '', 40)),
      link,
    );
  }
}
