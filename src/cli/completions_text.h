/* The fixed parts of the shells' scripts, as completions.awk writes them. */
#ifndef CLI_COMPLETIONS_TEXT_H
#define CLI_COMPLETIONS_TEXT_H

#include <stddef.h>

struct completions_text {
	const char *shell, *before, *behind; /* the tables */
};

extern const struct completions_text completions_texts[];
extern const size_t completions_texts_count;

#endif
