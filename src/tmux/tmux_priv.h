/* What the files of tmux/ share. Not for other folders. */
#ifndef TMUX_TMUX_PRIV_H
#define TMUX_TMUX_PRIV_H

#include <uthash.h>
#include <uv.h>

#include "base/buf.h"
#include "tmux/run.h"
#include "tmux/tmux.h"

struct capture;
struct link;

enum { TMUX_EARLY_MAX = 16 * 1024 * 1024 }; /* bytes */

/* A pane and how it is fed. */
struct followed {
	struct tmux_pane pane;
	struct link *link; /* feeds it; NULL: none yet */
	bool live;         /* its output is passed on */
	bool told;         /* as being behind */
	bool pausing;      /* for a capture: not by tmux */
	bool held;         /* all that comes follows the capture under way; see capture.c */
	struct buf early;  /* and is kept here */
	uint64_t outputs;  /* how often some came */
	bool bordered;   /* a row of its cell may be a border's, which a layout does not say */
	unsigned pauses; /* by tmux; what was captured before it goes on is too old */
	/* While a list is read: */
	bool listed, kept, fresh, changed;
	UT_hash_handle hh;
};

/* A pane whose output tmux keeps for a connection. */
struct heard {
	uint32_t pane;
	bool paused;
	UT_hash_handle hh;
};

/* A connection, for one session. */
struct link {
	struct link *prev, *next;
	struct tmux *tmux;
	struct tmux_client *client;
	uint32_t session;
	struct heard *heard; /* by pane */
	bool gone;
	bool silent; /* has no output, and no say: see tmux_connect_silent */
};

struct tmux {
	uv_loop_t *loop;
	char *socket;
	bool capture_only, freed;
	struct tmux_callbacks cb;
	void *arg;

	struct link *links;     /* utlist */
	struct followed *panes; /* by id */
	char version_text[32];
	unsigned version; /* as TMUX_VERSION_MIN; 0: unknown */
	pid_t pid;        /* of the server, and its start */
	int64_t started_s;
	char message[200];
	bool there;    /* it answered the last time it was asked */
	bool settling; /* clients of a process before this one may be about to go */

	uv_timer_t look;        /* for a server, or at one that is not connected */
	uv_timer_t list;        /* soon, after a notification */
	uv_timer_t pulse;       /* looks for connections that do not answer */
	struct tmux_run *probe; /* asks tmux whether it answers others */
	uv_fs_event_t dir;
	unsigned handles, backoff_ms;
	bool watching, listing, list_again;
	bool unconnected;              /* some session waits for its connection, since: */
	uint64_t waits_since, noticed; /* and when the last notification came; loop time */
	struct tmux_run *run;          /* the look, or the list of one that is only captured */
	char secret[40];               /* begins the lines of lists */

	struct capture *captures; /* utlist: under way, then waiting */
	unsigned capturing;
	uv_timer_t capture_timer;
};

/* server.c */
struct link *tmux_link(struct tmux *t, uint32_t session);
struct link *tmux_any_link(struct tmux *t);
void tmux_connect(struct tmux *t, uint32_t session);
void tmux_connect_silent(struct tmux *t);
bool tmux_captures_only(const struct tmux *t);
void tmux_look_soon(struct tmux *t);
void tmux_unfollow(struct followed *f); /* no output of it until the next capture */

/* list.c */
void tmux_list_all_gone(struct tmux *t);
/* From what list-panes printed. False when not a line of it was one. */
bool tmux_list_read(struct tmux *t, const char *text, size_t len);
void tmux_list_feed(struct tmux *t); /* who feeds whom, when connections have come or gone */
struct heard *tmux_list_hear(struct link *l, uint32_t pane);
void tmux_list_unhear(struct link *l);
void tmux_list_layout(struct tmux *t, struct link *l, const char *layout);

/* capture.c */
void tmux_captures_next(struct tmux *t);
void tmux_capture_early(struct followed *f, const char *data, size_t len);
void tmux_captures_cancel(struct tmux *t);
bool tmux_captures_reaped(struct tmux *t, pid_t pid);

#endif
