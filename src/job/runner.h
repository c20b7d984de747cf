/*
 * The jobs that have not ended: their queue, their processes, their limits and their tries.
 *
 * Up to `running_max` run at a time, in the order in which they were asked for; up to `queue_max` wait, of
 * which those that wait for the delay before a retry take no slot. Every step is in the store before
 * it is done: a job is on record (QUEUED) before its asker is told, RUNNING before its command is
 * started, and terminal before anybody hears of its end.
 *
 * A job ends when its command has been reaped and its channels are at their end, or JOB_LINGER_MS
 * after the first of the two where a process that it left holds a pipe. Limits end it with
 * SIGTERM to its process group, SIGKILL JOB_KILL_MS later. What ended it is decided once, by what came
 * first: a cancel, a limit, or its own end.
 *
 * Tries. A command that ended with a status of retry_on, or whose agent said that it was limited or the
 * server overloaded, is started again after the delay, if it has tries left. Channels go on where
 * they were; the record says where each try began.
 *
 * After a worker has died, the next one is given what the keeper holds (runner_found), then reads
 * from the store what had not ended (runner_start). What is RUNNING there and held goes on; what the
 * keeper does not hold is ORPHANED, or, where its end was heard of, ended; what is QUEUED is queued.
 *
 * Loop's thread.
 */
#ifndef JOB_RUNNER_H
#define JOB_RUNNER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "job/job.h"
#include "job/spool.h"
#include "store/jobs.h"

struct buf;
struct store;

enum { RUNNER_INPUT_MAX = 1024 * 1024 };

struct runner;

struct job_channel {
	struct spool_channel *spool; /* NULL: closed */
	enum channel_state state;
	uint64_t bytes;    /* that were given */
	uint64_t try_from; /* where this try's begin */
};

/* A job that lives. Read by all; written by runner.c, but for `user`. */
struct job {
	struct job *prev, *next; /* utlist, in the order of their numbers */
	struct runner *runner;
	uint64_t number;
	char id[JOB_ID_MAX];
	struct job_spec spec;
	enum job_state state;
	struct job_channel channels[JOB_CHANNELS]; /* [0] is 1 */
	pid_t pid;      /* 0: no command runs; a ticket until it is known (os/spawn.h) */
	unsigned tries; /* that were begun */
	int64_t created_ms, started_ms, ended_ms; /* wall clock; 0: not yet */
	int64_t retry_ms;                         /* it waits for then; 0: it does not */
	int exit_status;                          /* exit code, or 128 + signal; -1: none */
	char *error;                              /* why it failed; or NULL */
	struct jobs_usage usage;                  /* store/jobs.h; as far as known */
	char *session; /* of the agent's own, as its output named it; or NULL */
	void *user;    /* app's */
	struct job_priv *priv;
};

/* What an agent's output said of a try; see job/outcome.h. */
struct job_outcome;

struct runner_config {
	uv_loop_t *loop;
	struct store *store;
	const char *dir;         /* of the channels; copied */
	const char *socket_path; /* for PANESCRY_SOCKET; copied */
	unsigned running_max, queue_max;
	uint64_t max_output;       /* of a job that says none */
	int64_t dedup_ms;          /* the window of one that says none */
	const int64_t *backoff_ms; /* and its delays; copied */
	size_t nbackoff;
	void *arg;
	/* It holds these now ([0] input, [1], [2] the channels; -1: none), or again for the next try; and
	 * does no more. `number` tells tries apart. */
	void (*held)(void *arg, uint64_t number, pid_t pid, const int fds[3]);
	void (*reaped)(void *arg, uint64_t number, int wait_status); /* will be */
	void (*input_ends)(void *arg, uint64_t number); /* what it holds of it must be closed */
	void (*released)(void *arg, uint64_t number);
	/* It is new, its state is another, a try began or ended, or it has an error. For the last
	 * time with a terminal state, on record; then it is freed. */
	void (*changed)(void *arg, struct job *j);
	void (*output)(void *arg, struct job *j, unsigned channel, uint64_t offset,
	    const void *data, size_t len);
	/* It has read the store: jobs can be submitted. */
	void (*ready)(void *arg);
	/* Around work on the pool that reads the store, which must not be closed meanwhile. */
	void (*reads)(void *arg, bool begins);
	/* Where `output` is to go on for a job that was taken up again. NULL: at the end. */
	uint64_t (*resume)(void *arg, struct job *j, unsigned channel);
};

int runner_new(const struct runner_config *config, struct runner **out, char **cause);
void runner_free(struct runner *r); /* processes are left as they are; after runner_stop */

/* Takes the descriptors; before runner_start. */
void runner_found(
    struct runner *r, uint64_t number, pid_t pid, bool ended, int wait_status, int fds[3]);
/* Reads the store, on the pool; from then on jobs can be submitted, and run. */
void runner_start(struct runner *r);
void runner_exited(struct runner *r, uint64_t number, pid_t pid, int wait_status);
/* A child has ended with this wait(2) status and waits to be reaped: whether it is a job's; then it has been. */
bool runner_reap(struct runner *r, pid_t pid, int wait_status);
void runner_pause(struct runner *r, bool pause); /* starts nothing, reads nothing */
bool runner_idle(const struct runner *r);        /* paused, and owes nothing to the store */
bool runner_ready(const struct runner *r);
bool runner_unread(const struct runner *r); /* it cannot read the store, and tries again */

/* Everything that runs is to end (SIGTERM, then SIGKILL) and be on record; `done` when it is. */
void runner_stop(struct runner *r, void (*done)(void *arg), void *arg);

/*
 * Takes the spec. *out is the job, or with *existing the one that has the same key and lives; for
 * one that has completed, within the window, *ended is its number and *out NULL. `stored` is called
 * when it is on record (rc 0) or could not be (then it is gone). -ENOSPC: the queue is full;
 * -EAGAIN: it is not ready; -ESHUTDOWN: it stops.
 */
struct job_submit {
	bool force; /* whatever there is with this key */
	void (*stored)(void *arg, struct job *j, int rc);
	void *arg;
	bool prompt; /* rather not at all than when the disk has room again */
};
int runner_submit(struct runner *r, struct job_spec *take, const struct job_submit *how,
    struct job **out, bool *existing, uint64_t *ended);

struct job *runner_find(struct runner *r, uint64_t number); /* that lives; or NULL */
struct job *runner_jobs(struct runner *r);                  /* utlist */
uint64_t runner_new_number(struct runner *r);               /* for a stream */
/* It is the answer to nobody any more: it was removed. */
void runner_forget(struct runner *r, uint64_t number);
void runner_count(const struct runner *r, unsigned *running, unsigned *queued);

/* Ends it, as one that wrote more than it may. */
void job_wrote_too_much(struct job *j, char *take_why);

/* -EALREADY when its end is under way. */
int job_cancel(struct job *j, const char *why);

/* To its standard input, in order. -EPIPE when it has none, or has ended; -ENOBUFS when it does not
 * read, and nothing was taken. */
int job_write(struct job *j, const void *data, size_t len);
void job_end_input(struct job *j);                           /* behind what was written */
int job_resize(struct job *j, unsigned cols, unsigned rows); /* -ENOTTY without a PTY */
int job_signal(struct job *j, int sig);                      /* to its process group; -ESRCH */

/* To be told of the end, once, behind `changed`, on the loop. */
struct job_waiter;
struct job_waiter *job_await(struct job *j, void (*ended)(void *arg, struct job *j), void *arg);
void job_await_cancel(struct job_waiter *w); /* before it has been told */
const char *job_waiter_id(const struct job_waiter *w);

#endif
