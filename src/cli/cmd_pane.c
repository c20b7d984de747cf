/* The short commands that make, list and drive panes. */
#include "config.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cjson/cJSON.h>

#include "base/buf.h"
#include "base/str.h"
#include "base/xmalloc.h"
#include "cli/cli.h"
#include "cli/put.h"
#include "cli/terminal.h"
#include "proto/attach.h"
#include "proto/json.h"
#include "proto/keys.h"

/* new */

static const struct cli_option new_options[] = {
    {"name", 'n', "NAME", "a name to call the pane by"},
    {"cwd", 'c', "DIR", "where the command starts (default: here)"},
    {"size", 's', "COLSxROWS", "size of the terminal (default: this one's, or 80x24)"},
    {"env", 'e', "NAME=VALUE", "set a variable; may be given again"},
    {"json", 'j', NULL, "print the whole pane as JSON"},
    {"no-archive", 0, NULL, "keep its lines out of the archive"},
    {"tmux", 't', NULL, "make it in tmux, in a window of its own"},
    {"session", 0, "NAME", "in this session of tmux, made if need be"},
    {0},
};

struct new_args {
	const char *name, *cwd;
	unsigned cols, rows;
	cJSON *env;
	bool json, unarchived, tmux;
	const char *session; /* of tmux, or NULL */
};

static int
new_option(struct new_args *a, int option, const char *arg)
{
	const char *eq;
	char *name;

	switch (option) {
	case 0:
		a->name = arg;
		return 0;
	case 1:
		a->cwd = arg;
		return 0;
	case 2:
		return str_size(arg, ATTACH_SIZE_MAX, &a->cols, &a->rows) == 0
			   ? 0
			   : cli_usage(
				 &cmd_new, "--size must look like 80x24, each side 1 to 2000");
	case 3:
		if ((eq = strchr(arg, '=')) == NULL || eq == arg)
			return cli_usage(&cmd_new, "--env must look like NAME=VALUE");
		name = xstrndup(arg, (size_t)(eq - arg));
		json_add_text(a->env, name, eq + 1);
		free(name);
		return 0;
	case 4:
		a->json = true;
		return 0;
	case 6:
		a->tmux = true;
		return 0;
	case 7:
		a->session = arg;
		return 0;
	default:
		a->unarchived = true;
		return 0;
	}
}

/* The daemon's directory is not the caller's: a relative path is made absolute here. */
static void
add_cwd(cJSON *body, const char *cwd)
{
	char *real = realpath(cwd != NULL ? cwd : ".", NULL);

	json_add_text(body, "cwd", real != NULL ? real : cwd);
	free(real);
}

static int
new_ask(const struct new_args *a, char **command, cJSON *body)
{
	cJSON *o;
	struct buf out;
	int rc;

	cJSON_AddItemToObject(body, "command", json_texts(command));
	if (a->name != NULL)
		json_add_text(body, "name", a->name);
	add_cwd(body, a->cwd);
	if (a->cols != 0) {
		cJSON_AddNumberToObject(body, "cols", a->cols);
		cJSON_AddNumberToObject(body, "rows", a->rows);
	}
	if (a->unarchived)
		cJSON_AddFalseToObject(body, "archive");
	if (a->session != NULL)
		json_add_text(body, "tmux", a->session);
	else if (a->tmux)
		cJSON_AddTrueToObject(body, "tmux");
	buf_init(&out, BUF_NO_MAX);
	rc = cli_ask("POST", "/api/v1/panes", body, &out);
	o = rc == CLI_DONE ? json_parse(out.data, out.len) : NULL;
	if (json_string(o, "id") != NULL && a->json)
		put_json_line(out.data);
	else if (json_string(o, "id") != NULL)
		put_line(json_string(o, "id"));
	cJSON_Delete(o);
	buf_release(&out);
	return rc;
}

static int
run_new(int argc, char **argv)
{
	struct cli_walk w = {&cmd_new, argc, argv, NULL, 0};
	cJSON *body = json_object();
	struct new_args a = {.env = cJSON_AddObjectToObject(body, "env")};
	int option, rc = 0;

	terminal_size(&a.cols, &a.rows);
	while (rc == 0 && (option = cli_next(&w)) != CLI_END)
		rc = option == CLI_BAD ? CLI_ERROR : new_option(&a, option, w.arg);
	if (rc != 0) {
		cJSON_Delete(body);
		return rc;
	}
	return new_ask(&a, argv + w.operand, body);
}

const struct cli_command cmd_new = {"new", "[--] [COMMAND...]",
    "Start a command (or a shell) in a new pane and print its id", new_options, run_new, 1};

/* ls */

static const struct cli_option ls_options[] = {
    {"json", 'j', NULL, "print the panes as JSON"},
    {0},
};

static void
print_command(const cJSON *pane)
{
	const cJSON *arg;

	cJSON_ArrayForEach (arg, cJSON_GetObjectItemCaseSensitive(pane, "command")) {
		cli_print_safe(cJSON_GetStringValue(arg), 0, 0);
		putchar(' ');
	}
	putchar('\n');
}

/* A pane of tmux that has no name is shown as tmux would name it. */
static char *
shown_name(const cJSON *pane)
{
	const cJSON *tmux = cJSON_GetObjectItemCaseSensitive(pane, "tmux");
	const char *name = json_string(pane, "name"), *session = json_string(tmux, "session");
	uint64_t window, index;

	if (name != NULL)
		return xstrdup(name);
	if (session == NULL || json_u64(tmux, "window", 0, JSON_INT_MAX, &window) != 0 ||
	    json_u64(tmux, "pane", 0, JSON_INT_MAX, &index) != 0)
		return NULL;
	return xasprintf("%s:%u.%u", session, (unsigned)window, (unsigned)index);
}

static int
id_width(const cJSON *panes)
{
	const cJSON *pane;
	size_t width = 6;

	cJSON_ArrayForEach (pane, panes) {
		const char *id = json_string(pane, "id");
		if (id != NULL && strlen(id) > width)
			width = strlen(id);
	}
	return (int)width;
}

/* Room for the column of agents, which is there when there are any. */
enum { AGENT_WIDTH = 27 };

static bool
has_agents(const cJSON *panes)
{
	const cJSON *pane;

	cJSON_ArrayForEach (pane, panes) {
		if (cJSON_IsObject(cJSON_GetObjectItemCaseSensitive(pane, "agent")))
			return true;
	}
	return false;
}

static void
print_agent(const cJSON *pane)
{
	const cJSON *o = cJSON_GetObjectItemCaseSensitive(pane, "agent");
	const char *agent = json_string(o, "agent"), *state = json_string(o, "state");
	char *text = agent != NULL && state != NULL ? xasprintf("%s %s", agent, state) : NULL;

	cli_print_safe(text != NULL ? text : agent != NULL ? agent : "-", AGENT_WIDTH, 1);
	putchar(' ');
	free(text);
}

static void
print_pane(const cJSON *pane, int width, bool agents)
{
	const cJSON *status = cJSON_GetObjectItemCaseSensitive(pane, "exit_status");
	char *name = shown_name(pane);
	uint64_t cols = 0, rows = 0, viewers = 0;
	char state[24], size[24];

	json_u64(pane, "cols", 0, JSON_INT_MAX, &cols);
	json_u64(pane, "rows", 0, JSON_INT_MAX, &rows);
	json_u64(pane, "viewers", 0, JSON_INT_MAX, &viewers);
	if (cJSON_IsNumber(status))
		snprintf(state, sizeof state, "exited %d", status->valueint);
	else
		snprintf(state, sizeof state, "running");
	snprintf(size, sizeof size, "%ux%u", (unsigned)cols, (unsigned)rows);
	cli_print_safe(json_string(pane, "id"), width, 1);
	putchar(' ');
	cli_print_safe(name != NULL ? name : "-", 16, 1);
	printf(" %-11s %-9s %7u  ", state, size, (unsigned)viewers);
	if (agents)
		print_agent(pane);
	print_command(pane);
	free(name);
}

static int
run_ls(int argc, char **argv)
{
	struct cli_walk w = {&cmd_ls, argc, argv, NULL, 0};
	const cJSON *pane;
	bool json = false;
	struct buf out;
	int option, rc;
	cJSON *o;

	while ((option = cli_next(&w)) != CLI_END) {
		if (option == CLI_BAD)
			return CLI_ERROR;
		json = true;
	}
	if (w.operand != argc)
		return cli_usage(&cmd_ls, "takes no operand");
	buf_init(&out, BUF_NO_MAX);
	rc = cli_ask("GET", "/api/v1/panes", NULL, &out);
	if (rc == CLI_DONE && json) {
		put_json_line(out.data);
	} else if (rc == CLI_DONE && (o = json_parse(out.data, out.len)) != NULL) {
		const cJSON *panes = cJSON_GetObjectItemCaseSensitive(o, "panes");
		int width = id_width(panes);

		bool agents = has_agents(panes);

		printf("%-*s %-16s %-11s %-9s %7s  ", width, "ID", "NAME", "STATE", "SIZE",
		    "VIEWERS");
		if (agents)
			printf("%-*s ", AGENT_WIDTH, "AGENT");
		puts("COMMAND");
		cJSON_ArrayForEach (pane, panes)
			print_pane(pane, width, agents);
		cJSON_Delete(o);
	}
	buf_release(&out);
	return rc;
}

const struct cli_command cmd_ls = {"ls", "", "List the panes", ls_options, run_ls, 0};

/* capture */

static const struct cli_option capture_options[] = {
    {"history", 'H', "LINES", "so many lines of history above the screen, or all"},
    {"format", 'f', "FORMAT", "text (default), ansi or json"},
    {"main", 'm', NULL, "the main screen, also while the alternate one is up"},
    {0},
};

/* Sequences that were asked for are what they are. */
static void
put_capture(const char *format, const struct buf *out)
{
	if (strcmp(format, "text") == 0)
		put_lines(out->data, out->len);
	else if (strcmp(format, "json") == 0)
		put_json(stdout, out->data);
	else
		fwrite(out->data, 1, out->len, stdout);
}

static int
run_capture(int argc, char **argv)
{
	struct cli_walk w = {&cmd_capture, argc, argv, NULL, 0};
	const char *names[] = {"history", "format"}, *values[] = {"0", "text"};
	int option, rc, main_screen = 0;
	struct buf out, suffix;

	while ((option = cli_next(&w)) != CLI_END) {
		if (option == CLI_BAD)
			return CLI_ERROR;
		if (option == 2)
			main_screen = 1;
		else
			values[option] = w.arg;
	}
	if (w.operand + 1 != argc)
		return cli_usage(&cmd_capture, "name one pane");
	buf_init(&suffix, BUF_NO_MAX);
	buf_printf(&suffix, "/capture?main=%d", main_screen);
	for (int i = 0; i < 2; i++) {
		char *value = str_url_encode(values[i]);
		buf_printf(&suffix, "&%s=%s", names[i], value);
		free(value);
	}
	buf_init(&out, BUF_NO_MAX);
	rc = cli_ask_pane("GET", argv[w.operand], suffix.data, NULL, &out);
	if (rc == CLI_DONE && out.len != 0)
		put_capture(values[1], &out);
	if (rc == CLI_DONE && (fflush(stdout) != 0 || ferror(stdout) != 0))
		rc = cli_error("standard output: write failed");
	buf_release(&out);
	buf_release(&suffix);
	return rc;
}

const struct cli_command cmd_capture = {
    "capture", "PANE", "Print what a pane shows", capture_options, run_capture, 0};

/* send */

static const struct cli_option send_options[] = {
    {"enter", 'e', NULL, "press Enter after the text"},
    {"keys", 'k', NULL, "the operands are names of keys: Enter, C-c, M-x, Up, F5..."},
    {0},
};

static int
append_operands(struct buf *b, bool keys, char **operands)
{
	for (char **s = operands; *s != NULL; s++) {
		if (keys && keys_append(b, *s) != 0)
			return cli_error("send: %s: no such key", *s);
		if (keys)
			continue;
		if (s != operands)
			buf_putc(b, ' ');
		buf_puts(b, *s);
	}
	return 0;
}

static int
run_send(int argc, char **argv)
{
	struct cli_walk w = {&cmd_send, argc, argv, NULL, 0};
	bool enter = false, keys = false;
	struct buf body, out;
	char *id, *path;
	int option, rc;

	while ((option = cli_next(&w)) != CLI_END) {
		if (option == CLI_BAD)
			return CLI_ERROR;
		enter |= option == 0;
		keys |= option == 1;
	}
	if (w.operand >= argc || (w.operand + 1 == argc && !enter))
		return cli_usage(&cmd_send, "name a pane and what to type");
	buf_init(&body, BUF_NO_MAX);
	buf_init(&out, BUF_NO_MAX);
	id = str_url_encode(argv[w.operand]);
	path = xasprintf("/api/v1/panes/%s/input", id);
	rc = append_operands(&body, keys, argv + w.operand + 1);
	if (enter)
		buf_putc(&body, '\r');
	if (rc == 0)
		rc = cli_ask_raw("POST", path, body.data, body.len, &out);
	free(path);
	free(id);
	buf_release(&body);
	buf_release(&out);
	return rc;
}

const struct cli_command cmd_send = {"send", "PANE [--enter] TEXT... | PANE --keys KEY...",
    "Type text or press keys in a pane", send_options, run_send, 0};

/* resize, kill */

static const struct cli_option no_options[] = {{0}};

static int
run_resize(int argc, char **argv)
{
	struct cli_walk w = {&cmd_resize, argc, argv, NULL, 0};
	unsigned cols, rows;
	struct buf out;
	cJSON *body;
	int rc;

	if (cli_next(&w) != CLI_END)
		return CLI_ERROR;
	if (w.operand + 2 != argc)
		return cli_usage(&cmd_resize, "name a pane and a size");
	if (str_size(argv[w.operand + 1], ATTACH_SIZE_MAX, &cols, &rows) != 0)
		return cli_usage(
		    &cmd_resize, "the size must look like 80x24, each side 1 to 2000");
	body = json_object();
	cJSON_AddNumberToObject(body, "cols", cols);
	cJSON_AddNumberToObject(body, "rows", rows);
	buf_init(&out, BUF_NO_MAX);
	rc = cli_ask_pane("POST", argv[w.operand], "/resize", body, &out);
	buf_release(&out);
	return rc;
}

const struct cli_command cmd_resize = {
    "resize", "PANE COLSxROWS", "Set the size of a pane", no_options, run_resize, 0};

static const struct cli_option kill_options[] = {
    {"signal", 's', "SIGNAL", "only send this signal; the pane stays"},
    {0},
};

static int
run_kill(int argc, char **argv)
{
	struct cli_walk w = {&cmd_kill, argc, argv, NULL, 0};
	const char *signal = NULL;
	cJSON *body = NULL;
	struct buf out;
	int option, rc;

	while ((option = cli_next(&w)) != CLI_END) {
		if (option == CLI_BAD)
			return CLI_ERROR;
		signal = w.arg;
	}
	if (w.operand + 1 != argc)
		return cli_usage(&cmd_kill, "name one pane");
	buf_init(&out, BUF_NO_MAX);
	if (signal != NULL) {
		body = json_object();
		json_add_text(body, "signal", signal);
		rc = cli_ask_pane("POST", argv[w.operand], "/signal", body, &out);
	} else {
		rc = cli_ask_pane("DELETE", argv[w.operand], "", NULL, &out);
	}
	buf_release(&out);
	return rc;
}

const struct cli_command cmd_kill = {
    "kill", "PANE", "End a pane's command and remove the pane", kill_options, run_kill, 0};
