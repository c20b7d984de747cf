#include "config.h"

#include "cli/job_text.h"

#include <stdio.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "base/buf.h"
#include "base/clock.h"
#include "proto/json.h"

bool
cli_job_ended(const cJSON *o)
{
	static const char *const ends[] = {
	    "completed", "failed", "cancelled", "timed_out", "orphaned", "skipped"};
	const char *state = json_string(o, "state");

	for (size_t i = 0; state != NULL && i < sizeof ends / sizeof *ends; i++)
		if (strcmp(state, ends[i]) == 0)
			return true;
	return false;
}

int
cli_job_status(const cJSON *job)
{
	const cJSON *status = cJSON_GetObjectItemCaseSensitive(job, "exit_status");
	const char *state = json_string(job, "state");

	if (state == NULL || strcmp(state, "orphaned") == 0)
		return 2;
	if (strcmp(state, "completed") == 0)
		return 0;
	if (strcmp(state, "timed_out") == 0)
		return 124;
	if (strcmp(state, "cancelled") == 0)
		return 130;
	if (strcmp(state, "failed") != 0 || !cJSON_IsNumber(status))
		return 2;
	return status->valueint > 0 && status->valueint < 256 ? status->valueint : 1;
}

int64_t
cli_job_time(const cJSON *o, const char *name)
{
	const char *text = json_string(o, name);
	int64_t ms = 0;

	if (text == NULL || clock_parse(text, 0, &ms) != 0)
		return 0;
	return ms;
}

void
cli_duration_text(int64_t ms, char out[CLI_DURATION_SIZE])
{
	long long s = ms / 1000;

	if (ms < 0)
		snprintf(out, CLI_DURATION_SIZE, "-");
	else if (ms < 1000)
		snprintf(out, CLI_DURATION_SIZE, "%dms", (int)ms);
	else if (s < 60)
		snprintf(out, CLI_DURATION_SIZE, "%lld.%ds", s, (int)(ms % 1000 / 100));
	else if (s < 3600)
		snprintf(out, CLI_DURATION_SIZE, "%lldm%02llds", s / 60, s % 60);
	else if (s < 86400)
		snprintf(out, CLI_DURATION_SIZE, "%lldh%02lldm", s / 3600, s / 60 % 60);
	else
		snprintf(out, CLI_DURATION_SIZE, "%lldd%02lldh", s / 86400, s / 3600 % 24);
}

int64_t
cli_job_duration(const cJSON *o)
{
	int64_t from = cli_job_time(o, "started"), to = cli_job_time(o, "ended");

	if (from == 0)
		return -1;
	if (to == 0)
		to = clock_wall_ms();
	return to > from ? to - from : 0;
}

void
cli_bytes_text(uint64_t bytes, char out[CLI_DURATION_SIZE])
{
	static const char units[] = "KMGTPE";
	double n = (double)bytes;
	size_t i = 0;

	if (bytes < 1024) {
		snprintf(out, CLI_DURATION_SIZE, "%d", (int)bytes);
		return;
	}
	for (n /= 1024; n >= 1023.95 && units[i + 1] != '\0'; i++)
		n /= 1024;
	snprintf(out, CLI_DURATION_SIZE, "%.1f%c", n, units[i]);
}

char *
cli_job_command(const cJSON *job)
{
	const char *prompt = json_string(job, "prompt"), *name = json_string(job, "name");
	const cJSON *arg;
	struct buf b;

	buf_init(&b, BUF_NO_MAX);
	cJSON_ArrayForEach (arg, cJSON_GetObjectItemCaseSensitive(job, "command")) {
		if (!cJSON_IsString(arg))
			continue;
		if (b.len != 0)
			buf_putc(&b, ' ');
		buf_puts(&b, arg->valuestring);
	}
	if (b.len == 0)
		buf_puts(&b, prompt != NULL ? prompt : name != NULL ? name : "-");
	return buf_take(&b);
}
