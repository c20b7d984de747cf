// Where the page starts.

import '@xterm/xterm/css/xterm.css';
import 'uplot/dist/uPlot.min.css';
import './app.css';
import './css/grid.css';
import './css/palette.css';
import './css/side.css';
import './css/session.css';
import './css/search.css';
import './css/look.css';
import './css/graph.css';
import './css/usage.css';
import { startAccess } from './state/access';
import { pace } from './parts/pace';
import { skipButton } from './parts/skip';
import { toHash } from './state/route';
import { ownPane } from './api/http';
import { Alone } from './views/alone';
import { App } from './views/app';

const root = document.getElementById('app');
if (!root) throw new Error('the page has no #app');
document.body.prepend(skipButton());
const own = ownPane();
const app = own === null ? new App(root) : new Alone(root, own);
startAccess();

/**
 * For tests and for looking into things from the console: what the terminal of the focused cell
 * shows, how its link is, and what the cells show. It hands out copies; nothing can be changed through it.
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
    get pace() {
      return pace();
    },
    get link() {
      return app.terminal?.link.state.kind ?? null;
    },
    get cells() {
      const { grid } = app instanceof App ? app : { grid: null };
      return (grid?.all ?? []).map((cell) => ({
        route: toHash(cell.route),
        focused: cell === grid?.current,
        link: cell.screen?.link.state.kind ?? null,
      }));
    },
  }),
});
