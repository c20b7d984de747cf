/*
 * Any bytes as what tmux sends in control mode: nothing crashes, strings end, and fed in pieces it
 * is the same as in one. Input: the size of the pieces (0: all sizes), the most of raw text, then
 * the stream. In a block the line "<" begins raw text until "<" or ">". What a layout notification
 * or a block's line has is read as a layout.
 */
#include "config.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "fuzz.h"
#include "proto/control.h"

struct seen {
	struct control *c;
	struct buf b;
	size_t max;
	bool in_block;
};

static void
check(bool right)
{
	if (!right)
		abort();
}

static void
put_layout(struct buf *b, const char *text)
{
	struct control_cell few[3], cells[64];
	int n = control_layout(text, cells, 64), again = control_layout(text, few, 3);

	check(n == again && n != 0 && n <= CONTROL_CELLS_MAX);
	for (int i = 0; i < n && i < 64; i++)
		buf_printf(b, "cell %u %ux%u %d %d\n", cells[i].pane, cells[i].cols,
		    cells[i].rows, cells[i].x, cells[i].y);
}

static void
on_output(void *arg, uint32_t pane, const char *data, size_t len)
{
	struct seen *s = arg;

	check(pane != CONTROL_NONE);
	buf_printf(&s->b, "output %u %zu\n", pane, len);
	buf_append(&s->b, data, len);
}

static void
on_notice(void *arg, const struct control_notice *n)
{
	struct seen *s = arg;

	buf_printf(&s->b, "notice %d %u %u %u\n%s\n%s\n", n->kind, n->session, n->window,
	    n->pane, n->text, n->rest);
	if (n->kind == CONTROL_LAYOUT)
		put_layout(&s->b, n->text);
}

static void
on_begin(void *arg, bool ours)
{
	struct seen *s = arg;

	check(!s->in_block);
	s->in_block = true;
	buf_printf(&s->b, "begin %d\n", ours);
}

static void
on_text(void *arg, const char *line, size_t len)
{
	struct seen *s = arg;

	check(s->in_block && line[len] == '\0' && memchr(line, '\n', len) == NULL);
	if (strcmp(line, "<") == 0)
		control_raw(s->c, "<", ">", s->max);
	buf_printf(&s->b, "text %zu\n", len);
	buf_append(&s->b, line, len);
	put_layout(&s->b, line);
}

static void
on_end(void *arg, bool error)
{
	struct seen *s = arg;

	check(s->in_block);
	s->in_block = false;
	buf_printf(&s->b, "end %d\n", error);
}

static void
on_raw(void *arg, int which, const char *data, size_t len)
{
	struct seen *s = arg;

	check(len <= s->max && (which == 0 || which == 1));
	check(len == 0 || data[len - 1] == '\n');
	buf_printf(&s->b, "raw %d %d %zu\n", which, data == NULL, len);
	buf_append(&s->b, data, len);
}

static void
feed(struct seen *s, const uint8_t *data, size_t size, unsigned most, size_t max)
{
	static const struct control_callbacks callbacks = {
	    on_output, on_notice, on_begin, on_text, on_end, on_raw};
	unsigned pieces = 0;

	*s = (struct seen){.max = max};
	buf_init(&s->b, BUF_NO_MAX);
	buf_puts(&s->b, "");
	s->c = control_new(&callbacks, s);
	while (size != 0) {
		size_t n = most != 0 ? most : ++pieces % 37 + 1;
		char *copy;

		if (n > size)
			n = size;
		/* In a block of its own, of which the sanitizers know the end. */
		if ((copy = malloc(n)) == NULL)
			abort();
		memcpy(copy, data, n);
		control_feed(s->c, copy, n);
		free(copy);
		data += n;
		size -= n;
	}
	control_free(s->c);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct seen whole, pieces;
	char *line;
	size_t n;

	if (size < 2)
		return 0;
	feed(&whole, data + 2, size - 2, UINT32_MAX, data[1]);
	feed(&pieces, data + 2, size - 2, data[0], data[1]);
	check(whole.b.len == pieces.b.len);
	check(memcmp(whole.b.data, pieces.b.data, whole.b.len) == 0);
	buf_release(&whole.b);
	buf_release(&pieces.b);

	if ((line = malloc(size)) == NULL)
		abort();
	memcpy(line, data, size);
	n = control_unescape(line, size);
	check(n <= size && (n == size || memchr(data, '\\', size) != NULL));
	free(line);
	return 0;
}
