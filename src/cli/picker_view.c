#include "config.h"

#include "cli/picker_view.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cjson/cJSON.h>

#include "base/buf.h"
#include "base/clock.h"
#include "cli/columns.h"

enum {
	PANE_WIDTH_MAX = 12,
	AGE_WIDTH = 4,
	AGE_FROM = 40,     /* columns of the screen: narrower ones do without ages */
	PREVIEW_FROM = 12, /* rows */
};

/* How things look. What has a colour looks different without it, too. */
enum look { PLAIN, PROMPT, ERROR, DIM, SELECTED, PANE, LINE, MATCH };
static const char *const looks[][2] = {
    [PLAIN] = {"\033[m", "\033[m"},
    [PROMPT] = {"\033[m\033[1m", "\033[m\033[1m"},
    [ERROR] = {"\033[m\033[31m", "\033[m\033[1m"},
    [DIM] = {"\033[m\033[2m", "\033[m"},
    [SELECTED] = {"\033[m\033[1m", "\033[m\033[1m"},
    [PANE] = {"\033[m\033[35m", "\033[m"},
    [LINE] = {"\033[m\033[32m", "\033[m"},
    [MATCH] = {"\033[m\033[1;31m", "\033[m\033[4m"},
};

/* The row that is being drawn. */
struct row {
	const struct picker_view *v;
	struct buf *out;
	unsigned left; /* columns */
};

static void
look(struct row *r, enum look l)
{
	buf_puts(r->out, looks[l][r->v->color ? 0 : 1]);
}

/* False when there was no room for all of it. */
static bool
put(struct row *r, enum look l, const char *text, size_t len)
{
	if (len == 0)
		return true;
	look(r, l);
	return columns_put(r->out, text, len, &r->left) == len;
}

static bool
say(struct row *r, enum look l, const char *text)
{
	return put(r, l, text, strlen(text));
}

/* Rows are cleared before and not behind what is in them: at the edge that would take the last
 * character away. */
static struct row
begin_row(const struct picker_view *v, unsigned y, struct buf *out)
{
	buf_printf(out, "\033[m\033[%u;1H\033[K", y);
	return (struct row){v, out, v->cols};
}

/* Sizes */

static unsigned
preview_block(const struct picker_view *v)
{
	return v->rows < PREVIEW_FROM ? 0 : (v->rows - 2) * 2 / 5;
}

unsigned
picker_view_preview(const struct picker_view *v)
{
	unsigned n = preview_block(v);

	return n > 0 ? n - 1 : 0;
}

unsigned
picker_view_list(const struct picker_view *v)
{
	unsigned used = 2 + preview_block(v);

	return v->rows > used ? v->rows - used : 0;
}

static unsigned
pane_width(const struct picker_view *v)
{
	size_t width = 2;

	for (size_t i = 0; i < v->answer.n; i++) {
		size_t n = strlen(v->answer.hits[i].pane);
		if (n > width)
			width = n;
	}
	if (width > PANE_WIDTH_MAX)
		width = PANE_WIDTH_MAX;
	return (unsigned)(v->cols >= AGE_FROM || width <= 3 ? width : 3);
}

static void
follow(struct picker_view *v)
{
	size_t rows = picker_view_list(v), n = v->answer.n;

	if (v->selected >= n)
		v->selected = n > 0 ? n - 1 : 0;
	if (v->selected < v->top)
		v->top = v->selected;
	if (rows > 0 && v->selected >= v->top + rows)
		v->top = v->selected - rows + 1;
	if (v->top + rows > n)
		v->top = n > rows ? n - rows : 0;
}

/* Text */

/* Where to begin so that the end of the first match can be seen, with something behind it. */
static size_t
beginning(const struct search_hit *h, size_t len, unsigned width)
{
	const cJSON *span = NULL;
	size_t from, to, at;

	if (!search_span(h, len, &span, &from, &to) || columns_of(h->content, to) <= width)
		return 0;
	at = columns_skip(h->content, to, width - width / 4);
	return at < from ? at : from;
}

static void
put_text(struct row *r, const struct search_hit *h, enum look l)
{
	size_t len = strlen(h->content), at, from, to;
	const cJSON *span = NULL;

	at = r->v->plain ? 0 : beginning(h, len, r->left);
	if (at > 0)
		say(r, DIM, "<");
	while (!r->v->plain && r->left > 0 && search_span(h, len, &span, &from, &to)) {
		if (from < at) /* no hit has its first match before */
			continue;
		if (!put(r, l, h->content + at, from - at) ||
		    !put(r, MATCH, h->content + from, to - from))
			return;
		at = to;
	}
	put(r, l, h->content + at, len - at);
}

static void
put_age(struct row *r, const char *time)
{
	static const struct {
		int64_t seconds;
		char unit;
	} units[] = {{86400, 'd'}, {3600, 'h'}, {60, 'm'}};
	int64_t ms, s = 0;
	char text[32], unit = 's';

	if (clock_parse(time, r->v->now_ms, &ms) == 0 && ms < r->v->now_ms)
		s = (r->v->now_ms - ms) / 1000;
	for (size_t i = 0; i < sizeof units / sizeof *units; i++) {
		if (s >= units[i].seconds && unit == 's') {
			s /= units[i].seconds;
			unit = units[i].unit;
		}
	}
	snprintf(text, sizeof text, "%*" PRId64 "%c ", AGE_WIDTH - 1, s, unit);
	say(r, DIM, text);
}

/* Rows */

static void
draw_hit(struct picker_view *v, size_t i, unsigned y, unsigned width, struct buf *out)
{
	const struct search_hit *h = &v->answer.hits[i];
	struct row r = begin_row(v, y, out);
	bool selected = i == v->selected;
	char pane[PANE_WIDTH_MAX + 2];

	say(&r, SELECTED, selected ? "> " : "  ");
	snprintf(pane, sizeof pane, "%-*.*s ", (int)width, (int)width, h->pane);
	say(&r, PANE, pane);
	if (v->cols >= AGE_FROM)
		put_age(&r, h->time);
	put_text(&r, h, selected ? SELECTED : PLAIN);
}

static void
draw_list(struct picker_view *v, struct buf *out)
{
	unsigned rows = picker_view_list(v), width = pane_width(v);

	for (unsigned i = 0; i < rows; i++) {
		if (v->top + i < v->answer.n)
			draw_hit(v, v->top + i, 3 + i, width, out);
		else
			begin_row(v, 3 + i, out);
	}
}

static void
draw_rule(const struct picker_view *v, const struct search_hit *h, unsigned y, struct buf *out)
{
	struct row r = begin_row(v, y, out);
	char text[128] = "", when[32] = "";
	struct tm tm;
	int64_t ms;
	time_t t;

	if (h != NULL && clock_parse(h->time, v->now_ms, &ms) == 0) {
		t = (time_t)(ms / 1000);
		strftime(when, sizeof when, "%Y-%m-%d %H:%M:%S", localtime_r(&t, &tm));
	}
	if (h != NULL)
		snprintf(
		    text, sizeof text, "--- %.64s:%" PRIu64 " %s ", h->pane, h->line, when);
	say(&r, DIM, text);
	while (r.left > 0)
		say(&r, DIM, "-");
}

static void
begin_context(struct row *r, uint64_t line, int digits)
{
	char number[32];

	snprintf(number, sizeof number, "%*" PRIu64 " ", digits, line);
	say(r, LINE, number);
}

static void
draw_context(
    const struct picker_view *v, const struct search_hit *h, unsigned y, struct buf *out)
{
	unsigned rows = picker_view_preview(v),
		 up = h->nbefore < rows / 2 ? h->nbefore : rows / 2,
		 down = rows > up ? rows - up - 1 : 0;
	int digits = snprintf(NULL, 0, "%" PRIu64, h->line + down);
	uint64_t line = h->line - up;
	const cJSON *o;
	struct row r;

	if (down > h->nafter)
		down = h->nafter;
	for (unsigned i = 0; i < rows; i++, line++) {
		r = begin_row(v, y + i, out);
		if (line > h->line + down)
			continue;
		begin_context(&r, line, digits);
		o = line < h->line ? cJSON_GetArrayItem(h->before, (int)(h->nbefore - up + i))
				   : cJSON_GetArrayItem(h->after, (int)(line - h->line) - 1);
		if (line == h->line)
			put_text(&r, h, SELECTED);
		else if (cJSON_IsString(o))
			say(&r, PLAIN, o->valuestring);
	}
}

static void
draw_preview(const struct picker_view *v, struct buf *out)
{
	unsigned rows = picker_view_preview(v), y = 3 + picker_view_list(v);
	const struct search_hit *h =
	    v->selected < v->answer.n ? &v->answer.hits[v->selected] : NULL;

	if (preview_block(v) == 0)
		return;
	draw_rule(v, h, y, out);
	if (h != NULL)
		draw_context(v, h, y + 1, out);
	for (unsigned i = 0; h == NULL && i < rows; i++)
		begin_row(v, y + 1 + i, out);
}

/* Returns the column of the cursor. The beginning of what is too long is not shown. */
static unsigned
draw_prompt(const struct picker_view *v, struct buf *out)
{
	struct row r = begin_row(v, 1, out);
	size_t from;

	say(&r, PROMPT, "> ");
	from = columns_skip(v->prompt.text, v->prompt.cursor, r.left > 0 ? r.left - 1 : 0);
	put(&r, PLAIN, v->prompt.text + from, v->prompt.len - from);
	return 3 + columns_of(v->prompt.text + from, v->prompt.cursor - from);
}

static void
draw_status(const struct picker_view *v, struct buf *out)
{
	struct row r = begin_row(v, 2, out);

	if (v->notice[0] != '\0')
		say(&r, ERROR, v->notice);
	else if (v->error[0] != '\0')
		say(&r, ERROR, v->error);
	else
		say(&r, DIM, v->status);
}

void
picker_view_draw(struct picker_view *v, struct buf *out)
{
	unsigned column;

	follow(v);
	buf_puts(out, "\033[?25l");
	column = draw_prompt(v, out);
	if (v->rows > 1)
		draw_status(v, out);
	draw_list(v, out);
	draw_preview(v, out);
	buf_printf(out, "\033[m\033[1;%uH\033[?25h", column < v->cols ? column : v->cols);
}
