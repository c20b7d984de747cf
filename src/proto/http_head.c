#include "config.h"

#include "proto/http_head.h"

#include <string.h>
#include <strings.h>

/* Headers that may come once. */
enum { HOST, ORIGIN, LENGTH, CODING, AUTHORIZATION, UPGRADE, ONCE };

static const char *const once[ONCE] = {
    "host", "origin", "content-length", "transfer-encoding", "authorization", "upgrade"};

struct head {
	bool seen[ONCE];
	unsigned lines;
	bool (*trap)(const char *name, size_t len);
	struct http_fault *fault;
};

static int
wrong(struct http_fault *fault, int status, const char *message)
{
	*fault = (struct http_fault){status, message};
	return -1;
}

/* RFC 9110 5.6.2. */
static bool
is_token(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	       (c != '\0' && strchr("!#$%&'*+-.^_`|~", c) != NULL);
}

static size_t
token_len(const char *p, size_t len)
{
	size_t n = 0;

	while (n < len && is_token(p[n]))
		n++;
	return n;
}

static int
hex(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if ((c | 0x20) >= 'a' && (c | 0x20) <= 'f')
		return (c | 0x20) - 'a' + 10;
	return -1;
}

const char *
http_target_fault(const char *target, size_t len)
{
	bool query = false;
	unsigned args = 0;
	int high, low;

	if (len == 0 || target[0] != '/')
		return "the target must be a path";
	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)target[i];

		if (c == '?')
			query = true;
		if (query && (c == '?' || c == '&') && ++args > HTTP_HEAD_ARGS)
			return "the query has too many arguments";
		if (c <= 0x20 || c == 0x7F)
			return "the target has a blank or a control character";
		if (c != '%' || len - i < 3 || (high = hex(target[i + 1])) < 0 ||
		    (low = hex(target[i + 2])) < 0)
			continue;
		c = (unsigned char)(high << 4 | low);
		/* A pattern may have a tab or an escape; a path has none. */
		if (c == '\0' || c == '\r' || c == '\n' || (!query && (c < 0x20 || c == 0x7F)))
			return "the target has an escaped control character";
	}
	return NULL;
}

/* "GET /path HTTP/1.1", without its CRLF. */
static int
check_request_line(const char *p, size_t len, struct http_fault *fault)
{
	static const char version[] = " HTTP/1.";
	const size_t tail = sizeof version; /* with the digit */
	size_t n = token_len(p, len);
	const char *why;

	if (n == 0 || n == len || p[n] != ' ')
		return wrong(fault, 400, "the request line has no method");
	if (len < n + 1 + tail || memcmp(p + len - tail, version, tail - 1) != 0 ||
	    (p[len - 1] != '1' && p[len - 1] != '0'))
		return wrong(fault, 400, "the request line does not end in HTTP/1.1");
	if ((why = http_target_fault(p + n + 1, len - n - 1 - tail)) != NULL)
		return wrong(fault, strstr(why, "too many") != NULL ? 431 : 400, why);
	return 0;
}

static int
check_value(const char *p, size_t len, struct http_fault *fault)
{
	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)p[i];

		if ((c < 0x20 && c != '\t') || c == 0x7F)
			return wrong(fault, 400, "a header has a control character");
	}
	return 0;
}

static bool
is_length(const char *p, size_t len)
{
	while (len != 0 && (*p == ' ' || *p == '\t'))
		p++, len--;
	while (len != 0 && (p[len - 1] == ' ' || p[len - 1] == '\t'))
		len--;
	for (size_t i = 0; i < len; i++) {
		if (p[i] < '0' || p[i] > '9')
			return false;
	}
	return len != 0;
}

static int
check_header(struct head *h, const char *p, size_t len)
{
	size_t n = token_len(p, len);

	if (++h->lines > HTTP_HEAD_LINES)
		return wrong(h->fault, 431, "there are too many headers");
	if (n == 0)
		return wrong(h->fault, 400, "a header line has no name");
	if (n == len || p[n] != ':')
		return wrong(h->fault, 400, "a header's name is not followed by a colon");
	if (check_value(p + n + 1, len - n - 1, h->fault) != 0)
		return -1;
	for (int i = 0; i < ONCE; i++) {
		if (strlen(once[i]) != n || strncasecmp(once[i], p, n) != 0)
			continue;
		if (h->seen[i])
			return wrong(
			    h->fault, 400, "a header is there twice that may come once");
		h->seen[i] = true;
		if (i == LENGTH && !is_length(p + n + 1, len - n - 1))
			return wrong(h->fault, 400, "Content-Length is not a number");
	}
	if (h->trap != NULL && h->trap(p, n))
		return wrong(h->fault, 400, "a header's name cannot be taken");
	return 0;
}

/* The line's length without its CRLF, or -1 while it is not whole; -2 for a bare CR or LF. */
static long
line_len(const char *p, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		if (p[i] == '\n')
			return -2;
		if (p[i] == '\r' && i + 1 < len)
			return p[i + 1] == '\n' ? (long)i : -2;
	}
	return -1;
}

int
http_head_check(const char *data, size_t len, size_t *end, struct http_fault *fault,
    bool (*trap)(const char *name, size_t len))
{
	struct head h = {.trap = trap, .fault = fault};
	size_t at = 0;
	long n;

	if (len != 0 && !is_token(data[0]))
		return wrong(fault, 400, "this is no HTTP request");
	while ((n = line_len(data + at, len - at)) >= 0) {
		size_t line = (size_t)n;

		if (at != 0 && line == 0) {
			*end = at + 2;
			if (h.seen[LENGTH] && h.seen[CODING])
				return wrong(
				    fault, 400, "the body has a length and a transfer coding");
			return 1;
		}
		if (at == 0 ? check_request_line(data, line, fault) != 0
			    : check_header(&h, data + at, line) != 0)
			return -1;
		at += line + 2;
	}
	return n == -1 ? 0 : wrong(fault, 400, "a line does not end in CR LF");
}
