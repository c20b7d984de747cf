/*
 * Finding the lines of a window that match; see search/scan.h for the ways there are. Used by one
 * thread at a time.
 */
#ifndef SEARCH_WINDOW_H
#define SEARCH_WINDOW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "search/matcher.h"
#include "search/scan.h"

struct pattern;

/* Lines with '\n' behind each, and what was found in them. */
struct window {
	const char *text;
	size_t len;
	uint64_t want;   /* lines, then it ends; 0: all */
	bool long_lines; /* there may be some that are too long for a call of many lines */
	bool record;     /* which they are; otherwise they are counted */
	uint64_t count;  /* found */
	size_t end;      /* bytes that were looked at: len, or less where it ended early */
};

/* What a window leaves behind for the next ones. */
struct finder {
	const struct pattern *pattern;
	struct matcher *matcher;
	enum scan_way way;
	uint32_t *found; /* beginnings of the lines in the window */
	size_t cap;
	size_t size;      /* bytes that the next window should have */
	size_t bite;      /* of a window that one call is given */
	unsigned calm;    /* bites since one was too large */
	double cost[2];   /* ns a byte: without and with the literal; 0: not known */
	unsigned windows; /* since the slower one was tried */
};

uint64_t window_lines(const char *text, size_t len); /* how many end there */

void finder_init(struct finder *f, const struct pattern *p, struct matcher *m);
void finder_release(struct finder *f);
void finder_start(struct finder *f, enum scan_way way);

/* Fills in count, end and, where asked for, f->found. */
void finder_find(struct finder *f, struct window *w);

#endif
