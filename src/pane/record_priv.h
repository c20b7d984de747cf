/* What record.c and restore.c share: the record's inside. Not for other files. */
#ifndef PANE_RECORD_PRIV_H
#define PANE_RECORD_PRIV_H

#include "base/buf.h"
#include "pane/record.h"

struct record {
	struct memory *memory;
	struct term *term;
	struct history *history;
	struct record_callbacks cb;
	void *arg;
	int64_t now_ms; /* of the bytes that are being fed */
	char *title;
	uint64_t lines;    /* completed: the number of the last */
	uint64_t saved_at; /* offset of the newest slot in the memory */
	bool drawing;      /* a saved screen is being fed: nobody hears of it */
	bool replaying;    /* output that has been fed before, by another process */
	bool catching_up;  /* or has been read, at least */
	bool save_due;     /* the memory has no room for another time */
	uint64_t replies;  /* to the program, since the beginning */

	struct record_command *commands; /* a ring of RECORD_COMMANDS, made with the first */
	size_t first, count;
	uint64_t text_line; /* where the command line begins: mark B */
	uint32_t text_byte;
	bool typing;      /* between B and C */
	struct buf typed; /* of the lines of it that have left the screen */

	unsigned views; /* that are out */
	bool freed;     /* waits for them */
};

/* record.c */
struct record *record_make(struct memory *take, unsigned cols, unsigned rows,
    const struct record_options *options, const struct record_callbacks *cb, void *arg);
struct record_command *record_add_command(struct record *r);

/* restore.c: writes the terminal as it is to the memory. */
void record_save(struct record *r);

#endif
