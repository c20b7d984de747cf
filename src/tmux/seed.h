/*
 * What a tmux pane held before panescry saw it, from captures to bytes for a terminal.
 *
 * The captures are made in one command list, so that they show one moment: the state, then
 * seed_commands, or seed_commands_alt for a pane that shows the alternate screen. What each printed
 * is given to seed_new in that order. From them come the lines of the main screen with its
 * history, the rows of the alternate screen if that is up, and the state of the terminal: cursor,
 * modes, scroll region, tab stops.
 *
 * seed_write_* make bytes of them, which bring a terminal of the same size into the pane's state,
 * wherever it was before. They leave out lines that it has in its history already: seed_overlap
 * finds those.
 *
 * Lines are logical ones: tmux joins rows that wrapped. What capture-pane gives beyond what was
 * printed is taken off: spaces up to the width of the row, and the one that stands for a last
 * column too narrow for a wide character. Of escape sequences only SGR and OSC 8 are let through;
 * line drawing becomes the characters that it shows; other controls are dropped. Should the
 * screen's lines not fill as many rows here as in tmux (it can join rows that have been emptied or
 * measure characters otherwise), the screen's rows are taken for lines instead, cut at the width.
 *
 * tmux keeps more lines than a terminal here does: those that left a scroll region further down.
 *
 * Not in a capture, so not restored: the pen, character sets in use, saved cursors but that of
 * 1049, focus events, the cursor's style, the title, a character of which only some bytes have
 * come, bracketed paste before tmux 3.7; of links, what a wrapped line has in its later rows. With
 * the alternate screen up, that a line goes on from the history to the main screen (tmux forgets
 * it), and the main screen's own scroll region (tmux has one for both).
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

/* The argument of `display-message -p -t %PANE`, with double quotes around it for tmux's parser. */
extern const char seed_state_format[];

/* The captures: a command each, to which the pane's number has to be appended. Those of a pane
 * with the alternate screen up are others; which it is must be known before, and is said by the
 * state, too. Each prints one block and none fails while there is the pane. The client must be one
 * for UTF-8 (tmux -u): tmux makes the text ASCII for others. */
enum { SEED_PARTS_MAX = 5 };
extern const char *const seed_commands[];     /* ends with NULL */
extern const char *const seed_commands_alt[]; /* the same */

struct seed_part {
	const char *data; /* as tmux printed it, without the last newline */
	size_t len;
};

/* parts: the state, then what the commands printed. Copies what it keeps. -EAGAIN when the pane
 * was on the other screen, or in the midst of a synchronised update: ask again. -EINVAL when the
 * state makes no sense. */
int seed_new(bool alt, const struct seed_part *parts, size_t n, struct seed **out);
struct seed *seed_ref(struct seed *s); /* one more owner, in the same thread */
void seed_free(struct seed *s);        /* one owner less */

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

/* A line as plain text, as a terminal here would say it: escape sequences taken out, tabs as
 * spaces, without the blanks at its end that cannot be seen. Appended to b. */
void seed_text(const struct seed *s, size_t i, struct buf *b);

/* A number that is equal for lines that look alike: runs of blanks count as one, and those at the
 * ends not at all. */
uint64_t seed_hash_text(const char *text, size_t len);
uint64_t seed_hash(const struct seed *s, size_t i);

/*
 * Where a history goes on in the seed. `ours` are hashes of the newest lines that have left a
 * terminal's screen, oldest first. The answer is the index of the line that follows the last of
 * them, up to seed_lines. An overlap is whole when all lines agree back to the first of ours or
 * the seed's first. It is strong when at least SEED_OVERLAP_MIN lines agree that are not all alike.
 * The first of these that there is:
 *
 *  1. the whole and strong one that leaves the fewest new lines;
 *  2. the strong one with the most lines (further up something differs);
 *  3. the whole one of all of ours with as many of the seed's first lines;
 *  4. the whole one that leaves the fewest new lines.
 *
 * -ENOENT when there is none; 0 when n is 0: all is new. Takes time in proportion to the lines.
 */
enum { SEED_OVERLAP_MIN = 4 };
int64_t seed_overlap(const struct seed *s, const uint64_t *ours, size_t n);

/*
 * Bytes, appended to b, in three pieces, so that a long one can be fed bit by bit:
 *
 * seed_write_reset brings any terminal to an empty main screen, modes and tab stops as in a fresh
 * one, without clearing it as a whole: the rows do not enter the history. But a line of which the
 * first part has left the screen is completed by it, and no business of a history's either: what
 * the terminal says while it is fed this piece is to be ignored.
 *
 * seed_write_lines writes lines from..to - 1. For a terminal to show what the pane shows, from
 * must be at most seed_screen_line, and `to` of the last piece seed_lines.
 *
 * seed_write_state, after the last line, writes the alternate screen, scroll region, tab stops,
 * cursor, modes, and the escape sequence that the pane's program has begun and not ended.
 */
void seed_write_reset(struct buf *b);
void seed_write_lines(const struct seed *s, size_t from, size_t to, struct buf *b);
void seed_write_state(const struct seed *s, struct buf *b);

#endif
