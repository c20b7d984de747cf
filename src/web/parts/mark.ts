// What a row of the tree is up to, as a small picture: its shape says it as well as its colour.

import { el } from './dom';

/** The gravest first. */
const MARKS = {
  permission: { words: 'waits for permission', path: 'M6 1.2L11 10.6H1zM6 4.6v2.6M6 8.9v.1' },
  input: { words: 'waits for input', path: 'M1.5 2h9v6h-4.5L3.5 10.2V8h-2zM4 5h.1M6 5h.1M8 5h.1' },
  failed: { words: 'failed', path: 'M2.5 2.5l7 7M9.5 2.5l-7 7' },
  fired: { words: 'a watch has fired', path: 'M7 .8L2.5 6.8h3L5 11.2l4.5-6h-3z' },
  bell: { words: 'the bell has rung', path: 'M2 8.6C3 7.6 3 6.6 3 5.2a3 3 0 0 1 6 0c0 1.4 0 2.4 1 3.4zM5 10.6h2' },
  working: { words: 'working', path: 'M6 1.5A4.5 4.5 0 1 1 1.5 6' },
  running: { words: 'running', path: 'M6 3.2a2.8 2.8 0 1 0 0 5.6a2.8 2.8 0 1 0 0-5.6z' },
  queued: { words: 'queued', path: 'M6 1.8a4.2 4.2 0 1 0 0 8.4a4.2 4.2 0 1 0 0-8.4zM6 3.8V6l1.6 1' },
  exited: { words: 'ended', path: 'M6 3.2a2.8 2.8 0 1 0 0 5.6a2.8 2.8 0 1 0 0-5.6z' },
  none: { words: '', path: '' },
} as const;

export type Mark = keyof typeof MARKS;

const ORDER = Object.keys(MARKS) as Mark[];

export const graver = (a: Mark, b: Mark): Mark => (ORDER.indexOf(a) <= ORDER.indexOf(b) ? a : b);

export const markWords = (mark: Mark): string => MARKS[mark].words;

const NS = 'http://www.w3.org/2000/svg';

export class MarkSign {
  private readonly path = document.createElementNS(NS, 'path');
  readonly element = el('span', { class: 'mark', 'aria-hidden': 'true' }); // the row says it in words
  private shown: Mark | null = null;

  constructor() {
    const svg = document.createElementNS(NS, 'svg');
    svg.setAttribute('viewBox', '0 0 12 12');
    svg.append(this.path);
    this.element.append(svg);
  }

  show(mark: Mark): void {
    if (mark === this.shown) return;
    this.shown = mark;
    const { words, path } = MARKS[mark];
    this.element.hidden = mark === 'none';
    this.element.dataset.mark = mark;
    this.element.title = words;
    this.path.setAttribute('d', path);
  }
}
