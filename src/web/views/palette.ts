// The palette: everything that can be done and looked at, found by a few letters.

import { listJobs } from '../api/jobs';
import { listSessions } from '../api/sessions';
import { el, icon } from '../parts/dom';
import { keyCaps } from '../parts/keycaps';
import { isNarrow } from '../state/access';
import { fits, type Fits } from '../state/fuzzy';
import { recent, remember } from '../state/recent';
import { commandEntries, jobEntry, paneEntries, sessionEntry, type Entry } from './entries';

const RECENT = 5; // shown of those, before anything is typed
const MOST = 80; // rows
const ASKED = 30; // sessions, and jobs
const PAGE = 8;
const LATELY = 4; // what was run last counts a little more
const NONE: Fits = { score: 0, title: [], detail: [] };

interface Found {
  entry: Entry;
  fits: Fits;
}

interface Row extends Found {
  element: HTMLElement;
}

/** A text with the letters marked that were typed. */
function marked(text: string, at: number[]): (Node | string)[] {
  const hit = new Set(at);
  const nodes: (Node | string)[] = [];
  let i = 0;
  while (i < text.length) {
    const on = hit.has(i);
    let end = i + 1;
    while (end < text.length && hit.has(end) === on) end++;
    const piece = text.slice(i, end);
    nodes.push(on ? el('b', {}, piece) : piece);
    i = end;
  }
  return nodes;
}

export interface PaletteActions {
  /** Ctrl+K once more: what a terminal does at it; null where the keys did not go to one. */
  kill: (() => void) | null;
}

/** It is there until something is chosen, or it is closed; the focus goes back to where it was. */
export class Palette {
  private readonly input: HTMLInputElement;
  private readonly list = el('div', { class: 'palette-list', id: 'palette-list', role: 'listbox', 'aria-label': 'Found' });
  private readonly none = el('p', { class: 'palette-none', hidden: true }, 'Nothing is called that.');
  private readonly dialog: HTMLDialogElement;
  private readonly asking = new AbortController();
  private readonly lately = recent();
  private entries: Entry[] = [...paneEntries(), ...commandEntries()];
  private rows: Row[] = [];
  private chosen = 0;

  constructor(private readonly actions: PaletteActions) {
    this.input = el('input', {
      type: 'text', class: 'palette-input', role: 'combobox', 'aria-label': 'Command or place',
      'aria-expanded': 'true', 'aria-controls': 'palette-list', 'aria-autocomplete': 'list',
      placeholder: 'Command, pane, session or job', maxlength: '100',
      autocomplete: 'off', autocapitalize: 'off', autocorrect: 'off', spellcheck: 'false', enterkeyhint: 'go',
    });
    this.dialog = el(
      'dialog',
      { class: 'palette', 'aria-label': 'Palette', 'data-keys': 'own' },
      el('div', { class: 'palette-head' }, icon('search'), this.input),
      this.list,
      this.none,
      this.foot(),
    );
    this.input.addEventListener('input', () => this.filter());
    this.dialog.addEventListener('keydown', (e) => this.key(e));
    this.dialog.addEventListener('click', (e) => {
      if (e.target === this.dialog) this.close();
    });
    this.dialog.addEventListener('close', () => this.gone());
    this.list.addEventListener('click', (e) => {
      const row = this.rows.find((r) => r.element.contains(e.target as Node));
      if (row) this.run(row.entry);
    });
    document.body.append(this.dialog);
    this.dialog.showModal();
    this.input.focus();
    this.filter();
    void this.ask();
  }

  private foot(): HTMLElement {
    const tip = (keys: string[], words: string): HTMLElement =>
      el('span', {}, ...keys.map(keyCaps), ` ${words}`);
    return el(
      'div',
      { class: 'palette-foot' },
      tip(['ArrowUp', 'ArrowDown'], 'choose'),
      tip(['Enter'], 'run'),
      tip(['Escape'], 'close'),
      this.actions.kill && tip(['Ctrl+K'], 'again goes to the terminal'),
    );
  }

  private close(): void {
    this.dialog.close();
  }

  private gone(): void {
    this.asking.abort();
    this.dialog.remove();
  }

  private run(entry: Entry): void {
    remember(entry.id);
    this.close();
    entry.run();
  }

  private key(e: KeyboardEvent): void {
    if (e.isComposing) return;
    const moves: Record<string, number> = { ArrowDown: 1, ArrowUp: -1, PageDown: PAGE, PageUp: -PAGE };
    const by = moves[e.key];
    const again = (e.ctrlKey || e.metaKey) && !e.altKey && (e.shiftKey ? e.code === 'KeyP' : e.code === 'KeyK');
    if (again && !e.repeat) {
      this.close();
      if (!e.shiftKey) this.actions.kill?.();
    } else if (by !== undefined && !e.ctrlKey && !e.altKey && !e.metaKey) this.choose(this.chosen + by, Math.abs(by) === 1);
    else if (e.key === 'Enter') {
      const row = this.rows[this.chosen];
      if (row) this.run(row.entry);
    } else if (!again) return;
    e.preventDefault();
    e.stopPropagation();
  }

  /** What has to be asked for comes a moment later. */
  private async ask(): Promise<void> {
    const { signal } = this.asking;
    const add = (entries: Entry[]): void => {
      if (signal.aborted) return;
      this.entries.push(...entries);
      this.filter(true);
    };
    if (isNarrow()) return;
    await Promise.allSettled([
      listSessions({ text: '', agent: '' }, ASKED, 0, signal).then(({ data }) => add(data.map(sessionEntry))),
      listJobs({ text: '', state: '' }, ASKED, null, signal).then(({ jobs }) => add(jobs.map(jobEntry))),
    ]);
  }

  private filter(keep = false): void {
    const query = this.input.value.trim();
    const was = keep ? this.rows[this.chosen]?.entry.id : undefined;
    const groups = query ? this.matching(query) : this.all();
    this.rows = [];
    const nodes: HTMLElement[] = [];
    for (const [name, found] of groups) {
      const room = MOST - this.rows.length;
      if (room <= 0) break;
      const rows = found.slice(0, room).map((f, i) => this.row(f, this.rows.length + i));
      this.rows.push(...rows);
      nodes.push(
        el(
          'div',
          { class: 'palette-group', role: 'group', 'aria-label': name },
          el('div', { class: 'palette-name', 'aria-hidden': 'true' }, name),
          ...rows.map((r) => r.element),
        ),
      );
    }
    this.list.replaceChildren(...nodes);
    this.none.hidden = this.rows.length > 0;
    this.choose(Math.max(0, this.rows.findIndex((r) => r.entry.id === was)), false);
    if (!keep) this.list.scrollTop = 0;
  }

  /** Those of last time, then all by their groups. */
  private all(): Map<string, Found[]> {
    const groups = new Map<string, Found[]>();
    const put = (group: string, entry: Entry): void => {
      groups.set(group, [...(groups.get(group) ?? []), { entry, fits: NONE }]);
    };
    const lately = this.lately.flatMap((id) => this.entries.find((e) => e.id === id) ?? []).slice(0, RECENT);
    for (const entry of lately) put('Used last', entry);
    for (const entry of this.entries) if (!lately.includes(entry)) put(entry.group, entry);
    return groups;
  }

  /** Each group with its best first, that of the best in front. */
  private matching(query: string): Map<string, Found[]> {
    const found: Found[] = [];
    for (const entry of this.entries) {
      const f = fits(query, entry);
      if (!f) continue;
      const at = this.lately.indexOf(entry.id);
      found.push({ entry, fits: { ...f, score: f.score + (at < 0 ? 0 : LATELY / (1 + at)) } });
    }
    found.sort((a, b) => b.fits.score - a.fits.score);
    const groups = new Map<string, Found[]>();
    for (const f of found) groups.set(f.entry.group, [...(groups.get(f.entry.group) ?? []), f]);
    return groups;
  }

  private row({ entry, fits: f }: Found, n: number): Row {
    const { dot, keys } = entry;
    const element = el(
      'div',
      { class: 'palette-row', role: 'option', id: `palette-${n}`, 'aria-selected': 'false' },
      dot ? el('span', { class: `dot ${dot}` }) : null,
      el('span', { class: 'palette-title' }, ...marked(entry.title, f.title)),
      el('span', { class: 'palette-detail' }, ...marked(entry.detail, f.detail)),
      keys ? keyCaps(keys) : null,
    );
    return { entry, fits: f, element };
  }

  private choose(to: number, round: boolean): void {
    const n = this.rows.length;
    this.rows[this.chosen]?.element.setAttribute('aria-selected', 'false');
    this.chosen = round && n ? (to + n) % n : Math.max(0, Math.min(n - 1, to));
    const row = this.rows[this.chosen]?.element;
    if (!row) {
      this.input.removeAttribute('aria-activedescendant');
      return;
    }
    row.setAttribute('aria-selected', 'true');
    this.input.setAttribute('aria-activedescendant', row.id);
    if (this.chosen === 0) this.list.scrollTop = 0;
    else row.scrollIntoView({ block: 'nearest' });
  }
}
