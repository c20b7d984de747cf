#include "config.h"

#include "os/spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "os/os.h"

static const struct spawner *via;
static mode_t given = 077;
static bool is_given;

void
spawn_via(const struct spawner *s)
{
	via = s;
}

bool
spawn_elsewhere(void)
{
	return via != NULL;
}

void
spawn_umask(mode_t mask)
{
	given = mask;
	is_given = true;
}

int
spawn_signal(pid_t pid, int sig, bool group)
{
	if (pid < -1)
		return via != NULL ? via->signal(via->arg, pid, sig, group) : -ESRCH;
	if (pid <= 0)
		return -ESRCH;
	return kill(group ? -pid : pid, sig) == 0 ? 0 : -errno;
}

/* Between fork and exec: async-signal-safe calls only. */

const char *
spawn_step_name(int step)
{
	return step == SPAWN_CHDIR ? "change to the directory" : "execute the command";
}

static _Noreturn void
fail(const struct spawn_spec *spec, int step)
{
	struct spawn_report r = {step, errno};

	if (spec->status_fd > 0 && write(spec->status_fd, &r, sizeof r) < 0) {
		/* The parent is gone; there is nobody left to tell. */
	}
	_exit(127);
}

static void
put_fd(const struct spawn_spec *spec, int fd, int as)
{
	if (fd < 0)
		fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	if (fd < 0 || dup2(fd, as) < 0)
		fail(spec, SPAWN_EXEC);
}

static void
put_fds(const struct spawn_spec *spec)
{
	if (spec->tty > 0) {
		setsid();
		if (ioctl(spec->tty, TIOCSCTTY, 0) != 0)
			fail(spec, SPAWN_EXEC);
	} else {
		setpgid(0, 0);
	}
	put_fd(spec, spec->tty > 0 ? spec->tty : spec->in, STDIN_FILENO);
	put_fd(spec, spec->tty > 0 ? spec->tty : spec->out, STDOUT_FILENO);
	put_fd(spec, spec->tty > 0 ? spec->tty : spec->err, STDERR_FILENO);
}

_Noreturn void
spawn_child(const struct spawn_spec *spec)
{
	struct sigaction dfl = {.sa_handler = SIG_DFL};
	sigset_t none;

	for (int s = 1; s < NSIG; s++)
		sigaction(s, &dfl, NULL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	if (is_given)
		umask(given);
	put_fds(spec);
	os_cloexec_from(STDERR_FILENO + 1);
	if (spec->cwd != NULL && chdir(spec->cwd) != 0)
		fail(spec, SPAWN_CHDIR);
	environ =
	    (char **)spec->envp; /* execvp looks along its PATH, execvpe along the daemon's */
	if (spec->program != NULL)
		execv(spec->program, spec->argv);
	else
		execvp(spec->argv[0], spec->argv);
	fail(spec, SPAWN_EXEC);
}

/* As a child of this process. */

static void
add(posix_spawn_file_actions_t *files, int fd, int as)
{
	if (fd >= 0)
		posix_spawn_file_actions_adddup2(files, fd, as);
	else
		posix_spawn_file_actions_addopen(files, as, "/dev/null", O_RDWR, 0);
}

int
spawn_process(const struct spawn_spec *spec, pid_t *pid)
{
	posix_spawn_file_actions_t files;
	posix_spawnattr_t attr;
	sigset_t none, all;
	mode_t own = 077;
	int rc;

	if (via != NULL)
		return via->start(via->arg, spec, pid);
	posix_spawn_file_actions_init(&files);
	add(&files, spec->in, STDIN_FILENO);
	add(&files, spec->out, STDOUT_FILENO);
	add(&files, spec->err, STDERR_FILENO);
	if (spec->cwd != NULL)
		posix_spawn_file_actions_addchdir_np(&files, spec->cwd);
	posix_spawnattr_init(&attr);
	sigemptyset(&none);
	sigfillset(&all);
	posix_spawnattr_setsigmask(&attr, &none);
	posix_spawnattr_setsigdefault(&attr, &all);
	posix_spawnattr_setpgroup(&attr, 0);
	posix_spawnattr_setflags(&attr, (short)(POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF |
						POSIX_SPAWN_SETPGROUP | os_spawn_flags()));
	/* posix_spawn has no way to say it. Whatever other threads make meanwhile has its mode said. */
	if (is_given)
		own = umask(given);
	if (spec->program != NULL)
		rc = posix_spawn(pid, spec->program, &files, &attr, spec->argv, spec->envp);
	else
		rc = posix_spawnp(pid, spec->argv[0], &files, &attr, spec->argv, spec->envp);
	if (is_given)
		umask(own);
	posix_spawnattr_destroy(&attr);
	posix_spawn_file_actions_destroy(&files);
	return -rc;
}
