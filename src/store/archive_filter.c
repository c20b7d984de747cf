#include "config.h"

#include "store/archive_filter.h"

#include <stdint.h>
#include <string.h>

/* A filter is halved while fewer than one bit in this many is set: the next one then has less
 * than two in this many. */
enum { SPARSE = 5 };

static uint32_t
hash(uint32_t trigram)
{
	return trigram * 0x9E3779B1u;
}

/* The next byte after folding. */
static inline unsigned char
fold(const unsigned char **p, const unsigned char *end)
{
	const unsigned char *s = *p;

	*p = s + 1;
	if (*s >= 'A' && *s <= 'Z')
		return *s | 0x20;
	if (*s < 0x80)
		return *s;
	if (end - s >= 2 && s[0] == 0xC5 && s[1] == 0xBF) {
		*p = s + 2;
		return 's';
	}
	if (end - s >= 3 && s[0] == 0xE2 && s[1] == 0x84 && s[2] == 0xAA) {
		*p = s + 3;
		return 'k';
	}
	return *s;
}

/* What single bytes become; 0 for those that say too little. */
static void
make_folded(unsigned char folded[256])
{
	for (unsigned i = 0; i < 256; i++)
		folded[i] = (unsigned char)(i >= 'A' && i <= 'Z' ? i | 0x20 : i);
	folded[0xC5] = folded[0xE2] = 0;
}

static unsigned
log2_of(size_t bits)
{
	unsigned n = 0;

	while (((size_t)1 << n) < bits)
		n++;
	return n;
}

static size_t
count_bits(const unsigned char *bits, size_t size)
{
	size_t n = 0;
	uint64_t w;

	for (size_t i = 0; i < size; i += sizeof w) {
		memcpy(&w, bits + i, sizeof w);
		n += (size_t)__builtin_popcountll(w);
	}
	return n;
}

/* Bit i of the half is bits 2i and 2i + 1 of the whole: the index is the hash's highest bits. */
static void
halve(unsigned char *bits, size_t size)
{
	for (size_t i = 0; i < size / 2; i++) {
		unsigned two = bits[2 * i] | (unsigned)bits[2 * i + 1] << 8;

		two = (two | two >> 1) & 0x5555;
		two = (two | two >> 1) & 0x3333;
		two = (two | two >> 2) & 0x0F0F;
		bits[i] = (unsigned char)(two | two >> 4);
	}
}

static void
add_line(unsigned char *bits, unsigned shift, const unsigned char *folded,
    const unsigned char *p, const unsigned char *end)
{
	uint32_t trigram = 0;

	for (size_t have = 1; p < end; have++) {
		unsigned char c = folded[*p];

		if (c != 0)
			p++;
		else
			c = fold(&p, end);
		trigram = trigram >> 8 | (uint32_t)c << 16;
		if (have >= 3) {
			uint32_t h = hash(trigram) >> shift;

			bits[h / 8] |= (unsigned char)(1 << h % 8);
		}
	}
}

size_t
archive_filter_make(unsigned char bits[ARCHIVE_FILTER_MAX], const char *text, size_t len)
{
	const unsigned char *p = (const unsigned char *)text, *end = p + len, *nl;
	unsigned shift = 32 - log2_of(ARCHIVE_FILTER_MAX * 8);
	size_t size = ARCHIVE_FILTER_MAX;
	unsigned char folded[256];

	make_folded(folded);
	memset(bits, 0, ARCHIVE_FILTER_MAX);
	for (; p < end && (nl = memchr(p, '\n', (size_t)(end - p))) != NULL; p = nl + 1)
		add_line(bits, shift, folded, p, nl);
	add_line(bits, shift, folded, p, end);
	while (size > ARCHIVE_FILTER_MIN && count_bits(bits, size) * SPARSE < size * 8) {
		halve(bits, size);
		size /= 2;
	}
	return size;
}

bool
archive_filter_may_contain(
    const unsigned char *bits, size_t size, const char *literal, size_t len, bool caseless)
{
	const unsigned char *p = (const unsigned char *)literal, *end = p + len;
	unsigned shift, have = 0;
	uint32_t trigram = 0;

	if (size < ARCHIVE_FILTER_MIN || size > ARCHIVE_FILTER_MAX || (size & (size - 1)) != 0)
		return true;
	shift = 32 - log2_of(size * 8);
	while (p < end) {
		unsigned char c = fold(&p, end);

		have = c == '\n' || (caseless && c >= 0x80) ? 0 : have + 1;
		trigram = trigram >> 8 | (uint32_t)c << 16;
		if (have >= 3) {
			uint32_t h = hash(trigram) >> shift;

			if (!(bits[h / 8] & 1 << h % 8))
				return false;
		}
	}
	return true;
}
