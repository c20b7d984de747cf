#include "config.h"

#include "base/str.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>

#include "base/xmalloc.h"

int
str_u64(const char *s, uint64_t lo, uint64_t hi, uint64_t *out)
{
	uint64_t v = 0;

	if (*s == '\0')
		return -EINVAL;
	for (; *s != '\0'; s++) {
		if (*s < '0' || *s > '9')
			return -EINVAL;
		if (v > (UINT64_MAX - (uint64_t)(*s - '0')) / 10)
			return -ERANGE;
		v = v * 10 + (uint64_t)(*s - '0');
	}
	if (v < lo || v > hi)
		return -ERANGE;
	*out = v;
	return 0;
}

int
str_size(const char *s, unsigned max, unsigned *cols, unsigned *rows)
{
	const char *x = strchr(s, 'x');
	char left[8];
	uint64_t c, r;

	if (x == NULL || (size_t)(x - s) >= sizeof left)
		return -EINVAL;
	memcpy(left, s, (size_t)(x - s));
	left[x - s] = '\0';
	if (str_u64(left, 1, max, &c) != 0 || str_u64(x + 1, 1, max, &r) != 0)
		return -EINVAL;
	*cols = (unsigned)c;
	*rows = (unsigned)r;
	return 0;
}

bool
str_id_valid(const char *s)
{
	size_t n = 0;

	for (; s[n] != '\0'; n++) {
		unsigned char c = (unsigned char)s[n];
		if (n == ID_MAX || c >= 0x80 || (!isalnum(c) && strchr("_.%-", c) == NULL))
			return false;
	}
	return n != 0;
}

bool
str_starts(const char *s, const char *prefix)
{
	return strncmp(s, prefix, strlen(prefix)) == 0;
}

static int
hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = (char)(c | 0x20);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

int
str_url_decode(char *s, bool form)
{
	char *w = s;

	for (; *s != '\0'; s++) {
		if (*s == '+' && form) {
			*w++ = ' ';
		} else if (*s == '%') {
			int hi = hex_digit(s[1]);
			int lo = hi < 0 ? -1 : hex_digit(s[2]);
			if (lo < 0 || (hi | lo) == 0)
				return -EINVAL;
			*w++ = (char)(hi << 4 | lo);
			s += 2;
		} else {
			*w++ = *s;
		}
	}
	*w = '\0';
	return 0;
}

char *
str_url_encode(const char *s)
{
	static const char hex[] = "0123456789ABCDEF";
	char *out = xmalloc(strlen(s) * 3 + 1), *w = out;

	for (; *s != '\0'; s++) {
		unsigned char c = (unsigned char)*s;
		if (c < 0x80 && (isalnum(c) || strchr("-._~", c) != NULL)) {
			*w++ = (char)c;
			continue;
		}
		*w++ = '%';
		*w++ = hex[c >> 4];
		*w++ = hex[c & 15];
	}
	*w = '\0';
	return out;
}

bool
str_equal_ct(const void *a, size_t alen, const void *b, size_t blen)
{
	const volatile unsigned char *x = a, *y = b;
	unsigned char diff = 0;

	if (alen != blen)
		return false;
	for (size_t i = 0; i < alen; i++)
		diff |= (unsigned char)(x[i] ^ y[i]);
	return diff == 0;
}

const char *
str_last(const char *s, char c, size_t len)
{
	while (len != 0)
		if (s[--len] == c)
			return s + len;
	return NULL;
}

void
str_hex(const unsigned char *p, size_t len, char *out)
{
	static const char hex[] = "0123456789abcdef";

	for (size_t i = 0; i < len; i++) {
		*out++ = hex[p[i] >> 4];
		*out++ = hex[p[i] & 15];
	}
	*out = '\0';
}
