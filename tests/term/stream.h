/* Output of a pane for tests: recordings, and random sequences of everything that a terminal
 * knows. */
#ifndef TESTS_STREAM_H
#define TESTS_STREAM_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

struct random {
	uint64_t state; /* not 0 */
};

unsigned below(struct random *g, unsigned n); /* 0..n-1 */

void stream_open(void); /* reads the recordings */
void stream_close(void);

/* At least `len` bytes. */
void stream_fill(struct random *g, size_t len, struct buf *b);

#endif
