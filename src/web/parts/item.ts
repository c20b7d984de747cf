// A message or a tool call of a transcript. What is folded is made when it is opened.

import { whole, type Message, type Tool } from '../api/sessions';
import type { Item } from '../state/transcript';
import { exactly, took } from './ago';
import { el, tame } from './dom';
import { longText } from './longtext';
import { notice } from './notice';
import { thenButton } from './then';

const ROLES: Record<string, string> = {
  user: 'User',
  assistant: 'Assistant',
  thinking: 'Thinking',
  system: 'System',
};
export const FAILED: readonly string[] = ['failed', 'interrupted', 'denied'];
const SUMMARY = 140; // characters
/** What an input is mostly about. */
const TELLING = ['command', 'cmd', 'pattern', 'query', 'url', 'file_path', 'path', 'description', 'prompt'];

const clock = (time: string | null): HTMLElement | null => {
  const t = time === null ? NaN : Date.parse(time);
  if (Number.isNaN(t) || time === null) return null;
  const text = new Date(t).toLocaleTimeString(undefined, { hour: '2-digit', minute: '2-digit' });
  return el('time', { class: 'said-time', datetime: time, title: exactly(time) }, text);
};

/** An input in one line: its most telling member where it is JSON. */
export function brief(input: string): string {
  const json = parsed(input);
  if (json && typeof json === 'object' && !Array.isArray(json)) {
    const o = json as Record<string, unknown>;
    const value = TELLING.map((k) => o[k]).find((v) => v !== undefined);
    if (typeof value === 'string') return tame(value.slice(0, 1000), SUMMARY);
    if (Array.isArray(value)) return tame(value.join(' ').slice(0, 1000), SUMMARY);
    if (!Object.keys(o).length) return '';
  }
  return tame(input.slice(0, 1000), SUMMARY);
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined; // text, or the beginning of a long one
  }
}

/** JSON with line breaks; other text as it is. */
export function pretty(input: string): string {
  const json = parsed(input);
  return json && typeof json === 'object' ? JSON.stringify(json, null, 2) : input;
}

type Field = 'text' | 'input' | 'output';

/** What a row may lead to. */
export interface Links {
  /** The pane that the session is in. */
  pane: string | null;
  /** The address of a call among the other calls. */
  trace?(tool: Tool): string;
}
const NOWHERE: Links = { pane: null };

const then = (links: Links, time: string | null): Node[] => {
  const b = links.pane === null ? null : thenButton(links.pane, time);
  return b ? [b] : [];
};

/** Fetches what was cut. */
async function all(session: string, item: Item, field: Field): Promise<string | null> {
  const kind = item.kind === 'message' ? 'messages' : 'traces';
  try {
    const signal = AbortSignal.timeout(30_000);
    const row = await whole<Message & Tool>(session, kind, item.row.id, signal);
    return row?.[field] ?? null;
  } catch (e) {
    notice(e instanceof Error ? e.message : String(e));
    return null;
  }
}

function folded(
  attributes: Record<string, string>,
  open: boolean,
  head: Node[],
  make: () => Node[],
): HTMLElement {
  const details = el('details', { ...attributes, open }, el('summary', {}, ...head));
  if (open) details.append(...make());
  else details.addEventListener('toggle', () => details.append(...make()), { once: true });
  return details;
}

function message(session: string, m: Message, open: boolean, links: Links): HTMLElement {
  const role = m.role ?? 'system';
  const item: Item = { kind: 'message', row: m };
  const text = (): HTMLElement =>
    longText(m.text ?? '', m.text_bytes, () => all(session, item, 'text'));
  const name = `${ROLES[role] ?? 'System'}${m.hidden ? ' (not shown by the agent)' : ''}`;
  const label = el('span', { class: 'said-role' }, name);
  const attributes = { class: 'said', 'data-role': role };
  if (role === 'thinking' || role === 'system' || m.hidden) {
    const hint = el('span', { class: 'said-hint' }, tame((m.text ?? '').slice(0, 1000), SUMMARY));
    return folded(attributes, open, [label, hint, ...then(links, m.time), ...timeOf(m.time)], () => [
      text(),
    ]);
  }
  return el(
    'article',
    { ...attributes, 'aria-label': name },
    el('header', { class: 'said-head' }, label, clock(m.time)),
    text(),
    ...then(links, m.time),
  );
}

const timeOf = (time: string | null): Node[] => {
  const t = clock(time);
  return t ? [t] : [];
};

function field(session: string, t: Tool, name: 'input' | 'output'): Node[] {
  const value = t[name];
  if (value === null || value === '') return [];
  const bytes = t[`${name}_bytes`];
  return [
    el('div', { class: 'tool-field' }, name === 'input' ? 'Input' : 'Output'),
    longText(bytes === undefined ? pretty(value) : value, bytes, () =>
      all(session, { kind: 'tool', row: t }, name),
    ),
  ];
}

/** What a call was given and what it gave. */
export function toolFields(session: string, t: Tool): Node[] {
  const parts = [...field(session, t, 'input'), ...field(session, t, 'output')];
  return parts.length ? parts : [el('div', { class: 'text' }, 'Nothing is known of it.')];
}

function tool(session: string, t: Tool, open: boolean, links: Links): HTMLElement {
  const outcome = t.outcome ?? 'running';
  const result = [
    outcome === 'unknown' || outcome === 'ok' ? '' : outcome,
    t.latency_ms === null ? '' : took(t.latency_ms),
  ].filter(Boolean);
  const failed = FAILED.includes(outcome);
  const head: Node[] = [
    el('span', { class: 'tool-dot', 'aria-hidden': 'true' }),
    el('span', { class: 'tool-name' }, tame(t.name ?? '', 80) || 'tool'),
    el('span', { class: 'said-hint' }, brief(t.input ?? '')),
    el('span', { class: failed ? 'tool-result failed' : 'tool-result' }, result.join(' · ')),
    ...then(links, t.started),
    ...timeOf(t.started),
  ];
  if (outcome === 'ok') head.push(el('span', { class: 'offscreen' }, 'succeeded'));
  return folded({ class: 'said tool', 'data-outcome': outcome }, open, head, () => {
    const parts = toolFields(session, t);
    if (links.trace && t.id) {
      const to = el('a', { class: 'tool-trace', href: links.trace(t) }, 'In the trace');
      parts.unshift(to);
    }
    return parts;
  });
}

/** `open`: unfolded at once. */
export const itemElement = (
  session: string,
  item: Item,
  open = false,
  links: Links = NOWHERE,
): HTMLElement =>
  item.kind === 'message'
    ? message(session, item.row, open, links)
    : tool(session, item.row, open, links);
