// The whole page: the list beside the stage, and on the stage the pane that the route names.

import type { Link } from '../api/link';
import type { Match } from '../api/search';
import { button, el, icon } from '../parts/dom';
import type { PaneTerminal } from '../parts/terminal';
import { paneList, startPolling, type PaneList } from '../state/panes';
import { go, isPane, listOf, route, type Route } from '../state/route';
import { FlowView } from './flow';
import { flowsView } from './flows';
import { JobView } from './job';
import { jobsView } from './jobs';
import type { ListView } from './list';
import { PaneView } from './pane';
import { SearchPanel } from './search';
import { SessionView } from './session';
import { sessionsView } from './sessions';
import { Sidebar } from './sidebar';

const NARROW = '(max-width: 720px)';
const REMEMBERED = 'panescry.sidebar';

/** What is on the stage in place of a pane. */
interface Sheet {
  focus(): void;
  leave(): void;
}

interface One {
  readonly element: HTMLElement;
  focus(): void;
  dispose(): void;
}

export class App {
  private readonly stage = el('main', { class: 'stage' });
  private readonly layout: HTMLElement;
  private readonly menu: HTMLButtonElement;
  private readonly narrow = matchMedia(NARROW);
  private readonly search: SearchPanel;
  private found: Match | null = null; // the last one that was chosen
  private greeted = false; // the person has been shown a pane: choose no more for them
  view: PaneView | null = null;
  private before: Route = { pane: null, readOnly: false }; // what a list was opened over
  private readonly lists = {
    session: sessionsView(() => go(this.before)),
    job: jobsView(() => go(this.before)),
    flow: flowsView(() => go(this.before)),
  };
  private over: Sheet | null = null;
  private job: JobView | null = null;
  private session: SessionView | null = null;
  private shown: Route = this.before;

  constructor(root: HTMLElement) {
    const sidebar = new Sidebar({
      close: () => this.open(false),
      chosen: () => {
        this.search.close();
        if (this.narrow.matches) this.open(false);
      },
      size: () => this.view?.terminal.fitting() ?? null,
    });
    const shade = el('div', { class: 'shade' });
    shade.addEventListener('click', () => this.open(false));
    this.menu = button(
      '',
      { class: 'quiet menu', 'aria-label': 'Show the list', 'aria-controls': 'sidebar' },
      () => this.open(!this.isOpen),
    );
    this.menu.append(icon('menu'));
    this.search = new SearchPanel({
      choose: (match) => {
        this.found = match;
        const { pane, line } = match;
        go({ pane, line, readOnly: pane === this.view?.pane && this.view.asReader });
      },
      closed: () => this.focus(),
      pane: () => this.view?.pane ?? null,
    });
    this.layout = el(
      'div',
      { class: 'layout' },
      sidebar.element,
      shade,
      this.menu,
      this.stage,
      this.search.element,
    );
    // Before the terminal sees it.
    window.addEventListener('keydown', (e) => this.key(e), { capture: true });
    this.layout.addEventListener('keydown', (e) => {
      if (e.key === 'Escape' && this.narrow.matches && this.isOpen) this.open(false);
    });
    root.replaceChildren(this.layout);
    this.open(!this.narrow.matches && remembered() !== 'closed', false);
    this.narrow.addEventListener('change', () =>
      this.open(!this.narrow.matches && remembered() !== 'closed', false),
    );
    followViewport(this.layout);
    route.watch((to) => this.show(to));
    paneList.watch((list) => this.listed(list));
    startPolling();
  }

  /** The terminal that is shown, and its link: a pane's, or that of a job's channel. */
  get terminal(): { terminal: PaneTerminal; link: Link } | null {
    return this.view ?? this.job?.terminal ?? null;
  }

  private get isOpen(): boolean {
    return this.layout.dataset.sidebar === 'open';
  }

  private open(open: boolean, remember = true): void {
    this.layout.dataset.sidebar = open ? 'open' : 'closed';
    this.menu.setAttribute('aria-expanded', String(open));
    const sidebar = this.layout.querySelector<HTMLElement>('.sidebar');
    if (sidebar) sidebar.inert = !open;
    if (remember && !this.narrow.matches) {
      try {
        localStorage.setItem(REMEMBERED, open ? 'open' : 'closed');
      } catch {
        // storage is off: not remembered
      }
    }
  }

  private key(e: KeyboardEvent): void {
    if (!(e.ctrlKey || e.metaKey) || !e.shiftKey || e.altKey) return;
    if (e.code === 'KeyF') this.openSearch();
    else if (e.code === 'KeyL') this.openList('session');
    else if (e.code === 'KeyJ') this.openList('job');
    else return;
    e.preventDefault();
    e.stopPropagation();
  }

  private openList(kind: keyof App['lists']): void {
    if (document.querySelector('dialog[open]')) return;
    if (this.narrow.matches) this.open(false);
    this.search.close();
    go(listOf(kind));
  }

  private focus(): void {
    if (this.view) this.view.focus();
    else this.over?.focus();
  }

  private openSearch(): void {
    if (document.querySelector('dialog[open]')) return;
    if (this.narrow.matches) this.open(false);
    this.search.open();
  }

  private show(to: Route): void {
    this.search.close();
    const from = this.shown;
    this.shown = to;
    if (to.session && to.session === this.session?.session) {
      this.session.moveTo(to);
      return;
    }
    this.over?.leave();
    this.session = null;
    this.over = this.job = null;
    if (!isPane(to)) {
      if (isPane(from)) this.before = from;
      this.showOver(to, from);
      return;
    }
    if (!this.view || to.pane !== this.view.pane || to.readOnly !== this.view.asReader) {
      this.showPane(to);
    }
    const { found } = this;
    const spans = found?.pane === to.pane && found.line === to.line ? found.spans : [];
    this.view?.showLine(to.line, spans);
  }

  private showOver(to: Route, from: Route): void {
    const { session, job, flow } = to;
    const { lists } = this;
    this.view?.dispose();
    this.view = null;
    if (session === null) this.showList(lists.session, from.session ? Number(from.session) : null);
    else if (job === null) this.showList(lists.job, from.job ?? null);
    else if (flow === null) this.showList(lists.flow, from.flow ?? null);
    else if (session !== undefined) {
      const back = (): void => go(listOf('session'));
      this.showOne((this.session = new SessionView(session, { back }, to.view, to.at)));
    } else if (job !== undefined) {
      const back = from.flow ? from : listOf('job'); // a step's job
      this.showOne((this.job = new JobView(job, { back: () => go(back) })));
    } else if (flow !== undefined) {
      this.showOne(new FlowView(flow, { back: () => go(listOf('flow')) }));
    }
  }

  private showList<T, Id extends string | number>(list: ListView<T, Id>, from: Id | null): void {
    this.over = { focus: () => list.focus(), leave: () => list.hide() };
    this.stage.replaceChildren(list.element);
    list.show(from);
  }

  private showOne(one: One): void {
    this.over = { focus: () => one.focus(), leave: () => one.dispose() };
    this.stage.replaceChildren(one.element);
    one.focus();
  }

  private showPane(to: Route): void {
    this.view?.dispose();
    this.view = null;
    if (!to.pane) {
      document.title = 'panescry';
      this.stage.replaceChildren(
        el('p', { class: 'nothing' }, 'Choose a pane from the list, or start a new one.'),
      );
      return;
    }
    this.view = new PaneView(this.stage, to.pane, to.readOnly, () => this.openSearch());
    this.view.info(paneList.get().panes.find((p) => p.id === to.pane));
  }

  private listed({ panes, known }: PaneList): void {
    const { pane } = route.get();
    if (pane || !isPane(route.get())) {
      this.greeted = true;
      this.view?.info(panes.find((p) => p.id === pane));
      return;
    }
    // Opened without a pane: the first that runs is what the person came for.
    const first = panes.find((p) => p.state === 'running');
    if (known && first && !this.greeted) go({ pane: first.id, readOnly: false });
    if (known) this.greeted = true;
  }
}

function remembered(): string | null {
  try {
    return localStorage.getItem(REMEMBERED);
  } catch {
    return null;
  }
}

/** An on-screen keyboard covers a page without changing its size: the layout gives way. */
function followViewport(layout: HTMLElement): void {
  const viewport = window.visualViewport;
  if (!viewport) return;
  const follow = (): void => {
    if (viewport.scale > 1.01) return; // zoomed in by the person, who sees a part on purpose
    layout.style.height = `${viewport.height}px`;
    layout.style.transform = viewport.offsetTop ? `translateY(${viewport.offsetTop}px)` : '';
  };
  viewport.addEventListener('resize', follow);
  viewport.addEventListener('scroll', follow);
  follow();
}
