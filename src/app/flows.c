/* Flows in the daemon: their life, and what is asked of them. */
#include "config.h"

#include "app/flows.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cjson/cJSON.h>

#include "app/app_priv.h"
#include "app/events.h"
#include "app/jobs_priv.h"
#include "base/xmalloc.h"
#include "job/flow_run.h"
#include "proto/json.h"

enum {
	LIMIT = 50,
	LIMIT_MAX = 1000,
	JOBS_MAX = 5000, /* of a run, that are added up */
	REASON_MAX = 1000,
};

static void
on_changed(void *arg, struct flow_run *run)
{
	cJSON *o = json_object();

	cJSON_AddStringToObject(o, "type", "flow");
	cJSON_AddItemToObject(o, "flow", flow_live_json(run, FLOW_JSON_EVENT));
	events_add(arg, "flows", o);
}

static void
on_reads(void *arg, bool begins)
{
	if (begins)
		stored_use(arg);
	else
		stored_unuse(arg);
}

void
flows_open(struct app *a)
{
	struct flow_runs_config cfg = {
	    .loop = a->loop,
	    .store = a->store,
	    .runner = a->jobs->runner,
	    .dir = a->jobs->dir,
	    .home = jobs_home(),
	    .arg = a,
	    .changed = on_changed,
	    .reads = on_reads,
	};

	a->flows = flow_runs_new(&cfg);
}

void
flows_start(struct app *a)
{
	flow_runs_start(a->flows);
}

void
flows_pause(struct app *a, bool pause)
{
	flow_runs_pause(a->flows, pause);
}

void
flows_stop(struct app *a)
{
	if (a->flows != NULL)
		flow_runs_stop(a->flows);
}

void
flows_free(struct app *a)
{
	flow_runs_free(a->flows);
	a->flows = NULL;
}

/* Errors. */

static void
reply_failed(struct http_req *r, int rc)
{
	if (rc == -ENOENT)
		http_reply_error(r, 404, "no_such_flow", "there is no such run of a flow");
	else if (rc == -EBUSY)
		http_reply_error(r, 409, "running", "it has not ended");
	else if (rc == -EALREADY)
		http_reply_error(r, 409, "ended", "it has ended");
	else if (rc == -EINVAL)
		http_reply_error(r, 409, "bad_flow", "its definition is not understood");
	else if (rc == -ENOSPC)
		http_reply_error(
		    r, 429, "too_many_flows", "%d runs have not ended", FLOW_RUNS_MAX);
	else if (rc == -ESHUTDOWN)
		http_reply_error(r, 503, "stopping", "the daemon is ending");
	else if (rc == -EAGAIN)
		http_reply_error(r, 503, "starting", "it is being taken up");
	else
		http_reply_error(r, 503, "store_unavailable", "%s", strerror(-rc));
}

static bool
read_id(struct http_req *r, uint64_t *id)
{
	if (flow_id_parse(http_param(r, 0), id))
		return true;
	http_reply_error(r, 404, "no_such_flow", "a run's id is f and a number");
	return false;
}

/* What is on record: read on the pool, sent by the loop. */

struct look {
	uv_work_t work;
	struct app *app;
	struct http_req *req; /* NULL: the client has gone */
	uint64_t id;          /* 0: a list */
	uint64_t before, last;
	unsigned limit, n;
	enum flow_json how; /* of one */
	int rc;
	struct flows_run row;
	struct jobs_usage used;
	cJSON *list;
};

static int
on_row(void *arg, const struct flows_run *row)
{
	struct look *l = arg;

	cJSON_AddItemToArray(l->list, flow_row_json(row, NULL, NULL, FLOW_JSON_LIST));
	l->last = row->id;
	l->n++;
	return 0;
}

static int
on_job(void *arg, const struct jobs_row *row)
{
	jobs_usage_add(&((struct look *)arg)->used, &row->usage);
	return 0;
}

static int
read_one(struct look *l, sqlite3 *db)
{
	struct jobs_query q = {.kind = -1, .limit = JOBS_MAX};
	char name[JOB_ID_MAX];
	uint64_t total;
	int rc = flows_read(db, l->id, &l->row);

	if (rc != 0)
		return rc;
	snprintf(name, sizeof name, "f%" PRIu64, l->id);
	q.flow = name;
	l->used = jobs_usage_unknown;
	if ((rc = jobs_each(db, &q, on_job, l, &total)) != 0)
		flows_run_release(&l->row);
	return rc;
}

static void
on_look(uv_work_t *work)
{
	struct look *l = work->data;
	sqlite3 *db;

	if ((l->rc = stored_reader(l->app, &db)) != 0)
		return;
	if (l->id != 0)
		l->rc = read_one(l, db);
	else
		l->rc = flows_each(db, l->before, l->limit, on_row, l);
	sqlite3_close(db);
}

static cJSON *
stored_json(const struct look *l)
{
	cJSON *o = json_parse(l->row.definition, strlen(l->row.definition)), *out;
	struct flow_error error = {0};
	struct flow *f = NULL;

	if (o != NULL)
		flow_parse(o, &f, &error);
	out = flow_row_json(&l->row, f, &l->used, l->how);
	flow_error_release(&error);
	flow_free(f);
	cJSON_Delete(o);
	return out;
}

static cJSON *
list_json(struct look *l)
{
	cJSON *o = json_object();
	char next[24];

	cJSON_AddItemToObject(o, "flows", l->list);
	l->list = NULL;
	snprintf(next, sizeof next, "%" PRIu64, l->last);
	json_add_text(o, "next_cursor", l->n == l->limit ? next : NULL);
	return o;
}

static void
after_look(uv_work_t *work, int status)
{
	struct look *l = work->data;

	(void)status;
	stored_unuse(l->app);
	if (l->req != NULL && l->rc != 0)
		reply_failed(l->req, l->rc);
	else if (l->req != NULL)
		http_reply_json_take(l->req, 200, l->id != 0 ? stored_json(l) : list_json(l));
	if (l->id != 0 && l->rc == 0)
		flows_run_release(&l->row);
	cJSON_Delete(l->list);
	free(l);
}

static void
looker_gone(void *arg)
{
	((struct look *)arg)->req = NULL;
}

static void
look_start(struct look *l, struct http_req *r, struct app *a)
{
	l->work.data = l;
	l->app = a;
	l->req = r;
	http_on_gone(r, looker_gone, l);
	stored_use(a);
	uv_queue_work(a->loop, &l->work, on_look, after_look);
}

void
flows_list(struct http_req *r, void *arg)
{
	struct look *l;
	uint64_t limit, before;

	if (!http_query_u64(r, "limit", 1, LIMIT_MAX, LIMIT, &limit) ||
	    !http_query_u64(r, "before", 1, JSON_INT_MAX, 0, &before))
		return;
	l = xcalloc(1, sizeof *l);
	l->limit = (unsigned)limit;
	l->before = before;
	l->list = json_array();
	look_start(l, r, arg);
}

void
flows_get(struct http_req *r, void *arg)
{
	struct app *a = arg;
	struct flow_run *run;
	struct look *l;
	uint64_t id, reveal;
	enum flow_json how;

	if (!read_id(r, &id) || !app_may_reveal(r, &reveal))
		return;
	how = reveal != 0 ? FLOW_JSON_REVEALED : FLOW_JSON_WHOLE;
	if ((run = flow_run_find(a->flows, id)) != NULL) {
		http_reply_json_take(r, 200, flow_live_json(run, how));
		return;
	}
	l = xcalloc(1, sizeof *l);
	l->id = id;
	l->how = how;
	look_start(l, r, a);
}

/* A definition. */

static void
reply_bad_flow(struct http_req *r, struct flow_error *error)
{
	cJSON *o = json_object();

	cJSON_AddStringToObject(o, "error", "bad_flow");
	json_add_text(o, "message", error->text);
	json_add_text(o, "step", error->step);
	http_reply_json_take(r, 400, o);
	flow_error_release(error);
}

/* NULL: an error has been sent. */
static struct flow *
read_flow(struct http_req *r, const cJSON *body)
{
	const cJSON *definition = cJSON_GetObjectItemCaseSensitive(body, "definition");
	struct flow_error error = {0};
	struct flow *f;

	if (definition == NULL)
		http_reply_error(r, 400, "bad_params", "definition is missing");
	else if (flow_parse(definition, &f, &error) != 0)
		reply_bad_flow(r, &error);
	else
		return f;
	return NULL;
}

void
flows_validate(struct http_req *r, void *arg)
{
	cJSON *body = http_body_json(r), *o;
	struct flow *f;

	(void)arg;
	if (body != NULL && (f = read_flow(r, body)) != NULL) {
		flow_free(f);
		o = json_object();
		cJSON_AddTrueToObject(o, "ok");
		http_reply_json_take(r, 200, o);
	}
	cJSON_Delete(body);
}

/* A run. */

struct asking {
	struct app *app;
	struct http_req *req;
	int status;
	/* A new run, if the definition on record is another. */
	struct flow *flow;
	char *definition, *file;
	bool force;
};

static void
asker_gone(void *arg)
{
	((struct asking *)arg)->req = NULL;
}

static struct asking *
asking_new(struct http_req *r, struct app *a, int status)
{
	struct asking *q = xcalloc(1, sizeof *q);

	q->app = a;
	q->req = r;
	q->status = status;
	http_on_gone(r, asker_gone, q);
	return q;
}

static void
asking_free(struct asking *q)
{
	flow_free(q->flow);
	free(q->definition);
	free(q->file);
	free(q);
}

static void
on_run(void *arg, int rc, struct flow_run *run)
{
	struct asking *q = arg;

	if (q->req != NULL && rc != 0)
		reply_failed(q->req, rc);
	else if (q->req != NULL)
		http_reply_json_take(q->req, q->status, flow_live_json(run, FLOW_JSON_WHOLE));
	asking_free(q);
}

static void
run_new(struct asking *q)
{
	struct flow *f = q->flow;
	int rc;

	q->flow = NULL;
	if (q->req != NULL && stored_refuses(q->app, q->req)) {
		flow_free(f);
		asking_free(q);
		return;
	}
	rc = flow_run_new(q->app->flows, f, q->definition, q->file, q->force, on_run, q);
	if (rc != 0)
		on_run(q, rc, NULL);
}

static void
on_resumed(void *arg, int rc, struct flow_run *run)
{
	if (rc == -ESTALE)
		run_new(arg);
	else
		on_run(arg, rc, run);
}

static bool
read_true(struct http_req *r, const cJSON *body, const char *name, bool *out)
{
	const cJSON *v = cJSON_GetObjectItemCaseSensitive(body, name);

	*out = cJSON_IsTrue(v);
	if (v == NULL || cJSON_IsBool(v))
		return true;
	http_reply_error(r, 400, "bad_params", "%s must be true or false", name);
	return false;
}

static bool
read_file(struct http_req *r, const cJSON *body, const char **out)
{
	const cJSON *v = cJSON_GetObjectItemCaseSensitive(body, "file");

	*out = cJSON_GetStringValue(v);
	if (v == NULL || cJSON_IsNull(v) ||
	    (*out != NULL && **out == '/' && strlen(*out) < 4096))
		return true;
	http_reply_error(r, 400, "bad_params", "file must be an absolute path");
	return false;
}

/* `id`: that is to go on, if it has the same definition; 0: none. */
static void
start_new(struct http_req *r, struct app *a, const cJSON *body, uint64_t id, bool force)
{
	const char *file;
	struct asking *q;
	struct flow *f;

	if (!read_file(r, body, &file) || (f = read_flow(r, body)) == NULL)
		return;
	q = asking_new(r, a, 201);
	q->flow = f;
	q->definition = flow_canonical(cJSON_GetObjectItemCaseSensitive(body, "definition"));
	q->file = file != NULL ? xstrdup(file) : NULL;
	q->force = force;
	if (id != 0)
		flow_run_resume(a->flows, id, q->definition, force, on_resumed, q);
	else
		run_new(q);
}

void
flows_create(struct http_req *r, void *arg)
{
	struct app *a = arg;
	cJSON *body = http_body_json(r);
	const cJSON *resume = cJSON_GetObjectItemCaseSensitive(body, "resume");
	uint64_t id = 0;
	bool force;

	if (body == NULL || !read_true(r, body, "force", &force))
		;
	else if (resume != NULL && !cJSON_IsNull(resume) &&
		 (!cJSON_IsString(resume) || !flow_id_parse(resume->valuestring, &id)))
		http_reply_error(r, 400, "bad_params", "resume must be the id of a run");
	else if (id == 0 || cJSON_GetObjectItemCaseSensitive(body, "definition") != NULL)
		start_new(r, a, body, id, force);
	else
		flow_run_resume(a->flows, id, NULL, force, on_run, asking_new(r, a, 201));
	cJSON_Delete(body);
}

void
flows_resume(struct http_req *r, void *arg)
{
	struct app *a = arg;
	cJSON *body = http_body_json(r);
	uint64_t id;
	bool force;

	if (body != NULL && read_true(r, body, "force", &force) && read_id(r, &id))
		flow_run_resume(a->flows, id, NULL, force, on_run, asking_new(r, a, 200));
	cJSON_Delete(body);
}

static bool
read_reason(struct http_req *r, const cJSON *body, const char **out)
{
	const cJSON *v = cJSON_GetObjectItemCaseSensitive(body, "reason");

	*out = cJSON_GetStringValue(v);
	if (v == NULL || cJSON_IsNull(v) || (*out != NULL && strlen(*out) <= REASON_MAX))
		return true;
	http_reply_error(
	    r, 400, "bad_params", "reason must be a text of up to %d bytes", REASON_MAX);
	return false;
}

/* One that does not live: whether there was one is on record. */

struct missing {
	uv_work_t work;
	struct app *app;
	struct http_req *req;
	uint64_t id;
	int rc;
};

static void
on_missing(uv_work_t *work)
{
	struct missing *m = work->data;
	struct flows_run row;
	sqlite3 *db;

	if ((m->rc = store_reader_open(m->app->store, &db, NULL)) != 0)
		return;
	if ((m->rc = flows_read(db, m->id, &row)) == 0) {
		m->rc = flow_is_terminal(row.state) ? -EALREADY : -EAGAIN;
		flows_run_release(&row);
	}
	sqlite3_close(db);
}

static void
after_missing(uv_work_t *work, int status)
{
	struct missing *m = work->data;

	(void)status;
	stored_unuse(m->app);
	if (m->req != NULL)
		reply_failed(m->req, m->rc);
	free(m);
}

static void
misser_gone(void *arg)
{
	((struct missing *)arg)->req = NULL;
}

/* Answers 404, 409 "ended", or 503 where it goes on soon. */
static void
reply_missing(struct http_req *r, struct app *a, uint64_t id)
{
	struct missing *m = xcalloc(1, sizeof *m);

	*m = (struct missing){.app = a, .req = r, .id = id};
	m->work.data = m;
	http_on_gone(r, misser_gone, m);
	stored_use(a);
	uv_queue_work(a->loop, &m->work, on_missing, after_missing);
}

void
flows_cancel(struct http_req *r, void *arg)
{
	struct app *a = arg;
	cJSON *body = http_body_json(r);
	struct flow_run *run;
	const char *why;
	uint64_t id;

	if (body == NULL || !read_reason(r, body, &why) || !read_id(r, &id))
		;
	else if ((run = flow_run_find(a->flows, id)) == NULL)
		reply_missing(r, a, id);
	else if (flow_run_cancel(run, why != NULL ? why : "the run was cancelled") != 0)
		reply_failed(r, -EALREADY);
	else
		http_reply_json_take(r, 202, flow_live_json(run, FLOW_JSON_WHOLE));
	cJSON_Delete(body);
}

static void
approve(struct http_req *r, struct flow_run *run, bool yes, const char *why)
{
	int rc = flow_run_approve(run, http_param(r, 1), yes, why);

	if (rc == -ENOENT)
		http_reply_error(r, 404, "no_such_step", "the flow has no such step");
	else if (rc == -EINVAL)
		http_reply_error(r, 409, "no_approval", "this step is no approval");
	else if (rc != 0)
		http_reply_error(r, 409, "not_waiting", "this step does not wait");
	else
		http_reply_json_take(r, 200, flow_live_json(run, FLOW_JSON_WHOLE));
}

void
flows_approve(struct http_req *r, void *arg)
{
	struct app *a = arg;
	cJSON *body = http_body_json(r);
	struct flow_run *run;
	const char *why;
	uint64_t id;
	bool yes = false;

	if (body == NULL || !read_true(r, body, "approve", &yes) ||
	    !read_reason(r, body, &why) || !read_id(r, &id)) {
		cJSON_Delete(body);
		return;
	}
	if (cJSON_GetObjectItemCaseSensitive(body, "approve") == NULL)
		yes = true;
	if ((run = flow_run_find(a->flows, id)) == NULL)
		reply_missing(r, a, id);
	else
		approve(r, run, yes, why);
	cJSON_Delete(body);
}

static void
on_removed(int rc, void *arg)
{
	struct asking *q = arg;

	if (q->req != NULL && rc != 0)
		reply_failed(q->req, rc);
	else if (q->req != NULL)
		http_reply(q->req, 204, NULL, NULL, 0);
	asking_free(q);
}

void
flows_delete(struct http_req *r, void *arg)
{
	struct app *a = arg;
	uint64_t id;

	if (!read_id(r, &id))
		return;
	if (flow_run_find(a->flows, id) != NULL)
		reply_failed(r, -EBUSY);
	else
		flows_remove(a->store, id, on_removed, asking_new(r, a, 204));
}
