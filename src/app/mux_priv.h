/* What mux.c, mux_feed.c and mux_ask.c share. Not for other files. */
#ifndef APP_MUX_PRIV_H
#define APP_MUX_PRIV_H

#include "app/app_priv.h"
#include "app/mux.h"
#include "base/buf.h"
#include "tmux/tmux.h"

struct mux_server {
	struct app *app;
	struct tmux *tmux; /* NULL: let go of */
	char *socket, *prefix;
};

struct mux {
	struct mux_server servers[MUX_SERVERS_MAX];
	unsigned n;
	bool paused, full;
	uv_timer_t start; /* waits for the archive; later, for panes that were restored */
	uv_idle_t feed;   /* captures go into the panes piece by piece */
	bool started;
	struct mux_create *creates; /* wait for their pane to appear, utlist */
};

/* An entry's part. */
struct mux_pane {
	struct entry *entry; /* NULL: it has gone, but tmux still owes an answer */
	struct mux_server *server;
	uint32_t id;
	unsigned refs;
	size_t pending; /* bytes of input that tmux has not taken */
	unsigned asked_cols, asked_rows;
	bool shown;     /* it has been captured once */
	bool behind;    /* output is missing until the next capture */
	bool whole;     /* a part of the history was not enough to find the place */
	unsigned lines; /* of history that the capture under way has at most; 0: all */
	bool capturing, again;

	struct seed *seed;    /* is being fed; NULL: output goes straight in */
	struct seed *preview; /* its text, until all of it is in its record */
	bool previewed;
	struct mux_past *past; /* what the archive has of it; NULL: not read yet, or used */
	bool fed_first;        /* nothing of the pane was known before it */
	size_t seed_at;
	uint64_t captured_from;
	struct buf held;            /* output that came meanwhile */
	struct mux_waiter *waiters; /* for the next capture, utlist */
};

/* mux.c */
struct mux_pane *mux_ref(struct mux_pane *m);
void mux_unref(struct mux_pane *m);

/* mux_feed.c */
void mux_behind(struct mux_pane *m);
void mux_output(struct mux_pane *m, const char *data, size_t len);
void mux_recapture(struct mux_pane *m); /* its size has changed: rows may have moved */
void mux_feed_drop(struct mux_pane *m);
void mux_tell_waiters(struct mux_pane *m);

/* The index in a seed of the line behind the newest that has left the pane's screen; -ENOENT. */
int64_t mux_place(struct entry *e, const struct seed *s);
void mux_on_feed(uv_idle_t *idle);

/* mux_past.c: reads the newest lines that the archive has of a pane, off the loop. Hashes as
 * seed_hash makes them, oldest first; `last` is the number of the newest, 0: there is none. */
struct mux_past {
	uint64_t last;
	uint64_t *hashes;
	size_t n;
};
void mux_past_read(struct entry *e, void (*done)(void *arg, struct mux_past *take), void *arg);
void mux_past_free(struct mux_past *p);

/* mux_ask.c */
void mux_created(struct entry *e);
void mux_creates_cancel(struct app *a);

#endif
