#include "config.h"

#include "base/clock.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

uint64_t
clock_mono_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

int64_t
clock_wall_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

void
clock_iso(int64_t wall_ms, char out[CLOCK_ISO_LEN])
{
	time_t sec = (time_t)(wall_ms / 1000);
	int ms = (int)(wall_ms % 1000);
	struct tm tm;
	char date[20];

	if (ms < 0) {
		ms += 1000;
		sec--;
	}
	if (gmtime_r(&sec, &tm) == NULL || tm.tm_year < -1900 || tm.tm_year > 8099)
		memset(&tm, 0, sizeof tm);
	strftime(date, sizeof date, "%Y-%m-%dT%H:%M:%S", &tm);
	snprintf(out, CLOCK_ISO_LEN, "%s.%03dZ", date, ms);
}

/* "90s" and so on; the number has been read up to `unit`. */
static int
parse_ago(const char *unit, uint64_t n, int64_t now_ms, int64_t *wall_ms)
{
	static const char units[] = "smhdw";
	static const int64_t ms[] = {1000, 60000, 3600000, 86400000, 604800000};
	const char *at = *unit != '\0' && unit[1] == '\0' ? strchr(units, *unit) : NULL;

	if (at == NULL || n > 100000000)
		return -EINVAL;
	*wall_ms = now_ms - (int64_t)n * ms[at - units];
	return 0;
}

/* Moves *s over exactly `digits` digits that make a number within lo..hi. */
static bool
take_number(const char **s, int digits, int lo, int hi, int *out)
{
	int n = 0;

	for (int i = 0; i < digits; i++, (*s)++) {
		if (**s < '0' || **s > '9')
			return false;
		n = n * 10 + (**s - '0');
	}
	*out = n;
	return n >= lo && n <= hi;
}

static bool
take_char(const char **s, const char *set)
{
	if (**s == '\0' || strchr(set, **s) == NULL)
		return false;
	(*s)++;
	return true;
}

/* "T02:03[:04[.567]]" */
static bool
take_time(const char **s, struct tm *tm, int *ms)
{
	int scale = 100;

	if (!take_number(s, 2, 0, 23, &tm->tm_hour) || !take_char(s, ":") ||
	    !take_number(s, 2, 0, 59, &tm->tm_min))
		return false;
	if (!take_char(s, ":"))
		return true;
	if (!take_number(s, 2, 0, 60, &tm->tm_sec))
		return false;
	if (!take_char(s, ".,"))
		return true;
	for (; **s >= '0' && **s <= '9'; (*s)++, scale /= 10)
		*ms += (**s - '0') * scale;
	return true;
}

static bool
take_zone(const char **s, int *offset_s)
{
	int sign = **s == '-' ? -1 : 1, h, m;

	*offset_s = 0;
	if (**s == '\0' || take_char(s, "Zz"))
		return true;
	if (!take_char(s, "+-") || !take_number(s, 2, 0, 23, &h))
		return false;
	take_char(s, ":");
	if (!take_number(s, 2, 0, 59, &m))
		return false;
	*offset_s = sign * (h * 3600 + m * 60);
	return true;
}

int
clock_parse(const char *s, int64_t now_ms, int64_t *wall_ms)
{
	struct tm tm = {0};
	int year, month, ms = 0, offset_s;
	size_t digits = strspn(s, "0123456789");
	uint64_t n = digits != 0 && digits < 18 ? strtoull(s, NULL, 10) : 0;

	if (digits > 8 && digits < 18 && s[digits] == '\0') {
		*wall_ms = (int64_t)n;
		return 0;
	}
	if (digits != 0 && digits < 10 && parse_ago(s + digits, n, now_ms, wall_ms) == 0)
		return 0;
	if (!take_number(&s, 4, 1970, 9999, &year) || !take_char(&s, "-") ||
	    !take_number(&s, 2, 1, 12, &month) || !take_char(&s, "-") ||
	    !take_number(&s, 2, 1, 31, &tm.tm_mday))
		return -EINVAL;
	if (take_char(&s, "Tt ") && !take_time(&s, &tm, &ms))
		return -EINVAL;
	if (!take_zone(&s, &offset_s) || *s != '\0')
		return -EINVAL;
	tm.tm_year = year - 1900;
	tm.tm_mon = month - 1;
	*wall_ms = ((int64_t)timegm(&tm) - offset_s) * 1000 + ms;
	return 0;
}
