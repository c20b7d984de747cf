/* Strings and numbers from outside. Pure; any thread. */
#ifndef BASE_STR_H
#define BASE_STR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ID_MAX 64 /* most bytes in an id, without the NUL */

/* Decimal digits and nothing else, within lo..hi; -EINVAL or -ERANGE otherwise. */
int str_u64(const char *s, uint64_t lo, uint64_t hi, uint64_t *out);

/* "80x24", each side within 1..max. */
int str_size(const char *s, unsigned max, unsigned *cols, unsigned *rows);

/* An id or a name: [A-Za-z0-9_.%-]{1,64}. */
bool str_id_valid(const char *s);

bool str_starts(const char *s, const char *prefix);

/* Decodes %XX (and, for a form, + as a space) in place. -EINVAL for a bad escape or a NUL. */
int str_url_decode(char *s, bool form);

/* Appends s to a URL with everything but unreserved characters escaped; the caller frees. */
char *str_url_encode(const char *s);

/* Equal, in time that depends on the lengths alone. */
bool str_equal_ct(const void *a, size_t alen, const void *b, size_t blen);

/* The last byte `c` of `len`; NULL: there is none. */
const char *str_last(const char *s, char c, size_t len);

void str_hex(const unsigned char *p, size_t len, char *out); /* out: 2 * len + 1 */

#endif
