#include "config.h"

#include "search/texts.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/xmalloc.h"
#include "history/history.h"
#include "search/window.h"

enum { LONG = SLAB_STRIDE / 2 }; /* bytes of a line; see struct window */

struct place {
	size_t at; /* in the buffer */
	bool long_lines;
};

struct texts {
	struct matcher *matcher;
	struct finder finder;
	struct buf buf;
	struct place *places; /* one more than texts: where the next one will be */
	size_t n, cap;
	struct texts_stats stats;
	/* The line that was numbered last: */
	size_t which, at;
	uint64_t line;
};

struct texts *
texts_new(const struct pattern *p, uint64_t deadline_us, const atomic_int *cancel)
{
	struct texts *t = xcalloc(1, sizeof *t);

	t->matcher = matcher_new(p);
	matcher_start(t->matcher, deadline_us, cancel);
	finder_init(&t->finder, p, t->matcher);
	finder_start(&t->finder, SCAN_AUTO);
	buf_init(&t->buf, BUF_NO_MAX);
	return t;
}

void
texts_free(struct texts *t)
{
	if (t == NULL)
		return;
	finder_release(&t->finder);
	matcher_free(t->matcher);
	buf_release(&t->buf);
	free(t->places);
	free(t);
}

bool
texts_full(const struct texts *t, size_t len)
{
	return t->n != 0 && t->buf.len + len >= TEXTS_BYTES;
}

/* Not into the middle of a character. */
static size_t
cut(const char *line, size_t len)
{
	if (len <= HISTORY_LINE_MAX)
		return len;
	len = HISTORY_LINE_MAX;
	while (len > 0 && ((unsigned char)line[len] & 0xC0) == 0x80)
		len--;
	return len;
}

/* Returns whether there are long ones. */
static bool
add_lines(struct buf *b, const char *text, size_t len)
{
	const char *end = text + len;
	bool long_lines = false;

	while (text < end) {
		const char *nl = memchr(text, '\n', (size_t)(end - text));
		size_t n = (size_t)((nl != NULL ? nl : end) - text);

		long_lines = long_lines || n > LONG;
		buf_append(b, text, cut(text, n));
		buf_putc(b, '\n');
		text += n + 1;
		if (nl == NULL)
			break;
	}
	return long_lines;
}

size_t
texts_add(struct texts *t, const char *text, size_t len)
{
	struct place *p;

	if (t->n + 2 > t->cap) {
		t->cap = t->cap * 2 + 256;
		t->places = xreallocarray(t->places, t->cap, sizeof *t->places);
	}
	p = &t->places[t->n];
	*p = (struct place){.at = t->buf.len};
	if (len > LONG) {
		p->long_lines = add_lines(&t->buf, text, len);
	} else if (len > 0) {
		buf_append(&t->buf, text, len);
		if (text[len - 1] != '\n')
			buf_putc(&t->buf, '\n');
	}
	p[1] = (struct place){.at = t->buf.len};
	return t->n++;
}

/* Scanning */

/* Where a window that begins there ends: at the end of a line, and before it changes whether
 * there are long ones. *which is the text that `from` lies in. */
static size_t
window_end(const struct texts *t, size_t from, size_t *which)
{
	size_t last, end, size = t->finder.size;
	const char *nl;

	while (t->places[*which + 1].at <= from)
		++*which;
	for (last = *which; last + 1 < t->n && t->places[last + 1].at - from < size &&
			    t->places[last + 1].long_lines == t->places[*which].long_lines;
	     last++)
		;
	end = t->places[last + 1].at;
	if (end - from <= size)
		return end;
	nl = memchr(t->buf.data + from + size - 1, '\n', end - from - size + 1);
	return nl == NULL ? end : (size_t)(nl + 1 - t->buf.data);
}

/* Hits come in order: each is counted to from the one before it. */
static uint64_t
number(struct texts *t, size_t which, size_t at)
{
	if (t->line == 0 || t->which != which) {
		t->which = which;
		t->at = t->places[which].at;
		t->line = 1;
	}
	t->line += window_lines(t->buf.data + t->at, at - t->at);
	t->at = at;
	return t->line;
}

/* What a window had; `which` is the text that it begins in. */
static void
tell(struct texts *t, size_t from, const struct window *w, size_t which,
    void (*cb)(void *arg, const struct texts_hit *hit), void *arg)
{
	for (uint64_t i = 0; i < w->count; i++) {
		size_t at = from + t->finder.found[i];
		struct texts_hit hit = {.content = t->buf.data + at};
		const char *nl = memchr(hit.content, '\n', t->buf.len - at);

		while (t->places[which + 1].at <= at)
			which++;
		hit.which = which;
		hit.line = number(t, which, at);
		hit.len = (uint32_t)(nl - hit.content);
		hit.text = t->buf.data + t->places[which].at;
		hit.text_len = t->places[which + 1].at - t->places[which].at;
		cb(arg, &hit);
	}
}

bool
texts_scan(struct texts *t, void (*cb)(void *arg, const struct texts_hit *hit), void *arg)
{
	size_t from = 0, which = 0;

	/* What was valid there before is another text's. */
	matcher_trust(t->matcher, t->buf.data != NULL ? t->buf.data : "", 0);
	while (from < t->buf.len && !matcher_over(t->matcher)) {
		size_t end = window_end(t, from, &which);
		struct window w = {.text = t->buf.data + from,
		    .len = end - from,
		    .long_lines = t->places[which].long_lines,
		    .record = true};

		finder_find(&t->finder, &w);
		t->stats.bytes += w.end;
		t->stats.lines += window_lines(w.text, w.end);
		tell(t, from, &w, which, cb, arg);
		if (w.end < w.len)
			break;
		from = end;
	}
	t->n = 0;
	t->line = 0;
	buf_reset(&t->buf);
	return !matcher_over(t->matcher);
}

bool
texts_over(struct texts *t)
{
	return matcher_over(t->matcher);
}

size_t
texts_spans(struct texts *t, const struct texts_hit *hit, struct span *spans, size_t max)
{
	return matcher_spans(t->matcher, hit->content, hit->len, spans, max);
}

void
texts_stats(const struct texts *t, struct texts_stats *stats)
{
	*stats = t->stats;
	stats->partial = matcher_partial(t->matcher);
}

/* Around a hit */

bool
texts_before(const struct texts_hit *hit, const char **at, uint32_t *len)
{
	const char *end = *at - 1, *p = end;

	if (*at == hit->text)
		return false;
	while (p > hit->text && p[-1] != '\n')
		p--;
	*at = p;
	*len = (uint32_t)(end - p);
	return true;
}

bool
texts_after(const struct texts_hit *hit, const char **at, uint32_t *len)
{
	const char *end = hit->text + hit->text_len,
		   *nl = memchr(*at, '\n', (size_t)(end - *at));

	if (nl == NULL || nl + 1 == end)
		return false;
	*at = nl + 1;
	*len = (uint32_t)((const char *)memchr(*at, '\n', (size_t)(end - *at)) - *at);
	return true;
}
