// The search over everything: panes, the archive, agents' sessions and jobs. It asks while one types,
// and again and again, as long as it is open and somebody can see it.

import { SOURCES, type Match, type Query, type Source } from '../api/search';
import { button, debounce, el, tame } from '../parts/dom';
import { problem } from '../parts/problem';
import { ByteWalk } from '../parts/utf8';
import { isNarrow, onlyPane } from '../state/access';
import { addCommands } from '../state/commands';
import { Finder } from '../state/finder';
import { unique, type Group } from '../state/groups';
import { Labels } from '../state/labels';
import { paneList } from '../state/panes';
import { choose, isGone, placeOf } from '../state/places';
import type { Route } from '../state/route';
import { remember, searches, type Search } from '../state/searches';
import { paneLabel } from './bar';
import { field, Filters, isPressed, SourceRow, toggle } from './searchfilters';
import { Keeping } from './keeping';
import { Results } from './results';
import type { Name } from './row';
import { SearchHome } from './searchhome';
import { openWatches } from './watches';

const TYPING_MS = 80;
const SLOW_MS = 300; // until it says that it searches
const PAGE = 10; // rows
const NAMING_MS = 50;

const count = (n: number, what: string): string =>
  `${n.toLocaleString('en')} ${what}${n === 1 ? '' : 's'}`;

const listed = (words: string[]): string =>
  words.length < 2 ? words.join('') : `${words.slice(0, -1).join(', ')} and ${words.at(-1) ?? ''}`;

const PLACES: Record<Source, string> = {
  panes: 'panes', archive: 'the archive', sessions: 'sessions', jobs: 'jobs',
};

export interface SearchActions {
  go(to: Route): void;
  closed(): void;
  /** The pane that is shown, for "this pane". */
  pane(): string | null;
}

export class SearchPanel {
  readonly element: HTMLElement;
  private readonly input = field('Search all panes, the archive, sessions and jobs', 'search-input');
  private readonly filters: Filters;
  private readonly sources: SourceRow;
  private readonly groups: HTMLButtonElement;
  private readonly results: Results;
  private readonly home: SearchHome;
  private readonly keeping: Keeping;
  private readonly finder: Finder;
  private readonly labels: Labels;
  private readonly counted = el('span', { role: 'status' });
  private readonly took = el('span', { 'aria-hidden': 'true' }); // it changes each second
  private readonly pending = el('p', { class: 'search-pending', 'aria-hidden': 'true', hidden: true });
  private readonly wrong = el('div', { class: 'search-wrong', role: 'alert', hidden: true });
  private readonly more: HTMLButtonElement;
  private readonly keepers: HTMLButtonElement[];
  private slow = 0;
  private askedAt = 0;
  private settling = false; // sources have been asked that have not answered
  private readonly typed: () => void;

  constructor(private readonly actions: SearchActions) {
    this.input.setAttribute('role', 'combobox');
    this.input.setAttribute('aria-expanded', 'true');
    this.input.setAttribute('aria-controls', 'search-results');
    this.typed = debounce(TYPING_MS, () => this.ask(true));
    this.filters = new Filters(() => actions.pane(), () => this.changed());
    this.sources = new SourceRow(() => {
      this.show(false);
      this.input.focus();
    });
    this.groups = toggle('≡', 'Group by place', 'g', true, () => this.results.group(isPressed(this.groups)));
    this.finder = new Finder((fresh) => this.show(fresh));
    this.labels = new Labels(debounce(NAMING_MS, () => this.show(false)));
    this.results = new Results({
      choose: (match) => this.choose(match),
      selected: (id) => {
        if (id) this.input.setAttribute('aria-activedescendant', id);
        else this.input.removeAttribute('aria-activedescendant');
      },
      name: (group) => this.name(group),
    });
    this.home = new SearchHome((search) => this.run(search));
    this.keeping = new Keeping(() => this.input.focus());
    this.more = button('More', { class: 'small' }, () => {
      this.input.focus();
      this.finder.more();
    });
    this.keepers = [
      button('Save', { class: 'small', title: 'Keep this search under a name' }, () => this.keeping.save(this.value)),
      button('Watch', { class: 'small changes whole', title: 'Be told when it is printed' }, () =>
        this.keeping.watch({ search: this.value, scope: this.filters.scope, age: this.filters.ageText })),
    ];
    this.element = this.layout();
    this.listen();
  }

  get isOpen(): boolean {
    return !this.element.hidden;
  }

  open(): void {
    this.filters.here();
    const was = this.isOpen;
    this.element.hidden = false;
    this.input.focus();
    this.input.select();
    if (was) return;
    this.labels.forget();
    this.ask(false);
  }

  /** That search, at once. */
  run(search: Search): void {
    this.open();
    this.value = search;
    this.input.focus();
    this.ask(true);
  }

  close(): void {
    if (!this.isOpen) return;
    this.stop();
    this.keeping.close();
    this.element.hidden = true;
    this.actions.closed();
  }

  private layout(): HTMLElement {
    const box = el(
      'div',
      { class: 'search-box', role: 'dialog', 'aria-label': 'Search' },
      el(
        'div',
        { class: 'search-head' },
        this.input,
        this.filters.regex,
        this.filters.word,
        button('Close', { class: 'quiet', title: 'Esc' }, () => this.close()),
      ),
      this.filters.element,
      el('div', { class: 'search-sources whole' }, this.sources.element, this.groups),
      this.keeping.element,
      this.wrong,
      this.home.element,
      this.results.element,
      this.pending,
      el(
        'div',
        { class: 'search-foot' },
        el('span', {}, this.counted, this.took),
        el('span', { class: 'search-foot-buttons' }, this.more, ...this.keepers),
      ),
    );
    return el('div', { class: 'search', hidden: true }, box);
  }

  private listen(): void {
    this.element.addEventListener('pointerdown', (e) => {
      if (e.target === this.element) this.close();
    });
    this.element.addEventListener('keydown', (e) => this.key(e));
    this.input.addEventListener('input', () => this.changed());
    document.addEventListener('visibilitychange', () => {
      if (this.isOpen && document.visibilityState === 'visible') this.ask(false);
    });
    let forget = (): void => undefined;
    searches.watch(({ saved }) => {
      forget();
      forget = addCommands([
        { id: 'search.watches', title: 'Watches', group: 'Searches', words: 'watch pattern fired alert', when: () => !isNarrow(), run: openWatches },
        ...saved.map(({ name, search }) => ({
          id: `search.saved.${name}`,
          title: tame(name),
          group: 'Searches',
          words: `saved search ${tame(search.pattern)}`,
          run: () => this.run(search),
        })),
      ]);
    });
  }

  private get value(): Search {
    return { pattern: this.input.value, ...this.filters.value, only: this.sources.only };
  }

  private set value(search: Search) {
    this.input.value = search.pattern;
    this.filters.value = search;
    this.sources.only = search.only;
  }

  private key(e: KeyboardEvent): void {
    if (e.isComposing) return;
    if (e.altKey && !e.ctrlKey && !e.metaKey) {
      if (this.altKey(e.code)) e.preventDefault();
      return;
    }
    const fields = [this.input, this.filters.glob];
    const inField = fields.some((f) => f === e.target);
    const moves: Record<string, number> = { ArrowDown: 1, ArrowUp: -1, PageDown: PAGE, PageUp: -PAGE };
    const by = moves[e.key];
    if (e.key === 'Escape') {
      e.stopPropagation();
      this.close();
    } else if (e.key === 'Enter' && inField) {
      this.results.enter();
    } else if (by !== undefined && inField) {
      if (this.home.element.hidden) this.results.move(by);
      else if (by > 0) this.home.focus();
    } else if (e.key === 'ArrowUp' && this.home.element.contains(document.activeElement)) {
      this.input.focus();
    } else {
      return;
    }
    e.preventDefault();
  }

  private altKey(code: string): boolean {
    if (code === 'KeyR') this.filters.regex.click();
    else if (code === 'KeyW') this.filters.word.click();
    else if (code === 'KeyG') this.groups.click();
    else if (code === 'KeyC') this.results.toggleFold();
    else return false;
    return true;
  }

  private choose(match: Match): void {
    remember(this.value);
    choose(match);
    this.close();
    this.actions.go(placeOf(match));
  }

  /** The question is another one. */
  private changed(): void {
    this.stop();
    this.keeping.close();
    this.typed();
  }

  private stop(): void {
    clearTimeout(this.slow);
    this.finder.stop();
  }

  private ask(fresh: boolean): void {
    if (!this.isOpen) return;
    const { pattern, regex, word, case: letters } = this.value;
    const { scope: pane, since } = this.filters;
    const query: Query = { only: onlyPane.get() ?? null, pattern, regex, word, case: letters, pane, since };
    this.finder.ask(pattern ? query : null, fresh);
    clearTimeout(this.slow);
    this.askedAt = performance.now();
    if (pattern) this.slow = window.setTimeout(() => this.tell(), SLOW_MS + 1);
  }

  private name({ id, matches }: Group): Name {
    const [kind = '', of = ''] = id.split(' ');
    if (kind === 'session' || kind === 'job') {
      const label = this.labels.get(id);
      const called = kind === 'job' ? `Job ${of}` : `Session ${of}`;
      const title = tame(label?.title ?? '') || tame(label?.about.slice(0, 1000) ?? '') || called;
      const about = label?.title ? tame(label.about.slice(0, 1000)) : called;
      const agent = matches[0]?.said?.agent ?? '';
      return { title, about: about === title ? '' : about || tame(agent, 40), state: label?.state ?? null, kind: kind === 'job' ? 'jobs' : 'talk' };
    }
    const [newest] = matches;
    const pane = newest?.pane ?? '';
    if (newest && isGone(newest)) return { title: `${pane} (gone)`, about: '', state: null, kind: 'archive' };
    const found = paneList.get().panes.find((p) => p.id === pane);
    const title = found ? paneLabel(found) : pane;
    return { title, about: title === pane ? '' : pane, state: found?.state === 'exited' ? 'done' : null, kind: 'pane' };
  }

  private show(fresh: boolean): void {
    const { finder } = this;
    this.home.element.hidden = finder.query !== null;
    this.results.element.hidden = finder.query === null;
    const all = unique(finder.matches);
    this.results.show(all.filter((m) => this.sources.has(m.source)), fresh, this.settling);
    this.settling = finder.searching.length > 0;
    const counts = { panes: 0, archive: 0, sessions: 0, jobs: 0 };
    for (const m of all) counts[m.source]++;
    this.sources.show(finder.answers, finder.query && counts);
    for (const b of this.keepers) b.hidden = finder.query === null;
    this.more.hidden = !finder.hasMore || finder.query === null;
    this.complain();
    this.tell();
  }

  /** How much there is, and what is still searched. */
  private tell(): void {
    const { finder, results } = this;
    const { searching } = finder;
    const answers = SOURCES.filter((s) => this.sources.has(s)).map((s) => finder.answers[s].found);
    const truncated = answers.some((f) => f?.truncated);
    const total = answers.reduce((sum, f) => sum + (f?.total ?? 0), 0);
    let text = '';
    if (!finder.query) text = '↑ ↓ choose, Enter shows the place, Esc closes.';
    else if (!this.wrong.hidden && !results.count) text = '';
    else if (results.count) text = this.summary(truncated, total);
    else if (!searching.length) text = 'Nothing found';
    if (text && answers.some((f) => f?.partial)) text += ', but not all could be searched in time';
    if (this.counted.textContent !== text) this.counted.textContent = text;
    const where = listed(searching.map((s) => PLACES[s]));
    this.pending.hidden = !where || performance.now() - this.askedAt < SLOW_MS; // it would only flicker
    this.pending.textContent = where && `Searching ${where}…`;
    const us = Math.max(0, ...answers.map((f) => f?.elapsed_us ?? 0));
    this.took.textContent = us && text && finder.query && !where ? `, ${Math.max(1, Math.round(us / 1000))} ms` : '';
  }

  private summary(truncated: boolean, total: number): string {
    const n = this.results.count;
    const kinds = { pane: 0, session: 0, job: 0 };
    for (const { id } of this.results.groups) kinds[id.split(' ')[0] as keyof typeof kinds]++;
    const places = listed(
      Object.entries(kinds).flatMap(([what, many]) => (many ? count(many, what) : [])),
    );
    if (!truncated) return `${count(n, 'line')} in ${places}`;
    const of = total > n ? ` of ${total.toLocaleString('en')} or more` : '';
    return `The newest ${count(n, 'line')}${of}, in ${places}`;
  }

  /** Why there is nothing, or not all. */
  private complain(): void {
    const { answers, query } = this.finder;
    const failed = SOURCES.filter((s) => answers[s].error);
    const [first] = failed;
    const e = first && answers[first].error;
    this.wrong.hidden = !e;
    if (!e) return;
    const ofAll = e.code === 'bad_pattern' || e.code === 'offline' || e.status === 401;
    const message = ofAll ? problem(e) : `Not all is searched, but ${PLACES[first]}: ${problem(e)}`;
    if (this.wrong.dataset.message === message + (query?.pattern ?? '')) return;
    this.wrong.dataset.message = message + (query?.pattern ?? '');
    this.wrong.replaceChildren(el('p', {}, message));
    const { offset } = e.details;
    if (e.code !== 'bad_pattern' || typeof offset !== 'number' || !query) return;
    const { pattern } = query;
    const at = new ByteWalk(pattern).at(offset);
    const [place = ' '] = pattern.slice(at); // a whole code point
    this.wrong.append(
      el('code', {}, pattern.slice(0, at), el('mark', {}, place), pattern.slice(at + place.length)),
    );
  }
}
