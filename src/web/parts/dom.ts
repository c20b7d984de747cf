// Elements without a framework. Text only ever goes in as text: names, titles and messages
// come from programs that may be hostile.

type Child = Node | string | null;
type Attributes = Record<string, string | boolean>;

export function el<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  attributes: Attributes = {},
  ...children: Child[]
): HTMLElementTagNameMap[K] {
  const e = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === true) e.setAttribute(name, '');
    else if (value !== false) e.setAttribute(name, value);
  }
  for (const child of children) if (child !== null) e.append(child);
  return e;
}

export function button(
  text: string,
  attributes: Attributes,
  action: () => void,
): HTMLButtonElement {
  const b = el('button', { type: 'button', ...attributes }, text);
  b.addEventListener('click', action);
  return b;
}

const ICONS: Record<string, string> = {
  menu: 'M3 5h14M3 10h14M3 15h14',
  close: 'M5 5l10 10M15 5L5 15',
  plus: 'M10 4v12M4 10h12',
  bell: 'M5 14V9a5 5 0 0 1 10 0v5l1.5 1.5h-13zM8.5 17.5h3',
  search: 'M9 3.5a5.5 5.5 0 1 0 0 11a5.5 5.5 0 0 0 0-11zM13 13l4 4',
  back: 'M12 4.5L6.5 10l5.5 5.5',
  start: 'M5 4h10M10 16.5V8M6.5 11.5L10 8l3.5 3.5',
  end: 'M5 16h10M10 3.5V12M6.5 8.5L10 12l3.5-3.5',
  talk: 'M3.5 4.5h13v9h-7.5l-3.5 3v-3h-2z',
  jobs: 'M4 5.5l2.5 2.5L4 10.5M9 11h7M3.5 15.5h13',
  flows: 'M5 3.5v4.5a3 3 0 0 0 3 3h4a3 3 0 0 1 3 3v2.5M5 11v5.5M12.5 14l2.5 2.5 2.5-2.5',
  keys: 'M7.5 7.5v5h5v-5zM7.5 7.5h-2a2 2 0 1 1 2-2zM12.5 7.5v-2a2 2 0 1 1 2 2zM12.5 12.5h2a2 2 0 1 1-2 2zM7.5 12.5v2a2 2 0 1 1-2-2z',
  right: 'M3.5 4h13v12h-13zM10 4v12',
  below: 'M3.5 4h13v12h-13zM3.5 10h13',
  fold: 'M7 5l5 5-5 5',
  usage: 'M4 16.5V9.5M10 16.5v-13M16 16.5v-9',
  screen: 'M3 4.5h14v9H3zM7.5 16.5h5M6 7.5l2 1.75L6 11M9.5 11h3',
  trace: 'M3.5 5h8M6.5 10h8M10 15h6.5',
  pane: 'M3 4.5h14v11H3zM6 8l2.2 2L6 12M10.5 12.5H14',
  archive: 'M3 4.5h14v3.5H3zM4.5 8v7.5h11V8M8 11h4',
  unfold: 'M6 8l4 4 4-4',
  pen: 'M4 16l1-3.5L13 4.5l2.5 2.5-8 8z',
  settings: 'M3 6.5h6M14 6.5h3M3 13.5h3M11 13.5h6M11.5 4.2a2.3 2.3 0 1 0 0 4.6a2.3 2.3 0 1 0 0-4.6zM8.5 11.2a2.3 2.3 0 1 0 0 4.6a2.3 2.3 0 1 0 0-4.6z',
  eye: 'M2.5 10S5.5 5 10 5s7.5 5 7.5 5-3 5-7.5 5-7.5-5-7.5-5zM10 8a2 2 0 1 0 0 4 2 2 0 0 0 0-4z',
};

export function icon(name: string): SVGSVGElement {
  const ns = 'http://www.w3.org/2000/svg';
  const svg = document.createElementNS(ns, 'svg');
  svg.setAttribute('viewBox', '0 0 20 20');
  svg.setAttribute('class', 'icon');
  svg.setAttribute('aria-hidden', 'true');
  const path = document.createElementNS(ns, 'path');
  path.setAttribute('d', ICONS[name] ?? '');
  svg.append(path);
  return svg;
}

/** New children, unless they are what is there: that leaves a focus, and a selection, where it is. */
export function renew(box: HTMLElement, nodes: HTMLElement[]): void {
  const old = [...box.children];
  const same = old.length === nodes.length && old.every((e, i) => e.isEqualNode(nodes[i] ?? null));
  if (!same) box.replaceChildren(...nodes);
}

/** A text from a program as one short line: no control characters, no changes of direction. */
export function tame(text: string, max = 120): string {
  const line = text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]+/gu, ' ').trim();
  const chars = [...line];
  return chars.length > max ? `${chars.slice(0, max - 1).join('')}…` : line;
}

/** What makes text run in another direction than it was written; a terminal heeds none of it. */
export function unturned(text: string): string {
  return text.replace(/[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/g, '');
}

/** Calls back once, when calls have stopped for ms. */
export function debounce(ms: number, f: () => void): () => void {
  let timer = 0;
  return () => {
    clearTimeout(timer);
    timer = window.setTimeout(f, ms);
  };
}
