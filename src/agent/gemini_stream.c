#include "config.h"

#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "agent/formats.h"
#include "agent/gemini.h"
#include "base/buf.h"
#include "base/xmalloc.h"

enum { STATE_VERSION = 1 };

struct agent_parser {
	struct source s;
	char *model;
	int64_t begun_ms; /* tells this process from others of the session */
	struct buf said;  /* what its deltas make so far */
	uint64_t said_at;
	int64_t said_ms;
};

static struct agent_parser *
stream_open(const char *path, const struct agent_sink *sink)
{
	struct agent_parser *p = xcalloc(1, sizeof *p);

	source_open(&p->s, path, sink);
	buf_init(&p->said, BUF_NO_MAX);
	return p;
}

static void
stream_close(struct agent_parser *p)
{
	buf_release(&p->said);
	free(p->model);
	source_close(&p->s);
	free(p);
}

static void
name_model(struct agent_parser *p, const char *model)
{
	char *copy = model == NULL ? NULL : xstrdup(model);

	free(p->model);
	p->model = copy;
}

static void
stream_flush(struct agent_parser *p)
{
	struct agent_event e = source_event(&p->s, AGENT_MESSAGE);
	char *id;

	if (p->said.len == 0)
		return;
	e.at = p->said_at;
	e.time_ms = p->said_ms;
	e.id = id = xasprintf(
	    "%llx/L%llu", (unsigned long long)p->begun_ms, (unsigned long long)p->said_at);
	e.role = AGENT_ASSISTANT;
	e.model = p->model;
	e.text = p->said.data;
	source_give(&p->s, &e);
	free(id);
	buf_reset(&p->said);
}

static void
take_init(struct agent_parser *p, const cJSON *o)
{
	struct agent_event e;

	source_name(&p->s, get_string(o, "session_id"));
	name_model(p, get_string(o, "model"));
	p->begun_ms = p->s.time_ms;
	e = source_event(&p->s, AGENT_SESSION);
	e.model = p->model;
	source_give(&p->s, &e);
	source_state(&p->s, AGENT_WORKING);
}

static void
take_said(struct agent_parser *p, const cJSON *o)
{
	const char *role = get_string(o, "role");
	char *text = said_of(get(o, "content"));
	struct agent_event e = source_event(&p->s, AGENT_TURN);
	char *id;

	if (text != NULL && role != NULL && strcmp(role, "user") == 0) {
		stream_flush(p);
		e.text = text;
		source_give(&p->s, &e);
		e.type = AGENT_MESSAGE;
		e.id = id = xasprintf(
		    "%llx/L%llu", (unsigned long long)p->begun_ms, (unsigned long long)p->s.at);
		e.role = AGENT_USER;
		source_give(&p->s, &e);
		free(id);
	} else if (text != NULL) {
		if (!get_true(o, "delta"))
			stream_flush(p);
		if (p->said.len == 0) {
			p->said_at = p->s.at;
			p->said_ms = p->s.time_ms;
		}
		buf_puts(&p->said, text);
	}
	free(text);
}

static void
take_tool(struct agent_parser *p, const cJSON *o, bool result)
{
	struct agent_event e =
	    source_event(&p->s, result ? AGENT_TOOL_RESULT : AGENT_TOOL_CALL);
	const char *status = get_string(o, "status");
	char *text = NULL;

	e.id = get_string(o, "tool_id");
	if (e.id == NULL)
		return;
	if (result) {
		text = text_of(get(o, "output"));
		e.text = text != NULL ? text : get_string(get(o, "error"), "message");
		if (status != NULL)
			e.outcome = strcmp(status, "success") == 0 ? AGENT_OK : AGENT_FAILED;
	} else {
		e.name = get_string(o, "tool_name");
		if (e.name == NULL)
			e.name = "unknown";
		e.input = text = text_of(get(o, "parameters"));
	}
	source_give(&p->s, &e);
	free(text);
}

/* Of this process alone. Thoughts are what is in the total only. */
static void
give_stats(struct agent_parser *p, const char *model, const cJSON *stats)
{
	struct agent_event e = source_event(&p->s, AGENT_USAGE);
	int64_t input = get_count(stats, "input_tokens");
	int64_t output = get_count(stats, "output_tokens");
	int64_t total = get_count(stats, "total_tokens");
	char *key;

	if (input < 0 || output < 0)
		return;
	e.usage.cache_read = get_count(stats, "cached");
	e.usage.input = count_less(input, e.usage.cache_read);
	e.usage.output = output;
	if (total >= 0 && total - input >= output) {
		e.usage.output = total - input;
		e.usage.reasoning = total - input - output;
	}
	key = xasprintf("gemini:%s@%lld:%s", p->s.session, (long long)p->begun_ms,
	    model == NULL ? "" : model);
	e.id = key;
	e.rank = (uint64_t)count_sum(input, output); /* of a process, the later is the larger */
	e.model = model;
	if (e.usage.input > 0 || e.usage.output > 0 || e.usage.cache_read > 0)
		source_give(&p->s, &e);
	free(key);
}

static void
take_result(struct agent_parser *p, const cJSON *o)
{
	const cJSON *stats = get(o, "stats"), *models = get(stats, "models"), *m;
	const char *status = get_string(o, "status");
	struct agent_event e = source_event(&p->s, AGENT_TURN_END);

	if (cJSON_IsObject(models) && models->child != NULL) {
		cJSON_ArrayForEach (m, models) {
			give_stats(p, m->string, m);
		}
	} else {
		give_stats(p, p->model, stats);
	}
	e.text = get_string(get(o, "error"), "message");
	e.outcome = status == NULL                   ? AGENT_OUTCOME_UNKNOWN
		    : strcmp(status, "success") == 0 ? AGENT_OK
						     : AGENT_FAILED;
	e.duration_ms = get_count(stats, "duration_ms");
	source_give(&p->s, &e);
	source_state(&p->s, AGENT_DONE);
}

static void
take(struct agent_parser *p, const char *type, const cJSON *o)
{
	if (strcmp(type, "message") == 0) {
		take_said(p, o);
		return;
	}
	stream_flush(p);
	if (strcmp(type, "init") == 0)
		take_init(p, o);
	else if (strcmp(type, "tool_use") == 0)
		take_tool(p, o, false);
	else if (strcmp(type, "tool_result") == 0)
		take_tool(p, o, true);
	else if (strcmp(type, "error") == 0)
		source_note(&p->s, "error", get_string(o, "message"));
	else if (strcmp(type, "result") == 0)
		take_result(p, o);
}

static void
stream_feed(struct agent_parser *p, const char *data, size_t len, uint64_t at)
{
	cJSON *o = source_line(&p->s, data, len, at);

	if (get_string(o, "type") != NULL) {
		p->s.time_ms = get_time(o, "timestamp");
		take(p, get_string(o, "type"), o);
	}
	cJSON_Delete(o);
}

static void
stream_save(const struct agent_parser *p, struct buf *b)
{
	cJSON *o = source_save(&p->s, STATE_VERSION);

	json_add_text(o, "model", p->model);
	cJSON_AddNumberToObject(o, "begun", (double)p->begun_ms);
	if (p->said.len != 0)
		json_add_text(o, "said", p->said.data);
	cJSON_AddNumberToObject(o, "said_at", (double)p->said_at);
	cJSON_AddNumberToObject(o, "said_ms", (double)p->said_ms);
	source_print(o, b);
}

static bool
stream_restore(struct agent_parser *p, const char *json, size_t len)
{
	cJSON *o = source_restore(&p->s, STATE_VERSION, json, len);

	if (o == NULL)
		return false;
	name_model(p, get_string(o, "model"));
	p->begun_ms = get_or_0(o, "begun");
	buf_reset(&p->said);
	if (get_string(o, "said") != NULL)
		buf_puts(&p->said, get_string(o, "said"));
	p->said_at = (uint64_t)get_or_0(o, "said_at");
	p->said_ms = get_or_0(o, "said_ms");
	cJSON_Delete(o);
	return true;
}

static bool
stream_is_stream(const char *line, size_t len)
{
	cJSON *o = source_parse(line, len);
	const char *type = get_string(o, "type");
	bool is = type != NULL && strcmp(type, "init") == 0 &&
		  get_string(o, "session_id") != NULL && get_time(o, "timestamp") != 0;

	cJSON_Delete(o);
	return is;
}

static bool
is_no_source(const char *path)
{
	(void)path;
	return false;
}

static void
give_models(struct agent_parser *p, const cJSON *models)
{
	const cJSON *m;

	cJSON_ArrayForEach (m, models) {
		struct agent_event e = source_event(&p->s, AGENT_USAGE);
		char *key;

		e.usage = gemini_usage(get(m, "tokens"));
		e.model = m->string;
		/* It does not say when: two runs that used the same are taken for one. */
		key = xasprintf("gemini:%s:%s:%lld,%lld,%lld", p->s.session,
		    e.model == NULL ? "" : e.model, (long long)e.usage.input,
		    (long long)e.usage.cache_read, (long long)e.usage.output);
		e.id = key;
		if (e.usage.input >= 0 || e.usage.output >= 0)
			source_give(&p->s, &e);
		free(key);
	}
}

/* `-o json`: what was answered, and what all of the process used. */
static void
json_feed(struct agent_parser *p, const char *data, size_t len, uint64_t at)
{
	cJSON *o = source_line(&p->s, data, len, at);
	struct agent_event e;

	if (get_string(o, "session_id") == NULL) {
		cJSON_Delete(o);
		return;
	}
	source_name(&p->s, get_string(o, "session_id"));
	e = source_event(&p->s, AGENT_SESSION);
	source_give(&p->s, &e);
	if (get_string(o, "response") != NULL)
		buf_puts(&p->said, get_string(o, "response"));
	stream_flush(p);
	give_models(p, get(get(o, "stats"), "models"));
	e = source_event(&p->s, AGENT_TURN_END);
	e.outcome = cJSON_IsObject(get(o, "error")) ? AGENT_FAILED : AGENT_OK;
	e.text = get_string(get(o, "error"), "message");
	source_give(&p->s, &e);
	cJSON_Delete(o);
}

const struct agent_format gemini_stream = {
    .name = "gemini-stream",
    .agent = "gemini",
    .layout = AGENT_LINES,
    .sums = true,
    .is_source = is_no_source,
    .is_stream = stream_is_stream,
    .open = stream_open,
    .feed = stream_feed,
    .flush = stream_flush,
    .save = stream_save,
    .restore = stream_restore,
    .close = stream_close,
    .passed = source_passed,
};

const struct agent_format gemini_json = {
    .name = "gemini-json",
    .agent = "gemini",
    .layout = AGENT_DOCUMENT,
    .sums = true,
    .is_source = is_no_source,
    .open = stream_open,
    .feed = json_feed,
    .flush = stream_flush,
    .save = stream_save,
    .restore = stream_restore,
    .close = stream_close,
    .passed = source_passed,
};
