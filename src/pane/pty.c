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

enum { STEP_CHDIR, STEP_EXEC };

const char *
pty_step_name(int step)
{
	return step == STEP_CHDIR ? "change to the directory" : "execute the command";
}

static _Noreturn void
fail(int status_fd, int step)
{
	struct pty_failure f = {step, errno};

	if (write(status_fd, &f, sizeof f) < 0) {
		/* The parent is gone; there is nobody left to tell. */
	}
	_exit(127);
}

/* Between fork and exec: async-signal-safe calls only. */
static _Noreturn void
child(const struct pty_spec *spec, int status_fd)
{
	struct sigaction dfl = {.sa_handler = SIG_DFL};
	sigset_t none;

	for (int s = 1; s < NSIG; s++)
		sigaction(s, &dfl, NULL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	os_cloexec_from(STDERR_FILENO + 1);
	if (spec->cwd != NULL && chdir(spec->cwd) != 0)
		fail(status_fd, STEP_CHDIR);
	environ =
	    (char **)spec->envp; /* execvp looks along its PATH, execvpe along the daemon's */
	execvp(spec->argv[0], spec->argv);
	fail(status_fd, STEP_EXEC);
}

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

int
pty_spawn(const struct pty_spec *spec, struct pty *out)
{
	struct winsize ws = {
	    .ws_col = (unsigned short)spec->cols, .ws_row = (unsigned short)spec->rows};
	sigset_t all, old;
	int status[2], err;

	if (pipe2(status, O_CLOEXEC) != 0)
		return -errno;
	/* No handler of ours may run in the child before its signals are reset. */
	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, &old);
	out->pid = os_forkpty(&out->master, &ws);
	if (out->pid == 0)
		child(spec, status[1]);
	err = errno;
	sigprocmask(SIG_SETMASK, &old, NULL);
	close(status[1]);
	if (out->pid < 0) {
		close(status[0]);
		return -err;
	}
	set_utf8(out->master);
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
