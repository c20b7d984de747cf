/*
 * The memory of a pane: what must outlive the worker, in one memory file.
 *
 * A file of fixed size that is mapped whole; pages are taken when they are first written, so most
 * of it costs nothing. It holds offsets and numbers, never pointers. Its parts, in order, each
 * beginning on a page:
 *
 *	header	struct memory_header (memory.c)
 *	birth	what the pane was started as: JSON, written once
 *	styles	the style table: records in order of their ids
 *	links	the hyperlinks they name: URI, NUL, id, NUL, in order
 *	saved	two slots for the terminal as it was at some offset
 *	ring	the newest output (history/ring.h)
 *	slabs	the history (history/slab.h), in no order; unused ones are holes
 *
 * The rule of all writing: what was is never changed before what is to come is whole, and one
 * store says which is valid. A process that dies at any instruction leaves a memory that is true:
 * the header's magic is written last when it is made; ring and slabs have commits of their own;
 * styles and links are appended and then counted; a slot is written while the other one is valid.
 *
 * What comes from a file that another process made is not believed: memory_open checks what
 * everything else relies on (sizes, counts, sums over birth and slots), and what it cannot check
 * (text, styles, times) may be wrong without harm.
 *
 * A terminal is restored as the newest slot, then the ring from its offset on; sizes that changed
 * in between are in the slot's list, and so are the times of a shell's marks. Of two slots the older one will do, since they are never more
 * than half a ring apart.
 *
 * Loop's thread. Where the system has no memory files, or is not to use one, it is private memory,
 * and nothing of this helps anybody but the one process.
 */
#ifndef PANE_MEMORY_H
#define PANE_MEMORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "history/history.h"
#include "history/ring.h"
#include "term/style.h"

struct buf;
struct memory;

enum {
	MEMORY_RESIZES = 32, /* changes of size that a slot has room for */
	MEMORY_MARKS = 64,   /* and times of marks */
};

struct memory_birth {
	const char *id, *name, *cwd; /* name, cwd: NULL for none */
	const char *origin;          /* what it is a pane of elsewhere; NULL: a native one */
	char *const *argv;
	unsigned cols, rows;
	int64_t created_ms;
	size_t ring_size;
	uint64_t history_bytes; /* that the history may take */
	bool private;           /* in no file */
};

int memory_new(const struct memory_birth *birth, struct memory **out, char **cause);

/* From a descriptor, which is taken in any case. -EINVAL and a cause when it is damaged. */
int memory_open(int fd, struct memory **out, char **cause);
void memory_free(struct memory *m); /* unmaps and closes; other holders keep the file */

/* Before the history is freed: its slabs stay in the file, for another holder. */
void memory_leave(struct memory *m);

int memory_fd(const struct memory *m);                           /* -1: private memory */
size_t memory_taken(const struct memory *m);                     /* bytes of pages in use */
const struct memory_birth *memory_birth(const struct memory *m); /* as long as m */
struct ring *memory_ring(struct memory *m);
struct history_allocator memory_allocator(struct memory *m);

/* Small things that change. Each is one store. */
struct memory_state {
	uint64_t fed;      /* output below this offset has gone through the terminal */
	uint64_t cleared;  /* the history begins with this line, as it was cleared; 0: never */
	uint64_t replies;  /* that the program has been given */
	int64_t active_ms; /* of the last output */
	uint32_t cols, rows;
	uint32_t removed;    /* it is to go when it has ended */
	uint32_t ended;      /* and the status below is its own */
	int32_t status;      /* as a shell says it */
	uint32_t unarchived; /* its lines stay out of the archive */
};
struct memory_state *memory_state(struct memory *m);

/* Of a pane that is kept elsewhere. */
struct memory_span {
	uint64_t from, to; /* lines */
};

enum { MEMORY_SPANS = 64 };

struct memory_remote {
	uint64_t
	    redrawn;     /* the terminal was drawn anew when the history ended with this line */
	uint32_t nspans; /* lines that came from a capture; oldest first */
	uint32_t pad;
	struct memory_span spans[MEMORY_SPANS];
};
struct memory_remote *memory_remote(struct memory *m);

/* Appends to the file's table what the terminal's has more. */
void memory_save_styles(struct memory *m, const struct styles *s);

/* Fills an empty table; -EINVAL when what is there is not a table. */
int memory_load_styles(const struct memory *m, struct styles *s);

/* The terminal at an offset: bytes that draw it, and what the record adds of its own. */
struct memory_saved {
	uint64_t offset, lines; /* fed and completed until then */
	unsigned cols, rows;
	const char *screen, *tail; /* into the memory */
	size_t screen_len, tail_len;
	unsigned nresizes;
};

struct memory_resize {
	uint64_t offset;
	uint32_t cols, rows;
};

/* What does not fit (64 MiB) is not written: the slot says then that the screen is blank. */
void memory_save(struct memory *m, const struct memory_saved *what);

/* The newest whole slot that the ring reaches; false when there is none. */
bool memory_saved(const struct memory *m, struct memory_saved *out);
struct memory_resize memory_resize_at(const struct memory *m, unsigned i); /* of that slot */
bool memory_add_resize(struct memory *m, const struct memory_resize *r);   /* false: full */

/* When the mark before that offset came, in the same slot's list: false when it is not there. One
 * beyond a full list came with the last that is. Offsets are added in order. */
bool memory_mark_time(const struct memory *m, uint64_t offset, int64_t *ms);
bool memory_add_mark_time(struct memory *m, uint64_t offset, int64_t ms); /* false: full */

/* Lets the history adopt the slabs that are there; those it does not take are given back. */
void memory_adopt(struct memory *m, struct history *h);

#endif
