/*
 * More of the log of agents' sessions for reading (store/sessions_read.h, whose rules hold here too):
 * turns with what was done in them, and what sessions began with.
 */
#ifndef STORE_SESSIONS_TIMELINE_H
#define STORE_SESSIONS_TIMELINE_H

#include <stdbool.h>
#include <stdint.h>

#include <sqlite3.h>

struct sessions_turn_row {
	int64_t seq;
	const char *prompt, *error; /* may be NULL */
	int outcome;                /* SESSIONS_UNKNOWN: none yet */
	int64_t started_ms, ended_ms;
	int64_t until_ms;    /* its end, or else the next turn's start; 0: neither */
	int64_t duration_ms; /* SESSIONS_UNKNOWN */
	int64_t tools, tools_failed;
};

/* In order, behind the one with that number (0: from the first), less the first `offset` of
 * those. */
int sessions_read_turns(sqlite3 *db, int64_t session, int64_t after, int64_t limit,
    int64_t offset, bool (*cb)(void *arg, const struct sessions_turn_row *row), void *arg);
int sessions_count_turns(sqlite3 *db, int64_t session, int64_t *n);

/* The turn that was under way in a pane at a time, of the session whose turn began last until then: also
 * between turns, when another follows, and SESSIONS_TURN_SLACK_MS behind the end, as a terminal shows
 * things later than they are on record. A sub-agent's only where no other is. */
enum { SESSIONS_TURN_SLACK_MS = 5000 };
struct sessions_turn_at {
	int64_t session, turn, started_ms, ended_ms;
	int outcome, state;
	const char *agent, *native, *title, *prompt, *model; /* the last three may be NULL */
};
int sessions_read_turn_at(sqlite3 *db, const char *pane, int64_t time_ms,
    void (*cb)(void *arg, const struct sessions_turn_at *row), void *arg);

/* The first prompt of each session that has one, of at most `chars` characters. */
int sessions_read_prompts(sqlite3 *db, int chars,
    bool (*cb)(void *arg, int64_t session, const char *prompt), void *arg);

#endif
