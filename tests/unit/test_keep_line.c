/* A worker's end of the line: what it says of jobs, and to which keeper. */
#include "config.h"

#include "unit.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <uv.h>

#include "app/keep.h"
#include "os/os.h"

static const uint64_t job = KEEP_JOB | 5;

struct line {
	uv_loop_t loop;
	struct keep *keep;
	int keeper; /* the other end */
	unsigned greetings;
	bool holds; /* what the last one changed */
};

static void
greet(struct line *l, uint32_t flags)
{
	struct keep_packet p = {.m = {.number = 7, .flags = flags}};
	int fds[] = {dup(l->keeper), dup(l->keeper)};

	assert_int_equal(os_send(l->keeper, &p, keep_pack(&p, KEEP_HELLO, NULL, 0), fds, 2), 0);
	close(fds[0]);
	close(fds[1]);
}

static void
on_message(void *arg, const struct keep_packet *p, int fds[], unsigned nfds)
{
	struct line *l = arg;

	(void)fds;
	assert_non_null(p);
	assert_int_equal(p->m.type, KEEP_HELLO);
	assert_int_equal(nfds, 2);
	l->greetings++;
	l->holds = keep_greeted(l->keep, &p->m);
}

static void
hear_greeting(struct line *l)
{
	unsigned before = l->greetings;

	while (l->greetings == before)
		uv_run(&l->loop, UV_RUN_ONCE);
}

static void
start(struct line *l, uint32_t flags)
{
	struct keep_hello hello;
	int ends[2];

	*l = (struct line){0};
	uv_loop_init(&l->loop);
	assert_int_equal(
	    socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends), 0);
	l->keeper = ends[0];
	l->keep = keep_new(ends[1]);
	greet(l, flags);
	assert_int_equal(keep_hello(l->keep, &hello, NULL), 0);
	assert_int_equal(hello.last_pane, 7);
	close(hello.tcp_fd);
	close(hello.unix_fd);
	keep_start(l->keep, &l->loop, on_message, l);
}

static void
stop(struct line *l)
{
	keep_stop(l->keep);
	uv_run(&l->loop, UV_RUN_DEFAULT);
	assert_int_equal(uv_loop_close(&l->loop), 0);
	keep_free(l->keep);
	close(l->keeper);
}

/* What the keeper reads next; its descriptors are closed. Returns how many there were. */
static unsigned
said(struct line *l, struct keep_packet *p)
{
	unsigned nfds;
	int fds[OS_FDS_MAX];
	ssize_t n = os_receive(l->keeper, p, sizeof *p, fds, OS_FDS_MAX, &nfds);

	assert_true(n > 0);
	assert_int_equal(keep_unpack(p, (size_t)n), 0);
	for (unsigned i = 0; i < nfds; i++)
		close(fds[i]);
	return nfds;
}

static void
said_nothing(struct line *l)
{
	struct keep_packet p;

	assert_int_equal(recv(l->keeper, &p, sizeof p, MSG_DONTWAIT), -1);
	assert_int_equal(errno, EAGAIN);
}

static void
jobs_are_told_with_what_they_have(void **state)
{
	struct line l;
	struct keep_packet p;

	(void)state;
	start(&l, KEEP_JOBS | KEEP_FIRST);
	keep_say_here(l.keep, "/a/keeper");
	assert_int_equal(said(&l, &p), 0);
	assert_int_equal(p.m.type, KEEP_HERE);
	assert_int_equal(p.m.number, KEEP_VERSION);
	assert_int_equal(p.m.flags, KEEP_JOBS);
	assert_string_equal(p.text, "/a/keeper");
	keep_say_job(l.keep, job, 99, (int[]){-1, l.keeper, l.keeper});
	assert_int_equal(said(&l, &p), 2);
	assert_int_equal(p.m.type, KEEP_BORN);
	assert_true(p.m.pane == job);
	assert_int_equal(p.m.pid, 99);
	assert_int_equal(p.m.flags, KEEP_FD << 1 | KEEP_FD << 2);
	keep_say_pane(l.keep, KEEP_REAPED, job, 256);
	assert_int_equal(said(&l, &p), 0);
	assert_int_equal(p.m.type, KEEP_REAPED);
	assert_true(p.m.pane == job);
	assert_int_equal(p.m.status, 256);
	stop(&l);
}

static void
a_keeper_without_jobs_hears_of_none(void **state)
{
	static const int fds[KEEP_FDS] = {-1, 0, -1};
	struct keep_packet p;
	struct line l;

	(void)state;
	start(&l, KEEP_FIRST);
	keep_say_job(l.keep, job, 99, fds);
	said_nothing(&l);
	greet(&l, 0); /* another such */
	hear_greeting(&l);
	assert_false(l.holds);
	keep_say_job(l.keep, job, 99, fds);
	said_nothing(&l);
	greet(&l, KEEP_JOBS);
	hear_greeting(&l);
	assert_true(l.holds);
	keep_say_job(l.keep, job, 99, fds);
	assert_int_equal(said(&l, &p), 1);
	greet(&l, KEEP_JOBS);
	hear_greeting(&l);
	assert_false(l.holds); /* it knows them already */
	stop(&l);
}

/* What waits for the keeper keeps its own descriptors: the caller's may be closed. */
static void
jobs_wait_for_a_keeper_that_is_slow(void **state)
{
	enum { MANY = 2000 };
	struct keep_packet p;
	struct line l;
	int pipes[2];
	char c;

	(void)state;
	start(&l, KEEP_JOBS);
	for (unsigned i = 0; i < MANY; i++)
		keep_say_pane(l.keep, KEEP_TRY, i, 0);
	assert_false(keep_sent(l.keep));
	assert_int_equal(pipe(pipes), 0);
	keep_say_job(l.keep, job, 99, (int[]){pipes[1], -1, -1});
	close(pipes[1]);
	for (unsigned i = 0; i < MANY; i++) {
		assert_int_equal(said(&l, &p), 0);
		assert_int_equal(p.m.pane, i);
		uv_run(&l.loop, UV_RUN_NOWAIT);
	}
	assert_true(keep_sent(l.keep));
	assert_int_equal(said(&l, &p), 1);
	assert_true(p.m.pane == job);
	assert_int_equal(p.m.flags, KEEP_FD);
	assert_int_equal(read(pipes[0], &c, 1), 0); /* nobody holds the other end any more */
	close(pipes[0]);
	stop(&l);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(jobs_are_told_with_what_they_have),
	    cmocka_unit_test(a_keeper_without_jobs_hears_of_none),
	    cmocka_unit_test(jobs_wait_for_a_keeper_that_is_slow),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
