/*
 * Keys out of what a terminal sends.
 *
 * Bytes go in as they are read; keys come out. A sequence may be cut anywhere: what has begun
 * stays, until more comes or typed_flush says that nothing will (an Escape alone is the
 * beginning of every sequence). In a paste, all is text. Pure.
 */
#ifndef CLI_TYPED_H
#define CLI_TYPED_H

#include <stdbool.h>
#include <stddef.h>

enum {
	TYPED_NONE = 0x100, /* something unknown, to be ignored */
	TYPED_TEXT,         /* one printable character */
	TYPED_ENTER,
	TYPED_ESCAPE,
	TYPED_TAB,
	TYPED_BACKSPACE,
	TYPED_DELETE,
	TYPED_UP,
	TYPED_DOWN,
	TYPED_LEFT,
	TYPED_RIGHT,
	TYPED_HOME,
	TYPED_END,
	TYPED_PAGE_UP,
	TYPED_PAGE_DOWN,
	TYPED_PASTE, /* begins; it never reaches the callback, nor does its end */
	TYPED_PASTE_END,
};
#define TYPED_CONTROL(c) ((c)&0x1F)
#define TYPED_ALT(c) (0x1000 | (c))

struct typed {
	char bytes[64]; /* of a sequence that has begun */
	size_t len;
	bool pasting;
};

/* text and len are of TYPED_TEXT. */
typedef void (*typed_cb)(int key, const char *text, size_t len, void *arg);

void typed_feed(struct typed *t, const char *in, size_t len, typed_cb cb, void *arg);
bool typed_waits(const struct typed *t);
void typed_flush(struct typed *t, typed_cb cb, void *arg);

#endif
