// The state of an agent, a job, a step or a talk, as a dot with words.

import { el } from './dom';

const WORDS: Record<string, string> = {
  working: 'Working',
  waiting_input: 'Waits for input',
  waiting_permission: 'Waits for permission',
  done: 'Done',
  failed: 'Failed',
  // of jobs, flows and their steps
  queued: 'Queued',
  running: 'Running',
  completed: 'Completed',
  cancelled: 'Cancelled',
  timed_out: 'Timed out',
  orphaned: 'Orphaned',
  pending: 'Pending',
  waiting: 'Waits for an answer',
  skipped: 'Skipped',
  // of live sessions
  connecting: 'Connecting',
  idle: 'Idle',
  thinking: 'Thinking',
  streaming: 'Answering',
  awaiting_approval: 'Waits for permission',
};

export const stateWords = (state: string): string => WORDS[state] ?? '';

const OLD_MS = 86_400_000; // who has waited that long is not waited for

export class Badge {
  private readonly text = el('span');
  readonly element = el('span', { class: 'badge', hidden: true }, this.text);

  /** `since`: where it gets old. */
  show(state: string | null, since: string | null = null): void {
    const words = state === null ? undefined : WORDS[state];
    this.element.hidden = words === undefined;
    this.element.dataset.state = words === undefined ? '' : (state ?? '');
    this.element.classList.toggle('old', since !== null && Date.now() - Date.parse(since) > OLD_MS);
    this.text.textContent = words ?? '';
  }
}
