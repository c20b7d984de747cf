/*
 * wait: until a pane prints a line that matches.
 *
 * When the daemon's worker is replaced meanwhile, the question is asked again, from the line on
 * that was the last when the command began, which counts once it is another one than it was then:
 * nothing that was printed in between is missed.
 */
#include "config.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cjson/cJSON.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/str.h"
#include "base/xmalloc.h"
#include "cli/cli.h"
#include "cli/paths.h"
#include "cli/put.h"
#include "net/client.h"
#include "proto/json.h"

enum { TIMEOUT_S = 60, TIMEOUT_MAX_S = 7 * 86400, AGAIN_MS = 20, AGAIN_MAX = 500 };

static const struct cli_option wait_options[] = {
    {"for", 'f', "PATTERN", "what the line must match"},
    {"timeout", 't', "SECONDS", "how long to wait (default 60; 0: look once)"},
    {"from", 'F', "WHEN", "now (default) or start: lines that are there count, too"},
    {"fixed", 0, NULL, "PATTERN is a string"},
    {"ignore-case", 'i', NULL, "without case"},
    {"json", 'j', NULL, "print as JSON"},
    {0},
};

struct waiting {
	const char *pane, *pattern;
	bool start, fixed, icase, json;
	uint64_t timeout_s;
	uint64_t first_line; /* that can be looked at when it is asked again; 0: not known */
	char *seen;          /* what it was when the command began */
	uint64_t end_us;     /* monotonic */
};

static int
wait_option(struct waiting *w, int option, const char *arg)
{
	switch (option) {
	case 0:
		w->pattern = arg;
		return 0;
	case 1:
		return str_u64(arg, 0, TIMEOUT_MAX_S, &w->timeout_s) == 0
			   ? 0
			   : cli_usage(&cmd_wait, "--timeout must be a number of seconds");
	case 2:
		w->start = strcmp(arg, "start") == 0;
		return w->start || strcmp(arg, "now") == 0
			   ? 0
			   : cli_usage(&cmd_wait, "--from must be now or start");
	case 3:
		w->fixed = true;
		return 0;
	case 4:
		w->icase = true;
		return 0;
	default:
		w->json = true;
		return 0;
	}
}

static char *
question(const struct waiting *w, bool again)
{
	uint64_t now = clock_mono_us();
	cJSON *o = json_object();

	json_add_text(o, "pattern", w->pattern);
	cJSON_AddBoolToObject(o, "fixed", w->fixed);
	cJSON_AddBoolToObject(o, "icase", w->icase);
	cJSON_AddNumberToObject(
	    o, "timeout_ms", now < w->end_us ? (double)((w->end_us - now) / 1000) : 0);
	if (w->start)
		cJSON_AddStringToObject(o, "from", "start");
	else if (again && w->first_line != 0) {
		cJSON_AddNumberToObject(o, "from_line", (double)w->first_line);
		if (w->seen != NULL)
			json_add_text(o, "seen", w->seen);
	}
	return json_print_take(o);
}

static void
print_match(const struct waiting *w, const struct buf *out)
{
	cJSON *o = json_parse(out->data, out->len);
	const cJSON *item;
	const char *line = json_string(o, "content");

	if (w->json) {
		put_json_line(out->data);
	} else {
		put_line(line);
		cJSON_ArrayForEach (item, cJSON_GetObjectItemCaseSensitive(o, "captures"))
			put_line(cJSON_GetStringValue(item));
	}
	cJSON_Delete(o);
}

static int
refused(int status, const struct buf *out)
{
	cJSON *o = json_parse(out->data != NULL ? out->data : "", out->len);
	const char *message = json_string(o, "message");
	int rc = CLI_ERROR;

	if (status == 408 || status == 409)
		rc = CLI_NOTHING;
	if (status != 408)
		cli_error("wait: %s", message != NULL ? message : "the daemon refuses");
	cJSON_Delete(o);
	return rc;
}

/* An exit status, or the negative errno of a connection that was lost, or silent for so long
 * that it may have been: then it is to be asked again. */
static int
ask(const struct waiting *w, const char *socket, const char *path, bool again)
{
	char *body = question(w, again), *cause = NULL;
	struct buf out;
	int status = 0, rc;

	buf_init(&out, BUF_NO_MAX);
	rc = client_request(socket, "POST", path, body, strlen(body), &status, &out, &cause);
	if (rc != 0) {
		/* negative */
	} else if (status == 200) {
		print_match(w, &out);
		rc = CLI_DONE;
	} else {
		rc = refused(status, &out);
	}
	free(cause);
	free(body);
	buf_release(&out);
	return rc;
}

static int
ask_until_answered(const struct waiting *w)
{
	char *socket = paths_socket(), *id = str_url_encode(w->pane);
	char *path = xasprintf("/api/v1/panes/%s/wait", id);
	int rc = ask(w, socket, path, false);

	for (int i = 0; rc < 0 && i < AGAIN_MAX; i++) {
		if (rc == -ETIMEDOUT)
			i = 0; /* it was there to be silent */
		nanosleep(&(struct timespec){.tv_nsec = AGAIN_MS * 1000000}, NULL);
		rc = ask(w, socket, path, true);
	}
	if (rc < 0) {
		cli_error("wait: the daemon has gone");
		rc = CLI_NO_DAEMON;
	}
	free(path);
	free(id);
	free(socket);
	return rc;
}

/* Also finds out whether there is a daemon, and such a pane. */
static int
find_first_line(struct waiting *w)
{
	const cJSON *lines, *last;
	const char *text;
	struct buf out;
	cJSON *o;
	int rc;

	buf_init(&out, BUF_NO_MAX);
	rc = cli_ask_pane("GET", w->pane, "/capture?format=json&main=1&history=1", NULL, &out);
	o = rc == CLI_DONE ? json_parse(out.data, out.len) : NULL;
	lines = cJSON_GetObjectItemCaseSensitive(o, "lines");
	last = cJSON_GetArrayItem(lines, cJSON_GetArraySize(lines) - 1);
	text = json_string(last, "text");
	if (json_u64(last, "line", 1, JSON_INT_MAX, &w->first_line) == 0 && text != NULL)
		w->seen = xstrdup(text);
	else
		json_u64(o, "screen_line", 1, JSON_INT_MAX, &w->first_line);
	cJSON_Delete(o);
	buf_release(&out);
	return rc;
}

static int
run_wait(int argc, char **argv)
{
	struct cli_walk walk = {&cmd_wait, argc, argv, NULL, 0};
	struct waiting w = {.timeout_s = TIMEOUT_S};
	int option, rc;

	while ((option = cli_next(&walk)) != CLI_END) {
		if (option == CLI_BAD || wait_option(&w, option, walk.arg) != 0)
			return CLI_ERROR;
	}
	if (walk.operand != argc - 1)
		return cli_usage(&cmd_wait, "takes one pane");
	if (w.pattern == NULL)
		return cli_usage(&cmd_wait, "--for is missing");
	w.pane = argv[walk.operand];
	w.end_us = clock_mono_us() + w.timeout_s * 1000000;
	rc = find_first_line(&w);
	if (rc == CLI_DONE)
		rc = ask_until_answered(&w);
	free(w.seen);
	return rc;
}

const struct cli_command cmd_wait = {
    "wait", "PANE", "Wait until a pane prints a line that matches", wait_options, run_wait, 0};
