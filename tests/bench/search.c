/*
 * search FILE PATTERNS [RUNS]: how long a scan of a history with FILE's lines takes, beside bare
 * PCRE2 over all of it in one buffer and line by line. A line of JSON for each pattern and way;
 * the order of the ways turns by one from run to run. See README.
 */
#include "config.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "bench.h"
#include "history/history.h"
#include "search/pattern.h"
#include "search/query.h"
#include "search/scan.h"

enum { RUNS_MAX = 101, FILE_BYTES_MAX = 1 << 30 };

struct data {
	char *text;
	size_t len;
	size_t *lines; /* beginnings, and the end */
	size_t n;
	struct history *history;
	struct history_view view;
};

struct job {
	const struct data *d;
	const char *pattern;
	struct pattern *compiled;
	pcre2_code *whole, *line;
	pcre2_match_data *match;
	pcre2_match_context *context;
};

static void
load(struct data *d, const char *path)
{
	if (file_read(path, FILE_BYTES_MAX, &d->text, &d->len) < 0)
		bench_die("%s: cannot be read", path);
	d->history = history_new(&(struct history_limits){UINT32_MAX, FILE_BYTES_MAX}, NULL);
	d->lines = bench_alloc((d->len + 2) * sizeof *d->lines);
	for (size_t at = 0, end; at < d->len; at = end + 1) {
		const char *nl = memchr(d->text + at, '\n', d->len - at);

		end = nl == NULL ? d->len : (size_t)(nl - d->text);
		history_push(
		    d->history, d->text + at, end - at, NULL, 0, (int64_t)d->n * 10, at, 0);
		d->lines[d->n++] = at;
		d->lines[d->n] = end + 1;
	}
	history_view(d->history, 0, UINT64_MAX, &d->view);
}

static pcre2_code *
compile(const char *pattern, uint32_t options)
{
	PCRE2_SIZE offset;
	int err;
	pcre2_code *code = pcre2_compile(
	    (PCRE2_SPTR)pattern, PCRE2_ZERO_TERMINATED, options, &err, &offset, NULL);

	if (code == NULL || pcre2_jit_compile(code, PCRE2_JIT_COMPLETE) != 0)
		bench_die("%s: not compiled", pattern);
	return code;
}

/* The ways: each returns the number of lines that match. */

static uint64_t
bare(struct job *j, const char *text, size_t len)
{
	PCRE2_SIZE *found = pcre2_get_ovector_pointer(j->match);
	uint64_t n = 0;
	size_t at = 0;

	while (at < len && pcre2_jit_match(j->whole, (PCRE2_SPTR)text, len, at, PCRE2_NOTEMPTY,
			       j->match, j->context) >= 0) {
		const char *nl = memchr(text + found[0], '\n', len - found[0]);

		n++;
		at = nl == NULL ? len : (size_t)(nl - text) + 1;
	}
	return n;
}

static uint64_t
whole_buffer(struct job *j)
{
	return bare(j, j->d->text, j->d->len);
}

/* The same where the history has it: in blocks, and in small pages. */
static uint64_t
whole_slabs(struct job *j)
{
	const struct history_view *v = &j->d->view;
	uint64_t n = 0;

	for (size_t i = 0; i < v->n; i++)
		n += bare(j, slab_text(v->parts[i].slab), v->parts[i].extent.text);
	return n;
}

static uint64_t
line_by_line(struct job *j)
{
	const struct data *d = j->d;
	uint64_t n = 0;

	for (size_t i = 0; i < d->n; i++)
		n += pcre2_jit_match(j->line, (PCRE2_SPTR)d->text + d->lines[i],
			 d->lines[i + 1] - d->lines[i] - 1, 0, 0, j->match, j->context) >= 0;
	return n;
}

static bool
ignore(void *arg, const struct scan_hit *hit)
{
	*(uint64_t *)arg += hit->nspans;
	return true;
}

static uint64_t
scan(struct job *j, const struct scan_options *o, scan_hit_cb *cb)
{
	struct scanner *s = scanner_new(j->compiled);
	struct scan_stats st;
	uint64_t spans = 0;

	scan_view(s, &j->d->view, 0, j->d->view.n, o, cb, &spans, &st);
	scanner_free(s);
	return st.matched;
}

static uint64_t
scan_count(struct job *j)
{
	struct scan_options o = SCAN_OPTIONS_INIT;

	return scan(j, &o, NULL);
}

static uint64_t
scan_list(struct job *j)
{
	struct scan_options o = SCAN_OPTIONS_INIT;

	o.limit = QUERY_LIMIT_MAX;
	return scan(j, &o, ignore);
}

static uint64_t
query_newest(struct job *j)
{
	struct query_source source = {.history = &j->d->view};
	struct query_options o = QUERY_OPTIONS_INIT;
	struct query_result r;
	uint64_t n;

	o.newest_first = true;
	query_run(j->compiled, &source, 1, &o, &r);
	n = r.nhits;
	query_result_release(&r);
	return n;
}

static uint64_t
scan_all_ways(struct job *j, enum scan_way way)
{
	struct scan_options o = SCAN_OPTIONS_INIT;

	o.way = way;
	return scan(j, &o, NULL);
}

static uint64_t
scan_many(struct job *j)
{
	return scan_all_ways(j, SCAN_MANY);
}

static uint64_t
scan_literal(struct job *j)
{
	return scan_all_ways(j, SCAN_LITERAL);
}

static uint64_t
scan_by_line(struct job *j)
{
	return scan_all_ways(j, SCAN_LINES);
}

/* Every byte once, and nothing but that. */
static uint64_t
memory(struct job *j)
{
	const char *p = j->d->text, *end = p + j->d->len;
	uint64_t n = 0;

	while (p < end && (p = memchr(p, 0xFF, (size_t)(end - p))) != NULL) {
		n++;
		p++;
	}
	return n;
}

static const struct {
	const char *name;
	uint64_t (*run)(struct job *j);
} ways[] = {
    {"count", scan_count},
    {"pcre2 whole", whole_buffer},
    {"pcre2 slabs", whole_slabs},
    {"pcre2 line", line_by_line},
    {"first 10000", scan_list},
    {"newest 50", query_newest},
    {"only many", scan_many},
    {"only literal", scan_literal},
    {"only line", scan_by_line},
    {"memory", memory},
};

enum { WAYS = sizeof ways / sizeof *ways };

static int
compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

static void
print(struct job *j, size_t way, double *ms, int runs, uint64_t lines)
{
	qsort(ms, (size_t)runs, sizeof *ms, compare);
	out_begin("search", ways[way].name);
	printf(",\"pattern\":\"");
	for (const char *p = j->pattern; *p != '\0'; p++)
		printf(*p == '\\' || *p == '"' ? "\\%c" : "%c", *p);
	putchar('"');
	out_int("lines", (long long)j->d->n);
	out_int("bytes", (long long)j->d->len);
	out_num("ms", ms[runs / 2], 4);
	out_num("ms_min", ms[0], 4);
	out_num("ms_max", ms[runs - 1], 4);
	out_int("matched", (long long)lines);
	out_int("runs", runs);
	out_end();
}

static void
measure(const struct data *d, const char *pattern, int runs)
{
	static double ms[WAYS][RUNS_MAX];
	struct job j = {.d = d, .pattern = pattern};
	uint64_t lines[WAYS];
	char *cause = NULL;

	if (pattern_new(&j.compiled, pattern, strlen(pattern), 0, NULL, &cause) < 0)
		bench_die("%s: %s", pattern, cause);
	j.whole = compile(pattern, PCRE2_UTF | PCRE2_MULTILINE);
	j.line = compile(pattern, PCRE2_UTF);
	j.match = pcre2_match_data_create(1, NULL);
	j.context = pcre2_match_context_create(NULL);
	for (int r = -1; r < runs; r++)
		for (size_t i = 0; i < WAYS; i++) {
			size_t way = (i + (size_t)(r + 1)) % WAYS;
			double began;

			/* Whatever ran before had some other memory in the caches. */
			ways[way].run(&j);
			began = bench_now();
			lines[way] = ways[way].run(&j);
			if (r >= 0)
				ms[way][r] = (bench_now() - began) * 1e3;
		}
	for (size_t way = 0; way < WAYS; way++)
		print(&j, way, ms[way], runs, lines[way]);
	pcre2_code_free(j.whole);
	pcre2_code_free(j.line);
	pcre2_match_data_free(j.match);
	pcre2_match_context_free(j.context);
	pattern_free(j.compiled);
}

int
main(int argc, char **argv)
{
	int runs = argc > 3 ? atoi(argv[3]) : 9;
	struct data d = {0};
	char *patterns, *p, *save = NULL;
	size_t len;

	if (argc < 3 || runs < 1 || runs > RUNS_MAX)
		bench_die("usage: search FILE PATTERNS [RUNS]");
	if (file_read(argv[2], 1 << 20, &patterns, &len) < 0)
		bench_die("%s: cannot be read", argv[2]);
	load(&d, argv[1]);
	for (p = strtok_r(patterns, "\n", &save); p != NULL; p = strtok_r(NULL, "\n", &save))
		measure(&d, p, runs);
	history_view_release(&d.view);
	history_free(d.history);
	free(d.lines);
	free(d.text);
	free(patterns);
	return 0;
}
