/*
 * A child process, in a process group of its own, with no signal blocked or ignored. Everything
 * else that is open is close-on-exec and stays out of it. It has its standard descriptors, or, as
 * the leader of a session, a terminal for all three.
 *
 * Whoever reaps this process's children hears of its end.
 *
 * A process that may start none (os/harden.h) names with spawn_via who does it instead. Then
 * nothing here waits for that: instead of a process id there is a *ticket*, a number below -1,
 * under which the process can be signalled (spawn_signal) and under which its end is told. Where
 * the spec has a status_fd, the process id comes through it.
 *
 * One thread, but for spawn_child.
 */
#ifndef OS_SPAWN_H
#define OS_SPAWN_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/types.h>

struct spawn_spec {
	char *const *argv; /* argv[0] is looked up in PATH */
	char *const *envp;
	int in, out, err;    /* borrowed; -1: /dev/null */
	const char *cwd;     /* NULL: the daemon's own */
	const char *program; /* its path; NULL: as argv[0] says */

	/* For spawn_via and spawn_child alone; 0 is none of each. */
	int tty;         /* borrowed: of a PTY, in place of in, out and err */
	int status_fd;   /* borrowed: takes reports */
	uint64_t number; /* what the keeper knows it by (proto/keep.h) */
};

/* Returns -errno when it cannot be started, or asked for. */
int spawn_process(const struct spawn_spec *spec, pid_t *pid);

/* What comes through status_fd: first, where another process starts it, SPAWN_PID with the process
 * id in `err`; then what it could not do, or the end of the file once the command runs. */
enum { SPAWN_CHDIR, SPAWN_EXEC, SPAWN_PID };
struct spawn_report {
	int step;
	int err;
};
const char *spawn_step_name(int step); /* of the first two */

/* The umask that they start with; until it is told, this process's own. The daemon's is stricter
 * than that of its user, whose it is to be in what is started for them. */
void spawn_umask(mode_t mask);

/* Between fork and exec, in the child: does what the spec says, tells status_fd of failure. The
 * spec's `program` or else argv[0] along PATH of envp is executed. */
_Noreturn void spawn_child(const struct spawn_spec *spec);

/* Who starts processes from now on, for as long as the struct lives; NULL: this process itself. */
struct spawner {
	int (*start)(void *arg, const struct spawn_spec *spec, pid_t *ticket);
	int (*signal)(void *arg, pid_t ticket, int sig, bool group);
	void *arg;
};
void spawn_via(const struct spawner *s);
bool spawn_elsewhere(void); /* whether there is one */

/* kill(2), of its process group if `group`; pid may be a ticket. -errno. */
int spawn_signal(pid_t pid, int sig, bool group);

#endif
