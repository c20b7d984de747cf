// What can be made of a search, on a line below it: it is saved under a name, or it is watched for.

import { makeWatch } from '../api/watches';
import { button, el, tame } from '../parts/dom';
import { notice } from '../parts/notice';
import { problem } from '../parts/problem';
import { saveSearch, type Search } from '../state/searches';
import { refreshWatches, wishOf } from '../state/watches';
import { openWatches } from './watches';

const EVERY_MAX = 86_400; // s

/** What a search asks, as far as it can be watched for. */
export interface Wanted {
  search: Search;
  /** A glob; '' for all panes. */
  scope: string;
  /** For a person; '' for any. */
  age: string;
}

export class Keeping {
  readonly element = el('div', { class: 'keeping', hidden: true });

  /** `left`: it is closed, and the focus is to be somewhere. */
  constructor(private readonly left: () => void) {
    this.element.addEventListener('keydown', (e) => {
      if (e.key !== 'Escape') return;
      e.preventDefault();
      e.stopPropagation();
      this.close();
    });
  }

  close(): void {
    if (this.element.hidden) return;
    const focused = this.element.contains(document.activeElement);
    this.element.hidden = true;
    this.element.replaceChildren();
    if (focused) this.left();
  }

  /** For a name. */
  save(search: Search): void {
    const name = el('input', {
      type: 'text', 'aria-label': 'Name of the search', maxlength: '80', value: tame(search.pattern, 60),
      autocomplete: 'off', spellcheck: 'false',
    });
    this.open('Save this search', [name], 'Save', () => {
      const done = saveSearch(name.value, search);
      if (!done) this.say(name.value.trim() ? 'There are too many: delete one first.' : 'It needs a name.');
      return Promise.resolve(done);
    });
    name.select();
  }

  watch({ search, scope, age }: Wanted): void {
    const every = el('input', {
      type: 'number', min: '1', max: String(EVERY_MAX), step: '1', inputmode: 'numeric',
      'aria-label': 'Seconds between two times', placeholder: '1', class: 'every',
    });
    const wish = wishOf({ ...search, pane: scope });
    const what = el(
      'p',
      { class: 'keeping-what' },
      `Fires when ${scope ? `${search.panes === 'this' ? 'pane' : 'a pane like'} ${tame(scope, 64)}` : 'any pane'} prints `,
      el('code', {}, tame(wish.pattern, 200)),
      wish.icase ? ' in any case' : '', '.',
    );
    const left = [
      age && `its age (${age})`,
      search.only.length && !search.only.includes('panes') ? 'its sources' : '',
    ].filter(Boolean);
    if (left.length) what.append(` It looks at what is printed from now on: ${left.join(' and ')} cannot be a part of it.`);
    const label = el('label', { class: 'every-label' }, 'At most once every', every, 's');
    this.open('Watch for it', [what, label], 'Make the watch', async () => {
      const seconds = every.valueAsNumber;
      const limit = Number.isFinite(seconds) ? { every_s: Math.min(EVERY_MAX, Math.max(1, Math.round(seconds))) } : {};
      try {
        const made = await makeWatch({ ...wish, ...limit });
        notice(`Watch ${made.id} is set.`, { label: 'Watches', run: openWatches });
      } catch (e) {
        this.say(problem(e));
        return false;
      }
      void refreshWatches();
      return true;
    });
    every.focus();
  }

  private say(text: string): void {
    const wrong = this.element.querySelector('.keeping-wrong');
    if (wrong) wrong.textContent = text;
  }

  private open(title: string, fields: HTMLElement[], yes: string, run: () => Promise<boolean>): void {
    const form = el(
      'form',
      { 'aria-label': title },
      ...fields,
      el(
        'span',
        { class: 'keeping-buttons' },
        el('button', { type: 'submit', class: 'small primary' }, yes),
        button('Cancel', { class: 'small' }, () => this.close()),
      ),
      el('p', { class: 'keeping-wrong', role: 'alert' }),
    );
    form.addEventListener('submit', (e) => {
      e.preventDefault();
      void run().then((done) => {
        if (done) this.close();
      });
    });
    this.element.replaceChildren(form);
    this.element.hidden = false;
    form.querySelector('input')?.focus();
  }
}
