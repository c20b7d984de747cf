/*
 * GET /api/v1/panes/ID/capture and .../commands: what a pane shows and showed.
 *
 * A capture takes a view of the pane's record on the loop and is written on the thread pool:
 * a long history takes milliseconds, and the view does not change meanwhile.
 */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "app/app_priv.h"
#include "app/lines_json.h"
#include "app/mux.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/str.h"
#include "base/xmalloc.h"
#include "pane/record.h"
#include "proto/json.h"

enum format { FORMAT_TEXT, FORMAT_ANSI, FORMAT_JSON };

enum { RANGE_MAX = 10000 }; /* lines of an answer to from and to */

struct args {
	enum format format;
	bool range; /* from..to of history and main screen */
	uint64_t from, to;
	uint64_t lines; /* otherwise: of history above the screen */
	uint64_t main_screen;
};

struct capture {
	uv_work_t work;
	struct http_req *req; /* NULL: the client has gone */
	struct record_view view;
	enum format format;
	cJSON *json; /* of the JSON format: what the loop knows */
	struct buf out;
	struct style_run *runs;
	bool *used; /* styles that occur, by id */
};

static void
write_text(struct capture *c, const struct text_line *l)
{
	size_t len = l->len;

	while (len != 0 && l->text[len - 1] == ' ')
		len--;
	buf_append(&c->out, l->text, len);
	buf_putc(&c->out, '\n');
}

static void
write_ansi(struct capture *c, const struct text_line *l)
{
	term_line_write(c->view.styles, l->text, l->len, l->runs, l->nruns, &c->out);
	buf_putc(&c->out, '\n');
}

static void
write_json(struct capture *c, const struct text_line *l)
{
	lines_json_add(cJSON_GetObjectItemCaseSensitive(c->json, "lines"), l, c->used);
}

static void
write_line(struct capture *c, const struct text_line *l)
{
	static void (*const writers[])(struct capture *, const struct text_line *) = {
	    [FORMAT_TEXT] = write_text, [FORMAT_ANSI] = write_ansi, [FORMAT_JSON] = write_json};

	writers[c->format](c, l);
}

static void
write_history(struct capture *c)
{
	const struct history_view *v = &c->view.history;
	struct history_reader reader;
	struct slab_line s;

	if (v->n == 0)
		return;
	history_read(&reader, v, v->first);
	while (history_next(&reader, &s)) {
		struct text_line l = {s.number, s.time_ms, s.text, s.len, c->runs, 0};
		if (c->format != FORMAT_TEXT)
			l.nruns = history_runs(&reader, &s, c->runs, HISTORY_RUNS_MAX);
		write_line(c, &l);
	}
}

static void
write_screen(struct capture *c)
{
	const struct term_text *t = &c->view.screen;

	for (size_t i = 0; i < t->used; i++) {
		const struct term_text_line *s = &t->lines[i];
		struct text_line l = {t->first != 0 ? t->first + i : 0, 0, t->text + s->text,
		    s->len, t->runs + s->run, s->nruns};
		if (l.number >= c->view.from && l.number <= c->view.to)
			write_line(c, &l);
	}
}

static void
finish_json(struct capture *c)
{
	char *text;

	cJSON_AddItemToObject(c->json, "styles", lines_json_styles(c->view.styles, c->used));
	text = json_print_take(c->json);
	c->json = NULL;
	buf_puts(&c->out, text);
	free(text);
}

static void
capture_work(uv_work_t *w)
{
	struct capture *c = w->data;

	write_history(c);
	write_screen(c);
	if (c->format == FORMAT_JSON)
		finish_json(c);
}

static void
capture_done(uv_work_t *w, int status)
{
	static const char *const types[] = {[FORMAT_TEXT] = "text/plain; charset=utf-8",
	    [FORMAT_ANSI] = "text/plain; charset=utf-8",
	    [FORMAT_JSON] = "application/json"};
	struct capture *c = w->data;
	size_t len = c->out.len;

	(void)status;
	if (c->req != NULL)
		http_reply_take(c->req, 200, types[c->format], buf_take(&c->out), len);
	record_view_release(&c->view);
	buf_release(&c->out);
	cJSON_Delete(c->json);
	free(c->runs);
	free(c->used);
	free(c);
}

static void
capture_gone(void *arg)
{
	((struct capture *)arg)->req = NULL;
}

/* Commands. */

static void
add_number_or_null(cJSON *o, const char *name, bool known, double value)
{
	if (known)
		cJSON_AddNumberToObject(o, name, value);
	else
		cJSON_AddNullToObject(o, name);
}

static cJSON *
command_json(const struct record_command *c)
{
	cJSON *o = json_object();
	char iso[CLOCK_ISO_LEN];

	json_add_text(o, "command", c->text);
	add_number_or_null(o, "prompt_line", c->prompt_line != 0, (double)c->prompt_line);
	add_number_or_null(o, "start_line", c->output_line != 0, (double)c->output_line);
	add_number_or_null(o, "end_line", c->end_line != 0, (double)c->end_line);
	add_number_or_null(o, "exit_status", c->exit_status >= 0, c->exit_status);
	clock_iso(c->started_ms, iso);
	json_add_text(o, "started", c->started_ms != 0 ? iso : NULL);
	clock_iso(c->finished_ms, iso);
	json_add_text(o, "finished", c->finished_ms != 0 ? iso : NULL);
	add_number_or_null(o, "duration_ms", c->finished_ms != 0 && c->started_ms != 0,
	    (double)(c->finished_ms - c->started_ms));
	return o;
}

/* Commands that have begun (a prompt that waits is none yet) in the lines from..to. */
static cJSON *
commands_json(const struct record *r, uint64_t from, uint64_t to)
{
	cJSON *list = json_array();

	for (size_t i = 0; i < record_command_count(r); i++) {
		const struct record_command *c = record_command(r, i);
		if (c->output_line != 0 && c->output_line >= from && c->output_line <= to)
			cJSON_AddItemToArray(list, command_json(c));
	}
	return list;
}

void
panes_commands(struct http_req *r, void *arg)
{
	struct entry *e = panes_resolve(r, arg);
	cJSON *o;

	if (e == NULL)
		return;
	o = json_object();
	cJSON_AddItemToObject(
	    o, "commands", commands_json(pane_record(e->pane), 0, UINT64_MAX));
	http_reply_json_take(r, 200, o);
}

/* Lines that did not come as output, of a pane of tmux. */
static void
add_captured(const struct record *r, cJSON *o)
{
	cJSON *list = cJSON_AddArrayToObject(o, "captured"), *span;
	uint64_t from, to;

	for (size_t i = 0; record_captured_span(r, i, &from, &to); i++) {
		span = json_array();
		cJSON_AddItemToArray(span, cJSON_CreateNumber((double)from));
		cJSON_AddItemToArray(span, cJSON_CreateNumber((double)to));
		cJSON_AddItemToArray(list, span);
	}
}

/* The request. */

static cJSON *
frame_json(const struct entry *e, const struct record_view *v)
{
	cJSON *o = json_object(), *cursor;

	cJSON_AddStringToObject(o, "pane", pane_id(e->pane));
	cJSON_AddNumberToObject(o, "cols", v->state.cols);
	cJSON_AddNumberToObject(o, "rows", v->state.rows);
	cJSON_AddBoolToObject(o, "alternate", v->state.alternate);
	cJSON_AddNumberToObject(o, "offset", (double)v->state.offset);
	cJSON_AddNumberToObject(
	    o, "first_line", (double)record_first_line(pane_record(e->pane)));
	cJSON_AddNumberToObject(o, "last_line", (double)record_last_line(pane_record(e->pane)));
	add_number_or_null(o, "screen_line", v->first_line != 0, (double)v->first_line);
	cursor = cJSON_AddObjectToObject(o, "cursor");
	cJSON_AddNumberToObject(cursor, "x", v->state.x);
	cJSON_AddNumberToObject(cursor, "y", v->state.y);
	cJSON_AddBoolToObject(cursor, "visible", v->state.cursor_visible);
	cJSON_AddItemToObject(
	    o, "commands", commands_json(pane_record(e->pane), v->from, v->to));
	if (pane_is_remote(e->pane))
		add_captured(pane_record(e->pane), o);
	cJSON_AddArrayToObject(o, "lines");
	return o;
}

static bool
read_format(struct http_req *r, enum format *format)
{
	static const char *const names[] = {"text", "ansi", "json"};
	const char *name = http_query(r, "format");

	*format = FORMAT_TEXT;
	while (name != NULL && *format <= FORMAT_JSON && strcmp(name, names[*format]) != 0)
		(*format)++;
	if (*format <= FORMAT_JSON)
		return true;
	http_reply_error(r, 400, "bad_params", "format must be text, ansi or json");
	return false;
}

static bool
read_history(struct http_req *r, uint64_t *lines)
{
	const char *history = http_query(r, "history");

	*lines = 0;
	if (history != NULL && strcmp(history, "all") == 0)
		*lines = UINT64_MAX;
	else if (history != NULL && str_u64(history, 0, UINT64_MAX, lines) != 0) {
		http_reply_error(
		    r, 400, "bad_params", "history must be a number of lines or all");
		return false;
	}
	return true;
}

/* With `to` alone these are the last lines up to it, otherwise the first ones. */
static bool
read_range(struct http_req *r, const struct record *record, struct args *a)
{
	uint64_t first = record_first_line(record), last = record_last_line(record);

	if (!http_query_u64(r, "from", 1, INT64_MAX, 1, &a->from) ||
	    !http_query_u64(r, "to", 1, INT64_MAX, INT64_MAX, &a->to))
		return false;
	if (a->from > a->to || http_query(r, "history") != NULL) {
		http_reply_error(r, 400, "bad_params",
		    "from must not be behind to, and neither goes with history");
		return false;
	}
	if (a->to > last)
		a->to = last;
	if (a->from < first)
		a->from = first;
	if (a->to >= RANGE_MAX && a->from <= a->to - RANGE_MAX) {
		if (http_query(r, "from") == NULL)
			a->from = a->to - RANGE_MAX + 1;
		else
			a->to = a->from + RANGE_MAX - 1;
	}
	return true;
}

static bool
read_args(struct http_req *r, const struct record *record, struct args *a)
{
	*a = (struct args){0};
	if (!read_format(r, &a->format) || !http_query_u64(r, "main", 0, 1, 0, &a->main_screen))
		return false;
	a->range = http_query(r, "from") != NULL || http_query(r, "to") != NULL;
	return a->range ? read_range(r, record, a) : read_history(r, &a->lines);
}

static void
answer(struct http_req *r, struct app *a, struct entry *e)
{
	struct args args;
	struct capture *c;
	bool styles;

	if (!read_args(r, pane_record(e->pane), &args))
		return;
	c = xcalloc(1, sizeof *c);
	c->work.data = c;
	c->req = r;
	c->format = args.format;
	styles = args.format != FORMAT_TEXT;
	buf_init(&c->out, BUF_NO_MAX);
	if (args.range)
		record_view_range(pane_record(e->pane), args.from, args.to, styles, &c->view);
	else
		record_view(
		    pane_record(e->pane), args.lines, args.main_screen == 1, styles, &c->view);
	if (styles)
		c->runs = xreallocarray(NULL, HISTORY_RUNS_MAX, sizeof *c->runs);
	if (c->format == FORMAT_JSON) {
		c->used = xcalloc(STYLE_MAX, sizeof *c->used);
		c->json = frame_json(e, &c->view);
	}
	http_on_gone(r, capture_gone, c);
	uv_queue_work(a->loop, &c->work, capture_work, capture_done);
}

/* Of a pane that is only asked for captures, what tmux has now. */
struct fresh {
	struct http_req *req; /* NULL: the client has gone */
	struct app *app;
};

static void
fresh_gone(void *arg)
{
	((struct fresh *)arg)->req = NULL;
}

static void
on_fresh(void *arg)
{
	struct fresh *f = arg;
	struct entry *e = f->req != NULL ? panes_resolve(f->req, f->app) : NULL;

	if (e != NULL)
		answer(f->req, f->app, e);
	free(f);
}

void
panes_capture(struct http_req *r, void *arg)
{
	struct entry *e = panes_resolve(r, arg);
	struct fresh *f;

	if (e == NULL)
		return;
	if (!mux_captures_only(e)) {
		answer(r, arg, e);
		return;
	}
	f = xcalloc(1, sizeof *f);
	f->req = r;
	f->app = arg;
	http_on_gone(r, fresh_gone, f);
	mux_refresh(e, on_fresh, f);
}
