/* macOS, in what it does not share with FreeBSD. */
#include "config.h"

#include <errno.h>
#include <libproc.h>
#include <pthread.h>
#include <pthread/qos.h>
#include <spawn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/param.h>
#include <sys/proc_info.h>
#include <sys/socket.h>
#include <sys/sysctl.h>
#include <sys/un.h>
#include <unistd.h>

#include "os/bsd.h"
#include "os/os.h"

short
os_spawn_flags(void)
{
	return POSIX_SPAWN_CLOEXEC_DEFAULT;
}

size_t
bsd_process_size(void)
{
	return sizeof(struct kinfo_proc);
}

int
bsd_process_all(void)
{
	return KERN_PROC_ALL;
}

void
bsd_process_read(const struct kinfo_proc *k, struct bsd_process *out)
{
	const struct timeval *start = &k->kp_proc.p_un.__p_starttime;

	out->pid = k->kp_proc.p_pid;
	out->parent = k->kp_eproc.e_ppid;
	out->front = k->kp_eproc.e_tpgid;
	out->started_ms = (int64_t)start->tv_sec * 1000 + start->tv_usec / 1000;
	out->program = k->kp_proc.p_comm;
}

int
os_program_path(char *buf, size_t size)
{
	char path[PROC_PIDPATHINFO_MAXSIZE];

	errno = ENOENT;
	if (proc_pidpath(getpid(), path, sizeof path) <= 0)
		return -errno;
	if (strlen(path) >= size)
		return -ENAMETOOLONG;
	strcpy(buf, path);
	return 0;
}

int
os_process_cwd(pid_t pid, char *buf, size_t size)
{
	struct proc_vnodepathinfo info;
	const char *path = info.pvi_cdir.vip_path;

	errno = ESRCH;
	if (proc_pidinfo(pid, PROC_PIDVNODEPATHINFO, 0, &info, sizeof info) != (int)sizeof info)
		return -errno;
	if (path[0] == '\0')
		return -ENOENT;
	if (strnlen(path, sizeof info.pvi_cdir.vip_path) >= size)
		return -ENAMETOOLONG;
	strcpy(buf, path);
	return 0;
}

/*
 * The kernel's answer is the number of arguments, the path of the program, NULs up to a whole word,
 * the arguments, and then the environment. It has to have room for all: with less it is the end
 * that is given.
 */
static size_t
take_args(const char *p, size_t len, char *buf, size_t size)
{
	const char *end = p + len;
	size_t n = 0;
	int count;

	if (len < sizeof count)
		return 0;
	memcpy(&count, p, sizeof count);
	p += sizeof count;
	p += strnlen(p, (size_t)(end - p));
	while (p < end && *p == '\0')
		p++;
	for (; count > 0 && p < end && n + 1 < size; count--) {
		size_t word = strnlen(p, (size_t)(end - p));
		size_t fits = word < size - n - 1 ? word : size - n - 1;

		memcpy(buf + n, p, fits);
		n += fits;
		buf[n++] = '\0';
		p += word + 1;
	}
	return n;
}

ssize_t
os_process_args(pid_t pid, char *buf, size_t size)
{
	int most_mib[] = {CTL_KERN, KERN_ARGMAX}, mib[] = {CTL_KERN, KERN_PROCARGS2, pid};
	int most = 0;
	size_t len = sizeof most;
	ssize_t n;
	char *data;

	if (sysctl(most_mib, 2, &most, &len, NULL, 0) != 0 || most <= 0)
		return -ENOSYS;
	len = (size_t)most;
	if ((data = malloc(len)) == NULL)
		return -ENOMEM;
	n = sysctl(mib, 3, data, &len, NULL, 0) == 0 ? (ssize_t)take_args(data, len, buf, size)
						     : -errno;
	free(data);
	return n;
}

void
os_thread_background(void)
{
	pthread_set_qos_class_self_np(QOS_CLASS_UTILITY, 0);
}

unsigned
os_processors(void)
{
	long n = sysconf(_SC_NPROCESSORS_ONLN);

	return n > 0 ? (unsigned)n : 1;
}

size_t
os_resident_bytes(void)
{
	struct proc_taskinfo info;

	if (proc_pidinfo(getpid(), PROC_PIDTASKINFO, 0, &info, sizeof info) != (int)sizeof info)
		return 0;
	return (size_t)info.pti_resident_size;
}

/* The first answer is a size that has room for more than there are. */
unsigned
os_open_descriptors(void)
{
	int size = proc_pidinfo(getpid(), PROC_PIDLISTFDS, 0, NULL, 0);
	void *list = size > 0 ? malloc((size_t)size) : NULL;

	if (list == NULL)
		return 0;
	size = proc_pidinfo(getpid(), PROC_PIDLISTFDS, 0, list, size);
	free(list);
	return size > 0 ? (unsigned)size / (unsigned)PROC_PIDLISTFD_SIZE : 0;
}

size_t
os_socket_room(int fd)
{
	int size, queued;
	socklen_t len = sizeof size;

	if (getsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, &len) != 0)
		return SIZE_MAX;
	len = sizeof queued;
	if (getsockopt(fd, SOL_SOCKET, SO_NWRITE, &queued, &len) != 0)
		return SIZE_MAX;
	return queued < size ? (size_t)(size - queued) : 0;
}

int
os_peer_pid(int fd, pid_t *pid)
{
	socklen_t len = sizeof *pid;

	return getsockopt(fd, SOL_LOCAL, LOCAL_PEERPID, pid, &len) == 0 ? 0 : -errno;
}
