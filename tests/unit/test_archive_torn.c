/* The archive's last segment as a loss of power may leave it: torn at any sector, and bits flipped. */
#include "config.h"

#include "unit.h"

#include <stdio.h>
#include <unistd.h>

#include "archive_owner.h"
#include "torn.h"

enum { PUTS = 36, PANES = 2 };

/* What the file was, and what had been acknowledged when it was that long. */
struct written {
	char *path, *data;
	size_t len, n;
	struct {
		size_t len;
		uint64_t last[PANES];
	} at[PUTS];
};

static void
write_some(struct owner *o, struct written *w)
{
	uint64_t last[PANES] = {0};
	char **files;
	size_t n;

	o->config.flush_ms = 1000000;
	owner_open(o);
	for (w->n = 0; w->n < PUTS; w->n++) {
		unsigned pane = (unsigned)(w->n * 5 / 3 % PANES);

		last[pane] += 20 + w->n * 37 % 90;
		owner_put_all(o, pane + 1, 1, last[pane]);
		files = owner_files(o, &n);
		assert_int_equal(n, 1);
		free(w->data);
		free(w->path);
		w->path = strdup(files[0]);
		w->data = owner_slurp(files[0], &w->len);
		owner_free_files(files);
		w->at[w->n].len = w->len;
		memcpy(w->at[w->n].last, last, sizeof last);
	}
	owner_close(o);
}

static void
release(struct written *w)
{
	free(w->data);
	free(w->path);
}

/* Only that file, with other bytes. */
static void
begin_with(struct owner *o, const struct written *w, const char *data, size_t len)
{
	char **files;
	size_t n;

	files = owner_files(o, &n);
	for (size_t i = 0; i < n; i++)
		unlink(files[i]);
	owner_free_files(files);
	owner_spill(w->path, data, len);
	memset(o->durable, 0, sizeof o->durable);
	owner_open(o);
}

static uint64_t
acknowledged(const struct written *w, size_t len, unsigned pane)
{
	uint64_t last = 0;

	for (size_t i = 0; i < w->n && w->at[i].len <= len; i++)
		last = w->at[i].last[pane];
	return last;
}

struct counts {
	unsigned files, damaged;
	uint64_t kept, more; /* lines acknowledged before the place, and found beyond those */
};

/* What was acknowledged before `upto` is there, and each line that is there is as it was made. */
static void
check(struct owner *o, const struct written *w, size_t upto, struct counts *c)
{
	for (unsigned p = 0; p < PANES; p++) {
		struct owner_found f = owner_check(o, p + 1, false);
		uint64_t want = acknowledged(w, upto, p), all = w->at[w->n - 1].last[p];

		if (f.lines < want || f.last > all)
			fail_msg("%zu: %llu lines of %llu", upto, (unsigned long long)f.lines,
			    (unsigned long long)want);
		c->kept += want;
		c->more += f.lines - want;
	}
	c->files++;
	c->damaged += owner_status(o).damaged != 0;
}

/* The panes go on, and what they still have is archived again where it was lost. */
static void
check_going_on(struct owner *o, const struct written *w)
{
	for (unsigned p = 0; p < PANES; p++) {
		uint64_t to = w->at[w->n - 1].last[p] + 10;
		struct owner_found f;

		owner_put_all(o, p + 1, 1, to);
		f = owner_check(o, p + 1, false);
		assert_int_equal(f.last, to);
		assert_int_equal(f.lines, to);
	}
}

/* What becomes of a file: torn ends are cut, so that there is no damage; a bad end is left as it
 * is, but everything can be archived again; damage in the middle remains. */
enum outcome { IS_CUT, IS_LEFT, MAY_STAY_DAMAGED };

static void
tear_everywhere(struct owner *o, torn_how how, const char *name, enum outcome outcome)
{
	struct written w = {0};
	struct counts c = {0};

	write_some(o, &w);
	for (size_t at = 0; at < w.len; at += TORN_SECTOR * TORN_STEP) {
		char *data = malloc(w.len);
		size_t len;

		memcpy(data, w.data, w.len);
		len = how(data, at, w.len);
		begin_with(o, &w, data, len);
		check(o, &w, at, &c);
		if (outcome != MAY_STAY_DAMAGED)
			check_going_on(o, &w);
		owner_close(o);
		free(data);
	}
	print_message(
	    "%s: %u files of up to %zu bytes: %llu acknowledged lines, all there, %llu "
	    "more; damage noted in %u\n",
	    name, c.files, w.len, (unsigned long long)c.kept, (unsigned long long)c.more,
	    c.damaged);
	assert_true(c.files > 10 && c.kept > 0);
	/* One without its own head is no segment. */
	if (outcome == IS_CUT)
		assert_true(c.damaged <= 1);
	release(&w);
}

static void
cut_at_any_sector(void **state)
{
	tear_everywhere(*state, torn_cut, "cut", IS_CUT);
}

static void
zeroes_from_any_sector(void **state)
{
	tear_everywhere(*state, torn_zeroes, "zeroes to the end", IS_CUT);
}

static void
garbage_from_any_sector(void **state)
{
	tear_everywhere(*state, torn_garbage, "garbage", IS_LEFT);
}

static void
a_hole_at_any_sector(void **state)
{
	tear_everywhere(*state, torn_hole, "one sector of zeroes", MAY_STAY_DAMAGED);
}

static void
bits_flipped(void **state)
{
	struct owner *o = *state;
	struct written w = {0};
	struct counts c = {0};
	unsigned seed = 5;

	write_some(o, &w);
	for (int i = 0; i < TORN_FLIPS; i++) {
		size_t at = (size_t)rand_r(&seed) % w.len;
		char bit = (char)(1 << rand_r(&seed) % 8);

		w.data[at] ^= bit;
		begin_with(o, &w, w.data, w.len);
		check(o, &w, at, &c);
		owner_close(o);
		w.data[at] ^= bit;
	}
	print_message(
	    "%u bits flipped: %llu lines before them, all there, %llu more; damage noted "
	    "in %u\n",
	    c.files, (unsigned long long)c.kept, (unsigned long long)c.more, c.damaged);
	release(&w);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    CASE(cut_at_any_sector),
	    CASE(zeroes_from_any_sector),
	    CASE(garbage_from_any_sector),
	    CASE(a_hole_at_any_sector),
	    CASE(bits_flipped),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
