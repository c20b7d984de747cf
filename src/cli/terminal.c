#include "config.h"

#include "cli/terminal.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

/* What a pane may have switched on: mouse reports, bracketed paste, focus reports, the
 * alternate screen, application keys, a hidden cursor, a scroll region, colours. Leaving the
 * alternate screen and the region moves the cursor, so it is saved before. */
static const char undo_pane[] =
    "\033[?9l\033[?1000l\033[?1002l\033[?1003l\033[?1005l\033[?1006l\033[?1015l\033[?1004l"
    "\033[?2004l\033[?2026l\033[?1l\033>\0337\033[?1049l\0337\033[r\0338\033[?25h\033[?7h\033["
    "4l"
    "\033(B\033[m";

static struct termios saved;
static int in_fd, out_fd;
static const char *undo;
static size_t undo_len;
static volatile sig_atomic_t is_raw;

void
terminal_size_of(int fd, unsigned *cols, unsigned *rows)
{
	struct winsize ws;

	*cols = *rows = 0;
	if (isatty(fd) && ioctl(fd, TIOCGWINSZ, &ws) == 0 && ws.ws_col != 0 && ws.ws_row != 0) {
		*cols = ws.ws_col < 2000 ? ws.ws_col : 2000;
		*rows = ws.ws_row < 2000 ? ws.ws_row : 2000;
	}
}

void
terminal_size(unsigned *cols, unsigned *rows)
{
	*cols = 0;
	for (int fd = 0; fd <= 2 && *cols == 0; fd++)
		terminal_size_of(fd, cols, rows);
}

/* Only what a signal handler may call. */
void
terminal_restore(void)
{
	if (!is_raw)
		return;
	is_raw = 0;
	if (write(out_fd, undo, undo_len) < 0) {
		/* A terminal that is gone needs no putting back. */
	}
	tcsetattr(in_fd, TCSADRAIN, &saved);
}

static void
on_fatal(int sig)
{
	terminal_restore();
	signal(sig, SIG_DFL);
	raise(sig);
}

static int
make_raw(int in, int out, const char *how_undone)
{
	static const int fatal[] = {
	    SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGSEGV, SIGBUS, SIGABRT, SIGFPE, SIGPIPE};
	struct termios raw;

	if (tcgetattr(in, &saved) != 0)
		return -errno;
	in_fd = in;
	out_fd = out;
	undo = how_undone;
	undo_len = strlen(how_undone);
	raw = saved;
	cfmakeraw(&raw);
	is_raw = 1;
	atexit(terminal_restore);
	for (size_t i = 0; i < sizeof fatal / sizeof *fatal; i++)
		signal(fatal[i], on_fatal);
	if (tcsetattr(in, TCSADRAIN, &raw) != 0) {
		is_raw = 0;
		return -errno;
	}
	return 0;
}

int
terminal_raw(void)
{
	return make_raw(STDIN_FILENO, STDOUT_FILENO, undo_pane);
}

int
terminal_raw_on(int fd, const char *how_undone)
{
	return make_raw(fd, fd, how_undone);
}
