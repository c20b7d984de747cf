/*
 * A real keeper whose workers do nothing by themselves: each is a process of this program that
 * hands its line to the keeper to the test, runs commands for it, and dies when it is told to or
 * killed. So the test speaks as the worker, word by word, and who lives and dies is real.
 *
 * What does not come within some seconds fails the test. One thread.
 */
#ifndef TESTS_KEPT_H
#define TESTS_KEPT_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "proto/keep.h"

enum { KEPT_MAX = 16 };

struct kept_keeper {
	char dir[64]; /* its sockets, its log, and what the test puts there */
	pid_t pid;
	int listener; /* where workers come */
	int log;
	pid_t
	    pids[KEPT_MAX]; /* workers and, negative, groups of jobs: they end with the test */
	unsigned npids;
};

/* A worker: its line to the keeper, and the one on which it is told what to do. */
struct kept_worker {
	struct kept_keeper *keeper;
	pid_t pid;
	int fd, control;
};

/* The message that was heard last, and its descriptors, which are the test's. */
struct kept_message {
	struct keep_packet p;
	int fds[8];
	unsigned nfds;
};

/* Of main: goes on as a worker and never returns if that is what this process is. */
void kept_main(void);

int kept_setup(void **state); /* *state: a struct kept_keeper * */
int kept_teardown(void **state);

/* The next worker; NULL to `m` where HELLO does not matter. It has not said HERE. */
void kept_accept(struct kept_keeper *k, struct kept_worker *w, struct kept_message *m);
void kept_here(struct kept_worker *w, bool jobs);
void kept_say(struct kept_worker *w, struct keep_packet *p, enum keep_type type, const int *fds,
    unsigned nfds);
void kept_say_pane(struct kept_worker *w, enum keep_type type, uint64_t pane, int status);
void kept_say_job(struct kept_worker *w, uint64_t number, pid_t pid, const int fds[KEEP_FDS]);
void kept_hear(struct kept_worker *w, enum keep_type type, struct kept_message *m);
void kept_serve(struct kept_worker *w); /* from PANES to GO */
void kept_kill(struct kept_worker *w);  /* and waits for its death */
void kept_quit(struct kept_worker *w);  /* it ends by itself */

/* What the keeper has read everything for that was said before. */
struct keep_status kept_status(struct kept_worker *w);

/* Starts sh -c script as a child of the worker, in a group of its own, in the keeper's directory.
 * Its pipes, or its terminal, are the test's alone. */
pid_t kept_run(struct kept_worker *w, const char *script, bool pty, int fds[KEEP_FDS]);
/* Upgrades to the daemon's own program, which takes over as it does anywhere. */
void kept_upgrade_to_daemon(struct kept_worker *w);

/* Waits until a child of the worker has ended, and reaps it. Returns its wait status. */
int kept_reap(struct kept_worker *w, pid_t pid);

/* Reads until `text` has come; with NULL to the end. Returns all that came, in a static buffer. */
const char *kept_read(int fd, const char *text);
void kept_touch(struct kept_keeper *k, const char *name);
void kept_gone(pid_t pid); /* waits until nobody has the number */
/* Waits until there is no process in the group that the keeper left behind at its end. */
void kept_group_gone(pid_t pid);
void kept_logs(struct kept_keeper *k, const char *text); /* waits for it in the log */
bool kept_is(struct kept_keeper *k, const char *verb);   /* how it was started */
void kept_ended(struct kept_keeper *k, int status);      /* waits for its end */

#endif
