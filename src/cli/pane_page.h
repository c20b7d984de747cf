/*
 * A piece of what a pane printed, as the daemon answers it: lines, their styles, the screen.
 *
 * Styles go into a table of the caller's, so that all pieces of a pane share one. Whatever the text
 * holds, controls are question marks here, and what XML has no character for is U+FFFD.
 */
#ifndef CLI_PANE_PAGE_H
#define CLI_PANE_PAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/run.h"

struct buf;
struct styles;

struct pane_line {
	uint64_t number;  /* 0 on the alternate screen */
	int64_t time_ms;  /* 0 while it is on the screen */
	const char *text; /* UTF-8 */
	size_t len;
	const struct style_run *runs;
	size_t nruns;
};

struct pane_page {
	unsigned cols, rows;
	bool alternate;
	uint64_t offset;
	uint64_t first_line, last_line, screen_line; /* 0: not said */
	unsigned x, y;                               /* the cursor */
	bool cursor_visible;
	size_t head; /* bytes of the first line that have left the screen, if that was asked */
	struct pane_line *lines;
	size_t nlines;
};

/* -EPROTO for what is no such answer. */
int pane_page_parse(const struct buf *answer, struct styles *styles, struct pane_page *page);
void pane_page_release(struct pane_page *page);

/* Without the first n lines. */
void pane_page_drop(struct pane_page *page, size_t n);

#endif
