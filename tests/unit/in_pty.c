#include "config.h"

#include "in_pty.h"

#include <errno.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include "os/os.h"

pid_t
fork_in_pty(int *master)
{
	const struct winsize size = {.ws_row = 24, .ws_col = 80};
	int slave, rc = os_openpty(master, &slave, &size);
	pid_t pid;

	if (rc != 0) {
		errno = -rc;
		return -1;
	}
	pid = fork();
	if (pid == 0) {
		close(*master);
		setsid();
		ioctl(slave, TIOCSCTTY, 0);
		for (int fd = 0; fd < 3; fd++)
			dup2(slave, fd);
		if (slave > 2)
			close(slave);
	} else {
		close(slave);
		if (pid < 0)
			close(*master);
	}
	return pid;
}
