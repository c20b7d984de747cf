/*
 * A command under a new PTY.
 *
 * The child gets its own session with the PTY as its controlling terminal, default signals, no
 * descriptor but 0, 1 and 2, and exactly the environment that is given. Whether it could be
 * executed is told through a close-on-exec pipe: `status_fd` yields what os/spawn.h says, which
 * has the process id, too, where another process starts it. Nothing here waits.
 */
#ifndef PANE_PTY_H
#define PANE_PTY_H

#include <stdint.h>
#include <sys/types.h>

struct pty_spec {
	char *const *argv; /* argv[0] is looked up along PATH of envp */
	char *const *envp;
	const char *cwd; /* NULL: the daemon's own */
	unsigned cols, rows;
	uint64_t number; /* os/spawn.h */
};

struct pty {
	pid_t pid;     /* or a ticket (os/spawn.h) */
	int master;    /* non-blocking, close-on-exec */
	int status_fd; /* non-blocking, close-on-exec */
};

/* -errno when there is no PTY, process or descriptor left; descriptors are the caller's. */
int pty_spawn(const struct pty_spec *spec, struct pty *out);

int pty_resize(int master, unsigned cols, unsigned rows);

/* Leaves them as they are when it cannot say. */
void pty_size(int master, unsigned *cols, unsigned *rows);

#endif
