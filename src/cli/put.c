#include "config.h"

#include "cli/put.h"

#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/utf8.h"
#include "cli/tame.h"

static void
write_out(FILE *to, const struct buf *b)
{
	if (b->len != 0)
		fwrite(b->data, 1, b->len, to);
}

void
put_lines(const char *text, size_t len)
{
	struct tame tame = {.len = 0};
	struct buf b;

	if (!isatty(STDOUT_FILENO)) {
		fwrite(text, 1, len, stdout);
		return;
	}
	buf_init(&b, BUF_NO_MAX);
	tame_put(&tame, &b, text, len);
	tame_end(&tame, &b);
	write_out(stdout, &b);
	buf_release(&b);
}

void
put_line(const char *text)
{
	if (text != NULL)
		put_lines(text, strlen(text));
	putchar('\n');
}

void
put_json_to(struct buf *b, const char *json, size_t len)
{
	size_t from = 0;
	uint32_t cp;

	for (size_t i = 0, n; i < len; i += n) {
		n = 1;
		if (json[i] >= 0x20 && json[i] < 0x7F)
			continue;
		if ((n = utf8_decode(json + i, len - i, &cp)) == 0) {
			n = len - i;
			cp = UTF8_REPLACEMENT;
		}
		/* White space between values; a literal U+FFFD is escaped as well, no harm. */
		if (cp == '\n' || cp == '\t' || cp == '\r' ||
		    (cp != UTF8_REPLACEMENT && utf8_is_plain(cp)))
			continue;
		buf_append(b, json + from, i - from);
		buf_printf(b, "\\u%04x", (unsigned)cp);
		from = i + n;
	}
	if (from < len)
		buf_append(b, json + from, len - from);
}

void
put_json(FILE *to, const char *json)
{
	struct buf b;

	buf_init(&b, BUF_NO_MAX);
	put_json_to(&b, json, strlen(json));
	write_out(to, &b);
	buf_release(&b);
}

void
put_json_line(const char *json)
{
	put_json(stdout, json);
	putchar('\n');
}
