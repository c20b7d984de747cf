/* Where channels are written under hard conditions: kills, full disks, crowds, and what lies in the
 * way. */
#include "config.h"

#include "unit.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include "base/xmalloc.h"
#include "in_pty.h"
#include "os/os.h"
#include "spool_owner.h"

enum { KIB = 1024, MIB = 1024 * KIB };

/* Kills. */

enum { KILLS = 30 };

static volatile sig_atomic_t enough;

static void
on_enough(int sig)
{
	(void)sig;
	enough = 1;
}

/* Numbers in pieces of all sizes, until it is told that it is enough. Their length to `told`. */
static void
write_until_enough(int fd, int told)
{
	static char data[200 * KIB];
	unsigned random = 1;
	uint64_t at = 0;

	signal(SIGTERM, on_enough);
	while (!enough) {
		size_t len;

		random = random * 1103515245 + 12345;
		len = (random >> 16) % (sizeof data >> (random >> 10) % 16) / 8 * 8 + 8;
		if (len > sizeof data)
			len = sizeof data;
		fill_numbers(data, len, at);
		if (!put(fd, data, len))
			_exit(1);
		at += len;
	}
	_exit(put(told, &at, sizeof at) ? 0 : 1);
}

static void
tell_progress(struct ear *e)
{
	int *told = e->arg;

	if (*told >= 0)
		put(*told, "", 1);
	*told = -1;
}

/* Another process, which has the pipe for as long as it lives. */
static pid_t
start_spooler(const char *dir, int fd, int told)
{
	pid_t pid = fork();
	struct owner o = {0};
	struct ear e = {.on_data = tell_progress, .arg = &told};

	assert_true(pid >= 0);
	if (pid != 0)
		return pid;
	owner_open(&o, dir);
	listen_to(&o, &e, 1, 1, fd, UINT64_MAX, NULL);
	await_end(&e);
	_exit(e.how == SPOOL_EOF ? 0 : 1);
}

static void
kills_lose_and_double_nothing(void **state)
{
	struct owner *o = *state;
	int pipe_fds[2], length_fds[2], told[2], status;
	uint64_t len, before = 0, now;
	pid_t writer, pid;
	char byte;

	owner_close(o); /* so that this process has no other thread when it forks */
	assert_int_equal(pipe(pipe_fds) | pipe(length_fds), 0);
	writer = fork();
	if (writer == 0) {
		close(pipe_fds[0]);
		write_until_enough(pipe_fds[1], length_fds[1]);
	}
	close(pipe_fds[1]);
	for (int i = 0; i < KILLS; i++) {
		assert_int_equal(pipe(told), 0);
		pid = start_spooler(o->dir, pipe_fds[0], told[1]);
		close(told[1]);
		assert_int_equal(read(told[0], &byte, 1), 1);
		usleep((useconds_t)(rand() % 20000));
		kill(pid, SIGKILL);
		assert_int_equal(waitpid(pid, &status, 0), pid);
		assert_true(WIFSIGNALED(status));
		close(told[0]);
		now = length_of(o, 1, 1);
		assert_true(now > before);
		before = now;
	}
	kill(writer, SIGTERM);
	pid = start_spooler(o->dir, pipe_fds[0], -1);
	wait_for_child(pid);
	assert_int_equal(read(length_fds[0], &len, sizeof len), sizeof len);
	wait_for_child(writer);
	owner_open(o, o->dir);
	assert_numbers(o, 1, 1, len);
	close(pipe_fds[0]);
	close(length_fds[0]);
	close(length_fds[1]);
}

/* Disks that are full. */

static char *
some_bytes(size_t len)
{
	char *p = xmalloc(len + 8);

	fill_numbers(p, (len + 7) / 8 * 8, 0);
	return p;
}

static void
make_pipe(int fds[2])
{
	assert_int_equal(pipe(fds), 0);
}

static bool
is_stuck(void *arg)
{
	return ((struct ear *)arg)->stuck != 0;
}

static bool
is_free(void *arg)
{
	return ((struct ear *)arg)->stuck == 0;
}

static void
set_file_limit(rlim_t to)
{
	struct rlimit r;

	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &r), 0);
	r.rlim_cur = to;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &r), 0);
}

static void
a_full_disk_is_waited_for(void **state)
{
	struct owner *o = *state;
	char *data = some_bytes(60000);
	struct ear e = {0}, other = {0};
	int fds[2], more[2];

	make_pipe(fds);
	make_pipe(more);
	set_file_limit(20000);
	listen_to(o, &e, 1, 1, fds[0], 0, NULL);
	put(fds[1], data, 60000);
	close(fds[1]);
	turn_until(o, is_stuck, &e);
	assert_int_equal(e.stuck, -EFBIG);
	await_given(&e, 20000);
	/* It hinders no other. */
	listen_to(o, &other, 2, 1, more[0], 0, NULL);
	put(more[1], data, 10000);
	close(more[1]);
	await_end(&other);
	assert_false(e.ended);
	set_file_limit(RLIM_INFINITY);
	turn_until(o, is_free, &e);
	await_end(&e);
	assert_int_equal(e.how, SPOOL_EOF);
	assert_int_equal(e.stucks, 2);
	assert_int_equal(e.to, 60000);
	assert_numbers(o, 1, 1, 60000);
	spool_remove(e.channel);
	spool_remove(other.channel);
	free(data);
}

static void
what_is_stuck_can_be_stopped(void **state)
{
	struct owner *o = *state;
	char *data = some_bytes(60000);
	struct ear e = {0};
	int fds[2];

	make_pipe(fds);
	set_file_limit(20000);
	listen_to(o, &e, 1, 1, fds[0], 0, NULL);
	put(fds[1], data, 60000);
	turn_until(o, is_stuck, &e);
	spool_stop(e.channel);
	await_end(&e);
	assert_int_equal(e.how, SPOOL_STOPPED);
	assert_int_equal(e.err, -EFBIG);
	assert_int_equal(e.to, 20000);
	set_file_limit(RLIM_INFINITY);
	spool_remove(e.channel);
	close(fds[1]);
	free(data);
}

/* What was read of a PTY is written when it can be. */
static void
a_pty_waits_for_the_disk(void **state)
{
	struct owner *o = *state;
	char *data = some_bytes(400 * KIB);
	struct ear e = {0};
	struct termios t;
	pid_t pid;
	int fd;

	pid = fork_in_pty(&fd);
	if (pid == 0) {
		tcgetattr(1, &t);
		cfmakeraw(&t);
		tcsetattr(1, TCSANOW, &t);
		_exit(put(1, data, 400 * KIB) ? 0 : 1);
	}
	set_file_limit(100001);
	listen_to_pty(o, &e, 1, fd);
	turn_until(o, is_stuck, &e);
	assert_int_equal(e.stuck, -EFBIG);
	await_given(&e, 100001);
	set_file_limit(RLIM_INFINITY);
	await_end(&e);
	assert_int_equal(e.how, SPOOL_EOF);
	assert_int_equal(e.stucks, 2);
	assert_numbers(o, 1, 1, 400 * KIB);
	spool_remove(e.channel);
	wait_for_child(pid);
	free(data);
}

static void
a_full_file_system_is_waited_for(void **state)
{
	char *data = some_bytes(60000), *filler = some_bytes(220 * KIB);
	char dir[] = "/tmp/panescry-full-XXXXXX";
	struct owner o = {0};
	struct ear e = {0};
	int fds[2];

	(void)state;
	assert_non_null(mkdtemp(dir));
	if (mount("none", dir, "tmpfs", 0, "size=256k") != 0) {
		rmdir(dir);
		free(data);
		free(filler);
		skip(); /* only root may */
	}
	owner_open(&o, dir);
	put_file(&o, 9, 1, filler, 220 * KIB);
	make_pipe(fds);
	listen_to(&o, &e, 1, 1, fds[0], 0, NULL);
	put(fds[1], data, 60000);
	close(fds[1]);
	turn_until(&o, is_stuck, &e);
	assert_int_equal(e.stuck, -ENOSPC);
	/* Whole or not at all. */
	assert_int_equal(spool_write(dir, 9, 1, 220 * KIB, filler, 50 * KIB), -ENOSPC);
	assert_int_equal(length_of(&o, 9, 1), 220 * KIB);
	spool_unlink(dir, 9);
	await_end(&e);
	assert_int_equal(e.to, 60000);
	assert_numbers(&o, 1, 1, 60000);
	spool_remove(e.channel);
	owner_close(&o);
	assert_int_equal(umount(dir), 0);
	rmdir(dir);
	free(data);
	free(filler);
}

/* Crowds. */

enum { CROWD = 2000 };

static bool
has_all_ended(void *arg)
{
	const struct ear *e = arg;

	for (int i = 0; i < CROWD; i++)
		if (!e[i].ended)
			return false;
	return true;
}

static void
many_end_at_once(void **state)
{
	struct owner *o = *state;
	struct ear *e = xcalloc(CROWD, sizeof *e);
	int(*fds)[2] = xcalloc(CROWD, sizeof *fds);
	struct rlimit r;

	assert_int_equal(getrlimit(RLIMIT_NOFILE, &r), 0);
	if (r.rlim_max < 3 * CROWD) {
		free(e);
		free(fds);
		skip();
	}
	r.rlim_cur = r.rlim_max;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &r), 0);
	for (int i = 0; i < CROWD; i++) {
		make_pipe(fds[i]);
		listen_to(o, &e[i], (uint64_t)i + 1, 1, fds[i][0], 0, NULL);
	}
	for (int i = 0; i < CROWD; i += 10)
		put(fds[i][1], "12345678", 8);
	for (int i = 0; i < CROWD; i++)
		close(fds[i][1]);
	turn_until(o, has_all_ended, e);
	assert_int_equal(files_in(o->dir), CROWD / 10);
	for (int i = 0; i < CROWD; i++) {
		assert_int_equal(e[i].ends, 1);
		assert_int_equal(e[i].how, SPOOL_EOF);
		assert_int_equal(e[i].to, i % 10 == 0 ? 8 : 0);
		spool_remove(e[i].channel);
	}
	free(e);
	free(fds);
}

/* Channels with far more than fits into memory all get on. */
static void
a_large_one_slows_no_small_one(void **state)
{
	enum { LARGE = 12 };
	struct owner *o = *state;
	char *data = some_bytes(4 * MIB);
	struct ear large[LARGE] = {0}, small = {0};

	put_file(o, 100, 1, data, 8);
	for (unsigned i = 0; i < LARGE; i++) {
		put_file(o, i + 1, 1, data, 4 * MIB);
		large[i].delay_us = 100;
		listen_to(o, &large[i], i + 1, 1, -1, 0, NULL);
	}
	listen_to(o, &small, 100, 1, -1, 0, NULL);
	await_end(&small);
	for (unsigned i = 0; i < LARGE; i++)
		assert_false(large[i].ended);
	for (unsigned i = 0; i < LARGE; i++) {
		await_end(&large[i]);
		assert_int_equal(large[i].to, 4 * MIB);
		spool_remove(large[i].channel);
	}
	spool_remove(small.channel);
	free(data);
}

/* What lies in the way. */

static void
links_and_others_are_refused(void **state)
{
	static const int errors[] = {-ELOOP, -EINVAL, -EISDIR};
	struct owner *o = *state;
	char path[4][128], byte;
	struct stat st;

	snprintf(path[0], sizeof path[0], "%s/1.1", o->dir);
	snprintf(path[1], sizeof path[1], "%s/2.1", o->dir);
	snprintf(path[2], sizeof path[2], "%s/3.1", o->dir);
	snprintf(path[3], sizeof path[3], "%s/victim", o->dir);
	assert_int_equal(close(open(path[3], O_CREAT | O_WRONLY, 0600)), 0);
	assert_int_equal(symlink(path[3], path[0]), 0);
	assert_int_equal(mkfifo(path[1], 0600), 0);
	assert_int_equal(mkdir(path[2], 0700), 0);
	for (uint64_t i = 1; i <= 3; i++) {
		struct ear e = {0};
		int fds[2];

		make_pipe(fds);
		put(fds[1], "secret", 6);
		listen_to(o, &e, i, 1, fds[0], 0, NULL);
		await_end(&e);
		assert_int_equal(e.how, SPOOL_ERROR);
		assert_int_equal(e.err, errors[i - 1]);
		assert_true(spool_read(o->dir, i, 1, 0, &byte, 1) < 0);
		assert_true(spool_write(o->dir, i, 1, 0, "x", 1) < 0);
		spool_remove(e.channel);
		close(fds[1]);
	}
	assert_int_equal(stat(path[3], &st), 0);
	assert_int_equal(st.st_size, 0);
	rmdir(path[2]);
}

static void
a_link_that_comes_later_is_refused(void **state)
{
	struct owner *o = *state;
	struct ear e = {0}, other = {0};
	char path[128], victim[128];
	int fds[2], more[2];

	snprintf(path, sizeof path, "%s/1.1", o->dir);
	snprintf(victim, sizeof victim, "%s/victim", o->dir);
	make_pipe(fds);
	make_pipe(more);
	listen_to(o, &e, 1, 1, fds[0], 0, NULL);
	/* When this one has ended, the other has been looked up. */
	listen_to(o, &other, 2, 1, more[0], 0, NULL);
	close(more[1]);
	await_end(&other);
	assert_int_equal(symlink(victim, path), 0);
	put(fds[1], "secret", 6);
	await_end(&e);
	assert_int_equal(e.how, SPOOL_ERROR);
	assert_int_equal(e.err, -ELOOP);
	assert_int_equal(access(victim, F_OK), -1);
	spool_remove(e.channel);
	spool_remove(other.channel);
	close(fds[1]);
}

static void
a_bad_descriptor_is_an_error(void **state)
{
	struct owner *o = *state;
	struct ear e = {0};
	int fd = open(o->dir, O_RDONLY);

	listen_to(o, &e, 1, 1, fd, 0, NULL);
	await_end(&e);
	assert_int_equal(e.how, SPOOL_ERROR);
	assert_int_equal(e.err, -EISDIR);
	spool_remove(e.channel);
}

/* Streams. */

static void
a_write_is_at_the_end_or_not_at_all(void **state)
{
	struct owner *o = *state;
	char data[16];

	assert_int_equal(spool_write(o->dir, 1, 1, 5, "x", 1), -ESPIPE);
	assert_int_equal(spool_write(o->dir, 1, 1, 0, "", 0), 0);
	assert_int_equal(files_in(o->dir), 0);
	assert_int_equal(spool_write(o->dir, 1, 1, 0, "hello", 5), 0);
	assert_int_equal(spool_write(o->dir, 1, 1, 0, "hello", 5), -ESPIPE);
	assert_int_equal(spool_write(o->dir, 1, 1, 4, "!", 1), -ESPIPE);
	assert_int_equal(spool_write(o->dir, 1, 1, 6, "!", 1), -ESPIPE);
	assert_int_equal(spool_write(o->dir, 1, 1, 5, "!", 1), 0);
	assert_int_equal(length_of(o, 1, 1), 6);
	assert_int_equal(spool_read(o->dir, 1, 1, 1, data, sizeof data), 5);
	assert_memory_equal(data, "ello!", 5);
	assert_int_equal(spool_read(o->dir, 1, 1, 6, data, sizeof data), 0);
	assert_int_equal(spool_read(o->dir, 1, 1, UINT64_MAX, data, sizeof data), 0);
}

enum { RECORDS = 3000, RECORD = 16, APPENDERS = 3 };

struct appender {
	const char *dir;
	char mark;
	pthread_t thread;
};

static void *
append_all(void *arg)
{
	struct appender *a = arg;
	char record[RECORD];
	uint64_t len;

	memset(record, a->mark, sizeof record);
	for (int i = 0; i < RECORDS;) {
		if (spool_length(a->dir, 1, 1, &len) != 0)
			return arg;
		if (spool_write(a->dir, 1, 1, len, record, sizeof record) == 0)
			i++;
	}
	return NULL;
}

static void
two_writers_do_not_mix(void **state)
{
	struct owner *o = *state;
	struct appender a[APPENDERS];
	unsigned seen[APPENDERS] = {0};
	char is[RECORD], should[RECORD];
	void *failed;

	for (int i = 0; i < APPENDERS; i++) {
		a[i].dir = o->dir;
		a[i].mark = (char)('a' + i);
		assert_int_equal(pthread_create(&a[i].thread, NULL, append_all, &a[i]), 0);
	}
	for (int i = 0; i < APPENDERS; i++) {
		pthread_join(a[i].thread, &failed);
		assert_null(failed);
	}
	assert_int_equal(length_of(o, 1, 1), APPENDERS * RECORDS * RECORD);
	for (uint64_t at = 0; at < (uint64_t)APPENDERS * RECORDS * RECORD; at += RECORD) {
		assert_int_equal(spool_read(o->dir, 1, 1, at, is, RECORD), RECORD);
		assert_in_range(is[0], 'a', 'a' + APPENDERS - 1);
		memset(should, is[0], sizeof should);
		assert_memory_equal(is, should, RECORD);
		seen[is[0] - 'a']++;
	}
	for (int i = 0; i < APPENDERS; i++)
		assert_int_equal(seen[i], RECORDS);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    CASE(kills_lose_and_double_nothing),
	    CASE(a_full_disk_is_waited_for),
	    CASE(what_is_stuck_can_be_stopped),
	    CASE(a_pty_waits_for_the_disk),
	    CASE(a_full_file_system_is_waited_for),
	    CASE(many_end_at_once),
	    CASE(a_large_one_slows_no_small_one),
	    CASE(links_and_others_are_refused),
	    CASE(a_link_that_comes_later_is_refused),
	    CASE(a_bad_descriptor_is_an_error),
	    CASE(a_write_is_at_the_end_or_not_at_all),
	    CASE(two_writers_do_not_mix),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
