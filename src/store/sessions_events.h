/*
 * Events of producers, which number what they send: stored whole in the table `events`, and turned
 * into rows of their session.
 *
 * What is new is decided against the table, within the transaction that writes: an event whose
 * number is there is a repeat, and changes nothing. So a request that was cut short, or whose
 * answer was lost, can be sent again at any time. Numbers begin with 1; what is missing below
 * the highest is told with every answer, and may come later: then the texts of the session are made
 * again from its events, in the order of their numbers.
 *
 * Bounds: EVENTS_GAPS_MAX gaps a session; more is -E2BIG.
 */
#ifndef STORE_SESSIONS_EVENTS_H
#define STORE_SESSIONS_EVENTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "store/sessions.h"

enum { EVENTS_GAPS_MAX = 1000 };

/* What has been seen of sessions, so that gaps need no look at all events. Written by the store's
 * writer; to be freed after the store has been closed. */
struct sessions_seen;
struct sessions_seen *sessions_seen_new(void);
void sessions_seen_free(struct sessions_seen *s);

struct sessions_event {
	int64_t seq; /* 1.. */
	int64_t time_ms;
	const char *json;
};

/* Where rows of an event go. */
struct sessions_target {
	struct sessions_batch *batch;
	unsigned session;
	const char *newest; /* the newest message's own id when this began, or NULL */
	bool again;         /* only its texts are wanted: they are made again from the first */
};

struct sessions_gap {
	int64_t from, to; /* both of them are missing */
};

struct sessions_events_result {
	size_t accepted, repeated;
	int64_t last_seq; /* 0: none yet */
	const struct sessions_gap *missing;
	size_t nmissing;
	const struct sessions_batch *batch; /* that was written; NULL: nothing was new */
};

struct sessions_events {
	const char *session;           /* our id, or the agent's own */
	struct sessions_event *events; /* put in the order of their numbers */
	size_t n, bytes;
	/* On the writer's thread: before the first, for each that is new, and behind the last; all
	 * of it once more when the transaction has to be run again. */
	void (*begin)(void *arg, const struct sessions_target *t);
	void (*add)(void *arg, const struct sessions_target *t, const struct sessions_event *e);
	void (*end)(void *arg, const struct sessions_target *t);
	/* The owner's thread. -ENOENT: no such session. */
	void (*done)(int rc, const struct sessions_events_result *r, void *arg);
	void *arg;
};

/* What *e points to is borrowed until `done`. The store's owner. */
void sessions_submit_events(
    struct store *s, struct sessions_seen *seen, const struct sessions_events *e);

/* A session that a producer begins: takes the batch that has it. -EPERM: it was removed, and is not
 * to be taken up again. Its parent may be named by our id. */
void sessions_submit_new(struct store *s, struct sessions_batch *take, const char *agent,
    const char *native,
    void (*done)(int rc, bool existed, const struct sessions_batch *b, void *arg), void *arg);

#endif
