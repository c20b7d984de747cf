/* A record's terminal, written to its memory and brought back from there. */
#include "config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/xmalloc.h"
#include "pane/memory.h"
#include "pane/record_priv.h"

/*
 * What the record adds to the screen's bytes: a struct tail, the text and the runs of the line
 * whose first part has left the screen, what a snapshot leaves out, the part of the command line
 * that has left the screen, then the commands, each a struct kept and its text.
 */
struct tail {
	uint32_t head_open, head_len, head_runs;
	uint32_t rest_len, commands, typed_len;
	uint64_t replies;
	uint64_t text_line;
	uint32_t text_byte, typing;
};

struct kept {
	uint64_t prompt_line, output_line, end_line;
	int64_t started_ms, finished_ms;
	int32_t exit_status;
	uint32_t len;
};

static void
put_commands(const struct record *r, struct buf *b)
{
	for (size_t i = 0; i < r->count; i++) {
		const struct record_command *c = record_command(r, i);
		struct kept k = {c->prompt_line, c->output_line, c->end_line, c->started_ms,
		    c->finished_ms, c->exit_status, (uint32_t)strlen(c->text)};

		buf_append(b, &k, sizeof k);
		buf_append(b, c->text, k.len);
	}
}

static void
put_tail(const struct record *r, struct buf *b)
{
	struct term_line head;
	struct buf rest;
	struct tail t = {.commands = (uint32_t)r->count,
	    .replies = r->replies,
	    .text_line = r->text_line,
	    .text_byte = r->text_byte,
	    .typing = r->typing};

	t.head_open = term_get_head(r->term, &head);
	t.head_len = (uint32_t)head.len;
	t.head_runs = (uint32_t)head.nruns;
	buf_init(&rest, BUF_NO_MAX);
	term_get_rest(r->term, &rest);
	t.rest_len = (uint32_t)rest.len;
	t.typed_len = (uint32_t)r->typed.len;
	buf_append(b, &t, sizeof t);
	buf_append(b, head.text, head.len);
	buf_append(b, head.runs, head.nruns * sizeof *head.runs);
	buf_append(b, rest.data, rest.len);
	buf_append(b, r->typed.data, r->typed.len);
	put_commands(r, b);
	buf_release(&rest);
}

void
record_save(struct record *r)
{
	struct memory_saved s = {0};
	struct term_state state;
	struct buf screen, tail;

	buf_init(&screen, BUF_NO_MAX);
	buf_init(&tail, BUF_NO_MAX);
	if (memory_fd(r->memory) >= 0) { /* else nobody is to go on from there */
		term_snapshot(r->term, NULL, NULL, &screen);
		put_tail(r, &tail);
	}
	memory_save_styles(r->memory, term_styles(r->term));
	term_get_state(r->term, &state);
	s.offset = r->saved_at = memory_state(r->memory)->fed;
	r->save_due = false;
	s.lines = r->lines;
	s.cols = state.cols;
	s.rows = state.rows;
	s.screen = screen.data != NULL ? screen.data : "";
	s.screen_len = screen.len;
	s.tail = tail.data != NULL ? tail.data : "";
	s.tail_len = tail.len;
	memory_save(r->memory, &s);
	buf_release(&screen);
	buf_release(&tail);
}

/* Reading, from memory that is as it was summed: but never beyond it. */

static const void *
take(const char **p, size_t *left, size_t n)
{
	const char *at = *p;

	if (n > *left)
		return NULL;
	*p += n;
	*left -= n;
	return at;
}

static void
get_head(struct record *r, const struct tail *t, const char *text, const char *runs)
{
	struct term_line head = {.text = text, .len = t->head_len, .nruns = t->head_runs};
	struct style_run *copy = xcalloc(t->head_runs + 1, sizeof *copy);

	if (t->head_runs != 0)
		memcpy(copy, runs, t->head_runs * sizeof *copy);
	head.runs = copy;
	if (t->head_open)
		term_set_head(r->term, &head);
	free(copy);
}

static void
get_commands(struct record *r, const char *p, size_t left, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++) {
		const char *at = take(&p, &left, sizeof(struct kept)), *text;
		struct record_command *c;
		struct kept k;

		if (at == NULL)
			return;
		memcpy(&k, at, sizeof k);
		if ((text = take(&p, &left, k.len)) == NULL)
			return;
		c = record_add_command(r);
		free(c->text);
		*c = (struct record_command){k.prompt_line, k.output_line, k.end_line,
		    k.started_ms, k.finished_ms, k.exit_status, xstrndup(text, k.len)};
	}
}

static void
get_tail(struct record *r, const char *p, size_t left)
{
	const char *at = take(&p, &left, sizeof(struct tail)), *text, *runs, *rest, *typed;
	struct tail t;

	if (at == NULL)
		return;
	memcpy(&t, at, sizeof t);
	text = take(&p, &left, t.head_len);
	runs = text != NULL ? take(&p, &left, t.head_runs * sizeof(struct style_run)) : NULL;
	rest = runs != NULL ? take(&p, &left, t.rest_len) : NULL;
	typed = rest != NULL ? take(&p, &left, t.typed_len) : NULL;
	if (typed == NULL || t.head_len > TERM_LINE_MAX || t.head_runs > TERM_RUNS_MAX)
		return;
	get_head(r, &t, text, runs);
	term_set_rest(r->term, rest, t.rest_len);
	buf_append(&r->typed, typed, t.typed_len);
	get_commands(r, p, left, t.commands);
	r->text_line = t.text_line;
	r->text_byte = t.text_byte;
	r->typing = t.typing != 0;
	r->replies = t.replies;
}

/* Replaying. */

static bool
size_good(unsigned cols, unsigned rows)
{
	return cols >= 1 && cols <= TERM_SIZE_MAX && rows >= 1 && rows <= TERM_SIZE_MAX;
}

static void
feed_range(struct record *r, uint64_t from, uint64_t to)
{
	struct iovec iov[2];

	while (from < to) {
		int64_t n = ring_peek(memory_ring(r->memory), from, to - from, iov);

		if (n <= 0)
			return;
		term_feed(r->term, iov[0].iov_base, iov[0].iov_len);
		term_feed(r->term, iov[1].iov_base, iov[1].iov_len);
		from += (uint64_t)n;
	}
}

/* What had been fed, then what had only been read, of which viewers have not heard. */
static void
feed_to(struct record *r, uint64_t from, uint64_t to)
{
	uint64_t fed = memory_state(r->memory)->fed;

	if (from < fed) {
		r->replaying = true;
		feed_range(r, from, to < fed ? to : fed);
		r->replaying = false;
		from = to < fed ? to : fed;
	}
	feed_range(r, from, to);
}

/* The list says more than the state, which is written after it. */
static bool
resize_again(struct record *r, const struct memory_saved *s, uint64_t *at)
{
	uint64_t end = ring_end(memory_ring(r->memory));

	for (unsigned i = 0; i < s->nresizes; i++) {
		struct memory_resize change = memory_resize_at(r->memory, i);

		if (change.offset < *at || change.offset > end ||
		    !size_good(change.cols, change.rows))
			return false;
		feed_to(r, *at, change.offset);
		*at = change.offset;
		term_resize(r->term, change.cols, change.rows);
	}
	return true;
}

static void
replay(struct record *r, const struct memory_saved *s)
{
	struct memory_state *state = memory_state(r->memory);
	uint64_t at = s->offset;
	bool known = resize_again(r, s, &at);
	struct term_state now;

	feed_to(r, at, ring_end(memory_ring(r->memory)));
	if (!known && size_good(state->cols, state->rows))
		term_resize(r->term, state->cols, state->rows);
	term_get_state(r->term, &now);
	state->cols = now.cols;
	state->rows = now.rows;
}

static void
draw(struct record *r, const struct memory_saved *s)
{
	r->drawing = true;
	term_feed(r->term, s->screen, s->screen_len);
	r->drawing = false;
	term_set_origin(r->term, s->offset, s->lines);
	get_tail(r, s->tail, s->tail_len);
	r->lines = s->lines;
}

/* Nothing is drawn and what the ring holds is passed over; the history goes on. */
static void
go_on_blank(struct record *r, char **warning)
{
	struct memory_state *state = memory_state(r->memory);

	state->fed = ring_end(memory_ring(r->memory));
	r->lines = history_last(r->history);
	term_set_origin(r->term, state->fed, r->lines);
	record_save(r);
	err_set(warning, 0, "its screen is lost");
}

/* More lines than were made anew: one of the two is damaged. Numbers must go on behind both. */
static void
check_lines(struct record *r, char **warning)
{
	uint64_t last = history_last(r->history);

	if (r->lines >= last || memory_remote(r->memory)->redrawn == last)
		return;
	r->lines = history_last(r->history);
	term_set_origin(r->term, ring_end(memory_ring(r->memory)), r->lines);
	if (*warning == NULL)
		err_set(warning, 0, "its screen and history do not agree");
}

int
record_restore(struct memory *m, const struct record_options *options, bool blank,
    const struct record_callbacks *cb, void *arg, struct record **out, char **warning)
{
	const struct memory_state *state = memory_state(m);
	struct memory_saved s;
	bool saved = !blank && memory_saved(m, &s) && size_good(s.cols, s.rows);
	struct record *r;

	*warning = NULL;
	if (!saved && !size_good(state->cols, state->rows))
		return -EINVAL;
	r = record_make(
	    m, saved ? s.cols : state->cols, saved ? s.rows : state->rows, options, cb, arg);
	if (memory_load_styles(m, term_styles_restore(r->term)) != 0) {
		r->memory = NULL;
		record_free(r);
		return -EINVAL;
	}
	memory_adopt(m, r->history);
	if (saved && history_last(r->history) < s.lines) {
		err_set(warning, 0, "its history is lost");
		history_clear(r->history);
		history_set_next(r->history, s.lines + 1);
	}
	r->now_ms = state->active_ms;
	if (saved) {
		draw(r, &s);
		r->catching_up = true;
		replay(r, &s);
		r->catching_up = false;
		memory_state(m)->fed = ring_end(memory_ring(m));
		check_lines(r, warning);
	} else {
		go_on_blank(r, warning);
	}
	if (saved)
		r->saved_at = s.offset;
	*out = r;
	return 0;
}
