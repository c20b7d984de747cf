#include "config.h"

#include "cli/lane.h"

#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <stdlib.h>
#include <unistd.h>

#include <uv.h>

#include "base/buf.h"
#include "base/xmalloc.h"

struct lane {
	uv_async_t done_async;
	uv_thread_t thread;
	uv_mutex_t lock;
	uv_cond_t wake;
	enum { IDLE, READ, WRITE, DONE } what; /* under the lock */
	int fd;
	size_t max;
	struct buf data; /* the thread's while it is at work */
	long rc;
	lane_cb done;
	void *arg;
};

/* Whether it is worth another attempt: somebody else may have made it non-blocking. */
static int
again(int fd, short events)
{
	if (errno == EINTR)
		return 1;
	if (errno != EAGAIN)
		return 0;
	poll(&(struct pollfd){.fd = fd, .events = events}, 1, -1);
	return 1;
}

static long
read_some(struct lane *l)
{
	char *at = buf_reserve(&l->data, l->max);
	ssize_t n;

	while ((n = read(l->fd, at, l->max)) < 0)
		if (!again(l->fd, POLLIN))
			return -errno;
	buf_commit(&l->data, (size_t)n);
	return n;
}

static long
write_all(struct lane *l)
{
	size_t at = 0;
	ssize_t n;

	while (at < l->data.len) {
		n = write(l->fd, l->data.data + at, l->data.len - at);
		if (n >= 0)
			at += (size_t)n;
		else if (!again(l->fd, POLLOUT))
			return -errno;
	}
	return (long)at;
}

static void
work(void *arg)
{
	struct lane *l = arg;

	for (;;) {
		uv_mutex_lock(&l->lock);
		while (l->what != READ && l->what != WRITE)
			uv_cond_wait(&l->wake, &l->lock);
		uv_mutex_unlock(&l->lock);
		l->rc = l->what == READ ? read_some(l) : write_all(l);
		uv_mutex_lock(&l->lock);
		l->what = DONE;
		uv_mutex_unlock(&l->lock);
		uv_async_send(&l->done_async);
	}
}

static void
on_done(uv_async_t *h)
{
	struct lane *l = h->data;
	struct buf data;
	bool done;

	uv_mutex_lock(&l->lock);
	done = l->what == DONE;
	if (done)
		l->what = IDLE;
	uv_mutex_unlock(&l->lock);
	if (!done)
		return;
	data = l->data;
	buf_init(&l->data, BUF_NO_MAX);
	l->done(l->arg, l->rc, data.data);
	buf_release(&data);
}

struct lane *
lane_new(uv_loop_t *loop, int fd, lane_cb done, void *arg)
{
	struct lane *l = xcalloc(1, sizeof *l);

	l->fd = fd;
	l->done = done;
	l->arg = arg;
	buf_init(&l->data, BUF_NO_MAX);
	uv_async_init(loop, &l->done_async, on_done);
	l->done_async.data = l;
	uv_mutex_init(&l->lock);
	uv_cond_init(&l->wake);
	if (uv_thread_create(&l->thread, work, l) != 0)
		abort();
	return l;
}

static void
begin(struct lane *l, int what)
{
	uv_mutex_lock(&l->lock);
	l->what = what;
	uv_cond_signal(&l->wake);
	uv_mutex_unlock(&l->lock);
}

void
lane_read(struct lane *l, size_t max)
{
	l->max = max;
	begin(l, READ);
}

void
lane_write(struct lane *l, struct buf *take)
{
	l->data = *take;
	buf_init(take, BUF_NO_MAX);
	begin(l, WRITE);
}
