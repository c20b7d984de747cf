#include "config.h"

#include "unit.h"

#include <errno.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/str.h"
#include "base/utf8.h"
#include "base/xmalloc.h"

static void
buf_stops_at_its_maximum(void **state)
{
	struct buf b;

	(void)state;
	buf_init(&b, 8);
	assert_int_equal(buf_append(&b, "12345", 5), 0);
	assert_int_equal(buf_append(&b, "6789", 4), -ENOBUFS);
	assert_string_equal(b.data, "12345");
	assert_int_equal(buf_printf(&b, "%d", 678), 0);
	assert_int_equal(buf_putc(&b, '9'), -ENOBUFS);
	assert_int_equal(b.len, 8);
	assert_null(buf_reserve(&b, SIZE_MAX / 2));
	buf_drain(&b, 6);
	assert_string_equal(b.data, "78");
	buf_release(&b);
}

static void
buf_take_moves_the_string(void **state)
{
	struct buf b;
	char *s;

	(void)state;
	buf_init(&b, BUF_NO_MAX);
	s = buf_take(&b);
	assert_string_equal(s, "");
	free(s);
	for (int i = 0; i < 1000; i++)
		buf_puts(&b, "abc");
	s = buf_take(&b);
	assert_int_equal(strlen(s), 3000);
	assert_int_equal(b.len, 0);
	free(s);
}

static void
numbers_are_strict(void **state)
{
	static const char *const bad[] = {
	    "", "-1", "+1", " 1", "1 ", "0x10", "1e3", "99", "18446744073709551616"};
	uint64_t v = 7;

	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		assert_int_not_equal(str_u64(bad[i], 0, 50, &v), 0);
	assert_int_equal(v, 7);
	assert_int_equal(str_u64("18446744073709551615", 0, UINT64_MAX, &v), 0);
	assert_true(v == UINT64_MAX);
}

static void
sizes(void **state)
{
	static const char *const bad[] = {
	    "80", "80x", "x24", "80x24x1", "0x24", "80x2001", "99999999999999x1", "8 0x24"};
	unsigned c, r;

	(void)state;
	assert_int_equal(str_size("80x24", 2000, &c, &r), 0);
	assert_int_equal(c, 80);
	assert_int_equal(r, 24);
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		assert_int_not_equal(str_size(bad[i], 2000, &c, &r), 0);
}

static void
ids(void **state)
{
	char longest[ID_MAX + 2];

	(void)state;
	memset(longest, 'a', sizeof longest);
	longest[ID_MAX + 1] = '\0';
	assert_false(str_id_valid(longest));
	longest[ID_MAX] = '\0';
	assert_true(str_id_valid(longest));
	assert_true(str_id_valid("t%3"));
	assert_false(str_id_valid(""));
	assert_false(str_id_valid("a/b"));
	assert_false(str_id_valid("a\xC3\xA9"));
}

static void
url_coding(void **state)
{
	char s[] = "t%253+a%2Fb", *e;
	char bad[] = "%4", nul[] = "a%00b";

	(void)state;
	assert_int_equal(str_url_decode(s, true), 0);
	assert_string_equal(s, "t%3 a/b");
	e = str_url_encode(s);
	assert_string_equal(e, "t%253%20a%2Fb");
	free(e);
	assert_int_equal(str_url_decode(bad, false), -EINVAL);
	assert_int_equal(str_url_decode(nul, false), -EINVAL);
}

/* The table of WHATWG's and Unicode's maximal subparts: bytes, then what they become. */
static void
utf8_ill_formed_parts(void **state)
{
	static const struct {
		const char *in, *out;
	} cases[] = {
	    {"a\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80", "a\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80"},
	    {"\xC0\xAF", "\xEF\xBF\xBD\xEF\xBF\xBD"},
	    {"\xE0\x80\xAF", "\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD"},
	    {"\xED\xA0\x80", "\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD"},
	    {"\xF4\x91\x92\x93\xFF",
		"\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD"},
	    {"\xE1\x80\xE2\xF0\x91\x92\xF1\xBF"
	     "A",
		"\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD"
		"A"},
	    {"x\xE2\x82", "x\xEF\xBF\xBD"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		char *s = utf8_sanitize(cases[i].in, strlen(cases[i].in));
		assert_string_equal(s, cases[i].out);
		assert_true(utf8_valid(s, strlen(s)));
		free(s);
	}
	assert_true(utf8_valid("\xEF\xBF\xBD", 3));
	assert_false(utf8_valid("\xED\xA0\x80", 3));
	assert_false(utf8_valid("\xE2\x82", 2));
}

static void
utf8_round_trip(void **state)
{
	char enc[UTF8_MAX];
	uint32_t got;

	(void)state;
	for (uint32_t cp = 0; cp <= 0x10FFFF; cp++) {
		if (cp >= 0xD800 && cp <= 0xDFFF)
			continue;
		size_t n = utf8_encode(cp, enc);
		assert_int_equal(utf8_decode(enc, n, &got), n);
		assert_int_equal(got, cp);
		if (n > 1)
			assert_int_equal(utf8_decode(enc, n - 1, &got), 0);
	}
}

static void
iso_dates(void **state)
{
	char s[CLOCK_ISO_LEN];

	(void)state;
	clock_iso(0, s);
	assert_string_equal(s, "1970-01-01T00:00:00.000Z");
	clock_iso(1795226584567, s);
	assert_string_equal(s, "2026-11-21T02:03:04.567Z");
	clock_iso(-1, s);
	assert_string_equal(s, "1969-12-31T23:59:59.999Z");
	clock_iso(INT64_MAX, s); /* out of range is the epoch, not a crash */
	assert_int_equal(strlen(s), CLOCK_ISO_LEN - 1);
}

static void
errors_carry_a_cause(void **state)
{
	char *cause = NULL;

	(void)state;
	assert_int_equal(err_sys(&cause, -ENOENT, "open %s", "x"), -ENOENT);
	assert_string_equal(cause, "open x: No such file or directory");
	free(cause);
	assert_int_equal(err_set(NULL, -EINVAL, "unused"), -EINVAL);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(buf_stops_at_its_maximum),
	    cmocka_unit_test(buf_take_moves_the_string),
	    cmocka_unit_test(numbers_are_strict),
	    cmocka_unit_test(sizes),
	    cmocka_unit_test(ids),
	    cmocka_unit_test(url_coding),
	    cmocka_unit_test(utf8_ill_formed_parts),
	    cmocka_unit_test(utf8_round_trip),
	    cmocka_unit_test(iso_dates),
	    cmocka_unit_test(errors_carry_a_cause),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
