#include "config.h"

#include <errno.h>
#include <stdlib.h>

#include "base/utf8.h"
#include "base/xmalloc.h"
#include "tmux/seed_priv.h"

/* Text and its hash */

static void
append_text(const struct walk *w, const struct token *t, struct buf *b)
{
	char enc[4];

	if (!w->pen.graphics) {
		buf_append(b, t->text, t->len);
		return;
	}
	for (size_t i = 0; i < t->len; i++)
		buf_append(b, enc, walk_encode(w, t->text[i], enc));
}

void
seed_text(const struct seed *s, size_t i, struct buf *b)
{
	const struct seed_line *l = &s->lines.v[i];
	struct token t;
	struct walk w;

	walk_begin(&w, s, l, false);
	w.end = walk_text_end(s, l, false);
	while (walk_next(&w, &t)) {
		if (t.kind == TOKEN_TEXT)
			append_text(&w, &t, b);
		else if (t.kind == TOKEN_POINT)
			buf_append(b, t.text, t.len);
		else if (t.kind == TOKEN_TAB)
			buf_printf(b, "%*s", (int)t.len, "");
	}
}

uint64_t
seed_hash_text(const char *text, size_t len)
{
	uint64_t h = 0xCBF29CE484222325u;
	bool blank = false, any = false;

	for (size_t i = 0; i < len; i++) {
		if (text[i] == ' ' || text[i] == '\t') {
			blank = true;
			continue;
		}
		if (blank && any)
			h = (h ^ ' ') * 0x100000001B3u;
		h = (h ^ (unsigned char)text[i]) * 0x100000001B3u;
		blank = false;
		any = true;
	}
	h ^= h >> 32;
	return h * 0x9E3779B97F4A7C15u;
}

static uint64_t
hash_line(const struct seed *s, size_t i, struct buf *b)
{
	buf_reset(b);
	seed_text(s, i, b);
	return seed_hash_text(b->data, b->len);
}

uint64_t
seed_hash(const struct seed *s, size_t i)
{
	struct buf b;
	uint64_t h;

	buf_init(&b, BUF_NO_MAX);
	h = hash_line(s, i, &b);
	buf_release(&b);
	return h;
}

/* The overlap */

/* The Z function: out[i] is how many values from i on are equal to those from 0 on. */
static void
z_function(const uint64_t *v, size_t n, size_t *out)
{
	size_t from = 0, to = 0;

	out[0] = n;
	for (size_t i = 1; i < n; i++) {
		size_t z = 0;

		if (i < to)
			z = out[i - from] < to - i ? out[i - from] : to - i;
		while (i + z < n && v[z] == v[i + z])
			z++;
		out[i] = z;
		if (i + z > to) {
			from = i;
			to = i + z;
		}
	}
}

struct match {
	const size_t *z; /* of ours and then the seed's lines, both newest first */
	size_t n;        /* of ours that count */
	size_t lines;    /* of the seed */
	size_t alike;    /* how many of the newest of ours are equal */
	bool whole;      /* none of ours was left out */
};

/* How many lines up to the seed's line `at` (exclusive) agree with the newest of ours. */
static size_t
agreeing(const struct match *m, size_t at)
{
	size_t z = m->z[m->n + m->lines - at];

	return z < m->n ? z : m->n;
}

static int64_t
best(const struct match *m)
{
	int64_t weak = -ENOENT, run_at = -ENOENT;
	size_t longest = 0;

	for (size_t at = m->lines; at > 0; at--) {
		size_t run = agreeing(m, at);
		bool full = run == (m->n < at ? m->n : at);
		bool strong = run >= SEED_OVERLAP_MIN && run > m->alike;

		if (full && strong)
			return (int64_t)at;
		if (full && (weak < 0 || (m->whole && at == m->n)))
			weak = (int64_t)at;
		if (strong && run > longest) {
			longest = run;
			run_at = (int64_t)at;
		}
	}
	return run_at >= 0 ? run_at : weak;
}

int64_t
seed_overlap(const struct seed *s, const uint64_t *ours, size_t n)
{
	struct match m = {.n = n, .lines = s->lines.n, .whole = true};
	struct buf b;
	uint64_t *v;
	int64_t at;
	size_t *z;

	if (n == 0)
		return 0;
	if (m.lines == 0)
		return -ENOENT;
	if (m.n > m.lines) {
		m.n = m.lines;
		m.whole = false;
	}
	v = xreallocarray(NULL, m.n + m.lines, sizeof *v);
	z = xreallocarray(NULL, m.n + m.lines, sizeof *z);
	buf_init(&b, BUF_NO_MAX);
	for (size_t i = 0; i < m.n; i++)
		v[i] = ours[n - 1 - i];
	for (size_t i = 0; i < m.lines; i++)
		v[m.n + i] = hash_line(s, m.lines - 1 - i, &b);
	for (m.alike = 1; m.alike < m.n && v[m.alike] == v[0];)
		m.alike++;
	z_function(v, m.n + m.lines, z);
	m.z = z;
	at = best(&m);
	buf_release(&b);
	free(v);
	free(z);
	return at;
}
