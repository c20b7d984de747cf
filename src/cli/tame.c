#include "config.h"

#include "cli/tame.h"

#include <limits.h>
#include <stdint.h>
#include <string.h>

#include "base/buf.h"
#include "base/utf8.h"
#include "cli/columns.h"

/* A newline, also one with a carriage return before it, and a tab are kept. */
static size_t
keep(struct buf *out, const char *data, size_t len)
{
	if (*data == '\r' && len > 1 && data[1] == '\n') {
		buf_putc(out, '\n');
		return 2;
	}
	if (*data == '\n' || *data == '\t') {
		buf_putc(out, *data);
		return 1;
	}
	return 0;
}

static void
put_whole(struct buf *out, const char *data, size_t len)
{
	size_t at = 0, n;

	while (at < len) {
		unsigned left = UINT_MAX;

		if ((n = keep(out, data + at, len - at)) == 0) {
			for (n = 1; at + n < len && data[at + n] != '\n' &&
				    data[at + n] != '\t' && data[at + n] != '\r';)
				n++;
			columns_put(out, data + at, n, &left);
		}
		at += n;
	}
}

/* Bytes at the end that may become something else with what follows. */
static size_t
unfinished(const char *data, size_t len)
{
	uint32_t cp;

	if (len != 0 && data[len - 1] == '\r')
		return 1;
	for (size_t n = 1; n <= 3 && n <= len; n++)
		if ((data[len - n] & 0xC0) != 0x80)
			return utf8_decode(data + len - n, n, &cp) == 0 ? n : 0;
	return 0;
}

void
tame_put(struct tame *t, struct buf *out, const char *data, size_t len)
{
	struct buf all;
	size_t rest;

	buf_init(&all, BUF_NO_MAX);
	buf_append(&all, t->part, t->len);
	buf_append(&all, data, len);
	rest = unfinished(all.data, all.len);
	put_whole(out, all.data, all.len - rest);
	if (rest != 0)
		memcpy(t->part, all.data + all.len - rest, rest);
	t->len = rest;
	buf_release(&all);
}

void
tame_end(struct tame *t, struct buf *out)
{
	put_whole(out, t->part, t->len);
	t->len = 0;
}

void
tame_text(struct buf *out, const char *text)
{
	put_whole(out, text, strlen(text));
}
