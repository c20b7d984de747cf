/*
 * CPU and memory of the server under test, which may be several processes, out of /proc.
 * Values of all processes are summed; a process that has gone counts nothing. Linux only.
 */
#ifndef BENCH_PROCSTAT_H
#define BENCH_PROCSTAT_H

#include <stddef.h>

#define PROC_MAX 16

struct proc_set {
	int pid[PROC_MAX];
	size_t n;
};

struct proc_stat {
	double cpu; /* seconds, user and system, in clock ticks */
	double sys; /* seconds, system alone */
	long rss;   /* KiB */
	long hwm;   /* KiB: the highest rss since procs_reset_hwm */
	long pss;   /* KiB; only procs_memory fills these two */
	long dirty; /* KiB, private and written to */
};

struct sys_stat {
	double busy; /* seconds of all cores */
	double steal;
};

void procs_parse(struct proc_set *s, const char *list); /* "123,456" */
struct proc_stat procs_read(const struct proc_set *s);
struct proc_stat procs_memory(const struct proc_set *s); /* slower: walks the page tables */
void procs_reset_hwm(const struct proc_set *s);
struct sys_stat system_read(void);

#endif
