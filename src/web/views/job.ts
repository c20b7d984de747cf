// One job: what it is, how it went, what it wrote, and what can be done about it.

import type { DaemonEvent } from '../api/events';
import {
  cancelJob, getJob, jobLives, removeJob, retryJob, type Job, type Try,
} from '../api/jobs';
import { took, lasted } from '../parts/ago';
import { joinCommand } from '../parts/command';
import { confirm } from '../parts/dialog';
import { button, el, renew, tame } from '../parts/dom';
import { longText, size } from '../parts/longtext';
import { attempt } from '../parts/problem';
import { usageWords } from '../parts/usage';
import { mayChange } from '../state/access';
import { flowHash, go, jobHash, parseHash, sessionHash } from '../state/route';
import { jobBytes, jobTitle } from './jobs';
import { link, OneView, since, type OneActions } from './one';
import { OutputView } from './output';
import { TalkView } from './talk';

const SHOWN_TRIES = 20;

export class JobView extends OneView<Job> {
  private readonly command = el('div', { class: 'job-command' });
  private readonly tries = el('ol', { class: 'job-tries', 'aria-label': 'Tries', hidden: true });
  private readonly work = el('div', { class: 'job-work' });
  private readonly cancel: HTMLButtonElement;
  private readonly repeat: HTMLButtonElement;
  private readonly removal: HTMLButtonElement;
  private output: OutputView | null = null;
  private talk: TalkView | null = null;
  private silent = false; // the talk is not kept any more
  private waits = false;
  private job: Job | null = null;

  constructor(
    readonly id: string,
    private readonly actions: OneActions,
  ) {
    super({ label: 'Job', noun: 'job', back: 'Back' }, id, actions, (signal) => getJob(id, signal));
    this.cancel = button('Cancel', { class: 'small danger', hidden: true }, () => void this.stop());
    this.repeat = button('Retry', { class: 'small', hidden: true }, () => void this.rerun());
    this.removal = button('Remove', { class: 'small', hidden: true }, () => void this.remove());
    this.buttons.append(this.cancel, this.repeat, this.removal);
    this.body.append(this.command, this.tries, this.work);
  }

  get screen(): OutputView['live'] {
    return this.output?.live ?? null;
  }

  override focus(): void {
    if (this.talk) this.talk.focus();
    else if (this.output) this.output.focus();
    else this.element.querySelector('button')?.focus();
  }

  override dispose(): void {
    this.talk?.dispose();
    this.output?.dispose();
    super.dispose();
  }

  protected override show(j: Job): void {
    const first = this.job === null;
    this.job = j;
    const talks = j.kind === 'session' && !this.silent;
    if (!talks) this.about(j); // a conversation says it, and has no room to spare
    this.command.hidden = talks || !this.command.firstChild;
    const lives = jobLives(j);
    const may = mayChange.get();
    this.cancel.hidden = !lives || !may;
    this.repeat.hidden = lives || j.kind !== 'command' || !may;
    this.removal.hidden = lives || !may;
    this.tell(j);
    this.tellTries(Array.isArray(j.tries) ? j.tries : []);
    const { activeElement: active } = document;
    const idle = (active === document.body && this.current) || this.buttons.contains(active);
    if (talks) this.showTalk();
    else this.showOutput(j);
    if (first && (idle || this.element.contains(active))) this.focus();
  }

  protected override concerns(e: DaemonEvent): boolean {
    return e.topic === 'jobs' && e.type === 'job' && (e.job as Partial<Job> | null)?.id === this.id;
  }

  protected override tick(): void {
    if (this.job && jobLives(this.job)) this.tell(this.job);
  }

  /** How much was written is not told. */
  protected override get calm(): boolean {
    if (!this.job || !jobLives(this.job)) return true;
    return this.talk !== null || this.screen !== null;
  }

  private tell(j: Job): void {
    const facts: (Node | string)[] = [j.id];
    if (j.kind !== 'command') facts.push(j.kind === 'session' ? 'live session' : 'stream');
    if (j.agent) facts.push(tame(j.agent, 20));
    if (j.model) facts.push(tame(j.model, 60));
    if (j.cwd) facts.push(tame(j.cwd, 300));
    if (j.flow) facts.push(link(flowHash(j.flow), `${tame(j.flow, 20)}, step ${tame(j.step ?? '', 64)}`));
    if (j.session) facts.push(link(sessionHash(j.session), 'transcript'));
    if (j.pane) facts.push(link(`#${encodeURIComponent(j.pane)}`, `pane ${tame(j.pane, 64)}`));
    if (j.pid !== null) facts.push(`process ${j.pid}`);
    const time = j.ended ?? j.started ?? j.created;
    if (time) facts.push(since(time));
    if (j.error) facts.push(el('span', { class: 'one-error' }, tame(j.error, 500)));
    const sums: [string, string][] = [];
    if (j.exit_status !== null) sums.push(['exit status', String(j.exit_status)]);
    if (j.started) sums.push(['time', lasted(j.started, j.ended)]);
    if (jobBytes(j) > 0) sums.push(['written', size(jobBytes(j))]);
    if (j.usage) sums.push(...usageWords(j.usage));
    this.head(`${this.waits ? '● ' : ''}${jobTitle(j)}`, j.state, facts, sums);
  }

  /** What it was asked to do, which does not change. */
  private about(j: Job): void {
    if (this.command.firstChild) return;
    const texts = [j.command.length ? joinCommand(j.command) : '', j.prompt ?? ''].filter(Boolean);
    this.command.append(...texts.map((t) => longText(t, undefined, () => Promise.resolve(null))));
  }

  private tellTries(tries: Try[]): void {
    this.tries.hidden = tries.length < 2;
    renew(
      this.tries,
      tries.slice(-SHOWN_TRIES).map((t) => {
        const words = [
          `Try ${t.n}`,
          lasted(t.started, t.ended),
          t.exit_status !== null && `status ${t.exit_status}`,
          t.reason && tame(t.reason, 200),
          t.retry_s !== null && `again after ${took(t.retry_s * 1000)}`,
        ];
        return el('li', {}, words.filter(Boolean).join(' · '));
      }),
    );
  }

  private showTalk(): void {
    if (this.talk) return;
    this.talk = new TalkView(this.id, {
      gone: () => {
        this.silent = true;
        this.talk?.dispose();
        this.talk = null;
        if (this.job) this.show(this.job);
      },
      waits: (on) => {
        this.waits = on;
        if (this.job) this.tell(this.job);
      },
    });
    this.work.replaceChildren(this.talk.element);
  }

  private showOutput(j: Job): void {
    if (!this.output) {
      this.output = new OutputView(() => this.actions.back());
      this.work.replaceChildren(this.output.element);
    }
    this.output.update(j);
  }

  private async stop(): Promise<void> {
    if (!this.job) return;
    const detail = `This ends ${jobTitle(this.job)} and everything that runs in it.`;
    if (await confirm(`Cancel ${this.id}?`, detail, 'Cancel the job')) {
      await this.act(() => cancelJob(this.id));
    }
  }

  private async rerun(): Promise<void> {
    const made = await attempt(() => retryJob(this.id));
    if (made) go(parseHash(jobHash(made.id)));
  }

  private async remove(): Promise<void> {
    const detail = 'Its record goes, with all that it wrote.';
    if (!(await confirm(`Remove ${this.id}?`, detail, 'Remove'))) return;
    if (await this.act(() => removeJob(this.id))) this.actions.back();
  }
}
