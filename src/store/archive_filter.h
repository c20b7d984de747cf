/*
 * What a record cannot contain, told without reading it.
 *
 * A filter is a set of bits: for each three bytes that follow each other in a line (a trigram),
 * after folding, the bit of their hash is set. A literal all of whose trigrams have their bit set
 * may be there; one of which a single bit is clear is not. There is never a wrong no.
 *
 *	folding   A-Z become a-z; U+017F (long s) becomes s and U+212A (Kelvin) becomes k, which are
 *	          all the other characters that a caseless pattern takes for ASCII ones. Everything
 *	          else stays as it is
 *	hash      (b0 | b1 << 8 | b2 << 16) * 0x9E3779B1, of which the highest bits are the index
 *	size      a power of two, from ARCHIVE_FILTER_MIN to ARCHIVE_FILTER_MAX bytes: it is made at
 *	          its largest and halved while few bits are set, for which neighbours are joined
 *
 * Text and literals are UTF-8. With `caseless`, trigrams of the literal that have a byte above
 * 0x7F are left out, as other characters may be equal to theirs. Those with a newline are in no
 * line. A literal without a trigram may always be there.
 *
 * Pure; any thread.
 */
#ifndef STORE_ARCHIVE_FILTER_H
#define STORE_ARCHIVE_FILTER_H

#include <stdbool.h>
#include <stddef.h>

enum {
	ARCHIVE_FILTER_MIN = 64,
	ARCHIVE_FILTER_MAX = 16 * 1024,
};

/* Makes the filter of a text of lines in place; returns its size. */
size_t archive_filter_make(
    unsigned char bits[ARCHIVE_FILTER_MAX], const char *text, size_t len);

/* True for a size that no filter has. */
bool archive_filter_may_contain(
    const unsigned char *bits, size_t size, const char *literal, size_t len, bool caseless);

#endif
