/*
 * A stream of bytes from elsewhere, for a terminal: harmless (cli/columns.h), but with its lines and
 * tabs. It may be cut anywhere: what a character lacks is waited for. Pure; any thread.
 */
#ifndef CLI_TAME_H
#define CLI_TAME_H

#include <stddef.h>

struct buf;

struct tame {
	char part[4]; /* of a character that is not whole */
	size_t len;
};

void tame_put(struct tame *t, struct buf *out, const char *data, size_t len);
void tame_end(struct tame *t, struct buf *out); /* what was not whole is not coming */

/* All of a text, at once. */
void tame_text(struct buf *out, const char *text);

#endif
