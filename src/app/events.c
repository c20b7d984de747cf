#include "config.h"

#include "app/events.h"

#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>
#include <utlist.h>

#include "app/app_priv.h"
#include "app/job_events.h"
#include "app/collisions.h"
#include "app/live.h"
#include "app/pane_json.h"
#include "app/watch.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/str.h"
#include "base/xmalloc.h"
#include "proto/json.h"

struct event {
	char topic[EVENT_TOPIC_MAX];
	char *alias; /* another topic that it belongs to, or NULL */
	char *pane;  /* that it tells of, or NULL; known of topic "panes" */
	char *text;  /* JSON */
	size_t len;
};

/* What a listener wants. Its state comes first, unless events from before will do. */
enum due { TOLD, DUE, ASKED, ANSWERED };

struct topic {
	char *name;
	struct app *app;
	struct ws_conn *conn;
	enum due due;
	uint64_t from;                /* events before it are in the state */
	struct live_snapshot *asking; /* ASKED, one of the two */
	struct job_snapshot *asking_job;
	cJSON *answer; /* ANSWERED */
};

struct listener {
	struct listener *prev, *next;
	struct app *app;
	struct ws_conn *conn;
	struct topic topics[EVENT_TOPICS_MAX];
	unsigned ntopics;
	char only[ID_MAX + 1]; /* the pane that it may hear of; "": everything */
	uint64_t next_seq;     /* the next to be sent */
	bool subscribed, reset;
	const char *error;
};

struct events {
	struct event kept[EVENTS_KEPT]; /* seq at seq % EVENTS_KEPT */
	uint64_t first, next;           /* numbers: of the oldest, of the one that comes */
	size_t bytes;                   /* of the texts that are kept */
	struct listener *listeners;     /* utlist */
	unsigned nlisteners;
};

struct events *
events_new(void)
{
	struct events *e = xcalloc(1, sizeof *e);

	e->first = e->next = (uint64_t)clock_wall_ms() * 1000;
	return e;
}

void
events_free(struct events *e)
{
	if (e == NULL)
		return;
	for (size_t i = 0; i < EVENTS_KEPT; i++) {
		free(e->kept[i].text);
		free(e->kept[i].alias);
		free(e->kept[i].pane);
	}
	free(e);
}

static struct event *
event_at(struct events *e, uint64_t seq)
{
	return &e->kept[seq % EVENTS_KEPT];
}

static void
wake_all(struct events *e)
{
	struct listener *l;

	DL_FOREACH (e->listeners, l)
		ws_want_write(l->conn);
}

static cJSON *
head(uint64_t seq, const char *topic, const char *type)
{
	cJSON *o = json_object();

	cJSON_AddNumberToObject(o, "seq", (double)seq);
	if (topic != NULL)
		cJSON_AddStringToObject(o, "topic", topic);
	cJSON_AddStringToObject(o, "type", type);
	return o;
}

static void
drop_first(struct events *e)
{
	struct event *event = event_at(e, e->first++);

	e->bytes -= event->len;
	free(event->text);
	free(event->alias);
	free(event->pane);
	*event = (struct event){0};
}

static char *
pane_of(const char *topic, const cJSON *event)
{
	const cJSON *pane = cJSON_GetObjectItemCaseSensitive(event, "pane");
	const char *id = json_string(pane != NULL ? pane : event, "id");

	return id != NULL && strcmp(topic, "panes") == 0 ? xstrdup(id) : NULL;
}

void
events_add_alias(struct app *a, const char *topic, const char *alias, cJSON *take)
{
	struct events *e = a->events;
	struct event *slot;

	if (e->next - e->first == EVENTS_KEPT)
		drop_first(e);
	slot = event_at(e, e->next);
	cJSON_AddNumberToObject(take, "seq", (double)e->next);
	cJSON_AddStringToObject(take, "topic", topic);
	snprintf(slot->topic, sizeof slot->topic, "%s", topic);
	slot->alias = alias != NULL ? xstrdup(alias) : NULL;
	slot->pane = pane_of(topic, take);
	slot->text = json_print_take(take);
	slot->len = strlen(slot->text);
	e->bytes += slot->len;
	e->next++;
	while (e->bytes > a->cfg.limits.events_bytes && e->next - e->first > 1)
		drop_first(e);
	wake_all(e);
}

void
events_add(struct app *a, const char *topic, cJSON *take)
{
	events_add_alias(a, topic, NULL, take);
}

uint64_t
events_next(const struct app *a)
{
	return a->events->next;
}

/* Listeners. */

unsigned
events_listeners(const struct app *a, const char *topic)
{
	const struct listener *l;
	unsigned n = 0;

	DL_FOREACH (a->events->listeners, l)
		for (unsigned i = 0; i < l->ntopics; i++)
			if (strcmp(l->topics[i].name, topic) == 0) {
				n++;
				break;
			}
	return n;
}

static bool
wants(const struct listener *l, const struct event *event, uint64_t seq)
{
	if (*l->only != '\0' && (event->pane == NULL || strcmp(event->pane, l->only) != 0))
		return false;
	for (unsigned i = 0; i < l->ntopics; i++) {
		const struct topic *t = &l->topics[i];

		if (t->due == TOLD && seq >= t->from &&
		    (strcmp(t->name, event->topic) == 0 ||
			(event->alias != NULL && strcmp(t->name, event->alias) == 0)))
			return true;
	}
	return false;
}

static int
events_open(struct ws_conn *c, const struct ws_request *req, void *arg, void **data,
    const char **reason)
{
	struct app *a = arg;
	struct listener *l;

	if (a->events->nlisteners >= a->cfg.limits.subscribers_max) {
		*reason = "too many subscribers";
		return 1013;
	}
	l = xcalloc(1, sizeof *l);
	l->app = a;
	l->conn = c;
	strcpy(l->only, ws_request_pane(req));
	DL_APPEND(a->events->listeners, l);
	a->events->nlisteners++;
	*data = l;
	return 0;
}

static void
topic_reset(struct topic *t, enum due due)
{
	live_snapshot_cancel(t->asking);
	job_snapshot_cancel(t->asking_job);
	cJSON_Delete(t->answer);
	t->asking = NULL;
	t->asking_job = NULL;
	t->answer = NULL;
	t->due = due;
	t->from = 0;
}

static void
forget_topics(struct topic *topics, unsigned *n)
{
	while (*n != 0) {
		struct topic *t = &topics[--*n];

		topic_reset(t, TOLD);
		if (live_is_topic(t->name))
			live_unlisten(t->app, t->name);
		else if (job_events_is_topic(t->name))
			job_events_unlisten(t->app, t->name);
		free(t->name);
	}
}

static bool
read_topics(struct listener *l, const cJSON *list)
{
	const cJSON *item;

	if (!cJSON_IsArray(list) || cJSON_GetArraySize(list) > EVENT_TOPICS_MAX)
		return false;
	cJSON_ArrayForEach (item, list) {
		if (!cJSON_IsString(item) || strlen(item->valuestring) >= EVENT_TOPIC_MAX)
			return false;
	}
	cJSON_ArrayForEach (item, list)
		if (*l->only != '\0' && strcmp(item->valuestring, "panes") != 0) {
			l->error = "this token is for one pane, of which topic panes tells";
			return false;
		}
	cJSON_ArrayForEach (item, list)
		l->topics[l->ntopics++] = (struct topic){
		    .name = xstrdup(item->valuestring), .app = l->app, .conn = l->conn};
	return true;
}

/* Whether all that came behind `after` is there for them. */
static bool
listen_all(struct listener *l, uint64_t after)
{
	bool all = true;

	for (unsigned i = 0; i < l->ntopics; i++) {
		const char *name = l->topics[i].name;

		if (live_is_topic(name))
			all &= live_listen(l->app, name, after);
		else if (job_events_is_topic(name))
			all &= job_events_listen(l->app, name, after);
	}
	return all;
}

static void
set_reset(struct listener *l)
{
	l->reset = true;
	l->next_seq = l->app->events->next;
	for (unsigned i = 0; i < l->ntopics; i++)
		topic_reset(&l->topics[i], DUE);
}

static void
subscribe(struct listener *l, const cJSON *o)
{
	const struct events *e = l->app->events;
	struct topic before[EVENT_TOPICS_MAX];
	unsigned nbefore = l->ntopics;
	uint64_t after = 0;
	bool has_after = json_u64(o, "after", 0, JSON_INT_MAX, &after) == 0;

	/* What it listened to goes after what it listens to: the same is told on. */
	memcpy(before, l->topics, sizeof before);
	l->ntopics = 0;
	if (!read_topics(l, cJSON_GetObjectItemCaseSensitive(o, "topics"))) {
		if (l->error == NULL)
			l->error = "topics must be an array of at most 32 strings";
		forget_topics(before, &nbefore);
		return;
	}
	l->subscribed = true;
	l->reset = false;
	if (!listen_all(l, after) || !has_after || after + 1 < e->first || after >= e->next)
		set_reset(l);
	else
		l->next_seq = after + 1;
	forget_topics(before, &nbefore);
}

static void
events_message(struct ws_conn *c, void *data, bool binary, const void *msg, size_t len)
{
	struct listener *l = data;
	cJSON *o = binary ? NULL : json_parse(msg, len);
	const char *type = o != NULL ? json_string(o, "type") : NULL;

	if (type != NULL && strcmp(type, "subscribe") == 0)
		subscribe(l, o);
	else
		l->error = "a message must be JSON text of type subscribe";
	cJSON_Delete(o);
	ws_want_write(c);
}

static void
put(struct buf *b, cJSON *take)
{
	char *text = json_print_take(take);

	buf_puts(b, text);
	free(text);
}

static cJSON *
state_of(struct app *a, const char *topic, const char *only, uint64_t seq)
{
	cJSON *o = head(seq, topic, "state"), *list;
	const struct entry *e;

	if (strcmp(topic, "panes") == 0) {
		list = cJSON_AddArrayToObject(o, "panes");
		DL_FOREACH (a->entries, e) {
			if (e->listed && (*only == '\0' || strcmp(only, pane_id(e->pane)) == 0))
				cJSON_AddItemToArray(list, pane_json(e));
		}
	} else if (strcmp(topic, "watches") == 0) {
		cJSON_AddItemToObject(o, "watches", watches_json(a));
	} else if (strcmp(topic, "sessions") == 0) {
		live_state(a, o);
	} else if (strcmp(topic, "jobs") == 0) {
		job_events_state(a, o);
	} else if (strcmp(topic, "collisions") == 0) {
		collisions_state(a, o);
	}
	return o;
}

static void
on_snapshot(cJSON *take, void *arg)
{
	struct topic *t = arg;

	t->asking = NULL;
	t->asking_job = NULL;
	t->answer = take;
	t->due = ANSWERED;
	t->from = t->app->events->next;
	ws_want_write(t->conn);
}

static bool
has_snapshot(const char *topic)
{
	return str_starts(topic, "session:") ||
	       (str_starts(topic, "job:") && job_events_is_topic(topic));
}

static void
ask(struct topic *t)
{
	t->due = ASKED;
	if (*t->name == 's')
		t->asking = live_snapshot(t->app, t->name, on_snapshot, t);
	else
		t->asking_job = job_snapshot(t->app, t->name, on_snapshot, t);
}

/* The state of one topic; false: none is to be had now. Snapshots are large: one at a time. */
static bool
pull_state(struct listener *l, struct buf *b)
{
	bool asking = false;

	for (unsigned i = 0; i < l->ntopics; i++)
		asking |= l->topics[i].due >= ASKED;
	for (unsigned i = 0; i < l->ntopics; i++) {
		struct topic *t = &l->topics[i];
		cJSON *o;

		if (t->due == DUE && has_snapshot(t->name)) {
			if (asking)
				continue;
			asking = true;
			ask(t);
		} else if (t->due == DUE) {
			t->due = TOLD;
			put(b, state_of(l->app, t->name, l->only, l->next_seq - 1));
			return true;
		} else if (t->due == ANSWERED) {
			t->due = TOLD;
			o = t->answer;
			t->answer = NULL;
			cJSON_AddItemToObject(
			    o, "seq", cJSON_CreateNumber((double)(l->next_seq - 1)));
			cJSON_AddStringToObject(o, "topic", t->name);
			cJSON_AddStringToObject(o, "type", "state");
			put(b, o);
			return true;
		}
	}
	return false;
}

static int
events_pull(struct ws_conn *c, void *data, struct buf *b, size_t max)
{
	struct listener *l = data;
	struct events *e = l->app->events;

	(void)c;
	(void)max;
	if (l->error != NULL) {
		cJSON *o = head(e->next - 1, NULL, "error");
		cJSON_AddStringToObject(o, "message", l->error);
		l->error = NULL;
		put(b, o);
		return 1;
	}
	if (!l->subscribed)
		return 0;
	if (l->next_seq < e->first)
		set_reset(l);
	if (l->reset) {
		l->reset = false;
		put(b, head(l->next_seq - 1, NULL, "reset"));
		return 1;
	}
	if (pull_state(l, b))
		return 1;
	while (l->next_seq < e->next) {
		uint64_t seq = l->next_seq++;
		const struct event *event = event_at(e, seq);

		if (wants(l, event, seq)) {
			buf_puts(b, event->text);
			return 1;
		}
	}
	return 0;
}

static void
events_closed(void *data)
{
	struct listener *l = data;

	DL_DELETE(l->app->events->listeners, l);
	l->app->events->nlisteners--;
	forget_topics(l->topics, &l->ntopics);
	free(l);
}

const struct ws_endpoint events_endpoint = {.subprotocol = EVENTS_SUBPROTOCOL,
    .path = "/ws/events",
    .max_message = EVENT_MESSAGE_MAX,
    .text = true,
    .open = events_open,
    .message = events_message,
    .pull = events_pull,
    .closed = events_closed};
