/*
 * A thread that reads from or writes to one descriptor which may block, for a loop that must not.
 *
 * Standard input and output are what they are (a file, a terminal, a pipe that somebody else has open,
 * too), so they are not made non-blocking. One thing at a time: the next read or write begins after the
 * one before has been told. The thread ends with the process. All calls and callbacks: loop's thread.
 */
#ifndef CLI_LANE_H
#define CLI_LANE_H

#include <stddef.h>

typedef struct uv_loop_s uv_loop_t;

struct buf;
struct lane;

/* rc: bytes, 0 at the end of what is read, or a negative errno value. `data` is what was read, valid
 * until it returns. */
typedef void (*lane_cb)(void *arg, long rc, const char *data);

struct lane *lane_new(uv_loop_t *loop, int fd, lane_cb done, void *arg);
void lane_read(struct lane *l, size_t max);
void lane_write(struct lane *l, struct buf *take); /* all of it; `take` is empty afterwards */

#endif
