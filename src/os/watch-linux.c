/* Changes of files, by inotify(7). */
#include "config.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <unistd.h>

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
	struct os_watch *w = calloc(1, sizeof *w);

	if (w == NULL)
		return NULL;
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

/* A place for the directory's name. */
static int
make_room(struct os_watch *w, int wd)
{
	int n = wd + 64;
	char **dirs;

	if (wd < w->ndirs)
		return 0;
	dirs = realloc(w->dirs, (size_t)n * sizeof *dirs);
	if (dirs == NULL)
		return -ENOMEM;
	memset(dirs + w->ndirs, 0, (size_t)(n - w->ndirs) * sizeof *dirs);
	w->dirs = dirs;
	w->ndirs = n;
	return 0;
}

int
os_watch_add(struct os_watch *w, const char *dir)
{
	int wd = inotify_add_watch(w->fd, dir, MASK);
	char *copy;

	if (wd < 0)
		return -errno;
	if (make_room(w, wd) != 0 || (copy = strdup(dir)) == NULL)
		return -ENOMEM;
	free(w->dirs[wd]);
	w->dirs[wd] = copy;
	return 0;
}

int
os_watch_wait(struct os_watch *w, int timeout_ms)
{
	struct pollfd fds[] = {{w->fd, POLLIN, 0}, {w->wake, POLLIN, 0}};
	uint64_t n;

	if (poll(fds, 2, timeout_ms) <= 0)
		return 0;
	if (fds[1].revents & POLLIN) {
		/* The next one waits again. */
		if (read(w->wake, &n, sizeof n) < 0)
			return 0;
		return 0;
	}
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
	if (asprintf(&path, "%s/%s", w->dirs[e->wd], e->name) < 0)
		return;
	if (w->last == NULL || strcmp(w->last, path) != 0)
		changed(path, (e->mask & IN_ISDIR) != 0, arg);
	free(w->last);
	w->last = path;
}

int
os_watch_read(struct os_watch *w, void (*changed)(const char *, bool, void *), void *arg)
{
	char *events = malloc(EVENTS_SIZE);
	int lost = events == NULL;
	ssize_t n;

	while (events != NULL && (n = read(w->fd, events, EVENTS_SIZE)) > 0) {
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
