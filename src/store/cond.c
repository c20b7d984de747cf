#include "config.h"

#include "store/thread.h"

#include <time.h>

/* Waiting is by the clock that does not jump. */
void
thread_cond_init(pthread_cond_t *cond)
{
	pthread_condattr_t attr;

	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(cond, &attr);
	pthread_condattr_destroy(&attr);
}

int
thread_wait(pthread_cond_t *cond, pthread_mutex_t *mutex, uint64_t until_us)
{
	const struct timespec t = {.tv_sec = (time_t)(until_us / 1000000),
	    .tv_nsec = (long)(until_us % 1000000) * 1000};

	return -pthread_cond_timedwait(cond, mutex, &t);
}
