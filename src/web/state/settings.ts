// What a person has chosen for this browser. Kept in its local storage; where that is not to be had,
// or holds something else, the defaults are.

import { Value } from './value';

export interface Settings {
  scheme: 'system' | 'light' | 'dark';
  /** An xterm.js theme of the user's as JSON text; '' for the page's own. */
  theme: string;
  /** Of the terminals, in pixels; 0: as fits the device. */
  fontSize: number;
  /** The screen-reader mode of xterm.js. */
  reader: boolean;
  /** Notifications of the system when something waits, fires or ends. */
  notify: boolean;
  /** A sound with them. */
  sound: boolean;
}

const KEY = 'panescry.settings';

const DEFAULTS: Settings = {
  scheme: 'system', theme: '', fontSize: 0, reader: false, notify: false, sound: false,
};

function load(): Settings {
  const read = (stored(KEY) ?? {}) as Record<string, unknown>;
  const known = Object.entries(DEFAULTS).map(([name, value]) => [
    name,
    typeof read[name] === typeof value ? read[name] : value,
  ]);
  return Object.fromEntries(known) as Settings;
}

const storage = (own: boolean): Storage => (own ? sessionStorage : localStorage);

/** A value from the local storage, or what this tab has of its own, parsed; null if there is none. */
export function stored(key: string, own = false): unknown {
  try {
    return JSON.parse(storage(own).getItem(key) ?? 'null');
  } catch {
    return null;
  }
}

/** Not kept where storage is off or full. */
export function store(key: string, value: unknown, own = false): void {
  try {
    storage(own).setItem(key, JSON.stringify(value));
  } catch {
    // the page goes on without
  }
}

export const settings = new Value<Settings>(load());

export function change(some: Partial<Settings>): void {
  settings.set({ ...settings.get(), ...some });
  store(KEY, settings.get());
}

// Another tab has changed them.
window.addEventListener('storage', (e) => {
  if (e.key === KEY) settings.set(load());
});
