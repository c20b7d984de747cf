// The form that starts a pane.

import { ApiError, newPane, type NewPane } from '../api/http';
import { CommandError, splitCommand } from '../parts/command';
import { el, icon } from '../parts/dom';
import { isPhone } from '../parts/phone';
import { keepFit } from '../state/fits';
import { refreshPanes } from '../state/panes';
import { go } from '../state/route';

export class NewPaneForm {
  readonly element: HTMLElement;
  private readonly error = el('p', { class: 'error', role: 'alert', hidden: true });
  private readonly command = el('input', {
    type: 'text',
    name: 'command',
    'aria-label': 'Command of the new pane',
    placeholder: 'Shell, or a command',
    autocomplete: 'off',
    autocapitalize: 'off',
    spellcheck: 'false',
  });

  /** `size`: that it should have; `made` when there is one. */
  constructor(
    private readonly size: () => { cols: number; rows: number } | null,
    private readonly made: () => void,
  ) {
    const form = el(
      'form',
      { class: 'new changes whole' },
      this.command,
      el('button', { type: 'submit', class: 'primary', 'aria-label': 'New pane' }, icon('plus')),
    );
    form.addEventListener('submit', (e) => {
      e.preventDefault();
      void this.create();
    });
    this.element = el('div', {}, this.error, form);
  }

  private async create(): Promise<void> {
    this.error.hidden = true;
    try {
      const command = splitCommand(this.command.value);
      const pane: NewPane = { ...this.size() };
      if (command.length) pane.command = command;
      const made = await newPane(pane);
      if (isPhone()) keepFit(made.id, null); // it is this phone's own
      this.command.value = '';
      await refreshPanes();
      go({ pane: made.id, readOnly: false });
      this.made();
    } catch (e) {
      if (!(e instanceof ApiError) && !(e instanceof CommandError)) throw e;
      this.error.textContent = e.message;
      this.error.hidden = false;
    }
  }
}
