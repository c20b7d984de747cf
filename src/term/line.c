#include "config.h"

#include <stdlib.h>
#include <string.h>
#ifdef __SSE2__
#include <emmintrin.h>
#endif

#include "base/utf8.h"
#include "base/xmalloc.h"
#include "term/state.h"

void
line_release(struct line *l)
{
	free(l->text);
	free(l->runs);
	*l = (struct line){0};
}

static void
reserve_text(struct line *l, size_t n)
{
	if (l->cap - l->len >= n)
		return;
	l->cap = (l->len + n) * 3 / 2 + 64;
	l->text = xrealloc(l->text, l->cap);
}

static inline void
add_run(struct line *l, uint16_t style, uint32_t bytes)
{
	if (l->nruns != 0 && l->runs[l->nruns - 1].style == style) {
		l->runs[l->nruns - 1].len += bytes;
		return;
	}
	if (l->nruns == l->runcap) {
		l->runcap = l->runcap != 0 ? l->runcap * 2 : 16;
		l->runs = xreallocarray(l->runs, l->runcap, sizeof *l->runs);
	}
	l->runs[l->nruns++] = (struct style_run){bytes, style};
}

#ifdef __SSE2__
/* Eight cells of a plain row: their characters to out, and a bit for each whose style is not
 * that of the cell before it. `last` has the styles of the four cells before. */
static inline unsigned
plain_eight(const struct cell *c, char *out, __m128i *last)
{
	const __m128i zero = _mm_setzero_si128();
	const float *p = (const float *)(const void *)c;
	__m128 a0 = _mm_loadu_ps(p), a1 = _mm_loadu_ps(p + 4);
	__m128 b0 = _mm_loadu_ps(p + 8), b1 = _mm_loadu_ps(p + 12);
	__m128i text =
	    _mm_packs_epi32(_mm_castps_si128(_mm_shuffle_ps(a0, a1, _MM_SHUFFLE(2, 0, 2, 0))),
		_mm_castps_si128(_mm_shuffle_ps(b0, b1, _MM_SHUFFLE(2, 0, 2, 0))));
	__m128i s = _mm_castps_si128(_mm_shuffle_ps(a0, a1, _MM_SHUFFLE(3, 1, 3, 1)));
	__m128i u = _mm_castps_si128(_mm_shuffle_ps(b0, b1, _MM_SHUFFLE(3, 1, 3, 1)));
	__m128i before_s = _mm_or_si128(_mm_slli_si128(s, 4), _mm_srli_si128(*last, 12));
	__m128i before_u = _mm_or_si128(_mm_slli_si128(u, 4), _mm_srli_si128(s, 12));
	__m128i same =
	    _mm_packs_epi32(_mm_cmpeq_epi32(s, before_s), _mm_cmpeq_epi32(u, before_u));

	text = _mm_packus_epi16(text, zero);
	text =
	    _mm_or_si128(text, _mm_and_si128(_mm_cmpeq_epi8(text, zero), _mm_set1_epi8(' ')));
	_mm_storel_epi64((__m128i *)(void *)out, text);
	*last = u;
	return ~(unsigned)_mm_movemask_epi8(_mm_packs_epi16(same, same)) & 0xFF;
}
#endif

static void
append_plain(struct line *l, const struct cell *cells, unsigned n)
{
	unsigned i = 0, start = 0;
	char *out;

	reserve_text(l, n);
	out = l->text + l->len;
	l->len += n;
#ifdef __SSE2__
	__m128i last = _mm_set1_epi32(cells->style);

	for (; i + 8 <= n; i += 8) {
		for (unsigned m = plain_eight(cells + i, out + i, &last); m != 0; m &= m - 1) {
			unsigned end = i + (unsigned)__builtin_ctz(m);

			add_run(l, cells[start].style, end - start);
			start = end;
		}
	}
#endif
	for (; i < n; i++) {
		out[i] = cells[i].ch != 0 ? (char)cells[i].ch : ' ';
		if (cells[i].style != cells[start].style) {
			add_run(l, cells[start].style, i - start);
			start = i;
		}
	}
	add_run(l, cells[start].style, n - start);
}

static void
append_cells(const struct term *t, struct line *l, const struct cell *cells, unsigned n)
{
	uint16_t style = n > 0 ? cells->style : 0;
	size_t start = l->len;

	reserve_text(l, (size_t)n * UTF8_MAX);
	for (const struct cell *c = cells; c < cells + n; c++) {
		if (c->flags & CELL_TAIL)
			continue;
		if (c->style != style) {
			add_run(l, style, (uint32_t)(l->len - start));
			start = l->len;
			style = c->style;
		}
		if (c->flags & CELL_CLUSTER) {
			const struct cluster *cl = &t->clusters.v[c->ch];

			reserve_text(l, cl->len + (size_t)(cells + n - c) * UTF8_MAX);
			memcpy(l->text + l->len, cl->utf8, cl->len);
			l->len += cl->len;
		} else if (c->ch < 0x80) {
			l->text[l->len++] = c->ch != 0 ? (char)c->ch : ' ';
		} else {
			l->len += utf8_encode(c->ch, l->text + l->len);
		}
	}
	if (l->len > start)
		add_run(l, style, (uint32_t)(l->len - start));
}

void
line_append_row(const struct term *t, struct line *l, const struct row *r, unsigned n)
{
	unsigned stored = n < r->used ? n : r->used;

	if (stored > 0 && r->plain)
		append_plain(l, r->cells, stored);
	else if (stored > 0)
		append_cells(t, l, r->cells, stored);
	if (n > stored) {
		reserve_text(l, n - stored);
		memset(l->text + l->len, r->letters != 0 ? 'E' : ' ', n - stored);
		l->len += n - stored;
		add_run(l, r->tail, n - stored);
	}
}

static void
emit(struct term *t, size_t len, size_t nruns, unsigned flags)
{
	struct line *l = &t->head;
	struct term_line line;

	t->lines++;
	if (t->cb.line == NULL)
		return;
	if (nruns != 0 && l->runs[nruns - 1].style == 0)
		nruns--;
	line = (struct term_line){
	    .text = l->text != NULL ? l->text : "",
	    .len = len,
	    .runs = l->runs,
	    .nruns = nruns,
	    .offset = term_offset(t),
	    .flags = flags,
	};
	t->cb.line(t->arg, &line);
}

void
line_complete(struct term *t)
{
	struct line *l = &t->head;

	emit(t, l->len, l->nruns, t->head_open ? TERM_LINE_WRAPPED : 0);
	t->head_open = false;
	l->len = l->nruns = 0;
	if (l->cap > 16384)
		line_release(l);
}

void
line_push_row(struct term *t, const struct row *r, bool more)
{
	struct line *l = &t->head;
	size_t len = l->len, nruns = l->nruns;
	uint32_t last = nruns != 0 ? l->runs[nruns - 1].len : 0;
	unsigned n = row_length(r);

	if (n > r->used && !term_afford(t, n - r->used))
		n = r->used;
	line_append_row(t, l, r, n);
	if (l->len > TERM_LINE_MAX || l->nruns > TERM_RUNS_MAX) {
		/* Once more, behind what there was before. */
		if (nruns != 0)
			l->runs[nruns - 1].len = last;
		emit(t, len, nruns, TERM_LINE_WRAPPED | TERM_LINE_SPLIT);
		l->len = l->nruns = 0;
		line_append_row(t, l, r, n);
	}
	if (more)
		t->head_open = true;
	else
		line_complete(t);
}

bool
term_get_head(const struct term *t, struct term_line *head)
{
	*head = (struct term_line){.text = t->head.text != NULL ? t->head.text : "",
	    .len = t->head.len,
	    .runs = t->head.runs,
	    .nruns = t->head.nruns};
	return t->head_open;
}

void
term_set_head(struct term *t, const struct term_line *head)
{
	struct line *l = &t->head;

	l->len = l->nruns = 0;
	reserve_text(l, head->len);
	if (head->len != 0)
		memcpy(l->text, head->text, head->len);
	l->len = head->len;
	for (size_t i = 0; i < head->nruns; i++)
		add_run(l, head->runs[i].style, head->runs[i].len);
	t->head_open = true;
	grid_row(&t->screens[0].grid, 0)->cont = true;
}

/* Copies of a screen */

void
term_text_init(struct term_text *text)
{
	*text = (struct term_text){0};
}

void
term_text_release(struct term_text *text)
{
	free(text->text);
	free(text->runs);
	free(text->lines);
	*text = (struct term_text){0};
}

static void
begin_text_line(struct term_text *out, const struct line *l, unsigned y)
{
	if (out->nlines == out->linecap) {
		out->linecap = out->linecap * 2 + 32;
		out->lines = xreallocarray(out->lines, out->linecap, sizeof *out->lines);
	}
	out->lines[out->nlines++] = (struct term_text_line){
	    .text = (uint32_t)l->len, .run = (uint32_t)l->nruns, .row = (uint16_t)y};
}

static void
end_text_line(struct term_text *out, struct line *l)
{
	struct term_text_line *line = &out->lines[out->nlines - 1];

	line->len = (uint32_t)(l->len - line->text);
	if (l->nruns > line->run && l->runs[l->nruns - 1].style == 0)
		l->nruns--;
	line->nruns = (uint32_t)(l->nruns - line->run);
	reserve_text(l, 1);
	l->text[l->len++] = '\n';
	if (line->len != 0)
		out->used = out->nlines;
}

/* Runs of one line must not melt into those of the line before. */
static void
append_fresh(const struct term *t, struct line *l, const struct row *r, uint32_t first_run)
{
	unsigned n = row_length(r);
	struct line part;

	if (l->runcap < l->nruns + n + 1) {
		l->runcap = l->nruns * 2 + n + 16;
		l->runs = xreallocarray(l->runs, l->runcap, sizeof *l->runs);
	}
	part = (struct line){
	    .text = l->text,
	    .len = l->len,
	    .cap = l->cap,
	    .runs = l->runs + first_run,
	    .nruns = l->nruns - first_run,
	    .runcap = l->runcap - first_run, /* enough: it does not move */
	};
	line_append_row(t, &part, r, n);
	l->text = part.text;
	l->len = part.len;
	l->cap = part.cap;
	l->nruns = first_run + part.nruns;
}

static void
append_head(const struct term *t, struct line *l)
{
	reserve_text(l, t->head.len);
	if (t->head.len != 0)
		memcpy(l->text, t->head.text, t->head.len);
	l->len = t->head.len;
	for (size_t i = 0; i < t->head.nruns; i++)
		add_run(l, t->head.runs[i].style, t->head.runs[i].len);
}

void
term_text_read(
    const struct term *t, enum term_which which, unsigned flags, struct term_text *out)
{
	bool main = which == TERM_MAIN || !on_alternate(t);
	const struct grid *g = &t->screens[main ? 0 : 1].grid;
	struct line l = {
	    .text = out->text, .cap = out->cap, .runs = out->runs, .runcap = out->runcap};

	out->nlines = out->used = 0;
	out->first = main ? t->lines + 1 : 0;
	for (unsigned y = 0; y < g->rows; y++) {
		const struct row *r = grid_row(g, y);

		if (y == 0 || !r->cont || !(flags & TERM_TEXT_JOIN)) {
			if (y != 0)
				end_text_line(out, &l);
			begin_text_line(out, &l, y);
		}
		if (y == 0 && main && t->head_open && (flags & TERM_TEXT_HEAD))
			append_head(t, &l);
		append_fresh(t, &l, r, out->lines[out->nlines - 1].run);
		out->lines[out->nlines - 1].nrows++;
	}
	end_text_line(out, &l);
	out->text = l.text;
	out->len = l.len;
	out->cap = l.cap;
	out->runs = l.runs;
	out->nruns = l.nruns;
	out->runcap = l.runcap;
}

int
term_line_write(const struct styles *s, const char *text, size_t len,
    const struct style_run *runs, size_t nruns, struct buf *b)
{
	unsigned style = 0;
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < nruns; i++) {
		size_t n = runs[i].len < len ? runs[i].len : len;

		rc = style_write(s, style, runs[i].style, b);
		if (rc == 0)
			rc = buf_append(b, text, n);
		style = runs[i].style;
		text += n;
		len -= n;
	}
	if (rc == 0)
		rc = style_write(s, style, 0, b);
	if (rc == 0)
		rc = buf_append(b, text, len);
	return rc;
}
