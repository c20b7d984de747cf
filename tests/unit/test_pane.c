#include "config.h"

#include "unit.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>

#include <uv.h>

#include "base/buf.h"
#include "pane/env.h"
#include "pane/pane.h"
#include "pane/record.h"
#include "pane/viewer.h"
#include "proto/attach.h"

extern char **environ;

struct fixture {
	uv_loop_t loop;
	struct pane *pane;
	bool started, ended;
	int err;
	unsigned wakes, holds;
};

static const struct record_options record = {1000, HISTORY_BYTES_MIN, true, false};

static void
on_started(struct pane *p, int err, const char *cause, void *arg)
{
	struct fixture *f = arg;

	(void)p;
	(void)cause;
	f->started = true;
	f->err = err;
}

static void
on_output(struct pane *p, void *arg)
{
	(void)p;
	(void)arg;
}

static void
on_ended(struct pane *p, void *arg)
{
	(void)p;
	((struct fixture *)arg)->ended = true;
}

static void
on_wake(struct viewer *v, bool now, void *arg)
{
	(void)v;
	(void)now;
	((struct fixture *)arg)->wakes++;
}

static void
on_hold(struct viewer *v, bool hold, void *arg)
{
	(void)v;
	((struct fixture *)arg)->holds += hold;
}

static const struct viewer_callbacks viewer_callbacks = {on_wake, on_hold};

static int
setup(void **state)
{
	struct fixture *f = calloc(1, sizeof *f);

	uv_loop_init(&f->loop);
	*state = f;
	return 0;
}

static int
teardown(void **state)
{
	struct fixture *f = *state;
	int rc;

	pane_free(f->pane);
	uv_run(&f->loop, UV_RUN_DEFAULT);
	rc = uv_loop_close(&f->loop);
	free(f);
	return rc;
}

static void
start(struct fixture *f, const char *script)
{
	static const struct pane_callbacks callbacks = {on_started, on_output, on_ended};
	char *argv[] = {"sh", "-c", (char *)script, NULL};
	struct pane_spec spec = {.id = "p1",
	    .argv = argv,
	    .envp = environ,
	    .cols = 80,
	    .rows = 24,
	    .record = &record,
	    .ring_size = 64 * 1024};

	assert_int_equal(pane_new(&f->loop, &spec, &callbacks, f, &f->pane, NULL), 0);
}

/* Runs the loop until the flag is set; reaps the child as a daemon would. */
static void
run_until(struct fixture *f, const bool *flag)
{
	uint64_t deadline = uv_hrtime() + 20ull * 1000 * 1000 * 1000;
	bool reaped = false;
	int status;

	while (!*flag) {
		assert_true(uv_hrtime() < deadline);
		uv_run(&f->loop, UV_RUN_NOWAIT);
		if (!reaped && waitpid(pane_pid(f->pane), &status, WNOHANG) > 0) {
			reaped = true;
			pane_reaped(f->pane, status);
		}
	}
}

/* Everything the viewer would be sent now; the last control message stays in b. */
static uint64_t
pull_all(struct viewer *v, struct buf *b, unsigned *snapshots, enum viewer_pull *last)
{
	struct attach_event e;
	uint64_t bytes = 0;

	for (;;) {
		buf_reset(b);
		*last = viewer_pull(v, b, 4096);
		if (*last != VIEWER_MESSAGE)
			return bytes;
		assert_int_equal(attach_parse_event(b->data, b->len, &e), 0);
		if (e.kind == ATTACH_EV_OUTPUT)
			bytes += e.len;
		*snapshots += e.kind == ATTACH_EV_SNAPSHOT;
	}
}

static void
a_command_that_cannot_run_says_why(void **state)
{
	static const struct pane_callbacks callbacks = {on_started, on_output, on_ended};
	struct fixture *f = *state;
	char *argv[] = {"/nonexistent/command", NULL};
	struct pane_spec spec = {.id = "p1",
	    .argv = argv,
	    .envp = environ,
	    .cols = 80,
	    .rows = 24,
	    .record = &record,
	    .ring_size = 64 * 1024};

	assert_int_equal(pane_new(&f->loop, &spec, &callbacks, f, &f->pane, NULL), 0);
	run_until(f, &f->started);
	assert_int_equal(f->err, ENOENT);
}

static void
the_tail_is_read_before_the_end(void **state)
{
	struct fixture *f = *state;
	char tail[9];

	start(f, "seq 1 5000; printf last-one; exit 3");
	run_until(f, &f->ended);
	assert_int_equal(pane_exit_status(f->pane), 3);
	ring_read(pane_ring(f->pane), ring_end(pane_ring(f->pane)) - 8, tail, 8);
	assert_memory_equal(tail, "last-one", 8);
	assert_int_equal(pane_input(f->pane, "x", 1), -EPIPE);
	assert_int_equal(pane_signal(f->pane, SIGHUP), -ESRCH);
}

/* What came while the loop was busy is read, however late it is. */
static void
the_tail_outlives_a_slow_turn(void **state)
{
	struct fixture *f = *state;
	int status;

	start(f, "trap '' HUP; (sleep 0.2; printf last-one; exec sleep 5) & exit 3");
	run_until(f, &f->started);
	while (waitpid(pane_pid(f->pane), &status, WNOHANG) == 0)
		uv_run(&f->loop, UV_RUN_NOWAIT);
	pane_reaped(f->pane, status);
	usleep(1500 * 1000);
	run_until(f, &f->ended);
	assert_int_equal(ring_end(pane_ring(f->pane)), 8);
}

static void
a_viewer_waits_for_its_acknowledgements(void **state)
{
	struct fixture *f = *state;
	struct viewer_spec spec = {.has_offset = true};
	struct attach_request ack = {.kind = ATTACH_REQ_ACK};
	enum viewer_pull last;
	unsigned snapshots = 0;
	struct viewer *v;
	struct buf b;

	buf_init(&b, BUF_NO_MAX);
	start(f, "head -c 200000 /dev/zero");
	v = viewer_new(f->pane, &spec, &viewer_callbacks, f);
	run_until(f, &f->ended);
	/* the ring keeps 64 KiB: the viewer has fallen out and gets one snapshot */
	assert_int_equal(pull_all(v, &b, &snapshots, &last), 0);
	assert_int_equal(snapshots, 1);
	assert_int_equal(last, VIEWER_ENDED);
	ack.offset = 200001;
	assert_int_equal(viewer_request(v, &ack), -EINVAL);
	ack.offset = 200000;
	assert_int_equal(viewer_request(v, &ack), 0);
	viewer_free(v);
	buf_release(&b);
}

static void
sizes_follow_the_one_that_types(void **state)
{
	struct fixture *f = *state;
	struct viewer_spec big = {.cols = 100, .rows = 40}, small = {.cols = 40, .rows = 20};
	struct attach_request input = {.kind = ATTACH_REQ_INPUT, .input = "x", .input_len = 1};
	struct attach_request grow = {.kind = ATTACH_REQ_RESIZE, .cols = 50, .rows = 25};
	struct viewer *a, *b;

	start(f, "cat");
	run_until(f, &f->started);
	a = viewer_new(f->pane, &big, &viewer_callbacks, f);
	assert_int_equal(pane_cols(f->pane), 100);
	b = viewer_new(f->pane, &small, &viewer_callbacks, f);
	assert_int_equal(pane_cols(f->pane), 100);
	assert_int_equal(viewer_request(b, &input), 0);
	assert_int_equal(pane_cols(f->pane), 40);
	assert_int_equal(viewer_request(b, &grow), 0);
	assert_int_equal(pane_cols(f->pane), 50);
	viewer_free(b);
	assert_int_equal(pane_cols(f->pane), 100);
	assert_int_equal(pane_rows(f->pane), 40);
	viewer_free(a);
}

static void
a_read_only_viewer_changes_nothing(void **state)
{
	struct fixture *f = *state;
	struct viewer_spec spec = {.cols = 40, .rows = 20, .read_only = true};
	struct attach_request input = {.kind = ATTACH_REQ_INPUT, .input = "x", .input_len = 1};
	struct viewer *v;

	start(f, "cat");
	run_until(f, &f->started);
	v = viewer_new(f->pane, &spec, &viewer_callbacks, f);
	assert_int_equal(pane_cols(f->pane), 80);
	assert_int_equal(viewer_request(v, &input), -EROFS);
	viewer_free(v);
}

static void
input_that_nobody_reads_is_bounded(void **state)
{
	static char block[64 * 1024];
	struct attach_request input = {
	    .kind = ATTACH_REQ_INPUT, .input = block, .input_len = sizeof block};
	struct fixture *f = *state;
	struct viewer_spec spec = {0};
	struct viewer *v;
	int rc = 0, n = 0;

	memset(block, 'x', sizeof block);
	start(f, "stty raw -echo; echo ready; sleep 60");
	run_until(f, &f->started);
	while (ring_end(pane_ring(f->pane)) == 0)
		uv_run(&f->loop, UV_RUN_ONCE);
	v = viewer_new(f->pane, &spec, &viewer_callbacks, f);
	for (; rc == 0 && n < 100; n++)
		rc = viewer_request(v, &input);
	assert_int_equal(rc, -ENOBUFS);
	assert_true(pane_input_pending(f->pane) <= PANE_INPUT_MAX);
	assert_int_equal(f->holds, 1);
	viewer_free(v);
}

static void
environments(void **state)
{
	char *extra[] = {"TERM=mine", "X=1", NULL};
	struct env_spec spec = {"p7", "/s.sock", "/tmp", extra};
	char **env;
	bool term = false, pane = false;

	(void)state;
	setenv("TMUX", "somewhere", 1);
	env = env_make(&spec);
	for (char **e = env; *e != NULL; e++) {
		assert_int_not_equal(strncmp(*e, "TMUX=", 5), 0);
		term |= strcmp(*e, "TERM=mine") == 0;
		pane |= strcmp(*e, "PANESCRY_PANE=p7") == 0;
	}
	assert_true(term && pane);
	env_free(env);
	assert_true(env_valid("A_1=x"));
	assert_false(env_valid("1A=x"));
	assert_false(env_valid("=x"));
	assert_false(env_valid("A"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(
		a_command_that_cannot_run_says_why, setup, teardown),
	    cmocka_unit_test_setup_teardown(the_tail_is_read_before_the_end, setup, teardown),
	    cmocka_unit_test_setup_teardown(the_tail_outlives_a_slow_turn, setup, teardown),
	    cmocka_unit_test_setup_teardown(
		a_viewer_waits_for_its_acknowledgements, setup, teardown),
	    cmocka_unit_test_setup_teardown(sizes_follow_the_one_that_types, setup, teardown),
	    cmocka_unit_test_setup_teardown(
		a_read_only_viewer_changes_nothing, setup, teardown),
	    cmocka_unit_test_setup_teardown(
		input_that_nobody_reads_is_bounded, setup, teardown),
	    cmocka_unit_test(environments),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
