/*
 * Samples against what they are known to have used (index-codex.tsv): plainly, with a parser's
 * state saved and restored after each line, in copies, twice, in both orders, and cut off
 * anywhere.
 *
 * A note's words "name=N" are counts of events that must be so, too.
 */
#include "config.h"

#include <math.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/xmalloc.h"
#include "sample.h"

enum { COLUMNS = 13, FILES_MAX = 96, GROUP_MAX = 16 };

struct sample {
	char *line, *column[COLUMNS]; /* group format file licence source, numbers, note */
	char *data;
	size_t len;
};

static struct sample samples[FILES_MAX];
static size_t count;

static void
read_index(const char *dir)
{
	char *path = xasprintf("%s/index-codex.tsv", dir), *line = NULL;
	FILE *f = fopen(path, "r");
	size_t cap = 0;

	CHECK(f != NULL);
	while (getline(&line, &cap, f) > 0) {
		struct sample *s = &samples[count];
		char *rest, *file;

		if (strncmp(line, "group\t", 6) == 0)
			continue;
		CHECK(count < FILES_MAX);
		line[strcspn(line, "\n")] = '\0';
		rest = s->line = xstrdup(line);
		for (size_t i = 0; i < COLUMNS; i++)
			CHECK((s->column[i] = strsep(&rest, "\t")) != NULL);
		file = xasprintf("%s/samples/%s", dir, s->column[2]);
		s->data = slurp(file, &s->len);
		free(file);
		count++;
	}
	free(line);
	fclose(f);
	free(path);
}

static int64_t
said(const struct sample *s, size_t column)
{
	return s->column[column][0] == '\0' ? AGENT_UNKNOWN : atoll(s->column[column]);
}

/* "calls=3" */
static void
check_note(const struct sample *s, const struct tally *t)
{
	const struct {
		const char *name;
		size_t n;
	} words[] = {{"user", t->shown[AGENT_USER]}, {"assistant", t->shown[AGENT_ASSISTANT]},
	    {"thinking", t->shown[AGENT_THINKING]}, {"calls", t->types[AGENT_TOOL_CALL]},
	    {"results", t->types[AGENT_TOOL_RESULT]}, {"turns", t->types[AGENT_TURN]},
	    {"ends", t->types[AGENT_TURN_END]}, {"failed", t->failed},
	    {"notes", t->types[AGENT_NOTE]}, {"parents", t->parents},
	    {"passed", (size_t)t->passed}};

	for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
		char *head = xasprintf("%s=", words[i].name);
		const char *at = strstr(s->column[12], head);

		if (at != NULL && (size_t)atoi(at + strlen(head)) != words[i].n) {
			fprintf(
			    stderr, "%s: %s%zu, not %s\n", s->column[0], head, words[i].n, at);
			exit(1);
		}
		free(head);
	}
}

static void
check_totals(const struct sample *s, const struct tally *t, const char *how)
{
	double cost, want = s->column[11][0] == '\0' ? -1 : atof(s->column[11]);
	struct agent_usage u = tally_sum(t, NULL, &cost);
	const int64_t is[] = {
	    u.input, u.cache_read, u.cache_write_5m, u.cache_write_1h, u.output, u.reasoning};

	for (size_t i = 0; i < 6; i++)
		if (is[i] != said(s, 5 + i)) {
			fprintf(stderr, "%s, %s: column %zu is %lld, not %lld\n", s->column[0],
			    how, 5 + i, (long long)is[i], (long long)said(s, 5 + i));
			exit(1);
		}
	if (fabs(cost - want) > 1e-9) {
		fprintf(stderr, "%s, %s: cost %.9f, not %.9f\n", s->column[0], how, cost, want);
		exit(1);
	}
}

static void
feed_sample(
    struct tally *t, const struct sample *s, const char *root, enum manner m, size_t lines)
{
	char *path = xasprintf("%s/%s", root, s->column[2]);

	feed(t, s->column[1], path, s->data, s->len, m, lines);
	free(path);
}

static void
check_group(const struct sample *s, size_t n)
{
	struct tally plain = {0}, saved = {0}, back = {0};

	for (size_t i = 0; i < n; i++) {
		feed_sample(&plain, &s[i], "/a", PLAIN, 0);
		feed_sample(&saved, &s[i], "/a", SAVED, 0);
		feed_sample(&back, &s[n - 1 - i], "/a", PLAIN, 0);
	}
	check_totals(s, &plain, "plain");
	check_note(s, &plain);
	check_totals(s, &saved, "saved and restored");
	CHECK(saved.digest == plain.digest);
	check_totals(s, &back, "in the other order");
	for (size_t i = 0; i < n; i++) {
		feed_sample(&plain, &s[i], "/a", PLAIN, 0);
		feed_sample(&back, &s[i], "/copy", SAVED, 0);
	}
	check_totals(s, &plain, "twice");
	check_totals(s, &back, "with a copy");
	tally_free(&plain);
	tally_free(&saved);
	tally_free(&back);
}

static void
check_cuts(const struct sample *s)
{
	size_t lines = 0;
	bool done = false;

	for (size_t i = 0; i < s->len; i++)
		lines += s->data[i] == '\n';
	for (size_t k = 0; !done && k <= lines; k++) {
		struct tally t = {0};

		feed_sample(&t, s, "/a", CUT, k);
		tally_free(&t);
	}
}

/* Prints how fast a long rollout is read; not a test. */
static void
measure(size_t megabytes)
{
	const struct sample *s = NULL;
	struct timespec from, to;
	struct tally t = {0};
	size_t want = megabytes * 1000000, len = 0;
	char *data;
	double sec;

	for (size_t i = 0; i < count; i++)
		if (strcmp(samples[i].column[0], "codex_two_turns") == 0)
			s = &samples[i];
	CHECK(s != NULL);
	data = xmalloc(want + s->len);
	for (; len < want; len += s->len)
		memcpy(data + len, s->data, s->len);
	clock_gettime(CLOCK_MONOTONIC, &from);
	feed(&t, "codex-rollout", "/a/x.jsonl", data, len, PLAIN, 0);
	clock_gettime(CLOCK_MONOTONIC, &to);
	sec = (double)(to.tv_sec - from.tv_sec) + (double)(to.tv_nsec - from.tv_nsec) / 1e9;
	printf(
	    "%.1f MB in %.2f s: %.0f MB/s\n", (double)len / 1e6, sec, (double)len / 1e6 / sec);
	tally_free(&t);
	free(data);
}

/* The first line that is JSON names a stream, and no other. */
static void
check_first_lines(void)
{
	for (size_t i = 0; i < count; i++) {
		const struct agent_format *own = agent_format_find(samples[i].column[1]);
		const char *line = samples[i].data;

		while (*line != '{')
			line += strcspn(line, "\n") + 1;
		for (size_t f = 0; agent_formats[f] != NULL; f++) {
			const struct agent_format *is = agent_formats[f];

			if (is->is_stream != NULL)
				CHECK(is->is_stream(line, strcspn(line, "\n")) == (is == own));
		}
	}
}

/* Prints what a file says; not a test. */
static void
show(const char *format, const char *path)
{
	struct tally t = {0};
	struct agent_usage u;
	int64_t since = 0;
	size_t len;
	double cost;

	if (strcmp(format, "opencode-db") == 0) {
		CHECK(read_db(&t, path, &since) == 0);
	} else {
		char *data = slurp(path, &len);

		feed(&t, format, path, data, len, PLAIN, 0);
		free(data);
	}
	u = tally_sum(&t, NULL, &cost);
	printf("input %lld read %lld write %lld output %lld reasoning %lld cost %.6f\n",
	    (long long)u.input, (long long)u.cache_read, (long long)u.cache_write_5m,
	    (long long)u.output, (long long)u.reasoning, cost);
	printf("user %zu assistant %zu thinking %zu calls %zu results %zu turns %zu ends %zu\n",
	    t.shown[AGENT_USER], t.shown[AGENT_ASSISTANT], t.shown[AGENT_THINKING],
	    t.types[AGENT_TOOL_CALL], t.types[AGENT_TOOL_RESULT], t.types[AGENT_TURN],
	    t.types[AGENT_TURN_END]);
	for (size_t i = 0; i < t.n; i++)
		printf("%s of %s\n", t.rows[i].key, t.rows[i].session);
	tally_free(&t);
}

int
main(int argc, char **argv)
{
	const char *top = getenv("top_srcdir");
	char *dir = xasprintf("%s/tests/agents", top == NULL ? "." : top);
	const char *formats[FILES_MAX];
	char *datas[FILES_MAX];
	size_t n;

	read_index(dir);
	if (argc > 2 && strcmp(argv[1], "measure") == 0) {
		measure((size_t)atoi(argv[2]));
		return 0;
	}
	if (argc > 2) {
		show(argv[1], argv[2]);
		return 0;
	}
	check_first_lines();
	for (size_t i = 0; i < count; i += n) {
		for (n = 1; i + n < count &&
			    strcmp(samples[i].column[0], samples[i + n].column[0]) == 0;
		     n++)
			;
		check_group(&samples[i], n);
	}
	for (size_t i = 0; i < count; i++) {
		check_cuts(&samples[i]);
		formats[i] = samples[i].column[1];
		datas[i] = samples[i].data;
	}
	check_hostile(formats, datas, count);
	check_rules();
	check_db();
	for (size_t i = 0; i < count; i++) {
		free(samples[i].line);
		free(samples[i].data);
	}
	free(dir);
	return 0;
}
