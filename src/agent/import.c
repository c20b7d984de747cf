#include "config.h"

#include "agent/import.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <uthash.h>

#include "agent/agent.h"
#include "agent/ingest.h"
#include "agent/ingest_priv.h"
#include "agent/jv.h"
#include "base/buf.h"
#include "base/str.h"
#include "base/xmalloc.h"

enum {
	TRIES = 50,           /* lines of JSON that are looked at for what they are */
	NAMED_BY = 64 * 1024, /* bytes, about, that a run is told from others by */
};

struct named {
	char *native;
	UT_hash_handle hh;
};

struct import {
	struct rows rows;
	const struct agent_format *format; /* NULL: not known yet */
	struct agent_parser *parser;
	char *name;
	struct buf part; /* what has not been fed yet */
	uint64_t at;     /* where that begins */
	size_t looked;   /* of it, for what it is */
	unsigned tries;
	bool skipping; /* the rest of a line that is too long */
	uint64_t lines, passed;
	struct named *names;
	char **sessions;
	size_t nsessions;
};

int
import_new(const char *name, const char *format, struct import **out)
{
	const struct agent_format *f = format != NULL ? agent_format_find(format) : NULL;
	struct import *m;

	if (format != NULL && f == NULL)
		return -EINVAL;
	m = xcalloc(1, sizeof *m);
	m->format = f;
	m->name = name != NULL ? xstrdup(name) : NULL;
	buf_init(&m->part, BUF_NO_MAX);
	*out = m;
	return 0;
}

void
import_free(struct import *m)
{
	struct named *n, *next;

	if (m == NULL)
		return;
	if (m->parser != NULL)
		m->format->close(m->parser);
	sessions_batch_free(m->rows.batch);
	rows_release(&m->rows);
	HASH_ITER (hh, m->names, n, next) {
		HASH_DEL(m->names, n);
		free(n->native);
		free(n);
	}
	free(m->sessions);
	buf_release(&m->part);
	free(m->name);
	free(m);
}

/* Events. */

static void
see(struct import *m, const char *native)
{
	struct named *n;

	HASH_FIND_STR(m->names, native, n);
	if (n != NULL || m->nsessions == IMPORT_SESSIONS_MAX)
		return;
	n = xcalloc(1, sizeof *n);
	n->native = xstrdup(native);
	HASH_ADD_KEYPTR(hh, m->names, n->native, strlen(n->native), n);
	m->sessions = xreallocarray(m->sessions, m->nsessions + 1, sizeof *m->sessions);
	m->sessions[m->nsessions++] = n->native;
}

static void
on_event(void *arg, const struct agent_event *e)
{
	struct import *m = arg;
	struct agent_event copy = *e;
	char *key = NULL;

	see(m, e->session);
	/* Sums must not count beside what a transcript has call by call. */
	if (e->type == AGENT_USAGE && m->format->sums && e->id != NULL &&
	    !str_starts(e->id, AGENT_STREAM_KEY))
		copy.id = key = xasprintf("%s%s", AGENT_STREAM_KEY, e->id);
	if (m->rows.batch == NULL)
		rows_begin(&m->rows, sessions_batch_new(), m->format->agent);
	rows_event(&m->rows, &copy);
	free(key);
}

/* What it is. */

static const struct agent_format *
of_content(const char *line, size_t len)
{
	struct jv o;

	if (!jv_object(line, len, &o))
		return NULL;
	if (jv_is_string(jv_get(o, "sessionId")) && jv_is_array(jv_get(o, "messages")))
		return agent_format_find("gemini-chat-document");
	if (jv_is_string(jv_get(o, "sessionId")) && jv_is_string(jv_get(o, "projectHash")))
		return agent_format_find("gemini-chat");
	if (jv_is_object(jv_get(o, "payload")) && jv_is_string(jv_get(o, "type")))
		return agent_format_find("codex-rollout");
	if (jv_is_string(jv_get(o, "stopReason")) && jv_is_string(jv_get(o, "sessionId")))
		return agent_format_find("grok-json");
	if (jv_is_string(jv_get(o, "session_id")) && jv_is_object(jv_get(o, "stats")))
		return agent_format_find("gemini-json");
	if (jv_eq(jv_get(o, "type"), "session") && jv_is_string(jv_get(o, "id")))
		return agent_format_find("pi-session");
	if (jv_eq(jv_get(o, "type"), "session.start") && jv_is_object(jv_get(o, "data")))
		return agent_format_find("copilot-events");
	if (jv_is_string(jv_get(o, "sessionId")) && jv_is_string(jv_get(o, "type")))
		return agent_format_find("claude-transcript");
	return NULL;
}

/* Claude's are any *.jsonl of its directories: it is asked last. */
static const struct agent_format *
of_path(const char *path)
{
	const struct agent_format *claude = NULL;

	for (size_t i = 0; path != NULL && agent_formats[i] != NULL; i++) {
		const struct agent_format *f =
		    agent_format_of_path(agent_formats[i]->agent, path);

		if (f != NULL && strcmp(f->agent, "claude") != 0)
			return f;
		if (f != NULL)
			claude = f;
	}
	return claude;
}

/* Whether this line tells one run from another: those of Codex that go on with a thread begin alike,
 * and number their items anew. */
static bool
is_telling(const struct import *m, const char *line, size_t len)
{
	struct jv o, type;

	if (!jv_object(line, len, &o))
		return false;
	type = jv_get(o, "type");
	return strcmp(m->format->name, "codex-exec") != 0 ||
	       (!jv_eq(type, "thread.started") && !jv_eq(type, "session.created") &&
		   !jv_eq(type, "turn.started"));
}

/* The bytes that name what has no name, the same for the same run however it is cut into pieces; 0:
 * they are not there yet. */
static size_t
telling(const struct import *m, bool end)
{
	size_t at = 0;

	while (at < m->part.len && at < NAMED_BY) {
		const char *line = m->part.data + at;
		const char *nl = memchr(line, '\n', m->part.len - at);

		if (nl == NULL)
			break;
		at += (size_t)(nl - line) + 1;
		if (is_telling(m, line, (size_t)(nl - line)))
			return at - 1;
	}
	return at >= NAMED_BY ? at : end ? m->part.len : 0;
}

/* False: it is not known yet what it is called. */
static bool
open_parser(struct import *m, bool end)
{
	const struct agent_sink sink = {.event = on_event, .arg = m};
	size_t n = m->name == NULL && m->parser == NULL ? telling(m, end) : 1;
	char *name;

	if (m->parser != NULL || n == 0)
		return m->parser != NULL;
	name = m->name != NULL
		   ? xstrdup(m->name)
		   : xasprintf("import-%016llx", (unsigned long long)jv_hash(m->part.data, n));
	m->parser = m->format->open(name, &sink);
	free(name);
	return true;
}

static void
look_at(struct import *m, const char *line, size_t len, bool last)
{
	struct jv o;

	if (!jv_object(line, len, &o))
		return;
	m->tries++;
	m->format = agent_format_of_stream(line, len);
	if (m->format == NULL)
		m->format = of_content(line, len);
	if (m->format == NULL && (last || m->tries == TRIES))
		m->format = of_path(m->name);
}

/* Line by line; in the end what is there is looked at whole. */
static void
find_format(struct import *m, bool end)
{
	const char *nl;

	while (m->format == NULL && m->tries < TRIES &&
	       (nl = memchr(m->part.data + m->looked, '\n', m->part.len - m->looked)) != NULL) {
		const char *line = m->part.data + m->looked;

		look_at(m, line, (size_t)(nl - line), false);
		m->looked = (size_t)(nl + 1 - m->part.data);
	}
	if (m->format == NULL && end && m->part.len != 0) {
		look_at(m, m->part.data + m->looked, m->part.len - m->looked, true);
		if (m->format == NULL)
			look_at(m, m->part.data, m->part.len, true);
		if (m->format == NULL && m->tries != 0)
			m->format = of_path(m->name);
	}
}

/* Feeding. */

static void
feed_line(struct import *m, const char *line, size_t len, uint64_t at)
{
	if (m->skipping || len > INGEST_LINE_MAX) {
		m->passed++;
		m->skipping = false;
	} else if (len != 0) {
		m->format->feed(m->parser, line, len, at);
	}
	m->lines += len != 0;
}

static void
feed_lines(struct import *m, bool end)
{
	size_t at = 0;

	while (at < m->part.len) {
		const char *line = m->part.data + at;
		const char *nl = memchr(line, '\n', m->part.len - at);

		if (nl == NULL && !end)
			break;
		if (nl == NULL)
			nl = m->part.data + m->part.len;
		feed_line(m, line, (size_t)(nl - line), m->at + at);
		at = (size_t)(nl - m->part.data) + 1;
	}
	if (at > m->part.len)
		at = m->part.len; /* the last line had no end */
	buf_drain(&m->part, at);
	m->at += at;
	if (m->part.len > INGEST_LINE_MAX) {
		m->skipping = true;
		m->at += m->part.len;
		buf_reset(&m->part);
	}
}

static void
feed_document(struct import *m)
{
	if (m->part.len == 0)
		return;
	if (m->part.len > INGEST_DOCUMENT_MAX)
		m->passed++;
	else
		m->format->feed(m->parser, m->part.data, m->part.len, 0);
	m->lines++;
	buf_reset(&m->part);
}

static void
go_on(struct import *m, bool end)
{
	if (m->part.len == 0)
		return;
	if (m->format == NULL)
		find_format(m, end);
	if (m->format == NULL)
		return;
	if (!open_parser(m, end))
		return;
	if (m->format->layout == AGENT_LINES)
		feed_lines(m, end);
	else if (end)
		feed_document(m);
}

void
import_feed(struct import *m, const char *data, size_t len)
{
	if (m->part.len > INGEST_DOCUMENT_MAX)
		return; /* it is too long for anything */
	buf_append(&m->part, data, len);
	go_on(m, false);
}

void
import_flush(struct import *m, bool end)
{
	if (end)
		go_on(m, true);
	if (m->parser != NULL && m->format->flush != NULL &&
	    (end || m->format->layout == AGENT_LINES))
		m->format->flush(m->parser);
}

struct sessions_batch *
import_take(struct import *m)
{
	struct sessions_batch *b = m->rows.batch;

	rows_begin(&m->rows, NULL, NULL);
	return b;
}

void
import_status(const struct import *m, struct import_status *out)
{
	*out = (struct import_status){.lines = m->lines,
	    .passed = m->passed,
	    .sessions = m->sessions,
	    .nsessions = m->nsessions};
	if (m->format == NULL)
		return;
	out->agent = m->format->agent;
	out->format = m->format->name;
	if (m->parser != NULL && m->format->passed != NULL)
		out->passed += m->format->passed(m->parser);
}
