// The whole page: the list beside the grid of cells, and the search over both.

import { button, el, icon } from '../parts/dom';
import { isNarrow } from '../state/access';
import { addCommands, type Command } from '../state/commands';
import { paneList, startPolling, type PaneList } from '../state/panes';
import { go, isPane, listOf, route, type Route } from '../state/route';
import { store, stored } from '../state/settings';
import type { Screen } from './cell';
import { Grid } from './grid';
import { gridCommands } from './gridkeys';
import { showHelp } from './help';
import { dispatchKeys, inTerminal } from './keys';
import { Palette } from './palette';
import { SearchPanel } from './search';
import { Sidebar } from './sidebar';

const NARROW = '(max-width: 720px)';
const isOffered = (): boolean => !isNarrow();
const REMEMBERED = 'panescry.sidebar';

const HELP: Command = {
  id: 'help.keys', title: 'All keys', group: 'Help', keys: 'Ctrl+Shift+Slash', also: ['?'],
  words: 'keyboard shortcuts', run: showHelp,
};

export class App {
  readonly grid: Grid;
  private readonly layout: HTMLElement;
  private readonly sidebar: Sidebar;
  private readonly menu: HTMLButtonElement;
  private readonly narrow = matchMedia(NARROW);
  private readonly search: SearchPanel;
  private greeted = false; // the person has been shown a pane: choose no more for them

  constructor(root: HTMLElement) {
    this.grid = new Grid({ search: () => this.openSearch() });
    this.sidebar = new Sidebar({
      close: () => this.open(false),
      chosen: () => {
        this.search.close();
        if (this.narrow.matches) this.open(false);
      },
      size: () => this.terminal?.terminal.fitting() ?? null,
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
      go: (to) => this.goFound(to),
      closed: () => this.grid.current.focus(),
      pane: () => this.grid.current.route.pane,
    });
    this.layout = el(
      'div',
      { class: 'layout' },
      this.sidebar.element,
      shade,
      this.menu,
      this.grid.element,
      this.search.element,
    );
    this.layout.addEventListener('keydown', (e) => {
      if (e.key === 'Escape' && this.narrow.matches && this.isOpen) this.open(false);
    });
    this.sidebar.element.querySelector('.brand-tools')?.prepend(this.paletteButton());
    root.replaceChildren(this.layout);
    this.open(!this.narrow.matches && stored(REMEMBERED) !== 'closed', false);
    this.narrow.addEventListener('change', () =>
      this.open(!this.narrow.matches && stored(REMEMBERED) !== 'closed', false),
    );
    followViewport(this.layout);
    addCommands([...this.commands(), ...gridCommands(this.grid), HELP]);
    dispatchKeys();
    this.grid.begin();
    route.watch(() => this.search.close());
    paneList.watch((list) => this.listed(list));
    startPolling();
  }

  /** The terminal of the focused cell, and its link: a pane's, or that of a job's channel. */
  get terminal(): Screen | null {
    return this.grid.current.screen;
  }

  private get isOpen(): boolean {
    return this.layout.dataset.sidebar === 'open';
  }

  private open(open: boolean, remember = true): void {
    this.layout.dataset.sidebar = open ? 'open' : 'closed';
    this.menu.setAttribute('aria-expanded', String(open));
    this.sidebar.element.inert = !open;
    if (remember && !this.narrow.matches) store(REMEMBERED, open ? 'open' : 'closed');
  }

  private commands(): Command[] {
    const list = (to: Route): void => {
      if (this.narrow.matches) this.open(false);
      this.search.close();
      go(to);
    };
    return [
      { id: 'palette.open', title: 'All commands and places', group: 'Go to', keys: 'Ctrl+K', also: ['Ctrl+Shift+P'], unlisted: true, run: () => this.openPalette() },
      { id: 'search.open', title: 'Search all panes', group: 'Search', keys: 'Ctrl+Shift+F', words: 'find grep', run: () => this.openSearch() },
      { id: 'go.sessions', title: 'Sessions of agents', group: 'Go to', keys: 'Ctrl+Shift+L', words: 'claude codex transcripts', when: isOffered, run: () => list(listOf('session')) },
      { id: 'go.jobs', title: 'Jobs', group: 'Go to', keys: 'Ctrl+Shift+J', words: 'run', when: isOffered, run: () => list(listOf('job')) },
      { id: 'go.flows', title: 'Flows', group: 'Go to', words: 'steps', when: isOffered, run: () => list(listOf('flow')) },
      { id: 'sidebar.toggle', title: 'Go to the list of panes, or hide it', group: 'Go to', keys: 'Ctrl+Shift+B', words: 'sidebar show', run: () => this.toSidebar() },
    ];
  }

  /** There and back: opens it, goes into it, and from within hides it. */
  private toSidebar(): void {
    const { element } = this.sidebar;
    if (this.isOpen && element.contains(document.activeElement)) {
      this.open(false);
      this.grid.current.focus();
      return;
    }
    this.open(true);
    (element.querySelector<HTMLElement>('[aria-current]') ?? element.querySelector('a'))?.focus();
  }

  private openSearch(): void {
    if (this.narrow.matches) this.open(false);
    this.search.open();
  }

  private paletteButton(): HTMLElement {
    const keys = { title: 'Ctrl+K', 'aria-keyshortcuts': 'Control+K' };
    const b = button('', { class: 'quiet palette-open', 'aria-label': 'Commands', ...keys }, () => {
      if (this.narrow.matches) this.open(false);
      this.openPalette();
    });
    b.append(icon('keys'));
    return b;
  }

  private openPalette(): void {
    const { screen } = this.grid.current;
    const typing = inTerminal(document.activeElement);
    new Palette({ kill: typing && screen ? () => screen.terminal.term.input('\x0b', true) : null });
  }

  /** In the cell that has the pane already, as it has it. */
  private goFound(to: Route): void {
    const cell = [this.grid.current, ...this.grid.all].find((c) => to.pane && c.route.pane === to.pane);
    go({ ...to, readOnly: cell?.route.readOnly ?? false });
  }

  private listed({ panes, known }: PaneList): void {
    const { grid } = this;
    if (grid.all.length > 1 || route.get().pane || !isPane(route.get())) {
      this.greeted = true;
      return;
    }
    // Opened without a pane: the first that runs is what the person came for.
    const first = panes.find((p) => p.state === 'running');
    if (known && first && !this.greeted) go({ pane: first.id, readOnly: false });
    if (known) this.greeted = true;
  }
}

/** An on-screen keyboard covers a page without changing its size: the layout gives way. */
export function followViewport(layout: HTMLElement): void {
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
