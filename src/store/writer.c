/*
 * The writer's side of a store: a thread that opens the file and writes what waits.
 *
 * It does one thing at a time, an attempt to open or one transaction, and what comes of it, a
 * fault, decides on the state. Jobs leave the queue for good only after a commit: those of a
 * transaction that failed go back to its front.
 */
#include "config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <utlist.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "base/xmalloc.h"
#include "store/sql.h"
#include "store/store_priv.h"
#include "store/thread.h"

/* How long a lock of another process is waited for, and in what steps. */
enum { BUSY_MS = 2000, BUSY_STEP_MS = 10 };

/* An attempt to open reads the whole file: up to 2^5 times rarer than one to write. */
enum { OPEN_BACKOFF_MAX = 5 };

/* One transaction. */
struct batch {
	struct job *jobs; /* utlist */
	size_t n;
	bool flush, erase;
	bool trial;   /* the last one failed: whether one can be written is wanted, too */
	bool no_room; /* that is what it failed for, or may be */
	struct gap gap;
};

static void
notify(struct store *s)
{
	s->config.notify(s->config.arg);
}

static int
busy(void *arg, int tries)
{
	struct store *s = arg;
	const struct timespec t = {.tv_nsec = BUSY_STEP_MS * 1000000L};

	if (s->abort || tries >= BUSY_MS / BUSY_STEP_MS)
		return 0;
	nanosleep(&t, NULL);
	return 1;
}

/* Owns cause. Says each state once, not at each attempt. */
static void
set_state(struct store *s, enum store_state state, char *cause_take)
{
	uint64_t size = database_bytes(s->path);
	enum store_state before;

	pthread_mutex_lock(&s->mutex);
	before = s->st.state;
	s->st.state = state;
	free(s->st.cause);
	s->st.cause = cause_take;
	s->st.size = size;
	if (state == STORE_READY || state == STORE_DISABLED)
		s->readable = state == STORE_READY;
	pthread_mutex_unlock(&s->mutex);
	if (state == before)
		return;
	if (state == STORE_FULL)
		log_warn("store", "nothing can be written for now: %s", cause_take);
	else if (state == STORE_DISABLED)
		log_error("store", "nothing will be remembered: %s", cause_take);
	else if (before == STORE_FULL && state == STORE_READY)
		log_info("store", "%s can be written again", s->path);
	notify(s);
}

static void
publish(struct store *s, sqlite3 *db)
{
	pthread_mutex_lock(&s->mutex);
	s->interruptible = db;
	pthread_mutex_unlock(&s->mutex);
}

static void
close_file(struct store *s, bool checkpoint)
{
	publish(s, NULL);
	database_close(&s->d, checkpoint);
}

/* Those whom somebody waits for hear so now. */
static void
refuse_prompt(struct store *s)
{
	struct job *j, *next;

	pthread_mutex_lock(&s->mutex);
	DL_FOREACH_SAFE (s->queue, j, next) {
		if (!j->op.prompt)
			continue;
		DL_DELETE(s->queue, j);
		s->ops--;
		s->bytes -= j->op.size;
		store_finish(s, j, -ENOSPC);
	}
	pthread_mutex_unlock(&s->mutex);
	notify(s);
}

static void
wait_to_retry(struct store *s, unsigned backoff, char *cause_take)
{
	if (s->abort) { /* interrupted, most likely, and about to end */
		free(cause_take);
		return;
	}
	s->retry_us = clock_mono_us() + ((uint64_t)s->config.retry_ms * 1000 << backoff);
	set_state(s, STORE_FULL, cause_take);
	refuse_prompt(s);
}

static unsigned
next_backoff(struct store *s)
{
	return s->failures < OPEN_BACKOFF_MAX ? s->failures++ : OPEN_BACKOFF_MAX;
}

static void
set_aside(struct store *s, char *cause_take)
{
	char *aside, *cause = NULL;

	if (database_set_aside(s->path, &aside, &cause) != 0) {
		free(cause_take);
		wait_to_retry(s, next_backoff(s), cause);
		return;
	}
	log_warn("store", "%s; it is kept as %s, and a new one begun", cause_take, aside);
	s->is_new = true;
	pthread_mutex_lock(&s->mutex);
	free(s->st.aside);
	s->st.aside = aside;
	s->readable = s->missed = false;
	pthread_mutex_unlock(&s->mutex);
	set_state(s, STORE_OPENING, cause_take);
}

static void
make_dir(const struct store *s)
{
	char *dir = xstrndup(s->path, (size_t)(strrchr(s->path, '/') - s->path));

	file_make_dirs(dir); /* opening the file says what is wrong */
	free(dir);
}

static void
open_file(struct store *s)
{
	char *cause = NULL;
	enum fault f;

	if (s->was_moved)
		make_dir(s);
	f = database_connect(&s->d, &cause);
	if (f == FAULT_NONE) {
		sqlite3_busy_handler(s->d.db, busy, s);
		publish(s, s->d.db);
		f = database_prepare(&s->d, &cause);
	}
	if (f != FAULT_NONE)
		close_file(s, false);
	if (f == FAULT_NONE) {
		s->failures = 0;
		s->is_new = false;
		set_state(s, STORE_READY, NULL);
	} else if (f == FAULT_FINAL || (f == FAULT_DAMAGED && s->is_new)) {
		set_state(s, STORE_DISABLED, cause);
	} else if (f == FAULT_DAMAGED) {
		set_aside(s, cause);
	} else {
		wait_to_retry(s, next_backoff(s), cause);
	}
}

static enum fault
exec(struct store *s, const char *sql)
{
	return sqlite3_exec(s->d.db, sql, NULL, NULL, NULL) == SQLITE_OK
		   ? FAULT_NONE
		   : database_fault(s->d.db);
}

/* FAULT_NONE also when the operation failed by itself: then it has been undone. One that is alone
 * in its transaction needs no savepoint, for which each page it changes would be copied to a file
 * first. */
static enum fault
run_job(struct store *s, struct job *j, bool alone)
{
	enum fault f = alone ? FAULT_NONE : exec(s, "SAVEPOINT op");

	if (f != FAULT_NONE)
		return f;
	j->rc = j->op.run(s->d.db, j->op.data);
	if (j->rc != 0)
		f = database_fault(s->d.db);
	/* Some errors end the transaction: then the operation need not have seen which. */
	if (f <= FAULT_OWN && sqlite3_get_autocommit(s->d.db))
		f = FAULT_WAIT;
	if (f > FAULT_OWN)
		return f;
	if (alone)
		return j->rc != 0 ? exec(s, "ROLLBACK; BEGIN IMMEDIATE") : FAULT_NONE;
	if (j->rc != 0 && (f = exec(s, "ROLLBACK TO op")) != FAULT_NONE)
		return f;
	return exec(s, "RELEASE op");
}

/* A gap that cannot be noted is not worth what waits behind it. */
static enum fault
write_gap(struct store *s, const struct gap *g)
{
	enum fault f;

	if (g->dropped == 0)
		return FAULT_NONE;
	if (sql_run(s->d.db, "INSERT INTO gaps(from_ms, to_ms, dropped) VALUES(?, ?, ?)", "lll",
		g->from_ms, clock_wall_ms(), (int64_t)g->dropped) == 0)
		return FAULT_NONE;
	if ((f = database_fault(s->d.db)) > FAULT_OWN)
		return f;
	log_error("store", "cannot note a gap: %s", sqlite3_errmsg(s->d.db));
	return FAULT_NONE;
}

static enum fault
run_batch(struct store *s, const struct batch *b)
{
	struct job *j;
	enum fault f = exec(s, "BEGIN IMMEDIATE");

	if (f == FAULT_NONE && b->trial)
		f = database_touch(&s->d);
	if (f == FAULT_NONE)
		f = write_gap(s, &b->gap);
	DL_FOREACH (b->jobs, j) {
		if (f != FAULT_NONE)
			break;
		f = run_job(s, j, b->n == 1 && b->gap.dropped == 0);
	}
	return f == FAULT_NONE ? exec(s, "COMMIT") : f;
}

static void
sync_batch(struct store *s, struct batch *b)
{
	int rc = database_sync(&s->d);
	struct job *j;

	if (rc != 0)
		log_error("store", "cannot sync %s", s->path);
	DL_FOREACH (b->jobs, j)
		if (j->flush)
			j->rc = rc;
}

static enum fault
write_batch(struct store *s, struct batch *b, char **cause)
{
	enum fault f = run_batch(s, b);

	if (f == FAULT_NONE) {
		if (b->flush)
			sync_batch(s, b);
		if (b->erase)
			database_cut_log(&s->d);
		return f;
	}
	database_explain(&s->d, "write", cause);
	b->no_room = f == FAULT_WAIT && database_needs_room(&s->d);
	if (!sqlite3_get_autocommit(s->d.db))
		exec(s, "ROLLBACK");
	return f;
}

static void
take_batch(struct store *s, struct batch *b)
{
	struct job *j;

	*b = (struct batch){0};
	pthread_mutex_lock(&s->mutex);
	b->gap = s->gap;
	s->gap.dropped = 0;
	while (b->n < s->limit && (j = s->queue) != NULL) {
		DL_DELETE(s->queue, j);
		DL_APPEND(b->jobs, j);
		b->flush |= j->flush;
		b->erase |= j->op.erase;
		b->n++;
	}
	b->trial = s->st.state == STORE_FULL;
	s->missed = false;
	pthread_mutex_unlock(&s->mutex);
}

static void
put_back(struct store *s, struct batch *b)
{
	pthread_mutex_lock(&s->mutex);
	DL_CONCAT(b->jobs, s->queue);
	s->queue = b->jobs;
	if (b->gap.dropped != 0) {
		s->gap.dropped += b->gap.dropped;
		s->gap.from_ms = b->gap.from_ms;
	}
	pthread_mutex_unlock(&s->mutex);
}

/* With the mutex held. */
static void
finish_all(struct store *s, struct job **list, bool written, int rc)
{
	struct job *j, *next;

	DL_FOREACH_SAFE (*list, j, next) {
		s->ops--;
		s->bytes -= j->op.size;
		if (!written && !j->flush)
			s->st.dropped++;
		store_finish(s, j, written ? j->rc : rc);
	}
	*list = NULL;
}

static void
complete(struct store *s, struct batch *b)
{
	pthread_mutex_lock(&s->mutex);
	s->st.gaps += b->gap.dropped != 0;
	finish_all(s, &b->jobs, true, 0);
	pthread_mutex_unlock(&s->mutex);
	notify(s);
	set_state(s, STORE_READY, NULL);
}

/* Damage that shows up in use: the file is closed, and the next thing done is to open one. */
static void
leave_damaged(struct store *s, char *cause_take)
{
	close_file(s, false);
	if (s->was_damaged) {
		set_state(s, STORE_DISABLED, cause_take);
		return;
	}
	s->was_damaged = true;
	set_aside(s, cause_take);
}

static void
leave_moved(struct store *s)
{
	log_warn("store", "%s has been removed or replaced: what it had is lost here", s->path);
	close_file(s, false);
	s->was_moved = true;
	pthread_mutex_lock(&s->mutex);
	s->readable = false;
	pthread_mutex_unlock(&s->mutex);
	set_state(s, STORE_OPENING, xasprintf("opening %s", s->path));
}

/* On a disk that has little room the log is taken in early: as long as it has at most half of
 * what is free, the file can grow by all that is in it. A reader may be in the way, and is not
 * waited for each time. */
static void
mind_room(struct store *s)
{
	uint64_t now = clock_mono_us();

	if (now < s->cut_us || !database_is_cramped(&s->d))
		return;
	if (database_cut_log(&s->d) != 0)
		s->cut_us = now + (uint64_t)s->config.retry_ms * 1000;
}

/* Whether there may be room by now, as the log was cut or less is written at once. */
static bool
makes_room(struct store *s, const struct batch *b)
{
	if (!b->no_room || (b->n <= 1 && s->cut))
		return false;
	s->cut = b->n <= 1;
	database_cut_log(&s->d);
	return true;
}

/* A disk that has little room takes less at a time: what would not fit as a whole is tried again
 * by halves, and after a success by more. */
static void
write_some(struct store *s)
{
	struct batch b;
	char *cause = NULL;
	enum fault f;

	if (database_has_moved(&s->d)) {
		leave_moved(s);
		return;
	}
	take_batch(s, &b);
	if (b.n == 0 && b.gap.dropped == 0 && !b.trial)
		return; /* what a reader missed is back */
	f = write_batch(s, &b, &cause);
	if (f == FAULT_NONE) {
		s->limit = s->limit < SIZE_MAX / 2 ? s->limit * 2 : SIZE_MAX;
		s->cut = false;
		complete(s, &b);
		mind_room(s);
		return;
	}
	put_back(s, &b);
	if (f == FAULT_DAMAGED) {
		leave_damaged(s, cause);
		return;
	}
	s->limit = b.n > 1 ? b.n / 2 : 1;
	if (!makes_room(s, &b)) {
		s->cut = false;
		wait_to_retry(s, 0, cause);
		return;
	}
	free(cause);
}

static bool
has_pages_to_drop(const struct store *s)
{
	return s->pages_us != 0 && clock_mono_us() >= s->pages_us;
}

/* A large import wants many pages: what comes after it now and then is not to pay for them. */
static void
mind_pages(struct store *s)
{
	if (s->pages_us == 0) {
		s->pages_us = clock_mono_us() + (uint64_t)s->config.pages_ms * 1000;
	} else if (has_pages_to_drop(s)) {
		database_drop_pages(&s->d);
		s->pages_us = 0;
	}
}

/* The next three with the mutex held. */

static bool
has_work(const struct store *s)
{
	if (s->st.state == STORE_FULL)
		return s->stopping || clock_mono_us() >= s->retry_us;
	if (has_pages_to_drop(s))
		return true;
	return s->d.db == NULL || s->queue != NULL || s->gap.dropped != 0 || s->missed;
}

static bool
must_end(struct store *s)
{
	if (s->abort || s->st.state == STORE_DISABLED)
		return true;
	if (!s->stopping)
		return false;
	if (s->st.state == STORE_FULL && s->tried_last)
		return true;
	s->tried_last = s->st.state == STORE_FULL;
	return s->queue == NULL && s->gap.dropped == 0;
}

static void
sleep_until_woken(struct store *s)
{
	if (s->st.state == STORE_FULL)
		thread_wait(&s->work, &s->mutex, s->retry_us);
	else if (s->pages_us != 0)
		thread_wait(&s->work, &s->mutex, s->pages_us);
	else
		pthread_cond_wait(&s->work, &s->mutex);
}

static bool
wait_for_work(struct store *s)
{
	bool ends;

	pthread_mutex_lock(&s->mutex);
	while (!(ends = must_end(s)) && !has_work(s))
		sleep_until_woken(s);
	pthread_mutex_unlock(&s->mutex);
	return !ends;
}

static void
end(struct store *s)
{
	bool ready, disabled;

	pthread_mutex_lock(&s->mutex);
	ready = s->st.state == STORE_READY;
	disabled = s->st.state == STORE_DISABLED;
	finish_all(s, &s->queue, false, disabled ? -EROFS : -ECANCELED);
	pthread_mutex_unlock(&s->mutex);
	close_file(s, ready && !s->abort);
	pthread_mutex_lock(&s->mutex);
	s->has_ended = true;
	pthread_cond_signal(&s->ended);
	pthread_mutex_unlock(&s->mutex);
	notify(s);
}

void *
store_writer(void *arg)
{
	struct store *s = arg;

	while (wait_for_work(s)) {
		if (s->d.db == NULL)
			open_file(s);
		else
			write_some(s);
		if (s->d.db != NULL)
			mind_pages(s);
	}
	end(s);
	return NULL;
}
