/*
 * A whole daemon within a fuzz target, and its two doors: nothing of it is replaced, but nothing that
 * it starts can be executed (seccomp), and its directories are new ones in memory. It ends and begins
 * anew after some inputs, so that what they left does not add up.
 *
 * One thread: the loop turns within these functions only.
 */
#ifndef TESTS_FUZZ_DOOR_H
#define TESTS_FUZZ_DOOR_H

#include <stdbool.h>
#include <stddef.h>

struct buf;

#define DOOR_TOKEN "0123456789abcdefghij" /* reads and writes through the TCP door */

/* Before each input. */
void door_begin(void);

/* A connection, to the Unix socket if `local`; *port is what a Host must say. Closed by the caller. */
int door_connect(bool local, unsigned *port);

/* Sends, and turns the loop until all has been taken or the connection has ended. */
void door_send(int fd, const void *data, size_t len);

/* Appends what has come, until nothing more does; where nothing has come yet it waits longer if
 * `patient`. False when the connection has ended. */
bool door_read(int fd, struct buf *b, bool patient);

/* One request through the Unix socket; the answer is appended, head and all. */
void door_ask(
    const char *method, const char *path, const void *body, size_t len, struct buf *b);

#endif
