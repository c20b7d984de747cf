/*
 * Transcripts: what is new of them, and the parsers of those that grow.
 *
 * To save the state of a parser, write it and restore it costs many times what a few lines do. So of
 * a file that grows the parser stays, and its place is noted every now and then.
 */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <utlist.h>

#include "agent/ingest_priv.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/xmalloc.h"

enum {
	HEAD = 1024,                /* bytes that the sum is over, or as many as were read */
	STATE_MAX = 256 * 1024,     /* of a parser that is kept */
	IDLE_US = 60 * 1000 * 1000, /* since its last reading: it has stopped growing */
};

static uint64_t
sum(const char *p, size_t n)
{
	uint64_t h = 0xcbf29ce484222325ull; /* FNV-1a */

	for (size_t i = 0; i < n; i++)
		h = (h ^ (unsigned char)p[i]) * 0x100000001b3ull;
	return h;
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

/* Parsers that are kept. */

static void
weigh(struct ingest *g, struct kept *k)
{
	g->kept_bytes -= k->bytes;
	k->bytes = k->state + k->fed;
	g->kept_bytes += k->bytes;
}

static void
take_out(struct ingest *g, struct kept *k)
{
	DL_DELETE(g->kept, k);
	k->file->kept = NULL;
	g->nkept--;
	g->kept_bytes -= k->bytes;
	k->bytes = 0;
}

/* One that is not among those that are kept. */
static void
close_one(struct kept *k)
{
	k->format->close(k->parser);
	free(k);
}

void
ingest_drop_kept(struct ingest *g)
{
	struct kept *k;

	while ((k = g->kept) != NULL) {
		take_out(g, k);
		close_one(k);
	}
}

/* Adds to the batch the place up to which the file has been read, with what waited for more. */
static void
put_place(struct ingest *g, struct kept *k)
{
	struct buf state;

	ingest_need_batch(g, k->format->agent);
	rows_begin(&g->rows, g->rows.batch, k->format->agent);
	if (k->format->flush != NULL)
		k->format->flush(k->parser);
	buf_init(&state, BUF_NO_MAX);
	if (k->format->save != NULL)
		k->format->save(k->parser, &state);
	k->now.parser = state.len != 0 ? state.data : NULL;
	ingest_note_place(g, k->file, &k->now);
	k->now.parser = NULL;
	k->state = state.len;
	k->fed = 0;
	k->due = false;
	k->placed_us = clock_mono_us();
	buf_release(&state);
}

static uint64_t
due_us(const struct ingest *g, const struct kept *k)
{
	bool now = k->placed_us == 0 || k->fed >= INGEST_PLACE_BYTES;

	return now ? 0 : k->placed_us + g->config.place_ms * UINT64_C(1000);
}

static void
let_go(struct ingest *g, struct kept *k)
{
	take_out(g, k);
	if (k->due)
		put_place(g, k);
	close_one(k);
}

static void
keep(struct ingest *g, struct kept *k)
{
	DL_APPEND(g->kept, k);
	k->file->kept = k;
	g->nkept++;
	weigh(g, k);
	while (g->nkept > g->config.kept_max || g->kept_bytes > INGEST_KEPT_BYTES)
		let_go(g, g->kept);
}

int
ingest_put_places(struct ingest *g)
{
	uint64_t now = clock_mono_us();
	struct kept *k, *next;
	int rc = 0;

	DL_FOREACH_SAFE (g->kept, k, next) {
		if (k->due && now >= due_us(g, k)) {
			put_place(g, k);
			weigh(g, k);
			if (ingest_full(g) && (rc = ingest_send(g)) != 0)
				break;
		} else if (!k->due && now - k->read_us >= IDLE_US) {
			let_go(g, k);
		}
	}
	g->due_us = UINT64_MAX;
	DL_FOREACH (g->kept, k) {
		if (k->due && due_us(g, k) < g->due_us)
			g->due_us = due_us(g, k);
	}
	return rc;
}

/* Reading. */

struct reading {
	struct ingest *g;
	struct kept *k;
	int fd;
};

/* Feeds the whole lines of `data`, which begins at the offset; returns the bytes they took. */
static size_t
feed_lines(struct reading *r, const char *data, size_t len)
{
	struct kept *k = r->k;
	size_t at = 0;

	for (;;) {
		const char *nl = memchr(data + at, '\n', len - at);
		size_t n;

		if (nl == NULL)
			return at;
		n = (size_t)(nl - (data + at));
		if (n > INGEST_LINE_MAX)
			ingest_count(r->g, 0, 1);
		else if (n != 0)
			k->format->feed(k->parser, data + at, n, k->now.offset + at);
		at += n + 1;
	}
}

/* How far it has been read, and what the file began with there. */
static int
go_on(struct reading *r, size_t bytes)
{
	struct sessions_source *now = &r->k->now;
	bool known = now->offset >= HEAD;

	now->offset += bytes;
	r->k->fed += bytes;
	return known || read_head(r->fd, now->offset, &now->head) ? 0 : -EIO;
}

static int
read_lines(struct reading *r)
{
	struct ingest *g = r->g;
	struct buf part; /* what of the file is not fed yet */
	int rc = 0;

	buf_init(&part, BUF_NO_MAX);
	while (rc == 0 && !ingest_stopped(g)) {
		ssize_t n =
		    pread(r->fd, g->buffer, INGEST_CHUNK, (off_t)(r->k->now.offset + part.len));
		size_t fed;

		if (n <= 0) {
			/* Looked at again in its time: a file that never can be read, such as
			 * a link to a device, must not keep all others from being settled. */
			rc = n < 0 ? -ECANCELED : 0;
			break;
		}
		ingest_count(g, (uint64_t)n, 0);
		ingest_need_batch(g, r->k->format->agent);
		buf_append(&part, g->buffer, (size_t)n);
		fed = feed_lines(r, part.data, part.len);
		buf_drain(&part, fed);
		if (part.len >
		    INGEST_LINE_MAX) { /* passed over up to here; its end is no JSON */
			ingest_count(g, 0, 1);
			fed += part.len;
			buf_reset(&part);
		}
		rc = go_on(r, fed);
		if (rc == 0 && ingest_full(g)) {
			put_place(g, r->k);
			rc = ingest_send(g);
		}
	}
	buf_release(&part);
	return rc;
}

static int
read_document(struct reading *r)
{
	struct kept *k = r->k;
	size_t size = (size_t)k->now.size;
	char *text;
	ssize_t n;

	ingest_need_batch(r->g, k->format->agent);
	if (size > INGEST_DOCUMENT_MAX) {
		ingest_count(r->g, 0, 1);
		return go_on(r, size);
	}
	text = xmalloc(size + 1);
	n = pread(r->fd, text, size, 0);
	if (n == (ssize_t)size) {
		k->format->feed(k->parser, text, size, 0);
		ingest_count(r->g, size, 0);
	}
	free(text);
	if (n < 0)
		return -ECANCELED;                            /* as above */
	return n == (ssize_t)size ? go_on(r, size) : -EAGAIN; /* it is being written */
}

static struct kept *
open_one(struct ingest *g, struct file *f, const struct agent_format *format, bool grew)
{
	const struct agent_sink sink = {rows_event, rows_baseline, &g->rows};
	struct kept *k = xcalloc(1, sizeof *k);

	k->file = f;
	k->format = format;
	k->now = f->known;
	k->now.format = format->name;
	k->now.parser = NULL;
	k->parser = format->open(f->known.path, &sink);
	k->grew = grew && f->known.parser != NULL && format->restore != NULL &&
		  format->restore(k->parser, f->known.parser, strlen(f->known.parser));
	if (k->grew)
		return k;
	k->now.offset = 0;
	if (grew) {
		format->close(k->parser);
		k->parser = format->open(f->known.path, &sink);
	}
	return k;
}

/* What reads this file, from where that ended or from the file's beginning. */
static struct kept *
begin(struct ingest *g, struct file *f, const struct agent_format *format, int fd,
    const struct stat *st)
{
	struct kept *k = f->kept;
	const struct sessions_source *at = k != NULL ? &k->now : &f->known;
	bool grew = format->layout == AGENT_LINES && at->offset != 0 && is_same(at, st, fd);

	if (k != NULL)
		take_out(g, k);
	if (k != NULL && !grew) {
		close_one(k);
		k = NULL;
	}
	if (k == NULL)
		k = open_one(g, f, format, grew);
	k->now.device = (uint64_t)st->st_dev;
	k->now.inode = (uint64_t)st->st_ino;
	k->now.size = (uint64_t)st->st_size;
	k->now.modified_ns = ingest_modified_ns(st);
	return k;
}

/* Its place, now or later; and its parser stays, or goes. */
static int
end(struct ingest *g, struct kept *k)
{
	bool stays;

	ingest_need_batch(g, k->format->agent);
	k->read_us = clock_mono_us();
	k->due = true;
	if (!k->grew || k->read_us >= due_us(g, k))
		put_place(g, k);
	stays = k->grew && k->state <= STATE_MAX;
	if (!stays && k->due)
		put_place(g, k);
	if (k->due && due_us(g, k) < g->due_us)
		g->due_us = due_us(g, k);
	if (stays)
		keep(g, k);
	else
		close_one(k);
	return ingest_full(g) ? ingest_send(g) : 0;
}

static int
read_file(struct ingest *g, struct file *f, const struct agent_format *format, int fd,
    const struct stat *st)
{
	struct reading r = {.g = g, .fd = fd};
	int rc;

	rows_begin(&g->rows, g->rows.batch, format->agent);
	r.k = begin(g, f, format, fd, st);
	rc = format->layout == AGENT_LINES ? read_lines(&r) : read_document(&r);
	if (rc == 0 && !ingest_stopped(g))
		return end(g, r.k);
	close_one(r.k);
	return rc;
}

void
ingest_check_file(struct ingest *g, const char *agent, const char *path)
{
	const struct agent_format *format = agent_format_of_path(agent, path);
	struct file *f;
	struct stat st;
	int fd, rc;

	if (format == NULL || lstat(path, &st) != 0 || !S_ISREG(st.st_mode))
		return;
	f = ingest_need_file(g, path);
	if (ingest_unchanged(f, &st))
		return;
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY | O_NONBLOCK);
	if (fd < 0)
		return;
	rc = fstat(fd, &st) == 0 ? read_file(g, f, format, fd, &st) : -errno;
	close(fd);
	if (rc == -EAGAIN || (rc != 0 && rc != -ECANCELED))
		g->dirty = true;
}
