/*
 * What the two sides of a store share.
 *
 * Everything behind `mutex` is read and written with it held; the rest belongs to the writer's
 * thread, or does not change once that runs.
 */
#ifndef STORE_STORE_PRIV_H
#define STORE_STORE_PRIV_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "store/database.h"
#include "store/store.h"

struct job {
	struct job *prev, *next;
	struct store_op op;
	bool flush;
	int rc;
};

struct gap {
	int64_t from_ms;
	uint64_t dropped; /* 0: none */
};

struct store {
	struct store_config config; /* dir is not kept */
	char *path;
	pthread_t thread;
	atomic_bool abort; /* give up what is under way */

	pthread_mutex_t mutex;
	pthread_cond_t work;  /* for the writer: something to do, or to end */
	pthread_cond_t ended; /* for store_close: the writer has */
	bool stopping, has_ended;
	struct job *queue; /* that wait; utlist */
	struct job *finished;
	size_t ops, bytes;      /* of the queue and of what is being written */
	struct gap gap;         /* not written yet */
	struct store_status st; /* but for ops and bytes */
	bool readable;          /* there is a file that has been checked */
	bool missed;            /* a reader found no file where that was */
	sqlite3 *interruptible;

	struct database d; /* the writer's from here on */
	size_t limit;      /* operations in one transaction */
	bool cut;          /* the log was, and at most one operation is tried once more */
	uint64_t cut_us;   /* when it may be cut again */
	uint64_t pages_us; /* when the pages that are kept are to go; 0: none are */
	unsigned failures; /* to open it, in a row */
	uint64_t retry_us; /* in state STORE_FULL: when to try again */
	bool tried_last;   /* as it was to end */
	bool is_new;       /* took the place of a damaged one, and is not open yet */
	bool was_moved;    /* so that its directory may have gone, too */
	bool was_damaged;  /* while it was in use */
};

void *store_writer(void *store);

/* With the mutex held. */
void store_finish(struct store *s, struct job *j, int rc);

#endif
