/* What jobs write, from real pipes and PTYs into files, and what the owner is given of it. */
#include "config.h"

#include "unit.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <sys/ioctl.h>
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

static void
make_pipe(int fds[2])
{
	assert_int_equal(pipe(fds), 0);
	fcntl(fds[0], F_SETFD, FD_CLOEXEC);
	fcntl(fds[1], F_SETFD, FD_CLOEXEC);
}

/* A process that writes the numbers, len bytes of them, or without end; its pipe's end to read. */
static pid_t
start_writer(uint64_t len, int *fd)
{
	static char data[SPOOL_PIECE];
	int fds[2];
	pid_t pid;

	make_pipe(fds);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		close(fds[0]);
		signal(SIGPIPE, SIG_IGN);
		for (uint64_t at = 0; at < len; at += sizeof data) {
			size_t n = len - at < sizeof data ? (size_t)(len - at) : sizeof data;

			fill_numbers(data, sizeof data, at);
			if (!put(fds[1], data, n))
				break;
		}
		_exit(0);
	}
	close(fds[1]);
	*fd = fds[0];
	return pid;
}

/* Bytes that a test can tell from others. */
static char *
some_bytes(size_t len)
{
	char *p = xmalloc(len + 8);

	fill_numbers(p, (len + 7) / 8 * 8, 0);
	return p;
}

/* 100 MB of what no text has, through a taker that is slower than the writer. */

enum { MUCH = 100 * 1000 * 1000, SEED = 7 };

static void
next_random(uint64_t *state, char *data, size_t len)
{
	for (size_t i = 0; i < len; i += 8) {
		*state ^= *state << 13;
		*state ^= *state >> 7;
		*state ^= *state << 17;
		memcpy(data + i, state, 8);
	}
}

static void
check_ahead(struct ear *e)
{
	assert_in_range(length_of(e->owner, e->job, e->number) - (e->to - SPOOL_PIECE), 0,
	    SPOOL_AHEAD + SPOOL_PIECE);
}

static void
much_is_copied_exactly(void **state)
{
	struct owner *o = *state;
	struct ear e = {.delay_us = 200, .on_data = check_ahead};
	static char is[SPOOL_PIECE], should[SPOOL_PIECE];
	uint64_t random = SEED;
	int fds[2];
	pid_t pid;

	make_pipe(fds);
	pid = fork();
	if (pid == 0) {
		close(fds[0]);
		for (size_t at = 0; at < MUCH; at += 50 * 1000) {
			next_random(&random, is, 50 * 1000);
			if (!put(fds[1], is, 50 * 1000))
				_exit(1);
		}
		_exit(0);
	}
	close(fds[1]);
	listen_to(o, &e, 1, 1, fds[0], 0, NULL);
	await_end(&e);
	wait_for_child(pid);
	assert_int_equal(e.how, SPOOL_EOF);
	assert_int_equal(e.to, MUCH);
	assert_int_equal(length_of(o, 1, 1), MUCH);
	for (size_t at = 0; at < MUCH; at += 50 * 1000) {
		next_random(&random, should, 50 * 1000);
		assert_int_equal(spool_read(o->dir, 1, 1, at, is, 50 * 1000), 50 * 1000);
		assert_memory_equal(is, should, 50 * 1000);
	}
	spool_remove(e.channel);
}

static void
an_end_without_a_byte_makes_no_file(void **state)
{
	struct owner *o = *state;
	struct ear e = {0};
	char byte;
	int fds[2];

	make_pipe(fds);
	listen_to(o, &e, 1, 1, fds[0], 0, NULL);
	close(fds[1]);
	await_end(&e);
	assert_int_equal(e.how, SPOOL_EOF);
	assert_int_equal(files_in(o->dir), 0);
	assert_int_equal(spool_read(o->dir, 1, 1, 0, &byte, 1), 0);
	assert_int_equal(length_of(o, 1, 1), 0);
	spool_remove(e.channel);
}

static void
a_file_is_its_owners_alone(void **state)
{
	struct owner *o = *state;
	struct ear e = {0};
	char path[128];
	struct stat st;
	int fds[2];

	make_pipe(fds);
	listen_to(o, &e, 12, 2, fds[0], 0, NULL);
	put(fds[1], "x", 1);
	await_given(&e, 1);
	snprintf(path, sizeof path, "%s/12.2", o->dir);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	close(fds[1]);
	await_end(&e);
	spool_remove(e.channel);
	spool_unlink(o->dir, 12);
	assert_int_equal(files_in(o->dir), 0);
}

/* Limits. */

static bool
have_both_ended(void *arg)
{
	struct ear *e = arg;

	return e[0].ended && e[1].ended;
}

static void
a_limit_is_exact_over_two_channels(void **state)
{
	struct owner *o = *state;
	struct spool_limit limit = {.max = 3 * MIB + 12345};
	struct ear e[2] = {0};
	pid_t pid[2];
	int fd;

	for (int i = 0; i < 2; i++) {
		pid[i] = start_writer(UINT64_MAX - SPOOL_PIECE, &fd);
		listen_to(o, &e[i], 1, (unsigned)i + 1, fd, 0, &limit);
	}
	turn_until(o, have_both_ended, e);
	assert_int_equal(limit.used, limit.max);
	assert_int_equal(e[0].to + e[1].to, limit.max);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(e[i].how, SPOOL_LIMIT);
		assert_numbers(o, 1, (unsigned)i + 1, e[i].to);
		spool_remove(e[i].channel);
		wait_for_child(pid[i]);
	}
}

static void
what_ends_at_the_limit_is_within_it(void **state)
{
	struct owner *o = *state;
	struct spool_limit limit = {.max = 1000};
	char *data = some_bytes(1000);
	struct ear e = {0};
	int fds[2];

	make_pipe(fds);
	put(fds[1], data, 1000);
	listen_to(o, &e, 1, 1, fds[0], 0, &limit);
	await_given(&e, 1000);
	assert_false(e.ended);
	close(fds[1]);
	await_end(&e);
	assert_int_equal(e.how, SPOOL_EOF);
	spool_remove(e.channel);
	free(data);
}

/* Removing. */

static void
remove_all(struct ear *e)
{
	struct ear *all = e->arg;

	for (int i = 0; i < 2; i++) {
		if (all[i].channel != NULL)
			spool_remove(all[i].channel);
		all[i].channel = NULL;
	}
}

static bool
are_removed(void *arg)
{
	const struct ear *all = arg;

	return all[0].channel == NULL && all[1].channel == NULL;
}

static void
nothing_follows_a_removal(void **state)
{
	struct owner *o = *state;
	char *data = some_bytes(50 * KIB);

	for (int round = 0; round < 200; round++) {
		struct ear e[2] = {0}, behind = {0};
		int fds[2][2], more[2];

		for (int i = 0; i < 2; i++) {
			make_pipe(fds[i]);
			put(fds[i][1], data, 50 * KIB);
			e[i].arg = e;
			if (round % 2 == 0)
				e[i].on_data = remove_all;
			else
				e[i].on_end = remove_all;
			listen_to(
			    o, &e[i], (uint64_t)round + 1, (unsigned)i + 1, fds[i][0], 0, NULL);
			close(fds[i][1]);
		}
		turn_until(o, are_removed, e);
		assert_int_equal(e[0].ends + e[1].ends, round % 2 == 0 ? 0 : 1);
		/* One behind them has its end after theirs would have come. */
		make_pipe(more);
		listen_to(o, &behind, 1000, 1, more[0], 0, NULL);
		close(more[1]);
		await_end(&behind);
		spool_remove(behind.channel);
		assert_int_equal(e[0].ends + e[1].ends, round % 2 == 0 ? 0 : 1);
	}
	free(data);
}

/* With its owner gone at any moment its descriptor is closed, and its limit is not touched. */
static void
a_removed_channel_is_let_go(void **state)
{
	struct owner *o = *state;

	for (int round = 0; round < 30; round++) {
		struct spool_limit *limit = xcalloc(1, sizeof *limit);
		struct ear e = {0};
		pid_t pid;
		int fd;

		limit->max = UINT64_MAX;
		pid = start_writer(UINT64_MAX - SPOOL_PIECE, &fd);
		listen_to(o, &e, (uint64_t)round + 1, 1, fd, 0, limit);
		if (round % 3 != 0)
			await_given(&e, (uint64_t)round * 10 * KIB);
		spool_remove(e.channel);
		free(limit);
		wait_for_child(pid); /* ends with its pipe */
	}
}

/* Stopping. */

static void
a_stop_reads_what_is_there(void **state)
{
	struct owner *o = *state;
	char *data = some_bytes(40 * KIB);

	for (int round = 0; round < 100; round++) {
		struct ear e = {0};
		int fds[2];

		make_pipe(fds);
		listen_to(o, &e, (uint64_t)round + 1, 1, fds[0], 0, NULL);
		if (round % 2 != 0) {
			put(fds[1], data, 8);
			await_given(&e, 8);
		}
		put(fds[1], data + e.to, 40 * KIB - e.to);
		spool_stop(e.channel);
		await_end(&e);
		assert_int_equal(e.how, SPOOL_STOPPED);
		assert_int_equal(e.err, 0);
		assert_numbers(o, (uint64_t)round + 1, 1, 40 * KIB);
		assert_int_equal(e.to, 40 * KIB);
		spool_remove(e.channel);
		close(fds[1]);
	}
	free(data);
}

static void
a_stop_does_not_wait_for_a_writer(void **state)
{
	struct owner *o = *state;
	struct ear endless = {0}, silent = {0};
	int fd, fds[2];
	pid_t pid;

	pid = start_writer(UINT64_MAX - SPOOL_PIECE, &fd);
	listen_to(o, &endless, 1, 1, fd, 0, NULL);
	await_given(&endless, 5 * MIB);
	spool_stop(endless.channel);
	await_end(&endless);
	assert_int_equal(endless.how, SPOOL_STOPPED);
	assert_numbers(o, 1, 1, endless.to);
	spool_remove(endless.channel);
	wait_for_child(pid);

	make_pipe(fds);
	listen_to(o, &silent, 2, 1, fds[0], 0, NULL);
	spool_stop(silent.channel);
	await_end(&silent);
	assert_int_equal(silent.how, SPOOL_STOPPED);
	assert_int_equal(length_of(o, 2, 1), 0);
	assert_int_equal(files_in(o->dir), 1);
	spool_remove(silent.channel);
	close(fds[1]);
}

/* PTYs. */

static pid_t
start_in_pty(uint64_t len, bool stay, int *master, int *written)
{
	char data[4096];
	struct termios t;
	int fds[2];
	pid_t pid;

	make_pipe(fds);
	pid = fork_in_pty(master);
	assert_true(pid >= 0);
	if (pid == 0) {
		if (tcgetattr(1, &t) != 0)
			_exit(1);
		cfmakeraw(&t);
		if (tcsetattr(1, TCSANOW, &t) != 0)
			_exit(1);
		for (uint64_t at = 0; at < len; at += sizeof data) {
			fill_numbers(data, sizeof data, at);
			if (!put(1, data, sizeof data))
				_exit(1);
		}
		put(fds[1], "", 1);
		while (stay)
			pause();
		_exit(0);
	}
	close(fds[1]);
	*written = fds[0];
	return pid;
}

static void
a_pty_is_read_to_its_end(void **state)
{
	struct owner *o = *state;
	struct ear e = {0};
	int fd, written;
	pid_t pid = start_in_pty(2 * MIB, false, &fd, &written);

	listen_to_pty(o, &e, 1, fd);
	await_end(&e);
	assert_int_equal(e.how, SPOOL_EOF);
	assert_int_equal(e.to, 2 * MIB);
	assert_numbers(o, 1, 1, 2 * MIB);
	spool_remove(e.channel);
	close(written);
	wait_for_child(pid);
}

static void
a_pty_is_stopped(void **state)
{
	struct owner *o = *state;
	struct ear e = {0};
	int fd, written;
	pid_t pid = start_in_pty(4096, true, &fd, &written);
	char byte;

	assert_int_equal(read(written, &byte, 1), 1);
	close(written);
	listen_to_pty(o, &e, 1, fd);
	spool_stop(e.channel);
	await_end(&e);
	assert_int_equal(e.how, SPOOL_STOPPED);
	assert_numbers(o, 1, 1, 4096);
	spool_remove(e.channel);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

/* Going on. */

static void
it_goes_on_at_the_files_end(void **state)
{
	static const struct {
		uint64_t from, given;
	} cases[] = {{0, 0}, {150000, 150000}, {200000, 200000}, {999999999, 200000}};
	struct owner *o = *state;
	char *data = some_bytes(208000);

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct ear e = {0};
		int fds[2];

		make_pipe(fds);
		put_file(o, i + 1, 1, data, 200000);
		listen_to(o, &e, i + 1, 1, fds[0], cases[i].from, NULL);
		put(fds[1], data + 200000, 8000);
		close(fds[1]);
		await_end(&e);
		assert_int_equal(e.from, cases[i].given);
		assert_int_equal(e.to, 208000);
		assert_numbers(o, i + 1, 1, 208000);
		spool_remove(e.channel);
	}
	free(data);
}

static void
without_a_descriptor_the_file_is_given(void **state)
{
	struct owner *o = *state;
	struct ear e = {0}, none = {0};
	char *data = some_bytes(3 * MIB);

	put_file(o, 1, 1, data, 3 * MIB);
	listen_to(o, &e, 1, 1, -1, 8, NULL);
	listen_to(o, &none, 2, 1, -1, 8, NULL);
	await_end(&e);
	await_end(&none);
	assert_int_equal(e.how, SPOOL_EOF);
	assert_int_equal(e.from, 8);
	assert_int_equal(e.to, 3 * MIB);
	assert_int_equal(none.how, SPOOL_EOF);
	assert_false(none.began);
	assert_int_equal(spool_size(none.channel), 0);
	spool_remove(e.channel);
	spool_remove(none.channel);
	free(data);
}

static bool
is_quiet(void *spool)
{
	return spool_is_quiet(spool);
}

static int
bytes_in(int fd)
{
	int n = -1;

	ioctl(fd, FIONREAD, &n);
	return n;
}

static void
a_pause_leaves_pipes_alone(void **state)
{
	struct owner *o = *state;
	struct ear e = {0}, other = {0};
	char *data = some_bytes(3 * MIB);
	int fds[2];

	make_pipe(fds);
	listen_to(o, &e, 1, 1, fds[0], 0, NULL);
	put(fds[1], data, 8);
	await_given(&e, 8);
	spool_pause(o->spool, true);
	turn_until(o, is_quiet, o->spool);
	put(fds[1], data + 8, 8);
	put_file(o, 2, 1, data, 3 * MIB);
	listen_to(o, &other, 2, 1, -1, 0, NULL);
	await_end(&other);
	assert_int_equal(other.to, 3 * MIB);
	assert_int_equal(bytes_in(fds[0]), 8);
	spool_pause(o->spool, false);
	assert_false(spool_is_quiet(o->spool));
	await_given(&e, 16);
	spool_remove(e.channel);
	spool_remove(other.channel);
	close(fds[1]);
	free(data);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    CASE(much_is_copied_exactly),
	    CASE(an_end_without_a_byte_makes_no_file),
	    CASE(a_file_is_its_owners_alone),
	    CASE(a_limit_is_exact_over_two_channels),
	    CASE(what_ends_at_the_limit_is_within_it),
	    CASE(nothing_follows_a_removal),
	    CASE(a_removed_channel_is_let_go),
	    CASE(a_stop_reads_what_is_there),
	    CASE(a_stop_does_not_wait_for_a_writer),
	    CASE(a_pty_is_read_to_its_end),
	    CASE(a_pty_is_stopped),
	    CASE(it_goes_on_at_the_files_end),
	    CASE(without_a_descriptor_the_file_is_given),
	    CASE(a_pause_leaves_pipes_alone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
