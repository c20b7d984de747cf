/*
 * The panes of tmux servers (tmux/tmux.h) among the daemon's own.
 *
 * Each is an entry with a remote pane (pane/pane.h). What it had printed before is captured and
 * enters its history first, then its output follows; what was missed on the way is captured again and
 * joined where the lines overlap. Where they do not, a line of the history says so.
 *
 * A pane that tmux no longer has leaves the list at once, and goes when its viewers know and the
 * archive has its lines. One whose tmux option @panescry is off is none of ours.
 *
 * Ids: t%3 for the default server, t-NAME%3 for the server of another socket of that name.
 *
 * Entries that another worker left are kept for a while, until their server is found.
 *
 * Loop's thread.
 */
#ifndef APP_MUX_H
#define APP_MUX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "store/archive.h"

struct app;
struct cJSON;
struct entry;
struct http_req;
struct pane_remote;
struct tmux_pane;

void mux_open(struct app *a);
void mux_close(struct app *a); /* without ending any pane */
void mux_free(struct app *a);  /* when the loop has run out */

/* Lets go of all servers, or finds them again: for when another process has the panes. */
void mux_pause(struct app *a, bool pause);

/* The servers that are there, as runs that panes are archived under; returns how many. */
enum { MUX_SERVERS_MAX = 16 };
size_t mux_runs(struct app *a, struct archive_run runs[MUX_SERVERS_MAX]);

/* Whether a child that has ended was one of theirs. */
bool mux_reaped(struct app *a, pid_t pid);

extern const struct pane_remote mux_remote;

/* The id of a pane of that server, "%3", to be freed; NULL: servers are left alone. */
char *mux_id_of(struct app *a, const char *socket, const char *pane);

void mux_entry_gone(struct entry *e); /* before the pane is freed */

/* The run of a remote pane, from what is kept of its origin. */
struct archive_run mux_origin_run(const char *origin);

/* What it had printed before is still to be fed: until then nobody looks for what is new. */
bool mux_catching_up(const struct entry *e);

/* What tmux says of it; NULL while its server is not connected, or for a native pane. */
const struct tmux_pane *mux_pane(const struct entry *e);
const char *mux_title(const struct tmux_pane *t);              /* "": none was set */
void mux_json(struct app *a, struct cJSON *info);              /* adds "tmux" */
void mux_pane_json(const struct entry *e, struct cJSON *pane); /* adds "tmux" */

/* Answers the request when tmux has. */
void mux_resize(struct entry *e, unsigned cols, unsigned rows, struct http_req *r);
void mux_show(struct http_req *r, void *arg); /* POST panes/ID/show */

/* All that tmux has of a pane, beside what is here (tmux/tmux.h); -ENOTCONN. */
struct seed;
int mux_capture(struct entry *e,
    void (*cb)(void *arg, int err, const char *why, struct seed *take), void *arg);
/* Of a pane that is still to be captured in colour, the text of its newest lines; or NULL. */
struct seed *mux_preview(const struct entry *e);

bool mux_captures_only(const struct entry *e); /* nothing of it comes by itself */

/* Captures such a pane now; `done` is called when its record has it, or it cannot be had. */
void mux_refresh(struct entry *e, void (*done)(void *), void *arg);

struct mux_wish {
	const char *session, *name, *cwd; /* NULL: none */
	char *const *argv, *const *env;   /* env: NAME=value, or NULL */
	bool shell;                       /* argv is tmux's choice */
};
void mux_create(struct app *a, struct http_req *r, const struct mux_wish *w);

#endif
