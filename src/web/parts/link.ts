// Links that programs print. What is read on the screen need not be where a link goes, so where
// it goes is shown before it is followed: as the browser writes it, in ASCII, with other
// scripts as punycode and per cent signs, and nothing in it that turns the direction of writing.

import { confirm } from './dialog';
import { notice } from './notice';

const SCHEMES = new Set(['http:', 'https:', 'mailto:']);
const MAX = 2000; // characters that a person could look at

export function target(uri: string): URL | null {
  let url: URL;
  try {
    url = new URL(uri);
  } catch {
    return null;
  }
  return SCHEMES.has(url.protocol) && url.href.length <= MAX ? url : null;
}

export async function openLink(event: MouseEvent, uri: string): Promise<void> {
  event.preventDefault();
  if (document.querySelector('dialog[open]')) return;
  const url = target(uri);
  if (!url) {
    notice('That is no link to a web page or for mail: it is not opened.');
    return;
  }
  const question = url.protocol === 'mailto:' ? 'Write a mail?' : `Open ${url.host}?`;
  if (!(await confirm(question, url.href, 'Open', 'primary'))) return;
  window.open(url.href, '_blank', 'noopener,noreferrer');
}
