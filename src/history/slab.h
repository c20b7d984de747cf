/*
 * A slab: a block of the history that is only ever appended to.
 *
 * One block of SLAB_SIZE bytes, relocatable: it holds offsets, never pointers, so that it may lie
 * in memory that another process maps elsewhere. Its parts:
 *
 *	struct slab_header
 *	struct slab_stride [SLAB_STRIDES]
 *	text, growing up: lines of UTF-8, each with a '\n' behind it
 *	...
 *	meta, growing down from the end
 *
 * The text is what patterns are matched against, in one piece. The meta bytes are a stream
 * that is written backwards (byte 0 of the stream is the block's last byte), with one record a
 * line:
 *
 *	u8       bit 0: a time follows; bits 1, 2: the line's flags; bits 3..7: the number of runs, where
 *	         31 means that it follows
 *	varint   raw offset, less that of the line before
 *	varint   time in ms, less that of the line before (if bit 0)
 *	varint   number of runs (if 31)
 *	         and for each run:
 *	varint   its length, twice, and 1 more when its style is not 0
 *	varint   its style (if not 0)
 *
 * The slab's header has the time and the offset that the first line's are counted from.
 * Varints are LEB128. A stride is SLAB_STRIDE bytes of text; for each, the first line that
 * begins in it (or later, when none does) is on record with what reading needs to start there,
 * so that any line is found by reading the records of one stride.
 *
 * How much of a block is valid is said by its header's commit record, of which there are two:
 * a line is written, then the record that is not in use, then the index of the one in use. A
 * process that dies at any instruction leaves a block that is valid up to some line.
 *
 * Readers on other threads never look at the commit record: they are given a struct slab_extent,
 * taken by the owner, and read only what lies before it, which nothing changes.
 */
#ifndef HISTORY_SLAB_H
#define HISTORY_SLAB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/run.h"

enum {
	SLAB_SIZE = 256 * 1024,
	SLAB_STRIDE = 8 * 1024,
	SLAB_STRIDES = SLAB_SIZE / SLAB_STRIDE,
	SLAB_MAGIC = 0x31425350, /* "PSB1" */
};

struct slab_extent {
	uint32_t lines;
	uint32_t text;    /* bytes */
	uint32_t meta;    /* bytes */
	uint32_t strides; /* that are on record */
	int64_t time_ms;  /* of the last line */
	uint64_t offset;
};

struct slab_header {
	uint32_t magic;
	uint32_t current; /* which commit is valid, 0 or 1 */
	uint64_t first;   /* number of the first line */
	int64_t time_ms;  /* what the first line's time and offset are relative to */
	uint64_t offset;
	struct slab_extent commit[2];
};

struct slab_stride {
	uint32_t line; /* index in the slab */
	uint32_t text; /* where it begins */
	uint32_t meta; /* where its record begins */
	uint32_t pad;
	int64_t time_ms; /* of the line before it */
	uint64_t offset;
};

/* A line as it lies in a slab. */
struct slab_line {
	uint64_t number;
	int64_t time_ms;  /* since 1970, UTC */
	uint64_t offset;  /* raw bytes of the pane when it was completed */
	unsigned flags;   /* 0..3 */
	const char *text; /* in the slab */
	uint32_t len;
	uint32_t nruns;
	uint32_t runs; /* where in the meta stream they begin */
};

/* Reads lines one after the other. */
struct slab_cursor {
	const struct slab_header *slab;
	struct slab_extent extent;
	uint32_t line, text, meta; /* of the next line */
	int64_t time_ms;           /* of the one before */
	uint64_t offset;
};

void slab_init(struct slab_header *s, uint64_t first, int64_t time_ms, uint64_t offset);

/* Appends a line; false when it does not fit. Any line within the bounds of history_push fits
 * an empty slab. Owner only. */
bool slab_append(struct slab_header *s, const char *text, size_t len,
    const struct style_run *runs, size_t nruns, int64_t time_ms, uint64_t offset,
    unsigned flags);

const struct slab_extent *slab_extent(const struct slab_header *s); /* owner only */

/* Whether a block that comes from elsewhere is what it should be. slab_plausible looks at what
 * reading relies on: lines of such a block may be wrong, but nothing beyond it is touched.
 * slab_valid reads every record, too, as must be before anything is appended. */
bool slab_plausible(const struct slab_header *s);
bool slab_valid(const struct slab_header *s);

const char *slab_text(const struct slab_header *s);

/* Sets the cursor before the line with that index (<= lines), or before the one that byte `text`
 * lies in. */
void slab_seek(struct slab_cursor *c, const struct slab_header *s,
    const struct slab_extent *extent, uint32_t line);
void slab_seek_text(struct slab_cursor *c, const struct slab_header *s,
    const struct slab_extent *extent, uint32_t text);

/* False at the end of the extent, or, in a block from elsewhere, of what makes sense. */
bool slab_next(struct slab_cursor *c, struct slab_line *line);

/* Decodes up to max runs of a line that slab_next gave; returns how many. */
uint32_t slab_runs(const struct slab_header *s, const struct slab_extent *extent,
    const struct slab_line *line, struct style_run *runs, uint32_t max);

#endif
