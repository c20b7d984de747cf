/*
 * A picture: rows of text on a grid. A line that is longer than the pane is wide goes on in further
 * rows (class w), as on the screen. Every stretch of characters of one width is told how long it is, so
 * that columns meet whatever the font.
 */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"
#include "base/xmalloc.h"
#include "cli/cli.h"
#include "cli/export.h"
#include "term/width.h"

/* In tenths of a pixel. */
enum { CELL = 84, ROW = 180, MARGIN = 100, BASE = 135 };

struct row {
	struct export *e;
	struct buf rects, text;
	unsigned col;   /* where the next character goes */
	bool continues; /* the row above */
};

static void
put_tenths(struct buf *b, const char *name, unsigned tenths)
{
	buf_printf(b, " %s=\"%u.%u\"", name, tenths / 10, tenths % 10);
}

static void
end_row(struct row *r)
{
	struct export *e = r->e;

	buf_append(&e->b, r->rects.data, r->rects.len);
	buf_printf(&e->b, "<text%s", r->continues ? " class=\"w\"" : "");
	put_tenths(&e->b, "y", MARGIN + e->rows_done * ROW + BASE);
	buf_puts(&e->b, " xml:space=\"preserve\">");
	buf_append(&e->b, r->text.data, r->text.len);
	buf_puts(&e->b, "</text>\n");
	buf_reset(&r->rects);
	buf_reset(&r->text);
	r->col = 0;
	r->continues = true;
	e->rows_done++;
}

/* Characters of one style, in one row, all of one width. */
static void
put_stretch(struct row *r, const char *text, size_t len, unsigned style, unsigned cols)
{
	struct export *e = r->e;
	struct export_ink ink;
	char *link = export_link(e, style);

	e->used[style] = true;
	export_ink(style_get(e->styles, style), &ink);
	if (ink.bg_set && cols != 0) {
		buf_puts(&r->rects, "<rect");
		put_tenths(&r->rects, "x", MARGIN + r->col * CELL);
		put_tenths(&r->rects, "y", MARGIN + e->rows_done * ROW);
		put_tenths(&r->rects, "width", cols * CELL);
		put_tenths(&r->rects, "height", ROW);
		buf_printf(&r->rects, " fill=\"#%06x\"/>\n", ink.bg);
	}
	if (link != NULL)
		buf_printf(&r->text,
		    "<a href=\"%s\" target=\"_blank\" rel=\"noopener noreferrer\">", link);
	buf_puts(&r->text, "<tspan");
	put_tenths(&r->text, "x", MARGIN + r->col * CELL);
	if (cols != 0)
		put_tenths(&r->text, "textLength", cols * CELL);
	if (style != 0)
		buf_printf(&r->text, " class=\"s%u\"", style);
	buf_putc(&r->text, '>');
	export_escape(&r->text, text, len, "<tspan class=\"n\">", "</tspan>");
	buf_puts(&r->text, link != NULL ? "</tspan></a>" : "</tspan>");
	free(link);
	r->col += cols;
}

static unsigned
width_at(const char *text, size_t len, size_t *n)
{
	uint32_t cp;

	*n = utf8_decode(text, len, &cp);
	if (*n == 0)
		*n = len;
	return width_of(cp);
}

/* What is of one style, in stretches, over as many rows as it takes. */
static void
put_run(struct row *r, const char *text, size_t len, unsigned style)
{
	size_t at = 0, n;

	while (at < len) {
		unsigned width = width_at(text + at, len - at, &n), cols = width;
		size_t from = at;

		if (r->col + width > r->e->cols && r->col != 0)
			end_row(r);
		for (at += n; at < len; at += n) {
			unsigned next = width_at(text + at, len - at, &n);

			if (next != 0 && width == 0)
				width = next;
			if ((next != 0 && next != width) || r->col + cols + next > r->e->cols)
				break;
			cols += next;
		}
		put_stretch(r, text + from, at - from, style, cols);
	}
}

static int
svg_line(struct export *e, const struct pane_line *l)
{
	size_t shown = export_shown(e, l), n;
	struct row r = {.e = e};

	buf_init(&r.rects, BUF_NO_MAX);
	buf_init(&r.text, BUF_NO_MAX);
	for (size_t at = 0; at < shown; at += n) {
		unsigned style;

		n = export_run(l, shown, at, &style);
		put_run(&r, l->text + at, n, style);
	}
	end_row(&r);
	buf_release(&r.rects);
	buf_release(&r.text);
	return e->b.len < EXPORT_BODY_MAX
		   ? 0
		   : cli_error("export: more than %d bytes are too much for one picture",
			 EXPORT_BODY_MAX);
}

static void
put_styles(struct export *e, struct buf *b)
{
	for (unsigned id = 1; id < style_count(e->styles); id++) {
		const struct style *s = style_get(e->styles, id);
		struct export_ink ink;

		if (!e->used[id])
			continue;
		export_ink(s, &ink);
		buf_printf(b, ".s%u{", id);
		if (s->attrs & STYLE_HIDDEN)
			buf_puts(b, "fill:none;");
		else
			buf_printf(b, "fill:#%06x;", ink.fg);
		export_css(b, s, &ink);
		buf_puts(b, "}\n");
	}
}

static int
svg_end(struct export *e)
{
	unsigned rows = e->rows_done != 0 ? e->rows_done : 1;
	unsigned width = (2 * MARGIN + e->cols * CELL) / 10, height;
	struct buf head;

	height = (2 * MARGIN + rows * ROW) / 10;
	buf_init(&head, BUF_NO_MAX);
	buf_printf(&head,
	    "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%u\" height=\"%u\" "
	    "viewBox=\"0 0 %u %u\">\n<title>",
	    width, height, width, height);
	export_escape(&head, e->title, strlen(e->title), NULL, NULL);
	buf_printf(&head,
	    "</title>\n<style>\ntext{font:14px %s;fill:#%06x;white-space:pre;direction:ltr;"
	    "unicode-bidi:bidi-override}\n.n{display:none}\n@keyframes k{50%%{opacity:0}}\n"
	    "@media (prefers-reduced-motion){*{animation:none!important}}\n",
	    EXPORT_FONT, EXPORT_FOREGROUND);
	put_styles(e, &head);
	buf_printf(&head, "</style>\n<rect width=\"100%%\" height=\"100%%\" fill=\"#%06x\"/>\n",
	    EXPORT_BACKGROUND);
	return export_finish(e, &head, "</svg>\n");
}

const struct export_kind export_svg = {"svg", false, svg_line, NULL, svg_end};
