/*
 * The ring: the last raw bytes that a pane wrote, from which every viewer is fed.
 *
 * Output is stored once and addressed by its offset: the count of bytes since the pane began,
 * which never goes back and is what a viewer resumes from. A viewer keeps an offset and no
 * buffer; one that asks for an offset older than ring_start has fallen out and must be given a
 * snapshot of the screen.
 *
 * Format. The ring lives in one block of memory that the caller provides and that holds no
 * pointers, so that the block may be a file that outlives the process:
 *
 *	struct ring_header	magic, size, end, blank
 *	data[size + RING_SLACK]	the byte at offset o lies at o % (size + RING_SLACK)
 *
 * The newest `size` bytes are always whole. RING_SLACK is the part that a read in flight may be
 * overwriting: bytes are read(2) straight into it and count only when `end` moves, which is the
 * last thing written. A process that dies in the middle of a read leaves a ring that is true.
 *
 * It also leaves one that is whole. A process that is killed within read(2) has taken bytes from
 * the terminal that nobody can read again, and never learns how many. So space is filled with
 * RING_BLANK before it is read into, up to the offset `blank`, and ring_open counts what differs:
 * up to the last byte that is not blank. RING_BLANK occurs in no UTF-8; only output that is not
 * text can end with it, and then loses it, if the process dies at that very moment.
 *
 * One thread. Pointers from ring_space and ring_peek are good until the next ring_commit.
 */
#ifndef HISTORY_RING_H
#define HISTORY_RING_H

#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

enum {
	RING_SLACK = 64 * 1024,
	RING_READ = 4 * 1024, /* most that is read at once: what Linux has of a terminal */
	RING_BLANK = 0xFF,
	RING_MIN = 4 * 1024,
	RING_MAX = 1024 * 1024 * 1024,
};

struct ring_header; /* in the block */

struct ring {
	struct ring_header *head;
	unsigned char *data;
	size_t size; /* bytes that are kept */
};

/* Bytes of the block for a ring that keeps `size` bytes (RING_MIN..RING_MAX). */
size_t ring_block_size(size_t size);

/* Makes an empty ring in a zeroed block of ring_block_size(size) bytes. */
void ring_init(struct ring *r, void *block, size_t size);

/* Takes up the ring that is in a block of `len` bytes, with what its last user had read but not
 * committed. -EINVAL when there is none. */
int ring_open(struct ring *r, void *block, size_t len);

uint64_t ring_start(const struct ring *r); /* oldest offset that is kept */
uint64_t ring_end(const struct ring *r);   /* offset of the next byte */

/* Where the next bytes go: one or two pieces, RING_READ bytes in all, which are blank. Returns the
 * number of pieces. The bytes exist once they are committed (len <= RING_SLACK). */
int ring_space(struct ring *r, struct iovec iov[2]);
void ring_commit(struct ring *r, size_t len);

/* Copies data in; for what does not come from a descriptor. */
void ring_append(struct ring *r, const void *data, size_t len);

/* The bytes from `offset` on, at most `max`, as one or two pieces. Returns their sum: 0 when
 * the offset is ring_end, or -ERANGE when it lies outside of the ring. */
int64_t ring_peek(const struct ring *r, uint64_t offset, size_t max, struct iovec iov[2]);

/* Copies what ring_peek gives to `out`. */
int64_t ring_read(const struct ring *r, uint64_t offset, void *out, size_t max);

#endif
