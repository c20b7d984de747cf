// Whether the system is to show notices, with what the browser says to that.

import { el } from '../parts/dom';
import { toggle } from '../parts/fields';
import { change, settings } from '../state/settings';

const WORDS: Record<NotificationPermission | 'none', string> = {
  granted: 'The browser allows them.',
  default: 'The browser will ask you.',
  denied: 'The browser refuses them: allow them for this page in its own settings.',
  none: 'This browser has none for this page; they need HTTPS or a local address.',
};

const permission = (): NotificationPermission | 'none' =>
  'Notification' in window && isSecureContext ? Notification.permission : 'none';

export class NoticeFields {
  readonly element: HTMLElement;
  private readonly state = el('p', { class: 'field-state', role: 'status' });
  private readonly notify = toggle(
    'Notifications',
    'When a pane or an agent waits, a watch fires or a job ends.',
    (on) => void this.turn(on),
  );
  private readonly sound = toggle('Sound', 'A short one with each of them.', (on) =>
    change({ sound: on }),
  );

  constructor() {
    this.element = el('div', { class: 'fields' }, this.notify.element, this.state, this.sound.element);
  }

  /** Until the returned function is called. */
  start(): () => void {
    return settings.watch(() => this.show());
  }

  private show(): void {
    this.notify.show(settings.get().notify && permission() === 'granted');
    this.sound.show(settings.get().sound);
    this.state.textContent = WORDS[permission()];
    this.state.dataset.permission = permission();
  }

  private async turn(on: boolean): Promise<void> {
    if (on && permission() === 'default') await Notification.requestPermission();
    change({ notify: on && permission() === 'granted' });
    this.show(); // also where it stays off
  }
}
