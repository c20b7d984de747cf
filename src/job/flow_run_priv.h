/* What the files of flows' runs share. Not for other files. */
#ifndef JOB_FLOW_RUN_PRIV_H
#define JOB_FLOW_RUN_PRIV_H

#include <uv.h>

#include "job/flow_run.h"
#include "job/runner.h"

enum flow_phase {
	STEP_IDLE,  /* its turn has not come */
	STEP_LOOK,  /* whether it is on record from before */
	STEP_BEGIN, /* it goes on record, then its job */
	STEP_RUN,   /* its job lives */
	STEP_READ,  /* its result is read */
	STEP_ASKS,  /* for an approval */
	STEP_DONE,
};

/* A step of a run that lives. What is on record is run->row.steps[n]. */
struct live_step {
	struct flow_run *run;
	unsigned n;
	enum flow_phase phase;
	unsigned records;        /* on their way to the store */
	struct flows_step sent;  /* the newest of them, or what is there */
	struct flows_step prior; /* name is NULL: none. Completed, if the hash is the same */
	cJSON *result;           /* of what is on record */
	struct flow_ready ready;
	bool filled; /* ready is */
	bool held;   /* it would submit its job, but nothing is begun now */
	struct job *job;
	struct job_waiter *waiter; /* for its end */
};

struct flow_run {
	struct flow_run *prev, *next;
	struct flow_runs *fr;
	char id[JOB_ID_MAX];
	struct flow *flow;
	struct flows_run row; /* as on record */
	struct live_step *steps;
	struct jobs_usage used;
	char *dir; /* where relative paths begin */
	bool force;
	char *stop;     /* why nothing is begun any more; or NULL */
	bool cancelled; /* and that is somebody's wish */
	bool ending, dead;
	unsigned ops; /* callbacks that are due */
};

struct flow_runs {
	struct flow_runs_config cfg;
	char *dir, *home;
	struct flow_run *runs; /* utlist */
	uv_timer_t timer;      /* of approvals that wait not for ever */
	bool started, paused, stopping;
};

/* A job of a run, as it is on record. */
struct flow_job {
	uint64_t number;
	char *step;
	int state; /* enum job_state */
	int exit_status;
	uint64_t from; /* where the output of its last try begins */
	char *error, *session;
	struct jobs_usage usage;
};
void flow_job_release(struct flow_job *j);

/* flow_run.c */
struct flow_run *flow_run_make(
    struct flow_runs *fr, struct flow *take, struct flows_run *take_row, bool force);
void flow_run_free(struct flow_run *run);
void flow_run_go(struct flow_run *run); /* whatever can be done now */
void flow_run_tell(struct flow_run *run);
void flow_run_op_done(struct flow_run *run); /* it may be freed by this */

/* flow_step.c */
void flow_step_consider(struct live_step *s); /* its phase is STEP_IDLE, or STEP_ASKS */
void flow_step_await(struct live_step *s, struct job *j);
void flow_step_ended(struct live_step *s, const struct flow_job *j); /* its job */
void flow_step_ask(struct live_step *s);   /* it is WAITING on record */
void flow_step_again(struct live_step *s); /* its job is lost: from the beginning */
void flow_step_finish(struct live_step *s, int state, const char *error, cJSON *take_result);
bool flow_step_fill(struct live_step *s, char **cause);
void flow_step_record(struct live_step *s, void (*then)(struct live_step *s)); /* s->sent */
void flow_step_release_hold(struct live_step *s);
void flow_step_leave(struct live_step *s); /* hears of its job no more */
bool flow_step_late(const struct live_step *s, int64_t now_ms, int64_t *due_ms);
void flow_step_release(struct live_step *s);

/* flow_load.c */
void flow_runs_load(struct flow_runs *fr); /* what has not ended, from the store */
int flow_open_reader(
    struct store *s, sqlite3 **db); /* on the pool; waits for the store a little */
void flow_step_copy(struct flows_step *to, const struct flows_step *from);

#endif
