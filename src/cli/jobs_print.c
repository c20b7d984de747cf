#include "config.h"

#include "cli/jobs_print.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "base/clock.h"
#include "cli/cli.h"
#include "cli/job_text.h"
#include "proto/json.h"

enum { LABEL_WIDTH = 12, COMMAND_WIDTH = 80 };

static uint64_t
all_bytes(const cJSON *job)
{
	const cJSON *channel;
	uint64_t sum = 0, n;

	cJSON_ArrayForEach (channel, cJSON_GetObjectItemCaseSensitive(job, "channels"))
		if (json_u64(channel, "bytes", 0, JSON_INT_MAX, &n) == 0)
			sum += n;
	return sum;
}

/* Lists. */

static void
print_row(const cJSON *job, int id_width, int64_t now_ms)
{
	const cJSON *status = cJSON_GetObjectItemCaseSensitive(job, "exit_status");
	const char *state = json_string(job, "state"), *agent = json_string(job, "agent");
	char age[CLI_DURATION_SIZE], took[CLI_DURATION_SIZE], bytes[CLI_DURATION_SIZE];
	int64_t created = cli_job_time(job, "created");
	char *command = cli_job_command(job), code[16] = "-";

	cli_duration_text(created != 0 && now_ms > created ? now_ms - created : 0, age);
	cli_duration_text(cli_job_duration(job), took);
	cli_bytes_text(all_bytes(job), bytes);
	if (cJSON_IsNumber(status))
		snprintf(code, sizeof code, "%d", status->valueint);
	cli_print_safe(json_string(job, "id"), id_width, 1);
	putchar(' ');
	cli_print_safe(state != NULL ? state : "-", 10, 1);
	printf(" %7s %7s %5s %8s  ", age, took, code, bytes);
	cli_print_safe(agent != NULL ? agent : "-", 9, 1);
	putchar(' ');
	cli_print_safe(command, COMMAND_WIDTH, 0);
	putchar('\n');
	free(command);
}

void
jobs_print_list(const cJSON *jobs)
{
	const cJSON *job;
	int width = 6;

	cJSON_ArrayForEach (job, jobs) {
		const char *id = json_string(job, "id");
		if (id != NULL && strlen(id) > (size_t)width && strlen(id) < 24)
			width = (int)strlen(id);
	}
	printf("%-*s %-10s %7s %7s %5s %8s  %-9s %s\n", width, "ID", "STATE", "AGE", "TIME",
	    "EXIT", "BYTES", "AGENT", "COMMAND");
	cJSON_ArrayForEach (job, jobs)
		print_row(job, width, clock_wall_ms());
}

/* One. */

static void
label(const char *name)
{
	printf("%-*s ", LABEL_WIDTH, name);
}

/* What follows the first line is indented. */
static void
print_value(const char *text)
{
	for (;;) {
		size_t n = strcspn(text, "\n");
		char *line = strndup(text, n);

		if (line != NULL)
			cli_print_safe(line, 0, 0);
		putchar('\n');
		free(line);
		if (text[n] == '\0' || text[n + 1] == '\0')
			return;
		text += n + 1;
		label("");
	}
}

static void
print_member(const cJSON *o, const char *member, const char *name)
{
	const char *text = json_string(o, member);

	if (text == NULL || *text == '\0')
		return;
	label(name);
	print_value(text);
}

static void
print_state(const cJSON *job)
{
	const cJSON *status = cJSON_GetObjectItemCaseSensitive(job, "exit_status");
	const char *state = json_string(job, "state");
	char took[CLI_DURATION_SIZE];

	cli_print_safe(
	    json_string(job, "id") != NULL ? json_string(job, "id") : "-", LABEL_WIDTH, 1);
	putchar(' ');
	cli_print_safe(state != NULL ? state : "-", 0, 0);
	if (cJSON_IsNumber(status))
		printf(", exit status %d", status->valueint);
	if (cli_job_duration(job) >= 0) {
		cli_duration_text(cli_job_duration(job), took);
		printf(", %s", took);
	}
	putchar('\n');
}

static void
print_env(const cJSON *job)
{
	const cJSON *var;
	const char *name = "environment";

	cJSON_ArrayForEach (var, cJSON_GetObjectItemCaseSensitive(job, "env")) {
		if (var->string == NULL || !cJSON_IsString(var))
			continue;
		label(name);
		cli_print_safe(var->string, 0, 0);
		putchar('=');
		cli_print_safe(var->valuestring, 0, 0);
		putchar('\n');
		name = "";
	}
}

static void
print_limits(const cJSON *job)
{
	static const struct {
		const char *member, *before, *unit;
	} all[] = {{"idle_timeout_s", "silent for ", " s"}, {"timeout_s", "", " s"},
	    {"max_output", "", " bytes"}, {"retries", "", " retries"}};
	const cJSON *o = cJSON_GetObjectItemCaseSensitive(job, "limits"), *n;
	const char *between = "";

	for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
		n = cJSON_GetObjectItemCaseSensitive(o, all[i].member);
		if (!cJSON_IsNumber(n) || n->valuedouble <= 0)
			continue;
		if (*between == '\0')
			label("limits");
		printf("%s%s%.0f%s", between, all[i].before, n->valuedouble, all[i].unit);
		between = ", ";
	}
	if (*between != '\0')
		putchar('\n');
}

static void
print_channel(const cJSON *channel)
{
	const char *name = json_string(channel, "name"), *state = json_string(channel, "state"),
		   *reason = json_string(channel, "reason");
	uint64_t n = 0, bytes = 0;
	char head[24];

	json_u64(channel, "channel", 0, 1000, &n);
	json_u64(channel, "bytes", 0, JSON_INT_MAX, &bytes);
	snprintf(head, sizeof head, "channel %d", (int)n);
	label(head);
	cli_print_safe(state != NULL ? state : "-", 10, 1);
	printf(" %llu bytes", (unsigned long long)bytes);
	if (name != NULL) {
		fputs(", ", stdout);
		cli_print_safe(name, 0, 0);
	}
	if (reason != NULL) {
		fputs(", ", stdout);
		cli_print_safe(reason, 0, 0);
	}
	putchar('\n');
}

static void
print_try(const cJSON *try)
{
	const cJSON *status = cJSON_GetObjectItemCaseSensitive(try, "exit_status"),
		    *retry = cJSON_GetObjectItemCaseSensitive(try, "retry_s");
	const char *started = json_string(try, "started"), *reason = json_string(try, "reason");
	char took[CLI_DURATION_SIZE], head[24];
	uint64_t n = 0;

	json_u64(try, "n", 0, 1000, &n);
	snprintf(head, sizeof head, "try %d", (int)n);
	label(head);
	cli_duration_text(cli_job_duration(try), took);
	cli_print_safe(started != NULL ? started : "-", 0, 0);
	printf(", %s", took);
	if (cJSON_IsNumber(status))
		printf(", exit status %d", status->valueint);
	if (reason != NULL && *reason != '\0') {
		fputs(", ", stdout);
		cli_print_safe(reason, 0, 0);
	}
	if (cJSON_IsNumber(retry))
		printf(", again after %.0f s", retry->valuedouble);
	putchar('\n');
}

void
jobs_print_usage(const cJSON *usage)
{
	static const struct {
		const char *member, *name;
	} tokens[] = {{"input_tokens", "input"}, {"cache_read_tokens", "cache read"},
	    {"output_tokens", "output"}};
	const cJSON *cost = cJSON_GetObjectItemCaseSensitive(usage, "cost_usd");
	const char *between = "";

	for (size_t i = 0; i < sizeof tokens / sizeof *tokens; i++) {
		const cJSON *n = cJSON_GetObjectItemCaseSensitive(usage, tokens[i].member);

		if (!cJSON_IsNumber(n))
			continue;
		printf("%s%.0f %s", between, n->valuedouble, tokens[i].name);
		between = ", ";
	}
	if (cJSON_IsNumber(cost))
		printf("%s$%.4f", between, cost->valuedouble);
}

void
jobs_print_job(const cJSON *job)
{
	static const struct {
		const char *member, *name;
	} texts[] = {{"error", "error"}, {"kind", "kind"}, {"cwd", "directory"},
	    {"name", "name"}, {"correlation", "correlation"}, {"agent", "agent"},
	    {"model", "model"}, {"prompt", "prompt"}, {"pane", "pane"}, {"session", "session"},
	    {"flow", "flow"}, {"step", "step"}, {"created", "created"}, {"started", "started"},
	    {"ended", "ended"}};
	const cJSON *o, *usage = cJSON_GetObjectItemCaseSensitive(job, "usage");
	char *command = cli_job_command(job);

	print_state(job);
	label("command");
	print_value(command);
	free(command);
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
		print_member(job, texts[i].member, texts[i].name);
	print_env(job);
	print_limits(job);
	cJSON_ArrayForEach (o, cJSON_GetObjectItemCaseSensitive(job, "channels"))
		print_channel(o);
	cJSON_ArrayForEach (o, cJSON_GetObjectItemCaseSensitive(job, "tries"))
		print_try(o);
	if (cJSON_IsObject(usage)) {
		label("usage");
		jobs_print_usage(usage);
		putchar('\n');
	}
}
