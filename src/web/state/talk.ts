// What a live session has come to: its events, one after another, as the rows of a conversation,
// with what waits for the agent and what the agent waits for.

import type { Message, Tool } from '../api/sessions';
import type { Permission, Priority, Talk, TalkEvent, Waiting } from '../api/talks';
import type { Item } from './transcript';

/** A row: something said or done, or a remark. */
export type Line =
  | { item: Item; sub: boolean }
  | { remark: string; bad: boolean; time: string | null };

const MOST = 1000; // rows
const TEXT = 64 * 1024; // characters of an answer as it comes

const str = (v: unknown): string => (typeof v === 'string' ? v : '');

const ANSWERS: Record<string, string> = {
  allowed: 'allowed',
  denied: 'denied',
  timed_out: 'nobody answered in time, so denied',
  cancelled: 'not asked for any more',
};

export class Conversation {
  /** In their order. */
  readonly lines = new Map<string, Line>();
  queue: Waiting[] = [];
  permissions: Permission[] = [];
  phase = 'connecting';
  ended = false;
  /** Events are missing: what waits has to be asked for. */
  torn = false;
  private changed = new Set<string>();

  /** Keys of rows that are new, other or gone since this was asked for last. */
  takeChanged(): Set<string> {
    const { changed } = this;
    this.changed = new Set();
    return changed;
  }

  apply(e: TalkEvent): void {
    const key = `e${e.seq}`;
    switch (e.type) {
      case 'phase':
        this.phase = str(e.phase);
        break;
      case 'queued':
        this.queue.push({ message: str(e.message), priority: e.priority as Priority, text: str(e.text) });
        break;
      case 'sent':
        this.unqueue(str(e.message));
        this.say(key, e, 'user');
        break;
      case 'dropped':
        this.unqueue(str(e.message));
        this.remark(key, e, 'A message was dropped.', true);
        break;
      case 'text':
      case 'thinking':
      case 'user':
        this.said(key, e);
        break;
      case 'delta':
        this.delta(e);
        break;
      case 'tool':
        this.tool(e);
        break;
      case 'tool_result':
        this.result(e);
        break;
      case 'permission':
        this.permissions.push(e.permission as Permission);
        break;
      case 'answered':
        this.answered(key, e);
        break;
      default:
        this.other(key, e);
    }
  }

  /** As the daemon says that it is, where events were missing. */
  mend({ phase, queue, permissions, ended }: Talk): void {
    Object.assign(this, { phase, queue, permissions, ended, torn: false });
  }

  private other(key: string, e: TalkEvent): void {
    switch (e.type) {
      case 'turn_end':
        this.live(null);
        if (e.ok !== true) this.remark(key, e, `The turn failed: ${str(e.text)}`, true);
        break;
      case 'interrupt':
        this.remark(key, e, 'Interrupted.');
        break;
      case 'model':
        this.remark(key, e, `The model is ${str(e.model)} from now on.`);
        break;
      case 'note':
        this.remark(key, e, [str(e.name), str(e.text)].filter(Boolean).join(': '));
        break;
      case 'ending':
        this.remark(key, e, `It is to end: ${str(e.reason)}`);
        break;
      case 'ended':
        this.ended = true;
        this.permissions = [];
        this.remark(key, e, 'The session has ended.');
        break;
      case 'reset':
        for (const k of this.lines.keys()) this.drop(k);
        this.queue = [];
        this.permissions = [];
        this.torn = true;
        this.remark(key, e, 'What came before is not kept here.');
    }
  }

  private put(key: string, line: Line): void {
    this.lines.set(key, line);
    this.changed.add(key);
    const [oldest] = this.lines.keys();
    if (this.lines.size > MOST && oldest !== undefined) this.drop(oldest);
  }

  private drop(key: string): void {
    if (this.lines.delete(key)) this.changed.add(key);
  }

  private unqueue(message: string): void {
    this.queue = this.queue.filter((w) => w.message !== message);
  }

  private remark(key: string, e: TalkEvent, remark: string, bad = false): void {
    this.put(key, { remark, bad, time: e.time ?? null });
  }

  private say(key: string, e: TalkEvent, role: Message['role'], text = str(e.text)): void {
    const row: Message = {
      id: e.seq, message: null, part: 0, turn: null, role, hidden: false, time: e.time ?? null,
      text: e.truncated === true ? `${text}…` : text,
    };
    this.put(key, { item: { kind: 'message', row }, sub: str(e.agent) !== '' });
  }

  /** The same part of the same message again replaces it. */
  private said(key: string, e: TalkEvent): void {
    const role = e.type === 'text' ? 'assistant' : e.type === 'thinking' ? 'thinking' : 'user';
    if (!e.agent) this.live(null);
    const message = str(e.message);
    this.say(message ? `m${message} ${String(e.part)} ${role}` : key, e, role);
  }

  /** An answer as it comes, until it is there as a whole. */
  private delta(e: TalkEvent): void {
    const role = e.kind === 'thinking' ? 'thinking' : 'assistant';
    const line = this.lines.get(`live ${role}`);
    const before = line && 'item' in line && line.item.kind === 'message' ? (line.item.row.text ?? '') : '';
    this.live(role);
    this.say(`live ${role}`, e, role, (before + str(e.text)).slice(-TEXT));
  }

  private live(keep: string | null): void {
    for (const role of ['thinking', 'assistant']) if (role !== keep) this.drop(`live ${role}`);
  }

  private tool(e: TalkEvent): void {
    const { input } = e;
    const row: Tool = {
      id: e.seq, call: null, message: null, turn: null, name: str(e.tool),
      input: typeof input === 'string' ? input : JSON.stringify(input ?? null),
      output: null, outcome: null, started: e.time ?? null, finished: null, latency_ms: null,
    };
    this.put(`t${str(e.id)}`, { item: { kind: 'tool', row }, sub: str(e.agent) !== '' });
  }

  private result(e: TalkEvent): void {
    const key = `t${str(e.id)}`;
    const line = this.lines.get(key);
    if (!line || !('item' in line) || line.item.kind !== 'tool') return;
    const { row } = line.item;
    const ms = e.time && row.started ? Date.parse(e.time) - Date.parse(row.started) : NaN;
    const done: Tool = {
      ...row,
      output: e.truncated === true ? `${str(e.text)}…` : str(e.text),
      outcome: str(e.outcome) as Tool['outcome'],
      latency_ms: Number.isNaN(ms) ? null : ms,
    };
    this.put(key, { item: { kind: 'tool', row: done }, sub: line.sub });
  }

  private answered(key: string, e: TalkEvent): void {
    const asked = this.permissions.find((p) => p.id === e.id);
    this.permissions = this.permissions.filter((p) => p.id !== e.id);
    const how = ANSWERS[str(e.outcome)] ?? str(e.outcome);
    const word = str(e.message) ? ` (${str(e.message)})` : '';
    this.remark(key, e, `${asked?.tool ?? 'Permission'}: ${how}${word}`, e.outcome !== 'allowed');
  }
}
