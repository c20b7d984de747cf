/*
 * What a terminal says by itself, among what is typed at it.
 *
 * A pane's program gets its answers from the daemon's terminal, once. The terminal that `attach`
 * runs on sees the same queries in the output and answers as well: device attributes, cursor
 * positions, modes, colours. Those answers must not be typed into the pane.
 */
#ifndef CLI_REPORTS_H
#define CLI_REPORTS_H

#include <stddef.h>

/* Takes such answers out of the bytes, in place, and returns how many are left. One that is
 * cut off by the end of the bytes stays. Xterm's F3 with a modifier looks like a cursor position
 * in row 1 and stays, too. */
size_t reports_remove(char *bytes, size_t len);

#endif
