/*
 * One control client of a tmux server, attached to one session.
 *
 * "tmux -C attach-session -E -f ignore-size,pause-after=N" with pipes that belong to the server's
 * process once it has them: the child only waits, and goes when they are closed. ignore-size: it never changes the size of a
 * window that somebody else looks at. -E: the session's environment stays as it is. pause-after:
 * when this process does not read for so long, tmux throws this client's output away and says
 * %pause, instead of holding up the user's programs. What arrives is always read.
 *
 * Commands are answered in order. A request whose output is wanted is sent as
 *
 *	display-message -p MARK0 ; COMMAND1 ; display-message -p MARK1 ; COMMAND2 ; ...
 *	display-message -p END
 *
 * with marks of 128 random bits, so that nothing a pane has printed can pass for the end of a
 * block or for a notification (proto/control.h). The one list runs without tmux reading any
 * pane in between, and its output stands in the stream exactly where the panes' output has come
 * to. END is a list of its own: it comes also when a command fails, which ends the first.
 *
 * Loop's thread. Callbacks may do anything but free the client; `gone` may free it.
 */
#ifndef TMUX_CLIENT_H
#define TMUX_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "proto/control.h"
#include "tmux/seed.h"

typedef struct uv_loop_s uv_loop_t;

struct tmux_client;

enum {
	TMUX_PAUSE_AFTER_S = 3,
	TMUX_ANSWER_MAX = 256 * 1024 * 1024, /* bytes of one command's output */
};

struct tmux_client_callbacks {
	void (*ready)(struct tmux_client *, void *arg); /* it is attached */
	void (*output)(
	    struct tmux_client *, uint32_t pane, const char *data, size_t len, void *arg);
	void (*notice)(struct tmux_client *, const struct control_notice *n, void *arg);
	/* The last: tmux has closed it, or it never came to be. Requests have been failed. */
	void (*gone)(struct tmux_client *, const char *why, void *arg);
};

/* -errno when there is no process to be had. silent: without output. */
int tmux_client_new(uv_loop_t *loop, const char *socket, uint32_t session, bool silent,
    const struct tmux_client_callbacks *cb, void *arg, struct tmux_client **out);

/* Detaches. Requests that wait are failed with -ECANCELED before this returns. */
void tmux_client_free(struct tmux_client *c);

/* The process of a client that was made like this, by a process that has ended: tmux keeps such a one
 * while it has output for it. It is ended; tmux must know of it already (list-clients). */
void tmux_client_end_orphan(pid_t pid);

bool tmux_client_ready(const struct tmux_client *c);
uint32_t tmux_client_session(const struct tmux_client *c);
pid_t tmux_client_pid(const struct tmux_client *c);
void tmux_client_reaped(struct tmux_client *c); /* its process is no more */

/* Since when the oldest request waits, in loop time; 0: none does. */
uint64_t tmux_client_waiting(const struct tmux_client *c);

/* err 0, or -EIO and why (tmux's own words), or -ECANCELED; parts are borrowed. */
typedef void tmux_answer_cb(
    void *arg, int err, const char *why, const struct seed_part *parts, size_t n);

/* Commands of which each prints one block of output. At most SEED_PARTS_MAX. */
void tmux_client_ask(struct tmux_client *c, const char *const *commands, size_t n,
    tmux_answer_cb *cb, void *arg);

/* A command list of which no output is wanted; cb may be NULL. */
void tmux_client_tell(
    struct tmux_client *c, const char *commands, tmux_answer_cb *cb, void *arg);

#endif
