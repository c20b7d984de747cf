/* What becomes of a try that is over: another one, or the job's end. */
#include "config.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include <utlist.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/xmalloc.h"
#include "job/runner_priv.h"

enum { REDO_MS = 1000, RECORD_CHANNELS = JOB_CHANNELS };

/* The keeper. */

static void
release(struct job *j)
{
	struct runner *r = j->runner;

	if (j->priv->held)
		r->cfg.released(r->cfg.arg, held_number(j));
	j->priv->held = false;
	j->pid = 0;
}

/* Another try. */

static int64_t
delay_of(const struct job *j)
{
	const struct runner *r = j->runner;
	const int64_t *list = j->spec.nbackoff != 0 ? j->spec.backoff_ms : r->backoff_ms;
	size_t n = j->spec.nbackoff != 0 ? j->spec.nbackoff : r->cfg.nbackoff;
	size_t i = j->tries - 1;

	return n == 0 ? 0 : list[i < n ? i : n - 1];
}

static bool
wants_retry(const struct job *j, enum outcome_signal signal)
{
	if (j->priv->cause != CAUSE_OWN || j->tries > j->spec.retries || j->runner->stopping ||
	    signal == OUTCOME_AUTH || j->exit_status < 0)
		return false;
	if (signal == OUTCOME_RATE_LIMIT || signal == OUTCOME_OVERLOAD)
		return true;
	for (size_t i = 0; i < j->spec.nretry_on; i++)
		if (j->spec.retry_on[i] == j->exit_status)
			return true;
	return false;
}

static void
on_retried(int rc, void *arg)
{
	struct job *j = arg;
	struct job_priv *p = j->priv;
	struct runner *r = job_op_done(j);

	if (rc != 0)
		log_warn("job", "%s: a try is not on record: %s", j->id, strerror(-rc));
	if (r == NULL)
		return;
	release(j);
	p->phase = PHASE_QUEUED;
	if (p->cause != CAUSE_OWN) {
		ending_record(j);
		return;
	}
	job_tell(j);
	runner_dispatch(r);
	runner_check_stopped(r);
}

static void
retry(struct job *j, const char *reason)
{
	struct job_priv *p = j->priv;
	struct jobs_try t = {.n = j->tries, .started_ms = p->try_ms};
	int64_t now = clock_wall_ms();

	t.ended_ms = now;
	t.exit_status = j->exit_status;
	t.reason = (char *)reason;
	t.retry_ms = delay_of(j);
	p->before = j->usage;
	p->phase = PHASE_BEGINS; /* on its way: nothing else may begin it */
	j->state = JOB_QUEUED;
	j->retry_ms = now + t.retry_ms;
	j->exit_status = -1;
	runner_slot(j, false);
	job_op(j);
	jobs_try_end(j->runner->cfg.store, j->number, &t, on_retried, j);
	p->retry_at = uv_now(j->runner->cfg.loop) + (uint64_t)t.retry_ms;
	runner_due(j->runner, p->retry_at);
}

/* What the agent said. */

struct weigh {
	uv_work_t work;
	struct job *job;
	uint64_t number;
	char *dir, *agent, *model;
	uint64_t from[JOB_CHANNELS];
	struct job_outcome outcome;
	int rc;
};

static void
on_weigh(uv_work_t *work)
{
	struct weigh *w = work->data;

	w->rc = outcome_read(w->dir, w->number, w->agent, w->model, w->from, &w->outcome);
}

static void
judge(struct job *j, enum outcome_signal signal, const char *text)
{
	struct job_priv *p = j->priv;
	char *reason;

	if (!wants_retry(j, signal)) {
		if (p->cause == CAUSE_OWN && signal != OUTCOME_NONE && p->why == NULL)
			p->why = xasprintf("%s: %s", outcome_signal_name(signal),
			    text != NULL ? text : "its agent says so");
		ending_record(j);
		return;
	}
	if (signal == OUTCOME_RATE_LIMIT || signal == OUTCOME_OVERLOAD)
		reason = xasprintf("%s: %s", outcome_signal_name(signal),
		    text != NULL ? text : "its agent says so");
	else
		reason = xasprintf("status %d", j->exit_status);
	retry(j, reason);
	free(reason);
}

static void
weigh_free(struct weigh *w)
{
	if (w->rc == 0)
		outcome_release(&w->outcome);
	free(w->dir);
	free(w->agent);
	free(w->model);
	free(w);
}

static void
on_weighed(uv_work_t *work, int status)
{
	struct weigh *w = work->data;
	struct job *j = w->job;
	enum outcome_signal signal = OUTCOME_NONE;

	(void)status;
	if (job_op_done(j) == NULL) {
		weigh_free(w);
		return;
	}
	if (w->rc == 0) {
		signal = w->outcome.signal;
		j->usage = j->priv->before;
		jobs_usage_add(&j->usage, &w->outcome.usage);
		if (j->session == NULL && w->outcome.session != NULL)
			j->session = xstrdup(w->outcome.session);
		if (j->spec.model == NULL && w->outcome.model != NULL)
			j->spec.model = xstrdup(w->outcome.model);
	}
	judge(j, signal, w->rc == 0 ? w->outcome.text : NULL);
	weigh_free(w);
}

void
ending_weigh(struct job *j)
{
	struct job_priv *p = j->priv;
	struct weigh *w;

	p->phase = PHASE_WEIGHED;
	if (j->spec.agent == NULL || p->cause == CAUSE_SPAWN) {
		judge(j, OUTCOME_NONE, NULL);
		return;
	}
	w = xcalloc(1, sizeof *w);
	w->work.data = w;
	w->job = j;
	w->number = j->number;
	w->dir = xstrdup(j->runner->dir);
	w->agent = xstrdup(j->spec.agent);
	w->model = j->spec.model != NULL ? xstrdup(j->spec.model) : NULL;
	for (int i = 0; i < JOB_CHANNELS; i++)
		w->from[i] = j->channels[i].try_from;
	job_op(j);
	uv_queue_work(j->runner->cfg.loop, &w->work, on_weigh, on_weighed);
}

/* The end. */

static enum job_state
state_of(const struct job *j)
{
	switch (j->priv->cause) {
	case CAUSE_CANCEL:
		return JOB_CANCELLED;
	case CAUSE_IDLE:
	case CAUSE_TOTAL:
		return JOB_TIMED_OUT;
	case CAUSE_LOST:
		return JOB_ORPHANED;
	case CAUSE_OUTPUT:
	case CAUSE_SPAWN:
		return JOB_FAILED;
	case CAUSE_OWN:
		break;
	}
	return j->exit_status == 0 ? JOB_COMPLETED : JOB_FAILED;
}

static enum channel_state
channel_end(enum job_state s)
{
	if (s == JOB_CANCELLED)
		return CHANNEL_CANCELLED;
	return s == JOB_COMPLETED || s == JOB_FAILED ? CHANNEL_RESOLVED : CHANNEL_FAILED;
}

static void
tell_end(struct job *j)
{
	struct runner *r = j->runner;
	struct job_waiter *w, *next;

	release(j);
	runner_remember(r, j);
	job_tell(j);
	DL_FOREACH_SAFE (j->priv->waiters, w, next) {
		DL_DELETE(j->priv->waiters, w);
		w->ended(w->arg, j);
		free(w);
	}
	DL_DELETE(r->jobs, j);
	job_free(j);
	runner_dispatch(r);
	runner_check_stopped(r);
}

static void
on_recorded(int rc, void *arg)
{
	struct job *j = arg;
	struct job_priv *p = j->priv;
	struct runner *r = job_op_done(j);

	if (r == NULL)
		return;
	if (rc == -ENOSPC || rc == -EROFS) {
		if (!p->redo)
			log_warn("job", "the end of %s cannot be put on record: %s", j->id,
			    strerror(-rc));
		p->redo = true;
		p->redo_at = uv_now(r->cfg.loop) + REDO_MS;
		runner_due(r, p->redo_at);
		runner_check_stopped(r);
		return;
	}
	if (rc != 0 && rc != -ECANCELED)
		log_warn("job", "%s: %s", j->id, strerror(-rc));
	tell_end(j);
}

void
ending_record(struct job *j)
{
	struct runner *r = j->runner;
	struct job_priv *p = j->priv;
	struct jobs_channel channels[RECORD_CHANNELS] = {0};
	struct jobs_row row = {0};

	if (p->phase != PHASE_RECORDED) {
		runner_slot(j, false);
		p->phase = PHASE_RECORDED;
		j->state = state_of(j);
		j->ended_ms = clock_wall_ms();
		j->retry_ms = 0;
		j->error = p->why;
		p->why = NULL;
	}
	row.id = j->number;
	row.state = (int)j->state;
	row.started_ms = j->started_ms;
	row.ended_ms = j->ended_ms;
	row.exit_status = j->exit_status;
	row.error = j->error;
	row.session = j->session;
	row.usage = j->usage;
	row.channels = channels;
	row.nchannels = j->spec.pty ? 1 : JOB_CHANNELS;
	for (unsigned i = 0; i < row.nchannels; i++) {
		j->channels[i].state = channel_end(j->state);
		channels[i].n = i + 1;
		channels[i].state = (int)j->channels[i].state;
		channels[i].bytes = j->channels[i].bytes;
		channels[i].exit_status = -1;
		channels[i].duration_ms = -1;
	}
	job_op(j);
	jobs_end(r->cfg.store, &row, on_recorded, j);
}
