/*
 * Any bytes as what a client of the Model Context Protocol says, and as what the daemon answers:
 * nothing crashes; all that is sent is one line of valid JSON within its bounds; the daemon is asked
 * for paths of its API alone, and for what changes something only where that is allowed; and in the
 * end nothing is left under way. Input: lines. The first byte of all says how the conversation begins.
 * A line that begins with < and a status is what the daemon answers to the oldest question, ! looks at
 * what is subscribed to, ? is a daemon that is gone, $ is the end of the messages; any other line is
 * the client's.
 */
#include "config.h"

#include <errno.h>
#include <stdbool.h>

#include <cjson/cJSON.h>

#include "base/utf8.h"
#include "fuzz.h"
#include "mcp/mcp.h"
#include "proto/json.h"

enum { SENT_MAX = 4 * 1024 * 1024, ASKED_MAX = 2 * MCP_REQUESTS_MAX };

struct asked {
	struct request *for_whom; /* NULL: free */
	unsigned long turn;
};

struct daemon {
	struct asked asked[ASKED_MAX];
	unsigned long turns;
	bool write;
};

static bool
ends(const char *text, const char *end)
{
	size_t n = strlen(text), m = strlen(end);

	return n >= m && strcmp(text + n - m, end) == 0;
}

static void
on_send(void *arg, const char *text, size_t len)
{
	cJSON *o;

	(void)arg;
	must(len == strlen(text) && len != 0 && len < SENT_MAX);
	must(memchr(text, '\n', len) == NULL && utf8_valid(text, len));
	o = json_parse_any(text, len);
	must(cJSON_IsObject(o) || cJSON_IsArray(o));
	must(cJSON_IsArray(o) || json_string(o, "jsonrpc") != NULL);
	cJSON_Delete(o);
}

static void *
on_ask(void *arg, const char *method, const char *path, const void *body, size_t len,
    struct request *for_whom)
{
	struct daemon *d = arg;
	bool get = strcmp(method, "GET") == 0;

	must(get || strcmp(method, "POST") == 0);
	must(strncmp(path, "/api/v1/", 8) == 0 && strstr(path, "/../") == NULL);
	for (const char *p = path; *p != '\0'; p++)
		must(*p > ' ' && *p < 0x7F && *p != '#');
	must(get || d->write || ends(path, "/wait"));
	must(!get || len == 0);
	free(block_of(body, len));
	for (size_t i = 0; i < ASKED_MAX; i++) {
		if (d->asked[i].for_whom != NULL)
			continue;
		d->asked[i] = (struct asked){for_whom, d->turns++};
		return &d->asked[i];
	}
	must(false);
	return NULL;
}

static void
on_cancel(void *arg, void *asked)
{
	struct asked *a = asked;

	(void)arg;
	must(a->for_whom != NULL);
	a->for_whom = NULL;
}

static void
answer(struct daemon *d, int rc, int status, const char *body, size_t len)
{
	struct asked *oldest = NULL;
	struct request *r;
	char *block;

	for (size_t i = 0; i < ASKED_MAX; i++) {
		struct asked *a = &d->asked[i];

		if (a->for_whom != NULL && (oldest == NULL || a->turn < oldest->turn))
			oldest = a;
	}
	if (oldest == NULL)
		return;
	r = oldest->for_whom;
	oldest->for_whom = NULL;
	block = block_of(body, len);
	mcp_answer(r, rc, status, block, len);
	free(block);
}

static void
take(struct mcp *m, struct daemon *d, const char *line, size_t len)
{
	static const int statuses[] = {200, 201, 202, 204, 400, 404, 408, 409, 429, 503};
	char *block;

	if (len >= 2 && line[0] == '<') {
		answer(d, 0, statuses[(unsigned char)line[1] % 10], line + 2, len - 2);
	} else if (len == 1 && line[0] == '!') {
		mcp_tick(m);
	} else if (len == 1 && line[0] == '?') {
		answer(d, -ECONNREFUSED, 0, "", 0);
	} else if (len == 1 && line[0] == '$') {
		mcp_end(m);
	} else {
		block = block_of(line, len);
		mcp_feed(m, block, len / 2);
		mcp_feed(m, block + len / 2, len - len / 2);
		mcp_feed(m, "\n", 1);
		free(block);
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct mcp_transport transport = {on_send, on_ask, on_cancel};
	static const char *const versions[] = {NULL, "2025-03-26", "2024-11-05", "none"};
	const char *at = (const char *)data + 1, *end = (const char *)data + size;
	struct daemon d = {0};
	struct mcp *m;

	if (size == 0)
		return 0;
	d.write = data[0] & 1;
	m = mcp_new(&(struct mcp_config){.write = d.write,
	    .allow = "nothing",
	    .subscriptions = (data[0] & 2) != 0,
	    .version = versions[data[0] >> 2 & 3],
	    .transport = &transport,
	    .arg = &d});
	while (at < end) {
		const char *nl = memchr(at, '\n', (size_t)(end - at));
		size_t len = (size_t)((nl != NULL ? nl : end) - at);

		take(m, &d, at, len);
		at += len + (nl != NULL);
	}
	mcp_free(m);
	for (size_t i = 0; i < ASKED_MAX; i++)
		must(d.asked[i].for_whom == NULL);
	return 0;
}
