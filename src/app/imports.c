#include "config.h"

#include "app/imports.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <cjson/cJSON.h>
#include <utlist.h>

#include "agent/import.h"
#include "app/app_priv.h"
#include "app/live.h"
#include "base/file.h"
#include "base/str.h"
#include "base/xmalloc.h"
#include "os/os.h"
#include "proto/json.h"
#include "store/sessions.h"
#include "store/sql.h"

enum {
	SLICE = 2 * 1024 * 1024, /* of the spool at a time */
	STREAMS_MAX = 64,        /* that are remembered between pieces */
	KEEP_S = 24 * 3600,      /* of a spool whose stream never ended */
	NAME_MAX_BYTES = 4096,
	RANDOM = 16,
};

struct stream {
	struct stream *prev, *next;
	struct app *app;
	char *id, *path, *name, *format;
	struct import *import; /* NULL: to be begun */
	uint64_t fed;          /* bytes of the spool */
	uint64_t size;         /* of the spool */
	bool known;            /* there was a piece before */

	/* The piece that is under way. */
	struct http_req *req; /* NULL: the client has gone */
	bool busy, end;
	char *body;
	size_t len;
	uint64_t offset;
	bool appended, caught_up;
	int rc;
	struct sessions_batch *batch;
	cJSON *ids;
	uv_work_t work;
};

static void
stream_free(struct stream *s)
{
	DL_DELETE(s->app->streams, s);
	import_free(s->import);
	sessions_batch_free(s->batch);
	cJSON_Delete(s->ids);
	free(s->body);
	free(s->id);
	free(s->path);
	free(s->name);
	free(s->format);
	free(s);
}

void
imports_free(struct app *a)
{
	while (a->streams != NULL)
		stream_free(a->streams);
}

/* On the pool. */

/* Spools of streams that never ended. */
static void
sweep(const char *dir)
{
	DIR *d = opendir(dir);
	struct dirent *e;

	while (d != NULL && (e = readdir(d)) != NULL) {
		char *path = xasprintf("%s/%s", dir, e->d_name);
		struct stat st;

		if (lstat(path, &st) == 0 && S_ISREG(st.st_mode) &&
		    st.st_mtime + KEEP_S < time(NULL))
			unlink(path);
		free(path);
	}
	if (d != NULL)
		closedir(d);
}

static int
open_spool(const struct stream *s)
{
	char *dir = xstrndup(s->path, (size_t)(strrchr(s->path, '/') - s->path));
	int rc = s->known ? 0 : file_make_dirs(dir);
	int fd = -1;

	if (rc == 0 && !s->known)
		sweep(dir);
	if (rc == 0)
		fd = open(s->path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	free(dir);
	return rc != 0 ? rc : fd < 0 ? -errno : fd;
}

/* What of the piece is new goes behind what there is. */
static int
append(struct stream *s, int fd)
{
	struct stat st;
	size_t skip, at;

	if (fstat(fd, &st) != 0)
		return -errno;
	s->size = (uint64_t)st.st_size;
	if (s->offset > s->size)
		return -ESPIPE;
	skip = s->size - s->offset < s->len ? (size_t)(s->size - s->offset) : s->len;
	if (s->size + (s->len - skip) > IMPORTS_MAX)
		return -EFBIG;
	for (at = skip; at < s->len;) {
		ssize_t n = pwrite(fd, s->body + at, s->len - at, (off_t)s->size);

		if (n < 0)
			return -errno;
		at += (size_t)n;
		s->size += (uint64_t)n;
	}
	return 0;
}

static int
feed(struct stream *s, int fd)
{
	char *slice = xmalloc(SLICE);
	ssize_t n = pread(fd, slice, SLICE, (off_t)s->fed);

	if (n > 0) {
		import_feed(s->import, slice, (size_t)n);
		s->fed += (uint64_t)n;
	}
	free(slice);
	if (n < 0)
		return -errno;
	if (s->fed < s->size)
		return 0;
	import_flush(s->import, s->end);
	s->caught_up = true;
	return 0;
}

static void
step_work(uv_work_t *w)
{
	struct stream *s = w->data;
	int fd = open_spool(s);

	s->rc = fd < 0 ? fd : 0;
	s->known = true;
	if (s->rc == 0 && s->import == NULL) {
		s->fed = 0;
		s->rc = import_new(s->name, s->format, &s->import);
	}
	if (s->rc == 0 && !s->appended)
		s->rc = append(s, fd);
	s->appended = true;
	if (s->rc == 0)
		s->rc = feed(s, fd);
	if (s->rc == 0)
		s->batch = import_take(s->import);
	if (fd >= 0)
		close(fd);
}

/* Our ids of them, when it has ended. */
static void
ids_work(uv_work_t *w)
{
	struct stream *s = w->data;
	struct import_status st;
	sqlite3 *db;

	s->ids = json_array();
	unlink(s->path);
	import_status(s->import, &st);
	if (store_reader_open(s->app->store, &db, NULL) != 0)
		return;
	for (size_t i = 0; i < st.nsessions; i++) {
		int64_t id;

		if (sql_get(db, &id, "SELECT id FROM sessions WHERE agent=? AND native=?", "tt",
			st.agent, st.sessions[i]) == 0)
			cJSON_AddItemToArray(s->ids, cJSON_CreateNumber((double)id));
	}
	sqlite3_close(db);
}

/* On the loop. */

static void
reply_failed(struct stream *s)
{
	if (s->req == NULL)
		return;
	if (s->rc == -ESPIPE)
		http_reply_error(s->req, 409, "bad_offset", "%llu bytes are there",
		    (unsigned long long)s->size);
	else if (s->rc == -EFBIG)
		http_reply_error(
		    s->req, 413, "too_large", "a stream may have %d bytes", IMPORTS_MAX);
	else
		http_reply_error(s->req, 503, "store_unavailable", "%s", strerror(-s->rc));
}

/* The piece is done with. What became of the parser when something failed is not known: it begins
 * again with the spool. */
static void
finish(struct stream *s)
{
	free(s->body);
	s->body = NULL;
	s->req = NULL;
	s->busy = false;
	if (s->rc != 0) {
		import_free(s->import);
		s->import = NULL;
	}
	if ((s->rc == 0 && s->end) || s->rc == -EFBIG)
		stream_free(s);
}

static void
reply(struct stream *s)
{
	struct import_status st;
	cJSON *o;

	if (s->req == NULL)
		return;
	import_status(s->import, &st);
	if (s->end && st.format == NULL && s->size != 0) {
		http_reply_error(s->req, 400, "unknown_format",
		    "this is no transcript or stream of an agent that is known");
		return;
	}
	o = json_object();
	if (s->end)
		cJSON_AddItemToObject(o, "sessions", s->ids);
	if (s->end)
		s->ids = NULL;
	json_add_text(o, "stream", s->id);
	cJSON_AddNumberToObject(o, "offset", (double)s->size);
	json_add_text(o, "format", st.format);
	cJSON_AddNumberToObject(o, "lines", (double)st.lines);
	cJSON_AddNumberToObject(o, "passed_over", (double)st.passed);
	http_reply_json_take(s->req, 200, o);
}

static void
ids_done(uv_work_t *w, int status)
{
	struct stream *s = w->data;

	(void)status;
	stored_unuse(s->app);
	reply(s);
	finish(s);
}

static void step(struct stream *s);

static void
go_on(struct stream *s)
{
	if (s->rc != 0 || s->app->closed) {
		reply_failed(s);
		finish(s);
	} else if (!s->caught_up) {
		step(s);
	} else if (s->end) {
		stored_use(s->app);
		uv_queue_work(s->app->loop, &s->work, ids_work, ids_done);
	} else {
		reply(s);
		finish(s);
	}
}

static void
on_written(int rc, void *arg)
{
	struct stream *s = arg;

	s->rc = rc;
	go_on(s);
}

static void
step_done(uv_work_t *w, int status)
{
	struct stream *s = w->data;
	struct sessions_batch *b = s->batch;

	(void)status;
	s->batch = NULL;
	if (b != NULL && !s->app->closed) {
		live_submit(s->app, b, on_written, s);
		return;
	}
	sessions_batch_free(b);
	go_on(s);
}

static void
step(struct stream *s)
{
	s->work.data = s;
	uv_queue_work(s->app->loop, &s->work, step_work, step_done);
}

static void
asker_gone(void *arg)
{
	((struct stream *)arg)->req = NULL;
}

/* The one that had no piece for longest makes room; its spool stays. */
static bool
make_room(struct app *a)
{
	struct stream *s, *idle = NULL;
	unsigned n = 0;

	DL_FOREACH (a->streams, s) {
		if (!s->busy && idle == NULL)
			idle = s;
		n++;
	}
	if (n >= STREAMS_MAX && idle != NULL)
		stream_free(idle);
	return n < STREAMS_MAX || idle != NULL;
}

static struct stream *
need_stream(struct http_req *r, struct app *a)
{
	const char *id = http_query(r, "stream"), *name = http_query(r, "name"),
		   *format = http_query(r, "format");
	unsigned char bytes[RANDOM];
	char made[2 * RANDOM + 1];
	struct stream *s;

	DL_FOREACH (a->streams, s)
		if (id != NULL && strcmp(s->id, id) == 0)
			break;
	if (s == NULL && !make_room(a))
		return NULL;
	if (s != NULL) {
		DL_DELETE(a->streams, s);
		DL_APPEND(a->streams, s);
		return s;
	}
	os_random(bytes, sizeof bytes);
	str_hex(bytes, sizeof bytes, made);
	s = xcalloc(1, sizeof *s);
	s->app = a;
	s->id = xstrdup(id != NULL ? id : made);
	s->path = xasprintf("%s/imports/%s", a->state_dir, s->id);
	s->name = name != NULL ? xstrdup(name) : NULL;
	s->format = format != NULL ? xstrdup(format) : NULL;
	DL_APPEND(a->streams, s);
	return s;
}

/* Without a stream, the body is all of it. */
static bool
check(struct http_req *r, uint64_t *offset, uint64_t *end)
{
	const char *id = http_query(r, "stream"), *name = http_query(r, "name"),
		   *format = http_query(r, "format");
	struct import *m;

	if (!http_query_u64(r, "offset", 0, INT64_MAX, 0, offset) ||
	    !http_query_u64(r, "end", 0, 1, id == NULL, end))
		return false;
	if ((id != NULL && (!str_id_valid(id) || *id == '.')) ||
	    (name != NULL && (*name == '\0' || strlen(name) > NAME_MAX_BYTES))) {
		http_reply_error(r, 400, "bad_params", "stream or name is no id or path");
		return false;
	}
	if (format != NULL && import_new(NULL, format, &m) != 0) {
		http_reply_error(r, 400, "bad_params", "there is no format of that name");
		return false;
	}
	if (format != NULL)
		import_free(m);
	return true;
}

void
sessions_import(struct http_req *r, void *arg)
{
	struct app *a = arg;
	uint64_t offset, end;
	const char *body;
	struct stream *s;
	size_t len;

	if (!check(r, &offset, &end))
		return;
	s = need_stream(r, a);
	if (s == NULL || s->busy) {
		http_reply_error(r, 503, "busy",
		    s != NULL ? "a piece of this stream is being read"
			      : "too many streams are being read");
		return;
	}
	body = http_body(r, &len);
	s->body = xmalloc(len + 1);
	if (len != 0)
		memcpy(s->body, body, len);
	s->len = len;
	s->offset = offset;
	s->end = end != 0;
	s->req = r;
	s->busy = true;
	s->appended = s->caught_up = false;
	http_on_gone(r, asker_gone, s);
	step(s);
}
