#include "config.h"

#include "app/producers.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>
#include <utlist.h>

#include "agent/agent.h"
#include "agent/producer.h"
#include "app/agents.h"
#include "app/app_priv.h"
#include "app/live.h"
#include "base/clock.h"
#include "base/str.h"
#include "base/xmalloc.h"
#include "os/os.h"
#include "proto/json.h"
#include "store/sessions_events.h"

enum {
	WITH_STORE = 8 * 1024 * 1024, /* bytes at a time, and one request */
	WAITING = 64 * 1024 * 1024,   /* bytes of requests that are not answered yet */
	NATIVE_BYTES = 16,            /* of an id that is made */
	TEXT_MAX = 4096,
	TEXTS = 7,
};

struct producers {
	struct sessions_seen *seen;
	struct post *waiting; /* utlist; checked, not with the store yet */
	size_t bytes, with_store;
};

/* A request with events. */
struct post {
	struct producer producer; /* first: its callbacks are given the post */
	struct post *prev, *next;
	struct app *app;
	struct http_req *req; /* NULL: the client has gone */
	uv_work_t work;
	char *session, *body, *cause;
	size_t len, nevents;
	struct sessions_event *events;
	int64_t now_ms;
	size_t line; /* that is wrong; 0: none */
};

void
producers_open(struct app *a)
{
	a->producers = xcalloc(1, sizeof *a->producers);
	a->producers->seen = sessions_seen_new();
}

void
producers_free(struct app *a)
{
	if (a->producers == NULL)
		return;
	sessions_seen_free(a->producers->seen);
	free(a->producers);
}

static void
reply_failed(struct http_req *r, int rc)
{
	if (r == NULL)
		return;
	if (rc == -ENOENT)
		http_reply_error(r, 404, "no_such_session", "there is no such session");
	else if (rc == -EPERM)
		http_reply_error(r, 409, "session_removed", "this session was removed");
	else if (rc == -E2BIG)
		http_reply_error(r, 409, "too_many_gaps",
		    "more than %d ranges of events would be missing", EVENTS_GAPS_MAX);
	else
		http_reply_error(r, 503, "store_unavailable", "%s", strerror(-rc));
}

/* Events. */

static void
post_free(struct post *p)
{
	p->app->producers->bytes -= p->len;
	free(p->session);
	free(p->body);
	free(p->cause);
	free(p->events);
	free(p);
}

static void submit_waiting(struct app *a);

static cJSON *
result_json(const struct sessions_events_result *r)
{
	cJSON *o = json_object(), *missing;

	cJSON_AddNumberToObject(o, "accepted", (double)r->accepted);
	cJSON_AddNumberToObject(o, "repeated", (double)r->repeated);
	cJSON_AddNumberToObject(o, "last_seq", (double)r->last_seq);
	missing = cJSON_AddArrayToObject(o, "missing");
	for (size_t i = 0; i < r->nmissing; i++) {
		const double range[] = {(double)r->missing[i].from, (double)r->missing[i].to};

		cJSON_AddItemToArray(missing, cJSON_CreateDoubleArray(range, 2));
	}
	return o;
}

static void
on_events_written(int rc, const struct sessions_events_result *result, void *arg)
{
	struct post *p = arg;
	struct app *a = p->app;

	a->producers->with_store -= p->len;
	if (rc == 0 && result->batch != NULL)
		live_written(a, result->batch);
	if (rc != 0)
		reply_failed(p->req, rc);
	else if (p->req != NULL)
		http_reply_json_take(p->req, 200, result_json(result));
	post_free(p);
	submit_waiting(a);
}

static void
submit_waiting(struct app *a)
{
	struct producers *g = a->producers;
	struct post *p, *next;

	if (a->closed) /* their clients have gone */
		DL_FOREACH_SAFE (g->waiting, p, next) {
			DL_DELETE(g->waiting, p);
			post_free(p);
		}

	while ((p = g->waiting) != NULL &&
	       (g->with_store == 0 || g->with_store + p->len <= WITH_STORE)) {
		struct sessions_events e = {
		    .session = p->session,
		    .events = p->events,
		    .n = p->nevents,
		    .bytes = p->len,
		    .begin = producer_begin,
		    .add = producer_add,
		    .end = producer_end,
		    .done = on_events_written,
		    .arg = p,
		};

		DL_DELETE(g->waiting, p);
		g->with_store += p->len;
		sessions_submit_events(a->store, g->seen, &e);
	}
}

/* One line, which ends with a NUL now. False: it is no event. */
static bool
check_line(struct post *p, char *line, size_t len, size_t *cap)
{
	struct sessions_event e;

	if (strspn(line, " \t\r") == len)
		return true;
	if (len > PRODUCERS_LINE) {
		p->cause = xasprintf("it has more than %d bytes", PRODUCERS_LINE);
		return false;
	}
	if (strlen(line) != len) {
		p->cause = xstrdup("it has a NUL");
		return false;
	}
	if (producer_check(line, len, &e, &p->cause) != 0)
		return false;
	if (e.time_ms == 0)
		e.time_ms = p->now_ms;
	if (p->nevents == *cap) {
		*cap = *cap * 2 + 16;
		p->events = xreallocarray(p->events, *cap, sizeof *p->events);
	}
	p->events[p->nevents++] = e;
	return true;
}

static void
check_work(uv_work_t *w)
{
	struct post *p = w->data;
	size_t cap = 0, line = 0;

	for (char *at = p->body, *end = p->body + p->len; at < end;) {
		char *nl = memchr(at, '\n', (size_t)(end - at));

		if (nl == NULL)
			nl = end; /* there is a NUL behind the body */
		*nl = '\0';
		line++;
		if (!check_line(p, at, (size_t)(nl - at), &cap)) {
			p->line = line;
			return;
		}
		at = nl + 1;
	}
}

static void
check_done(uv_work_t *w, int status)
{
	struct post *p = w->data;
	struct app *a = p->app;

	(void)status;
	stored_unuse(a);
	if (p->line != 0 && p->req != NULL)
		http_reply_error(p->req, 400, "bad_event", "line %zu: %s", p->line, p->cause);
	if (p->line != 0 || a->closed) {
		post_free(p);
		return;
	}
	DL_APPEND(a->producers->waiting, p);
	submit_waiting(a);
}

static void
poster_gone(void *arg)
{
	((struct post *)arg)->req = NULL;
}

void
sessions_events(struct http_req *r, void *arg)
{
	struct app *a = arg;
	size_t len;
	const char *body = http_body(r, &len);
	struct post *p;

	if (len > WAITING - a->producers->bytes) {
		http_reply_error(r, 503, "busy", "too much is waiting to be written");
		return;
	}
	p = xcalloc(1, sizeof *p);
	p->app = a;
	p->req = r;
	p->session = xstrdup(http_param(r, 0));
	p->body = xmalloc(len + 1);
	if (len != 0)
		memcpy(p->body, body, len);
	p->body[len] = '\0';
	p->len = len;
	p->now_ms = clock_wall_ms();
	p->work.data = p;
	a->producers->bytes += len;
	stored_use(a);
	http_on_gone(r, poster_gone, p);
	uv_queue_work(a->loop, &p->work, check_work, check_done);
}

/* Beginning a session. */

struct creation {
	struct app *app;
	struct http_req *req;
	char *agent, *native;
};

static void
creator_gone(void *arg)
{
	((struct creation *)arg)->req = NULL;
}

static void
on_created(int rc, bool existed, const struct sessions_batch *b, void *arg)
{
	struct creation *c = arg;

	if (rc == 0)
		live_written(c->app, b);
	if (rc != 0)
		reply_failed(c->req, rc);
	else if (c->req != NULL)
		sessions_answer(c->req, c->app, existed ? 200 : 201, c->agent, c->native);
	free(c->agent);
	free(c->native);
	free(c);
}

/* A string without control characters, or none. */
static bool
is_plain(const cJSON *v)
{
	const char *s = cJSON_GetStringValue(v);

	if (v == NULL || cJSON_IsNull(v))
		return true;
	if (s == NULL || *s == '\0' || strlen(s) > TEXT_MAX)
		return false;
	for (; *s != '\0'; s++)
		if ((unsigned char)*s < 0x20 || *s == 0x7F)
			return false;
	return true;
}

static bool
check_creation(struct http_req *r, const cJSON *o)
{
	static const char *const names[TEXTS] = {
	    "agent", "native", "cwd", "title", "model", "pane", "parent"};
	const char *agent = json_string(o, "agent"), *native = json_string(o, "native"),
		   *pane = json_string(o, "pane");

	for (int i = 0; i < TEXTS; i++) {
		if (is_plain(cJSON_GetObjectItemCaseSensitive(o, names[i])))
			continue;
		http_reply_error(r, 400, "bad_params",
		    "%s must be a text of up to %d bytes without control characters", names[i],
		    TEXT_MAX);
		return false;
	}
	if (agent != NULL && str_id_valid(agent) && (pane == NULL || str_id_valid(pane)) &&
	    (native == NULL || strlen(native) <= PRODUCER_ID_MAX))
		return true;
	http_reply_error(r, 400, "bad_params",
	    agent == NULL ? "agent is missing" : "agent, native or pane is no id");
	return false;
}

static char *
make_native(void)
{
	unsigned char bytes[NATIVE_BYTES];
	char text[2 * NATIVE_BYTES + 1];

	os_random(bytes, sizeof bytes);
	str_hex(bytes, sizeof bytes, text);
	return xstrdup(text);
}

void
sessions_create(struct http_req *r, void *arg)
{
	struct app *a = arg;
	cJSON *o = http_body_json(r);
	char parent[24];
	uint64_t number;
	struct sessions_session s = {.time_ms = clock_wall_ms()};
	struct sessions_batch *b;
	struct creation *c;
	struct entry *e;
	unsigned n;

	if (json_u64(o, "parent", 1, JSON_INT_MAX, &number) == 0) {
		snprintf(parent, sizeof parent, "%llu", (unsigned long long)number);
		cJSON_ReplaceItemInObjectCaseSensitive(o, "parent", cJSON_CreateString(parent));
	}
	if (o == NULL || !check_creation(r, o)) {
		cJSON_Delete(o);
		return;
	}
	c = xcalloc(1, sizeof *c);
	c->app = a;
	c->req = r;
	c->agent = xstrdup(json_string(o, "agent"));
	c->native = json_string(o, "native") != NULL ? xstrdup(json_string(o, "native"))
						     : make_native();
	s.agent = c->agent;
	s.native = c->native;
	s.cwd = json_string(o, "cwd");
	s.title = json_string(o, "title");
	s.model = json_string(o, "model");
	s.parent = json_string(o, "parent");
	s.pane = json_string(o, "pane");
	if (s.pane != NULL && registry_find(a, s.pane, &e) == 0)
		s.pane = pane_id(e->pane); /* it may be called by its name */
	b = sessions_batch_new();
	n = sessions_add_session(b, &s);
	/* Without a time: what its events say comes after it. */
	sessions_add_state(b, n, AGENT_WORKING, NULL, 0);
	http_on_gone(r, creator_gone, c);
	sessions_submit_new(a->store, b, c->agent, c->native, on_created, c);
	cJSON_Delete(o);
}
