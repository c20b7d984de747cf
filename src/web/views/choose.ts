// What an empty cell offers: a new pane, the panes that no cell shows, what agents and jobs did
// last, and once more what another cell shows.

import { listJobs } from '../api/jobs';
import { listSessions } from '../api/sessions';
import type { Pane } from '../api/http';
import { button, el, icon, renew } from '../parts/dom';
import { whenWhole } from '../state/access';
import { paneList } from '../state/panes';
import { jobHash, sessionHash, toHash, type Route } from '../state/route';
import { jobEntry, paneEntry, sessionEntry, type Entry } from './entries';

const PANES = 30;
const RECENT = 4;

export interface ChooserActions {
  /** A new pane in this cell. */
  start(): void;
  /** It is not wanted after all; false: it has to stay. */
  close(): boolean;
  /** What other cells show. */
  others(): Route[];
}

function row(href: string, { dot, title, detail }: Entry): HTMLElement {
  return el(
    'li',
    {},
    el(
      'a',
      { class: 'choose-row', href },
      el('span', { class: `dot ${dot ?? ''}` }),
      el('span', { class: 'choose-name' }, title),
      el('span', { class: 'choose-detail' }, detail),
    ),
  );
}

const paneRow = (p: Pane): HTMLElement =>
  row(toHash({ pane: p.id, readOnly: false }), paneEntry(p));

class Part {
  private readonly list = el('ul', {});
  readonly element: HTMLElement;

  constructor(name: string) {
    this.list.setAttribute('aria-label', name);
    this.element = el('section', { hidden: true }, el('h2', {}, name), this.list);
  }

  fill(rows: HTMLElement[]): void {
    renew(this.list, rows);
    this.element.hidden = !rows.length;
  }
}

export class Chooser {
  readonly element: HTMLElement;
  private readonly panes = new Part('Panes');
  private readonly sessions = new Part('Recent sessions');
  private readonly jobs = new Part('Recent jobs');
  private readonly again = new Part('Once more, beside the other');
  private readonly start: HTMLButtonElement;
  private readonly asking = new AbortController();
  private readonly forget: () => void;

  constructor(private readonly actions: ChooserActions) {
    this.start = button('New pane', { class: 'primary changes whole' }, () => actions.start());
    this.start.prepend(icon('plus'));
    this.element = el(
      'section',
      { class: 'pane choose', 'aria-label': 'Choose what to show' },
      el('header', { class: 'bar' }, el('h1', { class: 'bar-text' }, el('span', { class: 'bar-name' }, 'Choose'))),
      el(
        'div',
        { class: 'choose-scroll' },
        el('div', { class: 'choose-head' }, this.start, el('span', { class: 'choose-hint' }, '↑ ↓ choose, Ctrl+K finds all')),
        this.panes.element,
        this.sessions.element,
        this.jobs.element,
        this.again.element,
      ),
    );
    this.element.addEventListener('keydown', (e) => this.key(e));
    const waits = whenWhole(() => void this.recent());
    const forget = paneList.watch(() => this.list());
    this.forget = () => (waits(), forget());
  }

  focus(): void {
    if (!matchMedia('(pointer: coarse)').matches) this.start.focus({ preventScroll: true });
  }

  dispose(): void {
    this.forget();
    this.asking.abort();
    this.element.remove();
  }

  private list(): void {
    const shown = new Set(this.actions.others().map((r) => r.pane));
    const { panes } = paneList.get();
    this.panes.fill(panes.filter((p) => !shown.has(p.id)).slice(0, PANES).map(paneRow));
    this.again.fill(panes.filter((p) => shown.has(p.id)).map(paneRow));
  }

  private async recent(): Promise<void> {
    const { signal } = this.asking;
    const [sessions, jobs] = await Promise.allSettled([
      listSessions({ text: '', agent: '' }, RECENT, 0, signal),
      listJobs({ text: '', state: '' }, RECENT, null, signal),
    ]);
    if (signal.aborted) return;
    if (sessions.status === 'fulfilled') {
      const { data } = sessions.value;
      this.sessions.fill(data.map((s) => row(sessionHash(String(s.id)), sessionEntry(s))));
    }
    if (jobs.status === 'fulfilled') {
      this.jobs.fill(jobs.value.jobs.map((j) => row(jobHash(j.id), jobEntry(j))));
    }
  }

  private key(e: KeyboardEvent): void {
    if (e.isComposing || e.ctrlKey || e.altKey || e.metaKey || e.shiftKey) return;
    const all = [...this.element.querySelectorAll<HTMLElement>('.choose-scroll button, .choose-scroll a')];
    const at = all.indexOf(document.activeElement as HTMLElement);
    const moves: Record<string, number> = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: all.length - 1 };
    const to = moves[e.key];
    if (to !== undefined) all[Math.max(0, Math.min(all.length - 1, to))]?.focus();
    else if (e.key !== 'Escape' || !this.actions.close()) return;
    e.preventDefault();
    e.stopPropagation();
  }
}
