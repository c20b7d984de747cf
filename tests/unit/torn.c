#include "config.h"

#include "torn.h"

#include <stdlib.h>
#include <string.h>

enum { GARBAGE = 4096 };

size_t
torn_cut(char *data, size_t at, size_t len)
{
	(void)data;
	(void)len;
	return at;
}

size_t
torn_zeroes(char *data, size_t at, size_t len)
{
	memset(data + at, 0, len - at);
	return len;
}

void
torn_scramble(char *data, size_t len, unsigned seed)
{
	for (size_t i = 0; i < len; i++)
		data[i] = (char)(rand_r(&seed) >> 7);
}

size_t
torn_garbage(char *data, size_t at, size_t len)
{
	size_t n = len - at < GARBAGE ? len - at : GARBAGE;

	torn_scramble(data + at, n, (unsigned)at);
	return at + n;
}

size_t
torn_hole(char *data, size_t at, size_t len)
{
	memset(data + at, 0, len - at < TORN_SECTOR ? len - at : TORN_SECTOR);
	return len;
}
