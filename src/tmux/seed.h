/*
 * What a tmux pane held before panescry saw it, from captures to bytes for a terminal.
 *
 * The captures are made in one command list, so that they show one moment. SEED_COMMANDS lists
 * them; what each printed is given to seed_new in that order. From them come the lines of the main
 * screen with its history, the rows of the alternate screen if that is up, and the state of the
 * terminal: cursor, modes, scroll region, tab stops.
 *
 * seed_write makes bytes of them, which bring a terminal of the same size into the pane's state,
 * wherever it was before. They leave out lines that it has in its history already:
 * seed_overlap finds those.
 *
 * Lines are logical ones: tmux joins rows that wrapped. What capture-pane gives beyond what was
 * printed (spaces up to the width of the row) is taken off. Of escape sequences only SGR, OSC 8
 * and the shifts to line drawing are let through.
 *
 * Not in a capture, so not restored: the pen's colours, character sets, saved cursors of the main
 * screen, bracketed paste before tmux 3.7, focus events.
 *
 * Pure; any thread.
 */
#ifndef TMUX_SEED_H
#define TMUX_SEED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct buf;
struct seed;

/* A format for display-message: fields with tabs between them, for seed_new. In double quotes for
 * tmux's parser. */
extern const char seed_state_format[];

/* The captures: a printf format each, with the pane's number. Those of a pane with the alternate
 * screen up are others; which it is must be known before, and is said by the state, too. */
enum { SEED_PARTS_MAX = 6 };
extern const char *const seed_commands[];     /* ends with NULL */
extern const char *const seed_commands_alt[]; /* the same */

struct seed_part {
	const char *data; /* as tmux printed it, without the last newline */
	size_t len;
};

/* parts: the state, then what the commands printed. Copies what it keeps. -EAGAIN when the pane
 * was on the other screen, or in the midst of a synchronised update: ask again. -EINVAL when it
 * makes no sense. */
int seed_new(bool alt, const struct seed_part *parts, size_t n, struct seed **out);
void seed_free(struct seed *s);

struct seed_state {
	unsigned cols, rows;
	bool alternate;
	uint64_t history;       /* rows above the screen */
	uint64_t history_limit; /* and how many there may be */
};
const struct seed_state *seed_state(const struct seed *s);

size_t seed_lines(const struct seed *s);       /* of history and main screen */
size_t seed_screen_line(const struct seed *s); /* index of the first that reaches the screen */

/* How many rows of the screen's width a line takes. */
unsigned seed_rows(const struct seed *s, size_t i);

/* A line as plain text: escape sequences taken out. Appended to b. */
void seed_text(const struct seed *s, size_t i, struct buf *b);

/* A number that is equal for lines that look alike: runs of blanks count as one, and those at the
 * ends not at all. */
uint64_t seed_hash_text(const char *text, size_t len);
uint64_t seed_hash(const struct seed *s, size_t i);

/*
 * Where a history goes on in the seed. `ours` are hashes of the newest lines that have left a
 * terminal's screen, oldest first. The answer is the index of the line that follows the last of
 * them: from 0, when that is the seed's first, to seed_lines. The longest overlap is chosen for which all lines agree;
 * failing that one of at least SEED_OVERLAP_MIN lines that are not all alike. -ENOENT when there is none.
 */
enum { SEED_OVERLAP_MIN = 4 };
int64_t seed_overlap(const struct seed *s, const uint64_t *ours, size_t n);

/*
 * Bytes, appended to b, in three pieces, so that a long one can be fed bit by bit:
 * seed_write_reset brings any terminal to an empty main screen without clearing it as a whole
 * (nothing of it is to enter a history); seed_write_lines writes lines from..to - 1; and
 * seed_write_state, after the last line, the alternate screen, modes and cursor. For a terminal
 * to show what the pane shows, from must be at most seed_screen_line and `to` of the last piece
 * seed_lines.
 */
void seed_write_reset(struct buf *b);
void seed_write_lines(const struct seed *s, size_t from, size_t to, struct buf *b);
void seed_write_state(const struct seed *s, struct buf *b);

#endif
