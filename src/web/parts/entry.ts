// A row of a list: one link with a title, a state, a line about it and a time.

import { ago, exactly } from './ago';
import { Badge } from './badge';
import { el } from './dom';

export class Entry {
  protected readonly title = el('span', { class: 'session-title' });
  protected readonly badge = new Badge();
  protected readonly about = el('span', { class: 'session-about' });
  protected readonly agent = el('span', { class: 'session-agent' });
  private readonly when = el('time', { class: 'session-when' });
  private readonly link: HTMLAnchorElement;
  readonly element: HTMLElement;

  constructor(href: string) {
    this.link = el(
      'a',
      { class: 'session', href },
      this.title,
      this.badge.element,
      el('span', { class: 'session-sub' }, this.agent, this.about),
      this.when,
    );
    this.element = el('li', {}, this.link);
  }

  focus(): void {
    this.link.focus();
  }

  /** What is not empty, as one line. */
  protected tell(words: (string | false | null)[]): void {
    this.about.textContent = words.filter(Boolean).join(' · ');
  }

  protected at(time: string | null): void {
    this.when.textContent = time ? ago(time) : '';
    this.when.dateTime = time ?? '';
    this.when.title = time ? exactly(time) : '';
  }
}
