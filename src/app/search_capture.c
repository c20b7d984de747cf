#include "config.h"

#include "app/search_capture.h"

#include <stdlib.h>
#include <string.h>

#include <utlist.h>
#include <uv.h>

#include "app/app_priv.h"
#include "app/mux.h"
#include "base/buf.h"
#include "base/xmalloc.h"
#include "history/history.h"
#include "pane/record.h"
#include "search/scan.h"
#include "tmux/seed.h"

struct grab {
	struct grab *next;
	struct grabs *grabs; /* NULL: nobody wants it any more */
	char *pane;
	bool answered, early;
	struct seed *seed; /* NULL: none came */
	struct buf text;
	struct scan_line *lines;
};

struct grabs {
	struct app *app;
	void (*done)(void *);
	void *arg;
	struct grab *list; /* utlist */
	unsigned left;
	uv_timer_t late;
	bool told, freed;
};

static void
grab_free(struct grab *g)
{
	seed_free(g->seed);
	buf_release(&g->text);
	free(g->lines);
	free(g->pane);
	free(g);
}

static void
tell(struct grabs *g)
{
	uv_timer_stop(&g->late);
	if (g->told)
		return;
	g->told = true;
	g->done(g->arg);
}

static void
on_captured(void *arg, int err, const char *why, struct seed *take)
{
	struct grab *one = arg;
	struct grabs *g = one->grabs;

	(void)why;
	if (g == NULL) { /* it came too late */
		seed_free(take);
		grab_free(one);
		return;
	}
	one->answered = true;
	if (err == 0 && !g->told)
		one->seed = take;
	else
		seed_free(take);
	if (--g->left == 0 && uv_is_active((uv_handle_t *)&g->late))
		tell(g);
}

/* Those that are still to come are not looked at: their lines may be read by now. */
static void
on_late(uv_timer_t *timer)
{
	tell(timer->data);
}

static void
give_up(struct grabs *g)
{
	struct grab *one, *next, *kept = NULL;

	LL_FOREACH_SAFE(g->list, one, next)
	{
		if (one->answered) {
			LL_PREPEND(kept, one);
		} else {
			one->grabs = NULL;
		}
	}
	g->list = kept;
}

struct grabs *
grabs_new(struct app *a, void (*done)(void *), void *arg)
{
	struct grabs *g = xcalloc(1, sizeof *g);

	g->app = a;
	g->done = done;
	g->arg = arg;
	uv_timer_init(a->loop, &g->late);
	g->late.data = g;
	return g;
}

static void
on_closed(uv_handle_t *h)
{
	free(h->data);
}

void
grabs_free(struct grabs *g)
{
	struct grab *one, *next;

	if (g == NULL)
		return;
	give_up(g);
	LL_FOREACH_SAFE(g->list, one, next)
	grab_free(one);
	uv_close((uv_handle_t *)&g->late, on_closed);
}

bool
grabs_add(struct grabs *g, struct entry *e)
{
	struct grab *one = xcalloc(1, sizeof *one);

	one->grabs = g;
	one->pane = xstrdup(pane_id(e->pane));
	buf_init(&one->text, BUF_NO_MAX);
	LL_PREPEND(g->list, one);
	g->left++;
	if (mux_capture(e, on_captured, one) == 0)
		return true;
	g->left--;
	LL_DELETE(g->list, one);
	grab_free(one);
	return false;
}

void
grabs_add_seed(struct grabs *g, struct entry *e, struct seed *seed)
{
	struct grab *one = xcalloc(1, sizeof *one);

	one->grabs = g;
	one->pane = xstrdup(pane_id(e->pane));
	one->answered = one->early = true;
	one->seed = seed_ref(seed);
	buf_init(&one->text, BUF_NO_MAX);
	LL_PREPEND(g->list, one);
}

bool
grabs_start(struct grabs *g)
{
	if (g->list == NULL)
		return false;
	uv_timer_start(&g->late, on_late, g->left != 0 ? GRAB_MS : 0, 0);
	return true;
}

static struct grab *
find(const struct grabs *g, const char *pane)
{
	struct grab *one;

	LL_FOREACH(g->list, one)
	if (strcmp(one->pane, pane) == 0)
		return one;
	return NULL;
}

bool
grabs_partial(const struct grabs *g)
{
	const struct grab *one;

	LL_FOREACH(g->list, one)
	{
		if (one->seed == NULL || one->early)
			return true;
	}
	return false;
}

bool
grabs_has(const struct grabs *g, const char *pane, bool *answered)
{
	const struct grab *one = find(g, pane);

	*answered = one != NULL && one->seed != NULL;
	return one != NULL;
}

/* Where the view's history goes on in the seed; -ENOENT. */
static int64_t
place(const struct seed *s, const struct record_view *view)
{
	const struct history_view *h = &view->history;
	uint64_t count = h->n != 0 ? h->last - h->first + 1 : 0, skip;
	uint64_t *ours = xcalloc((size_t)count + 1, sizeof *ours);
	struct history_reader reader;
	struct slab_line line;
	int64_t at;
	size_t n = 0;

	skip = count > seed_lines(s) ? count - seed_lines(s) : 0;
	if (count != 0) {
		history_read(&reader, h, h->first + skip);
		while (n < count && history_next(&reader, &line))
			ours[n++] = seed_hash_text(line.text, line.len);
	}
	at = n == 0 ? 0 : seed_overlap(s, ours, n);
	free(ours);
	return at;
}

/* Rows at the end of the screen that nothing was printed to are no lines. */
static size_t
used_lines(const struct seed *s)
{
	const uint64_t blank = seed_hash_text("", 0);
	size_t n = seed_lines(s);

	while (n > 0 && seed_hash(s, n - 1) == blank)
		n--;
	return n;
}

void
grabs_lines(struct grabs *g, const char *pane, const struct record_view *view, bool all,
    int64_t time_ms, struct grab_lines *out)
{
	struct grab *one = find(g, pane);
	const struct seed *s = one->seed;
	const struct history_view *h = &view->history;
	uint64_t above = h->n != 0 ? h->last : view->first_line != 0 ? view->first_line - 1 : 0;
	uint64_t begin = h->n != 0 ? h->first : above + 1;
	bool empty = h->n == 0 && view->screen.used == 0;
	int64_t from = place(s, view);
	size_t n = used_lines(s), *starts = xcalloc(n + 1, sizeof *starts), first = 0;

	*out = (struct grab_lines){.placed = from >= 0};
	/* A line's number here is its index, and this more. */
	int64_t shift = from >= 0 ? (int64_t)above + 1 - from : 1;

	if (shift < 1)
		first = (size_t)(1 - shift);
	if (!all && !empty)
		n = from < 0 || (int64_t)begin - shift < 0 ? 0
		    : (uint64_t)((int64_t)begin - shift) < (uint64_t)n
			? (size_t)((int64_t)begin - shift)
			: n;
	one->lines = xcalloc(n + 1, sizeof *one->lines);
	for (size_t i = first; i < n; i++) {
		starts[i] = one->text.len;
		seed_text(s, i, &one->text);
		one->lines[out->n++] =
		    (struct scan_line){.len = (uint32_t)(one->text.len - starts[i]),
			.number = (uint64_t)(shift + (int64_t)i),
			.time_ms = time_ms};
	}
	for (size_t i = 0; i < out->n; i++)
		one->lines[i].text =
		    (one->text.data != NULL ? one->text.data : "") + starts[first + i];
	out->v = one->lines;
	free(starts);
}
