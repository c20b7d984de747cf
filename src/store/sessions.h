/*
 * The log of agents' sessions, in tables of the store's database.
 *
 * Rows come in batches: whoever reads transcripts, on whatever thread, collects rows in a batch, and
 * the store's owner submits it. One batch is one operation: all of it is written or nothing, with
 * the place up to which its source has been read, so a crash loses at most what can be read again.
 *
 * Writing the same again changes nothing. Sessions are one for each agent and the agent's own id;
 * turns, messages (with the number of their part), tool calls and usage have the agent's own ids
 * for keys, within the session, usage within the agent: of those with one key the one of the
 * highest rank counts, and stays with the session that had it first.
 *
 *	sessions	a row each; what is not said again stays as it was
 *	turns		numbered in the order in which they came
 *	messages	one for each part of a message
 *	tool_traces	a call and its result; latency is the agent's own measure, or the time between
 *	usage		tokens of one call of a model, in the one meaning of agent/agent.h
 *	notes		compactions, errors, limits
 *	sources		files: identity, how far they have been read, and what the parser keeps
 *
 * Of sessions that were removed (store/sessions_remove.h) nothing is written again.
 *
 * Numbers that are not known are NULL. Times are milliseconds since 1970.
 */
#ifndef STORE_SESSIONS_H
#define STORE_SESSIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <sqlite3.h>

struct sessions_batch;
struct store;

#define SESSIONS_UNKNOWN (-1) /* in counts and durations */

/* One thread at a time. Strings are copied, and cut at SESSIONS_TEXT_MAX bytes; NULL: not known. */
enum { SESSIONS_TEXT_MAX = 4 * 1024 * 1024 };

struct sessions_batch *sessions_batch_new(void);
void sessions_batch_free(struct sessions_batch *b);
size_t sessions_batch_bytes(const struct sessions_batch *b);

struct sessions_session {
	const char *agent, *native; /* not NULL */
	const char *parent;         /* its parent's own id */
	bool fork;
	const char *cwd, *title, *model, *mode, *version, *branch, *pane;
	int64_t time_ms; /* 0: not known */
};

/* Returns a number by which the rows of this batch name it. The same session again has the same
 * number. */
unsigned sessions_add_session(struct sessions_batch *b, const struct sessions_session *s);

void sessions_add_state(
    struct sessions_batch *b, unsigned session, int state, const char *text, int64_t time_ms);

/* What follows of the session belongs to this turn, until the next. */
void sessions_add_turn(struct sessions_batch *b, unsigned session, const char *native,
    const char *prompt, int64_t time_ms);
/* native NULL: the one that had begun last by then. What is said again adds to what was missing. */
void sessions_end_turn(struct sessions_batch *b, unsigned session, const char *native,
    int outcome, const char *error, int64_t duration_ms, int64_t time_ms);

/* message: what it is a part of, for a part with an id of its own, or NULL; its role may then be
 * SESSIONS_ROLE_OF_MESSAGE. Without a text, what was said of it stays. */
enum { SESSIONS_ROLE_OF_MESSAGE = 4 };
void sessions_add_message(struct sessions_batch *b, unsigned session, const char *native,
    const char *message, unsigned part, int role, bool hidden, const char *text,
    int64_t time_ms);
/* Text behind what a message has. What is thought and what is said are parts of their own, one behind
 * the other; role: SESSIONS_UNKNOWN for that of the message. */
void sessions_append_message(struct sessions_batch *b, unsigned session, const char *native,
    int role, const char *text, int64_t time_ms);
/* Takes the text away, to be appended again. */
void sessions_reset_message(struct sessions_batch *b, unsigned session, const char *native);
/* The turn with this id has what the message of this id says for its prompt. */
void sessions_add_prompt(struct sessions_batch *b, unsigned session, const char *native);
/* Where it runs now, from who knows: in place of what was known. */
void sessions_add_pane(struct sessions_batch *b, unsigned session, const char *pane);
void sessions_add_tool(struct sessions_batch *b, unsigned session, const char *call,
    const char *message, const char *name, const char *input, int64_t time_ms);
void sessions_add_result(struct sessions_batch *b, unsigned session, const char *call,
    int outcome, const char *output, int64_t duration_ms, int64_t time_ms);
/* What the call changed: told (sessions_batch_each), but not written. */
void sessions_add_patch(struct sessions_batch *b, unsigned session, const char *call,
    const char *patch, int64_t time_ms);
void sessions_add_note(struct sessions_batch *b, unsigned session, const char *name,
    const char *text, uint64_t at, int64_t time_ms);

struct sessions_usage {
	const char *key, *message, *model;
	uint64_t rank;
	bool fast;
	int64_t input, cache_read, cache_write_5m, cache_write_1h, output, reasoning, searches;
	double stated_usd; /* below 0: not stated */
	int64_t time_ms;
};
/* A key that nothing but this session has, to be freed. */
char *sessions_own_key(const struct sessions_batch *b, unsigned session, const char *id);
void sessions_add_usage(
    struct sessions_batch *b, unsigned session, const struct sessions_usage *u);

/* How far a file has been read, in this batch. */
struct sessions_source {
	const char *path, *format;
	uint64_t device, inode, size, offset;
	int64_t modified_ns;
	uint64_t head;      /* a sum over its first bytes */
	const char *parser; /* JSON */
};
void sessions_add_source(struct sessions_batch *b, const struct sessions_source *s);

/*
 * What a batch holds of the sessions themselves, in the order in which it was added; usage and
 * sources are passed over, and so is, once it has been written, what changed nothing as it was there
 * already. What is not known is NULL, 0 for times, SESSIONS_UNKNOWN. Texts are the batch's. Not
 * while it is being written.
 */
enum sessions_kind {
	SESSIONS_STATE,    /* state, text */
	SESSIONS_TURN,     /* id, text: the prompt */
	SESSIONS_TURN_END, /* id, outcome, text: the error */
	SESSIONS_MESSAGE,  /* id, message, part, role, hidden, text */
	SESSIONS_APPEND, /* id, role (unknown: not thought), text: behind what the message has */
	SESSIONS_TOOL,   /* id: the call's; message, name, text: the input */
	SESSIONS_RESULT, /* id: the call's; outcome, text */
	SESSIONS_NOTE,   /* name, text */
	SESSIONS_PATCH,  /* id: the call's; text */
};
struct sessions_change {
	enum sessions_kind kind;
	unsigned session; /* its number */
	const char *id, *message, *name, *text;
	int part, role, state, outcome;
	bool hidden;
	int64_t time_ms;
};
void sessions_batch_each(const struct sessions_batch *b,
    void (*cb)(void *arg, const struct sessions_change *c), void *arg);
unsigned sessions_batch_count(const struct sessions_batch *b); /* sessions: 0..n-1 */

/* Whether all that it said of the session, when it was written, was there already. */
bool sessions_batch_repeats(const struct sessions_batch *b, unsigned session);

/* A session in short. What is not known is NULL or 0, the state SESSIONS_UNKNOWN. */
struct sessions_brief {
	int64_t id;
	char *agent, *native, *cwd, *pane;
	char *title; /* what the agent calls it, else the first prompt; one line of no more than
		      * SESSIONS_TITLE_MAX characters */
	bool sub;    /* a part of another session */
	char
	    *root; /* of such a one: the agent's own id of the session that is a part of none */
	int state;
	int64_t state_ms, started_ms, updated_ms;
};
enum { SESSIONS_TITLE_MAX = 80 };
void sessions_brief_release(struct sessions_brief *s);

/* In `done`, with rc 0: the session as it was when the batch had been written; NULL: there is none. */
const struct sessions_brief *sessions_batch_brief(
    const struct sessions_batch *b, unsigned session);

/* Writes it, within an operation of the caller's (store/store.h). The batch stays. */
int sessions_write(sqlite3 *db, struct sessions_batch *b);

/* Takes the batch, which is freed after `done`. `done` is called as store/store.h says; may be NULL. The store's owner. */
void sessions_submit(
    struct store *s, struct sessions_batch *take, void (*done)(int rc, void *arg), void *arg);

#endif
