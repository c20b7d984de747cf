/* Questions about agents' sessions: from arguments to JSON, on the pool. */
#include "config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cjson/cJSON.h>
#include <uthash.h>

#include "agent/agent.h"
#include "agent/prices.h"
#include "agent/secrets.h"
#include "app/agents.h"
#include "app/agents_priv.h"
#include "app/agents_query.h"
#include "app/app_priv.h"
#include "base/clock.h"
#include "base/str.h"
#include "base/utf8.h"
#include "base/xmalloc.h"
#include "proto/json.h"
#include "store/sessions_live.h"
#include "store/sessions_read.h"

enum { LIMIT = 50, LIMIT_MAX = 200, KEY_SIZE = 512 };

void
question_free(struct question_db *q)
{
	for (size_t i = 0; i < sizeof q->texts / sizeof *q->texts; i++)
		free(q->texts[i]);
	cJSON_Delete(q->answer);
	free(q->more);
	free(q);
}

static void
query_work(uv_work_t *w)
{
	struct question_db *q = w->data;
	sqlite3 *db;

	if ((q->rc = stored_reader(q->app, &db)) != 0)
		return;
	q->rc = q->run(q, db);
	sqlite3_close(db);
}

static void
query_done(uv_work_t *w, int status)
{
	struct question_db *q = w->data;

	(void)status;
	stored_unuse(q->app);
	if (q->req != NULL && q->rc == -ENOENT)
		http_reply_error(q->req, 404, "no_such_session", "there is no such session");
	else if (q->req != NULL && q->rc != 0)
		http_reply_error(q->req, 503, "store_unavailable", "%s",
		    q->rc == -EAGAIN ? "the store is being opened" : strerror(-q->rc));
	else if (q->req != NULL) {
		if (q->complete != NULL)
			q->complete(q);
		http_reply_json_take(q->req, q->status != 0 ? q->status : 200, q->answer);
		q->answer = NULL;
	}
	question_free(q);
}

static void
asker_gone(void *arg)
{
	((struct question_db *)arg)->req = NULL;
}

void
question_ask(struct question_db *q)
{
	q->work.data = q;
	stored_use(q->app);
	http_on_gone(q->req, asker_gone, q);
	uv_queue_work(q->app->loop, &q->work, query_work, query_done);
}

/* Arguments. */

const char *
question_keep(struct question_db *q, unsigned i, const char *value)
{
	q->texts[i] = value != NULL ? xstrdup(value) : NULL;
	return q->texts[i];
}

bool
question_number(struct http_req *r, const char *name, uint64_t lo, uint64_t hi, uint64_t *out)
{
	const char *value = http_query(r, name);

	if (value == NULL || str_u64(value, lo, hi, out) == 0)
		return true;
	http_reply_error(r, 400, "bad_params", "%s must be a number from %llu to %llu", name,
	    (unsigned long long)lo, (unsigned long long)hi);
	return false;
}

static bool
read_times(struct http_req *r, struct question_db *q)
{
	static const char *const names[] = {"since", "until"};
	int64_t *to[] = {&q->from_ms, &q->to_ms};

	q->from_ms = INT64_MIN;
	q->to_ms = INT64_MAX;
	for (int i = 0; i < 2; i++) {
		const char *value = http_query(r, names[i]);

		if (value == NULL || clock_parse(value, clock_wall_ms(), to[i]) == 0)
			continue;
		http_reply_error(r, 400, "bad_params",
		    "%s must be a time as 2026-11-21T02:03:04Z, or how long ago as 10m",
		    names[i]);
		return false;
	}
	return true;
}

struct question_db *
question_new(struct http_req *r, struct app *a, int (*run)(struct question_db *, sqlite3 *))
{
	struct question_db *q = xcalloc(1, sizeof *q);

	q->app = a;
	q->req = r;
	q->run = run;
	q->limit = LIMIT;
	q->text_max = UINT64_MAX;
	if (read_times(r, q) && question_number(r, "limit", 1, LIMIT_MAX, &q->limit) &&
	    question_number(r, "offset", 0, INT32_MAX, &q->offset) &&
	    question_number(r, "cursor", 0, INT64_MAX, &q->after) &&
	    question_number(r, "text_max", 0, INT32_MAX, &q->text_max) &&
	    app_may_reveal(r, &q->reveal))
		return q;
	question_free(q);
	return NULL;
}

/* Usage. */

static const char *const groups[] = {"day", "model", "agent", "session", "project"};
enum { BY_DAY, BY_MODEL, BY_AGENT, BY_SESSION, BY_PROJECT };

struct seen {
	char *name;
	UT_hash_handle hh;
};

struct group {
	char *key;
	struct usage_sum sum;
	struct hit_rate hits;
	struct seen *sessions;
	struct group *models; /* the same by model, where that is asked for */
	UT_hash_handle hh;
};

struct report {
	const struct question_db *q;
	struct group *groups;
	struct usage_sum total;
	struct hit_rate hits;
	struct seen *unpriced;
};

/* Returns whether it was new. */
static bool
see(struct seen **set, const char *name)
{
	struct seen *s;

	HASH_FIND_STR(*set, name, s);
	if (s != NULL)
		return false;
	s = xcalloc(1, sizeof *s);
	s->name = xstrdup(name);
	HASH_ADD_KEYPTR(hh, *set, s->name, strlen(s->name), s);
	return true;
}

static void
forget(struct seen **set)
{
	struct seen *s, *next;

	HASH_ITER (hh, *set, s, next) {
		HASH_DEL(*set, s);
		free(s->name);
		free(s);
	}
}

static void
add(struct usage_sum *to, const struct agent_usage *u, double cost, bool stated)
{
	agent_usage_add(&to->usage, u);
	if (cost < 0) {
		to->unpriced = true;
		return;
	}
	to->cost += cost;
	to->stated |= stated;
	to->computed |= !stated;
}

bool
usage_sum_row(struct usage_sum *to, const struct app *a, const struct sessions_usage_row *row,
    double *cost)
{
	const struct sessions_usage *s = &row->usage;
	struct agent_usage u = {s->input, s->cache_read, s->cache_write_5m, s->cache_write_1h,
	    s->output, s->reasoning, s->searches};
	bool stated = s->stated_usd > 0;

	if (s->input == 0 && s->output == 0)
		return false;
	*cost = stated ? s->stated_usd
		       : prices_cost(
			     agents_prices(a), s->model != NULL ? s->model : "", &u, s->fast);
	add(to, &u, *cost, stated);
	return true;
}

void
hit_rate_add(struct hit_rate *h, const struct sessions_usage *u)
{
	const int64_t writes[] = {u->cache_write_5m, u->cache_write_1h};

	if (u->input < 0 || u->cache_read < 0)
		return;
	h->read += (double)u->cache_read;
	h->all += (double)u->input + (double)u->cache_read;
	for (int i = 0; i < 2; i++)
		h->all += writes[i] > 0 ? (double)writes[i] : 0;
}

void
hit_rate_json(cJSON *o, const char *name, const struct hit_rate *h)
{
	if (h->all > 0)
		cJSON_AddNumberToObject(o, name, h->read / h->all);
	else
		cJSON_AddNullToObject(o, name);
}

static void
key_of(const struct question_db *q, unsigned by, const struct sessions_usage_row *row,
    char out[KEY_SIZE])
{
	const char *text = NULL;
	time_t t = (time_t)(row->usage.time_ms / 1000);
	struct tm tm;

	switch (by) {
	case BY_DAY:
		if (row->usage.time_ms != 0 &&
		    (q->utc ? gmtime_r(&t, &tm) : localtime_r(&t, &tm)) != NULL) {
			strftime(out, KEY_SIZE, "%Y-%m-%d", &tm);
			return;
		}
		break;
	case BY_MODEL:
		text = row->usage.model;
		break;
	case BY_AGENT:
		text = row->agent;
		break;
	case BY_SESSION:
		text = row->session;
		break;
	default:
		text = row->cwd;
		break;
	}
	snprintf(out, KEY_SIZE, "%s", text != NULL ? text : "unknown");
}

/* An argument with the name of a group leaves only what has that key in it. */
static bool
is_wanted(const struct question_db *q, const struct sessions_usage_row *row)
{
	char key[KEY_SIZE];

	for (unsigned i = 0; i < sizeof groups / sizeof *groups; i++) {
		if (q->texts[i] == NULL)
			continue;
		key_of(q, i, row, key);
		if (strcmp(key, q->texts[i]) != 0)
			return false;
	}
	return true;
}

static struct group *
group_of(struct group **all, const char *key)
{
	struct group *g;

	HASH_FIND_STR(*all, key, g);
	if (g == NULL) {
		g = xcalloc(1, sizeof *g);
		g->key = xstrdup(key);
		g->sum.usage = agent_usage_unknown;
		HASH_ADD_KEYPTR(hh, *all, g->key, strlen(g->key), g);
	}
	return g;
}

static void
add_group(struct group **all, const char *key, const struct sessions_usage_row *row,
    const struct usage_sum *sum, double cost)
{
	struct group *g = group_of(all, key);

	add(&g->sum, &sum->usage, cost, sum->stated);
	hit_rate_add(&g->hits, &row->usage);
	see(&g->sessions, row->session);
}

static bool
on_usage(void *arg, const struct sessions_usage_row *row)
{
	struct report *rep = arg;
	struct usage_sum sum = {.usage = agent_usage_unknown};
	char key[KEY_SIZE], model[KEY_SIZE];
	double cost;

	if (!is_wanted(rep->q, row))
		return true;
	if (!usage_sum_row(&sum, rep->q->app, row, &cost))
		return true; /* it is counted in other rows */
	key_of(rep->q, rep->q->by, row, key);
	add_group(&rep->groups, key, row, &sum, cost);
	if (rep->q->split) {
		key_of(rep->q, BY_MODEL, row, model);
		add_group(&group_of(&rep->groups, key)->models, model, row, &sum, cost);
	}
	add(&rep->total, &sum.usage, cost, sum.stated);
	hit_rate_add(&rep->hits, &row->usage);
	if (cost < 0)
		see(&rep->unpriced, row->usage.model != NULL ? row->usage.model : "unknown");
	return true;
}

void
question_add_count(cJSON *o, const char *name, int64_t n)
{
	if (n >= 0)
		cJSON_AddNumberToObject(o, name, (double)n);
	else
		cJSON_AddNullToObject(o, name);
}

void
usage_sum_json(cJSON *o, const struct usage_sum *s)
{
	static const char *const sources[] = {"unknown", "computed", "stated", "mixed"};
	bool known = s->computed || s->stated;

	question_add_count(o, "input_tokens", s->usage.input);
	question_add_count(o, "cache_read_tokens", s->usage.cache_read);
	question_add_count(o, "cache_write_5m_tokens", s->usage.cache_write_5m);
	question_add_count(o, "cache_write_1h_tokens", s->usage.cache_write_1h);
	question_add_count(o, "output_tokens", s->usage.output);
	question_add_count(o, "reasoning_tokens", s->usage.reasoning);
	if (known)
		cJSON_AddNumberToObject(o, "cost_usd", s->cost);
	else
		cJSON_AddNullToObject(o, "cost_usd");
	cJSON_AddStringToObject(
	    o, "cost_source", sources[(s->computed ? 1 : 0) + (s->stated ? 2 : 0)]);
}

static int
by_key(const struct group *a, const struct group *b)
{
	return strcmp(a->key, b->key);
}

static cJSON *
group_json(const struct group *g, bool hits)
{
	cJSON *row = json_object();

	json_add_text(row, "key", g->key);
	usage_sum_json(row, &g->sum);
	if (hits)
		hit_rate_json(row, "cache_hit_rate", &g->hits);
	cJSON_AddNumberToObject(row, "sessions", HASH_COUNT(g->sessions));
	return row;
}

static void
group_free(struct group *g)
{
	forget(&g->sessions);
	free(g->key);
	free(g);
}

/* The groups in their order; they are gone then. */
static void
add_rows_take(cJSON *o, const struct question_db *q, struct group *take)
{
	cJSON *rows = cJSON_AddArrayToObject(o, "rows"), *row, *models;
	struct group *g, *next, *m, *after;

	HASH_SORT(take, by_key);
	HASH_ITER (hh, take, g, next) {
		cJSON_AddItemToArray(rows, row = group_json(g, q->hits));
		models = q->split ? cJSON_AddArrayToObject(row, "models") : NULL;
		HASH_SORT(g->models, by_key);
		HASH_ITER (hh, g->models, m, after) {
			cJSON_AddItemToArray(models, group_json(m, q->hits));
			HASH_DEL(g->models, m);
			group_free(m);
		}
		HASH_DEL(take, g);
		group_free(g);
	}
}

static cJSON *
report_json(struct report *rep)
{
	cJSON *o = json_object(), *totals, *list;
	struct seen *s;

	cJSON_AddStringToObject(o, "by", groups[rep->q->by]);
	add_rows_take(o, rep->q, rep->groups);
	rep->groups = NULL;
	totals = cJSON_AddObjectToObject(o, "totals");
	usage_sum_json(totals, &rep->total);
	if (rep->q->hits)
		hit_rate_json(totals, "cache_hit_rate", &rep->hits);
	list = cJSON_AddArrayToObject(o, "unpriced_models");
	for (s = rep->unpriced; s != NULL; s = s->hh.next)
		json_add_item(list, s->name);
	forget(&rep->unpriced);
	return o;
}

static int
run_usage(struct question_db *q, sqlite3 *db)
{
	struct report rep = {.q = q, .total = {.usage = agent_usage_unknown}};
	int rc = sessions_read_usage(db, q->from_ms, q->to_ms, on_usage, &rep);

	q->answer = report_json(&rep);
	return rc;
}

void
usage_answer(struct http_req *r, void *arg)
{
	const char *by = http_query(r, "by"), *zone = http_query(r, "timezone");
	const char *split = http_query(r, "split");
	struct question_db *q;
	uint64_t hits;
	unsigned i = 0;

	while (by != NULL && i < sizeof groups / sizeof *groups && strcmp(by, groups[i]) != 0)
		i++;
	if (i == sizeof groups / sizeof *groups) {
		http_reply_error(
		    r, 400, "bad_params", "by must be day, model, agent, session or project");
		return;
	}
	if (split != NULL && strcmp(split, groups[BY_MODEL]) != 0) {
		http_reply_error(r, 400, "bad_params", "split must be model");
		return;
	}
	if (zone != NULL && strcmp(zone, "utc") != 0 && strcmp(zone, "local") != 0) {
		http_reply_error(r, 400, "bad_params", "timezone must be local or utc");
		return;
	}
	if (!http_query_u64(r, "hits", 0, 1, 0, &hits) ||
	    (q = question_new(r, arg, run_usage)) == NULL)
		return;
	q->by = i;
	q->split = split != NULL;
	q->hits = hits != 0;
	q->utc = zone != NULL && strcmp(zone, "utc") == 0;
	for (i = 0; i < sizeof groups / sizeof *groups; i++)
		question_keep(q, i, http_query(r, groups[i]));
	question_ask(q);
}

/* Sessions. */

void
question_add_time(cJSON *o, const char *name, int64_t ms)
{
	char iso[CLOCK_ISO_LEN];

	clock_iso(ms, iso);
	json_add_text(o, name, ms != 0 ? iso : NULL);
}

void
session_add_text(cJSON *o, const char *name, const char *text, size_t max, bool reveal)
{
	char *masked = reveal ? NULL : secrets_masked(text), bytes[32], *part;
	size_t len;

	text = masked != NULL ? masked : text;
	len = text != NULL ? strlen(text) : 0;
	if (len <= max) {
		json_add_text(o, name, text);
	} else {
		part = xstrndup(text, (size_t)utf8_prefix(text, (int)max));
		json_add_text(o, name, part);
		free(part);
		snprintf(bytes, sizeof bytes, "%s_bytes", name);
		cJSON_AddNumberToObject(o, bytes, (double)len);
	}
	free(masked);
}

void
question_add_shown(const struct question_db *q, cJSON *o, const char *name, const char *text)
{
	session_add_text(o, name, text, q->text_max, q->reveal != 0);
}

const char *
question_outcome(int outcome)
{
	static const char *const names[] = {"unknown", "ok", "failed", "interrupted", "denied"};

	return outcome >= 0 && (size_t)outcome < sizeof names / sizeof *names ? names[outcome]
									      : NULL;
}

const char *
session_state_name(int state)
{
	static const char *const names[] = {
	    "working", "waiting_input", "waiting_permission", "done", "failed"};

	return state >= 0 && (size_t)state < sizeof names / sizeof *names ? names[state] : NULL;
}

static cJSON *
session_json(const struct question_db *q, const struct sessions_row *s)
{
	cJSON *o = json_object();
	char *title;

	cJSON_AddNumberToObject(o, "id", (double)s->id);
	json_add_text(o, "agent", s->agent);
	json_add_text(o, "agent_session", s->native);
	question_add_count(o, "parent", s->parent != 0 ? s->parent : -1);
	cJSON_AddBoolToObject(o, "fork", s->fork);
	title = sessions_title(s->title, s->prompt);
	question_add_shown(q, o, "title", title);
	free(title);
	json_add_text(o, "project", s->cwd);
	json_add_text(o, "pane", s->pane);
	json_add_text(o, "model", s->model);
	json_add_text(o, "mode", s->mode);
	json_add_text(o, "version", s->version);
	json_add_text(o, "branch", s->branch);
	json_add_text(o, "state", session_state_name(s->state));
	question_add_time(o, "started", s->started_ms);
	question_add_time(o, "updated", s->updated_ms);
	cJSON_AddNumberToObject(o, "turns", (double)s->turns);
	cJSON_AddNumberToObject(o, "messages", (double)s->messages);
	cJSON_AddNumberToObject(o, "tool_calls", (double)s->tools);
	return o;
}

cJSON *
question_page(const struct question_db *q, cJSON *data, int64_t total, int64_t next)
{
	cJSON *o = json_object();

	cJSON_AddItemToObject(o, "data", data);
	cJSON_AddNumberToObject(o, "total", (double)total);
	cJSON_AddNumberToObject(o, "limit", (double)q->limit);
	cJSON_AddNumberToObject(o, "offset", (double)q->offset);
	question_add_count(o, "next_cursor", next);
	return o;
}

struct rows_page {
	const struct question_db *q;
	cJSON *data;
	int64_t last; /* the id of the last */
};

static bool
on_session(void *arg, const struct sessions_row *s)
{
	struct rows_page *p = arg;

	cJSON_AddItemToArray(p->data, session_json(p->q, s));
	return true;
}

static int
run_list(struct question_db *q, sqlite3 *db)
{
	struct rows_page p = {.q = q, .data = json_array()};
	uint64_t offset = q->after != 0 ? q->after : q->offset, n;
	int64_t total = 0;
	int rc = sessions_read_list(
	    db, &q->filter, (int64_t)q->limit, (int64_t)offset, &total, on_session, &p);

	n = (uint64_t)cJSON_GetArraySize(p.data);
	q->answer = question_page(
	    q, p.data, total, offset + n < (uint64_t)total ? (int64_t)(offset + n) : -1);
	return rc;
}

void
sessions_list(struct http_req *r, void *arg)
{
	struct question_db *q = question_new(r, arg, run_list);

	if (q == NULL)
		return;
	q->filter.agent = question_keep(q, 0, http_query(r, "agent"));
	q->filter.project = question_keep(q, 1, http_query(r, "project"));
	q->filter.pane = question_keep(q, 2, http_query(r, "pane"));
	q->filter.text = question_keep(q, 3, http_query(r, "text"));
	q->filter.parent = question_keep(q, 4, http_query(r, "parent"));
	q->filter.since_ms = q->from_ms == INT64_MIN ? 0 : q->from_ms;
	q->filter.until_ms = q->to_ms == INT64_MAX ? 0 : q->to_ms;
	question_ask(q);
}

struct taken {
	struct question_db *q;
	int64_t id;
	struct usage_sum sum;
};

static bool
take_session(void *arg, const struct sessions_row *s)
{
	struct taken *t = arg;

	t->q->answer = session_json(t->q, s); /* the newest of several is the first */
	t->id = s->id;
	return false;
}

static bool
sum_usage(void *arg, const struct sessions_usage_row *row)
{
	struct taken *t = arg;
	double cost;

	usage_sum_row(&t->sum, t->q->app, row, &cost);
	return true;
}

static int
run_get(struct question_db *q, sqlite3 *db)
{
	struct taken t = {.q = q, .sum = {.usage = agent_usage_unknown}};
	int rc = sessions_read_list(db, &q->filter, 1, 0, NULL, take_session, &t);

	if (rc == 0 && q->answer == NULL)
		return -ENOENT;
	if (rc == 0)
		rc = sessions_read_usage_of(db, t.id, sum_usage, &t);
	if (rc == 0)
		usage_sum_json(cJSON_AddObjectToObject(q->answer, "usage"), &t.sum);
	return rc;
}

struct question_db *
question_of_session(
    struct http_req *r, struct app *a, int (*run)(struct question_db *, sqlite3 *))
{
	struct question_db *q = question_new(r, a, run);

	if (q != NULL)
		q->filter.id = question_keep(q, 0, http_param(r, 0));
	return q;
}

void
sessions_get(struct http_req *r, void *arg)
{
	struct question_db *q = question_of_session(r, arg, run_get);

	if (q != NULL)
		question_ask(q);
}

void
sessions_answer(
    struct http_req *r, struct app *a, int status, const char *agent, const char *native)
{
	struct question_db *q = question_new(r, a, run_get);

	if (q == NULL)
		return;
	q->status = status;
	q->filter.agent = question_keep(q, 0, agent);
	q->filter.id = question_keep(q, 1, native);
	question_ask(q);
}

cJSON *
session_message_json(const struct sessions_message_row *m, size_t text_max, bool reveal)
{
	static const char *const roles[] = {"user", "assistant", "thinking", "system"};
	cJSON *o = json_object();

	cJSON_AddNumberToObject(o, "id", (double)m->id);
	json_add_text(o, "message", m->native);
	cJSON_AddNumberToObject(o, "part", m->part);
	question_add_count(o, "turn", m->turn != 0 ? m->turn : -1);
	json_add_text(o, "role", m->role >= 0 && m->role < 4 ? roles[m->role] : NULL);
	cJSON_AddBoolToObject(o, "hidden", m->hidden);
	question_add_time(o, "time", m->time_ms);
	session_add_text(o, "text", m->text, text_max, reveal);
	return o;
}

static bool
on_message(void *arg, const struct sessions_message_row *m)
{
	struct rows_page *p = arg;

	cJSON_AddItemToArray(
	    p->data, session_message_json(m, p->q->text_max, p->q->reveal != 0));
	p->last = m->id;
	return true;
}

cJSON *
session_tool_json(const struct sessions_tool_row *t, size_t text_max, bool reveal)
{
	cJSON *o = json_object();

	cJSON_AddNumberToObject(o, "id", (double)t->id);
	json_add_text(o, "call", t->call);
	json_add_text(o, "message", t->message);
	question_add_count(o, "turn", t->turn != 0 ? t->turn : -1);
	json_add_text(o, "name", t->name);
	session_add_text(o, "input", t->input, text_max, reveal);
	session_add_text(o, "output", t->output, text_max, reveal);
	json_add_text(o, "outcome", question_outcome(t->outcome));
	question_add_time(o, "started", t->started_ms);
	question_add_time(o, "finished", t->finished_ms);
	question_add_count(o, "latency_ms", t->latency_ms);
	return o;
}

static int
run_messages(struct question_db *q, sqlite3 *db)
{
	int64_t after = (int64_t)q->after, limit = (int64_t)q->limit;
	int64_t offset = after == 0 ? (int64_t)q->offset : 0; /* a cursor says it all */
	struct rows_page p = {.q = q, .data = json_array()};
	int64_t session = 0, total = 0;
	int rc = sessions_find(db, q->filter.id, &session);

	if (rc == 0)
		rc = sessions_count_messages(db, session, &total);
	if (rc == 0)
		rc = sessions_read_messages(db, session, after, limit, offset, on_message, &p);
	q->answer = question_page(
	    q, p.data, total, (uint64_t)cJSON_GetArraySize(p.data) == q->limit ? p.last : -1);
	return rc;
}

void
sessions_messages(struct http_req *r, void *arg)
{
	struct question_db *q = question_of_session(r, arg, run_messages);

	if (q != NULL)
		question_ask(q);
}
