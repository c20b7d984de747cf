// One thing on the stage, a job or a flow: what it is and what can be done about it. It is asked for
// when an event tells of it, and every few seconds, as long as somebody can see it.

import type { DaemonEvent } from '../api/events';
import { ApiError } from '../api/http';
import { ago, exactly } from '../parts/ago';
import { Badge } from '../parts/badge';
import { button, el, icon, renew } from '../parts/dom';
import { attempt, problem } from '../parts/problem';
import { mayChange } from '../state/access';
import { eventsUp, onEvent } from '../state/events';

const AGAIN_MS = 2000;
const CALM_MS = 10_000; // where events tell of what happens
const HINT_MS = 100; // several events are one reason to ask; more where the answers take long
const HINT_MOST_MS = 1500;
const TICK_MS = 1000;

const seen = (): boolean => document.visibilityState === 'visible';

export interface OneActions {
  back(): void;
  title(text: string): void;
}

export interface OneKind {
  /** Of the section, for who does not see it. */
  label: string;
  /** "job" */
  noun: string;
  /** Where Escape goes. */
  back: string;
}

type Sum = [name: string, value: string];

/** A field with something in it, which is not to be lost. */
const holdsText = (e: EventTarget | null): boolean =>
  (e instanceof HTMLInputElement || e instanceof HTMLTextAreaElement) && e.value !== '';

export abstract class OneView<T> {
  readonly element: HTMLElement;
  protected readonly body = el('div', { class: 'one-body' });
  protected readonly buttons = el('div', { class: 'one-buttons' });
  protected gone = false;
  private readonly title = el('span', { class: 'bar-name' });
  private readonly badge = new Badge();
  private readonly facts = el('div', { class: 'transcript-facts' });
  private readonly sums = el('dl', { class: 'transcript-sums' });
  private readonly note = el('p', { class: 'history-note', role: 'status', hidden: true });
  private readonly asking = new AbortController();
  private again = 0;
  private hint = 0;
  private busy = false;
  private more = false;
  private took = 0; // the last question, in ms
  private readonly ticker: number;
  private readonly ears: (() => void)[];
  private readonly onVisible = (): void => {
    if (seen()) void this.follow();
  };

  constructor(
    private readonly kind: OneKind,
    id: string,
    private readonly host: OneActions,
    private readonly ask: (signal: AbortSignal) => Promise<T>,
  ) {
    const back = button('', { class: 'quiet', 'aria-label': kind.back, title: 'Esc' }, () =>
      this.host.back(),
    );
    back.append(icon('back'));
    this.title.textContent = id;
    host.title(id);
    this.element = el(
      'section',
      { class: 'pane transcript one', 'aria-label': kind.label },
      el('header', { class: 'bar' }, back, el('h1', { class: 'bar-text' }, this.title), this.buttons),
      el('div', { class: 'transcript-head' }, this.badge.element, this.facts, this.sums),
      this.note,
      this.body,
    );
    this.element.addEventListener('keydown', (e) => {
      if (e.isComposing || e.ctrlKey || e.altKey || e.metaKey || e.shiftKey) return;
      if (e.key !== 'Escape' || e.defaultPrevented) return;
      if (holdsText(e.target)) this.rest();
      else this.host.back();
      e.preventDefault();
      e.stopPropagation();
    });
    document.addEventListener('visibilitychange', this.onVisible);
    this.ticker = window.setInterval(() => {
      if (seen()) this.tick();
    }, TICK_MS);
    this.ears = [
      onEvent((e) => {
        if (e.type === 'reset' || this.concerns(e)) this.soon();
      }),
      mayChange.watch(() => this.soon()), // what is offered depends on it
    ];
    void this.follow();
  }

  focus(): void {
    this.rest();
  }

  /** What is typed goes to this cell. */
  protected get current(): boolean {
    return this.element.closest('.cell[data-focused]') !== null;
  }

  /** Where keys scroll. */
  protected rest(): void {
    this.element.querySelector<HTMLElement>('.one-body [tabindex="0"]')?.focus({ preventScroll: true });
  }

  dispose(): void {
    clearTimeout(this.again);
    clearTimeout(this.hint);
    clearInterval(this.ticker);
    for (const stop of this.ears) stop();
    this.asking.abort();
    document.removeEventListener('visibilitychange', this.onVisible);
    this.element.remove();
  }

  protected abstract show(item: T): void;

  /** Does something about it, and looks what came of it. */
  protected async act(what: () => Promise<unknown>): Promise<boolean> {
    const done = (await attempt(async () => (await what(), true))) === true;
    void this.follow();
    return done;
  }

  /** Whether an event tells of a change of it. */
  protected abstract concerns(e: DaemonEvent): boolean;

  /** Each second: times that go on. */
  protected abstract tick(): void;

  /** All that it shows is told by events. */
  protected get calm(): boolean {
    return true;
  }

  private soon(): void {
    if (this.hint || this.gone || !seen()) return;
    this.hint = window.setTimeout(() => {
      this.hint = 0;
      void this.follow();
    }, Math.min(HINT_MS + 3 * this.took, HINT_MOST_MS));
  }

  /** Asks now; while an answer is under way, once more after it. */
  protected async follow(): Promise<void> {
    clearTimeout(this.again);
    this.more = this.busy;
    if (this.busy) return;
    this.busy = true;
    do {
      this.more = false;
      await this.look();
    } while (this.more && !this.asking.signal.aborted);
    this.busy = false;
    if (this.gone || this.asking.signal.aborted || !seen()) return;
    clearTimeout(this.again);
    this.again = window.setTimeout(() => void this.follow(), eventsUp.get() && this.calm ? CALM_MS : AGAIN_MS);
  }

  private async look(): Promise<void> {
    const { signal } = this.asking;
    const begin = performance.now();
    try {
      const item = await this.ask(signal);
      if (signal.aborted) return;
      this.took = performance.now() - begin;
      this.note.hidden = true;
      this.show(item);
    } catch (e) {
      if (signal.aborted) return;
      if (!(e instanceof ApiError)) throw e;
      this.gone = e.status === 404;
      this.note.textContent = this.gone ? `There is no such ${this.kind.noun}.` : problem(e);
      this.note.hidden = false;
    }
  }

  protected head(title: string, state: string, facts: (Node | string)[], sums: Sum[]): void {
    if (this.title.textContent !== title) this.title.textContent = title;
    this.title.title = title;
    this.host.title(title);
    this.badge.show(state);
    renew(this.facts, facts.map((f) => el('span', {}, f)));
    renew(this.sums, sums.map(([n, v]) => el('div', {}, el('dt', {}, n), el('dd', {}, v))));
  }
}

export const link = (to: string, text: string): HTMLElement => el('a', { href: to }, text);

export const since = (time: string): HTMLElement =>
  el('time', { title: exactly(time) }, ago(time) === 'now' ? 'now' : `${ago(time)} ago`);
