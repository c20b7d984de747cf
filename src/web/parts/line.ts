// A line of a terminal, or a piece of one, as nodes: text in its styles, with what was found
// in it marked.

import type { HistoryLine, Style } from '../api/history';
import { el, unturned } from './dom';
import { inkOf, type Ink } from './ink';
import { ByteWalk, toIndices } from './utf8';

type Span = [number, number];

/** Each run is an element; a line can have thousands of them, and nobody looks at these. */
const RUNS_MAX = 1000;

/** The styles of one answer, in the colours of now. */
export class Inks {
  private readonly styles: Map<number, Style>;
  private readonly made = new Map<number, Ink>();

  constructor(styles: Style[]) {
    this.styles = new Map(styles.map((s) => [s.id, s]));
  }

  ink(id: number): Ink {
    let ink = this.made.get(id);
    if (!ink) {
      const style = this.styles.get(id);
      ink = style ? inkOf(style) : [];
      this.made.set(id, ink);
    }
    return ink;
  }

  link(id: number): string | null {
    const link = this.styles.get(id)?.link;
    return link && /^https?:\/\//i.test(link) ? link : null;
  }

  /** The theme is another one. */
  fade(): void {
    this.made.clear();
  }
}

/** Text with marks, without styles. */
export function marked(text: string, spans: Span[]): Node[] {
  const nodes: Node[] = [];
  let at = 0;
  const plain = (to: number): void => {
    if (to > at) nodes.push(document.createTextNode(unturned(text.slice(at, to))));
    at = Math.max(at, to);
  };
  for (const [from, to] of spans) {
    plain(from);
    if (to <= at) continue;
    nodes.push(el('mark', {}, unturned(text.slice(at, to))));
    at = to;
  }
  plain(text.length);
  return nodes;
}

/** The part of spans that lies within from..to, counted from there. */
const within = (spans: Span[], from: number, to: number): Span[] =>
  spans
    .filter(([a, b]) => b > from && a < to)
    .map(([a, b]): Span => [Math.max(a, from) - from, Math.min(b, to) - from]);

function styled(text: string, spans: Span[], style: number, inks: Inks): Node[] {
  const nodes = marked(text, spans);
  const ink = inks.ink(style);
  const link = inks.link(style);
  if (!ink.length && !link) return nodes;
  const e = link
    ? el('a', { href: link, target: '_blank', rel: 'noopener noreferrer' }, ...nodes)
    : el('span', {}, ...nodes);
  for (const [property, value] of ink) e.style.setProperty(property, value);
  return [e];
}

/** `spans` are bytes, as the search gives them. */
export function lineNodes(line: HistoryLine, inks: Inks, spans: Span[] = []): Node[] {
  const { text } = line;
  if (!text) return [el('br')]; // copied, it is an empty line
  const marks = toIndices(text, spans);
  const walk = new ByteWalk(text);
  const nodes: Node[] = [];
  let at = 0;
  let byte = 0;
  const piece = (to: number, style: number): void => {
    if (to > at) nodes.push(...styled(text.slice(at, to), within(marks, at, to), style, inks));
    at = to;
  };
  for (const run of line.runs.slice(0, RUNS_MAX)) {
    byte += run.len;
    piece(walk.at(byte), run.style);
  }
  piece(text.length, 0);
  return nodes;
}
