/* Changes of files, by inotify(7). */
#include "config.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "base/xmalloc.h"
#include "os/os.h"

enum {
	MASK =
	    IN_MODIFY | IN_CLOSE_WRITE | IN_MOVED_TO | IN_CREATE | IN_ONLYDIR | IN_DONT_FOLLOW,
	EVENTS_SIZE = 64 * 1024,
};

struct os_watch {
	int fd, wake;
	char **dirs; /* by watch descriptor */
	int ndirs;
	char *last; /* path that was told last, of one read(2) */
};

struct os_watch *
os_watch_new(void)
{
	struct os_watch *w = xcalloc(1, sizeof *w);

	w->fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	w->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (w->fd < 0 || w->wake < 0) {
		os_watch_free(w);
		return NULL;
	}
	return w;
}

void
os_watch_free(struct os_watch *w)
{
	if (w == NULL)
		return;
	if (w->fd >= 0)
		close(w->fd);
	if (w->wake >= 0)
		close(w->wake);
	for (int i = 0; i < w->ndirs; i++)
		free(w->dirs[i]);
	free(w->dirs);
	free(w);
}

int
os_watch_add(struct os_watch *w, const char *dir)
{
	int wd = inotify_add_watch(w->fd, dir, MASK);

	if (wd < 0)
		return -errno;
	if (wd >= w->ndirs) {
		w->dirs = xreallocarray(w->dirs, (size_t)wd + 64, sizeof *w->dirs);
		memset(w->dirs + w->ndirs, 0,
		    ((size_t)wd + 64 - (size_t)w->ndirs) * sizeof *w->dirs);
		w->ndirs = wd + 64;
	}
	free(w->dirs[wd]);
	w->dirs[wd] = xstrdup(dir);
	return 0;
}

int
os_watch_wait(struct os_watch *w, int timeout_ms)
{
	struct pollfd fds[] = {{w->fd, POLLIN, 0}, {w->wake, POLLIN, 0}};

	if (poll(fds, 2, timeout_ms) <= 0 || (fds[1].revents & POLLIN))
		return 0;
	return fds[0].revents & POLLIN ? 1 : 0;
}

void
os_watch_wake(struct os_watch *w)
{
	uint64_t one = 1;

	if (write(w->wake, &one, sizeof one) < 0)
		return; /* it is awake */
}

/* Writers that append write often: the same path in a row is told once. */
static void
tell(struct os_watch *w, const struct inotify_event *e,
    void (*changed)(const char *, bool, void *), void *arg)
{
	char *path;

	if (e->wd < 0 || e->wd >= w->ndirs || w->dirs[e->wd] == NULL || e->len == 0)
		return;
	path = xasprintf("%s/%s", w->dirs[e->wd], e->name);
	if (w->last == NULL || strcmp(w->last, path) != 0)
		changed(path, (e->mask & IN_ISDIR) != 0, arg);
	free(w->last);
	w->last = path;
}

int
os_watch_read(struct os_watch *w, void (*changed)(const char *, bool, void *), void *arg)
{
	char *events = xmalloc(EVENTS_SIZE);
	int lost = 0;
	ssize_t n;

	while ((n = read(w->fd, events, EVENTS_SIZE)) > 0) {
		/* What is written from here on has events of its own. */
		free(w->last);
		w->last = NULL;
		for (char *p = events; p < events + n;) {
			struct inotify_event e;

			memcpy(&e, p, sizeof e);
			if (e.mask & IN_Q_OVERFLOW)
				lost = 1;
			else if (e.mask & IN_IGNORED)
				; /* the directory has gone */
			else
				tell(w, (const struct inotify_event *)(void *)p, changed, arg);
			p += sizeof e + e.len;
		}
	}
	free(w->last);
	w->last = NULL;
	free(events);
	return lost;
}
