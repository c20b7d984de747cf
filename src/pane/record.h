/*
 * What a pane remembers: its screen, its history, and the commands that its shell marked.
 *
 * Every byte of output goes through record_feed. Lines that leave the screen are pushed into
 * the history with the time that was given; the terminal's offset is the ring's. The record
 * answers the terminal queries of the program (DA, DSR, CPR, DECRQM) itself, through `reply`:
 * a pane may have no viewer or many, and must get one answer, from the terminal that all see.
 *
 * Loop's thread, but for a struct record_view, which is a fixed piece that one other thread
 * may read.
 */
#ifndef PANE_RECORD_H
#define PANE_RECORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "history/history.h"
#include "term/style.h"
#include "term/term.h"

struct buf;
struct memory;
struct record;

enum {
	RECORD_COMMANDS = 1000,     /* that are kept, the newest */
	RECORD_COMMAND_TEXT = 4096, /* bytes of a command line */
};

struct record_options {
	uint64_t lines;            /* most lines of history, at least 1 */
	uint64_t bytes;            /* most bytes of it, at least HISTORY_BYTES_MIN */
	bool clear_to_history;     /* a cleared screen's rows enter the history */
	bool clear_history_on_ed3; /* CSI 3 J forgets the history */
};

struct record_callbacks {
	void (*reply)(const char *data, size_t len, void *arg);
	void (*title)(const char *title, void *arg);
	void (*bell)(void *arg);
};

/*
 * All of it that must outlive the process lies in the pane's memory (pane/memory.h), which the
 * record takes. record_new begins in a fresh one. record_restore goes on in one that another
 * process left: what its ring holds beyond what was fed is fed, no line is pushed twice, and the
 * program gets no answer twice. *warning is set, for the caller to free, when something had to
 * be given up, which is the screen, or the screen and the history; -EINVAL and the memory
 * stays the caller's when nothing can be made of it. With `blank` the screen is not drawn again,
 * as when that has ended a process before.
 */
struct record *record_new(struct memory *take, const struct record_options *options,
    const struct record_callbacks *cb, void *arg);
int record_restore(struct memory *take, const struct record_options *options, bool blank,
    const struct record_callbacks *cb, void *arg, struct record **out, char **warning);
void record_free(struct record *r); /* what views hold stays until they are released */

struct memory *record_memory(struct record *r);

/* The bytes from `data` on, which are the ring's next and have been committed to it. */
void record_feed(struct record *r, const void *data, size_t len, int64_t now_ms);
void record_resize(struct record *r, unsigned cols, unsigned rows, int64_t now_ms);

/*
 * For a terminal that is kept elsewhere (pane.h), of which output was missed. `reset` are bytes,
 * the ring's next and committed to it, that empty the screen, of which nothing is to enter the
 * history; `line` is the number of the first line that what follows draws. Lines that the history
 * has already are not pushed again.
 */
void record_redraw(
    struct record *r, const void *reset, size_t len, uint64_t line, int64_t now_ms);

/* Lines up to the screen's last, from `from` on, did not come as output but from a capture. */
void record_captured(struct record *r, uint64_t from);
/* The i-th stretch of such lines, oldest first; false when there are no more. */
bool record_captured_span(const struct record *r, size_t i, uint64_t *from, uint64_t *to);

/* Bytes that show the terminal as it is, from a reset one, with up to `lines` lines of history
 * above it; the raw offset they stand for is returned. */
uint64_t record_snapshot(const struct record *r, unsigned lines, struct buf *b);

const char *record_title(const struct record *r); /* "" where there is none */
uint64_t record_first_line(const struct record *r);
/* Lines of the history from a number on, and the styles that their runs mean; good until the
 * next feed, but for the view, which is to be released. */
void record_history(struct record *r, uint64_t from, struct history_view *v);
const struct styles *record_styles(const struct record *r);
/* Of the first line of the history that was complete at that time or later; behind the last one
 * when there is none. */
uint64_t record_find_time(const struct record *r, int64_t time_ms);
uint64_t record_history_last(const struct record *r); /* of the last that has left the screen */
uint64_t record_last_line(const struct record *r);    /* of the screen's last line with text */
void record_stats(const struct record *r, struct history_stats *stats, size_t *terminal);

/* A command between a shell's marks (OSC 133). Lines are 0 and times 0 where not known yet. */
struct record_command {
	uint64_t prompt_line, output_line, end_line;
	int64_t started_ms, finished_ms;
	int exit_status; /* -1 where not known */
	char *text;      /* the command line; "" where it was not marked */
};
size_t record_command_count(const struct record *r);
const struct record_command *record_command(
    const struct record *r, size_t i); /* oldest first */

/* A fixed piece, for another thread: lines of history, then the screen's. */
struct record_view {
	struct record *record;
	struct history_view history;
	struct term_text screen;
	struct styles *styles;   /* a copy */
	struct term_state state; /* title and cwd are NULL */
	uint64_t first_line;     /* of the screen; 0 for the alternate one */
	uint64_t from, to;       /* numbers that were asked for; of the screen, too */
};

/* `lines` lines of history and the screen: the one that is shown, or with main_screen the main
 * one. Styles are copied only if asked for. Taken and released on the loop's thread. */
void record_view(
    struct record *r, uint64_t lines, bool main_screen, bool styles, struct record_view *v);

/* The same for the lines from..to of history and main screen. `screen` has all of the screen's
 * lines: which of them are meant is for the reader to see. */
void record_view_range(
    struct record *r, uint64_t from, uint64_t to, bool styles, struct record_view *v);
void record_view_release(struct record_view *v);

#endif
