/* Runs: their beginning, what is decided, and their end. */
#include "config.h"

#include "job/flow_run.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>
#include <utlist.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/xmalloc.h"
#include "job/flow_run_priv.h"

bool
flow_id_parse(const char *id, uint64_t *number)
{
	return *id != 'j' && job_id_parse(*id == 'f' ? id + 1 : id, number);
}

/* All runs. */

static void
on_timer(uv_timer_t *t)
{
	struct flow_runs *fr = t->data;
	struct flow_run *run, *next;

	DL_FOREACH_SAFE (fr->runs, run, next)
		flow_run_go(run);
}

struct flow_runs *
flow_runs_new(const struct flow_runs_config *config)
{
	struct flow_runs *fr = xcalloc(1, sizeof *fr);

	fr->cfg = *config;
	fr->dir = xstrdup(config->dir);
	fr->home = xstrdup(config->home);
	uv_timer_init(config->loop, &fr->timer);
	fr->timer.data = fr;
	return fr;
}

void
flow_runs_start(struct flow_runs *fr)
{
	if (fr->stopping)
		return;
	fr->started = true;
	flow_runs_load(fr);
	on_timer(&fr->timer); /* those that were asked for before */
}

void
flow_runs_pause(struct flow_runs *fr, bool pause)
{
	struct flow_run *run;

	fr->paused = pause;
	if (pause || fr->stopping)
		return;
	DL_FOREACH (fr->runs, run)
		for (unsigned i = 0; i < run->flow->nsteps; i++)
			flow_step_release_hold(&run->steps[i]);
	on_timer(&fr->timer);
}

void
flow_runs_stop(struct flow_runs *fr)
{
	struct flow_run *run;

	if (fr->stopping)
		return;
	fr->stopping = true;
	DL_FOREACH (fr->runs, run)
		for (unsigned i = 0; i < run->flow->nsteps; i++)
			flow_step_leave(&run->steps[i]);
	uv_close((uv_handle_t *)&fr->timer, NULL);
}

void
flow_runs_free(struct flow_runs *fr)
{
	struct flow_run *run, *next;

	if (fr == NULL)
		return;
	DL_FOREACH_SAFE (fr->runs, run, next) {
		DL_DELETE(fr->runs, run);
		flow_run_free(run);
	}
	free(fr->dir);
	free(fr->home);
	free(fr);
}

struct flow_run *
flow_run_find(struct flow_runs *fr, uint64_t id)
{
	struct flow_run *run;

	DL_FOREACH (fr->runs, run) {
		if (run->row.id == id && !run->dead)
			return run;
	}
	return NULL;
}

/* One. */

static char *
dir_of(const char *file, const char *home)
{
	const char *slash = file != NULL ? strrchr(file, '/') : NULL;

	if (slash == NULL || *file != '/')
		return xstrdup(home);
	return slash == file ? xstrdup("/") : xstrndup(file, (size_t)(slash - file));
}

struct flow_run *
flow_run_make(struct flow_runs *fr, struct flow *take, struct flows_run *take_row, bool force)
{
	struct flow_run *run = xcalloc(1, sizeof *run);

	run->fr = fr;
	run->flow = take;
	run->row = *take_row;
	*take_row = (struct flows_run){0};
	run->force = force;
	run->used = jobs_usage_unknown;
	run->dir = dir_of(run->row.file, fr->home);
	snprintf(run->id, sizeof run->id, "f%" PRIu64, run->row.id);
	run->steps = xcalloc(take->nsteps, sizeof *run->steps);
	for (unsigned i = 0; i < take->nsteps; i++) {
		struct live_step *s = &run->steps[i];

		s->run = run;
		s->n = i;
		flow_step_copy(&s->sent, &run->row.steps[i]);
		if (run->row.steps[i].result != NULL)
			s->result = cJSON_Parse(run->row.steps[i].result);
	}
	DL_APPEND(fr->runs, run);
	return run;
}

void
flow_run_free(struct flow_run *run)
{
	for (unsigned i = 0; i < run->flow->nsteps; i++)
		flow_step_release(&run->steps[i]);
	free(run->steps);
	flow_free(run->flow);
	flows_run_release(&run->row);
	free(run->dir);
	free(run->stop);
	free(run);
}

void
flow_run_op_done(struct flow_run *run)
{
	run->ops--;
	if (!run->dead || run->ops != 0)
		return;
	DL_DELETE(run->fr->runs, run);
	flow_run_free(run);
}

void
flow_run_tell(struct flow_run *run)
{
	if (!run->fr->stopping)
		run->fr->cfg.changed(run->fr->cfg.arg, run);
}

const struct flows_run *
flow_run_row(const struct flow_run *run)
{
	return &run->row;
}

const struct flow *
flow_run_flow(const struct flow_run *run)
{
	return run->flow;
}

const struct jobs_usage *
flow_run_used(const struct flow_run *run)
{
	return &run->used;
}

const char *
flow_run_message(const struct flow_run *run, unsigned step)
{
	return run->steps[step].filled ? run->steps[step].ready.message : NULL;
}

/* A new one. */

struct creation {
	struct flow_run *run;
	flow_run_cb done;
	void *arg;
};

static void
on_added(int rc, uint64_t id, void *arg)
{
	struct creation *c = arg;
	struct flow_run *run = c->run;

	if (rc == 0) {
		run->row.id = id;
		snprintf(run->id, sizeof run->id, "f%" PRIu64, id);
		flow_run_tell(run);
	} else {
		run->dead = true;
	}
	c->done(c->arg, rc, rc == 0 ? run : NULL);
	free(c);
	if (rc == 0)
		flow_run_go(run);
	flow_run_op_done(run);
}

int
flow_run_new(struct flow_runs *fr, struct flow *take, const char *definition, const char *file,
    bool force, flow_run_cb done, void *arg)
{
	struct flows_run row = {.state = FLOW_RUNNING, .created_ms = clock_wall_ms()};
	struct creation *c;
	struct flow_run *run;
	int runs;

	DL_COUNT(fr->runs, run, runs);
	if (fr->stopping || runs >= FLOW_RUNS_MAX) {
		flow_free(take);
		return fr->stopping ? -ESHUTDOWN : -ENOSPC;
	}
	row.name = xstrdup(take->name);
	row.file = file != NULL ? xstrdup(file) : NULL;
	row.definition = xstrdup(definition);
	row.nsteps = take->nsteps;
	row.steps = xcalloc(row.nsteps, sizeof *row.steps);
	for (unsigned i = 0; i < take->nsteps; i++) {
		row.steps[i].name = xstrdup(take->steps[i].name);
		row.steps[i].n = i;
	}
	run = flow_run_make(fr, take, &row, force);
	c = xcalloc(1, sizeof *c);
	*c = (struct creation){run, done, arg};
	run->ops++;
	flows_add(fr->cfg.store, &run->row, on_added, c);
	return 0;
}

/* Its end. */

static bool
is_harmless(const struct flow_run *run, unsigned failed)
{
	for (unsigned i = 0; i < run->flow->nsteps; i++) {
		const struct flow_step *s = &run->flow->steps[i];

		if (s->trigger != FLOW_ONE_SUCCESS || run->row.steps[i].state != FLOW_COMPLETED)
			continue;
		for (unsigned k = 0; k < s->ndepends; k++)
			if (s->depends[k] == failed)
				return true;
	}
	return false;
}

/* And why, for the caller to free; NULL where there is nothing to say. */
static int
outcome_of(const struct flow_run *run, char **why)
{
	*why = run->stop != NULL ? xstrdup(run->stop) : NULL;
	if (run->stop != NULL)
		return run->cancelled ? FLOW_CANCELLED : FLOW_FAILED;
	for (unsigned i = 0; i < run->flow->nsteps; i++) {
		const struct flows_step *s = &run->row.steps[i];

		if ((s->state != FLOW_FAILED && s->state != FLOW_CANCELLED) ||
		    is_harmless(run, i))
			continue;
		*why = xasprintf("step %s %s%s%s", s->name,
		    s->state == FLOW_FAILED ? "failed" : "was cancelled",
		    s->error != NULL ? ": " : "", s->error != NULL ? s->error : "");
		return FLOW_FAILED;
	}
	return FLOW_COMPLETED;
}

struct ending {
	struct flow_run *run;
	int state;
	int64_t ms;
	char *why;
};

static void
on_ended(int rc, void *arg)
{
	struct ending *e = arg;
	struct flow_run *run = e->run;

	if (rc != 0 && !run->fr->stopping)
		log_warn("flow", "the end of %s is not on record: %s", run->id, strerror(-rc));
	if (!run->fr->stopping) {
		run->row.state = e->state;
		run->row.ended_ms = e->ms;
		free(run->row.error);
		run->row.error = e->why;
		e->why = NULL;
		flow_run_tell(run);
		run->dead = true;
	}
	free(e->why);
	free(e);
	flow_run_op_done(run);
}

static void
end(struct flow_run *run)
{
	struct ending *e = xcalloc(1, sizeof *e);

	run->ending = true;
	e->run = run;
	e->ms = clock_wall_ms();
	e->state = outcome_of(run, &e->why);
	run->ops++;
	flows_end(run->fr->cfg.store, run->row.id, e->state, e->ms, e->why, on_ended, e);
}

/* What can be done. */

static void
check_budget(struct flow_run *run)
{
	const struct flow *f = run->flow;
	const struct jobs_usage *u = &run->used;
	const int64_t parts[] = {
	    u->input, u->cache_read, u->cache_write_5m, u->cache_write_1h, u->output};
	uint64_t tokens = 0;

	if (run->stop != NULL)
		return;
	for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
		tokens += parts[i] > 0 ? (uint64_t)parts[i] : 0;
	if (f->token_budget != 0 && tokens > f->token_budget)
		run->stop = xasprintf("over its budget: %" PRIu64 " of %" PRIu64 " tokens",
		    tokens, f->token_budget);
	else if (f->cost_budget_usd > 0 && u->cost_usd > f->cost_budget_usd)
		run->stop = xasprintf(
		    "over its budget: $%.4f of $%.4f", u->cost_usd, f->cost_budget_usd);
}

/* Returns whether all steps have ended. */
static bool
consider_all(struct flow_run *run, int64_t now, int64_t *due)
{
	bool done = true;

	for (unsigned i = 0; i < run->flow->nsteps; i++) {
		struct live_step *s = &run->steps[i];

		if (s->phase == STEP_IDLE || s->phase == STEP_ASKS) {
			if (flow_step_late(s, now, due))
				flow_step_finish(
				    s, FLOW_FAILED, "nobody approved it in time", NULL);
			else
				flow_step_consider(s);
		}
		done &= s->phase == STEP_DONE && s->records == 0;
	}
	return done;
}

void
flow_run_go(struct flow_run *run)
{
	struct flow_runs *fr = run->fr;
	int64_t now = clock_wall_ms(), due = INT64_MAX;
	bool done;

	if (!fr->started || fr->stopping || fr->paused || run->dead || run->ending ||
	    run->row.id == 0)
		return;
	check_budget(run);
	done = consider_all(run, now, &due);
	if (done)
		end(run);
	else if (due != INT64_MAX &&
		 (!uv_is_active((uv_handle_t *)&fr->timer) ||
		     uv_timer_get_due_in(&fr->timer) > (uint64_t)(due - now)))
		uv_timer_start(&fr->timer, on_timer, (uint64_t)(due - now), 0);
}

/* What somebody asks for. */

int
flow_run_cancel(struct flow_run *run, const char *why)
{
	if (run->ending || run->dead || run->cancelled)
		return -EALREADY;
	free(run->stop);
	run->stop = xstrdup(why);
	run->cancelled = true;
	for (unsigned i = 0; i < run->flow->nsteps; i++)
		if (run->steps[i].waiter != NULL)
			job_cancel(run->steps[i].job, why);
	flow_run_go(run);
	return 0;
}

int
flow_run_approve(struct flow_run *run, const char *step, bool yes, const char *why)
{
	int n = flow_find(run->flow, step);
	struct live_step *s;
	cJSON *result;
	char *error;

	if (n < 0)
		return n;
	if (run->flow->steps[n].type != FLOW_APPROVAL)
		return -EINVAL;
	s = &run->steps[n];
	if (s->phase != STEP_ASKS || s->records != 0 || run->fr->stopping)
		return -EALREADY;
	result = cJSON_CreateObject();
	cJSON_AddBoolToObject(result, "approved", yes);
	cJSON_AddStringToObject(result, "value", why != NULL ? why : "");
	error = why != NULL ? xasprintf("it was denied: %s", why) : xstrdup("it was denied");
	flow_step_finish(s, yes ? FLOW_COMPLETED : FLOW_FAILED, yes ? NULL : error, result);
	free(error);
	return 0;
}
