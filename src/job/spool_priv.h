/*
 * Between the owner's side of a spool (spool.c) and its thread (spool_thread.c).
 *
 * The thread has the channels that are read in a list of its own. The owner tells it of those that
 * are new, to be stopped or gone through `news`; it tells the owner of what is to be given through
 * `ready`. Once a channel is finished the thread knows it no more.
 */
#ifndef JOB_SPOOL_PRIV_H
#define JOB_SPOOL_PRIV_H

#include <poll.h>
#include <pthread.h>
#include <uv.h>

#include "job/spool.h"

enum {
	SPARE_MAX = 8,
	QUEUE_MAX = 1024 * 1024,   /* bytes in memory that wait to be given */
	QUEUE_LOW = QUEUE_MAX / 2, /* below that the thread goes on */
	CHANNEL_NAME_MAX = 40,     /* of a channel's file, with the NUL */
};

struct piece {
	struct piece *next;
	uint64_t offset;
	size_t len;
	char data[];
};

struct spool_channel {
	struct spool *spool;
	uint64_t job;
	unsigned number;
	void *user;

	/* The thread's, once it has it. */
	struct spool_channel *prev, *next;
	int fd, file;    /* -1: none, or none yet */
	bool pty, known; /* known: it has been looked how long the file is */
	bool copies;     /* by read and write */
	bool wide;       /* its pipe has been widened */
	bool stopping;
	size_t drain;         /* bytes to be read yet, when it is stopping */
	uint64_t end, loaded; /* of the file: its length, and what has been read back */
	char *rest;           /* read, but not written; or NULL */
	size_t nrest;
	int stuck;         /* negative errno value; 0: it is not */
	uint64_t retry_us; /* when it is */
	bool decided;      /* nothing more will be read: */
	enum spool_end how;
	int err;

	/* Under the lock. */
	struct spool_limit *limit; /* or NULL; not to be touched once it is removed */
	struct spool_channel *news_prev, *news_next, *ready_prev, *ready_next;
	bool is_news, is_ready;
	bool held, stop, removed; /* held: the thread has it in its list */
	bool finished;            /* the thread knows it no more */
	struct piece *first, *last;
	uint64_t given; /* offset up to which the owner has it */
	bool ended;     /* `end` is to be called */
	int stuck_now, stuck_told;
};

struct spool {
	uv_loop_t *loop;
	uv_async_t notice;
	struct spool_callbacks cb;
	int dir;
	char *path; /* of it */
	int wake[2];
	pthread_t thread;

	/* The thread's. */
	struct spool_channel *channels;
	struct pollfd *polls; /* [0] is the wake-up */
	struct spool_channel **polled;
	size_t npolls, polls_cap;
	bool posted;
	char *buffer; /* SPOOL_PIECE bytes */

	pthread_mutex_t lock;
	struct spool_channel *news, *ready;
	struct piece *spare; /* of SPOOL_PIECE bytes, to be used again */
	unsigned nspare;
	size_t queued; /* bytes of pieces */
	bool sleeping; /* the thread, and nobody has woken it */
	bool hungry;   /* it has something to do when the queue is short */
	bool paused, quit,
	    changed; /* changed: one of these has, and the thread has not seen it */
	bool quiet;  /* the thread has seen that it is paused */
};

/* With the lock. */
void spool_wake(struct spool *s);
void spool_make_ready(struct spool_channel *c);

void *spool_run(void *spool);
void spool_dispose(struct spool_channel *c); /* closes and frees */

/* The directory, made if need be; again when it is not what lies at its path any more. */
int spool_open_dir(struct spool *s);

/* A channel's file below a directory. A descriptor, or a negative errno value: -ENOENT where there is
 * none and it is not to be made, -ELOOP for a link, -EINVAL for what is no file. Any thread. */
int spool_open(int dir, const char *name, int flags, uint64_t *len);
void spool_name(uint64_t job, unsigned channel, char name[CHANNEL_NAME_MAX]);

#endif
