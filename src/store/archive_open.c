/* Opening the archive: the directory, its lock, and what is in it. The writer's thread. */
#include "config.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <utlist.h>

#include "base/err.h"
#include "base/file.h"
#include "base/log.h"
#include "base/xmalloc.h"
#include "store/archive_priv.h"

enum { SECTOR = 512 }; /* the least that a disk writes */

/* A segment as it is read. */
struct scan {
	int64_t number;
	uint64_t generation, size;
	int fd;
	struct {
		struct record_head head;
		uint32_t at;
	} * records;
	size_t n, cap;
	uint64_t end; /* of what can be read */
	int rc;       /* what ended it: -ENOMSG at the end of the file, or in a torn record */
};

static int
take_lock(struct archive *a, char **cause)
{
	int rc = file_make_dirs(a->path);

	if (rc != 0)
		return err_sys(cause, rc, "make %s", a->path);
	/* What it is on may have been read-only when it was opened. Readers may be using it. */
	if ((a->lock < 0 || !file_is_at(a->dir, a->path)) &&
	    (rc = file_open_dir(a->path, &a->dir)) != 0)
		return err_sys(cause, rc, "open %s", a->path);
	if (a->lock < 0)
		a->lock =
		    openat(a->dir, "lock", O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (a->lock < 0)
		return err_sys(cause, -errno, "open %s/lock", a->path);
	if (flock(a->lock, LOCK_EX | LOCK_NB) == 0)
		return 0;
	if (errno == EWOULDBLOCK)
		return err_set(cause, -EBUSY, "another process writes to %s", a->path);
	return err_sys(cause, -errno, "lock %s/lock", a->path);
}

static int
compare(const void *x, const void *y)
{
	int64_t a = *(const int64_t *)x, b = *(const int64_t *)y;

	return (a > b) - (a < b);
}

/* The segments' numbers, in order; what a rewriting left is removed. */
static int
list(struct archive *a, int64_t **numbers, size_t *n, char **cause)
{
	int fd = openat(a->dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = fd >= 0 ? fdopendir(fd) : NULL;
	struct dirent *e;
	size_t cap = 0;

	*numbers = NULL;
	*n = 0;
	if (d == NULL) {
		int rc = err_sys(cause, -errno, "read %s", a->path);

		if (fd >= 0)
			close(fd);
		return rc;
	}
	while ((e = readdir(d)) != NULL) {
		int64_t number = segment_number(e->d_name, "seg");

		if (segment_number(e->d_name, "new") >= 0)
			unlinkat(a->dir, e->d_name, 0);
		if (number < 0)
			continue;
		if (*n == cap)
			*numbers =
			    xreallocarray(*numbers, cap = cap * 2 + 64, sizeof **numbers);
		(*numbers)[(*n)++] = number;
	}
	closedir(d);
	if (*n != 0)
		qsort(*numbers, *n, sizeof **numbers, compare);
	return 0;
}

static void
read_heads(struct scan *s)
{
	struct record_head h;

	s->end = sizeof(struct segment_head);
	while ((s->rc = record_head_read(s->fd, s->end, s->size, &h)) == 0) {
		if (s->n == s->cap)
			s->records = xreallocarray(
			    s->records, s->cap = s->cap * 2 + 64, sizeof *s->records);
		s->records[s->n].head = h;
		s->records[s->n++].at = (uint32_t)s->end;
		s->end += h.size;
	}
}

/* A file that was made longer, but whose bytes did not reach the disk, reads as zeroes: from its
 * end on, or from a sector's that a head lies across. */
static bool
ends_in_zeroes(const struct scan *s)
{
	uint64_t at = (s->end + SECTOR - 1) / SECTOR * SECTOR;
	char block[8 * SECTOR];

	if (at - s->end >= sizeof(struct record_head))
		at = s->end;
	for (size_t n; at < s->size; at += n) {
		n = s->size - at < sizeof block ? (size_t)(s->size - at) : sizeof block;
		if (segment_read(s->fd, block, n, at) != 0)
			return false;
		for (size_t i = 0; i < n; i++)
			if (block[i] != 0)
				return false;
	}
	return true;
}

/* The newest one, in which a process may have died, or the system. What is said to be archived
 * is not put again, so that the last record before a bad end is not taken at its word. */
static int
cut_tail(struct archive *a, struct scan *s, const char *name)
{
	if (s->rc == -EBADMSG && ends_in_zeroes(s))
		s->rc = -ENOMSG;
	if (s->n > 0 && s->records[s->n - 1].head.kind == RECORD_LINES &&
	    codec_check(a->codec, s->fd, s->records[s->n - 1].at,
		s->records[s->n - 1].head.size) == -EBADMSG)
		s->end = s->records[--s->n].at;
	if (s->rc != -ENOMSG || s->end == s->size)
		return 0;
	log_info("archive", "%s: %" PRIu64 " bytes of a record that was not finished are cut",
	    name, s->size - s->end);
	if (ftruncate(s->fd, (off_t)s->end) != 0)
		return -errno;
	s->size = s->end;
	return 0;
}

static void
note_damage(struct archive *a, const struct scan *s, const char *name)
{
	pthread_mutex_lock(&a->mutex);
	a->damaged++;
	pthread_mutex_unlock(&a->mutex);
	log_warn("archive", "%s/%s: damaged at byte %" PRIu64 ": what follows is not read",
	    a->path, name, s->end);
}

static struct archive_segment *
add_to_index(struct archive *a, const struct scan *s)
{
	struct archive_segment *g;

	pthread_mutex_lock(&a->mutex);
	g = segment_add(a, s->number, s->generation);
	segment_grow(a, g, s->size);
	for (size_t i = 0; i < s->n; i++)
		segment_add_record(a, g, &s->records[i].head, s->records[i].at);
	pthread_mutex_unlock(&a->mutex);
	return g;
}

/* Reads a segment into the index; with `newest` it is made ready to be appended to. */
static int
scan(struct archive *a, int64_t number, bool newest, char **cause)
{
	struct scan s = {.number = number};
	struct archive_segment *g;
	char name[SEGMENT_NAME];
	struct stat st;
	int rc;

	segment_name(name, number, "seg");
	if (fstatat(a->dir, name, &st, AT_SYMLINK_NOFOLLOW) != 0)
		return errno == ENOENT ? 0
				       : err_sys(cause, -errno, "read %s/%s", a->path, name);
	s.size = (uint64_t)st.st_size;
	if (newest && s.size < sizeof(struct segment_head)) {
		unlinkat(a->dir, name, 0);
		return 0;
	}
	rc = segment_open(a->dir, name, newest ? O_RDWR : O_RDONLY, &s.fd, &s.generation);
	if (rc == 0) {
		read_heads(&s);
		rc = newest ? cut_tail(a, &s, name) : 0;
	}
	if (rc != 0 && rc != -EBADMSG && rc != -EPROTO && newest) {
		if (s.fd >= 0)
			close(s.fd);
		free(s.records);
		return err_sys(cause, rc, "read %s/%s", a->path, name);
	}
	if (rc != 0 || s.rc != -ENOMSG || s.end != s.size)
		note_damage(a, &s, name);
	g = add_to_index(a, &s);
	free(s.records);
	g->foreign = rc != 0;
	if (rc == 0 && newest && s.rc == -ENOMSG) {
		a->current = g;
		a->fd = s.fd;
	} else if (s.fd >= 0) {
		close(s.fd);
	}
	return 0;
}

static void
forget(struct archive *a)
{
	pthread_mutex_lock(&a->mutex);
	while (a->segments != NULL)
		segment_remove(a, a->segments);
	pthread_mutex_unlock(&a->mutex);
}

int
archive_open_dir(struct archive *a, char **cause)
{
	int64_t *numbers;
	size_t n;
	int rc = take_lock(a, cause);

	if (rc == 0)
		rc = list(a, &numbers, &n, cause);
	if (rc != 0)
		return rc;
	for (size_t i = 0; rc == 0 && i < n; i++)
		rc = scan(a, numbers[i], i == n - 1, cause);
	free(numbers);
	if (rc != 0)
		forget(a);
	return rc;
}

bool
archive_has_moved(const struct archive *a)
{
	struct stat st;

	return !file_is_at(a->dir, a->path) ||
	       (a->fd >= 0 && fstat(a->fd, &st) == 0 && st.st_nlink == 0);
}

void
archive_leave_dir(struct archive *a)
{
	archive_close_dir(a);
	forget(a);
}

void
archive_close_dir(struct archive *a)
{
	archive_end_segment(a);
	if (a->lock >= 0)
		close(a->lock);
	a->lock = -1;
}
