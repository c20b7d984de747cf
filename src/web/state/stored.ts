// Values in the browser's local storage, or in what a tab has of its own, as JSON.

/** Of the settings; read before all else by early.ts. */
export const SETTINGS_KEY = 'panescry.settings';

const storage = (own: boolean): Storage => (own ? sessionStorage : localStorage);

/** Parsed; null if there is none, or none to be had. `own`: of this tab alone. */
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
