/*
 * Style runs: how the colours of a line travel beside its text.
 *
 * The text of a line is plain UTF-8. Its runs, in order, say which style each stretch of bytes
 * has. Runs start at byte 0 and leave no gap; what is behind the last one has style 0, the
 * default. A style id is an index into the style table of the pane's terminal (term/style.h);
 * whoever only stores or copies lines need not know what an id means.
 */
#ifndef BASE_RUN_H
#define BASE_RUN_H

#include <stdint.h>

struct style_run {
	uint32_t len;   /* bytes of text, never 0 */
	uint16_t style; /* style id */
};

#endif
