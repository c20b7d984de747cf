#include "config.h"

#include "history/history.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/xmalloc.h"

struct history_ref {
	struct slab_header *slab;
	unsigned refs; /* the history's own and the views' */
	struct history *history;
};

struct history {
	struct history_limits limits;
	struct history_allocator allocator;
	struct history_ref **slabs; /* oldest first; the last one is open */
	size_t n, cap;
	uint64_t first, next; /* numbers: of the oldest line, of the line that comes */
	uint64_t evicted;
	uint64_t blocks; /* slabs allocated, pinned ones included */
	int64_t time_ms; /* of the last line */
	uint64_t offset;
};

static void *
default_alloc(void *arg)
{
	(void)arg;
	return xmalloc(SLAB_SIZE);
}

static void
default_free(void *arg, void *block)
{
	(void)arg;
	free(block);
}

struct history *
history_new(const struct history_limits *limits, const struct history_allocator *allocator)
{
	struct history *h = xcalloc(1, sizeof *h);

	h->limits = *limits;
	if (h->limits.lines == 0)
		h->limits.lines = 1;
	if (h->limits.bytes < HISTORY_BYTES_MIN)
		h->limits.bytes = HISTORY_BYTES_MIN;
	if (allocator != NULL)
		h->allocator = *allocator;
	else
		h->allocator = (struct history_allocator){default_alloc, default_free, NULL};
	h->first = h->next = 1;
	return h;
}

static void
unref(struct history_ref *r)
{
	struct history *h = r->history;

	if (--r->refs != 0)
		return;
	h->allocator.free(h->allocator.arg, r->slab);
	h->blocks--;
	free(r);
}

void
history_free(struct history *h)
{
	if (h == NULL)
		return;
	for (size_t i = 0; i < h->n; i++)
		unref(h->slabs[i]);
	free(h->slabs);
	free(h);
}

static uint64_t
slab_last(const struct slab_header *s)
{
	return s->first + slab_extent(s)->lines - 1;
}

static void
drop_oldest(struct history *h)
{
	struct history_ref *r = h->slabs[0];
	uint64_t behind = slab_last(r->slab) + 1;

	if (behind > h->first) {
		h->evicted += behind - h->first;
		h->first = behind;
	}
	memmove(h->slabs, h->slabs + 1, --h->n * sizeof *h->slabs);
	unref(r);
}

/* Adding */

static void
append_block(struct history *h, void *block)
{
	struct history_ref *r = xmalloc(sizeof *r);

	*r = (struct history_ref){.slab = block, .refs = 1, .history = h};
	if (h->n == h->cap) {
		h->cap = h->cap * 2 + 8;
		h->slabs = xreallocarray(h->slabs, h->cap, sizeof *h->slabs);
	}
	h->slabs[h->n++] = r;
	h->blocks++;
}

/* An empty slab at the end; slabs are given up for it as the limits want. */
static struct slab_header *
open_slab(struct history *h)
{
	struct slab_header *s;
	void *block;

	while (h->n > 0 && (h->n + 1) * SLAB_SIZE > h->limits.bytes)
		drop_oldest(h);
	while ((block = h->allocator.alloc(h->allocator.arg)) == NULL) {
		if (h->n == 0)
			return NULL;
		drop_oldest(h);
	}
	append_block(h, block);
	s = block;
	slab_init(s, h->next, h->time_ms, h->offset);
	return s;
}

/* A slab goes when all of its lines have gone; until then its first ones are just not counted. */
static void
evict_lines(struct history *h)
{
	uint64_t first = h->next - h->limits.lines;

	while (h->n > 1 && slab_last(h->slabs[0]->slab) < first)
		drop_oldest(h);
	h->evicted += first - h->first;
	h->first = first;
}

void
history_push(struct history *h, const char *text, size_t len, const struct style_run *runs,
    size_t nruns, int64_t time_ms, uint64_t offset, unsigned flags)
{
	struct slab_header *s = h->n > 0 ? h->slabs[h->n - 1]->slab : NULL;

	if (len > HISTORY_LINE_MAX)
		len = HISTORY_LINE_MAX;
	if (nruns > HISTORY_RUNS_MAX)
		nruns = HISTORY_RUNS_MAX;
	if (time_ms < h->time_ms)
		time_ms = h->time_ms;
	if (offset < h->offset)
		offset = h->offset;
	if (s == NULL || !slab_append(s, text, len, runs, nruns, time_ms, offset, flags & 3)) {
		s = open_slab(h);
		if (s == NULL) {
			h->first = ++h->next;
			return;
		}
		slab_append(s, text, len, runs, nruns, time_ms, offset, flags & 3);
	}
	h->time_ms = time_ms;
	h->offset = offset;
	h->next++;
	if (h->next - h->first > h->limits.lines)
		evict_lines(h);
}

void
history_clear(struct history *h)
{
	while (h->n > 0)
		drop_oldest(h);
	h->first = h->next;
}

int
history_adopt(struct history *h, void *block, bool last)
{
	const struct slab_header *s = block;
	const struct slab_extent *e;

	if (!(last ? slab_valid(s) : slab_plausible(s)))
		return -EINVAL;
	e = slab_extent(s);
	if (s->first == 0 || s->first > HISTORY_NUMBER_MAX || (!last && e->lines == 0) ||
	    (h->n != 0 && s->first != h->next) || s->time_ms < h->time_ms ||
	    s->offset < h->offset || e->time_ms < s->time_ms || e->offset < s->offset)
		return -EINVAL;
	if (h->n == 0)
		h->first = s->first;
	append_block(h, block);
	h->next = s->first + e->lines;
	h->time_ms = e->time_ms;
	h->offset = e->offset;
	/* There can be more than the limit when views held evicted ones. */
	while (h->n > 1 && h->n * SLAB_SIZE > h->limits.bytes)
		drop_oldest(h);
	if (h->next - h->first > h->limits.lines)
		evict_lines(h);
	return 0;
}

void
history_set_next(struct history *h, uint64_t number)
{
	if (h->n == 0 && number > 0)
		h->first = h->next = number;
}

/* Looking up */

uint64_t
history_first(const struct history *h)
{
	return h->first;
}

uint64_t
history_last(const struct history *h)
{
	return h->next - 1;
}

/* The slab with that line, which must be there. */
static size_t
find_slab(const struct history *h, uint64_t number)
{
	size_t lo = 0, hi = h->n - 1;

	while (lo < hi) {
		size_t mid = (lo + hi + 1) / 2;

		if (h->slabs[mid]->slab->first <= number)
			lo = mid;
		else
			hi = mid - 1;
	}
	return lo;
}

bool
history_get(const struct history *h, uint64_t number, struct slab_line *line,
    struct style_run *runs, uint32_t max, uint32_t *nruns)
{
	const struct slab_header *s;
	struct slab_cursor c;

	if (number < h->first || number >= h->next)
		return false;
	s = h->slabs[find_slab(h, number)]->slab;
	slab_seek(&c, s, slab_extent(s), (uint32_t)(number - s->first));
	if (!slab_next(&c, line))
		return false;
	if (nruns != NULL)
		*nruns = slab_runs(s, slab_extent(s), line, runs, max);
	return true;
}

static bool
line_before(const struct slab_line *l, int64_t time_ms, uint64_t offset, bool by_time)
{
	return by_time ? l->time_ms < time_ms : l->offset < offset;
}

static uint64_t
find_line(const struct history *h, int64_t time_ms, uint64_t offset, bool by_time)
{
	uint64_t lo = h->first, hi = h->next;
	struct slab_line line;

	while (lo < hi) {
		uint64_t mid = lo + (hi - lo) / 2;

		if (!history_get(h, mid, &line, NULL, 0, NULL))
			break;
		if (line_before(&line, time_ms, offset, by_time))
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

uint64_t
history_find_time(const struct history *h, int64_t time_ms)
{
	return find_line(h, time_ms, 0, true);
}

uint64_t
history_find_offset(const struct history *h, uint64_t offset)
{
	return find_line(h, 0, offset, false);
}

void
history_stats(const struct history *h, struct history_stats *stats)
{
	*stats = (struct history_stats){.lines = h->next - h->first, .evicted = h->evicted};
	for (size_t i = 0; i < h->n; i++) {
		const struct slab_extent *e = slab_extent(h->slabs[i]->slab);

		stats->text += e->text - e->lines;
		stats->used += e->text + e->meta + sizeof(struct slab_header) +
			       SLAB_STRIDES * sizeof(struct slab_stride);
	}
	if (h->n > 0) {
		const struct slab_header *s = h->slabs[0]->slab;
		struct slab_cursor c;

		/* What is evicted of the oldest slab. */
		slab_seek(&c, s, slab_extent(s), (uint32_t)(h->first - s->first));
		stats->text -= c.text - c.line;
		stats->used -= c.text + c.meta;
	}
	stats->allocated = sizeof *h + h->cap * sizeof *h->slabs +
			   h->n * (SLAB_SIZE + sizeof(struct history_ref));
	stats->pinned = (h->blocks - h->n) * (SLAB_SIZE + sizeof(struct history_ref));
}

/* Views */

static void
add_part(struct history_view *v, struct history_ref *r, uint64_t from, uint64_t to)
{
	const struct slab_header *s = r->slab;
	struct history_part *p = &v->parts[v->n++];
	struct slab_cursor c;

	r->refs++;
	*p = (struct history_part){.ref = r, .slab = s, .extent = *slab_extent(s)};
	if (from > s->first) {
		slab_seek(&c, s, &p->extent, (uint32_t)(from - s->first));
		p->skip_lines = c.line;
		p->skip_text = c.text;
	}
	if (to < s->first + p->extent.lines - 1) {
		slab_seek(&c, s, &p->extent, (uint32_t)(to + 1 - s->first));
		p->extent.lines = c.line;
		p->extent.text = c.text;
		p->extent.meta = c.meta;
		p->extent.time_ms = c.time_ms;
		p->extent.offset = c.offset;
		while (
		    p->extent.strides > 0 &&
		    ((const struct slab_stride *)(s + 1))[p->extent.strides - 1].line > c.line)
			p->extent.strides--;
	}
}

void
history_view(struct history *h, uint64_t from, uint64_t to, struct history_view *v)
{
	if (from < h->first)
		from = h->first;
	if (to >= h->next)
		to = h->next - 1;
	*v = (struct history_view){.history = h, .first = from, .last = to};
	if (h->n == 0 || from > to) {
		v->last = from - 1;
		return;
	}
	size_t lo = find_slab(h, from), hi = find_slab(h, to);

	v->parts = xcalloc(hi - lo + 1, sizeof *v->parts);
	for (size_t i = lo; i <= hi; i++)
		add_part(v, h->slabs[i], from, to);
}

void
history_view_release(struct history_view *v)
{
	for (size_t i = 0; i < v->n; i++)
		unref(v->parts[i].ref);
	free(v->parts);
	*v = (struct history_view){0};
}

static void
enter_part(struct history_reader *r, uint64_t from)
{
	const struct history_part *p = &r->view->parts[r->part];
	uint64_t index = from > p->slab->first ? from - p->slab->first : 0;

	if (index < p->skip_lines)
		index = p->skip_lines;
	slab_seek(&r->cursor, p->slab, &p->extent, (uint32_t)index);
}

void
history_read(struct history_reader *r, const struct history_view *v, uint64_t from)
{
	*r = (struct history_reader){.view = v};
	while (r->part < v->n &&
	       v->parts[r->part].slab->first + v->parts[r->part].extent.lines <= from)
		r->part++;
	if (r->part < v->n)
		enter_part(r, from);
}

bool
history_next(struct history_reader *r, struct slab_line *line)
{
	while (r->part < r->view->n) {
		if (slab_next(&r->cursor, line))
			return true;
		if (++r->part < r->view->n)
			enter_part(r, 0);
	}
	return false;
}

uint32_t
history_runs(const struct history_reader *r, const struct slab_line *line,
    struct style_run *runs, uint32_t max)
{
	const struct history_part *p = &r->view->parts[r->part];

	return slab_runs(p->slab, &p->extent, line, runs, max);
}
