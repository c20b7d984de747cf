#include "config.h"

#include "unit.h"

#include <stdlib.h>

#include "job/job.h"
#include "jobs_owner.h"

static int result;
static bool over;
uint64_t *rec_expired;
size_t rec_nexpired;

void
rec_done(int rc, void *arg)
{
	(void)arg;
	result = rc;
	over = true;
}

void
rec_on_expired(int rc, uint64_t *take_ids, size_t n, void *arg)
{
	free(rec_expired);
	rec_expired = take_ids;
	rec_nexpired = n;
	rec_done(rc, arg);
}

static bool
is_over(struct owner *o, long arg)
{
	(void)o;
	(void)arg;
	return over;
}

/* What the last operation that was submitted came to. */
int
rec_outcome(struct owner *o)
{
	assert_true(owner_until(o, is_over, 0));
	over = false;
	return result;
}

void
rec_open(struct owner *o)
{
	o->config.scripts = NULL;
	owner_open(o);
	assert_true(owner_await_state(o, STORE_READY));
}

sqlite3 *
rec_reader(struct owner *o)
{
	sqlite3 *db;

	assert_int_equal(store_reader_open(o->store, &db, NULL), 0);
	return db;
}

struct jobs_row
rec_queued(uint64_t id, char *spec)
{
	return (struct jobs_row){.id = id,
	    .spec = spec,
	    .created_ms = 1000 + (int64_t)id,
	    .exit_status = -1,
	    .usage = jobs_usage_unknown};
}

int
rec_add_row(struct owner *o, const struct jobs_row *row)
{
	jobs_add(o->store, row, false, rec_done, NULL);
	return rec_outcome(o);
}

int
rec_add(struct owner *o, uint64_t id)
{
	struct jobs_row row = rec_queued(id, REC_SPEC);

	return rec_add_row(o, &row);
}

int
rec_begin(struct owner *o, uint64_t id, unsigned n, int64_t ms)
{
	jobs_try_begin(o->store, id,
	    &(struct jobs_try){.n = n, .started_ms = ms, .from = {n * 10, n * 20}}, rec_done,
	    NULL);
	return rec_outcome(o);
}

int
rec_end(struct owner *o, uint64_t id, int state, int64_t ms)
{
	struct jobs_row row = rec_queued(id, NULL);

	row.state = state;
	row.ended_ms = ms;
	row.exit_status = state == JOB_COMPLETED ? 0 : 3;
	jobs_end(o->store, &row, rec_done, NULL);
	return rec_outcome(o);
}

struct jobs_row
rec_read(struct owner *o, uint64_t id)
{
	sqlite3 *db = rec_reader(o);
	struct jobs_row row;

	assert_int_equal(jobs_read(db, id, &row), 0);
	sqlite3_close(db);
	return row;
}

int
rec_on_row(void *arg, const struct jobs_row *row)
{
	struct rec_seen *s = arg;

	assert_true(s->n < 64);
	s->ids[s->n++] = row->id;
	s->tries += row->ntries;
	s->channels += row->nchannels;
	return s->answer;
}
