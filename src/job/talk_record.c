/*
 * Lines of a record are objects: what was done ("do"), when ("ms", wall clock), and the offset of the
 * agent's output up to which it had been read then, in whole lines ("at").
 *
 *	open {permission_ms,idle_end_ms,resume}  init {request}  ready {}
 *	queue {message,priority,text}  send {message}
 *	interrupt {request}  answer {permission,outcome,text}  model {request,model}  end {reason}
 */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>
#include <utlist.h>

#include "base/clock.h"
#include "base/xmalloc.h"
#include "job/talk_priv.h"
#include "proto/json.h"

void
talk_keep(struct talk *t, const char *what, cJSON *take)
{
	struct buf b;
	char *text;

	if (t->replay) {
		cJSON_Delete(take);
		return;
	}
	cJSON_AddStringToObject(take, "do", what);
	cJSON_AddNumberToObject(take, "ms", (double)clock_wall_ms());
	cJSON_AddNumberToObject(take, "at", (double)t->line_at);
	text = json_print_take(take);
	buf_init(&b, BUF_NO_MAX);
	buf_puts(&b, text);
	buf_putc(&b, '\n');
	t->config.record(t->config.arg, b.data, b.len);
	buf_release(&b);
	free(text);
}

static void
apply_open(struct talk *t, const cJSON *o)
{
	uint64_t n;

	t->opened = true;
	if (json_u64(o, "permission_ms", 1, JSON_INT_MAX, &n) == 0)
		t->config.permission_ms = (int64_t)n;
	if (json_u64(o, "idle_end_ms", 0, JSON_INT_MAX, &n) == 0)
		t->config.idle_end_ms = (int64_t)n;
	if (json_string(o, "resume") != NULL)
		talk_see_session(t, json_string(o, "resume"));
}

static unsigned
request_of(struct talk *t, const cJSON *o)
{
	uint64_t n = 0;

	json_u64(o, "request", 1, 1u << 30, &n);
	if (n > t->requests)
		t->requests = (unsigned)n;
	return (unsigned)n;
}

static void
apply_init(struct talk *t, const cJSON *o)
{
	t->started = true;
	t->init = request_of(t, o);
}

static void
apply_ready(struct talk *t, const cJSON *o)
{
	(void)o;
	talk_is_ready(t);
}

static void
apply_queue(struct talk *t, const cJSON *o)
{
	const char *id = json_string(o, "message"), *name = json_string(o, "priority");
	const char *text = json_string(o, "text");
	enum talk_priority priority;

	if (id != NULL && text != NULL && name != NULL && talk_number(id, 'm') != 0 &&
	    talk_priority_parse(name, &priority))
		talk_put(t, talk_number(id, 'm'), priority, text);
}

static void
apply_send(struct talk *t, const cJSON *o)
{
	const char *id = json_string(o, "message");
	struct talk_message *m = id != NULL ? talk_find_message(t, id) : NULL;

	if (m != NULL)
		talk_message_sent(t, m);
}

static void
apply_interrupt(struct talk *t, const cJSON *o)
{
	talk_interrupting(t, request_of(t, o));
}

static void
apply_answer(struct talk *t, const cJSON *o)
{
	const char *id = json_string(o, "permission"), *name = json_string(o, "outcome");
	struct talk_permission *p = id != NULL ? talk_find_permission(t, id) : NULL;
	enum talk_outcome outcome;

	if (p != NULL && name != NULL && talk_outcome_parse(name, &outcome))
		talk_resolve(t, p, outcome, json_string(o, "text"));
}

static void
apply_model(struct talk *t, const cJSON *o)
{
	cJSON *e = json_object();

	request_of(t, o);
	talk_show(e, "model", json_string(o, "model"));
	talk_emit(t, "model", e);
}

static void
apply_end(struct talk *t, const cJSON *o)
{
	const char *reason = json_string(o, "reason");

	talk_end(t, reason != NULL ? reason : "");
}

static void
apply(struct talk *t, const cJSON *o)
{
	static const struct {
		const char *name;
		void (*apply)(struct talk *t, const cJSON *o);
	} kinds[] = {{"open", apply_open}, {"init", apply_init}, {"ready", apply_ready},
	    {"queue", apply_queue}, {"send", apply_send}, {"interrupt", apply_interrupt},
	    {"answer", apply_answer}, {"model", apply_model}, {"end", apply_end}};
	const char *what = json_string(o, "do");
	uint64_t ms;

	if (json_u64(o, "ms", 1, JSON_INT_MAX, &ms) == 0)
		t->record_ms = (int64_t)ms;
	for (size_t i = 0; what != NULL && i < sizeof kinds / sizeof *kinds; i++)
		if (strcmp(what, kinds[i].name) == 0)
			kinds[i].apply(t, o);
}

void
talk_apply(struct talk *t, uint64_t at)
{
	struct talk_record *r;

	while ((r = t->records) != NULL && r->at <= at) {
		DL_DELETE(t->records, r);
		apply(t, r->o);
		cJSON_Delete(r->o);
		free(r);
	}
}

void
talk_restore(struct talk *t, const char *record, size_t len)
{
	const char *nl;

	t->replay = true;
	while ((nl = memchr(record, '\n', len)) != NULL) {
		cJSON *o = json_parse(record, (size_t)(nl - record));
		struct talk_record *r;
		uint64_t at;

		if (o != NULL && json_u64(o, "at", 0, JSON_INT_MAX, &at) == 0) {
			r = xcalloc(1, sizeof *r);
			r->at = at;
			r->o = o;
			DL_APPEND(t->records, r);
		} else {
			cJSON_Delete(o);
		}
		len -= (size_t)(nl + 1 - record);
		record = nl + 1;
	}
	talk_apply(t, 0);
}

void
talk_records_free(struct talk *t)
{
	struct talk_record *r, *next;

	DL_FOREACH_SAFE (t->records, r, next) {
		cJSON_Delete(r->o);
		free(r);
	}
	t->records = NULL;
}
