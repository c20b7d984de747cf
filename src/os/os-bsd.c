/* The BSDs and macOS, by what POSIX and their libcs share. */
#include "config.h"

#include "os/os.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
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

void *
os_pages_alloc(size_t size)
{
	void *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANON, -1, 0);

	return p != MAP_FAILED ? p : NULL;
}

void
os_pages_free(void *p, size_t size)
{
	if (p != NULL)
		munmap(p, size);
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
os_process_cwd(pid_t pid, char *buf, size_t size)
{
	(void)pid;
	(void)buf;
	(void)size;
	return -ENOSYS;
}

int
os_terminal_program(int master, char *buf, size_t size)
{
	(void)master;
	(void)buf;
	(void)size;
	return -ENOSYS;
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

int
os_peer_uid(int fd, uid_t *uid)
{
	gid_t gid;

	return getpeereid(fd, uid, &gid) == 0 ? 0 : -errno;
}
