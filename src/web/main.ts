// Where the page starts.

import '@xterm/xterm/css/xterm.css';
import './app.css';
import './css/look.css';
import { skipButton } from './parts/skip';
import { startEvents } from './state/events';
import { App } from './views/app';

const root = document.getElementById('app');
if (!root) throw new Error('the page has no #app');
document.body.prepend(skipButton());
const app = new App(root);
startEvents();

/**
 * For tests and for looking into things from the console: what the terminal shows, and how its
 * link is. It hands out copies; nothing can be changed through it.
 */
Object.defineProperty(window, 'panescry', {
  value: Object.freeze({
    get screen() {
      const term = app.terminal?.terminal.term;
      if (!term) return null;
      const buffer = term.buffer.active;
      const lines: string[] = [];
      for (let i = 0; i < buffer.length; i++) {
        lines.push(buffer.getLine(i)?.translateToString(true) ?? '');
      }
      const { cols, rows } = term;
      return { cols, rows, lines, top: buffer.viewportY, alternate: buffer.type === 'alternate' };
    },
    get link() {
      return app.terminal?.link.state.kind ?? null;
    },
  }),
});
