/*
 * A cast of the bytes that a pane wrote, as far back as the daemon has them: full-screen programs are
 * seen at work.
 *
 * The ring has no times, but the history has that of every line, and a terminal that is fed with
 * the same bytes says behind which one it was complete. What lies between two lines is spread
 * evenly over the time between them, or over the end of it when it is little. Numbers are counted back from the screen, so that they are right
 * also where the beginning is lost.
 */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "base/xmalloc.h"
#include "cli/cli.h"
#include "cli/export.h"
#include "cli/pane_raw.h"
#include "term/term.h"

enum {
	PIECE = 1024,    /* bytes of an event at most, between two lines */
	STEP_MS = 50,    /* between two events, if that is more of them */
	SLOWEST_MS = 50, /* a byte: what is less is a pause, and then so many */
};

struct replay {
	uint64_t *ends; /* byte behind which each line was complete */
	size_t n, cap;
};

static int
raw_line(struct export *e, const struct pane_line *l)
{
	if (e->ntimes == 0)
		e->first_line = l->number;
	if (l->number != e->first_line + e->ntimes)
		return 0;
	if ((e->ntimes & (e->ntimes - 1)) == 0)
		e->times = xreallocarray(
		    e->times, e->ntimes != 0 ? 2 * e->ntimes : 1, sizeof *e->times);
	e->times[e->ntimes++] = l->time_ms;
	return 0;
}

static void
on_line(void *arg, const struct term_line *l)
{
	struct replay *r = arg;

	if (r->n == r->cap) {
		r->cap = r->cap != 0 ? 2 * r->cap : 1024;
		r->ends = xreallocarray(r->ends, r->cap, sizeof *r->ends);
	}
	r->ends[r->n++] = l->offset;
}

static void
replay(const struct export *e, const struct buf *bytes, struct replay *r)
{
	static const struct term_callbacks callbacks = {.line = on_line};
	struct term *t = term_new(e->cols, e->rows, &callbacks, r);

	term_feed(t, bytes->data, bytes->len);
	term_free(t);
}

/* When the line was complete of which `later` came behind it, above the screen; 0: not known. */
static int64_t
time_of(const struct export *e, size_t later)
{
	uint64_t number = e->screen_line - 1 - later;

	if (e->screen_line <= later || number < e->first_line ||
	    number >= e->first_line + e->ntimes)
		return 0;
	return e->times[number - e->first_line];
}

/* The bytes between two lines, from the time that it is until another. */
static int
put_piece(struct export *e, const char *data, size_t len, int64_t until)
{
	int64_t all = until - e->last_ms, from;
	size_t n = (len + PIECE - 1) / PIECE, done = 0;
	int rc = 0;

	if ((uint64_t)all > (uint64_t)len * SLOWEST_MS)
		all = (int64_t)len * SLOWEST_MS;
	from = until - all;
	if (n < (uint64_t)(all / STEP_MS))
		n = (size_t)(all / STEP_MS);
	for (size_t i = 1; i <= n && rc == 0; i++) {
		size_t end = len * i / n;

		rc = export_at(e, from + all * (int64_t)i / (int64_t)n);
		if (rc == 0)
			buf_append(&e->text, data + done, end - done);
		done = end;
	}
	return rc;
}

/* Where the beginning is lost, the first that can be made sense of. */
static size_t
whole_from(const char *data, size_t len)
{
	const char *p = memchr(data, '\n', len);

	return p != NULL ? (size_t)(p - data) + 1 : 0;
}

static int
put_bytes(struct export *e, const struct buf *bytes, size_t from)
{
	struct replay r = {0};
	int rc = 0;

	replay(e, bytes, &r);
	for (size_t i = 0; i < r.n && rc == 0; i++) {
		int64_t when = time_of(e, r.n - 1 - i);

		if (r.ends[i] <= from || when == 0)
			continue;
		if (e->last_ms == 0)
			e->last_ms = when;
		rc = put_piece(e, bytes->data + from, r.ends[i] - from,
		    when > e->last_ms ? when : e->last_ms);
		from = r.ends[i];
	}
	free(r.ends);
	if (e->last_ms == 0)
		e->last_ms = e->facts.active_ms;
	if (rc == 0 && from < bytes->len)
		rc = put_piece(e, bytes->data + from, bytes->len - from,
		    e->facts.active_ms > e->last_ms ? e->facts.active_ms : e->last_ms);
	return rc;
}

/* The main one, whose first line follows the history's last. */
static int
raw_screen(struct export *e, const struct pane_page *p, bool alternate)
{
	struct buf bytes;
	uint64_t start;
	size_t from = 0;
	bool drawn;
	int rc;

	if (alternate)
		return 0;
	e->screen_line = p->screen_line != 0 ? p->screen_line : p->last_line + 1;
	buf_init(&bytes, EXPORT_BODY_MAX);
	buf_puts(&bytes, "");
	rc = pane_raw(e->facts.id, e->facts.ring_start, p->offset, &bytes, &start, &drawn);
	if (rc == CLI_DONE) {
		if (start == 0)
			e->last_ms = e->facts.created_ms;
		else if (!drawn)
			from = whole_from(bytes.data, bytes.len);
		rc = put_bytes(e, &bytes, from);
	}
	buf_release(&bytes);
	return rc;
}

static int
raw_end(struct export *e)
{
	if (e->facts.gone)
		return cli_error(
		    "export: %s is gone: there are lines of it, without --raw", e->title);
	return export_cast_end(e);
}

const struct export_kind export_raw = {"raw", true, raw_line, raw_screen, raw_end};
