/* Jobs under a real keeper: workers that are killed, replaced and stopped. */
#include "config.h"

#include "unit.h"

#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include "kept.h"

static const uint64_t job = KEEP_JOB | (uint64_t)3 << 48 | 5, other = KEEP_JOB | 6;

static const int none[KEEP_FDS] = {-1, -1, -1};

static void
close_fds(int fds[KEEP_FDS])
{
	for (unsigned i = 0; i < KEEP_FDS; i++) {
		if (fds[i] >= 0)
			close(fds[i]);
		fds[i] = -1;
	}
}

/* A first worker, that serves. */
static void
start(struct kept_keeper *k, struct kept_worker *w)
{
	struct kept_message m;

	kept_accept(k, w, &m);
	assert_int_equal(m.p.m.flags, KEEP_JOBS | KEEP_SPAWNS | KEEP_FIRST);
	kept_here(w, true);
	kept_serve(w);
}

/* The next after one that died, up to the jobs. */
static void
follow(struct kept_keeper *k, struct kept_worker *w)
{
	struct kept_message m;

	kept_accept(k, w, &m);
	assert_int_equal(m.p.m.flags, KEEP_JOBS | KEEP_SPAWNS);
	kept_here(w, true);
}

static void
born(struct kept_worker *w, uint64_t number, pid_t pid, int fds[KEEP_FDS])
{
	kept_say_job(w, number, pid, fds);
	close_fds(fds);
}

/* The worker is given the job, which has the descriptors of the bits in `which`. */
static void
found(struct kept_worker *w, uint64_t number, pid_t pid, unsigned which, int fds[KEEP_FDS])
{
	struct kept_message m;

	kept_hear(w, KEEP_PANE, &m);
	assert_true(m.p.m.pane == number);
	assert_int_equal(m.p.m.pid, pid);
	assert_int_equal(m.p.m.flags, which * KEEP_FD);
	keep_unpack_fds(m.p.m.flags, m.fds, m.nfds, fds);
	for (unsigned i = 0; i < KEEP_FDS; i++)
		assert_int_equal(fds[i] >= 0, which >> i & 1);
}

static void
exited(struct kept_worker *w, uint64_t number, pid_t pid, int status)
{
	struct kept_message m;

	kept_hear(w, KEEP_EXITED, &m);
	assert_true(m.p.m.pane == number);
	assert_int_equal(m.p.m.pid, pid);
	assert_int_equal(m.p.m.status, status);
	assert_int_equal(m.nfds, 0);
}

static void
holds(struct kept_worker *w, unsigned panes, unsigned jobs)
{
	struct keep_status s = kept_status(w);

	assert_int_equal(s.panes, panes);
	assert_int_equal(s.jobs, jobs);
}

static void
a_job_outlives_its_worker(void **state)
{
	struct kept_worker w;
	struct kept_message m;
	struct keep_packet p = {.m = {.pane = 7}};
	int fds[KEEP_FDS], memory = open("/dev/null", O_RDWR | O_CLOEXEC);
	pid_t pid;

	start(*state, &w);
	pid = kept_run(&w, "echo one; read -r x; echo \"got $x\"; echo wrong >&2; cat; exit 7",
	    false, fds);
	kept_read(fds[1], "one\n");
	kept_say(&w, &p, KEEP_BORN, &memory, 1);
	close(memory);
	born(&w, job, pid, fds);
	holds(&w, 1, 1);
	kept_kill(&w);

	kept_accept(*state, &w, &m);
	assert_int_equal(m.p.m.number, 7); /* a pane's: jobs give out none */
	assert_int_equal(m.p.m.count, 1);
	kept_here(&w, true);
	kept_hear(&w, KEEP_PANE, &m);
	assert_int_equal(m.p.m.pane, 7);
	assert_int_equal(m.p.m.flags, 0);
	assert_int_equal(m.nfds, 1);
	close(m.fds[0]);
	found(&w, job, pid, 7, fds);
	kept_serve(&w);
	assert_int_equal(write(fds[0], "two\n", 4), 4);
	kept_read(fds[1], "got two\n");
	kept_read(fds[2], "wrong\n");

	/* It sees the end of its input when nobody holds the other end. */
	close(fds[0]);
	fds[0] = -1;
	kept_say_job(&w, job, pid, fds);
	exited(&w, job, pid, 7 << 8);
	assert_string_equal(kept_read(fds[1], NULL), "");
	close_fds(fds);
	kept_say_pane(&w, KEEP_GONE, job, 0);
	holds(&w, 1, 0);
	kept_kill(&w);
	kept_accept(*state, &w, NULL);
	kept_here(&w, true);
	kept_hear(&w, KEEP_PANE, &m);
	assert_int_equal(m.p.m.pane, 7);
	close(m.fds[0]);
	kept_serve(&w);
}

static void
what_it_did_meanwhile_is_there(void **state)
{
	struct kept_keeper *k = *state;
	struct kept_worker w;
	struct kept_message m;
	int fds[KEEP_FDS];
	pid_t pid;

	start(k, &w);
	pid = kept_run(&w,
	    "until [ -e go ]; do sleep 0.02; done; echo late; echo too late >&2; exit 9", false,
	    fds);
	close(fds[0]);
	fds[0] = -1;
	born(&w, job, pid, fds);
	holds(&w, 0, 1);
	kept_kill(&w);
	kept_touch(k, "go");
	kept_gone(pid);

	for (int i = 0; i < 2; i++) { /* it stays so for the next one */
		follow(k, &w);
		kept_hear(&w, KEEP_PANE, &m);
		assert_true(m.p.m.pane == job);
		assert_int_equal(m.p.m.flags, KEEP_ENDED | KEEP_FD << 1 | KEEP_FD << 2);
		assert_int_equal(m.p.m.status, 9 << 8);
		assert_int_equal(m.nfds, 2);
		if (i == 0) {
			close(m.fds[0]);
			close(m.fds[1]);
			kept_kill(&w);
		}
	}
	kept_serve(&w);
	assert_string_equal(kept_read(m.fds[0], NULL), "late\n");
	assert_string_equal(kept_read(m.fds[1], NULL), "too late\n");
	close(m.fds[0]);
	close(m.fds[1]);
	kept_say_pane(&w, KEEP_GONE, job, 0);
	holds(&w, 0, 0);
}

static void
one_that_its_worker_reaped_is_told_as_such(void **state)
{
	struct kept_worker w;
	struct kept_message m;
	int fds[KEEP_FDS];
	pid_t pid;

	start(*state, &w);
	pid = kept_run(&w, "echo all; exit 2", false, fds);
	born(&w, job, pid, fds);
	assert_int_equal(kept_reap(&w, pid), 2 << 8);
	kept_say_pane(&w, KEEP_REAPED, job, 2 << 8);
	kept_say_pane(&w, KEEP_DRAINED, job, 0); /* and has been read */
	holds(&w, 0, 1);
	kept_kill(&w);
	follow(*state, &w);
	kept_hear(&w, KEEP_PANE, &m);
	assert_true(m.p.m.pane == job);
	assert_int_equal(m.p.m.flags, KEEP_ENDED);
	assert_int_equal(m.p.m.status, 2 << 8);
	assert_int_equal(m.nfds, 0);
	kept_serve(&w);
}

static void
a_terminal_is_held_as_pipes_are(void **state)
{
	struct kept_worker w;
	int fds[KEEP_FDS];
	pid_t pid;

	start(*state, &w);
	pid = kept_run(
	    &w, "stty -echo; echo ready; read -r x; echo \"got $x\"; exit 4", true, fds);
	kept_read(fds[1], "ready");
	born(&w, job, pid, fds);
	holds(&w, 0, 1);
	kept_kill(&w);
	follow(*state, &w);
	found(&w, job, pid, 2, fds);
	kept_serve(&w);
	assert_int_equal(write(fds[1], "line\n", 5), 5);
	kept_read(fds[1], "got line");
	close_fds(fds);
	exited(&w, job, pid, 4 << 8);
}

static void
messages_that_lack_what_they_say(void **state)
{
	struct kept_worker w;
	struct kept_message m;
	int fds[KEEP_FDS], one = open("/dev/null", O_RDWR | O_CLOEXEC);
	struct keep_packet p = {
	    .m = {.pane = job, .pid = getpid(), .flags = 7 * KEEP_FD | 0xFFFF0000u}};

	start(*state, &w);
	kept_say(&w, &p, KEEP_BORN, &one, 1);
	p.m.pane = other;
	p.m.flags = 0;
	kept_say(&w, &p, KEEP_BORN, (int[]){one, one, one, one}, 4);
	p.m.pane = 0;
	kept_say(&w, &p, KEEP_BORN, &one, 1);
	kept_say_pane(&w, KEEP_GONE, KEEP_JOB | 99, 0);
	kept_say_pane(&w, KEEP_TRY, KEEP_JOB | 99, 0);
	close(one);
	holds(&w, 0, 2);
	kept_kill(&w);
	follow(*state, &w);
	found(&w, job, getpid(), 1, fds);
	close_fds(fds);
	kept_hear(&w, KEEP_PANE, &m);
	assert_int_equal(m.nfds, 0);
	kept_serve(&w);
	kept_say_pane(&w, KEEP_GONE, job, 0);
	kept_say_pane(&w, KEEP_GONE, other, 0);
	holds(&w, 0, 0);
}

/* One that knows no jobs is told of the panes alone, and costs the jobs nothing. */
static void
an_older_worker_in_between(void **state)
{
	struct kept_keeper *k = *state;
	struct kept_worker w;
	struct kept_message m;
	int fds[KEEP_FDS];
	pid_t pid, ends;

	start(k, &w);
	pid = kept_run(&w, "read -r x; echo \"got $x\"; exit 5", false, fds);
	born(&w, job, pid, fds);
	ends = kept_run(&w, "until [ -e go ]; do sleep 0.02; done; exit 6", false, fds);
	born(&w, other, ends, fds);
	holds(&w, 0, 2);
	kept_kill(&w);

	kept_accept(k, &w, &m);
	kept_here(&w, false);
	kept_serve(&w);
	kept_touch(k, "go");
	kept_gone(ends);
	exited(&w, other, ends, 6 << 8); /* of a pane that it does not have */
	holds(&w, 0, 2);
	kept_kill(&w);

	follow(k, &w);
	found(&w, job, pid, 7, fds);
	kept_hear(&w, KEEP_PANE, &m);
	assert_true(m.p.m.pane == other);
	assert_true((m.p.m.flags & KEEP_ENDED) != 0);
	assert_int_equal(m.p.m.status, 6 << 8);
	kept_serve(&w);
	assert_int_equal(write(fds[0], "it\n", 3), 3);
	kept_read(fds[1], "got it");
	exited(&w, job, pid, 5 << 8);
	close_fds(fds);
}

/* The new one has all panes and jobs when it returns, and is not READY. */
static void
yield(struct kept_worker *w, struct kept_worker *next, bool jobs)
{
	struct kept_message m;

	kept_say_pane(w, KEEP_UPGRADE, 0, 0);
	kept_accept(w->keeper, next, NULL);
	kept_here(next, jobs);
	kept_hear(w, KEEP_YIELD, &m);
	kept_say_pane(w, KEEP_YIELDED, 0, 0);
}

static void
quits(struct kept_worker *w)
{
	struct kept_message m;

	kept_hear(w, KEEP_QUIT, &m);
	kept_quit(w);
}

/* The keeper has executed another, and greets the worker anew. */
static void
greeted(struct kept_worker *w)
{
	struct kept_message m;

	kept_hear(w, KEEP_HELLO, &m);
	assert_int_equal(m.p.m.flags, KEEP_JOBS | KEEP_SPAWNS);
	for (unsigned i = 0; i < m.nfds; i++)
		close(m.fds[i]);
	kept_here(w, true);
	assert_true(kept_is(w->keeper, "resume"));
}

static void
jobs_go_through_an_upgrade(void **state)
{
	struct kept_worker w, next;
	int fds[KEEP_FDS], unused[KEEP_FDS];
	pid_t pid, ends;

	start(*state, &w);
	pid = kept_run(&w, "cat; echo gone >&2; exit 8", false, fds);
	born(&w, job, pid, fds);
	ends = kept_run(&w, "read -r x; exit 3", false, fds);
	kept_say_job(&w, other, ends, fds);
	holds(&w, 0, 2);

	yield(&w, &next, true);
	found(&next, job, pid, 7, unused);
	close_fds(unused);
	found(&next, other, ends, 7, unused);
	close_fds(unused);
	/* It ends when the new one knows it as running, but is still the old one's child. */
	assert_int_equal(write(fds[0], "\n", 1), 1);
	close_fds(fds);
	assert_int_equal(kept_reap(&w, ends), 3 << 8);
	kept_say_pane(&w, KEEP_REAPED, other, 3 << 8);
	kept_serve(&next);
	exited(&next, other, ends, 3 << 8);
	kept_say_pane(&next, KEEP_GONE, other, 0);
	quits(&w);
	greeted(&next);

	/* What the keeper holds came along. */
	holds(&next, 0, 1);
	kept_kill(&next);
	follow(*state, &w);
	found(&w, job, pid, 7, fds);
	kept_serve(&w);
	assert_int_equal(write(fds[0], "through", 7), 7);
	kept_read(fds[1], "through");
	close(fds[0]);
	fds[0] = -1;
	kept_say_job(&w, job, pid, fds);
	kept_read(fds[2], "gone");
	exited(&w, job, pid, 8 << 8);
	close_fds(fds);
	kept_say_pane(&w, KEEP_GONE, job, 0);
	holds(&w, 0, 0);
}

static void
an_upgrade_that_fails_tells_what_ended(void **state)
{
	struct kept_worker w, next;
	struct kept_message m;
	int fds[KEEP_FDS], unused[KEEP_FDS];
	pid_t pid;

	start(*state, &w);
	pid = kept_run(&w, "read -r x; exit 3", false, fds);
	kept_say_job(&w, job, pid, fds);
	yield(&w, &next, true);
	found(&next, job, pid, 7, unused);
	close_fds(unused);
	close_fds(fds);
	kept_say_job(&w, job, pid, none);
	assert_int_equal(kept_reap(&w, pid), 3 << 8);
	kept_say_pane(&w, KEEP_REAPED, job, 3 << 8);
	kept_kill(&next);
	kept_hear(&w, KEEP_RESUME, &m);
	exited(&w, job, pid, 3 << 8); /* again, as the header says */
	kept_say_pane(&w, KEEP_GONE, job, 0);
	holds(&w, 0, 0);
}

/* The keeper of a build without jobs would lose them: it is not executed while there are any. */
static void
a_keeper_with_jobs_becomes_no_older_one(void **state)
{
	struct kept_keeper *k = *state;
	struct kept_worker w, older, next;
	int fds[KEEP_FDS];
	pid_t pid;

	start(k, &w);
	pid = kept_run(&w, "cat; exit 8", false, fds);
	born(&w, job, pid, fds);
	yield(&w, &older, false);
	kept_serve(&older);
	quits(&w);
	kept_logs(k, "the new keeper knows no jobs");
	holds(&older, 0, 1);
	assert_true(kept_is(k, "start"));

	yield(&older, &next, true);
	found(&next, job, pid, 7, fds);
	kept_serve(&next);
	quits(&older);
	greeted(&next);
	assert_int_equal(write(fds[0], "whole", 5), 5);
	kept_read(fds[1], "whole");
	close_fds(fds);
	holds(&next, 0, 1);
}

/* Its worker leaves jobs at the end: the keeper ends them with all that is in their groups. */
static void
the_end_is_that_of_groups(void **state)
{
	struct kept_keeper *k = *state;
	struct kept_worker w;
	struct kept_message m;
	int left[KEEP_FDS], deaf[KEEP_FDS];
	pid_t pids[2];

	start(k, &w);
	/* The leader ends when it is told; what it started does not, nor does the other job. */
	pids[0] = kept_run(&w,
	    "(trap '' TERM HUP; echo up; while :; do sleep 0.05; done) & "
	    "trap 'exit 3' TERM; while :; do sleep 0.05; done",
	    false, left);
	pids[1] = kept_run(&w,
	    "trap 'echo hup' HUP; trap 'echo told' TERM; echo up; while :; do sleep 0.05; done",
	    false, deaf);
	kept_read(left[1], "up\n");
	kept_read(deaf[1], "up\n");
	kept_say_job(&w, job, pids[0], left);
	kept_say_job(&w, other, pids[1], deaf);
	holds(&w, 0, 2);
	assert_int_equal(kill(k->pid, SIGTERM), 0);
	kept_hear(&w, KEEP_STOP, &m);
	kept_say_pane(&w, KEEP_STOPPED, 0, 0);
	kept_quit(&w);
	assert_string_equal(kept_read(deaf[1], NULL), "told\n");
	kept_ended(k, 0);
	for (unsigned i = 0; i < 2; i++)
		kept_group_gone(pids[i]);
	close_fds(left);
	close_fds(deaf);
}

/* It takes over with them, and neither they nor what they were held by is there at its end. */
static void
a_daemon_lets_go_of_jobs_that_are_not_its_own(void **state)
{
	struct kept_keeper *k = *state;
	struct kept_worker w;
	int fds[KEEP_FDS];
	pid_t pid;

	start(k, &w);
	pid = kept_run(&w, "cat; exit 8", false, fds);
	born(&w, job, pid, fds);
	kept_say_job(&w, other, kept_run(&w, "exit 2", false, fds), fds);
	close_fds(fds);
	holds(&w, 0, 2);
	kept_upgrade_to_daemon(&w);
	quits(&w);
	assert_int_equal(kill(k->pid, SIGTERM), 0);
	kept_ended(k, 0);
	kept_group_gone(pid);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, kept_setup, kept_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    CASE(a_job_outlives_its_worker),
	    CASE(what_it_did_meanwhile_is_there),
	    CASE(one_that_its_worker_reaped_is_told_as_such),
	    CASE(a_terminal_is_held_as_pipes_are),
	    CASE(messages_that_lack_what_they_say),
	    CASE(an_older_worker_in_between),
	    CASE(jobs_go_through_an_upgrade),
	    CASE(an_upgrade_that_fails_tells_what_ended),
	    CASE(a_keeper_with_jobs_becomes_no_older_one),
	    CASE(the_end_is_that_of_groups),
	    CASE(a_daemon_lets_go_of_jobs_that_are_not_its_own),
	};

	kept_main();
	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
