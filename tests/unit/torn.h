/*
 * What a loss of power may make of the end of a file: each of these changes `len` bytes of `data` from
 * `at` on, a sector's beginning, and returns the length of the file.
 */
#ifndef TESTS_TORN_H
#define TESTS_TORN_H

#include <stddef.h>

/* What is slow looks at some sectors and bits. */
#ifdef WITH_SANITIZERS
enum { TORN_STEP = 7, TORN_FLIPS = 60 };
#else
enum { TORN_STEP = 1, TORN_FLIPS = 400 };
#endif

enum { TORN_SECTOR = 512 };

typedef size_t (*torn_how)(char *data, size_t at, size_t len);

size_t torn_cut(char *data, size_t at, size_t len);
size_t torn_zeroes(char *data, size_t at, size_t len);  /* up to the end */
size_t torn_garbage(char *data, size_t at, size_t len); /* and the end behind some of it */
size_t torn_hole(
    char *data, size_t at, size_t len); /* this sector; those behind it did reach the disk */

void torn_scramble(char *data, size_t len, unsigned seed);

#endif
