/*
 * status: one line of numbers, for a status bar.
 *
 * It is run every few seconds, so it asks one thing, and where nobody answers it is silent: a bar
 * is no place for errors.
 */
#include "config.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "base/buf.h"
#include "base/str.h"
#include "base/xmalloc.h"
#include "cli/cli.h"
#include "cli/glance.h"
#include "cli/put.h"
#include "proto/json.h"

#define DEFAULT_FORMAT \
	"panes:{panes}{?fired: fired:{fired}}{?alarms: alarms:{alarms}}" \
	"{?collisions: collisions:{collisions}}" \
	"{?working: working:{working}}{?waiting: waiting:{waiting} ({first})}" \
	"{?jobs: jobs:{jobs}}{?queued: queued:{queued}}{?failed: failed}"

enum { PATIENCE_MS = 1000 };

/* Those from WORKING on are of agents; FIRST is the pane of one that waits. Then those of jobs;
 * FAILED is 1 when one has, lately. */
static const char *const names[] = {"panes", "fired", "watches", "alarms", "viewers",
    "collisions", "working", "waiting", "first", "jobs", "queued", "failed"};
enum {
	PANES,
	FIRED,
	WATCHES,
	ALARMS,
	VIEWERS,
	COLLISIONS,
	WORKING,
	WAITING,
	FIRST,
	JOBS,
	QUEUED,
	FAILED
};

static const struct cli_option status_options[] = {
    {"format", 'f', "TEXT",
	"tmux, starship, waybar, or a text with {panes} {watches} {fired} {alarms} {viewers} "
	"{collisions} {working} {waiting} "
	"{first} {jobs} {queued} {failed}; {?fired:unless 0}"},
    {0},
};

struct numbers {
	uint64_t n[sizeof names / sizeof *names]; /* FIRST: 1 when there is one */
	char first[ID_MAX + 1];
};

/* Formats that have a name: in tmux's own marks of colour; as short as a prompt wants it; and for
 * waybar, which takes JSON. */

#define TMUX_FORMAT \
	"panes:{panes}{?fired: #[fg=yellow]fired:{fired}#[default]}" \
	"{?alarms: #[fg=red]alarms:{alarms}#[default]}" \
	"{?collisions: #[fg=red]collisions:{collisions}#[default]}" \
	"{?working: #[fg=green]working:{working}#[default]}" \
	"{?waiting: #[fg=yellow]waiting:{waiting} ({first})#[default]}" \
	"{?jobs: jobs:{jobs}}{?queued: queued:{queued}}{?failed: #[fg=red]failed#[default]}"

#define STARSHIP_FORMAT \
	"{panes}{?working: ~{working}}{?waiting: ?{waiting}}{?jobs: +{jobs}}{?fired: " \
	"*{fired}}" \
	"{?collisions: x{collisions}}{?failed: failed}{?alarms: !{alarms}}"

#define WAYBAR_TEXT "{panes}{?working: ~{working}}{?waiting: ?{waiting}}{?jobs: +{jobs}}"

#define WAYBAR_TOOLTIP \
	"panes: {panes}{?viewers:\nviewers: {viewers}}{?working:\nat work: {working}}" \
	"{?waiting:\nwaiting: {waiting} ({first})}{?jobs:\njobs: {jobs}}" \
	"{?queued:\nqueued: {queued}}{?failed:\na job has failed}{?fired:\nfired: {fired}}" \
	"{?collisions:\ncollisions: {collisions}}{?alarms:\nalarms: {alarms}}"

static const struct {
	const char *name, *format;
} named[] = {{"tmux", TMUX_FORMAT}, {"starship", STARSHIP_FORMAT}, {"waybar", WAYBAR_TEXT}};

/* What waybar's style sheet may look at, the most urgent first. */
static const struct {
	int number;
	const char *class;
} classes[] = {{ALARMS, "alarm"}, {FAILED, "failed"}, {COLLISIONS, "collision"},
    {WAITING, "waiting"}, {FIRED, "fired"}, {WORKING, "working"}, {JOBS, "working"}};

/* The format */

/* One of the names, which ends with `end`; -1 for none. *s is moved behind it. */
static int
read_name(const char **s, char end)
{
	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		size_t len = strlen(names[i]);

		if (strncmp(*s, names[i], len) == 0 && (*s)[len] == end) {
			*s += len + 1;
			return (int)i;
		}
	}
	return -1;
}

/* s is behind a "{?name:". The brace that closes it, or NULL. */
static const char *
find_end(const char *s)
{
	unsigned open = 0;

	for (; *s != '\0'; s++) {
		if (*s == '{')
			open++;
		else if (*s == '}' && open-- == 0)
			return s;
	}
	return NULL;
}

/* Returns where it is wrong, or NULL. `inner`: within a "{?name:". */
static const char *
expand(struct buf *b, const char *s, const char *end, const struct numbers *v, bool inner)
{
	const char *from, *to, *wrong = NULL;
	int i;

	while (wrong == NULL && s < end) {
		from = s++;
		if (*from != '{') {
			buf_putc(b, *from);
		} else if (!inner && *s == '?') {
			s++;
			if ((i = read_name(&s, ':')) < 0 || (to = find_end(s)) == NULL)
				return from;
			if (v->n[i] != 0)
				wrong = expand(b, s, to, v, true);
			s = to + 1;
		} else if ((i = read_name(&s, '}')) == FIRST) {
			buf_puts(b, v->first);
		} else if (i >= 0) {
			buf_printf(b, "%llu", (unsigned long long)v->n[i]);
		} else {
			return from;
		}
	}
	return wrong;
}

/* Every part of it is looked at: an error that comes with the first alarm is found too late. */
static int
check_format(const char *format)
{
	struct numbers all = {.first = "first"};
	const char *wrong;
	struct buf b;

	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		all.n[i] = 1;
	buf_init(&b, BUF_NO_MAX);
	wrong = expand(&b, format, format + strlen(format), &all, false);
	buf_release(&b);
	if (wrong == NULL)
		return 0;
	return cli_error("status: %.32s: no such number, or no end of it "
			 "(panescry status --help)",
	    wrong);
}

/* The question */

/* The id of a pane may be shown as it is; a title might be anything. */
static void
read_agents(struct numbers *to, const cJSON *o)
{
	const cJSON *agents = cJSON_GetObjectItemCaseSensitive(o, "agents");
	const char *pane =
	    json_string(cJSON_GetObjectItemCaseSensitive(agents, "first"), "pane");
	uint64_t permission = 0;

	json_u64(agents, "working", 0, JSON_INT_MAX, &to->n[WORKING]);
	json_u64(agents, "waiting_input", 0, JSON_INT_MAX, &to->n[WAITING]);
	json_u64(agents, "waiting_permission", 0, JSON_INT_MAX, &permission);
	to->n[WAITING] += permission;
	if (pane != NULL && str_id_valid(pane)) {
		snprintf(to->first, sizeof to->first, "%s", pane);
		to->n[FIRST] = 1;
	}
}

static void
read_jobs(struct numbers *to, const cJSON *o)
{
	const cJSON *jobs = cJSON_GetObjectItemCaseSensitive(o, "jobs");

	json_u64(jobs, "running", 0, JSON_INT_MAX, &to->n[JOBS]);
	json_u64(jobs, "queued", 0, JSON_INT_MAX, &to->n[QUEUED]);
	to->n[FAILED] = cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(jobs, "failed_recently"));
}

static int
ask(struct numbers *to)
{
	cJSON *o;
	int rc = glance("/api/v1/status", PATIENCE_MS, &o);

	if (rc == CLI_ERROR)
		return cli_error("status: the daemon gives no numbers");
	for (size_t i = 0; i < WORKING; i++)
		json_u64(o, names[i], 0, JSON_INT_MAX, &to->n[i]);
	read_agents(to, o);
	read_jobs(to, o);
	cJSON_Delete(o);
	return rc;
}

static char *
expanded(const char *format, const struct numbers *v)
{
	struct buf b;

	buf_init(&b, BUF_NO_MAX);
	buf_puts(&b, "");
	expand(&b, format, format + strlen(format), v, false);
	return buf_take(&b);
}

static void
put_waybar(const char *text, const struct numbers *v)
{
	char *tooltip = expanded(WAYBAR_TOOLTIP, v), *json;
	const char *class = "idle";
	cJSON *o = json_object();

	for (size_t i = sizeof classes / sizeof *classes; i-- > 0;) {
		if (v->n[classes[i].number] != 0)
			class = classes[i].class;
	}
	cJSON_AddStringToObject(o, "text", text);
	cJSON_AddStringToObject(o, "tooltip", tooltip);
	cJSON_AddStringToObject(o, "class", class);
	json = json_print_take(o);
	put_json_line(json);
	free(json);
	free(tooltip);
}

static int
print(const char *format, bool waybar)
{
	struct numbers v = {0};
	char *text;
	int rc = check_format(format);

	if (rc != 0 || (rc = ask(&v)) != CLI_DONE)
		return rc;
	text = expanded(format, &v);
	if (waybar)
		put_waybar(text, &v);
	else
		put_line(text);
	free(text);
	if (ferror(stdout) != 0 || fflush(stdout) != 0)
		return cli_error("standard output: %s", strerror(errno));
	return CLI_DONE;
}

static int
run_status(int argc, char **argv)
{
	struct cli_walk w = {&cmd_status, argc, argv, NULL, 0};
	const char *format = DEFAULT_FORMAT;
	bool waybar = false;
	int option;

	while ((option = cli_next(&w)) != CLI_END) {
		if (option == CLI_BAD)
			return CLI_ERROR;
		format = w.arg;
		waybar = strcmp(format, "waybar") == 0;
		for (size_t i = 0; i < sizeof named / sizeof *named; i++) {
			if (strcmp(named[i].name, w.arg) == 0)
				format = named[i].format;
		}
	}
	if (w.operand != argc)
		return cli_usage(&cmd_status, "takes no operand");
	return print(format, waybar);
}

const struct cli_command cmd_status = {"status", "",
    "Print one line for a status bar; nothing, and status 3, without a daemon", status_options,
    run_status, 0};
