// What a session says while it says it: deltas of panescry.events.v1 (panescry-protocol(7)) become
// rows of a transcript, some tenths of a second before the stored ones are fetched, which then take
// their place. Everything in an event is checked; what is no delta of text or of a call is passed over.

import type { DaemonEvent } from '../api/events';
import { TEXT_MAX, type Message, type Outcome, type Tool } from '../api/sessions';
import type { Item } from './transcript';

const OUTCOMES: readonly Outcome[] = ['unknown', 'ok', 'failed', 'interrupted', 'denied'];
const ROLES = ['user', 'assistant', 'thinking', 'system'] as const;

const str = (v: unknown): string | null => (typeof v === 'string' ? v : null);

export type Delta =
  | { kind: 'say'; row: Message; append: boolean; said: boolean }
  | { kind: 'call'; row: Tool }
  | { kind: 'result'; call: string; outcome: Outcome; output: string; time: string | null };

function text(e: DaemonEvent): Delta | null {
  const message = str(e.message);
  if (message === null || e.hidden === true || typeof e.text !== 'string') return null;
  const role = ROLES.find((r) => r === e.role) ?? null;
  const row: Message = {
    // A text that follows others has none of its own.
    id: 0, message, part: typeof e.part === 'number' ? e.part : -1, turn: null,
    role: role ?? 'assistant', hidden: false, time: str(e.time), text: e.text.slice(0, TEXT_MAX),
  };
  return { kind: 'say', row, append: e.append === true, said: role === null };
}

export function deltaOf(e: DaemonEvent): Delta | null {
  if (e.type !== 'delta') return null;
  if (e.channel === 'text') return text(e);
  const call = str(e.call);
  if (call === null) return null;
  const said = (str(e.text) ?? '').slice(0, TEXT_MAX);
  if (e.channel === 'tool_call') {
    const row: Tool = {
      id: 0, call, message: str(e.message), turn: null, name: str(e.tool), input: said,
      output: null, outcome: null, started: str(e.time), finished: null, latency_ms: null,
    };
    return { kind: 'call', row };
  }
  if (e.channel !== 'tool_result') return null;
  const outcome = OUTCOMES.find((o) => o === e.outcome) ?? 'unknown';
  return { kind: 'result', call, outcome, output: said, time: str(e.time) };
}

const thought = (m: Message): boolean => m.role === 'thinking';

/** The row that a delta is of, the last of several. */
export function rowOf(items: readonly Item[], d: Delta): number {
  const is = (item: Item): boolean => {
    if (item.kind === 'tool') {
      const call = d.kind === 'result' ? d.call : d.kind === 'call' ? d.row.call : null;
      return call !== null && item.row.call === call;
    }
    if (d.kind !== 'say' || item.row.message !== d.row.message) return false;
    return d.append ? thought(item.row) === thought(d.row) : item.row.part === d.row.part;
  };
  let i = items.length - 1;
  for (let item = items[i]; item && !is(item); item = items[i]) i--;
  return i;
}

/** What a row becomes; null where that is not known before the stored one is there. */
export function changed(item: Item | undefined, d: Delta): Item | null {
  if (d.kind === 'result') {
    if (item?.kind !== 'tool' || item.row.outcome !== null) return null;
    const ms = Date.parse(d.time ?? '') - Date.parse(item.row.started ?? '');
    const latency_ms = Number.isNaN(ms) ? null : Math.max(0, ms);
    return { kind: 'tool', row: { ...item.row, outcome: d.outcome, output: d.output, latency_ms } };
  }
  if (d.kind === 'call') return item ? null : { kind: 'tool', row: d.row };
  if (!item) return { kind: 'message', row: d.row };
  if (item.kind !== 'message' || item.row.text_bytes !== undefined) return null;
  const all = d.append ? (item.row.text ?? '') + (d.row.text ?? '') : (d.row.text ?? '');
  return all.length > TEXT_MAX ? null : { kind: 'message', row: { ...item.row, text: all } };
}
