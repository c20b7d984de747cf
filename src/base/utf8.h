/*
 * UTF-8, as the Unicode standard (chapter 3, table 3-7) and the WHATWG encoding standard have
 * it: no surrogates, nothing above U+10FFFF, no over-long forms; one U+FFFD for each maximal
 * ill-formed part. Pure; any thread.
 */
#ifndef BASE_UTF8_H
#define BASE_UTF8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define UTF8_REPLACEMENT 0xFFFDu
#define UTF8_MAX 4 /* bytes in the longest sequence */

/* Decodes the sequence at s (len > 0) into *cp and returns its bytes. For an ill-formed part
 * *cp is UTF8_REPLACEMENT and the return value its length. A sequence that is well-formed so
 * far but cut off by the end returns 0. */
size_t utf8_decode(const char *s, size_t len, uint32_t *cp);

/* Writes cp (a scalar value) to out and returns the number of bytes, 1 to 4. */
size_t utf8_encode(uint32_t cp, char out[UTF8_MAX]);

/* Whether a character may be shown among others: no control (C0, DEL, C1), nothing that ends a line or
 * embeds, overrides or isolates a direction of writing. */
bool utf8_is_plain(uint32_t cp);

bool utf8_valid(const char *s, size_t len);

/* How much of a string is no longer than max bytes and ends with a whole character; for "%.*s". */
int utf8_prefix(const char *s, int max);

/* A copy with every ill-formed part replaced, to be freed by the caller. */
char *utf8_sanitize(const char *s, size_t len);

#endif
