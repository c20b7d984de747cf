/*
 * The record of jobs (job/job.h), of their tries and channels, and of the runs of flows.
 *
 *	jobs(id, kind, state, key, created_ms, started_ms, ended_ms, exit_status, pid, error,
 *		session, usage..., spec, and from the spec what is looked for: agent, pane,
 *		of_session, flow, name, correlation, command)
 *	job_tries(job, n, started_ms, ended_ms, exit_status, reason, retry_ms, from1, from2)
 *	job_channels(job, n, state, bytes, name, exit_status, duration_ms, reason)
 *	flow_runs(id, state, name, file, definition, created_ms, ended_ms, error)
 *	flow_steps(run, name, n, state, hash, job, cached_from, started_ms, ended_ms, result, error)
 *
 * States and kinds are those of job/job.h, by number; 2 and more are terminal. Numbers of jobs and of runs
 * are never given again (AUTOINCREMENT). Times are ms since 1970. What is not known is NULL.
 *
 * The first part are operations (store/store.h): they copy what they are given; `done`, which may be
 * NULL, is called from store_collect. The second reads with a connection of the caller's
 * (store_reader_open), on any thread.
 */
#ifndef STORE_JOBS_H
#define STORE_JOBS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <sqlite3.h>

#include "store/store.h"

enum { JOBS_KEY_SIZE = 32, JOBS_CHANNELS_MAX = 16, JOBS_PATTERN_MAX = 16 * 1024 };

typedef void (*jobs_done_cb)(int rc, void *arg);

/* As everywhere: DESIGN.md, "Usage". -1: not known. */
struct jobs_usage {
	int64_t input, cache_read, cache_write_5m, cache_write_1h, output, reasoning;
	double cost_usd;
	int cost_source; /* 0 unknown, 1 computed, 2 stated, 3 mixed */
};
extern const struct jobs_usage jobs_usage_unknown;
/* a + b, where unknown and known is what is known. */
void jobs_usage_add(struct jobs_usage *a, const struct jobs_usage *b);

struct jobs_row {
	uint64_t id;
	int kind, state;
	char *spec; /* JSON */
	bool keyed;
	unsigned char key[JOBS_KEY_SIZE];
	int64_t created_ms, started_ms, ended_ms; /* 0: not yet */
	int exit_status;                          /* -1: none */
	int pid;                                  /* of the last try; 0: none */
	char *error, *session; /* or NULL. session: as its output named it, not the spec's */
	struct jobs_usage usage;
	unsigned ntries; /* these four only where it says that they were read, or are written */
	struct jobs_try *tries;
	unsigned nchannels;
	struct jobs_channel *channels;
};

struct jobs_try {
	unsigned n; /* from 1 */
	int64_t started_ms, ended_ms,
	    retry_ms;     /* retry_ms: the delay before the next; 0: none follows */
	int exit_status;  /* -1 */
	char *reason;     /* why it is tried again, or what ended it; or NULL */
	uint64_t from[2]; /* where its output begins */
};

struct jobs_channel {
	unsigned n;
	int state; /* enum channel_state */
	uint64_t bytes;
	char *name;
	int exit_status;     /* -1; of a stream, as its producer said */
	int64_t duration_ms; /* -1 */
	char *reason;        /* or NULL */
};

/* With its channels. What is looked for (struct jobs_query) is read from the spec. Numbers rise: -EEXIST if
 * it is not above all that were given. -EINVAL: number 0, a spec that is no JSON object, or a channel
 * that is not of 1..JOBS_CHANNELS_MAX. `prompt` as in struct store_op. */
void jobs_add(
    struct store *s, const struct jobs_row *row, bool prompt, jobs_done_cb done, void *arg);
/* RUNNING, with a try that begins; no pid yet. -ENOENT: it is terminal, or there is none. -EEXIST: it
 * has had such a try. */
void jobs_try_begin(
    struct store *s, uint64_t job, const struct jobs_try *t, jobs_done_cb done, void *arg);
/* Of a terminal one it changes nothing. */
void jobs_pid(struct store *s, uint64_t job, int pid);
/* The try has ended; with retry_ms it is QUEUED again. -ENOENT: it is terminal, or there is no such try
 * without an end. */
void jobs_try_end(
    struct store *s, uint64_t job, const struct jobs_try *t, jobs_done_cb done, void *arg);
/* Terminal, with everything of the row but kind, spec, key, created_ms and tries; what the row does
 * not know of started_ms, pid, session and usage stays, and so do channels that it does not have. Its last
 * try without an end gets one. Without ended_ms it is now. -EALREADY if it was terminal: nothing is
 * changed. -ENOENT. -EINVAL: the row's state is not terminal. */
void jobs_end(struct store *s, const struct jobs_row *row, jobs_done_cb done, void *arg);
/* What is written has no smaller `bytes` than what is there, and what it does not know of the name, the
 * status, the duration and the reason stays. -EALREADY: the job is terminal; -ENOENT; -EINVAL. */
void jobs_channel_set(
    struct store *s, uint64_t job, const struct jobs_channel *c, jobs_done_cb done, void *arg);
/* Session and usage, also of a job that has ended, when they are known later; NULL, and what is not
 * known, leaves what was. -ENOENT. */
void jobs_usage_set(struct store *s, uint64_t job, const char *session,
    const struct jobs_usage *u, jobs_done_cb done, void *arg);
/* Their channels have the reason that their output was removed. The numbers are copied. */
void jobs_mark_removed(
    struct store *s, const uint64_t *ids, size_t n, jobs_done_cb done, void *arg);
/* -EBUSY: it is not terminal; -ENOENT. */
void jobs_remove(struct store *s, uint64_t job, jobs_done_cb done, void *arg);
/* Removes terminal ones that ended before; *ids is the callback's to free (NULL when it failed, and
 * where there were none), oldest first, at most `max`. */
typedef void (*jobs_expired_cb)(int rc, uint64_t *take_ids, size_t n, void *arg);
void jobs_expire(
    struct store *s, int64_t before_ms, size_t max, jobs_expired_cb done, void *arg);

/* Reading. */

struct jobs_query {
	unsigned states; /* bit per state; 0: all */
	int kind;        /* -1: all */
	/* NULL: all. session: that it was started for, or that its output named */
	const char *agent, *session, *pane, *flow, *name, *correlation;
	/* In the spec's command, its arguments with a blank between, or in its name; ASCII letters in
	 * either case. At most JOBS_PATTERN_MAX bytes, or -EINVAL. NULL: all */
	const char *text;
	uint64_t before; /* numbers below it; 0: all. Newest first */
	unsigned limit;
};

typedef int (*jobs_row_cb)(
    void *arg, const struct jobs_row *row); /* non-zero ends it, and is returned */

/* With tries and channels. *total, which may be NULL: all that there are, without regard to `before`
 * and `limit`; a text is looked for in every row then. */
int jobs_each(
    sqlite3 *db, const struct jobs_query *q, jobs_row_cb cb, void *arg, uint64_t *total);
/* With tries and channels. -ENOENT. */
int jobs_read(sqlite3 *db, uint64_t id, struct jobs_row *out);
/* Not terminal, oldest first, with tries and channels. */
int jobs_open_ones(sqlite3 *db, jobs_row_cb cb, void *arg);
/* Keys of jobs that were completed since, by their ends; newest last. */
int jobs_keys(sqlite3 *db, int64_t since_ms,
    void (*cb)(void *arg, const unsigned char *key, uint64_t id, int64_t ended_ms), void *arg);
int jobs_last_number(sqlite3 *db, uint64_t *out); /* highest ever given; 0 */
void jobs_row_release(struct jobs_row *row);

#endif
