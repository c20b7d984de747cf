#include "config.h"

#include "agent/ingest.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <uthash.h>

#include "agent/ingest_priv.h"
#include "agent/opencode_db.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/str.h"
#include "base/xmalloc.h"
#include "os/os.h"
#include "store/thread.h"

enum {
	CHUNK = 256 * 1024,
	HEAD = 1024,                  /* bytes that the sum is over, or as many as were read */
	DEPTH = 10,                   /* of directories */
	LOOK_US = 2 * 1000 * 1000,    /* between two looks, where nothing tells of changes */
	RESCAN_US = 60 * 1000 * 1000, /* and where something does */
	SETTLE_US = 20 * 1000,        /* after a change, as they come in swarms */
	RETRY_US = 1000 * 1000,       /* after a batch that could not be written */
};

struct file {
	struct sessions_source known; /* with what is under way; its strings are owned */
	UT_hash_handle hh;
};

/* What was known of a file before a batch, for one that cannot be written. */
struct change {
	struct file *file;
	struct sessions_source before; /* its strings but the path are owned */
	struct change *next;           /* an earlier one */
};

struct ingest {
	struct ingest_config config;
	struct agent_place *places;
	struct file *files;     /* by path; the thread's, once it runs */
	struct os_watch *watch; /* NULL: there is none */
	pthread_t thread;
	bool running;
	char *buffer; /* CHUNK bytes */
	struct rows rows;
	uint64_t began_us;          /* the first ingest_known, or the start */
	uint64_t read_us;           /* when what had changed was read last */
	uint64_t batch_us;          /* when the batch that is being made was begun */
	struct change *made, *sent; /* by that batch, and by the one under way; newest first */
	bool dirty;                 /* something could not be written: look again */

	pthread_mutex_t mutex;
	pthread_cond_t wake;
	struct sessions_batch *ready; /* waits to be taken */
	bool taken, stop;
	int result; /* of the last one */
	struct ingest_status st;
};

/* Handing over. */

static bool
is_stopped(struct ingest *g)
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
	take_back(&g->made);
	take_back(&g->sent);
	sessions_batch_free(g->rows.batch);
	rows_begin(&g->rows, NULL, NULL);
	g->dirty = true;
	return rc;
}

/* Hands over what there is, which is written while the next is made. */
static int
send_batch(struct ingest *g)
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
	int rc = g->rows.batch != NULL ? send_batch(g) : 0;

	return rc == 0 ? await_written(g) : rc;
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

static uint64_t
sum(const char *p, size_t n)
{
	uint64_t h = 0xcbf29ce484222325ull; /* FNV-1a */

	for (size_t i = 0; i < n; i++)
		h = (h ^ (unsigned char)p[i]) * 0x100000001b3ull;
	return h;
}

static int64_t
modified_ns(const struct stat *st)
{
	return (int64_t)st->st_mtim.tv_sec * 1000000000 + (int64_t)st->st_mtim.tv_nsec;
}

static bool
read_head(int fd, uint64_t offset, uint64_t *out)
{
	char head[HEAD];
	size_t n = offset < HEAD ? (size_t)offset : HEAD;
	ssize_t got = pread(fd, head, n, 0);

	*out = got == (ssize_t)n ? sum(head, n) : 0;
	return got == (ssize_t)n;
}

/* Whether the file is the one that was read up to its offset. */
static bool
is_same(const struct sessions_source *k, const struct stat *st, int fd)
{
	uint64_t head;

	return k->device == (uint64_t)st->st_dev && k->inode == (uint64_t)st->st_ino &&
	       k->offset <= (uint64_t)st->st_size && read_head(fd, k->offset, &head) &&
	       head == k->head;
}

struct reading {
	struct ingest *g;
	const struct agent_format *format;
	struct agent_parser *parser;
	struct sessions_source now;
	int fd;
};

static bool
is_full(const struct ingest *g)
{
	return sessions_batch_bytes(g->rows.batch) >= INGEST_BATCH_BYTES ||
	       clock_mono_us() - g->batch_us >= INGEST_BATCH_MS * 1000;
}

static void
note_place(struct ingest *g, struct file *f, const struct sessions_source *now)
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

/* Adds to the batch the place up to which the file has been read, and sends it when it is full. */
static int
put_place(struct reading *r, struct file *f)
{
	struct ingest *g = r->g;
	struct buf state;

	if (!read_head(r->fd, r->now.offset, &r->now.head))
		return -EIO;
	buf_init(&state, BUF_NO_MAX);
	if (r->format->save != NULL)
		r->format->save(r->parser, &state);
	r->now.parser = state.len != 0 ? state.data : NULL;
	note_place(g, f, &r->now);
	r->now.parser = NULL;
	buf_release(&state);
	return is_full(g) ? send_batch(g) : 0;
}

/* One that rows of this agent may go to, behind those of others. */
static void
need_batch(struct ingest *g, const char *agent)
{
	if (g->rows.batch == NULL) {
		rows_begin(&g->rows, sessions_batch_new(), agent);
		g->batch_us = clock_mono_us();
	}
}

static void
count(struct ingest *g, uint64_t bytes, uint64_t passed)
{
	pthread_mutex_lock(&g->mutex);
	g->st.bytes += bytes;
	g->st.passed += passed;
	pthread_mutex_unlock(&g->mutex);
}

/* Feeds the whole lines of `b`, which begins at r->now.offset; returns the bytes they took. */
static size_t
feed_lines(struct reading *r, const char *data, size_t len)
{
	size_t at = 0;

	for (;;) {
		const char *nl = memchr(data + at, '\n', len - at);
		size_t n;

		if (nl == NULL)
			return at;
		n = (size_t)(nl - (data + at));
		if (n > INGEST_LINE_MAX)
			count(r->g, 0, 1);
		else if (n != 0)
			r->format->feed(r->parser, data + at, n, r->now.offset + at);
		at += n + 1;
	}
}

static int
read_lines(struct reading *r, struct file *f)
{
	struct ingest *g = r->g;
	struct buf part; /* what of the file is not fed yet */
	int rc = 0;

	buf_init(&part, BUF_NO_MAX);
	while (rc == 0 && !is_stopped(g)) {
		ssize_t n = pread(r->fd, g->buffer, CHUNK, (off_t)(r->now.offset + part.len));
		size_t fed;

		if (n <= 0) {
			rc = n < 0 ? -errno : 0;
			break;
		}
		count(g, (uint64_t)n, 0);
		need_batch(r->g, r->format->agent);
		buf_append(&part, g->buffer, (size_t)n);
		fed = feed_lines(r, part.data, part.len);
		r->now.offset += fed;
		buf_drain(&part, fed);
		if (part.len >
		    INGEST_LINE_MAX) { /* passed over up to here; its end is no JSON */
			count(g, 0, 1);
			r->now.offset += part.len;
			buf_reset(&part);
		}
		if (is_full(g))
			rc = put_place(r, f);
	}
	buf_release(&part);
	return rc;
}

static int
read_document(struct reading *r)
{
	size_t size = (size_t)r->now.size;
	char *text;
	ssize_t n;

	if (size > INGEST_DOCUMENT_MAX) {
		count(r->g, 0, 1);
		r->now.offset = r->now.size;
		need_batch(r->g, r->format->agent);
		return 0;
	}
	text = xmalloc(size + 1);
	n = pread(r->fd, text, size, 0);
	if (n == (ssize_t)size) {
		need_batch(r->g, r->format->agent);
		r->format->feed(r->parser, text, size, 0);
		r->now.offset = size;
		count(r->g, size, 0);
	}
	free(text);
	return n == (ssize_t)size ? 0 : -EAGAIN; /* it is being written */
}

static struct agent_parser *
open_parser(struct reading *r, const struct file *f, bool go_on)
{
	const struct agent_sink sink = {rows_event, rows_baseline, &r->g->rows};
	struct agent_parser *p = r->format->open(f->known.path, &sink);

	if (!go_on)
		return p;
	if (f->known.parser != NULL && r->format->restore != NULL &&
	    r->format->restore(p, f->known.parser, strlen(f->known.parser)))
		return p;
	r->now.offset = 0;
	r->format->close(p);
	return r->format->open(f->known.path, &sink);
}

static int
read_file(struct ingest *g, struct file *f, const struct agent_format *format, int fd,
    const struct stat *st)
{
	struct reading r = {.g = g, .format = format, .fd = fd, .now = f->known};
	bool lines = format->layout == AGENT_LINES;
	bool go_on = lines && f->known.offset != 0 && is_same(&f->known, st, fd);
	int rc;

	r.now.format = format->name;
	r.now.device = (uint64_t)st->st_dev;
	r.now.inode = (uint64_t)st->st_ino;
	r.now.size = (uint64_t)st->st_size;
	r.now.modified_ns = modified_ns(st);
	if (!go_on)
		r.now.offset = 0;
	rows_begin(&g->rows, g->rows.batch, format->agent);
	r.parser = open_parser(&r, f, go_on);
	rc = lines ? read_lines(&r, f) : read_document(&r);
	if (rc == 0 && !is_stopped(g)) {
		need_batch(g, format->agent);
		if (format->flush != NULL)
			format->flush(r.parser);
		rc = put_place(&r, f);
	}
	format->close(r.parser);
	return rc;
}

static struct file *
need_file(struct ingest *g, const char *path)
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

static bool
is_unchanged(const struct file *f, const struct stat *st)
{
	const struct sessions_source *k = &f->known;

	return k->format != NULL && k->device == (uint64_t)st->st_dev &&
	       k->inode == (uint64_t)st->st_ino && k->size == (uint64_t)st->st_size &&
	       k->modified_ns == modified_ns(st);
}

/* opencode's database: what is new of it is known by its rows' times, and it may be in its log. */

static const char db_agent[] = "opencode", db_format[] = "opencode-db", db_log[] = "-wal";

struct db_reading {
	struct ingest *g;
	int rc;
};

static void
on_db_event(void *arg, const struct agent_event *e)
{
	struct db_reading *r = arg;

	if (r->rc != 0)
		return;
	need_batch(r->g, db_agent);
	rows_event(&r->g->rows, e);
	if (is_full(r->g))
		r->rc = send_batch(r->g);
}

static int64_t
time_of(const char *saved)
{
	uint64_t ms;

	return saved != NULL && str_u64(saved, 0, INT64_MAX, &ms) == 0 ? (int64_t)ms : 0;
}

static int
read_db(struct ingest *g, struct file *f, const struct stat *st)
{
	struct db_reading r = {.g = g};
	const struct agent_sink sink = {on_db_event, NULL, &r};
	struct sessions_source now = {.path = f->known.path,
	    .format = db_format,
	    .device = (uint64_t)st->st_dev,
	    .inode = (uint64_t)st->st_ino,
	    .size = (uint64_t)st->st_size,
	    .modified_ns = modified_ns(st)};
	bool same = f->known.device == now.device && f->known.inode == now.inode;
	int64_t since = same ? time_of(f->known.parser) : 0;
	char saved[24], *cause = NULL;
	int rc;

	rows_begin(&g->rows, g->rows.batch, db_agent);
	rc = opencode_db_read(now.path, &sink, &since, &cause);
	if (rc == -ENOTSUP || rc == -EBADMSG) {
		log_warn("sessions", "%s", cause);
		count(g, 0, 1);
		rc = 0; /* until it changes */
	}
	free(cause);
	if (rc != 0 || r.rc != 0)
		return rc != 0 ? rc : r.rc;
	snprintf(saved, sizeof saved, "%lld", (long long)since);
	now.parser = saved;
	need_batch(g, db_agent);
	note_place(g, f, &now);
	return is_full(g) ? send_batch(g) : 0;
}

static void
check_db(struct ingest *g, const char *path)
{
	char *log = xasprintf("%s%s", path, db_log);
	struct stat st, more;
	struct file *f;
	int rc = stat(path, &st);

	if (rc == 0 && stat(log, &more) == 0) {
		st.st_size += more.st_size;
		if (modified_ns(&more) > modified_ns(&st))
			st.st_mtim = more.st_mtim;
	}
	free(log);
	if (rc != 0 || !S_ISREG(st.st_mode))
		return;
	f = need_file(g, path);
	if (is_unchanged(f, &st))
		return;
	rc = read_db(g, f, &st);
	if (rc != 0 && rc != -ECANCELED && rc != -ENOENT)
		g->dirty = true;
}

/* Whether it was one. */
static bool
take_db(struct ingest *g, const char *agent, const char *path)
{
	size_t n = strlen(path), end = strlen(db_log);
	char *base;

	if (strcmp(agent, db_agent) != 0)
		return false;
	base = xstrndup(path, n > end && strcmp(path + n - end, db_log) == 0 ? n - end : n);
	if (!opencode_db_is_one(base)) {
		free(base);
		return false;
	}
	check_db(g, base);
	free(base);
	return true;
}

static void
check_file(struct ingest *g, const char *agent, const char *path)
{
	const struct agent_format *format = agent_format_of_path(agent, path);
	struct file *f;
	struct stat st;
	int fd, rc;

	if (take_db(g, agent, path) || format == NULL || stat(path, &st) != 0 ||
	    !S_ISREG(st.st_mode))
		return;
	f = need_file(g, path);
	if (is_unchanged(f, &st))
		return;
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	if (fd < 0)
		return;
	rc = fstat(fd, &st) == 0 ? read_file(g, f, format, fd, &st) : -errno;
	close(fd);
	if (rc == -EAGAIN || (rc != 0 && rc != -ECANCELED))
		g->dirty = true;
}

/* Directories. */

static void
scan(struct ingest *g, const char *agent, const char *path, unsigned depth)
{
	DIR *d = depth < DEPTH ? opendir(path) : NULL;
	struct dirent *e;

	if (d == NULL)
		return;
	if (g->watch != NULL)
		os_watch_add(g->watch, path);
	while ((e = readdir(d)) != NULL && !is_stopped(g)) {
		char *name;
		struct stat st;

		if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
			continue;
		name = xasprintf("%s/%s", path, e->d_name);
		if (lstat(name, &st) == 0 && S_ISDIR(st.st_mode))
			scan(g, agent, name, depth + 1);
		else
			check_file(g, agent, name);
		free(name);
	}
	closedir(d);
}

/* Directories that are not there yet are noticed by the next look. */
static void
scan_all(struct ingest *g)
{
	g->dirty = false;
	for (size_t i = 0; i < g->config.nplaces && !is_stopped(g); i++)
		scan(g, g->places[i].agent, g->places[i].dir, 0);
	send_all(g);
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

	if (agent == NULL || is_stopped(g))
		return;
	if (directory)
		scan(g, agent, path, 1);
	else
		check_file(g, agent, path);
}

/* The thread. */

/* What follows soon is written with it: one change alone is read at once, and of many sessions at
 * work there is a batch every INGEST_BATCH_MS. */
static void
settle(struct ingest *g)
{
	uint64_t soon = clock_mono_us() + SETTLE_US;
	uint64_t next = g->read_us + INGEST_BATCH_MS * 1000;

	pthread_mutex_lock(&g->mutex);
	while (!g->stop && clock_mono_us() < (next > soon ? next : soon))
		thread_wait(&g->wake, &g->mutex, next > soon ? next : soon);
	pthread_mutex_unlock(&g->mutex);
}

/* Waits for a change, or for the next look: true when everything is to be looked at. */
static bool
await_change(struct ingest *g, uint64_t next_us)
{
	for (;;) {
		uint64_t now = clock_mono_us();
		int ms = now < next_us ? (int)((next_us - now) / 1000) + 1 : 0;

		if (is_stopped(g) || ms == 0)
			return true;
		if (g->watch == NULL) {
			pthread_mutex_lock(&g->mutex);
			if (!g->stop)
				thread_wait(&g->wake, &g->mutex, next_us);
			pthread_mutex_unlock(&g->mutex);
		} else if (os_watch_wait(g->watch, ms) > 0) {
			settle(g);
			if (os_watch_read(g->watch, on_change, g) != 0)
				return true; /* some were missed */
			send_all(g);
			g->read_us = clock_mono_us();
			if (g->dirty)
				next_us = clock_mono_us() + RETRY_US;
		}
	}
}

static void *
run(void *arg)
{
	struct ingest *g = arg;

	os_thread_background();
	while (!is_stopped(g)) {
		scan_all(g);
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
	g->places = xcalloc(config->nplaces + 1, sizeof *g->places);
	for (size_t i = 0; i < config->nplaces; i++)
		g->places[i] = (struct agent_place){
		    config->places[i].agent, xstrdup(config->places[i].dir)};
	g->rows.baseline = config->baseline;
	g->rows.arg = config->arg;
	g->buffer = xmalloc(CHUNK);
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
	struct file *f = need_file(g, s->path);
	const char *path = f->known.path;

	note_begin(g);
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
