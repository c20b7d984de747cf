// The field for a terminal theme of one's own, and a picture of the one in use.

import type { ITheme } from '@xterm/xterm';
import { button, el } from '../parts/dom';
import { look, onLookChange } from '../parts/theme';
import { ANSI, readTheme, ThemeError } from '../parts/usertheme';
import { change, settings } from '../state/settings';

const EXAMPLE = '{ "background": "#002b36", "foreground": "#839496", "red": "#dc322f", … }';

export class ThemeField {
  readonly element: HTMLElement;
  private readonly text = el('textarea', {
    id: 'theme-text',
    rows: '4',
    spellcheck: 'false',
    autocomplete: 'off',
    autocapitalize: 'off',
    placeholder: EXAMPLE,
    'aria-describedby': 'theme-note theme-wrong',
  });
  private readonly wrong = el('p', { class: 'field-wrong', id: 'theme-wrong', role: 'alert' });
  private readonly own: HTMLButtonElement;
  private readonly preview = el('div', { class: 'theme-preview', role: 'img' });

  constructor() {
    this.own = button('Use the page’s own', { class: 'small' }, () => {
      change({ theme: '' });
      this.text.focus();
    });
    this.text.addEventListener('input', () => this.read());
    this.element = el(
      'div',
      { class: 'field tall' },
      el(
        'div',
        { class: 'field-text' },
        el('label', { class: 'field-name', for: 'theme-text' }, 'Theme of your own'),
        el(
          'span',
          { class: 'field-note', id: 'theme-note' },
          'As JSON: an xterm.js theme, a Windows Terminal scheme, or color0 to color15.',
        ),
      ),
      this.own,
      this.text,
      this.wrong,
      this.preview,
    );
  }

  /** Until the returned function is called. */
  start(): () => void {
    const stops = [
      settings.watch(({ theme }) => this.show(theme)),
      onLookChange(() => this.paint()),
    ];
    this.paint();
    return () => stops.forEach((stop) => stop());
  }

  private show(theme: string): void {
    this.own.hidden = theme === '' && this.wrong.textContent === '';
    if (theme === this.text.value) return;
    if (this.wrong.textContent && document.activeElement === this.text) return; // being written
    this.text.value = theme;
    this.say('');
  }

  private read(): void {
    const text = this.text.value.trim();
    try {
      if (text) readTheme(text);
      this.say('');
      change({ theme: this.text.value.trim() && this.text.value });
    } catch (e) {
      if (!(e instanceof ThemeError)) throw e;
      this.say(e.message);
    }
  }

  private say(wrong: string): void {
    this.wrong.textContent = wrong;
    this.text.setAttribute('aria-invalid', String(wrong !== ''));
    this.own.hidden = wrong === '' && settings.get().theme === '';
  }

  private paint(): void {
    const { theme = {} } = look();
    const name = settings.get().theme ? 'Your theme' : 'The page’s own theme';
    this.preview.setAttribute('aria-label', `${name}, in use`);
    this.preview.style.background = theme.background ?? '';
    this.preview.style.color = theme.foreground ?? '';
    this.preview.replaceChildren(...sample(theme), swatches(theme));
  }
}

const WORDS: [keyof ITheme & string, string][][] = [
  [['brightBlack', '# what it looks like']],
  [['green', 'you@host'], ['foreground', ':'], ['blue', '~/src'], ['foreground', '$ git status']],
  [['green', '  new: '], ['foreground', 'look.ts   '], ['red', 'gone: '], ['foreground', 'old.ts   '], ['yellow', '3 left']],
];

function sample(theme: ITheme): HTMLElement[] {
  return WORDS.map((words) => {
    const line = el('div', { class: 'theme-line' });
    for (const [name, text] of words) {
      const word = el('span', {}, text);
      word.style.color = String(theme[name] ?? '');
      line.append(word);
    }
    return line;
  });
}

function swatches(theme: ITheme): HTMLElement {
  const box = el('div', { class: 'theme-swatches' });
  for (const name of ANSI) {
    const swatch = el('span', { class: 'theme-swatch', title: name });
    swatch.style.background = theme[name] ?? '';
    box.append(swatch);
  }
  return box;
}
