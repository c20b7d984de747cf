/* What an agent writes: its lines, and what they mean for the talk. */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "agent/agent.h"
#include "agent/jv.h"
#include "base/xmalloc.h"
#include "job/talk_priv.h"
#include "proto/json.h"

/* What its parser takes for the name of a session that has not said it. */
#define SOURCE "talk"

/* Events of the parser. */

/* With the sub-agent that it is of, if it is. */
static cJSON *
event_of(const struct agent_event *e)
{
	const char *slash = strchr(e->session, '/');
	cJSON *o = json_object();

	if (slash != NULL)
		talk_show(o, "agent", slash + 1);
	return o;
}

static void
take_message(struct talk *t, const struct agent_event *e, bool sub)
{
	bool thinking = e->role == AGENT_THINKING, own = thinking || e->role == AGENT_ASSISTANT;
	cJSON *o;

	if (e->hidden || e->text == NULL)
		return;
	if (!sub && own)
		talk_set_base(t, thinking ? TALK_THINKING : TALK_STREAMING);
	o = event_of(e);
	talk_show(o, "text", e->text);
	talk_show(o, "message", e->id);
	cJSON_AddNumberToObject(o, "part", e->part);
	talk_emit(t, thinking ? "thinking" : own ? "text" : "user", o);
}

static void
take_call(struct talk *t, const struct agent_event *e, bool sub)
{
	cJSON *o = event_of(e), *input = NULL;
	char *text;

	if (!sub)
		talk_set_base(t, TALK_STREAMING);
	talk_show(o, "id", e->id);
	talk_show(o, "tool", e->name);
	if (e->input != NULL && strlen(e->input) <= TALK_SHOWN)
		input = json_parse(e->input, strlen(e->input));
	if (input != NULL) {
		text = json_print_take(input);
		cJSON_AddItemToObject(o, "input", talk_shown_json(text));
		free(text);
	} else {
		talk_show(o, "input", e->input);
	}
	talk_emit(t, "tool", o);
}

static void
take_result(struct talk *t, const struct agent_event *e, bool sub)
{
	static const char *const outcomes[] = {
	    "unknown", "ok", "failed", "interrupted", "denied"};
	cJSON *o = event_of(e);

	talk_show(o, "id", e->id);
	cJSON_AddStringToObject(o, "outcome", outcomes[e->outcome]);
	talk_show(o, "text", e->text);
	if (e->id != NULL)
		talk_tool_ran(t, e->id);
	talk_emit(t, "tool_result", o);
	if (!sub && t->turn)
		talk_set_base(t, TALK_CONNECTING);
}

static void
take_end(struct talk *t, const struct agent_event *e)
{
	cJSON *o = json_object();

	cJSON_AddBoolToObject(o, "ok", e->outcome == AGENT_OK);
	talk_show(o, "text", e->text);
	if (t->cost_usd >= 0)
		cJSON_AddNumberToObject(o, "cost_usd", t->cost_usd);
	if (e->duration_ms >= 0)
		cJSON_AddNumberToObject(o, "duration_ms", (double)e->duration_ms);
	talk_emit(t, "turn_end", o);
	talk_turn_ends(t);
}

static void
on_event(void *arg, const struct agent_event *e)
{
	struct talk *t = arg;
	bool sub = strchr(e->session, '/') != NULL || e->parent != NULL;

	if (!sub && strcmp(e->session, SOURCE) != 0)
		talk_see_session(t, e->session);
	switch (e->type) {
	case AGENT_TURN:
		talk_turn_begins(t);
		talk_set_base(t, TALK_CONNECTING);
		break;
	case AGENT_MESSAGE:
		take_message(t, e, sub);
		break;
	case AGENT_TOOL_CALL:
		take_call(t, e, sub);
		break;
	case AGENT_TOOL_RESULT:
		take_result(t, e, sub);
		break;
	case AGENT_COST:
		t->cost_usd = e->cost_usd;
		break;
	case AGENT_NOTE:
		if (e->name != NULL)
			talk_note(t, e->name, e->text);
		break;
	case AGENT_TURN_END:
		if (!sub)
			take_end(t, e);
		break;
	default:
		break;
	}
}

static const struct agent_format *
format(void)
{
	return agent_format_find("claude-stream");
}

void
talk_lines_open(struct talk *t)
{
	const struct agent_sink sink = {.event = on_event, .arg = t};

	t->parser = format()->open(SOURCE, &sink);
	buf_init(&t->line, TALK_LINE_MAX);
}

void
talk_lines_close(struct talk *t)
{
	format()->close(t->parser);
	buf_release(&t->line);
}

/* Lines. */

/* A piece of a message that is being written. */
static void
take_piece(struct talk *t, struct jv o)
{
	struct jv event = jv_get(o, "event"), type = jv_get(event, "type");
	struct jv delta = jv_get(event, "delta");
	bool thinking = jv_eq(jv_get(delta, "type"), "thinking_delta");
	char *text;
	cJSON *e;

	if (jv_is_string(jv_get(o, "parent_tool_use_id")) ||
	    !jv_eq(type, "content_block_delta"))
		return;
	text = jv_text(jv_get(delta, thinking ? "thinking" : "text"));
	if (text == NULL)
		return;
	talk_set_base(t, thinking ? TALK_THINKING : TALK_STREAMING);
	e = json_object();
	cJSON_AddStringToObject(e, "kind", thinking ? "thinking" : "text");
	talk_show(e, "text", text);
	talk_emit(t, "delta", e);
	free(text);
}

/* An answer to a request of ours. */
static void
take_response(struct talk *t, struct jv o)
{
	struct jv r = jv_get(o, "response");
	char *id = jv_text(jv_get(r, "request_id")), *why = NULL, init[24], interrupt[24];

	snprintf(init, sizeof init, "req_%u", t->init);
	snprintf(interrupt, sizeof interrupt, "req_%u", t->interrupt);
	if (!jv_eq(jv_get(r, "subtype"), "success")) {
		why = jv_text(jv_get(r, "error"));
		talk_note(t, "refused", why);
	}
	if (id != NULL && t->init != 0 && !t->ready && strcmp(id, init) == 0) {
		talk_is_ready(t);
	} else if (id != NULL && t->interrupt != 0 && strcmp(id, interrupt) == 0) {
		t->interrupt = 0;
	}
	free(id);
	free(why);
}

/* One in a row of them, and then ever fewer. */
static void
pass_over(struct talk *t)
{
	cJSON *o;

	t->unreadable++;
	if ((t->unreadable & (t->unreadable - 1)) != 0)
		return;
	o = json_object();
	cJSON_AddStringToObject(o, "name", "unreadable");
	cJSON_AddNumberToObject(o, "count", (double)t->unreadable);
	talk_emit(t, "note", o);
}

static void
take_line(struct talk *t, const char *line, size_t len, uint64_t at)
{
	struct jv o, type;

	if (jv_blank(line, len))
		return;
	if (!jv_object(line, len, &o)) {
		pass_over(t);
		return;
	}
	type = jv_get(o, "type");
	if (jv_eq(type, "control_request"))
		talk_ask(t, o);
	else if (jv_eq(type, "control_cancel_request"))
		talk_ask_no_more(t, o);
	else if (jv_eq(type, "control_response"))
		take_response(t, o);
	else if (jv_eq(type, "stream_event"))
		take_piece(t, o);
	else
		format()->feed(t->parser, line, len, at);
}

uint64_t
talk_offset(const struct talk *t)
{
	return t->read;
}

/* What follows from it is on record behind it. */
static void
end_line(struct talk *t)
{
	uint64_t at = t->line_at;

	talk_apply(t, at);
	t->line_at = t->read;
	if (t->skipping)
		pass_over(t);
	else if (t->line.len != 0)
		take_line(t, t->line.data, t->line.len, at);
	t->skipping = false;
	buf_reset(&t->line);
	talk_dispatch(t);
}

void
talk_output(struct talk *t, uint64_t offset, const char *data, size_t len)
{
	uint64_t known = offset < t->read ? t->read - offset : 0;

	if (known >= len)
		return;
	if (offset > t->read) {
		t->skipping = true;
		buf_reset(&t->line);
		t->read = offset;
	}
	data += known;
	len -= (size_t)known;
	while (len != 0) {
		const char *nl = memchr(data, '\n', len);
		size_t n = nl != NULL ? (size_t)(nl - data) : len;

		if (!t->skipping && buf_append(&t->line, data, n) != 0) {
			t->skipping = true;
			buf_reset(&t->line);
		}
		t->read += n;
		if (nl == NULL)
			break;
		t->read++;
		end_line(t);
		data += n + 1;
		len -= n + 1;
	}
	if (t->line.cap > TALK_SHOWN * 16 && t->line.len == 0) {
		buf_release(&t->line);
		buf_init(&t->line, TALK_LINE_MAX);
	}
}
