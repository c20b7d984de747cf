/* The database's log as a loss of power may leave it: torn at any sector, and bits flipped. */
#include "config.h"

#include "unit.h"

#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "store/sql.h"
#include "store_owner.h"
#include "torn.h"

enum { COMMITS = 12, PAD_MAX = 12000 };

/* The files as they were, and how long the log was when each row had been acknowledged. */
struct written {
	char log_path[128];
	char *file, *log;
	size_t file_len, log_len;
	size_t acknowledged[COMMITS + 1];
};

/* A row whose bytes follow from its number. */
static size_t
make_pad(int n, char pad[PAD_MAX])
{
	size_t len = (size_t)(n * 7919 % PAD_MAX);
	unsigned seed = (unsigned)n;

	for (size_t i = 0; i < len; i++)
		pad[i] = (char)(rand_r(&seed) >> 5);
	return len;
}

struct row {
	struct owner *o;
	int n;
};

static int
row_run(sqlite3 *db, void *data)
{
	struct row *r = data;
	char pad[PAD_MAX];
	size_t len = make_pad(r->n, pad);

	return sql_run(db, "INSERT INTO rows(n, pad) VALUES(?, ?)", "ib", r->n, pad, len);
}

static void
row_done(int rc, void *data)
{
	struct row *r = data;

	assert_int_equal(rc, 0);
	r->o->ndone++;
}

static void
put_row(struct owner *o, int n)
{
	struct row r = {o, n};

	o->ndone = 0;
	store_submit(o->store, &(struct store_op){row_run, row_done, &r, 0, false, false});
	assert_true(owner_await_done(o, 1));
}

static char *
slurp(const char *path, size_t *len)
{
	char *data;

	assert_int_equal(file_read(path, 1u << 30, &data, len), 0);
	return data;
}

static void
write_some(struct owner *o, struct written *w)
{
	struct stat st;

	snprintf(w->log_path, sizeof w->log_path, "%s-wal", o->path);
	owner_reopen(o);
	for (int n = 1; n <= COMMITS; n++) {
		put_row(o, n);
		assert_int_equal(stat(w->log_path, &st), 0);
		w->acknowledged[n] = (size_t)st.st_size;
	}
	w->file = slurp(o->path, &w->file_len);
	w->log = slurp(w->log_path, &w->log_len);
	owner_close(o);
}

static void
release(struct written *w)
{
	free(w->file);
	free(w->log);
}

static void
begin_with(struct owner *o, const struct written *w, const char *log, size_t len)
{
	char index[128];

	snprintf(index, sizeof index, "%s-shm", o->path);
	unlink(index);
	assert_int_equal(file_replace(o->path, w->file, w->file_len), 0);
	assert_int_equal(file_replace(w->log_path, log, len), 0);
	owner_open(o);
	assert_true(owner_await_state(o, STORE_READY));
}

/* All rows are as they were made; those from 1 on, none left out. Returns how many. */
static int
read_rows(struct owner *o)
{
	sqlite3_stmt *st;
	char pad[PAD_MAX];
	sqlite3 *db;
	int rc, n = 0;

	assert_int_equal(store_reader_open(o->store, &db, NULL), 0);
	rc = sql_prepare(db, &st, "SELECT n, pad FROM rows ORDER BY n", "");
	while (rc == 0 && (rc = sql_step(st)) == 1) {
		size_t len = make_pad(++n, pad);

		assert_int_equal(sqlite3_column_int(st, 0), n);
		assert_int_equal(sqlite3_column_bytes(st, 1), len);
		if (len != 0)
			assert_memory_equal(sqlite3_column_blob(st, 1), pad, len);
		rc = 0;
	}
	assert_int_equal(sql_finish(st, rc), 0);
	sqlite3_close(db);
	return n;
}

struct counts {
	unsigned files, kept, more;
};

/* What was acknowledged before `upto` is there, nothing else is, and it can be gone on with. */
static void
check(struct owner *o, const struct written *w, size_t upto, struct counts *c)
{
	struct store_status st;
	int want = 0, n = read_rows(o);

	while (want < COMMITS && w->acknowledged[want + 1] <= upto)
		want++;
	if (n < want || n > COMMITS)
		fail_msg("%zu: %d rows of %d", upto, n, want);
	store_status(o->store, &st);
	assert_null(st.aside);
	store_status_release(&st);
	put_row(o, n + 1);
	assert_int_equal(read_rows(o), n + 1);
	c->files++;
	c->kept += (unsigned)want;
	c->more += (unsigned)(n - want);
}

static void
tear_everywhere(struct owner *o, torn_how how, const char *name)
{
	struct written w = {0};
	struct counts c = {0};

	write_some(o, &w);
	for (size_t at = 0; at < w.log_len; at += TORN_SECTOR * TORN_STEP) {
		char *log = malloc(w.log_len);
		size_t len;

		memcpy(log, w.log, w.log_len);
		len = how(log, at, w.log_len);
		begin_with(o, &w, log, len);
		check(o, &w, at, &c);
		owner_close(o);
		free(log);
	}
	print_message(
	    "%s: %u logs of up to %zu bytes: %u acknowledged rows, all there, %u more\n", name,
	    c.files, w.log_len, c.kept, c.more);
	assert_true(c.files > 10 && c.kept > 0);
	release(&w);
}

static void
cut_at_any_sector(void **state)
{
	tear_everywhere(*state, torn_cut, "cut");
}

static void
zeroes_from_any_sector(void **state)
{
	tear_everywhere(*state, torn_zeroes, "zeroes to the end");
}

static void
garbage_from_any_sector(void **state)
{
	tear_everywhere(*state, torn_garbage, "garbage");
}

static void
a_hole_at_any_sector(void **state)
{
	tear_everywhere(*state, torn_hole, "one sector of zeroes");
}

static void
bits_of_the_log_flipped(void **state)
{
	struct owner *o = *state;
	struct written w = {0};
	struct counts c = {0};
	unsigned seed = 5;

	write_some(o, &w);
	for (int i = 0; i < TORN_FLIPS; i++) {
		size_t at = (size_t)rand_r(&seed) % w.log_len;
		char bit = (char)(1 << rand_r(&seed) % 8);

		w.log[at] ^= bit;
		begin_with(o, &w, w.log, w.log_len);
		check(o, &w, at, &c);
		owner_close(o);
		w.log[at] ^= bit;
	}
	print_message("%u bits flipped: %u rows before them, all there, %u more\n", c.files,
	    c.kept, c.more);
	release(&w);
}

static bool
has_settled(struct owner *o, long arg)
{
	struct store_status st;

	(void)arg;
	store_status(o->store, &st);
	store_status_release(&st);
	return st.state == STORE_READY || st.state == STORE_DISABLED;
}

/* A row's own bytes have no sum: what is asked here is that whatever is wrong is survived. */
static void
bits_of_the_file_flipped(void **state)
{
	struct owner *o = *state;
	unsigned seed = 7, aside = 0;
	struct written w = {0};
	char *cause = NULL;

	write_some(o, &w);
	free(w.file);
	w.file = slurp(o->path, &w.file_len);
	for (int i = 0; i < TORN_FLIPS; i++) {
		struct store_status st;
		size_t at = (size_t)rand_r(&seed) % w.file_len;
		char bit = (char)(1 << rand_r(&seed) % 8);
		sqlite3 *db;

		w.file[at] ^= bit;
		unlink(w.log_path);
		assert_int_equal(file_replace(o->path, w.file, w.file_len), 0);
		owner_open(o);
		assert_true(owner_until(o, has_settled, 0));
		if (store_reader_open(o->store, &db, &cause) == 0) {
			int64_t n;

			sql_get(db, &n, "SELECT sum(length(hex(pad))) + max(n) FROM rows", "");
			sqlite3_close(db);
		}
		free(cause);
		cause = NULL;
		store_status(o->store, &st);
		aside += st.aside != NULL;
		if (st.aside != NULL)
			unlink(st.aside);
		store_status_release(&st);
		owner_close(o);
		w.file[at] ^= bit;
	}
	print_message("%d bits of the file flipped: set aside %u times\n", TORN_FLIPS, aside);
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
	    CASE(bits_of_the_log_flipped),
	    CASE(bits_of_the_file_flipped),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
