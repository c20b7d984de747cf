#include "config.h"

#include "store/archive_sum.h"

#include <pthread.h>

#include "store/archive_file.h"

static pthread_once_t once = PTHREAD_ONCE_INIT;
static uint32_t table[8][256];

/* Eight bytes a step: table[n] is what a byte does n bytes further on. */
static void
make_table(void)
{
	for (uint32_t i = 0; i < 256; i++) {
		uint32_t c = i;

		for (int b = 0; b < 8; b++)
			c = c >> 1 ^ (c & 1 ? 0x82F63B78u : 0);
		table[0][i] = c;
	}
	for (int n = 1; n < 8; n++)
		for (int i = 0; i < 256; i++)
			table[n][i] = table[n - 1][i] >> 8 ^ table[0][table[n - 1][i] & 0xFF];
}

uint32_t
archive_sum(const void *data, size_t len)
{
	const unsigned char *p = data;
	uint32_t c = 0xFFFFFFFFu;

	pthread_once(&once, make_table);
	for (; len >= 8; p += 8, len -= 8) {
		c ^= p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
		c = table[7][c & 0xFF] ^ table[6][c >> 8 & 0xFF] ^ table[5][c >> 16 & 0xFF] ^
		    table[4][c >> 24] ^ table[3][p[4]] ^ table[2][p[5]] ^ table[1][p[6]] ^
		    table[0][p[7]];
	}
	for (; len != 0; p++, len--)
		c = c >> 8 ^ table[0][(c ^ *p) & 0xFF];
	return ~c;
}

uint32_t
record_head_sum(const struct record_head *head)
{
	size_t at = offsetof(struct record_head, data_sum);

	return archive_sum((const char *)head + at, sizeof *head - at);
}
