// The page of one pane, at p/PANE/, or of serve --ttyd: its terminal has the window, and there is nowhere else to go.

import { isTtyd } from '../api/http';
import { el } from '../parts/dom';
import { paneList, startPolling } from '../state/panes';
import { parseHash } from '../state/route';
import { title } from '../state/title';
import { followViewport } from './app';
import type { Screen } from './cell';
import { PaneView } from './pane';

export class Alone {
  private readonly body = el('div', { class: 'cell-body' });
  private view: PaneView | null = null;

  constructor(root: HTMLElement, private readonly pane: string) {
    const cell = el('div', { class: 'cell', role: 'group', 'aria-label': 'Cell', 'data-focused': true }, this.body);
    const layout = el('div', { class: 'layout', 'data-sidebar': 'closed' }, el('main', { class: 'stage' }, cell));
    cell.style.inset = '0';
    root.replaceChildren(layout);
    followViewport(layout);
    this.show(parseHash(location.hash).readOnly);
    paneList.watch(() => this.tell());
    if (!isTtyd) startPolling();
  }

  get terminal(): Screen | null {
    return this.view;
  }

  private show(readOnly: boolean): void {
    this.view?.dispose();
    this.view = new PaneView(this.body, this.pane, readOnly, {
      go: (to) => this.show(to.readOnly),
      title: (text) => title.set(text),
      search: () => undefined,
    });
    this.tell();
    this.view.focus();
  }

  /** It may be called by its name here. */
  private tell(): void {
    const { pane } = this;
    this.view?.info(paneList.get().panes.find((p) => p.id === pane || p.name === pane));
  }
}
