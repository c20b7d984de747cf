#include "config.h"

#include "agent/gemini.h"

#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "agent/formats.h"
#include "base/buf.h"
#include "base/str.h"
#include "base/xmalloc.h"

enum { STATE_VERSION = 1, UNIQUE_LEN = 32, SHOWN_MAX = 20000 };

struct agent_parser {
	struct source s;
	char *parent;
	char **shown; /* ids of messages, in order: those that are dropped later are hidden */
	size_t count, room;
	char **old; /* the same, while a line gives all messages anew */
	size_t old_count;
	uint64_t rank; /* of what a line says: the last one counts */
};

struct agent_usage
gemini_usage(const cJSON *t)
{
	struct agent_usage u = {.cache_read = get_count(t, "cached"),
	    .cache_write_5m = AGENT_UNKNOWN,
	    .cache_write_1h = AGENT_UNKNOWN,
	    .reasoning = get_count(t, "thoughts")};
	int64_t input = get_count(t, "prompt"), output = get_count(t, "candidates");

	if (input < 0)
		input = get_count(t, "input");
	if (output < 0)
		output = get_count(t, "output");
	/* What tools said is not in the prompt's count. */
	u.input = count_sum(count_less(input, u.cache_read), get_count(t, "tool"));
	u.output = count_sum(output, u.reasoning);
	return u;
}

static struct agent_parser *
chat_open(const char *path, const struct agent_sink *sink)
{
	struct agent_parser *p = xcalloc(1, sizeof *p);
	char *above = path == NULL ? xstrdup("chats") : path_above(path, 1);

	source_open(&p->s, path, sink);
	/* chats/PARENT/ID.jsonl is a sub-agent's. */
	if (path != NULL && path_has(path, "/chats/") && strcmp(above, "chats") != 0)
		p->parent = above;
	else
		free(above);
	return p;
}

static void
forget(struct agent_parser *p, size_t from)
{
	while (p->count > from)
		free(p->shown[--p->count]);
}

static void
chat_close(struct agent_parser *p)
{
	forget(p, 0);
	free(p->shown);
	free(p->parent);
	source_close(&p->s);
	free(p);
}

static size_t
place_in(char *const *ids, size_t count, const char *id)
{
	size_t i = count; /* it is one of the last, mostly */

	while (i > 0 && strcmp(ids[i - 1], id) != 0)
		i--;
	return i == 0 ? count : i - 1;
}

static size_t
place_of(const struct agent_parser *p, const char *id)
{
	return place_in(p->shown, p->count, id);
}

static void
append(struct agent_parser *p, const char *id)
{
	if (p->count >= SHOWN_MAX)
		return;
	if (p->count == p->room) {
		p->room = p->room * 2 + 16;
		p->shown = xreallocarray(p->shown, p->room, sizeof *p->shown);
	}
	p->shown[p->count++] = xstrdup(id);
}

static void
remember(struct agent_parser *p, const char *id)
{
	if (place_of(p, id) == p->count)
		append(p, id);
}

static void
give_text(struct agent_parser *p, const cJSON *m, enum agent_role role, unsigned part,
    const char *text)
{
	struct agent_event e = source_event(&p->s, AGENT_MESSAGE);

	e.id = get_string(m, "id");
	e.part = part;
	e.role = role;
	e.text = text;
	e.model = get_string(m, "model");
	e.hidden = role == AGENT_USER && str_starts(text, "<session_context>");
	if (role == AGENT_USER && !e.hidden &&
	    place_in(p->old, p->old_count, e.id) == p->old_count) {
		struct agent_event turn = e;

		turn.type = AGENT_TURN;
		turn.model = NULL;
		source_give(&p->s, &turn);
	}
	source_give(&p->s, &e);
}

static void
give_thoughts(struct agent_parser *p, const cJSON *m)
{
	const cJSON *thought;
	struct buf b;

	buf_init(&b, BUF_NO_MAX);
	cJSON_ArrayForEach (thought, get(m, "thoughts")) {
		const char *subject = get_string(thought, "subject");
		const char *text = get_string(thought, "description");

		if (b.len != 0 && (subject != NULL || text != NULL))
			buf_putc(&b, '\n');
		buf_printf(&b, "%s%s%s", subject != NULL ? subject : "",
		    subject != NULL && text != NULL ? ": " : "", text != NULL ? text : "");
	}
	if (b.len != 0)
		give_text(p, m, AGENT_THINKING, 1, b.data);
	buf_release(&b);
}

static enum agent_outcome
outcome_of(const char *status)
{
	if (status == NULL)
		return AGENT_OUTCOME_UNKNOWN;
	if (strcmp(status, "success") == 0)
		return AGENT_OK;
	if (strcmp(status, "cancelled") == 0)
		return AGENT_INTERRUPTED;
	return strcmp(status, "error") == 0 ? AGENT_FAILED : AGENT_OUTCOME_UNKNOWN;
}

/* What a tool gave is a function's response, and where it is not, whatever there is. */
static char *
result_of(const cJSON *call)
{
	const cJSON *result = get(call, "result"), *first = cJSON_GetArrayItem(result, 0);
	const cJSON *response = get(get(first, "functionResponse"), "response");
	const char *shown = get_string(call, "resultDisplay");

	if (shown != NULL)
		return xstrdup(shown);
	if (get_string(response, "output") != NULL)
		return xstrdup(get_string(response, "output"));
	return text_of(response != NULL ? response : result);
}

/* What it changed: the heads of its diff have no directory. */
static char *
patch_of(const cJSON *call)
{
	const cJSON *shown = get(call, "resultDisplay");
	const char *diff = get_string(shown, "fileDiff"), *path = get_string(shown, "filePath");

	if (path == NULL)
		path = get_string(get(call, "args"), "file_path");
	if (diff == NULL || path == NULL || strchr(path, '\n') != NULL)
		return NULL;
	return xasprintf("*** Begin Patch\n*** Update File: %s\n%s", path, diff);
}

static void
give_tools(struct agent_parser *p, const cJSON *m)
{
	const char *message = get_string(m, "id");
	const cJSON *call;
	unsigned n = 0;

	cJSON_ArrayForEach (call, get(m, "toolCalls")) {
		struct agent_event e = source_event(&p->s, AGENT_TOOL_CALL);
		const char *own = get_string(call, "id");
		char *id = own != NULL ? xstrdup(own) : xasprintf("%s/%u", message, n);
		char *input = text_of(get(call, "args")), *output = result_of(call),
		     *patch = NULL;

		n++;
		e.id = id;
		e.message = message;
		e.name = get_string(call, "name");
		e.input = input;
		if (e.name == NULL)
			e.name = "unknown";
		source_give(&p->s, &e);
		e = source_event(&p->s, AGENT_TOOL_RESULT);
		e.id = id;
		e.text = output;
		e.outcome = outcome_of(get_string(call, "status"));
		if (e.outcome == AGENT_OK)
			e.input = patch = patch_of(call);
		if (get_time(call, "timestamp") != 0)
			e.time_ms = get_time(call, "timestamp");
		if (e.text != NULL || e.outcome != AGENT_OUTCOME_UNKNOWN)
			source_give(&p->s, &e);
		free(id);
		free(input);
		free(output);
		free(patch);
	}
}

/* Ids are random, and short ones not: those are of their session. */
static void
give_usage(struct agent_parser *p, const cJSON *m)
{
	struct agent_event e = source_event(&p->s, AGENT_USAGE);
	const char *id = get_string(m, "id");
	char *key = strlen(id) >= UNIQUE_LEN ? xasprintf("gemini:%s", id)
					     : xasprintf("gemini:%s:%s", p->s.session, id);

	e.id = key;
	e.rank = p->rank;
	e.message = id;
	e.model = get_string(m, "model");
	e.usage = gemini_usage(get(m, "tokens"));
	if (e.usage.input >= 0 || e.usage.output >= 0)
		source_give(&p->s, &e);
	free(key);
}

static void
take_message(struct agent_parser *p, const cJSON *m)
{
	static const char *const notes[] = {"info", "error", "warning", NULL};
	const char *type = get_string(m, "type"), *id = get_string(m, "id");
	char *text;

	if (type == NULL || id == NULL)
		return;
	p->s.time_ms = get_time(m, "timestamp");
	text = said_of(get(m, "content"));
	if (is_any(type, notes)) {
		source_note(&p->s, type, text);
	} else if (strcmp(type, "user") == 0) {
		remember(p, id);
		if (text != NULL)
			give_text(p, m, AGENT_USER, 0, text);
	} else if (strcmp(type, "gemini") == 0) {
		remember(p, id);
		if (text != NULL)
			give_text(p, m, AGENT_ASSISTANT, 0, text);
		give_thoughts(p, m);
		give_tools(p, m);
		if (cJSON_IsObject(get(m, "tokens")))
			give_usage(p, m);
	}
	free(text);
}

static void
hide(struct agent_parser *p, const char *id)
{
	struct agent_event e = source_event(&p->s, AGENT_MESSAGE);

	e.id = id;
	e.role = AGENT_ROLE_OF_MESSAGE;
	e.hidden = true;
	source_give(&p->s, &e);
}

static void
take_session(struct agent_parser *p, const cJSON *o)
{
	struct agent_event e;

	source_name(&p->s, get_string(o, "sessionId"));
	e = source_event(&p->s, AGENT_SESSION);
	e.parent = p->parent;
	e.time_ms = get_time(o, "startTime");
	e.title = get_string(o, "summary");
	source_give(&p->s, &e);
}

static void
take_messages(struct agent_parser *p, const cJSON *messages)
{
	const cJSON *m;

	cJSON_ArrayForEach (m, messages) {
		take_message(p, m);
	}
}

/* All of them: those that are not among them are dropped. */
static void
take_instead(struct agent_parser *p, const cJSON *messages)
{
	p->old = p->shown;
	p->old_count = p->count;
	p->shown = NULL;
	p->count = p->room = 0;
	take_messages(p, messages);
	for (size_t i = 0; i < p->old_count; i++) {
		if (place_of(p, p->old[i]) == p->count)
			hide(p, p->old[i]);
		free(p->old[i]);
	}
	free(p->old);
	p->old = NULL;
	p->old_count = 0;
}

static void
take_rewind(struct agent_parser *p, const char *id)
{
	size_t i = place_of(p, id);

	source_note(&p->s, "rewind", id);
	if (i == p->count)
		return;
	for (size_t k = i + 1; k < p->count; k++)
		hide(p, p->shown[k]);
	forget(p, i + 1);
}

static void
chat_feed(struct agent_parser *p, const char *data, size_t len, uint64_t at)
{
	cJSON *o = source_line(&p->s, data, len, at);
	const cJSON *set = get(o, "$set");

	p->rank = at + 1;
	if (o == NULL)
		return;
	if (cJSON_IsObject(set)) {
		if (get_time(set, "lastUpdated") != 0)
			p->s.time_ms = get_time(set, "lastUpdated");
		if (get_string(set, "sessionId") != NULL || get_string(set, "summary") != NULL)
			take_session(p, set);
		if (cJSON_IsArray(get(set, "messages")))
			take_instead(p, get(set, "messages"));
	} else if (get_string(o, "$rewindTo") != NULL) {
		take_rewind(p, get_string(o, "$rewindTo"));
	} else if (get_string(o, "sessionId") != NULL && get(o, "type") == NULL) {
		take_session(p, o);
		take_messages(p, get(o, "messages"));
	} else {
		take_message(p, o);
	}
	cJSON_Delete(o);
}

static void
document_feed(struct agent_parser *p, const char *data, size_t len, uint64_t at)
{
	cJSON *o = source_line(&p->s, data, len, at);

	/* A later state of it counts before an earlier one. */
	p->rank = (uint64_t)get_time(o, "lastUpdated");
	if (o != NULL && get_string(o, "sessionId") != NULL) {
		take_session(p, o);
		take_messages(p, get(o, "messages"));
	}
	cJSON_Delete(o);
}

static void
chat_flush(struct agent_parser *p)
{
	(void)p;
}

static void
chat_save(const struct agent_parser *p, struct buf *b)
{
	cJSON *o = source_save(&p->s, STATE_VERSION);
	cJSON *shown = cJSON_AddArrayToObject(o, "shown");

	for (size_t i = 0; i < p->count; i++)
		json_add_item(shown, p->shown[i]);
	source_print(o, b);
}

static bool
chat_restore(struct agent_parser *p, const char *json, size_t len)
{
	cJSON *o = source_restore(&p->s, STATE_VERSION, json, len);
	const cJSON *id;

	if (o == NULL)
		return false;
	forget(p, 0);
	cJSON_ArrayForEach (id, get(o, "shown")) {
		if (cJSON_IsString(id))
			append(p, id->valuestring);
	}
	cJSON_Delete(o);
	return true;
}

static bool
chat_is_source(const char *path)
{
	return path_has(path, "/chats/") && path_ends(path, ".jsonl");
}

static bool
document_is_source(const char *path)
{
	return path_has(path, "/chats/") && path_ends(path, ".json");
}

const struct agent_format gemini_chat = {
    .name = "gemini-chat",
    .agent = "gemini",
    .layout = AGENT_LINES,
    .is_source = chat_is_source,
    .open = chat_open,
    .feed = chat_feed,
    .flush = chat_flush,
    .save = chat_save,
    .restore = chat_restore,
    .close = chat_close,
    .passed = source_passed,
};

const struct agent_format gemini_document = {
    .name = "gemini-chat-document",
    .agent = "gemini",
    .layout = AGENT_DOCUMENT,
    .is_source = document_is_source,
    .open = chat_open,
    .feed = document_feed,
    .flush = chat_flush,
    .save = chat_save,
    .restore = chat_restore,
    .close = chat_close,
    .passed = source_passed,
};
