/* The tool calls of a session: pages of them, what each tool was like, and where one is. */
#include "config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "app/agents.h"
#include "app/agents_priv.h"
#include "app/agents_query.h"
#include "base/str.h"
#include "base/xmalloc.h"
#include "proto/json.h"
#include "store/sessions_places.h"
#include "store/sessions_traces.h"

enum { TOOL_TEXT = 1, INPUT_TEXT, STATS_MAX = 200 };

struct tools_page {
	const struct question_db *q;
	cJSON *data;
	int64_t last; /* the id of the last */
};

static bool
on_tool(void *arg, const struct sessions_tool_row *t)
{
	struct tools_page *p = arg;

	cJSON_AddItemToArray(p->data, session_tool_json(t, p->q->text_max, p->q->reveal != 0));
	p->last = t->id;
	return true;
}

/* Counts them; and an offset into all of them becomes one behind an id near to it. */
static int
find_tools(const struct question_db *q, sqlite3 *db, int64_t session, int64_t *total,
    int64_t *after, int64_t *offset)
{
	int64_t near, skip;
	int rc =
	    sessions_places_find(q->app->places, db, session, *offset, total, &near, &skip);

	if (*after == 0) {
		*after = near;
		*offset = skip;
	}
	return rc;
}

static int
run_tools(struct question_db *q, sqlite3 *db)
{
	const struct sessions_tools_filter *f = q->more; /* NULL: all */
	int64_t after = (int64_t)q->after, limit = (int64_t)q->limit;
	int64_t offset = after == 0 ? (int64_t)q->offset : 0; /* a cursor says it all */
	struct tools_page p = {.q = q, .data = json_array()};
	int64_t session = 0, total = 0;
	int rc = sessions_find(db, q->filter.id, &session);

	if (rc == 0)
		rc = f != NULL ? sessions_filter_count(db, session, f, &total)
			       : find_tools(q, db, session, &total, &after, &offset);
	if (rc == 0)
		rc = f != NULL
			 ? sessions_filter_tools(
			       db, session, f, after, limit, offset, on_tool, &p)
			 : sessions_read_tools(db, session, after, limit, offset, on_tool, &p);
	q->answer = question_page(
	    q, p.data, total, (uint64_t)cJSON_GetArraySize(p.data) == q->limit ? p.last : -1);
	return rc;
}

/* Of "failed,denied". */
static bool
read_outcomes(struct http_req *r, unsigned *out)
{
	const char *p = http_query(r, "outcome");

	*out = 0;
	for (; p != NULL && *p != '\0'; p += *p == ',') {
		size_t n = strcspn(p, ",");
		int i = 0;

		while (i < SESSIONS_TOOL_OPEN && (strncmp(question_outcome(i), p, n) != 0 ||
						     question_outcome(i)[n] != '\0'))
			i++;
		if (i == SESSIONS_TOOL_OPEN && (n != 4 || strncmp(p, "open", n) != 0)) {
			http_reply_error(r, 400, "bad_params",
			    "outcome must be of unknown, ok, failed, interrupted, denied, "
			    "open");
			return false;
		}
		*out |= 1u << i;
		p += n;
	}
	return true;
}

/* Reads what is wanted. False: an error has been sent. */
static bool
read_filter(struct http_req *r, struct question_db *q)
{
	const char *text = http_query(r, "q"), *tool = http_query(r, "tool");
	struct sessions_tools_filter f = {.min_ms = SESSIONS_UNKNOWN}, *kept;
	uint64_t ms = 0;
	bool slow = http_query(r, "min_ms") != NULL;

	if (!read_outcomes(r, &f.outcomes) || !question_number(r, "min_ms", 0, INT32_MAX, &ms))
		return false;
	if (slow)
		f.min_ms = (int64_t)ms;
	f.tool = question_keep(q, TOOL_TEXT, tool);
	f.text = question_keep(q, INPUT_TEXT, text != NULL && *text != '\0' ? text : NULL);
	if (f.tool == NULL && f.text == NULL && f.outcomes == 0 && !slow)
		return true;
	kept = xmalloc(sizeof *kept);
	*kept = f;
	q->more = kept;
	return true;
}

void
sessions_traces(struct http_req *r, void *arg)
{
	struct question_db *q = question_of_session(r, arg, run_tools);

	if (q == NULL)
		return;
	if (read_filter(r, q))
		question_ask(q);
	else
		question_free(q);
}

/* Statistics. */

static void
add_stats(cJSON *o, const struct sessions_tool_stats *s)
{
	cJSON_AddNumberToObject(o, "calls", (double)s->calls);
	cJSON_AddNumberToObject(o, "failed", (double)s->failed);
	question_add_count(o, "median_ms", s->median_ms);
	question_add_count(o, "p95_ms", s->p95_ms);
	question_add_count(o, "max_ms", s->max_ms);
	question_add_count(o, "total_ms", s->total_ms);
}

static bool
on_stats(void *arg, const struct sessions_tool_stats *s)
{
	cJSON *o = json_object();

	json_add_text(o, "name", s->name);
	add_stats(o, s);
	cJSON_AddItemToArray(arg, o);
	return true;
}

static bool
on_sum(void *arg, const struct sessions_tool_stats *s)
{
	add_stats(arg, s);
	return false;
}

static int
run_stats(struct question_db *q, sqlite3 *db)
{
	cJSON *sum, *rows;
	int64_t session = 0;
	int rc = sessions_find(db, q->filter.id, &session);

	q->answer = json_object();
	rows = cJSON_AddArrayToObject(q->answer, "tools");
	sum = cJSON_AddObjectToObject(q->answer, "all");
	if (rc == 0)
		rc = sessions_read_tool_stats(db, session, true, STATS_MAX, on_stats, rows);
	if (rc == 0)
		rc = sessions_read_tool_stats(db, session, false, 1, on_sum, sum);
	if (rc == 0 && cJSON_GetArraySize(sum) == 0) /* it has no calls */
		add_stats(sum, &(struct sessions_tool_stats){.median_ms = SESSIONS_UNKNOWN,
				   .p95_ms = SESSIONS_UNKNOWN,
				   .max_ms = SESSIONS_UNKNOWN,
				   .total_ms = SESSIONS_UNKNOWN});
	return rc;
}

void
sessions_trace_stats(struct http_req *r, void *arg)
{
	struct question_db *q = question_of_session(r, arg, run_stats);

	if (q != NULL)
		question_ask(q);
}

/* Places. */

static int
run_place(struct question_db *q, sqlite3 *db)
{
	struct sessions_place p = {0};
	int64_t session = 0;
	int rc = sessions_find(db, q->filter.id, &session);

	if (rc != 0)
		return rc;
	q->answer = json_object();
	rc = sessions_find_place(db, session, (char)q->by, (int64_t)q->offset, &p);
	if (rc == -ENOENT) {
		q->status = 404;
		cJSON_AddStringToObject(q->answer, "error", "no_such_place");
		cJSON_AddStringToObject(q->answer, "message", "the session has no such row");
		return 0;
	}
	question_add_count(q->answer, "turn", p.turn != 0 ? p.turn : -1);
	cJSON_AddNumberToObject(q->answer, "messages", (double)p.messages);
	cJSON_AddNumberToObject(q->answer, "traces", (double)p.tools);
	return rc;
}

void
sessions_place(struct http_req *r, void *arg)
{
	const char *at = http_query(r, "at");
	struct question_db *q;
	uint64_t id;

	if (at == NULL || at[0] == '\0' || strchr("mtn", at[0]) == NULL ||
	    str_u64(at + 1, 0, INT64_MAX, &id) != 0) {
		http_reply_error(r, 400, "bad_params",
		    "at must be m and the id of a message, t and that of a tool call, or n and "
		    "a "
		    "turn");
		return;
	}
	q = question_of_session(r, arg, run_place);
	if (q == NULL)
		return;
	q->by = (unsigned char)at[0];
	q->offset = id;
	question_ask(q);
}
