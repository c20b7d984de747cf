/*
 * GET /api/v1/panes/ID/capture, from the ring.
 *
 * Without a screen there are only raw bytes: `ansi` gives them from the start of a line on,
 * `text` the same without escape sequences and control characters.
 */
#include "config.h"

#include <string.h>

#include <cjson/cJSON.h>

#include "app/app_priv.h"
#include "base/buf.h"
#include "base/utf8.h"
#include "proto/json.h"

/* Drops escape sequences and controls other than line feed and tab, in place. */
static size_t
strip(char *s, size_t len)
{
	enum { GROUND, ESCAPE, CSI, STRING, STRING_ESCAPE } state = GROUND;
	size_t w = 0;

	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)s[i];
		if (c == 0x1B && state != STRING) {
			state = ESCAPE;
			continue;
		}
		switch (state) {
		case GROUND:
			if (c >= 0x20 ? c != 0x7F : c == '\n' || c == '\t')
				s[w++] = (char)c;
			break;
		case ESCAPE:
			state = c == '[' ? CSI : strchr("]P_^X", c) != NULL ? STRING : GROUND;
			break;
		case CSI:
			if (c >= 0x40 && c <= 0x7E)
				state = GROUND;
			break;
		case STRING:
			if (c == 0x07)
				state = GROUND;
			else if (c == 0x1B)
				state = STRING_ESCAPE;
			break;
		case STRING_ESCAPE:
			state = c == '\\' ? GROUND : STRING;
			break;
		}
	}
	return w;
}

void
panes_capture(struct http_req *r, void *arg)
{
	struct entry *e = panes_resolve(r, arg);
	const char *format = e != NULL ? http_query(r, "format") : NULL;
	struct buf b;
	uint64_t offset;

	if (e == NULL)
		return;
	buf_init(&b, BUF_NO_MAX);
	pane_snapshot(e->pane, &b, &offset);
	if (format == NULL || strcmp(format, "text") == 0) {
		b.len = strip(b.data, b.len);
		char *text = utf8_sanitize(b.data, b.len);
		http_reply_take(r, 200, "text/plain; charset=utf-8", text, strlen(text));
	} else if (strcmp(format, "ansi") == 0) {
		http_reply(r, 200, "text/plain; charset=utf-8", b.data, b.len);
	} else {
		http_reply_error(r, 400, "bad_params", "format must be text or ansi");
	}
	buf_release(&b);
}
