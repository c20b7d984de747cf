#include "config.h"

#include "cli/cli.h"

#include <assert.h>
#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <stdarg.h>
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
#include "cli/columns.h"
#include "cli/paths.h"
#include "net/client.h"
#include "proto/json.h"

enum { OPTIONS_MAX = 64, HELP_COLUMN = 26, AGAIN_MS = 20, AGAIN_MAX = 500 };

static const struct cli_command *const commands[] = {&cmd_serve, &cmd_new, &cmd_ls, &cmd_attach,
    &cmd_search, &cmd_capture, &cmd_send, &cmd_wait, &cmd_watch, &cmd_resize, &cmd_kill,
    &cmd_run, &cmd_jobs, &cmd_flow, &cmd_sessions, &cmd_usage, &cmd_hook, &cmd_mcp, &cmd_token,
    &cmd_record, &cmd_export, &cmd_import, &cmd_status, &cmd_completions, &cmd_doctor};

const struct cli_command *
cli_command_at(size_t i)
{
	return i < sizeof commands / sizeof *commands ? commands[i] : NULL;
}

int
cli_error(const char *fmt, ...)
{
	char *text, *safe;
	va_list ap;

	va_start(ap, fmt);
	text = xvasprintf(fmt, ap);
	va_end(ap);
	safe = cli_safe_text(text);
	fprintf(stderr, "panescry: %s\n", safe);
	free(safe);
	free(text);
	return CLI_ERROR;
}

int
cli_usage(const struct cli_command *cmd, const char *what)
{
	return cli_error("%s: %s (panescry %s --help)", cmd->name, what, cmd->name);
}

/* Help. */

static void
print_option(const struct cli_option *o)
{
	char left[64];

	snprintf(left, sizeof left, "  %c%c%s--%s%s%s", o->letter != 0 ? '-' : ' ',
	    o->letter != 0 ? o->letter : ' ', o->letter != 0 ? ", " : "  ", o->name,
	    o->arg != NULL && *o->arg != '[' ? " " : "", o->arg != NULL ? o->arg : "");
	printf("%-*s  %s\n", HELP_COLUMN, left, o->help);
}

static void
print_command_help(const struct cli_command *cmd)
{
	static const struct cli_option help = {"help", 'h', NULL, "show this text"};

	printf("usage: panescry %s [options]%s%s\n\n%s.\n\n", cmd->name,
	    *cmd->args != '\0' ? " " : "", cmd->args, cmd->help);
	for (const struct cli_option *o = cmd->options; o->name != NULL; o++)
		print_option(o);
	print_option(&help);
}

static void
print_help(FILE *to)
{
	fputs("usage: panescry COMMAND [options]\n\nKeeps terminals alive, shows them in a "
	      "browser"
	      " and remembers what they printed.\n\n",
	    to);
	for (size_t i = 0; i < sizeof commands / sizeof *commands; i++)
		fprintf(to, "  %-12s %s\n", commands[i]->name, commands[i]->help);
	fputs("\npanescry COMMAND --help shows the options of a command;\n"
	      "panescry --version shows the version.\n",
	    to);
}

/* Options. */

static void
fill(const struct cli_command *cmd, struct option *longs, char *shorts)
{
	size_t n = 0;

	if (cmd->in_order)
		*shorts++ = '+';
	*shorts++ = ':';
	*shorts++ = 'h';
	for (; n < OPTIONS_MAX - 2 && cmd->options[n].name != NULL; n++) {
		const struct cli_option *o = &cmd->options[n];
		longs[n] = (struct option){o->name,
		    o->arg == NULL   ? no_argument
		    : *o->arg == '[' ? optional_argument
				     : required_argument,
		    NULL, (int)n + 256};
		if (o->letter != 0) {
			*shorts++ = o->letter;
			if (o->arg != NULL)
				*shorts++ = ':';
		}
	}
	assert(cmd->options[n].name == NULL);
	longs[n++] = (struct option){"help", no_argument, NULL, 'h'};
	longs[n] = (struct option){0};
	*shorts = '\0';
}

static int
index_of(const struct cli_command *cmd, int letter)
{
	for (int i = 0; cmd->options[i].name != NULL; i++) {
		if (cmd->options[i].letter == letter)
			return i;
	}
	return CLI_BAD;
}

int
cli_next(struct cli_walk *w)
{
	struct option longs[OPTIONS_MAX];
	char shorts[2 * OPTIONS_MAX + 4], *what;
	int c;

	fill(w->cmd, longs, shorts);
	opterr = 0;
	c = getopt_long(w->argc, w->argv, shorts, longs, NULL);
	w->arg = optarg;
	w->operand = optind;
	if (c == -1)
		return CLI_END;
	if (c == 'h') {
		print_command_help(w->cmd);
		exit(CLI_DONE);
	}
	if (c != '?' && c != ':')
		return c >= 256 ? c - 256 : index_of(w->cmd, c);
	what = xasprintf(
	    c == ':' ? "%s needs an argument" : "unknown option %s", w->argv[optind - 1]);
	cli_usage(w->cmd, what);
	free(what);
	return CLI_BAD;
}

/* The daemon. */

/* A JSON error as one line; anything else as its status. */
int
cli_refused(const char *about, int status, const struct buf *out)
{
	cJSON *o = json_parse(out->data != NULL ? out->data : "", out->len);
	const char *message = json_string(o, "message"), *colon = about != NULL ? ": " : "";
	int rc;

	about = about != NULL ? about : "";
	if (message != NULL)
		rc = cli_error("%s%s%s", about, colon, message);
	else
		rc = cli_error("%s%sthe daemon answered with status %d", about, colon, status);
	cJSON_Delete(o);
	return rc;
}

int
cli_no_daemon(const char *socket)
{
	cli_error("no daemon answers at %s: start one with panescry serve", socket);
	return CLI_NO_DAEMON;
}

/* A worker that has just taken over does not know everything yet. */
static bool
is_starting(const struct buf *out)
{
	cJSON *o = json_parse(out->data != NULL ? out->data : "", out->len);
	const char *error = json_string(o, "error");
	bool starting = error != NULL && strcmp(error, "starting") == 0;

	cJSON_Delete(o);
	return starting;
}

static int
ask(const char *about, const char *method, const char *path, const void *body, size_t len,
    struct buf *out)
{
	char *socket = paths_socket(), *cause = NULL;
	int status, rc;

	for (int i = 0;; i++) {
		rc = client_request(socket, method, path, body, len, &status, out, &cause);
		if (rc != 0 || status != 503 || i == AGAIN_MAX || !is_starting(out))
			break;
		buf_reset(out);
		nanosleep(&(struct timespec){.tv_nsec = AGAIN_MS * 1000000}, NULL);
	}
	if (rc == -ECONNREFUSED) {
		rc = cli_no_daemon(socket);
	} else if (rc != 0) {
		rc = cli_error("%s", cause);
	} else if (status < 200 || status > 299) {
		rc = cli_refused(about, status, out);
	}
	free(cause);
	free(socket);
	return rc;
}

int
cli_ask_raw(const char *method, const char *path, const void *body, size_t len, struct buf *out)
{
	return ask(NULL, method, path, body, len, out);
}

int
cli_ask_about(
    const char *about, const char *method, const char *path, cJSON *body, struct buf *out)
{
	char *text = body != NULL ? json_print_take(body) : NULL;
	int rc = ask(about, method, path, text, text != NULL ? strlen(text) : 0, out);

	free(text);
	return rc;
}

int
cli_ask_quietly(const char *path, struct buf *out)
{
	char *socket = paths_socket();
	int status, rc = client_request(socket, "GET", path, NULL, 0, &status, out, NULL);

	free(socket);
	return rc == 0 && status == 200 ? 0 : -ENOENT;
}

int
cli_ask(const char *method, const char *path, cJSON *body, struct buf *out)
{
	return cli_ask_about(NULL, method, path, body, out);
}

int
cli_ask_pane(
    const char *method, const char *pane, const char *suffix, cJSON *body, struct buf *out)
{
	char *id = str_url_encode(pane), *path = xasprintf("/api/v1/panes/%s%s", id, suffix);
	int rc = cli_ask(method, path, body, out);

	free(path);
	free(id);
	return rc;
}

int
cli_delete(const char *path, const char *name)
{
	char *part = str_url_encode(name), *whole = xasprintf("%s/%s", path, part);
	struct buf out;
	int rc;

	buf_init(&out, BUF_NO_MAX);
	rc = cli_ask("DELETE", whole, NULL, &out);
	buf_release(&out);
	free(whole);
	free(part);
	return rc;
}

void
cli_print_safe(const char *text, int width, int pad)
{
	unsigned left = width != 0 ? (unsigned)width : UINT_MAX;
	struct buf b;

	buf_init(&b, BUF_NO_MAX);
	columns_put(&b, text, strlen(text), &left);
	if (b.len != 0)
		fwrite(b.data, 1, b.len, stdout);
	for (; pad && width != 0 && left > 0; left--)
		putchar(' ');
	buf_release(&b);
}

char *
cli_safe_text(const char *text)
{
	unsigned left = UINT_MAX;
	struct buf b;

	buf_init(&b, BUF_NO_MAX);
	columns_put(&b, text, strlen(text), &left);
	return buf_take(&b);
}

int
cli_main(int argc, char **argv)
{
	const char *name = argc > 1 ? argv[1] : "";

	if (strcmp(name, "--version") == 0 || strcmp(name, "-V") == 0) {
		puts(PACKAGE_STRING);
		return CLI_DONE;
	}
	if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0 ||
	    strcmp(name, "help") == 0) {
		print_help(stdout);
		return CLI_DONE;
	}
	for (size_t i = 0; i < sizeof commands / sizeof *commands; i++) {
		if (strcmp(commands[i]->name, name) == 0)
			return commands[i]->run(argc - 1, argv + 1);
	}
	if (*name == '\0')
		print_help(stderr);
	else
		cli_error("%s: no such command (panescry --help)", name);
	return CLI_ERROR;
}
