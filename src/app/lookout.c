#include "config.h"

#include "app/lookout.h"

#include <stdlib.h>
#include <string.h>

#include <utlist.h>
#include <uv.h>

#include "app/app_priv.h"
#include "base/clock.h"
#include "base/xmalloc.h"
#include "pane/record.h"
#include "search/captures.h"
#include "search/scan.h"

enum {
	PAUSE_MS = 5,        /* between two looks at one pane that floods */
	BUDGET_US = 500000,  /* of one pattern in one look */
	SIGHTINGS_MAX = 100, /* of one lookout in one look */
};

struct found {
	uint64_t line;
	int64_t time_ms;
	char *text;
	struct span spans[CAPTURES_MAX];
	size_t nspans;
};

struct lookout {
	struct lookout *prev, *next; /* of the entry */
	struct entry *entry;         /* NULL: it is removed */
	const struct pattern *pattern;
	struct lookout_callbacks cb;
	void *arg;
	uint64_t next_line; /* the first that has not been seen complete */
	uint64_t told;      /* the newest line that was told before it was complete */
	uint64_t old_line;  /* was begun before this lookout, and had this text */
	char *old_text;
	bool over, began; /* began: one look is behind it */

	bool looking; /* a thread has it */
	bool freed;
	void (*on_freed)(void *);

	/* The thread's. */
	struct found *found;
	size_t nfound;
};

/* One look at a pane: what is new of it, for all of its lookouts. */
struct look {
	uv_work_t work;
	struct app *app;
	struct entry *entry; /* NULL: it has gone meanwhile */
	struct record_view view;
	int64_t time_ms;
	size_t current;    /* index of the screen's line that the cursor is on; or nlines */
	uint64_t complete; /* number of the last line that is complete */
	bool last;         /* the pane has ended */
	struct lookout **lookouts;
	size_t n;
};

/* For each entry, made with its first lookout. */
struct watched {
	struct look *look; /* under way */
	bool again;        /* something has been written since */
	uv_timer_t pause;
};

/* The line of the screen that the cursor is on; behind the last when nothing is incomplete. Where
 * the main screen's cursor waits while the alternate one is up is not known: on the last line with
 * text, which more may be added to later. */
static size_t
current_line(const struct record_view *v, bool ended)
{
	const struct term_text *t = &v->screen;

	if (ended)
		return t->used;
	if (v->state.alternate)
		return t->used > 0 ? t->used - 1 : 0;
	for (size_t i = 0; i < t->nlines; i++)
		if (v->state.y < (unsigned)t->lines[i].row + t->lines[i].nrows)
			return i;
	return t->used;
}

/* On the pool. */

static void
add_found(struct lookout *l, const struct scan_hit *hit)
{
	struct found *f;

	l->found = xreallocarray(l->found, l->nfound + 1, sizeof *l->found);
	f = &l->found[l->nfound++];
	f->line = hit->number;
	f->time_ms = hit->time_ms;
	f->text = xstrndup(hit->text, hit->len);
	f->nspans = captures(l->pattern, hit->text, hit->len, f->spans, CAPTURES_MAX);
}

static bool
is_old(const struct lookout *l, const struct scan_hit *hit)
{
	if (hit->number < l->next_line || hit->number == l->told)
		return true;
	return hit->number == l->old_line && strlen(l->old_text) == hit->len &&
	       memcmp(l->old_text, hit->text, hit->len) == 0;
}

static bool
on_hit(void *arg, const struct scan_hit *hit)
{
	struct lookout *l = arg;

	if (!is_old(l, hit))
		add_found(l, hit);
	return l->nfound < SIGHTINGS_MAX;
}

static void
look_for(struct look *k, struct lookout *l, const struct scan_line *screen, size_t n)
{
	struct scanner *s = scanner_new(l->pattern);
	struct scan_options o = SCAN_OPTIONS_INIT;
	struct scan_stats stats;

	o.deadline_us = clock_mono_us() + BUDGET_US;
	scan_view(s, &k->view.history, 0, k->view.history.n, &o, on_hit, l, &stats);
	if (l->nfound < SIGHTINGS_MAX)
		scan_lines(s, screen, n, &o, on_hit, l, &stats);
	scanner_free(s);
}

static void
look_work(uv_work_t *w)
{
	struct look *k = w->data;
	const struct term_text *t = &k->view.screen;
	size_t n = k->current < t->nlines ? k->current + 1 : t->nlines;
	struct scan_line *screen = xcalloc(n + 1, sizeof *screen);

	for (size_t i = 0; i < n; i++)
		screen[i] = (struct scan_line){t->text + t->lines[i].text, t->lines[i].len,
		    k->view.first_line + i, k->time_ms};
	for (size_t i = 0; i < k->n; i++)
		look_for(k, k->lookouts[i], screen, n);
	free(screen);
}

/* On the loop. */

static void start_look(struct entry *e);

static void
destroy(struct lookout *l)
{
	for (size_t i = 0; i < l->nfound; i++)
		free(l->found[i].text);
	free(l->found);
	free(l->old_text);
	if (l->on_freed != NULL)
		l->on_freed(l->arg);
	free(l);
}

static void
tell(struct lookout *l, const char *pane, uint64_t complete)
{
	struct found *list = l->found;
	size_t n = l->nfound;

	l->found = NULL;
	l->nfound = 0;
	for (size_t i = 0; i < n; i++) {
		struct sighting s = {pane, list[i].line, list[i].time_ms, list[i].text,
		    list[i].spans, list[i].nspans};

		if (list[i].line > complete)
			l->told = list[i].line;
		if (!l->freed)
			l->cb.found(l, &s, l->arg);
		free(list[i].text);
	}
	free(list);
}

static void
finish_lookout(struct look *k, struct lookout *l, const char *pane)
{
	uint64_t upto = k->complete;
	bool full = l->nfound == SIGHTINGS_MAX;

	/* Behind as many as that it looks again. */
	if (full && l->found[l->nfound - 1].line < upto)
		upto = l->found[l->nfound - 1].line;
	if (full && k->entry != NULL)
		k->entry->watched->again = true;
	/* It may be freed by what it tells; while it counts as looking it stays. */
	tell(l, pane, k->complete);
	if (upto >= l->next_line)
		l->next_line = upto + 1;
	l->looking = false;
	l->began = true;
	if (l->freed) {
		destroy(l);
		return;
	}
	if (k->last && !full && !l->over) {
		l->over = true;
		l->cb.over(l, l->arg);
	}
}

static void
look_done(uv_work_t *w, int status)
{
	struct look *k = w->data;
	struct entry *e = k->entry;
	char *pane = xstrdup(e != NULL ? pane_id(e->pane) : "");

	(void)status;
	for (size_t i = 0; i < k->n; i++)
		finish_lookout(k, k->lookouts[i], pane);
	record_view_release(&k->view);
	e = k->entry; /* it may have gone by what was told */
	if (e != NULL) {
		e->watched->look = NULL;
		if (e->watched->again && !uv_is_active((uv_handle_t *)&e->watched->pause))
			start_look(e);
		if (e->job != NULL && registry_may_go(e))
			registry_remove(e);
	}
	free(pane);
	free(k->lookouts);
	free(k);
}

static void
on_pause_over(uv_timer_t *t)
{
	struct entry *e = t->data;

	if (e->watched->again && e->watched->look == NULL)
		start_look(e);
}

static void
collect(struct look *k, struct entry *e)
{
	struct lookout *l;
	uint64_t from = UINT64_MAX, last;
	size_t count = 0;

	DL_COUNT(e->lookouts, l, count);
	k->lookouts = xcalloc(count + 1, sizeof *k->lookouts);
	DL_FOREACH (e->lookouts, l) {
		l->looking = true;
		k->lookouts[k->n++] = l;
		if (l->next_line < from)
			from = l->next_line;
	}
	last = record_history_last(pane_record(e->pane));
	/* One line of history is always taken: without any, the screen's first may lack its head. */
	record_view(
	    pane_record(e->pane), from <= last ? last - from + 1 : 1, true, false, &k->view);
	k->last = pane_state(e->pane) == PANE_EXITED;
	k->current = current_line(&k->view, k->last);
	k->complete = k->view.first_line + k->current - 1;
}

static void
start_look(struct entry *e)
{
	struct look *k;

	e->watched->again = false;
	if (e->lookouts == NULL)
		return;
	k = xcalloc(1, sizeof *k);
	k->app = e->app;
	k->entry = e;
	k->time_ms = pane_last_activity(e->pane);
	collect(k, e);
	k->work.data = k;
	e->watched->look = k;
	uv_timer_start(&e->watched->pause, on_pause_over, PAUSE_MS, 0);
	uv_queue_work(e->app->loop, &k->work, look_work, look_done);
}

void
lookouts_output(struct entry *e)
{
	if (e->lookouts == NULL)
		return;
	e->watched->again = true;
	if (e->watched->look == NULL && !uv_is_active((uv_handle_t *)&e->watched->pause))
		start_look(e);
}

static void
on_closed(uv_handle_t *h)
{
	struct watched *w = (struct watched *)((char *)h - offsetof(struct watched, pause));

	free(w);
}

void
lookouts_gone(struct entry *e)
{
	struct lookout *l, *next;

	if (e->watched == NULL)
		return;
	if (e->watched->look != NULL)
		e->watched->look->entry = NULL;
	DL_FOREACH_SAFE (e->lookouts, l, next) {
		DL_DELETE(e->lookouts, l);
		l->entry = NULL;
		if (!l->over && !l->freed) {
			l->over = true;
			l->cb.over(l, l->arg);
		}
	}
	uv_close((uv_handle_t *)&e->watched->pause, on_closed);
	e->watched = NULL;
}

/* What is there already: the line that the cursor is on may have begun before. */
static void
begin_now(struct lookout *l, struct entry *e)
{
	struct record_view v;
	size_t i;

	record_view(pane_record(e->pane), 1, true, false, &v);
	i = current_line(&v, pane_state(e->pane) == PANE_EXITED);
	l->next_line = v.first_line + i;
	if (i < v.screen.nlines) {
		l->old_line = l->next_line;
		l->old_text =
		    xstrndup(v.screen.text + v.screen.lines[i].text, v.screen.lines[i].len);
	}
	record_view_release(&v);
}

struct lookout *
lookout_new(struct entry *e, const struct pattern *p, uint64_t from_line, const char *seen,
    const struct lookout_callbacks *cb, void *arg)
{
	struct lookout *l = xcalloc(1, sizeof *l);

	l->entry = e;
	l->pattern = p;
	l->cb = *cb;
	l->arg = arg;
	l->next_line = from_line;
	if (from_line == 0) {
		begin_now(l, e);
	} else if (seen != NULL) {
		l->old_line = from_line;
		l->old_text = xstrdup(seen);
	}
	if (e->watched == NULL) {
		e->watched = xcalloc(1, sizeof *e->watched);
		uv_timer_init(e->app->loop, &e->watched->pause);
		e->watched->pause.data = e;
	}
	DL_APPEND(e->lookouts, l);
	lookouts_output(e);
	return l;
}

bool
lookout_pending(const struct lookout *l)
{
	return !l->began;
}

void
lookout_free(struct lookout *l, void (*freed)(void *arg))
{
	if (l->entry != NULL)
		DL_DELETE(l->entry->lookouts, l);
	l->entry = NULL;
	l->freed = true;
	l->on_freed = freed;
	if (!l->looking)
		destroy(l);
}
