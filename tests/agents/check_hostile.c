/* Lines that are wrong in every way: none may crash a parser, or get out of it what no sink
 * expects. */
#include "config.h"

#include <string.h>

#include <cjson/cJSON.h>

#include "base/buf.h"
#include "base/xmalloc.h"
#include "proto/json.h"
#include "sample.h"

enum { LINE_MAX_ = 6000, NODES_MAX = 60, LONG = 10 * 1000 * 1000 };

static const char *const odd[] = {"null", "true", "-1", "1.5", "9007199254740993", "1e300",
    "1e999", "\"\"", "\"\\ud800\"", "\"\\u0000x\"", "[]", "{}", "[null,[1],{\"a\":\"b\"}]",
    "0"};

/* The nth value in a tree becomes another. */
static bool
swap(cJSON *o, size_t *nth, const char *value)
{
	for (cJSON *c = o->child; c != NULL; c = c->next) {
		if (*nth == 0) {
			cJSON *raw = cJSON_CreateRaw(value);

			if (cJSON_IsObject(o))
				cJSON_ReplaceItemInObjectCaseSensitive(o, c->string, raw);
			else
				cJSON_ReplaceItemViaPointer(o, c, raw);
			return true;
		}
		--*nth;
		if (swap(c, nth, value))
			return true;
	}
	return false;
}

static void
feed_one(const char *format, const char *line, size_t len)
{
	struct tally t = {0};

	feed(&t, format, "/a/b/c.jsonl", line, len, PLAIN, 0);
	feed(&t, format, "/a/b/c.jsonl", line, len, SAVED, 0);
	tally_free(&t);
}

static void
swap_all(const char *format, const char *line, size_t len)
{
	size_t kinds = sizeof odd / sizeof odd[0];

	for (size_t i = 0; i < NODES_MAX; i++) {
		cJSON *o = cJSON_ParseWithLength(line, len);
		size_t nth = i;
		char *text;
		bool done;

		if (o == NULL)
			return;
		done = !swap(o, &nth, odd[(i * 7 + len) % kinds]);
		for (size_t k = 0; !done && k < kinds; k++) {
			nth = i;
			swap(o, &nth, odd[k]);
			text = cJSON_PrintUnformatted(o);
			feed_one(format, text, strlen(text));
			free(text);
			cJSON_Delete(o);
			o = cJSON_ParseWithLength(line, len);
		}
		cJSON_Delete(o);
		if (done)
			return;
	}
}

static void
swap_bytes(const char *format, const char *line, size_t len)
{
	static const char bytes[] = {'\0', '\xff', '\xc3', '"', '\\', '{', '\r'};
	char *copy = xmalloc(len);

	for (size_t i = 0; i < len; i += 1 + len / 50) {
		memcpy(copy, line, len);
		copy[i] = bytes[i % sizeof bytes];
		feed_one(format, copy, len);
	}
	free(copy);
}

static void
check_lines(const char *format, const char *data)
{
	for (size_t n; *data != '\0'; data += n + (data[n] == '\n')) {
		n = strcspn(data, "\n");
		if (agent_format_find(format)->layout == AGENT_DOCUMENT)
			n = strlen(data);
		if (n > LINE_MAX_)
			continue;
		swap_bytes(format, data, n);
		swap_all(format, data, n);
	}
}

static void
check_depth(const char *format)
{
	size_t deep = 1000000;
	char *line = xmalloc(deep);

	memset(line, '[', deep);
	memcpy(line, "{\"a\":", 5);
	feed_one(format, line, deep);
	for (size_t i = 5; i + 5 < deep; i += 5)
		memcpy(line + i, "{\"a\":", 5);
	feed_one(format, line, deep);
	free(line);
}

/* Prompts of 10 MB, and what is no text in them replaced. */
static void
check_long(void)
{
	static const char head[] =
	    "{\"timestamp\":\"2026-01-01T00:00:00Z\",\"type\":\"response_item\","
	    "\"payload\":{\"type\":\"message\",\"role\":\"user\",\"content\":"
	    "[{\"type\":\"input_text\",\"text\":\"",
			  tail[] = "\\u0000\xff\\ud83d\"}]}}";
	struct tally t = {0};
	struct buf b;

	buf_init(&b, BUF_NO_MAX);
	buf_puts(&b, head);
	memset(buf_reserve(&b, LONG), 'x', LONG);
	buf_commit(&b, LONG);
	buf_append(&b, tail, sizeof tail - 1);
	feed(&t, "codex-rollout", "/a", b.data, b.len, PLAIN, 0);
	CHECK(t.passed == 0 && t.longest == LONG + 9);
	CHECK(t.shown[AGENT_USER] == 1 && t.types[AGENT_TURN] == 1);
	buf_release(&b);
	tally_free(&t);
}

/* What is no number is not said. */
static void
check_numbers(void)
{
	static const char lines[] =
	    "{\"type\":\"event_msg\",\"payload\":{\"type\":\"token_count\",\"info\":{"
	    "\"last_token_usage\":{\"input_tokens\":9007199254740993,\"output_tokens\":-5}}}}\n"
	    "{\"type\":\"event_msg\",\"payload\":{\"type\":\"token_count\",\"info\":{"
	    "\"last_token_usage\":{\"input_tokens\":10,\"output_tokens\":\"5\"}}}}\n"
	    "not JSON\n\n[]\n";
	struct tally t = {0};
	struct agent_usage u;

	feed(&t, "codex-rollout", "/a", lines, sizeof lines - 1, PLAIN, 0);
	u = tally_sum(&t, NULL, NULL);
	CHECK(t.n == 1 && u.input == 10 && u.output == AGENT_UNKNOWN && t.passed == 2);
	tally_free(&t);
}

static void
check_states(void)
{
	static const char *const states[] = {"", "{}", "[]", "{\"version\":1}",
	    "{\"version\":2,\"session\":\"a\"}", "{\"version\":1,\"session\":3}",
	    "{\"version\":1,\"session\":\"a\"}",
	    "{\"version\":1,\"session\":\"a\",\"replay\":99,\"total\":[],\"shown\":3,\"steps\":"
	    "-1}"};
	struct tally t = {0};
	struct agent_sink sink = tally_sink(&t);

	for (size_t f = 0; agent_formats[f] != NULL; f++)
		for (size_t i = 0; i < sizeof states / sizeof states[0]; i++) {
			struct agent_parser *p = agent_formats[f]->open(NULL, &sink);
			bool taken = agent_formats[f]->restore(p, states[i], strlen(states[i]));

			/* Claude's parsers keep other things. */
			if (strcmp(agent_formats[f]->agent, "claude") != 0)
				CHECK(taken == (i >= 6));
			else
				CHECK(!taken || i >= 3);
			agent_formats[f]->flush(p);
			agent_formats[f]->close(p);
		}
	tally_free(&t);
}

void
check_hostile(const char *const *formats, char *const *datas, size_t n)
{
	for (size_t i = 0; i < n; i++)
		check_lines(formats[i], datas[i]);
	for (size_t f = 0; agent_formats[f] != NULL; f++)
		check_depth(agent_formats[f]->name);
	check_long();
	check_numbers();
	check_states();
}
