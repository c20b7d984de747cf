/*
 * The log of panes: which commands ran, when, and how they ended.
 *
 *	runs(id, started_ms, ended_ms, version, pid)
 *	panes(run, id, name, command, cwd, pid, started_ms, ended_ms, exit_status, lost)
 *
 * A run is the life of a daemon. Its worker may be replaced while its panes live on; that is
 * still the same run, and known by its time and pid, which whoever continues it is told. A run
 * without an end is the one that is on, or one that was cut short. A pane that had no end when
 * its run was cut short got `lost` = 1, no exit_status, and for its end the moment in which the
 * next run found it.
 *
 * All of these are operations (store/store.h): they copy what they are given, and `done`, which
 * may be NULL, is called from store_collect. What a run has to have been written for is made up
 * for when it is missing, as after a damaged file was set aside. Owner's thread.
 */
#ifndef STORE_PANES_H
#define STORE_PANES_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "store/store.h"

enum { STORE_LOST_MAX = 20 };

/* What tells a run from others; the same for all calls of a run. */
struct store_run {
	int64_t started_ms; /* since 1970, UTC */
	pid_t pid;
	const char *version;
};

struct store_pane {
	const char *id;      /* "p7" */
	const char *name;    /* NULL: none */
	const char *command; /* a JSON array of strings */
	const char *cwd;     /* NULL: not known */
	pid_t pid;
	int64_t started_ms;
};

struct store_lost {
	size_t count; /* panes that were lost */
	size_t n;     /* of which these are the first */
	struct {
		char *id, *name, *command; /* name may be NULL */
	} panes[STORE_LOST_MAX];
};

typedef void (*store_done_cb)(int rc, void *arg);

/* lost is valid during the call, and empty unless rc is 0. */
typedef void (*store_lost_cb)(int rc, const struct store_lost *lost, void *arg);

/* A new run: panes of all others that have no end are lost, and told. */
void store_run_begin(
    struct store *s, const struct store_run *run, store_lost_cb done, void *arg);

/* Another worker of a run that began. It is put on record if it was not. */
void store_run_continue(
    struct store *s, const struct store_run *run, store_done_cb done, void *arg);

void store_run_end(struct store *s, const struct store_run *run, int64_t ended_ms,
    store_done_cb done, void *arg);

/* -EEXIST if the run has had a pane with this id. */
void store_pane_started(struct store *s, const struct store_run *run,
    const struct store_pane *pane, store_done_cb done, void *arg);

/* exit_status: exit code, or 128 + signal. -ENOENT if there is no such pane without an end. */
void store_pane_ended(struct store *s, const struct store_run *run, const char *id,
    int64_t ended_ms, int exit_status, store_done_cb done, void *arg);

#endif
