#include "config.h"

#include "unit.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "archive_owner.h"
#include "base/clock.h"
#include "store/archive_filter.h"

/* ThreadSanitizer takes ten times as long, and looks for other things than numbers find. */
#ifdef __SANITIZE_THREAD__
enum { DROPS = 600, OLD_LINES = 100000 };
#else
enum { DROPS = 3000, OLD_LINES = 300000 };
#endif

static void
lines_come_back_as_they_were(void **state)
{
	struct owner *o = *state;
	struct owner_found f;
	struct stat st;
	char path[96];
	char **files;
	size_t n;

	o->big = true;
	owner_open(o);
	owner_put_all(o, 1, 1, 20000);
	owner_put_all(o, 2, 1, 10);
	for (int i = 0; i < 2; i++) {
		f = owner_check(o, 1, true);
		assert_int_equal(f.first, 1);
		assert_int_equal(f.last, 20000);
		assert_int_equal(f.lines, 20000);
		assert_int_equal(f.gaps, 0);
		assert_int_equal(owner_check(o, 2, true).lines, 10);
		assert_int_equal(owner_status(o).damaged, 0);
		o->config.run.pid++; /* as a run of another day */
		owner_reopen(o);
	}
	snprintf(path, sizeof path, "%s/archive", o->dir);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0700);
	files = owner_files(o, &n);
	assert_int_equal(n, 1);
	assert_int_equal(stat(files[0], &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	owner_free_files(files);
}

static void
no_archive_is_off(void **state)
{
	struct archive_query q = {0};
	struct archive_snapshot s;
	struct archive_status st;
	struct history_view v = {0};
	uint64_t line;

	(void)state;
	archive_status(NULL, &st);
	assert_int_equal(st.state, ARCHIVE_OFF);
	assert_string_equal(archive_state_name(st.state), "off");
	assert_int_equal(archive_put(NULL, NULL, "p1", &v, NULL, NULL), -EROFS);
	assert_int_equal(archive_last_line(NULL, NULL, "p1", &line), -EROFS);
	archive_snapshot(NULL, &q, &s);
	assert_int_equal(s.n, 0);
	archive_snapshot_release(&s);
	archive_flush(NULL, NULL);
	archive_end(NULL, NULL, "p1");
	archive_collect(NULL, NULL, NULL);
	archive_close(NULL, 0);
}

static void
a_line_is_taken_once(void **state)
{
	struct owner *o = *state;
	const struct archive_line l = {
	    .number = 99, .text = "x", .len = 1, .time_ms = o->time_ms};
	uint64_t line;

	owner_open(o);
	assert_int_equal(archive_last_line(o->archive, NULL, "p1", &line), 0);
	assert_int_equal(line, 0);
	assert_int_equal(owner_put(o, 1, 1, 50), 0);
	assert_int_equal(archive_last_line(o->archive, NULL, "p1", &line), 0);
	assert_int_equal(line, 50);
	owner_put_all(o, 1, 1, 100);
	owner_put_all(o, 1, 20, 80);
	assert_int_equal(archive_put_line(o->archive, NULL, "p1", &l, o->styles), 0);
	owner_reopen(o);
	assert_int_equal(archive_last_line(o->archive, NULL, "p1", &line), 0);
	assert_int_equal(line, 100);
	owner_put_all(o, 1, 1, 150);
	assert_int_equal(owner_check(o, 1, true).lines, 150);
	assert_int_equal(owner_put(o, 1, 1, 150), 0);
	archive_end(o->archive, NULL, "p1");
	assert_int_equal(archive_put_line(o->archive, NULL, "no/id", &l, o->styles), -EINVAL);
}

static void
what_was_left_out_is_a_gap(void **state)
{
	struct owner *o = *state;
	struct owner_found f;

	owner_open(o);
	owner_put_all(o, 1, 1, 100);
	owner_put_all(o, 1, 151, 200);
	owner_put_all(o, 2, 6, 10);
	owner_reopen(o);
	f = owner_check(o, 1, true);
	assert_int_equal(f.gaps, 1);
	assert_int_equal(f.missing, 50);
	assert_int_equal(f.lines, 150);
	assert_int_equal(owner_check(o, 2, true).missing, 5);
}

static void
lines_are_written_when_their_time_has_come(void **state)
{
	struct owner *o = *state;
	uint64_t before = clock_mono_us();

	o->config.flush_ms = 300;
	owner_open(o);
	assert_int_equal(owner_put(o, 1, 1, 3), 0);
	assert_true(owner_await_durable(o, 1, 3));
	assert_true(clock_mono_us() - before >= 300 * 1000);
	o->config.flush_ms = 100 * 1000;
	owner_reopen(o);
	assert_int_equal(owner_put(o, 1, 1, 6), 0);
	archive_flush(o->archive, "p1");
	assert_true(owner_await_durable(o, 1, 6));
	assert_int_equal(owner_put(o, 1, 1, 9), 0);
	archive_end(o->archive, NULL, "p1");
	assert_true(owner_await_durable(o, 1, 9));
}

static bool
is_p2(const struct archive_run *run, const char *id, void *arg)
{
	++*(int *)arg;
	return run->pid == 42 && strcmp(id, "p2") == 0;
}

static void
a_snapshot_is_of_times_and_panes(void **state)
{
	struct owner *o = *state;
	int asked = 0;
	struct archive_query q = {.wanted = is_p2, .arg = &asked};
	struct archive_snapshot s;

	owner_open(o);
	for (uint64_t n = 300; n <= 3000; n += 300)
		for (unsigned p = 1; p <= 3; p++)
			owner_put_all(o, p, 1, n);
	archive_snapshot(o->archive, &q, &s);
	assert_int_equal(s.n, 10);
	assert_int_equal(asked, 3);
	archive_snapshot_release(&s);
	/* Line n has the time n / 3: these are lines 600 to 902. */
	q.from_ms = o->time_ms + 200;
	q.to_ms = o->time_ms + 300;
	archive_snapshot(o->archive, &q, &s);
	assert_int_equal(s.n, 3);
	assert_int_equal(s.records[0].first, 301);
	assert_int_equal(s.records[2].first, 901);
	assert_int_equal(s.records[1].lines, 300);
	archive_snapshot_release(&s);
}

static void
the_filter_is_kept_with_the_record(void **state)
{
	struct owner *o = *state;
	struct archive_query q = {0};
	struct archive_snapshot s;

	owner_open(o);
	owner_put_all(o, 1, 1, 500);
	archive_snapshot(o->archive, &q, &s);
	assert_int_equal(s.n, 1);
	assert_int_equal(archive_may_contain(&s, s.records, "p1 417", 6, false), 1);
	assert_int_equal(archive_may_contain(&s, s.records, "COMPILING", 9, true), 1);
	assert_int_equal(archive_may_contain(&s, s.records, "zebra crossing", 14, false), 0);
	assert_int_equal(archive_may_contain(&s, s.records, "zq", 2, false), 1);
	archive_snapshot_release(&s);
}

/* Text like a log: words, numbers, some characters of more than a byte. */
static size_t
random_text(char *to, size_t max, unsigned *seed)
{
	static const char *const odd[] = {
	    "\xC3\xA9", "\xC5\xBF", "\xE2\x84\xAA", "\xE4\xB8\xAD", "\xF0\x9F\x98\x80"};
	size_t len = 0;

	while (len + 16 < max) {
		int r = rand_r(seed) % 100;

		if (r < 3)
			len += (size_t)sprintf(to + len, "%s", odd[rand_r(seed) % 5]);
		else if (r < 5)
			to[len++] = '\n';
		else if (r < 15)
			to[len++] = ' ';
		else if (r < 35)
			to[len++] = (char)('0' + rand_r(seed) % 10);
		else
			to[len++] = (char)((r < 50 ? 'A' : 'a') + rand_r(seed) % 26);
	}
	return len;
}

static bool
is_start(char c)
{
	return ((unsigned char)c & 0xC0) != 0x80;
}

/* A character as a caseless pattern may have it; returns the bytes of the text's. */
static size_t
other_case(const char *s, char *to, size_t *tolen, unsigned *seed)
{
	size_t n = 1;

	while (!is_start(s[n]))
		n++;
	*tolen = n;
	memcpy(to, s, n);
	if (n == 1 && ((*s >= 'a' && *s <= 'z') || (*s >= 'A' && *s <= 'Z')))
		*to = *s ^ (rand_r(seed) % 2 ? 0x20 : 0);
	if ((*s | 0x20) == 'k' && rand_r(seed) % 2) {
		memcpy(to, "\xE2\x84\xAA", 3);
		*tolen = 3;
	} else if (memcmp(s, "\xC5\xBF", 2) == 0) {
		*to = 'S';
		*tolen = 1;
	} else if (memcmp(s, "\xC3\xA9", 2) == 0) {
		to[1] = '\x89';
	}
	return n;
}

static void
the_filter_never_says_no_wrongly(void **state)
{
	static char text[200 * 1024 + 16];
	unsigned char *bits = malloc(ARCHIVE_FILTER_MAX);
	unsigned seed = 1;

	(void)state;
	for (int round = 0; round < 60; round++) {
		size_t max = 20 + (size_t)rand_r(&seed) % (round < 50 ? 3000 : 200000);
		size_t len = random_text(text, max, &seed);
		size_t size = archive_filter_make(bits, text, len);

		text[len] = '\0';
		assert_true(size >= ARCHIVE_FILTER_MIN && size <= ARCHIVE_FILTER_MAX);
		for (int i = 0; i < 2000 && len != 0; i++) {
			size_t at = (size_t)rand_r(&seed) % len, end, n = 0, one;
			char other[128];

			while (!is_start(text[at]))
				at--;
			end = at + (size_t)rand_r(&seed) % 20;
			while (end < len && !is_start(text[end]))
				end++;
			if (end > len)
				end = len;
			assert_true(
			    archive_filter_may_contain(bits, size, text + at, end - at, false));
			for (size_t j = at; j < end; n += one)
				j += other_case(text + j, other + n, &one, &seed);
			assert_true(archive_filter_may_contain(bits, size, other, n, true));
		}
	}
	free(bits);
}

/* What a filter of lines like those of builds says of words that are not in them. */
static void
the_filter_says_no_often(void **state)
{
	static char text[200 * 1024];
	unsigned char *bits = malloc(ARCHIVE_FILTER_MAX);
	unsigned seed = 7;
	size_t len = 0, size;
	int wrong[3] = {0}, asked = 20000;

	(void)state;
	while (len + 100 < sizeof text)
		len += (size_t)sprintf(text + len,
		    "[%d/%d] cc -O%d -c src/file%d.c -o obj/%x.o; took %d.%03d s\n",
		    rand_r(&seed) % 1000, 1000, rand_r(&seed) % 4, rand_r(&seed) % 1000,
		    (unsigned)rand_r(&seed), rand_r(&seed) % 60, rand_r(&seed) % 1000);
	size = archive_filter_make(bits, text, len);
	for (int i = 0; i < asked; i++) {
		char word[12];

		for (int j = 0; j < 12; j++)
			word[j] = (char)('a' + rand_r(&seed) % 26);
		for (int k = 0; k < 3; k++)
			wrong[k] += archive_filter_may_contain(
			    bits, size, word, (size_t)(4 + 2 * k), true);
	}
	print_message(
	    "filter: %zu bytes for %zu of text; says yes to %.2f %% of other words of "
	    "4 letters, %.2f %% of 6, %.2f %% of 8\n",
	    size, len, wrong[0] * 100.0 / asked, wrong[1] * 100.0 / asked,
	    wrong[2] * 100.0 / asked);
	assert_true(wrong[2] < asked / 10);
	free(bits);
}

static void
the_oldest_goes_first(void **state)
{
	struct owner *o = *state;
	struct owner_found f;
	struct archive_status st;
	uint64_t line;

	o->config.max_bytes = ARCHIVE_BYTES_MIN;
	owner_open(o);
	owner_put_all(o, 2, 1, 10);
	for (uint64_t n = 1000; n <= OLD_LINES; n += 1000) {
		owner_put_all(o, 1, n - 999, n);
		if (owner_status(o).bytes > ARCHIVE_BYTES_MIN)
			fail_msg("%llu bytes", (unsigned long long)owner_status(o).bytes);
	}
	st = owner_status(o);
	assert_true(st.bytes > ARCHIVE_BYTES_MIN / 2);
	f = owner_check(o, 1, true);
	assert_true(f.first > 1 && f.last == OLD_LINES);
	/* Of p2 nothing is left, but that it was there. */
	assert_int_equal(owner_check(o, 2, true).records, 0);
	owner_reopen(o);
	assert_int_equal(archive_last_line(o->archive, NULL, "p2", &line), 0);
	assert_int_equal(line, 10);
	owner_put_all(o, 2, 1, 20);
	f = owner_check(o, 2, true);
	assert_int_equal(f.first, 11);
	assert_int_equal(f.gaps, 0);
}

static bool
await_records(struct owner *o, uint64_t n)
{
	uint64_t end = clock_mono_us() + OWNER_PATIENCE_MS * 1000ull;

	while (owner_status(o).records > n) {
		if (clock_mono_us() > end)
			return false;
		owner_turn(o);
	}
	return true;
}

static void
what_is_too_old_goes(void **state)
{
	struct owner *o = *state;

	o->config.max_age_ms = 1500;
	o->time_ms = clock_wall_ms();
	owner_open(o);
	owner_put_all(o, 1, 1, 100);
	assert_int_equal(owner_status(o).records, 1);
	assert_int_equal(owner_status(o).oldest_ms, o->time_ms);
	assert_true(await_records(o, 0));
	assert_int_equal(owner_status(o).oldest_ms, 0);
	assert_true(clock_wall_ms() - o->time_ms >= 1500);
}

static void
a_reader_survives_what_it_reads(void **state)
{
	struct owner *o = *state;
	struct archive_query q = {0};
	struct archive_snapshot s, t;
	struct archive_block b = {0};
	char *cause = NULL;

	o->config.max_bytes = ARCHIVE_BYTES_MIN;
	owner_open(o);
	owner_put_all(o, 1, 1, 2000);
	owner_put_all(o, 1, 1, 4000);
	archive_snapshot(o->archive, &q, &s);
	archive_snapshot(o->archive, &q, &t);
	assert_int_equal(archive_read(&t, t.records, &b, NULL), 0);
	for (uint64_t n = 1000; owner_check(o, 1, false).records != 0; n += 1000)
		owner_put_all(o, 2, n - 999, n);
	assert_true(owner_check(o, 1, true).records < s.n);
	assert_int_equal(archive_read(&s, s.records, &b, &cause), -ENOENT);
	assert_non_null(cause);
	free(cause);
	/* A file that is open stays. */
	assert_int_equal(archive_read(&t, t.records, &b, NULL), 0);
	archive_snapshot_release(&s);
	archive_snapshot_release(&t);
	archive_block_release(&b);
}

/* Records of one line each, as of panes that print now and then. */
static void
put_drops(struct owner *o, uint64_t from, uint64_t to)
{
	for (uint64_t n = from; n <= to; n++)
		for (unsigned p = 1; p <= 3; p++) {
			while (owner_put(o, p, n, n) == -ENOSPC)
				owner_turn(o);
			archive_flush(o->archive, NULL);
		}
	for (unsigned p = 1; p <= 3; p++)
		assert_true(owner_await_durable(o, p, to));
}

static void
small_records_are_merged(void **state)
{
	struct owner *o = *state;
	struct archive_status st;

	o->config.segment_bytes = DROPS * 200;
	owner_open(o);
	put_drops(o, 1, DROPS);
	assert_true(await_records(o, DROPS));
	st = owner_status(o);
	print_message("merging: %d lines in as many records become %llu records, %llu bytes\n",
	    3 * DROPS, (unsigned long long)st.records, (unsigned long long)st.bytes);
	for (int i = 0; i < 2; i++) {
		for (unsigned p = 1; p <= 3; p++)
			assert_int_equal(owner_check(o, p, true).lines, DROPS);
		owner_reopen(o);
	}
	put_drops(o, DROPS + 1, DROPS + 100);
	for (unsigned p = 1; p <= 3; p++)
		assert_int_equal(owner_check(o, p, true).lines, DROPS + 100);
	assert_int_equal(owner_status(o).damaged, 0);
}

static void
a_segment_that_is_read_is_not_merged(void **state)
{
	struct owner *o = *state;
	struct archive_query q = {0};
	struct archive_snapshot s;
	struct archive_block b = {0};

	o->config.segment_bytes = 64 * 1024;
	o->config.max_age_ms = 60 * 60 * 1000;
	owner_open(o);
	put_drops(o, 1, 40);
	archive_snapshot(o->archive, &q, &s);
	put_drops(o, 41, 400);
	assert_int_equal(s.n, 120);
	for (size_t i = 0; i < s.n; i++)
		assert_int_equal(archive_read(&s, &s.records[i], &b, NULL), 0);
	archive_snapshot_release(&s);
	archive_block_release(&b);
}

struct reading {
	struct owner *o;
	atomic_bool stop;
	int rounds;
};

static void *
read_on(void *arg)
{
	struct reading *r = arg;

	while (!r->stop) {
		for (unsigned p = 1; p <= 3; p++)
			owner_check(r->o, p, true);
		owner_status(r->o);
		r->rounds++;
	}
	return NULL;
}

static void
readers_see_whole_panes_at_any_time(void **state)
{
	struct owner *o = *state;
	struct reading r = {.o = o};
	pthread_t thread;

	o->config.segment_bytes = 64 * 1024;
	owner_open(o);
	assert_int_equal(pthread_create(&thread, NULL, read_on, &r), 0);
	put_drops(o, 1, 600);
	owner_put_all(o, 1, 601, 20000);
	r.stop = true;
	pthread_join(thread, NULL);
	assert_true(r.rounds > 0);
	assert_int_equal(owner_check(o, 1, true).lines, 20000);
	assert_int_equal(owner_status(o).damaged, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    CASE(lines_come_back_as_they_were),
	    cmocka_unit_test(no_archive_is_off),
	    CASE(a_line_is_taken_once),
	    CASE(what_was_left_out_is_a_gap),
	    CASE(lines_are_written_when_their_time_has_come),
	    CASE(a_snapshot_is_of_times_and_panes),
	    CASE(the_filter_is_kept_with_the_record),
	    cmocka_unit_test(the_filter_never_says_no_wrongly),
	    cmocka_unit_test(the_filter_says_no_often),
	    CASE(the_oldest_goes_first),
	    CASE(what_is_too_old_goes),
	    CASE(a_reader_survives_what_it_reads),
	    CASE(small_records_are_merged),
	    CASE(a_segment_that_is_read_is_not_merged),
	    CASE(readers_see_whole_panes_at_any_time),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
