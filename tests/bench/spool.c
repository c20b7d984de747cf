/*
 * How fast a channel is: a pipe to a file and to the owner, beside cat(1) to a file; and how many
 * channels that end without a byte are had in a second, two at a time as jobs have them.
 */
#include "config.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <uv.h>

#include "base/clock.h"
#include "base/xmalloc.h"
#include "job/spool.h"

enum { SIZE = 1000 * 1000 * 1000, PIECE = 64 * 1024, SHORT = 20000, ROUNDS = 3 };

static uint64_t given;
static unsigned ended;

static void
on_data(void *user, uint64_t offset, const void *data, size_t len)
{
	(void)user;
	(void)offset;
	(void)data;
	given += len;
}

static void
on_end(void *user, enum spool_end how, int err)
{
	(void)user;
	(void)how;
	(void)err;
	ended++;
}

static int
start_writer(void)
{
	static char data[PIECE];
	int fds[2];

	if (pipe2(fds, O_CLOEXEC) != 0)
		abort();
	if (fork() == 0) {
		memset(data, 'x', sizeof data);
		for (size_t n = 0; n < SIZE; n += sizeof data)
			if (write(fds[1], data, sizeof data) < 0)
				break;
		_exit(0);
	}
	close(fds[1]);
	return fds[0];
}

static double
cpu_s(void)
{
	struct rusage r;

	getrusage(RUSAGE_SELF, &r);
	return (double)(r.ru_utime.tv_sec + r.ru_stime.tv_sec) +
	       (double)(r.ru_utime.tv_usec + r.ru_stime.tv_usec) / 1e6;
}

static void
print_rate(const char *what, uint64_t began_us)
{
	double s = (double)(clock_mono_us() - began_us) / 1e6;

	printf("%-28s %6.2f GB/s\n", what, SIZE / 1e9 / s);
}

static void
time_cat(const char *dir)
{
	uint64_t began = clock_mono_us();
	int fd = start_writer();
	char path[128];
	pid_t pid;

	snprintf(path, sizeof path, "%s/cat", dir);
	pid = fork();
	if (pid == 0) {
		dup2(fd, 0);
		dup2(open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600), 1);
		execlp("cat", "cat", (char *)NULL);
		_exit(1);
	}
	close(fd);
	waitpid(pid, NULL, 0);
	wait(NULL);
	print_rate("cat > file", began);
	unlink(path);
}

static void
time_channel(uv_loop_t *loop, struct spool *s, const char *dir)
{
	uint64_t began = clock_mono_us();
	struct spool_channel *c;

	ended = 0;
	given = 0;
	c = spool_add(s, 1, 1, start_writer(), false, 0, NULL, NULL);
	while (ended == 0)
		uv_run(loop, UV_RUN_ONCE);
	wait(NULL);
	print_rate(given >= SIZE ? "channel, file and owner" : "channel, INCOMPLETE", began);
	spool_remove(c);
	spool_unlink(dir, 1);
}

static void
time_short(uv_loop_t *loop, struct spool *s)
{
	uint64_t began = clock_mono_us();
	double cpu = cpu_s();
	int fds[2][2];

	for (unsigned n = 0; n < SHORT; n += 2) {
		struct spool_channel *c[2];

		ended = 0;
		for (unsigned i = 0; i < 2; i++) {
			if (pipe2(fds[i], O_CLOEXEC) != 0)
				abort();
			c[i] = spool_add(s, n + 1, i + 1, fds[i][0], false, 0, NULL, NULL);
		}
		close(fds[0][1]);
		close(fds[1][1]);
		while (ended != 2)
			uv_run(loop, UV_RUN_ONCE);
		spool_remove(c[0]);
		spool_remove(c[1]);
	}
	printf("%-28s %6.0f a second, %.1f us of CPU each\n", "channels without a byte",
	    SHORT / ((double)(clock_mono_us() - began) / 1e6), (cpu_s() - cpu) * 1e6 / SHORT);
}

/* Below a directory that is named, or /tmp. */
int
main(int argc, char **argv)
{
	static const struct spool_callbacks cb = {on_data, on_end, NULL};
	char *dir = xasprintf("%s/panescry-bench-XXXXXX", argc > 1 ? argv[1] : "/tmp");
	char *cause = NULL;
	struct spool *s;
	uv_loop_t loop;

	if (mkdtemp(dir) == NULL || uv_loop_init(&loop) != 0)
		return 1;
	for (int i = 0; i < ROUNDS; i++)
		time_cat(dir);
	if (spool_new(&loop, dir, &cb, &s, &cause) != 0) {
		fprintf(stderr, "%s\n", cause);
		return 1;
	}
	for (int i = 0; i < ROUNDS; i++)
		time_channel(&loop, s, dir);
	for (int i = 0; i < ROUNDS; i++)
		time_short(&loop, s);
	spool_free(s);
	uv_run(&loop, UV_RUN_DEFAULT);
	uv_loop_close(&loop);
	rmdir(dir);
	free(dir);
	return 0;
}
