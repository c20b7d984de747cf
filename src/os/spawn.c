#include "config.h"

#include "os/spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <unistd.h>
#ifdef __linux__
#include <sys/prctl.h>
#endif

static void
add(posix_spawn_file_actions_t *files, int fd, int as)
{
	if (fd >= 0)
		posix_spawn_file_actions_adddup2(files, fd, as);
	else
		posix_spawn_file_actions_addopen(files, as, "/dev/null", O_RDWR, 0);
}

static int
spawn(const struct spawn_spec *spec, pid_t *pid)
{
	posix_spawn_file_actions_t files;
	posix_spawnattr_t attr;
	sigset_t none, all;
	int rc;

	posix_spawn_file_actions_init(&files);
	add(&files, spec->in, STDIN_FILENO);
	add(&files, spec->out, STDOUT_FILENO);
	add(&files, spec->err, STDERR_FILENO);
	posix_spawnattr_init(&attr);
	sigemptyset(&none);
	sigfillset(&all);
	posix_spawnattr_setsigmask(&attr, &none);
	posix_spawnattr_setsigdefault(&attr, &all);
	posix_spawnattr_setpgroup(&attr, 0);
	posix_spawnattr_setflags(
	    &attr, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP);
	rc = posix_spawnp(pid, spec->argv[0], &files, &attr, spec->argv, spec->envp);
	posix_spawnattr_destroy(&attr);
	posix_spawn_file_actions_destroy(&files);
	return -rc;
}

/* Between fork and exec: only what is safe in a process of many threads. */

static int
put_fd(int fd, int as)
{
	if (fd < 0)
		fd = open("/dev/null", O_RDWR);
	return fd < 0 || dup2(fd, as) < 0 ? -1 : 0;
}

static _Noreturn void
become(const struct spawn_spec *spec, pid_t parent, int report)
{
	struct sigaction act = {.sa_handler = SIG_DFL};
	sigset_t none;
	int err;

	for (int i = 1; i < NSIG; i++)
		sigaction(i, &act, NULL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	setpgid(0, 0);
#ifdef PR_SET_PDEATHSIG
	prctl(PR_SET_PDEATHSIG, SIGKILL);
#endif
	if (getppid() != parent)
		_exit(127); /* it has gone in between */
	environ = (char **)spec->envp;
	if (put_fd(spec->in, STDIN_FILENO) == 0 && put_fd(spec->out, STDOUT_FILENO) == 0 &&
	    put_fd(spec->err, STDERR_FILENO) == 0)
		execvp(spec->argv[0], spec->argv);
	err = errno;
	if (write(report, &err, sizeof err) < 0)
		_exit(126);
	_exit(127);
}

static int
fork_and_become(const struct spawn_spec *spec, pid_t *pid)
{
	pid_t parent = getpid();
	int report[2], err = 0;

	if (pipe2(report, O_CLOEXEC) != 0)
		return -errno;
	*pid = fork();
	if (*pid == 0)
		become(spec, parent, report[1]);
	if (*pid < 0)
		err = errno;
	close(report[1]);
	/* Its end is closed by exec: nothing comes then. */
	while (*pid > 0 && read(report[0], &err, sizeof err) < 0 && errno == EINTR)
		;
	close(report[0]);
	return -err;
}

int
spawn_process(const struct spawn_spec *spec, pid_t *pid)
{
	return spec->dies_with_parent ? fork_and_become(spec, pid) : spawn(spec, pid);
}
