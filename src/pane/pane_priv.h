/* What pane.c and viewer.c share: the pane's inside. Not for other folders. */
#ifndef PANE_PANE_PRIV_H
#define PANE_PANE_PRIV_H

#include <uv.h>

#include "base/buf.h"
#include "pane/memory.h"
#include "pane/pane.h"
#include "pane/record.h"

struct pane {
	uv_loop_t *loop;
	struct pane_callbacks cb;
	void *arg;

	unsigned cols, rows;
	unsigned wish_cols, wish_rows; /* while the timer runs */
	uint64_t resizes_us; /* monotonic time up to which resizes are paid for (size.c) */

	const struct pane_remote *remote; /* NULL: native */
	pid_t pid;                        /* a ticket (os/spawn.h) until it is known */
	int master;                       /* -1 once closed */
	int status_fd;                    /* -1 once it has told */
	enum pane_state state;
	bool reaped, drained, freed;
	bool paused; /* another process reads the PTY, or is about to */
	int exit_status;

	uv_poll_t io, status;
	uv_timer_t flush;    /* wakes viewers of a pane that floods */
	uv_timer_t life;     /* SIGKILL after SIGHUP, or the end after a linger */
	uv_timer_t announce; /* tells viewers how many they are */
	uv_timer_t resize;   /* runs while a wish waits */
	int io_events;
	unsigned open_handles;

	struct memory *memory; /* the record's, with all that outlives the process */
	const struct memory_birth *birth;
	struct ring *ring;
	struct record *record; /* screen and history */
	size_t unflushed;      /* bytes read since the viewers were woken */
	uint64_t flushed_us;   /* monotonic time at which they were */

	struct buf input; /* waits for the command to read */
	size_t input_at;  /* bytes of it that were written */

	struct viewer *viewers; /* utlist, in the order in which they came */
	unsigned viewer_count;
	uint64_t typed_clock; /* counts the messages that carried input */
};

/* pane.c */
void pane_update_io(struct pane *p);
void pane_check_end(struct pane *p);
void pane_close_fd(void *handle, int *fd); /* the handle that polls it, first */
int pane_decode_status(int wait_status);
void pane_finish(struct pane *p);
void pane_read_status(struct pane *p); /* birth.c */
void pane_output_arrived(struct pane *p, size_t n);

/* size.c: what waits is done. */
void pane_resize_now(struct pane *p);

/* Told by pane.c to viewer.c. */
void viewers_wake(struct pane *p, bool now);
void viewers_resized(struct pane *p);
void viewers_titled(struct pane *p);
void viewers_belled(struct pane *p);
void viewers_input_drained(struct pane *p);
void viewers_gone(struct pane *p);

#endif
