#include "config.h"

#include "pane/pty.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include "os/os.h"
#include "os/spawn.h"

/* UTF8 lets the line discipline erase a whole character, not its last byte. */
static void
set_utf8(int master)
{
#ifdef IUTF8
	struct termios t;

	if (tcgetattr(master, &t) == 0) {
		t.c_iflag |= IUTF8;
		tcsetattr(master, TCSANOW, &t);
	}
#else
	(void)master;
#endif
}

/* As a child of this process. */
static int
start(const struct spawn_spec *how, pid_t *pid)
{
	sigset_t all, old;
	int err;

	if (spawn_elsewhere())
		return spawn_process(how, pid);
	/* No handler of ours may run in the child before its signals are reset. */
	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, &old);
	*pid = fork();
	if (*pid == 0)
		spawn_child(how);
	err = errno;
	sigprocmask(SIG_SETMASK, &old, NULL);
	return *pid < 0 ? -err : 0;
}

int
pty_spawn(const struct pty_spec *spec, struct pty *out)
{
	struct winsize ws = {
	    .ws_col = (unsigned short)spec->cols, .ws_row = (unsigned short)spec->rows};
	struct spawn_spec how = {.argv = spec->argv,
	    .envp = spec->envp,
	    .cwd = spec->cwd,
	    .number = spec->number,
	    .in = -1,
	    .out = -1,
	    .err = -1};
	int status[2], rc;

	if ((rc = os_pipe(status)) != 0)
		return rc;
	how.status_fd = status[1];
	if ((rc = os_openpty(&out->master, &how.tty, &ws)) == 0) {
		set_utf8(out->master);
		if ((rc = start(&how, &out->pid)) != 0)
			close(out->master);
		close(how.tty);
	}
	close(status[1]);
	if (rc != 0) {
		close(status[0]);
		return rc;
	}
	fcntl(out->master, F_SETFL, fcntl(out->master, F_GETFL) | O_NONBLOCK);
	fcntl(status[0], F_SETFL, O_NONBLOCK);
	out->status_fd = status[0];
	return 0;
}

int
pty_resize(int master, unsigned cols, unsigned rows)
{
	struct winsize ws = {.ws_col = (unsigned short)cols, .ws_row = (unsigned short)rows};

	return ioctl(master, TIOCSWINSZ, &ws) == 0 ? 0 : -errno;
}

void
pty_size(int master, unsigned *cols, unsigned *rows)
{
	struct winsize ws;

	if (ioctl(master, TIOCGWINSZ, &ws) != 0 || ws.ws_col == 0 || ws.ws_row == 0)
		return;
	*cols = ws.ws_col;
	*rows = ws.ws_row;
}
