/*
 * The worker's end of the line to its keeper (proto/keep.h).
 *
 * keep_new takes the descriptor and reads nothing yet; keep_hello waits for the first message, as
 * there is nothing else to do without the listening sockets in it. From keep_start on, messages
 * are taken and given on the loop. What the socket does not take at once waits in order.
 *
 * Loop's thread.
 */
#ifndef APP_KEEP_H
#define APP_KEEP_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "proto/keep.h"

typedef struct uv_loop_s uv_loop_t;

struct keep;

struct keep_hello {
	int tcp_fd, unix_fd; /* the caller's */
	int report_fd;       /* or -1 */
	bool first, spawns;  /* spawns: it starts processes for this one */
	uint64_t last_pane;
	pid_t pid; /* the keeper's, and when it was started */
	int64_t started_ms;
};

struct keep *keep_new(int fd);
void keep_free(struct keep *k); /* after keep_stop and a turn of the loop */

/* Blocks for a few seconds at most. */
int keep_hello(struct keep *k, struct keep_hello *hello, char **cause);

/* A message, whose descriptors are the receiver's if it sets them to -1; NULL when the keeper is
 * gone, after which nothing more will come. */
typedef void keep_cb(void *arg, const struct keep_packet *p, int fds[], unsigned nfds);

void keep_start(struct keep *k, uv_loop_t *loop, keep_cb *cb, void *arg);
void keep_stop(struct keep *k);

/* Descriptors stay the caller's. */
void keep_send(
    struct keep *k, const struct keep_packet *p, size_t len, const int *fds, unsigned nfds);
void keep_say(struct keep *k, enum keep_type type);
void keep_say_pane(struct keep *k, enum keep_type type, uint64_t pane, int status);
void keep_say_text(struct keep *k, enum keep_type type, uint64_t number, const char *text);
void keep_say_born(struct keep *k, uint64_t pane, pid_t pid, int memory, int master);
void keep_say_here(struct keep *k, const char *keeper_program);

/*
 * Of panes and jobs: `pid` is 0 or a ticket (os/spawn.h) when the keeper is to start the process.
 *
 * A job that runs, its number with KEEP_JOB: `pid` leads its process group; of the descriptors,
 * which stay the caller's, -1 is none. Said again when one of them is closed. Nothing is said to a
 * keeper that knows no jobs; it can become one that does (keep_greeted). REAPED, DRAINED and GONE
 * are keep_say_pane's.
 */
void keep_say_job(struct keep *k, uint64_t number, pid_t pid, const int fds[KEEP_FDS]);

/* HELLO came again. True when the keeper knows jobs from now on, and did not before. */
bool keep_greeted(struct keep *k, const struct keep_message *hello);

/* Whether the keeper starts processes for this one. */
bool keep_spawns(const struct keep *k);

/* True when nothing waits to be sent. */
bool keep_sent(const struct keep *k);

#endif
