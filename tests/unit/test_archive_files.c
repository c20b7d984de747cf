/* The archive's files: kills, cut and damaged ones, a full disk, two processes. */
#include "config.h"

#include "unit.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "archive_owner.h"
#include "base/clock.h"
#include "store/archive_file.h"

/* Of bytes to be flipped; what is slow looks at some. */
#ifdef WITH_SANITIZERS
enum { FLIP_STEP = 7 };
#else
enum { FLIP_STEP = 1 };
#endif

enum { KILLS = 30, KILL_PANES = 3 };

static uint64_t
last_line(struct owner *o, unsigned pane)
{
	char id[16];
	uint64_t line;

	snprintf(id, sizeof id, "p%u", pane);
	assert_int_equal(archive_last_line(o->archive, NULL, id, &line), 0);
	return line;
}

/* What the child says before it is killed. */
struct said {
	unsigned pane;
	bool begins; /* where it goes on from; else what is durable */
	uint64_t line;
};

static void
say(int fd, unsigned pane, bool begins, uint64_t line)
{
	const struct said s = {pane, begins, line};

	if (write(fd, &s, sizeof s) != sizeof s)
		_exit(3);
}

/* Goes on with the run, a few lines at a time, until it is killed. */
static void
write_until_killed(struct owner *o, int fd)
{
	uint64_t next[KILL_PANES + 1], told[OWNER_PANES] = {0};
	unsigned seed = (unsigned)getpid();

	owner_open(o);
	for (unsigned p = 1; p <= KILL_PANES; p++) {
		next[p] = last_line(o, p) + 1;
		say(fd, p, true, next[p] - 1);
	}
	for (;;) {
		unsigned p = 1 + (unsigned)rand_r(&seed) % KILL_PANES;
		uint64_t n = p == 1 ? 1 + (uint64_t)rand_r(&seed) % 3000 : 1;

		if (owner_put(o, p, next[p], next[p] + n - 1) == 0)
			next[p] += n;
		else
			next[p] = last_line(o, p) + 1;
		if (rand_r(&seed) % 2)
			archive_flush(o->archive, NULL);
		owner_turn(o);
		for (unsigned q = 1; q <= KILL_PANES; q++)
			if (o->durable[q - 1] > told[q - 1])
				say(fd, q, false, told[q - 1] = o->durable[q - 1]);
	}
}

static pid_t
start_child(struct owner *o, int *fd)
{
	int p[2];
	pid_t pid;

	assert_int_equal(pipe2(p, O_CLOEXEC), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		close(p[0]);
		write_until_killed(o, p[1]);
		_exit(0);
	}
	close(p[1]);
	*fd = p[0];
	return pid;
}

/* Reads what it says until it ends; kills it some time after it began to write. */
static void
kill_child(pid_t pid, int fd, long ns, uint64_t durable[KILL_PANES + 1])
{
	const struct timespec t = {.tv_sec = ns / 1000000000L, .tv_nsec = ns % 1000000000L};
	unsigned begun = 0;
	struct said s;

	while (read(fd, &s, sizeof s) == sizeof s) {
		assert_true(s.pane <= KILL_PANES);
		if (s.begins) /* all that was said to be durable is there */
			assert_true(s.line >= durable[s.pane]);
		if (s.line > durable[s.pane])
			durable[s.pane] = s.line;
		if (s.begins && ++begun == KILL_PANES) {
			nanosleep(&t, NULL);
			kill(pid, SIGKILL);
		}
	}
	assert_int_equal(begun, KILL_PANES);
	close(fd);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
}

static void
a_kill_doubles_and_loses_nothing(void **state)
{
	struct owner *o = *state;
	uint64_t durable[KILL_PANES + 1] = {0};
	unsigned seed = 11;

	o->config.flush_ms = 2;
	o->config.segment_bytes = 64 * 1024; /* for many that begin, end and are merged */
	for (int i = 0; i < KILLS; i++) {
		int fd;
		pid_t pid = start_child(o, &fd);

		kill_child(pid, fd, (1 + rand_r(&seed) % 120) * 1000000L, durable);
	}
	owner_open(o);
	for (unsigned p = 1; p <= KILL_PANES; p++) {
		struct owner_found f = owner_check(o, p, true);

		assert_true(f.last >= durable[p]);
		assert_int_equal(f.last, last_line(o, p));
		assert_int_equal(f.first, 1);
		assert_int_equal(f.lines, f.last);
		assert_int_equal(f.gaps, 0);
	}
	print_message("%d kills: %llu lines in %llu records of %llu files, each once\n", KILLS,
	    (unsigned long long)last_line(o, 1), (unsigned long long)owner_status(o).records,
	    (unsigned long long)owner_status(o).segments);
	assert_int_equal(owner_status(o).damaged, 0);
}

/* Three records in one file; the last one's place. */
struct three {
	char **files, *data;
	size_t len, last;
};

static void
make_three(struct owner *o, struct three *t)
{
	struct archive_query q = {0};
	struct archive_snapshot s;
	size_t n;

	o->config.flush_ms = 1000000;
	owner_open(o);
	for (uint64_t i = 4; i <= 12; i += 4)
		owner_put_all(o, 1, 1, i);
	archive_snapshot(o->archive, &q, &s);
	assert_int_equal(s.n, 3);
	t->last = s.records[2].at;
	archive_snapshot_release(&s);
	owner_close(o);
	t->files = owner_files(o, &n);
	assert_int_equal(n, 1);
	t->data = owner_slurp(t->files[0], &t->len);
	assert_true(t->last < t->len);
}

static void
free_three(struct three *t)
{
	owner_free_files(t->files);
	free(t->data);
}

/* Only the file that there was, with other bytes. */
static void
begin_with(struct owner *o, const struct three *t, size_t len)
{
	size_t n;
	char **files = owner_files(o, &n);

	for (size_t i = 0; i < n; i++)
		unlink(files[i]);
	owner_free_files(files);
	owner_spill(t->files[0], t->data, len);
	memset(o->durable, 0, sizeof o->durable);
}

static void
a_torn_record_is_cut_at_any_length(void **state)
{
	struct owner *o = *state;
	struct three t;
	struct stat st;

	make_three(o, &t);
	for (size_t len = t.last; len < t.len; len++) {
		begin_with(o, &t, len);
		owner_open(o);
		assert_int_equal(stat(t.files[0], &st), 0);
		assert_int_equal(st.st_size, t.last);
		assert_int_equal(last_line(o, 1), 8);
		assert_int_equal(owner_check(o, 1, true).lines, 8);
		owner_put_all(o, 1, 1, 12);
		assert_int_equal(owner_check(o, 1, true).lines, 12);
		assert_int_equal(owner_status(o).damaged, 0);
		owner_close(o);
	}
	for (size_t len = 0; len <= sizeof(struct segment_head); len++) {
		begin_with(o, &t, len);
		owner_open(o);
		assert_int_equal(last_line(o, 1), 0);
		owner_put_all(o, 1, 1, 12);
		assert_int_equal(owner_check(o, 1, true).lines, 12);
		owner_close(o);
	}
	free_three(&t);
}

/* Whatever byte is wrong: no line is, and none is there twice. */
static void
a_flipped_byte_costs_records_not_lines_of_others(void **state)
{
	struct owner *o = *state;
	struct three t;

	make_three(o, &t);
	for (size_t i = 0; i < t.len; i += FLIP_STEP) {
		struct owner_found f;

		/* A generation that is wrong hurts nobody. */
		if (i >= offsetof(struct segment_head, generation) &&
		    i < sizeof(struct segment_head))
			continue;
		t.data[i] ^= 0x10;
		begin_with(o, &t, t.len);
		owner_open(o);
		f = owner_check(o, 1, false);
		if (f.lines >= 12)
			fail_msg("byte %zu was not noticed", i);
		if (i >= t.last)
			assert_int_equal(f.lines, 8);
		owner_put_all(o, 1, 1, 16);
		f = owner_check(o, 1, false);
		assert_int_equal(f.unreadable, 0); /* they are in no snapshot any more */
		assert_int_equal(f.last, 16);
		owner_reopen(o);
		assert_int_equal(last_line(o, 1), 16);
		owner_close(o);
		t.data[i] ^= 0x10;
	}
	free_three(&t);
}

static void
damage_is_counted_and_said_once(void **state)
{
	struct owner *o = *state;
	struct three t;

	make_three(o, &t);
	t.data[t.last - 1] ^= 1; /* the second one's end */
	begin_with(o, &t, t.len);
	owner_open(o);
	assert_int_equal(owner_status(o).records, 3);
	assert_int_equal(owner_check(o, 1, false).unreadable, 1);
	assert_int_equal(owner_status(o).damaged, 1);
	assert_int_equal(owner_status(o).records, 2);
	assert_int_equal(owner_check(o, 1, false).unreadable, 0);
	assert_int_equal(owner_status(o).damaged, 1);
	free_three(&t);
}

static void
files_of_others_are_left_alone(void **state)
{
	struct owner *o = *state;
	struct segment_head later = {SEGMENT_MAGIC, SEGMENT_VERSION + 1, 0};
	char path[128], new[128];
	struct stat st;
	size_t len;
	char *data;

	owner_open(o);
	owner_close(o);
	snprintf(path, sizeof path, "%s/archive/%016lld.seg", o->dir,
	    (long long)clock_wall_ms() + 1000);
	snprintf(new, sizeof new, "%s/archive/%016d.new", o->dir, 5);
	owner_spill(path, (char *)&later, sizeof later);
	owner_spill(new, "x", 1);
	owner_open(o);
	assert_int_equal(owner_status(o).damaged, 1);
	assert_int_equal(stat(new, &st), -1);
	owner_put_all(o, 1, 1, 5);
	assert_int_equal(owner_check(o, 1, true).lines, 5);
	owner_close(o);
	data = owner_slurp(path, &len);
	assert_int_equal(len, sizeof later);
	assert_memory_equal(data, &later, len);
	free(data);
}

/* A child, for its limit is its own. */
static void
in_child(void (*run)(struct owner *o), struct owner *o)
{
	pid_t pid = fork();
	int status;

	assert_true(pid >= 0);
	if (pid == 0) {
		run(o);
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

#define MUST(cond) \
	do { \
		if (!(cond)) { \
			fprintf(stderr, "line %d: %s\n", __LINE__, #cond); \
			_exit(1); \
		} \
	} while (0)

static void
fill_the_disk(struct owner *o)
{
	struct rlimit limit = {.rlim_max = RLIM_INFINITY};
	struct archive_status st;
	uint64_t n = 0, stuck;
	struct stat file;
	char **files;
	size_t nfiles;
	int rc;

	limit.rlim_cur = 100000;
	MUST(setrlimit(RLIMIT_FSIZE, &limit) == 0);
	o->config.queue_bytes = 600 * 1024;
	owner_open(o);
	/* Lines go on, taken or not. */
	while (owner_status(o).state != ARCHIVE_FULL && n < 10000000) {
		owner_put(o, 1, n + 1, n + 1000);
		n = last_line(o, 1);
		owner_turn(o);
	}
	archive_status(o->archive, &st);
	MUST(st.state == ARCHIVE_FULL && st.cause != NULL);
	archive_status_release(&st);
	while ((rc = owner_put(o, 1, n + 1, n + 1000)) == 0) {
		n = last_line(o, 1);
		MUST(owner_status(o).queued <= o->config.queue_bytes);
	}
	MUST(rc == -ENOSPC);
	MUST(owner_status(o).queued <= o->config.queue_bytes);
	stuck = last_line(o, 1);
	/* Nothing of the attempts is left in the file. */
	files = owner_files(o, &nfiles);
	MUST(stat(files[nfiles - 1], &file) == 0);
	MUST((uint64_t)file.st_size <= limit.rlim_cur);
	owner_free_files(files);

	limit.rlim_cur = RLIM_INFINITY;
	MUST(setrlimit(RLIMIT_FSIZE, &limit) == 0);
	MUST(owner_await_state(o, ARCHIVE_READY));
	MUST(owner_await_durable(o, 1, stuck));
	/* The history has lost what was not taken. */
	owner_put_all(o, 1, stuck + 501, stuck + 600);
	MUST(owner_status(o).dropped == 500);
	owner_close(o);
}

static void
a_full_disk_leaves_a_gap(void **state)
{
	struct owner *o = *state;
	struct owner_found f;

	in_child(fill_the_disk, o);
	owner_open(o);
	f = owner_check(o, 1, true);
	assert_int_equal(f.first, 1);
	assert_int_equal(f.gaps, 1);
	assert_int_equal(f.missing, 500);
	assert_int_equal(f.lines, f.last - 500);
	assert_int_equal(owner_status(o).damaged, 0);
}

static void
a_directory_that_cannot_be_made_is_waited_for(void **state)
{
	struct owner *o = *state;
	char path[96];
	uint64_t line;

	snprintf(path, sizeof path, "%s/archive", o->dir);
	assert_int_equal(symlink("/tmp", path), 0);
	owner_start(o);
	assert_true(owner_await_state(o, ARCHIVE_FULL));
	assert_int_equal(archive_last_line(o->archive, NULL, "p1", &line), -EAGAIN);
	assert_int_equal(owner_put(o, 1, 1, 5), -EAGAIN);
	assert_int_equal(unlink(path), 0);
	assert_true(owner_await_state(o, ARCHIVE_READY));
	owner_put_all(o, 1, 1, 5);
}

static void
two_processes_take_turns(void **state)
{
	struct owner *o = *state;
	struct archive *old;
	uint64_t line;

	owner_open(o);
	owner_put_all(o, 1, 1, 100);
	assert_int_equal(owner_put(o, 1, 1, 200), 0);
	old = o->archive;
	owner_start(o);
	for (int i = 0; i < 10; i++)
		owner_turn(o);
	assert_int_equal(owner_status(o).state, ARCHIVE_OPENING);
	assert_int_equal(archive_last_line(o->archive, NULL, "p1", &line), -EAGAIN);
	archive_close(old, OWNER_PATIENCE_MS);
	assert_true(owner_await_state(o, ARCHIVE_READY));
	assert_int_equal(last_line(o, 1), 200);
	owner_put_all(o, 1, 1, 300);
	assert_int_equal(owner_check(o, 1, true).lines, 300);
}

static void
codecs_refuse_what_is_no_record(void **state)
{
	struct owner *o = *state;
	struct archive_block b = {0};
	struct codec *c = codec_new();
	struct three t;
	int fd;

	make_three(o, &t);
	fd = open(t.files[0], O_RDONLY | O_CLOEXEC);
	assert_int_equal(codec_read(c, fd, t.last, (uint32_t)(t.len - t.last), &b), 0);
	assert_int_equal(
	    codec_read(c, fd, t.last, (uint32_t)(t.len - t.last - 1), &b), -EBADMSG);
	assert_int_equal(codec_read(c, fd, t.last, 10, &b), -EBADMSG);
	assert_int_equal(codec_read(c, fd, t.last, UINT32_MAX, &b), -EBADMSG);
	assert_int_equal(codec_read(c, fd, t.len, 200, &b), -EBADMSG);
	close(fd);
	archive_block_release(&b);
	codec_free(c);
	free_three(&t);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    CASE(a_kill_doubles_and_loses_nothing),
	    CASE(a_torn_record_is_cut_at_any_length),
	    CASE(a_flipped_byte_costs_records_not_lines_of_others),
	    CASE(damage_is_counted_and_said_once),
	    CASE(files_of_others_are_left_alone),
	    CASE(a_full_disk_leaves_a_gap),
	    CASE(a_directory_that_cannot_be_made_is_waited_for),
	    CASE(two_processes_take_turns),
	    CASE(codecs_refuse_what_is_no_record),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
