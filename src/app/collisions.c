#include "config.h"

#include "app/collisions.h"

#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>
#include <utlist.h>

#include "agent/touch.h"
#include "app/app_priv.h"
#include "app/collide_watch.h"
#include "app/events.h"
#include "app/jobs_priv.h"
#include "app/live.h"
#include "base/clock.h"
#include "base/str.h"
#include "base/xmalloc.h"
#include "job/collide.h"
#include "job/runner.h"
#include "proto/json.h"
#include "store/sessions.h"

enum { WINDOW_MS = 10 * 60 * 1000, TIES_MAX = 1000, LIMIT = 100 };

/* A job, as far as it matters here; kept for the window behind its end. */
struct tie {
	struct tie *prev, *next; /* oldest first */
	uint64_t job;
	char *session; /* that its agent named */
	char *owner, *pane, *agent, *cwd;
	int64_t created_ms, ended_ms; /* 0: it lives */
};

struct told {
	uint64_t id;
	int64_t time_ms;
	cJSON *o;
};

struct collisions {
	struct app *app;
	struct collide *collide;
	struct collide_watch *watch; /* NULL before the first job that is to be watched */
	bool unwatched;              /* there is no such thing here */
	struct tie *ties;
	unsigned nties;
	struct told told[COLLISIONS_KEPT]; /* a ring */
	uint64_t ntold;
};

/* Telling. */

static cJSON *
party_json(const struct collide_touch *t)
{
	char iso[CLOCK_ISO_LEN], id[JOB_ID_MAX];
	cJSON *o = json_object(), *lines;

	if (t->who.session != 0)
		cJSON_AddNumberToObject(o, "session", (double)t->who.session);
	else
		cJSON_AddNullToObject(o, "session");
	snprintf(id, sizeof id, "j%llu", (unsigned long long)t->who.job);
	json_add_text(o, "job", t->who.job != 0 ? id : NULL);
	json_add_text(o, "pane", t->who.pane);
	json_add_text(o, "agent", t->who.agent);
	if (t->first != 0) {
		lines = cJSON_AddArrayToObject(o, "lines");
		cJSON_AddItemToArray(lines, cJSON_CreateNumber((double)t->first));
		cJSON_AddItemToArray(lines, cJSON_CreateNumber((double)t->last));
	} else {
		cJSON_AddNullToObject(o, "lines");
	}
	clock_iso(t->time_ms, iso);
	cJSON_AddStringToObject(o, "time", iso);
	return o;
}

static void
on_collision(void *arg, enum collide_kind kind, const struct collide_touch *a,
    const struct collide_touch *b)
{
	struct collisions *c = arg;
	struct told *t = &c->told[c->ntold % COLLISIONS_KEPT];
	char iso[CLOCK_ISO_LEN];

	cJSON_Delete(t->o);
	t->id = ++c->ntold;
	t->time_ms = clock_wall_ms();
	t->o = json_object();
	cJSON_AddStringToObject(t->o, "type", "collision");
	cJSON_AddNumberToObject(t->o, "id", (double)t->id);
	cJSON_AddStringToObject(t->o, "kind", collide_kind_name(kind));
	json_add_text(t->o, "path", b->path);
	clock_iso(t->time_ms, iso);
	cJSON_AddStringToObject(t->o, "time", iso);
	cJSON_AddItemToObject(t->o, "a", party_json(a));
	cJSON_AddItemToObject(t->o, "b", party_json(b));
	events_add(c->app, "collisions", cJSON_Duplicate(t->o, true));
}

static unsigned
kept(const struct collisions *c)
{
	return c->ntold < COLLISIONS_KEPT ? (unsigned)c->ntold : COLLISIONS_KEPT;
}

/* 0 is the newest. */
static const struct told *
nth(const struct collisions *c, unsigned n)
{
	return &c->told[(c->ntold - 1 - n) % COLLISIONS_KEPT];
}

void
collisions_status_json(struct app *a, cJSON *status)
{
	const struct collisions *c = a->collisions;
	int64_t since = clock_wall_ms() - WINDOW_MS;
	unsigned n = 0;

	while (c != NULL && n < kept(c) && nth(c, n)->time_ms >= since)
		n++;
	cJSON_AddNumberToObject(status, "collisions", n);
}

static cJSON *
list_json(const struct collisions *c, int64_t since, uint64_t limit)
{
	cJSON *list = json_array();

	for (unsigned n = 0; c != NULL && n < kept(c) && n < limit; n++) {
		const struct told *t = nth(c, n);

		if (t->time_ms < since)
			break;
		cJSON_AddItemToArray(list, cJSON_Duplicate(t->o, true));
	}
	return list;
}

void
collisions_state(struct app *a, cJSON *state)
{
	cJSON_AddItemToObject(
	    state, "collisions", list_json(a->collisions, clock_wall_ms() - WINDOW_MS, LIMIT));
}

void
collisions_list(struct http_req *r, void *arg)
{
	const struct app *a = arg;
	const char *value = http_query(r, "since");
	int64_t since = INT64_MIN;
	uint64_t limit;
	cJSON *o;

	if (value != NULL && clock_parse(value, clock_wall_ms(), &since) != 0) {
		http_reply_error(r, 400, "bad_params",
		    "since must be a time as 2026-11-21T02:03:04Z, or how long ago as 10m");
		return;
	}
	if (!http_query_u64(r, "limit", 1, COLLISIONS_KEPT, LIMIT, &limit))
		return;
	o = json_object();
	cJSON_AddItemToObject(o, "collisions", list_json(a->collisions, since, limit));
	http_reply_json_take(r, 200, o);
}

/* Jobs. */

static char *
copy(const char *s)
{
	return s != NULL ? xstrdup(s) : NULL;
}

static void
drop_tie(struct collisions *c, struct tie *t)
{
	DL_DELETE(c->ties, t);
	c->nties--;
	free(t->session);
	free(t->owner);
	free(t->pane);
	free(t->agent);
	free(t->cwd);
	free(t);
}

static void
drop_ties(struct collisions *c)
{
	int64_t before = clock_wall_ms() - WINDOW_MS;
	struct tie *t, *next;

	DL_FOREACH_SAFE (c->ties, t, next)
		if (t->ended_ms != 0 && (t->ended_ms < before || c->nties > TIES_MAX))
			drop_tie(c, t);
}

static struct tie *
tie_of(struct collisions *c, uint64_t job)
{
	struct tie *t;

	DL_FOREACH (c->ties, t)
		if (t->job == job)
			return t;
	return NULL;
}

/* By the agent's id, of the first of its sub-agents. NULL: nobody has said anything. */
static const char *
owner_of(struct collisions *c, const char *session)
{
	const struct sessions_brief *b = session != NULL ? live_brief(c->app, session) : NULL;

	if (b == NULL)
		return session;
	return b->root != NULL ? b->root : b->native;
}

static struct tie *
new_tie(struct collisions *c, const struct job *j)
{
	struct tie *t = xcalloc(1, sizeof *t);

	t->job = j->number;
	t->created_ms = j->created_ms;
	t->owner = copy(j->spec.session);
	t->pane = copy(j->spec.pane);
	t->agent = copy(j->spec.agent);
	t->cwd = copy(j->spec.cwd);
	DL_APPEND(c->ties, t);
	c->nties++;
	return t;
}

static void
on_file(void *arg, uint64_t job, const char *path, int64_t time_ms)
{
	struct collisions *c = arg;
	const struct tie *t = tie_of(c, job);
	struct collide_touch touch = {.path = path, .time_ms = time_ms, .seen = true};

	if (t == NULL || strlen(path) >= TOUCH_PATH_MAX)
		return;
	touch.who.job = job;
	touch.who.root = t->session;
	touch.who.owner = owner_of(c, t->owner);
	touch.who.pane = t->pane;
	touch.who.agent = t->agent;
	collide_add(c->collide, &touch, clock_wall_ms(), on_collision, c);
}

static void
watch_job(struct collisions *c, const struct job *j)
{
	char *dir;

	if (c->watch == NULL && !c->unwatched) {
		c->watch = collide_watch_new(c->app->loop, c->app->state_dir, on_file, c);
		c->unwatched = c->watch == NULL;
	}
	if (c->watch == NULL)
		return;
	if (job_is_terminal(j->state)) {
		collide_watch_ended(c->watch, j->number, clock_wall_ms());
		return;
	}
	dir = touch_path("/", j->spec.cwd);
	collide_watch_add(c->watch, j->number, dir != NULL ? dir : "/");
	free(dir);
	if (j->started_ms != 0)
		collide_watch_began(c->watch, j->number, j->started_ms);
}

void
collisions_job(struct app *a, const struct job *j)
{
	struct collisions *c = a->collisions;
	struct tie *t;

	if (c == NULL || j->spec.cwd == NULL || (j->spec.agent == NULL && !j->spec.watch))
		return;
	drop_ties(c);
	t = tie_of(c, j->number);
	if (t == NULL)
		t = new_tie(c, j);
	if (j->session != NULL && (t->session == NULL || strcmp(t->session, j->session) != 0)) {
		free(t->session);
		t->session = xstrdup(j->session);
	}
	if (job_is_terminal(j->state))
		t->ended_ms = clock_wall_ms();
	if (j->spec.watch)
		watch_job(c, j);
}

/* Sessions. */

struct batch {
	struct collisions *c;
	const struct sessions_batch *b;
	int64_t now_ms;
	struct collide_touch touch; /* of the call that is looked at */
};

/* Of a channel's pane, "j12.1". */
static uint64_t
job_of_pane(const char *pane)
{
	char id[JOB_ID_MAX];
	size_t n = pane != NULL && *pane == 'j' ? strcspn(pane, ".") : 0;
	uint64_t number = 0;

	if (n == 0 || n >= sizeof id || pane[n] != '.')
		return 0;
	memcpy(id, pane, n);
	id[n] = '\0';
	return job_id_parse(id, &number) ? number : 0;
}

static const struct tie *
job_of(struct collisions *c, const struct sessions_brief *s, const char *root)
{
	uint64_t number = job_of_pane(s->pane);
	const struct tie *t, *only = NULL;
	unsigned n = 0;

	if (number != 0)
		return tie_of(c, number);
	DL_FOREACH (c->ties, t) {
		if (t->session != NULL && strcmp(t->session, root) == 0)
			return t;
		if (t->session == NULL && t->agent != NULL && s->cwd != NULL &&
		    s->pane == NULL && strcmp(t->agent, s->agent) == 0 &&
		    strcmp(t->cwd, s->cwd) == 0 && s->started_ms >= t->created_ms &&
		    (t->ended_ms == 0 || s->started_ms <= t->ended_ms)) {
			only = t;
			n++;
		}
	}
	return n == 1 ? only : NULL;
}

static void
on_touch(void *arg, const char *path, int64_t first, int64_t last)
{
	struct batch *b = arg;

	b->touch.path = path;
	b->touch.first = first;
	b->touch.last = last;
	collide_add(b->c->collide, &b->touch, b->now_ms, on_collision, b->c);
}

static void
set_party(struct batch *b, const struct sessions_brief *s)
{
	struct collide_party *who = &b->touch.who;
	const struct tie *t;

	*who = (struct collide_party){.session = s->id,
	    .root = s->root != NULL ? s->root : s->native,
	    .pane = s->pane,
	    .agent = s->agent};
	if ((t = job_of(b->c, s, who->root)) == NULL)
		return;
	who->job = t->job;
	who->owner = owner_of(b->c, t->owner);
	if (who->pane == NULL)
		who->pane = t->pane;
}

static void
on_change(void *arg, const struct sessions_change *change)
{
	struct batch *b = arg;
	const struct sessions_brief *s;

	if ((change->kind != SESSIONS_TOOL && change->kind != SESSIONS_PATCH) ||
	    change->text == NULL)
		return;
	s = sessions_batch_brief(b->b, change->session);
	if (s == NULL)
		return;
	b->touch.time_ms = change->time_ms != 0 ? change->time_ms : s->updated_ms;
	if (b->touch.time_ms < b->now_ms - WINDOW_MS)
		return;
	set_party(b, s);
	if (change->kind == SESSIONS_TOOL)
		agent_touches(change->name, change->text, s->cwd, on_touch, b);
	else
		agent_patch_touches(change->text, s->cwd, on_touch, b);
}

void
collisions_batch(struct app *a, const struct sessions_batch *written)
{
	struct batch b = {.c = a->collisions, .b = written, .now_ms = clock_wall_ms()};

	if (b.c != NULL)
		sessions_batch_each(written, on_change, &b);
}

/* Life. */

void
collisions_open(struct app *a)
{
	struct collisions *c = xcalloc(1, sizeof *c);

	c->app = a;
	c->collide = collide_new(&(struct collide_config){.window_ms = WINDOW_MS});
	a->collisions = c;
}

void
collisions_close(struct app *a)
{
	struct collisions *c = a->collisions;

	if (c == NULL)
		return;
	a->collisions = NULL;
	collide_watch_free(c->watch);
	collide_free(c->collide);
	while (c->ties != NULL)
		drop_tie(c, c->ties);
	for (unsigned i = 0; i < COLLISIONS_KEPT; i++)
		cJSON_Delete(c->told[i].o);
	free(c);
}
