/*
 * What differs between systems. One file a system, chosen by configure; no #ifdef elsewhere.
 * Functions return 0 or a negative errno value unless they say otherwise. Any thread.
 */
#ifndef OS_OS_H
#define OS_OS_H

#include <stddef.h>
#include <sys/types.h>

struct winsize;
struct termios;

/* Bytes from the system's cryptographic source; never short. */
int os_random(void *buf, size_t len);

/* Marks every descriptor from `first` up close-on-exec. Safe between fork and exec. */
void os_cloexec_from(int first);

/* Zeroed memory whose pages are taken when first touched; NULL when there is none. */
void *os_pages_alloc(size_t size);
void os_pages_free(void *p, size_t size);

/* forkpty(3). `slave_name` may be NULL. Returns as fork does, with *master close-on-exec. */
pid_t os_forkpty(int *master, const struct winsize *size);

/* The current directory of a process, and the name of the program in the foreground of the
 * terminal behind a PTY master. -ENOSYS where the system has no way to ask. */
int os_process_cwd(pid_t pid, char *buf, size_t size);
int os_terminal_program(int master, char *buf, size_t size);

/* This process: resident memory in bytes and open descriptors; 0 where unknown. */
size_t os_resident_bytes(void);
unsigned os_open_descriptors(void);

/* Bytes that a send on this socket would take without blocking; SIZE_MAX where unknown. */
size_t os_socket_room(int fd);

/* Peer of a Unix socket. */
int os_peer_uid(int fd, uid_t *uid);

#endif
