#include "config.h"

#include "job/spool.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include <utlist.h>

#include "base/err.h"
#include "base/file.h"
#include "base/xmalloc.h"
#include "job/spool_priv.h"
#include "store/thread.h"

enum {
	TURN_MAX =
	    256 * 1024,   /* bytes given at one go, so that the loop does other things too */
	TURN_COST = 1024, /* of each call, in bytes */
};

/* What is told next. */
struct item {
	struct spool_channel *channel;
	void *user;
	struct piece *piece; /* or NULL */
	bool stuck, end;
	int err;
};

void
spool_wake(struct spool *s)
{
	if (!s->sleeping)
		return;
	s->sleeping = false;
	while (write(s->wake[1], "", 1) < 0 && errno == EINTR)
		;
}

void
spool_make_ready(struct spool_channel *c)
{
	if (c->is_ready)
		return;
	c->is_ready = true;
	DL_APPEND2(c->spool->ready, c, ready_prev, ready_next);
}

static void
leave_ready(struct spool_channel *c)
{
	if (!c->is_ready)
		return;
	c->is_ready = false;
	DL_DELETE2(c->spool->ready, c, ready_prev, ready_next);
}

static struct piece *
pop_piece(struct spool_channel *c)
{
	struct piece *p = c->first;

	if (p == NULL)
		return NULL;
	c->first = p->next;
	if (c->first == NULL)
		c->last = NULL;
	c->spool->queued -= p->len;
	return p;
}

/* Large ones, which come in crowds, are kept: to the system their memory costs more than their bytes. */
static void
give_back(struct spool *s, struct piece *take)
{
	if (take->len == SPOOL_PIECE && !uv_is_closing((uv_handle_t *)&s->notice)) {
		pthread_mutex_lock(&s->lock);
		if (s->nspare < SPARE_MAX) {
			take->next = s->spare;
			s->spare = take;
			s->nspare++;
			take = NULL;
		}
		pthread_mutex_unlock(&s->lock);
	}
	free(take);
}

/* In the order of what happened: bytes, then what hinders more of them, then the end. */
static void
take_from(struct spool_channel *c, struct item *out)
{
	*out = (struct item){.channel = c, .user = c->user};
	out->piece = pop_piece(c);
	if (out->piece != NULL) {
		c->given = out->piece->offset + out->piece->len;
	} else if (c->stuck_now != c->stuck_told) {
		out->stuck = true;
		out->err = c->stuck_told = c->stuck_now;
	} else if (c->ended) {
		c->ended = false;
		out->end = true;
	}
	if (c->first != NULL || c->stuck_now != c->stuck_told || c->ended)
		spool_make_ready(c); /* behind the others */
}

static bool
next_item(struct spool *s, struct item *out)
{
	struct spool_channel *c;

	pthread_mutex_lock(&s->lock);
	c = s->ready;
	if (c != NULL) {
		leave_ready(c);
		take_from(c, out);
		if (s->hungry && s->queued <= QUEUE_LOW)
			spool_wake(s);
	}
	pthread_mutex_unlock(&s->lock);
	return c != NULL;
}

/* The channel, and with it the whole spool, may be gone behind a call. */
static void
tell(struct spool *s, const struct item *it)
{
	if (it->piece != NULL) {
		s->cb.data(it->user, it->piece->offset, it->piece->data, it->piece->len);
		give_back(s, it->piece);
	} else if (it->stuck) {
		if (s->cb.stuck != NULL)
			s->cb.stuck(it->user, it->err);
	} else if (it->end) {
		s->cb.end(it->user, it->channel->how, it->channel->err);
	}
}

static void
on_notice(uv_async_t *a)
{
	struct spool *s = a->data;
	size_t given = 0;
	struct item it;

	while (given < TURN_MAX) {
		if (uv_is_closing((uv_handle_t *)a) || !next_item(s, &it))
			return;
		given += TURN_COST + (it.piece != NULL ? it.piece->len : 0);
		tell(s, &it);
	}
	if (!uv_is_closing((uv_handle_t *)a))
		uv_async_send(a);
}

int
spool_open_dir(struct spool *s)
{
	int rc = file_make_dirs(s->path);

	return rc == 0 ? file_open_dir(s->path, &s->dir) : rc;
}

static int
start(struct spool *s, char **cause)
{
	int rc = uv_pipe(s->wake, UV_NONBLOCK_PIPE, UV_NONBLOCK_PIPE);

	if (rc != 0)
		return err_sys(cause, rc, "cannot make a pipe");
	rc = uv_async_init(s->loop, &s->notice, on_notice);
	if (rc != 0)
		return err_sys(cause, rc, "cannot wake the loop");
	s->notice.data = s;
	rc = thread_start(&s->thread, spool_run, s);
	return rc == 0 ? 0 : err_sys(cause, rc, "cannot start a thread");
}

static void
on_closed(uv_handle_t *h)
{
	free(h->data);
}

/* All that does not need the thread; it has never run, or no more. */
static void
release(struct spool *s)
{
	struct piece *p;

	while ((p = s->spare) != NULL) {
		s->spare = p->next;
		free(p);
	}
	if (s->dir >= 0)
		close(s->dir);
	for (int i = 0; i < 2; i++)
		if (s->wake[i] >= 0)
			close(s->wake[i]);
	free(s->polls);
	free(s->polled);
	free(s->path);
	free(s->buffer);
	pthread_mutex_destroy(&s->lock);
	if (s->notice.data != NULL)
		uv_close((uv_handle_t *)&s->notice, on_closed);
	else
		free(s);
}

int
spool_new(uv_loop_t *loop, const char *dir, const struct spool_callbacks *cb,
    struct spool **out, char **cause)
{
	struct spool *s = xcalloc(1, sizeof *s);
	int rc;

	s->loop = loop;
	s->cb = *cb;
	s->dir = s->wake[0] = s->wake[1] = -1;
	s->buffer = xmalloc(SPOOL_PIECE);
	pthread_mutex_init(&s->lock, NULL);
	s->path = xstrdup(dir);
	if ((rc = spool_open_dir(s)) == 0)
		rc = start(s, cause);
	else
		err_sys(cause, rc, "cannot open %s", dir);
	if (rc != 0) {
		release(s);
		return rc;
	}
	*out = s;
	return 0;
}

void
spool_free(struct spool *s)
{
	if (s == NULL)
		return;
	pthread_mutex_lock(&s->lock);
	s->quit = s->changed = true;
	spool_wake(s);
	pthread_mutex_unlock(&s->lock);
	pthread_join(s->thread, NULL);
	release(s);
}

/* With the lock. */
static void
tell_thread(struct spool_channel *c)
{
	struct spool *s = c->spool;

	if (!c->is_news) {
		c->is_news = true;
		DL_APPEND2(s->news, c, news_prev, news_next);
	}
	spool_wake(s);
}

struct spool_channel *
spool_add(struct spool *s, uint64_t job, unsigned channel, int fd, bool pty, uint64_t from,
    struct spool_limit *limit, void *user)
{
	struct spool_channel *c = xcalloc(1, sizeof *c);

	c->spool = s;
	c->job = job;
	c->number = channel;
	c->user = user;
	c->fd = fd;
	c->file = -1;
	c->pty = c->copies = pty;
	c->limit = limit;
	c->given = from;
	pthread_mutex_lock(&s->lock);
	tell_thread(c);
	pthread_mutex_unlock(&s->lock);
	return c;
}

void
spool_stop(struct spool_channel *c)
{
	pthread_mutex_lock(&c->spool->lock);
	if (!c->finished && !c->stop) {
		c->stop = true;
		tell_thread(c);
	}
	pthread_mutex_unlock(&c->spool->lock);
}

void
spool_remove(struct spool_channel *c)
{
	struct spool *s = c->spool;
	struct piece *p;
	bool finished;

	pthread_mutex_lock(&s->lock);
	leave_ready(c);
	while ((p = pop_piece(c)) != NULL)
		free(p);
	finished = c->finished;
	if (finished && c->is_news)
		DL_DELETE2(s->news, c, news_prev, news_next);
	c->removed = true;
	if (!finished)
		tell_thread(c);
	else if (s->hungry && s->queued <= QUEUE_LOW)
		spool_wake(s);
	pthread_mutex_unlock(&s->lock);
	if (finished)
		spool_dispose(c);
}

uint64_t
spool_size(const struct spool_channel *c)
{
	uint64_t given;

	pthread_mutex_lock(&c->spool->lock);
	given = c->given;
	pthread_mutex_unlock(&c->spool->lock);
	return given;
}

void
spool_pause(struct spool *s, bool pause)
{
	pthread_mutex_lock(&s->lock);
	s->paused = pause;
	s->changed = true;
	s->quiet = false;
	spool_wake(s);
	pthread_mutex_unlock(&s->lock);
}

bool
spool_is_quiet(struct spool *s)
{
	bool quiet;

	pthread_mutex_lock(&s->lock);
	quiet = s->paused && s->quiet;
	pthread_mutex_unlock(&s->lock);
	return quiet;
}
