// Moments for a person: how long ago, and exactly; and how long something took.

export function ago(time: string, now = Date.now()): string {
  const then = Date.parse(time);
  if (Number.isNaN(then)) return '';
  const s = Math.max(0, (now - then) / 1000);
  if (s < 2) return 'now';
  if (s < 60) return `${Math.floor(s)} s`;
  if (s < 3600) return `${Math.floor(s / 60)} min`;
  if (s < 86_400) return `${Math.floor(s / 3600)} h`;
  if (s < 7 * 86_400) return `${Math.floor(s / 86_400)} d`;
  return new Date(then).toLocaleDateString(undefined, { day: 'numeric', month: 'short' });
}

export function exactly(time: string): string {
  const then = new Date(time);
  if (Number.isNaN(then.getTime())) return '';
  return then.toLocaleString(undefined, { dateStyle: 'medium', timeStyle: 'medium' });
}

export function took(ms: number): string {
  if (ms < 1000) return `${Math.round(ms)} ms`;
  if (ms < 60_000) return `${(ms / 1000).toFixed(1)} s`;
  const s = Math.round(ms / 1000);
  return s < 3600 ? `${Math.floor(s / 60)} min ${s % 60} s` : `${(s / 3600).toFixed(1)} h`;
}

/** From a moment to another, or till now. */
export function lasted(begin: string | null, end: string | null): string {
  const ms = (end ? Date.parse(end) : Date.now()) - Date.parse(begin ?? '');
  return Number.isNaN(ms) ? '' : took(Math.max(0, ms));
}
