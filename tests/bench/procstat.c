#include "config.h"

#include "procstat.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void
procs_parse(struct proc_set *s, const char *list)
{
	char *end;

	s->n = 0;
	while (*list != '\0' && s->n < PROC_MAX) {
		s->pid[s->n++] = (int)strtol(list, &end, 10);
		if (end == list)
			break;
		list = *end == ',' ? end + 1 : end;
	}
}

static FILE *
proc_open(int pid, const char *what)
{
	char path[64];

	snprintf(path, sizeof path, "/proc/%d/%s", pid, what);
	return fopen(path, "r");
}

static void
add_times(int pid, struct proc_stat *r)
{
	char buf[2048], *p;
	size_t n;
	unsigned long user = 0, sys = 0;
	double hz = (double)sysconf(_SC_CLK_TCK);
	FILE *f = proc_open(pid, "stat");

	if (f == NULL)
		return;
	n = fread(buf, 1, sizeof buf - 1, f);
	fclose(f);
	buf[n] = '\0';
	p = strrchr(buf, ')'); /* the name may hold spaces */
	if (p == NULL || sscanf(p + 2, "%*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu",
			     &user, &sys) != 2)
		return;
	r->cpu += (double)(user + sys) / hz;
	r->sys += (double)sys / hz;
}

/* Adds up the "Key:  123 kB" lines whose keys are in the table. */
static void
add_fields(int pid, const char *file, const char *const *keys, long *const *sums, size_t n)
{
	char line[256];
	size_t i, len;
	FILE *f = proc_open(pid, file);

	if (f == NULL)
		return;
	while (fgets(line, sizeof line, f) != NULL) {
		for (i = 0; i < n; i++) {
			len = strlen(keys[i]);
			if (strncmp(line, keys[i], len) == 0 && line[len] == ':')
				*sums[i] += strtol(line + len + 1, NULL, 10);
		}
	}
	fclose(f);
}

struct proc_stat
procs_read(const struct proc_set *s)
{
	struct proc_stat r = {0};
	static const char *const keys[] = {"VmRSS", "VmHWM"};
	long *const sums[] = {&r.rss, &r.hwm};
	size_t i;

	for (i = 0; i < s->n; i++) {
		add_times(s->pid[i], &r);
		add_fields(s->pid[i], "status", keys, sums, 2);
	}
	return r;
}

struct proc_stat
procs_memory(const struct proc_set *s)
{
	struct proc_stat r = procs_read(s);
	static const char *const keys[] = {"Pss", "Private_Dirty"};
	long *const sums[] = {&r.pss, &r.dirty};
	size_t i;

	for (i = 0; i < s->n; i++)
		add_fields(s->pid[i], "smaps_rollup", keys, sums, 2);
	return r;
}

void
procs_reset_hwm(const struct proc_set *s)
{
	char path[64];
	size_t i;
	int fd;

	for (i = 0; i < s->n; i++) {
		snprintf(path, sizeof path, "/proc/%d/clear_refs", s->pid[i]);
		fd = open(path, O_WRONLY);
		if (fd < 0)
			continue;
		if (write(fd, "5", 1) < 0)
			fprintf(stderr, "%s: cannot reset the peak\n", path);
		close(fd);
	}
}

struct sys_stat
system_read(void)
{
	unsigned long v[8] = {0};
	struct sys_stat r = {0};
	double hz = (double)sysconf(_SC_CLK_TCK);
	FILE *f = fopen("/proc/stat", "r");

	if (f == NULL)
		return r;
	if (fscanf(f, "cpu %lu %lu %lu %lu %lu %lu %lu %lu", &v[0], &v[1], &v[2], &v[3], &v[4],
		&v[5], &v[6], &v[7]) == 8) {
		r.busy = (double)(v[0] + v[1] + v[2] + v[5] + v[6]) / hz;
		r.steal = (double)v[7] / hz;
	}
	fclose(f);
	return r;
}
