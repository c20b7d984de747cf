/*
 * What the load tools share: the clock, percentiles, and results as one JSON object a line.
 *
 * The tools exit on any error of their own (`bench_die`): they are run by bench_bridge, which
 * reports and goes on. One thread.
 */
#ifndef BENCH_H
#define BENCH_H

#include <stdbool.h>
#include <stddef.h>

#define BENCH_MB 1e6 /* in all figures: MB is 1e6 bytes, GB 1e9 */
#define BENCH_GB 1e9

double bench_now(void);      /* monotonic, seconds */
double bench_self_cpu(void); /* user and system seconds of this process */
double bench_child_cpu(void);

void bench_die(const char *fmt, ...) __attribute__((format(printf, 1, 2), noreturn));
void *bench_alloc(size_t n); /* zeroed */

/* A pause of us microseconds, half to one and a half of it, so that nothing falls into step
 * with timers. */
void bench_jitter_sleep(long us);
double bench_jitter(long us); /* the same in seconds, without the sleep */

/* One result line: begin, any number of members, end. */
void out_begin(const char *label, const char *mode);
void out_int(const char *name, long long v);
void out_num(const char *name, double v, int digits);
void out_str(const char *name, const char *v); /* v needs no escaping: our own words */
void out_list(const char *name, const double *v, size_t n, int digits);
void out_percentiles(double *us, size_t n); /* sorts; p50_us, p90_us, p99_us, ... */
void out_end(void);

#endif
