#include "config.h"

#include "cli/prompt.h"

#include <string.h>

#include "base/utf8.h"

void
prompt_insert(struct prompt *p, const char *text, size_t len)
{
	if (len > PROMPT_MAX - p->len || !utf8_valid(text, len) || memchr(text, '\0', len))
		return;
	memmove(p->text + p->cursor + len, p->text + p->cursor, p->len - p->cursor + 1);
	memcpy(p->text + p->cursor, text, len);
	p->len += len;
	p->cursor += len;
}

static size_t
before(const struct prompt *p, size_t at)
{
	do {
		if (at > 0)
			at--;
	} while (at > 0 && (p->text[at] & 0xC0) == 0x80);
	return at;
}

static size_t
behind(const struct prompt *p, size_t at)
{
	do {
		if (at < p->len)
			at++;
	} while (at < p->len && (p->text[at] & 0xC0) == 0x80);
	return at;
}

static void
cut(struct prompt *p, size_t from, size_t to)
{
	memmove(p->text + from, p->text + to, p->len - to + 1);
	p->len -= to - from;
	p->cursor = from;
}

void
prompt_left(struct prompt *p)
{
	p->cursor = before(p, p->cursor);
}

void
prompt_right(struct prompt *p)
{
	p->cursor = behind(p, p->cursor);
}

void
prompt_home(struct prompt *p)
{
	p->cursor = 0;
}

void
prompt_end(struct prompt *p)
{
	p->cursor = p->len;
}

void
prompt_backspace(struct prompt *p)
{
	cut(p, before(p, p->cursor), p->cursor);
}

void
prompt_delete(struct prompt *p)
{
	cut(p, p->cursor, behind(p, p->cursor));
}

void
prompt_kill(struct prompt *p)
{
	cut(p, 0, p->cursor);
}

void
prompt_kill_word(struct prompt *p)
{
	size_t at = p->cursor;

	while (at > 0 && p->text[at - 1] == ' ')
		at--;
	while (at > 0 && p->text[at - 1] != ' ')
		at--;
	cut(p, at, p->cursor);
}
