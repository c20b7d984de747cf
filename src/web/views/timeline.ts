// The turns of a session, one row each: when, what was asked, how long it took on a time axis that
// the rows in view have in common, what was used, and what came of it.

import type { Turn } from '../api/sessions';
import { exactly, took } from '../parts/ago';
import { el, tame } from '../parts/dom';
import { FAILED } from '../parts/item';
import { Rows } from '../parts/rows';
import { thenButton } from '../parts/then';
import { dollars, short, written } from '../parts/usage';
import { Axis, type Fold, type Span } from '../state/axis';
import { go, sessionRoute, toHash } from '../state/route';
import type { Host, Tab } from './tab';

const ALL = 40; // as many turns have one axis; of more, those in view
const PAUSE_MS = 10 * 60_000; // is said
const FOLDS = 4; // are said above the axis
const LEAST = 0.006; // of the axis: how short a bar may be

const clock = (ms: number, day: boolean): string =>
  new Date(ms).toLocaleString(undefined, {
    ...(day && { day: 'numeric', month: 'short' }), hour: '2-digit', minute: '2-digit',
  });
const percent = (n: number): string => `${(n * 100).toFixed(3)}%`;

/** The first line of a prompt. */
export const firstLine = (prompt: string | null, max = 200): string =>
  tame((prompt ?? '').trimStart().split('\n', 1)[0] ?? '', max);

/** How a turn was, in a word; '' where it simply was. */
const fate = (t: Turn): string => {
  if (t.outcome === null) return 'under way';
  return FAILED.includes(t.outcome) ? t.outcome : '';
};

export class Timeline implements Tab {
  readonly element: HTMLElement;
  private readonly note = el('p', { class: 'timeline-note', role: 'status', hidden: true });
  private readonly folds = el('div', { class: 'timeline-folds', 'aria-hidden': 'true' });
  private readonly range = el('div', { class: 'timeline-range', 'aria-hidden': 'true' });
  private readonly rows: Rows<Turn>;
  private turns: readonly Turn[] = [];
  private spans: (Span | null)[] = [];
  private axis = new Axis([]);
  private axisOf = '';
  private wanted: number | null = null;
  private placed = false;
  private readonly unwatch: () => void;
  private readonly asking = new AbortController();

  constructor(private readonly host: Host) {
    this.rows = new Rows<Turn>('Turns', {
      item: (i) => this.turns[i],
      row: (turn, i) => this.row(turn, i),
      open: (turn) => go(sessionRoute(host.id, null, `n${turn.turn}`)),
      shown: (first, last) => this.drawAxis(first, last),
    });
    this.element = el(
      'div',
      { class: 'timeline' },
      el('div', { class: 'timeline-head' }, this.range, this.folds),
      this.note,
      this.rows.element,
    );
    this.unwatch = host.turns.list.watch(({ turns, total, whole }) => {
      if (whole) this.update(turns);
      this.note.hidden = whole && total === turns.length && total > 0;
      this.note.textContent = !whole
        ? total ? `Reading turns: ${turns.length} of ${total}` : 'Reading turns'
        : total ? `The first ${turns.length} of ${total} turns` : 'No turn has begun yet.';
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
  }

  turn(): number | null {
    return this.rows.atEnd() ? null : (this.turns[this.rows.first()]?.turn ?? null);
  }

  refresh(): Promise<void> {
    return this.host.turns.refresh();
  }

  jump(end: boolean): void {
    this.rows.jump(end);
  }

  dispose(): void {
    this.asking.abort();
    this.unwatch();
    this.rows.dispose();
  }

  private async goTo(at: string): Promise<void> {
    if (at.startsWith('n')) this.wanted = Number(at.slice(1));
    else {
      // The turn of a message or of a call.
      const place = await this.host.ask(
        (signal) => this.host.place(at, signal),
        this.asking.signal,
      );
      this.wanted = place?.turn ?? null;
    }
    this.seek();
  }

  private seek(): void {
    const i = this.turns.findIndex((t) => t.turn === this.wanted);
    if (i < 0) return;
    this.wanted = null;
    this.placed = true;
    this.rows.goTo(i);
  }

  private update(turns: readonly Turn[]): void {
    this.turns = turns;
    const last = Date.parse(this.host.session()?.updated ?? '');
    this.spans = turns.map((t, i) => spanOf(t, turns[i + 1], last));
    this.axisOf = '';
    this.rows.update(turns.length);
    if (this.wanted !== null) this.seek();
    else if (!this.placed && turns.length) {
      this.placed = true;
      this.rows.jump(true);
    }
  }

  /* The axis. */

  private drawAxis(first: number, last: number): void {
    const [from, to] = this.turns.length <= ALL ? [0, this.turns.length - 1] : [first, last];
    const name = `${from} ${to}`;
    if (name !== this.axisOf) {
      this.axisOf = name;
      const spans = this.spans.slice(from, to + 1).filter((s) => s !== null);
      this.axis = new Axis(spans);
      this.drawHead(spans);
    }
    for (const [turn, element] of this.rows.drawn()) this.place(turn, element);
  }

  private drawHead(spans: Span[]): void {
    const first = spans[0];
    if (!first) return this.range.replaceChildren();
    const end = spans.reduce((latest, s) => Math.max(latest, s.to), first.to);
    const days = new Date(first.from).toDateString() !== new Date(end).toDateString();
    this.range.replaceChildren(
      el('span', {}, clock(first.from, days)),
      el('span', {}, clock(end, days)),
    );
    const longest = [...this.axis.folds].sort((a, b) => b.ms - a.ms).slice(0, FOLDS);
    this.folds.replaceChildren(...this.axis.folds.map((f) => fold(f, longest.includes(f))));
  }

  private place(turn: Turn, element: HTMLElement): void {
    const span = this.spans[this.turns.indexOf(turn)];
    const bar = element.querySelector<HTMLElement>('.turn-bar');
    if (!bar || !span) return;
    const left = Math.min(1 - LEAST, this.axis.at(span.from));
    const width = Math.max(LEAST, this.axis.at(span.to) - left);
    bar.style.left = percent(left);
    bar.style.width = percent(width);
    const label = bar.nextElementSibling as HTMLElement | null;
    if (!label) return;
    // Behind the bar, or before it where there is more room.
    const behind = left + width < 0.7;
    label.style.left = behind ? percent(left + width) : '';
    label.style.right = behind ? '' : percent(1 - left);
  }

  /* Rows. */

  private row(t: Turn, i: number): HTMLElement {
    const span = this.spans[i];
    const before = this.spans[i - 1];
    const pause = span && before ? span.from - before.to : 0;
    const out = fate(t);
    const took_ms = t.duration_ms ?? (span && t.outcome === null ? span.to - span.from : null);
    const prompt = firstLine(t.prompt) || '(no prompt)';
    const to = toHash(sessionRoute(this.host.id, null, `n${t.turn}`));
    const pane = this.host.session()?.pane ?? t.pane;
    return el(
      'div',
      { class: 'turn', 'data-outcome': t.outcome ?? 'open' },
      el('span', { class: 'turn-number' }, String(t.turn)),
      el(
        'span',
        { class: 'turn-when', title: t.started ? exactly(t.started) : '' },
        el('time', {}, span ? clock(span.from, false) : ''),
        el('span', { class: 'turn-pause' }, pause >= PAUSE_MS ? `after ${took(pause)}` : ''),
      ),
      el(
        'span',
        { class: 'turn-what' },
        el('a', { class: 'turn-prompt', href: to, tabindex: '-1' }, prompt),
        el('span', { class: 'turn-about' }, ...about(t, out)),
      ),
      el(
        'span',
        { class: 'turn-track' },
        el('span', { class: 'turn-bar' }),
        el('span', { class: 'turn-took' }, took_ms === null ? '' : took(took_ms)),
      ),
      el('span', { class: 'turn-tokens' }, ...tokens(t)),
      el('span', { class: 'turn-cost' }, t.cost_usd === null ? '' : dollars(t.cost_usd)),
      el('span', { class: 'turn-then' }, pane ? thenButton(pane, t.started, t.first_line) : null),
    );
  }
}

/** From its start to its end; of one without, to the next one's start, or to what was heard last. */
function spanOf(t: Turn, next: Turn | undefined, last: number): Span | null {
  const from = Date.parse(t.started ?? '');
  if (Number.isNaN(from)) return null;
  const ends = [
    Date.parse(t.ended ?? ''),
    t.duration_ms === null ? NaN : from + t.duration_ms,
    Date.parse(next?.started ?? ''),
    last,
  ];
  return { from, to: Math.max(from, ends.find((e) => !Number.isNaN(e)) ?? from) };
}

function about(t: Turn, out: string): HTMLElement[] {
  const tools = t.tools ? `${t.tools} call${t.tools === 1 ? '' : 's'}` : null;
  const parts = [el('span', {}, tools ?? '')];
  if (t.tools_failed) parts.push(el('span', { class: 'turn-bad' }, `${t.tools_failed} failed`));
  if (out) {
    const title = t.error ? tame(t.error, 300) : '';
    parts.push(el('span', { class: out === 'under way' ? 'turn-open' : 'turn-bad', title }, out));
  }
  if (t.model) parts.push(el('span', {}, tame(t.model, 60)));
  return parts.filter((e) => e.textContent);
}

function tokens(t: Turn): HTMLElement[] {
  const count = (n: number | null, name: string): HTMLElement | null =>
    n === null ? null : el('span', {}, el('b', {}, short(n)), ` ${name}`);
  const put = written(t);
  const input = t.input_tokens === null ? null : t.input_tokens + (put ?? 0);
  return [count(input, 'in'), count(t.output_tokens, 'out'), count(t.cache_read_tokens, 'cached')].filter(
    (e) => e !== null,
  );
}

function fold(f: Fold, said: boolean): HTMLElement {
  const e = el('span', { class: 'timeline-fold', title: `${took(f.ms)} without a turn` }, said ? took(f.ms) : '');
  e.style.left = percent(f.at);
  return e;
}
