/* Files of channels, on any thread. */
#include "config.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/str.h"
#include "base/xmalloc.h"
#include "job/spool_priv.h"
#include "store/jobs.h"

void
spool_name(uint64_t job, unsigned channel, char name[CHANNEL_NAME_MAX])
{
	snprintf(name, CHANNEL_NAME_MAX, "%" PRIu64 ".%u", job, channel);
}

int
spool_open(int dir, const char *name, int flags, uint64_t *len)
{
	/* Not to wait for what is no file, nor be moved by it. */
	int fd =
	    openat(dir, name, flags | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY | O_NONBLOCK, 0600);
	struct stat st;

	if (fd < 0)
		return -errno;
	if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode)) {
		close(fd);
		return -EINVAL;
	}
	*len = (uint64_t)st.st_size;
	return fd;
}

static int
open_below(const char *dir, uint64_t job, unsigned channel, int flags, uint64_t *len)
{
	int at = open(dir, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC), fd;
	char name[CHANNEL_NAME_MAX];

	if (at < 0)
		return -errno;
	spool_name(job, channel, name);
	fd = spool_open(at, name, flags, len);
	close(at);
	return fd;
}

ssize_t
spool_read(
    const char *dir, uint64_t job, unsigned channel, uint64_t offset, void *data, size_t len)
{
	uint64_t length = 0;
	int fd = open_below(dir, job, channel, O_RDONLY, &length);
	size_t done = 0;
	ssize_t n = 0;

	if (fd < 0)
		return fd == -ENOENT ? 0 : fd;
	if (offset >= length)
		len = 0;
	while (done < len) {
		n = pread(fd, (char *)data + done, len - done, (off_t)(offset + done));
		if (n == 0 || (n < 0 && errno != EINTR))
			break;
		done += n > 0 ? (size_t)n : 0;
	}
	if (n < 0 && done == 0 && len != 0)
		n = -errno;
	else
		n = (ssize_t)done;
	close(fd);
	return n;
}

int
spool_length(const char *dir, uint64_t job, unsigned channel, uint64_t *len)
{
	int fd = open_below(dir, job, channel, O_RDONLY, len);

	if (fd == -ENOENT) {
		*len = 0;
		return 0;
	}
	if (fd < 0)
		return fd;
	close(fd);
	return 0;
}

static int
write_whole(int fd, uint64_t offset, const char *data, size_t len)
{
	while (len != 0) {
		ssize_t n = pwrite(fd, data, len, (off_t)offset);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? -errno : -EIO;
		data += n;
		len -= (size_t)n;
		offset += (uint64_t)n;
	}
	return 0;
}

/* Whoever holds the lock has the file's end to itself. */
static int
append_locked(int fd, uint64_t offset, const void *data, size_t len)
{
	struct stat st;
	int rc;

	if (fstat(fd, &st) != 0)
		return -errno;
	if ((uint64_t)st.st_size != offset)
		return -ESPIPE;
	rc = write_whole(fd, offset, data, len);
	/* All of it or nothing, so that it can be given again. */
	if (rc != 0 && ftruncate(fd, st.st_size) != 0)
		rc = -EIO;
	return rc;
}

int
spool_write(const char *dir, uint64_t job, unsigned channel, uint64_t offset, const void *data,
    size_t len)
{
	/* Made by its first byte, and by nobody who goes on where there is no file. */
	int flags = O_RDWR | (offset == 0 && len != 0 ? O_CREAT : 0);
	uint64_t length = 0;
	int fd = open_below(dir, job, channel, flags, &length), rc;

	if (fd == -ENOENT && (flags & O_CREAT) == 0)
		return offset == 0 ? 0 : -ESPIPE;
	if (fd < 0)
		return fd;
	do {
		rc = flock(fd, LOCK_EX) == 0 ? 0 : -errno;
	} while (rc == -EINTR);
	if (rc == 0)
		rc = append_locked(fd, offset, data, len);
	close(fd);
	return rc;
}

/* Of <job>.<channel>; false for any other name. */
static bool
job_of(const char *name, uint64_t *job)
{
	char number[CHANNEL_NAME_MAX];
	const char *dot = strchr(name, '.');
	uint64_t channel;

	if (dot == NULL || (size_t)(dot - name) >= sizeof number)
		return false;
	memcpy(number, name, (size_t)(dot - name));
	number[dot - name] = '\0';
	return str_u64(number, 1, INT64_MAX, job) == 0 &&
	       str_u64(dot + 1, 1, JOBS_CHANNELS_MAX, &channel) == 0;
}

static int
compare_uses(const void *a, const void *b)
{
	const struct spool_use *x = a, *y = b;

	return x->job < y->job ? -1 : x->job > y->job;
}

/* A job's channels in one. */
static size_t
join(struct spool_use *uses, size_t n)
{
	size_t to = 0;

	qsort(uses, n, sizeof *uses, compare_uses);
	for (size_t i = 0; i < n; i++) {
		if (to != 0 && uses[to - 1].job == uses[i].job)
			uses[to - 1].bytes += uses[i].bytes;
		else
			uses[to++] = uses[i];
	}
	return to;
}

int
spool_measure(const char *dir, struct spool_use **out, size_t *n)
{
	DIR *d = opendir(dir);
	struct spool_use *uses = NULL;
	size_t cap = 0;
	struct dirent *e;
	struct stat st;
	uint64_t job;

	*out = NULL;
	*n = 0;
	if (d == NULL)
		return -errno;
	while ((e = readdir(d)) != NULL) {
		if (!job_of(e->d_name, &job) ||
		    fstatat(dirfd(d), e->d_name, &st, AT_SYMLINK_NOFOLLOW) != 0 ||
		    !S_ISREG(st.st_mode))
			continue;
		if (*n == cap) {
			cap = cap * 2 + 64;
			uses = xreallocarray(uses, cap, sizeof *uses);
		}
		uses[(*n)++] = (struct spool_use){job, (uint64_t)st.st_size};
	}
	closedir(d);
	if (*n != 0)
		*n = join(uses, *n);
	*out = uses;
	return 0;
}

void
spool_unlink(const char *dir, uint64_t job)
{
	int at = open(dir, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	char name[CHANNEL_NAME_MAX];

	if (at < 0)
		return;
	for (unsigned i = 1; i <= JOBS_CHANNELS_MAX; i++) {
		spool_name(job, i, name);
		unlinkat(at, name, 0);
	}
	close(at);
}
