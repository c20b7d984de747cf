#include "config.h"

#include "term/term.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/xmalloc.h"
#include "term/state.h"

static const struct parser_ops ops = {
    .text = print_text,
    .point = print_point,
    .control = control_c0c1,
    .esc = control_esc,
    .csi = csi_dispatch,
    .sgr = pen_sgr_again,
    .string = osc_string,
};

static unsigned
clamp(unsigned v)
{
	return v < 1 ? 1 : v > TERM_SIZE_MAX ? TERM_SIZE_MAX : v;
}

struct term *
term_new(unsigned cols, unsigned rows, const struct term_callbacks *cb, void *arg)
{
	struct term *t = xcalloc(1, sizeof *t);

	if (cb != NULL)
		t->cb = *cb;
	t->arg = arg;
	t->options = (struct term_options){.clear_to_history = true};
	t->cols = clamp(cols);
	t->rows = clamp(rows);
	screen_init(&t->screens[0], t->cols, t->rows);
	t->screen = &t->screens[0];
	t->styles = styles_new();
	buf_init(&t->title, TERM_TITLE_MAX);
	buf_init(&t->cwd, TERM_TITLE_MAX);
	/* Strings from the start. */
	buf_puts(&t->title, "");
	buf_puts(&t->cwd, "");
	parser_init(&t->parser, &ops, t);
	term_reset_state(t);
	return t;
}

void
term_free(struct term *t)
{
	if (t == NULL)
		return;
	grid_release(&t->screens[0].grid);
	grid_release(&t->screens[1].grid);
	line_release(&t->head);
	clusters_release(&t->clusters);
	styles_free(t->styles);
	buf_release(&t->title);
	buf_release(&t->cwd);
	while (t->ntitles > 0)
		free(t->titles[--t->ntitles]);
	parser_release(&t->parser);
	free(t);
}

void
term_set_options(struct term *t, const struct term_options *options)
{
	t->options = *options;
}

void
term_set_origin(struct term *t, uint64_t offset, uint64_t lines)
{
	t->offset = offset;
	t->lines = lines;
}

uint64_t
term_offset(const struct term *t)
{
	return t->offset + (t->fed != NULL ? (uint64_t)(t->parser.at - t->fed) : 0);
}

bool
term_afford(struct term *t, uint64_t cells)
{
	uint64_t earned = term_offset(t) * CREDIT_BYTE;

	/* Behind, or too far ahead since the origin was set. */
	if (t->spent - earned > CREDIT_MAX)
		t->spent = earned;
	if (cells > CREDIT_MAX - (t->spent - earned))
		return false;
	t->spent += cells;
	return true;
}

void
term_feed(struct term *t, const char *data, size_t len)
{
	if (len == 0)
		return;
	t->fed = t->parser.at = data;
	t->fed_end = data + len;
	parser_feed(&t->parser, data, len);
	t->fed = t->parser.at = NULL;
	t->offset += len;
}

void
term_flush(struct term *t)
{
	if (t->head_open) {
		grid_row(&t->screens[0].grid, 0)->cont = false;
		line_complete(t);
	}
}

void
term_reply(const struct term *t, const char *fmt, ...)
{
	char text[128];
	va_list ap;
	int n;

	if (t->cb.reply == NULL)
		return;
	va_start(ap, fmt);
	n = vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	t->cb.reply(t->arg, text, (size_t)n);
}

/* Resets */

void
term_reset_state(struct term *t)
{
	t->modes = 1u << MODE_WRAP | 1u << MODE_CURSOR_VISIBLE | 1u << MODE_ALTERNATE_SCROLL;
	t->mouse = t->mouse_encoding = 0;
	t->cursor_style = 0;
	t->charsets = (struct charsets){0};
	t->link = 0;
	t->pen = (struct pen){.stale = true};
}

void
term_soft_reset(struct term *t)
{
	uint32_t off = 1u << MODE_INSERT | 1u << MODE_ORIGIN | 1u << MODE_APP_CURSOR |
		       1u << MODE_APP_KEYPAD | 1u << MODE_REVERSE_WRAP;

	t->modes = (t->modes & ~off) | 1u << MODE_WRAP | 1u << MODE_CURSOR_VISIBLE;
	t->charsets = (struct charsets){0};
	t->pen.protect = false;
	pen_reset(t);
	t->screen->top = 0;
	t->screen->bottom = t->rows - 1;
	t->screen->saved = (struct saved){0};
}

void
term_full_reset(struct term *t)
{
	screen_alternate(t, false);
	term_reset_state(t);
	screen_clear(t, false);
	t->screen->top = 0;
	t->screen->bottom = t->rows - 1;
	t->screen->saved = (struct saved){0};
	screen_reset_tabs(t->screen);
	t->x = t->y = 0;
	while (t->ntitles > 0)
		free(t->titles[--t->ntitles]);
	grid_release(&t->screens[1].grid);
}

/* Titles pushed and popped; the oldest falls out of a full stack. */

void
term_push_title(struct term *t)
{
	if (t->ntitles == TITLE_STACK) {
		free(t->titles[0]);
		memmove(t->titles, t->titles + 1, (TITLE_STACK - 1) * sizeof *t->titles);
		t->ntitles--;
	}
	t->titles[t->ntitles++] = xstrdup(t->title.data);
}

void
term_pop_title(struct term *t)
{
	char *title;

	if (t->ntitles == 0)
		return;
	title = t->titles[--t->ntitles];
	if (strcmp(t->title.data, title) != 0) {
		buf_reset(&t->title);
		buf_puts(&t->title, title);
		if (t->cb.title != NULL)
			t->cb.title(t->arg, t->title.data);
	}
	free(title);
}

/* Looking at it */

void
term_get_state(const struct term *t, struct term_state *state)
{
	*state = (struct term_state){
	    .cols = t->cols,
	    .rows = t->rows,
	    .x = t->x,
	    .y = t->y,
	    .cursor_visible = mode(t, MODE_CURSOR_VISIBLE),
	    .alternate = on_alternate(t),
	    .synchronized = mode(t, MODE_SYNCHRONIZED),
	    .bracketed_paste = mode(t, MODE_BRACKETED_PASTE),
	    .focus_events = mode(t, MODE_FOCUS),
	    .application_cursor = mode(t, MODE_APP_CURSOR),
	    .application_keypad = mode(t, MODE_APP_KEYPAD),
	    .mouse = t->mouse,
	    .mouse_encoding = t->mouse_encoding,
	    .offset = t->offset,
	    .lines = t->lines,
	    .title = t->title.data,
	    .cwd = t->cwd.data,
	};
}

const struct styles *
term_styles(const struct term *t)
{
	return t->styles;
}

struct styles *
term_styles_restore(struct term *t)
{
	return t->styles;
}

static size_t
screen_memory(const struct screen *s)
{
	return (size_t)s->grid.rows *
	       (s->grid.cols * sizeof(struct cell) + 2 * sizeof(struct row));
}

size_t
term_memory(const struct term *t)
{
	size_t n = sizeof *t + screen_memory(&t->screens[0]) + screen_memory(&t->screens[1]);

	n += t->head.cap + t->head.runcap * sizeof *t->head.runs;
	n += clusters_memory(&t->clusters) + styles_memory(t->styles);
	for (unsigned i = 0; i < t->ntitles; i++)
		n += strlen(t->titles[i]) + 1;
	return n + t->title.cap + t->cwd.cap + t->parser.string.cap;
}
