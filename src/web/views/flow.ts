// One run of a flow: its steps as a graph, with what is to be said of those that are chosen or wait
// for an answer beside it; or all of them as a list, each below what it depends on. Where there is no
// room for a graph there is the list.

import type { DaemonEvent } from '../api/events';
import {
  approve, cancelFlow, flowEnded, getFlow, removeFlow, resumeFlow, type Flow, type Step,
} from '../api/flows';
import { lasted } from '../parts/ago';
import { Badge } from '../parts/badge';
import { confirm } from '../parts/dialog';
import { button, el, tame } from '../parts/dom';
import { FlowGraph } from '../parts/graph';
import { longText, size } from '../parts/longtext';
import { pretty } from '../parts/item';
import { press, segments } from '../parts/segments';
import { usageWords } from '../parts/usage';
import { mayChange } from '../state/access';
import { jobHash, flowHash } from '../state/route';
import { store, stored } from '../state/settings';
import { placed } from '../state/steps';
import { flowTitle } from './flows';
import { link, OneView, since, type OneActions } from './one';

const DEEPEST = 8; // beyond which nothing is indented further
const GRAPH_PX = 560; // for a narrower one there is no room
const MANNER = 'panescry.flow';

type Manner = 'graph' | 'list';

interface StepRow {
  element: HTMLElement;
  shown: string;
}

const asks = (s: Step): boolean => s.state === 'waiting' && s.type === 'approval';

/** A result as text. */
function resultText(step: Step): string {
  const value = step.result?.value;
  if (value === undefined || value === null) return '';
  return typeof value === 'string' ? value : pretty(JSON.stringify(value));
}

export class FlowView extends OneView<Flow> {
  private readonly steps = el('ol', { class: 'steps', 'aria-label': 'Steps' });
  private readonly beside: HTMLElement;
  private readonly graph: FlowGraph;
  private readonly manners: HTMLElement;
  private manner: Manner = stored(MANNER) === 'list' ? 'list' : 'graph';
  private chosen: string | null = null;
  private flow: Flow | null = null;
  private readonly watcher = new ResizeObserver(() => this.arrange());
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
    this.manners = segments<Manner>('Show as', [['graph', 'Graph'], ['list', 'List']], (manner) => {
      this.manner = manner;
      store(MANNER, manner);
      this.arrange();
    });
    this.buttons.append(this.manners, this.cancel, this.resumption, this.removal);
    this.graph = new FlowGraph((name) => {
      this.chosen = name;
      this.arrange();
    });
    this.beside = el('div', { class: 'steps-scroll', tabindex: '0', role: 'document', 'aria-label': 'Flow' }, this.steps);
    this.body.classList.add('flow-body');
    this.body.append(el('div', { class: 'flow-work' }, this.graph.element, this.beside));
    this.watcher.observe(this.body);
  }

  protected override rest(): void {
    if (this.graph.element.hidden) this.beside.focus({ preventScroll: true });
    else this.graph.focus();
  }

  override dispose(): void {
    this.watcher.disconnect();
    this.graph.dispose();
    super.dispose();
  }

  protected override concerns(e: DaemonEvent): boolean {
    return e.topic === 'flows' && e.type === 'flow' && (e.flow as Partial<Flow> | null)?.id === this.id;
  }

  protected override tick(): void {
    const f = this.flow;
    if (!f || flowEnded(f)) return;
    this.tell(f);
    this.graph.tick();
    for (const s of f.steps ?? []) {
      const took = this.rows.get(s.name)?.element.querySelector('.step-time');
      if (took && s.started && !s.ended) took.textContent = lasted(s.started, null);
    }
  }

  protected override show(f: Flow): void {
    const first = this.flow === null;
    this.flow = f;
    const ended = flowEnded(f);
    const may = mayChange.get();
    this.cancel.hidden = ended || !may;
    this.resumption.hidden = (f.state !== 'failed' && f.state !== 'cancelled') || !may;
    this.removal.hidden = !ended || !may;
    this.tell(f);
    // What went wrong is what one has come for.
    if (first) this.chosen = f.steps?.find((s) => s.state === 'failed')?.name ?? null;
    this.place(f.steps ?? []);
    const { activeElement: active } = document;
    const idle = active === document.body || this.element.contains(active);
    this.arrange();
    if (first && idle) this.focus();
  }

  /** The graph with some steps beside it, or the list of all. */
  private arrange(): void {
    const width = this.body.clientWidth;
    if (width === 0) return;
    const room = width >= GRAPH_PX;
    const steps = this.flow?.steps ?? [];
    const graph = room && this.manner === 'graph';
    const held = this.graph.element.contains(document.activeElement);
    press(this.manners, this.manner);
    this.manners.hidden = !room;
    this.graph.element.hidden = !graph;
    this.beside.classList.toggle('beside', graph);
    if (graph) this.graph.show(steps, this.chosen);
    let some = false;
    for (const s of steps) {
      const shown = !graph || s.name === this.chosen || asks(s);
      some ||= shown;
      const element = this.rows.get(s.name)?.element;
      if (element) element.hidden = !shown;
    }
    this.beside.hidden = graph && !some;
    if (held && !graph) this.focus();
  }

  private tell(f: Flow): void {
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
    const shown = JSON.stringify([step, mayChange.get()]);
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
    if (asks(step)) element.append(this.question(step, name));
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
      mayChange.get() ? el('div', { class: 'ask-answer' }, reason, ...buttons) : null,
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
