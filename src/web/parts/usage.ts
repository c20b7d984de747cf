// Tokens and cost for a person: what is known of them.

import type { Usage } from '../api/sessions';

function short(n: number): string {
  if (n < 1000) return String(n);
  if (n < 999_500) return `${(n / 1000).toPrecision(3).replace(/\.0+$/, '')} k`;
  return `${(n / 1e6).toPrecision(3).replace(/\.0+$/, '')} M`;
}

export function usageWords(u: Usage): [name: string, value: string][] {
  const written =
    u.cache_write_5m_tokens === null && u.cache_write_1h_tokens === null
      ? null
      : (u.cache_write_5m_tokens ?? 0) + (u.cache_write_1h_tokens ?? 0);
  const counts: [string, number | null][] = [
    ['input', u.input_tokens],
    ['cache read', u.cache_read_tokens],
    ['cache write', written],
    ['output', u.output_tokens],
  ];
  const words: [string, string][] = [];
  for (const [name, n] of counts) if (n !== null) words.push([name, short(n)]);
  if (u.cost_usd !== null) {
    const few = u.cost_usd > 0 && u.cost_usd < 0.01;
    words.push(['cost', few ? '< $0.01' : `$${u.cost_usd.toFixed(2)}`]);
  }
  return words;
}
