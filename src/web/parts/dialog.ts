// A question with two answers, in a modal dialog. Escape and the backdrop mean no.

import { button, el } from './dom';

/** `detail` may come from a program: it is text, and its direction its own. */
export function confirm(
  question: string, detail: string, yes: string, kind: 'danger' | 'primary' = 'danger',
): Promise<boolean> {
  return new Promise((resolve) => {
    const finish = (answer: boolean): void => {
      dialog.close();
      dialog.remove();
      resolve(answer);
    };
    const cancel = button('Cancel', {}, () => finish(false));
    const dialog = el(
      'dialog',
      { 'aria-labelledby': 'dialog-question' },
      el('h2', { id: 'dialog-question' }, question),
      el('p', { class: 'detail' }, detail),
      el(
        'div',
        { class: 'dialog-buttons' },
        cancel,
        button(yes, { class: kind }, () => finish(true)),
      ),
    );
    dialog.addEventListener('cancel', (e) => {
      e.preventDefault();
      finish(false);
    });
    dialog.addEventListener('click', (e) => {
      if (e.target === dialog) finish(false);
    });
    document.body.append(dialog);
    dialog.showModal();
    cancel.focus();
  });
}
