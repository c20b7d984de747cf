/*
 * A tmux server that is followed: its panes as they come and go, and what they print.
 *
 * One control client for each session (tmux/client.h); a pane is fed by one of them, also when
 * its window is linked into several sessions. Which panes there are is asked of tmux
 * (list-panes -a) whenever a notification says that something has changed, never worked out from
 * notifications: so the list is tmux's own.
 *
 * A pane that can be followed is told as `behind`. The owner then calls tmux_capture with
 * `follow`: the answer is what the pane shows at one moment of the stream, and from that moment
 * on its output goes to `output`. When some is missed (tmux paused this client, or the
 * connection was lost), `behind` comes again, and no output until the next answer.
 *
 * A server that is not there, or dies, is found when its socket appears: the directory is
 * watched, and looked at now and then. Nothing here starts a server. Sockets of versions before
 * TMUX_VERSION_MIN, or with `capture_only`, are asked for captures, one process a question,
 * and followed no further: their panes are never told as behind.
 *
 * A server that does not answer (it was stopped) delays nothing but itself.
 *
 * Loop's thread. Callbacks may call anything here but tmux_free.
 */
#ifndef TMUX_TMUX_H
#define TMUX_TMUX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "tmux/client.h"
#include "tmux/seed.h"

typedef struct uv_loop_s uv_loop_t;

struct tmux;

/* Major * 100 + minor: 3.2. */
enum { TMUX_VERSION_MIN = 302, TMUX_VERSION_PASTE = 307 };

struct tmux_pane {
	uint32_t id, window, session; /* the session through which it is fed */
	unsigned window_index, pane_index, window_panes;
	unsigned cols, rows;
	pid_t pid;
	bool dead, alternate, off; /* off: its option @panescry says so */
	char *session_name, *window_name;
	char *name; /* its option @panescry-name, or "" */
	char *title, *command, *path, *start_command;
	void *user; /* the owner's: tmux_set_user */
};

enum tmux_state {
	TMUX_ABSENT,    /* no server at this socket */
	TMUX_LOOKING,   /* or it is being looked for */
	TMUX_CONNECTED, /* followed */
	TMUX_CAPTURE,   /* asked for captures only */
	TMUX_STOPPED,   /* connected, and has not answered for some seconds */
};

struct tmux_status {
	enum tmux_state state;
	const char *socket;
	char version[32]; /* "" while unknown */
	bool too_old;
	unsigned sessions, panes;
	const char *message; /* what went wrong last, or "" */
	/* Which server it is: these change with each. */
	pid_t pid;
	int64_t started_s;
};

struct tmux_callbacks {
	void (*appeared)(struct tmux *, const struct tmux_pane *, void *arg);
	void (*changed)(struct tmux *, const struct tmux_pane *, void *arg); /* also its size */
	void (*gone)(struct tmux *, const struct tmux_pane *, void *arg);
	void (*behind)(struct tmux *, const struct tmux_pane *, void *arg);
	void (*output)(
	    struct tmux *, const struct tmux_pane *, const char *data, size_t len, void *arg);
};

/* The path of a server's socket, for -L (a name without a slash) or -S (a path); NULL is the
 * default server. The caller frees it. */
char *tmux_socket_path(const char *name);

struct tmux *tmux_new(uv_loop_t *loop, const char *socket, bool capture_only,
    const struct tmux_callbacks *cb, void *arg);

/* Lets go of the server, without callbacks but those of what was asked for. The memory is given
 * back in later turns of the loop. */
void tmux_free(struct tmux *t);

void tmux_status(struct tmux *t, struct tmux_status *out);
const char *tmux_state_name(enum tmux_state state); /* "connected" */
const struct tmux_pane *tmux_find(struct tmux *t, uint32_t pane);
void tmux_set_user(struct tmux *t, uint32_t pane, void *user);

/* Whether a child of this process that has ended was one of its own. */
bool tmux_reaped(struct tmux *t, pid_t pid);

/*
 * The newest `lines` rows of a pane's history, 0 for all, and its screens. Those that are PLAIN have
 * no colours, which takes tmux a fifth of the time. With TRY a pane that is followed is not paused for
 * it: of one that prints all the time there is none, -EBUSY, and it is followed on. Err: -ENOENT no such pane, -EIO and why,
 * -ENOTCONN, -ECANCELED. The seed is the callee's.
 */
enum { TMUX_FOLLOW = 1 << 0, TMUX_PLAIN = 1 << 1, TMUX_TRY = 1 << 2 };
typedef void tmux_capture_cb(void *arg, int err, const char *why, struct seed *seed);
void tmux_capture(struct tmux *t, uint32_t pane, unsigned lines, unsigned flags,
    tmux_capture_cb *cb, void *arg);

/* A command list for the server, by way of the pane's connection; "" for any. -ENOTCONN when there is
 * none. */
int tmux_tell(
    struct tmux *t, uint32_t pane, const char *commands, tmux_answer_cb *cb, void *arg);

/* Commands in one list, of which each prints a block; at most SEED_PARTS_MAX. */
int tmux_ask(struct tmux *t, uint32_t pane, const char *const *commands, size_t n,
    tmux_answer_cb *cb, void *arg);

/* Input for the pane's program, also while somebody reads back in its copy mode. cb is called when tmux
 * has taken it. */
int tmux_input(
    struct tmux *t, uint32_t pane, const void *data, size_t len, tmux_answer_cb *cb, void *arg);

/* Asks which panes there are, soon; it is done by itself when tmux tells of a change. */
void tmux_list(struct tmux *t);

/* Puts a string in double quotes for tmux's parser. */
struct buf;
void tmux_quote(struct buf *b, const char *s, size_t len);

#endif
