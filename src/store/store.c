/* The owner's side of a store, and what both share. */
#include "config.h"

#include "store/store.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <utlist.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/xmalloc.h"
#include "store/schema.h"
#include "store/sql.h"
#include "store/store_priv.h"
#include "store/thread.h"

/* How often a writer that is to give up is told so: what it does between two statements must not
 * miss it. */
enum { INTERRUPT_EVERY_MS = 20 };

/* How long a reader waits for the moments in which the log is set up or taken in. */
enum { READER_BUSY_MS = 2000 };

static void
free_store(struct store *s)
{
	pthread_cond_destroy(&s->work);
	pthread_cond_destroy(&s->ended);
	pthread_mutex_destroy(&s->mutex);
	store_status_release(&s->st);
	free(s->path);
	free(s);
}

int
store_open(const struct store_config *config, struct store **out, char **cause)
{
	struct store *s = xcalloc(1, sizeof *s);
	int rc;

	s->config = *config;
	s->config.dir = NULL;
	if (s->config.scripts == NULL)
		s->config.scripts = store_schema;
	if (s->config.max_ops == 0)
		s->config.max_ops = STORE_MAX_OPS;
	if (s->config.max_bytes == 0)
		s->config.max_bytes = STORE_MAX_BYTES;
	if (s->config.retry_ms == 0)
		s->config.retry_ms = STORE_RETRY_MS;
	if (s->config.pages_ms == 0)
		s->config.pages_ms = STORE_PAGES_MS;
	s->path = xasprintf("%s/panescry.db", config->dir);
	s->d.path = s->path;
	s->d.scripts = s->config.scripts;
	s->limit = UINT32_MAX;
	s->st.state = STORE_OPENING;
	s->st.cause = xasprintf("opening %s", s->path);
	pthread_mutex_init(&s->mutex, NULL);
	thread_cond_init(&s->work);
	thread_cond_init(&s->ended);
	if ((rc = thread_start(&s->thread, store_writer, s)) != 0) {
		free_store(s);
		return err_sys(cause, rc, "start a thread for the store");
	}
	*out = s;
	return 0;
}

void
store_finish(struct store *s, struct job *j, int rc)
{
	j->rc = rc;
	DL_APPEND(s->finished, j);
}

/* Whether it may wait; the reason if not. */
static int
admit(struct store *s, const struct job *j)
{
	if (s->st.state == STORE_DISABLED)
		return -EROFS;
	if (s->has_ended)
		return -ECANCELED;
	if (s->st.state == STORE_FULL && j->op.prompt)
		return -ENOSPC;
	if (s->ops >= s->config.max_ops || j->op.size > s->config.max_bytes - s->bytes)
		return -ENOSPC;
	return 0;
}

static void
refuse(struct store *s, struct job *j, int rc)
{
	if (!j->flush && !j->op.prompt) {
		s->st.dropped++;
		if (s->gap.dropped++ == 0)
			s->gap.from_ms = clock_wall_ms();
	}
	store_finish(s, j, rc);
}

static void
submit(struct store *s, const struct store_op *op, bool flush)
{
	struct job *j = xcalloc(1, sizeof *j);
	int rc;

	j->op = *op;
	j->flush = flush;
	pthread_mutex_lock(&s->mutex);
	if ((rc = admit(s, j)) == 0) {
		DL_APPEND(s->queue, j);
		s->ops++;
		s->bytes += op->size;
		pthread_cond_signal(&s->work);
	} else {
		refuse(s, j, rc);
	}
	pthread_mutex_unlock(&s->mutex);
	if (rc != 0)
		s->config.notify(s->config.arg);
}

void
store_submit(struct store *s, const struct store_op *op)
{
	submit(s, op, false);
}

static int
do_nothing(sqlite3 *db, void *data)
{
	(void)db;
	(void)data;
	return 0;
}

void
store_flush(struct store *s, void (*done)(int rc, void *arg), void *arg)
{
	const struct store_op op = {.run = do_nothing, .done = done, .data = arg};

	submit(s, &op, true);
}

void
store_collect(struct store *s)
{
	struct job *list, *j, *next;

	pthread_mutex_lock(&s->mutex);
	list = s->finished;
	s->finished = NULL;
	pthread_mutex_unlock(&s->mutex);
	DL_FOREACH_SAFE (list, j, next) {
		j->op.done(j->rc, j->op.data);
		free(j);
	}
}

/* Waits for the writer's end; with the mutex held. */
static void
await_end(struct store *s, unsigned ms)
{
	uint64_t until = clock_mono_us() + (uint64_t)ms * 1000;

	while (!s->has_ended)
		if (thread_wait(&s->ended, &s->mutex, until) == -ETIMEDOUT)
			return;
}

void
store_close(struct store *s, unsigned wait_ms)
{
	pthread_mutex_lock(&s->mutex);
	s->stopping = true;
	pthread_cond_signal(&s->work);
	/* With nothing to write, what goes on in there serves nobody. */
	if (s->ops != 0 || s->gap.dropped != 0 || s->st.state != STORE_OPENING)
		await_end(s, wait_ms);
	while (!s->has_ended) {
		s->abort = true;
		if (s->interruptible != NULL)
			sqlite3_interrupt(s->interruptible);
		await_end(s, INTERRUPT_EVERY_MS);
	}
	pthread_mutex_unlock(&s->mutex);
	pthread_join(s->thread, NULL);
	/* What is refused from now on is called back as well: done may submit. */
	while (s->finished != NULL)
		store_collect(s);
	free_store(s);
}

const char *
store_state_name(enum store_state state)
{
	static const char *const names[] = {"opening", "ready", "full", "disabled"};

	return names[state];
}

void
store_status(struct store *s, struct store_status *out)
{
	pthread_mutex_lock(&s->mutex);
	*out = s->st;
	out->ops = s->ops;
	out->bytes = s->bytes;
	if (out->cause != NULL)
		out->cause = xstrdup(out->cause);
	if (out->aside != NULL)
		out->aside = xstrdup(out->aside);
	pthread_mutex_unlock(&s->mutex);
}

void
store_status_release(struct store_status *st)
{
	free(st->cause);
	free(st->aside);
	st->cause = st->aside = NULL;
}

static int
readable(struct store *s, char **cause)
{
	int rc = 0;

	pthread_mutex_lock(&s->mutex);
	if (!s->readable)
		rc = err_set(cause, s->st.state == STORE_DISABLED ? -EROFS : -EAGAIN,
		    "the database is not open: %s",
		    s->st.cause != NULL ? s->st.cause : store_state_name(s->st.state));
	pthread_mutex_unlock(&s->mutex);
	return rc;
}

/* The writer would see it with what it writes next; whoever reads may come first. */
static int
miss(struct store *s, char **cause)
{
	pthread_mutex_lock(&s->mutex);
	s->missed = true;
	pthread_cond_signal(&s->work);
	pthread_mutex_unlock(&s->mutex);
	return err_set(cause, -EAGAIN, "the database is made anew: its file was not there");
}

int
store_reader_open(struct store *s, sqlite3 **db, char **cause)
{
	const int flags = SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_PRIVATECACHE;
	int rc = readable(s, cause);

	*db = NULL;
	if (rc != 0)
		return rc;
	if (sqlite3_open_v2(s->path, db, flags, NULL) != SQLITE_OK ||
	    sqlite3_busy_timeout(*db, READER_BUSY_MS) != SQLITE_OK ||
	    sql_run(*db, "PRAGMA trusted_schema=OFF", "") != 0) {
		rc = sql_error(*db);
		sqlite3_close(*db);
		*db = NULL;
		rc = rc == -ENOENT ? miss(s, cause) : err_sys(cause, rc, "open %s", s->path);
	}
	return rc;
}

void
store_temporary_in(const char *dir)
{
	sqlite3_initialize();
	sqlite3_free(sqlite3_temp_directory);
	sqlite3_temp_directory = sqlite3_mprintf("%s", dir);
}
