// What a session has used, turn by turn: tokens, how much came from the cache, and what it cost; of
// many turns, several in one bar.

import type { Turn } from '../api/sessions';
import { Bars, type Chart } from '../parts/bars';
import { el } from '../parts/dom';
import { dollars, short, written } from '../parts/usage';
import { go, sessionRoute } from '../state/route';
import type { Host, Tab } from './tab';

const BARS = 160;

/** Turns that are one bar. */
type Group = readonly Turn[];

const sum = (group: Group, of: (t: Turn) => number | null): number | null =>
  group.reduce<number | null>((all, t) => {
    const n = of(t);
    return n === null ? all : (all ?? 0) + n;
  }, null);

function hits(group: Group): number | null {
  const read = sum(group, (t) => (t.input_tokens === null ? null : t.cache_read_tokens));
  const all = sum(group, (t) =>
    t.input_tokens === null || t.cache_read_tokens === null
      ? null
      : t.input_tokens + t.cache_read_tokens + (written(t) ?? 0),
  );
  const [one] = group;
  if (group.length === 1 && one) return one.cache_hit_rate;
  return read === null || !all ? null : read / all;
}

function charts(groups: Group[]): Chart[] {
  const of = (get: (t: Turn) => number | null) => (i: number) => sum(groups[i] ?? [], get);
  return [
    {
      title: 'Tokens', words: short, sum: true,
      series: [
        { name: 'cache read', kind: 'read', value: of((t) => t.cache_read_tokens) },
        { name: 'cache write', kind: 'write', value: of(written) },
        { name: 'input', kind: 'input', value: of((t) => t.input_tokens) },
        { name: 'output', kind: 'output', value: of((t) => t.output_tokens) },
      ],
    },
    {
      title: 'Cache hit rate', words: (n) => `${(n * 100).toFixed(n < 1 ? 1 : 0)} %`, most: 1,
      series: [{ name: 'hit rate', kind: 'hits', value: (i) => hits(groups[i] ?? []) }],
    },
    {
      title: 'Cost', words: dollars, sum: true,
      series: [{ name: 'cost', kind: 'cost', value: of((t) => t.cost_usd) }],
    },
  ];
}

export class Tokens implements Tab {
  readonly element: HTMLElement;
  private readonly note = el('p', { class: 'timeline-note', role: 'status', hidden: true });
  private readonly bars = new Bars('Tokens and cost of each turn');
  private readonly table = el('details', { class: 'tokens-table' }, el('summary', {}, 'As a table'));
  private readonly each = el('p', { class: 'tokens-each' });
  private readonly unwatch: () => void;

  constructor(private readonly host: Host) {
    this.element = el('div', { class: 'tokens', tabindex: '0', role: 'group', 'aria-label': 'Tokens' },
      this.note, this.each, this.bars.element, this.table);
    this.table.addEventListener('toggle', () => this.fill());
    this.unwatch = host.turns.list.watch(({ turns, total, whole }) => {
      if (whole) this.draw(turns);
      this.note.hidden = whole && total > 0;
      this.note.textContent = whole ? 'No turn has begun yet.' : 'Reading turns';
    });
  }

  focus(): void {
    this.bars.element.focus({ preventScroll: true });
  }

  // All of it is in view, or nearly.
  show(): void {}
  hide(): void {}
  turn(): null {
    return null;
  }

  refresh(): Promise<void> {
    return this.host.turns.refresh();
  }

  dispose(): void {
    this.unwatch();
  }

  private draw(turns: readonly Turn[]): void {
    const many = Math.max(1, Math.ceil(turns.length / BARS));
    const groups: Group[] = [];
    for (let i = 0; i < turns.length; i += many) groups.push(turns.slice(i, i + many));
    this.bars.element.hidden = this.table.hidden = !groups.length;
    this.each.textContent = many > 1 ? `Each bar is ${many} turns.` : '';
    this.bars.draw(charts(groups), {
      count: groups.length,
      name: (i) => {
        const [first, last] = [groups[i]?.[0]?.turn ?? 0, groups[i]?.at(-1)?.turn ?? 0];
        return first === last ? `Turn ${first}` : `Turns ${first}–${last}`;
      },
      chosen: (i) => go(sessionRoute(this.host.id, null, `n${groups[i]?.[0]?.turn ?? 1}`)),
    });
    this.fill();
  }

  /** Made when somebody wants it. */
  private fill(): void {
    this.table.querySelector('.tools-box')?.remove();
    if (!this.table.open) return;
    const box = { class: 'tools-box', tabindex: '0', role: 'group', 'aria-label': 'Tokens as a table' };
    this.table.append(el('div', box, this.bars.table()));
  }
}
