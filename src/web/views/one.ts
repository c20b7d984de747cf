// One thing on the stage, a job or a flow: what it is, what can be done about it, and asked for
// every two seconds while somebody can see it.

import { ApiError } from '../api/http';
import { ago, exactly } from '../parts/ago';
import { Badge } from '../parts/badge';
import { button, el, icon, renew } from '../parts/dom';
import { attempt, problem } from '../parts/problem';

const AGAIN_MS = 2000;

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
  private readonly onVisible = (): void => {
    if (document.visibilityState === 'visible') void this.follow();
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
  private rest(): void {
    this.element.querySelector<HTMLElement>('.one-body [tabindex="0"]')?.focus({ preventScroll: true });
  }

  dispose(): void {
    clearTimeout(this.again);
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

  protected async follow(): Promise<void> {
    clearTimeout(this.again);
    const { signal } = this.asking;
    try {
      const item = await this.ask(signal);
      if (signal.aborted) return;
      this.note.hidden = true;
      this.show(item);
    } catch (e) {
      if (signal.aborted) return;
      if (!(e instanceof ApiError)) throw e;
      this.gone = e.status === 404;
      this.note.textContent = this.gone ? `There is no such ${this.kind.noun}.` : problem(e);
      this.note.hidden = false;
    }
    if (this.gone || document.visibilityState !== 'visible') return;
    clearTimeout(this.again);
    this.again = window.setTimeout(() => void this.follow(), AGAIN_MS);
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
