#include "config.h"

#include "cli/flow_print.h"

#include <langinfo.h>
#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/xmalloc.h"
#include "cli/cli.h"
#include "cli/columns.h"
#include "cli/job_text.h"
#include "cli/jobs_print.h"
#include "proto/json.h"

enum {
	NAME_WIDTH = 24,
	NAME_MAX_WIDTH = 48,
	BAR_WIDTH = 24,
	STEPS_MAX = 1000,
	REMARK_WIDTH = 100
};

struct tree {
	const cJSON *steps[STEPS_MAX];
	int parent[STEPS_MAX]; /* -1: none */
	int n, width;
	int64_t from_ms, to_ms;
	bool utf8;
	struct buf lead; /* of the branches that are open */
};

static const char *
text_of(const cJSON *o, const char *name)
{
	const char *text = json_string(o, name);

	return text != NULL ? text : "-";
}

static bool
is_state(const cJSON *o, const char *state)
{
	return strcmp(text_of(o, "state"), state) == 0;
}

/* Lists. */

void
flow_print_list(const cJSON *flows)
{
	int64_t now_ms = clock_wall_ms();
	const cJSON *run;

	printf("%-6s %-10s %7s %7s  %-20s %s\n", "ID", "STATE", "AGE", "TIME", "NAME", "FILE");
	cJSON_ArrayForEach (run, flows) {
		int64_t created = cli_job_time(run, "created"),
			ended = cli_job_time(run, "ended");
		char age[CLI_DURATION_SIZE], took[CLI_DURATION_SIZE];

		cli_duration_text(now_ms > created ? now_ms - created : 0, age);
		cli_duration_text((ended != 0 ? ended : now_ms) - created, took);
		cli_print_safe(text_of(run, "id"), 6, 1);
		putchar(' ');
		cli_print_safe(text_of(run, "state"), 10, 1);
		printf(" %7s %7s  ", age, took);
		cli_print_safe(text_of(run, "name"), 20, 1);
		putchar(' ');
		cli_print_safe(text_of(run, "file"), 0, 0);
		putchar('\n');
	}
}

/* A tree. */

static int
find_step(const struct tree *t, const char *name)
{
	for (int i = 0; name != NULL && i < t->n; i++)
		if (strcmp(text_of(t->steps[i], "name"), name) == 0)
			return i;
	return -1;
}

/* Steps from 0 to the root; a circle, which the daemon does not let through, has no end. */
static int
depth_of(const struct tree *t, int i)
{
	int depth = 0;

	while (t->parent[i] >= 0 && depth <= t->n) {
		i = t->parent[i];
		depth++;
	}
	return depth;
}

/* The last one, in the order of the definition, of those that it waits for. */
static int
parent_of(const struct tree *t, int i)
{
	const cJSON *name,
	    *depends = cJSON_GetObjectItemCaseSensitive(t->steps[i], "depends_on");
	int last = -1, at;

	cJSON_ArrayForEach (name, depends) {
		at = find_step(t, cJSON_GetStringValue(name));
		if (at > last && at != i)
			last = at;
	}
	return last;
}

static void
plant(struct tree *t, const cJSON *run)
{
	const cJSON *step;
	int width;

	cJSON_ArrayForEach (step, cJSON_GetObjectItemCaseSensitive(run, "steps"))
		if (t->n < STEPS_MAX)
			t->steps[t->n++] = step;
	for (int i = 0; i < t->n; i++)
		t->parent[i] = -1;
	for (int i = 0; i < t->n; i++) {
		t->parent[i] = parent_of(t, i);
		if (depth_of(t, i) > t->n)
			t->parent[i] = -1;
	}
	t->width = NAME_WIDTH;
	for (int i = 0; i < t->n; i++) {
		const char *name = text_of(t->steps[i], "name");

		width = 3 * depth_of(t, i) + (int)columns_of(name, strlen(name));
		if (width > t->width)
			t->width = width < NAME_MAX_WIDTH ? width : NAME_MAX_WIDTH;
	}
	t->from_ms = cli_job_time(run, "created");
	t->to_ms = cli_job_time(run, "ended");
	if (t->to_ms == 0)
		t->to_ms = clock_wall_ms();
}

/* Its part of the run's time: at least one column of what has begun. */
static void
print_bar(const struct tree *t, const cJSON *step)
{
	int64_t all = t->to_ms - t->from_ms, from = cli_job_time(step, "started"),
		to = cli_job_time(step, "ended");
	int first, last;

	if (all <= 0)
		all = 1;
	if (from == 0 || cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(step, "cached"))) {
		printf("%*s", BAR_WIDTH, "");
		return;
	}
	if (to == 0 || to > t->to_ms)
		to = t->to_ms;
	from = from < t->from_ms ? 0 : from - t->from_ms;
	to = to < t->from_ms ? 0 : to - t->from_ms;
	first = from >= all ? BAR_WIDTH - 1 : (int)(from * BAR_WIDTH / all);
	last = to >= all ? BAR_WIDTH - 1 : (int)(to * BAR_WIDTH / all);
	for (int i = 0; i < BAR_WIDTH; i++) {
		if (i >= first && i <= last)
			fputs(t->utf8 ? "━" : "=", stdout);
		else
			putchar(' ');
	}
}

static void
print_cost(const cJSON *step)
{
	const cJSON *usage = cJSON_GetObjectItemCaseSensitive(step, "usage"),
		    *cost = cJSON_GetObjectItemCaseSensitive(usage, "cost_usd");

	if (cJSON_IsNumber(cost))
		printf(" %9.4f", cost->valuedouble);
	else
		printf(" %9s", "-");
}

static void
print_question(const cJSON *step, const char *before)
{
	const char *message = json_string(step, "message");

	if (message == NULL)
		return;
	fputs(before, stdout);
	cli_print_safe(message, REMARK_WIDTH, 0);
}

/* How it came to be so: taken from another run, or what went wrong. */
static void
print_remark(const cJSON *step)
{
	const char *from = json_string(step, "cached_from"),
		   *error = json_string(step, "error");

	if (error != NULL) {
		fputs("  ", stdout);
		cli_print_safe(error, REMARK_WIDTH, 0);
	} else if (cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(step, "cached"))) {
		fputs("  from ", stdout);
		cli_print_safe(from != NULL ? from : "the record", 24, 0);
	} else if (is_state(step, "waiting")) {
		print_question(step, "  ");
	} else if (json_string(step, "job") != NULL) {
		fputs("  ", stdout);
		cli_print_safe(json_string(step, "job"), 24, 0);
	}
}

static void
print_step(struct tree *t, int i, const char *branch)
{
	const cJSON *step = t->steps[i];
	bool cached = cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(step, "cached"));
	const char *name = text_of(step, "name");
	int left = t->width - 3 * depth_of(t, i);
	char took[CLI_DURATION_SIZE];

	if (t->lead.len != 0)
		fwrite(t->lead.data, 1, t->lead.len, stdout);
	fputs(branch, stdout);
	cli_print_safe(name, left > 3 ? left : 3, 1);
	putchar(' ');
	cli_print_safe(cached ? "cached" : text_of(step, "state"), 10, 1);
	cli_duration_text(cached ? -1 : cli_job_duration(step), took);
	printf(" %7s", took);
	print_cost(step);
	fputs(t->utf8 ? "  │" : "  |", stdout);
	print_bar(t, step);
	fputs(t->utf8 ? "│" : "|", stdout);
	print_remark(step);
	putchar('\n');
}

static void
print_below(struct tree *t, int parent)
{
	int last = -1;

	for (int i = 0; i < t->n; i++)
		if (t->parent[i] == parent)
			last = i;
	for (int i = 0; i <= last; i++) {
		size_t len = t->lead.len;

		if (t->parent[i] != parent)
			continue;
		if (parent < 0) {
			print_step(t, i, "");
			print_below(t, i);
			continue;
		}
		if (t->utf8)
			print_step(t, i, i == last ? "└─ " : "├─ ");
		else
			print_step(t, i, i == last ? "`- " : "|- ");
		buf_puts(&t->lead, i == last ? "   " : t->utf8 ? "│  " : "|  ");
		print_below(t, i);
		t->lead.len = len;
	}
}

void
flow_print_run(const cJSON *run)
{
	struct tree *t = xcalloc(1, sizeof *t);
	const cJSON *usage = cJSON_GetObjectItemCaseSensitive(run, "usage");
	const char *error = json_string(run, "error");
	char took[CLI_DURATION_SIZE];

	t->utf8 = strcmp(nl_langinfo(CODESET), "UTF-8") == 0;
	buf_init(&t->lead, BUF_NO_MAX);
	plant(t, run);
	cli_duration_text(t->to_ms - t->from_ms, took);
	cli_print_safe(text_of(run, "id"), 0, 0);
	putchar(' ');
	cli_print_safe(text_of(run, "name"), 0, 0);
	fputs(": ", stdout);
	cli_print_safe(text_of(run, "state"), 0, 0);
	printf(", %s", took);
	if (cJSON_IsObject(usage)) {
		fputs(", ", stdout);
		jobs_print_usage(usage);
	}
	if (error != NULL) {
		fputs(": ", stdout);
		cli_print_safe(error, 0, 0);
	}
	putchar('\n');
	printf("%-*s %-10s %7s %9s\n", t->width, "STEP", "STATE", "TIME", "COST $");
	print_below(t, -1);
	buf_release(&t->lead);
	free(t);
}

/* Changes. */

static const cJSON *
step_named(const cJSON *run, const char *name)
{
	const cJSON *step;

	cJSON_ArrayForEach (step, cJSON_GetObjectItemCaseSensitive(run, "steps"))
		if (strcmp(text_of(step, "name"), name) == 0)
			return step;
	return NULL;
}

static void
print_change(const cJSON *run, const cJSON *step)
{
	bool cached = cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(step, "cached"));
	const char *error = json_string(step, "error"), *job = json_string(step, "job");
	char took[CLI_DURATION_SIZE];

	cli_print_safe(text_of(step, "name"), NAME_WIDTH, 1);
	putchar(' ');
	cli_print_safe(cached ? "cached" : text_of(step, "state"), 10, 1);
	if (cli_job_ended(step) && !cached && cli_job_duration(step) >= 0) {
		cli_duration_text(cli_job_duration(step), took);
		printf(" %s", took);
	} else if (is_state(step, "running") && job != NULL) {
		putchar(' ');
		cli_print_safe(job, 24, 0);
	} else if (is_state(step, "waiting")) {
		fputs(" panescry flow approve ", stdout);
		cli_print_safe(text_of(run, "id"), 24, 0);
		putchar(' ');
		cli_print_safe(text_of(step, "name"), 0, 0);
		print_question(step, ": ");
	}
	if (error != NULL) {
		putchar(' ');
		cli_print_safe(error, REMARK_WIDTH, 0);
	}
	putchar('\n');
}

void
flow_print_changes(const cJSON *before, const cJSON *run)
{
	const cJSON *step;

	cJSON_ArrayForEach (step, cJSON_GetObjectItemCaseSensitive(run, "steps")) {
		const cJSON *old = step_named(before, text_of(step, "name"));

		if (is_state(step, "pending") ||
		    (old != NULL && is_state(old, text_of(step, "state"))))
			continue;
		print_change(run, step);
	}
	fflush(stdout);
}
