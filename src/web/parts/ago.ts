// Moments for a person: how long ago, and exactly.

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
