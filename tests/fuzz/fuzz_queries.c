/*
 * Any bytes as what a pane prints, on their way to a person's terminal. What is left of them has one
 * form, whole and well-formed; it is the same however the bytes are cut; nothing more is taken out of
 * it a second time; and a terminal that is fed it has nothing to answer. Input: where what follows is
 * drawn anew (two bytes of offset), the length of the pieces, then the bytes.
 */
#include "config.h"

#include <stdbool.h>

#include "base/buf.h"
#include "base/utf8.h"
#include "cli/queries.h"
#include "fuzz.h"
#include "term/term.h"

enum { HEAD = 3, CAN = 0x18, SUB = 0x1A, ESC = 0x1B };

struct text {
	const char *p, *end;
};

static bool
is_in(const struct text *t, int least, int most)
{
	return t->p < t->end && *t->p >= least && *t->p <= most;
}

static bool
passes(struct text *t, const char *what)
{
	size_t n = strlen(what);

	if ((size_t)(t->end - t->p) < n || memcmp(t->p, what, n) != 0)
		return false;
	t->p += n;
	return true;
}

/* Behind "ESC P": sixel is what goes on as it comes, and need not have ended yet. */
static void
check_sixel(struct text *t)
{
	while (is_in(t, '0', '9') || is_in(t, ';', ';'))
		t->p++;
	must(passes(t, "q"));
	while (is_in(t, 0x20, 0x7E) || is_in(t, '\r', '\r') || is_in(t, '\n', '\n'))
		t->p++;
	must(t->p == t->end || *t->p == CAN || *t->p == SUB || passes(t, "\033\\"));
}

static void
check_osc(struct text *t)
{
	must(is_in(t, '0', '9'));
	while (t->p < t->end && (unsigned char)*t->p >= 0x20 && *t->p != 0x7F)
		t->p++;
	must(passes(t, "\a") || passes(t, "\033\\"));
}

static void
check_csi(struct text *t)
{
	const char *prefix = t->p;

	while (is_in(t, 0x30, 0x3F))
		t->p++;
	while (is_in(t, 0x20, 0x2F))
		t->p++;
	must(is_in(t, 0x40, 0x7E) && *t->p != 'c');
	must(*t->p != 'n' || *prefix == '>');
	t->p++;
}

static void
check_escape(struct text *t)
{
	if (passes(t, "[")) {
		check_csi(t);
	} else if (passes(t, "]")) {
		check_osc(t);
	} else if (passes(t, "P")) {
		check_sixel(t);
	} else {
		bool more = is_in(t, 0x20, 0x2F);

		must(!is_in(t, '%', '%') && !is_in(t, ' ', ' '));
		while (is_in(t, 0x20, 0x2F))
			t->p++;
		must(is_in(t, 0x30, 0x7E));
		must(more || strchr("XZ\\^_k", *t->p) == NULL);
		t->p++;
	}
}

static void
check_form(const struct buf *b)
{
	struct text t;
	uint32_t cp;

	if (b->len == 0)
		return;
	t = (struct text){.p = b->data, .end = b->data + b->len};
	must(utf8_valid(b->data, b->len));
	while (t.p < t.end) {
		if (*t.p == ESC) {
			t.p++;
			check_escape(&t);
			continue;
		}
		t.p += utf8_decode(t.p, (size_t)(t.end - t.p), &cp);
		must(cp != 0x05 && (cp < 0x80 || cp >= 0xA0));
	}
}

static void
on_reply(void *arg, const char *data, size_t len)
{
	(void)arg;
	(void)data;
	(void)len;
	abort();
}

static void
check_silent(const struct buf *b)
{
	static const struct term_callbacks callbacks = {.reply = on_reply};
	struct term *t = term_new(20, 5, &callbacks, NULL);

	if (b->len != 0)
		term_feed(t, b->data, b->len);
	term_free(t);
}

static void
check_same(const struct buf *a, const struct buf *b)
{
	must(a->len == b->len);
	must(a->len == 0 || memcmp(a->data, b->data, a->len) == 0);
}

/* In pieces of so many bytes; before the one at `anew` the terminal's screen is drawn anew. */
static void
remove_all(const char *data, size_t len, size_t piece, size_t anew, struct buf *out)
{
	struct queries q;

	queries_init(&q);
	for (size_t at = 0, n; at < len; at += n) {
		n = piece < len - at ? piece : len - at;
		if (at < anew && anew < at + n)
			n = anew - at;
		if (at == anew)
			queries_reset(&q, out);
		queries_remove(&q, data + at, n, out);
	}
	queries_release(&q);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct buf whole, other;
	size_t anew, piece, len;
	char *text;

	if (size < HEAD || size > 64 * 1024)
		return 0;
	anew = (size_t)data[0] << 8 | data[1];
	piece = 1 + (size_t)data[2] % 64;
	len = size - HEAD;
	text = block_of(data + HEAD, len);
	buf_init(&whole, BUF_NO_MAX);
	buf_init(&other, BUF_NO_MAX);
	remove_all(text, len, size, anew, &whole);
	check_form(&whole);
	check_silent(&whole);
	remove_all(text, len, piece, anew, &other);
	check_same(&whole, &other);
	buf_reset(&other);
	remove_all(whole.data, whole.len, piece, SIZE_MAX, &other);
	check_same(&whole, &other);
	buf_release(&whole);
	buf_release(&other);
	free(text);
	return 0;
}
