// A line at the foot of the page that goes away by itself, with at most one thing to do.

import { button, el } from './dom';

const SHOWN_MS = 8000;

const region = el('div', { class: 'notices', role: 'status', 'aria-live': 'polite' });

export function notice(text: string, action?: { label: string; run: () => void }): void {
  if (!region.isConnected) document.body.append(region);
  const line = el('div', { class: 'notice' }, el('span', {}, text));
  if (action) {
    line.append(
      button(action.label, { class: 'small' }, () => {
        line.remove();
        action.run();
      }),
    );
  }
  region.replaceChildren(line);
  window.setTimeout(() => line.remove(), SHOWN_MS);
}
