#include "config.h"

#include "store/thread.h"

#include <time.h>

#include "base/clock.h"

/* macOS waits until a time of the wall clock, which may jump, or for a time. */
void
thread_cond_init(pthread_cond_t *cond)
{
	pthread_cond_init(cond, NULL);
}

int
thread_wait(pthread_cond_t *cond, pthread_mutex_t *mutex, uint64_t until_us)
{
	uint64_t now = clock_mono_us(), us = until_us > now ? until_us - now : 0;
	const struct timespec t = {
	    .tv_sec = (time_t)(us / 1000000), .tv_nsec = (long)(us % 1000000) * 1000};

	return -pthread_cond_timedwait_relative_np(cond, mutex, &t);
}
