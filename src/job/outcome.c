#include "config.h"

#include "job/outcome.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "agent/agent.h"
#include "agent/jv.h"
#include "agent/ledger.h"
#include "agent/prices.h"
#include "base/buf.h"
#include "base/utf8.h"
#include "base/xmalloc.h"
#include "job/outcome_priv.h"
#include "job/spool.h"

enum {
	PIECE = 64 * 1024,
	STREAM_LINE = 16 * 1024 * 1024, /* what is longer is passed over */
	DOCUMENT_MAX = 1024 * 1024,     /* of an output that is one JSON document */
	LOOKED_AT = 50,                 /* lines, for whose stream it is */
	TAIL = 8 * 1024,                /* bytes of channel 2 */
	SHORT = 500, /* bytes of a plain output that is nothing but an error */
	TEXT = 500,
};

/* What is given to the parser as the name of its source, which a session has until it says its own. */
#define SOURCE "job"

struct reading {
	struct job_outcome *out;
	const char *agent;
	const char *model; /* that was asked for, where the stream names none; or NULL */
	const struct agent_format *format;
	struct agent_parser *parser;
	struct ledger *ledger;
	enum outcome_signal hint; /* of the line that is being fed */
	bool well;                /* its last turn has ended so */
	bool failed;              /* or has failed */
	unsigned lines;
	bool skipping; /* the rest of a line that is too long */
	struct buf line;
	struct buf head; /* all of it so far, while it is no stream */
	bool whole;
	uint64_t at;
};

const char *
outcome_signal_name(enum outcome_signal s)
{
	static const char *const names[] = {"none", "rate_limit", "overload", "auth", "error"};

	return names[s];
}

static const struct prices *table;

static void
make_table(void)
{
	struct prices *p;

	prices_new(NULL, 0, &p, NULL);
	table = p;
}

static const struct prices *
prices(void)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;

	pthread_once(&once, make_table);
	return table;
}

/* Events. */

static void
set_text(struct job_outcome *o, const char *text)
{
	free(o->text);
	o->text = text != NULL ? utf8_sanitize(text, (size_t)utf8_prefix(text, TEXT)) : NULL;
	/* What stands for an ill-formed byte is longer than that. */
	if (o->text != NULL)
		o->text[utf8_prefix(o->text, TEXT)] = '\0';
}

/* It goes on: what was wrong was not what ended it. */
static void
forget(struct reading *r)
{
	r->out->signal = OUTCOME_NONE;
	set_text(r->out, NULL);
	r->failed = false;
	r->well = false;
}

static void
take_error(struct reading *r, enum outcome_signal otherwise, const char *text)
{
	enum outcome_signal signal = r->hint;

	if (signal == OUTCOME_NONE)
		signal = otherwise;
	if (signal == OUTCOME_NONE && text != NULL)
		signal = outcome_of_text(text);
	if (signal == OUTCOME_NONE)
		signal = OUTCOME_ERROR;
	/* What is known more exactly stays. */
	if (signal != OUTCOME_ERROR || r->out->signal == OUTCOME_NONE)
		r->out->signal = signal;
	if (text != NULL)
		set_text(r->out, text);
	r->well = false;
}

static void
take_note(struct reading *r, const struct agent_event *e)
{
	enum outcome_signal signal;

	if (strcmp(e->name, "error") == 0) {
		take_error(r, OUTCOME_NONE, e->text);
	} else if (strcmp(e->name, "rate_limit") == 0) {
		/* One that is an object says how much is left, or that nothing is. */
		if (e->text == NULL || *e->text != '{')
			take_error(r, OUTCOME_RATE_LIMIT, e->text);
		else if (strstr(e->text, "\"rejected\"") != NULL)
			take_error(r, OUTCOME_RATE_LIMIT, NULL);
	} else if (strcmp(e->name, "retry") == 0 && e->text != NULL) {
		signal = r->hint != OUTCOME_NONE ? r->hint : outcome_of_text(e->text);
		if (signal != OUTCOME_ERROR)
			take_error(r, signal, e->text);
	}
}

static void
set(char **to, const char *s)
{
	free(*to);
	*to = xstrdup(s);
}

static void
on_event(void *arg, const struct agent_event *e)
{
	struct reading *r = arg;
	struct job_outcome *o = r->out;

	if (e->type == AGENT_USAGE) {
		struct agent_event usage = *e;

		if (usage.model == NULL)
			usage.model = r->model;
		ledger_add(r->ledger, &usage);
	}
	if (strchr(e->session, '/') != NULL || e->parent != NULL)
		return; /* a sub-agent's */
	if (o->session == NULL && strcmp(e->session, SOURCE) != 0)
		o->session = xstrdup(e->session);
	if (e->model != NULL && e->type != AGENT_USAGE)
		set(&o->model, e->model);
	if (e->type == AGENT_NOTE && e->name != NULL) {
		take_note(r, e);
	} else if (e->type == AGENT_TURN_END && e->outcome == AGENT_FAILED) {
		take_error(r, OUTCOME_NONE, e->text);
		r->failed = true;
	} else if (e->type == AGENT_TURN_END && e->outcome == AGENT_OK) {
		forget(r);
		r->well = true;
	} else if (e->type == AGENT_TURN || e->type == AGENT_TOOL_CALL ||
		   (e->type == AGENT_MESSAGE && !r->failed &&
		       (e->role == AGENT_ASSISTANT || e->role == AGENT_THINKING))) {
		forget(r);
	}
}

/* Whose stream it is. */

static void
open_as(struct reading *r, const struct agent_format *f)
{
	const struct agent_sink sink = {.event = on_event, .arg = r};

	r->format = f;
	r->parser = f->open(SOURCE, &sink);
	r->ledger = ledger_new();
	buf_release(&r->head);
	buf_init(&r->head, DOCUMENT_MAX);
}

/* The one that the agent writes: for a stream that begins with another line than usual, as a result and
 * nothing else where it could not even begin. */
static const struct agent_format *
usual(const char *agent, const char *line, size_t len)
{
	static const char *const formats[][2] = {{"claude", "claude-stream"},
	    {"codex", "codex-exec"}, {"gemini", "gemini-stream"},
	    {"opencode", "opencode-stream"}, {"grok", "grok-stream"}};
	struct jv o;

	if (!jv_object(line, len, &o) || !jv_is_string(jv_get(o, "type")))
		return NULL;
	for (size_t i = 0; i < sizeof formats / sizeof *formats; i++)
		if (strcmp(agent, formats[i][0]) == 0)
			return agent_format_find(formats[i][1]);
	return NULL;
}

static const struct agent_format *
of_document(const char *text, size_t len)
{
	struct jv o;

	if (!jv_object(text, len, &o))
		return NULL;
	if (jv_is_string(jv_get(o, "sessionId")) && jv_is_string(jv_get(o, "stopReason")))
		return agent_format_find("grok-json");
	if (jv_is_string(jv_get(o, "session_id")) &&
	    (jv_is_object(jv_get(o, "stats")) || jv_is_object(jv_get(o, "error"))))
		return agent_format_find("gemini-json");
	return NULL;
}

static void
feed_line(struct reading *r, const char *line, size_t len)
{
	const struct agent_format *f;

	if (jv_blank(line, len))
		return;
	if (r->format == NULL && r->lines < LOOKED_AT) {
		f = agent_format_of_stream(line, len);
		if (f == NULL && r->lines == 0)
			f = usual(r->agent, line, len);
		r->lines++;
		if (f != NULL)
			open_as(r, f);
	}
	if (r->format == NULL)
		return;
	r->hint = outcome_of_line(line, len);
	r->format->feed(r->parser, line, len, r->at);
	r->hint = OUTCOME_NONE;
}

static void
feed(struct reading *r, const char *data, size_t len)
{
	if (r->format == NULL && buf_append(&r->head, data, len) != 0)
		r->whole = false;
	while (len != 0) {
		const char *nl = memchr(data, '\n', len);
		size_t n = nl != NULL ? (size_t)(nl - data) : len;

		if (!r->skipping && buf_append(&r->line, data, n) != 0) {
			r->skipping = true;
			buf_reset(&r->line);
		}
		if (nl == NULL)
			break;
		if (!r->skipping)
			feed_line(r, r->line.data, r->line.len);
		r->skipping = false;
		buf_reset(&r->line);
		r->at += n + 1;
		data += n + 1;
		len -= n + 1;
	}
}

static int
read_stream(struct reading *r, const char *dir, uint64_t job, uint64_t from)
{
	char *piece = xmalloc(PIECE);
	ssize_t n;

	while ((n = spool_read(dir, job, 1, from, piece, PIECE)) > 0) {
		feed(r, piece, (size_t)n);
		from += (uint64_t)n;
	}
	free(piece);
	if (n < 0)
		return (int)n;
	if (r->line.len != 0)
		feed_line(r, r->line.data, r->line.len);
	if (r->format == NULL && r->whole && r->head.len != 0) {
		const struct agent_format *f = of_document(r->head.data, r->head.len);
		struct buf head = r->head;

		if (f != NULL) {
			buf_init(&r->head, DOCUMENT_MAX);
			open_as(r, f);
			r->hint = outcome_of_line(head.data, head.len);
			f->feed(r->parser, head.data, head.len, 0);
			r->hint = OUTCOME_NONE;
			buf_release(&head);
		}
	}
	if (r->format != NULL && r->format->flush != NULL)
		r->format->flush(r->parser);
	return 0;
}

/* Plain text. */

static void
take_tail(struct reading *r, const char *text, size_t len)
{
	char *line = NULL;
	enum outcome_signal signal = outcome_of_tail(text, len, &line);

	if (signal == OUTCOME_NONE)
		return;
	r->out->signal = signal;
	if (r->out->text == NULL)
		set_text(r->out, line);
	free(line);
}

/* An answer may be about errors: only one that is nothing but one, a single line, is taken for it. */
static void
look_at_answer(struct reading *r)
{
	size_t len = r->head.len;

	while (len != 0 && strchr(" \t\r\n", r->head.data[len - 1]) != NULL)
		len--;
	if (r->whole && len != 0 && len <= SHORT && memchr(r->head.data, '\n', len) == NULL)
		take_tail(r, r->head.data, len);
}

static int
look_at_errors(struct reading *r, const char *dir, uint64_t job, uint64_t from)
{
	uint64_t end = 0;
	char text[TAIL];
	size_t len = 0;
	ssize_t n;
	int rc = spool_length(dir, job, 2, &end);

	if (rc != 0 || end <= from)
		return rc;
	if (end - from > TAIL)
		from = end - TAIL;
	while (len < TAIL &&
	       (n = spool_read(dir, job, 2, from + len, text + len, TAIL - len)) != 0) {
		if (n < 0)
			return (int)n;
		len += (size_t)n;
	}
	take_tail(r, text, len);
	return 0;
}

static bool
is_unclear(const struct reading *r)
{
	return !r->well && (r->out->signal == OUTCOME_NONE || r->out->signal == OUTCOME_ERROR);
}

/* Sums. */

static void
take_usage(struct reading *r)
{
	struct job_outcome *o = r->out;
	struct ledger_sum sum;
	int64_t most = -1;

	ledger_sum(r->ledger, NULL, prices(), &sum);
	o->usage = (struct jobs_usage){
	    .input = sum.usage.input,
	    .cache_read = sum.usage.cache_read,
	    .cache_write_5m = sum.usage.cache_write_5m,
	    .cache_write_1h = sum.usage.cache_write_1h,
	    .output = sum.usage.output,
	    .reasoning = sum.usage.reasoning,
	    .cost_usd = sum.source != COST_UNKNOWN ? sum.cost_usd : -1,
	    .cost_source = (int)sum.source,
	};
	/* Where no message says it: the one that wrote most. */
	for (size_t i = 0; o->model == NULL && i < ledger_rows(r->ledger); i++)
		if (ledger_row(r->ledger, i)->usage.output > most)
			most = ledger_row(r->ledger, i)->usage.output;
	for (size_t i = 0; o->model == NULL && i < ledger_rows(r->ledger); i++) {
		const struct ledger_row *row = ledger_row(r->ledger, i);

		if (row->usage.output == most && row->model != NULL)
			o->model = xstrdup(row->model);
	}
}

int
outcome_read(const char *dir, uint64_t job, const char *agent, const char *model,
    const uint64_t from[2], struct job_outcome *out)
{
	struct reading r = {.out = out, .agent = agent, .model = model, .whole = true};
	int rc;

	*out = (struct job_outcome){.usage = {-1, -1, -1, -1, -1, -1, -1, 0}};
	if (agent == NULL)
		return 0;
	buf_init(&r.line, STREAM_LINE);
	buf_init(&r.head, DOCUMENT_MAX);
	rc = read_stream(&r, dir, job, from[0]);
	if (rc == 0 && r.format == NULL)
		look_at_answer(&r);
	if (rc == 0 && is_unclear(&r))
		rc = look_at_errors(&r, dir, job, from[1]);
	if (r.format != NULL) {
		take_usage(&r);
		r.format->close(r.parser);
		ledger_free(r.ledger);
	}
	buf_release(&r.line);
	buf_release(&r.head);
	if (rc != 0)
		outcome_release(out);
	return rc;
}

void
outcome_release(struct job_outcome *o)
{
	free(o->text);
	free(o->session);
	free(o->model);
	*o = (struct job_outcome){.usage = {-1, -1, -1, -1, -1, -1, -1, 0}};
}
