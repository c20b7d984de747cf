/* Segments as files: names, bytes and heads. */
#include "config.h"

#include "store/archive_file.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "store/archive_sum.h"

enum { DIGITS = 16 };

void
segment_name(char name[SEGMENT_NAME], int64_t number, const char *end)
{
	snprintf(name, SEGMENT_NAME, "%0*" PRId64 ".%.3s", DIGITS, number, end);
}

int64_t
segment_number(const char *name, const char *end)
{
	int64_t n = 0;

	for (int i = 0; i < DIGITS; i++) {
		if (name[i] < '0' || name[i] > '9')
			return -1;
		n = n * 10 + (name[i] - '0');
	}
	return name[DIGITS] == '.' && strcmp(name + DIGITS + 1, end) == 0 ? n : -1;
}

int
segment_write(int fd, const void *data, size_t len, uint64_t at)
{
	const char *p = data;

	while (len != 0) {
		ssize_t n = pwrite(fd, p, len, (off_t)at);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? -errno : -EIO;
		p += n;
		at += (uint64_t)n;
		len -= (size_t)n;
	}
	return 0;
}

int
segment_read(int fd, void *data, size_t len, uint64_t at)
{
	char *p = data;

	while (len != 0) {
		ssize_t n = pread(fd, p, len, (off_t)at);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? -errno : -EBADMSG;
		p += n;
		at += (uint64_t)n;
		len -= (size_t)n;
	}
	return 0;
}

int
segment_create(int dir, const char *name, uint64_t generation, int *fd)
{
	const struct segment_head head = {SEGMENT_MAGIC, SEGMENT_VERSION, generation};
	int flags = O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, rc;

	if (segment_number(name, "new") >= 0)
		unlinkat(dir, name, 0);
	if ((*fd = openat(dir, name, flags, 0600)) < 0)
		return -errno;
	if ((rc = segment_write(*fd, &head, sizeof head, 0)) != 0) {
		close(*fd);
		*fd = -1;
		unlinkat(dir, name, 0);
	}
	return rc;
}

int
segment_open(int dir, const char *name, int flags, int *fd, uint64_t *generation)
{
	struct segment_head head;
	int rc;

	if ((*fd = openat(dir, name, flags | O_CLOEXEC | O_NOFOLLOW)) < 0)
		return -errno;
	rc = segment_read(*fd, &head, sizeof head, 0);
	if (rc == 0 && head.magic != SEGMENT_MAGIC)
		rc = -EBADMSG;
	else if (rc == 0 && head.version != SEGMENT_VERSION)
		rc = -EPROTO;
	if (rc != 0) {
		close(*fd);
		*fd = -1;
		return rc;
	}
	*generation = head.generation;
	return 0;
}

static bool
head_good(const struct record_head *h)
{
	if (h->magic != RECORD_MAGIC || h->sum != record_head_sum(h))
		return false;
	if (h->kind == RECORD_GAP)
		return h->size == sizeof *h;
	/* What has its sum was written by a program; one that is newer may have more kinds. */
	return h->size >= sizeof *h && h->size <= RECORD_MAX &&
	       h->filter <= h->size - sizeof *h;
}

int
record_head_read(int fd, uint64_t at, uint64_t size, struct record_head *head)
{
	int rc;

	if (at + sizeof *head > size)
		return -ENOMSG;
	if ((rc = segment_read(fd, head, sizeof *head, at)) != 0)
		return rc;
	if (!head_good(head))
		return -EBADMSG;
	return head->size > size - at ? -ENOMSG : 0;
}

void
record_head_id(const struct record_head *head, char id[ID_MAX + 1])
{
	memcpy(id, head->id, ID_MAX);
	id[ID_MAX] = '\0';
}
