/*
 * HTTP requests to a whole daemon: nothing crashes, every answer is one, what is JSON in it is whole,
 * nothing of the request becomes a header of the answer, and who has no token learns nothing. Input:
 * '0' and the bytes of a connection through the TCP door, where "@H" becomes its Host and "@T" its token;
 * or '1', the number of a route, the words in its path and a space behind each, a newline, the query, a
 * newline and the body, which go through the Unix socket.
 */
#include "config.h"

#include <stdbool.h>
#include <unistd.h>

#include <cjson/cJSON.h>

#include "app/app_priv.h"
#include "base/buf.h"
#include "base/str.h"
#include "base/utf8.h"
#include "door.h"
#include "fuzz.h"
#include "net/http.h"

enum { ANSWERS_MAX = 64 };

/* A header's value in the head of an answer; NULL: it has none. */
static const char *
header(const char *head, const char *name, size_t *len)
{
	size_t n = strlen(name);

	for (const char *at = head; (at = strstr(at, "\r\n")) != NULL;) {
		at += 2;
		if (strncasecmp(at, name, n) != 0 || at[n] != ':')
			continue;
		at += n + 1 + strspn(at + n + 1, " ");
		*len = strcspn(at, "\r\n");
		return at;
	}
	return NULL;
}

static void
check_head(const char *head)
{
	must(strncmp(head, "HTTP/1.", 7) == 0 && head[8] == ' ');
	for (const char *p = head; *p != '\0'; p++)
		must((unsigned char)*p >= 0x20 || *p == '\r' || *p == '\n');
	must(strstr(head, "\r\nInjected") == NULL && strstr(head, "\r\ninjected") == NULL);
}

/* What went wrong, in words; JSON-RPC has them in an object. */
static void
check_error(const cJSON *o)
{
	const cJSON *error = cJSON_GetObjectItemCaseSensitive(o, "error");

	if (cJSON_GetObjectItemCaseSensitive(o, "jsonrpc") != NULL) {
		must(cJSON_IsNumber(cJSON_GetObjectItemCaseSensitive(error, "code")));
		error = cJSON_GetObjectItemCaseSensitive(error, "message");
	}
	must(cJSON_IsString(error));
}

static void
check_body(const char *head, const char *body, size_t len, bool known)
{
	const char *type, *end = NULL;
	int status = atoi(head + 9);
	size_t n = 0;
	cJSON *o;

	type = header(head, "content-type", &n);
	must(status >= 100 && status <= 599 && status != 500);
	if (type == NULL || n != 16 || strncmp(type, "application/json", n) != 0)
		return;
	must(header(head, "x-content-type-options", &n) != NULL);
	must(utf8_valid(body, len));
	o = cJSON_ParseWithLengthOpts(body, len, &end, false);
	must(o != NULL && end <= body + len);
	if (status >= 400)
		check_error(o);
	/* The only one that is for everybody. */
	else if (!known)
		must(cJSON_GetObjectItemCaseSensitive(o, "uptime_s") != NULL &&
		     cJSON_GetObjectItemCaseSensitive(o, "watches") == NULL);
	cJSON_Delete(o);
}

/* Whole answers, one behind the other. */
static unsigned
check_answers(const char *data, size_t size, bool known, bool head_only)
{
	unsigned answers = 0;

	while (size != 0 && answers < ANSWERS_MAX) {
		const char *end = memmem(data, size, "\r\n\r\n", 4), *value;
		size_t n = 0, length = 0;
		char *head;

		if (end == NULL)
			break;
		head = text_of(data, (size_t)(end - data) + 2);
		must(strlen(head) == (size_t)(end - data) + 2);
		check_head(head);
		if ((value = header(head, "content-length", &n)) != NULL)
			length = strtoul(value, NULL, 10);
		size -= (size_t)(end - data) + 4;
		data = end + 4;
		if (length > size || head_only || strncmp(head + 9, "101", 3) == 0) {
			free(head);
			return answers + 1;
		}
		check_body(head, data, length, known);
		data += length;
		size -= length;
		answers++;
		free(head);
	}
	return answers;
}

static void
try_bytes(const char *data, size_t size)
{
	bool known = false, head_only;
	struct buf request, answer;
	unsigned port;
	int fd = door_connect(false, &port);

	buf_init(&request, BUF_NO_MAX);
	buf_init(&answer, BUF_NO_MAX);
	buf_puts(&request, "");
	buf_puts(&answer, "");
	for (size_t i = 0; i < size; i++) {
		if (data[i] == '@' && i + 1 < size && data[i + 1] == 'H') {
			buf_printf(&request, "127.0.0.1:%u", port);
			i++;
		} else if (data[i] == '@' && i + 1 < size && data[i + 1] == 'T') {
			buf_puts(&request, DOOR_TOKEN);
			i++;
			known = true;
		} else {
			buf_putc(&request, data[i]);
		}
	}
	/* Heads of answers to HEAD say the length of what does not follow. */
	head_only = memmem(data, size, "HEAD", 4) != NULL;
	door_send(fd, request.data, request.len);
	door_read(fd, &answer, memmem(data, size, "\r\n\r\n", 4) != NULL);
	check_answers(answer.data, answer.len, known, head_only);
	close(fd);
	buf_release(&request);
	buf_release(&answer);
}

/* The path of a route with these words for what has a colon. */
static void
put_path(struct buf *b, const char *path, const char **words, const char *end)
{
	while (*path != '\0') {
		if (*path != ':') {
			buf_putc(b, *path++);
			continue;
		}
		const char *stop = memchr(*words, ' ', (size_t)(end - *words));
		char *word = text_of(*words, (size_t)((stop != NULL ? stop : end) - *words));
		char *safe = str_url_encode(word);

		buf_puts(b, safe);
		*words = stop != NULL ? stop + 1 : end;
		path += strcspn(path, "/");
		free(safe);
		free(word);
	}
}

static void
try_route(const char *data, size_t size)
{
	const char *end = data + size, *words = data + 1, *line, *query;
	const struct http_route *r = app_routes;
	struct buf path, answer;
	size_t n = 0;

	while (app_routes[n].method != NULL)
		n++;
	if ((line = memchr(words, '\n', (size_t)(end - words))) == NULL ||
	    (query = memchr(line + 1, '\n', (size_t)(end - line - 1))) == NULL)
		return;
	r += (unsigned char)data[0] % n;
	buf_init(&path, BUF_NO_MAX);
	buf_init(&answer, BUF_NO_MAX);
	buf_puts(&answer, "");
	put_path(&path, r->path, &words, line);
	buf_putc(&path, '?');
	for (const char *p = line + 1; p < query; p++)
		buf_putc(&path, (unsigned char)*p <= ' ' ? '+' : *p);
	door_ask(r->method, path.data, query + 1, (size_t)(end - query - 1), &answer);
	check_answers(answer.data, answer.len, true, false);
	buf_release(&path);
	buf_release(&answer);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *block;

	if (size < 3 || size > 16384 || (data[0] != '0' && data[0] != '1'))
		return 0;
	door_begin();
	block = block_of(data + 1, size - 1);
	if (data[0] == '0')
		try_bytes(block, size - 1);
	else
		try_route(block, size - 1);
	free(block);
	return 0;
}
