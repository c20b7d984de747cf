/*
 * The history of a pane: the lines that have left its screen, by number.
 *
 * Lines are appended and never changed. They lie in slabs (history/slab.h); the oldest leave
 * when there are more lines than the limit, or more bytes. A line has the number after that of
 * the line before it for ever. Times and offsets never go back: one that is less than the last
 * counts as the last (the clock of the wall may jump).
 *
 * One thread owns a history: it appends, and takes and releases views. A view is a fixed piece
 * of the history: the slabs of that moment, each with the length it had. It holds references
 * to the slabs, so that what is evicted stays until the view is released, and between
 * history_view and history_view_release any one thread may read it without a lock: nothing
 * that lies before a captured length is ever written again. (Handing the view over and back,
 * as libuv's thread pool does, is the synchronisation.) Pointers into a view's lines are valid
 * until it is released; those from history_get until the next push.
 *
 * Blocks of memory come from an allocator, so that they can lie in a file of memory; its
 * functions are called on the owner's thread only. history_adopt takes in blocks that are there
 * already.
 */
#ifndef HISTORY_HISTORY_H
#define HISTORY_HISTORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/run.h"
#include "history/slab.h"

enum {
	HISTORY_LINE_MAX = 64 * 1024, /* bytes of a line; what is longer is cut */
	HISTORY_RUNS_MAX = 16 * 1024, /* runs of a line; the rest is without style */
	HISTORY_BYTES_MIN = 2 * SLAB_SIZE,
};

/* What comes from elsewhere and has higher numbers is damaged: far from there JSON loses digits. */
#define HISTORY_NUMBER_MAX ((uint64_t)1 << 52)

struct history;
struct history_ref;

struct history_allocator {
	void *(*alloc)(
	    void *arg); /* SLAB_SIZE bytes, or NULL: then the oldest slab makes room */
	void (*free)(void *arg, void *block);
	void *arg;
};

struct history_limits {
	uint64_t lines; /* most lines, at least 1 */
	uint64_t bytes; /* most bytes of slabs, at least HISTORY_BYTES_MIN */
};

/* allocator may be NULL: malloc. It is copied. */
struct history *history_new(
    const struct history_limits *limits, const struct history_allocator *allocator);
void history_free(struct history *h); /* views must have been released */

/* Appends a line. flags are 0..3 and mean what the owner wants. text is without a newline. */
void history_push(struct history *h, const char *text, size_t len, const struct style_run *runs,
    size_t nruns, int64_t time_ms, uint64_t offset, unsigned flags);

/* Forgets all lines; numbers go on. */
void history_clear(struct history *h);

/* Takes a block in, whose lines must follow the last; -EINVAL, and the block stays the caller's,
 * if it is not valid or does not follow. The last one is appended to again, and is read through
 * for it (`last` true); of others it is enough that they are plausible (history/slab.h). */
int history_adopt(struct history *h, void *block, bool last);

/* The number that the first line pushed will get, in an empty history. */
void history_set_next(struct history *h, uint64_t number);

uint64_t history_first(
    const struct history *h); /* number of the oldest line; last + 1 if empty */
uint64_t history_last(const struct history *h); /* number of the newest; 0 before the first */

/* False when there is no such line (any more). */
bool history_get(const struct history *h, uint64_t number, struct slab_line *line,
    struct style_run *runs, uint32_t max, uint32_t *nruns);

/* The first line with at least this time, or offset; last + 1 when there is none. */
uint64_t history_find_time(const struct history *h, int64_t time_ms);
uint64_t history_find_offset(const struct history *h, uint64_t offset);

struct history_stats {
	uint64_t lines;
	uint64_t text;      /* bytes of text, newlines not counted */
	uint64_t allocated; /* bytes of all slabs, and what administers them */
	uint64_t used;      /* of these, bytes that hold lines */
	uint64_t pinned;    /* bytes of evicted slabs that views still hold */
	uint64_t evicted;   /* lines, since the beginning */
};

void history_stats(const struct history *h, struct history_stats *stats);

/* Views */

struct history_part {
	struct history_ref *ref;
	const struct slab_header *slab;
	struct slab_extent extent;
	uint32_t skip_lines; /* at its start that are no longer in the history */
	uint32_t skip_text;  /* and their bytes */
};

struct history_view {
	struct history *history;
	size_t n;
	struct history_part *parts; /* oldest first */
	uint64_t first, last;       /* as history_first and history_last were */
};

/* Lines from..to, as far as they are there. */
void history_view(struct history *h, uint64_t from, uint64_t to, struct history_view *v);
void history_view_release(struct history_view *v);

/* Reading a view from a line on. */
struct history_reader {
	const struct history_view *view;
	size_t part;
	struct slab_cursor cursor;
};

void history_read(struct history_reader *r, const struct history_view *v, uint64_t from);
bool history_next(struct history_reader *r, struct slab_line *line);

/* The runs of the line that history_next gave last. */
uint32_t history_runs(const struct history_reader *r, const struct slab_line *line,
    struct style_run *runs, uint32_t max);

#endif
