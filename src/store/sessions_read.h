/*
 * Reading the log of agents' sessions (store/sessions.h), on a connection of one's own
 * (store_reader_open). Each call is one statement, and blocks; what callbacks are given is borrowed.
 * 0, or a negative errno value as store/sql.h says; a callback that returns false ends the call.
 */
#ifndef STORE_SESSIONS_READ_H
#define STORE_SESSIONS_READ_H

#include <stdbool.h>
#include <stdint.h>

#include <sqlite3.h>

#include "store/sessions.h"

int sessions_read_sources(
    sqlite3 *db, bool (*cb)(void *arg, const struct sessions_source *s), void *arg);

/* How the key begins of usage that is known in sums only, which nothing ties to the calls of models
 * that another source of the same session has one by one (AGENT_STREAM_KEY of agent/agent.h): it is
 * given only where of the session and its sub-agents nothing else is known. */
#define SESSIONS_SUM_KEY "stream:"
#define SESSIONS_SUM_KEY_END "stream;" /* the first that no longer begins so */

/* Usage of the times from_ms..to_ms, both of them included; without times only if from_ms is INT64_MIN. */
struct sessions_usage_row {
	const char *agent, *session, *cwd, *title; /* the last two may be NULL */
	struct sessions_usage usage;
	int64_t id, turn; /* the session's, ours; 0: before the first turn */
};
int sessions_read_usage(sqlite3 *db, int64_t from_ms, int64_t to_ms,
    bool (*cb)(void *arg, const struct sessions_usage_row *row), void *arg);
/* All of one session's. */
int sessions_read_usage_of(sqlite3 *db, int64_t session,
    bool (*cb)(void *arg, const struct sessions_usage_row *row), void *arg);

/* The same of one session, of all times. */
int sessions_read_usage_of(sqlite3 *db, int64_t session,
    bool (*cb)(void *arg, const struct sessions_usage_row *row), void *arg);

/* What sessions are wanted; NULL, and 0 for a time: any. */
struct sessions_filter {
	const char *agent, *project, *pane, *id; /* id: its own, or the agent's */
	const char *text;                        /* in title, directory or a prompt */
	const char *parent;         /* sub-agents of that one; its own id, or the agent's */
	int64_t since_ms, until_ms; /* that were at work between them */
};

struct sessions_row {
	int64_t id, parent; /* ours; 0: none */
	const char *agent, *native, *cwd, *title, *model, *mode, *version, *branch, *pane,
	    *prompt; /* the first; all but the first two may be NULL */
	bool fork;
	int state;                      /* SESSIONS_UNKNOWN */
	int64_t started_ms, updated_ms; /* 0: not known */
	int64_t turns, messages, tools;
};

/* The newest first. *total: how many there are in all; may be NULL. */
int sessions_read_list(sqlite3 *db, const struct sessions_filter *f, int64_t limit,
    int64_t offset, int64_t *total, bool (*cb)(void *arg, const struct sessions_row *row),
    void *arg);

/* The one with that id, its own or the agent's, the newest of several; -ENOENT: there is none. */
int sessions_find(sqlite3 *db, const char *id, int64_t *session);

struct sessions_message_row {
	int64_t id, turn, time_ms; /* 0: none */
	const char *native, *text;
	unsigned part;
	int role;
	bool hidden;
};

/* In the order in which they came, behind the one with that id (0: from the first), less the first
 * `offset` of those. */
int sessions_read_messages(sqlite3 *db, int64_t session, int64_t after, int64_t limit,
    int64_t offset, bool (*cb)(void *arg, const struct sessions_message_row *row), void *arg);

struct sessions_tool_row {
	int64_t id, turn;
	const char *call, *message, *name, *input, *output;
	int outcome;                                 /* SESSIONS_UNKNOWN: it has none yet */
	int64_t started_ms, finished_ms, latency_ms; /* 0, 0, SESSIONS_UNKNOWN: not known */
};
int sessions_read_tools(sqlite3 *db, int64_t session, int64_t after, int64_t limit,
    int64_t offset, bool (*cb)(void *arg, const struct sessions_tool_row *row), void *arg);

/* For those who select others of tool_traces: the columns of a row, and giving them; takes the
 * statement, and what preparing it returned. */
#define SESSIONS_TOOL_COLUMNS \
	"SELECT id, turn, call, message, name, input, output, outcome, started_ms," \
	" finished_ms, COALESCE(duration_ms, finished_ms-started_ms)"
int sessions_give_tools(sqlite3_stmt *st, int rc,
    bool (*cb)(void *arg, const struct sessions_tool_row *row), void *arg);

/* The last ones that are shown, the newest first. */
int sessions_last_messages(sqlite3 *db, int64_t session, int64_t limit,
    bool (*cb)(void *arg, const struct sessions_message_row *row), void *arg);
int sessions_last_tools(sqlite3 *db, int64_t session, int64_t limit,
    bool (*cb)(void *arg, const struct sessions_tool_row *row), void *arg);

/* Rows of a session's messages; of its tool calls, store/sessions_places.h has them. */
int sessions_count_messages(sqlite3 *db, int64_t session, int64_t *n);

#endif
