#include "config.h"

#include "unit.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "job/job.h"
#include "jobs_owner.h"
#include "store/schema.h"

static void
a_job_is_on_record_from_its_first_step_to_its_end(void **state)
{
	struct owner *o = *state;
	struct jobs_channel one = {.n = 1,
	    .state = CHANNEL_RESOLVED,
	    .bytes = 70,
	    .name = "stdout",
	    .exit_status = -1,
	    .duration_ms = -1};
	struct jobs_row row = rec_queued(1, REC_SPEC);

	rec_open(o);
	row.keyed = true;
	memset(row.key, 7, sizeof row.key);
	assert_int_equal(rec_add_row(o, &row), 0);
	row = rec_read(o, 1);
	assert_int_equal(row.state, JOB_QUEUED);
	assert_string_equal(row.spec, REC_SPEC);
	assert_true(row.keyed);
	assert_int_equal(row.key[31], 7);
	assert_int_equal(row.created_ms, 1001);
	assert_int_equal(row.exit_status, -1);
	assert_true(row.usage.cost_usd < 0 && row.usage.input == -1);
	assert_int_equal(row.ntries + row.nchannels, 0);
	jobs_row_release(&row);

	assert_int_equal(rec_begin(o, 1, 1, 2000), 0);
	jobs_pid(o->store, 1, 4321);
	row = rec_queued(1, NULL);
	row.state = JOB_FAILED;
	row.ended_ms = 3000;
	row.exit_status = 2;
	row.error = "it's \"bad\"";
	row.session = "abc";
	row.usage = (struct jobs_usage){1, 2, 3, 4, 5, -1, 0.25, 2};
	row.nchannels = 1;
	row.channels = &one;
	jobs_end(o->store, &row, rec_done, NULL);
	assert_int_equal(rec_outcome(o), 0);
	row = rec_read(o, 1);
	assert_int_equal(row.state, JOB_FAILED);
	assert_int_equal(row.started_ms, 2000);
	assert_int_equal(row.ended_ms, 3000);
	assert_int_equal(row.exit_status, 2);
	assert_int_equal(row.pid, 4321);
	assert_string_equal(row.error, "it's \"bad\"");
	assert_string_equal(row.session, "abc");
	assert_int_equal(row.usage.output, 5);
	assert_int_equal(row.usage.reasoning, -1);
	assert_true(row.usage.cost_usd == 0.25 && row.usage.cost_source == 2);
	assert_string_equal(row.spec, REC_SPEC);
	assert_int_equal(row.ntries, 1);
	assert_int_equal(row.tries[0].started_ms, 2000);
	assert_int_equal(row.tries[0].ended_ms, 3000);
	assert_int_equal(row.tries[0].exit_status, 2);
	assert_string_equal(row.tries[0].reason, "it's \"bad\"");
	assert_int_equal(row.tries[0].from[1], 20);
	assert_int_equal(row.nchannels, 1);
	assert_int_equal(row.channels[0].bytes, 70);
	assert_string_equal(row.channels[0].name, "stdout");
	jobs_row_release(&row);
}

static void
a_job_ends_once(void **state)
{
	struct owner *o = *state;
	struct jobs_channel late = {.n = 1, .bytes = 9, .exit_status = -1, .duration_ms = -1};
	struct jobs_row row;

	rec_open(o);
	assert_int_equal(rec_add(o, 1), 0);
	assert_int_equal(rec_end(o, 1, JOB_RUNNING, 5), -EINVAL);
	assert_int_equal(rec_end(o, 2, JOB_FAILED, 5), -ENOENT);
	assert_int_equal(rec_end(o, 1, JOB_CANCELLED, 5000), 0);
	for (int s = JOB_COMPLETED; s <= JOB_ORPHANED; s++)
		assert_int_equal(rec_end(o, 1, s, 6000), -EALREADY);
	assert_int_equal(rec_begin(o, 1, 1, 7000), -ENOENT);
	jobs_try_end(o->store, 1, &(struct jobs_try){.n = 1, .retry_ms = 5}, rec_done, NULL);
	assert_int_equal(rec_outcome(o), -ENOENT);
	jobs_channel_set(o->store, 1, &late, rec_done, NULL);
	assert_int_equal(rec_outcome(o), -EALREADY);
	jobs_pid(o->store, 1, 99);
	assert_int_equal(rec_add(o, 1), -EEXIST);
	row = rec_read(o, 1);
	assert_int_equal(row.state, JOB_CANCELLED);
	assert_int_equal(row.ended_ms, 5000);
	assert_int_equal(row.exit_status, 3);
	assert_int_equal(row.pid, 0);
	assert_int_equal(row.ntries + row.nchannels, 0);
	jobs_row_release(&row);
}

static int endings[7];

static void
on_ending(int rc, void *arg)
{
	endings[(intptr_t)arg] = rc;
	if ((intptr_t)arg == JOB_ORPHANED)
		rec_done(rc, NULL);
}

/* In one transaction, where each is undone by itself. */
static void
of_many_endings_at_once_the_first_counts(void **state)
{
	struct owner *o = *state;
	struct jobs_row row;
	struct gate g;

	rec_open(o);
	assert_int_equal(rec_add(o, 1), 0);
	owner_gate(o, &g);
	owner_gate_entered(&g);
	for (int s = JOB_COMPLETED; s <= JOB_ORPHANED; s++) {
		row = rec_queued(1, NULL);
		row.state = s;
		jobs_end(o->store, &row, on_ending, (void *)(intptr_t)s);
	}
	owner_gate_open(&g);
	rec_outcome(o);
	assert_int_equal(endings[JOB_COMPLETED], 0);
	for (int s = JOB_FAILED; s <= JOB_ORPHANED; s++)
		assert_int_equal(endings[s], -EALREADY);
	row = rec_read(o, 1);
	assert_int_equal(row.state, JOB_COMPLETED);
	assert_true(row.ended_ms > 0); /* it was not said when */
	jobs_row_release(&row);
}

static void
tries_follow_one_another(void **state)
{
	struct owner *o = *state;
	struct jobs_try t = {.n = 1,
	    .ended_ms = 2500,
	    .exit_status = 1,
	    .retry_ms = 15000,
	    .reason = "rate_limit"};
	struct jobs_row row;

	rec_open(o);
	assert_int_equal(rec_add(o, 1), 0);
	jobs_try_end(o->store, 1, &t, rec_done, NULL);
	assert_int_equal(rec_outcome(o), -ENOENT); /* it has not begun */
	assert_int_equal(rec_begin(o, 1, 1, 2000), 0);
	assert_int_equal(rec_begin(o, 1, 1, 2001), -EEXIST);
	jobs_pid(o->store, 1, 77);
	jobs_try_end(o->store, 1, &t, rec_done, NULL);
	assert_int_equal(rec_outcome(o), 0);
	jobs_try_end(o->store, 1, &t, rec_done, NULL);
	assert_int_equal(rec_outcome(o), -ENOENT);
	row = rec_read(o, 1);
	assert_int_equal(row.state, JOB_QUEUED);
	assert_int_equal(row.tries[0].retry_ms, 15000);
	assert_string_equal(row.tries[0].reason, "rate_limit");
	jobs_row_release(&row);
	assert_int_equal(rec_begin(o, 1, 2, 20000), 0);
	row = rec_read(o, 1);
	assert_int_equal(row.pid, 0); /* the first one's is not the second one's */
	jobs_row_release(&row);
	assert_int_equal(rec_end(o, 1, JOB_COMPLETED, 21000), 0);
	row = rec_read(o, 1);
	assert_int_equal(row.started_ms, 2000);
	assert_int_equal(row.ntries, 2);
	assert_int_equal(row.tries[0].ended_ms, 2500);
	assert_int_equal(row.tries[1].ended_ms, 21000);
	assert_int_equal(row.tries[1].from[0], 20);
	assert_int_equal(row.tries[1].exit_status, 0);
	jobs_row_release(&row);
}

static int
channel(struct owner *o, unsigned n, int state, uint64_t bytes, char *name)
{
	jobs_channel_set(o->store, 1,
	    &(struct jobs_channel){.n = n,
		.state = state,
		.bytes = bytes,
		.name = name,
		.exit_status = -1,
		.duration_ms = -1},
	    rec_done, NULL);
	return rec_outcome(o);
}

static void
bytes_of_channels_never_shrink(void **state)
{
	struct owner *o = *state;
	struct jobs_channel less = {.n = 1,
	    .state = CHANNEL_FAILED,
	    .bytes = 10,
	    .exit_status = 4,
	    .duration_ms = 12,
	    .reason = "gone"};
	struct jobs_row row = rec_queued(1, REC_SPEC);

	rec_open(o);
	row.state = JOB_RUNNING;
	row.channels = &(struct jobs_channel){.n = 2, .exit_status = -1, .duration_ms = -1};
	row.nchannels = 1;
	assert_int_equal(rec_add_row(o, &row), 0);
	assert_int_equal(channel(o, 1, CHANNEL_STREAMING, 100, "stdout"), 0);
	assert_int_equal(channel(o, 1, CHANNEL_STREAMING, 50, NULL), 0);
	assert_int_equal(channel(o, 0, CHANNEL_STREAMING, 1, NULL), -EINVAL);
	assert_int_equal(
	    channel(o, JOBS_CHANNELS_MAX + 1, CHANNEL_STREAMING, 1, NULL), -EINVAL);
	row = rec_queued(1, NULL);
	row.state = JOB_FAILED;
	row.channels = &less;
	row.nchannels = 1;
	jobs_end(o->store, &row, rec_done, NULL);
	assert_int_equal(rec_outcome(o), 0);
	row = rec_read(o, 1);
	assert_int_equal(row.nchannels, 2);
	assert_int_equal(row.channels[0].bytes, 100);
	assert_int_equal(row.channels[0].state, CHANNEL_FAILED);
	assert_string_equal(row.channels[0].name, "stdout");
	assert_string_equal(row.channels[0].reason, "gone");
	assert_int_equal(row.channels[0].exit_status, 4);
	assert_int_equal(row.channels[0].duration_ms, 12);
	assert_int_equal(row.channels[1].state, CHANNEL_PROPOSED);
	assert_int_equal(row.channels[1].exit_status, -1);
	jobs_row_release(&row);
}

static void
usage_may_be_known_later(void **state)
{
	struct owner *o = *state;
	struct jobs_usage u = jobs_usage_unknown;
	struct jobs_row row;

	rec_open(o);
	assert_int_equal(rec_add(o, 1), 0);
	assert_int_equal(rec_end(o, 1, JOB_COMPLETED, 5000), 0);
	u.input = 11;
	u.cost_usd = 1.5;
	u.cost_source = 1;
	jobs_usage_set(o->store, 1, "s1", &u, rec_done, NULL);
	assert_int_equal(rec_outcome(o), 0);
	u = jobs_usage_unknown;
	u.output = 12;
	jobs_usage_set(o->store, 1, NULL, &u, rec_done, NULL);
	assert_int_equal(rec_outcome(o), 0);
	jobs_usage_set(o->store, 2, "s", NULL, rec_done, NULL);
	assert_int_equal(rec_outcome(o), -ENOENT);
	row = rec_read(o, 1);
	assert_string_equal(row.session, "s1");
	assert_int_equal(row.usage.input, 11);
	assert_int_equal(row.usage.output, 12);
	assert_true(row.usage.cost_usd == 1.5 && row.usage.cost_source == 1);
	assert_int_equal(row.state, JOB_COMPLETED);
	jobs_row_release(&row);
}

static int
remove_job(struct owner *o, uint64_t id)
{
	jobs_remove(o->store, id, rec_done, NULL);
	return rec_outcome(o);
}

static uint64_t
last_number(struct owner *o)
{
	sqlite3 *db = rec_reader(o);
	uint64_t n = 99;

	assert_int_equal(jobs_last_number(db, &n), 0);
	sqlite3_close(db);
	return n;
}

static void
numbers_are_never_given_again(void **state)
{
	struct owner *o = *state;
	struct jobs_row row;
	sqlite3 *db;

	rec_open(o);
	assert_int_equal(last_number(o), 0);
	assert_int_equal(rec_add(o, 5), 0);
	assert_int_equal(rec_add(o, 9), 0);
	assert_int_equal(rec_begin(o, 9, 1, 1), 0);
	assert_int_equal(remove_job(o, 9), -EBUSY);
	assert_int_equal(remove_job(o, 5), -EBUSY);
	assert_int_equal(remove_job(o, 7), -ENOENT);
	assert_int_equal(rec_end(o, 9, JOB_COMPLETED, 1), 0);
	assert_int_equal(remove_job(o, 9), 0);
	assert_int_equal(remove_job(o, 9), -ENOENT);
	assert_int_equal(owner_read(o, "SELECT COUNT(*) FROM job_tries"), 0);
	assert_int_equal(rec_add(o, 9), -EEXIST);
	owner_reopen(o);
	assert_int_equal(last_number(o), 9);
	assert_int_equal(rec_add(o, 9), -EEXIST);
	assert_int_equal(rec_add(o, 0), -EINVAL);
	assert_int_equal(rec_add(o, UINT64_MAX), -EINVAL);
	assert_int_equal(rec_add(o, 10), 0);
	db = rec_reader(o);
	assert_int_equal(jobs_read(db, 9, &row), -ENOENT);
	sqlite3_close(db);
}

static void
what_ended_long_ago_expires(void **state)
{
	struct owner *o = *state;

	rec_open(o);
	for (uint64_t id = 1; id <= 6; id++)
		assert_int_equal(rec_add(o, id), 0);
	assert_int_equal(rec_end(o, 3, JOB_COMPLETED, 100), 0);
	assert_int_equal(rec_end(o, 1, JOB_FAILED, 200), 0);
	assert_int_equal(rec_end(o, 2, JOB_ORPHANED, 300), 0);
	assert_int_equal(rec_end(o, 4, JOB_COMPLETED, 900), 0);
	assert_int_equal(rec_begin(o, 5, 1, 1), 0);
	jobs_expire(o->store, 500, 2, rec_on_expired, NULL);
	assert_int_equal(rec_outcome(o), 0);
	assert_int_equal(rec_nexpired, 2);
	assert_int_equal(rec_expired[0], 3);
	assert_int_equal(rec_expired[1], 1);
	jobs_expire(o->store, 500, 1000, rec_on_expired, NULL);
	assert_int_equal(rec_outcome(o), 0);
	assert_int_equal(rec_nexpired, 1);
	assert_int_equal(rec_expired[0], 2);
	jobs_expire(o->store, 500, 1000, rec_on_expired, NULL);
	assert_int_equal(rec_outcome(o), 0);
	assert_int_equal(rec_nexpired, 0);
	free(rec_expired);
	rec_expired = NULL;
	assert_int_equal(owner_read(o, "SELECT COUNT(*) FROM jobs WHERE id IN (4, 5, 6)"), 3);
	assert_int_equal(owner_read(o, "SELECT COUNT(*) FROM jobs"), 3);
}

/* A database of the version before. */
static void
an_older_database_keeps_what_it_has(void **state)
{
	const char *const before[] = {store_schema[0], store_schema[1], store_schema[2], NULL};
	struct owner *o = *state;
	char copy[128];

	snprintf(copy, sizeof copy, "%s.v3", o->path);
	o->config.scripts = before;
	owner_open(o);
	assert_true(owner_await_state(o, STORE_READY));
	owner_close(o);
	assert_int_equal(
	    owner_ask(o->path, "INSERT INTO sessions(id, agent, native) VALUES(7, 'a', 'n')"),
	    -1);
	assert_int_equal(
	    owner_ask(o->path,
		"INSERT INTO runs(id, started_ms, version, pid) VALUES(41, 1, 'x', 1)"),
	    -1);
	rec_open(o);
	assert_int_equal(owner_read(o, "PRAGMA user_version"), 4);
	assert_int_equal(owner_read(o, "SELECT id FROM sessions WHERE native='n'"), 7);
	assert_int_equal(
	    owner_read(o, "SELECT seq FROM sqlite_sequence WHERE name='runs'"), 41);
	assert_int_equal(last_number(o), 0);
	assert_int_equal(rec_add(o, 1), 0);
	assert_int_equal(rec_end(o, 1, JOB_COMPLETED, 1), 0);
	assert_int_equal(last_number(o), 1);
	assert_int_equal(owner_ask(copy, "PRAGMA user_version"), 3);
	assert_int_equal(owner_ask(copy, "SELECT id FROM sessions"), 7);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    CASE(a_job_is_on_record_from_its_first_step_to_its_end),
	    CASE(a_job_ends_once),
	    CASE(of_many_endings_at_once_the_first_counts),
	    CASE(tries_follow_one_another),
	    CASE(bytes_of_channels_never_shrink),
	    CASE(usage_may_be_known_later),
	    CASE(numbers_are_never_given_again),
	    CASE(what_ended_long_ago_expires),
	    CASE(an_older_database_keeps_what_it_has),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
