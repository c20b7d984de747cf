/*
 * A child process with its standard descriptors, in a process group of its own, with no signal
 * blocked or ignored. Everything else that is open is close-on-exec and stays out of it.
 *
 * Whoever reaps this process's children hears of its end.
 */
#ifndef OS_SPAWN_H
#define OS_SPAWN_H

#include <sys/types.h>

struct spawn_spec {
	char *const *argv; /* argv[0] is looked up in PATH */
	char *const *envp;
	int in, out, err;    /* borrowed; -1: /dev/null */
	const char *cwd;     /* NULL: the daemon's own */
	const char *program; /* its path; NULL: as argv[0] says */
};

/* Returns -errno when it cannot be started. */
int spawn_process(const struct spawn_spec *spec, pid_t *pid);

#endif
