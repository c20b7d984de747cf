#include "config.h"

#include "app/collide_watch.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <uthash.h>
#include <utlist.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/str.h"
#include "base/xmalloc.h"
#include "os/os.h"

enum {
	SETTLE_US = 20 * 1000, /* what is written at once is one change */
	APART_MS = 200,        /* what is written for longer, too */
	DEPTH_MAX = 64,
};

struct watched_job {
	struct watched_job *prev, *next;
	uint64_t number;
	char *dir; /* ends with "/" */
	int64_t began_ms, ended_ms;
	bool walked;
};

/* A path that changed and is not told yet, or one of several jobs that changed before. */
struct change {
	char *path;
	int64_t first_ms, last_ms;
	unsigned times;
	UT_hash_handle hh;
};

/* What is told. */
struct news {
	struct news *prev, *next;
	uint64_t job;
	char *path;
	int64_t time_ms;
};

struct collide_watch {
	uv_async_t async;
	collide_watch_cb changed;
	void *arg;
	char *leave_out;
	uv_thread_t thread;
	bool runs;

	uv_mutex_t mutex; /* what follows */
	struct watched_job *jobs;
	struct news *news;
	struct os_watch *os; /* replaced by the thread only */
	bool stop;

	/* The thread's. */
	struct change *pending, *before;
	int64_t due_us;
	unsigned dirs;
	bool full; /* and that was said */
};

/* Directories. */

static bool
is_left_out(const struct collide_watch *w, const char *dir, const char *name)
{
	static const char *const names[] = {
	    ".", "..", ".git", ".hg", ".svn", ".cache", "node_modules"};

	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		if (strcmp(name, names[i]) == 0)
			return true;
	return w->leave_out != NULL && strcmp(dir, w->leave_out) == 0;
}

static void
drop_changes(struct change **all)
{
	struct change *c, *next;

	HASH_ITER (hh, *all, c, next) {
		HASH_DEL(*all, c);
		free(c->path);
		free(c);
	}
}

static struct change *
note(struct change **all, const char *path, int64_t from_ms, int64_t to_ms)
{
	struct change *c;

	HASH_FIND_STR(*all, path, c);
	if (c == NULL) {
		if (HASH_COUNT(*all) >= COLLIDE_CHANGES)
			return NULL;
		c = xcalloc(1, sizeof *c);
		c->path = xstrdup(path);
		c->first_ms = from_ms;
		HASH_ADD_KEYPTR(hh, *all, c->path, strlen(c->path), c);
	}
	if (from_ms - c->last_ms >= APART_MS)
		c->times++;
	c->last_ms = to_ms;
	return c;
}

struct reading {
	struct collide_watch *w;
	int64_t now_ms; /* the same for all that is read at once */
};

static void
note_file(struct reading *r, const char *path)
{
	if (r->w->pending == NULL)
		r->w->due_us = (int64_t)clock_mono_us() + COLLIDE_DELAY_MS * 1000;
	note(&r->w->pending, path, r->now_ms, r->now_ms);
}

static bool
is_stopped(struct collide_watch *w)
{
	bool stop;

	uv_mutex_lock(&w->mutex);
	stop = w->stop;
	uv_mutex_unlock(&w->mutex);
	return stop;
}

/* `new`: what is in it came with it. */
static void
walk(struct reading *r, const char *dir, bool new, unsigned depth)
{
	struct collide_watch *w = r->w;
	struct dirent *e;
	DIR *d;

	if (is_stopped(w))
		return;
	if (w->dirs >= COLLIDE_DIRS || depth > DEPTH_MAX || os_watch_add(w->os, dir) != 0) {
		if (w->dirs >= COLLIDE_DIRS && !w->full)
			log_warn("collisions", "there are too many directories to watch all");
		w->full = w->full || w->dirs >= COLLIDE_DIRS;
		return;
	}
	w->dirs++;
	if ((d = opendir(dir)) == NULL)
		return;
	while ((e = readdir(d)) != NULL) {
		char *path;

		if (e->d_type != DT_DIR && !(new && e->d_type == DT_REG))
			continue;
		path = xasprintf("%s/%s", strcmp(dir, "/") == 0 ? "" : dir, e->d_name);
		if (e->d_type == DT_REG)
			note_file(r, path);
		else if (!is_left_out(w, path, e->d_name))
			walk(r, path, new, depth + 1);
		free(path);
	}
	closedir(d);
}

static void
on_change(const char *path, bool directory, void *arg)
{
	const char *name = strrchr(path, '/');

	if (!directory)
		note_file(arg, path);
	else if (name != NULL && !is_left_out(((struct reading *)arg)->w, path, name + 1))
		walk(arg, path, true, 0);
}

/* Telling. */

static bool
may_be(const struct watched_job *j, const struct change *c)
{
	return j->began_ms != 0 && c->last_ms >= j->began_ms &&
	       (j->ended_ms == 0 || c->first_ms <= j->ended_ms + SETTLE_US / 1000 * 2) &&
	       str_starts(c->path, j->dir);
}

/* Whether it changed more than once, here or when it was looked at before. */
static bool
changed_again(struct collide_watch *w, const struct change *c)
{
	struct change *b;

	if (c->times > 1)
		return true;
	if (HASH_COUNT(w->before) >= COLLIDE_CHANGES)
		drop_changes(&w->before);
	b = note(&w->before, c->path, c->first_ms, c->last_ms);
	return b != NULL && b->times > 1;
}

static void
tell(struct collide_watch *w, const struct change *c)
{
	struct watched_job *j;
	struct news *n;
	unsigned count = 0;

	DL_FOREACH (w->jobs, j)
		count += may_be(j, c);
	if (count == 0 || (count > 1 && !changed_again(w, c)))
		return;
	DL_FOREACH (w->jobs, j) {
		if (!may_be(j, c))
			continue;
		n = xcalloc(1, sizeof *n);
		n->job = j->number;
		n->path = xstrdup(c->path);
		n->time_ms = c->last_ms;
		DL_APPEND(w->news, n);
	}
}

static void
deliver(struct collide_watch *w)
{
	struct change *c, *next;

	uv_mutex_lock(&w->mutex);
	HASH_ITER (hh, w->pending, c, next)
		tell(w, c);
	uv_mutex_unlock(&w->mutex);
	drop_changes(&w->pending);
	uv_async_send(&w->async);
}

static void
on_async(uv_async_t *h)
{
	struct collide_watch *w = h->data;
	struct news *all, *n, *next;

	uv_mutex_lock(&w->mutex);
	all = w->news;
	w->news = NULL;
	uv_mutex_unlock(&w->mutex);
	DL_FOREACH_SAFE (all, n, next) {
		w->changed(w->arg, n->job, n->path, n->time_ms);
		free(n->path);
		free(n);
	}
}

/* The thread. */

static void
drop_job(struct collide_watch *w, struct watched_job *j)
{
	DL_DELETE(w->jobs, j);
	free(j->dir);
	free(j);
}

/* Of what has ended and is told; the last one takes all directories with it. */
static void
drop_ended(struct collide_watch *w)
{
	int64_t before = clock_wall_ms() - 2 * COLLIDE_DELAY_MS;
	struct watched_job *j, *next;
	struct os_watch *fresh;
	bool any = false;

	DL_FOREACH_SAFE (w->jobs, j, next) {
		if (j->ended_ms != 0 && j->ended_ms < before) {
			drop_job(w, j);
			any = true;
		}
	}
	/* With many directories, those of the jobs that are left are begun anew. */
	if (!any || (w->jobs != NULL && w->dirs <= COLLIDE_DIRS / 2) ||
	    (fresh = os_watch_new()) == NULL)
		return;
	os_watch_free(w->os);
	w->os = fresh;
	w->dirs = 0;
	w->full = false;
	DL_FOREACH (w->jobs, j)
		j->walked = false;
	if (w->jobs == NULL)
		drop_changes(&w->before);
}

/* -1: for ever. */
static int
patience(const struct collide_watch *w)
{
	const struct watched_job *j;
	int64_t us = w->due_us - (int64_t)clock_mono_us();

	if (w->pending != NULL)
		return us > 0 ? (int)(us / 1000) + 1 : 0;
	DL_FOREACH (w->jobs, j)
		if (j->ended_ms != 0)
			return COLLIDE_DELAY_MS;
	return -1;
}

static char *
with_slash(const char *dir)
{
	return xasprintf("%s/", strcmp(dir, "/") == 0 ? "" : dir);
}

static bool
is_below_another(const struct collide_watch *w, const struct watched_job *j)
{
	const struct watched_job *o;

	DL_FOREACH (w->jobs, o)
		if (o != j && o->walked && str_starts(j->dir, o->dir))
			return true;
	return false;
}

/* What is told has no links in it. */
static void
resolve(struct collide_watch *w, struct watched_job *j)
{
	char *real;

	uv_mutex_unlock(&w->mutex);
	real = realpath(j->dir, NULL);
	uv_mutex_lock(&w->mutex);
	if (real == NULL)
		return;
	free(j->dir);
	j->dir = with_slash(real);
	free(real);
}

static void
walk_new(struct collide_watch *w)
{
	struct reading r = {w, clock_wall_ms()};
	struct watched_job *j;

	DL_FOREACH (w->jobs, j) {
		char *dir;

		if (j->walked)
			continue;
		resolve(w, j);
		j->walked = true;
		if (is_below_another(w, j))
			continue;
		dir = xstrndup(j->dir, strlen(j->dir) > 1 ? strlen(j->dir) - 1 : 1);
		uv_mutex_unlock(&w->mutex);
		walk(&r, dir, false, 0);
		free(dir);
		uv_mutex_lock(&w->mutex);
	}
}

static void
run(void *arg)
{
	struct collide_watch *w = arg;

	os_thread_background();
	uv_mutex_lock(&w->mutex);
	while (!w->stop) {
		struct reading r = {.w = w};
		int ms;

		drop_ended(w);
		walk_new(w);
		ms = patience(w);
		if (w->stop)
			break;
		uv_mutex_unlock(&w->mutex);
		if (os_watch_wait(w->os, ms) > 0) {
			usleep(SETTLE_US);
			r.now_ms = clock_wall_ms();
			os_watch_read(w->os, on_change, &r);
		}
		if (w->pending != NULL && (int64_t)clock_mono_us() >= w->due_us)
			deliver(w);
		uv_mutex_lock(&w->mutex);
	}
	uv_mutex_unlock(&w->mutex);
}

/* The loop. */

struct collide_watch *
collide_watch_new(uv_loop_t *loop, const char *leave_out, collide_watch_cb changed, void *arg)
{
	struct collide_watch *w;
	struct os_watch *os = os_watch_new();

	if (os == NULL)
		return NULL;
	w = xcalloc(1, sizeof *w);
	w->os = os;
	w->changed = changed;
	w->arg = arg;
	w->leave_out = leave_out != NULL ? xstrdup(leave_out) : NULL;
	uv_async_init(loop, &w->async, on_async);
	w->async.data = w;
	uv_unref((uv_handle_t *)&w->async);
	uv_mutex_init(&w->mutex);
	w->runs = uv_thread_create(&w->thread, run, w) == 0;
	return w;
}

static void
on_closed(uv_handle_t *h)
{
	free(h->data);
}

void
collide_watch_free(struct collide_watch *w)
{
	struct news *n, *next;

	if (w == NULL)
		return;
	uv_mutex_lock(&w->mutex);
	w->stop = true;
	os_watch_wake(w->os);
	uv_mutex_unlock(&w->mutex);
	if (w->runs)
		uv_thread_join(&w->thread);
	while (w->jobs != NULL)
		drop_job(w, w->jobs);
	DL_FOREACH_SAFE (w->news, n, next) {
		free(n->path);
		free(n);
	}
	drop_changes(&w->pending);
	drop_changes(&w->before);
	os_watch_free(w->os);
	uv_mutex_destroy(&w->mutex);
	free(w->leave_out);
	uv_close((uv_handle_t *)&w->async, on_closed);
}

static struct watched_job *
find(struct collide_watch *w, uint64_t job)
{
	struct watched_job *j;

	DL_FOREACH (w->jobs, j)
		if (j->number == job)
			return j;
	return NULL;
}

void
collide_watch_add(struct collide_watch *w, uint64_t job, const char *dir)
{
	struct watched_job *j;

	uv_mutex_lock(&w->mutex);
	if (find(w, job) == NULL) {
		j = xcalloc(1, sizeof *j);
		j->number = job;
		j->dir = with_slash(dir);
		DL_APPEND(w->jobs, j);
		os_watch_wake(w->os);
	}
	uv_mutex_unlock(&w->mutex);
}

void
collide_watch_began(struct collide_watch *w, uint64_t job, int64_t time_ms)
{
	struct watched_job *j;

	uv_mutex_lock(&w->mutex);
	if ((j = find(w, job)) != NULL && j->began_ms == 0)
		j->began_ms = time_ms;
	uv_mutex_unlock(&w->mutex);
}

void
collide_watch_ended(struct collide_watch *w, uint64_t job, int64_t time_ms)
{
	struct watched_job *j;

	uv_mutex_lock(&w->mutex);
	if ((j = find(w, job)) != NULL && j->ended_ms == 0) {
		j->ended_ms = time_ms;
		os_watch_wake(w->os);
	}
	uv_mutex_unlock(&w->mutex);
}
