#include "config.h"

#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "agent/formats.h"
#include "agent/source.h"
#include "base/buf.h"
#include "base/xmalloc.h"

enum { STATE_VERSION = 1 };

struct agent_parser {
	struct source s;
};

static struct agent_parser *
pi_open(const char *path, const struct agent_sink *sink)
{
	struct agent_parser *p = xcalloc(1, sizeof *p);

	source_open(&p->s, path, sink);
	return p;
}

static void
pi_close(struct agent_parser *p)
{
	source_close(&p->s);
	free(p);
}

/* The file of the parent, whose name ends with its id: 2025-01-01T09-00-00-000Z_ID.jsonl. */
static char *
parent_of(const cJSON *o)
{
	const char *path = get_string(o, "parentSession"), *cut;
	char *stem, *id;

	if (path == NULL)
		path = get_string(o, "branchedFrom");
	if (path == NULL)
		return NULL;
	stem = path_stem(path);
	cut = strchr(stem, '_');
	id = xstrdup(cut != NULL && cut[1] != '\0' ? cut + 1 : stem);
	free(stem);
	return id;
}

static void
take_session(struct agent_parser *p, const cJSON *o)
{
	char *parent = parent_of(o);
	struct agent_event e;

	source_name(&p->s, get_string(o, "id"));
	e = source_event(&p->s, AGENT_SESSION);
	e.cwd = get_string(o, "cwd");
	e.parent = parent;
	e.fork = parent != NULL;
	source_give(&p->s, &e);
	free(parent);
}

/* A branch's file begins with what it has in common with its parent's, ids and times included. */
static void
give_usage(struct agent_parser *p, const cJSON *m, const char *id)
{
	struct agent_event e = source_event(&p->s, AGENT_USAGE);
	const cJSON *u = get(m, "usage");
	char *key;

	e.usage.input = get_count(u, "input");
	e.usage.cache_read = get_count(u, "cacheRead");
	e.usage.cache_write_5m = get_count(u, "cacheWrite");
	e.usage.output = get_count(u, "output");
	e.cost_usd =
	    get_cost(get(u, "cost"), "total") > 0 ? get_cost(get(u, "cost"), "total") : -1;
	e.message = id;
	e.model = get_string(m, "model");
	key = xasprintf("pi:%s:%lld:%lld,%lld", id, (long long)p->s.time_ms,
	    (long long)e.usage.input, (long long)e.usage.output);
	e.id = key;
	if (e.usage.input > 0 || e.usage.output > 0 || e.usage.cache_read > 0)
		source_give(&p->s, &e);
	free(key);
}

static void
give_content(struct agent_parser *p, const cJSON *content, const char *id, enum agent_role role,
    const char *model)
{
	const cJSON *c;
	unsigned part = 0;

	cJSON_ArrayForEach (c, content) {
		struct agent_event e = source_event(&p->s, AGENT_MESSAGE);
		const char *type = get_string(c, "type");
		char *input = NULL;

		e.id = id;
		e.part = part++;
		e.role = role;
		e.model = model;
		e.text = get_string(c, "text");
		if (type != NULL && strcmp(type, "thinking") == 0) {
			e.role = AGENT_THINKING;
			e.text = get_string(c, "thinking");
		} else if (type != NULL && strcmp(type, "toolCall") == 0) {
			e = source_event(&p->s, AGENT_TOOL_CALL);
			e.id = get_string(c, "id");
			e.message = id;
			e.name = get_string(c, "name");
			e.input = input = text_of(get(c, "arguments"));
			if (e.name == NULL)
				e.name = "unknown";
		}
		if (e.type == AGENT_TOOL_CALL ? e.id != NULL : e.text != NULL)
			source_give(&p->s, &e);
		free(input);
	}
}

static void
give_prompt(struct agent_parser *p, const cJSON *content, const char *id)
{
	struct agent_event e = source_event(&p->s, AGENT_TURN);
	char *text = said_of(content);

	e.id = id;
	e.text = text;
	source_give(&p->s, &e);
	if (cJSON_IsString(content)) {
		e.type = AGENT_MESSAGE;
		e.role = AGENT_USER;
		source_give(&p->s, &e);
	} else {
		give_content(p, content, id, AGENT_USER, NULL);
	}
	free(text);
}

static void
give_result(struct agent_parser *p, const cJSON *m)
{
	struct agent_event e = source_event(&p->s, AGENT_TOOL_RESULT);
	char *text = said_of(get(m, "content"));

	e.id = get_string(m, "toolCallId");
	e.text = text;
	if (cJSON_IsBool(get(m, "isError")))
		e.outcome = get_true(m, "isError") ? AGENT_FAILED : AGENT_OK;
	if (e.id != NULL)
		source_give(&p->s, &e);
	free(text);
}

static void
give_turn_end(struct agent_parser *p, const cJSON *m)
{
	struct agent_event e = source_event(&p->s, AGENT_TURN_END);
	const char *why = get_string(m, "stopReason");

	if (why == NULL || strcmp(why, "toolUse") == 0)
		return;
	e.outcome = strcmp(why, "error") == 0     ? AGENT_FAILED
		    : strcmp(why, "aborted") == 0 ? AGENT_INTERRUPTED
						  : AGENT_OK;
	e.text = get_string(m, "errorMessage") != NULL ? get_string(m, "errorMessage") : why;
	source_give(&p->s, &e);
}

static void
take_message(struct agent_parser *p, const cJSON *m, const char *own)
{
	const char *role = get_string(m, "role");
	char *id = own != NULL ? xstrdup(own) : xasprintf("L%llu", (unsigned long long)p->s.at);

	if (role != NULL && strcmp(role, "user") == 0) {
		give_prompt(p, get(m, "content"), id);
	} else if (role != NULL && strcmp(role, "assistant") == 0) {
		give_content(p, get(m, "content"), id, AGENT_ASSISTANT, get_string(m, "model"));
		give_usage(p, m, id);
		give_turn_end(p, m);
	} else if (role != NULL && strcmp(role, "toolResult") == 0) {
		give_result(p, m);
	}
	free(id);
}

static void
pi_feed(struct agent_parser *p, const char *data, size_t len, uint64_t at)
{
	cJSON *o = source_line(&p->s, data, len, at);
	const char *type = get_string(o, "type");

	if (type != NULL) {
		p->s.time_ms = get_time(o, "timestamp");
		if (strcmp(type, "session") == 0)
			take_session(p, o);
		else if (strcmp(type, "message") == 0)
			take_message(p, get(o, "message"), get_string(o, "id"));
		else if (strcmp(type, "compaction") == 0)
			source_note(&p->s, "compaction", get_string(o, "summary"));
	}
	cJSON_Delete(o);
}

static void
pi_flush(struct agent_parser *p)
{
	(void)p;
}

static void
pi_save(const struct agent_parser *p, struct buf *b)
{
	source_print(source_save(&p->s, STATE_VERSION), b);
}

static bool
pi_restore(struct agent_parser *p, const char *json, size_t len)
{
	cJSON *o = source_restore(&p->s, STATE_VERSION, json, len);

	cJSON_Delete(o);
	return o != NULL;
}

static bool
pi_is_source(const char *path)
{
	return path_has(path, "/sessions/") && path_ends(path, ".jsonl");
}

const struct agent_format pi_session = {
    .name = "pi-session",
    .agent = "pi",
    .layout = AGENT_LINES,
    .is_source = pi_is_source,
    .open = pi_open,
    .feed = pi_feed,
    .flush = pi_flush,
    .save = pi_save,
    .restore = pi_restore,
    .close = pi_close,
    .passed = source_passed,
};
