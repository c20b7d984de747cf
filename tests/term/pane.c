#include "config.h"

#include "pane.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/xmalloc.h"
#include "term/state.h"

static void
on_line(void *arg, const struct term_line *l)
{
	struct pane *p = arg;

	history_push(p->history, l->text, l->len, l->runs, l->nruns, 0, l->offset, l->flags);
}

static void
on_reply(void *arg, const char *data, size_t len)
{
	struct pane *p = arg;

	buf_append(&p->replies, data, len);
}

static void
on_title(void *arg, const char *title)
{
	struct pane *p = arg;

	buf_printf(&p->events, "title %s\n", title);
}

static void
on_cwd(void *arg, const char *uri)
{
	struct pane *p = arg;

	buf_printf(&p->events, "cwd %s\n", uri);
}

static void
on_bell(void *arg)
{
	struct pane *p = arg;

	buf_puts(&p->events, "bell\n");
}

static void
on_mark(void *arg, const struct term_mark *m)
{
	struct pane *p = arg;

	buf_printf(&p->events, "mark %c line %llu byte %u status %d offset %llu %s%s\n",
	    m->kind, (unsigned long long)m->line, m->byte, m->exit_status,
	    (unsigned long long)m->offset, m->options, m->alternate ? " alternate" : "");
}

static void
on_clear(void *arg)
{
	struct pane *p = arg;

	history_clear(p->history);
	buf_puts(&p->events, "clear\n");
}

void
pane_init(struct pane *p, unsigned cols, unsigned rows, bool keep, bool ed3)
{
	static const struct term_callbacks cb = {
	    on_line, on_reply, on_title, on_cwd, on_bell, on_mark, on_clear};
	struct history_limits limits = {1 << 30, (uint64_t)1 << 40};
	struct term_options options = {.clear_to_history = keep, .clear_history_on_ed3 = ed3};

	p->term = term_new(cols, rows, &cb, p);
	term_set_options(p->term, &options);
	p->history = history_new(&limits, NULL);
	buf_init(&p->events, BUF_NO_MAX);
	buf_init(&p->replies, BUF_NO_MAX);
}

void
pane_release(struct pane *p)
{
	term_free(p->term);
	history_free(p->history);
	buf_release(&p->events);
	buf_release(&p->replies);
}

static void
add_trimmed(struct buf *out, const char *s, size_t len)
{
	while (len > 0 && s[len - 1] == ' ')
		len--;
	buf_append(out, s, len);
	buf_putc(out, '\n');
}

static void
trim_blank_lines(struct buf *out)
{
	while (out->len > 0 && out->data[out->len - 1] == '\n' &&
	       (out->len == 1 || out->data[out->len - 2] == '\n'))
		out->len--;
	buf_putc(out, '\0');
	out->len--;
}

static void
add_text(const struct pane *p, enum term_which which, unsigned flags, struct buf *out)
{
	struct term_text text;

	term_text_init(&text);
	term_text_read(p->term, which, flags, &text);
	for (size_t i = 0; i < text.used; i++)
		add_trimmed(out, text.text + text.lines[i].text, text.lines[i].len);
	term_text_release(&text);
}

void
pane_lines(const struct pane *p, struct buf *out)
{
	struct history_view view;
	struct history_reader r;
	struct slab_line line;

	history_view(p->history, 0, UINT64_MAX, &view);
	history_read(&r, &view, 0);
	while (history_next(&r, &line))
		add_trimmed(out, line.text, line.len);
	history_view_release(&view);
	add_text(p, TERM_MAIN, TERM_TEXT_JOIN | TERM_TEXT_HEAD, out);
	trim_blank_lines(out);
}

void
pane_screen(const struct pane *p, struct buf *out)
{
	add_text(p, TERM_SHOWN, 0, out);
	trim_blank_lines(out);
}

struct pull {
	struct history_reader reader;
	struct style_run runs[TERM_RUNS_MAX];
};

static bool
pull_line(void *arg, struct term_line *out)
{
	struct pull *pull = arg;
	struct slab_line line;

	if (!history_next(&pull->reader, &line))
		return false;
	*out = (struct term_line){
	    .text = line.text,
	    .len = line.len,
	    .runs = pull->runs,
	    .nruns = history_runs(&pull->reader, &line, pull->runs, TERM_RUNS_MAX),
	    .offset = line.offset,
	    .flags = line.flags,
	};
	return true;
}

int
pane_snapshot(const struct pane *p, uint64_t n, struct buf *out)
{
	uint64_t last = history_last(p->history);
	struct history_view view;
	struct pull *pull = xmalloc(sizeof *pull);
	int rc;

	history_view(p->history, last >= n ? last - n + 1 : 0, n > 0 ? last : 0, &view);
	history_read(&pull->reader, &view, 0);
	rc = term_snapshot(p->term, n > 0 ? pull_line : NULL, pull, out);
	history_view_release(&view);
	free(pull);
	return rc;
}

/* Comparing */

static void
cell_text(const struct term *t, const struct cell *c, char out[CLUSTER_BYTES + 1])
{
	memset(out, 0, CLUSTER_BYTES + 1);
	if (c->flags & CELL_CLUSTER)
		memcpy(out, t->clusters.v[c->ch].utf8, t->clusters.v[c->ch].len);
	else
		memcpy(out, &c->ch, sizeof c->ch);
}

static bool
style_same(
    const struct term *a, const struct style *s, const struct term *b, const struct style *u)
{
	const char *ida, *idb, *la = style_link(a->styles, s->link, &ida),
			       *lb = style_link(b->styles, u->link, &idb);

	return s->fg == u->fg && s->bg == u->bg && s->ul == u->ul && s->attrs == u->attrs &&
	       strcmp(la, lb) == 0 && strcmp(ida, idb) == 0;
}

static bool
cell_same(
    const struct term *a, const struct cell *c, const struct term *b, const struct cell *d)
{
	char ca[CLUSTER_BYTES + 1], cb[CLUSTER_BYTES + 1];

	cell_text(a, c, ca);
	cell_text(b, d, cb);
	return c->flags == d->flags && memcmp(ca, cb, sizeof ca) == 0 &&
	       style_same(a, style_get(a->styles, c->style), b, style_get(b->styles, d->style));
}

static int
screens_equal(
    const struct term *a, const struct term *b, unsigned which, char *why, size_t size)
{
	const struct screen *s = &a->screens[which], *u = &b->screens[which];

	for (unsigned y = 0; y < a->rows; y++) {
		const struct row *r = grid_row(&s->grid, y), *q = grid_row(&u->grid, y);

		for (unsigned x = 0; x < a->cols; x++) {
			struct cell c = row_cell(r, x), d = row_cell(q, x);

			if (!cell_same(a, &c, b, &d)) {
				snprintf(why, size,
				    "screen %u: cell %u,%u: %x/%x/%u and %x/%x/%u", which, x, y,
				    c.ch, c.flags, c.style, d.ch, d.flags, d.style);
				return -1;
			}
		}
		/* That the first row continues the head is not always carried over. */
		if (r->cont != q->cont && (y > 0 || q->cont)) {
			snprintf(why, size, "screen %u: row %u continues: %d and %d", which, y,
			    r->cont, q->cont);
			return -1;
		}
	}
	for (unsigned x = 0; x < a->cols; x++)
		if ((s->tabs[x / 8] ^ u->tabs[x / 8]) >> x % 8 & 1) {
			snprintf(why, size, "screen %u: tab stop %u", which, x);
			return -1;
		}
	if (s->top != u->top || s->bottom != u->bottom) {
		snprintf(why, size, "screen %u: region %u..%u and %u..%u", which, s->top,
		    s->bottom, u->top, u->bottom);
		return -1;
	}
	return 0;
}

static int
saved_equal(const struct term *a, const struct term *b, unsigned which, char *why, size_t size)
{
	const struct saved *s = &a->screens[which].saved, *u = &b->screens[which].saved;
	struct style ss = s->style, us = u->style;
	unsigned edge = a->cols - 1;

	ss.link = us.link = 0;
	/* A saved pending wrap is not restored. */
	if (s->set != u->set || s->origin != u->origin || s->protect != u->protect ||
	    s->y != u->y || (s->x < edge ? s->x : edge) != (u->x < edge ? u->x : edge) ||
	    memcmp(&s->charsets, &u->charsets, sizeof s->charsets) != 0 ||
	    !style_same(a, &ss, b, &us)) {
		snprintf(why, size, "screen %u: saved cursor", which);
		return -1;
	}
	return 0;
}

static int
state_equal(const struct term *a, const struct term *b, char *why, size_t size)
{
#define CHECK(what, cond) \
	if (!(cond)) { \
		snprintf(why, size, "%s", what); \
		return -1; \
	}
	struct term_state s, u;

	term_get_state(a, &s);
	term_get_state(b, &u);
	CHECK("cursor", s.x == u.x && s.y == u.y);
	CHECK("modes", a->modes == b->modes);
	CHECK("mouse", s.mouse == u.mouse && s.mouse_encoding == u.mouse_encoding);
	CHECK("cursor style", a->cursor_style == b->cursor_style);
	CHECK("title", strcmp(s.title, u.title) == 0);
	CHECK("cwd", strcmp(s.cwd, u.cwd) == 0);
	CHECK("titles", a->ntitles == b->ntitles);
	CHECK("alternate", s.alternate == u.alternate);
	CHECK("character sets", memcmp(&a->charsets, &b->charsets, sizeof a->charsets) == 0);
	CHECK("pen",
	    a->pen.protect == b->pen.protect && style_same(a, &a->pen.style, b, &b->pen.style));
	CHECK("parser", a->parser.state == b->parser.state &&
			    a->parser.lead == b->parser.lead &&
			    a->parser.seqlen == b->parser.seqlen &&
			    a->parser.overflow == b->parser.overflow);
	return 0;
#undef CHECK
}

int
pane_equal(const struct pane *a, const struct pane *b, char *why, size_t size)
{
	const struct term *t = a->term, *u = b->term;

	if (state_equal(t, u, why, size) != 0 || screens_equal(t, u, 0, why, size) != 0 ||
	    saved_equal(t, u, 0, why, size) != 0)
		return -1;
	if (on_alternate(t))
		return screens_equal(t, u, 1, why, size) != 0 ||
			       saved_equal(t, u, 1, why, size) != 0
			   ? -1
			   : 0;
	return 0;
}

char *
read_file(const char *path, size_t *len)
{
	FILE *f = fopen(path, "rb");
	struct buf b;
	size_t n;

	if (f == NULL)
		return NULL;
	buf_init(&b, BUF_NO_MAX);
	do {
		n = fread(buf_reserve(&b, 65536), 1, 65536, f);
		buf_commit(&b, n);
	} while (n > 0);
	fclose(f);
	*len = b.len;
	return buf_take(&b);
}
