#include "config.h"

#include "cli/columns.h"

#include <stdbool.h>
#include <string.h>

#include "base/buf.h"
#include "base/utf8.h"
#include "term/width.h"

/* The character at text: its bytes, its columns, and whether it may be shown. */
static size_t
next(const char *text, size_t len, unsigned *width, bool *harmless)
{
	uint32_t cp;
	size_t n = utf8_decode(text, len, &cp);

	*harmless =
	    n != 0 && utf8_is_plain(cp) &&
	    (cp != UTF8_REPLACEMENT || (n == 3 && memcmp(text, "\xEF\xBF\xBD", 3) == 0));
	*width = *harmless ? width_of(cp) : 1;
	return n != 0 ? n : 1;
}

size_t
columns_put(struct buf *b, const char *text, size_t len, unsigned *left)
{
	size_t i = 0, n;
	unsigned width;
	bool harmless;

	for (; i < len; i += n) {
		n = next(text + i, len - i, &width, &harmless);
		if (width > *left)
			break;
		*left -= width;
		if (harmless)
			buf_append(b, text + i, n);
		else
			buf_putc(b, '?');
	}
	return i;
}

unsigned
columns_of(const char *text, size_t len)
{
	unsigned width, sum = 0;
	bool harmless;

	for (size_t i = 0; i < len; sum += width)
		i += next(text + i, len - i, &width, &harmless);
	return sum;
}

size_t
columns_skip(const char *text, size_t len, unsigned width)
{
	unsigned w, rest = columns_of(text, len);
	bool harmless;
	size_t i = 0;

	while (i < len && rest > width) {
		i += next(text + i, len - i, &w, &harmless);
		rest -= w;
	}
	return i;
}
