/*
 * The bytes that a pane wrote, as the daemon's ring still has them.
 *
 * A viewer that only reads (proto/attach.h), from one offset to another. Blocks; errors have been
 * printed, and are exit statuses (cli/cli.h).
 */
#ifndef CLI_PANE_RAW_H
#define CLI_PANE_RAW_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"

/*
 * Appends to `out` what the pane with this id wrote from `from` to `to`, which it has written already.
 * Returns CLI_DONE and in *start the offset of the first byte. Where the pane has gone on so far that
 * the first ones are lost, a snapshot comes in their stead, for a reset terminal: *drawn is true, and
 * *start the offset behind it.
 */
int pane_raw(
    const char *id, uint64_t from, uint64_t to, struct buf *out, uint64_t *start, bool *drawn);

#endif
