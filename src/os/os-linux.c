#include "config.h"

#include "os/os.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <malloc.h>
#include <poll.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>
#include <linux/close_range.h>
#include <linux/sock_diag.h>

int
os_random(void *buf, size_t len)
{
	char *p = buf;

	while (len != 0) {
		ssize_t n = getrandom(p, len, 0);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		p += n;
		len -= (size_t)n;
	}
	return 0;
}

void
os_cloexec_from(int first)
{
	/* Kernels before 5.11 lack the flag; descriptors are opened close-on-exec anyway. Not every
	 * libc has a function for it. */
	if (syscall(SYS_close_range, first, ~0U, CLOSE_RANGE_CLOEXEC) == 0)
		return;
	for (int fd = first; fd < 1024; fd++)
		fcntl(fd, F_SETFD, FD_CLOEXEC);
}

short
os_spawn_flags(void)
{
	return 0;
}

/* Memory that outlives the process. */

enum { SEALS = F_SEAL_SHRINK | F_SEAL_GROW };

static void *
map_shared(int fd, size_t size)
{
	void *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE, fd, 0);

	return p != MAP_FAILED ? p : NULL;
}

int
os_memory_create(const char *name, size_t size, int *fd, void **map)
{
	int rc;

	*fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (*fd < 0)
		return -errno;
	if (ftruncate(*fd, (off_t)size) == 0 &&
	    fcntl(*fd, F_ADD_SEALS, SEALS | F_SEAL_SEAL) == 0 &&
	    (*map = map_shared(*fd, size)) != NULL)
		return 0;
	rc = -errno;
	close(*fd);
	*fd = -1;
	return rc;
}

/* Pages are small ones: of all that is mapped few are ever touched, here and there. */
int
os_memory_private(size_t size, void **map)
{
	*map = mmap(NULL, size, PROT_READ | PROT_WRITE,
	    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (*map == MAP_FAILED) {
		*map = NULL;
		return -errno;
	}
	madvise(*map, size, MADV_NOHUGEPAGE);
	return 0;
}

int
os_memory_map(int fd, size_t *size, void **map)
{
	int seals = fcntl(fd, F_GET_SEALS);
	struct stat st;

	/* One that can shrink under us would end us with SIGBUS. */
	if (seals < 0 || (seals & SEALS) != SEALS || fstat(fd, &st) != 0 || st.st_size <= 0)
		return -EINVAL;
	*size = (size_t)st.st_size;
	*map = map_shared(fd, *size);
	return *map != NULL ? 0 : -errno;
}

int
os_memory_sealed(const char *name, const void *data, size_t len)
{
	int fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING), rc;
	ssize_t n = 0;

	if (fd < 0)
		return -errno;
	for (size_t at = 0; at < len && n >= 0; at += (size_t)n)
		n = write(fd, (const char *)data + at, len - at);
	if (n >= 0 && fcntl(fd, F_ADD_SEALS, SEALS | F_SEAL_WRITE | F_SEAL_SEAL) == 0)
		return fd;
	rc = -errno;
	close(fd);
	return rc;
}

void
os_memory_unmap(void *map, size_t size)
{
	if (map != NULL)
		munmap(map, size);
}

void
os_memory_discard(int fd, void *map, size_t at, size_t len)
{
	bool given = fd < 0 ? madvise((char *)map + at, len, MADV_DONTNEED) == 0
			    : fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
				  (off_t)at, (off_t)len) == 0;

	if (!given)
		memset((char *)map + at, 0, len);
}

size_t
os_memory_taken(int fd)
{
	struct stat st;

	return fstat(fd, &st) == 0 ? (size_t)st.st_blocks * 512 : 0;
}

/* Keeper and worker. */

bool
os_has_keeper(void)
{
	return true;
}

int
os_become_reaper(void)
{
	return prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) == 0 ? 0 : -errno;
}

/* Without /proc: what was given to execve, which is relative to where the process was then. */
static int
started_from(char *buf, size_t size)
{
	const char *given = (const char *)getauxval(AT_EXECFN);
	char *path = given != NULL ? realpath(given, NULL) : NULL;
	int rc = -ENOENT;

	if (path != NULL && strlen(path) < size) {
		strcpy(buf, path);
		rc = 0;
	}
	free(path);
	return rc;
}

int
os_program_path(char *buf, size_t size)
{
	static const char deleted[] = " (deleted)";
	ssize_t n = readlink("/proc/self/exe", buf, size - 1);
	size_t tail = sizeof deleted - 1;

	if (n < 0)
		return started_from(buf, size);
	buf[n] = '\0';
	/* Another file lies there by now, or will: that is the one that is meant. */
	if ((size_t)n > tail && strcmp(buf + n - tail, deleted) == 0)
		buf[(size_t)n - tail] = '\0';
	return 0;
}

int
os_send(int fd, const void *data, size_t len, const int *fds, unsigned nfds)
{
	struct iovec iov = {(void *)data, len};
	union {
		struct cmsghdr head;
		char room[CMSG_SPACE(OS_FDS_MAX * sizeof(int))];
	} control = {0};
	struct msghdr m = {.msg_iov = &iov, .msg_iovlen = 1};
	ssize_t n;

	if (nfds > OS_FDS_MAX)
		return -EINVAL;
	if (nfds != 0) {
		m.msg_control = &control;
		m.msg_controllen = CMSG_SPACE(nfds * sizeof(int));
		control.head.cmsg_level = SOL_SOCKET;
		control.head.cmsg_type = SCM_RIGHTS;
		control.head.cmsg_len = CMSG_LEN(nfds * sizeof(int));
		memcpy(CMSG_DATA(&control.head), fds, nfds * sizeof(int));
	}
	do {
		n = sendmsg(fd, &m, MSG_NOSIGNAL | MSG_DONTWAIT);
	} while (n < 0 && errno == EINTR);
	return n < 0 ? -errno : 0;
}

static void
take_fds(const struct msghdr *m, int *fds, unsigned max, unsigned *nfds)
{
	const struct cmsghdr *c = CMSG_FIRSTHDR(m);
	unsigned n;

	*nfds = 0;
	if (c == NULL || c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
		return;
	n = (unsigned)((c->cmsg_len - CMSG_LEN(0)) / sizeof(int));
	for (unsigned i = 0; i < n; i++) {
		int fd;
		memcpy(&fd, CMSG_DATA(c) + i * sizeof fd, sizeof fd);
		if (*nfds < max)
			fds[(*nfds)++] = fd;
		else
			close(fd);
	}
}

ssize_t
os_receive(int fd, void *data, size_t len, int *fds, unsigned max, unsigned *nfds)
{
	struct iovec iov = {data, len};
	union {
		struct cmsghdr head;
		char room[CMSG_SPACE(OS_FDS_MAX * sizeof(int))];
	} control;
	struct msghdr m = {.msg_iov = &iov,
	    .msg_iovlen = 1,
	    .msg_control = &control,
	    .msg_controllen = sizeof control};
	ssize_t n;

	*nfds = 0;
	do {
		n = recvmsg(fd, &m, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	} while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	take_fds(&m, fds, max, nfds);
	return n;
}

static int (*cwd_ask)(void *arg, pid_t pid, char *buf, size_t size);
static void *cwd_arg;

void
os_process_cwd_via(int (*ask)(void *arg, pid_t pid, char *buf, size_t size), void *arg)
{
	cwd_ask = ask;
	cwd_arg = arg;
}

int
os_process_cwd(pid_t pid, char *buf, size_t size)
{
	char path[64];
	ssize_t n;

	if (cwd_ask != NULL)
		return cwd_ask(cwd_arg, pid, buf, size);
	snprintf(path, sizeof path, "/proc/%d/cwd", (int)pid);
	n = readlink(path, buf, size - 1);
	if (n < 0)
		return -errno;
	buf[n] = '\0';
	return 0;
}

/* Reads a small file of /proc as a string. */
static int
read_proc(pid_t pid, const char *name, char *buf, size_t size)
{
	char path[64];
	ssize_t n;
	int fd;

	snprintf(path, sizeof path, "/proc/%d/%s", (int)pid, name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	n = read(fd, buf, size - 1);
	close(fd);
	if (n <= 0)
		return -ESRCH;
	buf[n] = '\0';
	return 0;
}

int
os_process_program(pid_t pid, char *buf, size_t size)
{
	int rc = pid > 0 ? read_proc(pid, "comm", buf, size) : -ESRCH;

	if (rc == 0)
		buf[strcspn(buf, "\n")] = '\0';
	return rc;
}

pid_t
os_process_front(pid_t pid)
{
	char stat[512], *p;
	int front;

	if (read_proc(pid, "stat", stat, sizeof stat) != 0)
		return 0;
	/* proc(5): pid (comm) state ppid pgrp session tty_nr tpgid; comm may hold anything. */
	p = strrchr(stat, ')');
	if (p == NULL || sscanf(p + 1, " %*c %*d %*d %*d %*d %d", &front) != 1)
		return 0;
	return front > 0 ? front : 0;
}

pid_t
os_process_parent(pid_t pid)
{
	char stat[512], *p;
	int parent;

	if (read_proc(pid, "stat", stat, sizeof stat) != 0)
		return 0;
	p = strrchr(stat, ')');
	return p != NULL && sscanf(p + 1, " %*c %d", &parent) == 1 ? parent : 0;
}

/* Wall clock of the moment from which processes' start times count. */
static int64_t
boot_ms(void)
{
	struct timespec wall, boot;

	clock_gettime(CLOCK_REALTIME, &wall);
	clock_gettime(CLOCK_BOOTTIME, &boot);
	return (int64_t)(wall.tv_sec - boot.tv_sec) * 1000 +
	       (wall.tv_nsec - boot.tv_nsec) / 1000000;
}

static bool
read_process(pid_t pid, int64_t boot, struct os_process *out)
{
	char stat[512], *p;
	unsigned long long ticks;
	int parent;

	if (read_proc(pid, "stat", stat, sizeof stat) != 0)
		return false;
	/* proc(5): after comm, state is the third field, ppid the fourth, starttime the 22nd. */
	p = strrchr(stat, ')');
	if (p == NULL ||
	    sscanf(p + 1,
		" %*c %d %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d %*d %*d "
		"%llu",
		&parent, &ticks) != 2)
		return false;
	out->pid = pid;
	out->parent = parent;
	out->started_ms = boot + (int64_t)(ticks * 1000 / (unsigned long)sysconf(_SC_CLK_TCK));
	return true;
}

int64_t
os_process_started(pid_t pid)
{
	struct os_process p;

	return read_process(pid, boot_ms(), &p) ? p.started_ms : 0;
}

int
os_process_each(bool (*cb)(void *arg, const struct os_process *p), void *arg)
{
	DIR *d = opendir("/proc");
	int64_t boot = boot_ms();
	const struct dirent *entry;
	struct os_process p;
	bool more = true;

	if (d == NULL)
		return -errno;
	while (more && (entry = readdir(d)) != NULL) {
		long pid = strtol(entry->d_name, NULL, 10);

		if (pid > 0 && pid <= INT_MAX && read_process((pid_t)pid, boot, &p))
			more = cb(arg, &p);
	}
	closedir(d);
	return 0;
}

ssize_t
os_process_args(pid_t pid, char *buf, size_t size)
{
	char path[64];
	ssize_t n;
	int fd;

	snprintf(path, sizeof path, "/proc/%d/cmdline", (int)pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	n = read(fd, buf, size - 1);
	if (n < 0)
		n = -errno;
	else if (n > 0 && buf[n - 1] != '\0')
		buf[n++] = '\0'; /* cut, or a program that wrote over it */
	close(fd);
	return n;
}

void
os_thread_background(void)
{
	setpriority(PRIO_PROCESS, (id_t)gettid(), 5);
}

unsigned
os_processors(void)
{
	cpu_set_t set;

	return sched_getaffinity(0, sizeof set, &set) == 0 ? (unsigned)CPU_COUNT(&set) : 1;
}

enum { HEAP_KEPT = 1024 * 1024 };

/* glibc raises both with each large piece that is freed, up to 32 and 64 MiB, unless they are set. */
void
os_heap_return(void)
{
#ifdef M_TRIM_THRESHOLD
	mallopt(M_MMAP_THRESHOLD, HEAP_KEPT);
	mallopt(M_TRIM_THRESHOLD, HEAP_KEPT);
#endif
}

size_t
os_resident_bytes(void)
{
	unsigned long pages = 0;
	FILE *f = fopen("/proc/self/statm", "re");

	if (f == NULL)
		return 0;
	if (fscanf(f, "%*u %lu", &pages) != 1)
		pages = 0;
	fclose(f);
	return pages * (size_t)sysconf(_SC_PAGESIZE);
}

unsigned
os_open_descriptors(void)
{
	DIR *d = opendir("/proc/self/fd");
	unsigned n = 0;

	if (d == NULL)
		return 0;
	while (readdir(d) != NULL)
		n++;
	closedir(d);
	return n > 3 ? n - 3 : 0; /* ".", ".." and the directory itself */
}

size_t
os_socket_room(int fd)
{
	uint32_t mem[SK_MEMINFO_VARS];
	socklen_t len = sizeof mem;

	if (getsockopt(fd, SOL_SOCKET, SO_MEMINFO, mem, &len) != 0)
		return SIZE_MAX;
	if (mem[SK_MEMINFO_WMEM_QUEUED] >= mem[SK_MEMINFO_SNDBUF])
		return 0;
	return mem[SK_MEMINFO_SNDBUF] - mem[SK_MEMINFO_WMEM_QUEUED];
}

bool
os_socket_ended(int fd)
{
	struct pollfd p = {.fd = fd, .events = POLLRDHUP};

	return poll(&p, 1, 0) > 0 && (p.revents & (POLLRDHUP | POLLHUP | POLLERR)) != 0;
}

ssize_t
os_move(int pipe, int file, uint64_t at, size_t len)
{
	off_t to = (off_t)at;
	ssize_t n;

	do {
		n = splice(pipe, NULL, file, &to, len, SPLICE_F_MOVE | SPLICE_F_NONBLOCK);
	} while (n < 0 && errno == EINTR);
	return n >= 0 ? n : -errno;
}

void
os_widen(int pipe, size_t size)
{
	if (fcntl(pipe, F_GETPIPE_SZ) < (int)size)
		fcntl(pipe, F_SETPIPE_SZ, (int)size);
}

static int
peer(int fd, struct ucred *cred)
{
	socklen_t len = sizeof *cred;

	return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, cred, &len) == 0 ? 0 : -errno;
}

int
os_peer_uid(int fd, uid_t *uid)
{
	struct ucred cred;
	int rc = peer(fd, &cred);

	if (rc == 0)
		*uid = cred.uid;
	return rc;
}

int
os_peer_pid(int fd, pid_t *pid)
{
	struct ucred cred;
	int rc = peer(fd, &cred);

	if (rc == 0)
		*pid = cred.pid;
	return rc;
}
