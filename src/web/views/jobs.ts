// The list of jobs, the newest first.

import { JOB_STATES, jobLives, listJobs, type Job } from '../api/jobs';
import { lasted } from '../parts/ago';
import { joinCommand } from '../parts/command';
import { tame } from '../parts/dom';
import { Entry } from '../parts/entry';
import { size } from '../parts/longtext';
import { jobHash } from '../state/route';
import { Collisions } from './collisions';
import { choice, ListView, PAGE } from './list';

/** The name that it was given, else what a session was asked first, else its command. */
export const jobTitle = (j: Job): string =>
  tame(j.name ?? '') ||
  (j.kind === 'session' ? tame((j.prompt ?? '').slice(0, 1000)) : '') ||
  tame(joinCommand(j.command)) ||
  j.id;

/** The record of a live session (channel 3) is nothing that it wrote. */
export const jobChannels = (j: Job): Job['channels'] =>
  j.channels.filter((c) => j.kind !== 'session' || c.channel < 3);

export const jobBytes = (j: Job): number => jobChannels(j).reduce((n, c) => n + c.bytes, 0);

class Row extends Entry {
  constructor(private readonly id: string) {
    super(jobHash(id));
  }

  update(j: Job): void {
    const command = tame(joinCommand(j.command));
    this.title.textContent = jobTitle(j);
    this.badge.show(j.state);
    this.agent.textContent = j.agent ? tame(j.agent, 20) : '';
    this.agent.hidden = !j.agent;
    const tries = typeof j.tries === 'number' ? j.tries : j.tries.length;
    this.tell([
      this.id,
      j.kind === 'command' ? null : j.kind === 'session' ? 'live session' : 'stream',
      lasted(j.started, j.ended),
      j.exit_status !== null && !jobLives(j) && `status ${j.exit_status}`,
      tries > 1 && `${tries} tries`,
      jobBytes(j) > 0 && size(jobBytes(j)),
      j.flow && `step of ${tame(j.flow, 20)}`,
      jobTitle(j) !== command && command,
    ]);
    this.about.title = tame(joinCommand(j.command), 500);
    this.at(j.ended ?? j.started ?? j.created);
  }
}

const WORDS: Record<string, string> = { timed_out: 'timed out' };

export function jobsView(leave: () => void): ListView<Job, string> {
  const state = choice('State', 'All states', JOB_STATES.map((s) => [s, WORDS[s] ?? s]));
  const cursors: (string | null)[] = [null]; // of each page that was reached
  return new ListView<Job, string>(
    {
      name: 'Jobs',
      label: 'Jobs',
      noun: 'job',
      placeholder: 'Name or command',
      none: 'No jobs yet. What “panescry run” runs, with or without a terminal, is listed here.',
      topic: 'jobs',
      above: new Collisions(),
      selects: [state],
      id: (j) => j.id,
      row: (id) => new Row(id),
      fetch: async (text, page, signal) => {
        const filter = { text, state: state.value };
        const { jobs, total, next_cursor: next } = await listJobs(filter, PAGE, cursors[page] ?? null, signal);
        cursors[page + 1] = next;
        return { items: jobs, total, more: next !== null && page * PAGE + jobs.length < total };
      },
    },
    leave,
  );
}
