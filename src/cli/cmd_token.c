/* token: access tokens and their links. */
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
#include "cli/put.h"
#include "cli/qr.h"
#include "proto/json.h"

enum { O_NAME, O_READ_ONLY, O_PANE, O_EXPIRES, O_ONCE, O_QR, O_JSON };

static const struct cli_option token_options[] = {
    {"name", 'n', "NAME", "what it is called in the list"},
    {"read-only", 'r', NULL, "a token that may only look"},
    {"pane", 'p', "PANE", "a token for this pane alone"},
    {"expires", 'e', "TIME", "end after TIME: a number and s, m, h or d (default: never)"},
    {"once", 'o', NULL, "print a link that lets one browser in, once, and no token"},
    {"qr", 'q', NULL, "show the link as a QR code, too"},
    {"json", 'j', NULL, "print as JSON"},
    {0},
};

/* "90s", "15m", "12h", "30d"; a lone number is seconds. 0 when it is none of these. */
static uint64_t
duration(const char *text)
{
	static const struct {
		char unit;
		unsigned seconds;
	} units[] = {{'s', 1}, {'m', 60}, {'h', 3600}, {'d', 86400}};
	size_t n = strlen(text);
	unsigned scale = 1;
	char digits[16];
	uint64_t v;

	for (size_t i = 0; n != 0 && i < sizeof units / sizeof *units; i++) {
		if (text[n - 1] == units[i].unit) {
			scale = units[i].seconds;
			n--;
			break;
		}
	}
	if (n == 0 || n >= sizeof digits)
		return 0;
	memcpy(digits, text, n);
	digits[n] = '\0';
	return str_u64(digits, 1, 36500ull * 86400 / scale, &v) == 0 ? v * scale : 0;
}

struct wish {
	cJSON *body;
	const char *pane;
	bool json, qr, once;
};

static int
token_option(struct wish *w, int option, const char *arg)
{
	uint64_t seconds;

	switch (option) {
	case O_NAME:
		json_add_text(w->body, "name", arg);
		return CLI_DONE;
	case O_READ_ONLY:
		cJSON_AddTrueToObject(w->body, "read_only");
		return CLI_DONE;
	case O_PANE:
		w->pane = arg;
		return CLI_DONE;
	case O_EXPIRES:
		if ((seconds = duration(arg)) == 0)
			return cli_usage(
			    &cmd_token, "--expires must look like 90s, 15m, 12h or 30d");
		cJSON_AddNumberToObject(w->body, "expires_in", (double)seconds);
		return CLI_DONE;
	case O_ONCE:
		w->once = true;
		return CLI_DONE;
	case O_QR:
		w->qr = true;
		return CLI_DONE;
	default:
		w->json = true;
		return CLI_DONE;
	}
}

static void
print_made(const struct buf *out, const struct wish *w)
{
	cJSON *o = json_parse(out->data, out->len);
	const char *token = json_string(o, "token"), *link = json_string(o, "link");

	if (w->json) {
		put_json_line(out->data);
	} else if (link != NULL) {
		if (token != NULL)
			put_line(token);
		put_line(link);
		if (w->qr)
			qr_print(link);
	}
	cJSON_Delete(o);
}

static int
make(struct wish *w)
{
	struct buf out;
	char *pane = NULL;
	int rc;

	if (w->pane != NULL && (rc = in_tmux_resolve(w->pane, &pane)) != CLI_DONE)
		return rc;
	if (pane != NULL)
		json_add_text(w->body, "pane", pane);
	if (w->once)
		cJSON_AddTrueToObject(w->body, "once");
	free(pane);
	buf_init(&out, BUF_NO_MAX);
	rc = cli_ask("POST", "/api/v1/tokens", w->body, &out);
	w->body = NULL;
	if (rc == CLI_DONE)
		print_made(&out, w);
	buf_release(&out);
	return rc;
}

static void
column(const cJSON *o, const char *name, const char *without, int width)
{
	const char *text = json_string(o, name);

	cli_print_safe(text != NULL ? text : without, width, width != 0);
	putchar(width != 0 ? ' ' : '\n');
}

static void
print_token(const cJSON *o)
{
	bool reads = cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(o, "read_only"));
	bool once = cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(o, "once"));

	column(o, "id", "-", 8);
	column(o, "name", "-", 16);
	printf("%-6s ", once ? "link" : reads ? "read" : "write");
	column(o, "pane", "*", 8);
	column(o, "created", "-", 24);
	column(o, "expires", "never", 24);
	column(o, "last_used", "never", 0);
}

static int
list(bool json)
{
	const cJSON *item;
	struct buf out;
	cJSON *o = NULL;
	int rc;

	buf_init(&out, BUF_NO_MAX);
	rc = cli_ask("GET", "/api/v1/tokens", NULL, &out);
	if (rc == CLI_DONE && json) {
		put_json_line(out.data);
	} else if (rc == CLI_DONE) {
		o = json_parse(out.data, out.len);
		printf("%-8s %-16s %-6s %-8s %-24s %-24s %s\n", "ID", "NAME", "MAY", "PANE",
		    "CREATED", "EXPIRES", "LAST USED");
		cJSON_ArrayForEach (item, cJSON_GetObjectItemCaseSensitive(o, "tokens"))
			print_token(item);
	}
	cJSON_Delete(o);
	buf_release(&out);
	return rc;
}

static int
run_token(int argc, char **argv)
{
	struct cli_walk walk = {&cmd_token, argc, argv, NULL, 0};
	struct wish w = {.body = json_object()};
	int option, rc = CLI_DONE, n;
	const char *verb;

	while (rc == CLI_DONE && (option = cli_next(&walk)) != CLI_END)
		rc = option == CLI_BAD ? CLI_ERROR : token_option(&w, option, walk.arg);
	n = argc - walk.operand;
	verb = n > 0 ? argv[walk.operand] : "";
	if (rc != CLI_DONE)
		;
	else if (n == 0)
		rc = make(&w);
	else if (strcmp(verb, "ls") == 0 && n == 1)
		rc = list(w.json);
	else if (strcmp(verb, "rm") == 0 && n == 2)
		rc = cli_delete("/api/v1/tokens", argv[walk.operand + 1]);
	else
		rc = cli_usage(&cmd_token, "takes ls, rm ID, or no operand");
	cJSON_Delete(w.body);
	return rc;
}

const struct cli_command cmd_token = {"token", "[ls | rm ID|NAME]",
    "Make an access token and print it with its link", token_options, run_token, 0};
