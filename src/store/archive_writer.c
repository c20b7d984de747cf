/*
 * The writer's side of an archive: a thread that opens it and writes what waits.
 *
 * It does one thing at a time: an attempt to open, a record, a look at what is too old, a
 * segment to be merged. A record leaves the queue only after it was written.
 */
#include "config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <utlist.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/log.h"
#include "base/xmalloc.h"
#include "store/archive_priv.h"
#include "store/thread.h"

enum {
	LOCK_POLL_MS = 50,        /* while another process has the lock */
	CHECK_MS_MAX = 60 * 1000, /* between looks at what is too old */
	CHECK_PARTS = 100,        /* of the time that lines are kept, if that is less */
};

static uint64_t
after_ms(uint64_t ms)
{
	return clock_mono_us() + ms * 1000;
}

/* Owns cause. Says each state once, not at each attempt. */
static void
set_state(struct archive *a, enum archive_state state, char *cause_take)
{
	enum archive_state before;

	pthread_mutex_lock(&a->mutex);
	before = a->state;
	a->state = state;
	free(a->cause);
	a->cause = cause_take;
	pthread_mutex_unlock(&a->mutex);
	if (state != before && state == ARCHIVE_FULL)
		log_warn("archive", "nothing is archived for now: %s", cause_take);
	else if (before == ARCHIVE_FULL && state == ARCHIVE_READY)
		log_info("archive", "%s can be written again", a->path);
	a->config.notify(a->config.arg);
}

static void
open_archive(struct archive *a)
{
	char *cause = NULL;
	int rc = archive_open_dir(a, &cause);

	if (rc == 0) {
		pthread_mutex_lock(&a->mutex);
		a->opened = true;
		pthread_mutex_unlock(&a->mutex);
		a->check_us = after_ms(0);
		set_state(a, ARCHIVE_READY, NULL);
		return;
	}
	a->retry_us = after_ms(rc == -EBUSY ? LOCK_POLL_MS : a->config.retry_ms);
	set_state(a, rc == -EBUSY ? ARCHIVE_OPENING : ARCHIVE_FULL, cause);
}

/* What was in it is lost to readers; what waits goes into what is made in its place. */
static void
leave_moved(struct archive *a)
{
	log_warn(
	    "archive", "%s has been removed or replaced: what it had is lost here", a->path);
	archive_leave_dir(a);
	pthread_mutex_lock(&a->mutex);
	a->opened = false;
	pthread_mutex_unlock(&a->mutex);
	a->retry_us = after_ms(0);
	set_state(a, ARCHIVE_OPENING, xasprintf("opening %s", a->path));
}

/* Records of what waits in p: what is missing before it, and its lines. */
static int
encode(struct archive *a, const struct pending *p, char **cause)
{
	struct record_head as = {
	    .run_started_ms = p->source->key.started_ms, .run_pid = p->source->key.pid};
	int rc;

	memcpy(as.id, p->source->key.id, sizeof as.id);
	buf_reset(&a->record);
	if (p->gap_lines != 0)
		codec_put_gap(&as, p->gap_first, p->gap_lines, p->slab->time_ms, &a->record);
	rc = codec_put(a->codec, &as, p->slab, p->styles, p->nstyles, &a->record);
	return rc == 0 ? 0 : err_sys(cause, rc, "compress lines");
}

static void
written(struct archive *a, struct pending *p, uint32_t at)
{
	if (p->gap_lines != 0)
		log_warn("archive", "%llu lines of %s are missing",
		    (unsigned long long)p->gap_lines, p->source->key.id);
	archive_appended(a, at);
	pthread_mutex_lock(&a->mutex);
	a->dropped += p->gap_lines;
	DL_DELETE(a->queue, p);
	pending_free(a, p);
	pthread_mutex_unlock(&a->mutex);
	set_state(a, ARCHIVE_READY, NULL);
}

static void
write_one(struct archive *a)
{
	struct pending *p;
	char *cause = NULL;
	uint32_t at;
	int rc;

	pthread_mutex_lock(&a->mutex);
	p = a->queue;
	pthread_mutex_unlock(&a->mutex);
	if (archive_segment_is_full(a))
		archive_end_segment(a);
	/* Removing writes positions, and has its own use for a->record. */
	archive_retain(a, sizeof(struct segment_head));
	if ((rc = encode(a, p, &cause)) == 0 &&
	    a->bytes + a->record.len + sizeof(struct segment_head) > a->config.max_bytes) {
		archive_retain(a, a->record.len + sizeof(struct segment_head));
		rc = encode(a, p, &cause);
	}
	if (rc == 0)
		rc = archive_append(a, &at, &cause);
	if (rc == 0) {
		written(a, p, at);
		return;
	}
	a->retry_us = after_ms(a->config.retry_ms);
	set_state(a, ARCHIVE_FULL, cause);
}

static void
look_after(struct archive *a)
{
	int64_t every = a->config.max_age_ms / CHECK_PARTS + 1;

	if (archive_segment_is_full(a))
		archive_end_segment(a);
	archive_retain(a, 0);
	/* What can be merged is, one segment at a time; what waits goes first. */
	a->check_us = archive_merge_some(a)
			  ? after_ms(0)
			  : after_ms(every < CHECK_MS_MAX ? (uint64_t)every : CHECK_MS_MAX);
}

/* The next ones with the mutex held. */

static void
seal_due(struct archive *a)
{
	uint64_t now = clock_mono_us();

	while (
	    a->open != NULL && a->open->since_us + (uint64_t)a->config.flush_ms * 1000 <= now)
		pending_seal(a, a->open);
}

static bool
must_end(struct archive *a)
{
	if (a->abort)
		return true;
	if (!a->stopping)
		return false;
	if (!a->opened)
		return true;
	if (a->state == ARCHIVE_FULL && a->tried_last)
		return true;
	a->tried_last = a->state == ARCHIVE_FULL;
	return a->queue == NULL;
}

/* When there will be something to do; now, if there is. */
static uint64_t
next_work(struct archive *a)
{
	uint64_t at = a->check_us;

	if (!a->opened)
		return a->retry_us;
	if (a->state == ARCHIVE_FULL)
		return a->stopping ? 0 : a->retry_us;
	if (a->queue != NULL)
		return 0;
	if (a->open != NULL) {
		uint64_t due = a->open->since_us + (uint64_t)a->config.flush_ms * 1000;

		if (due < at)
			at = due;
	}
	return at;
}

static bool
wait_for_work(struct archive *a)
{
	bool ends;

	pthread_mutex_lock(&a->mutex);
	while (!(ends = must_end(a))) {
		uint64_t at;

		seal_due(a);
		if ((at = next_work(a)) <= clock_mono_us())
			break;
		thread_wait(&a->work, &a->mutex, at);
	}
	pthread_mutex_unlock(&a->mutex);
	return !ends;
}

static uint64_t
count_waiting(const struct archive *a)
{
	const struct pending *p;
	uint64_t n = 0;

	DL_FOREACH (a->queue, p)
		n += slab_extent(p->slab)->lines;
	return n;
}

static void
end(struct archive *a)
{
	uint64_t lost;

	archive_close_dir(a);
	pthread_mutex_lock(&a->mutex);
	lost = count_waiting(a);
	a->has_ended = true;
	pthread_cond_signal(&a->ended);
	pthread_mutex_unlock(&a->mutex);
	if (lost != 0)
		log_warn("archive", "closed before %llu lines were written",
		    (unsigned long long)lost);
}

void *
archive_writer(void *arg)
{
	struct archive *a = arg;
	bool opened = false, waits;

	while (wait_for_work(a)) {
		pthread_mutex_lock(&a->mutex);
		opened = a->opened;
		waits = a->queue != NULL;
		pthread_mutex_unlock(&a->mutex);
		if (!opened)
			open_archive(a);
		else if (archive_has_moved(a))
			leave_moved(a);
		else if (waits)
			write_one(a);
		else
			look_after(a);
	}
	end(a);
	return NULL;
}
