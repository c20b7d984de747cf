// The bell in the sidebar's head, and the list of notices that it opens.

import { ago, exactly } from '../parts/ago';
import { button, el, icon } from '../parts/dom';
import { mayNotify } from '../parts/notify';
import { addCommands } from '../state/commands';
import { clearNotices, notices, read, type Notice } from '../state/notices';
import { settings } from '../state/settings';
import { unread } from '../state/title';
import { follow, notifyOn } from './notifications';

export class Bell {
  readonly element: HTMLButtonElement;
  private readonly count = el('span', { class: 'bell-count', 'aria-hidden': 'true', hidden: true });
  private readonly list = el('ol', { class: 'notice-list' });
  private readonly none = el('p', { class: 'notice-none' }, 'Nothing yet. Agents that begin to wait, watches that fire, and jobs and flows that end or ask are told here.');
  private readonly clear: HTMLButtonElement;
  private readonly ask: HTMLButtonElement;
  private readonly panel: HTMLElement;
  private readonly onDown = (e: PointerEvent): void => {
    const at = e.target as Node;
    if (!this.panel.contains(at) && !this.element.contains(at)) this.close(false);
  };

  /** `left` when a notice was followed. */
  constructor(private readonly left: () => void) {
    this.element = button('', { class: 'quiet bell-button', 'aria-expanded': 'false', 'aria-haspopup': 'dialog' }, () =>
      this.panel.isConnected ? this.close() : this.open(),
    );
    this.element.append(icon('bell'), this.count);
    this.clear = button('Clear', { class: 'small' }, () => {
      clearNotices();
      this.panel.focus();
    });
    this.ask = button('Notify me on this computer', { class: 'small' }, () => void notifyOn());
    this.panel = el(
      'div',
      { class: 'notice-panel', role: 'dialog', 'aria-label': 'Notices', tabindex: '-1' },
      el('div', { class: 'notice-head' }, el('h2', {}, 'Notices'), this.clear),
      el('div', { class: 'notice-scroll' }, el('div', { role: 'log', 'aria-label': 'Latest' }, this.list), this.none),
      el('div', { class: 'notice-foot' }, this.ask),
    );
    this.panel.addEventListener('keydown', (e) => this.key(e));
    unread.watch((n) => this.counted(n));
    notices.watch(() => this.fill());
    settings.watch(() => this.fill());
    addCommands([{ id: 'notices.show', title: 'Show notices', group: 'Notices', words: 'bell log', run: () => this.open() }]);
  }

  private counted(n: number): void {
    this.count.hidden = n === 0;
    this.count.textContent = n > 99 ? '99+' : String(n);
    this.element.setAttribute('aria-label', n ? `Notices, ${n} new` : 'Notices');
    document.documentElement.toggleAttribute('data-unread', n > 0);
  }

  private open(): void {
    if (this.panel.isConnected) return;
    document.body.append(this.panel);
    this.element.setAttribute('aria-expanded', 'true');
    this.fill();
    document.addEventListener('pointerdown', this.onDown, { capture: true });
    (this.list.querySelector('a') ?? this.panel).focus();
  }

  /** All of it has been looked at then. */
  private close(focus = true): void {
    this.panel.remove();
    this.element.setAttribute('aria-expanded', 'false');
    document.removeEventListener('pointerdown', this.onDown, { capture: true });
    read(() => true);
    if (focus) this.element.focus();
  }

  private fill(): void {
    if (!this.panel.isConnected) return;
    const all = notices.get();
    const rows = new Map([...this.list.children].map((e) => [(e as HTMLElement).dataset.key, e]));
    const wanted = all.map((n) => rows.get(keyOf(n)) ?? this.row(n));
    const focused = this.list.contains(document.activeElement);
    wanted.forEach((e, i) => {
      if (this.list.children[i] !== e) this.list.insertBefore(e, this.list.children[i] ?? null);
    });
    for (const old of [...this.list.children].slice(wanted.length)) old.remove();
    if (focused && !this.list.contains(document.activeElement)) this.panel.focus();
    this.none.hidden = all.length > 0;
    this.clear.hidden = all.length === 0;
    this.ask.hidden = mayNotify();
  }

  private row(n: Notice): HTMLElement {
    const time = new Date(n.time).toISOString();
    const link = el(
      'a',
      { class: 'notice-row', href: n.to, 'data-kind': n.kind },
      el('span', { class: 'notice-title' }, n.title),
      el('time', { class: 'notice-time', datetime: time, title: exactly(time) }, ago(time)),
      el('span', { class: 'notice-text' }, n.text),
    );
    link.classList.toggle('unread', n.unread);
    link.addEventListener('click', (e) => {
      e.preventDefault();
      this.close(false);
      follow(n);
      this.left();
    });
    return el('li', { 'data-key': keyOf(n) }, link);
  }

  private key(e: KeyboardEvent): void {
    const links = [...this.list.querySelectorAll('a')];
    const i = links.findIndex((l) => l === document.activeElement);
    const to: Record<string, HTMLElement | undefined> = {
      ArrowDown: links[i + 1], ArrowUp: links[i - 1], Home: links[0], End: links[links.length - 1],
    };
    if (e.key === 'Escape') this.close();
    else if (e.key in to) to[e.key]?.focus();
    else return;
    e.preventDefault();
    e.stopPropagation();
  }
}

const keyOf = (n: Notice): string => `${n.id} ${n.unread}`;
