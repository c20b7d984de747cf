#include "config.h"

#include "search/window.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/xmalloc.h"
#include "search/pattern_priv.h"

enum {
	SIZE_FIRST = 1024,   /* of a window, before anything is known about the text */
	WINDOW_NS = 2000000, /* a window should not take longer */
	SAMPLE = 16 * 1024,  /* bytes that are enough to judge a way by */
	AGAIN = 64,          /* windows until the slower way is timed again */
	LINES_PER_LOOK = 32, /* at the clock */
	/* A bite is what one call of PCRE2 is given. Nothing interrupts it, so the larger it is, the
	 * fewer steps there are for each place in it. */
	BITE_MIN = 1024,
	BITE_MAX = 256 * 1024,
	BITE_STEPS = 32 * 1024 * 1024, /* for a byte's worth */
	CALM = 16,                     /* bites without trouble, until there are larger ones */
};

enum { PLAIN, LITERAL };

uint64_t
window_lines(const char *text, size_t len)
{
	const char *p = text, *end = text + len;
	uint64_t n = 0;

	while (p < end && (p = memchr(p, '\n', (size_t)(end - p))) != NULL) {
		n++;
		p++;
	}
	return n;
}

void
finder_init(struct finder *f, const struct pattern *p, struct matcher *m)
{
	*f = (struct finder){.pattern = p, .matcher = m};
}

void
finder_release(struct finder *f)
{
	free(f->found);
}

void
finder_start(struct finder *f, enum scan_way way)
{
	f->way = way;
	f->size = SIZE_FIRST;
	f->bite = BITE_MAX;
	f->calm = 0;
	f->cost[PLAIN] = f->cost[LITERAL] = 0;
	f->windows = 0;
}

static uint64_t
now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

/* The newline of the line that byte `at` lies in. */
static size_t
line_end(const struct window *w, size_t at)
{
	const char *nl = memchr(w->text + at, '\n', w->len - at);

	return nl == NULL ? w->len : (size_t)(nl - w->text);
}

static size_t
line_begin(const struct window *w, size_t at)
{
	while (at > 0 && w->text[at - 1] != '\n')
		at--;
	return at;
}

/* Returns false when there are as many as were wanted. */
static bool
add(struct finder *f, struct window *w, size_t begin)
{
	if (w->record) {
		if (w->count == f->cap) {
			f->cap = f->cap * 2 + 64;
			f->found = xreallocarray(f->found, f->cap, sizeof *f->found);
		}
		f->found[w->count] = (uint32_t)begin;
	}
	return ++w->count != w->want;
}

/* The ways. Each goes on from w->end and leaves there how far it came; false when it is over. */

static bool
try_line(struct finder *f, struct window *w, size_t begin, size_t end)
{
	bool more = true;

	if (matcher_line(f->matcher, w->text + begin, end - begin) == MATCH_FOUND)
		more = add(f, w, begin);
	w->end = end < w->len ? end + 1 : w->len;
	return more;
}

/* Up to `to`. */
static bool
find_by_line(struct finder *f, struct window *w, size_t to)
{
	unsigned n = 0;

	matcher_trust(f->matcher, w->text + w->end, to - w->end);
	while (w->end < to) {
		size_t end = line_end(w, w->end);

		if ((n++ % LINES_PER_LOOK == 0 || end - w->end > SIZE_FIRST) &&
		    matcher_over(f->matcher))
			return false;
		if (!try_line(f, w, w->end, end))
			return false;
	}
	return true;
}

/* Many lines in one call, from w->end up to `to`. */
static enum match
find_in_bite(struct finder *f, struct window *w, size_t to, bool *more)
{
	size_t at = 0, steps = BITE_STEPS / f->bite;
	enum match m = MATCH_FOUND;

	while (*more && w->end < to) {
		m = matcher_many(f->matcher, w->text, to, w->end, steps, &at);
		if (m != MATCH_FOUND)
			break;
		size_t end = line_end(w, at);

		if (w->record)
			at = line_begin(w, at);
		w->end = end < w->len ? end + 1 : end;
		*more = add(f, w, at);
	}
	if (m == MATCH_NONE)
		w->end = to;
	return m;
}

/* Where steps did not suffice they are tried with smaller bites, which get more. */
static void
find_by_many(struct finder *f, struct window *w)
{
	bool more = true;

	while (more && w->end < w->len) {
		size_t to =
		    w->len - w->end > f->bite ? line_end(w, w->end + f->bite) + 1 : w->len;

		if (find_in_bite(f, w, to, &more) == MATCH_LIMIT) {
			f->calm = 0;
			if (f->bite <= BITE_MIN)
				more = find_by_line(f, w, to);
			else
				f->bite /= 4;
		} else if (f->bite < BITE_MAX && ++f->calm >= CALM) {
			f->calm = 0;
			f->bite *= 4;
		}
		if (w->end < w->len && matcher_over(f->matcher))
			return;
	}
}

static void
find_by_literal(struct finder *f, struct window *w)
{
	const struct pattern *p = f->pattern;
	const char *last = w->text + w->len, *at;
	unsigned n = 0;

	while (w->end < w->len) {
		at = literal_find(&p->literal, w->text + w->end, last);
		if (at == NULL) {
			w->end = w->len;
			return;
		}
		size_t here = (size_t)(at - w->text), end = line_end(w, here);
		bool more;

		if (p->whole) {
			more = add(f, w, w->record ? line_begin(w, here) : 0);
			w->end = end < w->len ? end + 1 : end;
		} else {
			if (++n % LINES_PER_LOOK == 0 && matcher_over(f->matcher))
				return;
			more = try_line(f, w, line_begin(w, here), end);
		}
		if (!more)
			return;
	}
}

/* Choosing */

static int
choose(struct finder *f)
{
	if (f->way != SCAN_AUTO)
		return f->way == SCAN_LITERAL && f->pattern->literal.len > 0 ? LITERAL : PLAIN;
	if (f->pattern->literal.len == 0)
		return PLAIN;
	if (f->cost[LITERAL] == 0)
		return LITERAL;
	if (f->cost[PLAIN] == 0)
		return PLAIN;
	int faster = f->cost[LITERAL] <= f->cost[PLAIN] ? LITERAL : PLAIN;

	if (++f->windows >= AGAIN) {
		f->windows = 0;
		return !faster;
	}
	return faster;
}

/* The next window is larger, as long as it will not take too long. A way that is only tried gets
 * no more than it needs to be judged. */
static void
learn(struct finder *f, int way, const struct window *w, uint64_t ns)
{
	if (w->end >= SAMPLE / 2)
		f->cost[way] = (double)(ns + 1) / (double)w->end;
	if (ns * 4 < WINDOW_NS)
		f->size *= 4;
	else if (ns > WINDOW_NS)
		f->size /= 4;
	if (f->size > BITE_MAX)
		f->size = BITE_MAX;
	if (f->size < 1)
		f->size = 1;
}

void
finder_find(struct finder *f, struct window *w)
{
	int way = choose(f);
	uint64_t began = now_ns();

	w->count = 0;
	w->end = 0;
	if (way == LITERAL)
		find_by_literal(f, w);
	else if (f->pattern->many != NULL && f->way != SCAN_LINES && !w->long_lines)
		find_by_many(f, w);
	else
		find_by_line(f, w, w->len);
	learn(f, way, w, now_ns() - began);
}
