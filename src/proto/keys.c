#include "config.h"

#include "proto/keys.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>
#include <strings.h>

#include "base/buf.h"
#include "base/utf8.h"

/* xterm's, in normal cursor and keypad mode. */
static const struct {
	const char *name, *bytes;
} table[] = {{"Enter", "\r"}, {"Tab", "\t"}, {"BTab", "\033[Z"}, {"Escape", "\033"},
    {"Esc", "\033"}, {"Space", " "}, {"BSpace", "\177"}, {"Up", "\033[A"}, {"Down", "\033[B"},
    {"Right", "\033[C"}, {"Left", "\033[D"}, {"Home", "\033[H"}, {"End", "\033[F"},
    {"PageUp", "\033[5~"}, {"PageDown", "\033[6~"}, {"PgUp", "\033[5~"}, {"PgDn", "\033[6~"},
    {"Insert", "\033[2~"}, {"Delete", "\033[3~"}, {"F1", "\033OP"}, {"F2", "\033OQ"},
    {"F3", "\033OR"}, {"F4", "\033OS"}, {"F5", "\033[15~"}, {"F6", "\033[17~"},
    {"F7", "\033[18~"}, {"F8", "\033[19~"}, {"F9", "\033[20~"}, {"F10", "\033[21~"},
    {"F11", "\033[23~"}, {"F12", "\033[24~"}};

static int
append_control(struct buf *b, const char *name)
{
	char c = (char)toupper((unsigned char)name[0]);

	if (strcasecmp(name, "Space") == 0)
		return buf_putc(b, '\0');
	if (name[0] == '\0' || name[1] != '\0')
		return -EINVAL;
	if (c == '?')
		return buf_putc(b, '\177');
	if (c < '@' || c > '_')
		return -EINVAL;
	return buf_putc(b, (char)(c & 0x1F));
}

int
keys_append(struct buf *b, const char *name)
{
	size_t len = strlen(name);
	uint32_t cp;

	if (strncmp(name, "M-", 2) == 0 && len > 2) {
		buf_putc(b, '\033');
		return keys_append(b, name + 2);
	}
	if (strncmp(name, "C-", 2) == 0 && len > 2)
		return append_control(b, name + 2);
	for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
		if (strcasecmp(table[i].name, name) == 0)
			return buf_puts(b, table[i].bytes);
	}
	if (len == 0 || utf8_decode(name, len, &cp) != len)
		return -EINVAL;
	return buf_append(b, name, len);
}
