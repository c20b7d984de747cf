/* Messages for an agent, which wait for their turn. */
#include "config.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>
#include <utlist.h>

#include "base/utf8.h"
#include "base/xmalloc.h"
#include "job/talk_priv.h"
#include "proto/json.h"

static const char *const priorities[] = {"now", "next", "later"};

bool
talk_priority_parse(const char *name, enum talk_priority *out)
{
	for (unsigned i = 0; i < sizeof priorities / sizeof *priorities; i++)
		if (strcmp(name, priorities[i]) == 0) {
			*out = (enum talk_priority)i;
			return true;
		}
	return false;
}

unsigned
talk_queued(const struct talk *t)
{
	return t->queued;
}

static void
message_free(struct talk *t, struct talk_message *m)
{
	DL_DELETE(t->queue, m);
	t->queued--;
	free(m->text);
	free(m);
}

void
talk_drop_queue(struct talk *t)
{
	struct talk_message *m, *next;

	DL_FOREACH_SAFE (t->queue, m, next) {
		cJSON *o = json_object();
		char id[TALK_ID_MAX];

		snprintf(id, sizeof id, "m%u", m->number);
		cJSON_AddStringToObject(o, "message", id);
		talk_emit(t, "dropped", o);
		message_free(t, m);
	}
}

cJSON *
talk_queue_json(const struct talk *t)
{
	cJSON *list = json_array();
	const struct talk_message *m;

	DL_FOREACH (t->queue, m) {
		cJSON *o = json_object();
		char id[TALK_ID_MAX];

		snprintf(id, sizeof id, "m%u", m->number);
		cJSON_AddStringToObject(o, "message", id);
		cJSON_AddStringToObject(o, "priority", priorities[m->priority]);
		talk_show(o, "text", m->text);
		cJSON_AddItemToArray(list, o);
	}
	return list;
}

static int
by_turn(struct talk_message *a, struct talk_message *b)
{
	if (a->priority != b->priority)
		return a->priority < b->priority ? -1 : 1;
	return a->number < b->number ? -1 : 1;
}

void
talk_put(struct talk *t, unsigned number, enum talk_priority priority, const char *text)
{
	struct talk_message *m = xcalloc(1, sizeof *m);
	cJSON *o = json_object();
	char id[TALK_ID_MAX];

	m->number = number;
	m->priority = priority;
	m->text = xstrdup(text);
	if (number > t->messages)
		t->messages = number;
	t->queued++;
	DL_INSERT_INORDER(t->queue, m, by_turn);
	snprintf(id, sizeof id, "m%u", number);
	cJSON_AddStringToObject(o, "message", id);
	cJSON_AddStringToObject(o, "priority", priorities[priority]);
	talk_show(o, "text", text);
	talk_emit(t, "queued", o);
}

struct talk_message *
talk_find_message(struct talk *t, const char *id)
{
	unsigned number = talk_number(id, 'm');
	struct talk_message *m;

	DL_FOREACH (t->queue, m)
		if (m->number == number)
			return m;
	return NULL;
}

int
talk_message(
    struct talk *t, const char *text, enum talk_priority priority, char id[TALK_ID_MAX])
{
	cJSON *o;

	if (t->ended || t->ending)
		return -EPIPE;
	if (strlen(text) > TALK_TEXT_MAX || !utf8_valid(text, strlen(text)))
		return -EINVAL;
	if (t->queued == TALK_QUEUE_MAX)
		return -ENOSPC;
	talk_keep_open(t);
	snprintf(id, TALK_ID_MAX, "m%u", t->messages + 1);
	o = json_object();
	cJSON_AddStringToObject(o, "message", id);
	cJSON_AddStringToObject(o, "priority", priorities[priority]);
	cJSON_AddStringToObject(o, "text", text);
	talk_keep(t, "queue", o);
	talk_put(t, t->messages + 1, priority, text);
	talk_dispatch(t);
	return 0;
}

/* It is the agent's now. */
void
talk_message_sent(struct talk *t, struct talk_message *m)
{
	cJSON *o = json_object();
	char id[TALK_ID_MAX];

	snprintf(id, sizeof id, "m%u", m->number);
	cJSON_AddStringToObject(o, "message", id);
	talk_show(o, "text", m->text);
	talk_emit(t, "sent", o);
	message_free(t, m);
	t->interrupt = 0;
	t->interrupted = false;
	talk_turn_begins(t);
	t->known = t->messages;
	talk_set_base(t, TALK_CONNECTING);
}

static int
send_message(struct talk *t, const struct talk_message *m)
{
	cJSON *o = json_object(), *message, *part;

	cJSON_AddStringToObject(o, "type", "user");
	message = cJSON_AddObjectToObject(o, "message");
	cJSON_AddStringToObject(message, "role", "user");
	part = json_object();
	cJSON_AddStringToObject(part, "type", "text");
	cJSON_AddStringToObject(part, "text", m->text);
	cJSON_AddItemToArray(cJSON_AddArrayToObject(message, "content"), part);
	cJSON_AddNullToObject(o, "parent_tool_use_id");
	cJSON_AddStringToObject(
	    o, "session_id", t->last_session != NULL ? t->last_session : "default");
	return talk_send_take(t, o);
}

/* Whether there is one that came during this turn, to end it. */
static bool
is_urgent(const struct talk *t)
{
	const struct talk_message *m;

	DL_FOREACH (t->queue, m)
		if (m->priority == TALK_NOW && m->number > t->known)
			return true;
	return false;
}

/* Whether the next message can be sent now. An interrupt that is under way could hit its turn. */
static bool
is_its_turn(struct talk *t, const struct talk_message *m)
{
	bool waited = (t->interrupted || t->interrupt != 0) &&
		      talk_now(t) - t->interrupt_ms >= TALK_INTERRUPT_MS;

	if (!t->turn)
		return t->interrupt == 0 || waited;
	return m->priority == TALK_NOW && waited;
}

void
talk_dispatch(struct talk *t)
{
	struct talk_message *m = t->queue;
	cJSON *o;
	char id[TALK_ID_MAX];

	if (t->replay || !t->ready || t->ended || t->ending || m == NULL)
		return;
	if (t->turn && !t->interrupted && is_urgent(t))
		talk_interrupt(t);
	if (!is_its_turn(t, m) || send_message(t, m) != 0)
		return;
	o = json_object();
	snprintf(id, sizeof id, "m%u", m->number);
	cJSON_AddStringToObject(o, "message", id);
	talk_keep(t, "send", o);
	talk_message_sent(t, m);
}
