/*
 * Transcripts of Claude Code: <config>/projects/<directory>/<session>.jsonl, and those of
 * sub-agents in <session>/subagents/, below which workflows have directories of their own.
 *
 * Billing goes by the order of the file and the ids of the API, whatever branch a line is on. A
 * session that was rewound goes on with a prompt that has the parent of an earlier one: what lies
 * between is noted as a rewind, and the reader of the events hides it. Only prompts are remembered
 * for it, the last 64 of them; other gaps in the chain mean nothing, as lines are missing from it.
 *
 * Lines whose type is not known here are skipped, and so are those that repeat what others say
 * (progress, queue-operation, last-prompt) or are of the agent's own (file-history-snapshot).
 *
 * Not said by transcripts, and therefore not counted: the call for a session's title, and what a
 * WebSearch asks on the side. That a permission is waited for is not said either.
 */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/claude_priv.h"
#include "agent/formats.h"
#include "base/buf.h"
#include "base/str.h"
#include "base/xmalloc.h"

/* Turns. */

static void
set_state(struct claude *c, enum agent_state state, const char *text)
{
	if (c->sub && state != AGENT_DONE)
		return;
	if (!c->sub && c->state == state)
		return;
	if (!c->sub)
		c->state = state;
	claude_state(&c->out, state, text);
}

static void
end_turn(struct claude *c, enum agent_outcome outcome, int64_t duration_ms, const char *text)
{
	struct agent_event e = claude_event(&c->out, AGENT_TURN_END);

	if (c->sub || (!c->turn_open && duration_ms == AGENT_UNKNOWN))
		return;
	e.id = c->turn;
	e.outcome = outcome;
	e.duration_ms = duration_ms;
	e.text = text;
	c->turn_open = false;
	claude_emit(&c->out, &e);
	set_state(c, AGENT_WAITS_INPUT, NULL);
}

/* Notes a branch that this prompt leaves. */
static void
look_back(struct claude *c, const struct claude_line *l)
{
	struct claude_prompt new = {
	    claude_hash(l->f[F_PARENT_UUID]), claude_hash(l->f[F_UUID]), c->out.at};
	unsigned n = c->prompts_n < CLAUDE_PROMPTS ? c->prompts_n : CLAUDE_PROMPTS;
	struct claude_prompt *old = NULL;
	char at[32];

	if (c->sub || new.parent == 0 || new.uuid == 0)
		return;
	for (unsigned i = 0; i < n; i++) {
		struct claude_prompt *p = &c->prompts[i];
		if (p->uuid == new.uuid)
			return; /* a copy */
		if (p->parent == new.parent && (old == NULL || p->at < old->at))
			old = p;
	}
	if (old != NULL) {
		snprintf(at, sizeof at, "%llu", (unsigned long long)old->at);
		claude_note(&c->out, "rewind", at);
	}
	c->prompts[c->prompts_n++ % CLAUDE_PROMPTS] = new;
	if (c->prompts_n == 2 * CLAUDE_PROMPTS)
		c->prompts_n = CLAUDE_PROMPTS;
}

static void
begin_turn(struct claude *c, const struct claude_line *l, const char *text)
{
	struct jv id = l->f[jv_is_string(l->f[F_PROMPT_ID]) ? F_PROMPT_ID : F_UUID];
	struct agent_event e = claude_event(&c->out, AGENT_TURN);

	look_back(c, l);
	if (c->sub)
		return;
	if (!claude_set(&c->turn, id) && c->turn_open)
		return;
	if (!jv_is_string(id)) {
		free(c->turn);
		c->turn = NULL;
	}
	e.id = c->turn;
	e.text = text;
	c->turn_open = true;
	claude_emit(&c->out, &e);
	/* A command of the agent itself may be answered by no model. */
	if (!str_starts(text, "<command-"))
		set_state(c, AGENT_WORKING, NULL);
}

/* Messages. */

/* Its uuid, and without one what it says: the same wherever it is written. */
static char *
line_id(const struct claude_line *l)
{
	char *id = jv_text(l->f[F_UUID]);

	if (id != NULL && *id != '\0')
		return id;
	free(id);
	return xasprintf("line-%016llx",
	    (unsigned long long)jv_hash(l->whole.s, (size_t)(l->whole.e - l->whole.s)));
}

static bool
of_the_agent(const char *text)
{
	static const char *const begins[] = {"<local-command-", "<bash-", "<system-reminder>",
	    "[Request interrupted by user", "Caveat: The messages below"};

	for (size_t i = 0; i < sizeof begins / sizeof *begins; i++)
		if (str_starts(text, begins[i]))
			return true;
	return false;
}

static void
read_user(struct claude *c, const struct claude_line *l)
{
	char *id = line_id(l), *text;
	struct claude_message m = {.id = id,
	    .role = AGENT_USER,
	    .content = jv_get(l->f[F_MESSAGE], "content"),
	    .result = l->f[F_RESULT]};
	bool results = claude_has_block(m.content, "tool_result"), interrupted;

	text = claude_first_text(m.content);
	interrupted = text != NULL && str_starts(text, "[Request interrupted by user");
	if (jv_true(l->f[F_COMPACT_SUMMARY]) || jv_true(l->f[F_META])) {
		m.role = AGENT_SYSTEM;
		m.hidden = true;
	} else if (text != NULL && of_the_agent(text)) {
		m.role = AGENT_SYSTEM;
		m.hidden = !interrupted;
	} else if (text != NULL && *text != '\0' && !results) {
		begin_turn(c, l, text);
	}
	claude_content(&c->out, &m);
	if (interrupted)
		end_turn(c, AGENT_INTERRUPTED, AGENT_UNKNOWN, NULL);
	else if (results && c->turn_open)
		set_state(c, AGENT_WORKING, NULL);
	free(text);
	free(id);
}

/* The same call of the API has the same key in every copy of it. Ids that are none of the API's
 * are told apart by the request, or the session. */
static char *
usage_key(struct claude *c, const struct claude_line *l, const char *message)
{
	char *more, *key, *line;

	if (message == NULL || *message == '\0') {
		line = line_id(l);
		key = xasprintf("claude:%s", line);
		free(line);
		return key;
	}
	if (str_starts(message, "msg_") || strlen(message) >= 16)
		return xasprintf("claude:%s", message);
	more = jv_text(l->f[F_REQUEST_ID]);
	key = xasprintf("claude:%s/%s", message, more != NULL ? more : c->session);
	free(more);
	return key;
}

static void
give_usage(struct claude *c, const struct claude_line *l, const char *message)
{
	struct jv usage = jv_get(l->f[F_MESSAGE], "usage");
	struct agent_event e = claude_event(&c->out, AGENT_USAGE);
	char *key, *model;

	if (!claude_usage(usage, &e.usage))
		return;
	e.id = key = usage_key(c, l, message);
	e.model = model = jv_text(jv_get(l->f[F_MESSAGE], "model"));
	e.message = message;
	e.rank = e.usage.output > 0 ? (uint64_t)e.usage.output : 0;
	e.fast = jv_eq(jv_get(usage, "speed"), "fast");
	e.cost_usd = jv_double(l->f[F_COST], -1);
	if (e.cost_usd < 0)
		e.cost_usd = -1;
	claude_emit(&c->out, &e);
	free(key);
	free(model);
}

static bool
asks_person(struct jv content)
{
	struct jv block, name;

	if (jv_is_array(content)) {
		while (jv_next(&content, NULL, &block)) {
			name = jv_get(block, "name");
			if (jv_eq(name, "AskUserQuestion") || jv_eq(name, "ExitPlanMode"))
				return true;
		}
	}
	return false;
}

static void
read_assistant(struct claude *c, const struct claude_line *l)
{
	struct jv message = l->f[F_MESSAGE], stop = jv_get(message, "stop_reason");
	char *own = jv_text(jv_get(message, "id")), *id = NULL;
	struct claude_message m = {
	    .role = AGENT_ASSISTANT, .content = jv_get(message, "content")};

	if (jv_eq(jv_get(message, "model"), "<synthetic>") || jv_true(l->f[F_API_ERROR])) {
		if (jv_true(l->f[F_API_ERROR]) || jv_is_string(l->f[F_ERROR])) {
			claude_api_error(&c->out, l->f[F_ERROR], m.content);
			end_turn(c, AGENT_FAILED, AGENT_UNKNOWN, NULL);
		}
		free(own);
		return;
	}
	m.id = own != NULL && *own != '\0' ? own : (id = line_id(l));
	claude_content(&c->out, &m);
	give_usage(c, l, own);
	if (jv_eq(stop, "end_turn") || jv_eq(stop, "stop_sequence") || jv_eq(stop, "refusal")) {
		end_turn(c, AGENT_OK, AGENT_UNKNOWN, NULL);
		set_state(c, c->sub ? AGENT_DONE : AGENT_WAITS_INPUT, NULL);
	} else if (asks_person(m.content)) {
		set_state(c, AGENT_WAITS_INPUT, NULL);
	} else {
		set_state(c, AGENT_WORKING, NULL);
	}
	free(own);
	free(id);
}

/* Other lines. */

static void
read_system(struct claude *c, const struct claude_line *l)
{
	struct jv subtype = l->f[F_SUBTYPE];
	char *text = jv_text(l->f[F_CONTENT]);

	if (jv_eq(subtype, "compact_boundary") || jv_eq(subtype, "microcompact_boundary"))
		claude_note(&c->out, "compaction", text);
	else if (jv_eq(subtype, "turn_duration"))
		end_turn(c, AGENT_OK, jv_count(l->f[F_DURATION]), NULL);
	else if (jv_eq(subtype, "api_error"))
		claude_note(&c->out, "retry", text);
	else if (jv_eq(l->f[F_LEVEL], "error"))
		claude_note(&c->out, "error", text);
	free(text);
}

/* What was typed while the agent worked. */
static void
read_attachment(struct claude *c, const struct claude_line *l)
{
	struct jv a = l->f[F_ATTACHMENT], prompt = jv_get(a, "prompt");
	char *id, *text;
	struct claude_message m = {.role = AGENT_USER, .content = prompt};

	if (!jv_eq(jv_get(a, "type"), "queued_command"))
		return;
	text = claude_first_text(prompt);
	m.id = id = line_id(l);
	if (text != NULL && str_starts(text, "<")) {
		m.role = AGENT_SYSTEM;
		m.hidden = true;
	}
	claude_content(&c->out, &m);
	free(text);
	free(id);
}

static void
read_cost(struct claude *c, const struct claude_line *l)
{
	struct agent_event e = claude_event(&c->out, AGENT_COST);

	e.cost_usd = jv_double(l->f[F_TOTAL_COST], -1);
	if (e.cost_usd >= 0)
		claude_emit(&c->out, &e);
}

static void
feed_line(struct claude *c, const struct claude_line *l)
{
	static const struct {
		const char *type;
		void (*read)(struct claude *c, const struct claude_line *l);
	} kinds[] = {{"user", read_user}, {"assistant", read_assistant},
	    {"system", read_system}, {"attachment", read_attachment}, {"cost-state", read_cost},
	    {"ai-title", claude_title}, {"custom-title", claude_title}};
	struct jv type = l->f[F_TYPE];

	if (jv_eq(type, "summary")) {
		claude_summary(c, l);
		return;
	}
	if (!jv_is_string(type))
		type = jv_get(l->f[F_MESSAGE], "role"); /* some old lines have no type */
	for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
		if (!jv_eq(type, kinds[i].type))
			continue;
		claude_enter(c, l);
		kinds[i].read(c, l);
		if (!c->sub)
			claude_find_title(c);
		return;
	}
}

static void
feed(struct agent_parser *p, const char *data, size_t len, uint64_t at)
{
	struct claude *c = (struct claude *)p;
	struct claude_line l;

	c->out.at = at;
	c->out.time_ms = 0;
	c->out.session = c->session != NULL ? c->session : c->file_session;
	if (claude_line_read(data, len, &l)) {
		c->out.time_ms = jv_time(l.f[F_TIMESTAMP]);
		feed_line(c, &l);
	} else if (!jv_blank(data, len)) {
		claude_note(&c->out, "unreadable", NULL);
	}
}

static void
flush(struct agent_parser *p)
{
	(void)p; /* nothing waits but titles of lines that never came */
}

/* .../projects/<directory>/<session>.jsonl, or .../<session>/subagents/.../agent-<id>.jsonl. */
static bool
is_source(const char *path)
{
	const char *file = strrchr(path, '/');
	size_t len;

	file = file != NULL ? file + 1 : path;
	len = strlen(file);
	if (len <= 6 || strcmp(file + len - 6, ".jsonl") != 0)
		return false;
	return strstr(path, "/subagents/") == NULL || str_starts(file, "agent-");
}

/* The names that a path gives, for lines that have none. */
static void
read_path(struct claude *c, const char *path)
{
	const char *file = strrchr(path, '/'), *sub = strstr(path, "/subagents/"), *dir;
	size_t len;

	file = file != NULL ? file + 1 : path;
	len = strlen(file);
	if (len > 6 && strcmp(file + len - 6, ".jsonl") == 0)
		len -= 6;
	if (str_starts(file, "agent-") && len > 6)
		c->file_agent = xstrndup(file + 6, len - 6);
	if (sub != NULL) {
		for (dir = sub; dir > path && dir[-1] != '/'; dir--)
			;
		c->file_session = xstrndup(dir, (size_t)(sub - dir));
	} else {
		c->file_session = xstrndup(file, len);
	}
}

static struct agent_parser *
open_transcript(const char *path, const struct agent_sink *sink)
{
	struct claude *c = xcalloc(1, sizeof *c);

	c->out.sink = *sink;
	c->state = AGENT_DEAD;
	read_path(c, path != NULL ? path : "");
	return (struct agent_parser *)c;
}

static void
close_transcript(struct agent_parser *p)
{
	struct claude *c = (struct claude *)p;

	claude_forget(c);
	free(c->file_session);
	free(c->file_agent);
	free(c);
}

const struct agent_format claude_transcript = {
    .name = "claude-transcript",
    .agent = "claude",
    .layout = AGENT_LINES,
    .is_source = is_source,
    .open = open_transcript,
    .feed = feed,
    .flush = flush,
    .save = claude_save,
    .restore = claude_restore,
    .close = close_transcript,
};
