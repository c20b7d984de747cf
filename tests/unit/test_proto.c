#include "config.h"

#include "unit.h"

#include <errno.h>
#include <stdio.h>

#include <cjson/cJSON.h>

#include "base/buf.h"
#include "base/utf8.h"
#include "proto/attach.h"
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

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(requests_that_are_none),
	    cmocka_unit_test(requests),
	    cmocka_unit_test(json_depth_is_bounded),
	    cmocka_unit_test(events_come_back),
	    cmocka_unit_test(offsets_are_exact),
	    cmocka_unit_test(a_long_error_is_cut_between_characters),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
