#include "config.h"

#include "agent/ingest.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <utlist.h>

#include "agent/ingest_priv.h"
#include "base/clock.h"
#include "base/str.h"
#include "base/xmalloc.h"
#include "os/os.h"
#include "store/thread.h"

enum {
	DEPTH = 10,                   /* of directories */
	LOOK_US = 2 * 1000 * 1000,    /* between two looks, where nothing tells of changes */
	RESCAN_US = 60 * 1000 * 1000, /* and where something does */
	SETTLE_US = 20 * 1000,        /* after a change, as they come in swarms */
	REST = 4,                     /* times as long as it worked */
	RETRY_US = 1000 * 1000,       /* after a batch that could not be written */
};

/* Handing over. */

bool
ingest_stopped(struct ingest *g)
{
	bool stop;

	pthread_mutex_lock(&g->mutex);
	stop = g->stop;
	pthread_mutex_unlock(&g->mutex);
	return stop;
}

static void
free_strings(struct sessions_source *s)
{
	free((char *)s->format);
	free((char *)s->parser);
}

static void
forget(struct change **list)
{
	struct change *c;

	while ((c = *list) != NULL) {
		*list = c->next;
		free_strings(&c->before);
		free(c);
	}
}

static void
take_back(struct change **list)
{
	struct change *c;

	while ((c = *list) != NULL) {
		*list = c->next;
		free_strings(&c->file->known);
		c->file->known = c->before;
		free(c);
	}
}

/* Waits for the batch under way. When it was not written neither is what follows it: all is to be
 * read again. Returns what became of it, or -ECANCELED. */
static int
await_written(struct ingest *g)
{
	int rc;

	pthread_mutex_lock(&g->mutex);
	while ((g->ready != NULL || g->taken) && !g->stop)
		pthread_cond_wait(&g->wake, &g->mutex);
	rc = g->stop ? -ECANCELED : g->result;
	g->result = 0;
	pthread_mutex_unlock(&g->mutex);
	if (rc == 0) {
		forget(&g->sent);
		return 0;
	}
	ingest_drop_kept(g);
	take_back(&g->made);
	take_back(&g->sent);
	sessions_batch_free(g->rows.batch);
	rows_begin(&g->rows, NULL, NULL);
	g->dirty = true;
	return rc;
}

int
ingest_send(struct ingest *g)
{
	int rc = await_written(g);

	if (rc != 0)
		return rc;
	g->sent = g->made;
	g->made = NULL;
	pthread_mutex_lock(&g->mutex);
	g->ready = g->rows.batch;
	g->taken = false;
	pthread_mutex_unlock(&g->mutex);
	rows_begin(&g->rows, NULL, NULL);
	g->config.ready(g->config.arg);
	return 0;
}

/* Until everything that was read is written. */
static int
send_all(struct ingest *g)
{
	int rc = g->rows.batch != NULL ? ingest_send(g) : 0;

	return rc == 0 ? await_written(g) : rc;
}

/* The same, with the places that are due. */
static int
put_all(struct ingest *g)
{
	int rc = ingest_put_places(g);

	return rc == 0 ? send_all(g) : rc;
}

struct sessions_batch *
ingest_take(struct ingest *g)
{
	struct sessions_batch *b;

	pthread_mutex_lock(&g->mutex);
	b = g->ready;
	g->ready = NULL;
	if (b != NULL) /* else one that was taken before is still being written */
		g->taken = true;
	pthread_mutex_unlock(&g->mutex);
	return b;
}

void
ingest_written(struct ingest *g, int rc)
{
	pthread_mutex_lock(&g->mutex);
	g->taken = false;
	g->result = rc;
	pthread_cond_signal(&g->wake);
	pthread_mutex_unlock(&g->mutex);
}

/* Files. */

int64_t
ingest_modified_ns(const struct stat *st)
{
	return (int64_t)st->st_mtim.tv_sec * 1000000000 + (int64_t)st->st_mtim.tv_nsec;
}

void
ingest_note_place(struct ingest *g, struct file *f, const struct sessions_source *now)
{
	struct change *c = xmalloc(sizeof *c);

	sessions_add_source(g->rows.batch, now);
	*c = (struct change){f, f->known, g->made};
	g->made = c;
	f->known = *now;
	f->known.path = c->before.path;
	f->known.format = xstrdup(now->format);
	f->known.parser = now->parser != NULL ? xstrdup(now->parser) : NULL;
}

void
ingest_need_batch(struct ingest *g, const char *agent)
{
	if (g->rows.batch == NULL) {
		rows_begin(&g->rows, sessions_batch_new(), agent);
		g->batch_us = clock_mono_us();
	}
}

void
ingest_count(struct ingest *g, uint64_t bytes, uint64_t passed)
{
	pthread_mutex_lock(&g->mutex);
	g->st.bytes += bytes;
	g->st.passed += passed;
	pthread_mutex_unlock(&g->mutex);
}

struct file *
ingest_need_file(struct ingest *g, const char *path)
{
	struct file *f;

	HASH_FIND(hh, g->files, path, strlen(path), f);
	if (f != NULL)
		return f;
	f = xcalloc(1, sizeof *f);
	f->known.path = xstrdup(path);
	HASH_ADD_KEYPTR(hh, g->files, f->known.path, strlen(f->known.path), f);
	pthread_mutex_lock(&g->mutex);
	g->st.files++;
	pthread_mutex_unlock(&g->mutex);
	return f;
}

bool
ingest_unchanged(const struct file *f, const struct stat *st)
{
	const struct sessions_source *k = f->kept != NULL ? &f->kept->now : &f->known;

	return k->format != NULL && k->device == (uint64_t)st->st_dev &&
	       k->inode == (uint64_t)st->st_ino && k->size == (uint64_t)st->st_size &&
	       k->modified_ns == ingest_modified_ns(st);
}

bool
ingest_full(const struct ingest *g)
{
	return sessions_batch_bytes(g->rows.batch) >= INGEST_BATCH_BYTES ||
	       clock_mono_us() - g->batch_us >= INGEST_BATCH_MS * 1000;
}

/* Directories. */

static void
check(struct ingest *g, const char *agent, const char *path)
{
	if (!ingest_check_db(g, agent, path))
		ingest_check_file(g, agent, path);
}

static void
scan(struct ingest *g, const char *agent, const char *path, unsigned depth)
{
	DIR *d = depth < DEPTH ? opendir(path) : NULL;
	struct dirent *e;

	if (d == NULL)
		return;
	if (g->watch != NULL)
		os_watch_add(g->watch, path);
	while ((e = readdir(d)) != NULL && !ingest_stopped(g)) {
		char *name;
		struct stat st;

		if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
			continue;
		name = xasprintf("%s/%s", path, e->d_name);
		if (lstat(name, &st) == 0 && S_ISDIR(st.st_mode))
			scan(g, agent, name, depth + 1);
		else
			check(g, agent, name);
		free(name);
	}
	closedir(d);
}

/* Directories that are not there yet are noticed by the next look. */
static void
scan_all(struct ingest *g)
{
	g->dirty = false;
	for (size_t i = 0; i < g->config.nplaces && !ingest_stopped(g); i++)
		scan(g, g->places[i].agent, g->places[i].dir, 0);
	put_all(g);
}

static const char *
agent_of(const struct ingest *g, const char *path)
{
	for (size_t i = 0; i < g->config.nplaces; i++) {
		size_t n = strlen(g->places[i].dir);
		if (strncmp(path, g->places[i].dir, n) == 0 && path[n] == '/')
			return g->places[i].agent;
	}
	return NULL;
}

static void
on_change(const char *path, bool directory, void *arg)
{
	struct ingest *g = arg;
	const char *agent = agent_of(g, path);
	struct file *f;

	if (agent == NULL || ingest_stopped(g))
		return;
	if (directory) {
		scan(g, agent, path, 1);
		return;
	}
	HASH_FIND(hh, g->files, path, strlen(path), f);
	if (f == NULL) {
		check(g, agent, path);
	} else if (!f->changed) {
		f->changed = true;
		DL_APPEND(g->changed, f);
	}
}

/* Those that were written to many times are looked at once, after all was said of them. */
static int
read_changes(struct ingest *g)
{
	int rc = os_watch_read(g->watch, on_change, g);
	struct file *f;

	while ((f = g->changed) != NULL) {
		DL_DELETE(g->changed, f);
		f->changed = false;
		if (!ingest_stopped(g))
			check(g, agent_of(g, f->known.path), f->known.path);
	}
	return rc;
}

/* The thread. */

/* What follows soon is read with it: one change alone is read at once. */
static void
settle(struct ingest *g)
{
	uint64_t soon = clock_mono_us() + SETTLE_US;
	uint64_t until = g->rest_us > soon ? g->rest_us : soon;

	pthread_mutex_lock(&g->mutex);
	while (!g->stop && clock_mono_us() < until)
		thread_wait(&g->wake, &g->mutex, until);
	pthread_mutex_unlock(&g->mutex);
}

/* Of many sessions at work there is a batch every INGEST_BATCH_MS, and less often when one takes more
 * than a part of that: it costs much the same with one line of each session and with several. */
static void
rest(struct ingest *g, uint64_t began_us)
{
	uint64_t now = clock_mono_us(), us = (now - began_us) * REST;

	if (us < INGEST_BATCH_MS * 1000)
		us = INGEST_BATCH_MS * 1000;
	g->rest_us = now + (us < INGEST_REST_MS * 1000 ? us : INGEST_REST_MS * 1000);
}

static bool
is_past(uint64_t us)
{
	return clock_mono_us() >= us;
}

/* Some of it has to be read again: soon, however much is written meanwhile. */
static uint64_t
sooner(uint64_t next_us)
{
	uint64_t retry_us = clock_mono_us() + RETRY_US;

	return retry_us < next_us ? retry_us : next_us;
}

/* Waits for a change, or for the next look: true when everything is to be looked at. */
static bool
await_change(struct ingest *g, uint64_t next_us)
{
	for (;;) {
		uint64_t until = next_us < g->due_us ? next_us : g->due_us;
		uint64_t began = clock_mono_us();
		int ms = began < until ? (int)((until - began) / 1000) + 1 : 0;

		if (ingest_stopped(g) || is_past(next_us))
			return true;
		if (g->watch == NULL) {
			pthread_mutex_lock(&g->mutex);
			if (!g->stop)
				thread_wait(&g->wake, &g->mutex, next_us);
			pthread_mutex_unlock(&g->mutex);
		} else if (os_watch_wait(g->watch, ms) > 0) {
			settle(g);
			began = clock_mono_us();
			if (read_changes(g) != 0)
				return true; /* some were missed */
			put_all(g);
			rest(g, began);
			if (g->dirty)
				next_us = sooner(next_us);
		} else if (is_past(g->due_us) && put_all(g) != 0) {
			next_us = sooner(next_us);
		}
	}
}

static void *
run(void *arg)
{
	struct ingest *g = arg;

	os_thread_background();
	while (!ingest_stopped(g)) {
		uint64_t began = clock_mono_us();

		scan_all(g);
		rest(g, began);
		pthread_mutex_lock(&g->mutex);
		if (!g->st.settled && !g->dirty) {
			g->st.settled = true;
			g->st.settled_us = clock_mono_us() - g->began_us;
		}
		pthread_mutex_unlock(&g->mutex);
		await_change(g, clock_mono_us() + (g->dirty              ? RETRY_US
						      : g->watch != NULL ? RESCAN_US
									 : LOOK_US));
	}
	return NULL;
}

struct ingest *
ingest_new(const struct ingest_config *config)
{
	struct ingest *g = xcalloc(1, sizeof *g);

	g->config = *config;
	if (g->config.place_ms == 0)
		g->config.place_ms = INGEST_PLACE_MS;
	if (g->config.kept_max == 0)
		g->config.kept_max = INGEST_KEPT_MAX;
	g->due_us = UINT64_MAX;
	g->places = xcalloc(config->nplaces + 1, sizeof *g->places);
	for (size_t i = 0; i < config->nplaces; i++)
		g->places[i] = (struct agent_place){
		    config->places[i].agent, xstrdup(config->places[i].dir)};
	g->rows.baseline = config->baseline;
	g->rows.arg = config->arg;
	g->buffer = xmalloc(INGEST_CHUNK);
	pthread_mutex_init(&g->mutex, NULL);
	thread_cond_init(&g->wake);
	return g;
}

static void
note_begin(struct ingest *g)
{
	if (g->began_us == 0)
		g->began_us = clock_mono_us();
}

void
ingest_known(struct ingest *g, const struct sessions_source *s)
{
	struct file *f = ingest_need_file(g, s->path);
	const char *path = f->known.path;

	note_begin(g);
	free((char *)f->known.format);
	free((char *)f->known.parser);
	f->known = *s;
	f->known.path = path;
	f->known.format = xstrdup(s->format);
	f->known.parser = s->parser != NULL ? xstrdup(s->parser) : NULL;
}

int
ingest_start(struct ingest *g)
{
	int rc;

	note_begin(g);
	g->watch = os_watch_new();
	rc = thread_start(&g->thread, run, g);
	g->running = rc == 0;
	return rc;
}

void
ingest_free(struct ingest *g)
{
	struct file *f, *next;

	if (g == NULL)
		return;
	pthread_mutex_lock(&g->mutex);
	g->stop = true;
	pthread_cond_signal(&g->wake);
	pthread_mutex_unlock(&g->mutex);
	if (g->watch != NULL)
		os_watch_wake(g->watch);
	if (g->running)
		pthread_join(g->thread, NULL);
	ingest_drop_kept(g);
	HASH_ITER (hh, g->files, f, next) {
		HASH_DEL(g->files, f);
		free((char *)f->known.path);
		free((char *)f->known.format);
		free((char *)f->known.parser);
		free(f);
	}
	for (size_t i = 0; i < g->config.nplaces; i++)
		free(g->places[i].dir);
	os_watch_free(g->watch);
	forget(&g->made);
	forget(&g->sent);
	sessions_batch_free(g->ready);
	sessions_batch_free(g->rows.batch);
	rows_release(&g->rows);
	pthread_cond_destroy(&g->wake);
	pthread_mutex_destroy(&g->mutex);
	free(g->places);
	free(g->buffer);
	free(g);
}

void
ingest_status(struct ingest *g, struct ingest_status *out)
{
	pthread_mutex_lock(&g->mutex);
	*out = g->st;
	pthread_mutex_unlock(&g->mutex);
}
