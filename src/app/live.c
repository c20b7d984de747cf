#include "config.h"

#include "app/live.h"

#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>
#include <utlist.h>

#include "agent/agent.h"
#include "agent/secrets.h"
#include "app/agents_priv.h"
#include "app/agents_query.h"
#include "app/app_priv.h"
#include "app/collisions.h"
#include "app/events.h"
#include "app/live_priv.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/str.h"
#include "base/xmalloc.h"
#include "proto/json.h"
#include "store/sessions_live.h"

enum { OPEN_MS = 24 * 60 * 60 * 1000 };

/* Tellings. */

bool
live_is_topic(const char *topic)
{
	return strcmp(topic, "sessions") == 0 || str_starts(topic, "session:");
}

bool
live_told_topic(struct live *l, const char *topic)
{
	struct telling *t;

	HASH_FIND_STR(l->tellings, topic, t);
	return t != NULL;
}

bool
live_told(struct live *l, const struct sessions_brief *b)
{
	char topic[EVENT_TOPIC_MAX];

	if (l->tellings == NULL)
		return false;
	snprintf(topic, sizeof topic, "session:%lld", (long long)b->id);
	if (live_told_topic(l, topic))
		return true;
	return snprintf(topic, sizeof topic, "session:%s", b->native) < (int)sizeof topic &&
	       live_told_topic(l, topic);
}

static void
drop_telling(struct live *l, struct telling *t)
{
	HASH_DEL(l->tellings, t);
	free(t->topic);
	free(t);
}

bool
live_listen(struct app *a, const char *topic, uint64_t after)
{
	struct live *l = a->live;
	struct telling *t;

	if (l == NULL)
		return true;
	HASH_FIND_STR(l->tellings, topic, t);
	if (t == NULL) {
		t = xcalloc(1, sizeof *t);
		t->topic = xstrdup(topic);
		t->from = events_next(a);
		HASH_ADD_KEYPTR(hh, l->tellings, t->topic, strlen(t->topic), t);
	}
	t->listeners++;
	/* Before `from` more may have happened than there are events. */
	return after >= t->from;
}

void
live_unlisten(struct app *a, const char *topic)
{
	struct live *l = a->live;
	struct telling *t;

	if (l == NULL)
		return;
	HASH_FIND_STR(l->tellings, topic, t);
	if (t == NULL || --t->listeners != 0)
		return;
	t->idle_us = clock_mono_us();
	if (HASH_COUNT(l->tellings) > TELLINGS_MAX)
		drop_telling(l, t);
	else
		live_look_start(l);
}

/* Sessions. */

bool
live_over(const struct sessions_brief *b)
{
	return b->state == AGENT_DONE || b->state == AGENT_DEAD;
}

const char *
live_phase(int state, enum live_last last)
{
	static const char *const working[] = {[LAST_NONE] = "connecting",
	    [LAST_PROMPT] = "connecting",
	    [LAST_THOUGHT] = "thinking",
	    [LAST_ANSWER] = "streaming",
	    [LAST_RESULT] = "connecting"};

	if (state == AGENT_WAITS_PERMISSION)
		return "awaiting_approval";
	return state == AGENT_WORKING ? working[last] : "idle";
}

cJSON *
live_session_json(const struct live_session *s)
{
	cJSON *o = json_object();

	cJSON_AddNumberToObject(o, "id", (double)s->id);
	json_add_text(o, "agent", s->b.agent);
	json_add_text(o, "agent_session", s->b.native);
	json_add_text(o, "title", s->b.title);
	json_add_text(o, "project", s->b.cwd);
	json_add_text(o, "pane", s->b.pane);
	json_add_text(o, "state", session_state_name(s->b.state));
	cJSON_AddStringToObject(o, "phase", live_phase(s->b.state, s->last));
	cJSON_AddBoolToObject(o, "sub", s->b.sub);
	question_add_time(o, "since", s->b.state_ms);
	question_add_time(o, "started", s->b.started_ms);
	question_add_time(o, "updated", s->b.updated_ms);
	return o;
}

struct live_session *
live_find(struct live *l, int64_t id)
{
	struct live_session *s;

	HASH_FIND(hh, l->sessions, &id, sizeof id, s);
	return s;
}

const struct sessions_brief *
live_brief(struct app *a, const char *name)
{
	struct live *l = a->live;
	uint64_t id;
	struct live_session *s;

	if (l == NULL)
		return NULL;
	if (str_u64(name, 1, INT64_MAX, &id) == 0 && (s = live_find(l, (int64_t)id)) != NULL)
		return &s->b;
	for (s = l->sessions; s != NULL; s = s->hh.next)
		if (s->b.native != NULL && strcmp(s->b.native, name) == 0)
			return &s->b;
	return NULL;
}

static void
drop_session(struct live *l, struct live_session *s)
{
	HASH_DEL(l->sessions, s);
	sessions_brief_release(&s->b);
	free(s);
}

static char *
copy(const char *s)
{
	return s != NULL ? xstrdup(s) : NULL;
}

static struct live_session *
put_session(struct live *l, const struct sessions_brief *b)
{
	struct live_session *s = live_find(l, b->id);

	if (s == NULL) {
		s = xcalloc(1, sizeof *s);
		s->id = b->id;
		HASH_ADD(hh, l->sessions, id, sizeof s->id, s);
	}
	sessions_brief_release(&s->b);
	s->b = *b;
	s->b.agent = copy(b->agent);
	s->b.native = copy(b->native);
	s->b.cwd = copy(b->cwd);
	s->b.pane = copy(b->pane);
	s->b.root = copy(b->root);
	s->b.title = secrets_masked(b->title);
	if (s->b.title == NULL)
		s->b.title = copy(b->title);
	return s;
}

struct live_session *
live_known(struct live *l, const struct sessions_brief *b)
{
	struct live_session *s = live_find(l, b->id);

	if (s == NULL) {
		s = put_session(l, b);
		s->b.state = SESSIONS_UNKNOWN;
	}
	return s;
}

/* Seats. */

struct entry *
live_entry(struct live *l, const char *pane)
{
	struct entry *e;

	DL_FOREACH (l->app->entries, e) {
		if (e->listed && e->pane != NULL && strcmp(pane_id(e->pane), pane) == 0)
			return e;
	}
	return NULL;
}

/* The numbers of native panes begin anew with a daemon: what was written before the pane began
 * was written in another. */
static bool
is_in(const struct live_session *s, const struct entry *e)
{
	return s->b.pane != NULL && !s->b.sub && !live_over(&s->b) &&
	       strcmp(s->b.pane, pane_id(e->pane)) == 0 &&
	       (pane_is_remote(e->pane) || s->b.updated_ms >= pane_created(e->pane));
}

static bool
sits(struct live *l, const struct live_session *s)
{
	const struct entry *e;

	if (s == NULL || s->b.pane == NULL || s->restored || s->left)
		return false;
	e = live_entry(l, s->b.pane);
	return e != NULL && pane_state(e->pane) != PANE_EXITED && is_in(s, e);
}

static cJSON *
seat_json(struct live *l, const struct seat *seat)
{
	const struct live_session *s = seat != NULL ? live_find(l, seat->session) : NULL;
	cJSON *o;

	if (!sits(l, s) || strcmp(s->b.pane, seat->pane) != 0)
		return cJSON_CreateNull();
	o = json_object();
	cJSON_AddNumberToObject(o, "session", (double)s->id);
	json_add_text(o, "agent", s->b.agent);
	json_add_text(o, "state", session_state_name(s->b.state));
	json_add_text(o, "title", s->b.title);
	question_add_time(o, "since", s->b.state_ms);
	return o;
}

/* The one that was written last of those that are at work there. */
static void
choose(struct live *l, struct seat *seat)
{
	const struct live_session *s, *best = NULL;

	for (s = l->sessions; s != NULL; s = s->hh.next) {
		if (s->b.pane != NULL && strcmp(s->b.pane, seat->pane) == 0 && sits(l, s) &&
		    (best == NULL || s->b.updated_ms > best->b.updated_ms))
			best = s;
	}
	seat->session = best != NULL ? best->id : 0;
}

static void
seat_changed(struct live *l, const char *pane)
{
	struct seat *seat;
	cJSON *agent, *o;
	char *text;

	HASH_FIND_STR(l->seats, pane, seat);
	if (seat == NULL) {
		seat = xcalloc(1, sizeof *seat);
		seat->pane = xstrdup(pane);
		seat->told = xstrdup("null");
		HASH_ADD_KEYPTR(hh, l->seats, seat->pane, strlen(seat->pane), seat);
	}
	choose(l, seat);
	agent = seat_json(l, seat);
	text = json_print_take(cJSON_Duplicate(agent, true));
	if (strcmp(text, seat->told) == 0) {
		cJSON_Delete(agent);
		free(text);
		return;
	}
	free(seat->told);
	seat->told = text;
	o = json_object();
	cJSON_AddStringToObject(o, "type", "agent");
	json_add_text(o, "id", pane);
	cJSON_AddItemToObject(o, "agent", agent);
	events_add(l->app, "panes", o);
}

void
live_took(struct live *l, struct live_session *s)
{
	if (s->b.pane != NULL && !s->b.sub)
		seat_changed(l, s->b.pane);
	live_look_start(l);
}

void
live_pane_json(const struct entry *e, cJSON *pane)
{
	struct live *l = e->app->live;
	struct seat *seat = NULL;

	if (l != NULL)
		HASH_FIND_STR(l->seats, pane_id(e->pane), seat);
	cJSON_AddItemToObject(
	    pane, "agent", seat != NULL ? seat_json(l, seat) : cJSON_CreateNull());
}

void
live_pane_ended(struct entry *e)
{
	struct live *l = e->app->live;
	struct live_session *s;
	struct seat *seat;

	if (l == NULL || e->app->stopping)
		return;
	for (s = l->sessions; s != NULL; s = s->hh.next) {
		if (s->gone_us == 0 && is_in(s, e))
			s->gone_us = clock_mono_us();
	}
	HASH_FIND_STR(l->seats, pane_id(e->pane), seat);
	if (seat != NULL)
		seat_changed(l, seat->pane);
}

/* Of those that wait for a person, the one that has waited longest. */
void
live_status_json(struct app *a, cJSON *status)
{
	struct live *l = a->live;
	cJSON *o = cJSON_AddObjectToObject(status, "agents"), *first;
	const struct live_session *waits = NULL;
	unsigned count[AGENT_DEAD + 1] = {0};

	for (struct seat *seat = l != NULL ? l->seats : NULL; seat != NULL;
	     seat = seat->hh.next) {
		const struct live_session *s = live_find(l, seat->session);

		if (!sits(l, s) || s->b.state < 0 || s->b.state > AGENT_DEAD)
			continue;
		count[s->b.state]++;
		if (s->b.state != AGENT_WORKING &&
		    (waits == NULL || s->b.state > waits->b.state ||
			(s->b.state == waits->b.state && s->b.state_ms < waits->b.state_ms)))
			waits = s;
	}
	cJSON_AddNumberToObject(o, "working", count[AGENT_WORKING]);
	cJSON_AddNumberToObject(o, "waiting_input", count[AGENT_WAITS_INPUT]);
	cJSON_AddNumberToObject(o, "waiting_permission", count[AGENT_WAITS_PERMISSION]);
	if (waits == NULL) {
		cJSON_AddNullToObject(o, "first");
		return;
	}
	first = cJSON_AddObjectToObject(o, "first");
	json_add_text(first, "pane", waits->b.pane);
	json_add_text(first, "agent", waits->b.agent);
	json_add_text(first, "state", session_state_name(waits->b.state));
	json_add_text(first, "title", waits->b.title);
}

void
live_state(struct app *a, cJSON *state)
{
	struct live *l = a->live;
	cJSON *list = cJSON_AddArrayToObject(state, "sessions");

	for (struct live_session *s = l != NULL ? l->sessions : NULL; s != NULL; s = s->hh.next)
		cJSON_AddItemToArray(list, live_session_json(s));
}

/* Keeping. */

static bool
matters(struct live *l, const struct live_session *s, int64_t now_ms)
{
	if (s->b.updated_ms >= now_ms - FRESH_MS)
		return true;
	if (s->b.pane != NULL && !s->b.sub && !live_over(&s->b) &&
	    (s->gone_us != 0 || live_entry(l, s->b.pane) != NULL))
		return true;
	return live_told(l, &s->b);
}

static int
by_updated(const struct live_session *a, const struct live_session *b)
{
	return (a->b.updated_ms > b->b.updated_ms) - (a->b.updated_ms < b->b.updated_ms);
}

void
live_sweep(struct live *l)
{
	uint64_t now_us = clock_mono_us();
	int64_t now_ms = clock_wall_ms();
	struct live_session *s, *next;
	struct telling *t, *next_t;
	struct seat *seat, *next_seat;

	HASH_ITER (hh, l->tellings, t, next_t) {
		if (t->listeners == 0 && now_us - t->idle_us > LINGER_MS * 1000ull)
			drop_telling(l, t);
	}
	HASH_ITER (hh, l->sessions, s, next) {
		if (s->n != 0 && !live_told(l, &s->b))
			s->n = 0;
		if (!matters(l, s, now_ms))
			drop_session(l, s);
	}
	if (HASH_COUNT(l->sessions) > LIVE_MAX)
		HASH_SORT(l->sessions, by_updated);
	HASH_ITER (hh, l->sessions, s, next) {
		if (HASH_COUNT(l->sessions) <= LIVE_MAX)
			break;
		if (s->n == 0)
			drop_session(l, s);
	}
	HASH_ITER (hh, l->seats, seat, next_seat) {
		if (live_entry(l, seat->pane) != NULL)
			continue;
		HASH_DEL(l->seats, seat);
		free(seat->pane);
		free(seat->told);
		free(seat);
	}
}

/* Writing. */

struct submitted {
	struct live *live;
	struct sessions_batch *batch;
	void (*done)(int rc, void *arg);
	void *arg;
};

static void
take_briefs(struct live *l, const struct sessions_batch *b)
{
	bool told = live_told_topic(l, "sessions");
	int64_t now_ms = clock_wall_ms();

	for (unsigned i = 0; i < sessions_batch_count(b); i++) {
		const struct sessions_brief *brief = sessions_batch_brief(b, i);
		struct live_session *s;
		cJSON *o;

		if (brief == NULL ||
		    (sessions_batch_repeats(b, i) && live_find(l, brief->id) != NULL))
			continue;
		s = put_session(l, brief);
		s->written_us = clock_mono_us();
		s->restored = false;
		s->screen_offset = 0;
		if (s->b.state != AGENT_WAITS_PERMISSION)
			s->asks = false;
		if (told) {
			o = json_object();
			cJSON_AddStringToObject(o, "type", "session");
			cJSON_AddItemToObject(o, "session", live_session_json(s));
			events_add(l->app, "sessions", o);
		}
		if (matters(l, s, now_ms))
			live_took(l, s);
		else
			drop_session(l, s);
	}
	if (HASH_COUNT(l->sessions) > LIVE_MAX + LIVE_MAX / 4)
		live_sweep(l);
}

static void
tell_written(struct live *l, const struct sessions_batch *b)
{
	if (l->closed)
		return;
	live_tell(l, b);
	take_briefs(l, b);
	collisions_batch(l->app, b);
}

void
live_written(struct app *a, const struct sessions_batch *b)
{
	if (a->live != NULL)
		tell_written(a->live, b);
}

static void
on_written(int rc, void *arg)
{
	struct submitted *w = arg;
	struct live *l = w->live;

	if (rc == 0)
		tell_written(l, w->batch);
	if (w->done != NULL)
		w->done(rc, w->arg);
	free(w);
	l->ops--;
	live_release(l);
}

void
live_submit(
    struct app *a, struct sessions_batch *take, void (*done)(int rc, void *arg), void *arg)
{
	struct submitted *w;

	if (a->live == NULL) {
		sessions_submit(a->store, take, done, arg);
		return;
	}
	w = xcalloc(1, sizeof *w);
	*w = (struct submitted){a->live, take, done, arg};
	a->live->ops++;
	sessions_submit(a->store, take, on_written, w);
}

void
live_set_state(
    struct live *l, const struct sessions_brief *b, int state, const char *why, int64_t time_ms)
{
	struct sessions_batch *batch = sessions_batch_new();
	unsigned n = sessions_add_session(
	    batch, &(struct sessions_session){.agent = b->agent, .native = b->native});

	sessions_add_state(batch, n, state, why, time_ms);
	live_submit(l->app, batch, NULL, NULL);
}

/* Beginning, with what was going on when the worker before this one ended. */

struct recall {
	struct live *live;
	struct sessions_brief *found;
	size_t n;
	bool again; /* not the first time: panes are the ones that they were */
};

static bool
recall_one(void *arg, struct sessions_brief *s)
{
	struct recall *r = arg;

	r->found[r->n++] = *s;
	*s = (struct sessions_brief){0};
	return r->n < LIVE_MAX;
}

static void
recall_reset(struct recall *r)
{
	while (r->n != 0)
		sessions_brief_release(&r->found[--r->n]);
}

static int
recall_run(sqlite3 *db, void *data)
{
	struct recall *r = data;
	int64_t now = clock_wall_ms();

	recall_reset(r);
	return sessions_live_recent(db, now - FRESH_MS, now - OPEN_MS, LIVE_MAX, recall_one, r);
}

static void
recall_done(int rc, void *data)
{
	struct recall *r = data;
	struct live *l = r->live;
	struct seat *seat, *next;

	if (rc != 0)
		log_warn("sessions", "what was going on is not known: %s", strerror(-rc));
	for (size_t i = 0; rc == 0 && !l->closed && i < r->n; i++) {
		struct live_session *s = live_find(l, r->found[i].id);

		if (s != NULL)
			continue; /* it was written since */
		s = put_session(l, &r->found[i]);
		s->written_us = clock_mono_us();
		s->restored = s->b.pane != NULL && !r->again;
		live_took(l, s);
	}
	HASH_ITER (hh, l->seats, seat, next)
		if (!l->closed && r->again)
			seat_changed(l, seat->pane);
	recall_reset(r);
	free(r->found);
	free(r);
	l->ops--;
	live_release(l);
}

static void
recall(struct live *l, bool again)
{
	struct recall *r = xcalloc(1, sizeof *r);
	const struct store_op op = {.run = recall_run, .done = recall_done, .data = r};

	r->live = l;
	r->again = again;
	r->found = xcalloc(LIVE_MAX, sizeof *r->found);
	l->ops++;
	store_submit(l->app->store, &op);
}

void
live_open(struct app *a)
{
	struct live *l;

	if (a->live != NULL)
		return;
	l = xcalloc(1, sizeof *l);
	a->live = l;
	l->app = a;
	uv_timer_init(a->loop, &l->tick);
	l->tick.data = l;
	l->handle = true;
	recall(l, false);
}

void
live_removed(struct app *a)
{
	struct live_session *s, *next;

	if (a->live == NULL)
		return;
	HASH_ITER (hh, a->live->sessions, s, next)
		drop_session(a->live, s);
	recall(a->live, true);
}

void
live_release(struct live *l)
{
	struct live_session *s, *next;
	struct telling *t, *next_t;
	struct seat *seat, *next_seat;

	if (!l->closed || l->handle || l->ops != 0 || l->look != NULL)
		return;
	HASH_ITER (hh, l->tellings, t, next_t)
		drop_telling(l, t);
	HASH_ITER (hh, l->sessions, s, next)
		drop_session(l, s);
	HASH_ITER (hh, l->seats, seat, next_seat) {
		HASH_DEL(l->seats, seat);
		free(seat->pane);
		free(seat->told);
		free(seat);
	}
	free(l);
}

static void
on_closed(uv_handle_t *h)
{
	struct live *l = h->data;

	l->handle = false;
	live_release(l);
}

void
live_close(struct app *a)
{
	struct live *l = a->live;

	if (l == NULL)
		return;
	a->live = NULL;
	l->closed = true;
	live_look_close(l);
	uv_close((uv_handle_t *)&l->tick, on_closed);
}
