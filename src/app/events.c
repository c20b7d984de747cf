#include "config.h"

#include "app/events.h"

#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>
#include <utlist.h>

#include "app/app_priv.h"
#include "app/pane_json.h"
#include "app/watch.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/str.h"
#include "base/xmalloc.h"
#include "proto/json.h"

enum { TOPIC_MAX = 80 };

struct event {
	char topic[TOPIC_MAX];
	char *text; /* JSON */
};

struct listener {
	struct listener *prev, *next;
	struct app *app;
	struct ws_conn *conn;
	char *topics[EVENT_TOPICS_MAX];
	unsigned ntopics;
	uint64_t next_seq; /* the next to be sent */
	bool subscribed, reset;
	unsigned state; /* index of the topic whose state is due; ntopics: none */
	const char *error;
};

struct events {
	struct event kept[EVENTS_KEPT]; /* seq at seq % EVENTS_KEPT */
	uint64_t first, next;           /* numbers: of the oldest, of the one that comes */
	struct listener *listeners;     /* utlist */
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
	for (size_t i = 0; i < EVENTS_KEPT; i++)
		free(e->kept[i].text);
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

void
events_add(struct app *a, const char *topic, cJSON *take)
{
	struct events *e = a->events;
	struct event *slot = event_at(e, e->next);

	cJSON_AddNumberToObject(take, "seq", (double)e->next);
	cJSON_AddStringToObject(take, "topic", topic);
	free(slot->text);
	snprintf(slot->topic, sizeof slot->topic, "%s", topic);
	slot->text = json_print_take(take);
	e->next++;
	if (e->next - e->first > EVENTS_KEPT)
		e->first = e->next - EVENTS_KEPT;
	wake_all(e);
}

/* Listeners. */

static bool
wants(const struct listener *l, const char *topic)
{
	for (unsigned i = 0; i < l->ntopics; i++)
		if (strcmp(l->topics[i], topic) == 0)
			return true;
	return false;
}

static int
events_open(struct ws_conn *c, const struct ws_request *req, void *arg, void **data,
    const char **reason)
{
	struct listener *l = xcalloc(1, sizeof *l);

	(void)req;
	(void)reason;
	l->app = arg;
	l->conn = c;
	DL_APPEND(l->app->events->listeners, l);
	*data = l;
	return 0;
}

static void
forget_topics(struct listener *l)
{
	while (l->ntopics != 0)
		free(l->topics[--l->ntopics]);
}

static bool
read_topics(struct listener *l, const cJSON *list)
{
	const cJSON *item;

	forget_topics(l);
	if (!cJSON_IsArray(list))
		return false;
	cJSON_ArrayForEach (item, list) {
		if (!cJSON_IsString(item) || strlen(item->valuestring) >= TOPIC_MAX ||
		    l->ntopics == EVENT_TOPICS_MAX)
			return false;
		l->topics[l->ntopics++] = xstrdup(item->valuestring);
	}
	return true;
}

static void
subscribe(struct listener *l, const cJSON *o)
{
	const struct events *e = l->app->events;
	uint64_t after = 0;
	bool has_after = json_u64(o, "after", 0, JSON_INT_MAX, &after) == 0;

	if (!read_topics(l, cJSON_GetObjectItemCaseSensitive(o, "topics"))) {
		forget_topics(l);
		l->error = "topics must be an array of at most 32 strings";
		return;
	}
	l->subscribed = true;
	l->reset = !has_after || after + 1 < e->first || after >= e->next;
	l->next_seq = l->reset ? e->next : after + 1;
	l->state = l->reset ? 0 : l->ntopics;
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
state_of(struct app *a, const char *topic, uint64_t seq)
{
	cJSON *o = head(seq, topic, "state"), *list;
	const struct entry *e;

	if (strcmp(topic, "panes") == 0) {
		list = cJSON_AddArrayToObject(o, "panes");
		DL_FOREACH (a->entries, e) {
			if (e->listed)
				cJSON_AddItemToArray(list, pane_json(e));
		}
	} else if (strcmp(topic, "watches") == 0) {
		cJSON_AddItemToObject(o, "watches", watches_json(a));
	}
	return o;
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
	if (l->next_seq < e->first) {
		l->reset = true;
		l->next_seq = e->next;
		l->state = 0;
	}
	if (l->reset) {
		l->reset = false;
		put(b, head(l->next_seq - 1, NULL, "reset"));
		return 1;
	}
	if (l->state < l->ntopics) {
		put(b, state_of(l->app, l->topics[l->state++], l->next_seq - 1));
		return 1;
	}
	while (l->next_seq < e->next) {
		const struct event *event = event_at(e, l->next_seq++);
		if (wants(l, event->topic)) {
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
	forget_topics(l);
	free(l);
}

const struct ws_endpoint events_endpoint = {.subprotocol = EVENTS_SUBPROTOCOL,
    .path = "/ws/events",
    .max_message = 16 * 1024,
    .text = true,
    .open = events_open,
    .message = events_message,
    .pull = events_pull,
    .closed = events_closed};
