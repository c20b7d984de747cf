/* watch: patterns that stay, and what they do when they are seen. */
#include "config.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "base/buf.h"
#include "base/str.h"
#include "cli/cli.h"
#include "cli/in_tmux.h"
#include "cli/job_text.h"
#include "cli/put.h"
#include "proto/json.h"

static const struct cli_option watch_options[] = {
    {"pane", 'p', "GLOB", "panes whose id or name matches (default: all)"},
    {"command", 'c', "COMMAND",
	"run by sh, with PANESCRY_PANE, _LINE and _TEXT (without sh: --, and its arguments)"},
    {"url", 'u', "URL", "POST the match there as JSON"},
    {"every", 'e', "SECONDS", "act at most once in that time (default 1)"},
    {"fixed", 'F', NULL, "PATTERN is a string"},
    {"ignore-case", 'i', NULL, "without case"},
    {"json", 'j', NULL, "print as JSON"},
    {0},
};

struct watch {
	cJSON *wish;
	const char *pane;
	bool json;
};

static int
watch_option(struct watch *w, int option, const char *arg)
{
	uint64_t n;

	switch (option) {
	case 0:
		w->pane = arg;
		return 0;
	case 1:
		json_add_text(w->wish, "command", arg);
		return 0;
	case 2:
		json_add_text(w->wish, "url", arg);
		return 0;
	case 3:
		if (str_u64(arg, 0, 86400, &n) != 0)
			return cli_usage(&cmd_watch, "--every must be a number of seconds");
		cJSON_AddNumberToObject(w->wish, "every_s", (double)n);
		return 0;
	case 4:
		cJSON_AddTrueToObject(w->wish, "fixed");
		return 0;
	case 5:
		cJSON_AddTrueToObject(w->wish, "icase");
		return 0;
	default:
		w->json = true;
		return 0;
	}
}

static void
print_watch(const cJSON *o)
{
	const char *pane = json_string(o, "pane"), *last = json_string(o, "last_fired"),
		   *what = json_string(o, "command");
	bool list = cJSON_IsArray(cJSON_GetObjectItemCaseSensitive(o, "command"));
	char *argv = list ? cli_job_command(o) : NULL;
	uint64_t fired = 0;

	if (what == NULL)
		what = argv != NULL ? argv : json_string(o, "url");
	json_u64(o, "fired", 0, JSON_INT_MAX, &fired);
	cli_print_safe(json_string(o, "id"), 6, 1);
	printf(" %6u ", (unsigned)fired);
	cli_print_safe(last != NULL ? last : "-", 24, 1);
	putchar(' ');
	cli_print_safe(pane != NULL ? pane : "*", 12, 1);
	putchar(' ');
	cli_print_safe(json_string(o, "pattern"), 0, 0);
	if (what != NULL) {
		fputs("  ->  ", stdout);
		cli_print_safe(what, 0, 0);
	}
	putchar('\n');
	free(argv);
}

static int
add(struct watch *w, const char *pattern, char *const *command)
{
	struct buf out;
	char *pane = NULL;
	cJSON *o;
	int rc;

	if (w->pane != NULL && (rc = in_tmux_resolve(w->pane, &pane)) != CLI_DONE)
		return rc;
	if (pane != NULL)
		json_add_text(w->wish, "pane", pane);
	free(pane);
	json_add_text(w->wish, "pattern", pattern);
	if (*command != NULL)
		cJSON_AddItemToObject(w->wish, "command", json_texts(command));
	buf_init(&out, BUF_NO_MAX);
	rc = cli_ask("POST", "/api/v1/watches", w->wish, &out);
	w->wish = NULL;
	if (rc == CLI_DONE && w->json) {
		put_json_line(out.data);
	} else if (rc == CLI_DONE) {
		o = json_parse(out.data, out.len);
		put_line(json_string(o, "id"));
		cJSON_Delete(o);
	}
	buf_release(&out);
	return rc;
}

static int
list(const struct watch *w)
{
	const cJSON *item;
	struct buf out;
	cJSON *o = NULL;
	int rc;

	buf_init(&out, BUF_NO_MAX);
	rc = cli_ask("GET", "/api/v1/watches", NULL, &out);
	if (rc == CLI_DONE && w->json) {
		put_json_line(out.data);
	} else if (rc == CLI_DONE) {
		o = json_parse(out.data, out.len);
		printf("%-6s %6s %-24s %-12s %s\n", "ID", "FIRED", "LAST", "PANES", "PATTERN");
		cJSON_ArrayForEach (item, cJSON_GetObjectItemCaseSensitive(o, "watches"))
			print_watch(item);
	}
	cJSON_Delete(o);
	buf_release(&out);
	return rc;
}

/* A command line of its own follows: getopt has put what was in between before it. */
static bool
is_separate(char *const *argv, int operand)
{
	return operand > 1 && strcmp(argv[operand - 1], "--") == 0 && argv[operand + 1] != NULL;
}

static int
run_watch(int argc, char **argv)
{
	struct cli_walk walk = {&cmd_watch, argc, argv, NULL, 0};
	struct watch w = {.wish = json_object()};
	int option, rc = CLI_DONE, n;
	const char *verb;

	while (rc == CLI_DONE && (option = cli_next(&walk)) != CLI_END)
		rc = option == CLI_BAD ? CLI_ERROR : watch_option(&w, option, walk.arg);
	n = argc - walk.operand;
	verb = n > 0 ? argv[walk.operand] : "";
	if (rc != CLI_DONE)
		;
	else if (strcmp(verb, "add") == 0 && (n == 2 || is_separate(argv, walk.operand)))
		rc = add(&w, argv[walk.operand + 1], argv + walk.operand + 2);
	else if (strcmp(verb, "ls") == 0 && n == 1)
		rc = list(&w);
	else if (strcmp(verb, "rm") == 0 && n == 2)
		rc = cli_delete("/api/v1/watches", argv[walk.operand + 1]);
	else
		rc = cli_usage(&cmd_watch, "takes add PATTERN [-- COMMAND...], ls, or rm ID");
	cJSON_Delete(w.wish);
	return rc;
}

const struct cli_command cmd_watch = {"watch", "add PATTERN [-- COMMAND...] | ls | rm ID",
    "Act when a pane prints a line that matches", watch_options, run_watch, 0};
