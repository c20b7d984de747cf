/*
 * Any lines as what an agent writes: nothing crashes, strings are UTF-8 and end, and a parser that
 * is kept and restored after every line gives the same events as one that is not. Input: the number
 * of the format, then its source.
 */
#include "config.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/agent.h"
#include "base/buf.h"
#include "base/utf8.h"
#include "fuzz.h"

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

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct buf a, b;
	size_t n = 0;

	while (agent_formats[n] != NULL)
		n++;
	if (size == 0)
		return 0;
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
