#include "config.h"

#include "unit.h"

#include <stdio.h>

#include "base/buf.h"
#include "base/xmalloc.h"
#include "job/collide.h"

#define MINUTE ((int64_t)60 * 1000)
#define NOW ((int64_t)1700000000000)

struct heard {
	struct collide *c;
	struct buf all; /* a line each: kind, the parties' jobs or roots, path */
};

static void
put_party(struct buf *b, const struct collide_party *p)
{
	if (p->job != 0)
		buf_printf(b, " j%llu", (unsigned long long)p->job);
	else
		buf_printf(b, " %s", p->root != NULL ? p->root : p->pane);
}

static void
on_collision(void *arg, enum collide_kind kind, const struct collide_touch *a,
    const struct collide_touch *b)
{
	struct heard *h = arg;

	buf_puts(&h->all, collide_kind_name(kind));
	put_party(&h->all, &a->who);
	put_party(&h->all, &b->who);
	buf_printf(&h->all, " %s\n", b->path);
}

static struct heard
begin(const struct collide_config *config)
{
	struct heard h = {.c = collide_new(config)};

	buf_init(&h.all, BUF_NO_MAX);
	buf_puts(&h.all, "");
	return h;
}

static void
end(struct heard *h)
{
	collide_free(h->c);
	buf_release(&h->all);
}

static void
hears(struct heard *h, const char *expected)
{
	assert_string_equal(h->all.data, expected);
	buf_reset(&h->all);
	buf_puts(&h->all, "");
}

static void
add(struct heard *h, struct collide_touch t, int64_t at)
{
	if (t.time_ms == 0)
		t.time_ms = at;
	collide_add(h->c, &t, at, on_collision, h);
}

static struct collide_touch
session(const char *root, const char *path, int64_t first, int64_t last)
{
	return (struct collide_touch){
	    .who = {.root = root}, .path = path, .first = first, .last = last};
}

static struct collide_touch
job(uint64_t n, const char *path)
{
	return (struct collide_touch){.who = {.job = n}, .path = path, .seen = true};
}

static const struct collide_config defaults;

static void
kinds_are_by_the_lines(void **state)
{
	struct heard h = begin(&defaults);

	(void)state;
	add(&h, session("a", "/f", 10, 20), NOW);
	hears(&h, "");
	add(&h, session("b", "/g", 10, 20), NOW);
	hears(&h, "");
	add(&h, session("b", "/f", 20, 30), NOW);
	hears(&h, "same_line a b /f\n");
	add(&h, session("c", "/f", 35, 35), NOW);
	hears(&h, "different_area a c /f\nadjacent_line b c /f\n");
	add(&h, session("d", "/f", 36, 36), NOW);
	hears(&h, "different_area a d /f\ndifferent_area b d /f\nadjacent_line c d /f\n");
	add(&h, session("e", "/f", 0, 0), NOW);
	hears(&h, "different_area a e /f\ndifferent_area b e /f\ndifferent_area c e /f\n"
		  "different_area d e /f\n");
	add(&h, session("f", "/f", 1, INT32_MAX), NOW);
	hears(&h, "same_line a f /f\nsame_line b f /f\nsame_line c f /f\nsame_line d f /f\n"
		  "different_area e f /f\n");
	end(&h);
}

static void
adjacent_ends_behind_five_lines(void **state)
{
	struct heard h = begin(&defaults);

	(void)state;
	add(&h, session("a", "/f", 100, 100), NOW);
	add(&h, session("b", "/f", 94, 94), NOW);
	hears(&h, "different_area a b /f\n");
	add(&h, session("b", "/f", 90, 95), NOW);
	hears(&h, "adjacent_line a b /f\n");
	add(&h, session("b", "/f", 105, 200), NOW);
	hears(&h, "");
	add(&h, session("b", "/f", 99, 101), NOW);
	hears(&h, "same_line a b /f\n");
	end(&h);
}

static void
the_same_is_told_once_until_the_window_has_passed(void **state)
{
	struct heard h = begin(&defaults);

	(void)state;
	add(&h, session("a", "/f", 1, 1), NOW);
	for (int i = 0; i < 9; i++) {
		add(&h, session("b", "/f", 1, 1), NOW + i * MINUTE);
		add(&h, session("a", "/f", 1, 1), NOW + i * MINUTE);
	}
	hears(&h, "same_line a b /f\n");
	assert_int_equal(collide_count(h.c), 2);
	add(&h, session("b", "/f", 1, 1), NOW + 10 * MINUTE + 1);
	hears(&h, "same_line a b /f\n");
	add(&h, session("b", "/f", 1, 1), NOW + 30 * MINUTE);
	hears(&h, "");
	assert_int_equal(collide_count(h.c), 1);
	end(&h);
}

static void
times_are_those_of_the_touches(void **state)
{
	struct heard h = begin(&defaults);
	struct collide_touch t = session("b", "/f", 1, 1);

	(void)state;
	add(&h, session("a", "/f", 1, 1), NOW);
	t.time_ms = NOW - 11 * MINUTE;
	add(&h, t, NOW);
	hears(&h, "");
	assert_int_equal(collide_count(h.c), 1);
	t.time_ms = INT64_MAX;
	add(&h, t, NOW + MINUTE);
	hears(&h, "same_line a b /f\n");
	t.time_ms = INT64_MIN / 2;
	add(&h, t, NOW + MINUTE);
	assert_int_equal(collide_count(h.c), 2);
	end(&h);
}

static void
who_belongs_together_is_one_party(void **state)
{
	struct collide_touch of_session = {
	    .who = {.job = 1, .owner = "s", .pane = "p1"}, .path = "/f"};
	struct collide_touch own = {.who = {.job = 1, .root = "t"}, .path = "/f"};
	struct collide_touch in_pane = {.who = {.root = "u", .pane = "p1"}, .path = "/f"};
	struct collide_touch second = {
	    .who = {.job = 2, .owner = "s", .pane = "p1"}, .path = "/f"};
	struct heard h = begin(&defaults);

	(void)state;
	add(&h, of_session, NOW);
	add(&h, session("s", "/f", 1, 1), NOW); /* the session itself, and its sub-agents */
	add(&h, session("s", "/f", 5, 5), NOW);
	add(&h, in_pane, NOW);
	hears(&h, "different_area s u /f\n");
	end(&h);

	h = begin(&defaults);
	add(&h, of_session, NOW);
	add(&h, own, NOW);
	add(&h, session("t", "/f", 0, 0), NOW);
	hears(&h, "different_area j1 t /f\n"); /* j1 that belongs to s, where t is not known */
	end(&h);

	h = begin(&defaults);
	add(&h, of_session, NOW);
	add(&h, second, NOW); /* of one session, but at work at the same time */
	hears(&h, "different_area j1 j2 /f\n");
	end(&h);
}

static void
what_is_seen_may_be_what_another_told(void **state)
{
	struct heard h = begin(&defaults);

	(void)state;
	add(&h, session("a", "/f", 1, 1), NOW);
	add(&h, job(1, "/f"), NOW + 2000);
	hears(&h, "");
	assert_int_equal(collide_count(h.c), 1);
	add(&h, job(1, "/f"), NOW + 2001);
	hears(&h, "different_area a j1 /f\n");
	end(&h);

	h = begin(&defaults);
	add(&h, job(1, "/f"), NOW);
	add(&h, session("a", "/f", 1, 1), NOW + 1000); /* heard of later */
	hears(&h, "");
	assert_int_equal(collide_count(h.c), 1);
	add(&h, session("b", "/f", 0, 0), NOW + 5000);
	hears(&h, "different_area a b /f\n");
	end(&h);

	h = begin(&defaults);
	add(&h, job(1, "/f"), NOW);
	add(&h, job(2, "/f"), NOW);
	add(&h, job(2, "/f"), NOW);
	hears(&h, "different_area j1 j2 /f\n");
	end(&h);
}

static void
memory_is_bounded(void **state)
{
	struct heard h = begin(&(struct collide_config){.touches_max = 1000});
	char path[32], root[32];

	(void)state;
	for (int i = 0; i < 5000; i++) {
		snprintf(path, sizeof path, "/f%d", i);
		add(&h, session("a", path, 1, 1), NOW);
	}
	assert_int_equal(collide_count(h.c), 1000);
	add(&h, session("b", "/f1", 1, 1), NOW);
	hears(&h, "");
	add(&h, session("b", "/f4999", 1, 1), NOW);
	hears(&h, "same_line a b /f4999\n");
	end(&h);

	h = begin(&defaults);
	for (int i = 0; i < 5000; i++) {
		snprintf(root, sizeof root, "s%d", i);
		add(&h, session(root, "/f", 1, 1), NOW);
		buf_reset(&h.all);
	}
	assert_int_equal(collide_count(h.c), COLLIDE_PER_PATH);
	end(&h);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(kinds_are_by_the_lines),
	    cmocka_unit_test(adjacent_ends_behind_five_lines),
	    cmocka_unit_test(the_same_is_told_once_until_the_window_has_passed),
	    cmocka_unit_test(times_are_those_of_the_touches),
	    cmocka_unit_test(who_belongs_together_is_one_party),
	    cmocka_unit_test(what_is_seen_may_be_what_another_told),
	    cmocka_unit_test(memory_is_bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
