/* Which segments there are: beginning, ending and removing them. The writer's thread. */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <utlist.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/log.h"
#include "store/archive_priv.h"

/* A segment takes records for this part of the time that they are kept, so that what is too old
 * is not kept much longer for what is younger beside it. */
enum { AGE_PARTS = 30 };

/* How often a name that is taken is passed over. */
enum { NAME_TRIES = 100 };

bool
archive_segment_is_full(const struct archive *a)
{
	const struct archive_segment *g = a->current;

	return g != NULL && (g->bytes >= a->config.segment_bytes ||
				clock_wall_ms() - g->number > a->config.max_age_ms / AGE_PARTS);
}

int
archive_begin_segment(struct archive *a, char **cause)
{
	int64_t number = clock_wall_ms();
	char name[SEGMENT_NAME];
	int rc = -EEXIST;

	if (a->current != NULL)
		return 0;
	if (a->segments != NULL && number <= a->segments->prev->number)
		number = a->segments->prev->number + 1;
	for (int i = 0; i < NAME_TRIES && rc == -EEXIST; i++) {
		segment_name(name, number + i, "seg");
		if ((rc = segment_create(a->dir, name, 0, &a->fd)) == 0)
			number += i;
	}
	if (rc != 0)
		return err_sys(cause, rc, "make %s/%s", a->path, name);
	pthread_mutex_lock(&a->mutex);
	a->current = segment_add(a, number, 0);
	segment_grow(a, a->current, sizeof(struct segment_head));
	pthread_mutex_unlock(&a->mutex);
	return 0;
}

void
archive_end_segment(struct archive *a)
{
	if (a->fd >= 0)
		close(a->fd);
	a->fd = -1;
	a->current = NULL;
}

int
archive_append(struct archive *a, uint32_t *at, char **cause)
{
	uint64_t end;
	int rc = archive_begin_segment(a, cause);

	if (rc != 0)
		return rc;
	end = a->current->bytes;
	if ((rc = segment_write(a->fd, a->record.data, a->record.len, end)) == 0) {
		*at = (uint32_t)end;
		return 0;
	}
	/* What is left of it would be written over, but should this process die first, that is a torn
	 * record for nothing. */
	if (ftruncate(a->fd, (off_t)end) != 0)
		log_warn("archive", "cannot cut a segment: %s", strerror(errno));
	return err_sys(cause, rc, "write to %s", a->path);
}

void
archive_appended(struct archive *a, uint32_t at)
{
	struct record_head h;
	size_t i = 0;

	pthread_mutex_lock(&a->mutex);
	for (; i < a->record.len; i += h.size) {
		memcpy(&h, a->record.data + i, sizeof h);
		segment_add_record(a, a->current, &h, at + (uint32_t)i);
	}
	segment_grow(a, a->current, a->record.len);
	pthread_mutex_unlock(&a->mutex);
}

/* Panes that live must be known to have been archived once, even when all of their lines are
 * removed: otherwise what their history still has would be put again. */
static void
keep_positions(struct archive *a, const struct archive_segment *g)
{
	struct record_head as = {0};
	char *cause = NULL;
	uint32_t at = 0;

	buf_reset(&a->record);
	pthread_mutex_lock(&a->mutex);
	for (size_t i = 0; i < g->n; i++) {
		const struct entry *e = &g->entries[i];

		if (!e->source->alive || e->source->durable != e->first + e->lines - 1)
			continue;
		as.run_started_ms = e->source->key.started_ms;
		as.run_pid = e->source->key.pid;
		memcpy(as.id, e->source->key.id, sizeof as.id);
		codec_put_gap(&as, e->first + e->lines, 0, clock_wall_ms(), &a->record);
	}
	pthread_mutex_unlock(&a->mutex);
	if (a->record.len == 0)
		return;
	if (archive_append(a, &at, &cause) == 0)
		archive_appended(a, at);
	free(cause); /* a full disk is what removing mends */
}

static void
remove_segment(struct archive *a, struct archive_segment *g)
{
	char name[SEGMENT_NAME];

	if (g == a->current)
		archive_end_segment(a);
	keep_positions(a, g);
	segment_name(name, g->number, "seg");
	if (unlinkat(a->dir, name, 0) != 0 && errno != ENOENT)
		log_warn("archive", "cannot remove %s/%s: %s", a->path, name, strerror(errno));
	pthread_mutex_lock(&a->mutex);
	segment_remove(a, g);
	pthread_mutex_unlock(&a->mutex);
}

/* The index is changed by this thread alone, which may therefore read it without the mutex. */
void
archive_retain(struct archive *a, uint64_t need)
{
	int64_t since = clock_wall_ms() - a->config.max_age_ms;

	for (size_t n = a->nsegments; n != 0; n--) {
		struct archive_segment *g = a->segments;

		if (g->last_ms >= since && a->bytes + need <= a->config.max_bytes)
			return;
		remove_segment(a, g);
	}
}
