#include "config.h"

#include "job/flow_result.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "agent/agent.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/utf8.h"
#include "base/xmalloc.h"
#include "job/spool.h"
#include "proto/json.h"

enum {
	PIECE = 64 * 1024,
	LINE_MAX_BYTES = 16 * 1024 * 1024, /* of a stream; what is longer is passed over */
	LOOKED_AT = 50,                    /* lines, for whose stream it is */
	PARTS = 64,                        /* of a message */
};

#define SOURCE "job"

struct reading {
	struct buf text, line; /* text: the beginning of what was written */
	bool cut, agent, skipping, begun;
	unsigned lines;
	uint64_t at;
	const struct agent_format *format;
	struct agent_parser *parser;
	char *message, *parts[PARTS]; /* the last one of the assistant */
};

/* Texts. */

static bool
is_space(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

static void
trim(const char **s, size_t *len)
{
	while (*len != 0 && is_space(**s)) {
		(*s)++;
		(*len)--;
	}
	while (*len != 0 && is_space((*s)[*len - 1]))
		(*len)--;
}

/* ```json ... ```, as agents like to write it. */
static void
unfence(const char **s, size_t *len)
{
	const char *nl;

	if (*len < 7 || memcmp(*s, "```", 3) != 0 || memcmp(*s + *len - 3, "```", 3) != 0 ||
	    (nl = memchr(*s, '\n', *len)) == NULL)
		return;
	*len -= (size_t)(nl - *s) + 1 + 3;
	*s = nl + 1;
	trim(s, len);
}

/* json_parse takes objects only, and bounds their depth. */
static cJSON *
any_json(const char *s, size_t len)
{
	struct buf b;
	cJSON *o, *v = NULL;

	buf_init(&b, BUF_NO_MAX);
	buf_puts(&b, "{\"v\":");
	buf_append(&b, s, len);
	buf_putc(&b, '}');
	o = json_parse(b.data, b.len);
	if (o != NULL && cJSON_GetArraySize(o) == 1)
		v = cJSON_DetachItemFromObjectCaseSensitive(o, "v");
	cJSON_Delete(o);
	buf_release(&b);
	return v;
}

static cJSON *
text_of(const char *s, size_t len)
{
	char *copy = xmalloc(len + 1), *clean;
	cJSON *v;

	for (size_t i = 0; i < len; i++)
		copy[i] = s[i] != '\0' ? s[i] : ' ';
	copy[len] = '\0';
	clean = utf8_sanitize(copy, len);
	v = cJSON_CreateString(clean);
	free(clean);
	free(copy);
	return v;
}

static cJSON *
lines_of(const char *s, size_t len)
{
	cJSON *list = json_array();

	while (len != 0) {
		const char *nl = memchr(s, '\n', len);
		size_t n = nl != NULL ? (size_t)(nl - s) : len, shown = n;

		if (shown != 0 && s[shown - 1] == '\r')
			shown--;
		cJSON_AddItemToArray(list, text_of(s, shown));
		s += n + (nl != NULL);
		len -= n + (nl != NULL);
	}
	return list;
}

int
flow_result_of(
    const char *text, size_t len, enum flow_result kind, bool cut, cJSON **value, char **cause)
{
	const char *all = text;
	size_t all_len;

	trim(&text, &len);
	all = text;
	all_len = len;
	if (kind == FLOW_LINES) {
		*value = lines_of(text, len);
		return 0;
	}
	if (kind == FLOW_TEXT) {
		*value = text_of(text, len);
		return 0;
	}
	unfence(&text, &len);
	*value = cut ? NULL : any_json(text, len);
	if (*value != NULL)
		return 0;
	*value = text_of(all, all_len);
	return cut ? err_set(cause, -EINVAL,
			 "its output has more than %d bytes, which is too much for "
			 "a result of JSON",
			 FLOW_RESULT_MAX)
		   : err_set(cause, -EINVAL, "its output is no JSON");
}

/* Streams of agents. */

static void
forget_message(struct reading *r)
{
	for (int i = 0; i < PARTS; i++) {
		free(r->parts[i]);
		r->parts[i] = NULL;
	}
	free(r->message);
	r->message = NULL;
}

static void
on_event(void *arg, const struct agent_event *e)
{
	struct reading *r = arg;

	if (e->type != AGENT_MESSAGE || e->role != AGENT_ASSISTANT || e->text == NULL ||
	    e->hidden || e->parent != NULL || strchr(e->session, '/') != NULL)
		return;
	if (e->id == NULL || r->message == NULL || strcmp(e->id, r->message) != 0)
		forget_message(r);
	if (e->id != NULL && r->message == NULL)
		r->message = xstrdup(e->id);
	if (e->part < PARTS) {
		free(r->parts[e->part]);
		r->parts[e->part] = xstrdup(e->text);
	}
}

static void
feed_line(struct reading *r)
{
	const struct agent_sink sink = {.event = on_event, .arg = r};

	if (r->format == NULL && r->lines < LOOKED_AT) {
		r->lines++;
		r->format = agent_format_of_stream(r->line.data, r->line.len);
		if (r->format != NULL)
			r->parser = r->format->open(SOURCE, &sink);
	}
	if (r->format != NULL)
		r->format->feed(r->parser, r->line.data, r->line.len, r->at);
}

static void
feed_lines(struct reading *r, const char *data, size_t len)
{
	while (len != 0) {
		const char *nl = memchr(data, '\n', len);
		size_t n = nl != NULL ? (size_t)(nl - data) : len;

		if (!r->skipping && buf_append(&r->line, data, n) != 0) {
			r->skipping = true;
			buf_reset(&r->line);
		}
		if (nl == NULL)
			return;
		if (!r->skipping && r->line.len != 0)
			feed_line(r);
		r->skipping = false;
		buf_reset(&r->line);
		r->at += n + 1;
		data += n + 1;
		len -= n + 1;
	}
}

/* As much of the beginning as is kept; white space before it is none of it. */
static void
keep_text(struct reading *r, const char *data, size_t len)
{
	size_t room;

	while (!r->begun && len != 0 && is_space(*data)) {
		data++;
		len--;
	}
	r->begun |= len != 0;
	room = FLOW_RESULT_MAX - r->text.len;
	for (size_t i = room; i < len && !r->cut; i++)
		r->cut = !is_space(data[i]);
	buf_append(&r->text, data, len < room ? len : room);
}

/* Cut where a character begins. */
static size_t
cut_at(const char *s, size_t len, size_t max)
{
	if (len <= max)
		return len;
	while (max != 0 && ((unsigned char)s[max] & 0xC0) == 0x80)
		max--;
	return max;
}

static void
end_stream(struct reading *r)
{
	struct buf all;
	size_t n;

	if (r->line.len != 0 && !r->skipping)
		feed_line(r);
	if (r->format == NULL)
		return;
	if (r->format->flush != NULL)
		r->format->flush(r->parser);
	buf_init(&all, BUF_NO_MAX);
	for (int i = 0; i < PARTS; i++)
		if (r->parts[i] != NULL)
			buf_printf(&all, "%s%s", all.len != 0 ? "\n" : "", r->parts[i]);
	buf_reset(&r->text);
	n = cut_at(all.data, all.len, FLOW_RESULT_MAX);
	r->cut = n < all.len;
	buf_append(&r->text, all.data, n);
	buf_release(&all);
	r->format->close(r->parser);
}

int
flow_result_read(const char *dir, uint64_t job, uint64_t from, enum flow_result kind,
    bool agent, cJSON **value, bool *cut, char **cause)
{
	struct reading r = {.agent = agent};
	char *piece = xmalloc(PIECE);
	ssize_t n;
	int rc;

	*value = NULL;
	buf_init(&r.text, FLOW_RESULT_MAX);
	buf_init(&r.line, LINE_MAX_BYTES);
	/* Of a plain text no more is read than tells that it is cut. */
	while ((n = spool_read(dir, job, 1, from, piece, PIECE)) > 0 && (agent || !r.cut)) {
		keep_text(&r, piece, (size_t)n);
		if (agent)
			feed_lines(&r, piece, (size_t)n);
		from += (uint64_t)n;
	}
	if (agent)
		end_stream(&r);
	rc = n < 0 ? err_sys(cause, (int)n, "its output cannot be read")
		   : flow_result_of(r.text.data, r.text.len, kind, r.cut, value, cause);
	*cut = r.cut;
	forget_message(&r);
	buf_release(&r.text);
	buf_release(&r.line);
	free(piece);
	return rc;
}
