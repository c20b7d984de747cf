#include "config.h"

#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "agent/secrets.h"
#include "base/clock.h"
#include "base/utf8.h"
#include "base/xmalloc.h"
#include "job/talk_priv.h"
#include "proto/json.h"

void
talk_show(cJSON *o, const char *name, const char *text)
{
	size_t len;
	char *cut, *masked;

	if (text == NULL)
		return;
	masked =
	    secrets_masked(text); /* whole: a part of one would not be known for what it is */
	text = masked != NULL ? masked : text;
	len = (size_t)utf8_prefix(text, TALK_SHOWN);
	if (text[len] != '\0' && !cJSON_HasObjectItem(o, "truncated"))
		cJSON_AddBoolToObject(o, "truncated", true);
	cut = utf8_sanitize(text, len);
	cJSON_AddStringToObject(o, name, cut);
	free(cut);
	free(masked);
}

cJSON *
talk_shown_json(const char *json)
{
	char *masked = secrets_masked_json(json);
	cJSON *o = cJSON_CreateRaw(masked != NULL ? masked : json);

	free(masked);
	return o;
}

static struct talk_event *
event_at(const struct talk *t, uint64_t seq)
{
	return &t->events[seq % TALK_EVENTS_MAX];
}

static void
drop_oldest(struct talk *t)
{
	struct talk_event *e = event_at(t, t->first++);

	t->events_bytes -= e->len;
	free(e->json);
	e->json = NULL;
}

void
talk_emit(struct talk *t, const char *type, cJSON *take)
{
	int64_t ms = t->replay ? t->record_ms : clock_wall_ms();
	char iso[CLOCK_ISO_LEN];
	struct talk_event *e;

	cJSON_AddNumberToObject(take, "seq", (double)t->next);
	if (ms != 0) {
		clock_iso(ms, iso);
		cJSON_AddStringToObject(take, "time", iso);
	}
	cJSON_AddStringToObject(take, "type", type);
	if (t->next - t->first == TALK_EVENTS_MAX)
		drop_oldest(t);
	e = event_at(t, t->next++);
	e->json = json_print_take(take);
	e->len = strlen(e->json);
	t->events_bytes += e->len;
	while (t->events_bytes > TALK_EVENTS_BYTES && t->next - t->first > 1)
		drop_oldest(t);
	if (!t->replay)
		t->config.event(t->config.arg, t->next - 1, e->json, e->len);
}

void
talk_note(struct talk *t, const char *name, const char *text)
{
	cJSON *o = json_object();

	cJSON_AddStringToObject(o, "name", name);
	talk_show(o, "text", text);
	talk_emit(t, "note", o);
}

uint64_t
talk_seq(const struct talk *t)
{
	return t->next - 1;
}

cJSON *
talk_events(const struct talk *t, uint64_t after, size_t max, uint64_t *next)
{
	cJSON *list = json_array(), *o;
	size_t bytes = 0;

	if (after + 1 < t->first || after >= t->next) {
		after = t->first - 1;
		o = json_object();
		cJSON_AddNumberToObject(o, "seq", (double)after);
		cJSON_AddStringToObject(o, "type", "reset");
		cJSON_AddItemToArray(list, o);
	}
	while (after + 1 < t->next) {
		const struct talk_event *e = event_at(t, after + 1);

		if (bytes != 0 && bytes + e->len > max)
			break;
		bytes += e->len;
		cJSON_AddItemToArray(list, cJSON_CreateRaw(e->json));
		after++;
	}
	*next = after;
	return list;
}

void
talk_events_free(struct talk *t)
{
	while (t->first < t->next)
		drop_oldest(t);
	free(t->events);
}
