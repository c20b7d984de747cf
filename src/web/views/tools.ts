// What each tool of a session was like, over all of its calls; and its sub-agents, which have calls of
// their own.

import { subAgents, type Latencies, type ToolStats } from '../api/sessions';
import { took } from '../parts/ago';
import { el, renew, tame } from '../parts/dom';
import { sessionRoute, toHash } from '../state/route';
import { titleOf } from './sessions';
import type { Host } from './tab';

const number = (n: number): string => n.toLocaleString('en');
const time = (ms: number | null): string => (ms === null ? '–' : took(ms));
const HEADS = ['Tool', 'Calls', 'Failed', 'Median', '95 %', 'Longest'];

function sums(s: Latencies): string {
  const parts = [`${number(s.calls)} call${s.calls === 1 ? '' : 's'}`, `${number(s.failed)} failed`];
  if (s.median_ms !== null) parts.push(`median ${time(s.median_ms)}`, `95 % within ${time(s.p95_ms)}`);
  return parts.join(' · ');
}

export class ToolTable {
  readonly element: HTMLElement;
  private readonly line = el('summary', { class: 'tools-line' });
  private readonly body = el('tbody');
  private tool = '';

  /** `choose` is given the name of a tool. */
  constructor(session: string, private readonly choose: (tool: string) => void) {
    const head = el('thead', {}, el('tr', {}, ...HEADS.map((h) => el('th', { scope: 'col' }, h))));
    const label = `Tools of session ${tame(session, 64)}`;
    const box = { class: 'tools-box', tabindex: '0', role: 'group', 'aria-label': label };
    this.element = el(
      'details',
      { class: 'tools', hidden: true },
      this.line,
      el('div', box, el('table', {}, head, this.body)),
    );
    this.body.addEventListener('click', (e) => {
      const b = (e.target as HTMLElement).closest<HTMLElement>('button[data-tool]');
      if (b) this.choose(b.dataset.tool ?? '');
    });
  }

  show(stats: ToolStats, tool: string): void {
    this.element.hidden = stats.all.calls === 0;
    this.line.textContent = sums(stats.all);
    renew(this.body, stats.tools.map(row));
    this.chosen(tool);
  }

  chosen(tool: string): void {
    this.tool = tool;
    for (const b of this.body.querySelectorAll<HTMLElement>('button[data-tool]')) {
      b.setAttribute('aria-pressed', String(b.dataset.tool === this.tool && tool !== ''));
    }
  }
}

function row(t: ToolStats['tools'][number]): HTMLElement {
  const name = tame(t.name ?? '', 60) || 'tool';
  const first = t.name
    ? el('button', { type: 'button', class: 'small quiet', 'data-tool': t.name, 'aria-pressed': 'false' }, name)
    : name;
  const cell = (text: string, of = ''): HTMLElement => el('td', { class: of }, text);
  return el(
    'tr',
    {},
    el('th', { scope: 'row' }, first),
    cell(number(t.calls)),
    cell(number(t.failed), t.failed ? 'bad' : ''),
    cell(time(t.median_ms)),
    cell(time(t.p95_ms)),
    cell(time(t.max_ms)),
  );
}

export class SubAgents {
  readonly element = el('div', { class: 'subs', role: 'group', 'aria-label': 'Sub-agents', hidden: true });

  constructor(private readonly host: Host) {}

  async refresh(signal: AbortSignal): Promise<void> {
    const found = await this.host.ask((s) => subAgents(this.host.id, s), signal);
    if (!found) return;
    this.element.hidden = found.data.length === 0;
    const more = found.total - found.data.length;
    renew(this.element, [
      el('span', {}, found.total === 1 ? 'Sub-agent' : `${number(found.total)} sub-agents`),
      ...found.data.map((s) => {
        const to = toHash(sessionRoute(String(s.id), 'trace'));
        const calls = `${number(s.tool_calls)} call${s.tool_calls === 1 ? '' : 's'}`;
        return el('a', { href: to, 'data-state': s.state ?? '' }, `${tame(titleOf(s), 60)} · ${calls}`);
      }),
      ...(more > 0 ? [el('span', {}, `and ${number(more)} more`)] : []),
    ]);
  }
}
