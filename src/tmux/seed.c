#include "config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/xmalloc.h"
#include "proto/control.h"
#include "tmux/seed_priv.h"

/* The state */

enum field {
	COLS,
	ROWS,
	CURSOR_X,
	CURSOR_Y,
	ALTERNATE,
	SAVED_X,
	SAVED_Y,
	HISTORY,
	HISTORY_LIMIT,
	UPPER,
	LOWER,
	VISIBLE,
	INSERT,
	APP_CURSOR,
	APP_KEYPAD,
	WRAP,
	ORIGIN,
	MOUSE_STANDARD,
	MOUSE_BUTTON,
	MOUSE_ALL,
	MOUSE_SGR,
	MOUSE_UTF8,
	BRACKETED_PASTE,
	SYNCHRONIZED,
	TABS,
	FIELDS
};

/* In the order of the fields. */
const char seed_state_format[] =
    "\"#{pane_width}|#{pane_height}|#{cursor_x}|#{cursor_y}|#{alternate_on}|"
    "#{alternate_saved_x}|#{alternate_saved_y}|#{history_size}|#{history_limit}|"
    "#{scroll_region_upper}|#{scroll_region_lower}|#{cursor_flag}|#{insert_flag}|"
    "#{keypad_cursor_flag}|#{keypad_flag}|#{wrap_flag}|#{origin_flag}|"
    "#{mouse_standard_flag}|#{mouse_button_flag}|#{mouse_all_flag}|#{mouse_sgr_flag}|"
    "#{mouse_utf8_flag}|#{bracket_paste_flag}|#{synchronized_output_flag}|#{pane_tabs}\"";

enum { UNKNOWN = -1 };
static const int64_t number_max = 4294967295;

/* Digits up to the end of a field; UNKNOWN for all else. */
static int64_t
number(const char *p, const char *end)
{
	int64_t v = 0;

	if (p == end)
		return UNKNOWN;
	for (; p < end; p++) {
		if (*p < '0' || *p > '9' || (v = v * 10 + (*p - '0')) > number_max)
			return UNKNOWN;
	}
	return v;
}

static unsigned
clamp(int64_t v, unsigned max)
{
	return v < 0 ? 0 : v > max ? max : (unsigned)v;
}

static void
read_tabs(struct seed *s, const char *p, const char *end)
{
	s->tabs_known = true;
	while (p < end) {
		const char *comma = memchr(p, ',', (size_t)(end - p));
		int64_t x = number(p, comma != NULL ? comma : end);

		if (x >= 0 && x < s->state.cols)
			s->tabs[x / 8] |= (uint8_t)(1u << x % 8);
		p = comma != NULL ? comma + 1 : end;
	}
}

static void
read_cursor(struct seed *s, const int64_t v[FIELDS])
{
	unsigned cols = s->state.cols, rows = s->state.rows;

	s->x = clamp(v[CURSOR_X], cols);
	s->y = clamp(v[CURSOR_Y], rows - 1);
	s->saved_x = s->saved_y = CURSOR_UNSET;
	if (v[SAVED_X] >= 0 && v[SAVED_X] < CURSOR_UNSET && v[SAVED_Y] >= 0 &&
	    v[SAVED_Y] < CURSOR_UNSET) {
		s->saved_x = clamp(v[SAVED_X], cols - 1);
		s->saved_y = clamp(v[SAVED_Y], TERM_SIZE_MAX - 1);
	}
	s->top = 0;
	s->bottom = rows - 1;
	if (v[UPPER] >= 0 && v[UPPER] < v[LOWER] && v[LOWER] < rows) {
		s->top = (unsigned)v[UPPER];
		s->bottom = (unsigned)v[LOWER];
	}
}

static void
read_modes(struct seed *s, const int64_t v[FIELDS])
{
	s->visible = v[VISIBLE] != 0;
	s->insert = v[INSERT] == 1;
	s->app_cursor = v[APP_CURSOR] == 1;
	s->app_keypad = v[APP_KEYPAD] == 1;
	s->wrap = v[WRAP] != 0;
	s->origin = v[ORIGIN] == 1;
	s->bracketed_paste = v[BRACKETED_PASTE] == 1;
	s->mouse = v[MOUSE_ALL] == 1        ? 1003
		   : v[MOUSE_BUTTON] == 1   ? 1002
		   : v[MOUSE_STANDARD] == 1 ? 1000
					    : 0;
	s->mouse_encoding = v[MOUSE_SGR] == 1 ? 1006 : v[MOUSE_UTF8] == 1 ? 1005 : 0;
}

static int
read_state(struct seed *s, bool alt, const struct seed_part *part)
{
	const char *p = part->data, *end = p + part->len, *bar;
	int64_t v[FIELDS];

	for (int i = 0; i < TABS; i++, p = bar + 1) {
		if (p >= end || (bar = memchr(p, '|', (size_t)(end - p))) == NULL)
			return -EINVAL;
		v[i] = number(p, bar);
	}
	if (v[COLS] < 1 || v[COLS] > TERM_SIZE_MAX || v[ROWS] < 1 || v[ROWS] > TERM_SIZE_MAX ||
	    v[CURSOR_X] < 0 || v[CURSOR_Y] < 0 || v[ALTERNATE] < 0 || v[ALTERNATE] > 1 ||
	    v[HISTORY] < 0)
		return -EINVAL;
	if (alt != (v[ALTERNATE] == 1) || v[SYNCHRONIZED] == 1)
		return -EAGAIN;
	s->state = (struct seed_state){.cols = (unsigned)v[COLS],
	    .rows = (unsigned)v[ROWS],
	    .alternate = alt,
	    .history = (uint64_t)v[HISTORY],
	    .history_limit = v[HISTORY_LIMIT] >= 0 ? (uint64_t)v[HISTORY_LIMIT] : 0};
	read_cursor(s, v);
	read_modes(s, v);
	read_tabs(s, p, end);
	return 0;
}

/* The lines */

static uint32_t
keep_pen(struct seed *s, const struct seed_pen *pen)
{
	static const struct seed_pen none;
	const struct seed_pen *last = &s->pens[s->npens - 1];

	if (!pen->graphics && style_equal(&pen->style, &none.style))
		return 0;
	if (pen->graphics == last->graphics && style_equal(&pen->style, &last->style))
		return (uint32_t)(s->npens - 1);
	if (s->npens == s->pencap) {
		s->pencap *= 2;
		s->pens = xreallocarray(s->pens, s->pencap, sizeof *s->pens);
	}
	s->pens[s->npens++] = *pen;
	return (uint32_t)(s->npens - 1);
}

static void
add_line(struct seed *s, struct seed_list *list, const char *from, const char *to, uint32_t pen)
{
	if (list->n == list->cap) {
		list->cap = list->cap != 0 ? list->cap * 2 : 64;
		list->v = xreallocarray(list->v, list->cap, sizeof *list->v);
	}
	list->v[list->n++] =
	    (struct seed_line){(size_t)(from - s->data), (uint32_t)(to - from), pen};
}

/* Takes a part over and adds up to max of its lines to the list. There is room for it. */
static void
add_part(struct seed *s, struct seed_list *list, const struct seed_part *part, size_t max)
{
	const char *start = s->data + s->len, *end = start + part->len, *p;
	struct seed_pen pen = {.graphics = false};
	uint32_t id = 0;
	struct token t;

	if (part->len != 0)
		memcpy(s->data + s->len, part->data, part->len);
	s->len += part->len;
	for (p = start; list->n < max; start = p) {
		while ((p = scan_control(p, end)) < end && *p != '\n') {
			p = scan_token(p, end, &t);
			scan_pen(&pen, &t);
		}
		add_line(s, list, start, p, id);
		if (p++ == end)
			break;
		id = keep_pen(s, &pen);
	}
}

/* Bytes of a line that are text, as captured. */
static size_t
text_bytes(const struct seed *s, const struct seed_line *l)
{
	const char *p = s->data + l->at, *end = p + l->len, *at;
	struct token t;
	size_t n = 0;

	while (p < end) {
		at = p;
		p = scan_token(p, end, &t);
		if (t.kind <= TOKEN_TAB)
			n += (size_t)(p - at);
	}
	return n;
}

/* Cuts a line behind its first n bytes of text. */
static void
cut_line(struct seed *s, struct seed_line *l, size_t n)
{
	const char *start = s->data + l->at, *p = start, *end = p + l->len, *at;
	struct token t;

	while (p < end && n > 0) {
		at = p;
		p = scan_token(p, end, &t);
		if (t.kind > TOKEN_TAB)
			continue;
		if ((size_t)(p - at) > n)
			p = at + n;
		n -= (size_t)(p - at);
	}
	l->len = (uint32_t)(p - start);
}

/* The screen's lines would not come to lie where tmux has them: its rows take their place. */
static void
flatten(struct seed *s, const struct seed_line *first)
{
	struct seed_line *border = &s->lines.v[s->screen];
	size_t all = text_bytes(s, border), on_screen = text_bytes(s, first);

	s->lines.n = s->screen;
	if (all > on_screen) {
		cut_line(s, border, all - on_screen);
		s->lines.n = ++s->screen;
	}
	s->flat = s->screen;
	for (size_t i = 0; i < s->rows.n; i++) {
		const struct seed_line *r = &s->rows.v[i];

		add_line(s, &s->lines, s->data + r->at, s->data + r->at + r->len, r->pen);
	}
}

/* parts: all lines, those of the screen as plain text, its rows, what is pending */
static void
add_main(struct seed *s, const struct seed_part *parts)
{
	struct seed_list screen = {0};
	size_t rows = 0;

	add_part(s, &s->lines, &parts[0], SIZE_MAX);
	add_part(s, &screen, &parts[1], s->state.rows);
	add_part(s, &s->rows, &parts[2], s->state.rows);
	s->screen = s->lines.n > screen.n ? s->lines.n - screen.n : 0;
	s->flat = SIZE_MAX;
	for (size_t i = 0; i < screen.n; i++)
		rows += walk_rows(s, &screen.v[i]);
	if (rows != s->state.rows)
		flatten(s, &screen.v[0]);
	free(screen.v);
}

/* The saved screen keeps the size that it had when the alternate one came up. tmux fits it when it
 * goes back: blank rows below the cursor go first, then the upper ones go to the history. */
static void
fit_saved(struct seed *s)
{
	size_t rows = 0, cut;

	for (size_t i = s->screen; i < s->lines.n; i++)
		rows += walk_rows(s, &s->lines.v[i]);
	while (rows > s->state.rows && s->lines.n > s->screen &&
	       (s->saved_y == CURSOR_UNSET || rows > s->saved_y + 1)) {
		const struct seed_line *l = &s->lines.v[s->lines.n - 1];

		if (walk_text_end(s, l, false) != s->data + l->at)
			break;
		rows -= walk_rows(s, l);
		s->lines.n--;
	}
	cut = rows > s->state.rows ? rows - s->state.rows : 0;
	if (s->saved_y == CURSOR_UNSET)
		return;
	s->saved_y = s->saved_y > cut ? s->saved_y - (unsigned)cut : 0;
	if (s->saved_y >= s->state.rows)
		s->saved_y = s->state.rows - 1;
}

/* parts: the history, the saved main screen, rows of the alternate one, what is pending */
static void
add_alternate(struct seed *s, const struct seed_part *parts)
{
	/* Without a history tmux gives the screen's first row in its place. */
	if (s->state.history > 0)
		add_part(s, &s->lines, &parts[0], SIZE_MAX);
	s->screen = s->lines.n;
	s->flat = SIZE_MAX;
	add_part(s, &s->lines, &parts[1], SIZE_MAX);
	add_part(s, &s->rows, &parts[2], s->state.rows);
	fit_saved(s);
}

/* The commands */

const char *const seed_commands[] = {
    "capture-pane -peJ -S - -t %",
    "capture-pane -pJ -S 0 -t %",
    "capture-pane -peN -S 0 -t %",
    "capture-pane -pPC -t %",
    NULL,
};

const char *const seed_commands_alt[] = {
    "capture-pane -peJ -S - -E -1 -t %",
    "capture-pane -peJaq -t %",
    "capture-pane -peN -S 0 -t %",
    "capture-pane -pPC -t %",
    NULL,
};

enum { PARTS = 5 };

/* What capture-pane -C gives: \ooo for controls and the backslash, as in control mode. */
static void
add_pending(struct seed *s, const struct seed_part *part)
{
	s->pending = xmalloc(part->len + 1);
	memcpy(s->pending, part->data, part->len);
	s->pending_len = control_unescape(s->pending, part->len);
}

int
seed_new(bool alt, const struct seed_part *parts, size_t n, struct seed **out)
{
	size_t total = 0;
	struct seed *s;
	int rc;

	if (n != PARTS)
		return -EINVAL;
	for (size_t i = 0; i < n; i++) {
		if (parts[i].len > UINT32_MAX)
			return -EINVAL;
		total += parts[i].len;
	}
	s = xcalloc(1, sizeof *s);
	if ((rc = read_state(s, alt, &parts[0])) != 0) {
		free(s);
		return rc;
	}
	s->data = xmalloc(total + 1);
	s->pencap = 16;
	s->npens = 1;
	s->pens = xcalloc(s->pencap, sizeof *s->pens);
	if (alt)
		add_alternate(s, parts + 1);
	else
		add_main(s, parts + 1);
	add_pending(s, &parts[4]);
	*out = s;
	return 0;
}

struct seed *
seed_ref(struct seed *s)
{
	s->refs++;
	return s;
}

void
seed_free(struct seed *s)
{
	if (s == NULL || s->refs-- != 0)
		return;
	free(s->data);
	free(s->lines.v);
	free(s->rows.v);
	free(s->pens);
	free(s->pending);
	free(s);
}

const struct seed_state *
seed_state(const struct seed *s)
{
	return &s->state;
}

size_t
seed_lines(const struct seed *s)
{
	return s->lines.n;
}

unsigned
seed_rows(const struct seed *s, size_t i)
{
	return walk_rows(s, &s->lines.v[i]);
}

size_t
seed_screen_line(const struct seed *s)
{
	return s->screen;
}
