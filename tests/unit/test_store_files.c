/* What can happen to the file of a store: damage, other versions, a kill, a full disk. */
#include "config.h"

#include "unit.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "store/sql.h"
#include "store_owner.h"

enum { FILE_MAX = 64 * 1024 * 1024, PAGE = 4096, KILLS = 20 };

struct content {
	char *data;
	size_t len;
};

static struct content
content_of(const char *path)
{
	struct content c = {NULL, 0};

	assert_int_equal(file_read(path, FILE_MAX, &c.data, &c.len), 0);
	return c;
}

static bool
same_content(struct content *a, struct content *b)
{
	bool same = a->len == b->len && memcmp(a->data, b->data, a->len) == 0;

	free(a->data);
	free(b->data);
	return same;
}

/* How many files of the directory have this in their names, logs and their indexes aside. */
static int
count_files(struct owner *o, const char *part)
{
	DIR *d = opendir(o->dir);
	struct dirent *e;
	int n = 0;

	assert_non_null(d);
	while ((e = readdir(d)) != NULL)
		n += strstr(e->d_name, part) != NULL && strstr(e->d_name, "-wal") == NULL &&
		     strstr(e->d_name, "-shm") == NULL;
	closedir(d);
	return n;
}

static void
overwrite(const char *path, off_t at, size_t len)
{
	int fd = open(path, O_RDWR);
	unsigned char *p = malloc(len);

	assert_true(fd >= 0);
	assert_int_equal(pread(fd, p, len, at), len);
	for (size_t i = 0; i < len; i++)
		p[i] ^= 0xFF;
	assert_int_equal(pwrite(fd, p, len, at), len);
	free(p);
	close(fd);
}

/* A closed file with rows 1 to n. */
static void
fill(struct owner *o, int n, size_t bytes)
{
	owner_open(o);
	for (int i = 1; i <= n; i++)
		owner_row(o, i, bytes);
	owner_close(o);
	o->ndone = 0;
	assert_int_equal(owner_ask(o->path, "SELECT count(*) FROM rows"), n);
}

static void
flip_a_page(const char *path)
{
	overwrite(path, PAGE * 3, 512);
}

static void
flip_the_header(const char *path)
{
	overwrite(path, 0, 64);
}

static void
cut_in_half(const char *path)
{
	struct stat st;

	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(truncate(path, st.st_size / 2), 0);
}

static void
cut_to_a_few_bytes(const char *path)
{
	assert_int_equal(truncate(path, 40), 0);
}

static void
replace_by_garbage(const char *path)
{
	char garbage[10000];

	for (size_t i = 0; i < sizeof garbage; i++)
		garbage[i] = (char)(i * 31 + i / 256);
	assert_int_equal(file_replace(path, garbage, sizeof garbage), 0);
}

static void (*const damages[])(const char *path) = {
    flip_a_page, flip_the_header, cut_in_half, cut_to_a_few_bytes, replace_by_garbage};

static void
a_damaged_file_is_set_aside(void **state)
{
	struct owner *o = *state;
	struct content before, after;
	struct store_status st;

	for (size_t i = 0; i < sizeof damages / sizeof damages[0]; i++) {
		fill(o, 40, 2000);
		damages[i](o->path);
		before = content_of(o->path);
		owner_open(o);
		owner_row(o, 100, 10);
		assert_true(owner_await_done(o, 1));
		assert_int_equal(o->done[0].rc, 0);
		store_status(o->store, &st);
		assert_int_equal(st.state, STORE_READY);
		assert_non_null(st.aside);
		after = content_of(st.aside);
		assert_true(same_content(&before, &after));
		assert_non_null(strstr(st.aside, "panescry.db.damaged-2"));
		store_status_release(&st);
		assert_int_equal(owner_read(o, "SELECT group_concat(n) FROM rows"), 100);
		owner_close(o);
		/* within the same second, too, none takes the place of another */
		assert_int_equal(count_files(o, ".damaged-"), (int)i + 1);
		assert_int_equal(unlink(o->path), 0);
		o->ndone = 0;
	}
}

/* As a process that is killed leaves it. */
static void
leave_log(struct owner *o)
{
	pid_t pid = fork();
	sqlite3 *db;
	int status;

	if (pid == 0) {
		sqlite3_open(o->path, &db);
		_exit(sql_run(db, "INSERT INTO rows(n) VALUES(7000)", "") != 0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

static void
the_log_goes_aside_with_its_file(void **state)
{
	struct owner *o = *state;
	struct content before, after;
	struct store_status st;
	char wal[128], *aside;

	snprintf(wal, sizeof wal, "%s-wal", o->path);
	fill(o, 40, 2000);
	leave_log(o);
	before = content_of(wal);
	assert_true(before.len > 0);
	flip_the_header(o->path);
	owner_reopen(o);
	store_status(o->store, &st);
	assert_non_null(asprintf(&aside, "%s-wal", st.aside) > 0 ? aside : NULL);
	store_status_release(&st);
	after = content_of(aside);
	assert_true(same_content(&before, &after));
	free(aside);
}

static int
read_all(sqlite3 *db, void *data)
{
	int64_t n;

	(void)data;
	return sql_get(db, &n, "SELECT sum(length(hex(pad))) FROM rows", "");
}

static bool
is_aside(struct owner *o, long arg)
{
	struct store_status st;
	bool is;

	(void)arg;
	store_status(o->store, &st);
	is = st.aside != NULL && st.ops == 0 && st.state == STORE_READY;
	store_status_release(&st);
	return is;
}

/* More than the cache holds, so that it has to be read again. */
static void
damage_in_use(struct owner *o)
{
	for (int i = 1; i <= 2000; i++)
		owner_row(o, i, 3000);
	assert_true(owner_await_done(o, o->ndone + 2000));
	assert_int_equal(owner_ask(o->path, "PRAGMA wal_checkpoint(TRUNCATE)"), 0);
	overwrite(o->path, PAGE, 1000 * PAGE);
}

static void
damage_in_use_is_survived_once(void **state)
{
	struct owner *o = *state;

	owner_reopen(o);
	damage_in_use(o);
	owner_row(o, 5000, 10);
	owner_run(o, read_all, NULL);
	owner_row(o, 5001, 10);
	assert_true(owner_until(o, is_aside, 0));
	assert_int_equal(o->done[o->ndone - 1].rc, 0);
	assert_int_equal(owner_read(o, "SELECT max(n) FROM rows"), 5001);
	assert_int_equal(count_files(o, ".damaged-"), 1);

	damage_in_use(o);
	owner_run(o, read_all, NULL);
	owner_row(o, 6000, 10);
	assert_true(owner_await_state(o, STORE_DISABLED));
	owner_row(o, 6001, 10);
	store_collect(o->store);
	assert_int_equal(o->done[o->ndone - 1].rc, -EROFS);
}

static void
leave_newer_file(struct owner *o, const char *mode)
{
	sqlite3 *db;
	pid_t pid = fork();
	int status;

	if (pid == 0) { /* ends without closing, so that a log stays */
		sqlite3_open(o->path, &db);
		sql_run(db, mode, "");
		sql_run(db, "CREATE TABLE things(x)", "");
		sql_run(db, "INSERT INTO things VALUES(1)", "");
		sql_run(db, "PRAGMA user_version=99", "");
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
}

static void
assert_disabled(struct owner *o, const char *cause)
{
	struct store_status st;
	sqlite3 *db;

	assert_true(owner_await_state(o, STORE_DISABLED));
	store_status(o->store, &st);
	assert_non_null(strstr(st.cause, cause));
	store_status_release(&st);
	assert_int_equal(store_reader_open(o->store, &db, NULL), -EROFS);
}

static void
a_newer_file_is_left_alone(void **state)
{
	static const char *const modes[] = {
	    "PRAGMA journal_mode=DELETE", "PRAGMA journal_mode=WAL"};
	struct owner *o = *state;
	struct content before[2] = {{0}}, after[2];
	char wal[128];

	snprintf(wal, sizeof wal, "%s-wal", o->path);
	for (int i = 0; i < 2; i++) {
		o->ndone = 0;
		leave_newer_file(o, modes[i]);
		before[0] = content_of(o->path);
		if (i == 1)
			before[1] = content_of(wal);
		owner_open(o);
		owner_row(o, 1, 10);
		assert_disabled(o, "newer version");
		owner_row(o, 2, 10);
		assert_true(owner_await_done(o, 2));
		assert_int_equal(o->done[0].rc, -EROFS);
		assert_int_equal(o->done[1].rc, -EROFS);
		owner_close(o);
		after[0] = content_of(o->path);
		assert_true(same_content(&before[0], &after[0]));
		if (i == 1) {
			after[1] = content_of(wal);
			assert_true(before[1].len > 0);
			assert_true(same_content(&before[1], &after[1]));
		}
		unlink(o->path);
	}
}

static const char *const old_scripts[] = {"CREATE TABLE rows(n INTEGER PRIMARY KEY, pad BLOB);"
					  "CREATE TABLE gaps(from_ms, to_ms, dropped);",
    NULL};

static const char *const new_scripts[] = {"CREATE TABLE rows(n INTEGER PRIMARY KEY, pad BLOB);"
					  "CREATE TABLE gaps(from_ms, to_ms, dropped);",
    "ALTER TABLE rows ADD COLUMN colour TEXT DEFAULT 'red'",
    "CREATE TABLE more(x); INSERT INTO more SELECT n * 2 FROM rows", NULL};

static const char *const bad_scripts[] = {"CREATE TABLE rows(n INTEGER PRIMARY KEY, pad BLOB);"
					  "CREATE TABLE gaps(from_ms, to_ms, dropped);",
    "CREATE TABLE fine(x)", "CREATE TABLE half(x); CREATE TABLE rows(x)", NULL};

static void
migrations_go_forward_and_keep_a_copy(void **state)
{
	struct owner *o = *state;
	struct stat st;
	char copy[128];

	snprintf(copy, sizeof copy, "%s.v1", o->path);
	o->config.scripts = old_scripts;
	fill(o, 10, 10);
	assert_int_equal(count_files(o, ".v"), 0); /* nothing was there to be kept */
	o->config.scripts = new_scripts;
	owner_reopen(o);
	assert_int_equal(owner_read(o, "PRAGMA user_version"), 3);
	assert_int_equal(owner_read(o, "SELECT count(*) FROM rows WHERE colour='red'"), 10);
	assert_int_equal(owner_read(o, "SELECT max(x) FROM more"), 20);
	owner_close(o);
	assert_int_equal(stat(copy, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	assert_int_equal(count_files(o, ".v"), 1);
	assert_int_equal(owner_ask(copy, "PRAGMA user_version"), 1);
	assert_int_equal(owner_ask(copy, "SELECT count(*) FROM rows"), 10);
	assert_int_equal(owner_ask(copy, "SELECT count(*) FROM pragma_table_info('rows')"), 2);
}

/* What another program put there, version 0 with tables, is kept as well. */
static void
a_file_without_a_version_is_copied(void **state)
{
	struct owner *o = *state;
	struct stat st;
	char copy[128];
	sqlite3 *db;

	snprintf(copy, sizeof copy, "%s.v0", o->path);
	assert_int_equal(sqlite3_open(o->path, &db), SQLITE_OK);
	assert_int_equal(sql_run(db, "CREATE TABLE old(x)", ""), 0);
	assert_int_equal(sql_run(db, "INSERT INTO old VALUES(42)", ""), 0);
	sqlite3_close(db);
	assert_int_equal(chmod(o->path, 0644), 0);
	owner_reopen(o);
	assert_int_equal(stat(o->path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	assert_int_equal(owner_ask(copy, "SELECT x FROM old"), 42);
	assert_int_equal(owner_ask(copy, "SELECT count(*) FROM sqlite_master"), 1);
}

static void
a_script_that_fails_leaves_its_version(void **state)
{
	struct owner *o = *state;

	o->config.scripts = old_scripts;
	fill(o, 10, 10);
	o->config.scripts = bad_scripts;
	owner_open(o);
	assert_disabled(o, "upgrade");
	owner_close(o);
	assert_int_equal(owner_ask(o->path, "PRAGMA user_version"), 2);
	assert_int_equal(owner_ask(o->path, "SELECT count(*) FROM rows"), 10);
	assert_int_equal(
	    owner_ask(o->path, "SELECT count(*) FROM sqlite_master WHERE name='fine'"), 1);
	assert_int_equal(
	    owner_ask(o->path, "SELECT count(*) FROM sqlite_master WHERE name='half'"), 0);
}

static void
a_link_is_not_followed(void **state)
{
	struct owner *o = *state;
	char target[128];

	snprintf(target, sizeof target, "%s/elsewhere", o->dir);
	assert_int_equal(symlink(target, o->path), 0);
	owner_open(o);
	assert_true(owner_await_state(o, STORE_FULL));
	assert_int_equal(access(target, F_OK), -1);
	assert_int_equal(unlink(o->path), 0);
	assert_true(owner_await_state(o, STORE_READY));
}

/* Nothing is written: it is the reader who misses it, and the writer who makes it anew. */
static void
a_reader_misses_the_file(void **state)
{
	struct owner *o = *state;
	char *cause = NULL;
	sqlite3 *db;

	owner_open(o);
	owner_row(o, 1, 10);
	assert_true(owner_await_done(o, 1));
	assert_int_equal(store_reader_open(o->store, &db, NULL), 0);
	sqlite3_close(db);
	assert_int_equal(unlink(o->path), 0);
	assert_int_equal(store_reader_open(o->store, &db, &cause), -EAGAIN);
	assert_non_null(cause);
	free(cause);
	for (int i = 0; i < 5000 && store_reader_open(o->store, &db, NULL) == -EAGAIN; i++)
		usleep(1000);
	assert_non_null(db);
	sqlite3_close(db);
	assert_true(owner_await_state(o, STORE_READY));
	assert_int_equal(access(o->path, F_OK), 0);
	owner_row(o, 2, 10);
	assert_true(owner_await_done(o, 2));
}

/* A kill. */

/* Writes rows from `first` on until it is killed, and each number that is durable to fd. */
static void
write_until_killed(struct owner *o, int first, int fd)
{
	int next = first, told = 0;

	owner_open(o);
	for (;;) {
		while (next - first - told < 50)
			owner_row(o, next++, 300);
		if (!owner_await_done(o, told + 1) || o->ndone == OWNER_DONE_MAX)
			_exit(1);
		for (; told < o->ndone; told++)
			if (o->done[told].rc != 0 ||
			    write(fd, &o->done[told].n, sizeof(int)) != sizeof(int))
				_exit(2);
	}
}

/* Reads numbers until the pipe ends; kills when so many have come, and a moment more. */
static int
kill_after(pid_t pid, int fd, int rows, unsigned us)
{
	int n, last = -1, seen = 0;

	if (rows == 0) {
		usleep(us);
		kill(pid, SIGKILL);
	}
	while (read(fd, &n, sizeof n) == sizeof n) {
		last = n;
		if (++seen == rows) {
			usleep(us);
			kill(pid, SIGKILL);
		}
	}
	return last;
}

static void
what_was_durable_outlives_a_kill(void **state)
{
	struct owner *o = *state;
	int first = 1, fds[2], status, told, last = 0;
	char sql[128];

	srand(7);
	for (int round = 0; round < KILLS; round++) {
		assert_int_equal(pipe(fds), 0);
		pid_t pid = fork();
		if (pid == 0) {
			close(fds[0]);
			write_until_killed(o, first, fds[1]);
		}
		close(fds[1]);
		told = kill_after(
		    pid, fds[0], round % 5 * (rand() % 200), (unsigned)rand() % 20000);
		last = told > last ? told : last;
		close(fds[0]);
		assert_int_equal(waitpid(pid, &status, 0), pid);
		assert_true(WIFSIGNALED(status));
		owner_reopen(o);
		snprintf(sql, sizeof sql, "SELECT count(*) FROM rows WHERE n BETWEEN 1 AND %d",
		    last);
		assert_int_equal(owner_read(o, sql), last);
		/* and no hole in those that were written without its being told */
		first = (int)owner_read(o, "SELECT ifnull(max(n), 0) FROM rows") + 1;
		assert_int_equal(owner_read(o, "SELECT count(*) FROM rows"), first - 1);
		assert_int_equal(count_files(o, ".damaged-"), 0);
		owner_close(o);
	}
	assert_true(first > 100);
}

#define CHECK(x) \
	do { \
		if (!(x)) { \
			fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #x); \
			return 1; \
		} \
	} while (0)

/* Two processes at a time, as in an upgrade. */

static int
write_rows(struct owner *o, int first, int n)
{
	owner_open(o);
	for (int i = 0; i < n; i++) {
		owner_row(o, first + 2 * i, 100);
		CHECK(i % 10 != 0 || owner_await_done(o, i + 1));
	}
	owner_close(o);
	for (int i = 0; i < n; i++)
		CHECK(o->done[i].rc == 0);
	return 0;
}

static void
in_two_processes(struct owner *o)
{
	pid_t pid = fork();
	int status, rc;

	if (pid == 0)
		_exit(write_rows(o, 1001, 500));
	rc = write_rows(o, 1002, 500);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	assert_int_equal(rc, 0);
	assert_int_equal(owner_ask(o->path, "SELECT count(*) FROM rows WHERE n > 1000"), 1000);
	assert_int_equal(owner_ask(o->path, "SELECT count(*) FROM gaps"), 0);
}

static void
two_processes_make_the_same_file(void **state)
{
	in_two_processes(*state);
}

static void
two_processes_upgrade_the_same_file(void **state)
{
	struct owner *o = *state;
	char copy[128];

	snprintf(copy, sizeof copy, "%s.v1", o->path);
	o->config.scripts = old_scripts;
	fill(o, 10, 10);
	o->config.scripts = new_scripts;
	in_two_processes(o);
	assert_int_equal(owner_ask(o->path, "PRAGMA user_version"), 3);
	assert_int_equal(owner_ask(copy, "PRAGMA user_version"), 1);
	assert_int_equal(owner_ask(copy, "SELECT count(*) FROM rows"), 10);
	assert_int_equal(count_files(o, ".v1"), 1);
}

/* A full disk. */

enum { DISK = 200 * 1024, FULL_OPS = 30 };

static void
set_disk(rlim_t bytes)
{
	struct rlimit r;

	getrlimit(RLIMIT_FSIZE, &r);
	r.rlim_cur = bytes;
	setrlimit(RLIMIT_FSIZE, &r);
}

static bool
is_empty(struct owner *o, long arg)
{
	struct store_status st;
	bool is;

	(void)arg;
	store_status(o->store, &st);
	is = st.ops == 0 && st.state == STORE_READY && st.gaps == 1;
	store_status_release(&st);
	return is;
}

static bool
is_done_or_full(struct owner *o, long n)
{
	struct store_status st;

	store_status(o->store, &st);
	store_status_release(&st);
	return st.state == STORE_FULL || o->ndone == n;
}

static bool
has_attempts(struct owner *o, long n)
{
	return o->attempts >= n;
}

static int
fill_the_disk(struct owner *o)
{
	int n = 0, durable = 0, refused = 0, last = -1;
	struct store_status st;
	char sql[64];

	signal(SIGXFSZ, SIG_IGN);
	o->config.max_ops = FULL_OPS;
	set_disk(DISK);
	owner_open(o);
	CHECK(owner_await_state(o, STORE_READY));
	for (st.state = STORE_READY; st.state != STORE_FULL && n < 1000;) {
		owner_row(o, n++, 2000);
		CHECK(owner_until(o, is_done_or_full, n));
		store_status(o->store, &st);
		store_status_release(&st);
	}
	CHECK(st.state == STORE_FULL);
	for (int i = 0; i < 2 * FULL_OPS; i++)
		owner_row(o, n++, 2000);
	store_status(o->store, &st);
	CHECK(st.state == STORE_FULL && st.ops == FULL_OPS && st.dropped >= FULL_OPS);
	CHECK(strstr(st.cause, "too large") != NULL);
	store_status_release(&st);
	CHECK(owner_until(o, has_attempts, o->attempts + 5));
	set_disk(RLIM_INFINITY);
	CHECK(owner_until(o, is_empty, 0));
	CHECK(owner_await_done(o, n));
	for (int i = 0; i < n; i++) {
		durable += o->done[i].rc == 0;
		refused += o->done[i].rc == -ENOSPC;
		snprintf(sql, sizeof sql, "SELECT count(*) FROM rows WHERE n=%d", o->done[i].n);
		CHECK(owner_read(o, sql) == (o->done[i].rc == 0));
		if (o->done[i].rc == 0) { /* in the order in which they came */
			CHECK(o->done[i].n > last);
			last = o->done[i].n;
		}
	}
	CHECK(durable >= FULL_OPS && refused >= FULL_OPS && durable + refused == n);
	CHECK(owner_read(o, "SELECT dropped FROM gaps") == refused);
	CHECK(count_files(o, ".damaged-") == 0);
	owner_close(o);
	CHECK(owner_ask(o->path, "SELECT count(*) FROM rows") == durable);
	return 0;
}

static int
start_on_a_full_disk(struct owner *o)
{
	signal(SIGXFSZ, SIG_IGN);
	set_disk(1000);
	owner_open(o);
	owner_row(o, 1, 10);
	CHECK(owner_await_state(o, STORE_FULL));
	set_disk(RLIM_INFINITY);
	CHECK(owner_await_done(o, 1));
	CHECK(o->done[0].rc == 0);
	CHECK(owner_read(o, "SELECT count(*) FROM gaps") == 0);
	CHECK(count_files(o, ".damaged-") == 0);
	owner_close(o);
	return 0;
}

static int
close_on_a_full_disk(struct owner *o)
{
	uint64_t start;

	signal(SIGXFSZ, SIG_IGN);
	o->config.retry_ms = 60000;
	owner_open(o);
	CHECK(owner_await_state(o, STORE_READY));
	set_disk(1000);
	owner_row(o, 1, 10);
	CHECK(owner_await_state(o, STORE_FULL));
	start = clock_mono_us();
	owner_close(o);
	CHECK(clock_mono_us() - start < OWNER_PATIENCE_MS * 1000ull / 2);
	CHECK(o->ndone == 1 && o->done[0].rc == -ECANCELED);
	return 0;
}

/* The limit is the process's, and cmocka cannot be left from a child. */
static void
in_child(struct owner *o, int (*test)(struct owner *o))
{
	pid_t pid = fork();
	int status;

	if (pid == 0)
		_exit(test(o));
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

static void
a_full_disk_is_waited_for(void **state)
{
	in_child(*state, fill_the_disk);
}

static void
a_full_disk_does_not_stop_a_start(void **state)
{
	in_child(*state, start_on_a_full_disk);
}

static void
a_full_disk_does_not_hold_up_the_end(void **state)
{
	in_child(*state, close_on_a_full_disk);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    CASE(a_damaged_file_is_set_aside),
	    CASE(the_log_goes_aside_with_its_file),
	    CASE(damage_in_use_is_survived_once),
	    CASE(a_newer_file_is_left_alone),
	    CASE(migrations_go_forward_and_keep_a_copy),
	    CASE(a_file_without_a_version_is_copied),
	    CASE(a_script_that_fails_leaves_its_version),
	    CASE(a_link_is_not_followed),
	    CASE(a_reader_misses_the_file),
	    CASE(what_was_durable_outlives_a_kill),
	    CASE(two_processes_make_the_same_file),
	    CASE(two_processes_upgrade_the_same_file),
	    CASE(a_full_disk_is_waited_for),
	    CASE(a_full_disk_does_not_stop_a_start),
	    CASE(a_full_disk_does_not_hold_up_the_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
