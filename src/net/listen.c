/* Listening sockets. */
#include "config.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/err.h"
#include "base/str.h"
#include "net/server.h"
#include "os/os.h"

enum { BACKLOG = 1024 };

union address {
	struct sockaddr sa;
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;
};

/* Splits "ADDR:PORT"; a lone ADDR or PORT is not enough to be sure what is meant. */
static int
split(const char *addr, char host[64], uint16_t *port)
{
	const char *colon = strrchr(addr, ':');
	const char *start = addr, *end = colon;
	uint64_t n;

	if (colon == NULL || str_u64(colon + 1, 0, 65535, &n) != 0)
		return -EINVAL;
	if (*start == '[') {
		if (end[-1] != ']')
			return -EINVAL;
		start++;
		end--;
	}
	if (end <= start || end - start >= 64)
		return -EINVAL;
	memcpy(host, start, (size_t)(end - start));
	host[end - start] = '\0';
	*port = (uint16_t)n;
	return 0;
}

static int
parse(const char *addr, union address *out, socklen_t *len, bool *loopback)
{
	char host[64];
	uint16_t port;

	if (split(addr, host, &port) != 0)
		return -EINVAL;
	memset(out, 0, sizeof *out);
	if (strcmp(host, "localhost") == 0)
		strcpy(host, "127.0.0.1");
	if (inet_pton(AF_INET, host, &out->v4.sin_addr) == 1) {
		out->v4.sin_family = AF_INET;
		out->v4.sin_port = htons(port);
		*len = sizeof out->v4;
		*loopback = ntohl(out->v4.sin_addr.s_addr) >> 24 == 127;
		return 0;
	}
	if (inet_pton(AF_INET6, host, &out->v6.sin6_addr) == 1) {
		out->v6.sin6_family = AF_INET6;
		out->v6.sin6_port = htons(port);
		*len = sizeof out->v6;
		*loopback = IN6_IS_ADDR_LOOPBACK(&out->v6.sin6_addr);
		return 0;
	}
	return -EINVAL;
}

static int
bind_and_listen(int family, const struct sockaddr *sa, socklen_t len, int *out)
{
	int fd = os_socket(family, SOCK_STREAM, true), one = 1, err;

	if (fd < 0)
		return fd;
	if (family != AF_UNIX)
		setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
	if (bind(fd, sa, len) == 0 && listen(fd, BACKLOG) == 0) {
		*out = fd;
		return 0;
	}
	err = errno;
	close(fd);
	return -err;
}

bool
listen_is_loopback(const char *addr)
{
	union address a;
	socklen_t len;
	bool loopback;

	return parse(addr, &a, &len, &loopback) == 0 && loopback;
}

int
listen_tcp(const char *addr, int *fd, bool *loopback, char **cause)
{
	union address a;
	socklen_t len;
	int rc;

	if (parse(addr, &a, &len, loopback) != 0)
		return err_set(cause, -EINVAL, "\"%s\" is not ADDR:PORT", addr);
	if ((rc = bind_and_listen(a.sa.sa_family, &a.sa, len, fd)) != 0)
		return err_sys(cause, rc, "listen on %s", addr);
	return 0;
}

/* Does anybody answer at this path? */
static bool
answers(const struct sockaddr_un *un)
{
	int fd = os_socket(AF_UNIX, SOCK_STREAM, false);
	bool yes = fd >= 0 && connect(fd, (const struct sockaddr *)un, sizeof *un) == 0;

	if (fd >= 0)
		close(fd);
	return yes;
}

int
listen_unix(const char *path, int *fd, char **cause)
{
	struct sockaddr_un un = {.sun_family = AF_UNIX};
	struct stat st;
	mode_t mask;
	int rc;

	if (strlen(path) >= sizeof un.sun_path)
		return err_sys(cause, -ENAMETOOLONG, "socket %s", path);
	strcpy(un.sun_path, path);
	if (answers(&un))
		return err_set(cause, -EADDRINUSE, "a daemon is running already at %s", path);
	if (lstat(path, &st) == 0 && !S_ISSOCK(st.st_mode))
		return err_set(cause, -EEXIST, "%s is there and is no socket", path);
	if (unlink(path) != 0 && errno != ENOENT)
		return err_sys(cause, -errno, "remove old socket %s", path);
	mask = umask(0177);
	rc = bind_and_listen(AF_UNIX, (const struct sockaddr *)&un, sizeof un, fd);
	umask(mask);
	if (rc != 0)
		return err_sys(cause, rc, "listen on %s", path);
	return 0;
}
