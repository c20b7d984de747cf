// The list of panes and the form that makes a new one. Beside the terminal, or over it as a
// drawer where there is no room.

import { ApiError, killPane, newPane, type Alarm, type NewPane, type Pane } from '../api/http';
import { CommandError, splitCommand } from '../parts/command';
import { confirm } from '../parts/dialog';
import { button, el, icon } from '../parts/dom';
import { notice } from '../parts/notice';
import { isPhone } from '../parts/phone';
import { keepFit } from '../state/fits';
import { paneList, refreshPanes, type PaneList } from '../state/panes';
import { flowHash, go, jobHash, route, sessionHash } from '../state/route';
import { paneLabel } from './bar';
import { openSettings } from './settings';

export interface SidebarActions {
  close(): void;
  /** A pane was chosen: a drawer is in its way. */
  chosen(): void;
  /** The size that a new pane should have. */
  size(): { cols: number; rows: number } | null;
}

const message = (e: unknown): string => (e instanceof Error ? e.message : String(e));

function markCurrent(link: HTMLAnchorElement, current: boolean): void {
  if (current) link.setAttribute('aria-current', 'page');
  else link.removeAttribute('aria-current');
}

export class Sidebar {
  readonly element: HTMLElement;
  private readonly list = el('ul', { class: 'panes' });
  private readonly empty = el('p', { class: 'empty' });
  private readonly alarm = el('p', { class: 'error', role: 'alert', hidden: true });
  private readonly error = el('p', { class: 'error', role: 'alert', hidden: true });
  private readonly lists: Record<'session' | 'job' | 'flow', HTMLAnchorElement>;
  private readonly command: HTMLInputElement;
  private readonly rows = new Map<string, { row: HTMLElement; update: (pane: Pane) => void }>();

  constructor(private readonly actions: SidebarActions) {
    this.command = el('input', {
      type: 'text',
      name: 'command',
      'aria-label': 'Command of the new pane',
      placeholder: 'Shell, or a command',
      autocomplete: 'off',
      autocapitalize: 'off',
      spellcheck: 'false',
    });
    const form = el(
      'form',
      { class: 'new' },
      this.command,
      el('button', { type: 'submit', class: 'primary', 'aria-label': 'New pane' }, icon('plus')),
    );
    form.addEventListener('submit', (e) => {
      e.preventDefault();
      void this.create();
    });
    const close = button('', { class: 'quiet', 'aria-label': 'Hide the list' }, () => actions.close());
    close.append(icon('close'));
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
    };
    this.element = el(
      'nav',
      { class: 'sidebar', id: 'sidebar', 'aria-label': 'Panes' },
      el(
        'div',
        { class: 'brand' },
        el('span', { class: 'wordmark' }, 'panescry'),
        el('div', { class: 'brand-tools' }, settings, close),
      ),
      this.list,
      this.empty,
      el(
        'div',
        { class: 'side-sessions' },
        ...Object.values(this.lists).map((link) => el('div', { class: 'row' }, link)),
      ),
      el('div', { class: 'foot' }, this.alarm, this.error, form),
    );
    paneList.watch((list) => this.show(list));
    route.watch(() => this.mark());
  }

  private listLink(href: string, sign: string, name: string, key?: string): HTMLAnchorElement {
    const keys: Record<string, string> = key
      ? { 'aria-keyshortcuts': `Control+Shift+${key}`, title: `Ctrl+Shift+${key}` }
      : {};
    const link = el(
      'a',
      { class: 'row-link', href, ...keys },
      icon(sign),
      el('span', { class: 'row-name' }, name),
    );
    link.addEventListener('click', () => this.actions.chosen());
    return link;
  }

  private warn(alarms: Alarm[]): void {
    const words: Record<string, string> = {
      store_full: 'Nothing is written to disk for now',
      store_disabled: 'Nothing is written to disk',
      store_damaged: 'A damaged database was set aside',
    };
    const text = alarms.map((a) => `${words[a.alarm] ?? a.alarm}: ${a.message}.`).join(' ');
    if (this.alarm.textContent !== text) this.alarm.textContent = text;
    this.alarm.hidden = text === '';
  }

  private show({ panes, alarms, trouble, known }: PaneList): void {
    this.warn(alarms);
    const ids = new Set(panes.map((p) => p.id));
    for (const [id, { row }] of this.rows) {
      if (ids.has(id)) continue;
      row.remove();
      this.rows.delete(id);
    }
    panes.forEach((pane, i) => {
      let entry = this.rows.get(pane.id);
      if (!entry) {
        entry = this.row(pane.id);
        this.rows.set(pane.id, entry);
      }
      entry.update(pane);
      // Moved only where needed: moving takes the focus away.
      if (this.list.children[i] !== entry.row) {
        this.list.insertBefore(entry.row, this.list.children[i] ?? null);
      }
    });
    this.element.dataset.trouble = trouble ?? '';
    this.empty.textContent =
      trouble === 'unauthorised'
        ? 'Not signed in: run “panescry token” and open the link that it prints.'
        : trouble === 'offline'
          ? 'The daemon does not answer.'
          : known && !panes.length
            ? 'No panes yet. Start one below.'
            : '';
    this.mark();
  }

  private row(id: string): { row: HTMLElement; update: (pane: Pane) => void } {
    const name = el('span', { class: 'row-name' });
    const detail = el('span', { class: 'row-detail' });
    const dot = el('span', { class: 'dot' });
    const link = el(
      'a',
      { class: 'row-link', href: `#${encodeURIComponent(id)}` },
      dot,
      el('span', { class: 'row-text' }, name, detail),
    );
    link.addEventListener('click', () => this.actions.chosen());
    let last: Pane | null = null;
    const kill = button('', { class: 'quiet row-kill' }, () => {
      if (last) void this.kill(last);
    });
    kill.append(icon('close'));
    const update = (pane: Pane): void => {
      last = pane;
      const label = paneLabel(pane);
      const exited = pane.state === 'exited';
      name.textContent = label;
      const place = pane.tmux
        ? `${pane.tmux.session}:${pane.tmux.window}.${pane.tmux.pane} · `
        : '';
      detail.textContent = exited
        ? `${id} · exited, status ${pane.exit_status ?? 'unknown'}`
        : `${id} · ${place}${pane.cols}×${pane.rows}${pane.viewers > 1 ? ` · ${pane.viewers} viewers` : ''}`;
      dot.className = exited ? (pane.exit_status ? 'dot failed' : 'dot exited') : 'dot running';
      kill.setAttribute('aria-label', `${exited ? 'Remove' : 'Kill'} ${label}`);
    };
    return { row: el('li', { class: 'row' }, link, kill), update };
  }

  private mark(): void {
    const { pane: current, session, job, flow } = route.get();
    const lists = { session, job, flow };
    for (const kind of ['session', 'job', 'flow'] as const) {
      markCurrent(this.lists[kind], lists[kind] !== undefined);
    }
    for (const [id, { row }] of this.rows) {
      const link = row.querySelector('a');
      if (link) markCurrent(link, id === current);
    }
  }

  private async create(): Promise<void> {
    this.error.hidden = true;
    try {
      const command = splitCommand(this.command.value);
      const pane: NewPane = { ...this.actions.size() };
      if (command.length) pane.command = command;
      const made = await newPane(pane);
      if (isPhone()) keepFit(made.id, null); // it is this phone's own
      this.command.value = '';
      await refreshPanes();
      go({ pane: made.id, readOnly: false });
      this.actions.chosen();
    } catch (e) {
      if (!(e instanceof ApiError) && !(e instanceof CommandError)) throw e;
      this.error.textContent = e.message;
      this.error.hidden = false;
    }
  }

  private async kill(pane: Pane): Promise<void> {
    if (pane.state === 'running') {
      const where = pane.tmux ? ' It is a pane of tmux.' : '';
      const detail = `This ends ${paneLabel(pane)} and everything that runs in it.${where}`;
      if (!(await confirm(`Kill ${pane.id}?`, detail, 'Kill'))) return;
    }
    try {
      await killPane(pane.id);
    } catch (e) {
      notice(message(e));
    }
    await refreshPanes();
  }
}
