// What there is and how it stands, as a tree, and the form that makes a new pane. Beside what is
// shown, or over it as a drawer where there is no room.

import { ApiError, getInfo, killPane, type Alarm, type Pane } from '../api/http';
import { confirm } from '../parts/dialog';
import { button, el, icon, tame } from '../parts/dom';
import { attempt } from '../parts/problem';
import { perFrame } from '../state/frame';
import { going, startGoing } from '../state/going';
import { paneList, refreshPanes, type PaneList } from '../state/panes';
import { flowHash, jobHash, listOf, route, sessionHash, toHash } from '../state/route';
import { looked, startSeeing } from '../state/seen';
import { asking } from '../state/asking';
import { paneLabel } from './bar';
import { NewPaneForm } from './newpane';
import { nodesOf } from './nodes';
import { Bell } from './notices';
import { startNotifying } from './notifications';
import { sizer } from './sizer';
import { Tree } from './tree';
import { openSettings } from './settings';

export interface SidebarActions {
  close(): void;
  /** A pane was chosen: a drawer is in its way. */
  chosen(): void;
  /** The size that a new pane should have. */
  size(): { cols: number; rows: number } | null;
}

const ALARMS: Record<string, string> = {
  store_full: 'Nothing is written to disk for now',
  store_disabled: 'Nothing is written to disk',
  store_damaged: 'A damaged database was set aside',
};

const LISTS = ['session', 'job', 'flow', 'usage'] as const;

export class Sidebar {
  readonly element: HTMLElement;
  private readonly host = el('h2', { class: 'side-host', id: 'side-host' }, 'This machine');
  private readonly tree: Tree;
  private readonly empty = el('p', { class: 'empty' });
  private readonly alarm = el('p', { class: 'error', role: 'alert', hidden: true });
  private readonly lists: Record<(typeof LISTS)[number], HTMLAnchorElement>;
  private named = false;

  constructor(private readonly actions: SidebarActions) {
    const close = button('', { class: 'quiet', 'aria-label': 'Hide the list' }, () => actions.close());
    close.append(icon('close'));
    const bell = new Bell(() => actions.chosen());
    this.tree = new Tree(this.host.id, {
      chosen: () => actions.chosen(),
      kill: ({ pane }) => pane && void kill(pane),
    });
    const settings = button(
      '',
      { class: 'quiet', 'aria-label': 'Settings', title: 'Settings, Ctrl+Shift+Comma' },
      openSettings,
    );
    settings.append(icon('settings'));
    this.lists = {
      session: this.listLink(sessionHash(null), 'talk', 'Sessions', 'L'),
      job: this.listLink(jobHash(null), 'jobs', 'Jobs', 'J'),
      flow: this.listLink(flowHash(null), 'flows', 'Flows'),
      usage: this.listLink(toHash(listOf('usage')), 'usage', 'Usage'),
    };
    const form = new NewPaneForm(() => actions.size(), () => actions.chosen());
    this.element = el(
      'nav',
      { class: 'sidebar', id: 'sidebar', 'aria-label': 'Panes' },
      el(
        'div',
        { class: 'brand' },
        el('span', { class: 'wordmark' }, 'panescry'),
        el('div', { class: 'brand-tools' }, bell.element, settings, close),
      ),
      el('div', { class: 'side-scroll' }, this.host, this.tree.element, this.empty),
      el('div', { class: 'side-lists whole' }, ...Object.values(this.lists)),
      el('div', { class: 'foot' }, this.alarm, form.element),
      sizer(document.documentElement),
    );
    startSeeing();
    startGoing();
    startNotifying();
    const render = perFrame(() => this.render());
    for (const value of [going, looked, asking]) value.watch(render);
    paneList.watch((list) => {
      this.listed(list);
      render();
    });
    route.watch(() => {
      this.mark();
      render();
    });
  }

  /** Where the keys are in the tree. */
  focus(): void {
    this.tree.focus();
  }

  private listLink(href: string, sign: string, name: string, key?: string): HTMLAnchorElement {
    const keys: Record<string, string> = key
      ? { 'aria-keyshortcuts': `Control+Shift+${key}`, title: `Ctrl+Shift+${key}` }
      : {};
    const link = el('a', { class: 'side-list', href, ...keys }, icon(sign), el('span', {}, name));
    link.addEventListener('click', () => this.actions.chosen());
    return link;
  }

  private warn(alarms: Alarm[]): void {
    const text = alarms.map((a) => `${ALARMS[a.alarm] ?? a.alarm}: ${a.message}.`).join(' ');
    if (this.alarm.textContent !== text) this.alarm.textContent = text;
    this.alarm.hidden = text === '';
  }

  private listed({ panes, alarms, only, trouble, known }: PaneList): void {
    this.warn(alarms);
    this.element.dataset.trouble = trouble ?? '';
    const text =
      trouble === 'unauthorised'
        ? 'Not signed in: run “panescry token” and open the link that it prints.'
        : trouble === 'offline'
          ? 'The daemon does not answer.'
          : known && !panes.length
            ? 'No panes yet. Start one below.'
            : '';
    if (this.empty.textContent !== text) this.empty.textContent = text;
    if (known && !trouble && only === null && !this.named) void this.name();
  }

  private async name(): Promise<void> {
    this.named = true;
    try {
      const { host } = await getInfo();
      if (typeof host === 'string' && host) this.host.textContent = tame(host, 64);
    } catch (e) {
      if (!(e instanceof ApiError)) throw e;
      this.named = false; // with the next list
    }
  }

  private render(): void {
    this.tree.show(nodesOf(paneList.get().panes, going.get(), asking.get()), here());
  }

  private mark(): void {
    const to = route.get();
    for (const kind of LISTS) {
      if (to[kind] !== undefined) this.lists[kind].setAttribute('aria-current', 'page');
      else this.lists[kind].removeAttribute('aria-current');
    }
  }
}

/** The address of what is shown, less the place in it. */
function here(): string {
  const { pane, session, job, flow } = route.get();
  const bare = { pane, readOnly: false };
  if (session) return toHash({ ...bare, session });
  if (job) return toHash({ ...bare, job });
  return flow ? toHash({ ...bare, flow }) : toHash(bare);
}

async function kill(pane: Pane): Promise<void> {
  if (pane.state === 'running') {
    const where = pane.tmux ? ' It is a pane of tmux.' : '';
    const detail = `This ends ${paneLabel(pane)} and everything that runs in it.${where}`;
    if (!(await confirm(`Kill ${pane.id}?`, detail, 'Kill'))) return;
  }
  await attempt(() => killPane(pane.id));
  await refreshPanes();
}
