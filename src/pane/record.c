#include "config.h"

#include "pane/record.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/xmalloc.h"
#include "pane/memory.h"
#include "pane/record_priv.h"

enum {
	SAVE_BYTES = 256 * 1024, /* of output between two saves of the terminal */
	SAVE_CELL = 8,           /* or this many for each cell of the screen */
	COMMAND_LINES = 100,     /* of a command line */
};

/* Commands. */

static struct record_command *
command_at(const struct record *r, size_t i)
{
	return &r->commands[(r->first + i) % RECORD_COMMANDS];
}

size_t
record_command_count(const struct record *r)
{
	return r->count;
}

const struct record_command *
record_command(const struct record *r, size_t i)
{
	return command_at(r, i);
}

struct record_command *
record_add_command(struct record *r)
{
	struct record_command *c;

	if (r->commands == NULL)
		r->commands = xcalloc(RECORD_COMMANDS, sizeof *r->commands);
	if (r->count == RECORD_COMMANDS) {
		r->first = (r->first + 1) % RECORD_COMMANDS;
		r->count--;
	}
	c = command_at(r, r->count++);
	free(c->text);
	*c = (struct record_command){.exit_status = -1, .text = xstrdup("")};
	return c;
}

static struct record_command *
last_command(struct record *r)
{
	return r->count != 0 ? command_at(r, r->count - 1) : NULL;
}

/* A line of the command line, up to byte `to`. Beyond the buffer's maximum the rest of a command
 * line is left out. */
static void
add_typed(struct record *r, uint64_t number, const char *text, size_t len, size_t to)
{
	size_t from = number == r->text_line ? r->text_byte : 0;

	if (number - r->text_line >= COMMAND_LINES)
		return;
	if (to > len)
		to = len;
	if (from < to && buf_append(&r->typed, text + from, to - from) == 0 && to == len)
		buf_putc(&r->typed, '\n');
}

/* What stands between mark B and mark C, without the line feed that ended it. */
static char *
command_text(struct record *r, const struct term_mark *m)
{
	struct buf *b = &r->typed;
	struct term_text screen;

	term_text_init(&screen);
	term_text_read(r->term, TERM_MAIN, TERM_TEXT_JOIN | TERM_TEXT_HEAD, &screen);
	for (size_t i = 0; i < screen.nlines && screen.first + i <= m->line; i++) {
		const struct term_text_line *l = &screen.lines[i];

		if (screen.first + i >= r->text_line)
			add_typed(r, screen.first + i, screen.text + l->text, l->len,
			    screen.first + i == m->line ? m->byte : SIZE_MAX);
	}
	while (b->len != 0 && strchr(" \n", b->data[b->len - 1]) != NULL)
		b->data[--b->len] = '\0';
	term_text_release(&screen);
	return buf_take(b);
}

/* When a mark came: what is replayed came earlier than now, and durations are made of it. */
static int64_t
time_of_mark(struct record *r, uint64_t offset)
{
	int64_t ms = r->now_ms;

	if (!memory_mark_time(r->memory, offset, &ms) &&
	    !memory_add_mark_time(r->memory, offset, ms))
		r->save_due = true;
	return ms;
}

/* Shells differ in which marks they send; a command begins with A, or with C alone. */
static void
on_mark(void *arg, const struct term_mark *m)
{
	struct record *r = arg;
	struct record_command *c = last_command(r);

	if (m->alternate || r->drawing)
		return;
	switch (m->kind) {
	case 'A':
		if (c == NULL || c->output_line != 0)
			c = record_add_command(r);
		c->prompt_line = m->line;
		break;
	case 'B':
		r->typing = true;
		r->text_line = m->line;
		r->text_byte = m->byte;
		buf_reset(&r->typed);
		break;
	case 'C':
		if (c == NULL || c->output_line != 0)
			c = record_add_command(r);
		c->output_line = m->line;
		c->started_ms = time_of_mark(r, m->offset);
		if (r->typing) {
			free(c->text);
			c->text = command_text(r, m);
		}
		r->typing = false;
		buf_reset(&r->typed);
		break;
	case 'D':
		if (c == NULL || c->output_line == 0 || c->finished_ms != 0)
			return;
		c->end_line = m->line;
		c->finished_ms = time_of_mark(r, m->offset);
		c->exit_status = m->exit_status;
		break;
	default:
		break;
	}
}

/* The terminal's callbacks. */

static void
on_line(void *arg, const struct term_line *l)
{
	struct record *r = arg;

	if (r->drawing)
		return;
	r->lines++;
	if (r->typing && r->lines >= r->text_line)
		add_typed(r, r->lines, l->text, l->len, SIZE_MAX);
	/* Of what is replayed, the history has most lines already. */
	if (r->lines <= history_last(r->history))
		return;
	memory_save_styles(r->memory, term_styles(r->term));
	history_push(
	    r->history, l->text, l->len, l->runs, l->nruns, r->now_ms, l->offset, l->flags);
}

static void
on_reply(void *arg, const char *data, size_t len)
{
	struct record *r = arg;
	struct memory_state *state = memory_state(r->memory);

	if (r->drawing)
		return;
	r->replies++;
	if (r->catching_up && r->replies <= state->replies)
		return;
	r->cb.reply(data, len, r->arg);
	state->replies = r->replies;
}

static void
on_title(void *arg, const char *title)
{
	struct record *r = arg;

	free(r->title);
	r->title = xstrdup(title);
	if (!r->drawing && !r->replaying)
		r->cb.title(title, r->arg);
}

static void
on_bell(void *arg)
{
	struct record *r = arg;

	if (!r->drawing && !r->replaying)
		r->cb.bell(r->arg);
}

static void
on_clear(void *arg)
{
	struct record *r = arg;
	struct memory_state *state = memory_state(r->memory);

	/* Replayed, it may have been done, and lines pushed since. */
	if (r->drawing || state->cleared > r->lines)
		return;
	state->cleared = r->lines + 1;
	history_clear(r->history);
}

struct record *
record_make(struct memory *take, unsigned cols, unsigned rows,
    const struct record_options *options, const struct record_callbacks *cb, void *arg)
{
	static const struct term_callbacks callbacks = {
	    .line = on_line,
	    .reply = on_reply,
	    .title = on_title,
	    .bell = on_bell,
	    .mark = on_mark,
	    .clear_history = on_clear,
	};
	struct history_limits limits = {options->lines, memory_birth(take)->history_bytes};
	struct history_allocator allocator = memory_allocator(take);
	struct term_options how = {options->clear_to_history, options->clear_history_on_ed3};
	struct record *r = xcalloc(1, sizeof *r);

	r->memory = take;
	r->cb = *cb;
	r->arg = arg;
	r->title = xstrdup("");
	buf_init(&r->typed, RECORD_COMMAND_TEXT);
	r->term = term_new(cols, rows, &callbacks, r);
	term_set_options(r->term, &how);
	r->history = history_new(&limits, &allocator);
	return r;
}

struct record *
record_new(struct memory *take, const struct record_options *options,
    const struct record_callbacks *cb, void *arg)
{
	const struct memory_birth *b = memory_birth(take);
	struct record *r = record_make(take, b->cols, b->rows, options, cb, arg);

	record_save(r);
	return r;
}

struct memory *
record_memory(struct record *r)
{
	return r->memory;
}

void
record_free(struct record *r)
{
	if (r == NULL)
		return;
	r->freed = true;
	if (r->views != 0)
		return;
	for (size_t i = 0; r->commands != NULL && i < RECORD_COMMANDS; i++)
		free(r->commands[i].text);
	free(r->commands);
	if (r->memory != NULL)
		memory_leave(r->memory);
	term_free(r->term);
	history_free(r->history);
	memory_free(r->memory);
	free(r->title);
	buf_release(&r->typed);
	free(r);
}

/* Half a ring at most, so that the slot before this one will do, too; a large screen costs much
 * to draw. */
static uint64_t
save_interval(const struct record *r)
{
	const struct memory_state *state = memory_state(r->memory);
	uint64_t cells = (uint64_t)state->cols * state->rows;
	uint64_t most = memory_birth(r->memory)->ring_size / 2;
	uint64_t bytes = cells * SAVE_CELL > SAVE_BYTES ? cells * SAVE_CELL : SAVE_BYTES;

	return bytes < most ? bytes : most;
}

void
record_feed(struct record *r, const void *data, size_t len, int64_t now_ms)
{
	struct memory_state *state = memory_state(r->memory);

	r->now_ms = now_ms;
	term_feed(r->term, data, len);
	state->active_ms = now_ms;
	state->fed += len;
	if (r->save_due || state->fed - r->saved_at >= save_interval(r))
		record_save(r);
}

void
record_redraw(struct record *r, const void *reset, size_t len, uint64_t line, int64_t now_ms)
{
	struct memory_state *state = memory_state(r->memory);

	r->now_ms = now_ms;
	r->drawing = true;
	term_feed(r->term, reset, len);
	r->drawing = false;
	r->typing = false;
	if (line > 1 && history_last(r->history) == 0)
		history_set_next(r->history, line);
	state->fed += len;
	r->lines = line - 1;
	term_set_origin(r->term, state->fed, r->lines);
	memory_remote(r->memory)->redrawn = history_last(r->history);
	record_save(r);
}

void
record_captured(struct record *r, uint64_t from)
{
	struct memory_remote *m = memory_remote(r->memory);
	struct memory_span span = {from, record_last_line(r)};

	if (span.to < from)
		return;
	if (m->nspans >= MEMORY_SPANS) {
		m->nspans = MEMORY_SPANS - 1;
		memmove(m->spans, m->spans + 1, m->nspans * sizeof *m->spans);
	}
	m->spans[m->nspans++] = span;
}

bool
record_captured_span(const struct record *r, size_t i, uint64_t *from, uint64_t *to)
{
	const struct memory_remote *m = memory_remote(r->memory);

	if (i >= m->nspans || i >= MEMORY_SPANS)
		return false;
	*from = m->spans[i].from;
	*to = m->spans[i].to;
	return true;
}

void
record_resize(struct record *r, unsigned cols, unsigned rows, int64_t now_ms)
{
	struct memory_state *state = memory_state(r->memory);
	struct memory_resize change = {state->fed, cols, rows};

	/* Before it is done: a new process does it again, or nothing of it has happened. */
	if (!memory_add_resize(r->memory, &change)) {
		record_save(r);
		memory_add_resize(r->memory, &change);
	}
	r->now_ms = now_ms;
	state->cols = cols;
	state->rows = rows;
	term_resize(r->term, cols, rows);
}

/* Snapshots. */

struct tail {
	struct history_reader reader;
	struct style_run *runs;
};

static bool
next_of_tail(void *arg, struct term_line *out)
{
	struct tail *t = arg;
	struct slab_line line;

	if (!history_next(&t->reader, &line))
		return false;
	*out = (struct term_line){.text = line.text,
	    .len = line.len,
	    .runs = t->runs,
	    .offset = line.offset,
	    .flags = line.flags};
	out->nruns = history_runs(&t->reader, &line, t->runs, HISTORY_RUNS_MAX);
	return true;
}

/* The last line that is not on the main screen: after a redraw the history may have some that
 * are. */
static uint64_t
last_above(const struct record *r)
{
	uint64_t last = history_last(r->history);

	return r->lines < last ? r->lines : last;
}

static uint64_t
tail_from(const struct record *r, uint64_t lines)
{
	uint64_t last = last_above(r);

	return lines > last ? 0 : last - lines + 1;
}

uint64_t
record_snapshot(const struct record *r, unsigned lines, struct buf *b)
{
	struct tail t = {.runs = xreallocarray(NULL, HISTORY_RUNS_MAX, sizeof *t.runs)};
	struct history_view view;
	struct term_state state;

	history_view(r->history, tail_from(r, lines), last_above(r), &view);
	history_read(&t.reader, &view, view.first);
	term_snapshot(r->term, next_of_tail, &t, b);
	history_view_release(&view);
	free(t.runs);
	term_get_state(r->term, &state);
	return state.offset;
}

/* Views. */

static struct styles *
copy_styles(const struct styles *from)
{
	struct styles *to = styles_new();
	unsigned links = style_link_count(from), n = style_count(from);

	for (unsigned i = 1; i <= links; i++) {
		const char *id, *uri = style_link(from, i, &id);
		style_link_add(to, uri, strlen(uri), id, id != NULL ? strlen(id) : 0);
	}
	for (unsigned i = 1; i < n; i++)
		style_add(to, style_get(from, i));
	return to;
}

static void
take_view(
    struct record *r, enum term_which which, unsigned flags, bool styles, struct record_view *v)
{
	v->record = r;
	r->views++;
	term_text_init(&v->screen);
	term_text_read(r->term, which, flags, &v->screen);
	v->first_line = v->screen.first;
	term_get_state(r->term, &v->state);
	v->state.title = v->state.cwd = NULL;
	if (styles)
		v->styles = copy_styles(term_styles(r->term));
}

void
record_view(
    struct record *r, uint64_t lines, bool main_screen, bool styles, struct record_view *v)
{
	*v = (struct record_view){.to = UINT64_MAX};
	if (lines != 0)
		history_view(r->history, tail_from(r, lines), last_above(r), &v->history);
	take_view(r, main_screen ? TERM_MAIN : TERM_SHOWN,
	    TERM_TEXT_JOIN | (lines != 0 ? TERM_TEXT_HEAD : 0), styles, v);
}

void
record_view_range(
    struct record *r, uint64_t from, uint64_t to, bool styles, struct record_view *v)
{
	*v = (struct record_view){.from = from, .to = to};
	history_view(r->history, from, to < last_above(r) ? to : last_above(r), &v->history);
	take_view(r, TERM_MAIN, TERM_TEXT_JOIN | TERM_TEXT_HEAD, styles, v);
}

void
record_view_release(struct record_view *v)
{
	struct record *r = v->record;

	history_view_release(&v->history);
	term_text_release(&v->screen);
	styles_free(v->styles);
	v->styles = NULL;
	r->views--;
	if (r->freed)
		record_free(r);
}

const char *
record_title(const struct record *r)
{
	return r->title;
}

uint64_t
record_first_line(const struct record *r)
{
	return history_first(r->history);
}

uint64_t
record_find_time(const struct record *r, int64_t time_ms)
{
	return history_find_time(r->history, time_ms);
}

void
record_history(struct record *r, uint64_t from, struct history_view *v)
{
	history_view(r->history, from, UINT64_MAX, v);
}

const struct styles *
record_styles(const struct record *r)
{
	return term_styles(r->term);
}

uint64_t
record_history_last(const struct record *r)
{
	return history_last(r->history);
}

uint64_t
record_last_line(const struct record *r)
{
	struct term_text screen;
	uint64_t last;

	term_text_init(&screen);
	term_text_read(r->term, TERM_MAIN, TERM_TEXT_JOIN | TERM_TEXT_HEAD, &screen);
	last = screen.first + screen.used - 1;
	term_text_release(&screen);
	return last;
}

void
record_stats(const struct record *r, struct history_stats *stats, size_t *terminal)
{
	history_stats(r->history, stats);
	*terminal = term_memory(r->term);
}
