/* The queue, and who runs. */
#include "config.h"

#include "job/runner.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cjson/cJSON.h>
#include <utlist.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/xmalloc.h"
#include "job/runner_priv.h"
#include "proto/json.h"

enum { DONE_MAX = 10000 };

/* Jobs. */

struct job *
runner_add_job(struct runner *r, uint64_t number, struct job_spec *take)
{
	struct job *j = xcalloc(1, sizeof *j);
	struct job_priv *p = xcalloc(1, sizeof *p);

	j->runner = r;
	j->number = number;
	snprintf(j->id, sizeof j->id, "j%llu", (unsigned long long)number);
	j->spec = *take;
	*take = (struct job_spec){0};
	j->exit_status = -1;
	j->usage = p->before = jobs_usage_unknown;
	j->priv = p;
	p->in = p->status_fd = -1;
	p->limit.max = j->spec.max_output != 0 ? j->spec.max_output : r->cfg.max_output;
	buf_init(&p->input, RUNNER_INPUT_MAX);
	for (unsigned i = 0; i < JOB_CHANNELS; i++)
		p->users[i] = (struct channel_user){j, i + 1};
	if (j->spec.dedup)
		job_spec_key(&j->spec, p->key);
	DL_APPEND(r->jobs, j);
	return j;
}

void
job_free(struct job *j)
{
	struct job_priv *p = j->priv;
	struct job_waiter *w, *next;

	p->dead = true;
	if (p->ops != 0)
		return;
	for (unsigned i = 0; i < JOB_CHANNELS; i++)
		if (j->channels[i].spool != NULL)
			spool_remove(j->channels[i].spool);
	process_close(j);
	buf_release(&p->input);
	DL_FOREACH_SAFE (p->waiters, w, next)
		free(w);
	free(p->why);
	free(p);
	job_spec_release(&j->spec);
	free(j->error);
	free(j->session);
	free(j);
}

void
job_tell(struct job *j)
{
	j->runner->cfg.changed(j->runner->cfg.arg, j);
}

struct job *
runner_find(struct runner *r, uint64_t number)
{
	struct job *j;

	DL_FOREACH (r->jobs, j) {
		if (j->number == number)
			return j;
	}
	return NULL;
}

struct job *
runner_jobs(struct runner *r)
{
	return r->jobs;
}

uint64_t
runner_new_number(struct runner *r)
{
	return ++r->last_number;
}

bool
runner_ready(const struct runner *r)
{
	return r->ready;
}

bool
runner_unread(const struct runner *r)
{
	return !r->ready && r->unread != 0 && r->unread != -EAGAIN;
}

void
runner_count(const struct runner *r, unsigned *running, unsigned *queued)
{
	const struct job *j;

	*running = *queued = 0;
	DL_FOREACH (r->jobs, j) {
		*running += j->state == JOB_RUNNING;
		*queued += j->state == JOB_QUEUED;
	}
}

/* Those that were completed. */

void
runner_remember_key(
    struct runner *r, const unsigned char *key, uint64_t number, int64_t ended_ms)
{
	struct done *d;

	HASH_FIND(hh, r->done, key, JOB_KEY_SIZE, d);
	if (d != NULL)
		HASH_DEL(r->done, d);
	else
		d = xcalloc(1, sizeof *d);
	memcpy(d->key, key, JOB_KEY_SIZE);
	d->number = number;
	d->ended_ms = ended_ms;
	HASH_ADD(hh, r->done, key, JOB_KEY_SIZE, d);
	if (HASH_COUNT(r->done) > DONE_MAX) {
		d = r->done;
		HASH_DEL(r->done, d);
		free(d);
	}
}

void
runner_remember(struct runner *r, const struct job *j)
{
	if (j->spec.dedup && j->state == JOB_COMPLETED)
		runner_remember_key(r, j->priv->key, j->number, j->ended_ms);
}

static int64_t
window_of(const struct runner *r, const struct job_spec *s)
{
	return s->dedup_ms < 0 ? r->cfg.dedup_ms : s->dedup_ms;
}

static struct job *
find_same(struct runner *r, const unsigned char *key)
{
	struct job *j;

	DL_FOREACH (r->jobs, j) {
		if (j->spec.dedup && !job_is_terminal(j->state) &&
		    j->priv->cause == CAUSE_OWN && memcmp(j->priv->key, key, JOB_KEY_SIZE) == 0)
			return j;
	}
	return NULL;
}

void
runner_forget(struct runner *r, uint64_t number)
{
	struct done *d, *next;

	HASH_ITER (hh, r->done, d, next) {
		if (d->number == number) {
			HASH_DEL(r->done, d);
			free(d);
		}
	}
}

/* Times. */

static void
on_timer(uv_timer_t *t)
{
	struct runner *r = t->data;
	uint64_t now = uv_now(r->cfg.loop), next = UINT64_MAX;
	struct job *j, *tmp;

	r->due = 0;
	DL_FOREACH_SAFE (r->jobs, j, tmp)
		run_check(j, now);
	DL_FOREACH (r->jobs, j) {
		uint64_t at = run_next(j);
		next = at < next ? at : next;
	}
	if (next != UINT64_MAX)
		runner_due(r, next);
	runner_dispatch(r);
}

void
runner_due(struct runner *r, uint64_t at)
{
	uint64_t now = uv_now(r->cfg.loop);

	if (at == UINT64_MAX || r->closed || (r->due != 0 && r->due <= at))
		return;
	r->due = at;
	uv_timer_start(&r->timer, on_timer, at > now ? at - now : 0, 0);
}

/* Slots. */

void
runner_slot(struct job *j, bool on)
{
	if (j->priv->slot == on)
		return;
	j->priv->slot = on;
	j->runner->running += on ? 1 : (unsigned)-1;
}

void
runner_dispatch(struct runner *r)
{
	uint64_t now = uv_now(r->cfg.loop), soonest = UINT64_MAX;
	struct job *j, *next;

	if (!r->ready || r->paused || r->stopping)
		return;
	DL_FOREACH_SAFE (r->jobs, j, next) {
		if (j->priv->phase != PHASE_QUEUED)
			continue;
		if (j->priv->retry_at > now) {
			soonest = j->priv->retry_at < soonest ? j->priv->retry_at : soonest;
			continue;
		}
		if (r->running >= r->cfg.running_max)
			return;
		runner_slot(j, true);
		run_begin(j);
	}
	if (soonest != UINT64_MAX)
		runner_due(r, soonest);
}

/* Submitting. */

static void
on_stored(int rc, void *arg)
{
	struct job *j = arg;
	struct job_priv *p = j->priv;
	struct runner *r = job_op_done(j);
	struct job_submit how = p->submit;

	if (r == NULL)
		return;
	if (rc == 0)
		p->phase = PHASE_QUEUED;
	if (how.stored != NULL)
		how.stored(how.arg, j, rc);
	if (rc != 0) {
		DL_DELETE(r->jobs, j);
		job_free(j);
	} else if (p->cause != CAUSE_OWN) {
		ending_record(j);
	} else {
		job_tell(j);
		runner_dispatch(r);
	}
	runner_check_stopped(r);
}

static void
put_on_record(struct job *j)
{
	struct jobs_row row = {.id = j->number, .kind = (int)j->spec.kind, .exit_status = -1};

	row.spec = json_print_take(job_spec_json(&j->spec));
	row.keyed = j->spec.dedup;
	memcpy(row.key, j->priv->key, JOB_KEY_SIZE);
	row.created_ms = j->created_ms;
	row.usage = jobs_usage_unknown;
	job_op(j);
	jobs_add(j->runner->cfg.store, &row, j->priv->submit.prompt, on_stored, j);
	free(row.spec);
}

static struct job *
same_as(struct runner *r, const struct job_spec *s, uint64_t *ended)
{
	unsigned char key[JOB_KEY_SIZE];
	struct job *j;
	struct done *d;

	job_spec_key(s, key);
	if ((j = find_same(r, key)) != NULL)
		return j;
	HASH_FIND(hh, r->done, key, JOB_KEY_SIZE, d);
	if (d != NULL && clock_wall_ms() - d->ended_ms <= window_of(r, s))
		*ended = d->number;
	return NULL;
}

int
runner_submit(struct runner *r, struct job_spec *take, const struct job_submit *how,
    struct job **out, bool *existing, uint64_t *ended)
{
	unsigned running, queued;

	*out = NULL;
	*existing = false;
	*ended = 0;
	if (r->stopping)
		return -ESHUTDOWN;
	if (!r->ready)
		return -EAGAIN;
	if (take->dedup && !how->force) {
		*out = same_as(r, take, ended);
		*existing = *out != NULL;
		if (*existing || *ended != 0) {
			job_spec_release(take);
			return 0;
		}
	}
	if (take->max_output == 0)
		take->max_output = r->cfg.max_output;
	runner_count(r, &running, &queued);
	if (queued >= r->cfg.queue_max)
		return -ENOSPC;
	*out = runner_add_job(r, runner_new_number(r), take);
	(*out)->created_ms = clock_wall_ms();
	(*out)->priv->submit = *how;
	put_on_record(*out);
	return 0;
}

int
job_cancel(struct job *j, const char *why)
{
	struct job_priv *p = j->priv;

	if (p->phase == PHASE_RECORDED || p->cause != CAUSE_OWN)
		return -EALREADY;
	if (p->phase == PHASE_RUNS || p->phase == PHASE_BEGINS) {
		run_failed(j, CAUSE_CANCEL, xstrdup(why));
		return 0;
	}
	p->cause = CAUSE_CANCEL;
	free(p->why);
	p->why = xstrdup(why);
	if (p->phase == PHASE_QUEUED)
		ending_record(j);
	return 0;
}

struct job_waiter *
job_await(struct job *j, void (*ended)(void *arg, struct job *j), void *arg)
{
	struct job_waiter *w = xcalloc(1, sizeof *w);

	w->job = j;
	w->ended = ended;
	w->arg = arg;
	DL_APPEND(j->priv->waiters, w);
	return w;
}

void
job_await_cancel(struct job_waiter *w)
{
	DL_DELETE(w->job->priv->waiters, w);
	free(w);
}

const char *
job_waiter_id(const struct job_waiter *w)
{
	return w->job->id;
}

/* Processes. */

void
runner_exited(struct runner *r, uint64_t number, pid_t pid, int wait_status)
{
	struct job *j = runner_find(r, number & (((uint64_t)1 << TRY_SHIFT) - 1));
	struct found *f;

	LL_FOREACH(r->found, f)
	{
		if (f->number == number) {
			f->ended = true;
			f->wait_status = wait_status;
			return;
		}
	}
	if (j == NULL || held_number(j) != number || (j->pid != pid && j->pid >= 0))
		return;
	if (j->pid < 0)
		process_status(j); /* it was told before */
	run_reaped(j, wait_status);
}

bool
runner_reap(struct runner *r, pid_t pid, int wait_status)
{
	struct job *j;

	DL_FOREACH (r->jobs, j) {
		if (j->pid == pid && !j->priv->reaped)
			break;
	}
	if (j == NULL)
		return false;
	r->cfg.reaped(r->cfg.arg, held_number(j), wait_status);
	waitpid(pid, NULL, 0);
	run_reaped(j, wait_status);
	return true;
}

/* Life. */

static void
on_data(void *user, uint64_t offset, const void *data, size_t len)
{
	struct channel_user *u = user;

	run_output(u->job, u->n, offset, data, len);
}

static void
on_end(void *user, enum spool_end how, int err)
{
	struct channel_user *u = user;

	run_channel_ended(u->job, u->n, how, err);
}

static void
on_stuck(void *user, int err)
{
	struct channel_user *u = user;

	if (err != 0)
		log_error("job", "%s: channel %u cannot be written: %s", u->job->id, u->n,
		    strerror(-err));
	else
		log_info("job", "%s: channel %u is written again", u->job->id, u->n);
}

int
runner_new(const struct runner_config *config, struct runner **out, char **cause)
{
	static const struct spool_callbacks callbacks = {on_data, on_end, on_stuck};
	struct runner *r = xcalloc(1, sizeof *r);
	int rc;

	r->cfg = *config;
	if ((rc = spool_new(config->loop, config->dir, &callbacks, &r->spool, cause)) != 0) {
		free(r);
		return rc;
	}
	r->dir = xstrdup(config->dir);
	r->socket_path = config->socket_path != NULL ? xstrdup(config->socket_path) : NULL;
	if (r->cfg.nbackoff > sizeof r->backoff_ms / sizeof *r->backoff_ms)
		r->cfg.nbackoff = sizeof r->backoff_ms / sizeof *r->backoff_ms;
	for (size_t i = 0; i < r->cfg.nbackoff; i++)
		r->backoff_ms[i] = config->backoff_ms[i];
	uv_timer_init(r->cfg.loop, &r->timer);
	uv_timer_init(r->cfg.loop, &r->load_again);
	r->timer.data = r->load_again.data = r;
	r->handles = 2;
	*out = r;
	return 0;
}

void
runner_start(struct runner *r)
{
	if (!r->started)
		load_start(r);
	r->started = true;
}

void
runner_pause(struct runner *r, bool pause)
{
	r->paused = pause;
	spool_pause(r->spool, pause);
	runner_dispatch(r);
}

bool
runner_idle(const struct runner *r)
{
	return r->ops == 0 && (!r->paused || spool_is_quiet(r->spool));
}

void
runner_check_stopped(struct runner *r)
{
	void (*stopped)(void *) = r->stopped;
	const struct job *j;

	if (!r->stopping || r->ops != 0 || stopped == NULL)
		return;
	DL_FOREACH (r->jobs, j) {
		if (j->state != JOB_QUEUED && !j->priv->redo)
			return;
	}
	r->stopped = NULL;
	stopped(r->stopped_arg);
}

void
runner_stop(struct runner *r, void (*done)(void *arg), void *arg)
{
	struct job *j, *next;

	r->stopping = true;
	r->stopped = done;
	r->stopped_arg = arg;
	spool_pause(r->spool, false);
	DL_FOREACH_SAFE (r->jobs, j, next) {
		if (j->state == JOB_RUNNING)
			job_cancel(j, "the daemon was ended");
	}
	runner_check_stopped(r);
}

static void
check_freed(struct runner *r)
{
	if (!r->closed || r->ops != 0 || r->handles != 0)
		return;
	free(r->dir);
	free(r->socket_path);
	free(r);
}

static void
on_closed(uv_handle_t *h)
{
	struct runner *r = h->data;

	r->handles--;
	check_freed(r);
}

void
runner_op_done(struct runner *r)
{
	r->ops--;
	check_freed(r);
}

void
job_op(struct job *j)
{
	j->priv->ops++;
	j->runner->ops++;
}

struct runner *
job_op_done(struct job *j)
{
	struct runner *r = j->runner;

	j->priv->ops--;
	if (!j->priv->dead) {
		r->ops--;
		return r;
	}
	job_free(j);
	runner_op_done(r);
	return NULL;
}

void
runner_free(struct runner *r)
{
	struct job *j, *next;
	struct done *d, *dnext;
	struct found *f, *fnext;

	if (r == NULL)
		return;
	r->closed = true;
	DL_FOREACH_SAFE (r->jobs, j, next) {
		DL_DELETE(r->jobs, j);
		job_free(j);
	}
	HASH_ITER (hh, r->done, d, dnext) {
		HASH_DEL(r->done, d);
		free(d);
	}
	LL_FOREACH_SAFE(r->found, f, fnext)
	free(f);
	spool_free(r->spool);
	uv_close((uv_handle_t *)&r->load_again, on_closed);
	uv_close((uv_handle_t *)&r->timer, on_closed);
}
