// One run of a flow: its steps below what they depend on, and the questions that it waits for.

import {
  approve, cancelFlow, flowEnded, getFlow, removeFlow, resumeFlow, type Flow, type Step,
} from '../api/flows';
import { lasted } from '../parts/ago';
import { Badge } from '../parts/badge';
import { confirm } from '../parts/dialog';
import { button, el, tame } from '../parts/dom';
import { longText, size } from '../parts/longtext';
import { pretty } from '../parts/item';
import { usageWords } from '../parts/usage';
import { jobHash, flowHash } from '../state/route';
import { placed } from '../state/steps';
import { flowTitle } from './flows';
import { link, OneView, since, type OneActions } from './one';

const DEEPEST = 8; // beyond which nothing is indented further

interface StepRow {
  element: HTMLElement;
  shown: string;
}

/** A result as text. */
function resultText(step: Step): string {
  const value = step.result?.value;
  if (value === undefined || value === null) return '';
  return typeof value === 'string' ? value : pretty(JSON.stringify(value));
}

export class FlowView extends OneView<Flow> {
  private readonly steps = el('ol', { class: 'steps', 'aria-label': 'Steps' });
  private readonly cancel: HTMLButtonElement;
  private readonly resumption: HTMLButtonElement;
  private readonly removal: HTMLButtonElement;
  private rows = new Map<string, StepRow>();

  constructor(
    readonly id: string,
    private readonly actions: OneActions,
  ) {
    super({ label: 'Flow', noun: 'flow', back: 'All flows' }, id, actions, (signal) => getFlow(id, signal));
    this.cancel = button('Cancel', { class: 'small danger', hidden: true }, () => void this.stop());
    this.resumption = button('Resume', { class: 'small', hidden: true }, () => {
      void this.act(() => resumeFlow(id));
    });
    this.removal = button('Remove', { class: 'small', hidden: true }, () => void this.remove());
    this.buttons.append(this.cancel, this.resumption, this.removal);
    this.body.append(
      el('div', { class: 'steps-scroll', tabindex: '0', role: 'document', 'aria-label': 'Flow' }, this.steps),
    );
  }

  protected override show(f: Flow): void {
    const ended = flowEnded(f);
    this.cancel.hidden = ended;
    this.resumption.hidden = f.state !== 'failed' && f.state !== 'cancelled';
    this.removal.hidden = !ended;
    const facts: (Node | string)[] = [f.id];
    if (f.file) facts.push(tame(f.file, 300));
    const time = f.ended ?? f.created;
    if (time) facts.push(since(time));
    if (f.error) facts.push(el('span', { class: 'one-error' }, tame(f.error, 500)));
    const steps = f.steps ?? [];
    const done = steps.filter((s) => s.state === 'completed').length;
    const sums: [string, string][] = [['steps', `${done} of ${steps.length}`]];
    if (f.created) sums.push(['time', lasted(f.created, f.ended)]);
    if (f.usage) sums.push(...usageWords(f.usage));
    this.head(flowTitle(f), f.state, facts, sums);
    this.place(steps);
  }

  private place(steps: Step[]): void {
    const rows = new Map<string, StepRow>();
    placed(steps).forEach(({ step, depth }, i) => {
      const row = this.row(step, depth);
      rows.set(step.name, row);
      const here = this.steps.children[i];
      if (here !== row.element) this.steps.insertBefore(row.element, here ?? null);
    });
    for (const [name, row] of this.rows) if (rows.get(name) !== row) row.element.remove();
    this.rows = rows;
  }

  /** That which is there, if nothing of it is new: somebody may be typing into it. */
  private row(step: Step, depth: number): StepRow {
    const time = lasted(step.started, step.ended);
    const shown = JSON.stringify(step);
    const old = this.rows.get(step.name);
    if (old?.shown === shown) {
      const took = old.element.querySelector('.step-time');
      if (took && took.textContent !== time) took.textContent = time;
      return old;
    }
    const open = old?.element.querySelector('details')?.open ?? false;
    const element = this.stepElement(step, step.started ? time : '', open);
    element.style.setProperty('--depth', String(Math.min(depth, DEEPEST)));
    return { element, shown };
  }

  private stepElement(step: Step, time: string, open: boolean): HTMLElement {
    const badge = new Badge();
    badge.show(step.state);
    const name = tame(step.name, 64);
    const head = el(
      'div',
      { class: 'step-head' },
      el('span', { class: 'step-name' }, name),
      el('span', { class: 'step-type' }, step.agent ? tame(step.agent, 20) : tame(step.type, 20)),
      badge.element,
      el('span', { class: 'step-time' }, time),
    );
    if (step.cached) {
      const from = step.cached_from;
      head.append(
        el('span', { class: 'step-cached' }, from ? link(flowHash(from), `cached, from ${from}`) : 'cached'),
      );
    }
    if (step.job) head.append(link(jobHash(step.job), step.job));
    const element = el('li', { class: 'step', 'data-state': step.state }, head);
    if (step.depends_on.length > 1) {
      const all = tame(step.depends_on.join(', '), 300);
      element.append(el('div', { class: 'step-note' }, `after ${all}`));
    }
    if (step.error) element.append(el('div', { class: 'step-note one-error' }, tame(step.error, 500)));
    if (step.state === 'waiting' && step.type === 'approval') element.append(this.question(step, name));
    const result = resultText(step);
    if (result) {
      const cut = step.result?.truncated === true ? ', cut' : '';
      const summary = `Result, ${size(new TextEncoder().encode(result).length)}${cut}`;
      element.append(
        el(
          'details',
          { class: 'step-result', open },
          el('summary', {}, summary),
          longText(result, undefined, () => Promise.resolve(null)),
        ),
      );
    }
    return element;
  }

  private question(step: Step, name: string): HTMLElement {
    const reason = el('input', {
      type: 'text', 'aria-label': 'Reason', placeholder: 'Reason', maxlength: '1000', autocomplete: 'off',
    });
    const answer = async (yes: boolean): Promise<void> => {
      const text = reason.value.trim();
      for (const b of buttons) b.disabled = true;
      if (await this.act(() => approve(this.id, step.name, yes, text))) return;
      for (const b of buttons) b.disabled = false;
    };
    const buttons = [
      button('Approve', { class: 'primary' }, () => void answer(true)),
      button('Deny', { class: 'danger' }, () => void answer(false)),
    ];
    return el(
      'div',
      { class: 'ask', role: 'group', 'aria-label': `Approval of ${name}` },
      longText(step.message ?? 'Go on?', undefined, () => Promise.resolve(null)),
      el('div', { class: 'ask-answer' }, reason, ...buttons),
    );
  }

  private async stop(): Promise<void> {
    const detail = 'Steps that run are ended, and no others begin.';
    if (await confirm(`Cancel ${this.id}?`, detail, 'Cancel the flow')) {
      await this.act(() => cancelFlow(this.id));
    }
  }

  private async remove(): Promise<void> {
    if (!(await confirm(`Remove ${this.id}?`, 'Its record goes; its jobs stay.', 'Remove'))) return;
    if (await this.act(() => removeFlow(this.id))) this.actions.back();
  }
}
