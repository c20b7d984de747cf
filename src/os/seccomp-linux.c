/* The calls that are left, as a filter that libseccomp makes. */
#include "config.h"

#include "os/harden.h"

#include <errno.h>
#include <sched.h>
#include <seccomp.h>
#include <stdint.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <linux/netlink.h>
#include <linux/sockios.h>

/* Whatever their arguments. Names that an architecture does not have are left out. */
static const char *const allowed[] = {
    /* files, where Landlock says which */
    "access",
    "chmod",
    "close",
    "close_range",
    "copy_file_range",
    "creat",
    "dup",
    "dup2",
    "dup3",
    "faccessat",
    "faccessat2",
    "fadvise64",
    "fadvise64_64",
    "fallocate",
    "fchmod",
    "fchmodat",
    "fchown",
    "fchown32",
    "fcntl",
    "fcntl64",
    "fdatasync",
    "flock",
    "fstat",
    "fstat64",
    "fstatat64",
    "fstatfs",
    "fstatfs64",
    "fsync",
    "ftruncate",
    "ftruncate64",
    "getcwd",
    "getdents",
    "getdents64",
    "inotify_add_watch",
    "inotify_init",
    "inotify_init1",
    "inotify_rm_watch",
    "_llseek",
    "lseek",
    "lstat",
    "lstat64",
    "memfd_create",
    "mkdir",
    "mkdirat",
    "newfstatat",
    "open",
    "openat",
    "pipe",
    "pipe2",
    "pread64",
    "preadv",
    "preadv2",
    "pwrite64",
    "pwritev",
    "pwritev2",
    "read",
    "readlink",
    "readlinkat",
    "readv",
    "rename",
    "renameat",
    "renameat2",
    "rmdir",
    "sendfile",
    "sendfile64",
    "splice",
    "stat",
    "stat64",
    "statfs",
    "statfs64",
    "statx",
    "sync_file_range",
    "truncate",
    "truncate64",
    "umask",
    "unlink",
    "unlinkat",
    "utimensat",
    "utimensat_time64",
    "write",
    "writev",
    /* memory; PCRE2 makes code of patterns */
    "brk",
    "madvise",
    "membarrier",
    "mincore",
    "mlock",
    "mmap",
    "mmap2",
    "mprotect",
    "mremap",
    "msync",
    "munlock",
    "munmap",
    /* threads, time, signals */
    "arch_prctl",
    "clock_getres",
    "clock_getres_time64",
    "clock_gettime",
    "clock_gettime64",
    "clock_nanosleep",
    "clock_nanosleep_time64",
    "exit",
    "exit_group",
    "futex",
    "futex_time64",
    "getegid",
    "geteuid",
    "getgid",
    "getgroups",
    "getpgid",
    "getpgrp",
    "getpid",
    "getppid",
    "getpriority",
    "getrandom",
    "getresgid",
    "getresuid",
    "getrlimit",
    "getrusage",
    "getsid",
    "get_robust_list",
    "gettid",
    "gettimeofday",
    "getuid",
    "kill",
    "nanosleep",
    "prlimit64",
    "restart_syscall",
    "rseq",
    "rt_sigaction",
    "rt_sigpending",
    "rt_sigprocmask",
    "rt_sigreturn",
    "rt_sigsuspend",
    "rt_sigtimedwait",
    "rt_sigtimedwait_time64",
    "sched_getaffinity",
    "sched_getparam",
    "sched_getscheduler",
    "sched_setaffinity",
    "sched_yield",
    "setpriority",
    "setrlimit",
    "set_robust_list",
    "set_tid_address",
    "sigaltstack",
    "sigreturn",
    "sysinfo",
    "tgkill",
    "time",
    "times",
    "ugetrlimit",
    "uname",
    "wait4",
    "waitid",
    /* the loop and its sockets */
    "accept",
    "accept4",
    "bind",
    "connect",
    "epoll_create",
    "epoll_create1",
    "epoll_ctl",
    "epoll_pwait",
    "epoll_pwait2",
    "epoll_wait",
    "eventfd",
    "eventfd2",
    "getpeername",
    "getsockname",
    "getsockopt",
    "listen",
    "_newselect",
    "poll",
    "ppoll",
    "ppoll_time64",
    "pselect6",
    "pselect6_time64",
    "recv",
    "recvfrom",
    "recvmmsg",
    "recvmmsg_time64",
    "recvmsg",
    "select",
    "send",
    "sendmmsg",
    "sendmsg",
    "sendto",
    "setsockopt",
    "shutdown",
    "timerfd_create",
    "timerfd_gettime",
    "timerfd_settime",
};

/* What is tried by one who has taken over a process. What is in neither list fails with ENOSYS,
 * as on an older kernel: libraries have another way then. */
static const char *const refused[] = {"acct", "add_key", "bpf", "capset", "chroot",
    "delete_module", "execve", "execveat", "finit_module", "fork", "init_module", "ioperm",
    "iopl", "kcmp", "kexec_file_load", "kexec_load", "keyctl", "mknod", "mknodat", "mount",
    "move_mount", "name_to_handle_at", "open_by_handle_at", "open_tree", "perf_event_open",
    "personality", "pidfd_getfd", "pivot_root", "process_madvise", "process_vm_readv",
    "process_vm_writev", "ptrace", "quotactl", "reboot", "request_key", "setdomainname",
    "setfsgid", "setfsuid", "setgid", "setgroups", "sethostname", "setns", "setregid",
    "setresgid", "setresuid", "setreuid", "settimeofday", "setuid", "swapoff", "swapon",
    "symlink", "symlinkat", "link", "linkat", "umount2", "unshare", "userfaultfd", "vfork",
    "vhangup"};

/* Of ioctl(2): terminals but TIOCSTI, which types for others; sockets, pipes. */
static const unsigned long ioctls[] = {TCGETS, TCSETS, TCSETSW, TCSETSF, TIOCGWINSZ, TIOCSWINSZ,
    TIOCGPGRP, TIOCSPTLCK, TIOCGPTN, TIOCGPTPEER, TIOCOUTQ, FIONREAD, FIONBIO, FIOCLEX,
    FIONCLEX, SIOCGIFCONF, SIOCGIFINDEX, SIOCGIFNAME, SIOCGIFFLAGS};

static const int prctls[] = {PR_SET_NAME, PR_GET_NAME, PR_GET_DUMPABLE, PR_GET_NO_NEW_PRIVS};

bool
harden_built_in(const char **why)
{
	(void)why;
	return true;
}

static void
put(scmp_filter_ctx ctx, uint32_t action, const char *name, int *rc)
{
	int call = seccomp_syscall_resolve_name(name);

	if (*rc == 0 && call != __NR_SCMP_ERROR && call >= 0)
		*rc = seccomp_rule_add(ctx, action, call, 0);
}

/* Only with this argument. */
static void
put_arg(scmp_filter_ctx ctx, int call, unsigned arg, uint64_t value, int *rc)
{
	if (*rc == 0)
		*rc = seccomp_rule_add(
		    ctx, SCMP_ACT_ALLOW, call, 1, SCMP_CMP(arg, SCMP_CMP_EQ, value));
}

static void
put_sockets(scmp_filter_ctx ctx, int *rc)
{
	put_arg(ctx, SCMP_SYS(socket), 0, AF_UNIX, rc);
	put_arg(ctx, SCMP_SYS(socket), 0, AF_INET, rc);
	put_arg(ctx, SCMP_SYS(socket), 0, AF_INET6, rc);
	put_arg(ctx, SCMP_SYS(socketpair), 0, AF_UNIX, rc);
	/* With it names are looked up. */
	if (*rc == 0)
		*rc = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(socket), 2,
		    SCMP_A0(SCMP_CMP_EQ, AF_NETLINK), SCMP_A2(SCMP_CMP_EQ, NETLINK_ROUTE));
}

static void
put_threads(scmp_filter_ctx ctx, int *rc)
{
	/* Of clone3(2) a filter cannot read the arguments: it is not there, and the library takes
	 * clone(2). */
	if (*rc == 0)
		*rc = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(clone), 1,
		    SCMP_A0(SCMP_CMP_MASKED_EQ, CLONE_THREAD, CLONE_THREAD));
	if (*rc == 0)
		*rc = seccomp_rule_add(ctx, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(clone), 1,
		    SCMP_A0(SCMP_CMP_MASKED_EQ, CLONE_THREAD, 0));
}

int
harden_calls(void)
{
	scmp_filter_ctx ctx = seccomp_init(SCMP_ACT_ERRNO(ENOSYS));
	int rc = 0;

	if (ctx == NULL)
		return -ENOMEM;
	for (size_t i = 0; i < sizeof allowed / sizeof *allowed; i++)
		put(ctx, SCMP_ACT_ALLOW, allowed[i], &rc);
	for (size_t i = 0; i < sizeof refused / sizeof *refused; i++)
		put(ctx, SCMP_ACT_ERRNO(EPERM), refused[i], &rc);
	for (size_t i = 0; i < sizeof ioctls / sizeof *ioctls; i++)
		put_arg(ctx, SCMP_SYS(ioctl), 1, ioctls[i], &rc);
	for (size_t i = 0; i < sizeof prctls / sizeof *prctls; i++)
		put_arg(ctx, SCMP_SYS(prctl), 0, (uint64_t)prctls[i], &rc);
	put_sockets(ctx, &rc);
	put_threads(ctx, &rc);
	seccomp_attr_set(ctx, SCMP_FLTATR_CTL_TSYNC, 1);
	seccomp_attr_set(ctx, SCMP_FLTATR_CTL_OPTIMIZE, 2); /* a tree: few steps a call */
	if (rc == 0)
		rc = seccomp_load(ctx);
	seccomp_release(ctx);
	return rc;
}
