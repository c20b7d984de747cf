// The clipboard: copying for the person, and OSC 52 for programs, which may write but never
// read. A read gets no answer at all, not even an empty one: an answer is typed into the
// program, and one that does not wait for it would take it for keys.

import { ClipboardAddon, type IClipboardProvider } from '@xterm/addon-clipboard';
import type { Terminal } from '@xterm/xterm';

const COPY_MAX = 1024 * 1024; // characters that a program may copy at once

export async function copyText(text: string): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return copyByCommand(text);
  }
}

/** Plain http on another host is no secure context and has no navigator.clipboard. */
function copyByCommand(text: string): boolean {
  const before = document.activeElement;
  const area = document.createElement('textarea');
  area.value = text;
  area.className = 'offscreen';
  document.body.append(area);
  area.select();
  let done = false;
  try {
    done = document.execCommand('copy');
  } catch {
    done = false;
  }
  area.remove();
  if (before instanceof HTMLElement) before.focus();
  return done;
}

export interface ProgramCopies {
  /** The person lets programs copy. */
  allowed(): boolean;
  /** Output that is being replayed copied to the clipboard when it was new. */
  replaying(): boolean;
  /** The browser wants a person's click first. */
  refused(text: string): void;
}

export function loadClipboard(term: Terminal, copies: ProgramCopies): void {
  const provider: IClipboardProvider = {
    readText: () => '',
    writeText: (selection: string, text: string) => {
      // tmux leaves the selection empty; "p" alone is X11's and no clipboard.
      if (selection !== '' && !selection.includes('c')) return;
      if (!text || text.length > COPY_MAX || !copies.allowed() || copies.replaying()) return;
      // Not awaited: xterm.js would stop parsing until the browser has made up its mind.
      navigator.clipboard?.writeText(text).catch(() => copies.refused(text));
      if (!navigator.clipboard) copies.refused(text);
    },
  };
  term.loadAddon(new ClipboardAddon(undefined, provider));
  // Registered later, so asked first.
  term.parser.registerOscHandler(52, (data) => data.split(';')[1] === '?');
}
