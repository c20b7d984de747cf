/*
 * A snapshot fed to a second terminal gives an equal one, whatever was fed to the first. Input
 * as fuzz_term's. The snapshot of the second must be the same bytes but for what a snapshot
 * leaves out.
 */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "pane.h"

static void
compare(const struct pane *p, uint64_t lines)
{
	struct term_state s;
	struct pane second;
	char why[256];
	struct buf b;

	term_get_state(p->term, &s);
	buf_init(&b, BUF_NO_MAX);
	if (pane_snapshot(p, lines, &b) != 0)
		abort();
	pane_init(&second, s.cols, s.rows, true, true);
	term_feed(second.term, b.data, b.len);
	if (pane_equal(p, &second, why, sizeof why) != 0) {
		fprintf(stderr, "%s\n", why);
		abort();
	}
	pane_release(&second);
	buf_release(&b);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *s = (const char *)data;
	struct pane p;

	if (size < 3 || size > 16384)
		return 0;
	pane_init(&p, data[0] % 100 + 1, data[1] % 50 + 1, data[2] & 1, data[2] & 2);
	for (size_t i = 3, n; i < size; i += n) {
		const char *stop = memchr(s + i, 0xFF, size - i);

		n = stop != NULL ? (size_t)(stop - (s + i)) : size - i;
		if (stop == s + i) {
			if (size - i >= 3)
				term_resize(
				    p.term, data[i + 1] % 130 + 1, data[i + 2] % 60 + 1);
			n = size - i >= 3 ? 3 : size - i;
		} else {
			term_feed(p.term, s + i, n);
		}
	}
	compare(&p, data[2] >> 4);
	pane_release(&p);
	return 0;
}
