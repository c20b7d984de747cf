/*
 * Runs of flows (job/flow.h): steps as jobs (job/runner.h), one after the other and beside each other.
 *
 * A run is "f" and a number that is never given again. Every change is in the store first
 * (store/flows.h), then told by `changed`, and then counts for what comes next: a step is RUNNING on record
 * before its job is submitted, and its result is there before a step that needs it begins.
 *
 * A step whose turn has come (its trigger, its condition, and a free place among those that run at a time) is
 * hashed, with what it refers to put in. If an equal one has completed in any run, its result is
 * taken (COMPLETED, cached_from), unless the run is one that takes nothing. Approvals are always asked
 * for, and take no place. Retries and limits of time are the job's.
 *
 * A result is {"value", "exit_status", "session", "truncated"}: what references see, as far as it is there.
 *
 * How a run ends: CANCELLED, if somebody asked for it; FAILED over its budget, which is then seen when
 * a job has ended, or because a step has failed or its job was cancelled; else COMPLETED. A step that
 * has failed does no harm if one that depends on it with one_success has completed. Over budget, and
 * cancelled, what has not begun is CANCELLED with the reason; over budget what runs goes on to its end.
 *
 * What becomes of a step when a run is taken up, after a restart of the worker or of the daemon, and
 * when a run that has ended is resumed:
 *
 *	on record             its job                  after a restart    resumed
 *	completed                                      done               kept if its hash is still the same, else run again
 *	skipped                                        done               decided again
 *	failed, cancelled                              done               run again
 *	pending                                        decided            decided
 *	waiting                                        asked for still    asked for
 *	running               lives                    taken up           taken up
 *	running               completed                done               done
 *	running               failed, timed out        failed             run again
 *	running               cancelled, orphaned      run again          run again
 *	running               none: it never began     run again          run again
 *
 * A job is found by the names of run and step in its record, so that none is started twice for want of
 * the last word on record. Jobs that a stop of the daemon cancelled are run again when it is started next.
 *
 * Loop's thread. What reads the store or files does so on the pool.
 */
#ifndef JOB_FLOW_RUN_H
#define JOB_FLOW_RUN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "job/flow.h"
#include "store/flows.h"

typedef struct uv_loop_s uv_loop_t;

enum { FLOW_RUNS_MAX = 1000 }; /* that have not ended */

struct runner;
struct store;
struct flow_runs;
struct flow_run; /* one that lives: it has not ended */

struct flow_runs_config {
	uv_loop_t *loop;
	struct store *store;
	struct runner *runner;
	const char *dir;  /* of the jobs' channels; copied */
	const char *home; /* cwd of steps that have none, where the run has no file; copied */
	void *arg;
	void (*changed)(
	    void *arg, struct flow_run *run); /* for the last time with a terminal state */
	/* Around work on the pool that reads the store, which must not be closed meanwhile. */
	void (*reads)(void *arg, bool begins);
};

struct flow_runs *flow_runs_new(const struct flow_runs_config *config);
void flow_runs_start(
    struct flow_runs *fr); /* takes up what has not ended; the runner is ready */
void flow_runs_pause(struct flow_runs *fr, bool pause); /* begins nothing */
/* Begins nothing any more, and hears of no job's end: before runner_stop. Runs stay as they are on record. */
void flow_runs_stop(struct flow_runs *fr);
void flow_runs_free(struct flow_runs *fr); /* when the loop has run out */

bool flow_id_parse(const char *id, uint64_t *number); /* "f3", or "3" */

/* `run` is NULL if rc is not 0. */
typedef void (*flow_run_cb)(void *arg, int rc, struct flow_run *run);

/*
 * A new run. Takes the flow; `definition` is its JSON, `file` an absolute path or NULL: steps without cwd
 * run in its directory, and relative ones below it. `done` when it is on record. -ESHUTDOWN, or -ENOSPC:
 * there are FLOW_RUNS_MAX; then the flow is freed and `done` not called.
 */
int flow_run_new(struct flow_runs *fr, struct flow *take, const char *definition,
    const char *file, bool force, flow_run_cb done, void *arg);

/* One that has failed or was cancelled goes on. -ENOENT; -EBUSY: it has not ended; -EALREADY: it has
 * completed; -ESTALE: its definition, unless NULL, is another than this (flow_canonical); -ESHUTDOWN. By
 * `done`, never from within. */
void flow_run_resume(struct flow_runs *fr, uint64_t id, const char *definition, bool force,
    flow_run_cb done, void *arg);

struct flow_run *flow_run_find(struct flow_runs *fr, uint64_t id);

int flow_run_cancel(struct flow_run *run, const char *why); /* -EALREADY: it ends already */

/* -ENOENT: no such step; -EINVAL: it is no approval; -EALREADY: it does not wait. */
int flow_run_approve(struct flow_run *run, const char *step, bool yes, const char *why);

/* Borrowed, until the loop is given back. Steps are in the order of the definition. */
const struct flows_run *flow_run_row(const struct flow_run *run);
const struct flow *flow_run_flow(const struct flow_run *run);
const struct jobs_usage *flow_run_used(const struct flow_run *run);      /* by its jobs */
const char *flow_run_message(const struct flow_run *run, unsigned step); /* or NULL */

#endif
