/*
 * Any lines as what an agent writes: nothing crashes, strings are UTF-8 and end, and a parser that
 * is kept and restored after every line gives the same events as one that is not. And what else is read
 * of agents: events of hooks, the files that a tool's input or a patch says it touches, screens, and texts
 * in which secrets are masked. Input: the number of the format, then its source; or, from 0xF0 on, which of
 * the others, then the text.
 */
#include "config.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "agent/agent.h"
#include "agent/formats.h"
#include "agent/hook.h"
#include "agent/screen.h"
#include "agent/secrets.h"
#include "agent/touch.h"
#include "base/buf.h"
#include "base/utf8.h"
#include "fuzz.h"
#include "proto/json.h"

enum { OTHERS = 0xF0 };

static void
put(struct buf *b, const char *s)
{
	if (s == NULL) {
		buf_puts(b, "-\n");
		return;
	}
	if (!utf8_valid(s, strlen(s)))
		abort();
	buf_puts(b, s);
	buf_putc(b, '\n');
}

static void
on_event(void *arg, const struct agent_event *e)
{
	struct buf *b = arg;

	if (e->session == NULL)
		abort();
	buf_printf(b, "%d %lld %llu %u %d %d %d %d %d %lld %llu %.6g\n", (int)e->type,
	    (long long)e->time_ms, (unsigned long long)e->at, e->part, (int)e->role,
	    (int)e->outcome, (int)e->state, e->fast, e->hidden, (long long)e->duration_ms,
	    (unsigned long long)e->rank, e->cost_usd);
	buf_printf(b, "%lld %lld %lld %lld %lld %lld %lld %d\n", (long long)e->usage.input,
	    (long long)e->usage.cache_read, (long long)e->usage.cache_write_5m,
	    (long long)e->usage.cache_write_1h, (long long)e->usage.output,
	    (long long)e->usage.reasoning, (long long)e->usage.searches, e->fork);
	const char *texts[] = {e->session, e->id, e->message, e->name, e->text, e->input,
	    e->model, e->parent, e->cwd, e->title, e->mode, e->version, e->branch};
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
		put(b, texts[i]);
}

static struct agent_parser *
kept(const struct agent_format *f, struct agent_parser *p, const struct agent_sink *sink)
{
	struct agent_parser *next = f->open("projects/p/s.jsonl", sink);
	struct buf state;

	buf_init(&state, BUF_NO_MAX);
	f->save(p, &state);
	f->close(p);
	if (!f->restore(next, state.data, state.len))
		abort();
	buf_release(&state);
	return next;
}

static void
read_source(
    const struct agent_format *f, const char *data, size_t size, bool keep, struct buf *out)
{
	struct agent_sink sink = {on_event, NULL, out};
	struct agent_parser *p = f->open("projects/p/s.jsonl", &sink);
	const char *end = data + size, *nl;

	for (const char *at = data; at < end; at = nl + 1) {
		nl = f->layout == AGENT_LINES ? memchr(at, '\n', (size_t)(end - at)) : NULL;
		if (nl == NULL)
			nl = end;
		f->feed(p, at, (size_t)(nl - at), (uint64_t)(at - data));
		if (keep && f->layout == AGENT_LINES)
			p = kept(f, p, &sink);
	}
	f->flush(p);
	f->close(p);
}

/* Others. */

static void
try_hook(const char *data, size_t size)
{
	const struct hook_place place = {"p1", "%3", "/tmp/tmux"};
	struct hook_event e;
	struct buf b;

	buf_init(&b, BUF_NO_MAX);
	for (size_t i = 0; hook_agents[i] != NULL; i++) {
		buf_reset(&b);
		if (!hook_write(&b, hook_agents[i], data, size, &place, 1000)) {
			must(b.len == 0);
			continue;
		}
		must(memchr(b.data, '\n', b.len) == b.data + b.len - 1);
		must(utf8_valid(b.data, b.len));
		must(hook_read(b.data, b.len - 1, &e));
		must(e.session != NULL && utf8_valid(e.session, strlen(e.session)));
		must(strcmp(e.agent, hook_agents[i]) == 0);
		hook_release(&e);
	}
	if (hook_read(data, size, &e)) {
		must(e.agent != NULL && e.session != NULL);
		hook_release(&e);
	}
	buf_release(&b);
}

static void
on_touch(void *arg, const char *path, int64_t first, int64_t last)
{
	size_t len = strlen(path);

	++*(unsigned *)arg;
	must(path[0] == '/' && len < TOUCH_PATH_MAX && first <= last);
	must(strstr(path, "//") == NULL && strstr(path, "/./") == NULL);
	must(strstr(path, "/../") == NULL);
	must(len < 3 || strcmp(path + len - 3, "/..") != 0);
}

static void
try_touches(const char *text)
{
	static const char *const tools[] = {
	    "Edit", "MultiEdit", "Write", "apply_patch", "replace", "shell", "NotebookEdit"};

	for (size_t i = 0; i < sizeof tools / sizeof *tools; i++) {
		unsigned n = 0;

		must(agent_touches(tools[i], text, i & 1 ? "/some/dir" : NULL, on_touch, &n) ==
		     n);
		must(n <= TOUCH_MAX);
	}
	unsigned n = 0;

	must(agent_patch_touches(text, "/", on_touch, &n) == n && n <= TOUCH_MAX);
}

/* What is JSON stays JSON. */
static void
try_secrets_json(const char *text, size_t size)
{
	cJSON *before = json_parse(text, size), *after;
	struct buf b;

	buf_init(&b, BUF_NO_MAX);
	if (secrets_mask_json(text, size, &b) && before != NULL) {
		after = json_parse(b.data, b.len);
		must(after != NULL);
		cJSON_Delete(after);
	}
	buf_release(&b);
	cJSON_Delete(before);
}

static void
try_secrets(const char *text, size_t size)
{
	bool valid = utf8_valid(text, size), masked;
	struct buf b;

	buf_init(&b, BUF_NO_MAX);
	masked = secrets_mask(text, size, &b);
	must(masked == (b.len != 0));
	if (masked) {
		must(memmem(b.data, b.len, SECRETS_MASK, sizeof SECRETS_MASK - 1) != NULL);
		must(!valid || utf8_valid(b.data, b.len));
	}
	buf_release(&b);
}

static void
try_other(unsigned which, const char *data, size_t size)
{
	char *block = block_of(data, size), *text = text_of(data, size);

	switch (which) {
	case 0:
		try_hook(block, size);
		break;
	case 1:
		try_touches(text);
		break;
	case 2:
		try_secrets(block, size);
		try_secrets_json(block, size);
		break;
	default:
		for (size_t i = 0; agent_formats[i] != NULL; i++)
			agent_screen_asks(agent_formats[i]->agent, block, size);
		agent_format_of_stream(block, size);
	}
	free(text);
	free(block);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct buf a, b;
	size_t n = 0;

	while (agent_formats[n] != NULL)
		n++;
	if (size == 0)
		return 0;
	if (data[0] >= OTHERS) {
		try_other(data[0] - OTHERS, (const char *)data + 1, size - 1);
		return 0;
	}
	buf_init(&a, BUF_NO_MAX);
	buf_init(&b, BUF_NO_MAX);
	read_source(agent_formats[data[0] % n], (const char *)data + 1, size - 1, false, &a);
	read_source(agent_formats[data[0] % n], (const char *)data + 1, size - 1, true, &b);
	if (a.len != b.len || (a.len > 0 && memcmp(a.data, b.data, a.len) != 0))
		abort();
	buf_release(&a);
	buf_release(&b);
	return 0;
}
