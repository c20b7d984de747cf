/* The table of bounds: what it says of itself, and what panescry.conf(5) says of it. */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "unit.h"

#include "app/app.h"
#include "app/bounds.h"
#include "base/buf.h"
#include "base/file.h"
#include "base/xmalloc.h"

enum { MAN_MAX = 1024 * 1024 };

static void
test_defaults_are_within(void **state)
{
	struct app_limits limits = APP_LIMITS;

	(void)state;
	for (const struct bound *b = bounds; b->name != NULL; b++) {
		uint64_t v = bound_value(b, &limits);

		if (v < b->least || v > b->most || *b->unit == '\0' || *b->beyond == '\0')
			fail_msg("%s is %llu", b->name, (unsigned long long)v);
		for (const struct bound *c = b + 1; c->name != NULL; c++)
			assert_string_not_equal(b->name, c->name);
	}
}

static void
test_set_one_and_no_other(void **state)
{
	(void)state;
	for (const struct bound *b = bounds; b->name != NULL; b++) {
		struct app_limits limits = APP_LIMITS;
		const struct app_limits before = limits;

		if (b->kind == BOUND_FIXED) {
			assert_null(bound_find(b->name));
			continue;
		}
		assert_ptr_equal(bound_find(b->name), b);
		for (int i = 0; i < 2; i++) {
			uint64_t v = i == 0 ? b->least : b->most;

			bound_set(b, &limits, v);
			assert_true(bound_value(b, &limits) == v);
		}
		for (const struct bound *c = bounds; c->name != NULL; c++) {
			if (c != b)
				assert_true(bound_value(c, &limits) == bound_value(c, &before));
		}
	}
}

/* As a person writes it: 16M, not 16777216. */
static void
put_number(struct buf *b, uint64_t n, const char *unit)
{
	static const char suffixes[] = "KMGT";
	int at = -1;

	while (strcmp(unit, "bytes") == 0 && n >= 1024 && n % 1024 == 0 &&
	       at + 1 < (int)strlen(suffixes)) {
		n /= 1024;
		at++;
	}
	buf_printf(b, "%llu", (unsigned long long)n);
	if (at >= 0)
		buf_printf(b, "%c", suffixes[at]);
}

static void
put_row(struct buf *b, const struct bound *row)
{
	const struct app_limits limits = APP_LIMITS;

	buf_printf(b, ".It %s Ta ", row->name);
	put_number(b, bound_value(row, &limits), row->unit);
	buf_puts(b, " Ta ");
	if (row->kind != BOUND_FIXED) {
		put_number(b, row->least, row->unit);
		buf_puts(b, " to ");
		put_number(b, row->most, row->unit);
	} else {
		buf_puts(b, "fixed");
	}
	buf_printf(b, " Ta %s Ta %s\n", row->unit, row->beyond);
}

static void
test_manual_has_the_table(void **state)
{
	const char *top = getenv("top_srcdir");
	char *path = xasprintf("%s/man/panescry.conf.5", top != NULL ? top : ".");
	char *text = NULL, *at, *end;
	struct buf want;
	size_t len;

	(void)state;
	assert_int_equal(file_read(path, MAN_MAX, &text, &len), 0);
	buf_init(&want, MAN_MAX);
	buf_puts(&want, ".It Sy bound Ta Sy default Ta Sy range Ta Sy unit Ta Sy beyond it\n");
	for (const struct bound *b = bounds; b->name != NULL; b++)
		put_row(&want, b);
	/* What to put there when it has changed. */
	if (getenv("BOUNDS_PRINT") != NULL)
		fputs(want.data, stdout);
	at = strstr(text, ".Sh BOUNDS\n");
	assert_non_null(at);
	at = strstr(at, ".It Sy bound");
	assert_non_null(at);
	end = strstr(at, ".El\n");
	assert_non_null(end);
	*end = '\0';
	assert_string_equal(at, want.data);
	buf_release(&want);
	free(text);
	free(path);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_defaults_are_within),
	    cmocka_unit_test(test_set_one_and_no_other),
	    cmocka_unit_test(test_manual_has_the_table),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
