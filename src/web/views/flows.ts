// The list of flows' runs, the newest first.

import { listFlows, type Flow } from '../api/flows';
import { lasted } from '../parts/ago';
import { tame } from '../parts/dom';
import { Entry } from '../parts/entry';
import { flowHash } from '../state/route';
import { ListView, PAGE } from './list';

export const flowTitle = (f: Flow): string => tame(f.name ?? '') || f.id;

class Row extends Entry {
  constructor(private readonly id: string) {
    super(flowHash(id));
    this.agent.hidden = true;
  }

  update(f: Flow): void {
    this.title.textContent = flowTitle(f);
    this.badge.show(f.state);
    this.tell([this.id, lasted(f.created, f.ended), f.file && tame(f.file, 300), f.error && tame(f.error, 200)]);
    this.at(f.ended ?? f.created);
  }
}

export function flowsView(leave: () => void): ListView<Flow, string> {
  const cursors: (string | null)[] = [null]; // of each page that was reached
  return new ListView<Flow, string>(
    {
      name: 'Flows',
      label: 'Flows',
      noun: 'flow',
      none: 'No flows yet. What “panescry flow run” runs is listed here.',
      topic: 'flows',
      selects: [],
      id: (f) => f.id,
      row: (id) => new Row(id),
      fetch: async (_, page, signal) => {
        const { flows, next_cursor: next } = await listFlows(PAGE, cursors[page] ?? null, signal);
        cursors[page + 1] = next;
        return { items: flows, total: null, more: next !== null };
      },
    },
    leave,
  );
}
