#include "config.h"

#include "search/query.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/xmalloc.h"

enum {
	PIECE_SLABS = 16,       /* 4 MiB: less than a millisecond, most of the time */
	SPANS_MAX = 256 * 1024, /* of a piece; behind them one for each line */
};

/* A hit as a piece keeps it: text stays where it is. */
struct kept {
	struct scan_hit hit;
	size_t spans; /* index */
	size_t source;
	uint64_t order; /* in the source */
	bool screen;
};

struct piece {
	size_t source;
	size_t part, nparts; /* nparts 0: the screen */
	uint64_t order;      /* of its first line */
	int64_t oldest, newest;
	struct kept *kept; /* in the query's order; constant once it is done */
	size_t nkept, cap;
	struct span *spans;
	size_t nspans, spancap;
	struct scan_stats stats;
	bool skipped;
	atomic_int done;
};

struct query {
	const struct pattern *pattern;
	const struct query_source *sources;
	size_t nsources;
	struct query_options options;
	uint64_t began_us;
	struct scan_line **screens; /* with times that do not go back */
	struct piece *pieces;
	size_t n, cap;
	atomic_uint_fast64_t looked; /* bytes of skipped pieces */
};

/* Cutting */

static struct piece *
add_piece(struct query *q, size_t source)
{
	struct piece *p;

	if (q->n == q->cap) {
		q->cap = q->cap * 2 + 16;
		q->pieces = xreallocarray(q->pieces, q->cap, sizeof *q->pieces);
	}
	p = &q->pieces[q->n++];
	memset(p, 0, sizeof *p);
	p->source = source;
	return p;
}

static void
cut_history(struct query *q, size_t source, const struct history_view *v)
{
	for (size_t i = 0; i < v->n; i += PIECE_SLABS) {
		struct piece *p = add_piece(q, source);
		size_t last;

		p->part = i;
		p->nparts = v->n - i < PIECE_SLABS ? v->n - i : PIECE_SLABS;
		last = i + p->nparts - 1;
		p->order = v->parts[i].slab->first;
		p->oldest = v->parts[i].slab->time_ms;
		p->newest = v->parts[last].extent.time_ms;
	}
}

/* Lines on the screen have the time at which it was copied, or none: what counts is that they
 * come behind the history's. */
static void
cut_screen(struct query *q, size_t source, int64_t after_ms, uint64_t order)
{
	const struct query_source *s = &q->sources[source];
	struct scan_line *lines;
	struct piece *p;

	if (s->nscreen == 0)
		return;
	lines = q->screens[source] = xcalloc(s->nscreen, sizeof *lines);
	for (size_t i = 0; i < s->nscreen; i++) {
		lines[i] = s->screen[i];
		if (lines[i].time_ms < after_ms)
			lines[i].time_ms = after_ms;
		after_ms = lines[i].time_ms;
	}
	p = add_piece(q, source);
	p->order = order;
	p->oldest = lines[0].time_ms;
	p->newest = after_ms;
}

static void
cut_source(struct query *q, size_t source)
{
	const struct history_view *v = q->sources[source].history;
	int64_t after_ms = INT64_MIN;
	uint64_t order = 0;

	if (v != NULL && v->n > 0) {
		cut_history(q, source, v);
		after_ms = v->parts[v->n - 1].extent.time_ms;
		order = v->last + 1;
	}
	cut_screen(q, source, after_ms, order);
}

static int
compare_oldest(const void *a, const void *b)
{
	const struct piece *x = a, *y = b;

	if (x->oldest != y->oldest)
		return x->oldest < y->oldest ? -1 : 1;
	if (x->source != y->source)
		return x->source < y->source ? -1 : 1;
	return x->order < y->order ? -1 : x->order > y->order;
}

static int
compare_newest(const void *a, const void *b)
{
	const struct piece *x = a, *y = b;

	if (x->newest != y->newest)
		return x->newest > y->newest ? -1 : 1;
	if (x->source != y->source)
		return x->source > y->source ? -1 : 1;
	return x->order > y->order ? -1 : x->order < y->order;
}

static unsigned
within(unsigned v, unsigned lo, unsigned hi)
{
	return v < lo ? lo : v > hi ? hi : v;
}

struct query *
query_new(const struct pattern *pattern, const struct query_source *sources, size_t n,
    const struct query_options *options)
{
	struct query *q = xcalloc(1, sizeof *q);

	q->pattern = pattern;
	q->sources = sources;
	q->nsources = n;
	q->options = *options;
	q->options.limit = within(options->limit, 1, QUERY_LIMIT_MAX);
	q->options.context = within(options->context, 0, QUERY_CONTEXT_MAX);
	q->began_us = clock_mono_us();
	q->screens = xcalloc(n > 0 ? n : 1, sizeof *q->screens);
	for (size_t i = 0; i < n; i++)
		cut_source(q, i);
	if (q->n > 0)
		qsort(q->pieces, q->n, sizeof *q->pieces,
		    q->options.newest_first ? compare_newest : compare_oldest);
	return q;
}

void
query_free(struct query *q)
{
	if (q == NULL)
		return;
	for (size_t i = 0; i < q->n; i++) {
		free(q->pieces[i].kept);
		free(q->pieces[i].spans);
	}
	for (size_t i = 0; i < q->nsources; i++)
		free(q->screens[i]);
	free(q->screens);
	free(q->pieces);
	free(q);
}

size_t
query_pieces(const struct query *q)
{
	return q->n;
}

/* Running */

static uint32_t
keep_spans(struct piece *p, const struct span *spans, uint32_t n)
{
	if (p->nspans + n > SPANS_MAX)
		n = 1;
	if (p->spancap - p->nspans < n) {
		p->spancap = p->spancap * 2 + n + 64;
		p->spans = xreallocarray(p->spans, p->spancap, sizeof *p->spans);
	}
	memcpy(p->spans + p->nspans, spans, n * sizeof *spans);
	p->nspans += n;
	return n;
}

static bool
keep(void *arg, const struct scan_hit *hit)
{
	struct piece *p = arg;
	struct kept *k;

	if (p->nkept == p->cap) {
		p->cap = p->cap * 2 + 16;
		p->kept = xreallocarray(p->kept, p->cap, sizeof *p->kept);
	}
	k = &p->kept[p->nkept++];
	*k = (struct kept){.hit = *hit,
	    .spans = p->nspans,
	    .source = p->source,
	    .order = hit->number,
	    .screen = p->nparts == 0};
	/* The lines of an alternate screen have no numbers. */
	if (k->screen)
		k->order = p->order + (uint64_t)hit->offset;
	k->hit.nspans = keep_spans(p, hit->spans, hit->nspans);
	return true;
}

/* How many hits of a piece that is done come before every line of another. */
static size_t
count_before(const struct query *q, const struct piece *done, const struct piece *p)
{
	bool newest = q->options.newest_first;
	size_t lo = 0, hi = done->nkept;

	if (done->source == p->source)
		return (done->order < p->order) != newest ? done->nkept : 0;
	while (lo < hi) {
		size_t mid = (lo + hi) / 2;
		int64_t t = done->kept[mid].hit.time_ms;

		if (newest ? t > p->newest : t < p->oldest)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

/* Whether hits of the piece can be among the first; *truncated when others are known to have
 * been left out already. */
static bool
needed(const struct query *q, const struct piece *p, bool *truncated)
{
	size_t before = 0, total = 0;

	*truncated = false;
	for (size_t i = 0; i < q->n; i++) {
		const struct piece *d = &q->pieces[i];

		if (!atomic_load_explicit(&d->done, memory_order_acquire))
			continue;
		before += count_before(q, d, p);
		total += d->nkept;
		if (d->skipped || d->stats.truncated || total > q->options.limit)
			*truncated = true;
	}
	return before < q->options.limit;
}

static void
scan_piece(
    struct query *q, struct piece *p, const struct scan_options *o, scan_hit_cb *cb, void *arg)
{
	struct scanner *s = scanner_new(q->pattern);

	if (p->nparts > 0)
		scan_view(s, q->sources[p->source].history, p->part, p->nparts, o, cb, arg,
		    &p->stats);
	else
		scan_lines(s, q->screens[p->source], q->sources[p->source].nscreen, o, cb, arg,
		    &p->stats);
	scanner_free(s);
}

/* Nothing of the piece will be in the result, but does it have a line that matches? Looked for
 * in about SCAN_LOOKAHEAD bytes of all such pieces; behind these, there may be one. */
static void
look_ahead(struct query *q, struct piece *p, const struct scan_options *options)
{
	struct scan_options o = *options;

	if (atomic_load(&q->looked) >= SCAN_LOOKAHEAD) {
		p->skipped = true;
		return;
	}
	o.limit = 1;
	scan_piece(q, p, &o, NULL, NULL);
	atomic_fetch_add(&q->looked, p->stats.bytes);
	p->skipped = p->stats.matched > 0 || p->stats.partial;
	p->stats.matched = 0;
	p->stats.partial = false;
}

void
query_run_piece(struct query *q, size_t piece)
{
	struct piece *p = &q->pieces[piece];
	struct scan_options o = {.limit = q->options.limit,
	    .newest_first = q->options.newest_first,
	    .since_ms = q->options.since_ms,
	    .until_ms = q->options.until_ms,
	    .cancel = q->options.cancel};
	bool truncated;

	if (q->options.budget_us != 0)
		o.deadline_us = q->began_us + q->options.budget_us;
	/* Otherwise nothing of it is asked for. */
	if (p->newest >= o.since_ms && p->oldest <= o.until_ms) {
		if (needed(q, p, &truncated))
			scan_piece(q, p, &o, keep, p);
		else if (truncated)
			p->skipped = true;
		else
			look_ahead(q, p, &o);
	}
	atomic_store_explicit(&p->done, 1, memory_order_release);
}

/* Context: the lines of a source are those of its history and, behind them, its screen's. */

struct lines {
	const struct query_source *source;
	uint64_t first, history, n; /* number of the first; lines in the history; and in all */
};

static void
lines_of(struct lines *l, const struct query_source *s)
{
	*l = (struct lines){.source = s};
	if (s->history != NULL && s->history->n > 0) {
		l->first = s->history->first;
		l->history = s->history->last + 1 - l->first;
	}
	l->n = l->history + s->nscreen;
}

struct query_line
query_line_copy(const char *text, uint32_t len)
{
	struct query_line l = {.text = xmalloc((size_t)len + 1), .len = len};

	memcpy(l.text, text, len);
	l.text[len] = '\0';
	return l;
}

static struct query_line
copy_line(const char *text, uint32_t len, size_t *bytes)
{
	*bytes += len;
	return query_line_copy(text, len);
}

/* Copies the lines at from..to-1 and returns how many there were. */
static uint32_t
copy_lines(
    const struct lines *l, uint64_t from, uint64_t to, struct query_line **out, size_t *bytes)
{
	struct history_reader reader;
	struct slab_line line;
	uint32_t n = 0;

	*out = NULL;
	if (from >= to)
		return 0;
	*out = xcalloc(to - from, sizeof **out);
	if (from < l->history) {
		history_read(&reader, l->source->history, l->first + from);
		for (; from < to && from < l->history && history_next(&reader, &line); from++)
			(*out)[n++] = copy_line(line.text, line.len, bytes);
	}
	for (; from < to && from >= l->history; from++) {
		const struct scan_line *s = &l->source->screen[from - l->history];

		(*out)[n++] = copy_line(s->text, s->len, bytes);
	}
	return n;
}

static void
copy_context(const struct query *q, const struct kept *k, struct query_hit *h, size_t *bytes)
{
	unsigned c = q->options.context;
	struct lines l;
	uint64_t at;

	if (c == 0)
		return;
	lines_of(&l, &q->sources[k->source]);
	at = k->screen ? l.history + (k->order - (l.history > 0 ? l.first + l.history : 0))
		       : k->order - l.first;
	h->nbefore = copy_lines(&l, at > c ? at - c : 0, at, &h->before, bytes);
	h->nafter =
	    copy_lines(&l, at + 1, at + 1 + c < l.n ? at + 1 + c : l.n, &h->after, bytes);
}

/* Merging */

static int
compare_kept(const struct kept *x, const struct kept *y)
{
	if (x->source == y->source)
		return x->order < y->order ? -1 : x->order > y->order;
	if (x->hit.time_ms != y->hit.time_ms)
		return x->hit.time_ms < y->hit.time_ms ? -1 : 1;
	return x->source < y->source ? -1 : 1;
}

/* The piece whose next hit comes first; NULL when all are at their end. */
static struct piece *
next_piece(const struct query *q, const size_t *at, size_t *index)
{
	struct piece *best = NULL;

	for (size_t i = 0; i < q->n; i++) {
		struct piece *p = &q->pieces[i];
		int c;

		if (at[i] == p->nkept)
			continue;
		c = best == NULL ? -1 : compare_kept(&p->kept[at[i]], &best->kept[at[*index]]);
		if (best == NULL || (q->options.newest_first ? c > 0 : c < 0)) {
			best = p;
			*index = i;
		}
	}
	return best;
}

static void
copy_hit(const struct query *q, const struct piece *p, const struct kept *k,
    struct query_hit *h, size_t *bytes)
{
	*h = (struct query_hit){.source = k->source,
	    .screen = k->screen,
	    .line = k->hit.number,
	    .time_ms = k->hit.time_ms,
	    .offset = k->screen ? 0 : k->hit.offset,
	    .nspans = k->hit.nspans};
	h->text = copy_line(k->hit.text, k->hit.len, bytes);
	h->spans = xcalloc(k->hit.nspans, sizeof *h->spans);
	memcpy(h->spans, p->spans + k->spans, k->hit.nspans * sizeof *h->spans);
	copy_context(q, k, h, bytes);
}

static void
add_up(const struct query *q, struct query_result *r)
{
	for (size_t i = 0; i < q->n; i++) {
		const struct piece *p = &q->pieces[i];

		r->total += p->stats.matched;
		r->scanned_lines += p->stats.lines;
		r->scanned_bytes += p->stats.bytes;
		r->truncated = r->truncated || p->stats.truncated || p->skipped;
		r->partial = r->partial || p->stats.partial || !atomic_load(&p->done);
	}
}

void
query_finish(struct query *q, struct query_result *r)
{
	size_t *at = xcalloc(q->n > 0 ? q->n : 1, sizeof *at), i = 0, bytes = 0;
	struct piece *p;

	*r = (struct query_result){0};
	add_up(q, r);
	r->hits = xcalloc(q->options.limit, sizeof *r->hits);
	while (r->nhits < q->options.limit && bytes < QUERY_RESULT_BYTES &&
	       (p = next_piece(q, at, &i)) != NULL)
		copy_hit(q, p, &p->kept[at[i]++], &r->hits[r->nhits++], &bytes);
	free(at);
	if (r->total > r->nhits)
		r->truncated = true;
	r->elapsed_us = clock_mono_us() - q->began_us;
}

void
query_run(const struct pattern *pattern, const struct query_source *sources, size_t n,
    const struct query_options *options, struct query_result *r)
{
	struct query *q = query_new(pattern, sources, n, options);

	for (size_t i = 0; i < q->n; i++)
		query_run_piece(q, i);
	query_finish(q, r);
	query_free(q);
}

static void
release_lines(struct query_line *lines, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		free(lines[i].text);
	free(lines);
}

void
query_hit_release(struct query_hit *h)
{
	free(h->text.text);
	free(h->spans);
	release_lines(h->before, h->nbefore);
	release_lines(h->after, h->nafter);
}

void
query_result_release(struct query_result *r)
{
	for (size_t i = 0; i < r->nhits; i++)
		query_hit_release(&r->hits[i]);
	free(r->hits);
	*r = (struct query_result){0};
}
