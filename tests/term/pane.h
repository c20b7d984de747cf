/* A terminal with a history behind it, as the tests of the terminal use it. */
#ifndef TESTS_PANE_H
#define TESTS_PANE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "history/history.h"
#include "term/term.h"

struct pane {
	struct term *term;
	struct history *history;
	struct buf events; /* one line for each callback but `line` */
	struct buf replies;
};

void pane_init(struct pane *p, unsigned cols, unsigned rows, bool keep, bool ed3);
void pane_release(struct pane *p);

/* History and main screen as text, trimmed of blanks at line ends and of blank lines at the
 * end. */
void pane_lines(const struct pane *p, struct buf *out);

/* The rows of the screen that is shown, trimmed likewise. */
void pane_screen(const struct pane *p, struct buf *out);

/* A snapshot with up to n lines of the history. */
int pane_snapshot(const struct pane *p, uint64_t n, struct buf *out);

/* Compares screens, modes and all else that a snapshot carries over. Returns 0, or -1 and says
 * the first difference in `why`. */
int pane_equal(const struct pane *a, const struct pane *b, char *why, size_t size);

char *read_file(const char *path, size_t *len); /* NULL when it cannot be read; malloc */

#endif
