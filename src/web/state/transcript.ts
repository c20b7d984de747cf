// The order of a transcript. Messages and tool calls are two lists, each in the order in which
// its rows came; a call belongs behind the message that asked for it.

import type { Message, Tool } from '../api/sessions';

export type Item = { kind: 'message'; row: Message } | { kind: 'tool'; row: Tool };

function isBefore(tool: Tool, message: Message, said: Set<string>): boolean {
  if (tool.message !== null && tool.message === message.message) return false;
  if (tool.turn !== null && message.turn !== null && tool.turn !== message.turn) {
    return tool.turn < message.turn;
  }
  if (tool.started && message.time && tool.started !== message.time) {
    return tool.started < message.time;
  }
  return tool.message !== null && said.has(tool.message);
}

export function interleave(messages: Message[], tools: Tool[]): Item[] {
  const items: Item[] = [];
  const said = new Set<string>();
  let t = 0;
  for (const row of messages) {
    for (let tool = tools[t]; tool && isBefore(tool, row, said); tool = tools[++t]) {
      items.push({ kind: 'tool', row: tool });
    }
    items.push({ kind: 'message', row });
    if (row.message !== null) said.add(row.message);
  }
  for (const row of tools.slice(t)) items.push({ kind: 'tool', row });
  return items;
}

/** Where a list goes on beyond what was fetched of it. */
export type Beyond = Record<Item['kind'], boolean>;

/**
 * Less what rows that were not fetched may come after: of a list that goes on before these, all
 * in front of its first row here.
 */
export function certainEnd(items: Item[], earlier: Beyond): Item[] {
  const first = (kind: Item['kind']): number =>
    earlier[kind] ? items.findIndex((i) => i.kind === kind) : 0;
  return items.slice(Math.max(0, first('message'), first('tool')));
}

/** The same at the other end. */
export function certainStart(items: Item[], later: Beyond): Item[] {
  const end = (kind: Item['kind']): number => {
    let n = items.length;
    while (later[kind] && n > 0 && items[n - 1]?.kind !== kind) n--;
    return n;
  };
  return items.slice(0, Math.min(end('message'), end('tool')));
}
