/* FreeBSD, in what it does not share with macOS. */
#include "config.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/types.h>
#include <sys/param.h>
#include <sys/cpuset.h>
#include <sys/filio.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/sysctl.h>
#include <sys/ucred.h>
#include <sys/un.h>
#include <sys/user.h>
#include <unistd.h>

#include "os/bsd.h"
#include "os/os.h"

short
os_spawn_flags(void)
{
	return 0;
}

size_t
bsd_process_size(void)
{
	return sizeof(struct kinfo_proc);
}

int
bsd_process_all(void)
{
	return KERN_PROC_PROC;
}

void
bsd_process_read(const struct kinfo_proc *k, struct bsd_process *out)
{
	out->pid = k->ki_pid;
	out->parent = k->ki_ppid;
	out->front = k->ki_tpgid;
	out->started_ms =
	    (int64_t)k->ki_start.tv_sec * 1000 + (int64_t)k->ki_start.tv_usec / 1000;
	out->program = k->ki_comm;
}

int
os_program_path(char *buf, size_t size)
{
	int mib[] = {CTL_KERN, KERN_PROC, KERN_PROC_PATHNAME, -1};

	return sysctl(mib, 4, buf, &size, NULL, 0) == 0 ? 0 : -errno;
}

int
os_process_cwd(pid_t pid, char *buf, size_t size)
{
	int mib[] = {CTL_KERN, KERN_PROC, KERN_PROC_CWD, pid};
	struct kinfo_file info = {0};
	size_t len = sizeof info;

	if (sysctl(mib, 4, &info, &len, NULL, 0) != 0)
		return -errno;
	if (info.kf_path[0] == '\0')
		return -ENOENT;
	if (strlen(info.kf_path) >= size)
		return -ENAMETOOLONG;
	strcpy(buf, info.kf_path);
	return 0;
}

ssize_t
os_process_args(pid_t pid, char *buf, size_t size)
{
	int mib[] = {CTL_KERN, KERN_PROC, KERN_PROC_ARGS, pid};
	size_t len = size - 1;

	/* ENOMEM: there are more, and those that have room are here. */
	if (sysctl(mib, 4, buf, &len, NULL, 0) != 0 && errno != ENOMEM)
		return -errno;
	if (len > size - 1)
		len = size - 1;
	if (len != 0 && buf[len - 1] != '\0')
		buf[len++] = '\0';
	return (ssize_t)len;
}

/* A thread's niceness is its process's; the idle class would hold locks for as long as others run. */
void
os_thread_background(void)
{
}

unsigned
os_processors(void)
{
	cpuset_t set;

	if (cpuset_getaffinity(CPU_LEVEL_WHICH, CPU_WHICH_PID, -1, sizeof set, &set) != 0 ||
	    CPU_COUNT(&set) < 1)
		return 1;
	return (unsigned)CPU_COUNT(&set);
}

size_t
os_resident_bytes(void)
{
	int mib[] = {CTL_KERN, KERN_PROC, KERN_PROC_PID, getpid()};
	struct kinfo_proc k;
	size_t len = sizeof k;

	if (sysctl(mib, 4, &k, &len, NULL, 0) != 0 || len != sizeof k)
		return 0;
	return (size_t)k.ki_rssize * (size_t)getpagesize();
}

unsigned
os_open_descriptors(void)
{
	int mib[] = {CTL_KERN, KERN_PROC, KERN_PROC_NFDS, 0}; /* 0: this one */
	size_t len = sizeof(int);
	int n = 0;

	return sysctl(mib, 4, &n, &len, NULL, 0) == 0 && n > 0 ? (unsigned)n : 0;
}

size_t
os_socket_room(int fd)
{
	int room;

	if (ioctl(fd, FIONSPACE, &room) != 0)
		return SIZE_MAX;
	return room > 0 ? (size_t)room : 0;
}

int
os_peer_pid(int fd, pid_t *pid)
{
	struct xucred cred;
	socklen_t len = sizeof cred;

	if (getsockopt(fd, SOL_LOCAL, LOCAL_PEERCRED, &cred, &len) != 0)
		return -errno;
	if (len < sizeof cred || cred.cr_version != XUCRED_VERSION || cred.cr_pid <= 0)
		return -ENOSYS;
	*pid = cred.cr_pid;
	return 0;
}
