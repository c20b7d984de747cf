/* What the files of the runner share. Not for others. */
#ifndef JOB_RUNNER_PRIV_H
#define JOB_RUNNER_PRIV_H

#include <uv.h>

#include <uthash.h>

#include "base/buf.h"
#include "job/outcome.h"
#include "job/runner.h"

/* What ends a job; the first one counts. */
enum cause {
	CAUSE_OWN,
	CAUSE_CANCEL,
	CAUSE_IDLE,
	CAUSE_TOTAL,
	CAUSE_OUTPUT,
	CAUSE_SPAWN,
	CAUSE_LOST
};

enum phase {
	PHASE_NEW,      /* not on record yet */
	PHASE_QUEUED,   /* or waits for its next try */
	PHASE_BEGINS,   /* it is being put on record that a try begins */
	PHASE_RUNS,     /* a command runs, or what it wrote is being read */
	PHASE_WEIGHED,  /* the try has ended; what the agent said is being read */
	PHASE_RECORDED, /* its end is being put on record */
};

struct channel_user {
	struct job *job;
	unsigned n; /* from 1 */
};

struct job_waiter {
	struct job_waiter *prev, *next;
	struct job *job;
	void (*ended)(void *arg, struct job *j);
	void *arg;
};

struct job_priv {
	enum phase phase;
	enum cause cause;
	char *why; /* what ended it, in words; or NULL */
	unsigned char key[JOB_KEY_SIZE];
	struct job_submit submit;
	struct spool_limit limit;
	struct channel_user users[JOB_CHANNELS];
	uint64_t
	    retry_at; /* loop time, that of the job's retry_ms when no clock is set; or 0 */
	bool slot;    /* it counts as running */
	bool held;    /* the keeper knows of it */
	bool reaped;  /* with wait_status */
	bool lost;    /* nobody knows how it ended */
	bool stopped; /* its channels were told to stop */
	bool redo;    /* what is on record about its end has to be tried again */
	int wait_status;
	int64_t try_ms; /* wall clock, when this try began */
	/* Loop times; 0: none. */
	uint64_t idle_at, total_at, kill_at, linger_at, redo_at;
	uint64_t heard; /* output last came */

	int in; /* its input, or the PTY; -1: none */
	struct buf input;
	bool input_ends;
	uv_poll_t *in_poll, *status_poll; /* NULL: none */
	int status_fd;
	struct job_waiter *waiters;
	struct jobs_usage before; /* what tries before this one used */
	unsigned ops;             /* with the store, which have the job */
	bool dead;                /* to be freed when there are none */
};

/* One that was completed, by its key. */
struct done {
	unsigned char key[JOB_KEY_SIZE];
	uint64_t number;
	int64_t ended_ms;
	UT_hash_handle hh;
};

/* What the keeper holds, until the store has been read. */
struct found {
	struct found *next;
	uint64_t number; /* with the try */
	pid_t pid;
	bool ended;
	int wait_status;
	int fds[3];
};

struct runner {
	struct runner_config cfg;
	char *dir, *socket_path;
	int64_t backoff_ms[8];
	struct spool *spool;
	struct job *jobs; /* utlist */
	struct found *found;
	struct done *done; /* uthash, oldest first */
	uint64_t last_number;
	unsigned running;
	unsigned ops; /* with the store or the pool */
	uv_timer_t timer;
	uint64_t due; /* loop time; 0: none */
	uv_timer_t load_again;
	int unread; /* why the record could not be read when it was last tried */
	bool started, ready, paused, stopping, closed;
	unsigned handles; /* that are open */
	void (*stopped)(void *arg);
	void *stopped_arg;
};

#define TRY_SHIFT 48

static inline uint64_t
held_number(const struct job *j)
{
	return j->number | (uint64_t)j->tries << TRY_SHIFT;
}

/* runner.c */
struct job *runner_add_job(struct runner *r, uint64_t number, struct job_spec *take);
void runner_dispatch(struct runner *r);
void runner_slot(struct job *j, bool on);
void runner_due(struct runner *r, uint64_t at); /* loop time */
void runner_check_stopped(struct runner *r);
void job_free(struct job *j); /* as soon as the store has nothing of it any more */
/* Something of a job is with the store or the pool; and came back: NULL: the job has gone. */
void job_op(struct job *j);
struct runner *job_op_done(struct job *j);
void runner_op_done(struct runner *r); /* of none; the runner may go */
void job_tell(struct job *j);
void runner_remember(struct runner *r, const struct job *j);
void runner_remember_key(
    struct runner *r, const unsigned char *key, uint64_t number, int64_t ended_ms);

/* process.c: from a spec to a process, and its descriptors. */
int process_start(struct job *j, char **cause); /* fds go to the keeper and the spool */
void process_adopt(struct job *j, pid_t pid, int fds[3]);
void process_replay(struct job *j); /* nobody holds its pipes: only what is kept */
void process_signal(struct job *j, int sig);
void process_status(struct job *j); /* what there is of it to read */
void process_close(struct job *j);  /* its input and its terminal */

/* run.c: a try, from its begin to its end. */
void run_begin(struct job *j);
void run_adopt(struct job *j, struct found *f);
void run_lost(struct job *j);
void run_output(struct job *j, unsigned channel, uint64_t offset, const void *data, size_t len);
void run_channel_ended(struct job *j, unsigned channel, enum spool_end how, int err);
void run_reaped(struct job *j, int wait_status);
void run_failed(struct job *j, enum cause cause, char *take); /* it is to end */
void run_check(struct job *j, uint64_t now);                  /* its times; loop time */
void run_try_over(struct job *j);
uint64_t run_next(const struct job *j); /* when it is to be checked; UINT64_MAX: never */

/* ending.c: what becomes of a try that is over. */
void ending_weigh(struct job *j);
void ending_record(struct job *j);

/* load.c: what a worker before this one left. */
void load_start(struct runner *r);

#endif
