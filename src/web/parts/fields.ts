// Rows of a form: a name, what it means, and something to set it with. They show what they are
// told to and tell what a person does; where the value is kept is not their business.

import { button, el } from './dom';

export interface Field<T extends unknown[]> {
  readonly element: HTMLElement;
  show(...now: T): void;
}

let made = 0;

const nextId = (): string => `field-${++made}`;

export function radios<T extends string>(
  name: string,
  options: [T, string][],
  chosen: (value: T) => void,
): Field<[T]> {
  const id = nextId();
  const inputs = options.map(([value]) => {
    const input = el('input', { type: 'radio', name: id, value });
    input.addEventListener('change', () => chosen(value));
    return input;
  });
  const element = el(
    'div',
    { class: 'field', role: 'radiogroup', 'aria-labelledby': id },
    el('span', { class: 'field-name', id }, name),
    el(
      'div',
      { class: 'segments' },
      ...options.map(([, label], i) => el('label', {}, inputs[i] ?? null, el('span', {}, label))),
    ),
  );
  return {
    element,
    show: (now) => {
      for (const input of inputs) input.checked = input.value === now;
    },
  };
}

/** A number that goes up and down; by 0 it goes back to what it is by itself. */
export function stepper(
  name: string,
  unit: string,
  { least, most }: { least: number; most: number },
  step: (by: number) => void,
): Field<[number, string]> {
  const value = el('output', { class: 'stepper-value' });
  const note = el('span', { class: 'field-note' });
  const less = button('−', { class: 'stepper-button', 'aria-label': `${name}: smaller` }, () => step(-1));
  const more = button('+', { class: 'stepper-button', 'aria-label': `${name}: larger` }, () => step(1));
  const back = button('Reset', { class: 'quiet small', 'aria-label': `Reset ${name}` }, () => {
    step(0);
    more.focus(); // the button goes
  });
  const element = el(
    'div',
    { class: 'field', role: 'group', 'aria-label': name },
    el('div', { class: 'field-text' }, el('span', { class: 'field-name' }, name), note),
    el('div', { class: 'stepper' }, back, less, value, more),
  );
  return {
    element,
    show: (now, remark) => {
      value.textContent = `${now} ${unit}`;
      note.textContent = remark;
      less.disabled = now <= least;
      more.disabled = now >= most;
      back.hidden = remark !== '';
    },
  };
}

export function toggle(name: string, about: string, turned: (on: boolean) => void): Field<[boolean]> {
  const id = nextId();
  const input = el('input', {
    type: 'checkbox', role: 'switch', class: 'switch', 'aria-describedby': `${id}-note`, id,
  });
  input.addEventListener('change', () => turned(input.checked));
  const element = el(
    'div',
    { class: 'field' },
    el(
      'div',
      { class: 'field-text' },
      el('label', { class: 'field-name', for: id }, name),
      el('span', { class: 'field-note', id: `${id}-note` }, about),
    ),
    input,
  );
  return {
    element,
    show: (on) => {
      input.checked = on;
    },
  };
}
