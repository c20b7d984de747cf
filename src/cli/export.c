#include "config.h"

#include "cli/export.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/utf8.h"
#include "base/xmalloc.h"
#include "cli/cli.h"

enum { FLUSH_BYTES = 256 * 1024 };

int
export_flush(struct export *e, bool all)
{
	char *cause = NULL;
	int rc = 0;

	if (e->b.len == 0 || (!all && e->b.len < FLUSH_BYTES))
		return 0;
	if (whole_write(&e->out, e->b.data, e->b.len, &cause) != 0)
		rc = cli_error("export: %s", cause);
	free(cause);
	buf_reset(&e->b);
	return rc;
}

int
export_finish(struct export *e, struct buf *head, const char *tail)
{
	char *cause = NULL;
	int rc = 0;

	if (whole_write(&e->out, head->data, head->len, &cause) != 0)
		rc = cli_error("export: %s", cause);
	free(cause);
	buf_release(head);
	if (rc == 0)
		rc = export_flush(e, true);
	buf_puts(&e->b, tail);
	return rc == 0 ? export_flush(e, true) : rc;
}

/* A style that a space can be seen in. */
static bool
shows_blanks(const struct style *s)
{
	return s->bg != COLOUR_DEFAULT ||
	       (s->attrs &
		   (STYLE_INVERSE | STYLE_STRIKE | STYLE_OVERLINE | STYLE_UNDERLINE_MASK)) != 0;
}

size_t
export_shown(const struct export *e, const struct pane_line *l)
{
	size_t at = 0, shown = 0;

	while (at < l->len) {
		unsigned style;
		size_t n = export_run(l, l->len, at, &style), end = at + n;

		if (shows_blanks(style_get(e->styles, style))) {
			shown = end;
		} else {
			while (n != 0 && l->text[at + n - 1] == ' ')
				n--;
			if (n != 0)
				shown = at + n;
		}
		at = end;
	}
	return shown;
}

size_t
export_run(const struct pane_line *l, size_t shown, size_t at, unsigned *style)
{
	size_t from = 0;

	*style = 0;
	for (size_t i = 0; i < l->nruns; i++) {
		size_t end = from + l->runs[i].len;

		if (at < end) {
			*style = l->runs[i].style;
			return (end < shown ? end : shown) - at;
		}
		from = end;
	}
	return shown - at;
}

/* Text. */

static int
text_line(struct export *e, const struct pane_line *l)
{
	size_t len = l->len;

	while (len != 0 && l->text[len - 1] == ' ')
		len--;
	buf_append(&e->b, l->text, len);
	buf_putc(&e->b, '\n');
	return export_flush(e, false);
}

static int
text_end(struct export *e)
{
	return export_flush(e, true);
}

const struct export_kind export_text = {"txt", false, text_line, NULL, text_end};

/* Markup. */

void
export_escape(struct buf *b, const char *text, size_t len, const char *hide, const char *show)
{
	size_t n;

	for (size_t at = 0; at < len; at += n) {
		uint32_t cp;
		char c = text[at];

		n = utf8_decode(text + at, len - at, &cp);
		if (n == 0)
			n = len - at;
		if (c == '&' || c == '<' || c == '>' || c == '"' || c == '\'')
			buf_printf(b, "&#%d;", c);
		else if (cp == UTF8_REPLACEMENT)
			buf_puts(b, "\xEF\xBF\xBD");
		else if (utf8_is_plain(cp))
			buf_append(b, text + at, n);
		else if (hide == NULL || cp < 0x20 || (cp >= 0x7F && cp < 0xA0))
			buf_putc(b, '?');
		else
			buf_printf(b, "%s&#%u;%s", hide, (unsigned)cp, show);
	}
}

char *
export_link(const struct export *e, unsigned style)
{
	static const char *const schemes[] = {"http://", "https://", "mailto:"};
	const struct style *s = style_get(e->styles, style);
	const char *uri = s->link != 0 ? style_link(e->styles, s->link, NULL) : NULL;
	bool known = false;
	struct buf b;

	for (size_t i = 0; uri != NULL && i < sizeof schemes / sizeof *schemes; i++)
		known |= strncasecmp(uri, schemes[i], strlen(schemes[i])) == 0;
	if (!known)
		return NULL;
	buf_init(&b, BUF_NO_MAX);
	for (; *uri != '\0'; uri++) {
		unsigned char c = (unsigned char)*uri;

		if (c <= 0x20 || c >= 0x7F || strchr("<>\"'`\\", c) != NULL)
			buf_printf(&b, "%%%02X", c);
		else if (c == '&')
			buf_puts(&b, "&amp;");
		else
			buf_putc(&b, (char)c);
	}
	return buf_take(&b);
}

/* The sixteen are those of the page's dark theme, the others those of xterm. */
static uint32_t
resolve(uint32_t colour, uint32_t otherwise)
{
	static const uint32_t basic[16] = {0x22272B, 0xE5786D, 0x95C17A, 0xDCB566, 0x78A9D8,
	    0xC08FCF, 0x6FC0B8, 0xC9CDC8, 0x7C848B, 0xF39A8E, 0xB2D99A, 0xF0D08A, 0x9BC4EC,
	    0xD8B0E4, 0x93DAD2, 0xF4F6F2};
	static const uint32_t levels[6] = {0, 95, 135, 175, 215, 255};
	uint32_t n = colour & 0xFF;

	if ((colour & COLOUR_KIND) == COLOUR_RGB)
		return colour & 0xFFFFFF;
	if ((colour & COLOUR_KIND) != COLOUR_PALETTE)
		return otherwise;
	if (n < 16)
		return basic[n];
	if (n >= 232)
		return (8 + (n - 232) * 10) * 0x010101u;
	n -= 16;
	return levels[n / 36] << 16 | levels[n / 6 % 6] << 8 | levels[n % 6];
}

void
export_ink(const struct style *s, struct export_ink *ink)
{
	ink->fg = resolve(s->fg, EXPORT_FOREGROUND);
	ink->bg = resolve(s->bg, EXPORT_BACKGROUND);
	ink->ul = resolve(s->ul, 0);
	ink->ul_set = s->ul != COLOUR_DEFAULT;
	ink->bg_set = s->bg != COLOUR_DEFAULT;
	if (s->attrs & STYLE_INVERSE) {
		uint32_t fg = ink->fg;

		ink->fg = ink->bg;
		ink->bg = fg;
		ink->bg_set = true;
	}
}

void
export_css(struct buf *b, const struct style *s, const struct export_ink *ink)
{
	static const char *const underlines[] = {
	    "", "solid", "double", "wavy", "dotted", "dashed"};
	unsigned underline = (s->attrs & STYLE_UNDERLINE_MASK) >> STYLE_UNDERLINE_SHIFT;

	if (s->attrs & STYLE_BOLD)
		buf_puts(b, "font-weight:bold;");
	if (s->attrs & STYLE_DIM)
		buf_puts(b, "opacity:.67;");
	if (s->attrs & STYLE_ITALIC)
		buf_puts(b, "font-style:italic;");
	if (s->attrs & STYLE_BLINK)
		buf_puts(b, "animation:k 1s steps(2) infinite;");
	if (underline >= sizeof underlines / sizeof *underlines)
		underline = UNDERLINE_SINGLE;
	if (underline != 0 || (s->attrs & (STYLE_STRIKE | STYLE_OVERLINE)) != 0)
		buf_printf(b, "text-decoration-line:%s%s%s;",
		    underline != 0 ? "underline " : "",
		    s->attrs & STYLE_STRIKE ? "line-through " : "",
		    s->attrs & STYLE_OVERLINE ? "overline" : "");
	if (underline > UNDERLINE_SINGLE)
		buf_printf(b, "text-decoration-style:%s;", underlines[underline]);
	if (ink->ul_set)
		buf_printf(b, "text-decoration-color:#%06x;", ink->ul);
}
