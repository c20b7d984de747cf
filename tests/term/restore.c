/*
 * restore: a worker that is killed and followed by another loses nothing.
 *
 * Recordings and random streams go into two records in the product's order: bytes into the ring,
 * commit, feed. One is never disturbed. Of the other the memory file is copied again and again, at
 * every point between two steps and in the midst of one (from a callback), and a record is restored
 * from the copy that takes its place; both are compared each time. A second part has a child feed,
 * kills it with SIGKILL after a random time, and starts the next one.
 *
 * RESTORE_SEED begins elsewhere; RESTORE_SECONDS runs for longer than the few seconds of a check.
 * A failure prints the seed of its round, with which it is the first.
 */
#include "config.h"

#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/xmalloc.h"
#include "os/os.h"
#include "pane.h"
#include "pane/memory.h"
#include "pane/record_priv.h"
#include "stream.h"
#include "term/state.h"

enum { CHUNK = 4096, KILLS_MIN = 100 };

static unsigned kills, rounds, failed;
static uint64_t seed;

/* A record, what it said, and a copy of its memory from the midst of a feed. */
struct side {
	struct record *r;
	struct buf replies;
	struct random *random; /* NULL: is never killed */
	int copy;
	size_t said; /* of the replies, until then */
};

struct setting {
	struct memory_birth birth;
	struct record_options options;
};

static unsigned
ask(const char *name, unsigned otherwise)
{
	const char *v = getenv(name);

	return v != NULL ? (unsigned)strtoul(v, NULL, 10) : otherwise;
}

static double
seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* What the next process would find if this one ended now. */
static int
copy_memory(const struct memory *m)
{
	int from = memory_fd(m), fd;
	off_t size = lseek(from, 0, SEEK_END), at = 0, end;
	void *map;

	if (os_memory_create("copy", (size_t)size, &fd, &map) != 0)
		abort();
	for (; (at = lseek(from, at, SEEK_DATA)) >= 0; at = end) {
		end = lseek(from, at, SEEK_HOLE);
		if (pread(from, (char *)map + at, (size_t)(end - at), at) != end - at)
			abort();
	}
	os_memory_unmap(map, (size_t)size);
	return fd;
}

static void
maybe_copy(struct side *s)
{
	if (s->random == NULL || s->copy >= 0 || below(s->random, 200) != 0)
		return;
	s->copy = copy_memory(s->r->memory);
	s->said = s->replies.len;
}

static void
on_reply(const char *data, size_t len, void *arg)
{
	struct side *s = arg;

	buf_append(&s->replies, data, len);
}

static void
on_title(const char *title, void *arg)
{
	(void)title;
	maybe_copy(arg);
}

static void
on_bell(void *arg)
{
	maybe_copy(arg);
}

static const struct record_callbacks callbacks = {on_reply, on_title, on_bell};

static void
fail(const char *why)
{
	printf("FAIL seed %llu: %s\n", (unsigned long long)seed, why);
	failed++;
}

/* Comparing. */

static bool
runs_same(const struct record *a, const struct style_run *x, uint32_t nx,
    const struct record *b, const struct style_run *y, uint32_t ny)
{
	const struct styles *s = term_styles(a->term), *u = term_styles(b->term);

	if (nx != ny)
		return false;
	for (uint32_t i = 0; i < nx; i++) {
		struct style p = *style_get(s, x[i].style), q = *style_get(u, y[i].style);

		if (x[i].len != y[i].len ||
		    strcmp(style_link(s, p.link, NULL), style_link(u, q.link, NULL)) != 0)
			return false;
		p.link = q.link = 0;
		if (!style_equal(&p, &q))
			return false;
	}
	return true;
}

static bool
line_same(const struct record *a, const struct record *b, uint64_t n)
{
	static struct style_run x[HISTORY_RUNS_MAX], y[HISTORY_RUNS_MAX];
	struct slab_line l, m;
	uint32_t nx, ny;

	return history_get(a->history, n, &l, x, HISTORY_RUNS_MAX, &nx) &&
	       history_get(b->history, n, &m, y, HISTORY_RUNS_MAX, &ny) && l.len == m.len &&
	       memcmp(l.text, m.text, l.len) == 0 && l.offset == m.offset &&
	       l.flags == m.flags && l.number == n && m.number == n &&
	       runs_same(a, x, nx, b, y, ny);
}

static const char *
histories(const struct record *a, const struct record *b, uint64_t most)
{
	static char why[128];
	uint64_t first = history_first(a->history), last = history_last(a->history);

	snprintf(why, sizeof why, "lines %llu to %llu and %llu to %llu",
	    (unsigned long long)first, (unsigned long long)last,
	    (unsigned long long)history_first(b->history),
	    (unsigned long long)history_last(b->history));
	if (a->lines != b->lines || last != history_last(b->history) ||
	    first != history_first(b->history))
		return why;
	if (last + 1 - first > most)
		first = last + 1 - most;
	for (uint64_t n = first; n <= last; n++) {
		snprintf(why, sizeof why, "line %llu", (unsigned long long)n);
		if (!line_same(a, b, n))
			return why;
	}
	return NULL;
}

/* What a worker had not fed when it was killed has the time of the output before. */
static bool
times_same(int64_t a, int64_t b)
{
	return a - b <= 8 && b - a <= 8 && !a == !b;
}

static bool
command_same(const struct record_command *c, const struct record_command *d)
{
	return c->prompt_line == d->prompt_line && c->output_line == d->output_line &&
	       c->end_line == d->end_line && c->exit_status == d->exit_status &&
	       strcmp(c->text, d->text) == 0 && times_same(c->started_ms, d->started_ms) &&
	       times_same(c->finished_ms, d->finished_ms);
}

static void
describe(const struct record_command *c, char *out, size_t size)
{
	snprintf(out, size, "%llu %llu %llu %lld %lld %d %.60s",
	    (unsigned long long)c->prompt_line, (unsigned long long)c->output_line,
	    (unsigned long long)c->end_line, (long long)c->started_ms,
	    (long long)c->finished_ms, c->exit_status, c->text);
}

static const char *
commands(const struct record *a, const struct record *b)
{
	static char why[300];
	char one[128], other[128];

	if (a->typing != b->typing || a->text_line != b->text_line ||
	    a->text_byte != b->text_byte)
		return "the command line that is typed";
	if (a->count != b->count)
		return "the number of commands";
	for (size_t i = 0; i < a->count; i++) {
		const struct record_command *c = record_command(a, i),
					    *d = record_command(b, i);

		if (command_same(c, d))
			continue;
		describe(c, one, sizeof one);
		describe(d, other, sizeof other);
		snprintf(why, sizeof why, "command %zu: %s and %s", i, one, other);
		return why;
	}
	return NULL;
}

static int64_t
in_debt(const struct term *t)
{
	uint64_t debt = t->spent - term_offset(t) * CREDIT_BYTE;

	return debt <= CREDIT_MAX ? (int64_t)debt : 0;
}

/* What a snapshot leaves out, but what comes later depends on. */
static const char *
hidden(const struct record *a, const struct record *b)
{
	const struct term *t = a->term, *u = b->term;
	struct term_line h, k;

	if (term_get_head(t, &h) != term_get_head(u, &k) || h.len != k.len ||
	    (h.len != 0 && memcmp(h.text, k.text, h.len) != 0) ||
	    !runs_same(a, h.runs, (uint32_t)h.nruns, b, k.runs, (uint32_t)k.nruns))
		return "the part of a line above the screen";
	if (t->offset != u->offset || t->lines != u->lines)
		return "offset or lines";
	if (t->repeatable != u->repeatable)
		return "what REP repeats";
	/* Not to the cell, as it is also counted by how rows are stored. */
	if (in_debt(t) - in_debt(u) > CREDIT_MAX / 4 ||
	    in_debt(u) - in_debt(t) > CREDIT_MAX / 4)
		return "what has been spent";
	for (unsigned i = 0; i < (on_alternate(t) ? 2 : 1); i++) {
		const struct screen *s = &t->screens[i], *v = &u->screens[i];

		if (memcmp(s->tabs, v->tabs, sizeof s->tabs) != 0)
			return "tab stops beyond the screen";
		if (s->saved.x != v->saved.x)
			return "the saved cursor's column";
		if (grid_row(&s->grid, 0)->cont != grid_row(&v->grid, 0)->cont)
			return "what the first row continues";
	}
	return strcmp(record_title(a), record_title(b)) != 0 ? "the record's title" : NULL;
}

static bool
snapshots_same(const struct record *a, const struct record *b)
{
	struct buf x, y;
	bool same;

	buf_init(&x, BUF_NO_MAX);
	buf_init(&y, BUF_NO_MAX);
	same = record_snapshot(a, 50, &x) == record_snapshot(b, 50, &y) && x.len == y.len &&
	       memcmp(x.data, y.data, x.len) == 0;
	buf_release(&x);
	buf_release(&y);
	return same;
}

/* NULL when they are equal. */
static const char *
difference(const struct record *a, const struct record *b, uint64_t most)
{
	struct pane p = {.term = a->term, .history = a->history},
		    q = {.term = b->term, .history = b->history};
	static char why[256];
	const char *what;

	if (a->term->cols != b->term->cols || a->term->rows != b->term->rows)
		return "the size";
	if (pane_equal(&p, &q, why, sizeof why) != 0)
		return why;
	if ((what = hidden(a, b)) != NULL || (what = histories(a, b, most)) != NULL ||
	    (what = commands(a, b)) != NULL)
		return what;
	return snapshots_same(a, b) ? NULL : "the snapshot";
}

/* Killing, and going on. */

static bool
take_over(struct side *s, const struct setting *how, int fd)
{
	char *text = NULL;
	struct memory *m;
	int rc;

	kills++;
	record_free(s->r);
	s->r = NULL;
	if (memory_open(fd, &m, &text) == 0) {
		rc = record_restore(m, &how->options, false, &callbacks, s, &s->r, &text);
		if (rc != 0)
			memory_free(m);
	}
	if (s->r == NULL || text != NULL) {
		fail(text != NULL ? text : "the memory is refused");
		free(text);
		return false;
	}
	return true;
}

/* By read(2), as output comes: a process that is killed then has all of it or nothing, which is
 * not so of memcpy. */
static void
commit(struct record *r, const char *data, size_t len, struct iovec iov[2])
{
	static int ends[2];
	static pid_t owner;
	struct ring *ring = memory_ring(r->memory);

	if (owner != getpid() && pipe(ends) != 0)
		abort();
	owner = getpid();

	ring_space(ring, iov);
	if (len < iov[0].iov_len)
		iov[0].iov_len = len;
	iov[1].iov_len = len - iov[0].iov_len;
	if (write(ends[1], data, len) != (ssize_t)len || readv(ends[0], iov, 2) != (ssize_t)len)
		abort();
	ring_commit(ring, len);
}

static void
feed_pieces(struct record *r, const struct iovec iov[2], unsigned pieces, int64_t now)
{
	for (unsigned i = 0; i < 2; i++)
		if (pieces & 1u << i && iov[i].iov_len != 0)
			record_feed(r, iov[i].iov_base, iov[i].iov_len, now);
}

/* One chunk into both; false when they differ. */
static bool
step(struct side *sure, struct side *frail, const struct setting *how, const char *data,
    size_t len, int64_t now)
{
	unsigned when = below(frail->random, 40);
	struct iovec iov[2];
	const char *why;
	bool midst;

	/* Times are those of the last output when the new one was not yet fed. */
	if (when <= 1)
		now = memory_state(frail->r->memory)->active_ms;
	commit(sure->r, data, len, iov);
	feed_pieces(sure->r, iov, 3, now);
	commit(frail->r, data, len, iov);
	if (when != 0)
		feed_pieces(frail->r, iov, 1, now);
	if (when > 1)
		feed_pieces(frail->r, iov, 2, now);
	midst = frail->copy >= 0;
	if (!midst && when > 4)
		return true;
	/* What it answered behind the copy was not to be. */
	if (midst)
		frail->replies.len = frail->said;
	else
		frail->copy = copy_memory(frail->r->memory);
	if (!take_over(frail, how, frail->copy))
		return false;
	frail->copy = -1;
	if ((why = difference(sure->r, frail->r, 300)) != NULL)
		fail(why);
	return why == NULL;
}

static struct setting
random_setting(struct random *g)
{
	static char shell[] = "sh", *argv[] = {shell, NULL};
	static const uint64_t lines[] = {30, 1000, 1000000};

	return (struct setting){
	    .birth = {.id = "p1",
		.argv = argv,
		.cols = 1 + below(g, 150),
		.rows = 1 + below(g, 60),
		.created_ms = 1000,
		.ring_size = 64 * 1024u << below(g, 4),
		.history_bytes = HISTORY_BYTES_MIN + below(g, 3) * SLAB_SIZE},
	    .options = {.lines = lines[below(g, 3)],
		.bytes = HISTORY_BYTES_MIN,
		.clear_to_history = below(g, 2),
		.clear_history_on_ed3 = below(g, 2)},
	};
}

static struct record *
begin(const struct setting *how, struct side *s)
{
	struct memory *m;

	if (memory_new(&how->birth, &m, NULL) != 0)
		abort();
	return record_new(m, &how->options, &callbacks, s);
}

static void
copies(struct random *g)
{
	struct setting how = random_setting(g);
	struct side sure = {.copy = -1}, frail = {.random = g, .copy = -1};
	const char *why;
	struct buf b;
	size_t at = 0;
	int64_t now = 1000;

	buf_init(&sure.replies, BUF_NO_MAX);
	buf_init(&frail.replies, BUF_NO_MAX);
	buf_init(&b, BUF_NO_MAX);
	stream_fill(g, 20000 + below(g, 600000), &b);
	sure.r = begin(&how, &sure);
	frail.r = begin(&how, &frail);
	while (at < b.len && frail.r != NULL) {
		size_t n = 1 + below(g, below(g, 2) ? CHUNK : 100);

		if (n > b.len - at)
			n = b.len - at;
		if (!step(&sure, &frail, &how, b.data + at, n, ++now))
			break;
		at += n;
		if (below(g, 60) == 0) {
			unsigned cols = 1 + below(g, 160), rows = 1 + below(g, 70);

			record_resize(sure.r, cols, rows, now);
			record_resize(frail.r, cols, rows, now);
		}
	}
	if (at == b.len && take_over(&frail, &how, copy_memory(frail.r->memory)) &&
	    (why = difference(sure.r, frail.r, UINT64_MAX)) != NULL)
		fail(why);
	if (at == b.len && (sure.replies.len != frail.replies.len))
		fail("an answer twice, or none");
	record_free(sure.r);
	record_free(frail.r);
	buf_release(&sure.replies);
	buf_release(&frail.replies);
	buf_release(&b);
}

/* The honest way: a process that is killed. Where it was is in the ring. */

struct plan {
	struct setting how;
	struct buf bytes;
	size_t nsteps;
	struct plan_step {
		size_t at;           /* offset of its first byte */
		unsigned cols, rows; /* size from there on; 0: as before */
	} * steps;
};

static void
make_plan(struct random *g, struct plan *p)
{
	p->how = random_setting(g);
	buf_init(&p->bytes, BUF_NO_MAX);
	stream_fill(g, 20000 + below(g, 400000), &p->bytes);
	p->steps = xcalloc(p->bytes.len + 1, sizeof *p->steps);
	p->nsteps = 0;
	for (size_t at = 0; at < p->bytes.len;) {
		struct plan_step *s = &p->steps[p->nsteps++];

		s->at = at;
		if (p->nsteps > 1 && below(g, 30) == 0) {
			s->cols = 1 + below(g, 160);
			s->rows = 1 + below(g, 70);
		}
		at += 1 + below(g, CHUNK);
	}
}

static void
go_on(struct side *s, const struct plan *p)
{
	uint64_t end = ring_end(memory_ring(s->r->memory));
	const struct memory_state *state = memory_state(s->r->memory);
	struct iovec iov[2];

	for (size_t i = 0; i < p->nsteps; i++) {
		const struct plan_step *t = &p->steps[i];
		size_t behind = i + 1 < p->nsteps ? t[1].at : p->bytes.len;

		size_t from = t->at < end ? (size_t)end : t->at;

		/* One that was killed while it copied leaves a part of its chunk. */
		if (behind <= end)
			continue;
		if (from == t->at && t->cols != 0 &&
		    (t->cols != state->cols || t->rows != state->rows))
			record_resize(s->r, t->cols, t->rows, 1000);
		commit(s->r, p->bytes.data + from, behind - from, iov);
		feed_pieces(s->r, iov, 3, 1000);
	}
}

/* In the child: what a new worker does. */
static void
work(int fd, const struct plan *p)
{
	struct side s = {.copy = -1};

	buf_init(&s.replies, BUF_NO_MAX);
	if (!take_over(&s, &p->how, fd))
		_exit(1);
	go_on(&s, p);
	_exit(0);
}

/* False when the child has found something wrong. */
static bool
run_children(struct random *g, const struct plan *p, int fd)
{
	int status = -1;

	/* Twice as long after each, so that one comes to the end. */
	for (unsigned most = 2000;; most += most / 16) {
		struct timespec wait = {0, (long)below(g, most) * 1000};
		pid_t pid;

		fflush(stdout);
		pid = fork();
		if (pid == 0)
			work(dup(fd), p);
		nanosleep(&wait, NULL);
		kill(pid, SIGKILL);
		waitpid(pid, &status, 0);
		if (!WIFSIGNALED(status))
			return WEXITSTATUS(status) == 0;
		if (WTERMSIG(status) != SIGKILL)
			return false;
		kills++;
	}
}

static void
children(struct random *g)
{
	struct side sure = {.copy = -1}, frail = {.copy = -1};
	const char *why = "a worker found the memory damaged";
	struct plan p;
	int fd;

	make_plan(g, &p);
	buf_init(&sure.replies, BUF_NO_MAX);
	buf_init(&frail.replies, BUF_NO_MAX);
	frail.r = begin(&p.how, &frail);
	fd = dup(memory_fd(frail.r->memory));
	sure.r = begin(&p.how, &sure);
	go_on(&sure, &p);
	if (run_children(g, &p, fd))
		why = take_over(&frail, &p.how, dup(fd))
			  ? difference(sure.r, frail.r, UINT64_MAX)
			  : NULL;
	if (why != NULL)
		fail(why);
	close(fd);
	record_free(sure.r);
	record_free(frail.r);
	buf_release(&sure.replies);
	buf_release(&frail.replies);
	buf_release(&p.bytes);
	free(p.steps);
}

static void
run(void (*round)(struct random *), uint64_t from, double time)
{
	double until = seconds() + time;
	unsigned before = kills, bad = failed;

	for (seed = from; failed - bad < 5 && (seconds() < until || kills - before < KILLS_MIN);
	     seed++, rounds++) {
		struct random g = {seed * 0x9E3779B97F4A7C15u + 1};

		round(&g);
	}
}

int
main(void)
{
	unsigned time = ask("RESTORE_SECONDS", 6), from = ask("RESTORE_SEED", 1);
	unsigned by_copy;

	if (!os_has_keeper())
		return 77;
	setvbuf(stdout, NULL, _IOLBF, 0);
	printf("seed %u\n", from);
	stream_open();
	run(copies, from, time / 2.0);
	by_copy = kills;
	run(children, from, time / 2.0);
	stream_close();
	printf("%u rounds, %u kills by copy, %u by signal, %u failed\n", rounds, by_copy,
	    kills - by_copy, failed);
	return failed != 0;
}
