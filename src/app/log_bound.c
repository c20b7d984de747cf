/*
 * The log's bound. In the background the daemon's log is a file in the state directory, which the
 * keeper and the worker append to: when it has grown too long its bytes go to panescry.log.1, in
 * place of those that are there, and it begins anew. Standard error that is anything else is not
 * ours to cut.
 */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "app/app_priv.h"
#include "base/log.h"
#include "base/xmalloc.h"

enum { LOOK_MS = 5000, COPY = 64 * 1024 };

struct log_bound {
	uv_timer_t timer;
	uv_work_t work;
	char *path, *old;
	uint64_t most; /* bytes */
	int err;
	bool working, closing;
};

static void
free_if_over(struct log_bound *l)
{
	if (l->working || !l->closing)
		return;
	free(l->path);
	free(l->old);
	free(l);
}

static int
copy(int from, int to)
{
	char bytes[COPY];
	ssize_t n;

	while ((n = read(from, bytes, sizeof bytes)) > 0) {
		if (write(to, bytes, (size_t)n) != n)
			return -EIO;
	}
	return n < 0 ? -errno : 0;
}

/* On another thread. Lines that come between the copy and the cut are lost. */
static void
on_work(uv_work_t *w)
{
	struct log_bound *l = w->data;
	int from = open(l->path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	int to = open(l->old, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);

	l->err = from < 0 || to < 0 ? -errno : copy(from, to);
	/* A disk that is full must not keep the log from being cut. */
	if (ftruncate(STDERR_FILENO, 0) != 0)
		l->err = -errno;
	if (from >= 0)
		close(from);
	if (to >= 0)
		close(to);
}

static void
on_done(uv_work_t *w, int status)
{
	struct log_bound *l = w->data;

	(void)status;
	l->working = false;
	if (l->err != 0)
		log_warn("log", "what was here is not in %s: %s", l->old, strerror(-l->err));
	else
		log_info("log", "what was here is in %s", l->old);
	free_if_over(l);
}

static void
on_look(uv_timer_t *t)
{
	struct log_bound *l = t->data;
	struct stat ours, named;

	if (l->working || fstat(STDERR_FILENO, &ours) != 0 || !S_ISREG(ours.st_mode) ||
	    (uint64_t)ours.st_size <= l->most || lstat(l->path, &named) != 0 ||
	    ours.st_ino != named.st_ino || ours.st_dev != named.st_dev)
		return;
	l->working = uv_queue_work(t->loop, &l->work, on_work, on_done) == 0;
}

void
log_bound_start(struct app *a)
{
	struct log_bound *l = xcalloc(1, sizeof *l);

	l->path = xasprintf("%s/panescry.log", a->state_dir);
	l->old = xasprintf("%s.1", l->path);
	l->most = a->cfg.limits.log_bytes;
	uv_timer_init(a->loop, &l->timer);
	l->timer.data = l->work.data = l;
	uv_timer_start(&l->timer, on_look, LOOK_MS, LOOK_MS);
	a->log_bound = l;
}

static void
on_closed(uv_handle_t *h)
{
	struct log_bound *l = h->data;

	l->closing = true;
	free_if_over(l);
}

void
log_bound_stop(struct app *a)
{
	if (a->log_bound != NULL)
		uv_close((uv_handle_t *)&a->log_bound->timer, on_closed);
	a->log_bound = NULL;
}
