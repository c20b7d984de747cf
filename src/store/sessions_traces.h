/*
 * More of the log of agents' sessions for reading (store/sessions_read.h, whose rules hold here too):
 * tool calls that were asked for by what they are, what each tool was like over all of a session,
 * and where in its two lists, of messages and of tool calls, a place is.
 */
#ifndef STORE_SESSIONS_TRACES_H
#define STORE_SESSIONS_TRACES_H

#include <stdbool.h>
#include <stdint.h>

#include <sqlite3.h>

#include "store/sessions_read.h"

struct sessions_tools_filter {
	const char *tool;  /* its name; NULL: any */
	const char *text;  /* in the input, without case in ASCII; NULL: any */
	unsigned outcomes; /* a bit for each, and SESSIONS_TOOL_OPEN; 0: any */
	int64_t min_ms;    /* of latency; SESSIONS_UNKNOWN: any, and not known */
};
enum { SESSIONS_TOOL_OPEN = 5 }; /* the bit of those without an outcome */

int sessions_filter_count(
    sqlite3 *db, int64_t session, const struct sessions_tools_filter *f, int64_t *n);
int sessions_filter_tools(sqlite3 *db, int64_t session, const struct sessions_tools_filter *f,
    int64_t after, int64_t limit, int64_t offset,
    bool (*cb)(void *arg, const struct sessions_tool_row *row), void *arg);

/* Latencies are of those calls that have one: SESSIONS_UNKNOWN where none has. */
struct sessions_tool_stats {
	const char *name;      /* may be NULL */
	int64_t calls, failed; /* failed: also what was interrupted or denied */
	int64_t median_ms, p95_ms, max_ms, total_ms;
};

/* The tools that were called most come first, no more than `limit`; or, if not `by_name`, all calls
 * as one. */
int sessions_read_tool_stats(sqlite3 *db, int64_t session, bool by_name, int64_t limit,
    bool (*cb)(void *arg, const struct sessions_tool_stats *s), void *arg);

/* How many rows of each list come before that message (kind 'm'), tool call ('t') or turn ('n').
 * -ENOENT: the session has no such row. */
struct sessions_place {
	int64_t turn; /* 0: none */
	int64_t messages, tools;
};
int sessions_find_place(
    sqlite3 *db, int64_t session, char kind, int64_t id, struct sessions_place *out);

#endif
