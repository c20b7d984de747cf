/* What is asked of jobs over HTTP, but for what is on record (jobs_query.c). */
#include "config.h"

#include <errno.h>
#include <math.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>
#include <utlist.h>

#include "app/job_panes.h"
#include "app/jobs_json.h"
#include "app/jobs_priv.h"
#include "app/streams.h"
#include "base/xmalloc.h"
#include "proto/json.h"

enum { ASKED_MAX = 1000, WAIT_MAX = 3600, ASKED_LIVE_MAX = 4096 };

/* A request for a job, until it is answered. */
struct asked {
	struct asked *prev, *next;
	struct app *app;
	struct http_req *req; /* NULL: answered, or the client has gone */
	struct job_spec spec; /* while the runner is not ready */
	bool submitted, force, again;
	uint64_t wait_ms;
	struct job_waiter *waiter;
	uv_timer_t timer;
};

static void
on_closed(uv_handle_t *h)
{
	struct asked *q = h->data;

	job_spec_release(&q->spec);
	free(q);
}

static void
finish(struct asked *q)
{
	if (q->waiter != NULL)
		job_await_cancel(q->waiter);
	q->waiter = NULL;
	DL_DELETE(q->app->jobs->asked, q);
	uv_close((uv_handle_t *)&q->timer, on_closed);
}

static void
asker_gone(void *arg)
{
	struct asked *q = arg;

	q->req = NULL;
	/* It has been asked for, and runs: only nobody waits for it. */
	if (q->waiter != NULL)
		finish(q);
}

static void
answer(struct asked *q, int status, cJSON *take)
{
	if (q->again)
		cJSON_AddTrueToObject(take, "deduplicated");
	if (q->req != NULL)
		http_reply_json_take(q->req, status, take);
	else
		cJSON_Delete(take);
	q->req = NULL;
}

static void
on_ended(void *arg, struct job *j)
{
	struct asked *q = arg;

	q->waiter = NULL;
	answer(q, 200, jobs_live_json(j));
	finish(q);
}

static void
on_timeout(uv_timer_t *t)
{
	struct asked *q = t->data;
	cJSON *o = json_object();

	cJSON_AddTrueToObject(o, "deferred");
	cJSON_AddStringToObject(o, "job", job_waiter_id(q->waiter));
	answer(q, 202, o);
	finish(q);
}

static void
await(struct asked *q, struct job *j)
{
	q->waiter = job_await(j, on_ended, q);
	uv_update_time(q->app->loop);
	uv_timer_start(&q->timer, on_timeout, q->wait_ms, 0);
}

static void
on_stored(void *arg, struct job *j, int rc)
{
	struct asked *q = arg;

	if (rc == 0 && q->wait_ms != 0 && q->req != NULL) {
		await(q, j);
		return;
	}
	if (rc == 0)
		answer(q, 201, jobs_live_json(j));
	else if (q->req != NULL)
		http_reply_error(q->req, 503, "store_unavailable",
		    "it cannot be put on record: %s", strerror(-rc));
	finish(q);
}

static void
refuse(struct asked *q, int rc)
{
	if (q->req == NULL)
		return;
	if (rc == -ENOSPC)
		http_reply_error(q->req, 429, "queue_full", "%u jobs wait already",
		    q->app->cfg.limits.jobs_queue);
	else if (rc == -ESHUTDOWN)
		http_reply_error(q->req, 503, "stopping", "the daemon is ending");
	else if (!stored_refuses(q->app, q->req))
		http_reply_error(q->req, 503, "starting", "the record of jobs is being read");
}

static void
submit(struct asked *q)
{
	struct job_submit how = {q->force, on_stored, q, true};
	uint64_t ended;
	struct job *j;
	int rc;

	rc = runner_submit(q->app->jobs->runner, &q->spec, &how, &j, &q->again, &ended);
	q->submitted = true;
	if (rc != 0) {
		refuse(q, rc);
		finish(q);
	} else if (ended != 0) {
		if (q->req != NULL)
			jobs_answer_row(q->req, q->app, ended, true);
		finish(q);
	} else if (q->again && q->wait_ms != 0) {
		await(q, j);
	} else if (q->again) {
		answer(q, 200, jobs_live_json(j));
		finish(q);
	}
}

void
jobs_go_on(struct app *a)
{
	struct asked *q, *next;

	DL_FOREACH_SAFE (a->jobs->asked, q, next) {
		if (q->submitted)
			continue;
		if (q->req != NULL)
			submit(q);
		else
			finish(q);
	}
}

void
jobs_refuse_asked(struct app *a)
{
	struct asked *q, *next;

	DL_FOREACH_SAFE (a->jobs->asked, q, next) {
		if (q->submitted)
			continue;
		refuse(q, -EAGAIN);
		finish(q);
	}
}

void
jobs_drop_asked(struct app *a)
{
	struct asked *q, *next;

	DL_FOREACH_SAFE (a->jobs->asked, q, next) {
		q->req = NULL;
		if (!q->submitted || q->waiter != NULL)
			finish(q);
	}
}

/* Takes the spec. */
static void
ask(struct http_req *r, struct app *a, struct job_spec *take, bool force, uint64_t wait_ms)
{
	struct asked *q;
	int n;

	DL_COUNT(a->jobs->asked, q, n);
	if (n >= ASKED_LIVE_MAX) {
		job_spec_release(take);
		http_reply_error(r, 429, "too_many", "too many requests wait for jobs");
		return;
	}
	q = xcalloc(1, sizeof *q);
	q->app = a;
	q->req = r;
	q->spec = *take;
	q->force = force;
	q->wait_ms = wait_ms;
	uv_timer_init(a->loop, &q->timer);
	q->timer.data = q;
	DL_APPEND(a->jobs->asked, q);
	http_on_gone(r, asker_gone, q);
	if (runner_ready(a->jobs->runner))
		submit(q);
	else if (n >= ASKED_MAX || a->stopping || stored_is_full(a)) {
		refuse(q, a->stopping ? -ESHUTDOWN : -EAGAIN);
		finish(q);
	}
}

/* The two members that are not the spec's. */
static bool
take_wishes(struct http_req *r, cJSON *o, bool *force, uint64_t *wait_ms)
{
	cJSON *f = cJSON_DetachItemFromObjectCaseSensitive(o, "force_refresh");
	cJSON *w = cJSON_DetachItemFromObjectCaseSensitive(o, "wait_s");
	bool good = (f == NULL || cJSON_IsBool(f)) &&
		    (w == NULL || (cJSON_IsNumber(w) && w->valuedouble >= 0 &&
				      w->valuedouble <= WAIT_MAX));

	*force = cJSON_IsTrue(f);
	*wait_ms = good && w != NULL ? (uint64_t)llround(w->valuedouble * 1000) : 0;
	cJSON_Delete(f);
	cJSON_Delete(w);
	if (!good)
		http_reply_error(r, 400, "bad_params",
		    "force_refresh must be true or false, wait_s seconds up to %d", WAIT_MAX);
	return good;
}

const char *
jobs_home(void)
{
	const char *home = getenv("HOME");

	return home != NULL && *home == '/' ? home : "/";
}

void
jobs_create(struct http_req *r, void *arg)
{
	cJSON *o = http_body_json(r);
	struct job_spec spec;
	char *cause = NULL;
	uint64_t wait_ms;
	bool force;

	if (o == NULL)
		return;
	if (!take_wishes(r, o, &force, &wait_ms)) {
		cJSON_Delete(o);
		return;
	}
	if (job_spec_parse(o, jobs_home(), &spec, &cause) != 0) {
		http_reply_error(r, 400, "bad_job", "%s", cause);
	} else if (spec.kind != JOB_COMMAND) {
		http_reply_error(r, 400, "bad_job", "%s",
		    spec.kind == JOB_STREAM ? "a stream is made at /api/v1/streams"
					    : "a session is made at /api/v1/talks");
		job_spec_release(&spec);
	} else {
		ask(r, arg, &spec, force, wait_ms);
	}
	free(cause);
	cJSON_Delete(o);
}

/* One that has been asked for before. */

struct repeat {
	struct app *app;
	struct http_req *req;
};

static void
repeater_gone(void *arg)
{
	((struct repeat *)arg)->req = NULL;
}

static void
on_repeat(void *arg, int rc, const struct jobs_row *row)
{
	struct repeat *p = arg;
	struct job_spec spec;
	cJSON *o;

	if (p->req != NULL && rc != 0) {
		jobs_unavailable(p->req, rc);
	} else if (p->req != NULL) {
		o = json_parse(row->spec, strlen(row->spec));
		if (o == NULL || job_spec_parse(o, "/", &spec, NULL) != 0) {
			http_reply_error(
			    p->req, 409, "not_readable", "what is on record cannot be read");
		} else if (spec.kind != JOB_COMMAND) {
			job_spec_release(&spec);
			http_reply_error(p->req, 409, "no_command", "it is no command's job");
		} else {
			ask(p->req, p->app, &spec, true, 0);
		}
		cJSON_Delete(o);
	}
	free(p);
}

void
jobs_retry(struct http_req *r, void *arg)
{
	struct repeat *p;
	uint64_t number;

	if (!jobs_number(r, &number))
		return;
	p = xcalloc(1, sizeof *p);
	p->app = arg;
	p->req = r;
	http_on_gone(r, repeater_gone, p);
	jobs_look(p->app, number, on_repeat, p);
}

/* Of one that lives. */

static void
on_dead(void *arg, int rc, const struct jobs_row *row)
{
	struct repeat *p = arg;

	if (p->req != NULL && rc != 0)
		jobs_unavailable(p->req, rc);
	else if (p->req != NULL && row->kind == JOB_STREAM &&
		 !job_is_terminal((enum job_state)row->state))
		http_reply_error(p->req, 409, "no_command", "it has no command here");
	else if (p->req != NULL && !job_is_terminal((enum job_state)row->state))
		http_reply_error(p->req, 503, "starting", "it is being taken up");
	else if (p->req != NULL)
		http_reply_error(p->req, 409, "ended", "it has ended: %s",
		    job_state_name((enum job_state)row->state));
	free(p);
}

struct job *
jobs_resolve(struct http_req *r, struct app *a)
{
	struct repeat *p;
	uint64_t number;
	struct job *j;

	if (!jobs_number(r, &number))
		return NULL;
	if ((j = runner_find(a->jobs->runner, number)) != NULL)
		return j;
	p = xcalloc(1, sizeof *p);
	p->app = a;
	p->req = r;
	http_on_gone(r, repeater_gone, p);
	jobs_look(a, number, on_dead, p);
	return NULL;
}

void
jobs_cancel(struct http_req *r, void *arg)
{
	const char *reason;
	uint64_t number;
	struct job *j;
	cJSON *o;

	if (job_id_parse(http_param(r, 0), &number) && streams_find(arg, number) != NULL) {
		streams_cancel_route(r, arg);
		return;
	}
	j = jobs_resolve(r, arg);
	if (j == NULL || (o = http_body_json(r)) == NULL)
		return;
	reason = json_string(o, "reason");
	if (reason != NULL && strlen(reason) > JOB_NAME_MAX)
		http_reply_error(
		    r, 400, "bad_params", "reason has at most %d bytes", JOB_NAME_MAX);
	else if (job_cancel(j, reason != NULL ? reason : "cancelled") != 0)
		http_reply_error(r, 409, "ended", "its end is under way");
	else
		http_reply_json_take(r, 202, jobs_live_json(j));
	cJSON_Delete(o);
}

void
jobs_input(struct http_req *r, void *arg)
{
	struct job *j = jobs_resolve(r, arg);
	const char *eof = http_query(r, "eof"), *body;
	size_t len;
	int rc = 0;

	if (j == NULL)
		return;
	body = http_body(r, &len);
	if (len != 0)
		rc = job_write(j, body, len);
	if (rc == 0 && eof != NULL && strcmp(eof, "1") == 0)
		job_end_input(j);
	if (rc == 0)
		http_reply(r, 204, NULL, NULL, 0);
	else if (rc == -ENOBUFS)
		http_reply_error(r, 429, "not_read", "it does not read its input");
	else
		http_reply_error(r, 409, "no_input", "it has no standard input, or none more");
}

static int
resize(struct app *a, struct job *j, unsigned cols, unsigned rows)
{
	int rc = job_panes_resize(a, j->number, cols, rows);

	return rc == -ENOENT ? job_resize(j, cols, rows) : rc;
}

void
jobs_resize(struct http_req *r, void *arg)
{
	struct app *a = arg;
	struct job *j = jobs_resolve(r, a);
	uint64_t cols, rows;
	cJSON *o;

	if (j == NULL || (o = http_body_json(r)) == NULL)
		return;
	if (json_u64(o, "cols", 1, PANE_SIZE_MAX, &cols) != 0 ||
	    json_u64(o, "rows", 1, PANE_SIZE_MAX, &rows) != 0) {
		http_reply_error(
		    r, 400, "bad_params", "cols and rows must be numbers from 1 to 2000");
	} else if (resize(a, j, (unsigned)cols, (unsigned)rows) != 0) {
		http_reply_error(r, 409, "no_terminal", "it has no terminal");
	} else {
		http_reply_json_take(r, 200, jobs_live_json(j));
	}
	cJSON_Delete(o);
}

void
jobs_signal(struct http_req *r, void *arg)
{
	struct job *j = jobs_resolve(r, arg);
	int sig;
	cJSON *o;

	if (j == NULL || (o = http_body_json(r)) == NULL)
		return;
	sig = signal_from_json(o);
	if (sig == 0)
		http_reply_error(r, 400, "bad_params", "there is no such signal");
	else if (job_signal(j, sig) != 0)
		http_reply_error(r, 409, "not_running", "nothing of it runs");
	else
		http_reply(r, 204, NULL, NULL, 0);
	cJSON_Delete(o);
}

/* Removal. */

struct removal {
	struct app *app;
	struct http_req *req;
	uint64_t number;
};

static void
remover_gone(void *arg)
{
	((struct removal *)arg)->req = NULL;
}

static void
on_removed(int rc, void *arg)
{
	struct removal *m = arg;
	uint64_t *ids;

	if (rc == 0 && m->app->jobs->runner != NULL) {
		ids = xcalloc(1, sizeof *ids);
		ids[0] = m->number;
		runner_forget(m->app->jobs->runner, m->number);
		jobs_unlink(m->app, ids, 1);
	}
	if (m->req != NULL && rc == 0)
		http_reply(m->req, 204, NULL, NULL, 0);
	else if (m->req != NULL && rc == -EBUSY)
		http_reply_error(m->req, 409, "running", "it has not ended");
	else if (m->req != NULL)
		jobs_unavailable(m->req, rc);
	free(m);
}

void
jobs_delete(struct http_req *r, void *arg)
{
	struct app *a = arg;
	struct removal *m;
	uint64_t number;

	if (!jobs_number(r, &number))
		return;
	m = xcalloc(1, sizeof *m);
	m->app = a;
	m->req = r;
	m->number = number;
	http_on_gone(r, remover_gone, m);
	jobs_remove(a->store, number, on_removed, m);
}
