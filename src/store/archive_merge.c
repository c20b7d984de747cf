/*
 * Merging: a complete segment of many small records is written anew with few large ones.
 *
 * A pane that prints a line now and then leaves a record each time that flush_ms has passed.
 * Each takes some hundred bytes, an entry in the index, and a decompression in every search: what
 * an idle prompt leaves in a month would cost more than what builds do. So when nothing may be
 * added to a segment any more, the records of each pane in it are put together.
 *
 * The new form is complete and on the disk before the index names it, and that names it before
 * it replaces the old one, so that a process that dies at any moment leaves one or the other.
 * A segment that a snapshot names is left for later: its places would be those of another file.
 */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <utlist.h>

#include "base/log.h"
#include "base/xmalloc.h"
#include "store/archive_priv.h"

enum {
	TEXT_MERGED = 160 * 1024, /* text that a full record has, about; the rest is meta */
	WORTH_MIN = 16,           /* records fewer */
};

/* The new form, as it is written. */
struct merge {
	struct archive *a;
	struct archive_segment *g;
	int in, out;
	uint64_t at; /* its end */
	struct archive_block block;
	struct record_head as; /* whose lines these are */
	struct slab_header *slab;
	struct styles *styles;
	struct style_run *runs;
	struct {
		struct record_head head;
		uint32_t at;
	} * records;
	size_t n, cap;
};

/* By pane, and as they were within it. */
struct order {
	const struct source *source;
	size_t index;
};

static int
compare(const void *x, const void *y)
{
	const struct order *a = x, *b = y;

	if (a->source != b->source)
		return (uintptr_t)a->source < (uintptr_t)b->source ? -1 : 1;
	return (a->index > b->index) - (a->index < b->index);
}

static struct order *
make_order(const struct archive_segment *g)
{
	struct order *o = xcalloc(g->n + 1, sizeof *o);

	for (size_t i = 0; i < g->n; i++)
		o[i] = (struct order){g->entries[i].source, i};
	qsort(o, g->n, sizeof *o, compare);
	return o;
}

/* Whether at most half of its records would be left. Full ones do not become fewer. */
static bool
is_worth_it(const struct archive_segment *g)
{
	struct order *o = make_order(g);
	size_t left = 0;
	uint64_t text = 0;

	for (size_t i = 0; i < g->n; i++) {
		if (i == 0 || o[i].source != o[i - 1].source) {
			left += text / TEXT_MERGED + 1;
			text = 0;
		}
		if (g->entries[o[i].index].gap)
			left++;
		text += g->entries[o[i].index].text;
	}
	left += text / TEXT_MERGED + 1;
	free(o);
	return g->n >= 2 * left + WORTH_MIN;
}

/* Writes what is in a->record, one record. */
static int
put_record(struct merge *m)
{
	struct buf *b = &m->a->record;
	int rc = segment_write(m->out, b->data, b->len, m->at);

	if (rc != 0)
		return rc;
	if (m->n == m->cap)
		m->records =
		    xreallocarray(m->records, m->cap = m->cap * 2 + 64, sizeof *m->records);
	memcpy(&m->records[m->n].head, b->data, sizeof m->records->head);
	m->records[m->n++].at = (uint32_t)m->at;
	m->at += b->len;
	return 0;
}

/* Writes the lines that were gathered. */
static int
put_slab(struct merge *m)
{
	unsigned n;
	int rc;

	if (m->styles == NULL)
		return 0;
	n = style_count(m->styles);
	buf_reset(&m->a->record);
	/* The table's records lie one behind the other only by its own will. */
	struct style *list = xcalloc(n, sizeof *list);

	for (unsigned i = 0; i < n; i++)
		list[i] = *style_get(m->styles, i);
	rc = codec_put(m->a->codec, &m->as, m->slab, list, n, &m->a->record);
	free(list);
	styles_free(m->styles);
	m->styles = NULL;
	return rc == 0 ? put_record(m) : rc;
}

static bool
append(struct merge *m, const struct slab_line *l)
{
	const struct slab_extent *e = slab_extent(m->block.slab);
	uint32_t n = slab_runs(m->block.slab, e, l, m->runs, HISTORY_RUNS_MAX);
	const struct slab_extent *to = slab_extent(m->slab);

	for (uint32_t i = 0; i < n; i++) {
		unsigned id = m->runs[i].style < m->block.nstyles ? m->runs[i].style : 0;

		m->runs[i].style = style_add(m->styles, &m->block.styles[id]);
	}
	return slab_append(m->slab, l->text, l->len, m->runs, n,
	    l->time_ms > to->time_ms ? l->time_ms : to->time_ms,
	    l->offset > to->offset ? l->offset : to->offset, l->flags);
}

static int
put_line(struct merge *m, const struct slab_line *l)
{
	int rc;

	if (m->styles != NULL && l->number == m->slab->first + slab_extent(m->slab)->lines &&
	    append(m, l))
		return 0;
	if ((rc = put_slab(m)) != 0)
		return rc;
	m->styles = styles_new();
	memset(m->slab, 0, SLAB_SIZE);
	slab_init(m->slab, l->number, l->time_ms, l->offset);
	return append(m, l) ? 0 : -EBADMSG;
}

static int
put_gap(struct merge *m, const struct entry *e)
{
	int rc = put_slab(m);

	if (rc != 0)
		return rc;
	buf_reset(&m->a->record);
	codec_put_gap(&m->as, e->first, e->lines, e->first_ms, &m->a->record);
	return put_record(m);
}

/* A reader may have found it before. */
static void
note_damage(struct merge *m, const struct entry *e)
{
	pthread_mutex_lock(&m->a->mutex);
	m->a->damaged += !e->bad;
	pthread_mutex_unlock(&m->a->mutex);
	log_warn("archive", "%llu lines of %s are damaged and left out",
	    (unsigned long long)e->lines, e->source->key.id);
}

static int
put_entry(struct merge *m, const struct entry *e)
{
	struct slab_cursor c;
	struct slab_line l;
	int rc;

	if (e->gap)
		return put_gap(m, e);
	rc = codec_read(m->a->codec, m->in, e->at, e->size, &m->block);
	if (rc == -EBADMSG) {
		note_damage(m, e);
		return put_gap(m, e);
	}
	if (rc != 0)
		return rc;
	slab_seek(&c, m->block.slab, slab_extent(m->block.slab), 0);
	while (rc == 0 && slab_next(&c, &l))
		rc = put_line(m, &l);
	return rc;
}

static void
set_source(struct merge *m, const struct source_key *k)
{
	m->as = (struct record_head){.run_started_ms = k->started_ms, .run_pid = k->pid};
	memcpy(m->as.id, k->id, sizeof m->as.id);
}

static int
put_all(struct merge *m)
{
	struct order *o = make_order(m->g);
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < m->g->n; i++) {
		if (i == 0 || o[i].source != o[i - 1].source) {
			if ((rc = put_slab(m)) != 0)
				break;
			set_source(m, &o[i].source->key);
		}
		rc = put_entry(m, &m->g->entries[o[i].index]);
	}
	if (rc == 0)
		rc = put_slab(m);
	free(o);
	if (rc == 0 && fdatasync(m->out) != 0)
		rc = -errno;
	return rc;
}

/* From here on the index names the new form; false when there are readers of the old one. */
static bool
replace_in_index(struct merge *m)
{
	struct archive *a = m->a;
	bool free_of_readers;

	pthread_mutex_lock(&a->mutex);
	free_of_readers = m->g->refs == 0;
	if (free_of_readers) {
		struct archive_segment old = *m->g;

		/* The old entries go last, so that no pane is without any in between. */
		m->g->entries = NULL;
		m->g->n = m->g->cap = 0;
		for (size_t i = 0; i < m->n; i++)
			segment_add_record(a, m->g, &m->records[i].head, m->records[i].at);
		segment_clear(a, &old);
		a->bytes -= m->g->bytes;
		m->g->bytes = 0;
		segment_grow(a, m->g, m->at);
		m->g->generation++;
		m->g->merged = true;
	}
	pthread_mutex_unlock(&a->mutex);
	return free_of_readers;
}

static int
merge(struct merge *m)
{
	char old[SEGMENT_NAME], new[SEGMENT_NAME];
	uint64_t generation;
	int rc;

	segment_name(old, m->g->number, "seg");
	segment_name(new, m->g->number, "new");
	rc = segment_open(m->a->dir, old, O_RDONLY, &m->in, &generation);
	if (rc == 0 && generation != m->g->generation)
		rc = -EBADMSG;
	if (rc == 0)
		rc = segment_create(m->a->dir, new, m->g->generation + 1, &m->out);
	if (rc != 0)
		return rc;
	m->at = sizeof(struct segment_head);
	if ((rc = put_all(m)) == 0 && !replace_in_index(m))
		rc = -EBUSY;
	if (rc != 0)
		unlinkat(m->a->dir, new, 0);
	else if (renameat(m->a->dir, new, m->a->dir, old) != 0)
		rc = -errno;
	return rc;
}

static void
run(struct archive *a, struct archive_segment *g)
{
	struct merge m = {.a = a, .g = g, .in = -1, .out = -1};
	size_t before = g->n;
	int rc;

	m.slab = xmalloc(SLAB_SIZE);
	m.runs = xcalloc(HISTORY_RUNS_MAX, sizeof *m.runs);
	rc = merge(&m);
	if (rc == 0)
		log_debug("archive", "%zu records are now %zu", before, m.n);
	else if (rc != -EBUSY)
		log_warn("archive", "cannot merge records: %s", strerror(-rc));
	/* What failed would fail again. */
	g->merged = rc != -EBUSY;
	if (m.in >= 0)
		close(m.in);
	if (m.out >= 0)
		close(m.out);
	archive_block_release(&m.block);
	styles_free(m.styles);
	free(m.slab);
	free(m.runs);
	free(m.records);
}

bool
archive_merge_some(struct archive *a)
{
	struct archive_segment *g;
	bool busy;

	DL_FOREACH (a->segments, g) {
		if (g == a->current || g->merged || g->foreign)
			continue;
		pthread_mutex_lock(&a->mutex);
		busy = g->refs != 0;
		pthread_mutex_unlock(&a->mutex);
		if (busy)
			continue;
		if (is_worth_it(g)) {
			run(a, g);
			return g->merged;
		}
		g->merged = true;
	}
	return false;
}
