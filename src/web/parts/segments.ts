// One of several, as buttons in a row.

import { button, el } from './dom';

export function segments<T extends string>(label: string, words: [T, string][], choose: (v: T) => void): HTMLElement {
  const buttons = words.map(([value, text]) =>
    button(text, { class: 'segment', 'data-value': value, 'aria-pressed': 'false' }, () => choose(value)),
  );
  return el('div', { class: 'segments', role: 'group', 'aria-label': label }, ...buttons);
}

export function press(group: HTMLElement, value: string): void {
  for (const b of group.querySelectorAll('button')) b.setAttribute('aria-pressed', String(b.dataset.value === value));
}
