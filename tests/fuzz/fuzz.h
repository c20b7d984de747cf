/* What the fuzz targets have in common: LLVMFuzzerTestOneInput, which libFuzzer calls, and which
 * tests/fuzz/replay.c calls for the files of past findings where libFuzzer is not there. */
#ifndef TESTS_FUZZ_H
#define TESTS_FUZZ_H

#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#endif
