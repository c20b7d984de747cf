/*
 * FreeBSD and macOS, in what they share: there is no keeper, so memory is this process's own, and
 * nobody is sent a descriptor. Processes are told of by sysctl(3).
 */
#include "config.h"

#include "os/os.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <sys/event.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/sysctl.h>
#include <sys/time.h>
#include <unistd.h>

#include "os/bsd.h"

enum { DESCRIPTORS_MAX = 65536 };

int
os_random(void *buf, size_t len)
{
	arc4random_buf(buf, len);
	return 0;
}

void
os_cloexec_from(int first)
{
	int end = getdtablesize();

	/* Where there is no limit it would take minutes; those of this process are low. */
	if (end > DESCRIPTORS_MAX)
		end = DESCRIPTORS_MAX;
	for (int fd = first; fd < end; fd++)
		fcntl(fd, F_SETFD, FD_CLOEXEC);
}

/* Memory. */

static void *
map_private(void *at, size_t size, int flags)
{
	void *p = mmap(at, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANON | flags, -1, 0);

	return p != MAP_FAILED ? p : NULL;
}

int
os_memory_create(const char *name, size_t size, int *fd, void **map)
{
	(void)name;
	*fd = -1;
	return os_memory_private(size, map);
}

int
os_memory_private(size_t size, void **map)
{
	*map = map_private(NULL, size, 0);
	return *map != NULL ? 0 : -errno;
}

int
os_memory_map(int fd, size_t *size, void **map)
{
	(void)fd;
	(void)size;
	(void)map;
	return -EINVAL; /* os_memory_create made none */
}

int
os_memory_sealed(const char *name, const void *data, size_t len)
{
	(void)name;
	(void)data;
	(void)len;
	return -ENOSYS;
}

void
os_memory_unmap(void *map, size_t size)
{
	if (map != NULL)
		munmap(map, size);
}

/* madvise(2) leaves it to the system when pages are zero again, if ever. */
void
os_memory_discard(int fd, void *map, size_t at, size_t len)
{
	(void)fd;
	if (map_private((char *)map + at, len, MAP_FIXED) == NULL)
		memset((char *)map + at, 0, len);
}

size_t
os_memory_taken(int fd)
{
	(void)fd;
	return 0;
}

/* No keeper. */

bool
os_has_keeper(void)
{
	return false;
}

int
os_become_reaper(void)
{
	return -ENOSYS;
}

int
os_send(int fd, const void *data, size_t len, const int *fds, unsigned nfds)
{
	(void)fd;
	(void)data;
	(void)len;
	(void)fds;
	(void)nfds;
	return -ENOSYS;
}

ssize_t
os_receive(int fd, void *data, size_t len, int *fds, unsigned max, unsigned *nfds)
{
	(void)fd;
	(void)data;
	(void)len;
	(void)fds;
	(void)max;
	*nfds = 0;
	return -ENOSYS;
}

/* Nothing that can be asked here is refused to this process and not to another of its user. */
void
os_process_cwd_via(int (*ask)(void *arg, pid_t pid, char *buf, size_t size), void *arg)
{
	(void)ask;
	(void)arg;
}

/* Processes. */

int
bsd_table(int *mib, unsigned n, void **data, size_t *len)
{
	int rc = -ENOMEM;

	*data = NULL;
	for (int tries = 0; rc == -ENOMEM && tries < 8; tries++) {
		void *more;

		if (sysctl(mib, n, NULL, len, NULL, 0) != 0) {
			rc = -errno;
			break;
		}
		*len += *len / 8 + 4096; /* it may grow until it is read */
		if ((more = realloc(*data, *len)) == NULL)
			break;
		*data = more;
		rc = sysctl(mib, n, *data, len, NULL, 0) == 0 ? 0 : -errno;
	}
	if (rc != 0) {
		free(*data);
		*data = NULL;
	}
	return rc;
}

/* One process; the caller frees *data, which the answer refers to. */
static int
read_process(pid_t pid, void **data, struct bsd_process *out)
{
	int mib[] = {CTL_KERN, KERN_PROC, KERN_PROC_PID, pid};
	size_t len = 0;
	int rc = pid > 0 ? bsd_table(mib, 4, data, &len) : -ESRCH;

	if (rc != 0)
		return rc;
	if (len < bsd_process_size()) { /* macOS says so of one that is not there */
		free(*data);
		return -ESRCH;
	}
	bsd_process_read(*data, out);
	return 0;
}

int
os_process_program(pid_t pid, char *buf, size_t size)
{
	struct bsd_process p;
	void *data;
	int rc = read_process(pid, &data, &p);

	if (rc != 0)
		return rc;
	snprintf(buf, size, "%s", p.program);
	free(data);
	return 0;
}

pid_t
os_process_front(pid_t pid)
{
	struct bsd_process p;
	void *data;

	if (read_process(pid, &data, &p) != 0)
		return 0;
	free(data);
	return p.front > 0 ? p.front : 0;
}

pid_t
os_process_parent(pid_t pid)
{
	struct bsd_process p;
	void *data;

	if (read_process(pid, &data, &p) != 0)
		return 0;
	free(data);
	return p.parent;
}

int64_t
os_process_started(pid_t pid)
{
	struct bsd_process p;
	void *data;

	if (read_process(pid, &data, &p) != 0)
		return 0;
	free(data);
	return p.started_ms;
}

int
os_process_each(bool (*cb)(void *arg, const struct os_process *p), void *arg)
{
	int mib[] = {CTL_KERN, KERN_PROC, bsd_process_all()};
	size_t len, size = bsd_process_size();
	bool more = true;
	void *data;
	int rc = bsd_table(mib, 3, &data, &len);

	if (rc != 0)
		return rc;
	for (size_t at = 0; more && at + size <= len; at += size) {
		struct bsd_process b;
		struct os_process p;

		bsd_process_read((const void *)((const char *)data + at), &b);
		p = (struct os_process){b.pid, b.parent, b.started_ms};
		more = b.pid <= 0 || cb(arg, &p);
	}
	free(data);
	return 0;
}

/* What they free goes back after a while: jemalloc, and the zones of macOS. */
void
os_heap_return(void)
{
}

/* Sockets and pipes. */

/* Of the filter for reading EV_EOF says so, however much is still to be read. */
bool
os_socket_ended(int fd)
{
	const struct timespec now = {0, 0};
	struct kevent ev;
	int kq = kqueue();
	bool ended;

	if (kq < 0)
		return false;
	EV_SET(&ev, fd, EVFILT_READ, EV_ADD, 0, 0, NULL);
	ended = kevent(kq, &ev, 1, &ev, 1, &now) == 1 && (ev.flags & (EV_EOF | EV_ERROR)) != 0;
	close(kq);
	return ended;
}

ssize_t
os_move(int pipe, int file, uint64_t at, size_t len)
{
	(void)pipe;
	(void)file;
	(void)at;
	(void)len;
	return -ENOSYS;
}

void
os_widen(int pipe, size_t size)
{
	(void)pipe;
	(void)size;
}

int
os_peer_uid(int fd, uid_t *uid)
{
	gid_t gid;

	return getpeereid(fd, uid, &gid) == 0 ? 0 : -errno;
}
