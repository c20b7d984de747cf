/*
 * export: what a pane printed, as a file of one of several kinds.
 *
 * The lines come from cli/pane_lines.h, each kind is a table of functions here, and the file is
 * cli/whole.h. In pages of HTML and pictures of SVG nothing of a pane's is markup: text is escaped,
 * links are those of http, https and mailto, and a file needs and fetches nothing else.
 */
#ifndef CLI_EXPORT_H
#define CLI_EXPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "cli/pane_lines.h"
#include "cli/whole.h"
#include "proto/cast.h"
#include "term/style.h"

enum { EXPORT_BODY_MAX = 1 << 30 }; /* bytes of a page, which is in memory until it is whole */

struct export
{
	const struct export_kind *kind;
	struct whole out;
	struct buf b; /* what is not in the file yet */
	struct styles *styles;
	struct pane_facts facts; /* borrowed while lines come */
	char *title;             /* what it is called, of the options or the pane's */
	bool *used;              /* styles that occur, by id: STYLE_MAX */
	unsigned cols, rows;
	unsigned rows_done; /* of a picture */

	/* A cast. */
	struct cast_header header;
	struct cast_writer writer;
	bool begun;
	int64_t first_ms, last_ms;
	struct buf text; /* of the event that has begun, at last_ms */

	/* A cast of bytes: when lines were complete, and where that screen begins. */
	int64_t *times; /* of the lines from first_line on; the caller frees */
	size_t ntimes;
	uint64_t first_line, screen_line;
};

/* Puts what is in `text` into a cast, as one event at last_ms; the first one begins the cast. */
int export_event(struct export *e);

/* Goes on to a time, if it is not past: what is in `text` is an event before it. */
int export_at(struct export *e, int64_t ms);

/* The end of a cast, with the exit status where there is one. */
int export_cast_end(struct export *e);

/* Each returns 0 or an exit status. */
struct export_kind {
	const char *name;
	bool cast; /* all of the history by itself; and both screens */
	int (*line)(struct export *e, const struct pane_line *l);
	int (*screen)(
	    struct export *e, const struct pane_page *p, bool alternate); /* NULL: lines */
	int (*end)(struct export *e);
};

extern const struct export_kind export_cast, export_raw, export_html, export_svg, export_text;

/* Writes what is in b, when it is much or `all`. */
int export_flush(struct export *e, bool all);

/* Writes a head, then what is in b, then a tail; the head is released. An exit status. */
int export_finish(struct export *e, struct buf *head, const char *tail);

/* Bytes of a line without the spaces behind it that show nothing. */
size_t export_shown(const struct export *e, const struct pane_line *l);

/* The style of byte `at`, and the bytes up to its end or the line's. */
size_t export_run(const struct pane_line *l, size_t shown, size_t at, unsigned *style);

/* Pages and pictures. */

/* Characters as markup has them. What turns the direction of writing is there, but not shown:
 * between `hide` and `show`; NULL: it is a question mark. */
void export_escape(
    struct buf *b, const char *text, size_t len, const char *hide, const char *show);

/* A link that may be followed, escaped for an attribute; NULL for any other. The caller frees. */
char *export_link(const struct export *e, unsigned style);

/* Colours as 0xRRGGBB, inverted where the style says so. bg_set: it is not the page's. */
struct export_ink {
	uint32_t fg, bg, ul;
	bool bg_set, ul_set;
};
void export_ink(const struct style *s, struct export_ink *ink);

/* Appends the declarations that pages and pictures share: weight, lines, opacity. */
void export_css(struct buf *b, const struct style *s, const struct export_ink *ink);

#define EXPORT_BACKGROUND 0x14171Au
#define EXPORT_FOREGROUND 0xD8DBD6u
#define EXPORT_FONT \
	"ui-monospace,\"Cascadia Mono\",\"SF Mono\",Menlo,Consolas,\"DejaVu Sans Mono\"," \
	"\"Liberation Mono\",monospace"

#endif
