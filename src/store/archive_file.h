/*
 * The archive on the disk: segments, and the records in them.
 *
 *	archive/lock               locked (flock) by the process that writes
 *	archive/<16 digits>.seg    segments; the digits are the time of its beginning in ms, or
 *	                           one more than the segment before has, so that names grow
 *	archive/<16 digits>.new    a segment that is being rewritten; of no use when found
 *
 * A segment is a struct segment_head and records, one behind the other. Nothing in it is ever
 * changed, and only the newest is appended to; a complete one may be replaced (rename) by another
 * of the same lines, whose generation is one higher. A record is
 *
 *	struct record_head      with a sum of itself and one of what follows
 *	filter                  store/archive_filter.h
 *	a zstd frame of         the slab (history/slab.h) from its header to the end of its text;
 *	                        its meta bytes; struct style [], to which the ids of its runs refer,
 *	                        the first being the default
 *
 * or, for lines that are missing (a gap), a head alone. A gap may be of no lines: then it says
 * no more than that those before were archived once. All lines of a record are of one pane, and
 * records of a pane are in the order of its lines; so the end of its last one is what a process
 * that comes after this one goes on from. Integers are in the machine's own order: a foreign
 * file has a foreign magic.
 *
 * A process that dies while it appends leaves a record cut short, at the end of the newest
 * segment. Who locks the archive next cuts it away: a head that is not whole, or is in order but
 * says more bytes than there are, or zeroes up to the end of the file, as after a loss of power;
 * and with it the last record before it, if its bytes do not have their sum. A head that is whole
 * and wrong ends the reading of its segment, as its length is not to be trusted; the segment is
 * left as it is and not appended to.
 *
 * Everything here blocks. One thread at a time for each codec; the rest any thread.
 */
#ifndef STORE_ARCHIVE_FILE_H
#define STORE_ARCHIVE_FILE_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/str.h"
#include "store/archive.h"

enum {
	SEGMENT_MAGIC = 0x31535350, /* "PSS1" */
	SEGMENT_VERSION = 1,
	RECORD_MAGIC = 0x31525350, /* "PSR1" */
	RECORD_LINES = 1,
	RECORD_GAP = 2,
	/* What a slab of SLAB_SIZE with the most styles and the largest filter can come to, with room
	 * for a frame of what cannot be compressed. */
	RECORD_MAX = 2 * 1024 * 1024,
	SEGMENT_NAME = 24,
};

struct segment_head {
	uint32_t magic, version;
	uint64_t generation;
};

struct record_head {
	uint32_t magic;
	uint32_t sum;      /* of what follows in the head */
	uint32_t data_sum; /* of what follows the head */
	uint32_t size;     /* of all, the head as well */
	uint32_t kind;     /* RECORD_* */
	uint32_t filter;   /* bytes */
	uint32_t front;    /* bytes of the slab up to the end of its text */
	uint32_t meta;     /* bytes */
	uint32_t nstyles;
	uint32_t text; /* bytes of text in the slab */
	int64_t run_started_ms, run_pid;
	uint64_t first, lines;
	int64_t first_ms, last_ms;
	char id[ID_MAX]; /* filled up with NULs */
};

/* "0001795268748123.seg" */
void segment_name(char name[SEGMENT_NAME], int64_t number, const char *end);

/* The number of a name with this end; -1 for other names. */
int64_t segment_number(const char *name, const char *end);

/* All bytes, or a negative errno value; segment_read gives -EBADMSG at the end of the file. */
int segment_write(int fd, const void *data, size_t len, uint64_t at);
int segment_read(int fd, void *data, size_t len, uint64_t at);

/* A new file, mode 0600, with its head; replaces nothing but a .new. */
int segment_create(int dir, const char *name, uint64_t generation, int *fd);

/* -EBADMSG for a file that is no segment, -EPROTO for one of another version. */
int segment_open(int dir, const char *name, int flags, int *fd, uint64_t *generation);

/* The head at a place of a file of that size: 0, -ENOMSG when the rest of the file is the
 * beginning of a record (or nothing), -EBADMSG when it is wrong. */
int record_head_read(int fd, uint64_t at, uint64_t size, struct record_head *head);

void record_head_id(const struct record_head *head, char id[ID_MAX + 1]);

/* Making and reading records. */
struct codec;

struct codec *codec_new(void);
void codec_free(struct codec *c);

/* Appends a record to b. The head's run and id are taken from `as`; lines, times and sizes are
 * filled in. */
int codec_put(struct codec *c, const struct record_head *as, const struct slab_header *slab,
    const struct style *styles, unsigned nstyles, struct buf *b);
void codec_put_gap(const struct record_head *as, uint64_t first, uint64_t lines,
    int64_t time_ms, struct buf *b);

/* Reads the record at a place: -EBADMSG when it is damaged, otherwise what the system said. */
int codec_read(
    struct codec *c, int fd, uint64_t at, uint32_t size, struct archive_block *block);

/* Whether a record has its sum. */
int codec_check(struct codec *c, int fd, uint64_t at, uint32_t size);

#endif
