/* What is in the archive, and whose it is: segments, their records, and panes. */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include <utlist.h>

#include "base/xmalloc.h"
#include "store/archive_priv.h"

void
source_key_init(struct source_key *k, int64_t started_ms, int64_t pid, const char *id)
{
	memset(k, 0, sizeof *k);
	k->started_ms = started_ms;
	k->pid = pid;
	memcpy(k->id, id, strnlen(id, ID_MAX));
}

struct source *
source_find(struct archive *a, const struct source_key *k)
{
	struct source *s;

	HASH_FIND(hh, a->sources, k, sizeof *k, s);
	return s;
}

struct source *
source_get(struct archive *a, const struct source_key *k)
{
	struct source *s = source_find(a, k);

	if (s != NULL)
		return s;
	s = xcalloc(1, sizeof *s);
	s->key = *k;
	HASH_ADD(hh, a->sources, key, sizeof s->key, s);
	return s;
}

static void
source_free_unused(struct archive *a, struct source *s)
{
	if (s->refs != 0 || s->alive || s->has_news)
		return;
	HASH_DEL(a->sources, s);
	free(s);
}

void
source_unref(struct archive *a, struct source *s)
{
	s->refs--;
	source_free_unused(a, s);
}

void
source_kill(struct archive *a, struct source *s)
{
	s->alive = false;
	source_free_unused(a, s);
}

void
source_advance(struct archive *a, struct source *s, uint64_t line)
{
	if (line <= s->durable)
		return;
	s->durable = line;
	if (s->taken < line)
		s->taken = line;
	if (!s->has_news && s->key.started_ms == a->config.run.started_ms &&
	    s->key.pid == a->config.run.pid) {
		s->has_news = true;
		DL_APPEND2(a->news, s, prev_news, next_news);
	}
}

void
source_told(struct archive *a, struct source *s)
{
	s->has_news = false;
	DL_DELETE2(a->news, s, prev_news, next_news);
	source_free_unused(a, s);
}

struct archive_segment *
segment_add(struct archive *a, int64_t number, uint64_t generation)
{
	struct archive_segment *g = xcalloc(1, sizeof *g);

	g->number = g->last_ms = number;
	g->generation = generation;
	DL_APPEND(a->segments, g);
	a->nsegments++;
	return g;
}

void
segment_add_record(
    struct archive *a, struct archive_segment *g, const struct record_head *h, uint32_t at)
{
	char id[ID_MAX + 1];
	struct source_key k;
	struct entry *e;

	if (h->kind != RECORD_LINES && h->kind != RECORD_GAP)
		return;
	record_head_id(h, id);
	source_key_init(&k, h->run_started_ms, h->run_pid, id);
	if (g->n == g->cap) {
		g->cap += g->cap / 2 + 64;
		g->entries = xreallocarray(g->entries, g->cap, sizeof *g->entries);
	}
	e = &g->entries[g->n++];
	*e = (struct entry){.source = source_get(a, &k),
	    .first = h->first,
	    .lines = h->lines,
	    .first_ms = h->first_ms,
	    .last_ms = h->last_ms,
	    .at = at,
	    .size = h->size,
	    .filter = h->filter,
	    .text = h->text,
	    .gap = h->kind == RECORD_GAP};
	e->source->refs++;
	if (g->n == 1 || g->last_ms < h->last_ms)
		g->last_ms = h->last_ms;
	a->records += !e->gap;
	source_advance(a, e->source, h->first + h->lines - 1);
}

void
segment_grow(struct archive *a, struct archive_segment *g, uint64_t bytes)
{
	g->bytes += bytes;
	a->bytes += bytes;
}

void
segment_clear(struct archive *a, struct archive_segment *g)
{
	for (size_t i = 0; i < g->n; i++) {
		a->records -= !g->entries[i].gap && !g->entries[i].bad;
		source_unref(a, g->entries[i].source);
	}
	free(g->entries);
	g->entries = NULL;
	g->n = g->cap = 0;
}

/* Snapshots have copies of its entries, but name it. */
void
segment_remove(struct archive *a, struct archive_segment *g)
{
	segment_clear(a, g);
	DL_DELETE(a->segments, g);
	a->nsegments--;
	a->bytes -= g->bytes;
	g->gone = true;
	if (g->refs == 0)
		free(g);
}

void
segment_unref(struct archive_segment *g)
{
	if (--g->refs == 0 && g->gone)
		free(g);
}

void
index_free(struct archive *a)
{
	struct source *s, *next;

	while (a->segments != NULL)
		segment_remove(a, a->segments);
	while (a->news != NULL)
		source_told(a, a->news);
	HASH_ITER (hh, a->sources, s, next)
		source_kill(a, s);
}
