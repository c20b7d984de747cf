#include "config.h"

#include "store/flows.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/xmalloc.h"
#include "store/jobs_priv.h"
#include "store/sql.h"

#define TERMINAL "state BETWEEN 2 AND 5"
#define OPEN "state NOT BETWEEN 2 AND 5"
#define STEP_COLUMNS \
	"name, n, state, hash, job, cached_from, started_ms, ended_ms, result, error"

/* What an operation needs of its own; the strings are copies. */
struct act {
	struct flows_run run; /* of most of them the number alone */
	struct flows_step step;
	uint64_t given; /* the number it got */
	void (*added)(int rc, uint64_t id, void *arg);
	jobs_done_cb done;
	void *arg;
	size_t size;
};

void
flows_step_release(struct flows_step *step)
{
	free(step->name);
	free(step->result);
	free(step->error);
	*step = (struct flows_step){0};
}

void
flows_run_release(struct flows_run *run)
{
	for (size_t i = 0; i < run->nsteps; i++)
		flows_step_release(&run->steps[i]);
	free(run->steps);
	free(run->name);
	free(run->file);
	free(run->definition);
	free(run->error);
	*run = (struct flows_run){0};
}

/* Operations. */

static struct act *
act_new(uint64_t run, jobs_done_cb done, void *arg)
{
	struct act *a = xcalloc(1, sizeof *a);

	a->run.id = run;
	a->done = done;
	a->arg = arg;
	a->size = sizeof *a;
	return a;
}

static void
act_done(int rc, void *data)
{
	struct act *a = data;

	if (a->added != NULL)
		a->added(rc, rc == 0 ? a->given : 0, a->arg);
	else if (a->done != NULL)
		a->done(rc, a->arg);
	flows_run_release(&a->run);
	flows_step_release(&a->step);
	free(a);
}

static void
act_submit(struct store *s, struct act *take, int (*run)(sqlite3 *, void *), bool erase)
{
	const struct store_op op = {
	    .run = run, .done = act_done, .data = take, .size = take->size, .erase = erase};

	store_submit(s, &op);
}

static struct flows_step
keep_step(struct act *a, const struct flows_step *step)
{
	struct flows_step copy = *step;

	copy.name = jobs_keep(&a->size, step->name);
	copy.result = jobs_keep(&a->size, step->result);
	copy.error = jobs_keep(&a->size, step->error);
	return copy;
}

static void
keep_run(struct act *a, const struct flows_run *run)
{
	a->run = *run;
	a->run.name = jobs_keep(&a->size, run->name);
	a->run.file = jobs_keep(&a->size, run->file);
	a->run.definition = jobs_keep(&a->size, run->definition);
	a->run.error = jobs_keep(&a->size, run->error);
	a->run.steps = xcalloc(run->nsteps, sizeof *run->steps);
	a->size += run->nsteps * sizeof *run->steps;
	for (size_t i = 0; i < run->nsteps; i++)
		a->run.steps[i] = keep_step(a, &run->steps[i]);
}

/* Why a statement that is not for all runs changed nothing. */
static int
why_unchanged(sqlite3 *db, uint64_t run, int why)
{
	int64_t one;
	int rc = sql_get(db, &one, "SELECT 1 FROM flow_runs WHERE id=?", "l", jobs_number(run));

	return rc == 0 ? why : rc;
}

static int
add_run(sqlite3 *db, struct act *a)
{
	const struct flows_run *r = &a->run;
	int rc = sql_run_kept(db,
	    "INSERT INTO flow_runs(id, state, name, file, created_ms, ended_ms, error,"
	    " definition) SELECT NULLIF(?1, 0), ?2, ?3, ?4, ?5, NULLIF(?6, 0), ?7, ?8"
	    " WHERE ?1=0 OR NOT EXISTS(SELECT 1 FROM sqlite_sequence"
	    " WHERE name='flow_runs' AND seq>=?1)",
	    "littlltt", jobs_number(r->id), r->state, r->name, r->file, r->created_ms,
	    r->ended_ms, r->error, r->definition);

	if (rc == 0 && sqlite3_changes(db) == 0)
		rc = -EEXIST;
	a->given = (uint64_t)sqlite3_last_insert_rowid(db);
	return rc;
}

static int
add(sqlite3 *db, void *data)
{
	struct act *a = data;
	int rc = a->run.id <= INT64_MAX ? add_run(db, a) : -EINVAL;

	for (size_t i = 0; rc == 0 && i < a->run.nsteps; i++) {
		const struct flows_step *t = &a->run.steps[i];

		rc = sql_run_kept(db,
		    "INSERT INTO flow_steps(run, " STEP_COLUMNS ") VALUES(?, ?, ?, ?, ?,"
		    " NULLIF(?, 0), NULLIF(?, 0), NULLIF(?, 0), NULLIF(?, 0), ?, ?)",
		    "ltlibllll"
		    "tt",
		    jobs_number(a->given), t->name, (int64_t)t->n, t->state,
		    t->hashed ? t->hash : NULL, sizeof t->hash, jobs_number(t->job),
		    jobs_number(t->cached_from), t->started_ms, t->ended_ms, t->result,
		    t->error);
	}
	return rc;
}

void
flows_add(struct store *s, const struct flows_run *run,
    void (*done)(int rc, uint64_t id, void *arg), void *arg)
{
	struct act *a = act_new(0, NULL, arg);

	a->added = done;
	keep_run(a, run);
	act_submit(s, a, add, false);
}

static int
step_set(sqlite3 *db, void *data)
{
	const struct act *a = data;
	const struct flows_step *t = &a->step;
	int rc = sql_run_kept(db,
	    "UPDATE flow_steps SET state=?3, hash=?4, job=NULLIF(?5, 0),"
	    " cached_from=NULLIF(?6, 0), started_ms=NULLIF(?7, 0), ended_ms=NULLIF(?8, 0),"
	    " result=?9, error=?10 WHERE run=?1 AND name=?2",
	    "ltibllll"
	    "tt",
	    jobs_number(a->run.id), t->name, t->state, t->hashed ? t->hash : NULL,
	    sizeof t->hash, jobs_number(t->job), jobs_number(t->cached_from), t->started_ms,
	    t->ended_ms, t->result, t->error);

	return rc == 0 && sqlite3_changes(db) == 0 ? -ENOENT : rc;
}

void
flows_step_set(
    struct store *s, uint64_t run, const struct flows_step *step, jobs_done_cb done, void *arg)
{
	struct act *a = act_new(run, done, arg);

	a->step = keep_step(a, step);
	act_submit(s, a, step_set, false);
}

static int
end(sqlite3 *db, void *data)
{
	const struct flows_run *r = &((struct act *)data)->run;
	int rc = r->state < 2 || r->state > 5
		     ? -EINVAL
		     : sql_run_kept(db,
			   "UPDATE flow_runs SET state=?2, ended_ms=?3, error=?4"
			   " WHERE id=?1 AND " OPEN,
			   "lilt", jobs_number(r->id), r->state, r->ended_ms, r->error);

	return rc == 0 && sqlite3_changes(db) == 0 ? why_unchanged(db, r->id, -EALREADY) : rc;
}

void
flows_end(struct store *s, uint64_t run, int state, int64_t ended_ms, const char *error,
    jobs_done_cb done, void *arg)
{
	struct act *a = act_new(run, done, arg);

	a->run.state = state;
	a->run.ended_ms = ended_ms > 0 ? ended_ms : clock_wall_ms();
	a->run.error = jobs_keep(&a->size, error);
	act_submit(s, a, end, false);
}

static int
reopen(sqlite3 *db, void *data)
{
	const struct act *a = data;
	int rc = sql_run_kept(db,
	    "UPDATE flow_runs SET state=1, ended_ms=NULL, error=NULL WHERE id=?", "l",
	    jobs_number(a->run.id));

	return rc == 0 && sqlite3_changes(db) == 0 ? -ENOENT : rc;
}

void
flows_reopen(struct store *s, uint64_t run, jobs_done_cb done, void *arg)
{
	act_submit(s, act_new(run, done, arg), reopen, false);
}

static int
remove_one(sqlite3 *db, void *data)
{
	const struct act *a = data;
	int rc = sql_run_kept(
	    db, "DELETE FROM flow_runs WHERE id=? AND " TERMINAL, "l", jobs_number(a->run.id));

	return rc == 0 && sqlite3_changes(db) == 0 ? why_unchanged(db, a->run.id, -EBUSY) : rc;
}

void
flows_remove(struct store *s, uint64_t run, jobs_done_cb done, void *arg)
{
	act_submit(s, act_new(run, done, arg), remove_one, true);
}

static int
expire(sqlite3 *db, void *data)
{
	const struct act *a = data;

	return sql_run_kept(db,
	    "DELETE FROM flow_runs WHERE id IN (SELECT id FROM flow_runs"
	    " WHERE ended_ms<? AND " TERMINAL " ORDER BY id LIMIT ?)",
	    "ll", a->run.ended_ms, (int64_t)FLOWS_EXPIRE_MAX);
}

void
flows_expire(struct store *s, int64_t before_ms, jobs_done_cb done, void *arg)
{
	struct act *a = act_new(0, done, arg);

	a->run.ended_ms = before_ms;
	act_submit(s, a, expire, true);
}

/* Reading. */

#define RUN_COLUMNS "id, state, name, file, created_ms, ended_ms, error"

static void
read_step(sqlite3_stmt *st, struct flows_step *t)
{
	const void *hash = sqlite3_column_blob(st, 3);

	*t = (struct flows_step){
	    .name = sql_text(st, 0),
	    .n = (unsigned)sqlite3_column_int64(st, 1),
	    .state = sqlite3_column_int(st, 2),
	    .job = (uint64_t)sqlite3_column_int64(st, 4),
	    .cached_from = (uint64_t)sqlite3_column_int64(st, 5),
	    .started_ms = sqlite3_column_int64(st, 6),
	    .ended_ms = sqlite3_column_int64(st, 7),
	    .result = sql_text(st, 8),
	    .error = sql_text(st, 9),
	};
	if (hash != NULL && sqlite3_column_bytes(st, 3) == FLOWS_HASH_SIZE) {
		t->hashed = true;
		memcpy(t->hash, hash, FLOWS_HASH_SIZE);
	}
}

static int
read_steps(sqlite3 *db, struct flows_run *r)
{
	sqlite3_stmt *st;
	size_t cap = 0;
	int rc = sql_prepare(db, &st,
	    "SELECT " STEP_COLUMNS " FROM flow_steps WHERE run=? ORDER BY n, name", "l",
	    jobs_number(r->id));

	while (rc == 0 && (rc = sql_step(st)) == 1) {
		if (r->nsteps == cap) {
			cap = cap * 2 + 8;
			r->steps = xreallocarray(r->steps, cap, sizeof *r->steps);
		}
		read_step(st, &r->steps[r->nsteps++]);
		rc = 0;
	}
	return sql_finish(st, rc);
}

/* With the definition it is wanted whole; the steps are of the same moment, as the statement goes on. */
static int
read_run(sqlite3 *db, sqlite3_stmt *st, struct flows_run *r)
{
	*r = (struct flows_run){
	    .id = (uint64_t)sqlite3_column_int64(st, 0),
	    .state = sqlite3_column_int(st, 1),
	    .name = sql_text(st, 2),
	    .file = sql_text(st, 3),
	    .created_ms = sqlite3_column_int64(st, 4),
	    .ended_ms = sqlite3_column_int64(st, 5),
	    .error = sql_text(st, 6),
	};
	if (sqlite3_column_count(st) == 7)
		return 0;
	r->definition = sql_text(st, 7);
	return read_steps(db, r);
}

/* Takes the statement. */
static int
give_runs(sqlite3 *db, sqlite3_stmt *st, int rc,
    int (*cb)(void *arg, const struct flows_run *run), void *arg)
{
	int answer = 0;

	while (rc == 0 && answer == 0 && (rc = sql_step(st)) == 1) {
		struct flows_run run;

		if ((rc = read_run(db, st, &run)) == 0)
			answer = cb(arg, &run);
		flows_run_release(&run);
	}
	rc = sql_finish(st, rc);
	return rc != 0 ? rc : answer;
}

int
flows_each(sqlite3 *db, uint64_t before, unsigned limit,
    int (*cb)(void *arg, const struct flows_run *run), void *arg)
{
	sqlite3_stmt *st;
	int rc = sql_prepare(db, &st,
	    "SELECT " RUN_COLUMNS " FROM flow_runs WHERE id<? ORDER BY id DESC LIMIT ?", "ll",
	    before == 0 ? INT64_MAX : jobs_number(before), (int64_t)limit);

	return give_runs(db, st, rc, cb, arg);
}

int
flows_open_ones(sqlite3 *db, int (*cb)(void *arg, const struct flows_run *run), void *arg)
{
	sqlite3_stmt *st;
	int rc = sql_prepare(db, &st,
	    "SELECT " RUN_COLUMNS ", definition FROM flow_runs INDEXED BY flow_runs_open"
	    " WHERE " OPEN " ORDER BY id",
	    "");

	return give_runs(db, st, rc, cb, arg);
}

int
flows_read(sqlite3 *db, uint64_t id, struct flows_run *out)
{
	sqlite3_stmt *st;
	int rc =
	    sql_prepare(db, &st, "SELECT " RUN_COLUMNS ", definition FROM flow_runs WHERE id=?",
		"l", jobs_number(id));

	*out = (struct flows_run){0};
	if (rc == 0 && (rc = sql_step(st)) == 1)
		rc = read_run(db, st, out);
	else if (rc == 0)
		rc = -ENOENT;
	if (rc != 0)
		flows_run_release(out);
	return sql_finish(st, rc);
}

int
flows_cached(sqlite3 *db, const unsigned char hash[FLOWS_HASH_SIZE], struct flows_step *out,
    uint64_t *run)
{
	sqlite3_stmt *st;
	int rc = sql_prepare(db, &st,
	    "SELECT " STEP_COLUMNS ", run FROM flow_steps INDEXED BY flow_steps_hash"
	    " WHERE state=2 AND hash=? ORDER BY ended_ms DESC, run DESC LIMIT 1",
	    "b", (const void *)hash, (size_t)FLOWS_HASH_SIZE);

	*out = (struct flows_step){0};
	if (rc == 0 && (rc = sql_step(st)) == 1) {
		read_step(st, out);
		*run = (uint64_t)sqlite3_column_int64(st, 10);
	} else if (rc == 0) {
		rc = -ENOENT;
	}
	return sql_finish(st, rc);
}
