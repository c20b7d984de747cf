/*
 * What was said and done in agents' sessions (store/sessions.h), row by row, for who looks
 * through all of it.
 *
 * A cursor goes through messages and tool calls, each in the order in which they were written, or
 * backwards; where both have a row, the older one comes first, or the newer one. As transcripts
 * are read when they are found, that is only about the order of their times. One row is held at a
 * time; text that is not wanted is not read from the disk, where the times tell.
 *
 * Rows are seen as they were when the cursor was opened. Each call blocks. What a row points to is
 * borrowed until the next call. A connection of one's own, one thread at a time.
 */
#ifndef STORE_SESSIONS_TEXTS_H
#define STORE_SESSIONS_TEXTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <sqlite3.h>

struct sessions_texts;

struct sessions_texts_options {
	bool messages, tools;
	bool newest_first;
	int64_t session; /* 0: all */
	/* Of a row that has no time, or several, all may come. */
	int64_t from_ms, to_ms;
};

/* One thing that was said: a message, or what a tool was given, or gave. */
struct sessions_text {
	const char *text; /* NULL: there is none */
	size_t len;
	int64_t time_ms; /* 0: not known */
};

struct sessions_texts_row {
	int64_t id, session;
	bool tool, hidden;
	int role;         /* of a message; as sessions_read_messages has it */
	const char *name; /* of a tool; may be NULL */
	size_t name_len;
	struct sessions_text
	    texts[2]; /* of a tool: input, output; of a message the first only */
};

/* Sessions whose rows may be meant. */
struct sessions_texts_session {
	int64_t id;
	const char *agent, *native, *pane; /* the last may be NULL */
	int64_t time_ms;                   /* when it was last at work; 0: not known */
};

/* Those of an id, their own or the agent's; NULL: all. 0, or a negative errno value as
 * store/sql.h says; so for all of these. */
int sessions_texts_sessions(sqlite3 *db, const char *id,
    void (*cb)(void *arg, const struct sessions_texts_session *s), void *arg);

int sessions_texts_open(
    sqlite3 *db, const struct sessions_texts_options *o, struct sessions_texts **out);
void sessions_texts_close(struct sessions_texts *c); /* may be NULL */

/* 1: a row, 0: the end. */
int sessions_texts_next(struct sessions_texts *c, struct sessions_texts_row *row);

/* From here on only rows of these times, which are those of the options or less. */
void sessions_texts_narrow(struct sessions_texts *c, int64_t from_ms, int64_t to_ms);

#endif
