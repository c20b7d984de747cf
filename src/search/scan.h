/*
 * Scanning lines for a pattern: those of a history's slabs, or of an array.
 *
 * The text of a slab is scanned a window at a time, in the order that is asked for: the
 * newest window first finds the newest lines without reading all. In a window the lines that
 * match are found in one of three ways with the same result: by PCRE2 over many lines in one
 * call (where that is exact: search/syntax.h), by looking for a string that all matches contain
 * and trying the lines that have it, or line by line. Which of the first two is faster depends
 * on the text, so both are timed now and then, and the faster one has the rest.
 *
 * A line that was found is matched once more by itself for its spans, and told only if it has any.
 *
 * Bounds: a scan ends at the limit of lines, at the deadline or when it is cancelled (both
 * looked at between windows and, where lines are slow, between lines and between the places of a
 * long line). What one call of PCRE2 may cost is bounded, too; a line that would cost more is left
 * out, and so are lines of more than 16 KiB for patterns with \G or verbs. Nothing here is an
 * error: a scan that could not do everything says `partial`.
 *
 * A scanner belongs to one thread at a time and borrows the pattern, which many can share. Views
 * are those of history/history.h, taken and released by their owner.
 */
#ifndef SEARCH_SCAN_H
#define SEARCH_SCAN_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "history/history.h"
#include "search/matcher.h"

struct pattern;
struct scanner;

enum {
	SCAN_SPANS_MAX = 1000,        /* of a line; what matches behind them is not told */
	SCAN_LOOKAHEAD = 1024 * 1024, /* bytes, see `truncated` */
};

enum scan_way {
	SCAN_AUTO,
	SCAN_MANY,
	SCAN_LITERAL,
	SCAN_LINES
}; /* all but the first for tests */

struct scan_options {
	uint64_t limit; /* most lines; 0: no limit */
	bool newest_first;
	int64_t since_ms, until_ms; /* lines with a time in these, both included */
	uint64_t deadline_us;       /* of clock_mono_us(); 0: none */
	const atomic_int *cancel;   /* ends the scan when it is not 0; may be NULL */
	enum scan_way way;
};

/* Everything, without a limit. */
#define SCAN_OPTIONS_INIT ((struct scan_options){.since_ms = INT64_MIN, .until_ms = INT64_MAX})

/* A line that matches. Pointers are valid during the call; text as long as the view. */
struct scan_hit {
	uint64_t number;
	int64_t time_ms;
	uint64_t offset; /* raw bytes of the pane; of an array's line its index */
	const char *text;
	uint32_t len;
	uint32_t nspans; /* at least 1 */
	const struct span *spans;
};

/* False ends the scan. */
typedef bool scan_hit_cb(void *arg, const struct scan_hit *hit);

struct scan_stats {
	uint64_t matched;      /* lines */
	uint64_t lines, bytes; /* looked at */
	bool
	    truncated; /* the limit ended the scan, and there are more, or may be beyond SCAN_LOOKAHEAD */
	bool partial; /* the deadline, cancelling or PCRE2's limits left out some */
};

/* A line of an array. */
struct scan_line {
	const char *text;
	uint32_t len;
	uint64_t number;
	int64_t time_ms;
};

struct scanner *scanner_new(const struct pattern *p);
void scanner_free(struct scanner *s);

/* The parts first..first+n-1 of a view. cb may be NULL: then lines are counted only. *stats is
 * written, not added to. */
void scan_view(struct scanner *s, const struct history_view *v, size_t first, size_t n,
    const struct scan_options *o, scan_hit_cb *cb, void *arg, struct scan_stats *stats);

/* The lines of an array, oldest first in it. */
void scan_lines(struct scanner *s, const struct scan_line *lines, size_t n,
    const struct scan_options *o, scan_hit_cb *cb, void *arg, struct scan_stats *stats);

#endif
