/*
 * Texts that are looked through together: what is found in them is what is found in each line by
 * itself, whatever the texts are and however many have room. SEARCH_SEED says where to begin (1).
 */
#include "config.h"

#include "unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/xmalloc.h"
#include "history/history.h"
#include "search/pattern.h"
#include "search/texts.h"

enum { TEXTS_MAX = 600, SPANS = 64 };

static uint64_t rng;

static unsigned
rnd(unsigned n)
{
	rng ^= rng << 13;
	rng ^= rng >> 7;
	rng ^= rng << 17;
	return (unsigned)((rng * 0x2545F4914F6CDD1DULL) >> 33) % n;
}

static struct pattern *
compile(const char *text, unsigned flags)
{
	struct pattern *p = NULL;

	assert_int_equal(pattern_new(&p, text, strlen(text), flags, NULL, NULL), 0);
	return p;
}

/* All hits, as text. */
struct found {
	struct texts *texts;
	size_t before; /* texts of buffers before this one */
	struct buf out;
};

static void
on_hit(void *arg, const struct texts_hit *hit)
{
	struct found *f = arg;
	struct span spans[SPANS];
	size_t n = texts_spans(f->texts, hit, spans, SPANS);

	assert_true(n > 0);
	assert_int_equal(hit->content[hit->len], '\n');
	buf_printf(&f->out, "%zu:%llu:%u:%u-%u:%zu\n", f->before + hit->which,
	    (unsigned long long)hit->line, hit->len, spans[0].from, spans[0].to, n);
}

static void
naive(const struct pattern *p, struct buf *texts, size_t n, struct buf *out)
{
	struct matcher *m = matcher_new(p);
	struct span spans[SPANS];

	for (size_t i = 0; i < n; i++) {
		const char *at = texts[i].data, *end = at + texts[i].len;

		for (unsigned line = 1; at < end; line++) {
			const char *nl = memchr(at, '\n', (size_t)(end - at));
			size_t len = (size_t)((nl != NULL ? nl : end) - at), cut = len, k;

			if (cut > HISTORY_LINE_MAX)
				cut = HISTORY_LINE_MAX;
			k = matcher_spans(m, at, cut, spans, SPANS);
			if (k > 0)
				buf_printf(out, "%zu:%u:%zu:%u-%u:%zu\n", i, line, cut,
				    spans[0].from, spans[0].to, k);
			at += len + 1;
		}
	}
	matcher_free(m);
}

static void
make_text(struct buf *b)
{
	static const char *const words[] = {"needle", "hay", "Needle", "\xC3\xA9t\xC3\xA9", "a",
	    "b", " ", "\t", "{\"k\":1}", "\n", "\n", "\n\n", "x1", "\r\n", "\xFF"};
	unsigned n = rnd(30) == 0 ? rnd(20000) : rnd(40);

	buf_init(b, BUF_NO_MAX);
	buf_puts(b, "");
	while (n-- > 0)
		buf_puts(b, words[rnd(sizeof words / sizeof *words)]);
	if (rnd(40) == 0)
		for (n = rnd(120000); n > 0; n--)
			buf_putc(b, "abcn"[rnd(4)]);
	if (rnd(3) == 0)
		buf_puts(b, "needle");
}

/* Says where they differ; a hit of all is long. */
static void
same(const char *pattern, const char *got, const char *want)
{
	size_t i = 0, line = 0;

	for (; got[i] != '\0' && got[i] == want[i]; i++)
		if (got[i] == '\n')
			line = i + 1;
	if (strcmp(got, want) != 0)
		fail_msg("%s: got %.60s, not %.60s", pattern, got + line, want + line);
}

static void
finds_what_each_line_has(void **state)
{
	static const char *const patterns[] = {"needle", "(?i)NEEDLE", "^$", "a.*b",
	    "t\xC3\xA9$", "^\\s", "\\bx\\d", "needle$", ".", "(a)\\1", "n[^e]*e", "\\r$", "zzz",
	    "abcn+a"};
	const char *seed = getenv("SEARCH_SEED");
	static struct buf texts[TEXTS_MAX];

	(void)state;
	rng = seed != NULL ? strtoull(seed, NULL, 10) : 1;
	for (unsigned round = 0; round < sizeof patterns / sizeof *patterns; round++) {
		struct pattern *p = compile(patterns[round], 0);
		struct found f = {.texts = texts_new(p, 0, NULL)};
		size_t n = 1 + rnd(TEXTS_MAX), in = 0;
		struct texts_stats st;
		struct buf want;

		buf_init(&f.out, BUF_NO_MAX);
		buf_init(&want, BUF_NO_MAX);
		for (size_t i = 0; i < n; i++)
			make_text(&texts[i]);
		for (size_t i = 0; i < n; i++) {
			if (texts_full(f.texts, texts[i].len) || rnd(200) == 0) {
				assert_true(texts_scan(f.texts, on_hit, &f));
				f.before += in;
				in = 0;
			}
			assert_int_equal(texts_add(f.texts, texts[i].data, texts[i].len), in++);
		}
		assert_true(texts_scan(f.texts, on_hit, &f));
		assert_true(texts_scan(f.texts, on_hit, &f)); /* nothing is left */
		naive(p, texts, n, &want);
		buf_putc(&want, '\0');
		buf_putc(&f.out, '\0');
		same(patterns[round], f.out.data, want.data);
		texts_stats(f.texts, &st);
		assert_false(st.partial);
		for (size_t i = 0; i < n; i++)
			buf_release(&texts[i]);
		buf_release(&f.out);
		buf_release(&want);
		texts_free(f.texts);
		pattern_free(p);
	}
}

static void
on_context(void *arg, const struct texts_hit *hit)
{
	struct buf *out = arg;
	const char *at = hit->content;
	uint32_t len;

	while (texts_before(hit, &at, &len))
		buf_printf(out, "-%.*s|", (int)len, at);
	at = hit->content;
	buf_printf(out, "%llu:%.*s|", (unsigned long long)hit->line, (int)hit->len, at);
	while (texts_after(hit, &at, &len))
		buf_printf(out, "+%.*s|", (int)len, at);
}

static void
has_the_lines_around_of_the_same_text(void **state)
{
	struct pattern *p = compile("hit", 0);
	struct texts *t = texts_new(p, 0, NULL);
	struct texts_stats st;
	struct buf out;

	(void)state;
	buf_init(&out, BUF_NO_MAX);
	texts_add(t, "other\n", 6);
	texts_add(t, "one\n\nhit\nthree\n", 15);
	texts_add(t, "", 0);
	texts_add(t, "hit", 3);
	texts_add(t, "\nx\nhit\n\n", 8);
	assert_true(texts_scan(t, on_context, &out));
	buf_putc(&out, '\0');
	assert_string_equal(out.data, "-|-one|3:hit|+three|1:hit|-x|-|3:hit|+|");
	texts_stats(t, &st);
	assert_int_equal(st.lines, 1 + 4 + 0 + 1 + 4);
	assert_int_equal(st.bytes, 6 + 15 + 0 + 4 + 8);
	buf_release(&out);
	texts_free(t);
	pattern_free(p);
}

static void
ignore(void *arg, const struct texts_hit *hit)
{
	(void)hit;
	++*(size_t *)arg;
}

static void
ends_when_it_is_told_to_or_the_time_is_over(void **state)
{
	struct pattern *p = compile("a", 0);
	atomic_int cancel = 1;
	struct texts *t = texts_new(p, 0, &cancel);
	struct texts_stats st;
	size_t n = 0;

	(void)state;
	texts_add(t, "a", 1);
	assert_false(texts_scan(t, ignore, &n));
	assert_int_equal(n, 0);
	texts_stats(t, &st);
	assert_true(st.partial);
	texts_free(t);
	t = texts_new(p, clock_mono_us() - 1, NULL);
	assert_true(texts_over(t));
	texts_free(t);
	pattern_free(p);
}

static void
is_full_when_there_is_something(void **state)
{
	struct pattern *p = compile("a", 0);
	struct texts *t = texts_new(p, 0, NULL);

	(void)state;
	assert_false(texts_full(t, TEXTS_BYTES * 4));
	texts_add(t, "a", 1);
	assert_false(texts_full(t, 100));
	assert_true(texts_full(t, TEXTS_BYTES));
	texts_free(t);
	pattern_free(p);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(finds_what_each_line_has),
	    cmocka_unit_test(has_the_lines_around_of_the_same_text),
	    cmocka_unit_test(ends_when_it_is_told_to_or_the_time_is_over),
	    cmocka_unit_test(is_full_when_there_is_something),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
