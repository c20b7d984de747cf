#include "config.h"

#include "agent/opencode.h"

#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "agent/formats.h"
#include "base/buf.h"
#include "base/xmalloc.h"

enum { STATE_VERSION = 1 };

struct agent_parser {
	struct source s;
	char *message; /* whose steps are added up */
	struct opencode_sum sum;
	bool working;
};

enum { RANK_SHIFT = 48 };

struct agent_usage
opencode_usage(const cJSON *t)
{
	const cJSON *cache = get(t, "cache");
	struct agent_usage u = {.input = get_count(t, "input"),
	    .cache_read = get_count(cache, "read"),
	    .cache_write_5m = get_count(cache, "write"),
	    .cache_write_1h = AGENT_UNKNOWN,
	    .reasoning = get_count(t, "reasoning")};

	u.output = count_sum(get_count(t, "output"), u.reasoning);
	return u;
}

void
opencode_sum_add(struct opencode_sum *sum, const cJSON *step)
{
	struct agent_usage u = opencode_usage(get(step, "tokens"));
	double cost = get_cost(step, "cost");

	if (sum->steps++ == 0) {
		sum->usage = u;
		sum->cost_usd = cost;
		return;
	}
	sum->usage.input = count_sum(sum->usage.input, u.input);
	sum->usage.cache_read = count_sum(sum->usage.cache_read, u.cache_read);
	sum->usage.cache_write_5m = count_sum(sum->usage.cache_write_5m, u.cache_write_5m);
	sum->usage.output = count_sum(sum->usage.output, u.output);
	sum->usage.reasoning = count_sum(sum->usage.reasoning, u.reasoning);
	if (cost > 0)
		sum->cost_usd = (sum->cost_usd > 0 ? sum->cost_usd : 0) + cost;
}

/* Below 1 << RANK_SHIFT. */
static uint64_t
tokens_of(const struct agent_usage *u)
{
	int64_t n = count_sum(
	    count_sum(u->input, u->output), count_sum(u->cache_read, u->cache_write_5m));
	uint64_t most = ((uint64_t)1 << RANK_SHIFT) - 1;

	return n < 0 ? 0 : (uint64_t)n < most ? (uint64_t)n : most;
}

void
opencode_give_usage(const struct source *s, const char *message, const char *model,
    const struct opencode_sum *sum, enum opencode_rank rank)
{
	struct agent_event e = source_event(s, AGENT_USAGE);
	char *key = xasprintf("opencode:%s", message);

	e.id = key;
	e.rank = ((uint64_t)rank << RANK_SHIFT) + tokens_of(&sum->usage);
	e.message = message;
	e.model = model;
	e.usage = sum->usage;
	e.cost_usd = sum->cost_usd > 0 ? sum->cost_usd : -1; /* 0: it knows no price */
	if (e.usage.input > 0 || e.usage.output > 0 || e.usage.cache_read > 0 ||
	    e.usage.cache_write_5m > 0)
		source_give(s, &e);
	free(key);
}

void
opencode_give_session(const struct source *s, const cJSON *session)
{
	struct agent_event e = source_event(s, AGENT_SESSION);

	e.parent = get_string(session, "parentID");
	e.cwd = get_string(session, "directory");
	e.title = get_string(session, "title");
	e.version = get_string(session, "version");
	e.time_ms = get_time(get(session, "time"), "created");
	source_give(s, &e);
}

static enum agent_outcome
outcome_of(const char *tool, const cJSON *state)
{
	const char *status = get_string(state, "status"), *error = get_string(state, "error");
	const cJSON *exit = get(get(state, "metadata"), "exit");

	if (status == NULL)
		return AGENT_OUTCOME_UNKNOWN;
	if (strcmp(status, "error") == 0 && error != NULL &&
	    strstr(error, "rejected permission"))
		return AGENT_DENIED;
	if (strcmp(status, "error") == 0 && error != NULL && strstr(error, "aborted"))
		return AGENT_INTERRUPTED;
	if (strcmp(status, "error") == 0 || strcmp(tool, "invalid") == 0)
		return AGENT_FAILED;
	if (strcmp(status, "completed") != 0)
		return AGENT_OUTCOME_UNKNOWN;
	return cJSON_IsNumber(exit) && exit->valuedouble != 0 ? AGENT_FAILED : AGENT_OK;
}

static void
give_tool(const struct source *s, const cJSON *part, const char *id, const char *message)
{
	const cJSON *state = get(part, "state"), *time = get(state, "time");
	struct agent_event e = source_event(s, AGENT_TOOL_CALL);
	int64_t from = get_time(time, "start"), to = get_time(time, "end");
	const char *tool = get_string(part, "tool");
	char *input = text_of(get(state, "input"));

	if (tool == NULL)
		tool = "unknown";
	e.id = get_string(part, "callID") != NULL ? get_string(part, "callID") : id;
	e.message = message;
	e.name = tool;
	e.input = input;
	if (from != 0)
		e.time_ms = from;
	source_give(s, &e);
	e.type = AGENT_TOOL_RESULT;
	e.name = e.input = NULL;
	e.text = get_string(state, "output");
	if (e.text == NULL)
		e.text = get_string(state, "error");
	e.outcome = outcome_of(tool, state);
	if (e.outcome == AGENT_OK) /* what it has changed, with whole paths */
		e.input = get_string(get(state, "metadata"), "diff");
	if (to != 0)
		e.time_ms = to;
	if (from != 0 && to >= from)
		e.duration_ms = to - from;
	if (e.text != NULL || e.outcome != AGENT_OUTCOME_UNKNOWN)
		source_give(s, &e);
	free(input);
}

void
opencode_give_part(const struct source *s, const cJSON *part, const char *id,
    const char *message, enum agent_role role)
{
	struct agent_event e = source_event(s, AGENT_MESSAGE);
	const char *type = get_string(part, "type");

	if (id == NULL)
		id = get_string(part, "id");
	if (message == NULL)
		message = get_string(part, "messageID");
	if (type == NULL || id == NULL)
		return;
	e.id = id;
	e.message = message;
	e.text = get_string(part, "text");
	e.role = strcmp(type, "reasoning") == 0 ? AGENT_THINKING : role;
	e.hidden = get_true(part, "synthetic") || get_true(part, "ignored");
	if (strcmp(type, "tool") == 0) {
		give_tool(s, part, id, message);
	} else if (strcmp(type, "text") == 0 || strcmp(type, "reasoning") == 0) {
		if (e.text != NULL)
			source_give(s, &e);
	} else if (strcmp(type, "compaction") == 0) {
		source_note(s, "compaction", NULL);
	} else if (strcmp(type, "retry") == 0) {
		source_note(s, "retry", get_string(get(get(part, "error"), "data"), "message"));
	}
}

void
opencode_give_error(const struct source *s, const cJSON *error)
{
	const char *text = get_string(get(error, "data"), "message");

	if (cJSON_IsObject(error))
		source_note(s, "error", text != NULL ? text : get_string(error, "name"));
}

static struct agent_parser *
oc_open(const char *path, const struct agent_sink *sink)
{
	struct agent_parser *p = xcalloc(1, sizeof *p);

	source_open(&p->s, path, sink);
	return p;
}

static void
oc_close(struct agent_parser *p)
{
	source_close(&p->s);
	free(p->message);
	free(p);
}

static void
take_step(struct agent_parser *p, const cJSON *part)
{
	const char *message = get_string(part, "messageID"),
		   *reason = get_string(part, "reason");
	struct agent_event e = source_event(&p->s, AGENT_TURN_END);

	if (message != NULL) {
		if (p->message == NULL || strcmp(p->message, message) != 0) {
			free(p->message);
			p->message = xstrdup(message);
			p->sum = (struct opencode_sum){0};
		}
		opencode_sum_add(&p->sum, part);
		opencode_give_usage(&p->s, message, NULL, &p->sum, OPENCODE_STEP);
	}
	if (reason == NULL || strcmp(reason, "tool-calls") == 0)
		return;
	p->working = false;
	e.outcome = AGENT_OK;
	e.text = reason;
	source_give(&p->s, &e);
	source_state(&p->s, AGENT_WAITS_INPUT);
}

static void
take_stream(struct agent_parser *p, const char *type, const cJSON *o)
{
	const cJSON *part = get(o, "part");
	struct agent_event e;

	if (!p->working && strcmp(type, "step_start") == 0) {
		e = source_event(&p->s, AGENT_TURN);
		source_give(&p->s, &e);
		source_state(&p->s, AGENT_WORKING);
		p->working = true;
	} else if (strcmp(type, "step_finish") == 0) {
		take_step(p, part);
	} else if (strcmp(type, "error") == 0) {
		opencode_give_error(&p->s, get(o, "error"));
	} else if (cJSON_IsObject(part)) {
		opencode_give_part(&p->s, part, NULL, NULL, AGENT_ASSISTANT);
	}
}

static void
stream_feed(struct agent_parser *p, const char *data, size_t len, uint64_t at)
{
	cJSON *o = source_line(&p->s, data, len, at);
	const char *type = get_string(o, "type");
	struct agent_event e;
	char *before;

	if (type != NULL && get_string(o, "sessionID") != NULL) {
		p->s.time_ms = get_time(o, "timestamp");
		before = xstrdup(p->s.session);
		source_name(&p->s, get_string(o, "sessionID"));
		if (strcmp(before, p->s.session) != 0) {
			e = source_event(&p->s, AGENT_SESSION);
			source_give(&p->s, &e);
		}
		free(before);
		take_stream(p, type, o);
	}
	cJSON_Delete(o);
}

/* A file of a message: its tokens, and for its parts whose they are. */
static void
take_message(struct agent_parser *p, const cJSON *o)
{
	const char *role = get_string(o, "role"), *id = get_string(o, "id");
	struct agent_event e = source_event(&p->s, AGENT_MESSAGE);
	struct opencode_sum sum = {0};

	e.id = id;
	e.role = role != NULL && strcmp(role, "user") == 0 ? AGENT_USER : AGENT_ASSISTANT;
	e.model = get_string(o, "modelID");
	source_give(&p->s, &e);
	opencode_give_error(&p->s, get(o, "error"));
	if (!cJSON_IsObject(get(o, "tokens")))
		return;
	opencode_sum_add(&sum, o);
	opencode_give_usage(&p->s, id, e.model, &sum, OPENCODE_MESSAGE);
}

static void
take_part(struct agent_parser *p, const cJSON *o)
{
	const char *type = get_string(o, "type"), *message = get_string(o, "messageID");
	struct opencode_sum sum = {0};

	if (type != NULL && strcmp(type, "step-finish") == 0) {
		opencode_sum_add(&sum, o);
		opencode_give_usage(&p->s, message, NULL, &sum, OPENCODE_STEP);
		return;
	}
	opencode_give_part(&p->s, o, NULL, NULL, AGENT_ROLE_OF_MESSAGE);
}

static void
storage_feed(struct agent_parser *p, const char *data, size_t len, uint64_t at)
{
	cJSON *o = source_line(&p->s, data, len, at);
	const cJSON *time = get(o, "time");
	const char *id = get_string(o, "id"), *session = get_string(o, "sessionID");

	p->s.time_ms = get_time(time, "created");
	if (p->s.time_ms == 0)
		p->s.time_ms = get_time(time, "start");
	if (id != NULL && session == NULL) {
		source_name(&p->s, id);
		opencode_give_session(&p->s, o);
	} else if (id != NULL) {
		source_name(&p->s, session);
		if (get_string(o, "messageID") != NULL)
			take_part(p, o);
		else
			take_message(p, o);
	}
	cJSON_Delete(o);
}

static void
oc_flush(struct agent_parser *p)
{
	(void)p;
}

static void
oc_save(const struct agent_parser *p, struct buf *b)
{
	cJSON *o = source_save(&p->s, STATE_VERSION);

	json_add_text(o, "message", p->message);
	usage_put(o, "usage", &p->sum.usage);
	cJSON_AddNumberToObject(o, "cost", p->sum.cost_usd);
	cJSON_AddNumberToObject(o, "steps", p->sum.steps);
	cJSON_AddBoolToObject(o, "working", p->working);
	source_print(o, b);
}

static bool
oc_restore(struct agent_parser *p, const char *json, size_t len)
{
	cJSON *o = source_restore(&p->s, STATE_VERSION, json, len);

	if (o == NULL)
		return false;
	free(p->message);
	p->message = text_of(get(o, "message"));
	p->sum.usage = usage_get(o, "usage");
	p->sum.cost_usd = get_cost(o, "cost");
	p->sum.steps = (unsigned)get_or_0(o, "steps");
	p->working = get_true(o, "working");
	cJSON_Delete(o);
	return true;
}

static bool
stream_is_stream(const char *line, size_t len)
{
	static const char *const types[] = {"step_start", "error", NULL};
	cJSON *o = source_parse(line, len);
	bool is = is_any(get_string(o, "type"), types) && get_string(o, "sessionID") != NULL &&
		  get_time(o, "timestamp") != 0;

	cJSON_Delete(o);
	return is;
}

static bool
stream_is_source(const char *path)
{
	(void)path;
	return false;
}

static bool
storage_is_source(const char *path)
{
	return path_ends(path, ".json") &&
	       (path_has(path, "/storage/session/") || path_has(path, "/storage/message/") ||
		   path_has(path, "/storage/part/"));
}

const struct agent_format opencode_stream = {
    .name = "opencode-stream",
    .agent = "opencode",
    .layout = AGENT_LINES,
    .is_source = stream_is_source,
    .is_stream = stream_is_stream,
    .open = oc_open,
    .feed = stream_feed,
    .flush = oc_flush,
    .save = oc_save,
    .restore = oc_restore,
    .close = oc_close,
    .passed = source_passed,
};

const struct agent_format opencode_storage = {
    .name = "opencode-storage",
    .agent = "opencode",
    .layout = AGENT_DOCUMENT,
    .is_source = storage_is_source,
    .open = oc_open,
    .feed = storage_feed,
    .flush = oc_flush,
    .save = oc_save,
    .restore = oc_restore,
    .close = oc_close,
    .passed = source_passed,
};
