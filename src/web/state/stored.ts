// Values in the browser's local storage, as JSON.

/** Of the settings; read before all else by early.ts. */
export const SETTINGS_KEY = 'panescry.settings';

/** Parsed; null if there is none, or none to be had. */
export function stored(key: string): unknown {
  try {
    return JSON.parse(localStorage.getItem(key) ?? 'null');
  } catch {
    return null;
  }
}

/** Not kept where storage is off or full. */
export function store(key: string, value: unknown): void {
  try {
    localStorage.setItem(key, JSON.stringify(value));
  } catch {
    // the page goes on without
  }
}
