/*
 * What the archive makes of recordings of what terminals received: archive FILE...
 *
 * Each goes through a terminal of 120x40 into a history, and from there into an archive of its
 * own. Prints a line for each: its lines and text, what they take on the disk, the ratio,
 * and how fast: what the loop does (copying), all until it is written, and reading all back, in
 * MB of text a second of CPU time, which other work on the machine disturbs less than the time
 * of the day. MB is 1e6 bytes.
 */
#include "config.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/file.h"
#include "store/archive.h"
#include "term/term.h"

enum { COLS = 120, ROWS = 40, FILE_BYTES_MAX = 1 << 30, MS_A_LINE = 3 };

static uint64_t durable;

static void
on_line(void *arg, const struct term_line *l)
{
	struct history *h = arg;

	history_push(h, l->text, l->len, l->runs, l->nruns,
	    (int64_t)history_last(h) * MS_A_LINE, l->offset, l->flags);
}

static void
on_durable(const char *id, uint64_t last, void *arg)
{
	(void)id;
	(void)arg;
	durable = last;
}

static void
on_notify(void *arg)
{
	(void)arg;
}

static double
cpu(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* Puts all lines; returns the time that the caller's thread was in there. */
static double
put_all(struct archive *a, struct history *h, const struct styles *styles)
{
	struct history_view v;
	double loop = 0;

	history_view(h, 1, history_last(h), &v);
	while (durable < v.last) {
		double start = cpu(CLOCK_THREAD_CPUTIME_ID);
		uint64_t taken;

		if (archive_put(a, NULL, "p1", &v, styles, &taken) == 0)
			archive_flush(a, NULL);
		loop += cpu(CLOCK_THREAD_CPUTIME_ID) - start;
		poll(NULL, 0, 1);
		archive_collect(a, on_durable, NULL);
	}
	history_view_release(&v);
	return loop;
}

static double
read_all(struct archive *a)
{
	struct archive_query q = {0};
	struct archive_block b = {0};
	struct archive_snapshot s;
	double start = cpu(CLOCK_THREAD_CPUTIME_ID);
	char *cause = NULL;

	archive_snapshot(a, &q, &s);
	for (size_t i = 0; i < s.n; i++)
		if (archive_read(&s, &s.records[i], &b, &cause) != 0) {
			fprintf(stderr, "%s\n", cause);
			exit(1);
		}
	archive_snapshot_release(&s);
	archive_block_release(&b);
	return cpu(CLOCK_THREAD_CPUTIME_ID) - start;
}

static void
measure(const char *name, struct history *h, const struct styles *styles)
{
	char dir[] = "/tmp/panescry-bench-XXXXXX", command[64];
	struct archive_config config = {.dir = dir, .run = {1, 1}, .notify = on_notify};
	struct archive_status st;
	struct history_stats stats;
	struct archive *a;
	double loop, whole, back, mb, start = cpu(CLOCK_PROCESS_CPUTIME_ID);

	if (mkdtemp(dir) == NULL || archive_open(&config, &a, NULL) != 0)
		exit(1);
	durable = 0;
	loop = put_all(a, h, styles);
	whole = cpu(CLOCK_PROCESS_CPUTIME_ID) - start;
	back = read_all(a);
	archive_status(a, &st);
	history_stats(h, &stats);
	mb = (double)(stats.text + stats.lines) / 1e6;
	printf("%-28.28s %8llu lines %8.2f MB %7.3f MB on disk %5.1f:1 %6.0f MB/s put, "
	       "%4.0f MB/s written, %5.0f MB/s read\n",
	    name, (unsigned long long)stats.lines, mb, (double)st.bytes / 1e6,
	    mb * 1e6 / (double)st.bytes, mb / loop, mb / whole, mb / back);
	archive_status_release(&st);
	archive_close(a, 1000);
	snprintf(command, sizeof command, "rm -r %s", dir);
	if (system(command) != 0)
		fprintf(stderr, "%s is left\n", dir);
}

int
main(int argc, char **argv)
{
	const struct term_callbacks cb = {.line = on_line};
	const struct history_limits limits = {.lines = UINT32_MAX, .bytes = (uint64_t)1 << 32};

	for (int i = 1; i < argc; i++) {
		struct history *h = history_new(&limits, NULL);
		struct term *t = term_new(COLS, ROWS, &cb, h);
		char *data, *slash = strrchr(argv[i], '/');
		size_t len;

		if (file_read(argv[i], FILE_BYTES_MAX, &data, &len) != 0) {
			fprintf(stderr, "cannot read %s\n", argv[i]);
			return 1;
		}
		term_feed(t, data, len);
		term_flush(t);
		free(data);
		if (history_last(h) != 0)
			measure(slash != NULL ? slash + 1 : argv[i], h, term_styles(t));
		term_free(t);
		history_free(h);
	}
	return 0;
}
