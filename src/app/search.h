/*
 * Searches: over the histories and screens of panes, or agents' sessions, on the thread pool.
 *
 * search_start takes views of all panes that are meant, on the loop, and from then on
 * nothing of it touches the loop until the answer is there: compiling, scanning, merging and
 * writing JSON are the pool's. Where tmux is to be asked, that comes before; where agents'
 * sessions are meant, it is neither panes nor tmux, but the store, that is read there. A few
 * searches run at a time, more wait in order, and beyond SEARCH_WAITING they are refused. A client
 * that goes away cancels its search.
 *
 * Loop's thread.
 */
#ifndef APP_SEARCH_H
#define APP_SEARCH_H

#include <stdbool.h>
#include <stdint.h>

#include "app/search_sessions.h"
#include "search/pattern.h"
#include "search/query.h"

struct app;
struct http_req;

enum { SEARCH_WAITING = 64 };

/* Where lines are looked for. */
enum {
	SEARCH_RING = 1 << 0,
	SEARCH_CAPTURE = 1 << 1,
	SEARCH_ARCHIVE = 1 << 2,
	SEARCH_FALLBACK = 1 << 3, /* tmux, for what the history here does not have */
	SEARCH_SESSIONS = 1 << 4, /* agents' sessions, and nothing else */
	SEARCH_PAST = 1 << 5,     /* less what the histories here have */
};

struct search_spec {
	const char *patterns[PATTERN_LIST_MAX]; /* borrowed until search_start returns */
	unsigned npatterns;
	unsigned flags; /* PATTERN_* */
	unsigned sources;
	const char *pane; /* a glob over ids and names; NULL: all */
	bool one;         /* pane is an id, and the only one that is meant */
	bool jobs;        /* panes of jobs are meant, and no others (app/job_panes.h) */
	struct search_sessions_filter sessions; /* of SEARCH_SESSIONS; its pane is the above */
	struct query_options options;
	bool older; /* the shape of /api/term */
};

/* Answers the request, at once or later. */
void search_start(struct app *a, struct http_req *r, const struct search_spec *spec);

#endif
