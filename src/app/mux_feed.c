/* What a tmux pane shows and printed before, into its record; then its output. */
#include "config.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include <utlist.h>

#include "app/mux_priv.h"
#include "app/watch.h"
#include "base/log.h"
#include "base/xmalloc.h"
#include "history/history.h"
#include "pane/record.h"
#include "store/archive.h"

enum {
	SLICE = 128 * 1024,          /* bytes a turn of the loop, of all panes together */
	PIECE = 64,                  /* lines that are written at a time */
	HELD_MAX = 64 * 1024 * 1024, /* of output, while a long capture is fed */
	PREVIEW_LINES = 5000,        /* most that can be searched before all is there */
	OVERLAP_LINES = 500,         /* above the screen, to find where to go on */
};

static const char gap[] = "\033[2m[panescry: lines are missing here]\033[m\r\n";

struct mux_waiter {
	struct mux_waiter *next;
	void (*done)(void *);
	void *arg;
};

void
mux_tell_waiters(struct mux_pane *m)
{
	struct mux_waiter *w, *next, *list = m->waiters;

	m->waiters = NULL;
	LL_FOREACH_SAFE(list, w, next)
	{
		w->done(w->arg);
		free(w);
	}
}

/* Where it goes on. */

/* Hashes of the newest lines that have left the screen, oldest first. */
static uint64_t *
newest(struct record *r, uint64_t count, size_t *n)
{
	uint64_t last = record_history_last(r), *hashes;
	struct history_reader reader;
	struct history_view view;
	struct slab_line line;

	record_history(r, last > count ? last - count + 1 : 1, &view);
	hashes = xcalloc((size_t)(view.last - view.first + 1) + 1, sizeof *hashes);
	history_read(&reader, &view, view.first);
	for (*n = 0; history_next(&reader, &line); (*n)++)
		hashes[*n] = seed_hash_text(line.text, line.len);
	history_view_release(&view);
	return hashes;
}

int64_t
mux_place(struct entry *e, const struct seed *s)
{
	struct record *r = pane_record(e->pane);
	size_t n;
	uint64_t *ours = newest(r, seed_lines(s), &n);
	int64_t at = n == 0 ? 0 : seed_overlap(s, ours, n);

	free(ours);
	return at;
}

/* Feeding. */

static void
feed_held(struct mux_pane *m)
{
	struct buf held = m->held;

	buf_init(&m->held, BUF_NO_MAX);
	if (m->entry != NULL)
		pane_output(m->entry->pane, held.data, held.len);
	buf_release(&held);
}

static void
feed_state(struct mux_pane *m)
{
	struct entry *e = m->entry;
	struct seed *s = m->seed;
	struct buf b;
	bool first;

	buf_init(&b, BUF_NO_MAX);
	seed_write_state(s, &b);
	pane_output(e->pane, b.data, b.len);
	buf_release(&b);
	record_captured(pane_record(e->pane), m->captured_from);
	m->seed = NULL;
	seed_free(s);
	seed_free(m->preview);
	m->preview = NULL;
	first = m->fed_first;
	m->fed_first = false;
	if (first)
		watches_pane(e); /* they look at what comes, not at what was */
	feed_held(m);
	mux_tell_waiters(m);
}

/* Returns the bytes that it took. */
static size_t
feed_some(struct mux_pane *m, size_t budget)
{
	size_t lines = seed_lines(m->seed), taken = 0;
	struct buf b;

	buf_init(&b, BUF_NO_MAX);
	while (m->seed_at < lines && taken < budget) {
		size_t to = m->seed_at + PIECE < lines ? m->seed_at + PIECE : lines;

		buf_reset(&b);
		seed_write_lines(m->seed, m->seed_at, to, &b);
		m->seed_at = to;
		taken += b.len;
		pane_output(m->entry->pane, b.data, b.len);
	}
	if (m->seed_at >= lines)
		feed_state(m);
	buf_release(&b);
	return taken;
}

void
mux_on_feed(uv_idle_t *idle)
{
	struct app *a = idle->data;
	struct entry *e, *next;
	size_t left = SLICE;

	DL_FOREACH_SAFE (a->entries, e, next) {
		if (e->mux == NULL || e->mux->seed == NULL)
			continue;
		if (left == 0)
			return;
		size_t n = feed_some(e->mux, left);
		left = n < left ? left - n : 0;
	}
	if (left != 0)
		uv_idle_stop(idle);
}

void
mux_feed_drop(struct mux_pane *m)
{
	seed_free(m->seed);
	m->seed = NULL;
	buf_release(&m->held);
	buf_init(&m->held, BUF_NO_MAX);
}

/* Lines from `from` on are new; the first of them has the number `line`. */
static void
start_feed(struct mux_pane *m, struct seed *take, size_t from, uint64_t line, bool missing)
{
	struct entry *e = m->entry;
	const struct seed_state *st = seed_state(take);
	size_t screen = seed_screen_line(take), at = from < screen ? from : screen;
	struct buf b;

	mux_feed_drop(m);
	pane_resized(e->pane, st->cols, st->rows);
	m->captured_from = line + missing;
	buf_init(&b, BUF_NO_MAX);
	seed_write_reset(&b);
	pane_redraw(e->pane, b.data, b.len, line - (from - at));
	buf_release(&b);
	if (missing)
		pane_output(e->pane, gap, sizeof gap - 1);
	m->seed = take;
	m->seed_at = at;
	/* Few see a screen that is drawn by half: it is done, unless there is much. */
	feed_some(m, SLICE);
	if (m->seed != NULL)
		uv_idle_start(&e->app->mux->feed, mux_on_feed);
}

/* The first capture. Lines that the archive has from before get the numbers they have there. */
static void
feed_first(struct mux_pane *m, struct seed *take)
{
	struct mux_past *past = m->past;
	int64_t at = past->last == 0 ? 0
		     : past->n == 0  ? -ENOENT
				     : seed_overlap(take, past->hashes, past->n);
	uint64_t before = at > 0 ? (uint64_t)at : 0, line = past->last + 1;
	size_t skip = before > past->last ? (size_t)(before - past->last) : 0;

	if (at >= 0)
		line -= before - skip;
	m->fed_first = true;
	mux_past_free(past);
	m->past = NULL;
	start_feed(m, take, skip, line, at < 0);
}

/* Capturing. */

static void capture(struct mux_pane *m, unsigned lines, unsigned flags);

/* No line has left the screen here that would tell how far down the capture begins: at the first
 * line that was printed, unless more has been than it holds. */
static bool
is_cut(const struct mux_pane *m, const struct seed *take)
{
	const struct seed_state *st = seed_state(take);

	if (!m->behind || record_history_last(pane_record(m->entry->pane)) != 0)
		return false;
	if (!m->whole)
		return m->lines != 0 && st->history > m->lines;
	/* tmux drops a tenth at a time. */
	return st->history >= st->history_limit - st->history_limit / 10;
}

static void
captured(struct mux_pane *m, struct seed *take)
{
	uint64_t last = record_history_last(pane_record(m->entry->pane));
	bool first = !m->shown;
	int64_t from = first ? 0 : mux_place(m->entry, take);

	/* A few lines at the top of a part of the history may be alike by chance. */
	if (!first && !m->whole && from >= 0 && from < SEED_OVERLAP_MIN &&
	    last > (uint64_t)from)
		from = -ENOENT;
	if (!first && is_cut(m, take))
		from = -ENOENT;

	if (from < 0 && !m->behind) {
		seed_free(take); /* cleared, perhaps; nothing was missed */
		return;
	}
	if (from < 0 && !m->whole) {
		seed_free(take);
		m->whole = true;
		capture(m, 0, TMUX_FOLLOW);
		return;
	}
	if (from < 0)
		log_warn("tmux", "%s: lines are missing behind %" PRIu64,
		    pane_id(m->entry->pane), last);
	m->shown = true;
	m->behind = m->whole = false;
	if (first)
		feed_first(m, take);
	else
		start_feed(m, take, from < 0 ? 0 : (size_t)from, last + 1, from < 0);
}

static void
on_captured(void *arg, int err, const char *why, struct seed *take)
{
	struct mux_pane *m = arg;

	m->capturing = false;
	if (err != 0 && err != -ECANCELED)
		log_debug("tmux", "%%%" PRIu32 " was not captured: %s", m->id, why);
	if (m->entry == NULL || pane_state(m->entry->pane) == PANE_EXITED)
		seed_free(take);
	else if (err == 0)
		captured(m, take);
	if (m->entry != NULL && err == -EBUSY && m->behind)
		mux_behind(m);
	if (m->entry != NULL && m->again && !m->capturing && err == 0) {
		m->again = false;
		mux_recapture(m);
	}
	if (m->seed == NULL && !m->capturing)
		mux_tell_waiters(m);
	mux_unref(m);
}

static void
capture(struct mux_pane *m, unsigned lines, unsigned flags)
{
	m->capturing = true;
	m->lines = lines;
	tmux_capture(m->server->tmux, m->id, lines, flags, on_captured, mux_ref(m));
}

static unsigned
enough(const struct mux_pane *m)
{
	return pane_rows(m->entry->pane) + OVERLAP_LINES;
}

static void
on_preview(void *arg, int err, const char *why, struct seed *take)
{
	struct mux_pane *m = arg;

	(void)why;
	m->capturing = false;
	m->previewed = true;
	if (err == 0 && m->entry != NULL && m->preview == NULL)
		m->preview = take;
	else
		seed_free(take);
	if (m->entry != NULL && m->server->tmux != NULL && err != -ECANCELED)
		mux_behind(m);
	mux_unref(m);
}

static void
on_past(void *arg, struct mux_past *take)
{
	struct mux_pane *m = arg;

	m->capturing = false;
	if (m->entry == NULL || m->server->tmux == NULL) {
		mux_past_free(take);
	} else {
		m->past = take;
		mux_behind(m);
	}
	mux_unref(m);
}

void
mux_behind(struct mux_pane *m)
{
	mux_feed_drop(m);
	m->behind = true;
	if (m->capturing)
		return; /* what is under way will do */
	m->whole = !m->shown;
	if (m->shown || (m->past != NULL && m->previewed)) {
		capture(m, m->shown ? enough(m) : 0, TMUX_FOLLOW);
		return;
	}
	/* Of many panes all can be searched soon, since colours come behind the text of the last. */
	m->capturing = true;
	if (!m->previewed)
		tmux_capture(
		    m->server->tmux, m->id, PREVIEW_LINES, TMUX_PLAIN, on_preview, mux_ref(m));
	else
		mux_past_read(m->entry, on_past, mux_ref(m));
}

void
mux_refresh(struct entry *e, void (*done)(void *), void *arg)
{
	struct mux_pane *m = e->mux;
	struct mux_waiter *w = xcalloc(1, sizeof *w);

	w->done = done;
	w->arg = arg;
	LL_PREPEND(m->waiters, w);
	if (!m->capturing && m->seed == NULL)
		mux_behind(m);
}

void
mux_recapture(struct mux_pane *m)
{
	if (m->capturing)
		m->again = true;
	else if (m->shown)
		capture(m, enough(m), TMUX_FOLLOW | TMUX_TRY);
}

void
mux_output(struct mux_pane *m, const char *data, size_t len)
{
	if (m->behind)
		return; /* the capture will have it */
	if (m->seed == NULL) {
		pane_output(m->entry->pane, data, len);
	} else if (m->held.len + len <= HELD_MAX) {
		buf_append(&m->held, data, len);
	} else {
		log_warn("tmux", "%%%" PRIu32 " prints faster than it is taken in", m->id);
		mux_behind(m);
	}
}
