/* macOS has neither pipe2(2) nor accept4(2): a descriptor is there before it is close-on-exec. */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "os/os.h"

static int
keep_in(int fd, bool nonblocking)
{
	int err;

	if (fd < 0)
		return -errno;
	if (fcntl(fd, F_SETFD, FD_CLOEXEC) == 0 &&
	    (!nonblocking || fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK) == 0))
		return fd;
	err = errno;
	close(fd);
	return -err;
}

int
os_pipe(int fds[2])
{
	int rc;

	if (pipe(fds) != 0)
		return -errno;
	if ((rc = keep_in(fds[0], false)) < 0) {
		close(fds[1]);
		return rc;
	}
	if ((rc = keep_in(fds[1], false)) < 0) {
		close(fds[0]);
		return rc;
	}
	return 0;
}

int
os_socket(int family, int type, bool nonblocking)
{
	return keep_in(socket(family, type, 0), nonblocking);
}

int
os_accept(int listener, struct sockaddr *from, socklen_t *len)
{
	return keep_in(accept(listener, from, len), true);
}

/* Its Unix sockets know streams and datagrams, of which neither tells of the other end's end. */
int
os_packet_pair(int ends[2])
{
	(void)ends;
	return -EPROTONOSUPPORT;
}
