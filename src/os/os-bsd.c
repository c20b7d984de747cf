/* The BSDs and macOS, by what POSIX and their libcs share. */
#include "config.h"

#include "os/os.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <termios.h>
#include <unistd.h>
#ifdef HAVE_UTIL_H
#include <util.h>
#endif
#ifdef HAVE_LIBUTIL_H
#include <libutil.h>
#endif

int
os_random(void *buf, size_t len)
{
	arc4random_buf(buf, len);
	return 0;
}

void
os_cloexec_from(int first)
{
	for (int fd = first; fd < 1024; fd++)
		fcntl(fd, F_SETFD, FD_CLOEXEC);
}

/* No memory file and no subreaper: the worker runs alone. */

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
	return -ENOSYS;
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
os_program_path(char *buf, size_t size)
{
	(void)buf;
	(void)size;
	return -ENOSYS;
}

int
os_peer_pid(int fd, pid_t *pid)
{
	(void)fd;
	(void)pid;
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

pid_t
os_forkpty(int *master, const struct winsize *size)
{
	struct winsize ws = *size;
	pid_t pid = forkpty(master, NULL, NULL, &ws);

	if (pid > 0)
		fcntl(*master, F_SETFD, FD_CLOEXEC);
	return pid;
}

int
os_openpty(int *master, int *slave, const struct winsize *size)
{
	struct winsize ws = *size;

	if (openpty(master, slave, NULL, NULL, &ws) != 0)
		return -errno;
	fcntl(*master, F_SETFD, FD_CLOEXEC);
	fcntl(*slave, F_SETFD, FD_CLOEXEC);
	return 0;
}

void
os_process_cwd_via(int (*ask)(void *arg, pid_t pid, char *buf, size_t size), void *arg)
{
	(void)ask;
	(void)arg;
}

int
os_process_cwd(pid_t pid, char *buf, size_t size)
{
	(void)pid;
	(void)buf;
	(void)size;
	return -ENOSYS;
}

int
os_process_program(pid_t pid, char *buf, size_t size)
{
	(void)pid;
	(void)buf;
	(void)size;
	return -ENOSYS;
}

pid_t
os_process_front(pid_t pid)
{
	(void)pid;
	return 0;
}

int64_t
os_process_started(pid_t pid)
{
	(void)pid;
	return 0;
}

pid_t
os_process_parent(pid_t pid)
{
	(void)pid;
	return 0;
}

int
os_process_each(bool (*cb)(void *arg, const struct os_process *p), void *arg)
{
	(void)cb;
	(void)arg;
	return -ENOSYS;
}

ssize_t
os_process_args(pid_t pid, char *buf, size_t size)
{
	(void)pid;
	(void)buf;
	(void)size;
	return -ENOSYS;
}

void
os_thread_background(void)
{
}

unsigned
os_processors(void)
{
	long n = sysconf(_SC_NPROCESSORS_ONLN);

	return n > 0 ? (unsigned)n : 1;
}

size_t
os_resident_bytes(void)
{
	return 0;
}

unsigned
os_open_descriptors(void)
{
	return 0;
}

size_t
os_socket_room(int fd)
{
	(void)fd;
	return SIZE_MAX;
}

/* What is not read yet hides the end. */
bool
os_socket_ended(int fd)
{
	char c;

	return recv(fd, &c, 1, MSG_PEEK | MSG_DONTWAIT) == 0;
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

/* Nothing tells of changes: whoever asks looks now and then. */

struct os_watch *
os_watch_new(void)
{
	return NULL;
}

void
os_watch_free(struct os_watch *w)
{
	(void)w;
}

int
os_watch_add(struct os_watch *w, const char *dir)
{
	(void)w;
	(void)dir;
	return -ENOSYS;
}

int
os_watch_wait(struct os_watch *w, int timeout_ms)
{
	(void)w;
	(void)timeout_ms;
	return 0;
}

void
os_watch_wake(struct os_watch *w)
{
	(void)w;
}

int
os_watch_read(struct os_watch *w, void (*changed)(const char *, bool, void *), void *arg)
{
	(void)w;
	(void)changed;
	(void)arg;
	return 0;
}
