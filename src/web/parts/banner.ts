// The strip above a terminal that says why it stands still, and what can be done about it.

import type { LinkState } from '../api/link';
import { button, el } from './dom';

/** A connection that is back by then was hardly lost. */
const GRACE_MS = 400;

export interface BannerActions {
  reconnect(): void;
  remove(): void;
}

export class Banner {
  readonly element = el('div', { class: 'banner', role: 'status', hidden: true });
  private readonly text = el('span', { class: 'banner-text' });
  // Not read out: it changes each second.
  private readonly countdown = el('span', { class: 'banner-count', 'aria-hidden': 'true' });
  private readonly note = el('span', { class: 'banner-note' });
  private readonly retry: HTMLButtonElement;
  private readonly removal: HTMLButtonElement;
  private ticker = 0;
  private reveal = 0;

  /** `anew`: what has ended can be had again. */
  constructor(actions: BannerActions, private readonly anew = false) {
    this.retry = button('Reconnect now', { class: 'small' }, () => actions.reconnect());
    this.removal = button('Remove', { class: 'small changes' }, () => actions.remove());
    this.element.append(this.text, this.countdown, this.note, this.retry, this.removal);
  }

  /** `first` while nothing has been shown yet: a quick first connection needs no words. */
  show(state: LinkState, first: boolean): void {
    clearInterval(this.ticker);
    const quiet = state.kind === 'online' || (state.kind === 'connecting' && first);
    const brief = state.kind === 'waiting' || state.kind === 'connecting';
    if (quiet || !brief) {
      clearTimeout(this.reveal);
      this.reveal = 0;
      this.element.hidden = quiet;
    } else if (this.element.hidden && !this.reveal) {
      this.reveal = window.setTimeout(() => (this.element.hidden = false), GRACE_MS);
    }
    this.element.dataset.state = state.kind;
    const ended = state.kind === 'ended';
    this.retry.hidden = state.kind !== 'waiting' && state.kind !== 'unauthorised' && !(ended && this.anew);
    this.removal.hidden = !ended || this.anew;
    if (quiet || state.kind === 'ended' || state.kind === 'gone') this.note.textContent = '';
    this.text.textContent = this.words(state);
    this.countdown.textContent = '';
    if (state.kind !== 'waiting') return;
    const count = (): void => {
      const s = Math.max(0, Math.ceil((state.retryAt - Date.now()) / 1000));
      this.countdown.textContent = `Trying again in ${s} s.`;
    };
    count();
    this.ticker = window.setInterval(count, 250);
  }

  /** Somebody typed into a terminal that is not connected. */
  lost(): void {
    if (!this.element.hidden) this.note.textContent = 'What you type now is not sent.';
  }

  dispose(): void {
    clearInterval(this.ticker);
    clearTimeout(this.reveal);
  }

  private words(state: LinkState): string {
    switch (state.kind) {
      case 'online':
        return '';
      case 'connecting':
        return 'Connecting…';
      case 'waiting':
        return 'Disconnected.';
      case 'unauthorised':
        return 'This browser has no access, or no more: run “panescry token” and open the link that it prints.';
      case 'gone':
        return 'This pane does not exist any more.';
      case 'ended':
        return state.status === null ? 'Ended.' : `Ended with status ${state.status}.`;
    }
  }
}
