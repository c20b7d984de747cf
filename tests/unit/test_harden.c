/* What is left of a process that has given up what it does not need, and what is not. */
#include "config.h"

#include "unit.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/xmalloc.h"
#include "os/harden.h"
#include "os/os.h"

static char dir[] = "/tmp/panescry-harden-XXXXXX";
static bool landlock;
static char *paths[4];

static char *
in(const char *name)
{
	return xasprintf("%s/%s", dir, name);
}

static void
write_file(const char *path)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

	assert_true(fd >= 0 && write(fd, "x", 1) == 1);
	close(fd);
}

static void
harden(void)
{
	char *mine = in("mine"), *theirs = in("theirs");
	struct harden_path left[] = {{mine, HARDEN_WRITE}, {theirs, HARDEN_READ},
	    {dir, HARDEN_LIST}, {"/dev/ptmx", HARDEN_DEVICE}, {"/dev/pts", HARDEN_DEVICE},
	    {"/proc", HARDEN_READ}, {"/nonesuch", HARDEN_READ}};

	if (harden_privileges() != 0)
		_exit(20);
	if (landlock && harden_files(left, sizeof left / sizeof *left) < 1)
		_exit(21);
	if (harden_calls() != 0)
		_exit(22);
	free(mine);
	free(theirs);
}

/* In a child that is hardened; 0 is as it should be. */
static int
run(int (*fn)(void))
{
	int status;
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0) {
		harden();
		_exit(fn());
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	if (WIFSIGNALED(status))
		print_message("signal %d\n", WTERMSIG(status));
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

#define refused(call) ((call) == -1 && (errno == EPERM || errno == ENOSYS || errno == EACCES))

/* The line of the check that fails. */
#define check(what) \
	do { \
		if (!(what)) { \
			dprintf(2, "%s: %s\n", #what, strerror(errno)); \
			return 1; \
		} \
	} while (0)

static int
no_process(void)
{
	char *argv[] = {(char *)"true", NULL}, *envp[] = {NULL};

	check(refused(execve("/bin/true", argv, envp)));
	check(refused(syscall(SYS_execveat, AT_FDCWD, "/bin/true", argv, envp, 0)));
	check(refused(fork()));
	check(refused(syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0)));
#ifdef SYS_vfork
	check(refused(syscall(SYS_vfork)));
#endif
	check(refused(syscall(SYS_clone3, NULL, 0)));
	return 0;
}

static void
processes_are_refused(void **state)
{
	(void)state;
	assert_int_equal(run(no_process), 0);
}

static int
no_power(void)
{
	struct iovec iov = {&iov, 1};

	check(refused(ptrace(PTRACE_ATTACH, getppid(), NULL, NULL)));
	check(refused(ptrace(PTRACE_TRACEME, 0, NULL, NULL)));
	check(refused(syscall(SYS_process_vm_readv, getppid(), &iov, 1, &iov, 1, 0)));
	check(refused(syscall(SYS_mount, "none", dir, "tmpfs", 0, NULL)));
	check(refused(unshare(CLONE_NEWUSER)));
	check(refused(syscall(SYS_setuid, 1)));
	check(refused(syscall(SYS_bpf, 0, NULL, 0)));
	check(refused(syscall(SYS_keyctl, 0, 0)));
	check(refused(socket(AF_PACKET, SOCK_RAW, 0)));
	check(refused(socket(AF_NETLINK, SOCK_RAW, 9)));
	check(refused(ioctl(0, TIOCSTI, "x")));
	check(refused(prctl(PR_SET_SECCOMP, 0)));
	check(syscall(SYS_prctl, PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1);
	return 0;
}

static void
powers_are_refused(void **state)
{
	(void)state;
	assert_int_equal(run(no_power), 0);
}

static int
files(void)
{
	char *mine = in("mine/new"), *other = in("mine/other"), *theirs = in("theirs/file"),
	     *made = in("theirs/new"), *beside = in("file"), cwd[4096];
	struct sockaddr_in sa = {
	    .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	struct stat st;

	write_file(mine);
	check(rename(mine, other) == 0 && unlink(other) == 0);
	check(open(theirs, O_RDONLY) >= 0);
	check(open(dir, O_RDONLY | O_DIRECTORY) >= 0);
	check(stat(beside, &st) == 0); /* known to be there, and not more */
	check(refused(open(theirs, O_RDWR)));
	check(refused(open(made, O_WRONLY | O_CREAT, 0600)));
	check(refused(rename(theirs, made)));
	check(refused(unlink(theirs)));
	check(refused(open(beside, O_RDONLY)));
	check(refused(open("/etc/shadow", O_RDONLY)));
	check(refused(open("/etc/passwd", O_RDONLY)));
	check(refused(symlink("/etc/passwd", mine)));
	check(
	    refused(bind(socket(AF_INET, SOCK_STREAM, 0), (struct sockaddr *)&sa, sizeof sa)));
	/* Which is why another process has to be asked. */
	check(refused(os_process_cwd(getppid(), cwd, sizeof cwd) == 0 ? 0 : -1));
	return 0;
}

static void
files_are_refused_but_those_that_are_left(void **state)
{
	(void)state;
	if (!landlock)
		skip(); /* the kernel has no Landlock */
	assert_int_equal(run(files), 0);
}

static void *
thread(void *arg)
{
	*(bool *)arg = refused(fork());
	return NULL;
}

/* What the daemon does all the time. */
static int
daily_work(void)
{
	bool held = false, *flag = &held;
	int master, slave, fds[2], fd;
	struct winsize ws = {.ws_col = 80, .ws_row = 24};
	pthread_t t;

	check(pthread_create(&t, NULL, thread, flag) == 0 && pthread_join(t, NULL) == 0);
	check(held);
	check(os_openpty(&master, &slave, &ws) == 0);
	check(ioctl(master, TIOCSWINSZ, &ws) == 0);
	check(pipe2(fds, O_CLOEXEC) == 0 && write(fds[1], "x", 1) == 1);
	check((fd = os_memory_sealed("x", "abc", 3)) >= 0);
	check(pwrite(fd, "y", 1, 0) < 0);
	check(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, fds) == 0);
	check(os_send(fds[0], "x", 1, &fd, 1) == 0);
	check(socket(AF_INET6, SOCK_STREAM, 0) >= 0 || errno == EAFNOSUPPORT);
	check(kill(getpid(), 0) == 0);
	check(os_resident_bytes() != 0 && os_open_descriptors() != 0);
	check(os_process_program(getppid(), (char[64]){0}, 64) == 0);
	return 0;
}

static void
the_daemons_work_is_left(void **state)
{
	(void)state;
	assert_int_equal(run(daily_work), 0);
}

static int
set_up(void **state)
{
	const char *why = "";
	int status;
	pid_t pid;

	(void)state;
	if (mkdtemp(dir) == NULL)
		abort();
	paths[0] = in("mine");
	paths[1] = in("theirs");
	paths[2] = in("theirs/file");
	paths[3] = in("file");
	mkdir(paths[0], 0700);
	mkdir(paths[1], 0700);
	write_file(paths[2]);
	write_file(paths[3]);
	if (!harden_built_in(&why)) {
		print_message("not built in: %s\n", why);
		exit(77);
	}
	pid = fork();
	if (pid == 0)
		_exit(harden_privileges() == 0 && harden_files(NULL, 0) > 0 ? 0 : 1);
	waitpid(pid, &status, 0);
	landlock = status == 0;
	return 0;
}

static int
tear_down(void **state)
{
	(void)state;
	for (int i = 3; i >= 0; i--) {
		remove(paths[i]);
		free(paths[i]);
	}
	return rmdir(dir);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(processes_are_refused),
	    cmocka_unit_test(powers_are_refused),
	    cmocka_unit_test(files_are_refused_but_those_that_are_left),
	    cmocka_unit_test(the_daemons_work_is_left),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
