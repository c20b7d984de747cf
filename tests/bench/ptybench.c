/*
 * ptybench: what the machine gives without any server, as one line of JSON.
 *
 *   ptybench read COMMAND...     COMMAND under a PTY; blocking reads of 64 KiB, discarded
 *   ptybench echo KEYS GAP_US    a byte into a raw PTY in which cat runs, and back
 *   ptybench tcp MB CHUNK        one way through TCP on the loopback, CHUNK bytes a write
 */
#include "config.h"

#include <errno.h>
#include <netinet/in.h>
#include <pty.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include "bench.h"

#define READ_SIZE 65536

static pid_t
spawn(char **argv, bool raw, int *master)
{
	struct winsize size = {.ws_row = 40, .ws_col = 120};
	struct termios t;
	pid_t pid = forkpty(master, NULL, NULL, &size);

	if (pid < 0)
		bench_die("forkpty: %s", strerror(errno));
	if (pid > 0)
		return pid;
	if (raw && tcgetattr(0, &t) == 0) {
		cfmakeraw(&t);
		tcsetattr(0, TCSANOW, &t);
	}
	execvp(argv[0], argv);
	_exit(127);
}

static int
bench_read(char **argv)
{
	static char buf[READ_SIZE];
	long long total = 0, reads = 0;
	double t0 = 0, secs, cpu;
	pid_t pid;
	ssize_t k;
	int master, status;

	t0 = bench_now();
	pid = spawn(argv, false, &master);
	cpu = bench_self_cpu();
	while ((k = read(master, buf, sizeof buf)) > 0) {
		total += k;
		reads++;
	}
	secs = bench_now() - t0;
	cpu = bench_self_cpu() - cpu;
	waitpid(pid, &status, 0);
	out_begin("pty", "read");
	out_int("out_bytes", total);
	out_num("secs", secs, 4);
	out_num("MBps", (double)total / BENCH_MB / secs, 2);
	out_num("bytes_per_read", reads > 0 ? (double)total / (double)reads : 0, 0);
	out_num("srv_cpu_s_per_GB", total > 0 ? cpu / ((double)total / BENCH_GB) : 0, 3);
	out_num("child_cpu_s_per_GB",
	    total > 0 ? bench_child_cpu() / ((double)total / BENCH_GB) : 0, 3);
	out_end();
	return 0;
}

static int
bench_echo(size_t keys, long gap_us)
{
	char *cat[] = {(char[]){"cat"}, NULL}, byte, in[64];
	double *us = bench_alloc(keys * sizeof *us), t0;
	int master, status;
	pid_t pid = spawn(cat, true, &master);
	size_t i;

	bench_jitter_sleep(200000);
	for (i = 0; i < keys; i++) {
		byte = (char)('a' + i % 26);
		t0 = bench_now();
		if (write(master, &byte, 1) != 1 || read(master, in, sizeof in) != 1)
			bench_die("echo: %s", strerror(errno));
		us[i] = (bench_now() - t0) * 1e6;
		bench_jitter_sleep(gap_us);
	}
	out_begin("pty", "latency");
	out_percentiles(us, keys);
	out_end();
	free(us);
	kill(pid, SIGKILL);
	waitpid(pid, &status, 0);
	return 0;
}

static void
tcp_sender(int listener, long long left, size_t chunk)
{
	char *buf = bench_alloc(chunk);
	int fd = accept(listener, NULL, NULL);

	for (; left > 0; left -= (long long)chunk)
		if (write(fd, buf, chunk) <= 0)
			_exit(1);
	_exit(0);
}

static int
bench_tcp(long long mb, size_t chunk)
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
	socklen_t alen = sizeof a;
	static char buf[1 << 20];
	int listener = socket(AF_INET, SOCK_STREAM, 0), fd = socket(AF_INET, SOCK_STREAM, 0);
	long long total = 0;
	double t0;
	ssize_t k;
	pid_t pid;
	int status;

	if (bind(listener, (struct sockaddr *)&a, sizeof a) != 0 || listen(listener, 1) != 0 ||
	    getsockname(listener, (struct sockaddr *)&a, &alen) != 0)
		bench_die("listen: %s", strerror(errno));
	pid = fork();
	if (pid == 0)
		tcp_sender(listener, mb * 1000000, chunk);
	if (pid < 0 || connect(fd, (struct sockaddr *)&a, sizeof a) != 0)
		bench_die("connect: %s", strerror(errno));
	t0 = bench_now();
	while ((k = read(fd, buf, sizeof buf)) > 0)
		total += k;
	out_begin("tcp", "throughput");
	out_int("chunk", (long long)chunk);
	out_num("MBps", (double)total / BENCH_MB / (bench_now() - t0), 1);
	out_end();
	close(fd);
	close(listener);
	waitpid(pid, &status, 0);
	return 0;
}

int
main(int argc, char **argv)
{
	if (argc >= 3 && strcmp(argv[1], "read") == 0)
		return bench_read(argv + 2);
	if (argc == 4 && strcmp(argv[1], "echo") == 0 && atol(argv[2]) > 0)
		return bench_echo((size_t)atol(argv[2]), atol(argv[3]));
	if (argc == 4 && strcmp(argv[1], "tcp") == 0 && atol(argv[3]) > 0)
		return bench_tcp(atoll(argv[2]), (size_t)atol(argv[3]));
	fprintf(stderr, "ptybench read COMMAND... | echo KEYS GAP_US | tcp MB CHUNK\n");
	return 2;
}
