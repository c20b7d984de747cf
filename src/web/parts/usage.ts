// Tokens and cost for a person: what is known of them.

import type { Usage } from '../api/sessions';

export function short(n: number): string {
  if (n < 1000) return String(n);
  if (n < 999_500) return `${(n / 1000).toPrecision(3).replace(/\.0+$/, '')} k`;
  return `${(n / 1e6).toPrecision(3).replace(/\.0+$/, '')} M`;
}

export const written = (u: Usage): number | null =>
  u.cache_write_5m_tokens === null && u.cache_write_1h_tokens === null
    ? null
    : (u.cache_write_5m_tokens ?? 0) + (u.cache_write_1h_tokens ?? 0);

export function dollars(usd: number): string {
  if (usd > 0 && usd < 0.01) return '< $0.01';
  const digits = usd < 1000 ? 2 : 0;
  return `$${usd.toLocaleString('en', { minimumFractionDigits: digits, maximumFractionDigits: digits })}`;
}

export const percent = (part: number): string => `${(part * 100).toFixed(1)} %`;

/** All of them; null where none is known. */
export function tokensOf(u: Usage): number | null {
  const all = [
    u.input_tokens, u.cache_read_tokens, u.cache_write_5m_tokens, u.cache_write_1h_tokens, u.output_tokens,
  ].filter((n): n is number => n !== null);
  return all.length ? all.reduce((sum, n) => sum + n, 0) : null;
}

export function usageWords(u: Usage): [name: string, value: string][] {
  const counts: [string, number | null][] = [
    ['input', u.input_tokens],
    ['cache read', u.cache_read_tokens],
    ['cache write', written(u)],
    ['output', u.output_tokens],
  ];
  const words: [string, string][] = [];
  for (const [name, n] of counts) if (n !== null) words.push([name, short(n)]);
  if (u.cost_usd !== null) words.push(['cost', dollars(u.cost_usd)]);
  return words;
}
