/* What is on record of jobs: read on the pool, sent by the loop. */
#include "config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cjson/cJSON.h>
#include <utlist.h>

#include "app/jobs_json.h"
#include "app/jobs_priv.h"
#include "base/str.h"
#include "base/xmalloc.h"
#include "proto/json.h"

enum { LIMIT = 50, LIMIT_MAX = 1000, WORDS = 7 };

struct look {
	uv_work_t work;
	struct app *app;
	struct http_req *req; /* of a list; NULL: the client has gone */
	uint64_t id;          /* of one; 0: a list */
	struct jobs_query query;
	char *words[WORDS];
	int rc;
	struct jobs_row row;
	cJSON *list;
	uint64_t total, last;
	unsigned n;
	unsigned running, queued; /* before it was read */
	jobs_looked_cb done;
	void *arg;
};

static int
on_row(void *arg, const struct jobs_row *row)
{
	struct look *l = arg;

	cJSON_AddItemToArray(l->list, jobs_row_json(row, false));
	l->last = row->id;
	l->n++;
	return 0;
}

static void
on_look(uv_work_t *work)
{
	struct look *l = work->data;
	sqlite3 *db;

	if ((l->rc = stored_reader(l->app, &db)) != 0)
		return;
	if (l->id != 0)
		l->rc = jobs_read(db, l->id, &l->row);
	else
		l->rc = jobs_each(db, &l->query, on_row, l, &l->total);
	sqlite3_close(db);
}

static void
look_free(struct look *l)
{
	for (int i = 0; i < WORDS; i++)
		free(l->words[i]);
	cJSON_Delete(l->list);
	free(l);
}

static struct look *
look_new(struct app *a)
{
	struct look *l = xcalloc(1, sizeof *l);

	l->work.data = l;
	l->app = a;
	return l;
}

static void
look_start(struct look *l, uv_after_work_cb done)
{
	stored_use(l->app);
	uv_queue_work(l->app->loop, &l->work, on_look, done);
}

void
jobs_unavailable(struct http_req *r, int rc)
{
	if (rc == -ENOENT)
		http_reply_error(r, 404, "no_such_job", "there is no such job");
	else
		http_reply_error(r, 503, "store_unavailable", "%s",
		    rc == -EAGAIN ? "the store is being opened" : strerror(-rc));
}

/* One. */

static void
on_looked(uv_work_t *work, int status)
{
	struct look *l = work->data;

	(void)status;
	stored_unuse(l->app);
	l->done(l->arg, l->rc, l->rc == 0 ? &l->row : NULL);
	if (l->rc == 0)
		jobs_row_release(&l->row);
	look_free(l);
}

void
jobs_look(struct app *a, uint64_t id, jobs_looked_cb done, void *arg)
{
	struct look *l = look_new(a);

	l->id = id;
	l->done = done;
	l->arg = arg;
	look_start(l, on_looked);
}

bool
jobs_number(struct http_req *r, uint64_t *number)
{
	if (job_id_parse(http_param(r, 0), number))
		return true;
	http_reply_error(r, 404, "no_such_job", "a job's id is j and a number");
	return false;
}

/* What was read may be older than what memory has by now, and what memory has may be on its way to
 * the record: where the two differ, it is read again, but not for ever. */
enum { LOOKS_MAX = 20, LOOK_MS = 10 };

struct getting {
	struct app *app;
	struct http_req *req;
	uv_timer_t again_at;
	uint64_t id;
	unsigned looks;
	bool again; /* it is the answer to somebody who asked for the same */
	bool reveal;
};

static void
getter_gone(void *arg)
{
	((struct getting *)arg)->req = NULL;
}

/* While a daemon starts there is a record before there is a runner. */
static struct job *
living(struct app *a, uint64_t id)
{
	return a->jobs->runner != NULL ? runner_find(a->jobs->runner, id) : NULL;
}

/* What lives is newer in memory than on record, which has more of the tries. */
static cJSON *
newest(struct app *a, const struct jobs_row *row)
{
	struct job *j = living(a, row->id);
	cJSON *o = jobs_row_json(row, true), *live, *tries;

	if (j == NULL)
		return o;
	live = jobs_live_json(j);
	tries = cJSON_DetachItemFromObjectCaseSensitive(o, "tries");
	if (tries != NULL)
		cJSON_ReplaceItemInObjectCaseSensitive(live, "tries", tries);
	cJSON_Delete(o);
	return live;
}

static bool
is_older(struct app *a, const struct jobs_row *row)
{
	const struct job *j = living(a, row->id);

	if (j == NULL)
		return row->kind != JOB_STREAM && !job_is_terminal((enum job_state)row->state);
	return row->state != (int)j->state || row->ntries != j->tries;
}

static void
on_given(uv_handle_t *h)
{
	struct getting *g = h->data;

	stored_unuse(g->app);
	free(g);
}

static void on_got(void *arg, int rc, const struct jobs_row *row);

static void
on_again(uv_timer_t *t)
{
	struct getting *g = t->data;

	jobs_look(g->app, g->id, on_got, g);
}

static void
on_got(void *arg, int rc, const struct jobs_row *row)
{
	struct getting *g = arg;
	cJSON *o;

	if (g->req != NULL && rc == 0 && ++g->looks < LOOKS_MAX && is_older(g->app, row)) {
		uv_timer_start(&g->again_at, on_again, LOOK_MS, 0);
		return;
	}
	if (g->req != NULL && rc != 0) {
		jobs_unavailable(g->req, rc);
	} else if (g->req != NULL) {
		o = newest(g->app, row);
		if (g->reveal)
			jobs_json_reveal(o, row);
		if (g->again)
			cJSON_AddTrueToObject(o, "deduplicated");
		http_reply_json_take(g->req, 200, o);
	}
	uv_close((uv_handle_t *)&g->again_at, on_given);
}

static void
answer_row(struct http_req *r, struct app *a, uint64_t id, bool again, bool reveal)
{
	struct getting *g = xcalloc(1, sizeof *g);

	g->app = a;
	g->req = r;
	g->id = id;
	g->again = again;
	g->reveal = reveal;
	uv_timer_init(a->loop, &g->again_at);
	g->again_at.data = g;
	stored_use(a);
	http_on_gone(r, getter_gone, g);
	jobs_look(a, id, on_got, g);
}

void
jobs_answer_row(struct http_req *r, struct app *a, uint64_t id, bool again)
{
	answer_row(r, a, id, again, false);
}

void
jobs_get(struct http_req *r, void *arg)
{
	uint64_t number, reveal;

	if (jobs_number(r, &number) && app_may_reveal(r, &reveal))
		answer_row(r, arg, number, false, reveal != 0);
}

/* Many. */

static void
asker_gone(void *arg)
{
	((struct look *)arg)->req = NULL;
}

static void
patch(struct app *a, cJSON *list)
{
	cJSON *item;
	int i = 0;

	for (item = list->child; item != NULL; i++) {
		const char *id = json_string(item, "id");
		uint64_t number;
		struct job *j = NULL;

		item = item->next;
		if (id != NULL && job_id_parse(id, &number))
			j = living(a, number);
		if (j != NULL)
			cJSON_ReplaceItemInArray(list, i, jobs_live_json(j));
	}
}

static void
on_listed(uv_work_t *work, int status)
{
	struct look *l = work->data;
	struct app *a = l->app;
	cJSON *o;

	(void)status;
	stored_unuse(a);
	if (l->req != NULL && l->rc != 0) {
		jobs_unavailable(l->req, l->rc);
	} else if (l->req != NULL) {
		o = json_object();
		patch(a, l->list);
		cJSON_AddItemToObject(o, "jobs", l->list);
		l->list = NULL;
		cJSON_AddNumberToObject(o, "total", (double)l->total);
		if (l->n == l->query.limit) {
			char next[24];

			snprintf(next, sizeof next, "%llu", (unsigned long long)l->last);
			cJSON_AddStringToObject(o, "next_cursor", next);
		} else {
			cJSON_AddNullToObject(o, "next_cursor");
		}
		if (a->jobs->runner != NULL) {
			cJSON_AddNumberToObject(o, "running", l->running);
			cJSON_AddNumberToObject(o, "queued", l->queued);
		}
		http_reply_json_take(l->req, 200, o);
	}
	look_free(l);
}

static bool
read_states(struct http_req *r, struct look *l)
{
	enum job_state s;
	const char *name;

	for (unsigned i = 0; (name = http_query_nth(r, "state", i)) != NULL; i++) {
		if (!job_state_parse(name, &s)) {
			http_reply_error(r, 400, "bad_params",
			    "state must be queued, running, completed, failed, cancelled, "
			    "timed_out or orphaned");
			return false;
		}
		l->query.states |= 1u << s;
	}
	return true;
}

static bool
read_kind(struct http_req *r, struct look *l)
{
	const char *name = http_query(r, "kind");

	l->query.kind = -1;
	for (int k = JOB_COMMAND; k <= JOB_STREAM && name != NULL; k++)
		if (strcmp(name, job_kind_name((enum job_kind)k)) == 0)
			l->query.kind = k;
	if (name == NULL || l->query.kind >= 0)
		return true;
	http_reply_error(r, 400, "bad_params", "kind must be command, session or stream");
	return false;
}

void
jobs_list(struct http_req *r, void *arg)
{
	static const char *const words[WORDS] = {
	    "agent", "session", "pane", "flow", "name", "correlation", "q"};
	struct look *l = look_new(arg);
	const char **to[WORDS] = {&l->query.agent, &l->query.session, &l->query.pane,
	    &l->query.flow, &l->query.name, &l->query.correlation, &l->query.text};
	uint64_t limit;

	if (!read_states(r, l) || !read_kind(r, l) ||
	    !http_query_u64(r, "limit", 1, LIMIT_MAX, LIMIT, &limit) ||
	    !http_query_u64(r, "before", 1, JSON_INT_MAX, 0, &l->query.before)) {
		look_free(l);
		return;
	}
	for (int i = 0; i < WORDS; i++) {
		const char *s = http_query(r, words[i]);

		l->words[i] = s != NULL ? xstrdup(s) : NULL;
		*to[i] = l->words[i];
	}
	l->query.limit = (unsigned)limit;
	l->list = json_array();
	l->req = r;
	if (l->app->jobs->runner != NULL)
		runner_count(l->app->jobs->runner, &l->running, &l->queued);
	http_on_gone(r, asker_gone, l);
	look_start(l, on_listed);
}
