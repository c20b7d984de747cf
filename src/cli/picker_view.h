/*
 * What the picker shows: a whole screen, drawn anew each time.
 *
 * From the top: the prompt; a line that says how many hits there are and what Tab and others
 * change, or an error; the hits; and, where there is room, the lines around the selected one.
 * Text of panes comes through columns_put only, so that nothing of it acts on the terminal.
 * Pure.
 */
#ifndef CLI_PICKER_VIEW_H
#define CLI_PICKER_VIEW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cli/prompt.h"
#include "cli/search.h"

struct buf;

struct picker_view {
	unsigned cols, rows;
	bool color;
	struct prompt prompt;
	char status[160], error[300]; /* an error is shown in place of the status */
	char notice[300];             /* and this in place of both */
	struct search_answer answer;
	bool plain;      /* matches are not marked */
	size_t selected; /* a hit, 0 when there is none */
	size_t top;      /* the first hit on the screen; follows `selected` when drawn */
	int64_t now_ms;
};

/* Rows of hits, and those around the selected one. */
unsigned picker_view_list(const struct picker_view *v);
unsigned picker_view_preview(const struct picker_view *v);

/* Appends the bytes that show it, whatever the screen held. */
void picker_view_draw(struct picker_view *v, struct buf *out);

#endif
