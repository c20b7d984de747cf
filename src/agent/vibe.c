#include "config.h"

#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "agent/formats.h"
#include "agent/source.h"
#include "base/buf.h"
#include "base/xmalloc.h"

/* Mistral's vibe: what was said has neither times nor usage, and a file beside it has the usage of
 * the session as a whole. */
enum { STATE_VERSION = 1, SHORT_ID = 8 };

struct agent_parser {
	struct source s;
};

/* session_20261121_020304_1a2b3c4d: both files of a session are found in it, and only one says the
 * id, of which this is the beginning. */
static struct agent_parser *
vibe_open(const char *path, const struct agent_sink *sink)
{
	struct agent_parser *p = xcalloc(1, sizeof *p);
	char *dir = path == NULL ? xstrdup("vibe") : path_above(path, 1);
	const char *tail = strrchr(dir, '_');

	source_open(&p->s, path, sink);
	if (tail != NULL && strlen(tail + 1) == SHORT_ID &&
	    strspn(tail + 1, "0123456789abcdef") == SHORT_ID)
		source_name(&p->s, tail + 1);
	else
		source_name(&p->s, dir);
	free(dir);
	return p;
}

static void
vibe_close(struct agent_parser *p)
{
	source_close(&p->s);
	free(p);
}

static void
give_calls(struct agent_parser *p, const cJSON *o, const char *message)
{
	const cJSON *call;

	cJSON_ArrayForEach (call, get(o, "tool_calls")) {
		struct agent_event e = source_event(&p->s, AGENT_TOOL_CALL);
		char *input = text_of(get(get(call, "function"), "arguments"));

		e.id = get_string(call, "id");
		e.message = message;
		e.name = get_string(get(call, "function"), "name");
		e.input = input;
		if (e.name == NULL)
			e.name = "unknown";
		if (e.id != NULL)
			source_give(&p->s, &e);
		free(input);
	}
}

static void
give_text(struct agent_parser *p, const char *id, unsigned part, enum agent_role role,
    const char *text)
{
	struct agent_event e = source_event(&p->s, AGENT_MESSAGE);

	if (text == NULL)
		return;
	e.id = id;
	e.part = part;
	e.role = role;
	e.text = text;
	e.hidden = role == AGENT_SYSTEM;
	if (role == AGENT_USER) {
		struct agent_event turn = e;

		turn.type = AGENT_TURN;
		source_give(&p->s, &turn);
	}
	source_give(&p->s, &e);
}

static void
take(struct agent_parser *p, const char *role, const cJSON *o)
{
	const char *own = get_string(o, "message_id");
	char *id = own != NULL ? xstrdup(own) : xasprintf("L%llu", (unsigned long long)p->s.at);
	char *text = said_of(get(o, "content"));
	struct agent_event e = source_event(&p->s, AGENT_TOOL_RESULT);

	if (strcmp(role, "user") == 0) {
		give_text(p, id, 0, AGENT_USER, text);
	} else if (strcmp(role, "system") == 0) {
		give_text(p, id, 0, AGENT_SYSTEM, text);
	} else if (strcmp(role, "assistant") == 0) {
		give_text(p, id, 1, AGENT_THINKING, get_string(o, "reasoning_content"));
		give_text(p, id, 0, AGENT_ASSISTANT, text);
		give_calls(p, o, id);
	} else if (strcmp(role, "tool") == 0) {
		e.id = get_string(o, "tool_call_id");
		e.text = text;
		if (e.id != NULL)
			source_give(&p->s, &e);
	}
	free(id);
	free(text);
}

static void
messages_feed(struct agent_parser *p, const char *data, size_t len, uint64_t at)
{
	cJSON *o = source_line(&p->s, data, len, at);

	if (get_string(o, "role") != NULL)
		take(p, get_string(o, "role"), o);
	cJSON_Delete(o);
}

static char *
parent_of(const cJSON *o)
{
	const char *id = get_string(o, "parent_session_id");

	return id == NULL ? NULL : xstrndup(id, SHORT_ID);
}

/* Whether the prompts' tokens were read from a cache is not said: they count as input. */
static void
meta_feed(struct agent_parser *p, const char *data, size_t len, uint64_t at)
{
	cJSON *o = source_line(&p->s, data, len, at);
	const cJSON *stats = get(o, "stats");
	struct agent_event e;
	char *parent, *key;

	if (get_string(o, "session_id") == NULL) {
		cJSON_Delete(o);
		return;
	}
	p->s.time_ms = get_time(o, "start_time");
	e = source_event(&p->s, AGENT_SESSION);
	e.parent = parent = parent_of(o);
	e.fork = parent != NULL;
	e.cwd = get_string(get(o, "environment"), "working_directory");
	e.title = get_string(o, "title");
	e.branch = get_string(o, "git_branch");
	e.model = get_string(o, "model");
	source_give(&p->s, &e);
	e = source_event(&p->s, AGENT_USAGE);
	if (get_time(o, "end_time") != 0)
		e.time_ms = get_time(o, "end_time");
	e.model = get_string(o, "model");
	e.usage.input = get_count(stats, "session_prompt_tokens");
	e.usage.output = get_count(stats, "session_completion_tokens");
	e.cost_usd = get_cost(stats, "session_cost") > 0 ? get_cost(stats, "session_cost") : -1;
	/* It is a running total: the largest is the last. */
	e.rank = (uint64_t)count_sum(count_sum(e.usage.input, e.usage.output), 0);
	key = xasprintf("vibe:%s", p->s.session);
	e.id = key;
	if (e.usage.input > 0 || e.usage.output > 0)
		source_give(&p->s, &e);
	free(key);
	free(parent);
	cJSON_Delete(o);
}

static void
vibe_flush(struct agent_parser *p)
{
	(void)p;
}

static void
vibe_save(const struct agent_parser *p, struct buf *b)
{
	source_print(source_save(&p->s, STATE_VERSION), b);
}

static bool
vibe_restore(struct agent_parser *p, const char *json, size_t len)
{
	cJSON *o = source_restore(&p->s, STATE_VERSION, json, len);

	cJSON_Delete(o);
	return o != NULL;
}

static bool
messages_is_stream(const char *line, size_t len)
{
	cJSON *o = source_parse(line, len);
	bool is = get_string(o, "role") != NULL && get_string(o, "message_id") != NULL;

	cJSON_Delete(o);
	return is;
}

static bool
messages_is_source(const char *path)
{
	return path_ends(path, "/messages.jsonl");
}

static bool
meta_is_source(const char *path)
{
	return path_ends(path, "/meta.json");
}

const struct agent_format vibe_messages = {
    .name = "vibe-messages",
    .agent = "vibe",
    .layout = AGENT_LINES,
    .is_source = messages_is_source,
    .is_stream = messages_is_stream,
    .open = vibe_open,
    .feed = messages_feed,
    .flush = vibe_flush,
    .save = vibe_save,
    .restore = vibe_restore,
    .close = vibe_close,
    .passed = source_passed,
};

const struct agent_format vibe_meta = {
    .name = "vibe-meta",
    .agent = "vibe",
    .layout = AGENT_DOCUMENT,
    .is_source = meta_is_source,
    .open = vibe_open,
    .feed = meta_feed,
    .flush = vibe_flush,
    .save = vibe_save,
    .restore = vibe_restore,
    .close = vibe_close,
    .passed = source_passed,
};
