/* token: a new access token and its link. */
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
#include "cli/qr.h"
#include "proto/json.h"

static const struct cli_option token_options[] = {
    {"read-only", 'r', NULL, "a token that may only look"},
    {"expires", 'e', "TIME", "end after TIME: a number and s, m, h or d (default: never)"},
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

static void
print_answer(const struct buf *out, bool json, bool qr)
{
	cJSON *o = json_parse(out->data, out->len);
	const char *token = json_string(o, "token"), *link = json_string(o, "link");

	if (json) {
		put_json_line(out->data);
	} else if (token != NULL && link != NULL) {
		put_line(token);
		put_line(link);
		if (qr)
			qr_print(link);
	}
	cJSON_Delete(o);
}

static int
run_token(int argc, char **argv)
{
	struct cli_walk w = {&cmd_token, argc, argv, NULL, 0};
	bool json = false, read_only = false, qr = false;
	uint64_t seconds = 0;
	struct buf out;
	int option, rc;
	cJSON *body;

	while ((option = cli_next(&w)) != CLI_END) {
		if (option == CLI_BAD)
			return CLI_ERROR;
		if (option == 1 && (seconds = duration(w.arg)) == 0)
			return cli_usage(
			    &cmd_token, "--expires must look like 90s, 15m, 12h or 30d");
		read_only |= option == 0;
		qr |= option == 2;
		json |= option == 3;
	}
	if (w.operand != argc)
		return cli_usage(&cmd_token, "takes no operand");
	body = json_object();
	cJSON_AddBoolToObject(body, "read_only", read_only);
	if (seconds != 0)
		cJSON_AddNumberToObject(body, "expires_in", (double)seconds);
	buf_init(&out, BUF_NO_MAX);
	rc = cli_ask("POST", "/api/v1/tokens", body, &out);
	if (rc == CLI_DONE)
		print_answer(&out, json, qr);
	buf_release(&out);
	return rc;
}

const struct cli_command cmd_token = {"token", "",
    "Make an access token and print it with its link", token_options, run_token, 0};
