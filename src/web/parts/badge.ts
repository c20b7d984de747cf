// The state of an agent, as a dot with words.

import type { SessionState } from '../api/sessions';
import { el } from './dom';

const WORDS: Record<SessionState, string> = {
  working: 'Working',
  waiting_input: 'Waits for input',
  waiting_permission: 'Waits for permission',
  done: 'Done',
  failed: 'Failed',
};

const OLD_MS = 86_400_000; // who has waited that long is not waited for

export class Badge {
  private readonly text = el('span');
  readonly element = el('span', { class: 'badge', hidden: true }, this.text);

  show(state: SessionState | null, since: string | null): void {
    const words = state === null ? undefined : WORDS[state];
    this.element.hidden = words === undefined;
    this.element.dataset.state = state ?? '';
    this.element.classList.toggle('old', since !== null && Date.now() - Date.parse(since) > OLD_MS);
    this.text.textContent = words ?? '';
  }
}
