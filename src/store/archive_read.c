/* Readers of an archive: on any thread, with copies of the index and files of their own. */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <utlist.h>

#include "base/err.h"
#include "base/log.h"
#include "base/xmalloc.h"
#include "store/archive_filter.h"
#include "store/archive_priv.h"

/* How often a segment is looked for that is being replaced: its next form is first in one
 * file, then in the other. */
enum { OPEN_TRIES = 3 };

static bool
is_wanted(struct archive *a, const struct archive_query *q, struct source *s)
{
	if (q->wanted == NULL)
		return true;
	if (s->asked != a->queries) {
		const struct archive_run run = {s->key.started_ms, (pid_t)s->key.pid};

		s->asked = a->queries;
		s->wanted = q->wanted(&run, s->key.id, q->arg);
	}
	return s->wanted;
}

static bool
matches(struct archive *a, const struct archive_query *q, const struct entry *e)
{
	if (e->bad || (e->gap && (!q->gaps || e->lines == 0)))
		return false;
	if (e->last_ms < q->from_ms || (q->to_ms != 0 && e->first_ms > q->to_ms))
		return false;
	return is_wanted(a, q, e->source);
}

static void
add_record(
    struct archive_snapshot *s, size_t *cap, struct archive_segment *g, const struct entry *e)
{
	const struct source_key *k = &e->source->key;
	struct archive_record *r;

	if (s->n == *cap) {
		*cap += *cap / 2 + 64;
		s->records = xreallocarray(s->records, *cap, sizeof *s->records);
	}
	r = &s->records[s->n++];
	*r = (struct archive_record){.run = {k->started_ms, (pid_t)k->pid},
	    .gap = e->gap,
	    .first = e->first,
	    .lines = e->lines,
	    .first_ms = e->first_ms,
	    .last_ms = e->last_ms,
	    .text = e->text,
	    .segment = g,
	    .at = e->at,
	    .size = e->size,
	    .filter = e->filter};
	memcpy(r->id, k->id, sizeof r->id);
}

void
archive_snapshot(struct archive *a, const struct archive_query *q, struct archive_snapshot *s)
{
	struct archive_segment *g;
	size_t cap = 0;

	*s = (struct archive_snapshot){.archive = a, .fd = -1};
	if (a == NULL)
		return;
	pthread_mutex_lock(&a->mutex);
	a->queries++;
	DL_FOREACH (a->segments, g) {
		size_t before = s->n;

		for (size_t i = 0; i < g->n; i++)
			if (matches(a, q, &g->entries[i]))
				add_record(s, &cap, g, &g->entries[i]);
		g->refs += s->n != before;
	}
	pthread_mutex_unlock(&a->mutex);
}

void
archive_snapshot_release(struct archive_snapshot *s)
{
	struct archive_segment *last = NULL;

	if (s->archive == NULL)
		return;
	pthread_mutex_lock(&s->archive->mutex);
	/* Records of a segment lie together, and it was counted once. */
	for (size_t i = 0; i < s->n; i++) {
		if (s->records[i].segment != last)
			segment_unref(s->records[i].segment);
		last = s->records[i].segment;
	}
	pthread_mutex_unlock(&s->archive->mutex);
	if (s->fd >= 0)
		close(s->fd);
	codec_free(s->codec);
	free(s->records);
	*s = (struct archive_snapshot){.fd = -1};
}

/* The file of that generation, under its name or, while it is replaced, its next one. */
static int
open_generation(int dir, int64_t number, uint64_t generation, int *fd)
{
	char name[SEGMENT_NAME];
	uint64_t found;
	int rc = -ENOENT;

	for (int i = 0; i < OPEN_TRIES; i++) {
		segment_name(name, number, i % 2 == 0 ? "seg" : "new");
		rc = segment_open(dir, name, O_RDONLY, fd, &found);
		if (rc == 0 && found == generation)
			return 0;
		if (rc == 0)
			close(*fd);
		*fd = -1;
		if (rc == 0)
			rc = -ENOENT;
	}
	return rc;
}

static int
open_segment(struct archive_snapshot *s, struct archive_segment *g)
{
	struct archive *a = s->archive;
	uint64_t generation;
	int64_t number;
	bool gone;

	pthread_mutex_lock(&a->mutex);
	gone = g->gone;
	number = g->number;
	generation = g->generation;
	pthread_mutex_unlock(&a->mutex);
	/* What is open is whole for as long as it is. */
	if (s->fd >= 0 && s->opened == g)
		return 0;
	if (s->fd >= 0)
		close(s->fd);
	s->fd = -1;
	s->opened = g;
	return gone ? -ENOENT : open_generation(a->dir, number, generation, &s->fd);
}

/* Once known to be damaged, a record is in no snapshot any more. */
static void
note_bad(struct archive *a, const struct archive_record *r)
{
	bool is_new = false;

	pthread_mutex_lock(&a->mutex);
	for (size_t i = 0; i < r->segment->n && !r->segment->gone; i++) {
		struct entry *e = &r->segment->entries[i];

		if (e->at != r->at || e->bad)
			continue;
		e->bad = is_new = true;
		a->records--;
		a->damaged++;
	}
	pthread_mutex_unlock(&a->mutex);
	if (is_new)
		log_warn("archive", "lines %llu to %llu of %s are damaged and passed over",
		    (unsigned long long)r->first, (unsigned long long)(r->first + r->lines - 1),
		    r->id);
}

int
archive_may_contain(struct archive_snapshot *s, const struct archive_record *r,
    const char *literal, size_t len, bool caseless)
{
	unsigned char filter[ARCHIVE_FILTER_MAX];
	int rc;

	if (r->gap)
		return 0;
	if ((rc = open_segment(s, r->segment)) != 0)
		return rc;
	if (r->filter > sizeof filter)
		return 1;
	if ((rc = segment_read(s->fd, filter, r->filter, r->at + sizeof(struct record_head))) !=
	    0)
		return rc;
	return archive_filter_may_contain(filter, r->filter, literal, len, caseless);
}

int
archive_read(struct archive_snapshot *s, const struct archive_record *r,
    struct archive_block *block, char **cause)
{
	int rc;

	if (r->gap)
		return err_set(cause, -ENOENT, "these lines are missing");
	rc = open_segment(s, r->segment);
	if (s->codec == NULL)
		s->codec = codec_new();
	if (rc == 0 && (rc = codec_read(s->codec, s->fd, r->at, r->size, block)) == -EBADMSG)
		note_bad(s->archive, r);
	if (rc == 0)
		return 0;
	return err_sys(cause, rc, "read lines %llu to %llu of %s", (unsigned long long)r->first,
	    (unsigned long long)(r->first + r->lines - 1), r->id);
}

void
archive_block_release(struct archive_block *block)
{
	free(block->slab);
	free(block->styles);
	*block = (struct archive_block){0};
}
