/* sessions: the log of agents' sessions. */
#include "config.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "base/buf.h"
#include "base/str.h"
#include "cli/cli.h"
#include "cli/cmd_import.h"
#include "cli/put.h"
#include "cli/sessions_export.h"
#include "proto/json.h"

enum option { AGENT, PROJECT, TEXT, SINCE, UNTIL, LIMIT, JSON, FORMAT, OUTPUT, OLDER, REVEAL };

static const struct cli_option sessions_options[] = {
    [AGENT] = {"agent", 'a', "NAME", "ls: of this agent: claude, codex, gemini..."},
    [PROJECT] = {"project", 'p', "DIR", "ls: in this directory"},
    [TEXT] = {"text", 't', "TEXT", "ls: with this in title, directory or a prompt"},
    [SINCE] = {"since", 0, "TIME", "ls: at work since then: a time, or how long ago"},
    [UNTIL] = {"until", 0, "TIME", "ls: begun before then"},
    [LIMIT] = {"limit", 'n', "N", "at most so many (default 50, at most 200)"},
    [JSON] = {"json", 'j', NULL, "print as JSON"},
    [FORMAT] = {"format", 'f', "FORMAT",
	"export: json (default), md or html; import: what it is"},
    [OUTPUT] = {"output", 'o', "FILE", "export: into this file"},
    [OLDER] = {"older-than", 0, "TIME", "rm: those last at work before then, as 90d"},
    [REVEAL] = {"reveal", 0, NULL, "do not mask secrets"},
    {0},
};

struct sessions_args {
	const char *value[JSON];
	const char *format, *output, *older_than;
	bool json, reveal;
};

static void
add_queries(struct buf *path, const struct sessions_args *a)
{
	static const char *const names[] = {
	    "agent", "project", "text", "since", "until", "limit"};
	for (int i = 0; i < JSON; i++) {
		char *value;

		if (a->value[i] == NULL)
			continue;
		value = str_url_encode(a->value[i]);
		buf_printf(path, "&%s=%s", names[i], value);
		free(value);
	}
}

/* The minute of a time as RFC 3339 has it, or a dash. */
static void
print_time(const char *iso)
{
	char day[11];

	snprintf(day, sizeof day, "%s", iso != NULL ? iso : "-");
	cli_print_safe(day, 17, 1);
}

static void
print_session(const cJSON *s)
{
	const char *agent = json_string(s, "agent"), *title = json_string(s, "title"),
		   *project = json_string(s, "project"), *state = json_string(s, "state");
	uint64_t id = 0, turns = 0;

	json_u64(s, "id", 0, JSON_INT_MAX, &id);
	json_u64(s, "turns", 0, JSON_INT_MAX, &turns);
	printf("%-6llu ", (unsigned long long)id);
	cli_print_safe(agent != NULL ? agent : "-", 9, 1);
	putchar(' ');
	print_time(json_string(s, "updated"));
	cli_print_safe(state != NULL ? state : "-", 18, 1);
	printf(" %5llu  ", (unsigned long long)turns);
	cli_print_safe(project != NULL ? project : "-", 28, 1);
	putchar(' ');
	cli_print_safe(title != NULL ? title : "-", 60, 0);
	putchar('\n');
}

static int
run_ls(const struct sessions_args *a)
{
	const cJSON *s;
	struct buf path, out;
	cJSON *o;
	int rc;

	buf_init(&path, BUF_NO_MAX);
	buf_init(&out, BUF_NO_MAX);
	buf_puts(&path, "/api/v1/sessions");
	buf_printf(&path, "?reveal=%d", a->reveal);
	add_queries(&path, a);
	rc = cli_ask("GET", path.data, NULL, &out);
	if (rc == CLI_DONE && a->json) {
		put_json_line(out.data);
	} else if (rc == CLI_DONE && (o = json_parse(out.data, out.len)) != NULL) {
		printf("%-6s %-9s %-17s%-18s %5s  %-28s %s\n", "ID", "AGENT", "UPDATED",
		    "STATE", "TURNS", "PROJECT", "TITLE");
		cJSON_ArrayForEach (s, cJSON_GetObjectItemCaseSensitive(o, "data"))
			print_session(s);
		cJSON_Delete(o);
	}
	buf_release(&path);
	buf_release(&out);
	return rc;
}

/* Text of an agent: line by line, so that nothing of it reaches the terminal as a sequence. */
static void
print_text(const char *text, const char *before)
{
	while (*text != '\0') {
		size_t n = strcspn(text, "\n");
		char *line = strndup(text, n);

		fputs(before, stdout);
		if (line != NULL)
			cli_print_safe(line, 0, 0);
		putchar('\n');
		free(line);
		text += n + (text[n] == '\n');
	}
}

static void
print_message(const cJSON *m)
{
	const char *role = json_string(m, "role"), *text = json_string(m, "text");

	if (text == NULL || cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(m, "hidden")))
		return;
	cli_print_safe(role != NULL ? role : "?", 0, 0);
	puts(":");
	print_text(text, "    ");
}

/* Page by page, until there is no next one. */
static int
run_show(const struct sessions_args *a, const char *id)
{
	char *name = str_url_encode(id);
	double cursor = 0;
	int rc = CLI_DONE;

	while (rc == CLI_DONE && cursor >= 0) {
		const cJSON *m, *next;
		struct buf path, out;
		cJSON *o;

		buf_init(&path, BUF_NO_MAX);
		buf_init(&out, BUF_NO_MAX);
		buf_printf(&path,
		    "/api/v1/sessions/%s/messages?limit=200&cursor=%.0f&reveal=%d", name,
		    cursor, a->reveal);
		rc = cli_ask("GET", path.data, NULL, &out);
		o = rc == CLI_DONE ? json_parse(out.data, out.len) : NULL;
		if (o != NULL && a->json)
			put_json_line(out.data);
		else
			cJSON_ArrayForEach (m, cJSON_GetObjectItemCaseSensitive(o, "data"))
				print_message(m);
		next = cJSON_GetObjectItemCaseSensitive(o, "next_cursor");
		cursor = cJSON_IsNumber(next) ? next->valuedouble : -1;
		cJSON_Delete(o);
		buf_release(&path);
		buf_release(&out);
	}
	free(name);
	return rc;
}

static void
take_option(struct sessions_args *a, int option, const char *arg)
{
	switch (option) {
	case JSON:
		a->json = true;
		break;
	case FORMAT:
		a->format = arg;
		break;
	case OUTPUT:
		a->output = arg;
		break;
	case OLDER:
		a->older_than = arg;
		break;
	case REVEAL:
		a->reveal = true;
		break;
	default:
		a->value[option] = arg;
		break;
	}
}

static int
run_export(const struct sessions_args *a, const char *id)
{
	const char *format = a->format != NULL ? a->format : "json";

	if (!sessions_export_knows(format))
		return cli_usage(&cmd_sessions, "--format must be json, md or html");
	return sessions_export(id, format, a->output, a->reveal);
}

static int
run_sessions(int argc, char **argv)
{
	struct cli_walk w = {&cmd_sessions, argc, argv, NULL, 0};
	struct sessions_args a = {.json = false};
	const char *verb;
	int option, left;

	while ((option = cli_next(&w)) != CLI_END) {
		if (option == CLI_BAD)
			return CLI_ERROR;
		take_option(&a, option, w.arg);
	}
	left = argc - w.operand;
	verb = left > 0 ? argv[w.operand] : "ls";
	if (strcmp(verb, "ls") == 0 && left <= 1)
		return run_ls(&a);
	if (strcmp(verb, "show") == 0 && left == 2)
		return run_show(&a, argv[w.operand + 1]);
	if (strcmp(verb, "import") == 0 && left == 2)
		return sessions_import_file(argv[w.operand + 1], a.format, a.json);
	if (strcmp(verb, "export") == 0 && left == 2)
		return run_export(&a, argv[w.operand + 1]);
	if (strcmp(verb, "rm") == 0 && (left > 1) == (a.older_than == NULL))
		return sessions_rm(argv + w.operand + 1, left - 1, a.older_than);
	return cli_usage(&cmd_sessions,
	    "sessions ls, show or export and an id, import and a file, or rm and ids");
}

const struct cli_command cmd_sessions = {"sessions",
    "ls | show ID | export ID | import FILE | rm ID...",
    "List agents' sessions, show, export, import or remove them", sessions_options,
    run_sessions, 0};
