/* run: a command as a job of the daemon, or an agent to talk to. */
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
#include "base/clock.h"
#include "base/str.h"
#include "base/xmalloc.h"
#include "cli/cli.h"
#include "cli/job_output.h"
#include "cli/job_text.h"
#include "cli/put.h"
#include "cli/run_live.h"
#include "cli/run_post.h"
#include "cli/talk.h"
#include "cli/terminal.h"
#include "proto/json.h"

enum option {
	AGENT,
	MODEL,
	PROMPT,
	NAME,
	PANE,
	SESSION, /* up to here texts, by their names */
	CWD,
	ENV,
	PTY,
	IDLE_TIMEOUT,
	TIMEOUT,
	MAX_OUTPUT,
	RETRIES,
	RETRY_ON,
	BACKOFF,
	DEDUP,
	FORCE_REFRESH,
	WAIT,
	WATCH,
	DETACH,
	JSON,
	INTERACTIVE,
	OPTIONS
};

static const struct cli_option run_options[] = {
    [AGENT] = {"agent", 'a', "KIND", "the command is this agent: claude, codex..."},
    [MODEL] = {"model", 'm', "MODEL", "the agent's model, for the record"},
    [PROMPT] = {"prompt", 0, "TEXT", "what it was asked, for the record"},
    [NAME] = {"name", 'n', "NAME", "a name to find the job by"},
    [PANE] = {"pane", 'p', "PANE", "the pane it belongs to (default: the one at hand)"},
    [SESSION] = {"session", 0, "ID", "the session it belongs to, or with -i goes on with"},
    [CWD] = {"cwd", 'c', "DIR", "where the command starts (default: here)"},
    [ENV] = {"env", 'e', "NAME[=VALUE]", "set a variable, or pass it on; again for more"},
    [PTY] = {"pty", 't', NULL, "run it in a terminal"},
    [IDLE_TIMEOUT] = {"idle-timeout", 0, "S", "end it when it is silent for so long"},
    [TIMEOUT] = {"timeout", 0, "S", "end it when it takes longer"},
    [MAX_OUTPUT] = {"max-output", 0, "BYTES", "end it when it writes more; K, M or G"},
    [RETRIES] = {"retries", 'r', "N", "try again so often, at most 10"},
    [RETRY_ON] = {"retry-on", 0, "STATUS", "on this exit status; several with commas"},
    [BACKOFF] = {"backoff", 0, "S,S,S", "seconds before each retry"},
    [DEDUP] = {"dedup", 0, "[=SECONDS]", "take one that runs, or ended so lately, instead"},
    [FORCE_REFRESH] = {"force-refresh", 0, NULL, "run it anew all the same"},
    [WAIT] = {"wait", 'w', "SECONDS", "wait so long, then leave it and print its id"},
    [WATCH] = {"watch", 0, NULL, "watch which files it touches"},
    [DETACH] = {"detach", 'd', NULL, "only print its id"},
    [JSON] = {"json", 'j', NULL, "print the job as JSON in place of its output"},
    [INTERACTIVE] = {"interactive", 'i', NULL, "talk to the agent on this terminal"},
    [OPTIONS] = {0},
};

enum {
	SECONDS_MAX = 365 * 86400,
	WAIT_MAX = 3600,
	WAIT_ONCE = 20, /* seconds that one request waits */
	LOOK_MS = 100,
	NUMBERS_MAX = 16,
};

struct run_args {
	bool on[OPTIONS];
	const char *value[OPTIONS];
	cJSON *env;
	uint64_t wait_s;
};

/* Arguments. */

static int
add_env(cJSON *env, const char *arg)
{
	const char *eq = strchr(arg, '='), *value = eq != NULL ? eq + 1 : getenv(arg);
	char *name = eq != NULL ? xstrndup(arg, (size_t)(eq - arg)) : xstrdup(arg);
	int rc = 0;

	if (*name == '\0')
		rc = cli_usage(&cmd_run, "--env must look like NAME=VALUE or NAME");
	else if (value == NULL)
		rc = cli_error("run: --env %s: there is no such variable", name);
	else
		cJSON_DeleteItemFromObjectCaseSensitive(env, name);
	if (rc == 0)
		json_add_text(env, name, value);
	free(name);
	return rc;
}

static int
read_options(struct run_args *a, struct cli_walk *w)
{
	int option, rc = 0;

	while (rc == 0 && (option = cli_next(w)) != CLI_END) {
		if (option == CLI_BAD)
			return CLI_ERROR;
		a->on[option] = true;
		a->value[option] = w->arg;
		if (option == ENV)
			rc = add_env(a->env, w->arg);
	}
	return rc;
}

static int
bad_number(int option)
{
	return cli_error("run: --%s: not a number that it can be (panescry run --help)",
	    run_options[option].name);
}

static int
add_number(const struct run_args *a, cJSON *body, int option, const char *member, uint64_t lo,
    uint64_t hi)
{
	uint64_t n;

	if (!a->on[option] || a->value[option] == NULL)
		return 0;
	if (str_u64(a->value[option], lo, hi, &n) != 0)
		return bad_number(option);
	cJSON_AddNumberToObject(body, member, (double)n);
	return 0;
}

/* Seconds, with up to three digits behind a point. */
static int
seconds(const char *s, uint64_t lo_ms, uint64_t hi_s, double *out)
{
	char *whole = xstrndup(s, strcspn(s, "."));
	const char *point = strchr(s, '.');
	uint64_t n = 0, part = 0;
	int rc = str_u64(whole, 0, hi_s, &n);

	free(whole);
	if (rc == 0 && point != NULL) {
		size_t digits = strlen(point + 1);

		rc = digits <= 3 ? str_u64(point + 1, 0, 999, &part) : -EINVAL;
		for (; digits < 3; digits++)
			part *= 10;
	}
	if (rc == 0 && n * 1000 + part < lo_ms)
		rc = -ERANGE;
	*out = (double)(n * 1000 + part) / 1000;
	return rc;
}

static int
add_seconds(const struct run_args *a, cJSON *body, int option, const char *member)
{
	double s;

	if (!a->on[option])
		return 0;
	if (seconds(a->value[option], 1, SECONDS_MAX, &s) != 0)
		return bad_number(option);
	cJSON_AddNumberToObject(body, member, s);
	return 0;
}

/* With commas between. */
static int
add_numbers(const struct run_args *a, cJSON *body, int option, const char *member, uint64_t hi)
{
	char *copy, *at, *word;
	cJSON *list;
	uint64_t n;
	int rc = 0;

	if (!a->on[option])
		return 0;
	list = cJSON_AddArrayToObject(body, member);
	copy = at = xstrdup(a->value[option]);
	while (rc == 0 && (word = strsep(&at, ",")) != NULL) {
		if (str_u64(word, 0, hi, &n) != 0 || cJSON_GetArraySize(list) == NUMBERS_MAX)
			rc = bad_number(option);
		else
			cJSON_AddItemToArray(list, cJSON_CreateNumber((double)n));
	}
	free(copy);
	return rc;
}

/* A number of bytes with K, M or G behind it if wanted. */
static int
add_bytes(const struct run_args *a, cJSON *body)
{
	static const char suffixes[] = "KMG";
	const char *value = a->value[MAX_OUTPUT], *suffix;
	unsigned shift = 0;
	char *digits;
	uint64_t n;
	int rc;

	if (value == NULL)
		return 0;
	suffix = *value != '\0' ? strchr(suffixes, value[strlen(value) - 1]) : NULL;
	if (suffix != NULL)
		shift = 10 * (unsigned)(suffix - suffixes + 1);
	digits = xstrndup(value, strlen(value) - (suffix != NULL));
	rc = str_u64(digits, 1, JSON_INT_MAX >> shift, &n);
	free(digits);
	if (rc != 0)
		return bad_number(MAX_OUTPUT);
	cJSON_AddNumberToObject(body, "max_output", (double)(n << shift));
	return 0;
}

static int
add_limits(const struct run_args *a, cJSON *body)
{
	int rc;

	if ((rc = add_seconds(a, body, IDLE_TIMEOUT, "idle_timeout_s")) != 0 ||
	    (rc = add_seconds(a, body, TIMEOUT, "timeout_s")) != 0 ||
	    (rc = add_number(a, body, RETRIES, "retries", 0, 10)) != 0 ||
	    (rc = add_numbers(a, body, RETRY_ON, "retry_on", 255)) != 0 ||
	    (rc = add_numbers(a, body, BACKOFF, "backoff_s", 86400)) != 0 ||
	    (rc = add_number(a, body, DEDUP, "dedup", 0, SECONDS_MAX)) != 0)
		return rc;
	if (a->on[DEDUP] && a->value[DEDUP] == NULL)
		cJSON_AddTrueToObject(body, "dedup");
	if (a->on[FORCE_REFRESH])
		cJSON_AddTrueToObject(body, "force_refresh");
	if (a->on[WATCH])
		cJSON_AddTrueToObject(body, "watch");
	return add_bytes(a, body);
}

/* The daemon's directory is not the caller's: a relative path is made absolute here. */
static int
add_cwd(const struct run_args *a, cJSON *body)
{
	const char *cwd = a->on[CWD] ? a->value[CWD] : ".";
	char *real = realpath(cwd, NULL);

	if (real == NULL)
		return cli_error("run: %s: %s", cwd, strerror(errno));
	json_add_text(body, "cwd", real);
	free(real);
	return 0;
}

static void
add_terminal(const struct run_args *a, cJSON *body)
{
	unsigned cols, rows;

	if (!a->on[PTY])
		return;
	cJSON_AddTrueToObject(body, "pty");
	terminal_size(&cols, &rows);
	if (cols == 0)
		return;
	cJSON_AddNumberToObject(body, "cols", cols);
	cJSON_AddNumberToObject(body, "rows", rows);
}

/* By which a job is found whose asker had no answer. */
static void
add_correlation(cJSON *body)
{
	char *id = xasprintf("run-%d-%lld-%llu", (int)getpid(), (long long)clock_wall_ms(),
	    (unsigned long long)clock_mono_us());

	json_add_text(body, "correlation", id);
	free(id);
}

static int
fill_body(const struct run_args *a, cJSON *body, char **command)
{
	const char *pane = getenv("PANESCRY_PANE");
	int rc;

	cJSON_AddItemToObject(body, "command", json_texts(command));
	for (int i = AGENT; i <= SESSION; i++)
		if (a->on[i])
			json_add_text(body, run_options[i].name, a->value[i]);
	if (!a->on[PANE] && pane != NULL && str_id_valid(pane))
		json_add_text(body, "pane", pane);
	if (a->env->child != NULL)
		cJSON_AddItemToObject(body, "env", cJSON_Duplicate(a->env, 1));
	if ((rc = add_cwd(a, body)) != 0 || (rc = add_limits(a, body)) != 0)
		return rc;
	add_terminal(a, body);
	add_correlation(body);
	return 0;
}

/* Waiting. */

/* Until it has ended, or the time is over. Leaves the job as it was last seen in *job. */
static int
wait_for(const char *id, uint64_t end_us, cJSON **job)
{
	char *part = str_url_encode(id), *path = xasprintf("/api/v1/jobs/%s", part);
	int rc = CLI_DONE;

	while (rc == CLI_DONE && !cli_job_ended(*job) && clock_mono_us() < end_us) {
		struct buf out;

		nanosleep(&(struct timespec){.tv_nsec = LOOK_MS * 1000000}, NULL);
		buf_init(&out, BUF_NO_MAX);
		rc = run_get(path, &out);
		if (rc == CLI_DONE) {
			cJSON_Delete(*job);
			*job = json_parse(out.data, out.len);
		}
		buf_release(&out);
	}
	free(path);
	free(part);
	return rc;
}

static void
print_deferred(const char *id)
{
	cJSON *o = json_object();
	char *text;

	cJSON_AddTrueToObject(o, "deferred");
	json_add_text(o, "job", id);
	text = json_print_take(o);
	put_json_line(text);
	free(text);
}

static void
print_job(const cJSON *job)
{
	char *text = cJSON_PrintUnformatted(job);

	put_json_line(text);
	cJSON_free(text);
}

/* The answer is a job, or {"deferred":true,"job":ID}. */
static int
run_waiting(const struct run_args *a, cJSON **job, const char *id, uint64_t begun_us)
{
	int rc = wait_for(id, begun_us + a->wait_s * 1000000, job);

	if (rc != CLI_DONE)
		return rc;
	if (!cli_job_ended(*job)) {
		print_deferred(id);
		return CLI_DONE;
	}
	if (a->on[JSON]) {
		print_job(*job);
		return cli_job_status(*job);
	}
	rc = cli_job_output_all(id);
	run_live_say(id, *job);
	return rc != CLI_DONE ? rc : cli_job_status(*job);
}

static int
run_made(const struct run_args *a, cJSON **job, bool input, uint64_t begun_us)
{
	const char *named = json_string(*job, "id");
	char *id;
	int rc;

	if (named == NULL)
		named = json_string(*job, "job");
	if (named == NULL)
		return cli_error("run: the daemon's answer is none");
	id = xstrdup(named);
	if (a->on[DETACH]) {
		if (a->on[JSON])
			print_job(*job);
		else
			put_line(id);
		rc = CLI_DONE;
	} else if (a->on[WAIT]) {
		rc = run_waiting(a, job, id, begun_us);
	} else {
		const cJSON *pty = cJSON_GetObjectItemCaseSensitive(*job, "pty");
		struct run_live live = {id, cJSON_IsTrue(pty), input, a->on[JSON]};

		/* One that was there has had its input. */
		if (cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(*job, "deduplicated")))
			live.input = false;
		rc = run_live(&live);
	}
	free(id);
	return rc;
}

static int
run_command(struct run_args *a, char **command)
{
	uint64_t begun_us = clock_mono_us();
	/* Each try would need it anew. */
	bool input = !a->on[DETACH] && !a->on[WAIT] && !a->on[RETRIES] && run_live_has_input();
	cJSON *body = json_object(), *job;
	struct buf out;
	int rc;

	buf_init(&out, BUF_NO_MAX);
	rc = fill_body(a, body, command);
	if (rc == 0 && a->on[WAIT])
		cJSON_AddNumberToObject(
		    body, "wait_s", a->wait_s < WAIT_ONCE ? (double)a->wait_s : WAIT_ONCE);
	if (rc == 0 && input)
		cJSON_AddTrueToObject(body, "input");
	if (rc == 0)
		rc = run_post("/api/v1/jobs", body, &out);
	if (rc == 0) {
		job = json_parse(out.data, out.len);
		rc = run_made(a, &job, input, begun_us);
		cJSON_Delete(job);
	}
	buf_release(&out);
	cJSON_Delete(body);
	return rc;
}

/* Talking. */

static int
run_talk(const struct run_args *a, char **args)
{
	static const int none[] = {ENV, PTY, TIMEOUT, MAX_OUTPUT, RETRIES, RETRY_ON, BACKOFF,
	    DEDUP, FORCE_REFRESH, WAIT, WATCH, DETACH, JSON, PANE, NAME};
	cJSON *body = json_object(), *o;
	struct buf out;
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < sizeof none / sizeof *none; i++)
		if (a->on[none[i]])
			rc = cli_error(
			    "run: --%s goes not with --interactive", run_options[none[i]].name);
	json_add_text(body, "agent", a->on[AGENT] ? a->value[AGENT] : "claude");
	if (a->on[MODEL])
		json_add_text(body, "model", a->value[MODEL]);
	if (a->on[PROMPT])
		json_add_text(body, "prompt", a->value[PROMPT]);
	if (a->on[SESSION])
		json_add_text(body, "resume", a->value[SESSION]);
	if (*args != NULL)
		cJSON_AddItemToObject(body, "args", json_texts(args));
	if (rc == 0)
		rc = add_number(a, body, IDLE_TIMEOUT, "idle_end_s", 1, SECONDS_MAX);
	if (rc == 0)
		rc = add_cwd(a, body);
	buf_init(&out, BUF_NO_MAX);
	if (rc == 0)
		rc = cli_ask("POST", "/api/v1/talks", cJSON_Duplicate(body, 1), &out);
	o = rc == 0 ? json_parse(out.data, out.len) : NULL;
	if (rc == 0)
		rc = json_string(o, "id") != NULL
			 ? cli_talk(json_string(o, "id"))
			 : cli_error("run: the daemon's answer is none");
	cJSON_Delete(o);
	buf_release(&out);
	cJSON_Delete(body);
	return rc;
}

static int
check(struct run_args *a, int operands)
{
	if (a->on[WAIT] && str_u64(a->value[WAIT], 0, WAIT_MAX, &a->wait_s) != 0)
		return cli_usage(&cmd_run, "--wait must be a number of seconds, at most 3600");
	if (a->on[WAIT] && a->on[DETACH])
		return cli_usage(&cmd_run, "--wait and --detach exclude each other");
	if (operands == 0 && !a->on[INTERACTIVE])
		return cli_usage(&cmd_run, "give a command");
	return 0;
}

static int
run_run(int argc, char **argv)
{
	struct cli_walk w = {&cmd_run, argc, argv, NULL, 0};
	struct run_args a = {.env = json_object()};
	int rc = read_options(&a, &w);

	if (rc == 0)
		rc = check(&a, argc - w.operand);
	if (rc == 0)
		rc = a.on[INTERACTIVE] ? run_talk(&a, argv + w.operand)
				       : run_command(&a, argv + w.operand);
	cJSON_Delete(a.env);
	return rc;
}

const struct cli_command cmd_run = {"run", "[--] COMMAND...",
    "Run a command as a job, which goes on without this terminal", run_options, run_run, 1};
