/*
 * One search over many panes.
 *
 * A source is a pane: a view of its history, and the lines of its screen, copied, behind it.
 * The query is cut into pieces of some slabs of one source each. Pieces do not depend on each
 * other: run them in a loop, or hand them to threads; query_finish puts their hits in order,
 * which is by time, then by the sources' order, then by line (for the newest first, each the
 * other way round), and copies the first `limit` of them with their context. The hits are the
 * same however the pieces were run, as long as neither the deadline nor a limit of PCRE2 ended
 * one of them.
 *
 * A piece whose every line comes behind `limit` hits of pieces that have ended already is
 * skipped (or, for a little while, only asked whether it has any), so a search for the newest
 * does not read all of the past, provided that the pieces are run in about their order.
 *
 * query_new, query_finish and query_free are called by one thread, at a time when no piece is
 * running; query_run_piece by any, each piece once. What sources point to is borrowed and must
 * stay until query_finish has returned; pattern and options likewise. Nothing blocks.
 */
#ifndef SEARCH_QUERY_H
#define SEARCH_QUERY_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "history/history.h"
#include "search/matcher.h"
#include "search/scan.h"

struct pattern;
struct query;

enum {
	QUERY_LIMIT_MAX = 10000,
	QUERY_LIMIT = 50,
	QUERY_CONTEXT_MAX = 50,
	QUERY_BUDGET_US = 2000000,
	QUERY_RESULT_BYTES =
	    32 * 1024 * 1024, /* of lines and context; hits behind are left out */
};

struct query_source {
	const struct history_view *history; /* NULL: none */
	const struct scan_line *screen; /* behind the history; times are at least its last */
	size_t nscreen;
};

struct query_options {
	unsigned limit;   /* 1..QUERY_LIMIT_MAX */
	unsigned context; /* lines before and after, 0..QUERY_CONTEXT_MAX */
	bool newest_first;
	int64_t since_ms, until_ms;
	uint64_t budget_us;       /* from query_new on; 0: none */
	const atomic_int *cancel; /* may be NULL */
};

#define QUERY_OPTIONS_INIT \
	((struct query_options){.limit = QUERY_LIMIT, \
	    .since_ms = INT64_MIN, \
	    .until_ms = INT64_MAX, \
	    .budget_us = QUERY_BUDGET_US})

struct query_line {
	char *text; /* with a NUL behind it */
	uint32_t len;
};

struct query_hit {
	size_t source; /* index */
	bool screen;   /* it is one of the screen's lines */
	uint64_t line;
	int64_t time_ms;
	uint64_t offset; /* raw bytes; 0 on a screen */
	struct query_line text;
	struct span *spans;
	uint32_t nspans;
	struct query_line *before, *after; /* oldest first */
	uint32_t nbefore, nafter;
};

struct query_result {
	struct query_hit *hits;
	size_t nhits;
	uint64_t total; /* matching lines that were found, those left out included */
	bool truncated; /* there are more, or may be */
	bool partial;   /* time or PCRE2's limits ended it */
	uint64_t scanned_lines, scanned_bytes;
	uint64_t elapsed_us; /* since query_new */
};

/* Options beyond their bounds are brought within them. */
struct query *query_new(const struct pattern *pattern, const struct query_source *sources,
    size_t n, const struct query_options *options);
void query_free(struct query *q);

/* How many there are, and one of them, 0..query_pieces()-1. They are numbered in the order in
 * which they are best begun. */
size_t query_pieces(const struct query *q);
void query_run_piece(struct query *q, size_t piece);

/* Pieces that were not run make the result partial. Once. */
void query_finish(struct query *q, struct query_result *r);

/* All of it, in this thread. */
void query_run(const struct pattern *pattern, const struct query_source *sources, size_t n,
    const struct query_options *options, struct query_result *r);

void query_result_release(struct query_result *r);
struct query_line query_line_copy(
    const char *text, uint32_t len); /* its text is the caller's */
void query_hit_release(struct query_hit *h);

#endif
