#include "config.h"

#include "unit.h"

#include <errno.h>
#include <stdio.h>

#include "history/history.h"

static void
push(struct history *h, const char *text, int64_t time_ms, uint64_t offset)
{
	history_push(h, text, strlen(text), NULL, 0, time_ms, offset, 0);
}

static struct history *
filled(uint64_t max_lines, unsigned lines)
{
	struct history_limits limits = {max_lines, 64 << 20};
	struct history *h = history_new(&limits, NULL);
	char text[64];

	for (unsigned i = 1; i <= lines; i++) {
		struct style_run runs[2] = {{3, (uint16_t)i}, {2, 0}};

		snprintf(text, sizeof text, "line %u", i);
		history_push(h, text, strlen(text), runs, i % 3, 1000 + i / 10, i * 7, i % 4);
	}
	return h;
}

static void
an_empty_history_has_nothing(void **state)
{
	struct history_limits limits = {10, 0};
	struct history *h = history_new(&limits, NULL);
	struct history_stats st;
	struct history_view v;
	struct slab_line line;

	(void)state;
	assert_int_equal(history_first(h), 1);
	assert_int_equal(history_last(h), 0);
	assert_false(history_get(h, 1, &line, NULL, 0, NULL));
	assert_int_equal(history_find_time(h, 0), 1);
	history_view(h, 0, UINT64_MAX, &v);
	assert_int_equal(v.n, 0);
	history_view_release(&v);
	history_stats(h, &st);
	assert_int_equal(st.lines, 0);
	assert_true(st.allocated < 1024);
	history_free(h);
}

static void
lines_come_back(void **state)
{
	struct history *h = filled(1 << 20, 50000);
	struct style_run runs[4];
	struct slab_line line;
	char text[64];
	uint32_t n;

	(void)state;
	for (unsigned i = 1; i <= 50000; i += 37) {
		assert_true(history_get(h, i, &line, runs, 4, &n));
		snprintf(text, sizeof text, "line %u", i);
		assert_int_equal(line.number, i);
		assert_int_equal(line.len, strlen(text));
		assert_memory_equal(line.text, text, line.len);
		assert_int_equal(line.time_ms, 1000 + i / 10);
		assert_int_equal(line.offset, i * 7);
		assert_int_equal(line.flags, i % 4);
		assert_int_equal(n, i % 3);
		if (n > 0)
			assert_int_equal(runs[0].style, (uint16_t)i);
	}
	assert_false(history_get(h, 0, &line, NULL, 0, NULL));
	assert_false(history_get(h, 50001, &line, NULL, 0, NULL));
	history_free(h);
}

static void
lines_are_found_by_time_and_offset(void **state)
{
	struct history *h = filled(1 << 20, 30000);

	(void)state;
	assert_int_equal(history_find_time(h, 0), 1);
	assert_int_equal(history_find_time(h, 1001), 10);
	assert_int_equal(history_find_time(h, 2500), 15000);
	assert_int_equal(history_find_time(h, 1 << 30), 30001);
	assert_int_equal(history_find_offset(h, 7), 1);
	assert_int_equal(history_find_offset(h, 8), 2);
	assert_int_equal(history_find_offset(h, 7 * 20000), 20000);
	history_free(h);
}

static void
time_never_goes_back(void **state)
{
	struct history_limits limits = {10, 0};
	struct history *h = history_new(&limits, NULL);
	struct slab_line line;

	(void)state;
	push(h, "a", 500, 10);
	push(h, "b", 400, 5);
	assert_true(history_get(h, 2, &line, NULL, 0, NULL));
	assert_int_equal(line.time_ms, 500);
	assert_int_equal(line.offset, 10);
	history_free(h);
}

static void
the_oldest_lines_leave_one_by_one(void **state)
{
	struct history *h = filled(1000, 30000);
	struct history_stats st;
	struct history_view v;
	struct history_reader r;
	struct slab_line line;
	uint64_t number = 29001;

	(void)state;
	assert_int_equal(history_first(h), 29001);
	assert_int_equal(history_last(h), 30000);
	history_view(h, 0, UINT64_MAX, &v);
	assert_int_equal(
	    memcmp(slab_text(v.parts[0].slab) + v.parts[0].skip_text, "line 29001\n", 11), 0);
	history_read(&r, &v, 0);
	for (; history_next(&r, &line); number++)
		assert_int_equal(line.number, number);
	assert_int_equal(number, 30001);
	history_view_release(&v);
	history_stats(h, &st);
	assert_int_equal(st.lines, 1000);
	assert_int_equal(st.text, 1000 * 10);
	assert_int_equal(st.evicted, 29000);
	history_free(h);
}

static void
a_view_holds_what_is_evicted(void **state)
{
	struct history_limits limits = {1 << 30, HISTORY_BYTES_MIN};
	struct history *h = history_new(&limits, NULL);
	struct history_reader r;
	struct history_stats st;
	struct history_view v;
	struct slab_line line;
	char text[1000];
	unsigned n = 0;

	(void)state;
	memset(text, 'x', sizeof text);
	for (unsigned i = 0; i < 200; i++)
		history_push(h, text, sizeof text, NULL, 0, i, i, 0);
	history_view(h, 0, UINT64_MAX, &v);
	for (unsigned i = 0; i < 2000; i++)
		history_push(h, "y", 1, NULL, 0, 500, 500, 0);
	for (unsigned i = 0; i < 2000; i++)
		history_push(h, text, sizeof text, NULL, 0, 1000, 1000, 0);
	assert_true(history_first(h) > 200);
	history_stats(h, &st);
	assert_true(st.allocated <= HISTORY_BYTES_MIN + 4096);
	assert_true(st.pinned >= SLAB_SIZE);
	history_read(&r, &v, 0);
	for (; history_next(&r, &line); n++)
		assert_int_equal(line.len, sizeof text);
	assert_int_equal(n, 200);
	history_view_release(&v);
	history_stats(h, &st);
	assert_int_equal(st.pinned, 0);
	history_free(h);
}

static void
a_view_of_some_lines(void **state)
{
	struct history *h = filled(1 << 20, 40000);
	uint64_t from = 17000, to = 35000, number = from;
	struct history_reader r;
	struct history_view v;
	struct slab_line line;

	(void)state;
	history_view(h, from, to, &v);
	history_read(&r, &v, 0);
	for (; history_next(&r, &line); number++)
		assert_int_equal(line.number, number);
	assert_int_equal(number, to + 1);
	history_read(&r, &v, 34999);
	assert_true(history_next(&r, &line));
	assert_int_equal(line.number, 34999);
	history_view_release(&v);
	history_free(h);
}

static void
lines_are_found_in_the_text(void **state)
{
	struct history *h = filled(1 << 20, 20000);
	struct history_view v;
	struct slab_line line;
	struct slab_cursor c;

	(void)state;
	history_view(h, 0, UINT64_MAX, &v);
	for (size_t i = 0; i < v.n; i++) {
		const struct history_part *p = &v.parts[i];

		for (uint32_t at = 0; at < p->extent.text; at += 777) {
			slab_seek_text(&c, p->slab, &p->extent, at);
			assert_true(slab_next(&c, &line));
			assert_true(line.text <= slab_text(p->slab) + at);
			assert_true(line.text + line.len >= slab_text(p->slab) + at);
		}
	}
	history_view_release(&v);
	history_free(h);
}

static void
the_longest_line_fits(void **state)
{
	struct history_limits limits = {10, 1 << 20};
	struct history *h = history_new(&limits, NULL);
	size_t len = HISTORY_LINE_MAX + 10;
	struct style_run *runs = calloc(HISTORY_RUNS_MAX + 1, sizeof *runs);
	struct slab_line line;
	char *text = malloc(len);

	(void)state;
	memset(text, 'x', len);
	for (unsigned i = 0; i <= HISTORY_RUNS_MAX; i++)
		runs[i] = (struct style_run){3, (uint16_t)(i * 31)};
	for (int i = 0; i < 5; i++)
		history_push(h, text, len, runs, HISTORY_RUNS_MAX + 1, i, (uint64_t)1 << 60, 3);
	assert_true(history_get(h, 5, &line, runs, HISTORY_RUNS_MAX, NULL));
	assert_int_equal(line.len, HISTORY_LINE_MAX);
	assert_int_equal(line.nruns, HISTORY_RUNS_MAX);
	history_free(h);
	free(runs);
	free(text);
}

struct pool {
	void *blocks[64];
	unsigned n, max;
};

static void *
pool_alloc(void *arg)
{
	struct pool *p = arg;

	return p->n < p->max ? p->blocks[p->n++] = malloc(SLAB_SIZE) : NULL;
}

static void
pool_keep(void *arg, void *block)
{
	(void)arg;
	(void)block;
}

static void
pool_free(void *arg, void *block)
{
	struct pool *p = arg;

	p->n--;
	free(block);
}

static void
an_allocator_at_its_end_makes_the_oldest_leave(void **state)
{
	struct pool pool = {.max = 3};
	struct history_allocator alloc = {pool_alloc, pool_free, &pool};
	struct history_limits limits = {1 << 30, 1 << 30};
	struct history *h = history_new(&limits, &alloc);

	(void)state;
	for (unsigned i = 0; i < 300000; i++)
		push(h, "some text", i, i);
	assert_true(history_first(h) > 1);
	assert_int_equal(history_last(h), 300000);
	assert_int_equal(pool.n, 3);
	history_free(h);
	assert_int_equal(pool.n, 0);
}

static void
blocks_are_adopted(void **state)
{
	struct pool pool = {.max = 64};
	struct history_allocator keep = {pool_alloc, pool_keep, &pool};
	struct history_allocator give = {pool_alloc, pool_free, &pool};
	struct history_limits limits = {1 << 30, 1 << 30};
	struct history *h = history_new(&limits, &keep);
	struct slab_line line;
	char *second;

	(void)state;
	for (unsigned i = 1; i <= 60000; i++)
		push(h, "some text", i, i);
	history_free(h);
	assert_true(pool.n > 2);

	h = history_new(&limits, &give);
	assert_int_equal(history_adopt(h, pool.blocks[0], true), 0);
	second = pool.blocks[1];
	assert_int_equal(history_adopt(h, pool.blocks[2], true), -EINVAL);
	second[100] ^= 1;
	second[SLAB_SIZE - 1] ^= 0x10;
	((struct slab_header *)(void *)second)->commit[0].meta ^= 1;
	((struct slab_header *)(void *)second)->commit[1].meta ^= 1;
	assert_int_equal(history_adopt(h, second, true), -EINVAL);
	((struct slab_header *)(void *)second)->commit[0].meta ^= 1;
	((struct slab_header *)(void *)second)->commit[1].meta ^= 1;
	second[SLAB_SIZE - 1] ^= 0x10;
	second[100] ^= 1;
	for (unsigned i = 1, n = pool.n; i < n; i++)
		assert_int_equal(history_adopt(h, pool.blocks[i], true), 0);
	assert_int_equal(history_last(h), 60000);
	push(h, "more", 70000, 70000);
	assert_true(history_get(h, 60001, &line, NULL, 0, NULL));
	assert_int_equal(line.offset, 70000);
	assert_true(history_get(h, 60000, &line, NULL, 0, NULL));
	assert_int_equal(line.offset, 60000);
	history_free(h);
	assert_int_equal(pool.n, 0);
}

static void
garbage_is_not_adopted(void **state)
{
	struct history_limits limits = {1 << 30, 1 << 30};
	struct history *h = filled(1 << 20, 3000), *other = history_new(&limits, NULL);
	unsigned char *block = malloc(SLAB_SIZE);
	struct history_view v;
	unsigned seed = 1;

	(void)state;
	history_view(h, 0, UINT64_MAX, &v);
	for (int i = 0; i < 2000; i++) {
		memcpy(block, v.parts[0].slab, SLAB_SIZE);
		for (int k = 0; k < 8; k++) {
			seed = seed * 1103515245 + 12345;
			block[(seed >> 4) % (k < 6 ? 512 : SLAB_SIZE)] ^=
			    (unsigned char)(seed >> 20);
		}
		/* Whatever comes of it must have read nothing out of bounds. */
		if (slab_valid((struct slab_header *)(void *)block))
			assert_int_equal(
			    ((struct slab_header *)(void *)block)->magic, SLAB_MAGIC);
	}
	memset(block, 0, SLAB_SIZE);
	assert_int_equal(history_adopt(other, block, true), -EINVAL);
	history_view_release(&v);
	free(block);
	history_free(h);
	history_free(other);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(an_empty_history_has_nothing),
	    cmocka_unit_test(lines_come_back),
	    cmocka_unit_test(lines_are_found_by_time_and_offset),
	    cmocka_unit_test(time_never_goes_back),
	    cmocka_unit_test(the_oldest_lines_leave_one_by_one),
	    cmocka_unit_test(a_view_holds_what_is_evicted),
	    cmocka_unit_test(a_view_of_some_lines),
	    cmocka_unit_test(lines_are_found_in_the_text),
	    cmocka_unit_test(the_longest_line_fits),
	    cmocka_unit_test(an_allocator_at_its_end_makes_the_oldest_leave),
	    cmocka_unit_test(blocks_are_adopted),
	    cmocka_unit_test(garbage_is_not_adopted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
