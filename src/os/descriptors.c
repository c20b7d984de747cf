/* Systems on which a descriptor is close-on-exec from its first moment: Linux, FreeBSD. */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "os/os.h"

int
os_pipe(int fds[2])
{
	return pipe2(fds, O_CLOEXEC) == 0 ? 0 : -errno;
}

int
os_socket(int family, int type, bool nonblocking)
{
	int fd = socket(family, type | SOCK_CLOEXEC | (nonblocking ? SOCK_NONBLOCK : 0), 0);

	return fd >= 0 ? fd : -errno;
}

int
os_accept(int listener, struct sockaddr *from, socklen_t *len)
{
	int fd = accept4(listener, from, len, SOCK_NONBLOCK | SOCK_CLOEXEC);

	return fd >= 0 ? fd : -errno;
}

int
os_packet_pair(int ends[2])
{
	int type = SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK;

	return socketpair(AF_UNIX, type, 0, ends) == 0 ? 0 : -errno;
}
