#include "config.h"

#include "cli/typed.h"

#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"

/* The last byte of a sequence, and its first number where that counts. */
static const struct {
	char last;
	int number, key;
} sequences[] = {{'A', -1, TYPED_UP}, {'B', -1, TYPED_DOWN}, {'C', -1, TYPED_RIGHT},
    {'D', -1, TYPED_LEFT}, {'H', -1, TYPED_HOME}, {'F', -1, TYPED_END}, {'M', -1, TYPED_ENTER},
    {'~', 1, TYPED_HOME}, {'~', 3, TYPED_DELETE}, {'~', 4, TYPED_END}, {'~', 5, TYPED_PAGE_UP},
    {'~', 6, TYPED_PAGE_DOWN}, {'~', 7, TYPED_HOME}, {'~', 8, TYPED_END},
    {'~', 200, TYPED_PASTE}, {'~', 201, TYPED_PASTE_END}};

static int
sequence(char last, int number)
{
	for (size_t i = 0; i < sizeof sequences / sizeof *sequences; i++) {
		if (sequences[i].last == last &&
		    (sequences[i].number < 0 || sequences[i].number == number))
			return sequences[i].key;
	}
	return TYPED_NONE;
}

/* ESC [ or ESC O and what follows. */
static size_t
take_sequence(const char *s, size_t len, int *key)
{
	size_t i = 2;

	while (i < len && s[i] >= 0x20 && s[i] <= 0x3F)
		i++;
	if (i == len)
		return 0;
	*key = TYPED_NONE;
	if (s[i] < 0x40 || s[i] > 0x7E)
		return i; /* broken off by something else */
	/* A mouse's reports end like keys. */
	if (s[2] != '<' && !(s[1] == '[' && s[i] == 'M'))
		*key = sequence(s[i], atoi(s + 2));
	return i + 1;
}

static size_t
take_escape(const char *s, size_t len, int *key)
{
	uint32_t cp;
	size_t n;

	if (len < 2)
		return 0;
	if (s[1] == '[' || s[1] == 'O')
		return take_sequence(s, len, key);
	*key = TYPED_ESCAPE;
	if (s[1] == '\033')
		return 1;
	if ((n = utf8_decode(s + 1, len - 1, &cp)) == 0)
		return 0;
	*key = cp < 0x80 ? (int)TYPED_ALT(cp) : TYPED_NONE;
	return n + 1;
}

static int
control(unsigned char c)
{
	switch (c) {
	case '\r':
	case '\n':
		return TYPED_ENTER;
	case '\t':
		return TYPED_TAB;
	case '\b':
	case 0x7F:
		return TYPED_BACKSPACE;
	default:
		return c;
	}
}

/* The key at s: its bytes, or 0 when they are not all there. */
static size_t
take(const char *s, size_t len, int *key)
{
	uint32_t cp;
	size_t n;

	if (*s == '\033')
		return take_escape(s, len, key);
	if ((n = utf8_decode(s, len, &cp)) == 0)
		return 0;
	if (cp < 0x20 || cp == 0x7F)
		*key = control((unsigned char)cp);
	else if (cp < 0xA0 && cp > 0x7F)
		*key = TYPED_NONE;
	else
		*key = cp == UTF8_REPLACEMENT ? TYPED_NONE : TYPED_TEXT;
	return n;
}

static void
give(struct typed *t, int key, const char *text, size_t len, typed_cb cb, void *arg)
{
	if (key == TYPED_PASTE || key == TYPED_PASTE_END)
		t->pasting = key == TYPED_PASTE;
	else if (t->pasting && (key == TYPED_ENTER || key == TYPED_TAB))
		cb(TYPED_TEXT, " ", 1, arg);
	else if (key != TYPED_NONE && (key == TYPED_TEXT || !t->pasting))
		cb(key, text, len, arg);
}

static void
drop(struct typed *t, size_t n)
{
	t->len -= n;
	memmove(t->bytes, t->bytes + n, t->len);
	t->bytes[t->len] = '\0';
}

void
typed_feed(struct typed *t, const char *in, size_t len, typed_cb cb, void *arg)
{
	char text[sizeof t->bytes];
	int key = TYPED_NONE;
	size_t n;

	for (; len > 0; in++, len--) {
		t->bytes[t->len++] = *in;
		t->bytes[t->len] = '\0';
		while (t->len > 0 && (n = take(t->bytes, t->len, &key)) != 0) {
			memcpy(text, t->bytes, n);
			drop(t, n);
			give(t, key, text, n, cb, arg);
		}
		if (t->len == sizeof t->bytes - 1)
			drop(t, t->len);
	}
}

bool
typed_waits(const struct typed *t)
{
	return t->len > 0;
}

void
typed_flush(struct typed *t, typed_cb cb, void *arg)
{
	bool escape = t->len == 1 && t->bytes[0] == '\033';
	bool alt = t->len == 2 && t->bytes[0] == '\033';
	int key = escape ? TYPED_ESCAPE : alt ? (int)TYPED_ALT(t->bytes[1]) : TYPED_NONE;

	drop(t, t->len);
	give(t, key, "", 0, cb, arg);
}
