/* The owner's side of an archive, but for putting lines in. */
#include "config.h"

#include "store/archive.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <utlist.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/xmalloc.h"
#include "store/archive_priv.h"
#include "store/thread.h"

/* A segment is at most this part of all, so that removing one is not removing much. */
enum { SEGMENTS_MIN = 16 };

/* Places in a segment have 32 bits. */
enum { SEGMENT_BYTES_MAX = 1 << 30 };

static void
set_config(struct archive *a, const struct archive_config *config)
{
	struct archive_config *c = &a->config;

	*c = *config;
	c->dir = NULL;
	if (c->max_bytes == 0)
		c->max_bytes = ARCHIVE_MAX_BYTES;
	if (c->max_bytes < ARCHIVE_BYTES_MIN)
		c->max_bytes = ARCHIVE_BYTES_MIN;
	if (c->max_age_ms == 0)
		c->max_age_ms = ARCHIVE_MAX_AGE_MS;
	if (c->segment_bytes == 0)
		c->segment_bytes = ARCHIVE_SEGMENT_BYTES;
	if (c->segment_bytes > c->max_bytes / SEGMENTS_MIN)
		c->segment_bytes = c->max_bytes / SEGMENTS_MIN;
	if (c->segment_bytes > SEGMENT_BYTES_MAX)
		c->segment_bytes = SEGMENT_BYTES_MAX;
	if (c->queue_bytes == 0)
		c->queue_bytes = ARCHIVE_QUEUE_BYTES;
	if (c->flush_ms == 0)
		c->flush_ms = ARCHIVE_FLUSH_MS;
	if (c->retry_ms == 0)
		c->retry_ms = ARCHIVE_RETRY_MS;
}

static void
free_archive(struct archive *a)
{
	pthread_mutex_lock(&a->mutex); /* for those who look whether it is held */
	while (a->open != NULL)
		pending_seal(a, a->open);
	while (a->queue != NULL) {
		struct pending *p = a->queue;

		DL_DELETE(a->queue, p);
		pending_free(a, p);
	}
	index_free(a);
	pthread_mutex_unlock(&a->mutex);
	if (a->dir >= 0)
		close(a->dir);
	pthread_cond_destroy(&a->work);
	pthread_cond_destroy(&a->ended);
	pthread_mutex_destroy(&a->mutex);
	buf_release(&a->record);
	codec_free(a->codec);
	free(a->local);
	free(a->runs);
	free(a->cause);
	free(a->path);
	free(a);
}

int
archive_open(const struct archive_config *config, struct archive **out, char **cause)
{
	struct archive *a = xcalloc(1, sizeof *a);
	int rc;

	set_config(a, config);
	a->path = xasprintf("%s/archive", config->dir);
	a->cause = xasprintf("opening %s", a->path);
	a->dir = a->lock = a->fd = -1;
	a->codec = codec_new();
	buf_init(&a->record, BUF_NO_MAX);
	pthread_mutex_init(&a->mutex, NULL);
	thread_cond_init(&a->work);
	thread_cond_init(&a->ended);
	if ((rc = thread_start(&a->thread, archive_writer, a)) != 0) {
		free_archive(a);
		return err_sys(cause, rc, "start a thread for the archive");
	}
	*out = a;
	return 0;
}

/* Waits for the writer's end; with the mutex held. */
static void
await_end(struct archive *a, unsigned ms)
{
	uint64_t until = clock_mono_us() + (uint64_t)ms * 1000;

	while (!a->has_ended)
		if (thread_wait(&a->ended, &a->mutex, until) == -ETIMEDOUT)
			return;
}

void
archive_close(struct archive *a, unsigned wait_ms)
{
	if (a == NULL)
		return;
	pthread_mutex_lock(&a->mutex);
	pending_seal_all(a, NULL);
	a->stopping = true;
	pthread_cond_signal(&a->work);
	await_end(a, wait_ms);
	a->abort = true;
	pthread_cond_signal(&a->work);
	pthread_mutex_unlock(&a->mutex);
	pthread_join(a->thread, NULL);
	free_archive(a);
}

static struct source *
find(struct archive *a, const struct archive_run *run, const char *id)
{
	struct source_key k;

	if (run == NULL)
		run = &a->config.run;
	source_key_init(&k, run->started_ms, run->pid, id);
	return source_find(a, &k);
}

void
archive_flush(struct archive *a, const char *id)
{
	struct source *s = NULL;

	if (a == NULL)
		return;
	pthread_mutex_lock(&a->mutex);
	if (id == NULL)
		pending_seal_all(a, NULL);
	else if ((s = find(a, NULL, id)) != NULL && s->open != NULL)
		pending_seal(a, s->open);
	pthread_mutex_unlock(&a->mutex);
}

void
archive_end(struct archive *a, const struct archive_run *run, const char *id)
{
	struct source *s;

	if (a == NULL)
		return;
	pthread_mutex_lock(&a->mutex);
	if ((s = find(a, run, id)) != NULL) {
		if (s->open != NULL)
			pending_seal(a, s->open);
		source_kill(a, s);
	}
	pthread_mutex_unlock(&a->mutex);
}

int
archive_last_line(
    struct archive *a, const struct archive_run *run, const char *id, uint64_t *line)
{
	struct source *s;
	int rc = 0;

	*line = 0;
	if (a == NULL)
		return -EROFS;
	pthread_mutex_lock(&a->mutex);
	if (!a->opened) {
		rc = -EAGAIN;
	} else if ((s = find(a, run, id)) != NULL) {
		s->alive = true;
		*line = s->taken;
	}
	pthread_mutex_unlock(&a->mutex);
	return rc;
}

void
archive_collect(struct archive *a, archive_durable_cb cb, void *arg)
{
	char id[ID_MAX + 1];
	uint64_t line;
	bool more = a != NULL;

	while (more) {
		pthread_mutex_lock(&a->mutex);
		/* While files are read, what is known of a pane is not all. */
		if ((more = a->opened && a->news != NULL)) {
			struct source *s = a->news;

			memcpy(id, s->key.id, sizeof id);
			line = s->durable;
			source_told(a, s);
		}
		pthread_mutex_unlock(&a->mutex);
		if (more && cb != NULL)
			cb(id, line, arg);
	}
}

const char *
archive_state_name(enum archive_state state)
{
	static const char *const names[] = {"opening", "ready", "full", "off"};

	return names[state];
}

static int64_t
oldest(const struct archive *a)
{
	const struct archive_segment *g;
	int64_t ms = 0;

	DL_FOREACH (a->segments, g)
		for (size_t i = 0; i < g->n; i++)
			if (!g->entries[i].gap && !g->entries[i].bad)
				if (ms == 0 || g->entries[i].first_ms < ms)
					ms = g->entries[i].first_ms;
	return ms;
}

void
archive_status(struct archive *a, struct archive_status *out)
{
	*out = (struct archive_status){.state = ARCHIVE_OFF};
	if (a == NULL)
		return;
	pthread_mutex_lock(&a->mutex);
	out->state = a->state;
	out->cause = a->cause != NULL ? xstrdup(a->cause) : NULL;
	out->bytes = a->bytes;
	out->records = a->records;
	out->segments = a->nsegments;
	out->oldest_ms = oldest(a);
	out->dropped = a->dropped;
	out->damaged = a->damaged;
	out->queued = a->queued;
	pthread_mutex_unlock(&a->mutex);
}

void
archive_status_release(struct archive_status *st)
{
	free(st->cause);
	st->cause = NULL;
}
