#include "config.h"

#include "os/os.h"

#include <errno.h>
#include <fcntl.h>
#include <termios.h>
#ifdef HAVE_PTY_H
#include <pty.h>
#endif
#ifdef HAVE_LIBUTIL_H
#include <libutil.h>
#endif
#ifdef HAVE_UTIL_H
#include <util.h>
#endif

int
os_openpty(int *master, int *slave, const struct winsize *size)
{
	struct winsize ws = *size; /* some systems would have it not const */

	if (openpty(master, slave, NULL, NULL, &ws) != 0)
		return -errno;
	fcntl(*master, F_SETFD, FD_CLOEXEC);
	fcntl(*slave, F_SETFD, FD_CLOEXEC);
	return 0;
}
