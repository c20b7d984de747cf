#include "config.h"

#include "unit.h"

#include <errno.h>
#include <stdio.h>

#include <cjson/cJSON.h>

#include "base/buf.h"
#include "base/utf8.h"
#include "proto/attach.h"
#include "proto/http_head.h"
#include "proto/json.h"

static void
requests_that_are_none(void **state)
{
	static const char *const bad[] = {"", "\x02", "\x7f", "\x03", "\x03{", "\x03[]",
	    "\x03{}", "\x03{\"type\":1}", "\x03{\"type\":\"nope\"}", "\x03{\"type\":\"ack\"}",
	    "\x03{\"type\":\"ack\",\"offset\":-1}", "\x03{\"type\":\"ack\",\"offset\":1.5}",
	    "\x03{\"type\":\"ack\",\"offset\":1e300}",
	    "\x03{\"type\":\"ack\",\"offset\":\"1\"}", "\x03{\"type\":\"resize\",\"cols\":80}",
	    "\x03{\"type\":\"resize\",\"cols\":0,\"rows\":1}",
	    "\x03{\"type\":\"resize\",\"cols\":2001,\"rows\":1}", "\x03{\"type\":\"ping\"}x",
	    "\x03{\"type\":\"ping\",\"x\":\"\xFF\"}"};
	struct attach_request r;

	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		char *cause = NULL;
		assert_int_equal(
		    attach_parse_request(bad[i], strlen(bad[i]), &r, &cause), -EINVAL);
		assert_non_null(cause);
		free(cause);
	}
}

static void
requests(void **state)
{
	static const char resize[] = "\x03{\"type\":\"resize\",\"cols\":80,\"rows\":24}  ";
	static const char ack[] = "\x03{\"type\":\"ack\",\"offset\":9007199254740991}";
	static const char snapshot[] = "\x03{\"type\":\"snapshot\"}";
	static const char short_one[] = "\x03{\"type\":\"snapshot\",\"lines\":0}";
	static const char long_one[] = "\x03{\"type\":\"snapshot\",\"lines\":1001}";
	static char big[ATTACH_INPUT_MAX + 2] = {ATTACH_INPUT};
	struct attach_request r;

	(void)state;
	assert_int_equal(attach_parse_request(resize, sizeof resize - 1, &r, NULL), 0);
	assert_int_equal(r.kind, ATTACH_REQ_RESIZE);
	assert_int_equal(r.cols, 80);
	assert_int_equal(r.rows, 24);
	assert_int_equal(attach_parse_request(ack, sizeof ack - 1, &r, NULL), 0);
	assert_true(r.offset == JSON_INT_MAX);
	assert_int_equal(attach_parse_request(snapshot, sizeof snapshot - 1, &r, NULL), 0);
	assert_int_equal(r.kind, ATTACH_REQ_SNAPSHOT);
	assert_int_equal(r.lines, ATTACH_SNAPSHOT_LINES);
	assert_int_equal(attach_parse_request(short_one, sizeof short_one - 1, &r, NULL), 0);
	assert_int_equal(r.lines, 0);
	assert_int_equal(
	    attach_parse_request(long_one, sizeof long_one - 1, &r, NULL), -EINVAL);
	assert_int_equal(attach_parse_request("\x01\0x", 3, &r, NULL), 0);
	assert_int_equal(r.kind, ATTACH_REQ_INPUT);
	assert_int_equal(r.input_len, 2);
	assert_int_equal(attach_parse_request(big, sizeof big - 1, &r, NULL), 0);
	assert_int_equal(attach_parse_request(big, sizeof big, &r, NULL), -EMSGSIZE);
}

static void
json_depth_is_bounded(void **state)
{
	char deep[200001];
	cJSON *o;

	(void)state;
	memset(deep, '[', 100000);
	memset(deep + 100000, ']', 100000);
	assert_null(json_parse(deep, 200000));
	o = json_parse("{\"a\":\"[[[[\\\"[[[[\"}", 18);
	assert_non_null(o);
	assert_string_equal(json_string(o, "a"), "[[[[\"[[[[");
	cJSON_Delete(o);
}

static void
events_come_back(void **state)
{
	struct buf b;
	struct attach_event e;
	unsigned char h[ATTACH_HEADER];

	(void)state;
	buf_init(&b, BUF_NO_MAX);
	attach_put_header(h, ATTACH_OUTPUT, 0x0102030405060708ull);
	buf_append(&b, h, sizeof h);
	buf_puts(&b, "hi");
	assert_int_equal(attach_parse_event(b.data, b.len, &e), 0);
	assert_int_equal(e.kind, ATTACH_EV_OUTPUT);
	assert_true(e.offset == 0x0102030405060708ull);
	assert_int_equal(e.len, 2);
	assert_int_equal(attach_parse_event(b.data, 8, &e), -EINVAL);
	buf_reset(&b);
	attach_put_hello(&b, &(struct attach_hello){"p1", 80, 24, 77, true});
	assert_int_equal(attach_parse_event(b.data, b.len, &e), 0);
	assert_int_equal(e.kind, ATTACH_EV_HELLO);
	assert_int_equal(e.offset, 77);
	assert_true(e.read_only);
	buf_reset(&b);
	attach_put_exit(&b, 3);
	assert_int_equal(attach_parse_event(b.data, b.len, &e), 0);
	assert_int_equal(e.status, 3);
	buf_release(&b);
}

/* cJSON takes numbers of that size for equal to their neighbours when it prints them. */
static void
offsets_are_exact(void **state)
{
	struct attach_request r;
	struct attach_event e;
	struct buf b;

	(void)state;
	buf_init(&b, BUF_NO_MAX);
	attach_put_client_ack(&b, JSON_INT_MAX);
	assert_int_equal(attach_parse_request(b.data, b.len, &r, NULL), 0);
	assert_true(r.offset == JSON_INT_MAX);
	buf_reset(&b);
	attach_put_hello(&b, &(struct attach_hello){"p1", 80, 24, JSON_INT_MAX, false});
	assert_int_equal(attach_parse_event(b.data, b.len, &e), 0);
	assert_true(e.offset == JSON_INT_MAX);
	buf_release(&b);
}

static void
a_long_error_is_cut_between_characters(void **state)
{
	char text[301];
	struct attach_event e;
	struct buf b;

	(void)state;
	for (size_t i = 0; i < 300; i += 3)
		memcpy(text + i, "\xE4\xB8\xAD", 3);
	text[300] = '\0';
	buf_init(&b, BUF_NO_MAX);
	for (size_t i = 0; i < 3; i++) {
		char shifted[310];

		snprintf(shifted, sizeof shifted, "%.*s%s", (int)i, "ab", text);
		buf_reset(&b);
		attach_put_error(&b, "code", shifted);
		assert_int_equal(attach_parse_event(b.data, b.len, &e), 0);
		assert_true(utf8_valid(e.message, strlen(e.message)));
		assert_in_range(strlen(e.message), 250, sizeof e.message - 1);
	}
	buf_release(&b);
}

static bool
is_x_a(const char *name, size_t len)
{
	return len == 3 && memcmp(name, "X-A", 3) == 0;
}

static int
head(const char *text, size_t len, int *status)
{
	struct http_fault fault = {0};
	size_t end = 0;
	int rc = http_head_check(text, len, &end, &fault, is_x_a);

	*status = fault.status;
	if (rc == 1)
		assert_true(end <= len && memcmp(text + end - 4, "\r\n\r\n", 4) == 0);
	assert_int_equal(rc < 0, fault.message != NULL);
	return rc;
}

#define G "GET / HTTP/1.1\r\n"

static void
heads(void **state)
{
	static const char *const good[] = {G "\r\n", G "Host: a\r\n\r\n",
	    "POST /a/b?c=%09&d=%1b HTTP/1.0\r\nX-B:\tv \xC3\xA4 \r\nX-B:\r\n\r\nbody\n",
	    G "Content-Length: 12 \r\nCookie: a\r\nCookie: b\r\n\r\n",
	    "GET /%zz%1 HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n"};
	int status;

	(void)state;
	for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
		const char *end = strstr(good[i], "\r\n\r\n") + 4;
		size_t whole = (size_t)(end - good[i]);

		assert_int_equal(head(good[i], strlen(good[i]), &status), 1);
		for (size_t n = 0; n < whole; n++)
			assert_int_equal(head(good[i], n, &status), 0);
	}
}

static void
heads_that_are_none(void **state)
{
	static const char *const bad[] = {"\r\n", " ", "\x16\x03\x01", "GET / HTTP/1.1\n",
	    "GET  / HTTP/1.1\r\n", "GET /\r\n", "GET / HTTP/2.0\r\n", "GET / HTTP/1.2\r\n",
	    "GET / http/1.1\r\n", "GET /a b HTTP/1.1\r\n", "GET http://a/ HTTP/1.1\r\n",
	    "OPTIONS * HTTP/1.1\r\n", "CONNECT a:1 HTTP/1.1\r\n", "GET /%0a HTTP/1.1\r\n",
	    "GET /?a=%0D HTTP/1.1\r\n", "GET /?%00 HTTP/1.1\r\n", "GET /%1b HTTP/1.1\r\n",
	    "GET /\t HTTP/1.1\r\n", "G:T / HTTP/1.1\r\n", "GET HTTP/1.1\r\n", " HTTP/1.1\r\n",
	    "GET\r\n", G "a\r\n", G ": b\r\n", G "a : b\r\n", G "a\t: b\r\n",
	    G "a: b\r\n c\r\n", G "a: b\n", G "a: b\rc: d\r\n", G "a: \x01\r\n",
	    G "a: \x7F\r\n", G "a\x80: b\r\n", G "X-A: b\r\n", G "Host: a\r\nhost: a\r\n",
	    G "Origin: a\r\nOrigin: b\r\n", G "Content-Length: 1\r\nContent-Length: 1\r\n",
	    G "Content-Length: 1, 1\r\n", G "Content-Length: +1\r\n", G "Content-Length:\r\n",
	    G "Content-Length: 1 1\r\n", G "Content-Length: 1\r\nTransfer-Encoding: x\r\n\r\n"};
	int status;

	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		if (head(bad[i], strlen(bad[i]), &status) != -1 || status != 400)
			fail_msg("%s", bad[i]);
	}
	assert_int_equal(head(G "a: \0\r\n", sizeof G - 1 + 6, &status), -1);
}

static void
heads_that_are_too_much(void **state)
{
	struct buf b;
	int status;

	(void)state;
	for (int more = 0; more < 2; more++) {
		buf_init(&b, BUF_NO_MAX);
		buf_puts(&b, G);
		for (int i = 0; i < HTTP_HEAD_LINES + more; i++)
			buf_puts(&b, "a:\r\n");
		buf_puts(&b, "\r\n");
		assert_int_equal(head(b.data, b.len, &status), more ? -1 : 1);
		assert_int_equal(status, more ? 431 : 0);
		buf_reset(&b);
		buf_puts(&b, "GET /?");
		for (int i = 1; i < HTTP_HEAD_ARGS + more; i++)
			buf_puts(&b, "&");
		buf_puts(&b, " HTTP/1.1\r\n\r\n");
		assert_int_equal(head(b.data, b.len, &status), more ? -1 : 1);
		assert_int_equal(status, more ? 431 : 0);
		buf_release(&b);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(heads),
	    cmocka_unit_test(heads_that_are_none),
	    cmocka_unit_test(heads_that_are_too_much),
	    cmocka_unit_test(requests_that_are_none),
	    cmocka_unit_test(requests),
	    cmocka_unit_test(json_depth_is_bounded),
	    cmocka_unit_test(events_come_back),
	    cmocka_unit_test(offsets_are_exact),
	    cmocka_unit_test(a_long_error_is_cut_between_characters),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
