#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "base/utf8.h"
#include "term/state.h"

typedef void osc_fn(struct term *t, const char *s, size_t len);

/* Not longer than TERM_TITLE_MAX. True when it is another text than before. */
static bool
set_text(struct buf *b, const char *s, size_t len)
{
	bool other;

	if (len > TERM_TITLE_MAX) {
		len = TERM_TITLE_MAX;
		while (len > 0 && ((unsigned char)s[len] & 0xC0) == 0x80)
			len--;
	}
	other = b->len != len || memcmp(b->data, s, len) != 0;
	buf_reset(b);
	buf_append(b, s, len);
	return other;
}

static void
osc_title(struct term *t, const char *s, size_t len)
{
	if (set_text(&t->title, s, len) && t->cb.title != NULL)
		t->cb.title(t->arg, t->title.data);
}

static void
osc_cwd(struct term *t, const char *s, size_t len)
{
	if (set_text(&t->cwd, s, len) && t->cb.cwd != NULL)
		t->cb.cwd(t->arg, t->cwd.data);
}

/* OSC 8 ; key=value:key=value ; URI */
static void
osc_link(struct term *t, const char *s, size_t len)
{
	const char *semi = memchr(s, ';', len), *id = "", *end;
	size_t idlen = 0;

	if (semi == NULL)
		return;
	for (const char *p = s; p < semi; p = end + 1) {
		end = memchr(p, ':', (size_t)(semi - p));
		if (end == NULL)
			end = semi;
		if (end - p > 3 && memcmp(p, "id=", 3) == 0) {
			id = p + 3;
			idlen = (size_t)(end - id);
		}
	}
	t->link = style_link_add(t->styles, semi + 1, len - (size_t)(semi + 1 - s), id, idlen);
	t->pen.style.link = t->link;
	t->pen.stale = true;
}

/* The number of the line that the cursor is in, and the bytes of its text before the cursor. */
static void
locate(struct term *t, struct term_mark *m)
{
	const struct grid *g = &t->screen->grid;
	struct line part = {0};
	unsigned y = t->y, x = t->x < t->cols ? t->x : t->cols;

	m->line = t->lines + 1;
	for (unsigned i = 1; i <= t->y; i++)
		m->line += !grid_row(g, i)->cont;
	while (y > 0 && grid_row(g, y)->cont)
		y--;
	/* Of a very long line, no byte rather than one that is looked for again and again. */
	if (y < t->y && !term_afford(t, (uint64_t)(t->y - y) * t->cols))
		return;
	m->byte = y == 0 && t->head_open ? (uint32_t)t->head.len : 0;
	for (; y <= t->y; y++) {
		const struct row *r = grid_row(g, y);
		unsigned n = y < t->y ? row_length(r) : x < r->used ? x : r->used;

		line_append_row(t, &part, r, n);
		m->byte += (uint32_t)part.len + (y == t->y ? x - n : 0);
		part.len = part.nruns = 0;
	}
	line_release(&part);
}

static void
osc_mark(struct term *t, const char *s, size_t len)
{
	struct term_mark m = {.kind = s[0], .exit_status = -1, .offset = term_offset(t)};
	char options[256] = "";
	uint64_t status;
	const char *semi;

	if (t->cb.mark == NULL || len == 0 || m.kind < 'A' || m.kind > 'Z' ||
	    (len > 1 && s[1] != ';'))
		return;
	m.alternate = on_alternate(t);
	if (!m.alternate)
		locate(t, &m);
	if (len > 2 && len - 2 < sizeof options)
		memcpy(options, s + 2, len - 2);
	m.options = options;
	if (m.kind == 'D') {
		char number[12] = "";
		size_t n = (semi = strchr(options, ';')) != NULL ? (size_t)(semi - options)
								 : strlen(options);

		if (n < sizeof number)
			memcpy(number, options, n);
		if (str_u64(number, 0, 255, &status) == 0)
			m.exit_status = (int)status;
	}
	t->cb.mark(t->arg, &m);
}

static const struct {
	char number[4];
	osc_fn *fn;
} table[] = {
    {"0", osc_title},
    {"2", osc_title},
    {"7", osc_cwd},
    {"8", osc_link},
    {"133", osc_mark},
};

static void
dispatch(struct term *t, const char *s, size_t len)
{
	const char *semi = memchr(s, ';', len);
	size_t n = semi != NULL ? (size_t)(semi - s) : 0;

	for (size_t i = 0; i < sizeof table / sizeof *table; i++)
		if (n != 0 && strlen(table[i].number) == n &&
		    memcmp(table[i].number, s, n) == 0)
			table[i].fn(t, semi + 1, len - n - 1);
}

void
osc_string(void *arg, enum parser_string kind, const char *s, size_t len)
{
	struct term *t = arg;
	char *clean;

	t->repeatable = false;
	if (kind != STRING_OSC)
		return;
	/* What is handed on is well-formed, whatever it was. */
	clean = utf8_sanitize(s, len);
	dispatch(t, clean, strlen(clean));
	free(clean);
}
