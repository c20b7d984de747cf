// The channels of a job, one at a time: in a terminal while they are written, as text from the
// record when that is over.

import { getPane } from '../api/http';
import { jobLives, readChannel, type Channel, type Job } from '../api/jobs';
import { el, renew, tame } from '../parts/dom';
import { size } from '../parts/longtext';
import { Output } from '../parts/output';
import { attempt } from '../parts/problem';
import { mayChange } from '../state/access';
import { jobChannels } from './jobs';
import { LiveOutput } from './live';

function nameOf(job: Job, c: Channel): string {
  if (c.name) return tame(c.name, 40);
  if (job.pty) return 'Terminal';
  return c.channel === 1 ? 'Output' : c.channel === 2 ? 'Errors' : `Channel ${c.channel}`;
}

export class OutputView {
  readonly element: HTMLElement;
  live: LiveOutput | null = null;
  private readonly tabs = el('div', { class: 'output-tabs', role: 'tablist', 'aria-label': 'Channels' });
  private readonly work = el('div', { class: 'output-work', role: 'tabpanel', 'aria-label': 'Output' });
  private readonly asking = new AbortController();
  private text: Output | null = null;
  private chosen: number | null = null; // by a person
  private shown = ''; // channel and manner
  private job: Job | null = null;
  private readonly without = new Set<number>(); // channels whose terminal is not to be had

  constructor(private readonly leave: () => void) {
    this.element = el('div', { class: 'output' }, this.tabs, this.work);
    this.tabs.addEventListener('keydown', (e) => this.key(e));
  }

  /** What is known of the job now. */
  update(job: Job): void {
    this.job = job;
    const channels = jobChannels(job);
    const now =
      channels.find((c) => c.channel === this.chosen) ??
      channels.find((c) => c.bytes > 0) ??
      channels[0];
    this.tab(channels, now);
    if (!now?.bytes) {
      this.nothing(jobLives(job) ? 'Nothing has been written yet.' : 'Nothing was written.');
      return;
    }
    const writes = jobLives(job) && (now.state === 'proposed' || now.state === 'streaming');
    if (writes && !this.without.has(now.channel)) {
      this.showLive(job, now);
      return;
    }
    this.showText(job, now);
    if (writes) void this.look(job, now.channel);
  }

  focus(): void {
    if (this.live) this.live.focus();
    else (this.text ?? this).element.focus({ preventScroll: true });
  }

  dispose(): void {
    this.asking.abort();
    this.live?.dispose();
    this.live = null;
    this.text?.dispose();
  }

  private tab(channels: Channel[], now: Channel | undefined): void {
    this.tabs.hidden = channels.length < 2;
    const { job } = this;
    if (!job || this.tabs.hidden) return;
    const focused = this.tabs.contains(document.activeElement);
    renew(
      this.tabs,
      channels.map((c) =>
        el(
          'button',
          {
            type: 'button',
            role: 'tab',
            class: 'small',
            'data-channel': String(c.channel),
            'aria-selected': String(c === now),
            tabindex: c === now ? '0' : '-1',
          },
          `${nameOf(job, c)}, ${size(c.bytes)}`,
        ),
      ),
    );
    for (const b of this.tabs.querySelectorAll('button')) {
      b.onclick = () => this.choose(Number(b.dataset.channel));
    }
    if (focused) this.tabs.querySelector<HTMLElement>('[aria-selected="true"]')?.focus();
  }

  private choose(channel: number): void {
    this.chosen = channel;
    if (this.job) this.update(this.job);
  }

  private key(e: KeyboardEvent): void {
    const by = e.key === 'ArrowRight' ? 1 : e.key === 'ArrowLeft' ? -1 : 0;
    const all = [...this.tabs.querySelectorAll('button')];
    const at = all.findIndex((b) => b.getAttribute('aria-selected') === 'true');
    const to = all[at + by];
    if (!by || !to) return;
    e.preventDefault();
    to.focus();
    to.click();
  }

  private nothing(words: string): void {
    if (this.changed(words)) this.work.replaceChildren(el('p', { class: 'sessions-note' }, words));
  }

  private showLive(job: Job, c: Channel): void {
    if (!this.changed(`live ${c.channel}`)) return;
    const focused = this.work.contains(document.activeElement);
    this.live = new LiveOutput(this.work, `${job.id}.${c.channel}`, job.pty && mayChange.get(), {
      gone: () => {
        this.without.add(c.channel);
        if (this.job) this.update(this.job);
      },
      leave: this.leave,
    });
    if (focused) this.live.focus();
  }

  /** A worker that has just begun has its terminal a moment later. */
  private async look(job: Job, channel: number): Promise<void> {
    try {
      await getPane(`${job.id}.${channel}`);
    } catch {
      return;
    }
    this.without.delete(channel);
  }

  private showText(job: Job, c: Channel): void {
    const focused = this.work.contains(document.activeElement);
    if (this.changed(`text ${c.channel}`)) {
      const { signal } = this.asking;
      const option = c.channel === 1 ? '' : ` --channel ${c.channel}`;
      this.text = new Output(
        (offset, limit) =>
          attempt(() => readChannel(job.id, c.channel, offset, limit, signal)),
        nameOf(job, c),
        `panescry jobs output ${job.id}${option}`,
      );
      this.work.replaceChildren(this.text.element);
      if (focused) this.text.element.focus({ preventScroll: true });
    }
    void this.text?.grow(c.bytes);
  }

  /** Takes away what was shown, if that was something else. */
  private changed(to: string): boolean {
    if (this.shown === to) return false;
    this.shown = to;
    this.live?.dispose();
    this.live = null;
    this.text?.dispose();
    this.text = null;
    return true;
  }
}

