#include "config.h"

#include "base/utf8.h"

#include <string.h>

#include "base/buf.h"

/* Bytes that follow a lead byte and the range of the first of them; 0 for an impossible lead. */
static int
lead(unsigned char c, unsigned char *lo, unsigned char *hi)
{
	*lo = 0x80;
	*hi = 0xBF;
	if (c >= 0xC2 && c <= 0xDF)
		return 1;
	if (c >= 0xE0 && c <= 0xEF) {
		if (c == 0xE0)
			*lo = 0xA0;
		if (c == 0xED)
			*hi = 0x9F;
		return 2;
	}
	if (c >= 0xF0 && c <= 0xF4) {
		if (c == 0xF0)
			*lo = 0x90;
		if (c == 0xF4)
			*hi = 0x8F;
		return 3;
	}
	return 0;
}

size_t
utf8_decode(const char *s, size_t len, uint32_t *cp)
{
	const unsigned char *p = (const unsigned char *)s;
	unsigned char lo, hi;
	size_t i;
	int more;

	if (p[0] < 0x80) {
		*cp = p[0];
		return 1;
	}
	more = lead(p[0], &lo, &hi);
	*cp = UTF8_REPLACEMENT;
	if (more == 0)
		return 1;
	uint32_t v = p[0] & (0x3Fu >> more);
	for (i = 1; i <= (size_t)more; i++) {
		if (i == len)
			return 0;
		if (p[i] < lo || p[i] > hi)
			return i;
		v = v << 6 | (p[i] & 0x3Fu);
		lo = 0x80;
		hi = 0xBF;
	}
	*cp = v;
	return i;
}

size_t
utf8_encode(uint32_t cp, char out[UTF8_MAX])
{
	if (cp < 0x80) {
		out[0] = (char)cp;
		return 1;
	}
	if (cp < 0x800) {
		out[0] = (char)(0xC0 | cp >> 6);
		out[1] = (char)(0x80 | (cp & 0x3F));
		return 2;
	}
	if (cp < 0x10000) {
		out[0] = (char)(0xE0 | cp >> 12);
		out[1] = (char)(0x80 | (cp >> 6 & 0x3F));
		out[2] = (char)(0x80 | (cp & 0x3F));
		return 3;
	}
	out[0] = (char)(0xF0 | cp >> 18);
	out[1] = (char)(0x80 | (cp >> 12 & 0x3F));
	out[2] = (char)(0x80 | (cp >> 6 & 0x3F));
	out[3] = (char)(0x80 | (cp & 0x3F));
	return 4;
}

bool
utf8_is_plain(uint32_t cp)
{
	if (cp < 0x20 || (cp >= 0x7F && cp < 0xA0))
		return false;
	if (cp >= 0x2028 && cp <= 0x202E)
		return false;
	return cp < 0x2066 || cp > 0x2069;
}

bool
utf8_valid(const char *s, size_t len)
{
	uint64_t word;
	uint32_t cp;
	size_t n;

	for (; len != 0; s += n, len -= n) {
		/* Most of it is ASCII, mostly. */
		for (; len > sizeof word; s += sizeof word, len -= sizeof word) {
			memcpy(&word, s, sizeof word);
			if ((word & 0x8080808080808080u) != 0)
				break;
		}
		n = utf8_decode(s, len, &cp);
		/* U+FFFD itself is three bytes; an ill-formed part may be, too. */
		if (n == 0 ||
		    (cp == UTF8_REPLACEMENT && !(n == 3 && s[0] == '\xEF' && s[1] == '\xBF')))
			return false;
	}
	return true;
}

char *
utf8_sanitize(const char *s, size_t len)
{
	struct buf b;
	char enc[UTF8_MAX];
	uint32_t cp;
	size_t n;

	buf_init(&b, BUF_NO_MAX);
	for (; len != 0; s += n, len -= n) {
		n = utf8_decode(s, len, &cp);
		if (n == 0) {
			cp = UTF8_REPLACEMENT;
			n = len;
		}
		buf_append(&b, enc, utf8_encode(cp, enc));
	}
	return buf_take(&b);
}

int
utf8_prefix(const char *s, int max)
{
	int n = (int)strnlen(s, (size_t)max + 1);

	if (n <= max)
		return n;
	for (n = max; n > 0 && ((unsigned char)s[n] & 0xC0) == 0x80;)
		n--;
	return n;
}
