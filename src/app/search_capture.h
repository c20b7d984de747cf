/*
 * What tmux has of panes, for a search: all of it, or what their histories here have lost.
 *
 * grabs_add asks, on the loop; `done` comes when all have answered or GRAB_MS has passed, and
 * grabs_lines, on any thread, makes lines of an answer that a query can search. Their numbers are
 * those of the pane's history where the two overlap, otherwise they are counted from 1.
 */
#ifndef APP_SEARCH_CAPTURE_H
#define APP_SEARCH_CAPTURE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct app;
struct entry;
struct grabs;
struct record_view;
struct scan_line;
struct seed;

enum { GRAB_MS = 10 * 1000 };

struct grabs *grabs_new(struct app *a, void (*done)(void *), void *arg);
void grabs_free(struct grabs *g); /* also while tmux still owes answers */

/* False when there is no tmux to ask. */
bool grabs_add(struct grabs *g, struct entry *e);

/* What was captured before, of which a reference is taken. */
void grabs_add_seed(struct grabs *g, struct entry *e, struct seed *seed);

/* All were added: `done` is called from the loop, unless there is none (false). */
bool grabs_start(struct grabs *g);

/* Whether some did not answer in time, or not at all. */
bool grabs_partial(const struct grabs *g);

/* Whether tmux was asked for this pane, and has answered. */
bool grabs_has(const struct grabs *g, const char *pane, bool *answered);

/* The lines of a pane: all, or those before the view's history begins. They, and their text,
 * belong to g. `placed` is false when the view's history could not be found in them; then there
 * are none, if only those before it were asked for. */
struct grab_lines {
	struct scan_line *v;
	size_t n;
	bool placed;
};
void grabs_lines(struct grabs *g, const char *pane, const struct record_view *view, bool all,
    int64_t time_ms, struct grab_lines *out);

#endif
