/*
 * The stream of Claude Code: claude -p --output-format stream-json --verbose.
 *
 * Usage is only in `result`: the frames of the assistant have what was known when a message
 * began. A result says the running totals of its process for each model, with sub-agents and side
 * calls, and what the main loop of this turn took. Counted is how much the totals grew, for each
 * model; where they fell, the process or the session is another one, and they count from 0. Of
 * a process that goes on with a session, the first totals may have that session's earlier turns
 * in them: they have, if they are not just this turn, and at least what was counted before and
 * this turn together. Without totals, what the result says of its turn is counted.
 *
 * None of that has an id of the API. So keys begin with AGENT_STREAM_KEY, and the session's
 * transcript counts instead where it is read as well. The messages and tool calls have the same
 * ids in both. Turns have not, as the stream does not say the prompt: they are named by the init
 * line that begins them.
 *
 * A result has no time either; its usage is of that of the last line that had one.
 *
 * Frames of partial messages, progress and whatever else is not known here are skipped.
 */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "agent/claude_stream.h"
#include "agent/formats.h"
#include "base/buf.h"
#include "base/str.h"
#include "base/xmalloc.h"

static char *
line_name(struct jv line)
{
	char *id = jv_text(jv_get(line, "uuid"));

	if (id != NULL && *id != '\0')
		return id;
	free(id);
	return xasprintf(
	    "line-%016llx", (unsigned long long)jv_hash(line.s, (size_t)(line.e - line.s)));
}

/* Whose line it is: a sub-agent's, or the session's own. */
static void
enter(struct stream *s, struct jv line)
{
	struct jv agent = jv_get(line, "agent_id"), sid = jv_get(line, "session_id");
	char *call = jv_text(jv_get(line, "parent_tool_use_id")), *name;
	struct agent_event e;

	if (jv_is_string(sid) && sid.e - sid.s > 2 && claude_set(&s->session, sid)) {
		s->turn_open = false;
		s->last_state = AGENT_DEAD;
	}
	s->out.session = s->session != NULL ? s->session : s->source;
	s->sub = call != NULL;
	if (call == NULL)
		return;
	name = jv_is_string(agent) ? jv_text(agent) : xstrdup(call);
	free(s->sub_session);
	s->sub_session = xasprintf("%s/%s", s->out.session, name);
	e = claude_event(&s->out, AGENT_SESSION);
	e.session = s->sub_session;
	e.parent = s->out.session;
	claude_emit(&s->out, &e);
	s->out.session = s->sub_session;
	free(name);
	free(call);
}

static void
set_state(struct stream *s, enum agent_state state, const char *text)
{
	if (s->sub || s->last_state == state)
		return;
	s->last_state = state;
	claude_state(&s->out, state, text);
}

static void
read_init(struct stream *s, struct jv line)
{
	struct agent_event e = claude_event(&s->out, AGENT_SESSION);
	char *cwd = jv_text(jv_get(line, "cwd")),
	     *mode = jv_text(jv_get(line, "permissionMode"));
	char *version = jv_text(jv_get(line, "claude_code_version"));

	claude_set(&s->model, jv_get(line, "model"));
	e.cwd = cwd;
	e.mode = mode;
	e.version = version;
	claude_emit(&s->out, &e);
	free(cwd);
	free(mode);
	free(version);
	free(s->turn);
	e = claude_event(&s->out, AGENT_TURN);
	e.id = s->turn = line_name(line);
	s->turn_open = true;
	claude_emit(&s->out, &e);
	set_state(s, AGENT_WORKING, NULL);
}

static void
read_retry(struct stream *s, struct jv line)
{
	char *error = jv_text(jv_get(line, "error"));
	long long attempt = jv_count(jv_get(line, "attempt"));
	long long status = jv_count(jv_get(line, "error_status"));
	char *text =
	    status >= 0
		? xasprintf("%lld: %lld %s", attempt, status, error != NULL ? error : "unknown")
		: xasprintf("%lld: %s", attempt, error != NULL ? error : "unknown");

	claude_note(&s->out, "retry", text);
	free(text);
	free(error);
}

static void
read_denied(struct stream *s, struct jv denial)
{
	struct agent_event e = claude_event(&s->out, AGENT_NOTE);
	char *id = jv_text(jv_get(denial, "tool_use_id"));
	char *tool = jv_text(jv_get(denial, "tool_name"));

	e.name = "permission_denied";
	e.id = id;
	e.text = tool;
	claude_emit(&s->out, &e);
	free(id);
	free(tool);
}

static void
read_system(struct stream *s, struct jv line)
{
	struct jv subtype = jv_get(line, "subtype"), state = jv_get(line, "state");

	if (jv_eq(subtype, "init"))
		read_init(s, line);
	else if (jv_eq(subtype, "api_retry"))
		read_retry(s, line);
	else if (jv_eq(subtype, "compact_boundary"))
		claude_note(&s->out, "compaction", NULL);
	else if (jv_eq(subtype, "permission_denied"))
		read_denied(s, line);
	else if (!jv_eq(subtype, "session_state_changed"))
		return;
	else if (jv_eq(state, "running"))
		set_state(s, AGENT_WORKING, NULL);
	else if (jv_eq(state, "requires_action"))
		set_state(s, AGENT_WAITS_PERMISSION, NULL);
	else if (jv_eq(state, "idle"))
		set_state(s, AGENT_WAITS_INPUT, NULL);
}

static void
read_assistant(struct stream *s, struct jv line)
{
	struct jv message = jv_get(line, "message"), error = jv_get(line, "error");
	char *id = jv_text(jv_get(message, "id"));
	struct claude_message m = {
	    .role = AGENT_ASSISTANT, .content = jv_get(message, "content")};
	bool synthetic = jv_eq(jv_get(message, "model"), "<synthetic>");

	if (synthetic || jv_true(jv_get(line, "is_api_error_message"))) {
		if (jv_is_string(error) || jv_true(jv_get(line, "is_api_error_message")))
			claude_api_error(&s->out, error, m.content);
		free(id);
		return;
	}
	if (!s->sub)
		claude_set(&s->model, jv_get(message, "model"));
	if (id == NULL || *id == '\0') {
		free(id);
		id = line_name(line);
	}
	m.id = id;
	claude_content(&s->out, &m);
	set_state(s, AGENT_WORKING, NULL);
	free(id);
}

static void
read_user(struct stream *s, struct jv line)
{
	char *id = line_name(line);
	struct claude_message m = {.id = id,
	    .role = AGENT_USER,
	    .content = jv_path(line, "message", "content"),
	    .result = jv_get(line, "tool_use_result")};

	if (jv_true(jv_get(line, "isSynthetic"))) {
		m.role = AGENT_SYSTEM;
		m.hidden = true;
	}
	claude_content(&s->out, &m);
	free(id);
}

static void
read_limit(struct stream *s, struct jv line)
{
	struct jv info = jv_get(line, "rate_limit_info");
	char *text;

	if (jv_eq(jv_get(info, "status"), "allowed") || !jv_is_object(info))
		return;
	text = jv_raw(info);
	claude_note(&s->out, "rate_limit", text);
	free(text);
}

static void
end_turn(struct stream *s, struct jv line)
{
	struct agent_event e = claude_event(&s->out, AGENT_TURN_END);
	struct jv subtype = jv_get(line, "subtype"),
		  denials = jv_get(line, "permission_denials");
	struct jv at = jv_get(line, "errors"), v;
	bool failed = jv_true(jv_get(line, "is_error")) || !jv_eq(subtype, "success");
	char *text = NULL;

	if (failed && (text = jv_text(jv_get(line, "result"))) == NULL) {
		if (jv_is_array(at) && jv_next(&at, NULL, &v))
			text = jv_text(v);
		if (text == NULL)
			text = jv_text(subtype);
	}
	if (jv_is_array(denials))
		while (jv_next(&denials, NULL, &v))
			read_denied(s, v);
	if (failed)
		claude_note(&s->out,
		    jv_count(jv_get(line, "api_error_status")) == 429 ? "rate_limit" : "error",
		    text);
	e.id = s->turn;
	e.outcome = failed ? AGENT_FAILED : AGENT_OK;
	e.duration_ms = jv_count(jv_get(line, "duration_ms"));
	e.text = text;
	claude_emit(&s->out, &e);
	s->turn_open = false;
	set_state(s,
	    jv_count(jv_get(line, "queued_turn_count")) > 0 ? AGENT_WORKING : AGENT_DONE, NULL);
	free(text);
}

static void
read_result(struct stream *s, struct jv line)
{
	char *name = line_name(line);
	struct agent_event e = claude_event(&s->out, AGENT_COST);

	stream_usage(s, line, name);
	e.cost_usd = jv_double(jv_get(line, "total_cost_usd"), -1);
	if (e.cost_usd >= 0)
		claude_emit(&s->out, &e);
	end_turn(s, line);
	free(name);
}

static void
feed(struct agent_parser *p, const char *data, size_t len, uint64_t at)
{
	static const struct {
		const char *type;
		void (*read)(struct stream *s, struct jv line);
	} kinds[] = {{"system", read_system}, {"assistant", read_assistant},
	    {"user", read_user}, {"rate_limit_event", read_limit}, {"result", read_result}};
	struct stream *s = (struct stream *)p;
	struct jv line, type;

	s->out.at = at;
	s->out.time_ms = 0;
	s->out.session = s->session != NULL ? s->session : s->source;
	if (!jv_object(data, len, &line)) {
		if (!jv_blank(data, len))
			claude_note(&s->out, "unreadable", NULL);
		return;
	}
	s->out.time_ms = jv_time(jv_get(line, "timestamp"));
	if (s->out.time_ms != 0)
		s->last_ms = s->out.time_ms;
	type = jv_get(line, "type");
	for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
		if (jv_eq(type, kinds[i].type)) {
			enter(s, line);
			kinds[i].read(s, line);
		}
	}
	if (jv_eq(type, "conversation_reset")) {
		stream_reset(s);
		claude_set(&s->session, jv_get(line, "new_conversation_id"));
	}
}

static void
flush(struct agent_parser *p)
{
	(void)p;
}

/* Its init line; or what comes without or before one: a retry, a hook, or an error. Others have
 * lines of these names as well, but not with all of these members. */
static bool
is_stream(const char *line, size_t len)
{
	struct jv o, type, subtype;

	if (!jv_object(line, len, &o) || !jv_is_string(jv_get(o, "session_id")))
		return false;
	type = jv_get(o, "type");
	subtype = jv_get(o, "subtype");
	if (jv_eq(type, "system") && jv_eq(subtype, "init"))
		return jv_is_array(jv_get(o, "tools")) ||
		       jv_is_string(jv_get(o, "claude_code_version"));
	if (jv_eq(type, "system"))
		return jv_is_string(subtype) && jv_is_string(jv_get(o, "uuid"));
	return jv_eq(type, "result") && jv_is_string(subtype) &&
	       jv_count(jv_get(o, "num_turns")) >= 0;
}

static struct agent_parser *
open_stream(const char *path, const struct agent_sink *sink)
{
	struct stream *s = xcalloc(1, sizeof *s);

	s->out.sink = *sink;
	s->source = xstrdup(path != NULL && *path != '\0' ? path : "claude");
	s->last_state = AGENT_DEAD;
	return (struct agent_parser *)s;
}

static void
close_stream(struct agent_parser *p)
{
	struct stream *s = (struct stream *)p;

	stream_forget(s);
	free(s->source);
	free(s->sub_session);
	free(s);
}

const struct agent_format claude_stream = {
    .name = "claude-stream",
    .agent = "claude",
    .layout = AGENT_LINES,
    .is_stream = is_stream,
    .open = open_stream,
    .feed = feed,
    .flush = flush,
    .save = stream_save,
    .restore = stream_restore,
    .close = close_stream,
};
