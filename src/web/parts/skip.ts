// The first thing that Tab comes to: over the list and the bars, to what the page is for.

import { button } from './dom';

/** The terminal that has the page's attention; without one, the main area. */
function target(): HTMLElement | null {
  const input = '.xterm-helper-textarea';
  return (
    document.querySelector<HTMLElement>(`main [data-focused] ${input}`) ??
    document.querySelector<HTMLElement>(`main ${input}`) ??
    document.querySelector<HTMLElement>('main')
  );
}

export function skipButton(): HTMLButtonElement {
  return button('Skip to the terminal', { class: 'skip' }, () => {
    const to = target();
    if (to?.matches('main')) to.tabIndex = -1;
    to?.focus();
  });
}
