/* Time. Any thread. */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include <stddef.h>
#include <stdint.h>

#define CLOCK_ISO_LEN 25 /* "2026-11-21T02:03:04.567Z" and its NUL */

uint64_t clock_mono_us(void); /* microseconds, never goes back, no relation to the date */
int64_t clock_wall_ms(void);  /* milliseconds since 1970-01-01 UTC; may jump */

/* A moment as people and programs write it: RFC 3339 ("2026-11-21T02:03:04Z", also with an offset,
 * a fraction, or without a time zone, which means UTC; the time may be left out), milliseconds
 * since 1970 as a plain number of more than 8 digits, or how long ago: "90s", "10m", "2h", "3d",
 * "1w". -EINVAL for anything else. */
int clock_parse(const char *s, int64_t now_ms, int64_t *wall_ms);

/* RFC 3339 in UTC with milliseconds. */
void clock_iso(int64_t wall_ms, char out[CLOCK_ISO_LEN]);

#endif
