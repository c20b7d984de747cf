#include "config.h"

#include "unit.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include "base/clock.h"
#include "store/sql.h"
#include "store_owner.h"

const char *const owner_scripts[] = {
    "CREATE TABLE gaps(id INTEGER PRIMARY KEY, from_ms INTEGER, to_ms INTEGER, dropped "
    "INTEGER);"
    "CREATE TABLE rows(n INTEGER PRIMARY KEY, pad BLOB);",
    NULL,
};

struct owner *
owner_new(void)
{
	struct owner *o = calloc(1, sizeof *o);

	strcpy(o->dir, "/tmp/panescry-store-XXXXXX");
	owner_make_dir(o->dir);
	snprintf(o->path, sizeof o->path, "%s/panescry.db", o->dir);
	owner_make_wake(o->wake);
	o->config = (struct store_config){.dir = o->dir,
	    .notify = owner_notify,
	    .arg = o->wake,
	    .scripts = owner_scripts,
	    .retry_ms = 20};
	return o;
}

void
owner_free(struct owner *o)
{
	if (o->store != NULL)
		owner_close(o);
	owner_remove_dir(o->dir);
	close(o->wake[0]);
	close(o->wake[1]);
	free(o);
}

void
owner_open(struct owner *o)
{
	char *cause = NULL;

	assert_int_equal(store_open(&o->config, &o->store, &cause), 0);
}

void
owner_close(struct owner *o)
{
	store_close(o->store, OWNER_PATIENCE_MS);
	o->store = NULL;
}

void
owner_reopen(struct owner *o)
{
	if (o->store != NULL)
		owner_close(o);
	owner_open(o);
	assert_true(owner_await_state(o, STORE_READY));
}

bool
owner_until(struct owner *o, bool (*cond)(struct owner *o, long arg), long arg)
{
	uint64_t end = clock_mono_us() + OWNER_PATIENCE_MS * 1000ull;

	for (;;) {
		store_collect(o->store);
		if (cond(o, arg))
			return true;
		if (clock_mono_us() >= end)
			return false;
		owner_await_notice(o->wake);
	}
}

static bool
has_state(struct owner *o, long state)
{
	struct store_status st;
	bool has;

	store_status(o->store, &st);
	has = (long)st.state == state;
	store_status_release(&st);
	return has;
}

bool
owner_await_state(struct owner *o, enum store_state state)
{
	return owner_until(o, has_state, (long)state);
}

static bool
has_done(struct owner *o, long n)
{
	return o->ndone >= n;
}

bool
owner_await_done(struct owner *o, int ndone)
{
	return owner_until(o, has_done, ndone);
}

struct row {
	struct owner *o;
	int n;
	size_t bytes;
	bool fails;
};

static int
row_run(sqlite3 *db, void *data)
{
	struct row *r = data;
	int rc = sql_run(db, "INSERT INTO rows(n, pad) VALUES(?, randomblob(?))", "il", r->n,
	    (int64_t)r->bytes);

	r->o->attempts++;
	return rc == 0 && r->fails ? -EDOM : rc;
}

static void
row_done(int rc, void *data)
{
	struct row *r = data;

	assert_true(r->o->ndone < OWNER_DONE_MAX);
	r->o->done[r->o->ndone].n = r->n;
	r->o->done[r->o->ndone++].rc = rc;
	free(r);
}

static void
submit_row(struct owner *o, int n, size_t bytes, bool fails)
{
	struct row *r = malloc(sizeof *r);

	*r = (struct row){o, n, bytes, fails};
	store_submit(o->store, &(struct store_op){row_run, row_done, r, bytes, false, false});
}

void
owner_row(struct owner *o, int n, size_t bytes)
{
	submit_row(o, n, bytes, false);
}

void
owner_row_that_fails(struct owner *o, int n)
{
	submit_row(o, n, 0, true);
}

static void
ignore(int rc, void *data)
{
	(void)rc;
	(void)data;
}

void
owner_run(struct owner *o, int (*run)(sqlite3 *db, void *data), void *data)
{
	store_submit(o->store, &(struct store_op){run, ignore, data, 0, false, false});
}

static long
ask(sqlite3 *db, const char *sql)
{
	int64_t n = -1;

	if (sql_get(db, &n, sql, "") != 0)
		n = -1;
	sqlite3_close(db);
	return (long)n;
}

long
owner_ask(const char *path, const char *sql)
{
	sqlite3 *db;

	if (sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE, NULL) != SQLITE_OK) {
		sqlite3_close(db);
		return -1;
	}
	return ask(db, sql);
}

long
owner_read(struct owner *o, const char *sql)
{
	sqlite3 *db;

	return store_reader_open(o->store, &db, NULL) == 0 ? ask(db, sql) : -1;
}

static int
pass_gate(sqlite3 *db, void *data)
{
	struct gate *g = data;

	(void)db;
	sem_post(&g->entered);
	while (sem_wait(&g->leave) != 0)
		;
	return 0;
}

void
owner_gate(struct owner *o, struct gate *g)
{
	sem_init(&g->entered, 0, 0);
	sem_init(&g->leave, 0, 0);
	owner_run(o, pass_gate, g);
}

void
owner_gate_entered(struct gate *g)
{
	while (sem_wait(&g->entered) != 0)
		;
}

void
owner_gate_open(struct gate *g)
{
	sem_post(&g->leave);
}
