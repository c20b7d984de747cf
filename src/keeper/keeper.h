/*
 * The keeper: the small process that holds what must not die.
 *
 * It starts the worker, which does everything else, and starts another when that one dies. It
 * holds a duplicate of every PTY's master, of every pane's memory file, of the worker's ends of
 * the running jobs' pipes and of the listening sockets, reaps the children that a dead worker
 * leaves, and keeps their statuses. It parses no terminal data, reads no PTY or pipe, accepts no
 * connection (but to refuse it while there is no worker), writes no file, and holds no lock: what
 * can fail is in the worker. For a worker that may start no processes itself it starts them, as
 * it is asked to: it is not bound by what binds that worker, so that what runs in a pane is not.
 *
 * One thread, one poll(2). Signals are blocked but for the time of the poll. Nothing is queued for
 * a worker: what it must be told is a set of flags and a position in the table of panes, and
 * becomes a message when its socket takes one, so that a worker that is stopped costs nothing.
 *
 * A worker goes through these states:
 *
 *	STARTING	HELLO and, when it said HERE and is no upgrade's, the panes are being sent
 *	WAITING		an upgrade's: it said HERE and waits for the panes
 *	RESTORING	it has been given all panes
 *	SERVING		it said READY and was told GO
 *	YIELDING	it was told to yield to the one that is WAITING
 *	YIELDED		it did
 *	LEAVING		it was told to QUIT or STOP
 *
 * At the end panes get SIGHUP and jobs SIGTERM, each with its process group; 5 seconds later, what
 * is left gets SIGKILL. A job's group counts as long as anything of it is there.
 */
#ifndef KEEPER_KEEPER_H
#define KEEPER_KEEPER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "proto/keep.h"

enum {
	CRASHES_MAX = 60,
	REFUSED_MAX = 16,
	CHILDREN_MAX = 32768,
	HELPERS_MAX = 1024,
	SPARES = 5
};

enum worker_state {
	NO_WORKER,
	STARTING,
	WAITING,
	RESTORING,
	SERVING,
	YIELDING,
	YIELDED,
	LEAVING,
};

struct worker {
	enum worker_state state;
	pid_t pid;
	int fd;
	bool first, hello, panes; /* the first of all; what has been sent */
	bool here, jobs;          /* it said HERE, and that it knows jobs */
	size_t next_pane;         /* that it has not been told of yet */
	uint32_t due;             /* bit per type of message without more */
	uint64_t deadline_ms;     /* monotonic; 0: none */
	uint64_t trying;          /* pane it is restoring, 0: none */
	char *keeper;             /* path of the keeper it was built with */
	int look;                 /* the socket of its LOOK; -1: none */
};

/* Or a job, whose descriptors are in the places of memory, master and error, in that order. Only
 * added to at the end. */
struct pane {
	uint64_t id;
	pid_t pid;
	int memory, master; /* -1: none */
	bool reaped, tell;  /* tell: the worker must hear that it was */
	int status;
	unsigned tries; /* 2 for each worker that crashed while restoring it, 1 if killed */
	int error;      /* -1: none */
	bool ending;    /* its group was there when the keeper began to end it */
};

/* A process that it started for a worker, until it is reaped. A pane's or a job's is in their
 * table, too. Only added to at the end. */
struct child {
	uint64_t id;     /* pane, job or helper */
	uint64_t ticket; /* the worker's */
	pid_t pid;       /* -1: it could not be started */
	pid_t worker;    /* that asked for it */
	bool tell;       /* a helper's that has ended: the worker must hear of it */
	int status;
};

/* What one keeper passes to the next, apart from panes and worker. Only added to at the end. */
struct kept {
	int32_t tcp, local;   /* listening sockets */
	uint32_t crashes_max; /* in a minute; 0: any number */
	uint64_t last_pane;   /* highest id ever */
	uint64_t started_ms;  /* monotonic */
	int64_t started_wall_ms;
	struct keep_status said; /* its counts; the rest is filled in when it is asked for */
};

struct keeper {
	struct kept kept;
	int report;         /* goes to the first worker; -1 then */
	bool first;         /* no worker has been started yet */
	char *socket;       /* path of the Unix one, to remove at the end; "": none */
	char **worker_argv; /* [0] is the program, which an upgrade replaces */
	char *program;      /* by this */

	struct worker worker; /* the one that serves, or is to */
	struct worker next;   /* the one that is to replace it */
	char *next_program;   /* what it was started from, or will be; NULL: none is wanted */
	struct pane *panes;   /* and jobs, in the order of their birth */
	size_t npanes, cap;
	struct child *children; /* in no order */
	size_t nchildren;       /* at most CHILDREN_MAX */

	uint64_t
	    crash_ms[CRASHES_MAX]; /* monotonic times, that of the n-th at n % CRASHES_MAX */
	unsigned ncrashes;         /* since the last upgrade */
	unsigned failures;         /* workers in a row that died before they served */
	uint64_t start_at_ms;      /* a worker is due then; 0: none */
	bool down;                 /* too many crashes: waits for an upgrade */
	int refused[REFUSED_MAX];  /* connections that were told so, or -1 */
	unsigned next_refused;     /* the oldest */
	bool exec_due;             /* an upgrade has been made: this process is to follow */
	bool stopping;
	bool first_failed;   /* the first worker could not start: the last status says how */
	uint64_t kill_at_ms; /* while it ends the panes by itself */
	pid_t checker;       /* runs the next keeper's check */
	int state_fd;        /* what it reads */
	int spares[SPARES];  /* descriptors that a worker can always be started with */
};

uint64_t keeper_now(void); /* monotonic ms */

/* panes.c */
struct pane *panes_find(struct keeper *k, uint64_t id);
struct pane *panes_by_pid(struct keeper *k, pid_t pid);
struct pane *panes_add(struct keeper *k, uint64_t id); /* or the one that is there */
void panes_remove(struct keeper *k, uint64_t id);
size_t panes_jobs(const struct keeper *k); /* how many of them are jobs */
void panes_drop(struct pane *p);           /* closes what it has */

/* SIGHUP is SIGTERM to jobs, and 0 none to any. Returns how many are left. */
unsigned panes_signal(struct keeper *k, int sig);
void close_fd(int *fd);

/* worker.c */
void spares_hold(struct keeper *k); /* as many as there are to be had */
/* Whether the workers were given a certificate. */
bool keeper_serves_tls(const struct keeper *k);

void worker_start(struct keeper *k, struct worker *w, const char *program);
void worker_send(struct keeper *k, struct worker *w); /* what is due, as far as it takes it */
bool worker_has_due(const struct keeper *k, const struct worker *w);
void worker_receive(struct keeper *k, struct worker *w);
bool worker_died(struct keeper *k, pid_t pid, int status); /* false: it is no worker */
int worker_say(struct worker *w, enum keep_type type, struct keep_packet *p, const int *fds,
    unsigned nfds);
void worker_timed_out(struct keeper *k, struct worker *w);
void upgrade_start(struct keeper *k, const char *program);

/* spawn.c: what the keeper does for a worker that may not do it itself. It takes no more of a
 * request than it has checked, and never waits. */
void spawn_start(
    struct keeper *k, struct worker *w, const struct keep_packet *p, int *fds, unsigned nfds);
void spawn_send_signal(
    const struct keeper *k, const struct worker *w, const struct keep_packet *p);
void spawn_look(struct worker *w, int *fds, unsigned nfds); /* takes the socket */
void spawn_looks(struct worker *w);                         /* answers what is asked there */
bool spawn_reaped(struct keeper *k, pid_t pid, int status); /* true: a helper's */
bool spawn_has_ended(const struct keeper *k, const struct worker *w);
int spawn_tell(struct keeper *k, struct worker *w); /* of helpers' ends; -EAGAIN */
void spawn_forget(struct keeper *k, pid_t worker);  /* that has ended */

/* state.c: what the next keeper needs to know, in a file of memory. */
int state_write(const struct keeper *k); /* a descriptor, or -errno */
int state_read(struct keeper *k, int fd);
void state_pass(const struct keeper *k, bool on); /* whether descriptors outlive exec */

#endif
