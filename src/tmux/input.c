/* Input for panes, and quoting. */
#include "config.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "base/buf.h"
#include "tmux/tmux_priv.h"

enum {
	TYPED_MAX = 64,        /* bytes that go as keys */
	PASTE_MAX = 16 * 1024, /* bytes of one command */
};

void
tmux_quote(struct buf *b, const char *s, size_t len)
{
	buf_putc(b, '"');
	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)s[i];

		/* tmux's lexer takes a raw 0xFF for the end. */
		if (isalnum(c) || c == ' ' || (c >= 0x80 && c != 0xFF))
			buf_putc(b, (char)c);
		else
			buf_printf(b, "\\%03o", c);
	}
	buf_putc(b, '"');
}

static void
put_keys(struct buf *b, uint32_t pane, const unsigned char *p, size_t len)
{
	buf_printf(b, "send-keys -t %%%" PRIu32 " -H", pane);
	for (size_t i = 0; i < len; i++)
		buf_printf(b, " %02x", p[i]);
}

/* From a buffer of its own: that goes to the program also in copy mode, and takes a hundredth of
 * the time that keys take. tmux 3.7 makes control characters visible but with -S. */
static void
put_paste(struct tmux *t, struct buf *b, uint32_t pane, const char *data, size_t len)
{
	buf_puts(b, "set-buffer -b panescry-input -- ");
	tmux_quote(b, data, len);
	buf_printf(b, " ; paste-buffer -d -r%s -b panescry-input -t %%%" PRIu32,
	    t->version >= TMUX_VERSION_PASTE ? " -S" : "", pane);
}

/* A buffer cannot hold a NUL: those are keys. */
static size_t
put_piece(struct tmux *t, struct buf *b, uint32_t pane, const char *data, size_t len)
{
	size_t n = len < PASTE_MAX ? len : PASTE_MAX;
	size_t text = strnlen(data, n);

	if (text == 0) {
		while (text < n && text < TYPED_MAX && data[text] == '\0')
			text++;
		put_keys(b, pane, (const unsigned char *)data, text);
	} else if (text <= TYPED_MAX) {
		buf_printf(b, "if-shell -F -t %%%" PRIu32 " \"#{pane_in_mode}\" { ", pane);
		put_paste(t, b, pane, data, text);
		buf_puts(b, " } { ");
		put_keys(b, pane, (const unsigned char *)data, text);
		buf_puts(b, " }");
	} else {
		put_paste(t, b, pane, data, text);
	}
	return text;
}

int
tmux_input(
    struct tmux *t, uint32_t pane, const void *data, size_t len, tmux_answer_cb *cb, void *arg)
{
	const char *p = data;
	int rc = 0;

	if (len == 0)
		return -EINVAL;
	while (len > 0 && rc == 0) {
		struct buf b;
		size_t n;

		buf_init(&b, BUF_NO_MAX);
		n = put_piece(t, &b, pane, p, len);
		p += n;
		len -= n;
		rc = tmux_tell(t, pane, b.data, len == 0 ? cb : NULL, arg);
		buf_release(&b);
	}
	return rc;
}
