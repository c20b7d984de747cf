#include "config.h"

#include "history/slab.h"

#include <assert.h>
#include <string.h>

enum {
	HAS_TIME = 1 << 0,
	FLAGS_SHIFT = 1,
	RUNS_SHIFT = 3,
	RUNS_MANY = 31,
	TEXT_AT = sizeof(struct slab_header) + SLAB_STRIDES * sizeof(struct slab_stride),
	VARINT_MAX = 10,
};

static struct slab_stride *
strides(struct slab_header *s)
{
	return (struct slab_stride *)(s + 1);
}

static const struct slab_stride *
const_strides(const struct slab_header *s)
{
	return (const struct slab_stride *)(s + 1);
}

const char *
slab_text(const struct slab_header *s)
{
	return (const char *)s + TEXT_AT;
}

const struct slab_extent *
slab_extent(const struct slab_header *s)
{
	return &s->commit[s->current & 1];
}

void
slab_init(struct slab_header *s, uint64_t first, int64_t time_ms, uint64_t offset)
{
	memset(s, 0, sizeof *s);
	s->first = first;
	s->time_ms = time_ms;
	s->offset = offset;
	s->commit[0].time_ms = time_ms;
	s->commit[0].offset = offset;
	__atomic_store_n(&s->magic, SLAB_MAGIC, __ATOMIC_RELEASE);
}

/* Writing: p goes down, and must not pass `low`. */

static inline unsigned char *
put_varint(unsigned char *p, uint64_t v)
{
	for (; v >= 0x80; v >>= 7)
		*--p = (unsigned char)(v | 0x80);
	*--p = (unsigned char)v;
	return p;
}

static unsigned char *
put_runs(unsigned char *p, const unsigned char *low, const struct style_run *runs, size_t nruns)
{
	for (size_t i = 0; i < nruns; i++) {
		/* A length and a style: at most 5 + 3 bytes. */
		if (p < low + 8)
			return NULL;
		p = put_varint(p, (uint64_t)runs[i].len << 1 | (runs[i].style != 0));
		if (runs[i].style != 0)
			p = put_varint(p, runs[i].style);
	}
	return p;
}

/* Puts the line that begins now on record for all strides that have begun without one. */
static void
note_strides(struct slab_header *s, struct slab_extent *e)
{
	while (e->strides < SLAB_STRIDES && e->strides * SLAB_STRIDE <= e->text)
		strides(s)[e->strides++] = (struct slab_stride){
		    .line = e->lines,
		    .text = e->text,
		    .meta = e->meta,
		    .time_ms = e->time_ms,
		    .offset = e->offset,
		};
}

bool
slab_append(struct slab_header *s, const char *text, size_t len, const struct style_run *runs,
    size_t nruns, int64_t time_ms, uint64_t offset, unsigned flags)
{
	struct slab_extent e = *slab_extent(s);
	unsigned char *end = (unsigned char *)s + SLAB_SIZE, *p = end - e.meta;
	char *to = (char *)s + TEXT_AT + e.text;
	const unsigned char *low = (unsigned char *)to + len + 1;

	assert(time_ms >= e.time_ms && offset >= e.offset && flags <= 3);
	if (len >= SLAB_SIZE || low + 1 + 3 * VARINT_MAX > p)
		return false;
	*--p = (unsigned char)((time_ms != e.time_ms ? HAS_TIME : 0) | flags << FLAGS_SHIFT |
			       (nruns < RUNS_MANY ? nruns : RUNS_MANY) << RUNS_SHIFT);
	p = put_varint(p, offset - e.offset);
	if (time_ms != e.time_ms)
		p = put_varint(p, (uint64_t)time_ms - (uint64_t)e.time_ms);
	if (nruns >= RUNS_MANY)
		p = put_varint(p, nruns);
	if ((p = put_runs(p, low, runs, nruns)) == NULL)
		return false;
	memcpy(to, text, len);
	to[len] = '\n';
	note_strides(s, &e);
	e.lines++;
	e.text += (uint32_t)len + 1;
	e.meta = (uint32_t)(end - p);
	e.time_ms = time_ms;
	e.offset = offset;
	s->commit[!(s->current & 1)] = e;
	__atomic_store_n(&s->current, !(s->current & 1), __ATOMIC_RELEASE);
	return true;
}

/* Reading: never beyond `meta` bytes of the stream. */

static inline bool
get_varint(const struct slab_header *s, uint32_t meta, uint32_t *at, uint64_t *v)
{
	const unsigned char *end = (const unsigned char *)s + SLAB_SIZE;
	unsigned shift = 0;
	unsigned char c;

	*v = 0;
	do {
		if (*at >= meta || shift > 63)
			return false;
		c = *(end - ++*at);
		*v |= (uint64_t)(c & 0x7F) << shift;
		shift += 7;
	} while (c & 0x80);
	return true;
}

static bool
skip_runs(const struct slab_header *s, uint32_t meta, uint32_t *at, uint32_t nruns)
{
	uint64_t v;

	for (uint32_t i = 0; i < nruns; i++)
		if (!get_varint(s, meta, at, &v) || ((v & 1) && !get_varint(s, meta, at, &v)))
			return false;
	return true;
}

static bool
read_record(struct slab_cursor *c, struct slab_line *line)
{
	const unsigned char *end = (const unsigned char *)c->slab + SLAB_SIZE;
	uint32_t meta = c->extent.meta, at = c->meta;
	uint64_t v;
	unsigned bits;

	if (at >= meta)
		return false;
	bits = *(end - ++at);
	if (!get_varint(c->slab, meta, &at, &v))
		return false;
	line->offset = c->offset += v;
	if ((bits & HAS_TIME) && !get_varint(c->slab, meta, &at, &v))
		return false;
	line->time_ms = c->time_ms =
	    (int64_t)((uint64_t)c->time_ms + (bits & HAS_TIME ? v : 0));
	line->flags = bits >> FLAGS_SHIFT & 3;
	line->nruns = bits >> RUNS_SHIFT;
	if (line->nruns == RUNS_MANY) {
		if (!get_varint(c->slab, meta, &at, &v) || v > SLAB_SIZE)
			return false;
		line->nruns = (uint32_t)v;
	}
	line->runs = at;
	if (!skip_runs(c->slab, meta, &at, line->nruns))
		return false;
	c->meta = at;
	return true;
}

bool
slab_next(struct slab_cursor *c, struct slab_line *line)
{
	const char *text = slab_text(c->slab) + c->text, *nl;

	if (c->line >= c->extent.lines || c->text >= c->extent.text)
		return false;
	nl = memchr(text, '\n', c->extent.text - c->text);
	if (nl == NULL || !read_record(c, line))
		return false;
	line->number = c->slab->first + c->line++;
	line->text = text;
	line->len = (uint32_t)(nl - text);
	c->text += line->len + 1;
	return true;
}

uint32_t
slab_runs(const struct slab_header *s, const struct slab_extent *extent,
    const struct slab_line *line, struct style_run *runs, uint32_t max)
{
	uint32_t at = line->runs, n = line->nruns < max ? line->nruns : max;
	uint64_t len, style;

	for (uint32_t i = 0; i < n; i++) {
		style = 0;
		if (!get_varint(s, extent->meta, &at, &len) ||
		    ((len & 1) && !get_varint(s, extent->meta, &at, &style)))
			return i;
		runs[i] = (struct style_run){(uint32_t)(len >> 1), (uint16_t)style};
	}
	return n;
}

static void
start_at(struct slab_cursor *c, const struct slab_header *s, const struct slab_extent *extent,
    const struct slab_stride *stride)
{
	*c = (struct slab_cursor){
	    .slab = s, .extent = *extent, .time_ms = s->time_ms, .offset = s->offset};
	if (stride != NULL) {
		c->line = stride->line;
		c->text = stride->text;
		c->meta = stride->meta;
		c->time_ms = stride->time_ms;
		c->offset = stride->offset;
	}
}

void
slab_seek(struct slab_cursor *c, const struct slab_header *s, const struct slab_extent *extent,
    uint32_t line)
{
	const struct slab_stride *st = const_strides(s);
	uint32_t lo = 0, hi = extent->strides;
	struct slab_line skipped;

	while (lo < hi) {
		uint32_t mid = (lo + hi) / 2;

		if (st[mid].line <= line)
			lo = mid + 1;
		else
			hi = mid;
	}
	start_at(c, s, extent, lo > 0 ? &st[lo - 1] : NULL);
	while (c->line < line && slab_next(c, &skipped))
		;
}

void
slab_seek_text(struct slab_cursor *c, const struct slab_header *s,
    const struct slab_extent *extent, uint32_t text)
{
	const struct slab_stride *st = const_strides(s);
	uint32_t i = text / SLAB_STRIDE;
	struct slab_cursor before;
	struct slab_line line;

	if (i >= extent->strides)
		i = extent->strides;
	else
		i++;
	while (i > 0 && st[i - 1].text > text)
		i--;
	start_at(c, s, extent, i > 0 ? &st[i - 1] : NULL);
	do {
		before = *c;
	} while (slab_next(c, &line) && c->text <= text);
	*c = before;
}

/* Blocks from elsewhere */

static bool
strides_valid(const struct slab_header *s, const struct slab_extent *e)
{
	const struct slab_stride *st = const_strides(s);

	for (uint32_t i = 0; i < e->strides; i++)
		if (st[i].line > e->lines || st[i].text > e->text || st[i].meta > e->meta ||
		    (i > 0 && (st[i].line < st[i - 1].line || st[i].text < st[i - 1].text)))
			return false;
	return true;
}

bool
slab_plausible(const struct slab_header *s)
{
	const struct slab_extent *e = slab_extent(s);

	return s->magic == SLAB_MAGIC && s->current <= 1 && e->strides <= SLAB_STRIDES &&
	       e->text <= SLAB_SIZE - TEXT_AT && e->meta <= SLAB_SIZE - TEXT_AT - e->text &&
	       e->lines <= e->text && strides_valid(s, e);
}

bool
slab_valid(const struct slab_header *s)
{
	const struct slab_extent *e = slab_extent(s);
	struct slab_cursor c;
	struct slab_line line;

	if (!slab_plausible(s))
		return false;
	start_at(&c, s, e, NULL);
	while (slab_next(&c, &line))
		;
	return c.line == e->lines && c.text == e->text && c.meta == e->meta &&
	       c.time_ms == e->time_ms && c.offset == e->offset;
}
