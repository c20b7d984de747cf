#include "config.h"

#include "cli/whole.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/err.h"
#include "base/xmalloc.h"

static char *volatile to_remove; /* when a signal comes */

static void
on_signal(int signum)
{
	if (to_remove != NULL)
		unlink(to_remove);
	signal(signum, SIG_DFL);
	raise(signum);
}

int
whole_put(int fd, const void *data, size_t len)
{
	const char *p = data;

	while (len != 0) {
		ssize_t n = write(fd, p, len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN) { /* somebody else made it non-blocking */
			poll(&(struct pollfd){.fd = fd, .events = POLLOUT}, 1, -1);
			continue;
		}
		if (n < 0)
			return -errno;
		p += n;
		len -= (size_t)n;
	}
	return 0;
}

int
whole_open(struct whole *w, const char *path, bool replace, char **cause)
{
	static const int signals[] = {SIGINT, SIGTERM, SIGHUP, SIGPIPE};
	struct stat st;

	*w = (struct whole){.path = path, .fd = STDOUT_FILENO, .replace = replace};
	if (strcmp(path, "-") == 0)
		return 0;
	if (!replace && lstat(path, &st) == 0)
		return err_sys(cause, -EEXIST, "%s", path);
	w->new_path = xasprintf("%s.XXXXXX", path);
	w->fd = mkostemp(w->new_path, O_CLOEXEC);
	if (w->fd < 0) {
		int err = -errno;

		free(w->new_path);
		return err_sys(cause, err, "%s", path);
	}
	to_remove = w->new_path;
	for (size_t i = 0; i < sizeof signals / sizeof *signals; i++)
		signal(signals[i], on_signal);
	return 0;
}

int
whole_write(struct whole *w, const void *data, size_t len, char **cause)
{
	int rc = whole_put(w->fd, data, len);

	return rc == 0 ? 0
		       : err_sys(cause, rc, "%s",
			     w->new_path != NULL ? w->path : "standard output");
}

/* A name that has come into being meanwhile is not taken; where there are no links to say so, it
 * is looked at. */
static int
name_it(const struct whole *w)
{
	struct stat st;

	if (w->replace)
		return rename(w->new_path, w->path);
	if (link(w->new_path, w->path) == 0)
		return unlink(w->new_path);
	if (errno == EEXIST || lstat(w->path, &st) == 0) {
		errno = EEXIST;
		return -1;
	}
	return rename(w->new_path, w->path);
}

int
whole_commit(struct whole *w, char **cause)
{
	int err = 0;

	if (w->new_path == NULL)
		return 0;
	if (fsync(w->fd) != 0 || name_it(w) != 0)
		err = -errno;
	if (err != 0) {
		whole_give_up(w);
		return err_sys(cause, err, "%s", w->path);
	}
	to_remove = NULL;
	close(w->fd);
	free(w->new_path);
	return 0;
}

void
whole_give_up(struct whole *w)
{
	if (w->new_path == NULL)
		return;
	unlink(w->new_path);
	to_remove = NULL;
	close(w->fd);
	free(w->new_path);
	w->new_path = NULL;
}
