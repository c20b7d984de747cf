/*
 * What FreeBSD (os-freebsd.c) and macOS (os-macos.c) answer to os-bsd.c, which has all that they
 * share. Not for others.
 */
#ifndef OS_BSD_H
#define OS_BSD_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct kinfo_proc;

struct bsd_process {
	pid_t pid, parent;
	pid_t front;         /* group in the foreground of its terminal; 0 or less: none */
	int64_t started_ms;  /* wall clock */
	const char *program; /* of the struct that it was read from */
};
void bsd_process_read(const struct kinfo_proc *k, struct bsd_process *out);

size_t bsd_process_size(void); /* of a struct kinfo_proc */
int bsd_process_all(void);     /* what KERN_PROC is asked for all processes; threads are none */

/* sysctl(3) of a table that may grow meanwhile: the caller frees *data. 0 or -errno. */
int bsd_table(int *mib, unsigned n, void **data, size_t *len);

#endif
