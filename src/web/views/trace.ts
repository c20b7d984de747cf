// The tool calls of a session: each a row with how long it took, grouped by turn, those that went
// wrong marked. Filters go over the whole session, as does what is said of each tool. Rows are fetched
// as they come into view; the chosen one is shown beside them.

import { toolStats, tracesLike, type Tool, type ToolStats, type TraceFilter } from '../api/sessions';
import { took } from '../parts/ago';
import { debounce, el, tame } from '../parts/dom';
import { brief, FAILED } from '../parts/item';
import { Rows } from '../parts/rows';
import { CallDetails } from './call';
import { Filters } from './filters';
import type { Host, Tab } from './tab';
import { firstLine } from './timeline';
import { SubAgents, ToolTable } from './tools';

const PAGE = 100;
const PAGES = 12; // that are kept
const TYPED_MS = 200;
const STATS_MS = 2000; // statistics are not asked for more often

export class Trace implements Tab {
  readonly element: HTMLElement;
  private readonly filters: Filters;
  private readonly table: ToolTable;
  private readonly rows: Rows<Tool>;
  private readonly details: CallDetails;
  private readonly subs: SubAgents;
  private readonly group = el('div', { class: 'trace-group' });
  private readonly empty = el('p', { class: 'sessions-note', hidden: true });
  private readonly pages = new Map<number, Tool[]>(); // by number, that asked for last last
  private readonly under = new Set<number>();
  private stats: ToolStats | null = null;
  private statsAt = -Infinity;
  private total = 0;
  private known = false;
  private turnsRead = false;
  private chosen: number | null = null; // the id of a call
  private asking = new AbortController();

  constructor(private readonly host: Host) {
    const typed = debounce(TYPED_MS, () => this.filtered());
    this.filters = new Filters({ changed: () => this.filtered(), typed });
    this.table = new ToolTable(host.id, (tool) => this.filters.chooseTool(tool));
    this.subs = new SubAgents(host);
    this.details = new CallDetails(host, () => this.close());
    this.rows = new Rows<Tool>('Tool calls', {
      item: (i) => this.item(i),
      row: (tool, i) => this.row(tool, i),
      open: (tool) => this.open(tool),
      shown: (first, last) => this.shown(first, last),
    });
    this.element = el(
      'div',
      { class: 'trace' },
      el(
        'div',
        { class: 'trace-head' },
        this.filters.element,
        this.table.element,
        this.subs.element,
      ),
      el(
        'div',
        { class: 'trace-work' },
        el('div', { class: 'trace-list' }, this.group, this.empty, this.rows.element),
        this.details.element,
      ),
    );
    this.element.addEventListener('keydown', (e) => {
      if (e.key !== 'Escape' || e.ctrlKey || e.altKey || e.metaKey) return;
      if (this.chosen === null && !this.filters.clear(e.target)) return;
      if (this.chosen !== null) this.close();
      e.preventDefault();
      e.stopPropagation();
    });
  }

  focus(): void {
    this.rows.focus();
  }

  hide(): void {
    this.rows.hide();
  }

  show(at: string | undefined): void {
    this.rows.show();
    if (at) void this.goTo(at);
    else if (!this.known) void this.begin(true);
  }

  turn(): number | null {
    return this.rows.atEnd() ? null : (this.item(this.rows.first())?.turn ?? null);
  }

  async refresh(): Promise<void> {
    if (!this.known) return;
    await Promise.all([this.ask(Math.max(0, Math.ceil(this.total / PAGE) - 1)), this.again(), this.ofTools()]);
    const turn = this.item(this.total - 1)?.turn ?? null;
    if (this.turnsRead && (turn === null || this.host.turns.get(turn))) return;
    this.turnsRead = true;
    void this.host.turns.refresh().then(() => this.rows.redraw());
  }

  jump(end: boolean): void {
    this.rows.jump(end);
  }

  dispose(): void {
    this.asking.abort();
    this.rows.dispose();
    this.details.dispose();
  }

  /* What is asked for. */

  private filtered(): void {
    void this.begin(true);
  }

  private async begin(end: boolean, near = 0): Promise<void> {
    this.asking.abort();
    this.asking = new AbortController();
    this.under.clear();
    this.pages.clear();
    this.known = false;
    void this.ofTools();
    if (!(await this.ask(Math.floor(near / PAGE)))) return;
    this.known = true;
    this.rows.update(this.total);
    if (end) this.rows.jump(true);
    else this.rows.goTo(near);
  }

  /** A page of them. */
  private async ask(page: number): Promise<boolean> {
    if (this.under.has(page)) return false;
    this.under.add(page);
    const filter = this.filters.value();
    const { signal } = this.asking;
    const got = await this.host.ask(
      (s) => tracesLike(this.host.id, filter, { limit: PAGE, offset: page * PAGE }, s),
      signal,
    );
    if (signal.aborted) return false;
    this.under.delete(page);
    if (!got) return false;
    const before = this.pages.get(page);
    this.pages.delete(page);
    // Those that have not changed are the same objects, and stay what they are in the page.
    this.pages.set(page, got.data.map((tool, i) => (same(before?.[i], tool) ? (before?.[i] ?? tool) : tool)));
    for (const old of this.pages.keys()) {
      if (this.pages.size <= PAGES) break;
      this.pages.delete(old);
    }
    this.total = got.total;
    if (this.known) this.rows.update(this.total);
    this.said(filter);
    return true;
  }

  /** Pages with calls that were under way. */
  private async again(): Promise<void> {
    const open = [...this.pages].filter(([, tools]) => tools.some((t) => t.outcome === null));
    for (const [page] of open.slice(-2)) await this.ask(page);
  }

  private async ofTools(): Promise<void> {
    if (performance.now() - this.statsAt < STATS_MS) return;
    this.statsAt = performance.now();
    const stats = await this.host.ask((s) => toolStats(this.host.id, s), this.asking.signal);
    if (!stats) {
      this.statsAt = -Infinity;
      return;
    }
    const scale = this.stats?.all.max_ms !== stats.all.max_ms;
    this.stats = stats;
    void this.subs.refresh(this.asking.signal);
    this.table.show(stats, this.filters.value().tool);
    this.filters.tools(stats.tools.map((t) => t.name ?? ''));
    if (scale) this.rows.redraw();
  }

  private said(filter: TraceFilter): void {
    const some = filter.tool !== '' || filter.text !== '' || filter.failed || filter.min_ms > 0;
    this.filters.found(some ? this.total : null);
    this.empty.hidden = this.total > 0;
    this.empty.textContent = some ? 'No call is like that.' : 'No tool has been called yet.';
    this.table.chosen(filter.tool);
  }

  private item(i: number): Tool | undefined {
    return this.pages.get(Math.floor(i / PAGE))?.[i % PAGE];
  }

  private shown(first: number, last: number): void {
    if (this.known) {
      for (let p = Math.floor(first / PAGE); p <= Math.floor(last / PAGE); p++) {
        const want = Math.min(PAGE, this.total - p * PAGE);
        if ((this.pages.get(p)?.length ?? 0) < want) void this.ask(p);
      }
    }
    this.group.replaceChildren(...this.groupOf(this.item(first)));
  }

  /* Places. */

  private async goTo(at: string): Promise<void> {
    const { signal } = this.asking;
    const place = await this.host.ask((s) => this.host.place(at, s), signal);
    if (!place) {
      if (!this.known && !signal.aborted) void this.begin(true);
      return;
    }
    this.filters.reset(); // it is to be there
    await this.begin(false, place.traces);
    const tool = at.startsWith('t') ? this.item(place.traces) : undefined;
    if (tool) this.open(tool);
  }

  private open(tool: Tool): void {
    this.chosen = tool.id;
    this.element.dataset.details = 'open';
    for (const [t, e] of this.rows.drawn()) e.setAttribute('aria-current', String(t.id === this.chosen));
    void this.details.show(tool);
  }

  private close(): void {
    this.chosen = null;
    delete this.element.dataset.details;
    for (const [, e] of this.rows.drawn()) e.setAttribute('aria-current', 'false');
    this.details.clear();
    this.rows.focus();
  }

  /* Rows. */

  private groupOf(tool: Tool | undefined): Node[] {
    if (!tool) return [];
    if (tool.turn === null) return [el('b', {}, 'Before the first turn')];
    const turn = this.host.turns.get(tool.turn);
    const parts: Node[] = [el('b', {}, `Turn ${tool.turn}`)];
    if (turn) {
      parts.push(el('span', { class: 'trace-prompt' }, firstLine(turn.prompt)));
      const calls = `${turn.tools} call${turn.tools === 1 ? '' : 's'}`;
      parts.push(el('span', { class: 'trace-count' }, calls));
      if (turn.tools_failed) parts.push(el('span', { class: 'turn-bad' }, `${turn.tools_failed} failed`));
    }
    return parts;
  }

  private row(t: Tool, i: number): HTMLElement {
    const outcome = t.outcome ?? 'running';
    const begins = i === 0 || this.item(i - 1)?.turn !== t.turn;
    const bad = FAILED.includes(outcome);
    const time = t.started === null ? NaN : Date.parse(t.started);
    const bar = el('span', { class: 'call-bar' });
    bar.style.width = `${(this.part(t.latency_ms) * 100).toFixed(2)}%`;
    return el(
      'div',
      {
        class: begins ? 'call begins' : 'call',
        'data-outcome': outcome,
        'data-id': String(t.id),
        'aria-current': String(t.id === this.chosen),
      },
      el('span', { class: 'call-turn', title: begins && t.turn !== null ? firstLine(this.host.turns.get(t.turn)?.prompt ?? null) : '' }, begins && t.turn !== null ? String(t.turn) : ''),
      el('span', { class: 'tool-dot', 'aria-hidden': 'true' }),
      el('span', { class: 'call-name' }, tame(t.name ?? '', 80) || 'tool'),
      el('span', { class: 'call-input' }, brief(t.input ?? '')),
      el('span', { class: 'call-fate' }, bad || t.outcome === null ? outcome : ''),
      el('span', { class: 'call-track' }, bar),
      el('span', { class: 'call-took' }, t.latency_ms === null ? '' : took(t.latency_ms)),
      el('time', { class: 'call-time' }, Number.isNaN(time) ? '' : new Date(time).toLocaleTimeString()),
    );
  }

  /**
   * Of the longest of the session, by the square root: short ones are still told apart, and the bars
   * stay as they are while one scrolls.
   */
  private part(ms: number | null): number {
    const most = this.stats?.all.max_ms ?? 0;
    return ms === null || most <= 0 ? 0 : Math.max(0.01, Math.min(1, Math.sqrt(ms / most)));
  }
}

const same = (a: Tool | undefined, b: Tool): boolean => a !== undefined && JSON.stringify(a) === JSON.stringify(b);
