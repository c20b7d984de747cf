#include "config.h"

#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "agent/formats.h"
#include "agent/source.h"
#include "base/buf.h"
#include "base/xmalloc.h"

/* Grok Build. None of these says what was used: its counts are of the context, not of what is
 * billed. */
enum { STATE_VERSION = 1 };

struct agent_parser {
	struct source s;
	struct buf said, thought; /* of a stream, until its end says whose it was */
};

static struct agent_parser *
grok_open(const char *path, const struct agent_sink *sink)
{
	struct agent_parser *p = xcalloc(1, sizeof *p);
	char *dir = path == NULL ? xstrdup("grok") : path_above(path, 1);

	source_open(&p->s, path, sink);
	if (path != NULL &&
	    (path_ends(path, "/chat_history.jsonl") || path_ends(path, ".json")))
		source_name(&p->s, dir);
	buf_init(&p->said, BUF_NO_MAX);
	buf_init(&p->thought, BUF_NO_MAX);
	free(dir);
	return p;
}

static void
grok_close(struct agent_parser *p)
{
	buf_release(&p->said);
	buf_release(&p->thought);
	source_close(&p->s);
	free(p);
}

static void
give_text(struct agent_parser *p, unsigned part, enum agent_role role, const char *text,
    const char *model, bool hidden)
{
	struct agent_event e = source_event(&p->s, AGENT_MESSAGE);
	char *id;

	if (text == NULL)
		return;
	e.id = id = xasprintf("L%llu", (unsigned long long)p->s.at);
	e.part = part;
	e.role = role;
	e.text = text;
	e.model = model;
	e.hidden = hidden;
	if (role == AGENT_USER && !hidden) {
		struct agent_event turn = e;

		turn.type = AGENT_TURN;
		source_give(&p->s, &turn);
	}
	source_give(&p->s, &e);
	free(id);
}

static void
give_calls(struct agent_parser *p, const cJSON *o)
{
	const cJSON *call;
	char *message = xasprintf("L%llu", (unsigned long long)p->s.at);

	cJSON_ArrayForEach (call, get(o, "tool_calls")) {
		struct agent_event e = source_event(&p->s, AGENT_TOOL_CALL);
		const cJSON *f = get(call, "function") != NULL ? get(call, "function") : call;
		char *input = text_of(get(f, "arguments"));

		e.id = get_string(call, "id");
		e.message = message;
		e.name = get_string(f, "name");
		e.input = input;
		if (e.name == NULL)
			e.name = "unknown";
		if (e.id != NULL)
			source_give(&p->s, &e);
		free(input);
	}
	free(message);
}

/* A tool that the service runs itself. */
static void
give_backend_call(struct agent_parser *p, const cJSON *kind)
{
	struct agent_event e = source_event(&p->s, AGENT_TOOL_CALL);
	const char *status = get_string(kind, "status");
	char *input = text_of(get(kind, "action"));

	e.id = get_string(kind, "id");
	e.name = get_string(kind, "tool_type");
	e.input = input;
	if (e.name == NULL)
		e.name = "unknown";
	if (e.id != NULL) {
		source_give(&p->s, &e);
		e = source_event(&p->s, AGENT_TOOL_RESULT);
		e.id = get_string(kind, "id");
		if (status != NULL)
			e.outcome = strcmp(status, "completed") == 0 ? AGENT_OK
				    : strcmp(status, "failed") == 0  ? AGENT_FAILED
								     : AGENT_OUTCOME_UNKNOWN;
		if (e.outcome != AGENT_OUTCOME_UNKNOWN)
			source_give(&p->s, &e);
	}
	free(input);
}

static void
take(struct agent_parser *p, const char *type, const cJSON *o)
{
	static const char *const results[] = {"tool_result", "tool", NULL};
	const char *model = get_string(o, "model_id"), *why = get_string(o, "synthetic_reason");
	struct agent_event e = source_event(&p->s, AGENT_TOOL_RESULT);
	char *text = said_of(get(o, "content"));

	if (strcmp(type, "system") == 0) {
		give_text(p, 0, AGENT_SYSTEM, text, NULL, true);
	} else if (strcmp(type, "user") == 0) {
		give_text(p, 0, AGENT_USER, text, NULL,
		    why != NULL && strcmp(why, "interjection") != 0);
	} else if (strcmp(type, "assistant") == 0) {
		give_text(
		    p, 1, AGENT_THINKING, get_string(o, "reasoning_content"), model, false);
		give_text(p, 0, AGENT_ASSISTANT, text, model, false);
		give_calls(p, o);
	} else if (strcmp(type, "reasoning") == 0) {
		free(text);
		text = said_of(get(o, "summary"));
		give_text(p, 0, AGENT_THINKING, text, model, false);
	} else if (is_any(type, results)) {
		e.id = get_string(o, "tool_call_id");
		e.text = text;
		if (e.id != NULL)
			source_give(&p->s, &e);
	} else if (strcmp(type, "backend_tool_call") == 0) {
		give_backend_call(p, get(o, "kind"));
	}
	free(text);
}

static void
history_feed(struct agent_parser *p, const char *data, size_t len, uint64_t at)
{
	cJSON *o = source_line(&p->s, data, len, at);
	const char *type = get_string(o, "type");

	if (type == NULL) /* older */
		type = get_string(o, "role");
	if (type != NULL)
		take(p, type, o);
	cJSON_Delete(o);
}

static void
summary_feed(struct agent_parser *p, const char *data, size_t len, uint64_t at)
{
	cJSON *o = source_line(&p->s, data, len, at);
	struct agent_event e;

	if (cJSON_IsObject(get(o, "info"))) {
		p->s.time_ms = get_time(o, "created_at");
		source_name(&p->s, get_string(get(o, "info"), "id"));
		e = source_event(&p->s, AGENT_SESSION);
		e.cwd = get_string(get(o, "info"), "cwd");
		e.parent = get_string(o, "parent_session_id");
		e.title = get_string(o, "generated_title");
		if (e.title == NULL)
			e.title = get_string(o, "session_summary");
		e.branch = get_string(o, "head_branch");
		e.model = get_string(o, "current_model_id");
		source_give(&p->s, &e);
	}
	cJSON_Delete(o);
}

static void
grok_flush(struct agent_parser *p)
{
	if (p->thought.len != 0)
		give_text(p, 1, AGENT_THINKING, p->thought.data, NULL, false);
	if (p->said.len != 0)
		give_text(p, 0, AGENT_ASSISTANT, p->said.data, NULL, false);
	buf_reset(&p->said);
	buf_reset(&p->thought);
}

static void
end(struct agent_parser *p, const cJSON *o)
{
	struct agent_event e;

	source_name(&p->s, get_string(o, "sessionId"));
	e = source_event(&p->s, AGENT_SESSION);
	source_give(&p->s, &e);
	grok_flush(p);
	e = source_event(&p->s, AGENT_TURN_END);
	e.text = get_string(o, "stopReason");
	if (e.text != NULL && strcmp(e.text, "EndTurn") == 0)
		e.outcome = AGENT_OK;
	source_give(&p->s, &e);
}

static void
stream_feed(struct agent_parser *p, const char *data, size_t len, uint64_t at)
{
	cJSON *o = source_line(&p->s, data, len, at);
	const char *type = get_string(o, "type"), *text = get_string(o, "data");

	if (type != NULL && strcmp(type, "text") == 0 && text != NULL)
		buf_puts(&p->said, text);
	else if (type != NULL && strcmp(type, "thought") == 0 && text != NULL)
		buf_puts(&p->thought, text);
	else if (type != NULL && strcmp(type, "error") == 0)
		source_note(&p->s, "error", get_string(o, "message"));
	else if (type != NULL && strcmp(type, "end") == 0)
		end(p, o);
	cJSON_Delete(o);
}

static void
json_feed(struct agent_parser *p, const char *data, size_t len, uint64_t at)
{
	cJSON *o = source_line(&p->s, data, len, at);

	if (get_string(o, "sessionId") != NULL) {
		if (get_string(o, "thought") != NULL)
			buf_puts(&p->thought, get_string(o, "thought"));
		if (get_string(o, "text") != NULL)
			buf_puts(&p->said, get_string(o, "text"));
		end(p, o);
	}
	cJSON_Delete(o);
}

static void
grok_save(const struct agent_parser *p, struct buf *b)
{
	cJSON *o = source_save(&p->s, STATE_VERSION);

	if (p->said.len != 0)
		json_add_text(o, "said", p->said.data);
	if (p->thought.len != 0)
		json_add_text(o, "thought", p->thought.data);
	source_print(o, b);
}

static bool
grok_restore(struct agent_parser *p, const char *json, size_t len)
{
	cJSON *o = source_restore(&p->s, STATE_VERSION, json, len);

	if (o == NULL)
		return false;
	buf_reset(&p->said);
	buf_reset(&p->thought);
	if (get_string(o, "said") != NULL)
		buf_puts(&p->said, get_string(o, "said"));
	if (get_string(o, "thought") != NULL)
		buf_puts(&p->thought, get_string(o, "thought"));
	cJSON_Delete(o);
	return true;
}

static bool
stream_is_stream(const char *line, size_t len)
{
	static const char *const types[] = {"thought", "text", NULL};
	cJSON *o = source_parse(line, len);
	bool is = is_any(get_string(o, "type"), types) && cJSON_IsString(get(o, "data")) &&
		  cJSON_GetArraySize(o) == 2;

	cJSON_Delete(o);
	return is;
}

static bool
history_is_source(const char *path)
{
	return path_ends(path, "/chat_history.jsonl");
}

static bool
summary_is_source(const char *path)
{
	return path_ends(path, "/summary.json");
}

static bool
is_no_source(const char *path)
{
	(void)path;
	return false;
}

#define GROK(NAME, LAYOUT, IS_SOURCE, IS_STREAM, FEED) \
	{ \
		.name = (NAME), .agent = "grok", .layout = (LAYOUT), .is_source = (IS_SOURCE), \
		.is_stream = (IS_STREAM), .open = grok_open, .feed = (FEED), \
		.flush = grok_flush, .save = grok_save, .restore = grok_restore, \
		.close = grok_close, .passed = source_passed \
	}

const struct agent_format grok_history =
    GROK("grok-history", AGENT_LINES, history_is_source, NULL, history_feed);
const struct agent_format grok_summary =
    GROK("grok-summary", AGENT_DOCUMENT, summary_is_source, NULL, summary_feed);
const struct agent_format grok_stream =
    GROK("grok-stream", AGENT_LINES, is_no_source, stream_is_stream, stream_feed);
const struct agent_format grok_json =
    GROK("grok-json", AGENT_DOCUMENT, is_no_source, NULL, json_feed);
