/*
 * Reads the samples of an index (agents/index.tsv says what is in it) and checks what is counted.
 *
 * Each row: read at once; line by line with the state kept and restored in between, with totals
 * that never fall; cut in the middle of each line; read twice; its files in the other order; and
 * copies of them beside them. All give the same, and a part of it gives no more.
 */
#include "config.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/agent.h"
#include "agent/ledger.h"
#include "agent/prices.h"
#include "base/buf.h"
#include "base/xmalloc.h"

enum { FILES_MAX = 8, COUNTS = 7, COLUMNS = 15 };

struct sample {
	const struct agent_format *format;
	char *path, *data;
	size_t len;
};

struct row {
	const char *name, *how;
	struct sample files[FILES_MAX];
	size_t n;
	double want[COUNTS + 1]; /* NAN: not looked at */
};

static const char *const want_names[] = {"rows", "input", "cache read", "cache write 5m",
    "cache write 1h", "output", "reasoning", "cost"};

static struct prices *prices;
static unsigned passed, failed;

static void
check(bool ok, const struct row *r, const char *what)
{
	if (ok) {
		passed++;
		return;
	}
	failed++;
	printf("FAILED: %s: %s\n", r->name, what);
}

/* One that reads file i of a row. */
struct reader {
	struct ledger *l;
	const struct row *r;
	size_t i;
};

static void
on_event(void *arg, const struct agent_event *e)
{
	struct reader *r = arg;

	if (e->session == NULL)
		abort();
	ledger_add(r->l, e);
}

static void read_all(struct ledger *l, const struct row *r, size_t i, const char *path);

/* What the files before this one count, whatever was read already. */
static bool
baseline(void *arg, const char *session, struct agent_usage *total)
{
	const struct reader *r = arg;
	struct ledger *before = ledger_new();
	struct ledger_sum s;

	for (size_t i = 0; i < r->i; i++)
		read_all(before, r->r, i, r->r->files[i].path);
	ledger_sum(before, session, NULL, &s);
	ledger_free(before);
	*total = s.usage;
	return s.rows > 0;
}

static struct agent_parser *
open_parser(struct reader *r, const char *path)
{
	struct agent_sink sink = {on_event, baseline, r};

	return r->r->files[r->i].format->open(path, &sink);
}

static void
sums(const struct ledger *l, double out[COUNTS + 1])
{
	struct ledger_sum s;

	ledger_sum(l, NULL, prices, &s);
	out[0] = (double)s.rows;
	out[1] = s.usage.input > 0 ? (double)s.usage.input : 0;
	out[2] = s.usage.cache_read > 0 ? (double)s.usage.cache_read : 0;
	out[3] = s.usage.cache_write_5m > 0 ? (double)s.usage.cache_write_5m : 0;
	out[4] = s.usage.cache_write_1h > 0 ? (double)s.usage.cache_write_1h : 0;
	out[5] = s.usage.output > 0 ? (double)s.usage.output : 0;
	out[6] = s.usage.reasoning > 0 ? (double)s.usage.reasoning : 0;
	out[7] = s.cost_usd;
}

static bool
same(const double *a, const double *b)
{
	for (int i = 0; i <= COUNTS; i++)
		if (fabs(a[i] - b[i]) > 1e-9)
			return false;
	return true;
}

static bool
at_most(const double *a, const double *b)
{
	for (int i = 0; i <= COUNTS; i++)
		if (a[i] > b[i] + 1e-9)
			return false;
	return true;
}

/* The line at `at`, without its end; what is behind it is returned. */
static size_t
line_at(const struct sample *s, size_t at, size_t *len)
{
	const char *nl = memchr(s->data + at, '\n', s->len - at);
	size_t end = nl != NULL ? (size_t)(nl - s->data) : s->len;

	*len = end - at;
	return nl != NULL ? end + 1 : end;
}

static void
feed_exactly(const struct agent_format *f, struct agent_parser *p, const char *data, size_t len,
    uint64_t at)
{
	char *copy = xmalloc(len + 1); /* a sanitizer sees what is read behind it */

	copy = xrealloc(copy, len > 0 ? len : 1);
	memcpy(copy, data, len);
	f->feed(p, copy, len, at);
	free(copy);
}

static void
read_all(struct ledger *l, const struct row *r, size_t i, const char *path)
{
	const struct sample *s = &r->files[i];
	struct reader reader = {l, r, i};
	struct agent_parser *p = open_parser(&reader, path);
	size_t len, next;

	if (s->format->layout == AGENT_DOCUMENT)
		feed_exactly(s->format, p, s->data, s->len, 0);
	else
		for (size_t at = 0; at < s->len; at = next) {
			next = line_at(s, at, &len);
			feed_exactly(s->format, p, s->data + at, len, at);
		}
	s->format->flush(p);
	s->format->close(p);
}

/* Read by another process after every line. */
static bool
read_in_pieces(struct ledger *l, const struct row *r, size_t i)
{
	const struct sample *s = &r->files[i];
	struct reader reader = {l, r, i};
	double before[COUNTS + 1], now[COUNTS + 1];
	bool rises = true;
	struct buf kept;
	size_t len, next;

	buf_init(&kept, BUF_NO_MAX);
	sums(l, before);
	for (size_t at = 0; at < s->len; at = next) {
		struct agent_parser *p = open_parser(&reader, s->path);
		next = line_at(s, at, &len);
		if (at > 0 && !s->format->restore(p, kept.data, kept.len))
			abort();
		feed_exactly(s->format, p, s->data + at, len, at);
		buf_reset(&kept);
		s->format->save(p, &kept);
		s->format->close(p);
		sums(l, now);
		rises = rises && at_most(before, now);
		memcpy(before, now, sizeof now);
	}
	buf_release(&kept);
	return rises;
}

/* Up to the middle of each line in turn: nothing but less may come of it. */
static bool
read_cut(const struct row *r, size_t i, const double *all)
{
	const struct sample *s = &r->files[i];
	size_t len, next, inner;
	bool less = true;

	for (size_t at = 0; at < s->len; at = next) {
		struct ledger *l = ledger_new();
		struct reader reader = {l, r, i};
		struct agent_parser *p = open_parser(&reader, s->path);
		double now[COUNTS + 1];
		next = line_at(s, at, &len);
		for (size_t k = 0; k < at;) {
			size_t after = line_at(s, k, &inner);
			feed_exactly(s->format, p, s->data + k, inner, k);
			k = after;
		}
		feed_exactly(s->format, p, s->data + at, len / 2, at);
		s->format->flush(p);
		s->format->close(p);
		sums(l, now);
		less = less && at_most(now, all);
		ledger_free(l);
	}
	return less;
}

static void
check_totals(const struct row *r, const double *got)
{
	for (int i = 0; i <= COUNTS; i++) {
		bool ok = isnan(r->want[i]) || fabs(r->want[i] - got[i]) <= 1e-9;
		check(ok, r, want_names[i]);
		if (!ok)
			printf("\t%.9g, and not %.9g\n", got[i], r->want[i]);
	}
}

static void
check_again(const struct row *r, struct ledger *l, const double *all)
{
	double got[COUNTS + 1];

	for (size_t i = 0; i < r->n; i++)
		read_all(l, r, i, r->files[i].path);
	sums(l, got);
	check(same(all, got), r, "read twice");
	for (size_t i = 0; i < r->n; i++) {
		char *copy = xasprintf("copies/%zu.jsonl", i);
		read_all(l, r, i, copy);
		free(copy);
	}
	sums(l, got);
	check(same(all, got), r, "a copy beside it");
}

static void
check_pieces(const struct row *r, const double *all)
{
	struct ledger *l = ledger_new();
	double got[COUNTS + 1];
	bool rises = true, lines = true;

	for (size_t i = 0; i < r->n; i++) {
		lines = lines && r->files[i].format->layout == AGENT_LINES;
		if (r->files[i].format->layout == AGENT_LINES)
			rises = read_in_pieces(l, r, i) && rises;
		else
			read_all(l, r, i, r->files[i].path);
	}
	sums(l, got);
	check(same(all, got), r, "in pieces");
	check(rises || strcmp(r->how, "falls") == 0, r, "totals fall");
	ledger_free(l);
	for (size_t i = 0; i < r->n && lines && strcmp(r->how, "-") == 0; i++)
		check(read_cut(r, i, all), r, "cut");
}

static void
check_row(const struct row *r)
{
	struct ledger *l = ledger_new();
	double all[COUNTS + 1], got[COUNTS + 1];

	for (size_t i = 0; i < r->n; i++)
		read_all(l, r, i, r->files[i].path);
	sums(l, all);
	check_totals(r, all);
	check_again(r, l, all);
	ledger_free(l);
	check_pieces(r, all);
	if (strcmp(r->how, "ordered") == 0)
		return;
	l = ledger_new();
	for (size_t i = r->n; i > 0; i--)
		read_all(l, r, i - 1, r->files[i - 1].path);
	sums(l, got);
	check(same(all, got), r, "the other order");
	ledger_free(l);
}

/* The index. */

static bool
read_file(const char *path, char **data, size_t *len)
{
	FILE *f = fopen(path, "rb");
	struct buf b;
	size_t n;
	char *to;

	if (f == NULL)
		return false;
	buf_init(&b, BUF_NO_MAX);
	do {
		to = buf_reserve(&b, 65536);
		n = fread(to, 1, 65536, f);
		buf_commit(&b, n);
	} while (n > 0);
	fclose(f);
	*len = b.len;
	*data = buf_take(&b);
	return true;
}

static bool
add_file(struct row *r, const char *dir, const char *name, const char *format)
{
	struct sample *s = &r->files[r->n];

	s->format = agent_format_find(format);
	if (s->format == NULL || r->n == FILES_MAX)
		return false;
	s->path = xasprintf("%s/samples/%s", dir, name);
	if (!read_file(s->path, &s->data, &s->len)) {
		free(s->path);
		return false;
	}
	r->n++;
	return true;
}

static void
read_row(const char *dir, char **c)
{
	struct row r = {.name = c[0], .how = c[13]};
	char *files = c[2], *formats = c[1], *file, *format = NULL, *next;
	bool ok = true;

	for (int i = 0; i <= COUNTS; i++)
		r.want[i] = strcmp(c[5 + i], "-") == 0 ? NAN : strtod(c[5 + i], NULL);
	while ((file = strsep(&files, ",")) != NULL) {
		if ((next = strsep(&formats, ",")) != NULL)
			format = next;
		ok = ok && add_file(&r, dir, file, format);
	}
	check(ok, &r, "its files and formats");
	if (ok)
		check_row(&r);
	for (size_t i = 0; i < r.n; i++) {
		free(r.files[i].path);
		free(r.files[i].data);
	}
}

int
main(int argc, char **argv)
{
	const char *top = getenv("top_srcdir");
	char *dir =
	    argc > 1 ? xstrdup(argv[1]) : xasprintf("%s/tests/agents", top != NULL ? top : ".");
	char *path = xasprintf("%s/index.tsv", dir), *text, *next, *line;
	size_t len;

	if (!read_file(path, &text, &len)) {
		fprintf(stderr, "%s: not there\n", path);
		return 1;
	}
	prices_new(NULL, 0, &prices, NULL);
	for (next = text; (line = strsep(&next, "\n")) != NULL;) {
		char *c[COLUMNS];
		int n = 0;
		if (*line == '#' || *line == '\0' || strncmp(line, "name\t", 5) == 0)
			continue;
		while (n < COLUMNS && (c[n] = strsep(&line, "\t")) != NULL)
			n++;
		if (n < COLUMNS) {
			printf("FAILED: %s: %d columns\n", c[0], n);
			failed++;
		} else {
			read_row(dir, c);
		}
	}
	prices_free(prices);
	free(text);
	free(path);
	free(dir);
	printf("%u passed, %u failed\n", passed, failed);
	return failed != 0 || passed == 0;
}
