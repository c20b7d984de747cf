/*
 * The part of a search that goes through the archive, for lines of panes that are gone or that
 * a history has lost. Runs on a thread of the pool, from beginning to end, in the order of the
 * answer, and stops when nothing that comes can be among the first `limit` any more.
 */
#ifndef APP_SEARCH_ARCHIVE_H
#define APP_SEARCH_ARCHIVE_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "app/search_json.h"
#include "search/pattern.h"
#include "search/query.h"
#include "store/archive.h"

/* A pane whose lines from `first` on are searched elsewhere; 0: none are. */
struct archive_live {
	struct archive_run run;
	const char *pane;
	uint64_t first;
};

struct archive_search {
	struct archive *archive;
	const struct pattern *pattern;
	const struct query_options *options;
	uint64_t deadline_us;
	const char *glob; /* over ids; NULL: all */
	bool jobs;        /* as in struct search_spec */
	const struct archive_run
	    *runs; /* the daemon's own, and those of servers that are there */
	size_t nruns;
	const struct archive_live *live; /* panes that are there and are meant */
	size_t nlive;
};

/* Adds to what has been found. */
void search_archive(const struct archive_search *s, struct search_found *found);

#endif
