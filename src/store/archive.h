/*
 * The archive: the completed lines of every pane, compressed, in DIR/archive/.
 *
 * One thread, the owner's (the loop's), puts lines in; one thread, the writer, compresses and
 * writes them, and removes what is too old or too much; any thread reads. What lies on the disk
 * is described in store/archive_file.h. Nothing here waits for the disk but archive_close and
 * what reads.
 *
 * Lines of a pane are known by its run and id and by their numbers, which only grow. Each is
 * archived at most once: archive_put takes those that follow the last one taken and passes over
 * the others. Where numbers were left out, the missing ones are put on record as a gap. What is
 * taken is collected in a slab for each pane, which is written when it is full, when its first
 * line has waited for flush_ms, at archive_flush and archive_end. A line is durable when it has
 * been written to the file: it outlives a kill of the process at any moment, though not a
 * loss of power. A process that goes on with a run that another one began asks archive_last_line
 * for each pane that lives, before it puts any line, and puts what follows: a pane that was asked
 * for, or put to, is remembered until archive_end, even when all of its lines were removed.
 *
 * States:
 *
 *	ARCHIVE_OPENING  the directory is locked and read. Another process may have the lock for
 *	                 moments, as during an upgrade; it is waited for
 *	ARCHIVE_READY    what is put is written
 *	ARCHIVE_FULL     the last attempt to write or to open failed: the disk is full, or cannot be
 *	                 written. It is tried again every retry_ms
 *	ARCHIVE_OFF      of a NULL archive, for which all functions do nothing
 *
 * Bounds: what was put and is not written takes at most queue_bytes. Beyond that archive_put
 * takes no more, and the owner tries again with what it still has after the next notify: a disk
 * that is full costs lines only when the pane's history has lost them before there is room
 * again. Files take at most max_bytes, for which the oldest are removed whole. In memory the
 * archive has about 100 bytes for each record: some MiB for 1 GiB of files.
 *
 * Small records, as a pane leaves that prints a line now and then, are merged into large ones
 * when their segment is complete.
 *
 * A directory, or a newest segment, that is removed or replaced while it is open is said to be
 * so, and another begun in its place.
 *
 * A record that is damaged on the disk is passed over, counted, and logged once.
 */
#ifndef STORE_ARCHIVE_H
#define STORE_ARCHIVE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/str.h"
#include "history/history.h"
#include "history/slab.h"
#include "term/style.h"

enum {
	ARCHIVE_FLUSH_MS = 10 * 1000,
	ARCHIVE_RETRY_MS = 1000,
	ARCHIVE_QUEUE_BYTES = 16 * 1024 * 1024,
	ARCHIVE_SEGMENT_BYTES = 16 * 1024 * 1024,
	ARCHIVE_BYTES_MIN = 1024 * 1024,
};
#define ARCHIVE_MAX_BYTES ((uint64_t)1 << 30)
#define ARCHIVE_MAX_AGE_MS ((int64_t)30 * 24 * 3600 * 1000)

struct archive;

/* A run of the daemon, as in store/panes.h. */
struct archive_run {
	int64_t started_ms;
	pid_t pid;
};

struct archive_config {
	const char *dir; /* copied; must be there */
	struct archive_run run;
	/* Called from the writer when the state has changed, lines are durable or there is room for
	 * more, until archive_close has returned. Must not call the archive. */
	void (*notify)(void *arg);
	void *arg;
	uint64_t max_bytes;     /* 0: ARCHIVE_MAX_BYTES; at least ARCHIVE_BYTES_MIN */
	int64_t max_age_ms;     /* 0: ARCHIVE_MAX_AGE_MS */
	uint64_t segment_bytes; /* 0: ARCHIVE_SEGMENT_BYTES, or less if max_bytes is small */
	size_t queue_bytes;     /* 0: ARCHIVE_QUEUE_BYTES */
	unsigned flush_ms;      /* 0: ARCHIVE_FLUSH_MS */
	unsigned retry_ms;      /* 0: ARCHIVE_RETRY_MS */
};

/* -EAGAIN when there is no thread to be had. */
int archive_open(const struct archive_config *config, struct archive **out, char **cause);

/* Waits until everything taken is written, but not longer than wait_ms, nor, in state
 * ARCHIVE_FULL, than one attempt takes. What is left is given up, and counted as dropped in
 * the log. Snapshots must have been released. */
void archive_close(struct archive *a, unsigned wait_ms);

/* The owner's thread. Panes are of the run that `run` says, NULL for the configured one: one that
 * outlives the daemon goes on in the run of whatever keeps it. */

/*
 * Takes the lines of a view that follow the last one taken of that pane, and copies them.
 * `styles` is the pane's table, or a copy that has all ids of the view. *last, which may be NULL,
 * is the last line taken then. 0 when all were; -ENOSPC when there was no room for all, -EAGAIN
 * while the archive is not open yet (then none were): to be tried again after a notify; -EINVAL
 * for an id that is none, -EROFS when off.
 *
 * Copying takes about 4 ms a MiB: the owner puts as lines come, or a long history in pieces.
 */
int archive_put(struct archive *a, const struct archive_run *run, const char *id,
    const struct history_view *v, const struct styles *styles, uint64_t *last);

/* The same for a single line that is in no history, as those of the last screen. text is without
 * a newline. */
struct archive_line {
	uint64_t number;
	const char *text;
	size_t len;
	const struct style_run *runs;
	size_t nruns;
	int64_t time_ms;
	uint64_t offset;
	unsigned flags; /* 0..3 */
};
int archive_put_line(struct archive *a, const struct archive_run *run, const char *id,
    const struct archive_line *line, const struct styles *styles);

/* What was taken of this pane of the configured run, or of all panes (NULL), is written now. */
void archive_flush(struct archive *a, const char *id);

/* No line of this pane will follow: the same, and its place in memory is given back. */
void archive_end(struct archive *a, const struct archive_run *run, const char *id);

/* The last line of a pane of this run that was taken, in this process or one before; 0 for
 * none. -EAGAIN while the archive is not open yet. */
int archive_last_line(
    struct archive *a, const struct archive_run *run, const char *id, uint64_t *line);

/* Calls back for each pane of this run of which more lines are durable than the last time. `cb`
 * may put, or be NULL: then that is forgotten. */
typedef void (*archive_durable_cb)(const char *id, uint64_t last, void *arg);
void archive_collect(struct archive *a, archive_durable_cb cb, void *arg);

/* Any thread: */

enum archive_state { ARCHIVE_OPENING, ARCHIVE_READY, ARCHIVE_FULL, ARCHIVE_OFF };

struct archive_status {
	enum archive_state state;
	char *cause;       /* why it is not ready; NULL when ready or off */
	uint64_t bytes;    /* of all files */
	uint64_t records;  /* that can be read */
	uint64_t segments; /* files */
	int64_t oldest_ms; /* time of the oldest line; 0 when there is none */
	uint64_t dropped;  /* lines in gaps that were put on record since archive_open */
	uint64_t damaged;  /* records, or ends of files, found to be so since archive_open */
	size_t queued;     /* bytes taken and not written */
};

const char *archive_state_name(enum archive_state state); /* "ready" */
void archive_status(struct archive *a, struct archive_status *out);
void archive_status_release(struct archive_status *st);

/*
 * Reading. A snapshot is a list of the records of a moment, without what is in them; it
 * holds one file at most, and may be read by one thread at a time, as long as it takes. Records may be
 * removed meanwhile, for their age: reading them gives -ENOENT.
 */
struct archive_segment;
struct codec;

struct archive_record {
	struct archive_run run;
	char id[ID_MAX + 1];
	bool gap;              /* these lines are missing; there is nothing to read */
	uint64_t first, lines; /* number of the first line, and how many; 0 only in a gap */
	int64_t first_ms, last_ms;
	uint32_t text;                   /* bytes of text, with newlines */
	struct archive_segment *segment; /* where it lies: for archive_read */
	uint32_t at, size, filter;
};

struct archive_query {
	int64_t from_ms, to_ms; /* lines of these times; to_ms 0: no end */
	bool gaps;              /* give them, too */
	/* Asked once a pane; NULL: all. Must not call the archive. */
	bool (*wanted)(const struct archive_run *run, const char *id, void *arg);
	void *arg;
};

struct archive_snapshot {
	struct archive *archive;
	struct archive_record *records; /* in the order in which they were written: */
	size_t n;                       /* of a pane, by number */
	int fd;                         /* the segment read last, or -1 */
	struct archive_segment *opened;
	struct codec *codec;
};

void archive_snapshot(
    struct archive *a, const struct archive_query *q, struct archive_snapshot *s);
void archive_snapshot_release(struct archive_snapshot *s);

/* Whether a record can contain a literal (store/archive_filter.h), without decompressing it: 1, 0,
 * or as archive_read. */
int archive_may_contain(struct archive_snapshot *s, const struct archive_record *r,
    const char *literal, size_t len, bool caseless);

/* A record's lines, as a slab like any other. The ids of its runs are indexes into styles; those
 * from nstyles on, which only damage can make, are for the reader to take as 0. Styles have
 * no links. */
struct archive_block {
	struct slab_header *slab; /* SLAB_SIZE bytes; slab_extent says how many lines */
	struct style *styles;     /* 0 is the default */
	unsigned nstyles;         /* at least 1 */
};

/* -ENOENT: it has been removed; -EBADMSG: it is damaged; or what the system said. `block` must
 * be all zero or have been filled before: then its memory is used again. */
int archive_read(struct archive_snapshot *s, const struct archive_record *r,
    struct archive_block *block, char **cause);
void archive_block_release(struct archive_block *block);

#endif
