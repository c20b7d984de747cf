#include "config.h"

#include "search/scan.h"

#include <stdlib.h>
#include <string.h>

#include "base/xmalloc.h"
#include "search/window.h"

enum {
	NEAR = 4096,         /* bytes; a line that is nearer is reached by reading on */
	LINES_PER_LOOK = 32, /* at the clock */
};

struct scanner {
	struct matcher *matcher;
	struct finder finder;
	/* Of one window: */
	struct scan_hit *hits;
	size_t nhits, hitcap;
	struct span *spans;
	size_t nspans, spancap;
};

struct run {
	struct scanner *s;
	const struct scan_options *o;
	scan_hit_cb *cb;
	void *arg;
	struct scan_stats *stats;
	uint64_t left;  /* lines up to the limit */
	uint64_t ahead; /* bytes, once there are none left */
	struct slab_cursor cursor;
	bool long_lines; /* in the present slab */
	bool stop;
};

/* The lines of a part that are to be scanned. */
struct range {
	uint32_t text, text_end;
	uint32_t line, line_end;
};

struct scanner *
scanner_new(const struct pattern *p)
{
	struct scanner *s = xcalloc(1, sizeof *s);

	s->matcher = matcher_new(p);
	finder_init(&s->finder, p, s->matcher);
	return s;
}

void
scanner_free(struct scanner *s)
{
	if (s == NULL)
		return;
	finder_release(&s->finder);
	matcher_free(s->matcher);
	free(s->hits);
	free(s->spans);
	free(s);
}

static void
run_start(struct run *r, struct scanner *s, const struct scan_options *o, scan_hit_cb *cb,
    void *arg, struct scan_stats *stats)
{
	*r = (struct run){.s = s, .o = o, .cb = cb, .arg = arg, .stats = stats};
	*stats = (struct scan_stats){0};
	r->left = o->limit == 0 ? UINT64_MAX : o->limit;
	r->ahead = SCAN_LOOKAHEAD;
	matcher_start(s->matcher, o->deadline_us, o->cancel);
	finder_start(&s->finder, o->way);
}

/* Hits of one window */

static void
hits_reset(struct scanner *s)
{
	s->nhits = s->nspans = 0;
}

/* Adds the line if it matches by itself. Spans are places in the array until all are there. */
static bool
hits_add(struct scanner *s, const struct scan_hit *hit)
{
	struct scan_hit *h;
	size_t n;

	if (s->spancap - s->nspans < SCAN_SPANS_MAX) {
		s->spancap = s->spancap * 2 + SCAN_SPANS_MAX;
		s->spans = xreallocarray(s->spans, s->spancap, sizeof *s->spans);
	}
	n = matcher_spans(
	    s->matcher, hit->text, hit->len, s->spans + s->nspans, SCAN_SPANS_MAX);
	if (n == 0)
		return false;
	if (s->nhits == s->hitcap) {
		s->hitcap = s->hitcap * 2 + 16;
		s->hits = xreallocarray(s->hits, s->hitcap, sizeof *s->hits);
	}
	h = &s->hits[s->nhits++];
	*h = *hit;
	h->nspans = (uint32_t)n;
	s->nspans += n;
	return true;
}

static void
hits_tell(struct run *r)
{
	struct scanner *s = r->s;
	size_t at = 0, i;

	for (i = 0; i < s->nhits; i++) {
		s->hits[i].spans = s->spans + at;
		at += s->hits[i].nspans;
	}
	r->stats->matched += s->nhits;
	r->left -= s->nhits;
	for (i = 0; i < s->nhits && !r->stop; i++)
		if (!r->cb(r->arg, &s->hits[r->o->newest_first ? s->nhits - 1 - i : i]))
			r->stop = true;
}

/* The line that begins at that byte of the slab. Mostly it is not far behind the last one. */
static bool
line_at(struct run *r, const struct history_part *p, uint32_t text, struct slab_line *line)
{
	struct slab_cursor *c = &r->cursor;

	if (c->slab != p->slab || c->extent.lines != p->extent.lines || c->text > text ||
	    text - c->text > NEAR)
		slab_seek_text(c, p->slab, &p->extent, text);
	while (c->text < text)
		if (!slab_next(c, line))
			return false;
	return c->text == text && slab_next(c, line);
}

static void
tell_lines(
    struct run *r, const struct history_part *p, uint32_t base, uint64_t n, uint64_t take)
{
	const uint32_t *found = r->s->finder.found;
	struct slab_line line;

	if (r->o->newest_first && n > take)
		found += n - take;
	hits_reset(r->s);
	for (uint64_t i = 0; i < take; i++)
		if (line_at(r, p, base + found[i], &line))
			hits_add(r->s, &(struct scan_hit){.number = line.number,
					   .time_ms = line.time_ms,
					   .offset = line.offset,
					   .text = line.text,
					   .len = line.len});
	hits_tell(r);
}

/* What a window had. */
static void
take_window(struct run *r, const struct history_part *p, uint32_t base, const struct window *w)
{
	if (r->left == 0) {
		if (w->count > 0)
			r->stats->truncated = r->stop = true;
		return;
	}
	bool more = w->count > r->left;
	uint64_t take = more ? r->left : w->count;

	if (r->cb != NULL) {
		tell_lines(r, p, base, w->count, take);
	} else {
		r->stats->matched += take;
		r->left -= take;
	}
	if (more)
		r->stats->truncated = r->stop = true;
}

/* Slabs */

/* The first line of a part with at least this time, or as many as there are. */
static uint32_t
line_of_time(const struct history_part *p, int64_t time_ms)
{
	uint32_t lo = p->skip_lines, hi = p->extent.lines;
	struct slab_cursor c;
	struct slab_line line;

	while (lo < hi) {
		uint32_t mid = lo + (hi - lo) / 2;

		slab_seek(&c, p->slab, &p->extent, mid);
		if (!slab_next(&c, &line))
			break;
		if (line.time_ms < time_ms)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

static void
begin_of_line(const struct history_part *p, uint32_t line, uint32_t *text, uint32_t *at)
{
	struct slab_cursor c;

	slab_seek(&c, p->slab, &p->extent, line);
	*text = c.text;
	*at = c.line;
}

/* Times do not go back; the slab's own is that of the line before its first. */
static void
range_of(const struct history_part *p, const struct scan_options *o, struct range *range)
{
	*range = (struct range){.text = p->skip_text,
	    .text_end = p->extent.text,
	    .line = p->skip_lines,
	    .line_end = p->extent.lines};
	if (p->slab->time_ms < o->since_ms)
		begin_of_line(p, line_of_time(p, o->since_ms), &range->text, &range->line);
	if (p->extent.time_ms > o->until_ms && o->until_ms < INT64_MAX)
		begin_of_line(
		    p, line_of_time(p, o->until_ms + 1), &range->text_end, &range->line_end);
}

/* Where a window of about that size ends, or begins, at the end of a line. */
static uint32_t
forward(const char *text, uint32_t from, uint32_t end, size_t size)
{
	const char *nl;

	if (end - from <= size)
		return end;
	nl = memchr(text + from + size - 1, '\n', end - from - size + 1);
	return nl == NULL ? end : (uint32_t)(nl + 1 - text);
}

static uint32_t
backward(const char *text, uint32_t begin, uint32_t end, size_t size)
{
	uint32_t at;

	if (end - begin <= size)
		return begin;
	for (at = end - (uint32_t)size; at > begin && text[at - 1] != '\n'; at--)
		;
	return at;
}

/* The window from..to: how far it was looked at. */
static uint32_t
scan_window(struct run *r, const struct history_part *p, uint32_t from, uint32_t to)
{
	struct window w = {.text = slab_text(p->slab) + from, .len = to - from};

	w.long_lines = r->long_lines;
	w.record = r->cb != NULL && r->left > 0;
	if (r->left == 0)
		w.want = 1;
	else if (!r->o->newest_first && r->left != UINT64_MAX)
		w.want = r->left;
	finder_find(&r->s->finder, &w);
	r->stats->bytes += w.end;
	if (r->left == 0) {
		r->ahead -= w.end < r->ahead ? w.end : r->ahead;
		if (r->ahead == 0 && w.count == 0)
			r->stats->truncated = r->stop = true;
	}
	take_window(r, p, from, &w);
	return from + (uint32_t)w.end;
}

static void
scan_oldest_first(struct run *r, const struct history_part *p, struct range *g)
{
	const char *text = slab_text(p->slab);

	while (g->text < g->text_end && !r->stop && !matcher_over(r->s->matcher))
		g->text = scan_window(
		    r, p, g->text, forward(text, g->text, g->text_end, r->s->finder.size));
}

static void
scan_newest_first(struct run *r, const struct history_part *p, struct range *g)
{
	const char *text = slab_text(p->slab);

	while (g->text < g->text_end && !r->stop && !matcher_over(r->s->matcher)) {
		uint32_t from = backward(text, g->text, g->text_end, r->s->finder.size);
		uint32_t end = scan_window(r, p, from, g->text_end);

		if (end < g->text_end && r->left > 0) {
			/* The time was over in its middle. */
			r->stats->lines += window_lines(text + from, end - from);
			break;
		}
		g->text_end = from;
	}
}

/* Whether there is a line of which a good part lies in a stride that it did not begin in. At each
 * of its places a pattern may go to the end of the line, and nothing counts that. */
static bool
has_long_lines(const struct history_part *p)
{
	const struct slab_stride *st = (const struct slab_stride *)(p->slab + 1);
	uint32_t n = p->extent.strides < SLAB_STRIDES ? p->extent.strides : SLAB_STRIDES;

	for (uint32_t i = 0; i < n; i++)
		if (st[i].text > i * SLAB_STRIDE + SLAB_STRIDE / 2)
			return true;
	return n > 0 && p->extent.text > n * SLAB_STRIDE + SLAB_STRIDE / 2;
}

static void
scan_part(struct run *r, const struct history_part *p)
{
	struct range g;
	uint32_t begin, end;

	range_of(p, r->o, &g);
	if (g.text >= g.text_end)
		return;
	begin = g.line;
	end = g.line_end;
	r->long_lines = has_long_lines(p);
	if (r->o->newest_first)
		scan_newest_first(r, p, &g);
	else
		scan_oldest_first(r, p, &g);
	if (g.text < g.text_end) {
		struct slab_cursor c;

		/* Not all of it: how many lines that was. */
		slab_seek_text(
		    &c, p->slab, &p->extent, r->o->newest_first ? g.text_end : g.text);
		if (r->o->newest_first)
			begin = c.line;
		else
			end = c.line;
	}
	r->stats->lines += end > begin ? end - begin : 0;
}

void
scan_view(struct scanner *s, const struct history_view *v, size_t first, size_t n,
    const struct scan_options *o, scan_hit_cb *cb, void *arg, struct scan_stats *stats)
{
	struct run r;

	run_start(&r, s, o, cb, arg, stats);
	for (size_t i = 0; i < n && !r.stop; i++) {
		if (matcher_over(s->matcher))
			break;
		scan_part(&r, &v->parts[o->newest_first ? first + n - 1 - i : first + i]);
	}
	stats->partial = matcher_partial(s->matcher);
}

/* Arrays */

static void
scan_line(struct run *r, const struct scan_line *l, size_t index)
{
	struct scan_hit hit = {.number = l->number,
	    .time_ms = l->time_ms,
	    .offset = index,
	    .text = l->text,
	    .len = l->len};

	r->stats->lines++;
	r->stats->bytes += l->len + 1;
	if (r->left == 0) {
		if (matcher_line(r->s->matcher, l->text, l->len) == MATCH_FOUND)
			r->stats->truncated = r->stop = true;
	} else if (r->cb == NULL) {
		if (matcher_line(r->s->matcher, l->text, l->len) == MATCH_FOUND) {
			r->stats->matched++;
			r->left--;
		}
	} else {
		hits_reset(r->s);
		if (hits_add(r->s, &hit))
			hits_tell(r);
	}
}

void
scan_lines(struct scanner *s, const struct scan_line *lines, size_t n,
    const struct scan_options *o, scan_hit_cb *cb, void *arg, struct scan_stats *stats)
{
	struct run r;

	run_start(&r, s, o, cb, arg, stats);
	for (size_t i = 0; i < n && !r.stop; i++) {
		size_t index = o->newest_first ? n - 1 - i : i;
		const struct scan_line *l = &lines[index];

		if (i % LINES_PER_LOOK == 0 && matcher_over(s->matcher))
			break;
		if (l->time_ms >= o->since_ms && l->time_ms <= o->until_ms)
			scan_line(&r, l, index);
	}
	stats->partial = matcher_partial(s->matcher);
}
