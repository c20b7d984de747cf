// A place in what the archive has: of a pane that is gone, or of a job's channel.

import { button, el, icon, tame } from '../parts/dom';
import { exactly } from '../parts/ago';
import { linesOf } from '../state/lines';
import { spansAt } from '../state/places';
import { jobHash } from '../state/route';
import { HistoryView } from './history';

const CHANNEL = /^(j\d+)\.(\d+)$/;

const channelName = (n: string): string =>
  n === '1' ? 'output' : n === '2' ? 'errors' : `channel ${n}`;

export interface ArchiveActions {
  back(): void;
  title(text: string): void;
}

export class ArchiveView {
  readonly element: HTMLElement;
  private readonly history: HistoryView;

  constructor(pane: string, run: string | undefined, line: number, actions: ArchiveActions) {
    const [, job = '', channel = ''] = CHANNEL.exec(pane) ?? [];
    const title = job ? `Job ${job}` : tame(pane, 64);
    const about = job
      ? `what it wrote, ${channelName(channel)}`
      : run
        ? `gone, of the daemon started ${exactly(run)}`
        : 'gone, from the archive';
    const leave = button('', { class: 'quiet', 'aria-label': 'Back' }, () => actions.back());
    leave.append(icon('back'));
    this.history = new HistoryView(linesOf(pane, run), 'Close', () => actions.back());
    this.element = el(
      'section',
      { class: 'pane archive', 'aria-label': job ? `Output of ${job}` : `Archive of ${title}` },
      el(
        'header',
        { class: 'bar' },
        leave,
        el('h1', { class: 'bar-text' }, el('span', { class: 'bar-name' }, title), el('span', { class: 'bar-title' }, about)),
        job ? el('a', { class: 'archive-job', href: jobHash(job) }, 'Show the job') : null,
      ),
      el('div', { class: 'work' }, this.history.element),
    );
    actions.title(title);
    void this.history.show(line, spansAt(pane, run, line));
  }

  focus(): void {
    this.history.focus();
  }

  dispose(): void {
    this.history.dispose();
  }
}
