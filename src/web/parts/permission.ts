// What an agent asks for before it uses a tool, as a box with two answers.

import type { Permission } from '../api/talks';
import { button, el, tame } from './dom';
import { pretty } from './item';
import { longText } from './longtext';

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

  /** `answer` resolves to false if it was not taken. */
  constructor(
    private readonly asked: Permission,
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
      el('div', { class: 'ask-answer' }, this.word, ...this.buttons),
    );
    this.tick();
  }

  /** Once a second. */
  tick(): void {
    const s = Math.ceil((Date.parse(this.asked.expires) - Date.now()) / 1000);
    if (Number.isNaN(s)) return;
    const clock = `${Math.floor(Math.max(0, s) / 60)}:${String(Math.max(0, s) % 60).padStart(2, '0')}`;
    this.left.textContent = `${clock} left`;
  }

  private async say(allow: boolean): Promise<void> {
    for (const b of this.buttons) b.disabled = true;
    if (await this.answer(allow, this.word.value.trim())) return;
    for (const b of this.buttons) b.disabled = false;
  }
}
