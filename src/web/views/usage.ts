// What agents used and what it cost: by day as a chart, by model, project and agent. A day, a model, a
// project or an agent that is chosen leaves only its part of everything else, and lists its sessions.

import {
  cacheBySession, usageBy, type CacheRow, type Facet, type Part, type UsageReport, type UsageSum,
} from '../api/usage';
import { button, el, icon, renew, tame } from '../parts/dom';
import { problem } from '../parts/problem';
import { press, segments } from '../parts/segments';
import { dollars, percent, short, tokensOf, written } from '../parts/usage';
import { addCommands } from '../state/commands';
import { go, listOf } from '../state/route';
import { keepChoice, loadChoice, Palette, RANGES, spanOf, type Choice, type Range } from '../state/usage';
import { DayChart } from './usage-days';
import { FacetTable, keyName, SessionTable } from './usage-tables';

const AGAIN_MS = 30_000;
const FACETS = ['model', 'project', 'agent'] as const;

const RANGE_WORDS: Record<Range, string> = {
  7: '7 days', 30: '30 days', 90: '90 days', all: 'All', custom: 'Custom',
};

interface Answer {
  day: UsageReport;
  model: UsageReport;
  project: UsageReport;
  agent: UsageReport;
  session: UsageReport | null;
  names: CacheRow[];
}

addCommands([
  {
    id: 'go.usage', title: 'Usage', group: 'Go to', words: 'cost tokens spend charts models',
    run: () => go(listOf('usage')),
  },
]);

export interface UsageActions {
  back(): void;
  title(text: string): void;
}

export class UsageView {
  readonly element: HTMLElement;
  private readonly ranges: HTMLElement;
  private readonly metrics: HTMLElement;
  private readonly custom = el('div', { class: 'usage-custom', hidden: true });
  private readonly chips = el('div', { class: 'usage-chips', role: 'group', 'aria-label': 'Filters', hidden: true });
  private readonly note = el('p', { class: 'sessions-note', role: 'status' });
  private readonly sums = el('dl', { class: 'usage-sums' });
  private readonly unpriced = el('p', { class: 'usage-unpriced', hidden: true });
  private readonly palette = new Palette();
  private readonly days: DayChart;
  private readonly tables: Record<(typeof FACETS)[number], FacetTable>;
  private readonly sessions = new SessionTable();
  private readonly cards = el('div', { class: 'usage-cards', hidden: true });
  private readonly scroller: HTMLElement;
  private choice: Choice = loadChoice();
  private part: Part = {};
  private answer: Answer | null = null;
  private asking = new AbortController();
  private again = 0;
  private readonly onVisible = (): void => {
    if (document.visibilityState === 'visible') void this.ask();
  };

  constructor(private readonly actions: UsageActions) {
    const choose = (facet: Facet, key: string): void => this.choose(facet, key);
    this.days = new DayChart(this.palette, (day) => choose('day', day));
    const table = (facet: (typeof FACETS)[number]): FacetTable =>
      new FacetTable(facet, this.palette, (key) => choose(facet, key));
    this.tables = { model: table('model'), project: table('project'), agent: table('agent') };
    this.ranges = segments('Range', RANGES.map((r): [Range, string] => [r, RANGE_WORDS[r]]), (range) =>
      this.change({ range }),
    );
    this.metrics = segments('Show', [['cost', 'Cost'], ['tokens', 'Tokens']], (metric) => this.change({ metric }));
    this.custom.append(this.date('since', 'From'), this.date('until', 'To'));
    this.cards.append(
      this.sums, this.unpriced, this.days.element, this.sessions.element,
      ...FACETS.map((f) => this.tables[f].element),
    );
    this.scroller = el('div', { class: 'usage-scroll', tabindex: '0', role: 'document', 'aria-label': 'Usage' }, this.note, this.chips, this.cards);
    const heading = el('h1', { class: 'bar-text' }, el('span', { class: 'bar-name' }, 'Usage'));
    this.element = el(
      'section',
      { class: 'pane usage', 'aria-label': 'Usage' },
      el('header', { class: 'bar' }, heading, el('div', { class: 'usage-tools' }, this.custom, this.ranges, this.metrics)),
      this.scroller,
    );
    this.element.addEventListener('keydown', (e) => this.key(e));
    document.addEventListener('visibilitychange', this.onVisible);
    actions.title('Usage');
    this.change({});
  }

  focus(): void {
    this.scroller.focus({ preventScroll: true });
  }

  dispose(): void {
    clearTimeout(this.again);
    this.asking.abort();
    document.removeEventListener('visibilitychange', this.onVisible);
    this.days.dispose();
    this.element.remove();
  }

  private date(end: 'since' | 'until', label: string): HTMLElement {
    const input = el('input', { type: 'date', name: end, 'aria-label': label, value: this.choice[end] });
    input.addEventListener('change', () => this.change({ [end]: input.value }));
    return input;
  }

  private key(e: KeyboardEvent): void {
    if (e.key !== 'Escape' || e.ctrlKey || e.altKey || e.metaKey || e.isComposing) return;
    if (Object.keys(this.part).length) this.filter({});
    else this.actions.back();
    e.preventDefault();
    e.stopPropagation();
  }

  private change(some: Partial<Choice>): void {
    this.choice = { ...this.choice, ...some };
    keepChoice(this.choice);
    press(this.ranges, this.choice.range);
    press(this.metrics, this.choice.metric);
    this.custom.hidden = this.choice.range !== 'custom';
    if (some.metric && this.answer) this.show(this.answer);
    else this.filter({});
  }

  /** Again: not any more. */
  private choose(facet: Facet, key: string): void {
    const { [facet]: before, ...part } = this.part;
    this.filter(before === key ? part : { ...part, [facet]: key });
  }

  private filter(part: Part): void {
    this.part = part;
    const chips = Object.entries(part).map(([facet, key]) => {
      const name = keyName(facet as Facet, key);
      const chip = button(`${facet}: ${name}`, { class: 'small chip', 'aria-label': `Remove the filter ${facet} ${name}` }, () =>
        this.choose(facet as Facet, key),
      );
      chip.append(icon('close'));
      return chip;
    });
    const had = this.chips.contains(document.activeElement);
    this.chips.replaceChildren(...chips);
    this.chips.hidden = !chips.length;
    if (had) (chips[0] ?? this.scroller).focus({ preventScroll: true });
    void this.ask();
  }

  private async ask(): Promise<void> {
    clearTimeout(this.again);
    this.asking.abort();
    const { signal } = (this.asking = new AbortController());
    try {
      const answer = await this.fetch(signal);
      if (signal.aborted) return;
      this.answer = answer;
      this.show(answer);
    } catch (e) {
      if (signal.aborted) return;
      this.say(problem(e));
    }
    if (document.visibilityState === 'visible') this.again = window.setTimeout(() => void this.ask(), AGAIN_MS);
  }

  /** What is chosen of a kind leaves the others of that kind where they are. */
  private async fetch(signal: AbortSignal): Promise<Answer> {
    const span = spanOf(this.choice);
    const { part } = this;
    const by = (facet: Facet): Promise<UsageReport> => {
      const { [facet]: _, ...rest } = part;
      return usageBy(facet, span, rest, signal);
    };
    const some = Object.keys(part).length > 0;
    const [day, model, project, agent, session, names] = await Promise.all([
      by('day'), by('model'), by('project'), by('agent'),
      some ? by('session') : null,
      some ? cacheBySession(span, signal) : [],
    ]);
    return { day, model, project, agent, session, names };
  }

  private show(answer: Answer): void {
    const { metric } = this.choice;
    const { part } = this;
    const { totals, unpriced_models: unpriced } = answer.session ?? answer.day;
    this.say(answer.day.rows.length || Object.keys(part).length ? '' : 'Nothing was used in this time.');
    this.cards.hidden = !this.note.hidden;
    this.palette.add(
      [...answer.model.rows]
        .sort((a, b) => (b.cost_usd ?? -1) - (a.cost_usd ?? -1) || (tokensOf(b) ?? 0) - (tokensOf(a) ?? 0))
        .map((r) => r.key),
    );
    this.tell(totals);
    this.unpriced.hidden = !unpriced.length;
    this.unpriced.textContent =
      `No price is known for ${unpriced.map((m) => tame(m, 60)).join(', ')}: what that cost is in no sum.`;
    this.days.show(answer.day.rows, spanOf(this.choice), metric, part.day ?? null);
    for (const f of FACETS) this.tables[f].show(answer[f].rows, metric, part[f] ?? null);
    this.sessions.show(answer.session?.rows ?? null, answer.names);
  }

  private tell(u: UsageSum): void {
    const tile = (name: string, value: string | null, note = ''): HTMLElement =>
      el('div', {}, el('dt', {}, name), el('dd', {}, value ?? 'unknown', note ? el('small', {}, note) : null));
    const count = (n: number | null): string | null => (n === null ? null : short(n));
    renew(this.sums, [
      tile('Cost', u.cost_usd === null ? null : dollars(u.cost_usd), u.cost_usd === null ? '' : u.cost_source),
      tile('Input', count(u.input_tokens)),
      tile('Cache read', count(u.cache_read_tokens)),
      tile('Cache write', count(written(u))),
      tile('Output', count(u.output_tokens)),
      tile('Cache hit rate', typeof u.cache_hit_rate === 'number' ? percent(u.cache_hit_rate) : null),
    ]);
  }

  private say(text: string): void {
    this.note.textContent = text;
    this.note.hidden = text === '';
  }
}
