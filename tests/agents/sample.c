#include "config.h"

#include "sample.h"

#include <string.h>

#include "base/buf.h"
#include "base/utf8.h"
#include "base/xmalloc.h"

#define FNV_BEGIN 1469598103934665603u

static uint64_t
mix(uint64_t h, const void *data, size_t len)
{
	for (const unsigned char *p = data; len > 0; len--, p++)
		h = (h ^ *p) * 1099511628211u;
	return h;
}

static uint64_t
mix_text(struct tally *t, uint64_t h, const char *text)
{
	if (text == NULL)
		return mix(h, "\1", 1);
	CHECK(utf8_valid(text, strlen(text)));
	if (strlen(text) > t->longest)
		t->longest = strlen(text);
	return mix(h, text, strlen(text) + 1);
}

static void
mix_event(struct tally *t, const struct agent_event *e)
{
	const char *const texts[] = {e->session, e->id, e->message, e->name, e->text, e->input,
	    e->model, e->parent, e->cwd, e->title, e->mode, e->version, e->branch};
	uint64_t h = t->digest;

	for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
		h = mix_text(t, h, texts[i]);
	h = mix(h, &e->type, sizeof e->type);
	h = mix(h, &e->time_ms, sizeof e->time_ms);
	h = mix(h, &e->at, sizeof e->at);
	h = mix(h, &e->part, sizeof e->part);
	h = mix(h, &e->role, sizeof e->role);
	h = mix(h, &e->outcome, sizeof e->outcome);
	h = mix(h, &e->duration_ms, sizeof e->duration_ms);
	h = mix(h, &e->usage, sizeof e->usage);
	h = mix(h, &e->rank, sizeof e->rank);
	t->digest = mix(h, &e->hidden, sizeof e->hidden);
}

static void
check_usage(const struct agent_event *e)
{
	const int64_t counts[] = {e->usage.input, e->usage.cache_read, e->usage.cache_write_5m,
	    e->usage.cache_write_1h, e->usage.output, e->usage.reasoning};

	CHECK(e->id != NULL && e->id[0] != '\0');
	CHECK(e->cost_usd == -1 || (e->cost_usd >= 0 && e->cost_usd < 1e12));
	for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++)
		CHECK(counts[i] >= AGENT_UNKNOWN && counts[i] < (int64_t)1 << 55);
}

/* The ledger's rule: of one key the highest rank, of equals the first. */
static void
keep_row(struct tally *t, const struct agent_event *e)
{
	struct row *r = NULL;

	for (size_t i = 0; r == NULL && i < t->n; i++)
		if (strcmp(t->rows[i].key, e->id) == 0)
			r = &t->rows[i];
	if (r != NULL && e->rank <= r->rank)
		return;
	if (r == NULL) {
		if (t->n == t->room) {
			t->room = t->room * 2 + 16;
			t->rows = xreallocarray(t->rows, t->room, sizeof *t->rows);
		}
		r = &t->rows[t->n++];
		r->key = xstrdup(e->id);
		r->session = xstrdup(e->session);
	}
	r->usage = e->usage;
	r->cost = e->cost_usd;
	r->rank = e->rank;
}

static void
on_event(void *arg, const struct agent_event *e)
{
	struct tally *t = arg;

	CHECK(e->session != NULL && e->session[0] != '\0');
	CHECK(e->type != AGENT_MESSAGE || e->id != NULL);
	CHECK((e->type != AGENT_TOOL_CALL && e->type != AGENT_TOOL_RESULT) || e->id != NULL);
	CHECK(e->type != AGENT_TOOL_CALL || e->name != NULL);
	CHECK(e->duration_ms >= AGENT_UNKNOWN && e->time_ms >= 0);
	mix_event(t, e);
	t->types[e->type]++;
	if (e->type == AGENT_MESSAGE && e->text != NULL && !e->hidden)
		t->shown[e->role]++;
	if (e->type == AGENT_MESSAGE && e->hidden)
		t->hidden++;
	if (e->type == AGENT_TOOL_RESULT && e->outcome == AGENT_FAILED)
		t->failed++;
	if (e->type == AGENT_SESSION && e->parent != NULL)
		t->parents++;
	if (e->type == AGENT_USAGE) {
		check_usage(e);
		keep_row(t, e);
	}
}

static void
add(int64_t *a, int64_t b)
{
	if (b >= 0)
		*a = *a < 0 ? b : *a + b;
}

struct agent_usage
tally_sum(const struct tally *t, const char *session, double *cost)
{
	struct agent_usage u = {-1, -1, -1, -1, -1, -1, -1};

	if (cost != NULL)
		*cost = -1;
	for (size_t i = 0; i < t->n; i++) {
		const struct row *r = &t->rows[i];

		if (session != NULL && strcmp(session, r->session) != 0)
			continue;
		add(&u.input, r->usage.input);
		add(&u.cache_read, r->usage.cache_read);
		add(&u.cache_write_5m, r->usage.cache_write_5m);
		add(&u.cache_write_1h, r->usage.cache_write_1h);
		add(&u.output, r->usage.output);
		add(&u.reasoning, r->usage.reasoning);
		if (cost != NULL && r->cost >= 0)
			*cost = (*cost < 0 ? 0 : *cost) + r->cost;
	}
	return u;
}

static bool
on_baseline(void *arg, const char *session, struct agent_usage *total)
{
	const struct tally *t = arg;

	for (size_t i = 0; i < t->n; i++)
		if (strcmp(t->rows[i].session, session) == 0) {
			*total = tally_sum(t, session, NULL);
			return true;
		}
	return false;
}

struct agent_sink
tally_sink(struct tally *t)
{
	return (struct agent_sink){on_event, on_baseline, t};
}

void
tally_free(struct tally *t)
{
	for (size_t i = 0; i < t->n; i++) {
		free(t->rows[i].key);
		free(t->rows[i].session);
	}
	free(t->rows);
}

static struct agent_parser *
anew(const struct agent_format *f, struct agent_parser *p, const char *path,
    const struct agent_sink *sink)
{
	struct buf b;

	buf_init(&b, BUF_NO_MAX);
	f->save(p, &b);
	f->close(p);
	p = f->open(path, sink);
	CHECK(f->restore(p, b.data, b.len));
	buf_release(&b);
	return p;
}

void
feed(struct tally *t, const char *format, const char *path, const char *data, size_t len,
    enum manner manner, size_t lines)
{
	const struct agent_format *f = agent_format_find(format);
	struct agent_sink sink = tally_sink(t);
	struct agent_parser *p;
	size_t n;

	CHECK(f != NULL);
	p = f->open(path, &sink);
	for (size_t i = 0, line = 0; i < len; i += n + 1, line++) {
		const char *end = memchr(data + i, '\n', len - i);

		n = end == NULL || f->layout == AGENT_DOCUMENT ? len - i
							       : (size_t)(end - data) - i;
		if (manner == CUT && line == lines) {
			f->feed(p, data + i, n / 2, i);
			break;
		}
		f->feed(p, data + i, n, i);
		if (manner == SAVED)
			p = anew(f, p, path, &sink);
	}
	f->flush(p);
	if (f->passed != NULL)
		t->passed += f->passed(p);
	f->close(p);
}

char *
slurp(const char *path, size_t *len)
{
	FILE *f = fopen(path, "rb");
	struct buf b;
	size_t n;

	if (f == NULL) {
		perror(path);
		exit(1);
	}
	buf_init(&b, BUF_NO_MAX);
	while ((n = fread(buf_reserve(&b, 65536), 1, 65536, f)) > 0)
		buf_commit(&b, n);
	fclose(f);
	*len = b.len;
	return buf_take(&b);
}
