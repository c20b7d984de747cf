#include "config.h"

#include "agent/claude_common.h"

#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "agent/touch.h"
#include "base/buf.h"
#include "base/str.h"
#include "base/xmalloc.h"
#include "proto/json.h"

struct agent_event
claude_event(const struct claude_out *o, enum agent_event_type type)
{
	return agent_event_of(type, o->session, o->time_ms, o->at);
}

void
claude_emit(const struct claude_out *o, const struct agent_event *e)
{
	o->sink.event(o->sink.arg, e);
}

void
claude_note(const struct claude_out *o, const char *name, const char *text)
{
	struct agent_event e = claude_event(o, AGENT_NOTE);

	e.name = name;
	e.text = text;
	claude_emit(o, &e);
}

void
claude_state(const struct claude_out *o, enum agent_state state, const char *text)
{
	struct agent_event e = claude_event(o, AGENT_STATE);

	e.state = state;
	e.text = text;
	claude_emit(o, &e);
}

bool
claude_set(char **to, struct jv v)
{
	char *s;

	if (*to != NULL && jv_eq(v, *to))
		return false;
	if ((s = jv_text(v)) == NULL)
		return false;
	if (*to != NULL && strcmp(*to, s) == 0) {
		free(s);
		return false;
	}
	free(*to);
	*to = s;
	return true;
}

/* Blocks. */

static unsigned
part_of(struct claude_out *o, const char *id, struct jv block)
{
	uint64_t message = jv_hash(id, strlen(id));
	uint64_t content = jv_hash(block.s, (size_t)(block.e - block.s));
	unsigned n = o->blocks_n < CLAUDE_BLOCKS ? o->blocks_n : CLAUDE_BLOCKS, part = 0;
	struct claude_block *b;

	for (unsigned i = 0; i < n; i++) {
		b = &o->blocks[i];
		if (b->message != message)
			continue;
		if (b->content == content)
			return b->part;
		if (b->part >= part)
			part = b->part + 1;
	}
	b = &o->blocks[o->blocks_n++ % CLAUDE_BLOCKS];
	if (o->blocks_n == 2 * CLAUDE_BLOCKS)
		o->blocks_n = CLAUDE_BLOCKS;
	*b = (struct claude_block){message, content, part};
	return part;
}

static void
give_text(
    struct claude_out *o, const struct claude_message *m, struct jv of, enum agent_role role)
{
	struct agent_event e = claude_event(o, AGENT_MESSAGE);
	char *text = jv_text(of);

	if (text != NULL && *text != '\0') {
		e.id = m->id;
		e.part = part_of(o, m->id, of);
		e.role = role;
		e.hidden = m->hidden;
		e.text = text;
		claude_emit(o, &e);
	}
	free(text);
}

static void
give_call(struct claude_out *o, const struct claude_message *m, struct jv block)
{
	struct agent_event e = claude_event(o, AGENT_TOOL_CALL);
	char *id = jv_text(jv_get(block, "id")), *name = jv_text(jv_get(block, "name"));
	char *input = jv_raw(jv_get(block, "input"));

	if (id != NULL) {
		e.id = id;
		e.name = name;
		e.input = input;
		e.message = m->id;
		e.hidden = m->hidden;
		claude_emit(o, &e);
	}
	free(id);
	free(name);
	free(input);
}

/* What a tool gave, as text. */
static char *
result_text(struct jv content)
{
	struct jv block;
	struct buf b;

	if (!jv_is_array(content))
		return jv_is_string(content) ? jv_text(content) : jv_raw(content);
	buf_init(&b, BUF_NO_MAX);
	buf_append(&b, "", 0);
	while (jv_next(&content, NULL, &block)) {
		char *s = jv_text(jv_is_string(block) ? block : jv_get(block, "text"));
		if (s == NULL && jv_eq(jv_get(block, "type"), "image"))
			s = xstrdup("[image]");
		if (s != NULL) {
			if (b.len > 0)
				buf_putc(&b, '\n');
			buf_puts(&b, s);
		}
		free(s);
	}
	return buf_take(&b);
}

static enum agent_outcome
result_outcome(struct jv block, const char *text, struct jv own)
{
	static const char *const denied[] = {"The user doesn't want to ",
	    "Permission prompt was aborted", "Permission to use ", "User rejected ",
	    "Claude requested permissions "};

	if (jv_true(jv_get(own, "interrupted")))
		return AGENT_INTERRUPTED;
	if (!jv_true(jv_get(block, "is_error")))
		return AGENT_OK;
	for (size_t i = 0; text != NULL && i < sizeof denied / sizeof *denied; i++)
		if (str_starts(text, denied[i]))
			return AGENT_DENIED;
	if (text != NULL && str_starts(text, "[Request interrupted"))
		return AGENT_INTERRUPTED;
	return AGENT_FAILED;
}

static int64_t
result_duration(struct jv own)
{
	int64_t ms = jv_count(jv_get(own, "durationMs"));

	return ms != AGENT_UNKNOWN ? ms : jv_count(jv_get(own, "totalDurationMs"));
}

/* Its first and last line of the new file that are not context; false: it has none. */
static bool
changed_lines(struct jv hunk, int64_t *first, int64_t *last)
{
	struct jv at = jv_get(hunk, "lines"), line;
	int64_t n = jv_count(jv_get(hunk, "newStart"));

	*first = 0;
	if (n < 0 || n > TOUCH_LAST || !jv_is_array(at))
		return false;
	n += n == 0;
	while (n < TOUCH_LAST && jv_next(&at, NULL, &line)) {
		char c = jv_is_string(line) && line.e - line.s > 2 ? line.s[1] : ' ';

		if (c == '+' || c == '-') {
			*first = *first != 0 ? *first : n;
			*last = n;
		}
		n += c == '+' || c == ' ';
	}
	return *first != 0;
}

/* What it changed, as the agent keeps it for itself; NULL: nothing that it says. */
static char *
result_patch(struct jv own)
{
	struct jv at = jv_get(own, "structuredPatch"), hunk;
	char *path = jv_is_array(at) ? jv_text(jv_get(own, "filePath")) : NULL;
	int64_t first, last;
	unsigned n = 0;
	struct buf b;

	buf_init(&b, BUF_NO_MAX);
	if (path != NULL && strchr(path, '\n') == NULL && strlen(path) < TOUCH_PATH_MAX) {
		while (n < TOUCH_MAX && jv_next(&at, NULL, &hunk)) {
			if (!changed_lines(hunk, &first, &last))
				continue;
			if (n++ == 0)
				buf_printf(&b, "*** Begin Patch\n*** Update File: %s\n", path);
			buf_printf(&b, "@@ -%lld,0 +%lld,%lld @@\n", (long long)first,
			    (long long)first, (long long)last - first + 1);
		}
	}
	free(path);
	return n != 0 ? buf_take(&b) : NULL;
}

static void
give_result(struct claude_out *o, const struct claude_message *m, struct jv block)
{
	struct agent_event e = claude_event(o, AGENT_TOOL_RESULT);
	char *id = jv_text(jv_get(block, "tool_use_id"));
	char *text = id != NULL ? result_text(jv_get(block, "content")) : NULL;
	char *patch = id != NULL ? result_patch(m->result) : NULL;

	if (id != NULL) {
		e.id = id;
		e.text = text;
		e.outcome = result_outcome(block, text, m->result);
		e.duration_ms = result_duration(m->result);
		e.input = patch;
		e.message = m->id;
		e.hidden = m->hidden;
		claude_emit(o, &e);
	}
	free(id);
	free(text);
	free(patch);
}

static bool
type_ends(struct jv block, const char *type)
{
	struct jv t = jv_get(block, "type");
	size_t len = strlen(type);

	return jv_is_string(t) && (size_t)(t.e - t.s) >= len + 2 &&
	       memcmp(t.e - 1 - len, type, len) == 0;
}

void
claude_content(struct claude_out *o, const struct claude_message *m)
{
	struct jv at = m->content, block;

	if (jv_is_string(at))
		give_text(o, m, at, m->role);
	if (!jv_is_array(at))
		return;
	while (jv_next(&at, NULL, &block)) {
		struct jv type = jv_get(block, "type");
		if (jv_is_string(block))
			give_text(o, m, block, m->role);
		else if (jv_eq(type, "text"))
			give_text(o, m, jv_get(block, "text"), m->role);
		else if (jv_eq(type, "thinking"))
			give_text(o, m, jv_get(block, "thinking"), AGENT_THINKING);
		else if (type_ends(block, "tool_use"))
			give_call(o, m, block);
		else if (type_ends(block, "tool_result"))
			give_result(o, m, block);
	}
}

char *
claude_first_text(struct jv content)
{
	struct jv block;

	if (jv_is_string(content))
		return jv_text(content);
	if (!jv_is_array(content))
		return NULL;
	while (jv_next(&content, NULL, &block)) {
		if (jv_is_string(block))
			return jv_text(block);
		if (jv_eq(jv_get(block, "type"), "text"))
			return jv_text(jv_get(block, "text"));
	}
	return NULL;
}

bool
claude_has_block(struct jv content, const char *type)
{
	struct jv block;

	if (jv_is_array(content))
		while (jv_next(&content, NULL, &block))
			if (type_ends(block, type))
				return true;
	return false;
}

/* Usage. */

bool
claude_usage(struct jv usage, struct agent_usage *u)
{
	struct jv split = jv_get(usage, "cache_creation");
	int64_t written = jv_count(jv_get(usage, "cache_creation_input_tokens")), known = 0;

	*u = agent_usage_unknown;
	u->input = jv_count(jv_get(usage, "input_tokens"));
	u->output = jv_count(jv_get(usage, "output_tokens"));
	u->cache_read = jv_count(jv_get(usage, "cache_read_input_tokens"));
	u->cache_write_5m = jv_count(jv_get(split, "ephemeral_5m_input_tokens"));
	u->cache_write_1h = jv_count(jv_get(split, "ephemeral_1h_input_tokens"));
	u->reasoning = jv_count(jv_path(usage, "output_tokens_details", "thinking_tokens"));
	u->searches = jv_count(jv_path(usage, "server_tool_use", "web_search_requests"));
	if (u->cache_write_5m > 0)
		known += u->cache_write_5m;
	if (u->cache_write_1h > 0)
		known += u->cache_write_1h;
	/* What is in no part of the split is taken as of the default, 5 minutes. */
	if (written > known)
		u->cache_write_5m =
		    (u->cache_write_5m > 0 ? u->cache_write_5m : 0) + written - known;
	else if (written == 0 && u->cache_write_5m == AGENT_UNKNOWN)
		u->cache_write_5m = 0;
	return u->input >= 0 || u->output >= 0 || u->cache_read >= 0 ||
	       u->cache_write_5m >= 0 || u->cache_write_1h >= 0;
}

void
claude_api_error(const struct claude_out *o, struct jv error, struct jv content)
{
	char *text = claude_first_text(content);
	bool limit = jv_eq(error, "rate_limit") ||
		     (text != NULL && strstr(text, "usage limit reached") != NULL);

	if (text == NULL)
		text = jv_text(error);
	claude_note(o, limit ? "rate_limit" : "error", text);
	free(text);
}

/* What is kept. */

void
claude_save_blocks(const struct claude_out *o, cJSON *to)
{
	unsigned n = o->blocks_n < CLAUDE_BLOCKS ? o->blocks_n : CLAUDE_BLOCKS;
	struct buf b;
	char *s;

	buf_init(&b, BUF_NO_MAX);
	buf_append(&b, "", 0);
	for (unsigned i = 0; i < n; i++)
		buf_printf(&b, "%016llx %016llx %u\n", (unsigned long long)o->blocks[i].message,
		    (unsigned long long)o->blocks[i].content, o->blocks[i].part);
	cJSON_AddStringToObject(to, "blocks", s = buf_take(&b));
	cJSON_AddNumberToObject(to, "next_block", o->blocks_n);
	free(s);
}

void
claude_restore_blocks(struct claude_out *o, const cJSON *from)
{
	const char *s = json_string(from, "blocks");
	uint64_t next = 0;
	unsigned n;

	for (n = 0; s != NULL && *s != '\0' && n < CLAUDE_BLOCKS; n++) {
		struct claude_block *b = &o->blocks[n];
		char *end;
		b->message = strtoull(s, &end, 16);
		b->content = strtoull(end, &end, 16);
		b->part = (unsigned)strtoul(end, &end, 10);
		if (end == s || *end != '\n')
			break;
		s = end + 1;
	}
	json_u64(from, "next_block", 0, 2 * CLAUDE_BLOCKS - 1, &next);
	o->blocks_n = n < CLAUDE_BLOCKS ? n : (unsigned)next;
	if (n == CLAUDE_BLOCKS && next < CLAUDE_BLOCKS)
		o->blocks_n = CLAUDE_BLOCKS;
}
