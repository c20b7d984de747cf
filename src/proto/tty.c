#include "config.h"

#include "proto/tty.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "base/buf.h"
#include "base/utf8.h"
#include "proto/json.h"

/* A terminal that has no size yet may say null, or NaN, which JSON has as null. */
static bool
is_said(const cJSON *o, const char *name)
{
	const cJSON *item = cJSON_GetObjectItemCaseSensitive(o, name);

	return item != NULL && !cJSON_IsNull(item);
}

static int
read_size(const cJSON *o, struct tty_request *out)
{
	uint64_t cols, rows;

	if (!is_said(o, "columns") && !is_said(o, "rows"))
		return 0;
	if (json_u64(o, "columns", 1, TTY_SIZE_MAX, &cols) != 0 ||
	    json_u64(o, "rows", 1, TTY_SIZE_MAX, &rows) != 0)
		return -EINVAL;
	out->cols = (unsigned)cols;
	out->rows = (unsigned)rows;
	return 0;
}

static int
read_token(const cJSON *o, struct tty_request *out)
{
	const char *token = json_string(o, "AuthToken");

	if (!is_said(o, "AuthToken"))
		return 0;
	if (token == NULL || strlen(token) > TTY_TOKEN_MAX)
		return -EINVAL;
	strcpy(out->token, token);
	return 0;
}

static int
parse_json(const char *text, size_t len, struct tty_request *out)
{
	cJSON *o = json_parse(text, len);
	int rc = o != NULL ? read_size(o, out) : -EINVAL;

	if (rc == 0 && out->kind == TTY_REQ_HELLO)
		rc = read_token(o, out);
	cJSON_Delete(o);
	return rc;
}

int
tty_parse(const void *msg, size_t len, struct tty_request *out)
{
	const char *p = msg;

	*out = (struct tty_request){.kind = TTY_REQ_OTHER};
	if (len == 0)
		return -EINVAL;
	switch (p[0]) {
	case '{':
		out->kind = TTY_REQ_HELLO;
		return parse_json(p, len, out);
	case '0':
		out->kind = TTY_REQ_INPUT;
		out->input = p + 1;
		out->input_len = len - 1;
		return 0;
	case '1':
		out->kind = TTY_REQ_RESIZE;
		return parse_json(p + 1, len - 1, out);
	case '2':
		out->kind = TTY_REQ_PAUSE;
		return 0;
	case '3':
		out->kind = TTY_REQ_RESUME;
		return 0;
	default:
		return 0;
	}
}

/* Up to the end of a control string that begins at s, or 0. */
static size_t
string_end(const char *s, size_t len)
{
	for (size_t i = 2; i < len; i++) {
		if (s[i] == '\a')
			return i + 1;
		if (s[i] == '\033')
			return i + 1 < len && s[i + 1] == '\\' ? i + 2 : 0;
	}
	return 0;
}

static bool
is_shifted_f3(const char *params, size_t len)
{
	return len >= 3 && len <= 4 && params[0] == '1' && params[1] == ';';
}

/* Up to the end of a CSI sequence that answers, or 0. */
static size_t
report_end(const char *s, size_t len)
{
	size_t n = 2 + strspn(s + 2, "0123456789;:?>=$");
	const char *params = s + 2;

	if (n == 2 || n >= len)
		return 0;
	switch (s[n]) {
	case 'c':
		return *params == '?' || *params == '>' || *params == '=' ? n + 1 : 0;
	case 'u':
		return *params == '?' ? n + 1 : 0;
	case 'y':
		return s[n - 1] == '$' ? n + 1 : 0;
	case 'R':
		return is_shifted_f3(params, n - 2) ? 0 : n + 1;
	case 'n':
	case 't':
		return n + 1;
	default:
		return 0;
	}
}

bool
tty_is_answer(const char *input, size_t len)
{
	char text[TTY_ANSWER_MAX + 1];
	size_t at = 0, n;

	if (len == 0 || len > TTY_ANSWER_MAX)
		return false;
	memcpy(text, input, len);
	text[len] = '\0';
	for (; at < len; at += n) {
		if (len - at < 3 || text[at] != '\033')
			return false;
		if (text[at + 1] == '[')
			n = report_end(text + at, len - at);
		else if (text[at + 1] == ']' || text[at + 1] == 'P')
			n = string_end(text + at, len - at);
		else
			n = 0;
		if (n == 0)
			return false;
	}
	return true;
}

/* No more than max bytes, whole characters. */
static void
put_plain(struct buf *b, const char *text, size_t max)
{
	char *good = utf8_sanitize(text, strlen(text)), out[UTF8_MAX];
	size_t len = strlen(good), at = 0, end = b->len + max, n;
	uint32_t cp;

	while (at < len) {
		at += utf8_decode(good + at, len - at, &cp);
		n = utf8_encode(utf8_is_plain(cp) ? cp : ' ', out);
		if (b->len + n > end)
			break;
		buf_append(b, out, n);
	}
	free(good);
}

void
tty_put_title(struct buf *b, const char *command, const char *host)
{
	enum { HOST_MAX = 256 };

	buf_putc(b, '1');
	put_plain(b, command, TTY_INITIAL_MAX - HOST_MAX - 4);
	buf_puts(b, " (");
	put_plain(b, host, HOST_MAX);
	buf_putc(b, ')');
}

void
tty_put_preferences(struct buf *b, const char *json)
{
	buf_putc(b, '2');
	buf_puts(b, json);
}

void
tty_put_output(struct buf *b)
{
	buf_putc(b, '0');
}
