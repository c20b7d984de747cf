#include "config.h"

#include "bench.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <sys/resource.h>

double
bench_now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static double
cpu_of(int who)
{
	struct rusage r;

	getrusage(who, &r);
	return (double)(r.ru_utime.tv_sec + r.ru_stime.tv_sec) +
	       (double)(r.ru_utime.tv_usec + r.ru_stime.tv_usec) * 1e-6;
}

double
bench_self_cpu(void)
{
	return cpu_of(RUSAGE_SELF);
}

double
bench_child_cpu(void)
{
	return cpu_of(RUSAGE_CHILDREN);
}

void
bench_die(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
	exit(2);
}

void *
bench_alloc(size_t n)
{
	void *p = calloc(1, n ? n : 1);

	if (p == NULL)
		bench_die("out of memory");
	return p;
}

double
bench_jitter(long us)
{
	return (double)us * (0.5 + (double)(rand() % 1000) / 1000.0) * 1e-6;
}

void
bench_jitter_sleep(long us)
{
	double s;
	struct timespec w;

	if (us <= 0)
		return;
	s = bench_jitter(us);
	w.tv_sec = (time_t)s;
	w.tv_nsec = (long)((s - (double)w.tv_sec) * 1e9);
	nanosleep(&w, NULL);
}

void
out_begin(const char *label, const char *mode)
{
	printf("{\"label\":\"%s\",\"mode\":\"%s\"", label, mode);
}

void
out_int(const char *name, long long v)
{
	printf(",\"%s\":%lld", name, v);
}

void
out_num(const char *name, double v, int digits)
{
	printf(",\"%s\":%.*f", name, digits, v);
}

void
out_str(const char *name, const char *v)
{
	printf(",\"%s\":\"%s\"", name, v);
}

void
out_list(const char *name, const double *v, size_t n, int digits)
{
	size_t i;

	printf(",\"%s\":[", name);
	for (i = 0; i < n; i++)
		printf("%s%.*f", i ? "," : "", digits, v[i]);
	putchar(']');
}

static int
cmp_double(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

void
out_percentiles(double *us, size_t n)
{
	size_t i;
	double sum = 0;

	out_int("samples", (long long)n);
	if (n == 0)
		return;
	qsort(us, n, sizeof *us, cmp_double);
	for (i = 0; i < n; i++)
		sum += us[i];
	out_num("min_us", us[0], 1);
	out_num("p50_us", us[n / 2], 1);
	out_num("p90_us", us[n * 9 / 10], 1);
	out_num("p99_us", us[n * 99 / 100], 1);
	out_num("max_us", us[n - 1], 1);
	out_num("mean_us", sum / (double)n, 1);
}

void
out_end(void)
{
	puts("}");
	fflush(stdout);
}
