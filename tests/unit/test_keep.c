/* The keeper's protocol: between builds, and what a job adds to it. */
#include "config.h"

#include "unit.h"

#include <errno.h>

#include "proto/keep.h"

static void
a_shorter_message_reads_as_zeroes(void **state)
{
	struct keep_packet p = {.m = {.pane = 3, .pid = 4, .time_ms = 5}};
	size_t len = keep_pack(&p, KEEP_HERE, "path", 4), cut = sizeof p.m - sizeof p.m.time_ms;

	(void)state;
	memmove((char *)&p + cut, p.text, 4);
	p.m.size = (uint32_t)cut;
	assert_int_equal(keep_unpack(&p, len - sizeof p.m.time_ms), 0);
	assert_int_equal(p.m.pane, 3);
	assert_int_equal(p.m.time_ms, 0);
	assert_string_equal(p.text, "path");
	p.m.size = (uint32_t)len + 1;
	assert_int_equal(keep_unpack(&p, len), -EPROTO);
	assert_int_equal(keep_unpack(&p, 3), -EPROTO);
}

static void
a_status_is_read_by_older_and_newer(void **state)
{
	struct keep_packet p = {0};
	struct keep_status s = {.size = sizeof s, .panes = 2, .jobs = 3}, got;
	size_t before_jobs = offsetof(struct keep_status, jobs);

	(void)state;
	memset(s.last_failure, 'x', sizeof s.last_failure);
	keep_pack(&p, KEEP_STATUS, &s, sizeof s);
	keep_read_status(&p, &got);
	assert_int_equal(got.jobs, 3);
	assert_int_equal(strlen(got.last_failure), sizeof got.last_failure - 1);
	keep_pack(&p, KEEP_STATUS, &s, before_jobs);
	keep_read_status(&p, &got);
	assert_int_equal(got.panes, 2);
	assert_int_equal(got.jobs, 0);
}

static void
jobs_are_told_from_panes(void **state)
{
	(void)state;
	assert_false(keep_is_job(1));
	assert_false(keep_is_job(KEEP_REMOTE | 1));
	assert_false(keep_is_job(KEEP_REMOTE | KEEP_JOB | 1));
	assert_true(keep_is_job(KEEP_JOB | 1));
	assert_true(keep_is_job(KEEP_JOB | (uint64_t)9 << 48 | 1));
}

static void
descriptors_travel_in_order(void **state)
{
	(void)state;
	for (unsigned which = 0; which < 8; which++) {
		int fds[KEEP_FDS], out[KEEP_FDS], back[KEEP_FDS];
		uint32_t flags = KEEP_ENDED;
		unsigned n;

		for (int i = 0; i < KEEP_FDS; i++)
			fds[i] = (which >> i & 1) != 0 ? 10 + i : -1;
		n = keep_pack_fds(fds, &flags, out);
		assert_int_equal(flags, KEEP_ENDED | which * KEEP_FD);
		for (unsigned i = 1; i < n; i++)
			assert_true(out[i] > out[i - 1]);
		keep_unpack_fds(flags, out, n, back);
		assert_memory_equal(back, fds, sizeof fds);
		for (unsigned i = 0; i < n; i++)
			assert_int_equal(out[i], -1);
	}
}

static void
descriptors_that_did_not_come_are_none(void **state)
{
	int fds[4] = {10, 11, 12, 13}, out[KEEP_FDS];

	(void)state;
	keep_unpack_fds(KEEP_FD | KEEP_FD << 2, fds, 1, out);
	assert_int_equal(out[0], 10);
	assert_int_equal(out[1], -1);
	assert_int_equal(out[2], -1);
	keep_unpack_fds(KEEP_FD << 1, fds + 1, 3, out); /* and those not spoken of are left */
	assert_int_equal(out[0], -1);
	assert_int_equal(out[1], 11);
	assert_int_equal(out[2], -1);
	assert_int_equal(fds[2], 12);
	assert_int_equal(fds[3], 13);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_shorter_message_reads_as_zeroes),
	    cmocka_unit_test(a_status_is_read_by_older_and_newer),
	    cmocka_unit_test(jobs_are_told_from_panes),
	    cmocka_unit_test(descriptors_travel_in_order),
	    cmocka_unit_test(descriptors_that_did_not_come_are_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
