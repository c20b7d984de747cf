/*
 * What differs between systems: Linux, FreeBSD and macOS. The files of one are chosen by configure
 * (src/os/module.am); no #ifdef elsewhere. contrib/PORTING says what each of them lacks.
 * Functions return 0 or a negative errno value unless they say otherwise. Any thread.
 */
#ifndef OS_OS_H
#define OS_OS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/types.h>

enum { OS_FDS_MAX = 8 }; /* most descriptors in a packet */

struct sockaddr;
struct winsize;

/* This process's environment; not every system's headers say so. */
extern char **environ;

/* Bytes from the system's cryptographic source; never short. */
int os_random(void *buf, size_t len);

/* Marks every descriptor from `first` up close-on-exec. Safe between fork and exec. */
void os_cloexec_from(int first);

/* Flags of posix_spawn(3) with which a child inherits what it is given and nothing else. */
short os_spawn_flags(void);

/*
 * Descriptors that are close-on-exec. Where the system cannot make them so in one step (macOS), a
 * process that another thread starts at the same moment does not inherit them either: see
 * os_spawn_flags and os_cloexec_from.
 */
int os_pipe(int fds[2]);
int os_socket(int family, int type, bool nonblocking); /* the descriptor, or -errno */
/* A connection, which does not block; the descriptor, or -errno. */
int os_accept(int listener, struct sockaddr *from, socklen_t *len);
/* Two ends of which each takes and gives whole packets and does not block. -EPROTONOSUPPORT. */
int os_packet_pair(int ends[2]);

/*
 * Memory that outlives the process: a file of memory of a fixed size, whose pages are taken when
 * first touched, mapped whole and shared. Its descriptor can be sent to another process, which
 * maps it again; it cannot be shrunk or grown by anybody who holds it. Where the system has none,
 * os_memory_create gives private memory and *fd is -1.
 * os_memory_private gives that in any case: for what another process can make anew.
 */
int os_memory_create(const char *name, size_t size, int *fd, void **map);
int os_memory_private(size_t size, void **map);
int os_memory_map(int fd, size_t *size, void **map); /* -EINVAL: not made by os_memory_create */
void os_memory_unmap(void *map, size_t size);

/* The descriptor of a file of memory with these bytes, which nobody can change any more. */
int os_memory_sealed(const char *name, const void *data, size_t len);

/* Gives pages back; they read as zeroes from then on. at and len are whole pages; fd is -1 of
 * private memory. */
void os_memory_discard(int fd, void *map, size_t at, size_t len);
size_t os_memory_taken(int fd); /* bytes of pages that are in use; 0 where unknown */

/*
 * What a keeper needs: memory that outlives a process (above), orphans of this process's
 * descendants as its children, and packets with descriptors (below). -ENOSYS where the system, or
 * its file here, lacks one; then there is no keeper, and os_has_keeper says so.
 */
bool os_has_keeper(void);
int os_become_reaper(void);

int os_program_path(char *buf, size_t size); /* of this process, from the root */
int os_peer_pid(int fd, pid_t *pid);         /* the process behind a Unix socket */

/* One packet with descriptors, over a Unix socket. The receiver's are close-on-exec; those
 * beyond `max` are closed. os_receive returns the packet's length, 0 at the end. */
int os_send(int fd, const void *data, size_t len, const int *fds, unsigned nfds);
ssize_t os_receive(int fd, void *data, size_t len, int *fds, unsigned max, unsigned *nfds);

/* openpty(3), both close-on-exec. */
int os_openpty(int *master, int *slave, const struct winsize *size);

/* The current directory of a process, its program's name, and the process group in the foreground
 * of its terminal (0: none). -ENOSYS where the system has no way to ask. */
int os_process_cwd(pid_t pid, char *buf, size_t size);
/* Who is asked for the directory instead, as this process is refused an answer; NULL: nobody. */
void os_process_cwd_via(int (*ask)(void *arg, pid_t pid, char *buf, size_t size), void *arg);
int os_process_program(pid_t pid, char *buf, size_t size);
pid_t os_process_front(pid_t pid);
pid_t os_process_parent(pid_t pid);    /* 0: not known */
int64_t os_process_started(pid_t pid); /* wall clock in ms, to 20 ms or so; 0: not known */

/* All processes that can be seen, in no order; the callback returns false to end it. -ENOSYS. */
struct os_process {
	pid_t pid, parent;
	int64_t started_ms; /* wall clock, to 20 ms or so */
};
int os_process_each(bool (*cb)(void *arg, const struct os_process *p), void *arg);

/* The arguments of a process, each with its NUL, as many as there is room for. Returns the number
 * of bytes, or a negative errno value; -ENOSYS. */
ssize_t os_process_args(pid_t pid, char *buf, size_t size);

/*
 * Changes below directories, each of which is added by itself: files written to or moved there,
 * and directories made. NULL where the system tells of none. One thread, but for os_watch_wake.
 */
struct os_watch;
struct os_watch *os_watch_new(void);
void os_watch_free(struct os_watch *w);
int os_watch_add(struct os_watch *w, const char *dir); /* again is nothing */

/* 1: there is something to read, 0: time is over or os_watch_wake was called. */
int os_watch_wait(struct os_watch *w, int timeout_ms);
void os_watch_wake(struct os_watch *w);

/* Calls back for what there is, once for each path of a row. Returns non-zero when some changes
 * were lost. The callback may add. */
int os_watch_read(struct os_watch *w,
    void (*changed)(const char *path, bool directory, void *arg), void *arg);

/* Work of this thread gives way to that of others from now on; where that cannot be had, nothing. */
void os_thread_background(void);
unsigned os_processors(void); /* that this process may use, at least 1 */

/*
 * What is freed goes back to the system from now on, all but a MiB or so for each thread. Of itself
 * an allocator may keep as much as the largest pieces ever freed came to, in each thread. Call it
 * before there is a second thread; nothing where the allocator has no such setting.
 */
void os_heap_return(void);

/* This process: resident memory in bytes and open descriptors; 0 where unknown. */
size_t os_resident_bytes(void);
unsigned os_open_descriptors(void);

/* Bytes that a send on this socket would take without blocking; SIZE_MAX where unknown. */
size_t os_socket_room(int fd);

/* The other end of a stream socket sends no more, whether or not all has been read. */
bool os_socket_ended(int fd);

/* Moves up to len bytes of a pipe to a file at an offset, within the system: a kill at any moment
 * loses and doubles none. How many; 0: its writers are gone and it is empty; -EAGAIN: it is empty;
 * -ENOSYS or -EINVAL where this cannot be done with these two. */
ssize_t os_move(int pipe, int file, uint64_t at, size_t len);

/* A pipe holds up to `size` bytes from now on, where that can be had. */
void os_widen(int pipe, size_t size);

/* Peer of a Unix socket, as it was when it connected. */
int os_peer_uid(int fd, uid_t *uid);

#endif
