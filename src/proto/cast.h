/*
 * asciicast, versions 2 and 3: recordings of terminals, line by line.
 *
 * The first line is a JSON object, the header; every other is a JSON array of a time, a code and
 * a text, the events:
 *
 *	o	what was printed	i	what was typed
 *	r	"COLSxROWS"		m	a mark with a label
 *	x	the exit status, in version 3 alone
 *
 * A time is in seconds: since the beginning in version 2, since the event before in version 3,
 * where lines that begin with # are comments. What is printed is bytes and an event is text, so
 * the writer keeps the beginning of a character until its rest comes, and writes U+FFFD for what
 * is none. Times have three decimals; what rounding takes from one interval the next one has, so
 * that they never add up to more than half a millisecond beside the truth.
 *
 * What is read may come from anywhere: lines, events, sizes and times are bounded.
 *
 * Pure; any thread. Source: docs.asciinema.org, asciicast v2 and asciicast v3.
 */
#ifndef PROTO_CAST_H
#define PROTO_CAST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

enum {
	CAST_SIZE_MAX = 2000,               /* columns, rows */
	CAST_LINE_MAX = 16 * 1024 * 1024,   /* bytes of a line */
	CAST_EVENTS_MAX = 10 * 1000 * 1000, /* lines of a file */
	CAST_TEXT_MAX = 4096,               /* bytes of a title, a command */
};
#define CAST_TIME_MAX ((int64_t)366 * 24 * 3600 * 1000000) /* microseconds, all together */

struct cast_header {
	unsigned version; /* 2 or 3 */
	unsigned cols, rows;
	int64_t timestamp;            /* seconds since 1970; 0: not known */
	int64_t idle_limit_us;        /* longest pause when it is shown; -1: as it was */
	char *title, *command, *term; /* NULL: not known */
};

/* Writing. */

struct cast_writer {
	unsigned version;
	int64_t written_ms; /* since the beginning, as the intervals written add up */
	char part[4];       /* of a character that is not whole */
	size_t npart;
};

/* Appends the header's line. */
void cast_put_header(struct buf *b, const struct cast_header *h);

/* One that goes on behind what has been written, at_us after the beginning; 0 for a new file. */
void cast_writer_init(struct cast_writer *w, unsigned version, int64_t at_us);

/* Appends an event's line. Times are since the beginning and do not go back: one that is less
 * than the last counts as the last. Output that is no more than the beginning of a character
 * appends nothing. */
void cast_put_output(
    struct cast_writer *w, struct buf *b, int64_t time_us, const char *data, size_t len);
void cast_put_event(
    struct cast_writer *w, struct buf *b, int64_t time_us, char code, const char *text);

/* Nothing is coming that would complete the character that has begun. */
void cast_put_rest(struct cast_writer *w, struct buf *b, int64_t time_us);

/* Reading. */

struct cast_reader {
	struct cast_header header; /* version 0 until it has been read */
	uint64_t lines;
	int64_t now_us; /* of the last event */
	unsigned cols, rows;
	struct buf text;
};

struct cast_event {
	int64_t time_us;  /* since the beginning */
	char code;        /* '?' for one that is longer than a letter */
	const char *data; /* borrowed until the next line; UTF-8 that may hold NULs */
	size_t len;
	unsigned cols, rows; /* of r */
	int status;          /* of x: 0 to 255 */
};

void cast_reader_init(struct cast_reader *r);
void cast_reader_release(struct cast_reader *r);

/* Takes a line without its newline: 1 when it was an event, 0 for the header, a comment or an empty
 * line; -EINVAL with a cause that says which line. */
int cast_read_line(
    struct cast_reader *r, const char *line, size_t len, struct cast_event *e, char **cause);

#endif
