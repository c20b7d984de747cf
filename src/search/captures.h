/* What the groups of a pattern hold in a line that matches. Any thread; slower than a scan. */
#ifndef SEARCH_CAPTURES_H
#define SEARCH_CAPTURES_H

#include <stddef.h>

#include "search/matcher.h"

struct pattern;

enum { CAPTURES_MAX = 100 };

/* A group that took no part. */
#define CAPTURE_UNSET ((struct span){UINT32_MAX, UINT32_MAX})

/* For patterns made with PATTERN_GROUPS; of others there is the whole match only.
 *
 * The whole match, then each group of the first match, up to max. Returns how many there are, or 0
 * when the line does not match, or the limits do not let it. */
size_t captures(
    const struct pattern *p, const char *text, size_t len, struct span *groups, size_t max);

#endif
