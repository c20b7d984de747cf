#include "config.h"

#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/xmalloc.h"

/* Closes the file. */
static int
read_all(int fd, size_t max, char **out, size_t *len)
{
	struct buf b;
	ssize_t n = 0;
	int rc = 0;

	buf_init(&b, max + 1);
	while (b.len <= max) {
		char chunk[4096];
		n = read(fd, chunk, sizeof chunk);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			break;
		if (buf_append(&b, chunk, (size_t)n) != 0)
			rc = -EFBIG;
		if (rc != 0)
			break;
	}
	if (n < 0)
		rc = -errno;
	else if (b.len > max)
		rc = -EFBIG;
	close(fd);
	if (rc != 0) {
		buf_release(&b);
		return rc;
	}
	*len = b.len;
	*out = buf_take(&b);
	return 0;
}

int
file_read(const char *path, size_t max, char **out, size_t *len)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	return fd >= 0 ? read_all(fd, max, out, len) : -errno;
}

int
file_read_own(const char *path, size_t max, char **out, size_t *len)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY | O_NONBLOCK), rc = 0;
	struct stat st;

	if (fd < 0)
		return -errno;
	if (fstat(fd, &st) != 0)
		rc = -errno;
	else if (!S_ISREG(st.st_mode))
		rc = -EINVAL;
	if (rc == 0)
		return read_all(fd, max, out, len);
	close(fd);
	return rc;
}

static int
write_all(int fd, const char *p, size_t len)
{
	while (len != 0) {
		ssize_t n = write(fd, p, len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		p += n;
		len -= (size_t)n;
	}
	return fsync(fd) == 0 ? 0 : -errno;
}

int
file_replace(const char *path, const void *data, size_t len)
{
	char *tmp = xasprintf("%s.new", path);
	int fd = open(tmp, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	int rc = fd < 0 ? -errno : write_all(fd, data, len);

	if (fd >= 0)
		close(fd);
	if (rc == 0 && rename(tmp, path) != 0)
		rc = -errno;
	if (rc != 0 && fd >= 0)
		unlink(tmp);
	free(tmp);
	return rc;
}

int
file_make_dirs(const char *path)
{
	char *copy = xstrdup(path);
	int rc = 0;

	for (char *p = copy + 1; rc == 0 && *p != '\0'; p++) {
		if (*p != '/')
			continue;
		*p = '\0';
		if (mkdir(copy, 0700) != 0 && errno != EEXIST)
			rc = -errno;
		*p = '/';
	}
	if (rc == 0 && mkdir(copy, 0700) != 0 && errno != EEXIST)
		rc = -errno;
	free(copy);
	return rc;
}

int
file_open_dir(const char *path, int *fd)
{
	int new = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC), rc = 0;

	if (new < 0)
		return -errno;
	if (*fd < 0) {
		*fd = new;
		return 0;
	}
	if (dup3(new, *fd, O_CLOEXEC) < 0)
		rc = -errno;
	close(new);
	return rc;
}

bool
file_is_at(int fd, const char *path)
{
	struct stat there, here;

	return stat(path, &there) == 0 && fstat(fd, &here) == 0 &&
	       there.st_ino == here.st_ino && there.st_dev == here.st_dev;
}
