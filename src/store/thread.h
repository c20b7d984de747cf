/*
 * What a store and an archive have in common: a thread that waits for work beside its owner's.
 */
#ifndef STORE_THREAD_H
#define STORE_THREAD_H

#include <pthread.h>
#include <stdint.h>

/* A thread without the owner's signals. -EAGAIN when there is none to be had. */
int thread_start(pthread_t *thread, void *(*run)(void *), void *arg);

/* What is waited for with thread_wait. */
void thread_cond_init(pthread_cond_t *cond);

/* Waits, with the mutex held, until a moment of clock_mono_us: -ETIMEDOUT when that has come. As
 * always, it may wake for nothing. */
int thread_wait(pthread_cond_t *cond, pthread_mutex_t *mutex, uint64_t until_us);

#endif
