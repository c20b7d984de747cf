#include "config.h"

#include "term/state.h"

/* Modes that are a bit and nothing else. The number is that of CSI ? h, or of CSI h if `ansi`. */
static const struct {
	uint16_t number;
	bool ansi;
	uint8_t bit; /* enum mode */
} flags[] = {
    {4, true, MODE_INSERT},
    {20, true, MODE_NEWLINE},
    {1, false, MODE_APP_CURSOR},
    {5, false, MODE_REVERSE_VIDEO},
    {7, false, MODE_WRAP},
    {12, false, MODE_CURSOR_BLINK},
    {25, false, MODE_CURSOR_VISIBLE},
    {45, false, MODE_REVERSE_WRAP},
    {66, false, MODE_APP_KEYPAD},
    {1004, false, MODE_FOCUS},
    {1007, false, MODE_ALTERNATE_SCROLL},
    {2004, false, MODE_BRACKETED_PASTE},
    {2026, false, MODE_SYNCHRONIZED},
};

static int
find_flag(unsigned number, bool ansi)
{
	for (size_t i = 0; i < sizeof flags / sizeof *flags; i++)
		if (flags[i].number == number && flags[i].ansi == ansi)
			return flags[i].bit;
	return -1;
}

static bool
is_mouse(unsigned n)
{
	return n == 9 || n == 1000 || n == 1002 || n == 1003;
}

static bool
is_mouse_encoding(unsigned n)
{
	return n == 1005 || n == 1006 || n == 1015 || n == 1016;
}

static void
set_alternate(struct term *t, unsigned number, bool on)
{
	if (on && (number == 1048 || number == 1049))
		screen_save_cursor(t);
	if (number != 1048)
		screen_alternate(t, on);
	if (!on && (number == 1048 || number == 1049))
		screen_restore_cursor(t);
}

static void
set_private(struct term *t, unsigned number, bool on)
{
	switch (number) {
	case 6:
		t->modes = (t->modes & ~(1u << MODE_ORIGIN)) | (uint32_t)on << MODE_ORIGIN;
		screen_go_relative(t, 0, 0);
		break;
	case 47:
	case 1047:
	case 1048:
	case 1049:
		set_alternate(t, number, on);
		break;
	default:
		if (is_mouse(number))
			t->mouse = (uint16_t)(on ? number : 0);
		else if (is_mouse_encoding(number))
			t->mouse_encoding = (uint16_t)(on ? number : 0);
	}
}

void
mode_set(struct term *t, const struct csi *c, bool on)
{
	for (unsigned i = 0; i < c->n; i++) {
		int bit = find_flag(c->p[i], c->prefix == 0);

		if (bit >= 0)
			t->modes = (t->modes & ~(1u << bit)) | (uint32_t)on << bit;
		else if (c->prefix == '?')
			set_private(t, c->p[i], on);
	}
}

/* DECRPM: 0 not known, 1 set, 2 reset. */
static unsigned
mode_state(const struct term *t, unsigned number, bool ansi)
{
	int bit = find_flag(number, ansi);

	if (bit >= 0)
		return mode(t, bit) ? 1 : 2;
	if (ansi)
		return 0;
	if (number == 6)
		return mode(t, MODE_ORIGIN) ? 1 : 2;
	if (number == 47 || number == 1047 || number == 1049)
		return on_alternate(t) ? 1 : 2;
	if (is_mouse(number))
		return t->mouse == number ? 1 : 2;
	if (is_mouse_encoding(number))
		return t->mouse_encoding == number ? 1 : 2;
	return 0;
}

void
mode_report(struct term *t, const struct csi *c)
{
	bool ansi = c->prefix == 0;

	term_reply(t, "\033[%s%u;%u$y", ansi ? "" : "?", (unsigned)c->p[0],
	    mode_state(t, c->p[0], ansi));
}

int
mode_snapshot(const struct term *t, struct buf *b)
{
	struct term fresh = {.modes = 0};
	int rc = 0;

	term_reset_state(&fresh);
	for (size_t i = 0; rc == 0 && i < sizeof flags / sizeof *flags; i++) {
		bool on = mode(t, flags[i].bit);

		if (on != mode(&fresh, flags[i].bit))
			rc = buf_printf(b, "\033[%s%u%c", flags[i].ansi ? "" : "?",
			    flags[i].number, on ? 'h' : 'l');
	}
	if (rc == 0 && t->mouse != 0)
		rc = buf_printf(b, "\033[?%uh", t->mouse);
	if (rc == 0 && t->mouse_encoding != 0)
		rc = buf_printf(b, "\033[?%uh", t->mouse_encoding);
	if (rc == 0 && t->cursor_style != 0)
		rc = buf_printf(b, "\033[%u q", t->cursor_style);
	return rc;
}
