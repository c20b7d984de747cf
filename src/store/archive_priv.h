/*
 * What the sides of an archive share: the owner's (archive.c, archive_put.c), the writer's
 * (archive_writer.c, archive_open.c, archive_keep.c, archive_merge.c) and the readers'
 * (archive_read.c). The index (archive_index.c) is what they meet in.
 *
 * Everything behind `mutex` is read and written with it held; the rest belongs to one side, or
 * does not change once the writer runs. Nobody does I/O or compresses with the mutex held.
 */
#ifndef STORE_ARCHIVE_PRIV_H
#define STORE_ARCHIVE_PRIV_H

#include <pthread.h>
#include <stdbool.h>

#include <uthash.h>

#include "store/archive.h"
#include "store/archive_file.h"

/* What a pane is known by; padding is zero, for the hash. */
struct source_key {
	int64_t started_ms, pid;
	char id[ID_MAX + 1];
	char pad[7];
};

/* A pane, as long as it lives or has records. */
struct source {
	struct source_key key;
	UT_hash_handle hh;
	struct source *prev_news, *next_news;
	uint64_t taken, durable; /* line numbers */
	struct pending *open;    /* that still takes lines, or NULL */
	unsigned refs;           /* entries and pendings; the owner's while it is alive */
	bool alive, has_news;
	unsigned asked; /* the last query for which `wanted` was asked */
	bool wanted;
};

/* Lines on their way to the disk: open ones are their source's, others wait in the queue and are
 * the writer's to read. */
struct pending {
	struct pending *prev, *next;
	struct source *source;
	struct slab_header
	    *slab; /* a mapping of its own, so that what is not used takes no memory */
	struct style *styles;
	uint16_t *ids; /* of these, in the pane's table */
	unsigned nstyles, cap;
	uint64_t gap_first, gap_lines; /* missing before it; 0 lines: none */
	uint64_t since_us;             /* when it got its first line */
	size_t bytes;                  /* that it counts for in the queue */
};

/* A record in the index. */
struct entry {
	struct source *source;
	uint64_t first, lines;
	int64_t first_ms, last_ms;
	uint32_t at, size, filter, text;
	bool gap, bad;
};

struct archive_segment {
	struct archive_segment *prev, *next;
	int64_t number;
	uint64_t generation, bytes;
	int64_t last_ms; /* of its lines; its number's time when there are none */
	struct entry *entries;
	size_t n, cap;
	unsigned refs; /* snapshots that name it */
	bool gone;     /* removed from the list; the last reference frees it */
	bool merged;   /* or not worth it */
	bool foreign;  /* cannot be read; only its bytes and its age are known */
};

struct archive {
	struct archive_config config; /* dir is not kept */
	char *path;                   /* DIR/archive */
	pthread_t thread;
	struct style_run *runs; /* the owner's, for one line */
	struct local *local;    /* the owner's, see archive_put.c */
	uint32_t stamp;

	pthread_mutex_t mutex;
	pthread_cond_t work, ended;
	bool stopping, has_ended, abort;
	bool opened; /* the index is complete, and positions are known */
	enum archive_state state;
	char *cause;
	uint64_t dropped, damaged, records, bytes;
	struct source *sources; /* uthash */
	struct source *news;    /* utlist, by its own links */
	struct pending *open;   /* the oldest first */
	struct pending *queue;
	size_t queued;
	struct archive_segment *segments; /* the oldest first */
	size_t nsegments;
	unsigned queries;
	int dir; /* of the directory, or -1; its number stays */

	/* The writer's: */
	int lock, fd; /* of the newest segment while it is appended to, or -1 */
	struct archive_segment *current;
	struct codec *codec;
	struct buf record;
	uint64_t retry_us, check_us; /* when to try again, and to look for what is too old */
	bool tried_last;
};

/* archive_index.c; all with the mutex held. */

void source_key_init(struct source_key *k, int64_t started_ms, int64_t pid, const char *id);
struct source *source_find(struct archive *a, const struct source_key *k);
struct source *source_get(struct archive *a, const struct source_key *k); /* makes it */
void source_unref(struct archive *a, struct source *s);
void source_kill(struct archive *a, struct source *s); /* not alive any more */

/* On record up to this line. */
void source_advance(struct archive *a, struct source *s, uint64_t line);
void source_told(struct archive *a, struct source *s); /* has no news any more */

struct archive_segment *segment_add(struct archive *a, int64_t number, uint64_t generation);
/* The segment's last entry; `at` is where the record is. */
void segment_add_record(
    struct archive *a, struct archive_segment *g, const struct record_head *h, uint32_t at);
void segment_grow(struct archive *a, struct archive_segment *g, uint64_t bytes);
void segment_clear(struct archive *a, struct archive_segment *g); /* forgets its entries */
void segment_remove(struct archive *a, struct archive_segment *g);
void segment_unref(struct archive_segment *g);
void index_free(struct archive *a);

/* archive_put.c; with the mutex held. */
void pending_seal(struct archive *a, struct pending *p); /* to the queue */
void pending_seal_all(struct archive *a, struct source *only);
void pending_free(struct archive *a, struct pending *p); /* off all lists */

/* archive_open.c: the lock, and reading what is there. 0, -EBUSY while another process has the
 * lock. */
int archive_open_dir(struct archive *a, char **cause);
void archive_close_dir(struct archive *a);
/* The directory, or the newest segment, is not there any more; to leave it, to be opened again. */
bool archive_has_moved(const struct archive *a);
void archive_leave_dir(struct archive *a);

/* archive_keep.c: which segments there are. */
int archive_begin_segment(struct archive *a, char **cause); /* if none is appended to */
void archive_end_segment(struct archive *a);
/* Removes what is too old, and what is too much with `need` bytes more. */
void archive_retain(struct archive *a, uint64_t need);
bool archive_segment_is_full(const struct archive *a);
/* Appends what is in a->record; on failure nothing has been. *at is where. */
int archive_append(struct archive *a, uint32_t *at, char **cause);
/* The index's view of what was appended. */
void archive_appended(struct archive *a, uint32_t at);

/* archive_merge.c: makes large records of small ones, in one segment that is complete. */
bool archive_merge_some(struct archive *a); /* false when there is nothing to do */

void *archive_writer(void *archive);

#endif
