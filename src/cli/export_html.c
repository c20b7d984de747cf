/* A page of HTML: one pre, a class for each style. It says itself that it loads and runs nothing. */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "base/xmalloc.h"
#include "cli/cli.h"
#include "cli/export.h"

static int
html_line(struct export *e, const struct pane_line *l)
{
	size_t shown = export_shown(e, l), n;

	for (size_t at = 0; at < shown; at += n) {
		unsigned style;
		char *link;

		n = export_run(l, shown, at, &style);
		link = export_link(e, style);
		e->used[style] = true;
		if (link != NULL)
			buf_printf(&e->b,
			    "<a class=s%u href=\"%s\" target=_blank rel=\"noopener "
			    "noreferrer\">",
			    style, link);
		else if (style != 0)
			buf_printf(&e->b, "<span class=s%u>", style);
		export_escape(&e->b, l->text + at, n, "<span class=n>", "</span>");
		if (link != NULL || style != 0)
			buf_puts(&e->b, link != NULL ? "</a>" : "</span>");
		free(link);
	}
	if (buf_putc(&e->b, '\n') != 0)
		return cli_error(
		    "export: more than %d bytes are too much for one page", EXPORT_BODY_MAX);
	return 0;
}

static void
put_styles(struct export *e, struct buf *b)
{
	for (unsigned id = 0; id < style_count(e->styles); id++) {
		const struct style *s = style_get(e->styles, id);
		struct export_ink ink;

		if (!e->used[id] || id == 0)
			continue;
		export_ink(s, &ink);
		buf_printf(b, ".s%u{", id);
		if (s->attrs & STYLE_HIDDEN)
			buf_puts(b, "color:transparent;");
		else
			buf_printf(b, "color:#%06x;", ink.fg);
		if (ink.bg_set)
			buf_printf(b, "background:#%06x;", ink.bg);
		export_css(b, s, &ink);
		buf_puts(b, "}\n");
	}
}

static int
html_end(struct export *e)
{
	struct buf head;

	buf_init(&head, BUF_NO_MAX);
	buf_puts(&head,
	    "<!DOCTYPE html>\n<html lang=en><head><meta charset=utf-8>\n"
	    "<meta http-equiv=Content-Security-Policy content=\"default-src 'none'; style-src "
	    "'unsafe-inline'; base-uri 'none'; form-action 'none'\">\n"
	    "<meta name=referrer content=no-referrer>\n"
	    "<meta name=viewport content=\"width=device-width\">\n<title>");
	export_escape(&head, e->title, strlen(e->title), NULL, NULL);
	buf_printf(&head,
	    "</title>\n<style>\n"
	    "body{margin:0;background:#%06x;color:#%06x}\n"
	    "pre{margin:1em;font:14px/1.25 " EXPORT_FONT ";direction:ltr;"
	    "unicode-bidi:bidi-override;tab-size:8}\n"
	    "a{color:inherit}\n.n{display:none}\n"
	    "@keyframes k{50%%{opacity:0}}\n"
	    "@media (prefers-reduced-motion){*{animation:none!important}}\n",
	    EXPORT_BACKGROUND, EXPORT_FOREGROUND);
	put_styles(e, &head);
	/* The first line feed behind the tag is none of the text. */
	buf_puts(&head, "</style></head><body><pre>\n");
	return export_finish(e, &head, "</pre></body></html>\n");
}

const struct export_kind export_html = {"html", false, html_line, NULL, html_end};
