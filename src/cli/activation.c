#include "config.h"

#include "cli/activation.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/err.h"
#include "base/str.h"

enum { FIRST_FD = 3, MAX_FDS = 2 };

union address {
	struct sockaddr sa;
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;
	struct sockaddr_un un;
};

static bool
is_listening(int fd)
{
	int type = 0, listening = 0;
	socklen_t type_len = sizeof type, listening_len = sizeof listening;

	return getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &type_len) == 0 &&
	       type == SOCK_STREAM &&
	       getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listening, &listening_len) == 0 &&
	       listening != 0;
}

static int
take_tcp(struct activation *a, int fd, const union address *at, char **cause)
{
	char host[INET6_ADDRSTRLEN] = "";

	if (a->tcp_fd >= 0)
		return err_set(
		    cause, -EINVAL, "descriptor %d is a second socket of TCP to listen on", fd);
	if (at->sa.sa_family == AF_INET) {
		inet_ntop(AF_INET, &at->v4.sin_addr, host, sizeof host);
		snprintf(a->listen, sizeof a->listen, "%s:%u", host, ntohs(at->v4.sin_port));
	} else {
		inet_ntop(AF_INET6, &at->v6.sin6_addr, host, sizeof host);
		snprintf(a->listen, sizeof a->listen, "[%s]:%u", host, ntohs(at->v6.sin6_port));
	}
	a->tcp_fd = fd;
	return 0;
}

static int
take_unix(
    struct activation *a, int fd, const struct sockaddr_un *un, socklen_t len, char **cause)
{
	size_t room = len > offsetof(struct sockaddr_un, sun_path)
			  ? len - offsetof(struct sockaddr_un, sun_path)
			  : 0;
	struct stat st;

	if (a->unix_fd >= 0)
		return err_set(
		    cause, -EINVAL, "descriptor %d is a second Unix socket to listen on", fd);
	if (room == 0 || un->sun_path[0] != '/')
		return err_set(cause, -EINVAL,
		    "descriptor %d is a Unix socket without a path from the root", fd);
	snprintf(a->socket, sizeof a->socket, "%.*s", (int)room, un->sun_path);
	if (lstat(a->socket, &st) != 0)
		return err_sys(cause, -errno, "socket %s", a->socket);
	if (!S_ISSOCK(st.st_mode) || st.st_uid != geteuid() || (st.st_mode & 077) != 0)
		return err_set(cause, -EPERM,
		    "socket %s: others may connect to it; it must be the user's, of mode 0600",
		    a->socket);
	a->unix_fd = fd;
	return 0;
}

static int
take(struct activation *a, int fd, char **cause)
{
	union address at;
	socklen_t len = sizeof at;
	int flags;

	memset(&at, 0, sizeof at);
	if ((flags = fcntl(fd, F_GETFL)) < 0)
		return err_sys(cause, -errno, "descriptor %d of LISTEN_FDS", fd);
	if (!is_listening(fd) || getsockname(fd, &at.sa, &len) != 0)
		return err_set(cause, -EINVAL,
		    "descriptor %d of LISTEN_FDS is no stream socket that listens", fd);
	if (fcntl(fd, F_SETFD, FD_CLOEXEC) != 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) != 0)
		return err_sys(cause, -errno, "descriptor %d of LISTEN_FDS", fd);
	if (at.sa.sa_family == AF_INET || at.sa.sa_family == AF_INET6)
		return take_tcp(a, fd, &at, cause);
	if (at.sa.sa_family == AF_UNIX)
		return take_unix(a, fd, &at.un, len, cause);
	return err_set(cause, -EINVAL,
	    "descriptor %d of LISTEN_FDS is neither of TCP nor a Unix socket", fd);
}

int
activation_take(struct activation *a, char **cause)
{
	const char *pid = getenv("LISTEN_PID"), *fds = getenv("LISTEN_FDS");
	uint64_t who = 0, n = 0;
	bool mine = pid != NULL && fds != NULL && str_u64(pid, 1, INT32_MAX, &who) == 0 &&
		    who == (uint64_t)getpid();
	bool bad = mine && str_u64(fds, 0, MAX_FDS, &n) != 0;
	int rc = 0;

	*a = (struct activation){.tcp_fd = -1, .unix_fd = -1};
	if (bad)
		rc = err_set(cause, -EINVAL,
		    "LISTEN_FDS is %.20s: one socket of TCP and one Unix socket can be taken",
		    fds);
	for (int fd = FIRST_FD; rc == 0 && fd < FIRST_FD + (int)n; fd++)
		rc = take(a, fd, cause);
	/* What runs in panes is not to think that it is meant. */
	unsetenv("LISTEN_PID");
	unsetenv("LISTEN_FDS");
	unsetenv("LISTEN_FDNAMES");
	return rc;
}
