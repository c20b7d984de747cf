// The title of the page: that of what has the focus, and how much nobody has looked at.

import { Value } from './value';

/** Without the page's name; '' where nothing is shown. */
export const title = new Value('');

/** Notices that were not looked at. */
export const unread = new Value(0);

function write(): void {
  const text = title.get();
  const n = unread.get();
  document.title = `${n > 0 ? `(${n}) ` : ''}${text ? `${text} – panescry` : 'panescry'}`;
}

/** The icon of the installed page, where there is one. */
function badge(n: number): void {
  const done = n > 0 ? navigator.setAppBadge?.(n) : navigator.clearAppBadge?.();
  done?.catch(() => undefined);
}

title.watch(write);
unread.watch(write);
unread.watch(badge);
