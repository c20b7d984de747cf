// What an agent asks for before it uses a tool, as a box with two answers.

import type { Permission } from '../api/talks';
import { button, el, tame } from './dom';
import { pretty } from './item';
import { longText } from './longtext';

/** A click that was meant for what was there before is no answer. */
const STEADY_MS = 400;

export class PermissionBox {
  readonly element: HTMLElement;
  private readonly left = el('span', { class: 'ask-left', 'aria-hidden': 'true' }); // it changes each second
  private readonly word = el('input', {
    type: 'text',
    'aria-label': 'A word to the agent',
    placeholder: 'A word to the agent',
    maxlength: '1000',
    autocomplete: 'off',
  });
  private readonly buttons: HTMLButtonElement[];
  private steady = 0;
  private busy = false;

  /** `may`: the person may answer. `answer` resolves to false if it was not taken. */
  constructor(
    private readonly asked: Permission,
    may: boolean,
    private readonly answer: (allow: boolean, word: string) => Promise<boolean>,
  ) {
    const tool = tame(asked.tool, 80) || 'a tool';
    this.buttons = [
      button('Allow', { class: 'primary' }, () => void this.say(true)),
      button('Deny', { class: 'danger' }, () => void this.say(false)),
    ];
    const input = JSON.stringify(asked.input ?? null);
    this.element = el(
      'div',
      { class: 'ask', role: 'group', 'aria-label': `Permission for ${tool}` },
      el('div', { class: 'ask-head' }, el('strong', {}, `May it use ${tool}?`), this.left),
      longText(pretty(input), undefined, () => Promise.resolve(null)),
      may ? el('div', { class: 'ask-answer' }, this.word, ...this.buttons) : null,
    );
    this.tick();
    this.moved();
  }

  /** It is somewhere else in the page now. */
  moved(): void {
    clearTimeout(this.steady);
    this.able(false);
    this.steady = window.setTimeout(() => this.able(!this.busy), STEADY_MS);
  }

  /** Once a second. */
  tick(): void {
    const s = Math.ceil((Date.parse(this.asked.expires) - Date.now()) / 1000);
    if (Number.isNaN(s)) return;
    const clock = `${Math.floor(Math.max(0, s) / 60)}:${String(Math.max(0, s) % 60).padStart(2, '0')}`;
    this.left.textContent = `${clock} left`;
  }

  private async say(allow: boolean): Promise<void> {
    if (this.buttons[0]?.getAttribute('aria-disabled') === 'true') return;
    this.busy = true;
    this.able(false);
    this.busy = await this.answer(allow, this.word.value.trim());
    this.able(!this.busy);
  }

  /** They keep a focus that they have. */
  private able(on: boolean): void {
    for (const b of this.buttons) b.setAttribute('aria-disabled', String(!on));
  }
}
