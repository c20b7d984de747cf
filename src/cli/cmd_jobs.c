/* jobs: what the daemon runs and has run without a terminal. */
#include "config.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cjson/cJSON.h>

#include "base/buf.h"
#include "base/str.h"
#include "base/xmalloc.h"
#include "cli/cli.h"
#include "cli/job_output.h"
#include "cli/jobs_print.h"
#include "cli/paths.h"
#include "cli/put.h"
#include "cli/talk.h"
#include "net/client.h"
#include "proto/json.h"

enum option { STATE, AGENT, LIMIT, CHANNEL, FOLLOW, FROM, REASON, END, REVEAL, JSON };

static const struct cli_option jobs_options[] = {
    [STATE] = {"state", 's', "STATE", "ls: in this state; may be given again"},
    [AGENT] = {"agent", 'a', "KIND", "ls: of this agent"},
    [LIMIT] = {"limit", 'n', "N", "ls: at most so many (default 50, at most 1000)"},
    [CHANNEL] = {"channel", 'c', "N", "output: only of this one, 1 or 2"},
    [FOLLOW] = {"follow", 'f', NULL, "output: go on until the job has ended"},
    [FROM] = {"from", 0, "BYTE", "output: from this byte on (of channel 1, if not said)"},
    [REASON] = {"reason", 'r', "TEXT", "cancel: why, for the record"},
    [END] = {"end", 'e', NULL, "input: and nothing behind it"},
    [REVEAL] = {"reveal", 0, NULL, "show: do not mask secrets"},
    [JSON] = {"json", 'j', NULL, "print as JSON"},
    {0},
};

enum { PIECE = 64 * 1024, NOT_READ_MS = 20 };

struct jobs_args {
	struct buf query; /* of ls */
	const char *reason;
	struct cli_job_output output;
	bool json, from, end, reveal;
};

/* Requests about one job. */

static int
ask_job(const char *method, const char *id, const char *suffix, cJSON *body, struct buf *out)
{
	char *part = str_url_encode(id), *path = xasprintf("/api/v1/jobs/%s%s", part, suffix);
	int rc = cli_ask_about(id, method, path, body, out);

	free(path);
	free(part);
	return rc;
}

static int
run_ls(const struct jobs_args *a)
{
	struct buf path, out;
	cJSON *o;
	int rc;

	buf_init(&path, BUF_NO_MAX);
	buf_init(&out, BUF_NO_MAX);
	buf_puts(&path, "/api/v1/jobs");
	buf_append(&path, a->query.data, a->query.len);
	rc = cli_ask("GET", path.data, NULL, &out);
	if (rc == CLI_DONE && a->json) {
		put_json_line(out.data);
	} else if (rc == CLI_DONE && (o = json_parse(out.data, out.len)) != NULL) {
		jobs_print_list(cJSON_GetObjectItemCaseSensitive(o, "jobs"));
		cJSON_Delete(o);
	}
	buf_release(&path);
	buf_release(&out);
	return rc;
}

static int
run_show(const struct jobs_args *a, const char *id)
{
	struct buf out;
	cJSON *o;
	int rc;

	buf_init(&out, BUF_NO_MAX);
	rc = ask_job("GET", id, a->reveal ? "?reveal=1" : "", NULL, &out);
	if (rc == CLI_DONE && a->json) {
		put_json_line(out.data);
	} else if (rc == CLI_DONE && (o = json_parse(out.data, out.len)) != NULL) {
		jobs_print_job(o);
		cJSON_Delete(o);
	}
	buf_release(&out);
	return rc;
}

/* The answer is a job; its id is printed where it is another one. */
static int
run_action(const struct jobs_args *a, const char *id, const char *suffix, bool made)
{
	cJSON *body = json_object(), *o;
	struct buf out;
	int rc;

	if (a->reason != NULL)
		json_add_text(body, "reason", a->reason);
	buf_init(&out, BUF_NO_MAX);
	rc = ask_job("POST", id, suffix, body, &out);
	if (rc == CLI_DONE && a->json) {
		put_json_line(out.data != NULL ? out.data : "{}");
	} else if (rc == CLI_DONE && made && (o = json_parse(out.data, out.len)) != NULL) {
		if (json_string(o, "id") != NULL)
			put_line(json_string(o, "id"));
		cJSON_Delete(o);
	}
	buf_release(&out);
	return rc;
}

/* All that can be; the first error is the exit status. */
static int
run_rm(char **ids, int n)
{
	int rc = CLI_DONE, one;

	for (int i = 0; i < n; i++) {
		struct buf out;

		buf_init(&out, BUF_NO_MAX);
		one = ask_job("DELETE", ids[i], "", NULL, &out);
		buf_release(&out);
		if (rc == CLI_DONE)
			rc = one;
		if (one == CLI_NO_DAEMON)
			break;
	}
	return rc;
}

/* Input. */

/* Waits as long as the job does not read. */
static int
send_input(const char *id, const char *path, const char *data, size_t len)
{
	char *socket = paths_socket(), *cause = NULL;
	struct buf out;
	int rc, status;

	buf_init(&out, BUF_NO_MAX);
	for (;;) {
		buf_reset(&out);
		rc = client_request(socket, "POST", path, data, len, &status, &out, &cause);
		if (rc != 0 || status != 429)
			break;
		nanosleep(&(struct timespec){.tv_nsec = NOT_READ_MS * 1000000}, NULL);
	}
	if (rc == -ECONNREFUSED)
		rc = cli_no_daemon(socket);
	else if (rc != 0)
		rc = cli_error("jobs: %s", cause);
	else if (status < 200 || status > 299)
		rc = cli_refused(id, status, &out);
	free(cause);
	free(socket);
	buf_release(&out);
	return rc;
}

static int
send_stdin(const char *id, const char *path)
{
	static char piece[PIECE];
	int rc = CLI_DONE;
	ssize_t n;

	while (rc == CLI_DONE && (n = read(STDIN_FILENO, piece, sizeof piece)) != 0) {
		if (n > 0)
			rc = send_input(id, path, piece, (size_t)n);
		else if (errno != EINTR)
			rc = cli_error("jobs: standard input: %s", strerror(errno));
	}
	return rc;
}

/* One text is a line. */
static int
run_input(const struct jobs_args *a, char **operands, int n)
{
	char *part = str_url_encode(operands[0]),
	     *path = xasprintf("/api/v1/jobs/%s/input", part),
	     *last = xasprintf("%s?eof=1", path), *line;
	int rc = CLI_DONE;

	if (n == 2 && strcmp(operands[1], "-") != 0) {
		line = xasprintf("%s\n", operands[1]);
		rc = send_input(operands[0], a->end ? last : path, line, strlen(line));
		free(line);
	} else if (n == 2 || !a->end) {
		rc = send_stdin(operands[0], path);
		if (rc == CLI_DONE && a->end)
			rc = send_input(operands[0], last, NULL, 0);
	} else {
		rc = send_input(operands[0], last, NULL, 0);
	}
	free(last);
	free(path);
	free(part);
	return rc;
}

/* Arguments. */

static int
number(const char *name, const char *arg, uint64_t lo, uint64_t hi, uint64_t *out)
{
	if (str_u64(arg, lo, hi, out) == 0)
		return 0;
	return cli_error("jobs: --%s must be a number from %llu to %llu", name,
	    (unsigned long long)lo, (unsigned long long)hi);
}

static void
add_query(struct jobs_args *a, const char *name, const char *arg)
{
	char *value = str_url_encode(arg);

	buf_printf(&a->query, "%c%s=%s", a->query.len != 0 ? '&' : '?', name, value);
	free(value);
}

static int
take_option(struct jobs_args *a, int option, const char *arg)
{
	uint64_t n;
	int rc = 0;

	switch (option) {
	case STATE:
	case AGENT:
		add_query(a, jobs_options[option].name, arg);
		break;
	case LIMIT:
		if ((rc = number("limit", arg, 1, 1000, &n)) == 0)
			add_query(a, "limit", arg);
		break;
	case CHANNEL:
		if ((rc = number("channel", arg, 1, 2, &n)) == 0)
			a->output.channel = (unsigned)n;
		break;
	case FROM:
		a->from = true;
		rc = number("from", arg, 0, JSON_INT_MAX, &a->output.from);
		break;
	case FOLLOW:
		a->output.follow = true;
		break;
	case REASON:
		a->reason = arg;
		break;
	case REVEAL:
		a->reveal = true;
		break;
	case END:
		a->end = true;
		break;
	default:
		a->json = true;
		break;
	}
	return rc;
}

static int
run_output(struct jobs_args *a, const char *id)
{
	if (a->from && a->output.channel == 0)
		a->output.channel = 1;
	a->output.id = id;
	return cli_job_output(&a->output);
}

static int
run_verb(struct jobs_args *a, const char *verb, char **operands, int n)
{
	if (strcmp(verb, "ls") == 0 && n == 0)
		return run_ls(a);
	if (strcmp(verb, "show") == 0 && n == 1)
		return run_show(a, operands[0]);
	if (strcmp(verb, "output") == 0 && n == 1)
		return run_output(a, operands[0]);
	if (strcmp(verb, "cancel") == 0 && n == 1)
		return run_action(a, operands[0], "/cancel", false);
	if (strcmp(verb, "retry") == 0 && n == 1)
		return run_action(a, operands[0], "/retry", true);
	if (strcmp(verb, "rm") == 0 && n >= 1)
		return run_rm(operands, n);
	if (strcmp(verb, "input") == 0 && (n == 1 || n == 2))
		return run_input(a, operands, n);
	if (strcmp(verb, "talk") == 0 && n == 1)
		return cli_talk(operands[0]);
	return cli_usage(
	    &cmd_jobs, "jobs ls; or show, output, cancel, retry, input, talk or rm and an id");
}

static int
run_jobs(int argc, char **argv)
{
	struct cli_walk w = {&cmd_jobs, argc, argv, NULL, 0};
	struct jobs_args a = {.json = false};
	int option, rc = 0, left;

	buf_init(&a.query, BUF_NO_MAX);
	while (rc == 0 && (option = cli_next(&w)) != CLI_END)
		rc = option == CLI_BAD ? CLI_ERROR : take_option(&a, option, w.arg);
	left = argc - w.operand;
	if (rc == 0)
		rc = left == 0 ? run_ls(&a)
			       : run_verb(&a, argv[w.operand], argv + w.operand + 1, left - 1);
	buf_release(&a.query);
	return rc;
}

const struct cli_command cmd_jobs = {"jobs",
    "ls | show ID | output ID | cancel ID | retry ID | input ID [TEXT|-] | talk ID | rm ID...",
    "List jobs, show them and what they wrote, end, repeat or remove them", jobs_options,
    run_jobs, 0};
