/* A try, from its begin to its end. */
#include "config.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/xmalloc.h"
#include "job/runner_priv.h"

static uint64_t
now_of(const struct job *j)
{
	return uv_now(j->runner->cfg.loop);
}

static struct jobs_try
try_of(const struct job *j)
{
	struct jobs_try t = {.n = j->tries, .exit_status = -1};

	t.started_ms = j->priv->try_ms;
	for (int i = 0; i < JOB_CHANNELS; i++)
		t.from[i] = j->channels[i].try_from;
	return t;
}

/* Limits. */

static void
set_limits(struct job *j)
{
	struct job_priv *p = j->priv;
	uint64_t now = now_of(j);
	int64_t gone = clock_wall_ms() - p->try_ms;

	p->heard = now;
	p->idle_at = j->spec.idle_ms != 0 ? now + (uint64_t)j->spec.idle_ms : 0;
	p->total_at = 0;
	if (j->spec.total_ms != 0)
		p->total_at =
		    now + (uint64_t)(gone < 0                  ? j->spec.total_ms
				     : gone < j->spec.total_ms ? j->spec.total_ms - gone
							       : 0);
	runner_due(j->runner, run_next(j));
}

uint64_t
run_next(const struct job *j)
{
	const struct job_priv *p = j->priv;
	uint64_t times[] = {p->idle_at, p->total_at, p->kill_at, p->linger_at, p->redo_at};
	uint64_t next = UINT64_MAX;

	for (size_t i = 0; i < sizeof times / sizeof *times; i++)
		if (times[i] != 0 && times[i] < next)
			next = times[i];
	return next;
}

void
run_failed(struct job *j, enum cause cause, char *take)
{
	struct job_priv *p = j->priv;

	if (p->cause != CAUSE_OWN || (p->phase != PHASE_RUNS && p->phase != PHASE_BEGINS)) {
		free(take);
		return;
	}
	p->cause = cause;
	free(p->why);
	p->why = take;
	p->idle_at = p->total_at = 0;
	if (p->phase == PHASE_BEGINS || cause == CAUSE_SPAWN)
		return;
	process_signal(j, SIGTERM);
	p->kill_at = now_of(j) + JOB_KILL_MS;
	if (p->linger_at != 0)
		p->linger_at = p->kill_at + JOB_LINGER_MS; /* what it left has as long */
	runner_due(j->runner, run_next(j));
}

void
job_wrote_too_much(struct job *j, char *take_why)
{
	run_failed(j, CAUSE_OUTPUT, take_why);
}

static void
stop_channels(struct job *j)
{
	if (j->priv->stopped)
		return;
	j->priv->stopped = true;
	for (int i = 0; i < JOB_CHANNELS; i++)
		if (j->channels[i].spool != NULL)
			spool_stop(j->channels[i].spool);
}

void
run_check(struct job *j, uint64_t now)
{
	struct job_priv *p = j->priv;

	if (p->redo_at != 0 && p->redo_at <= now) {
		p->redo_at = 0;
		ending_record(j);
		return;
	}
	if (p->total_at != 0 && p->total_at <= now)
		run_failed(j, CAUSE_TOTAL,
		    xasprintf("it ran for more than %.10g s", (double)j->spec.total_ms / 1000));
	if (p->idle_at != 0 && p->idle_at <= now) {
		p->idle_at = p->heard + (uint64_t)j->spec.idle_ms;
		if (p->idle_at <= now)
			run_failed(j, CAUSE_IDLE,
			    xasprintf("no output for %.10g s", (double)j->spec.idle_ms / 1000));
	}
	if (p->kill_at != 0 && p->kill_at <= now) {
		p->kill_at = 0;
		process_signal(j, SIGKILL);
	}
	if (p->linger_at != 0 && p->linger_at <= now) {
		p->linger_at = 0;
		stop_channels(j);
	}
}

/* Its begin. */

static void
start(struct job *j)
{
	struct job_priv *p = j->priv;
	char *why = NULL;

	p->phase = PHASE_RUNS;
	p->reaped = p->lost = p->stopped = false;
	p->kill_at = p->linger_at = 0;
	if (p->cause == CAUSE_OWN && process_start(j, &why) != 0)
		run_failed(j, CAUSE_SPAWN, why);
	if (p->cause != CAUSE_OWN) {
		p->reaped = p->lost = true;
		run_try_over(j);
		return;
	}
	if (j->pid > 0)
		jobs_pid(j->runner->cfg.store, j->number, j->pid);
	set_limits(j);
	job_tell(j);
}

static void
on_begun(int rc, void *arg)
{
	struct job *j = arg;
	struct job_priv *p = j->priv;
	struct runner *r = job_op_done(j);

	if (r == NULL)
		return;
	if (rc == 0) {
		start(j);
		return;
	}
	/* It stays where it is: whoever has the record can say more. */
	log_warn("job", "%s cannot begin: %s", j->id, strerror(-rc));
	j->tries--;
	j->state = JOB_QUEUED;
	p->phase = PHASE_QUEUED;
	runner_slot(j, false);
	j->retry_ms = clock_wall_ms() + SPOOL_RETRY_MS;
	p->retry_at = now_of(j) + SPOOL_RETRY_MS;
	runner_due(r, p->retry_at);
	if (p->cause != CAUSE_OWN)
		ending_record(j);
	runner_check_stopped(r);
}

void
run_begin(struct job *j)
{
	struct job_priv *p = j->priv;
	struct jobs_try t;

	p->phase = PHASE_BEGINS;
	j->state = JOB_RUNNING;
	j->tries++;
	j->retry_ms = 0;
	p->retry_at = 0;
	p->try_ms = clock_wall_ms();
	if (j->started_ms == 0)
		j->started_ms = p->try_ms;
	for (int i = 0; i < JOB_CHANNELS; i++)
		j->channels[i].try_from = j->channels[i].bytes;
	t = try_of(j);
	job_op(j);
	jobs_try_begin(j->runner->cfg.store, j->number, &t, on_begun, j);
}

void
run_adopt(struct job *j, struct found *f)
{
	struct job_priv *p = j->priv;

	p->phase = PHASE_RUNS;
	runner_slot(j, true);
	process_adopt(j, f->pid, f->fds);
	set_limits(j);
	if (f->ended)
		run_reaped(j, f->wait_status);
	else
		run_try_over(j);
}

void
run_lost(struct job *j)
{
	struct job_priv *p = j->priv;

	p->phase = PHASE_RUNS;
	p->cause = CAUSE_LOST;
	p->why = xstrdup("the daemon was killed before it could hold on to it");
	p->reaped = p->lost = true;
	runner_slot(j, true);
	process_replay(j);
	run_try_over(j);
}

/* Its output. */

void
run_output(struct job *j, unsigned channel, uint64_t offset, const void *data, size_t len)
{
	struct runner *r = j->runner;
	struct job_channel *c = &j->channels[channel - 1];
	struct job_priv *p = j->priv;

	c->state = CHANNEL_STREAMING;
	c->bytes = offset + len;
	p->heard = now_of(j);
	r->cfg.output(r->cfg.arg, j, channel, offset, data, len);
}

void
run_channel_ended(struct job *j, unsigned channel, enum spool_end how, int err)
{
	struct job_channel *c = &j->channels[channel - 1];

	spool_remove(c->spool);
	c->spool = NULL;
	if (how == SPOOL_LIMIT)
		run_failed(j, CAUSE_OUTPUT,
		    xasprintf("it wrote more than %" PRIu64 " bytes", j->priv->limit.max));
	else if (how == SPOOL_ERROR)
		log_warn("job", "%s: channel %u: %s", j->id, channel, strerror(-err));
	run_try_over(j);
}

/* Its end. */

static int
exit_status(int wait_status)
{
	if (WIFEXITED(wait_status))
		return WEXITSTATUS(wait_status);
	return WIFSIGNALED(wait_status) ? 128 + WTERMSIG(wait_status) : -1;
}

void
run_reaped(struct job *j, int wait_status)
{
	struct job_priv *p = j->priv;

	if (p->reaped)
		return;
	p->reaped = true;
	p->wait_status = wait_status;
	p->idle_at = p->total_at = 0;
	p->linger_at = (p->kill_at != 0 ? p->kill_at : now_of(j)) + JOB_LINGER_MS;
	runner_due(j->runner, run_next(j));
	run_try_over(j);
}

/* Called whenever it may be so. */
void
run_try_over(struct job *j)
{
	struct job_priv *p = j->priv;

	if (p->phase != PHASE_RUNS || !p->reaped)
		return;
	for (int i = 0; i < JOB_CHANNELS; i++)
		if (j->channels[i].spool != NULL)
			return;
	p->idle_at = p->total_at = p->kill_at = p->linger_at = 0;
	j->exit_status = p->lost ? -1 : exit_status(p->wait_status);
	process_close(j);
	ending_weigh(j);
}
