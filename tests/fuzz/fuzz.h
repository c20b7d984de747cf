/* What the fuzz targets have in common: LLVMFuzzerTestOneInput, which libFuzzer calls, and which
 * tests/fuzz/replay.c calls for the files of past findings where libFuzzer is not there. */
#ifndef TESTS_FUZZ_H
#define TESTS_FUZZ_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What must be so whatever the input was. */
#define must(what) \
	do { \
		if (!(what)) { \
			fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #what); \
			abort(); \
		} \
	} while (0)

/* A copy in a block of its own, of which the sanitizers know the end; for the caller to free. */
static inline char *
block_of(const void *data, size_t size)
{
	char *block = malloc(size);

	must(block != NULL || size == 0);
	if (size != 0)
		memcpy(block, data, size);
	return block;
}

/* The same with a NUL behind it. */
static inline char *
text_of(const void *data, size_t size)
{
	char *text = malloc(size + 1);

	must(text != NULL);
	if (size != 0)
		memcpy(text, data, size);
	text[size] = '\0';
	return text;
}

#endif
