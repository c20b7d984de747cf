// The line above a terminal: what it is, and the few things to know and do about it.

import type { Pane } from '../api/http';
import type { Size } from '../api/link';
import { button, el, icon, tame } from '../parts/dom';
import { chime } from '../parts/notify';
import { calmed, rang } from '../state/seen';

export interface BarActions {
  search(): void;
  fit(): void;
  unfit(): void;
  toggleReadOnly(): void;
  title(text: string): void;
}

const HINT_MS = 600; // a resize of one's own takes a moment to come back

/** What to call a pane: the name it was given, else what its program says, else the command. */
export function paneLabel(pane: Pane): string {
  const command = Array.isArray(pane.command) ? pane.command.join(' ') : pane.command;
  return tame(pane.name || pane.title || command || pane.id);
}

export class PaneBar {
  readonly element: HTMLElement;
  private readonly name = el('span', { class: 'bar-name' });
  private readonly sub = el('span', { class: 'bar-title' });
  private readonly bell = el('span', { class: 'bell', role: 'img', 'aria-label': 'Bell', hidden: true });
  private readonly size = el('span', { class: 'hint' });
  private readonly sizeText = el('span');
  private readonly sizeWho = el('span', { class: 'hint-who' });
  private readonly fitButton: HTMLButtonElement;
  private readonly mode: HTMLButtonElement;
  private label: string;
  private fits = false;
  private sizeTimer = 0;
  private rung = false;
  private readonly onVisible = (): void => {
    if (document.visibilityState === 'visible') this.calm();
  };

  constructor(
    private readonly pane: string,
    private readonly actions: BarActions,
  ) {
    this.label = pane;
    this.bell.append(icon('bell'));
    this.fitButton = button('', { class: 'small' }, () => {
      if (this.fits) actions.unfit();
      else actions.fit();
    });
    this.size.append(el('span', {}, this.sizeText, this.sizeWho), this.fitButton);
    this.size.hidden = true;
    this.mode = button('', { class: 'quiet changes', 'aria-pressed': 'false' }, () =>
      actions.toggleReadOnly(),
    );
    this.mode.append(icon('eye'), el('span', {}, 'Read only'));
    const search = button(
      '',
      { class: 'quiet bar-search', 'aria-keyshortcuts': 'Control+Shift+F', title: 'Ctrl+Shift+F' },
      () => actions.search(),
    );
    search.append(icon('search'), el('span', {}, 'Search'));
    this.element = el(
      'header',
      { class: 'bar' },
      el('h1', { class: 'bar-text' }, this.name, this.sub),
      this.bell,
      this.size,
      search,
      this.mode,
      // In the place of the button, for those who cannot choose.
      el('span', { class: 'reader', title: 'This token may only read' }, 'Read only'),
    );
    this.name.textContent = pane;
    document.addEventListener('visibilitychange', this.onVisible);
    this.head();
  }

  info(pane: Pane): void {
    this.label = paneLabel(pane);
    this.name.textContent = this.label;
    if (pane.title) this.title(pane.title);
    this.head();
  }

  title(title: string): void {
    const text = tame(title);
    this.sub.textContent = text === this.label ? '' : text;
    this.head();
  }

  readOnly(on: boolean): void {
    this.mode.setAttribute('aria-pressed', String(on));
  }

  /**
   * `size` null: the pane has the size of this window. `may`: what can be done about its size,
   * have it fit this window or, where it is made to, no more.
   */
  hint(size: Size | null, shared: boolean, may: 'fit' | 'own' | null): void {
    clearTimeout(this.sizeTimer);
    if (!size && may !== 'own') {
      this.size.hidden = true;
      return;
    }
    this.sizeTimer = window.setTimeout(() => {
      this.fits = may === 'own';
      this.sizeText.textContent = size ? `${size.cols}×${size.rows}` : '';
      this.sizeWho.textContent = size && shared ? ', sized by another viewer' : '';
      this.fitButton.textContent = this.fits ? 'Use its own size' : 'Fit to me';
      this.fitButton.hidden = may === null;
      this.size.hidden = false;
    }, HINT_MS);
  }

  ring(): void {
    this.rung = true;
    rang(this.pane);
    chime();
    this.bell.hidden = false;
    this.bell.classList.remove('ringing');
    void this.bell.offsetWidth; // starts the animation over
    this.bell.classList.add('ringing');
    this.head();
  }

  /** Somebody is here and has seen it. */
  calm(): void {
    if (!this.rung) return;
    this.rung = false;
    calmed(this.pane);
    this.bell.hidden = true;
    this.head();
  }

  dispose(): void {
    calmed(this.pane);
    clearTimeout(this.sizeTimer);
    document.removeEventListener('visibilitychange', this.onVisible);
  }

  private head(): void {
    const hidden = document.visibilityState === 'hidden';
    this.actions.title(`${this.rung && hidden ? '● ' : ''}${this.label}`);
  }
}
