// Which tool calls are wanted: of which tool, those that failed, slow ones, with a text.

import type { TraceFilter } from '../api/sessions';
import { button, el, renew, tame } from '../parts/dom';

const SLOW: [ms: number, words: string][] = [
  [0, 'Any duration'],
  [1000, '1 s or longer'],
  [10_000, '10 s or longer'],
  [60_000, '1 min or longer'],
  [600_000, '10 min or longer'],
];

export interface FiltersActions {
  changed(): void;
  /** Something is being typed. */
  typed(): void;
}

export class Filters {
  readonly element: HTMLElement;
  private readonly text = el('input', {
    type: 'search', placeholder: 'Text in the input', 'aria-label': 'Text in the input', spellcheck: 'false',
    autocomplete: 'off',
  });
  private readonly tool = el('select', { 'aria-label': 'Tool' });
  private readonly slow = el('select', { 'aria-label': 'Duration' });
  private readonly failed: HTMLButtonElement;
  private readonly count = el('span', { class: 'trace-found', role: 'status' });
  private names: string[] = [];

  constructor(private readonly actions: FiltersActions) {
    this.failed = button('Errors', { 'aria-pressed': 'false', class: 'trace-errors' }, () => {
      this.press(this.failed.getAttribute('aria-pressed') !== 'true');
      actions.changed();
    });
    this.slow.append(...SLOW.map(([ms, words]) => el('option', { value: String(ms) }, words)));
    this.tools([]);
    this.text.addEventListener('input', () => actions.typed());
    for (const select of [this.tool, this.slow]) {
      select.addEventListener('change', () => actions.changed());
    }
    this.element = el(
      'div',
      { class: 'trace-filters', role: 'search', 'aria-label': 'Tool calls' },
      this.text, this.tool, this.slow, this.failed, this.count,
    );
  }

  value(): TraceFilter {
    return {
      text: this.text.value,
      tool: this.tool.value,
      failed: this.failed.getAttribute('aria-pressed') === 'true',
      min_ms: Number(this.slow.value),
    };
  }

  /** The tools that there are; the chosen one stays. */
  tools(names: string[]): void {
    if (this.names.length && names.join('\n') === this.names.join('\n')) return;
    this.names = names;
    const chosen = this.tool.value;
    const all = chosen && !names.includes(chosen) ? [chosen, ...names] : names;
    renew(this.tool, [
      el('option', { value: '' }, 'All tools'),
      ...all.filter(Boolean).map((n) => el('option', { value: n }, tame(n, 60))),
    ]);
    this.tool.value = chosen;
  }

  /** Once more: all of them. */
  chooseTool(name: string): void {
    this.tool.value = this.tool.value === name ? '' : name;
    this.actions.changed();
  }

  found(n: number | null): void {
    this.count.textContent = n === null ? '' : `${n.toLocaleString('en')} found`;
  }

  reset(): void {
    this.text.value = this.tool.value = '';
    this.slow.value = '0';
    this.press(false);
  }

  /** Escape in the field that has a text. */
  clear(target: EventTarget | null): boolean {
    if (target !== this.text || !this.text.value) return false;
    this.text.value = '';
    this.actions.changed();
    return true;
  }

  private press(on: boolean): void {
    this.failed.setAttribute('aria-pressed', String(on));
  }
}
