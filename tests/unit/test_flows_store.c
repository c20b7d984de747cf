#include "config.h"

#include "unit.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/xmalloc.h"
#include "jobs_owner.h"
#include "store/flows.h"
#include "store/sql.h"

/* store/flows.h. */
enum { PENDING, RUNNING, COMPLETED, FAILED, CANCELLED, SKIPPED, WAITING };

static uint64_t given;

static void
on_added(int rc, uint64_t id, void *arg)
{
	given = id;
	rec_done(rc, arg);
}

static int
add(struct owner *o, uint64_t id)
{
	struct flows_step steps[] = {{.name = "fetch", .n = 0}, {.name = "build", .n = 1},
	    {.name = "a \"quoted\" 'step'; --", .n = 2}};
	struct flows_run run = {.id = id,
	    .state = RUNNING,
	    .name = "nightly",
	    .definition = "{\"steps\":[]}",
	    .created_ms = 1000,
	    .steps = steps,
	    .nsteps = 3};

	flows_add(o->store, &run, on_added, NULL);
	return rec_outcome(o);
}

static int
set(struct owner *o, uint64_t run, const struct flows_step *step)
{
	flows_step_set(o->store, run, step, rec_done, NULL);
	return rec_outcome(o);
}

static int
end(struct owner *o, uint64_t run, int state)
{
	flows_end(
	    o->store, run, state, 5000, state == FAILED ? "it's bad" : NULL, rec_done, NULL);
	return rec_outcome(o);
}

static int
reopen(struct owner *o, uint64_t run)
{
	flows_reopen(o->store, run, rec_done, NULL);
	return rec_outcome(o);
}

static int
remove_run(struct owner *o, uint64_t run)
{
	flows_remove(o->store, run, rec_done, NULL);
	return rec_outcome(o);
}

static struct flows_run
read_run(struct owner *o, uint64_t id)
{
	sqlite3 *db = rec_reader(o);
	struct flows_run run;

	assert_int_equal(flows_read(db, id, &run), 0);
	sqlite3_close(db);
	return run;
}

static void
a_run_is_kept_with_its_steps(void **state)
{
	struct owner *o = *state;
	struct flows_step step = {.name = "build",
	    .n = 99,
	    .state = COMPLETED,
	    .hashed = true,
	    .job = 12,
	    .started_ms = 2000,
	    .ended_ms = 3000,
	    .result = "{\"text\":\"it's\"}"};
	struct flows_run run;

	rec_open(o);
	assert_int_equal(add(o, 0), 0);
	assert_int_equal(given, 1);
	memset(step.hash, 0xab, sizeof step.hash);
	assert_int_equal(set(o, 1, &step), 0);
	step = (struct flows_step){.name = "no such"};
	assert_int_equal(set(o, 1, &step), -ENOENT);
	step.name = "build";
	assert_int_equal(set(o, 2, &step), -ENOENT);
	owner_reopen(o);
	run = read_run(o, 1);
	assert_int_equal(run.state, RUNNING);
	assert_string_equal(run.name, "nightly");
	assert_null(run.file);
	assert_string_equal(run.definition, "{\"steps\":[]}");
	assert_int_equal(run.created_ms, 1000);
	assert_int_equal(run.ended_ms, 0);
	assert_int_equal(run.nsteps, 3);
	assert_string_equal(run.steps[0].name, "fetch");
	assert_false(run.steps[0].hashed);
	assert_null(run.steps[0].result);
	assert_int_equal(run.steps[0].job, 0);
	assert_int_equal(run.steps[1].n, 1); /* its place stays */
	assert_int_equal(run.steps[1].state, COMPLETED);
	assert_true(run.steps[1].hashed);
	assert_int_equal(run.steps[1].hash[31], 0xab);
	assert_int_equal(run.steps[1].job, 12);
	assert_int_equal(run.steps[1].started_ms, 2000);
	assert_int_equal(run.steps[1].ended_ms, 3000);
	assert_string_equal(run.steps[1].result, "{\"text\":\"it's\"}");
	assert_string_equal(run.steps[2].name, "a \"quoted\" 'step'; --");
	flows_run_release(&run);
}

static void
a_run_ends_once_unless_it_is_resumed(void **state)
{
	static const int terminal[] = {COMPLETED, FAILED, CANCELLED, SKIPPED};
	struct flows_step step = {.name = "fetch", .state = CANCELLED};
	struct owner *o = *state;
	struct flows_run run;

	rec_open(o);
	assert_int_equal(add(o, 0), 0);
	assert_int_equal(end(o, 1, RUNNING), -EINVAL);
	assert_int_equal(end(o, 1, WAITING), -EINVAL);
	assert_int_equal(end(o, 2, FAILED), -ENOENT);
	assert_int_equal(end(o, 1, FAILED), 0);
	for (unsigned i = 0; i < sizeof terminal / sizeof *terminal; i++)
		assert_int_equal(end(o, 1, terminal[i]), -EALREADY);
	assert_int_equal(set(o, 1, &step), 0); /* what was under way comes to its end */
	run = read_run(o, 1);
	assert_int_equal(run.state, FAILED);
	assert_int_equal(run.ended_ms, 5000);
	assert_string_equal(run.error, "it's bad");
	assert_int_equal(run.steps[0].state, CANCELLED);
	flows_run_release(&run);
	assert_int_equal(reopen(o, 1), 0);
	assert_int_equal(reopen(o, 2), -ENOENT);
	run = read_run(o, 1);
	assert_int_equal(run.state, RUNNING);
	assert_int_equal(run.ended_ms, 0);
	assert_null(run.error);
	assert_int_equal(run.steps[0].state, CANCELLED);
	flows_run_release(&run);
	assert_int_equal(end(o, 1, COMPLETED), 0);
	assert_int_equal(end(o, 1, FAILED), -EALREADY);
}

static void
numbers_of_runs_are_never_given_again(void **state)
{
	struct owner *o = *state;
	struct flows_run run;
	sqlite3 *db;

	rec_open(o);
	assert_int_equal(add(o, 0), 0);
	assert_int_equal(add(o, 7), 0);
	assert_int_equal(given, 7);
	assert_int_equal(add(o, 7), -EEXIST);
	assert_int_equal(given, 0);
	assert_int_equal(remove_run(o, 7), -EBUSY);
	assert_int_equal(remove_run(o, 6), -ENOENT);
	assert_int_equal(end(o, 7, CANCELLED), 0);
	assert_int_equal(remove_run(o, 7), 0);
	assert_int_equal(owner_read(o, "SELECT COUNT(*) FROM flow_steps"), 3);
	assert_int_equal(add(o, 7), -EEXIST);
	owner_reopen(o);
	assert_int_equal(add(o, 0), 0);
	assert_int_equal(given, 8);
	db = rec_reader(o);
	assert_int_equal(flows_read(db, 7, &run), -ENOENT);
	sqlite3_close(db);
}

static void
two_steps_of_one_name_are_refused_as_a_whole(void **state)
{
	struct flows_step steps[] = {{.name = "same"}, {.name = "same", .n = 1}};
	struct flows_run run = {.name = "x", .definition = "{}", .steps = steps, .nsteps = 2};
	struct owner *o = *state;

	rec_open(o);
	flows_add(o->store, &run, on_added, NULL);
	assert_int_equal(rec_outcome(o), -EEXIST);
	assert_int_equal(owner_read(o, "SELECT COUNT(*) FROM flow_runs"), 0);
	assert_int_equal(owner_read(o, "SELECT COUNT(*) FROM flow_steps"), 0);
}

struct seen {
	unsigned n;
	uint64_t ids[16];
	size_t steps;
	bool defined;
	int answer;
};

static int
on_run(void *arg, const struct flows_run *run)
{
	struct seen *s = arg;

	s->ids[s->n++] = run->id;
	s->steps += run->nsteps;
	s->defined = run->definition != NULL;
	return s->answer;
}

static void
runs_are_listed_newest_first(void **state)
{
	struct owner *o = *state;
	struct seen s = {0};
	sqlite3 *db;

	rec_open(o);
	for (unsigned i = 1; i <= 6; i++)
		assert_int_equal(add(o, 0), 0);
	assert_int_equal(end(o, 2, COMPLETED), 0);
	assert_int_equal(end(o, 4, FAILED), 0);
	db = rec_reader(o);
	assert_int_equal(flows_each(db, 0, 4, on_run, &s), 0);
	assert_int_equal(s.n, 4);
	assert_memory_equal(s.ids, ((uint64_t[]){6, 5, 4, 3}), 4 * sizeof *s.ids);
	assert_false(s.defined);
	assert_int_equal(s.steps, 0);
	s = (struct seen){0};
	assert_int_equal(flows_each(db, 3, 4, on_run, &s), 0);
	assert_int_equal(s.n, 2);
	assert_int_equal(s.ids[1], 1);
	s = (struct seen){.answer = 5};
	assert_int_equal(flows_each(db, 0, 4, on_run, &s), 5);
	assert_int_equal(s.n, 1);
	s = (struct seen){0};
	assert_int_equal(flows_open_ones(db, on_run, &s), 0);
	assert_int_equal(s.n, 4);
	assert_memory_equal(s.ids, ((uint64_t[]){1, 3, 5, 6}), 4 * sizeof *s.ids);
	assert_true(s.defined);
	assert_int_equal(s.steps, 12);
	sqlite3_close(db);
}

static int
cached(struct owner *o, unsigned char byte, struct flows_step *out, uint64_t *run)
{
	unsigned char hash[FLOWS_HASH_SIZE];
	sqlite3 *db = rec_reader(o);
	int rc;

	memset(hash, byte, sizeof hash);
	rc = flows_cached(db, hash, out, run);
	sqlite3_close(db);
	return rc;
}

static void
the_last_completed_step_of_a_hash_is_found(void **state)
{
	struct flows_step step = {.name = "fetch",
			      .hashed = true,
			      .state = FAILED,
			      .ended_ms = 9000},
			  found;
	struct owner *o = *state;
	uint64_t run = 0;

	rec_open(o);
	for (unsigned i = 1; i <= 3; i++)
		assert_int_equal(add(o, 0), 0);
	memset(step.hash, 1, sizeof step.hash);
	assert_int_equal(set(o, 3, &step), 0);
	assert_int_equal(cached(o, 1, &found, &run), -ENOENT);
	step.state = COMPLETED;
	step.result = "{\"run\":2}";
	step.job = 22;
	step.ended_ms = 7000;
	assert_int_equal(set(o, 2, &step), 0);
	step.result = "{\"run\":1}";
	step.job = 11;
	step.cached_from = 2;
	step.ended_ms = 8000; /* an older run, but resumed later */
	assert_int_equal(set(o, 1, &step), 0);
	assert_int_equal(cached(o, 1, &found, &run), 0);
	assert_int_equal(run, 1);
	assert_string_equal(found.result, "{\"run\":1}");
	assert_int_equal(found.job, 11);
	assert_int_equal(found.cached_from, 2);
	flows_step_release(&found);
	assert_int_equal(cached(o, 2, &found, &run), -ENOENT);
	assert_int_equal(end(o, 1, COMPLETED), 0);
	assert_int_equal(remove_run(o, 1), 0);
	assert_int_equal(cached(o, 1, &found, &run), 0);
	assert_int_equal(run, 2);
	flows_step_release(&found);
	step.hashed = false;
	assert_int_equal(set(o, 2, &step), 0);
	assert_int_equal(cached(o, 1, &found, &run), -ENOENT);
}

static void
runs_that_are_old_are_removed_with_their_steps(void **state)
{
	struct owner *o = *state;
	struct flows_run run;
	sqlite3 *db;

	rec_open(o);
	assert_int_equal(add(o, 0), 0);
	assert_int_equal(add(o, 0), 0);
	assert_int_equal(end(o, 1, COMPLETED), 0); /* at 5000 */
	flows_expire(o->store, 5000, rec_done, NULL);
	assert_int_equal(rec_outcome(o), 0);
	run = read_run(o, 1);
	flows_run_release(&run);
	flows_expire(o->store, INT64_MAX, rec_done, NULL);
	assert_int_equal(rec_outcome(o), 0);
	db = rec_reader(o);
	assert_int_equal(flows_read(db, 1, &run), -ENOENT);
	sqlite3_close(db);
	run = read_run(o, 2); /* it has not ended */
	assert_int_equal(run.nsteps, 3);
	flows_run_release(&run);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    CASE(a_run_is_kept_with_its_steps),
	    CASE(a_run_ends_once_unless_it_is_resumed),
	    CASE(numbers_of_runs_are_never_given_again),
	    CASE(two_steps_of_one_name_are_refused_as_a_whole),
	    CASE(runs_are_listed_newest_first),
	    CASE(the_last_completed_step_of_a_hash_is_found),
	    CASE(runs_that_are_old_are_removed_with_their_steps),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
