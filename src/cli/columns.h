/*
 * Text from a pane, for a terminal: harmless, and no wider than there is room.
 *
 * What is not a printable character (C0, DEL, C1, what turns the direction of writing, what is
 * no UTF-8) becomes a question mark, so that nothing of it is an escape sequence. Columns are
 * counted as the terminal engine does (term/width.h). Pure; any thread.
 */
#ifndef CLI_COLUMNS_H
#define CLI_COLUMNS_H

#include <stddef.h>

struct buf;

/* Appends as many characters of text as fit into *left columns, takes off what they need, and
 * returns their bytes: less than len where there was no more room. */
size_t columns_put(struct buf *b, const char *text, size_t len, unsigned *left);

unsigned columns_of(const char *text, size_t len);

/* Bytes of the shortest beginning of text after which the rest takes at most `width` columns. */
size_t columns_skip(const char *text, size_t len, unsigned width);

#endif
