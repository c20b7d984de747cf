/* Hits of a search on standard output, as grep prints them. */
#ifndef CLI_SEARCH_PRINT_H
#define CLI_SEARCH_PRINT_H

#include <stdbool.h>

struct search_answer;

struct search_style {
	enum { SEARCH_LINES, SEARCH_PARTS, SEARCH_COUNTS, SEARCH_PANES, SEARCH_STATUS } what;
	bool json;              /* an object a line */
	bool color;             /* grep's colours */
	bool harmless;          /* it goes to a terminal */
	bool pane, line;        /* to stand before the text */
	bool sessions;          /* hits are of agents' sessions, which stand where panes do */
	bool context;           /* lines are shown in groups */
	unsigned before, after; /* lines of context */
};

/*
 * In the answer's order. With context, neighbouring hits of a pane make one group, in which
 * lines ascend; groups come in the order of what was found first in each.
 */
void search_print(const struct search_answer *a, const struct search_style *s);

#endif
