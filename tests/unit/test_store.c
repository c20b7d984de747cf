#include "config.h"

#include "unit.h"

#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "store/panes.h"
#include "store/schema.h"
#include "store/sql.h"
#include "store_owner.h"

static void
a_fresh_file_is_private_and_keeps_rows(void **state)
{
	struct owner *o = *state;
	struct store_status status;
	struct stat st;

	owner_open(o);
	owner_row(o, 7, 100); /* before it is open */
	assert_true(owner_await_done(o, 1));
	assert_int_equal(o->done[0].rc, 0);
	assert_int_equal(stat(o->path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	store_status(o->store, &status);
	assert_int_equal(status.state, STORE_READY);
	assert_null(status.cause);
	assert_null(status.aside);
	assert_int_equal(status.ops, 0);
	assert_int_equal(status.dropped, 0);
	assert_true(status.size >= 8192);
	store_status_release(&status);
	assert_int_equal(owner_read(o, "SELECT n FROM rows"), 7);
	owner_reopen(o);
	assert_int_equal(owner_read(o, "SELECT n FROM rows"), 7);
}

static int
count_commit(void *arg)
{
	++*(int *)arg;
	return 0;
}

static int
hook_commits(sqlite3 *db, void *data)
{
	sqlite3_commit_hook(db, count_commit, data);
	return 0;
}

static void
what_waits_is_one_commit_in_order(void **state)
{
	struct owner *o = *state;
	int commits = 0;
	struct gate g;

	owner_open(o);
	owner_run(o, hook_commits, &commits);
	owner_gate(o, &g);
	owner_gate_entered(&g);
	commits = -1; /* for the gate's own */
	for (int i = 0; i < 500; i++)
		owner_row(o, (i * 7) % 500, 10);
	owner_gate_open(&g);
	assert_true(owner_await_done(o, 500));
	for (int i = 0; i < 500; i++) {
		assert_int_equal(o->done[i].n, (i * 7) % 500);
		assert_int_equal(o->done[i].rc, 0);
	}
	owner_close(o);
	assert_int_equal(commits, 1);
	assert_int_equal(owner_ask(o->path, "SELECT count(*) FROM rows"), 500);
}

static void
one_that_fails_undoes_only_itself(void **state)
{
	struct owner *o = *state;
	struct gate g;

	owner_open(o);
	owner_gate(o, &g);
	owner_gate_entered(&g);
	for (int i = 0; i < 10; i++) {
		if (i == 5)
			owner_row_that_fails(o, i);
		else
			owner_row(o, i == 7 ? 6 : i, 10); /* 6 is there already */
	}
	owner_gate_open(&g);
	assert_true(owner_await_done(o, 10));
	for (int i = 0; i < 10; i++)
		assert_int_equal(o->done[i].rc, i == 5 ? -EDOM : i == 7 ? -EEXIST : 0);
	assert_int_equal(owner_read(o, "SELECT count(*) FROM rows"), 8);
	assert_int_equal(owner_read(o, "SELECT count(*) FROM rows WHERE n IN (5, 7)"), 0);
}

static void
done_comes_after_the_commit(void **state)
{
	struct owner *o = *state;
	struct gate first, second;

	owner_open(o);
	owner_gate(o, &first);
	owner_gate_entered(&first);
	owner_row(o, 1, 10);
	owner_gate(o, &second);
	owner_gate_open(&first);
	owner_gate_entered(&second); /* in the row's transaction, behind it */
	store_collect(o->store);
	assert_int_equal(o->ndone, 0);
	assert_int_equal(owner_read(o, "SELECT count(*) FROM rows"), 0);
	owner_gate_open(&second);
	assert_true(owner_await_done(o, 1));
	assert_int_equal(owner_read(o, "SELECT count(*) FROM rows"), 1);
}

struct seen {
	struct owner *o;
	int left;
	bool all;
};

static int
put_row(sqlite3 *db, void *data)
{
	(void)data;
	return sql_run(db, "INSERT INTO rows(pad) VALUES(1)", "");
}

static void
look_at_rows(int rc, void *data)
{
	struct seen *seen = data;

	seen->left--;
	if (rc != 0 || owner_read(seen->o, "SELECT count(*) FROM rows") < 50 - seen->left)
		seen->all = false;
}

static bool
has_seen(struct owner *o, long arg)
{
	(void)o;
	return ((struct seen *)arg)->left == 0;
}

static void
a_reader_sees_what_is_done(void **state)
{
	struct owner *o = *state;
	struct seen seen = {o, 50, true};

	owner_open(o);
	for (int i = 0; i < 50; i++) {
		store_submit(o->store,
		    &(struct store_op){put_row, look_at_rows, &seen, 0, false, false});
		store_collect(o->store);
	}
	assert_true(owner_until(o, has_seen, (long)&seen));
	assert_true(seen.all);
}

static void
readers_cannot_write(void **state)
{
	struct owner *o = *state;
	sqlite3 *db;

	owner_reopen(o);
	assert_int_equal(store_reader_open(o->store, &db, NULL), 0);
	assert_int_equal(sql_run(db, "INSERT INTO rows(n) VALUES(1)", ""), -EROFS);
	sqlite3_close(db);
}

static bool
gaps_are(struct owner *o, long n)
{
	struct store_status st;
	bool are;

	store_status(o->store, &st);
	are = st.gaps == (uint64_t)n && st.ops == 0;
	store_status_release(&st);
	return are;
}

static void
the_queue_has_bounds(void **state)
{
	struct owner *o = *state;
	struct store_status st;
	struct gate g;

	o->config.max_ops = 20;
	o->config.max_bytes = 1000;
	owner_open(o);
	owner_gate(o, &g); /* is one of the 20 */
	owner_gate_entered(&g);
	for (int i = 0; i < 30; i++)
		owner_row(o, i, 0);
	store_collect(o->store);
	assert_int_equal(o->ndone, 11);
	for (int i = 0; i < 11; i++) {
		assert_int_equal(o->done[i].n, 19 + i);
		assert_int_equal(o->done[i].rc, -ENOSPC);
	}
	store_status(o->store, &st);
	assert_int_equal(st.ops, 20);
	assert_int_equal(st.dropped, 11);
	store_status_release(&st);
	owner_gate_open(&g);
	assert_true(owner_until(o, gaps_are, 1));
	assert_int_equal(owner_read(o, "SELECT count(*) FROM rows"), 19);
	assert_int_equal(owner_read(o, "SELECT dropped FROM gaps"), 11);
	assert_int_equal(
	    owner_read(o, "SELECT from_ms > 1e12 AND to_ms >= from_ms FROM gaps"), 1);

	owner_gate(o, &g);
	owner_gate_entered(&g);
	for (int i = 100; i < 104; i++)
		owner_row(o, i, 300);
	owner_row(o, 104, 100); /* fits beside three */
	owner_row(o, 105, 1);
	owner_gate_open(&g);
	assert_true(owner_until(o, gaps_are, 2));
	assert_int_equal(owner_read(o, "SELECT count(*) FROM rows WHERE n >= 100"), 4);
	assert_int_equal(owner_read(o, "SELECT count(*) FROM rows WHERE n IN (103, 105)"), 0);
	assert_int_equal(owner_read(o, "SELECT dropped FROM gaps WHERE id=2"), 2);
}

static void
closing_writes_what_waits(void **state)
{
	struct owner *o = *state;

	owner_open(o);
	for (int i = 0; i < 1000; i++)
		owner_row(o, i, 100);
	owner_close(o);
	assert_int_equal(o->ndone, 1000);
	for (int i = 0; i < 1000; i++)
		assert_int_equal(o->done[i].rc, 0);
	assert_int_equal(owner_ask(o->path, "SELECT count(*) FROM rows"), 1000);
}

static int
take_for_ever(sqlite3 *db, void *data)
{
	sem_post(data);
	return sql_run(db,
	    "WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x+1 FROM c) SELECT max(x) FROM "
	    "c",
	    "");
}

static void
closing_has_an_end(void **state)
{
	struct owner *o = *state;
	sem_t under_way;

	sem_init(&under_way, 0, 0);
	owner_open(o);
	owner_row(o, 1, 10);
	assert_true(owner_await_done(o, 1));
	owner_run(o, take_for_ever, &under_way);
	owner_row(o, 2, 10);
	sem_wait(&under_way);
	store_close(o->store, 10);
	o->store = NULL;
	assert_int_equal(o->ndone, 2);
	assert_int_equal(o->done[1].rc, -ECANCELED);
	assert_int_equal(owner_ask(o->path, "SELECT group_concat(n) FROM rows"), 1);
}

/* Another process has the file for a moment. */
static void
opening_waits_for_a_lock(void **state)
{
	struct owner *o = *state;
	sqlite3 *other, *db;
	char *cause = NULL;

	o->config.retry_ms = 2 * OWNER_PATIENCE_MS; /* it is the lock that is waited for */
	assert_int_equal(sqlite3_open(o->path, &other), SQLITE_OK);
	assert_int_equal(sql_run(other, "BEGIN EXCLUSIVE", ""), 0);
	owner_open(o);
	owner_row(o, 1, 10);
	assert_int_equal(store_reader_open(o->store, &db, &cause), -EAGAIN);
	assert_null(db);
	assert_non_null(strstr(cause, "opening"));
	free(cause);
	assert_int_equal(sql_run(other, "COMMIT", ""), 0);
	sqlite3_close(other);
	assert_true(owner_await_done(o, 1));
	assert_int_equal(o->done[0].rc, 0);
}

static void
a_lock_that_stays_is_waited_for(void **state)
{
	struct owner *o = *state;
	sqlite3 *other;
	struct store_status st;

	owner_reopen(o);
	assert_int_equal(sqlite3_open(o->path, &other), SQLITE_OK);
	assert_int_equal(sql_run(other, "BEGIN IMMEDIATE", ""), 0);
	owner_row(o, 1, 10);
	assert_true(owner_await_state(o, STORE_FULL));
	store_status(o->store, &st);
	assert_non_null(strstr(st.cause, "locked"));
	assert_int_equal(st.ops, 1);
	store_status_release(&st);
	assert_int_equal(sql_run(other, "COMMIT", ""), 0);
	sqlite3_close(other);
	assert_true(owner_await_state(o, STORE_READY));
	assert_true(owner_await_done(o, 1));
	assert_int_equal(o->done[0].rc, 0);
	assert_int_equal(owner_read(o, "SELECT count(*) FROM gaps"), 0);
}

static void
flushed(int rc, void *arg)
{
	struct owner *o = arg;

	o->done[o->ndone].n = -1;
	o->done[o->ndone++].rc = rc;
}

static void
flush_follows_what_was_before(void **state)
{
	struct owner *o = *state;

	owner_open(o);
	owner_row(o, 1, 10);
	owner_row(o, 2, 10);
	store_flush(o->store, flushed, o);
	owner_row(o, 3, 10);
	assert_true(owner_await_done(o, 4));
	assert_int_equal(o->done[1].n, 2);
	assert_int_equal(o->done[2].n, -1);
	assert_int_equal(o->done[2].rc, 0);
	assert_int_equal(o->done[3].n, 3);
}

static int
try_types(sqlite3 *db, void *data)
{
	sqlite3_stmt *st;
	int64_t n = 0;
	char *text;
	int rc;

	(void)data;
	assert_int_equal(sql_get(db, &n,
			     "SELECT ?=-3 AND ?=1099511627776 AND ?='it''s' AND ?=x'00ff'"
			     " AND ? IS NULL AND ? IS NULL",
			     "iltbnt", -3, INT64_C(1) << 40, "it's", "\0\xff", (size_t)2,
			     (const char *)NULL),
	    0);
	assert_int_equal(n, 1);
	assert_int_equal(sql_get(db, &n, "SELECT n FROM rows WHERE n=?", "i", 1), -ENOENT);
	assert_int_equal(sql_run(db, "SELECT nonsense", ""), -EINVAL);
	assert_int_equal(sql_run(db, "SELECT ?", "ii", 1, 2), -EINVAL);
	assert_int_equal(sql_run(db, "INSERT INTO rows(n) VALUES(?)", "i", 1), 0);
	assert_int_equal(sql_run(db, "INSERT INTO rows(n) VALUES(?)", "i", 1), -EEXIST);
	assert_int_equal(sql_run(db, "INSERT INTO rows(n) VALUES(?)", "t", "x"), -EINVAL);
	assert_int_equal(sql_prepare(db, &st, "SELECT NULL UNION ALL SELECT ?", "t", "b"), 0);
	assert_int_equal(sql_step(st), 1);
	assert_null(sql_text(st, 0));
	assert_int_equal(sql_step(st), 1);
	text = sql_text(st, 0);
	assert_string_equal(text, "b");
	free(text);
	assert_int_equal(rc = sql_step(st), 0);
	return sql_finish(st, rc);
}

static void
statements(void **state)
{
	sqlite3 *db;

	(void)state;
	assert_int_equal(sqlite3_open(":memory:", &db), SQLITE_OK);
	sqlite3_extended_result_codes(db, 1);
	assert_int_equal(sql_run(db, "CREATE TABLE rows(n INTEGER PRIMARY KEY)", ""), 0);
	assert_int_equal(try_types(db, NULL), 0);
	sqlite3_close(db);
}

/* Panes. */

static void
note_rc(int rc, void *arg)
{
	flushed(rc, arg);
}

static struct {
	int rc;
	size_t count, n;
	char first[256], last[64];
} told;

static void
note_lost(int rc, const struct store_lost *lost, void *arg)
{
	told.rc = rc;
	told.count = lost->count;
	told.n = lost->n;
	if (lost->n != 0) {
		snprintf(told.first, sizeof told.first, "%s|%s|%s", lost->panes[0].id,
		    lost->panes[0].name != NULL ? lost->panes[0].name : "-",
		    lost->panes[0].command);
		snprintf(told.last, sizeof told.last, "%s", lost->panes[lost->n - 1].id);
	}
	flushed(rc, arg);
}

static void
start_panes(struct owner *o, const struct store_run *run, int n)
{
	char id[16];

	for (int i = 1; i <= n; i++) {
		snprintf(id, sizeof id, "p%d", i);
		store_pane_started(o->store, run,
		    &(struct store_pane){.id = id,
			.name = i == 1 ? NULL : "build",
			.command = "[\"make\",\"-j4\"]",
			.cwd = "/src",
			.pid = 100 + i,
			.started_ms = 1000 + i},
		    note_rc, o);
	}
}

static void
panes_of_a_run_that_was_cut_short_are_lost(void **state)
{
	struct owner *o = *state;
	struct store_run one = {1000, 50, "0.1"}, two = {2000, 50, "0.2"};

	o->config.scripts = NULL;
	owner_open(o);
	store_run_begin(o->store, &one, note_lost, o);
	start_panes(o, &one, 27);
	store_pane_ended(o->store, &one, "p1", 1500, 2, note_rc, o);
	assert_true(owner_await_done(o, 29));
	assert_int_equal(told.count, 0);
	for (int i = 0; i < 29; i++)
		assert_int_equal(o->done[i].rc, 0);
	owner_close(o);

	owner_open(o);
	store_run_begin(o->store, &two, note_lost, o);
	assert_true(owner_await_done(o, 30));
	assert_int_equal(told.rc, 0);
	assert_int_equal(told.count, 26);
	assert_int_equal(told.n, STORE_LOST_MAX);
	assert_string_equal(told.first, "p2|build|[\"make\",\"-j4\"]");
	assert_string_equal(told.last, "p21");
	assert_int_equal(
	    owner_read(o, "SELECT count(*) FROM panes WHERE lost AND ended_ms > 1e12"
			  " AND exit_status IS NULL"),
	    26);
	assert_int_equal(
	    owner_read(o,
		"SELECT count(*) FROM panes WHERE NOT lost AND id='p1' AND name IS NULL"
		" AND ended_ms=1500 AND exit_status=2 AND cwd='/src' AND pid=101"),
	    1);
	assert_int_equal(owner_read(o, "SELECT count(*) FROM runs WHERE ended_ms IS NULL"), 2);
}

static void
a_run_goes_on_in_another_worker(void **state)
{
	struct owner *o = *state;
	struct store_run run = {1000, 50, "0.1"};

	o->config.scripts = NULL;
	owner_open(o);
	store_run_begin(o->store, &run, note_lost, o);
	start_panes(o, &run, 2);
	assert_true(owner_await_done(o, 3));
	owner_reopen(o);
	store_run_continue(o->store, &run, note_rc, o);
	store_pane_ended(o->store, &run, "p2", 1500, 143, note_rc, o);
	store_pane_ended(o->store, &run, "p2", 1600, 0, note_rc, o);
	store_pane_ended(o->store, &run, "p3", 1600, 0, note_rc, o);
	start_panes(o, &run, 1);
	store_run_end(o->store, &run, 3000, NULL, NULL);
	assert_true(owner_await_done(o, 8));
	assert_int_equal(o->done[3].rc, 0);
	assert_int_equal(o->done[4].rc, 0);
	assert_int_equal(o->done[5].rc, -ENOENT);
	assert_int_equal(o->done[6].rc, -ENOENT);
	assert_int_equal(o->done[7].rc, -EEXIST);
	owner_close(o);
	assert_int_equal(
	    owner_ask(o->path, "SELECT count(*) FROM runs WHERE ended_ms=3000"), 1);
	assert_int_equal(owner_ask(o->path, "SELECT count(*) FROM runs"), 1);
	assert_int_equal(owner_ask(o->path, "SELECT count(*) FROM panes WHERE lost"), 0);
	assert_int_equal(
	    owner_ask(o->path, "SELECT exit_status FROM panes WHERE id='p2'"), 143);
}

/* As after the file in which it began was set aside. */
static void
a_run_that_is_not_on_record_is_made(void **state)
{
	struct owner *o = *state;
	struct store_run run = {1000, 50, "0.1"};

	o->config.scripts = NULL;
	owner_open(o);
	start_panes(o, &run, 1);
	assert_true(owner_await_done(o, 1));
	assert_int_equal(o->done[0].rc, 0);
	assert_int_equal(
	    owner_read(o, "SELECT count(*) FROM panes JOIN runs ON run=runs.id"
			  " WHERE runs.started_ms=1000 AND runs.pid=50 AND version='0.1'"),
	    1);
}

static int
measure_pages(sqlite3 *db, void *data)
{
	int used = -1, most;

	sqlite3_db_status(db, SQLITE_DBSTATUS_CACHE_USED, &used, &most, 0);
	*(int *)data = used;
	return 0;
}

static int
pages_kept(struct owner *o, unsigned wait_ms)
{
	int used = -1;

	owner_reopen(o);
	for (int i = 0; i < 200; i++)
		owner_row(o, (int)wait_ms + i, 10000);
	assert_true(owner_await_done(o, o->ndone + 200));
	usleep(wait_ms * 1000);
	owner_run(o, measure_pages, &used);
	owner_close(o);
	return used;
}

static void
pages_are_kept_for_a_while(void **state)
{
	struct owner *o = *state;

	assert_true(pages_kept(o, 1) > 1000 * 1000);
	o->config.pages_ms = 20;
	for (unsigned ms = 1000; ms < 20000; ms *= 2)
		if (pages_kept(o, ms) < 100 * 1000)
			return;
	fail_msg("they are kept for good");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    CASE(a_fresh_file_is_private_and_keeps_rows),
	    CASE(what_waits_is_one_commit_in_order),
	    CASE(one_that_fails_undoes_only_itself),
	    CASE(done_comes_after_the_commit),
	    CASE(a_reader_sees_what_is_done),
	    CASE(readers_cannot_write),
	    CASE(the_queue_has_bounds),
	    CASE(closing_writes_what_waits),
	    CASE(closing_has_an_end),
	    CASE(opening_waits_for_a_lock),
	    CASE(a_lock_that_stays_is_waited_for),
	    CASE(flush_follows_what_was_before),
	    CASE(panes_of_a_run_that_was_cut_short_are_lost),
	    CASE(a_run_goes_on_in_another_worker),
	    CASE(a_run_that_is_not_on_record_is_made),
	    CASE(pages_are_kept_for_a_while),
	    cmocka_unit_test(statements),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
