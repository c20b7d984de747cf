// The title of the page: that of what has the focus.

import { Value } from './value';

/** Without the page's name; '' where nothing is shown. */
export const title = new Value('');

function write(): void {
  const text = title.get();
  document.title = text ? `${text} – panescry` : 'panescry';
}

title.watch(write);
