/* usage: tokens and costs of agents' sessions. */
#include "config.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "base/buf.h"
#include "base/str.h"
#include "cli/cli.h"
#include "cli/put.h"
#include "proto/json.h"

enum option { BY, SINCE, UNTIL, TIMEZONE, JSON, CACHE };

static const struct cli_option usage_options[] = {
    [BY] = {"by", 'b', "WHAT",
	"day (default), model, agent, session or project; or with --cache"
	" session (default), model or prefix"},
    [SINCE] = {"since", 0, "TIME", "from then on: a time, or how long ago as 7d"},
    [UNTIL] = {"until", 0, "TIME", "up to then"},
    [TIMEZONE] = {"timezone", 'z', "ZONE", "what a day is: local (default) or utc"},
    [JSON] = {"json", 'j', NULL, "print as JSON"},
    [CACHE] = {"cache", 'c', NULL, "how well caches of prompts were hit"},
    {0},
};

enum { KEY_WIDTH = 28, COLUMNS = 6 };

static const struct {
	const char *head, *name;
} columns[COLUMNS] = {{"INPUT", "input_tokens"}, {"CACHE READ", "cache_read_tokens"},
    {"WRITE 5M", "cache_write_5m_tokens"}, {"WRITE 1H", "cache_write_1h_tokens"},
    {"OUTPUT", "output_tokens"}, {"REASONING", "reasoning_tokens"}};

/* With a blank between thousands; what is not known is a dash. */
static void
print_count(const cJSON *row, const char *name)
{
	const cJSON *o = cJSON_GetObjectItemCaseSensitive(row, name);
	char digits[24], out[32];
	size_t n, at = 0;

	if (!cJSON_IsNumber(o)) {
		printf(" %13s", "-");
		return;
	}
	n = (size_t)snprintf(digits, sizeof digits, "%.0f", o->valuedouble);
	for (size_t i = 0; i < n && at + 2 < sizeof out; i++) {
		if (i != 0 && (n - i) % 3 == 0)
			out[at++] = ' ';
		out[at++] = digits[i];
	}
	out[at] = '\0';
	printf(" %13s", out);
}

static void
print_row(const char *key, const cJSON *row)
{
	const cJSON *cost = cJSON_GetObjectItemCaseSensitive(row, "cost_usd");

	cli_print_safe(key, KEY_WIDTH, 1);
	for (int i = 0; i < COLUMNS; i++)
		print_count(row, columns[i].name);
	if (cJSON_IsNumber(cost))
		printf(" %11.4f\n", cost->valuedouble);
	else
		printf(" %11s\n", "-");
}

static void
print_table(const cJSON *o)
{
	const cJSON *row, *models = cJSON_GetObjectItemCaseSensitive(o, "unpriced_models");
	const char *by = json_string(o, "by");

	cli_print_safe(by != NULL ? by : "", KEY_WIDTH, 1);
	for (int i = 0; i < COLUMNS; i++)
		printf(" %13s", columns[i].head);
	printf(" %11s\n", "COST $");
	cJSON_ArrayForEach (row, cJSON_GetObjectItemCaseSensitive(o, "rows")) {
		const char *key = json_string(row, "key");
		print_row(key != NULL ? key : "", row);
	}
	print_row("total", cJSON_GetObjectItemCaseSensitive(o, "totals"));
	if (cJSON_GetArraySize(models) == 0)
		return;
	printf("without a price:");
	cJSON_ArrayForEach (row, models) {
		putchar(' ');
		cli_print_safe(cJSON_GetStringValue(row), 0, 0);
	}
	putchar('\n');
}

/* Of the cache. */

static void
print_cache_row(const char *key, const cJSON *row, const char *of)
{
	static const char *const names[] = {
	    "calls", "input_tokens", "cache_read_tokens", "cache_write_tokens"};
	const cJSON *rate = cJSON_GetObjectItemCaseSensitive(row, "hit_rate");

	cli_print_safe(key, KEY_WIDTH, 1);
	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		print_count(row, names[i]);
	if (cJSON_IsNumber(rate))
		printf(" %7.1f %%  ", 100 * rate->valuedouble);
	else
		printf(" %9s  ", "-");
	cli_print_safe(of != NULL ? of : "", 60, 0);
	putchar('\n');
}

static void
print_cache(const cJSON *o)
{
	static const char *const heads[] = {"CALLS", "INPUT", "CACHE READ", "CACHE WRITE"};
	const char *by = json_string(o, "by");
	const cJSON *row;

	cli_print_safe(by != NULL ? by : "", KEY_WIDTH, 1);
	for (size_t i = 0; i < sizeof heads / sizeof *heads; i++)
		printf(" %13s", heads[i]);
	printf(" %9s\n", "HIT RATE");
	cJSON_ArrayForEach (row, cJSON_GetObjectItemCaseSensitive(o, "rows")) {
		const char *key = json_string(row, "key"), *of = json_string(row, "prompt");

		print_cache_row(
		    key != NULL ? key : "", row, of != NULL ? of : json_string(row, "title"));
	}
	print_cache_row("total", cJSON_GetObjectItemCaseSensitive(o, "totals"), NULL);
}

static int
run_usage(int argc, char **argv)
{
	struct cli_walk w = {&cmd_usage, argc, argv, NULL, 0};
	static const char *const names[] = {"by", "since", "until", "timezone"};
	const char *sep = "?";
	struct buf query, path, out;
	bool json = false, cache = false;
	int option, rc;
	cJSON *o;

	buf_init(&query, BUF_NO_MAX);
	while ((option = cli_next(&w)) != CLI_END) {
		char *value;

		if (option == CLI_BAD) {
			buf_release(&query);
			return CLI_ERROR;
		}
		if (option == JSON || option == CACHE) {
			json |= option == JSON;
			cache |= option == CACHE;
			continue;
		}
		value = str_url_encode(w.arg);
		buf_printf(&query, "%s%s=%s", sep, names[option], value);
		free(value);
		sep = "&";
	}
	buf_init(&out, BUF_NO_MAX);
	buf_init(&path, BUF_NO_MAX);
	buf_printf(&path, "/api/v1/usage%s%s", cache ? "/cache" : "",
	    query.len != 0 ? query.data : "");
	buf_release(&query);
	rc = cli_ask("GET", path.data, NULL, &out);
	if (rc == CLI_DONE && json) {
		put_json_line(out.data);
	} else if (rc == CLI_DONE && (o = json_parse(out.data, out.len)) != NULL) {
		(cache ? print_cache : print_table)(o);
		cJSON_Delete(o);
	}
	buf_release(&out);
	buf_release(&path);
	return rc;
}

const struct cli_command cmd_usage = {
    "usage", "", "Say what agents used, and what it cost", usage_options, run_usage, 0};
