// One cell of the grid: it shows what a route names. One that cannot be seen sleeps: it knows its
// route, and has no view and no connection.

import type { AnyLink } from '../api/link';
import { button, el, icon, tame } from '../parts/dom';
import type { PaneTerminal } from '../parts/terminal';
import { paneList } from '../state/panes';
import { spansAt } from '../state/places';
import { isPane, listOf, type Route } from '../state/route';
import { sameThing } from '../state/grid';
import { Value } from '../state/value';
import { paneLabel } from './bar';
import { ArchiveView } from './archive';
import { Chooser } from './choose';
import { FlowView } from './flow';
import { flowsView } from './flows';
import { JobView } from './job';
import { jobsView } from './jobs';
import type { ListView } from './list';
import { PaneView } from './pane';
import { SessionView } from './session';
import { sessionsView } from './sessions';
import { UsageView } from './usage';

/** A terminal and its link: a pane's, or that of a job's channel. */
export interface Screen {
  terminal: PaneTerminal;
  link: AnyLink;
}

/** What a cell shows. */
interface View {
  readonly element: HTMLElement;
  focus(): void;
  dispose(): void;
  readonly screen?: Screen | null;
  /** Another place of the same thing; false: it has to be made anew. */
  moveTo?(to: Route): boolean;
}

export interface CellActions {
  search(): void;
  /** Another thing in this cell. */
  go(cell: Cell, to: Route): void;
  split(cell: Cell, row: boolean): void;
  /** False: it is the only one. */
  close(cell: Cell): boolean;
  /** A new pane in this cell. */
  start(cell: Cell): void;
  /** What other cells show. */
  others(cell: Cell): Route[];
}

const makeLists = (leave: () => void) => ({
  session: sessionsView(leave),
  job: jobsView(leave),
  flow: flowsView(leave),
});

export class Cell {
  readonly element: HTMLElement;
  /** For the page's title, if this is where the focus is. */
  readonly title = new Value('');
  private readonly body = el('div', { class: 'cell-body' });
  private readonly closing: HTMLButtonElement;
  private view: View | null = null;
  private awake = false;
  private before: Route = { pane: null, readOnly: false }; // what a list was opened over
  private lists: ReturnType<typeof makeLists> | null = null;

  constructor(
    readonly id: number,
    private to: Route,
    private readonly actions: CellActions,
  ) {
    const tool = (name: string, sign: string, keys: string, action: () => void): HTMLButtonElement => {
      const b = button('', { class: 'quiet', 'aria-label': name, title: `${name} (${keys})` }, action);
      b.append(icon(sign));
      return b;
    };
    this.closing = tool('Close this cell', 'close', 'Ctrl+Shift+X', () => actions.close(this));
    this.element = el(
      'div',
      { class: 'cell', id: `cell-${id}`, role: 'group' },
      this.body,
      el(
        'div',
        { class: 'cell-tools', role: 'group', 'aria-label': 'This cell' },
        tool('Split right', 'right', 'Ctrl+Shift+E', () => actions.split(this, true)),
        tool('Split down', 'below', 'Ctrl+Shift+O', () => actions.split(this, false)),
        this.closing,
      ),
    );
  }

  get route(): Route {
    return this.to;
  }

  get screen(): Screen | null {
    return this.view?.screen ?? null;
  }

  get isEmpty(): boolean {
    return isPane(this.to) && !this.to.pane;
  }

  /** For a person. One that has slept since it was made has no title yet. */
  get name(): string {
    const { pane, session, job, flow } = this.to;
    const known = paneList.get().panes.find((p) => p.id === pane);
    if (known) return paneLabel(known);
    const ids = { Session: session, Job: job, Flow: flow };
    for (const [word, id] of Object.entries(ids)) {
      if (id !== undefined) return this.title.get() || (id === null ? `${word}s` : `${word} ${tame(id, 40)}`);
    }
    return pane ?? 'Empty';
  }

  shows(to: Route): boolean {
    return !this.isEmpty && sameThing(this.to, to);
  }

  show(to: Route): void {
    const from = this.to;
    this.to = to;
    if (isPane(from) && !isPane(to)) this.before = from;
    if (this.awake) this.render(from);
  }

  /** Whether it can be seen. It has to have its place in the page by then. */
  wake(on: boolean): void {
    if (on === this.awake) return;
    this.awake = on;
    this.element.hidden = !on;
    if (on) this.render(this.to);
    else this.clear();
  }

  focus(): void {
    this.view?.focus();
  }

  /** Which of how many it is, and whether what is typed goes there. */
  mark(n: number, of: number, focused: boolean): void {
    this.element.setAttribute('aria-label', of > 1 ? `Cell ${n} of ${of}` : 'Cell');
    this.element.classList.toggle('focused', focused && of > 1);
    this.element.toggleAttribute('data-focused', focused);
    this.closing.hidden = of < 2;
  }

  dispose(): void {
    this.clear();
    this.awake = false;
    this.element.remove();
  }

  private clear(): void {
    this.view?.dispose();
    this.view = null;
  }

  private render(from: Route): void {
    const { to } = this;
    if (this.view && sameThing(from, to) && this.view.moveTo?.(to)) return;
    this.clear();
    this.view = isPane(to) ? this.ofPane(to) : this.ofOther(to, from);
    if (this.view.element.parentElement !== this.body) this.body.replaceChildren(this.view.element);
  }

  private readonly go = (to: Route): void => this.actions.go(this, to);
  private readonly entitle = (text: string): void => this.title.set(text);

  private ofPane(to: Route): View {
    if (!to.pane) return this.chooser();
    const { go, entitle: title } = this;
    const { pane, readOnly } = to;
    const view = new PaneView(this.body, pane, readOnly, { go, title, search: () => this.actions.search() });
    const forget = paneList.watch(({ panes }) => view.info(panes.find((p) => p.id === pane)));
    const moveTo = (place: Route): boolean => {
      const { line } = place;
      view.showLine(line, line === undefined ? [] : spansAt(pane, undefined, line));
      return true;
    };
    moveTo(to);
    return {
      element: view.element,
      screen: view,
      moveTo,
      focus: () => view.focus(),
      dispose: () => (forget(), view.dispose()),
    };
  }

  private chooser(): View {
    this.entitle('');
    return new Chooser({
      start: () => this.actions.start(this),
      close: () => this.actions.close(this),
      others: () => this.actions.others(this),
    });
  }

  private ofOther(to: Route, from: Route): View {
    const { session, job, flow, archive } = to;
    if (session === null) return this.list('session', from.session ? Number(from.session) : null);
    if (job === null) return this.list('job', from.job ?? null);
    if (flow === null) return this.list('flow', from.flow ?? null);
    const { entitle: title } = this;
    if (to.usage === null) return new UsageView({ back: () => this.go(this.before), title });
    if (session !== undefined) return this.ofSession(session, to);
    if (job !== undefined) {
      const back = from.flow ? from : listOf('job'); // a step's job
      return new JobView(job, { back: () => this.go(back), title });
    }
    if (flow !== undefined) return new FlowView(flow, { back: () => this.go(listOf('flow')), title });
    if (archive !== undefined) {
      return new ArchiveView(archive, to.run, to.line ?? 1, { back: () => this.go(this.before), title });
    }
    return this.chooser();
  }

  private ofSession(session: string, to: Route): View {
    const back = (): void => this.go(listOf('session'));
    const view = new SessionView(session, { back, title: this.entitle }, to.view, to.at);
    const moveTo = (place: Route): boolean => (view.moveTo(place), true);
    return { element: view.element, focus: () => view.focus(), dispose: () => view.dispose(), moveTo };
  }

  /** They keep what was typed into their filters. */
  private list(kind: 'session' | 'job' | 'flow', from: number | string | null): View {
    this.lists ??= makeLists(() => this.go(this.before));
    const list = this.lists[kind] as ListView<unknown, string | number>;
    this.entitle(list.name);
    this.body.replaceChildren(list.element);
    list.show(from);
    return { element: list.element, focus: () => list.focus(), dispose: () => list.hide() };
  }
}
