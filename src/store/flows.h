/*
 * The record of the runs of flows (job/flow.h). The tables are store/jobs.h's.
 *
 * States of a run and of a step, by number (job/flow.h has their names):
 *	0 pending, 1 running, 2 completed, 3 failed, 4 cancelled, 5 skipped, 6 waiting (for an approval)
 * 2 to 5 are terminal.
 */
#ifndef STORE_FLOWS_H
#define STORE_FLOWS_H

#include <stdint.h>

#include <sqlite3.h>

#include "store/jobs.h"

enum { FLOWS_HASH_SIZE = 32 };

struct flows_step {
	char *name;
	unsigned n; /* its place in the definition */
	int state;
	unsigned char hash[FLOWS_HASH_SIZE];
	bool hashed;
	uint64_t job;         /* 0: none */
	uint64_t cached_from; /* the run whose result it took; 0: none */
	int64_t started_ms, ended_ms;
	char *result; /* JSON; or NULL */
	char *error;  /* or NULL */
};

struct flows_run {
	uint64_t id; /* 0: the store gives one */
	int state;
	char *name, *file, *definition; /* definition: JSON as it was given; file may be NULL */
	int64_t created_ms, ended_ms;
	char *error;
	struct flows_step *steps;
	size_t nsteps;
};

/* With its steps. id is the run's. -EEXIST: the number is not above all that were given, or two steps
 * have one name. */
void flows_add(struct store *s, const struct flows_run *run,
    void (*done)(int rc, uint64_t id, void *arg), void *arg);
/* All of a step but its place, also of a run that has ended. -ENOENT: it has no such step. */
void flows_step_set(
    struct store *s, uint64_t run, const struct flows_step *step, jobs_done_cb done, void *arg);
/* -EALREADY if it was terminal; -ENOENT. -EINVAL: the state is not terminal. */
void flows_end(struct store *s, uint64_t run, int state, int64_t ended_ms, const char *error,
    jobs_done_cb done, void *arg);
/* For a resume: running, without an end and an error. Its steps stay as they are. -ENOENT. */
void flows_reopen(struct store *s, uint64_t run, jobs_done_cb done, void *arg);
/* -EBUSY: it is not terminal; -ENOENT. */
void flows_remove(struct store *s, uint64_t run, jobs_done_cb done, void *arg);

/* Those that ended before, with their steps: the oldest FLOWS_EXPIRE_MAX. */
enum { FLOWS_EXPIRE_MAX = 1000 };
void flows_expire(struct store *s, int64_t before_ms, jobs_done_cb done, void *arg);

/* Reading; a callback that returns other than 0 ends it, and that is returned. Newest first, without
 * steps or definition (before 0: all); one whole, its steps by their place, or -ENOENT; those that are
 * not terminal, whole, oldest first. */
int flows_each(sqlite3 *db, uint64_t before, unsigned limit,
    int (*cb)(void *arg, const struct flows_run *run), void *arg);
int flows_read(sqlite3 *db, uint64_t id, struct flows_run *out);
int flows_open_ones(sqlite3 *db, int (*cb)(void *arg, const struct flows_run *run), void *arg);
/* The completed step with this hash that ended last: 0 and all of it with its run, or -ENOENT. If that one
 * took its result from another, it says so (cached_from). */
int flows_cached(sqlite3 *db, const unsigned char hash[FLOWS_HASH_SIZE], struct flows_step *out,
    uint64_t *run);
void flows_run_release(struct flows_run *run);
void flows_step_release(struct flows_step *step);

#endif
