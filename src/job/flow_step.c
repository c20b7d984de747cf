/* One step of a run, from its turn to its end. */
#include "config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/utf8.h"
#include "base/xmalloc.h"
#include "job/flow_result.h"
#include "job/flow_run_priv.h"
#include "proto/json.h"

/* What references see. */

static void
known_step(void *arg, unsigned n, struct flow_known *out)
{
	const struct flow_run *run = arg;
	const struct flows_step *row = &run->row.steps[n];
	const cJSON *o = run->steps[n].result,
		    *status = cJSON_GetObjectItemCaseSensitive(o, "exit_status");

	*out = (struct flow_known){.state = row->state, .exit_status = -1};
	if (row->hashed)
		out->hash = row->hash;
	if (!flow_is_terminal(row->state))
		return;
	if (cJSON_IsNumber(status))
		out->exit_status = status->valueint;
	out->result = cJSON_GetObjectItemCaseSensitive(o, "value");
	out->session = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(o, "session"));
}

static const char *
known_env(void *arg, const char *name)
{
	(void)arg;
	return getenv(name);
}

static struct flow_context
context_of(struct flow_run *run)
{
	return (struct flow_context){run->flow, run->id, run->dir, run, known_step, known_env};
}

bool
flow_step_fill(struct live_step *s, char **cause)
{
	struct flow_context c = context_of(s->run);

	if (s->filled)
		flow_ready_release(&s->ready);
	s->filled = flow_ready(&c, s->n, &s->ready, cause) == 0;
	return s->filled;
}

static const struct flow_step *
definition(const struct live_step *s)
{
	return &s->run->flow->steps[s->n];
}

/* The record. */

struct record {
	struct live_step *s;
	struct flows_step next;
	void (*then)(struct live_step *s);
};

static void
on_recorded(int rc, void *arg)
{
	struct record *r = arg;
	struct live_step *s = r->s;
	struct flow_run *run = s->run;
	struct flows_step *row = &run->row.steps[s->n];

	s->records--;
	if (rc != 0 && !run->fr->stopping)
		log_warn("flow", "%s: step %s is not on record: %s", run->id, row->name,
		    strerror(-rc));
	flows_step_release(row);
	*row = r->next;
	cJSON_Delete(s->result);
	s->result = row->result != NULL ? cJSON_Parse(row->result) : NULL;
	if (!run->fr->stopping) {
		flow_run_tell(run);
		if (r->then != NULL)
			r->then(s);
		flow_run_go(run);
	}
	free(r);
	flow_run_op_done(run);
}

/* What s->sent says now. */
void
flow_step_record(struct live_step *s, void (*then)(struct live_step *s))
{
	struct record *r = xcalloc(1, sizeof *r);

	r->s = s;
	r->then = then;
	flow_step_copy(&r->next, &s->sent);
	s->records++;
	s->run->ops++;
	flows_step_set(s->run->fr->cfg.store, s->run->row.id, &r->next, on_recorded, r);
}

static void
set_hash(struct live_step *s)
{
	s->sent.hashed = s->filled;
	if (s->filled)
		memcpy(s->sent.hash, s->ready.hash, FLOW_HASH_SIZE);
}

void
flow_step_finish(struct live_step *s, int state, const char *error, cJSON *take_result)
{
	struct flows_step *n = &s->sent;

	s->phase = STEP_DONE;
	n->state = state;
	n->ended_ms = clock_wall_ms();
	free(n->error);
	n->error = error != NULL ? xstrdup(error) : NULL;
	free(n->result);
	n->result = take_result != NULL ? json_print_take(take_result) : NULL;
	flow_step_record(s, NULL);
}

/* Its job. */

struct reading {
	uv_work_t work;
	struct live_step *s;
	struct flow_job job;
	char *dir;
	enum flow_result kind;
	bool agent, cut;
	int rc;
	cJSON *value;
	char *cause;
};

void
flow_job_release(struct flow_job *j)
{
	free(j->step);
	free(j->error);
	free(j->session);
	*j = (struct flow_job){0};
}

static void
on_read(uv_work_t *work)
{
	struct reading *r = work->data;

	r->rc = flow_result_read(r->dir, r->job.number, r->job.from, r->kind, r->agent,
	    &r->value, &r->cut, &r->cause);
}

static cJSON *
result_json(struct reading *r)
{
	cJSON *o = json_object();

	if (r->job.exit_status >= 0)
		cJSON_AddNumberToObject(o, "exit_status", r->job.exit_status);
	else
		cJSON_AddNullToObject(o, "exit_status");
	if (r->job.session != NULL)
		json_add_text(o, "session", r->job.session);
	if (r->value != NULL)
		cJSON_AddItemToObject(o, "value", r->value);
	if (r->cut)
		cJSON_AddTrueToObject(o, "truncated");
	return o;
}

static void
finish_read(struct reading *r)
{
	const struct flow_job *j = &r->job;
	int state = j->state == JOB_COMPLETED   ? FLOW_COMPLETED
		    : j->state == JOB_CANCELLED ? FLOW_CANCELLED
						: FLOW_FAILED;
	char *error = NULL;

	if (state == FLOW_COMPLETED && r->rc != 0) {
		state = FLOW_FAILED;
		error = xstrdup(r->cause);
	} else if (j->error != NULL) {
		error = xstrdup(j->error);
	} else if (state == FLOW_FAILED) {
		error = j->exit_status >= 0
			    ? xasprintf("its command ended with status %d", j->exit_status)
			    : xstrdup(job_state_name((enum job_state)j->state));
	}
	flow_step_finish(r->s, state, state == FLOW_COMPLETED ? NULL : error, result_json(r));
	r->value = NULL;
	free(error);
}

static void
after_read(uv_work_t *work, int status)
{
	struct reading *r = work->data;
	struct flow_run *run = r->s->run;

	(void)status;
	if (!run->fr->stopping)
		finish_read(r);
	flow_job_release(&r->job);
	cJSON_Delete(r->value);
	free(r->cause);
	free(r->dir);
	free(r);
	flow_run_op_done(run);
}

void
flow_step_ended(struct live_step *s, const struct flow_job *j)
{
	struct reading *r = xcalloc(1, sizeof *r);

	s->phase = STEP_READ;
	r->s = s;
	r->work.data = r;
	r->job = *j;
	r->job.step = NULL;
	r->job.error = j->error != NULL ? xstrdup(j->error) : NULL;
	r->job.session = j->session != NULL ? xstrdup(j->session) : NULL;
	r->dir = xstrdup(s->run->fr->dir);
	r->kind = definition(s)->result;
	r->agent = definition(s)->type == FLOW_AGENT;
	s->run->ops++;
	uv_queue_work(s->run->fr->cfg.loop, &r->work, on_read, after_read);
}

static void
on_job_ended(void *arg, struct job *j)
{
	struct live_step *s = arg;
	struct flow_job end = {.number = j->number,
	    .state = (int)j->state,
	    .exit_status = j->exit_status,
	    .from = j->channels[0].try_from,
	    .error = j->error,
	    .session = j->session,
	    .usage = j->usage};

	s->waiter = NULL;
	s->job = NULL;
	jobs_usage_add(&s->run->used, &end.usage);
	if (j->state == JOB_ORPHANED) /* taken up before its end was on record: as after it */
		flow_step_again(s);
	else
		flow_step_ended(s, &end);
	flow_run_go(s->run); /* it may be over its budget */
}

void
flow_step_await(struct live_step *s, struct job *j)
{
	s->phase = STEP_RUN;
	s->job = j;
	s->waiter = job_await(j, on_job_ended, s);
	if (s->sent.job != j->number || s->sent.state != FLOW_RUNNING) {
		s->sent.job = j->number;
		s->sent.state = FLOW_RUNNING;
		flow_step_record(s, NULL);
	}
	if (s->run->cancelled)
		job_cancel(j, s->run->stop);
}

void
flow_step_leave(struct live_step *s)
{
	if (s->waiter != NULL)
		job_await_cancel(s->waiter);
	s->waiter = NULL;
	s->job = NULL;
}

static void
on_job_stored(void *arg, struct job *j, int rc)
{
	struct live_step *s = arg;
	struct flow_run *run = s->run;
	char *why;

	if (run->fr->stopping) {
		flow_run_op_done(run);
		return;
	}
	if (rc == 0) {
		flow_step_await(s, j);
	} else {
		why = xasprintf("its job cannot be put on record: %s", strerror(-rc));
		flow_step_finish(s, FLOW_FAILED, why, NULL);
		free(why);
	}
	flow_run_op_done(run);
}

static void
add_retries(cJSON *o, const struct flow_step *d)
{
	if (d->retries_said || d->type != FLOW_AGENT)
		cJSON_AddNumberToObject(o, "retries", d->retries);
	if (d->backoff_s != NULL)
		cJSON_AddItemToObject(o, "backoff_s", cJSON_Duplicate(d->backoff_s, true));
	if (d->retry_on != NULL) {
		cJSON_AddItemToObject(o, "retry_on", cJSON_Duplicate(d->retry_on, true));
	} else if (d->retries != 0 && d->type == FLOW_COMMAND) {
		cJSON *list = cJSON_AddArrayToObject(o, "retry_on");

		for (int i = 1; i <= 16; i++)
			cJSON_AddItemToArray(list, cJSON_CreateNumber(i));
	}
}

static char *
cwd_of(const struct live_step *s)
{
	const char *cwd = s->ready.cwd, *dir = s->run->dir;

	if (cwd == NULL || *cwd == '\0')
		return xstrdup(dir);
	return *cwd == '/' ? xstrdup(cwd) : xasprintf("%s/%s", dir, cwd);
}

/* Where a character begins, so that it can go on record. */
static void
add_prompt(cJSON *o, const char *prompt)
{
	char *cut = xstrndup(prompt, (size_t)utf8_prefix(prompt, JOB_TEXT_MAX));

	json_add_text(o, "prompt", cut);
	free(cut);
}

static cJSON *
spec_json(const struct live_step *s)
{
	const struct flow_step *d = definition(s);
	cJSON *o = json_object(), *env;
	char *cwd = cwd_of(s), *name = xasprintf("%.100s/%s", s->run->flow->name, d->name);

	cJSON_AddItemToObject(o, "command", json_texts(s->ready.argv));
	json_add_text(o, "cwd", cwd);
	json_add_text(o, "name", name);
	cJSON_AddStringToObject(o, "flow", s->run->id);
	cJSON_AddStringToObject(o, "step", d->name);
	cJSON_AddNumberToObject(o, "timeout_s", d->timeout_s);
	if (d->idle_s != 0)
		cJSON_AddNumberToObject(o, "idle_timeout_s", d->idle_s);
	if (d->agent != NULL)
		cJSON_AddStringToObject(o, "agent", d->agent);
	if (d->model != NULL)
		cJSON_AddStringToObject(o, "model", d->model);
	if (s->ready.prompt != NULL)
		add_prompt(o, s->ready.prompt);
	if (s->ready.env != NULL) {
		env = cJSON_AddObjectToObject(o, "env");
		for (char **e = s->ready.env; *e != NULL; e += 2)
			json_add_text(env, e[0], e[1]);
	}
	add_retries(o, d);
	free(cwd);
	free(name);
	return o;
}

/* It is RUNNING on record. */
static void
submit(struct live_step *s)
{
	struct job_submit how = {.force = true, .stored = on_job_stored, .arg = s};
	struct flow_runs *fr = s->run->fr;
	struct job_spec spec;
	struct job *j;
	bool existing;
	uint64_t ended;
	char *cause = NULL;
	cJSON *o;
	int rc;

	if ((s->held = fr->paused)) /* who comes next would not know of it */
		return;
	if (s->run->stop != NULL) {
		flow_step_finish(s, FLOW_CANCELLED, s->run->stop, NULL);
		return;
	}
	o = spec_json(s);
	rc = job_spec_parse(o, fr->home, &spec, &cause);
	cJSON_Delete(o);
	if (rc == 0) {
		s->run->ops++;
		rc = runner_submit(fr->cfg.runner, &spec, &how, &j, &existing, &ended);
		if (rc == 0)
			return;
		s->run->ops--;
		job_spec_release(&spec);
		cause = xasprintf("its job is not taken: %s",
		    rc == -ENOSPC ? "the queue is full" : strerror(-rc));
	}
	flow_step_finish(s, FLOW_FAILED, cause, NULL);
	free(cause);
}

void
flow_step_release_hold(struct live_step *s)
{
	if (s->held)
		submit(s);
}

static void
begin(struct live_step *s)
{
	if (s->run->stop != NULL) {
		flow_step_finish(s, FLOW_CANCELLED, s->run->stop, NULL);
		return;
	}
	s->phase = STEP_BEGIN;
	s->sent.state = FLOW_RUNNING;
	s->sent.job = 0;
	s->sent.cached_from = 0;
	s->sent.started_ms = clock_wall_ms();
	s->sent.ended_ms = 0;
	set_hash(s);
	flow_step_record(s, submit);
}

/* Whether an equal one has completed. */

struct look {
	uv_work_t work;
	struct live_step *s;
	struct store *store;
	unsigned char hash[FLOW_HASH_SIZE];
	struct flows_step found;
	uint64_t run;
	int rc;
};

static void
on_look(uv_work_t *work)
{
	struct look *l = work->data;
	sqlite3 *db;

	if ((l->rc = flow_open_reader(l->store, &db)) != 0)
		return;
	l->rc = flows_cached(db, l->hash, &l->found, &l->run);
	sqlite3_close(db);
}

static void
take_found(struct live_step *s, struct flows_step *found, uint64_t from)
{
	struct flows_step *n = &s->sent;

	s->phase = STEP_DONE;
	set_hash(s);
	n->state = FLOW_COMPLETED;
	n->job = found->job;
	n->cached_from = found->cached_from != 0 ? found->cached_from : from;
	n->started_ms = n->ended_ms = clock_wall_ms();
	free(n->result);
	n->result = found->result;
	found->result = NULL;
	free(n->error);
	n->error = NULL;
	flow_step_record(s, NULL);
}

static void
after_look(uv_work_t *work, int status)
{
	struct look *l = work->data;
	struct live_step *s = l->s;
	struct flow_run *run = s->run;

	(void)status;
	run->fr->cfg.reads(run->fr->cfg.arg, false);
	if (run->fr->stopping)
		;
	else if (l->rc == 0 && run->stop == NULL)
		take_found(s, &l->found, l->run);
	else
		begin(s);
	if (l->rc == 0)
		flows_step_release(&l->found);
	free(l);
	flow_run_go(run);
	flow_run_op_done(run);
}

static void
look(struct live_step *s)
{
	struct look *l = xcalloc(1, sizeof *l);
	struct flow_runs *fr = s->run->fr;

	s->phase = STEP_LOOK;
	l->work.data = l;
	l->s = s;
	l->store = fr->cfg.store;
	memcpy(l->hash, s->ready.hash, FLOW_HASH_SIZE);
	s->run->ops++;
	fr->cfg.reads(fr->cfg.arg, true);
	uv_queue_work(fr->cfg.loop, &l->work, on_look, after_look);
}

/* Its turn. */

static bool
is_room(const struct flow_run *run)
{
	unsigned busy = 0;

	for (unsigned i = 0; i < run->flow->nsteps; i++)
		busy += run->steps[i].phase >= STEP_LOOK && run->steps[i].phase <= STEP_READ;
	return busy < run->flow->concurrency;
}

/* It completed before the run was resumed, from the same. */
static bool
keep(struct live_step *s)
{
	if (s->prior.name == NULL || !s->prior.hashed ||
	    memcmp(s->prior.hash, s->ready.hash, FLOW_HASH_SIZE) != 0)
		return false;
	s->phase = STEP_DONE;
	flows_step_release(&s->sent);
	s->sent = s->prior;
	s->prior = (struct flows_step){0};
	flow_step_record(s, NULL);
	return true;
}

void
flow_step_ask(struct live_step *s)
{
	s->phase = STEP_ASKS;
}

static void
ask(struct live_step *s)
{
	flow_step_ask(s);
	s->sent.state = FLOW_WAITING;
	s->sent.started_ms = clock_wall_ms();
	s->sent.ended_ms = 0;
	set_hash(s);
	flow_step_record(s, NULL);
}

void
flow_step_again(struct live_step *s)
{
	s->phase = STEP_IDLE;
	s->sent.job = 0;
}

void
flow_step_consider(struct live_step *s)
{
	struct flow_context c = context_of(s->run);
	enum flow_turn turn;
	char *cause = NULL;

	if (s->records != 0)
		return;
	if (s->run->stop != NULL) {
		flow_step_finish(s, FLOW_CANCELLED, s->run->stop, NULL);
		return;
	}
	if (s->phase != STEP_IDLE || (turn = flow_turn(&c, s->n)) == FLOW_TURN_WAIT)
		return;
	if (turn == FLOW_TURN_SKIP) {
		flow_step_finish(s, FLOW_SKIPPED,
		    definition(s)->trigger == FLOW_ONE_SUCCESS
			? "none that it depends on has completed"
			: "one that it depends on has not completed",
		    NULL);
	} else if (!flow_condition(&c, s->n)) {
		flow_step_finish(s, FLOW_SKIPPED, "its condition is false", NULL);
	} else if (definition(s)->type != FLOW_APPROVAL && !is_room(s->run)) {
		return;
	} else if (!flow_step_fill(s, &cause)) {
		flow_step_finish(s, FLOW_FAILED, cause, NULL);
		free(cause);
	} else if (keep(s)) {
		return;
	} else if (definition(s)->type == FLOW_APPROVAL) {
		ask(s);
	} else if (s->run->force || definition(s)->no_cache) {
		begin(s);
	} else {
		look(s);
	}
}

bool
flow_step_late(const struct live_step *s, int64_t now_ms, int64_t *due_ms)
{
	int64_t due;

	if (s->phase != STEP_ASKS || s->records != 0 || definition(s)->timeout_s == 0)
		return false;
	due = s->sent.started_ms + (int64_t)definition(s)->timeout_s * 1000;
	if (due > now_ms && due < *due_ms)
		*due_ms = due;
	return due <= now_ms;
}

void
flow_step_release(struct live_step *s)
{
	flow_step_leave(s);
	flows_step_release(&s->sent);
	flows_step_release(&s->prior);
	cJSON_Delete(s->result);
	if (s->filled)
		flow_ready_release(&s->ready);
}
