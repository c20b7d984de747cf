/*
 * A viewer: one attached client, a cursor into its pane's ring and no buffer of its own.
 *
 * The owner (a connection) is told through `wake` that there may be something to send, and
 * then pulls one message after another until there is none. What a message holds is decided
 * when it is pulled, never earlier: a viewer that is slow is not behind a queue, it is behind
 * in the ring, and one that has fallen out of the ring, or asks, gets a snapshot of the screen
 * instead.
 * At most ATTACH_WINDOW bytes, snapshots included, are sent and not acknowledged; then this
 * viewer waits, alone.
 *
 * Size. The pane takes the size of the viewer that last typed. Attaching or resizing a window
 * changes the pane only for the viewer that typed last, or where no other viewer has a size;
 * when the one that typed last leaves, the pane goes back to the one that typed before it.
 *
 * Loop's thread. A pane that is freed wakes its viewers for the last time with viewer_gone
 * true; they must then be freed by their owners, at once or later.
 */
#ifndef PANE_VIEWER_H
#define PANE_VIEWER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct attach_request;
struct buf;
struct pane;
struct viewer;

struct viewer_spec {
	bool has_offset; /* resume from `offset` if the ring still has it */
	uint64_t offset;
	unsigned cols, rows; /* 0 where not known */
	bool read_only;
};

struct viewer_callbacks {
	/* viewer_pull may have something. Never called from within viewer_pull. With `now` it may
	 * be pulled before this returns, as for a keystroke's echo; otherwise later. */
	void (*wake)(struct viewer *, bool now, void *arg);
	/* The pane's input queue is full (hold true: read no more from this client) or has
	 * emptied again. */
	void (*hold_input)(struct viewer *, bool hold, void *arg);
};

struct viewer *viewer_new(struct pane *p, const struct viewer_spec *spec,
    const struct viewer_callbacks *cb, void *arg);
void viewer_free(struct viewer *v);

enum viewer_pull {
	VIEWER_NOTHING, /* wait for wake */
	VIEWER_MESSAGE, /* one message was appended to b */
	VIEWER_ENDED,   /* all has been sent and the pane has ended, or is gone */
};

/* Appends at most one message of at most `max` bytes of output (snapshots may be longer). */
enum viewer_pull viewer_pull(struct viewer *v, struct buf *b, size_t max);

/* The same for an owner whose client knows no messages of this protocol: terminal bytes alone, with a
 * reset of the terminal (RIS) before a snapshot. Nothing is acknowledged: it is the owner who pulls
 * no more than its client takes. All that is pulled from a viewer is pulled in one of the two ways. */
enum viewer_pull viewer_pull_bytes(struct viewer *v, struct buf *b, size_t max);

/* As pane_exit_status, of its pane; -1 also once that is gone. */
int viewer_exit_status(const struct viewer *v);

/* What a client said. -EROFS for input from a read-only viewer, -EINVAL for an
 * acknowledgement of what was never sent, -EPIPE and -ENOBUFS as pane_input. */
int viewer_request(struct viewer *v, const struct attach_request *req);

/* An "error" control message goes to this viewer alone. One at a time is kept. */
void viewer_error(struct viewer *v, const char *code, const char *message);

#endif
