/* What the keeper starts for a worker, and what it does not, whoever asks. */
#include "config.h"

#include "unit.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "keeper/keeper.h"
#include "os/os.h"
#include "os/spawn.h"
#include "proto/spawn.h"

enum { PANE = 3, WAIT_MS = 20000 };

static const uint64_t helper = KEEP_HELPER | 9;

static struct keeper k;
static int worker; /* its end of the line */

uint64_t
keeper_now(void)
{
	return 1000;
}

/* Requests. */

static int
request(const char *script)
{
	char sh[] = "sh", c[] = "-c", path[] = "PATH=/usr/bin:/bin", *envp[] = {path, NULL};
	char *argv[] = {sh, c, (char *)script, NULL};
	struct spawn_wish w = {NULL, "/", argv, envp};
	struct buf b;
	int fd;

	buf_init(&b, SPAWN_BYTES_MAX);
	assert_int_equal(spawn_pack(&w, &b), 0);
	fd = os_memory_sealed("request", b.data, b.len);
	assert_true(fd >= 0);
	buf_release(&b);
	return fd;
}

/* Asks with these descriptors, which are taken: the request, then status, tty, in, out, err. */
static void
ask(uint64_t id, uint64_t ticket, int fd, const int more[KEEP_SPAWN_FDS - 1])
{
	struct keep_packet p = {.m = {.pane = id, .number = ticket, .type = KEEP_SPAWN}};
	int fds[OS_FDS_MAX] = {fd};
	unsigned n = 1 + keep_pack_spawn(more, &p.m.flags, fds + 1);

	spawn_start(&k, &k.worker, &p, fds, fd >= 0 ? n : 0);
	for (unsigned i = 0; i < n; i++)
		close_fd(&fds[i]);
}

static const int none[KEEP_SPAWN_FDS - 1] = {-1, -1, -1, -1, -1};

/* With a pipe for reports: reads the first, which must be the process's. 0: it was refused. */
static pid_t
start(uint64_t id, uint64_t ticket, int fd)
{
	int status[2], more[KEEP_SPAWN_FDS - 1] = {-1, -1, -1, -1, -1};
	struct spawn_report r;
	pid_t pid = 0;

	assert_int_equal(pipe2(status, O_CLOEXEC), 0);
	more[0] = status[1];
	ask(id, ticket, fd, more);
	if (read(status[0], &r, sizeof r) == sizeof r) {
		assert_int_equal(r.step, SPAWN_PID);
		pid = r.err;
	}
	close(status[0]);
	return pid;
}

static void
refuses(uint64_t id, uint64_t ticket, int fd)
{
	size_t before = k.nchildren;

	assert_int_equal(start(id, ticket, fd), 0);
	/* A helper's refusal is told, as there is nothing else to tell by. */
	if (keep_is_helper(id) && k.nchildren > before) {
		assert_true(k.children[k.nchildren - 1].tell);
		k.nchildren--;
	}
	assert_int_equal(k.nchildren, before);
}

static int
wait_for(pid_t pid)
{
	int status;

	assert_int_equal(waitpid(pid, &status, 0), pid);
	return status;
}

/* The next message that the worker has. */
static int
told(struct keep_packet *p)
{
	int fds[OS_FDS_MAX];
	unsigned n;
	ssize_t len = os_receive(worker, p, sizeof *p, fds, OS_FDS_MAX, &n);

	return len > 0 ? keep_unpack(p, (size_t)len) : -EAGAIN;
}

/* Tests. */

static void
what_is_asked_for_runs(void **state)
{
	pid_t pid;

	(void)state;
	panes_add(&k, PANE);
	pid = start(PANE, 2, request("exit 7"));
	assert_true(pid > 1);
	assert_int_equal(panes_find(&k, PANE)->pid, pid);
	assert_int_equal(k.nchildren, 1);
	assert_int_equal(WEXITSTATUS(wait_for(pid)), 7);
	assert_false(spawn_reaped(&k, pid, 7 << 8)); /* the panes' table has the status */
	assert_int_equal(k.nchildren, 0);
}

static void
it_has_a_group_its_descriptors_and_no_other(void **state)
{
	int out[2], more[KEEP_SPAWN_FDS - 1] = {-1, -1, -1, -1, -1};
	char text[256] = "";
	size_t len = 0;
	ssize_t n;
	pid_t pid;

	(void)state;
	assert_int_equal(pipe2(out, O_CLOEXEC), 0);
	more[3] = out[1];
	ask(helper, 2,
	    request("read line; echo $? $(ls /proc/self/fd | wc -l); ps -o pgid= -p $$ | "
		    "tr -d ' '; grep NoNewPrivs /proc/self/status; pwd"),
	    more);
	pid = k.children[0].pid;
	while ((n = read(out[0], text + len, sizeof text - 1 - len)) > 0)
		len += (size_t)n;
	close(out[0]);
	wait_for(pid);
	/* Nothing to read; 0 to 2 and ls's own. */
	assert_memory_equal(text, "1 4\n", 4);
	assert_int_equal(atoi(text + 4), pid);
	assert_non_null(strstr(text, "NoNewPrivs:\t0"));
	assert_true(spawn_reaped(&k, pid, 0));
	k.nchildren = 0;
}

static void
a_helpers_end_is_told_once(void **state)
{
	struct keep_packet p;
	pid_t pid;

	(void)state;
	pid = start(helper, 5, request("exit 3"));
	wait_for(pid);
	assert_true(spawn_reaped(&k, pid, 3 << 8));
	assert_true(spawn_has_ended(&k, &k.worker));
	assert_int_equal(spawn_tell(&k, &k.worker), 0);
	assert_int_equal(told(&p), 0);
	assert_int_equal(p.m.type, KEEP_EXITED);
	assert_int_equal(p.m.number, 5);
	assert_int_equal(p.m.status, 3 << 8);
	assert_false(spawn_has_ended(&k, &k.worker));
	assert_int_equal(k.nchildren, 0);
	/* One that cannot be started, too. */
	ask(helper, 6, open("/dev/zero", O_RDONLY | O_CLOEXEC), none);
	assert_int_equal(spawn_tell(&k, &k.worker), 0);
	assert_int_equal(told(&p), 0);
	assert_int_equal(p.m.number, 6);
	assert_int_equal(p.m.status, -1);
}

static void
files_that_are_no_request_are_refused(void **state)
{
	int pipes[2], fd, big;

	(void)state;
	panes_add(&k, PANE);
	assert_int_equal(pipe2(pipes, O_CLOEXEC), 0);
	refuses(PANE, 2, pipes[0]); /* nobody writes: reading it would wait */
	close(pipes[1]);
	refuses(PANE, 2, open("/dev/zero", O_RDONLY | O_CLOEXEC));
	refuses(PANE, 2, open("/etc/passwd", O_RDONLY | O_CLOEXEC));
	refuses(PANE, 2, -1);
	/* One that can still be changed. */
	fd = memfd_create("open", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	assert_int_equal(write(fd, "PSS1", 4), 4);
	refuses(PANE, 2, fd);
	fd = os_memory_sealed("junk", "PSS1junk", 8);
	refuses(PANE, 2, fd);
	big = memfd_create("big", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	assert_int_equal(ftruncate(big, (off_t)1 << 40), 0);
	fcntl(big, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE);
	refuses(PANE, 2, big);
}

static void
numbers_and_tickets_must_be_right(void **state)
{
	pid_t pid;

	(void)state;
	refuses(PANE, 2, request("true")); /* no such pane */
	refuses(KEEP_JOB | 1, 2, request("true"));
	panes_add(&k, KEEP_REMOTE | 1);
	refuses(KEEP_REMOTE | 1, 2, request("true"));
	panes_add(&k, PANE);
	refuses(PANE, 0, request("true"));
	refuses(PANE, 1, request("true"));
	refuses(PANE, (uint64_t)INT32_MAX + 1, request("true"));
	refuses(PANE, UINT64_MAX, request("true"));
	pid = start(PANE, 2, request("exec sleep 1000"));
	assert_true(pid > 1);
	refuses(PANE, 3, request("true"));   /* it has one */
	refuses(helper, 2, request("true")); /* the ticket is taken */
	kill(pid, SIGKILL);
	wait_for(pid);
	spawn_reaped(&k, pid, SIGKILL);
	panes_find(&k, PANE)->reaped = true;
	refuses(PANE, 4, request("true")); /* and has had one */
}

static void
helpers_are_bounded(void **state)
{
	(void)state;
	k.children = calloc(HELPERS_MAX, sizeof *k.children);
	k.nchildren = HELPERS_MAX;
	for (size_t i = 0; i < k.nchildren; i++)
		k.children[i] = (struct child){
		    .id = KEEP_HELPER | i, .ticket = 100 + i, .pid = 1, .worker = k.worker.pid};
	refuses(helper, 2, request("true"));
}

static void
tickets_signal_nobody_else(void **state)
{
	struct keep_packet p = {.m = {.number = 2, .status = SIGKILL, .flags = KEEP_GROUP}};
	struct worker other = k.worker;
	pid_t pid;

	(void)state;
	pid = start(helper, 2, request("exec sleep 1000"));
	other.pid++;
	spawn_send_signal(&k, &other, &p); /* another worker's */
	p.m.number = 3;
	spawn_send_signal(&k, &k.worker, &p);
	p.m.number = 2;
	p.m.status = 4000;
	spawn_send_signal(&k, &k.worker, &p);
	assert_int_equal(waitpid(pid, NULL, WNOHANG), 0);
	p.m.status = SIGKILL;
	spawn_send_signal(&k, &k.worker, &p);
	assert_int_equal(WTERMSIG(wait_for(pid)), SIGKILL);
	/* It has been reaped: its number may be anybody's. */
	spawn_reaped(&k, pid, SIGKILL);
	k.children[0].pid = getpid();
	spawn_send_signal(&k, &k.worker, &p);
	spawn_forget(&k, k.worker.pid);
	assert_int_equal(k.nchildren, 0);
}

static void
directories_are_told_and_nonsense_ends_it(void **state)
{
	int ends[2], mine;
	struct keep_look q = {.serial = 7, .pid = getpid()};
	char answer[5000], cwd[4096];
	ssize_t n;

	(void)state;
	assert_int_equal(
	    socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends), 0);
	mine = ends[0];
	spawn_look(&k.worker, &ends[1], 1);
	assert_int_equal(send(mine, &q, sizeof q, 0), sizeof q);
	q.pid = -1;
	q.serial++;
	assert_int_equal(send(mine, &q, sizeof q, 0), sizeof q);
	spawn_looks(&k.worker);
	n = recv(mine, answer, sizeof answer - 1, 0);
	assert_true(n > (ssize_t)sizeof q);
	answer[n] = '\0';
	assert_string_equal(answer + sizeof q, getcwd(cwd, sizeof cwd));
	assert_int_equal(recv(mine, answer, sizeof answer, 0), sizeof q);
	assert_int_equal(send(mine, "x", 1, 0), 1);
	spawn_looks(&k.worker);
	assert_int_equal(k.worker.look, -1);
	close(mine);
}

static int
set_up(void **state)
{
	int ends[2];

	(void)state;
	assert_int_equal(
	    socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends), 0);
	k = (struct keeper){.worker = {.state = SERVING,
				.pid = 77777,
				.fd = ends[0],
				.look = -1,
				.hello = true,
				.here = true}};
	k.next.fd = k.next.look = -1;
	worker = ends[1];
	return 0;
}

static int
tear_down(void **state)
{
	(void)state;
	for (size_t i = 0; i < k.npanes; i++)
		panes_drop(&k.panes[i]);
	free(k.panes);
	free(k.children);
	close_fd(&k.worker.fd);
	close_fd(&k.worker.look);
	close_fd(&worker);
	return 0;
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(what_is_asked_for_runs),
	    TEST(it_has_a_group_its_descriptors_and_no_other),
	    TEST(a_helpers_end_is_told_once),
	    TEST(files_that_are_no_request_are_refused),
	    TEST(numbers_and_tickets_must_be_right),
	    TEST(helpers_are_bounded),
	    TEST(tickets_signal_nobody_else),
	    TEST(directories_are_told_and_nonsense_ends_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
