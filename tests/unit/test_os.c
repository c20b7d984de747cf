/* What every system's file says of processes, sockets, descriptors and memory. */
#include "config.h"

#include "unit.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "in_pty.h"
#include "os/os.h"

enum { KIB = 1024, NEAR_MS = 60000 };

static bool
is_cloexec(int fd)
{
	return (fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0;
}

static bool
blocks(int fd)
{
	return (fcntl(fd, F_GETFL) & O_NONBLOCK) == 0;
}

/* Descriptors. */

static void
descriptors_are_close_on_exec(void **state)
{
	const struct winsize size = {.ws_row = 7, .ws_col = 77};
	struct winsize its;
	int fds[2], fd;

	(void)state;
	assert_int_equal(os_pipe(fds), 0);
	assert_true(is_cloexec(fds[0]) && is_cloexec(fds[1]));
	assert_true(blocks(fds[0]) && blocks(fds[1]));
	close(fds[0]);
	close(fds[1]);
	fd = os_socket(AF_UNIX, SOCK_STREAM, false);
	assert_true(fd >= 0 && is_cloexec(fd) && blocks(fd));
	close(fd);
	fd = os_socket(AF_INET, SOCK_STREAM, true);
	assert_true(fd >= 0 && is_cloexec(fd) && !blocks(fd));
	close(fd);
	assert_true(os_socket(-1, SOCK_STREAM, false) < 0);
	assert_int_equal(os_openpty(&fds[0], &fds[1], &size), 0);
	assert_true(is_cloexec(fds[0]) && is_cloexec(fds[1]));
	assert_int_equal(ioctl(fds[1], TIOCGWINSZ, &its), 0);
	assert_true(its.ws_row == 7 && its.ws_col == 77);
	close(fds[0]);
	close(fds[1]);
}

static void
all_from_one_up_become_close_on_exec(void **state)
{
	int low = dup(0), high = fcntl(0, F_DUPFD, 200);
	int status;
	pid_t pid;

	(void)state;
	assert_true(low >= 0 && high >= 200);
	assert_false(is_cloexec(low) || is_cloexec(high));
	pid = fork();
	if (pid == 0) {
		os_cloexec_from(low + 1);
		_exit(is_cloexec(low) || !is_cloexec(high));
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	close(low);
	close(high);
}

static void
descriptors_are_counted(void **state)
{
	unsigned before = os_open_descriptors(), after;
	int fds[2];

	(void)state;
	assert_int_equal(os_pipe(fds), 0);
	after = os_open_descriptors();
	close(fds[0]);
	close(fds[1]);
	assert_true(before >= 3);
	assert_int_equal(after, before + 2);
}

/* Sockets. */

static void
make_pair(int *listener, int *client, int *served)
{
	char dir[] = "/tmp/panescry-os-XXXXXX";
	struct sockaddr_un un = {.sun_family = AF_UNIX};
	struct sockaddr_storage from;
	socklen_t len = sizeof from;

	assert_non_null(mkdtemp(dir));
	snprintf(un.sun_path, sizeof un.sun_path, "%s/s", dir);
	*listener = os_socket(AF_UNIX, SOCK_STREAM, true);
	*client = os_socket(AF_UNIX, SOCK_STREAM, false);
	assert_int_equal(bind(*listener, (struct sockaddr *)&un, sizeof un), 0);
	assert_int_equal(listen(*listener, 4), 0);
	assert_int_equal(os_accept(*listener, (struct sockaddr *)&from, &len), -EAGAIN);
	assert_int_equal(connect(*client, (struct sockaddr *)&un, sizeof un), 0);
	len = sizeof from;
	*served = os_accept(*listener, (struct sockaddr *)&from, &len);
	assert_true(*served >= 0 && is_cloexec(*served) && !blocks(*served));
	unlink(un.sun_path);
	rmdir(dir);
}

static void
the_peer_of_a_socket_is_known(void **state)
{
	int listener, client, served;
	uid_t uid = (uid_t)-1;
	pid_t pid = 0;

	(void)state;
	make_pair(&listener, &client, &served);
	assert_int_equal(os_peer_uid(served, &uid), 0);
	assert_int_equal(uid, geteuid());
	assert_int_equal(os_peer_pid(served, &pid), 0);
	assert_int_equal(pid, getpid());
	close(listener);
	close(client);
	close(served);
}

static void
the_end_of_a_socket_is_seen_behind_what_is_unread(void **state)
{
	int listener, client, served;

	(void)state;
	make_pair(&listener, &client, &served);
	assert_false(os_socket_ended(served));
	assert_int_equal(write(client, "unread", 6), 6);
	assert_false(os_socket_ended(served));
	assert_int_equal(shutdown(client, SHUT_WR), 0);
	assert_true(os_socket_ended(served));
	close(client);
	assert_true(os_socket_ended(served));
	close(listener);
	close(served);
}

static void
a_socket_has_less_room_when_it_is_full(void **state)
{
	static const char data[4 * KIB];
	struct sockaddr_in in = {
	    .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int listener = os_socket(AF_INET, SOCK_STREAM, false), served;
	int client = os_socket(AF_INET, SOCK_STREAM, false);
	socklen_t len = sizeof in;
	size_t room;

	(void)state;
	assert_int_equal(bind(listener, (struct sockaddr *)&in, sizeof in), 0);
	assert_int_equal(getsockname(listener, (struct sockaddr *)&in, &len), 0);
	assert_int_equal(listen(listener, 1), 0);
	assert_int_equal(connect(client, (struct sockaddr *)&in, sizeof in), 0);
	len = sizeof in;
	served = os_accept(listener, (struct sockaddr *)&in, &len);
	assert_true(served >= 0);
	room = os_socket_room(served);
	assert_true(room >= KIB);
	while (write(served, data, sizeof data) > 0)
		;
	if (room != SIZE_MAX)
		assert_true(os_socket_room(served) < room);
	close(listener);
	close(client);
	close(served);
}

/* Processes. */

static void
this_process_is_described(void **state)
{
	char cwd[PATH_MAX], its[PATH_MAX], program[64], path[PATH_MAX];
	const char *base;
	struct stat st;

	(void)state;
	assert_non_null(getcwd(cwd, sizeof cwd));
	assert_int_equal(os_process_cwd(getpid(), its, sizeof its), 0);
	assert_string_equal(its, cwd);
	assert_int_equal(os_program_path(path, sizeof path), 0);
	assert_true(path[0] == '/' && stat(path, &st) == 0);
	base = strrchr(path, '/') + 1;
	assert_int_equal(os_process_program(getpid(), program, sizeof program), 0);
	assert_true(program[0] != '\0' && strncmp(base, program, 7) == 0);
	assert_int_equal(os_process_parent(getpid()), getppid());
	assert_true(llabs(os_process_started(getpid()) - clock_wall_ms()) < NEAR_MS);
	assert_true(os_resident_bytes() > 100 * KIB);
	assert_true(os_processors() >= 1);
}

static void
a_process_that_is_not_there_is_not_described(void **state)
{
	char buf[PATH_MAX];
	pid_t pid = fork();

	(void)state;
	if (pid == 0)
		_exit(0);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	assert_true(os_process_cwd(pid, buf, sizeof buf) < 0);
	assert_true(os_process_program(pid, buf, sizeof buf) < 0);
	assert_true(os_process_args(pid, buf, sizeof buf) < 0);
	assert_int_equal(os_process_front(pid), 0);
	assert_int_equal(os_process_parent(pid), 0);
	assert_int_equal(os_process_started(pid), 0);
	assert_true(os_process_program(0, buf, sizeof buf) < 0);
}

struct search {
	pid_t pid;
	unsigned seen, all;
	struct os_process found;
};

static bool
on_process(void *arg, const struct os_process *p)
{
	struct search *s = arg;

	s->all++;
	if (p->pid == s->pid) {
		s->found = *p;
		s->seen++;
	}
	return true;
}

static bool
on_first(void *arg, const struct os_process *p)
{
	(void)p;
	++*(unsigned *)arg;
	return false;
}

static void
children_are_among_all_processes(void **state)
{
	struct search s = {0};
	unsigned n = 0;
	int hold[2];

	(void)state;
	assert_int_equal(os_pipe(hold), 0);
	s.pid = fork();
	if (s.pid == 0) {
		char c;
		close(hold[1]);
		_exit(read(hold[0], &c, 1) != 0);
	}
	assert_int_equal(os_process_each(on_process, &s), 0);
	assert_int_equal(s.seen, 1);
	assert_true(s.all >= 2);
	assert_int_equal(s.found.parent, getpid());
	assert_true(llabs(s.found.started_ms - clock_wall_ms()) < NEAR_MS);
	assert_int_equal(os_process_each(on_first, &n), 0);
	assert_int_equal(n, 1);
	close(hold[0]);
	close(hold[1]);
	assert_int_equal(waitpid(s.pid, NULL, 0), s.pid);
}

/* Until the child has become what it executes. */
static ssize_t
await_args(pid_t pid, const char *first, char *buf, size_t size)
{
	uint64_t until = clock_mono_us() + 20000000;
	ssize_t n;

	for (;;) {
		n = os_process_args(pid, buf, size);
		if (n > 0 && strcmp(buf, first) == 0)
			return n;
		if (clock_mono_us() >= until)
			fail_msg("%s is not among the arguments", first);
		usleep(10000);
	}
}

static void
arguments_are_told_with_their_ends(void **state)
{
	static const char all[] = "an-argv0\0-c\0read x; exit\0a b\0";
	char buf[512], less[16];
	int hold[2];
	pid_t pid;
	ssize_t n;

	(void)state;
	assert_int_equal(os_pipe(hold), 0);
	pid = fork();
	if (pid == 0) {
		dup2(hold[0], 0);
		execl("/bin/sh", "an-argv0", "-c", "read x; exit", "a b", (char *)NULL);
		_exit(127);
	}
	n = await_args(pid, "an-argv0", buf, sizeof buf);
	assert_int_equal(n, sizeof all - 1);
	assert_memory_equal(buf, all, sizeof all - 1);
	n = os_process_args(pid, less, sizeof less);
	assert_true(n > 0 && n <= (ssize_t)sizeof less && less[n - 1] == '\0');
	assert_memory_equal(less, all, (size_t)n - 1);
	close(hold[0]);
	close(hold[1]);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
}

static void
the_group_in_front_of_a_terminal_is_known(void **state)
{
	uint64_t until = clock_mono_us() + 20000000;
	int master;
	pid_t pid = fork_in_pty(&master);

	(void)state;
	assert_true(pid >= 0);
	if (pid == 0) {
		pause();
		_exit(0);
	}
	while (os_process_front(pid) != pid) {
		if (clock_mono_us() >= until)
			fail_msg("it is %d, not %d", (int)os_process_front(pid), (int)pid);
		usleep(10000);
	}
	assert_int_equal(kill(pid, SIGKILL), 0);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	close(master);
}

/* Memory. */

static void
memory_that_is_given_back_is_zero(void **state)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE), size = 64 * page;
	int fd = -1;

	(void)state;
	for (int i = 0; i < 2; i++) {
		unsigned char *p;
		void *map;

		assert_int_equal(i == 0 ? os_memory_private(size, &map)
					: os_memory_create("test", size, &fd, &map),
		    0);
		p = map;
		assert_true(p[0] == 0 && p[size - 1] == 0);
		memset(p, 1, size);
		os_memory_discard(fd, map, 3 * page, 8 * page);
		assert_int_equal(p[3 * page - 1], 1);
		assert_int_equal(p[3 * page], 0);
		assert_int_equal(p[11 * page - 1], 0);
		assert_int_equal(p[11 * page], 1);
		os_memory_unmap(map, size);
	}
	assert_int_equal(os_has_keeper(), fd >= 0);
	if (fd >= 0)
		close(fd);
}

#if defined(__GLIBC__) && !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
static void
take_and_free(size_t size)
{
	char *volatile p = malloc(size);

	assert_non_null(p);
	memset(p, 1, size);
	free(p);
}

/* Of itself glibc would keep the second: the first has taught it to. */
static void
what_is_freed_goes_back(void **state)
{
	size_t before;

	(void)state;
	os_heap_return();
	take_and_free(KIB);
	before = os_resident_bytes();
	take_and_free((size_t)24 * KIB * KIB);
	take_and_free((size_t)20 * KIB * KIB);
	assert_in_range(os_resident_bytes(), 1, before + (size_t)4 * KIB * KIB);
}
#else
static void
what_is_freed_goes_back(void **state)
{
	(void)state;
	os_heap_return();
	skip();
}
#endif

static void
random_bytes_differ(void **state)
{
	unsigned char a[300] = {0}, b[300] = {0};

	(void)state;
	assert_int_equal(os_random(a, sizeof a), 0);
	assert_int_equal(os_random(b, sizeof b), 0);
	assert_memory_not_equal(a, b, sizeof a);
	assert_memory_not_equal(a + 260, b + 260, 40);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(descriptors_are_close_on_exec),
	    cmocka_unit_test(all_from_one_up_become_close_on_exec),
	    cmocka_unit_test(descriptors_are_counted),
	    cmocka_unit_test(the_peer_of_a_socket_is_known),
	    cmocka_unit_test(the_end_of_a_socket_is_seen_behind_what_is_unread),
	    cmocka_unit_test(a_socket_has_less_room_when_it_is_full),
	    cmocka_unit_test(this_process_is_described),
	    cmocka_unit_test(a_process_that_is_not_there_is_not_described),
	    cmocka_unit_test(children_are_among_all_processes),
	    cmocka_unit_test(arguments_are_told_with_their_ends),
	    cmocka_unit_test(the_group_in_front_of_a_terminal_is_known),
	    cmocka_unit_test(memory_that_is_given_back_is_zero),
	    cmocka_unit_test(what_is_freed_goes_back),
	    cmocka_unit_test(random_bytes_differ),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
