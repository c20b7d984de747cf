#include "config.h"

#include "term/state.h"

/* C0, C1 and ESC functions. A C1 control arrives here in either of its forms. */

static void
bell(struct term *t)
{
	if (t->cb.bell != NULL)
		t->cb.bell(t->arg);
}

static void
tab(struct term *t)
{
	screen_tab(t, 1);
}

static void
line_feed(struct term *t)
{
	if (mode(t, MODE_NEWLINE))
		t->x = 0;
	screen_index(t, true);
}

static void
carriage_return(struct term *t)
{
	t->x = 0;
}

static void
shift_out(struct term *t)
{
	t->charsets.gl = 1;
}

static void
shift_in(struct term *t)
{
	t->charsets.gl = 0;
}

static void
shift_2(struct term *t)
{
	t->charsets.gl = 2;
}

static void
shift_3(struct term *t)
{
	t->charsets.gl = 3;
}

static void
index_down(struct term *t)
{
	screen_index(t, false);
}

static void
next_line(struct term *t)
{
	t->x = 0;
	screen_index(t, true);
}

static void
set_tab(struct term *t)
{
	if (t->x < t->cols)
		t->screen->tabs[t->x / 8] |= (uint8_t)(1 << t->x % 8);
}

static void
keypad_application(struct term *t)
{
	t->modes |= 1u << MODE_APP_KEYPAD;
}

static void
keypad_numeric(struct term *t)
{
	t->modes &= ~(1u << MODE_APP_KEYPAD);
}

typedef void control_fn(struct term *t);

static control_fn *const c0[32] = {
    [0x07] = bell,
    [0x08] = screen_backspace,
    [0x09] = tab,
    [0x0A] = line_feed,
    [0x0B] = line_feed,
    [0x0C] = line_feed,
    [0x0D] = carriage_return,
    [0x0E] = shift_out,
    [0x0F] = shift_in,
};

static control_fn *const c1[32] = {
    [0x04] = index_down,
    [0x05] = next_line,
    [0x08] = set_tab,
    [0x0D] = screen_reverse_index,
};

void
control_c0c1(void *arg, uint8_t c)
{
	control_fn *fn = NULL;
	struct term *t = arg;

	t->repeatable = false;
	if (c < 32)
		fn = c0[c];
	else if (c >= 0x80 && c <= 0x9F)
		fn = c1[c - 0x80];
	if (fn != NULL)
		fn(t);
}

/* ESC followed by a byte outside 0x40..0x5F, which are C1. */
static control_fn *const esc[128] = {
    ['7'] = screen_save_cursor,
    ['8'] = screen_restore_cursor,
    ['='] = keypad_application,
    ['>'] = keypad_numeric,
    ['c'] = term_full_reset,
    ['n'] = shift_2,
    ['o'] = shift_3,
};

static void
designate(struct term *t, unsigned slot, char final)
{
	t->charsets.g[slot] = final == '0'   ? CHARSET_GRAPHICS
			      : final == 'A' ? CHARSET_UK
					     : CHARSET_ASCII;
}

void
control_esc(void *arg, char inter, char final)
{
	struct term *t = arg;

	t->repeatable = false;
	if (inter == 0 && esc[final & 0x7F] != NULL)
		esc[final & 0x7F](t);
	else if (inter >= '(' && inter <= '+')
		designate(t, (unsigned)(inter - '('), final);
	else if (inter == '#' && final == '8')
		screen_align(t);
}
