/*
 * A cast of what is on record: lines of the history at the times at which they were complete, then
 * the screen, drawn below them. How the lines came to be is not known any more, so a terminal that
 * plays it ends with the same lines and the same screen, and had no others on the way.
 */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "cli/cli.h"
#include "cli/export.h"
#include "term/term.h"

int
export_event(struct export *e)
{
	if (e->text.len == 0)
		return 0;
	if (!e->begun) {
		e->begun = true;
		e->first_ms = e->last_ms;
		e->header.timestamp = e->last_ms / 1000;
		e->header.cols = e->cols;
		e->header.rows = e->rows;
		cast_put_header(&e->b, &e->header);
		cast_writer_init(&e->writer, e->header.version, 0);
	}
	cast_put_output(
	    &e->writer, &e->b, (e->last_ms - e->first_ms) * 1000, e->text.data, e->text.len);
	buf_reset(&e->text);
	return export_flush(e, false);
}

int
export_at(struct export *e, int64_t ms)
{
	int rc = 0;

	if (ms > e->last_ms) {
		rc = export_event(e);
		e->last_ms = ms;
	}
	return rc;
}

static void
put_line(struct export *e, const struct pane_line *l)
{
	term_line_write(e->styles, l->text, l->len, l->runs, l->nruns, &e->text);
}

static int
cast_line(struct export *e, const struct pane_line *l)
{
	int rc = export_at(e, l->time_ms);

	put_line(e, l);
	buf_puts(&e->text, "\r\n");
	return rc;
}

/* Rows of the screen that lines take. */
static unsigned
rows_of(const struct pane_page *p)
{
	struct term *t = term_new(p->cols, TERM_SIZE_MAX, NULL, NULL);
	struct term_state state;

	for (size_t i = 0; i < p->nlines; i++) {
		size_t head = i == 0 ? p->head : 0;

		if (i != 0)
			term_feed(t, "\r\n", 2);
		term_feed(t, p->lines[i].text + head, p->lines[i].len - head);
	}
	term_get_state(t, &state);
	term_free(t);
	return state.y + 1;
}

/* As many rows as the screen has, so that the lines above it are above it. */
static int
cast_screen(struct export *e, const struct pane_page *p, bool alternate)
{
	unsigned used = rows_of(p);
	int rc = export_at(e, e->facts.active_ms);

	if (alternate)
		buf_puts(&e->text, "\033[?1049h\033[H");
	for (size_t i = 0; i < p->nlines; i++) {
		if (i != 0)
			buf_puts(&e->text, "\r\n");
		put_line(e, &p->lines[i]);
	}
	for (; !alternate && used < p->rows; used++)
		buf_puts(&e->text, "\r\n");
	if (alternate == p->alternate) {
		buf_printf(&e->text, "\033[%u;%uH", p->y + 1,
		    (p->x < p->cols ? p->x : p->cols - 1) + 1);
		if (!p->cursor_visible)
			buf_puts(&e->text, "\033[?25l");
	}
	return rc;
}

int
export_cast_end(struct export *e)
{
	char status[16];
	int rc;

	if (!e->begun && e->text.len == 0) {
		e->last_ms = e->last_ms != 0 ? e->last_ms : clock_wall_ms();
		buf_puts(&e->text, "\033[m"); /* a cast has at least one event */
	}
	rc = export_event(e);
	if (rc == 0 && e->header.version >= 3 && e->facts.exited && e->facts.exit_status >= 0 &&
	    e->facts.exit_status <= 255) {
		snprintf(status, sizeof status, "%d", e->facts.exit_status);
		cast_put_event(
		    &e->writer, &e->b, (e->last_ms - e->first_ms) * 1000, 'x', status);
	}
	return rc == 0 ? export_flush(e, true) : rc;
}

const struct export_kind export_cast = {"cast", true, cast_line, cast_screen, export_cast_end};
