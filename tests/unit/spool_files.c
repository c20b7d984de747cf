/* What job/spool.h says of reading, for tests that link no spool. */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "job/spool.h"

static int
file_of(const char *dir, uint64_t job, unsigned channel)
{
	char path[4200];

	snprintf(path, sizeof path, "%s/%llu.%u", dir, (unsigned long long)job, channel);
	return open(path, O_RDONLY | O_CLOEXEC);
}

ssize_t
spool_read(
    const char *dir, uint64_t job, unsigned channel, uint64_t offset, void *data, size_t len)
{
	int fd = file_of(dir, job, channel);
	ssize_t n;

	if (fd < 0)
		return errno == ENOENT ? 0 : -errno;
	n = pread(fd, data, len, (off_t)offset);
	close(fd);
	return n;
}

int
spool_length(const char *dir, uint64_t job, unsigned channel, uint64_t *len)
{
	int fd = file_of(dir, job, channel);
	struct stat st;

	*len = 0;
	if (fd >= 0 && fstat(fd, &st) == 0)
		*len = (uint64_t)st.st_size;
	if (fd >= 0)
		close(fd);
	return 0;
}
