// What a person has chosen for this browser. Kept in its local storage; where that is not to be had,
// or holds something else, the defaults are.

import { SETTINGS_KEY as KEY, store, stored } from './stored';
import { Value } from './value';

export { store, stored };

export interface Settings {
  scheme: 'system' | 'light' | 'dark';
  /** An xterm.js theme of the user's as JSON text; '' for the page's own. */
  theme: string;
  /** Of the terminals, in pixels; 0: as fits the device. */
  fontSize: number;
  /** The screen-reader mode of xterm.js. */
  reader: boolean;
  /** Programs may copy to the clipboard (OSC 52); they never read it. */
  copies: boolean;
  /** Notifications of the system when something waits, fires or ends. */
  notify: boolean;
  /** A sound with them. */
  sound: boolean;
}

const DEFAULTS: Settings = {
  scheme: 'system', theme: '', fontSize: 0, reader: false, copies: true, notify: false, sound: false,
};

function load(): Settings {
  const read = (stored(KEY) ?? {}) as Record<string, unknown>;
  const known = Object.entries(DEFAULTS).map(([name, value]) => [
    name,
    typeof read[name] === typeof value ? read[name] : value,
  ]);
  return Object.fromEntries(known) as Settings;
}

export const settings = new Value<Settings>(load());

export function change(some: Partial<Settings>): void {
  settings.set({ ...settings.get(), ...some });
  store(KEY, settings.get());
}

/** As in a browser that has never been here. */
export function reset(): void {
  change(DEFAULTS);
}

// Another tab has changed them.
window.addEventListener('storage', (e) => {
  if (e.key === KEY) settings.set(load());
});
