#include "config.h"

#include "cli/picker.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cjson/cJSON.h>
#include <uv.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/str.h"
#include "base/xmalloc.h"
#include "cli/cli.h"
#include "cli/in_tmux.h"
#include "cli/paths.h"
#include "cli/picker_view.h"
#include "cli/terminal.h"
#include "cli/typed.h"
#include "net/client.h"
#include "proto/json.h"

enum {
	QUIET_MS = 30,     /* without typing, before a query is made */
	REFRESH_MS = 1000, /* from an answer to the next query */
	ESCAPE_MS = 50,    /* after which an Escape is no beginning of a sequence */
};

/* The alternate screen, no wrapping at the edge, pastes in brackets. */
static const char begin_screen[] = "\033[?1049h\033[?7l\033[?2004h\033[m\033[H\033[2J";
static const char end_screen[] = "\033[?2004l\033[?7h\033[m\033[?25h\033[?1049l";

struct picker {
	const struct picker_options *options;
	uv_loop_t loop;
	uv_poll_t input;
	uv_signal_t winch;
	uv_timer_t quiet, refresh, escape;
	int in;  /* libuv makes it non-blocking */
	int out; /* so it is opened twice */
	char *socket;

	struct client_call *call; /* NULL: nothing has been asked */
	struct client_call *show; /* tmux is to show a line; NULL: it is not */
	bool asked_plain;         /* for all lines: there is no pattern */
	bool changed;             /* no answer has come since the query changed */
	bool moved;               /* a hit was selected by hand */
	bool choosing;            /* Enter was pressed before the answer came */
	bool fixed, newest;
	enum { SMART, IGNORE, EXACT } letters;

	struct typed typed;
	struct picker_view view;
	struct buf shown; /* what the screen holds */
	int status;       /* of the process */
	bool chosen;
};

/* The screen */

static void
write_all(struct picker *p, const char *data, size_t len)
{
	while (len != 0) {
		ssize_t n = write(p->out, data, len);
		if (n < 0 && errno == EAGAIN)
			poll(&(struct pollfd){.fd = p->out, .events = POLLOUT}, 1, -1);
		if (n < 0 && (errno == EINTR || errno == EAGAIN))
			continue;
		if (n < 0)
			return; /* a terminal that is gone says so when it is read */
		data += n;
		len -= (size_t)n;
	}
}

static void
set_status(struct picker *p)
{
	static const char *const letters[] = {"smart case", "ignore case", "match case"};
	const struct search_answer *a = &p->view.answer;
	char count[64] = "";

	if (p->changed)
		snprintf(count, sizeof count, "searching");
	else if (a->json != NULL)
		snprintf(
		    count, sizeof count, "%zu%s", a->n, a->truncated || a->partial ? "+" : "");
	snprintf(p->view.status, sizeof p->view.status, "%s%sTab:%s  M-c:%s  C-r:%s first",
	    count, *count != '\0' ? "  " : "", p->fixed ? "string" : "regex",
	    letters[p->letters], p->newest ? "newest" : "oldest");
}

static void
draw(struct picker *p)
{
	struct buf b;

	buf_init(&b, BUF_NO_MAX);
	set_status(p);
	p->view.now_ms = clock_wall_ms();
	picker_view_draw(&p->view, &b);
	if (b.len == p->shown.len && memcmp(b.data, p->shown.data, b.len) == 0) {
		buf_release(&b);
		return;
	}
	write_all(p, b.data, b.len);
	buf_release(&p->shown);
	p->shown = b;
}

static void
draw_anew(struct picker *p)
{
	buf_reset(&p->shown);
	write_all(p, "\033[m\033[2J", strlen("\033[m\033[2J"));
	draw(p);
}

static void
leave(struct picker *p, int status)
{
	p->status = status;
	uv_stop(&p->loop);
}

/* Panes of tmux */

static void
on_shown(int rc, int status, const char *body, size_t len, void *arg)
{
	struct picker *p = arg;
	cJSON *o = rc == 0 ? json_parse(body, len) : NULL;
	const char *error = json_string(o, "error"), *message = json_string(o, "message");
	char number[64];

	p->show = NULL;
	snprintf(number, sizeof number, "the daemon answered with status %d", status);
	if (rc != 0)
		message = rc == -ECONNREFUSED ? "no daemon answers" : strerror(-rc);
	else if (error != NULL && strcmp(error, "line_gone") == 0)
		message = "tmux has that line no longer";
	else if (message == NULL)
		message = number;
	if (rc == 0 && status >= 200 && status <= 299)
		leave(p, CLI_DONE);
	else
		snprintf(p->view.notice, sizeof p->view.notice, "%s", message);
	cJSON_Delete(o);
	draw(p);
}

static void
show(struct picker *p, const struct search_hit *h)
{
	char *client =
	    p->options->client != NULL ? xstrdup(p->options->client) : in_tmux_client();
	char *id = str_url_encode(h->pane), *path = xasprintf("/api/v1/panes/%s/show", id);
	cJSON *o = json_object();
	char *body;

	cJSON_AddNumberToObject(o, "line", (double)h->line);
	if (client != NULL)
		json_add_text(o, "client", client);
	body = json_print_take(o);
	p->show =
	    client_call(&p->loop, p->socket, "POST", path, body, strlen(body), on_shown, p);
	free(body);
	free(path);
	free(id);
	free(client);
}

static void
choose(struct picker *p)
{
	const struct search_hit *h;

	if (p->view.answer.n == 0 || p->show != NULL)
		return;
	h = &p->view.answer.hits[p->view.selected];
	if (p->options->show && p->options->exec == NULL && in_tmux_is_pane(h->pane)) {
		show(p, h);
		return;
	}
	p->chosen = true;
	leave(p, CLI_DONE);
}

/* Queries */

static void on_answer(int rc, int status, const char *body, size_t len, void *arg);

static void
give_up(struct picker *p)
{
	if (p->call != NULL)
		client_call_cancel(p->call);
	p->call = NULL;
}

static void
ask(struct picker *p)
{
	struct search_query q = *p->options->query;
	char *path;

	give_up(p);
	p->asked_plain = p->view.prompt.len == 0;
	q.npatterns = 1;
	q.patterns[0] = p->asked_plain ? "\\S" : p->view.prompt.text;
	q.fixed = p->fixed && !p->asked_plain;
	q.word = q.word && !p->asked_plain;
	q.smart = p->letters == SMART;
	q.icase = p->letters == IGNORE;
	q.newest = p->newest;
	q.context = picker_view_preview(&p->view) / 2 + 1;
	if (q.context > SEARCH_CONTEXT)
		q.context = SEARCH_CONTEXT;
	path = search_path(&q);
	p->call = client_call(&p->loop, p->socket, "GET", path, NULL, 0, on_answer, p);
	free(path);
}

static void
on_ask(uv_timer_t *t)
{
	struct picker *p = t->data;

	uv_timer_stop(&p->quiet);
	uv_timer_stop(&p->refresh);
	ask(p);
	draw(p);
}

/* The line that was selected, where it is now; the list stands still under it. */
static void
follow_selected(struct picker *p, const struct search_answer *new)
{
	struct picker_view *v = &p->view;
	const struct search_hit *old = &v->answer.hits[v->selected];
	size_t above = v->selected - v->top;

	for (size_t i = 0; i < new->n; i++) {
		if (new->hits[i].line != old->line || strcmp(new->hits[i].pane, old->pane) != 0)
			continue;
		v->selected = i;
		v->top = i > above ? i - above : 0;
		return;
	}
}

static void
take_answer(struct picker *p, struct search_answer *new)
{
	struct picker_view *v = &p->view;

	if (p->changed || !p->moved) {
		v->selected = v->top = 0;
		p->moved = false;
	} else if (v->selected < v->answer.n) {
		follow_selected(p, new);
	}
	search_answer_release(&v->answer);
	v->answer = *new;
	v->plain = p->asked_plain;
	v->error[0] = '\0';
}

static void
take_refusal(struct picker *p, int status, const char *body, size_t len)
{
	cJSON *o = json_parse(body, len);
	const char *message = json_string(o, "message");
	char number[64];

	snprintf(number, sizeof number, "the daemon answered with status %d", status);
	snprintf(p->view.error, sizeof p->view.error, "%s", message != NULL ? message : number);
	cJSON_Delete(o);
}

static void
on_answer(int rc, int status, const char *body, size_t len, void *arg)
{
	struct picker *p = arg;
	struct search_answer new;

	p->call = NULL;
	if (rc != 0)
		snprintf(p->view.error, sizeof p->view.error, "%s",
		    rc == -ECONNREFUSED ? "no daemon answers" : strerror(-rc));
	else if (status == 200 && search_answer_parse(&new, body, len) == 0)
		take_answer(p, &new);
	else
		take_refusal(p, status, body, len);
	p->changed = p->changed && rc != 0;
	/* What is wrong now will be wrong in a second, too. */
	if (rc != 0 || status != 400)
		uv_timer_start(&p->refresh, on_ask, REFRESH_MS, 0);
	if (p->choosing && p->view.error[0] == '\0')
		choose(p);
	p->choosing = false;
	draw(p);
}

static void
ask_soon(struct picker *p)
{
	uv_timer_stop(&p->refresh);
	uv_timer_start(&p->quiet, on_ask, QUIET_MS, 0);
}

static void
query_changed(struct picker *p)
{
	p->changed = true;
	give_up(p); /* its answer would pass for the new query's */
	ask_soon(p);
}

/* Keys */

static void
on_enter(struct picker *p)
{
	if (p->changed)
		p->choosing = true;
	else
		choose(p);
}

static void
on_leave(struct picker *p)
{
	leave(p, CLI_NOTHING);
}

static void
move(struct picker *p, long by)
{
	size_t n = p->view.answer.n, at = p->view.selected;

	if (n == 0)
		return;
	if (by < 0)
		at = at > (size_t)-by ? at - (size_t)-by : 0;
	else
		at = (size_t)by < n - at ? at + (size_t)by : n - 1;
	p->view.selected = at;
	p->moved = true;
}

static long
page(const struct picker *p)
{
	unsigned rows = picker_view_list(&p->view);

	return rows > 1 ? (long)rows - 1 : 1;
}

static void
on_up(struct picker *p)
{
	move(p, -1);
}

static void
on_down(struct picker *p)
{
	move(p, 1);
}

static void
on_page_up(struct picker *p)
{
	move(p, -page(p));
}

static void
on_page_down(struct picker *p)
{
	move(p, page(p));
}

static void
on_first(struct picker *p)
{
	move(p, -SEARCH_LIMIT);
}

static void
on_last(struct picker *p)
{
	move(p, SEARCH_LIMIT);
}

static void
on_fixed(struct picker *p)
{
	p->fixed = !p->fixed;
	query_changed(p);
}

static void
on_letters(struct picker *p)
{
	p->letters = p->letters == EXACT ? SMART : p->letters + 1;
	query_changed(p);
}

static void
on_order(struct picker *p)
{
	p->newest = !p->newest;
	query_changed(p);
}

/* Either something is done, or the prompt is edited. */
static const struct binding {
	int key;
	void (*act)(struct picker *p);
	void (*edit)(struct prompt *p);
} bindings[] = {
    {TYPED_ENTER, on_enter, NULL},
    {TYPED_ESCAPE, on_leave, NULL},
    {TYPED_CONTROL('c'), on_leave, NULL},
    {TYPED_CONTROL('g'), on_leave, NULL},
    {TYPED_UP, on_up, NULL},
    {TYPED_CONTROL('p'), on_up, NULL},
    {TYPED_DOWN, on_down, NULL},
    {TYPED_CONTROL('n'), on_down, NULL},
    {TYPED_PAGE_UP, on_page_up, NULL},
    {TYPED_PAGE_DOWN, on_page_down, NULL},
    {TYPED_HOME, on_first, NULL},
    {TYPED_END, on_last, NULL},
    {TYPED_TAB, on_fixed, NULL},
    {TYPED_ALT('c'), on_letters, NULL},
    {TYPED_CONTROL('t'), on_letters, NULL},
    {TYPED_CONTROL('r'), on_order, NULL},
    {TYPED_CONTROL('l'), draw_anew, NULL},
    {TYPED_LEFT, NULL, prompt_left},
    {TYPED_CONTROL('b'), NULL, prompt_left},
    {TYPED_RIGHT, NULL, prompt_right},
    {TYPED_CONTROL('f'), NULL, prompt_right},
    {TYPED_CONTROL('a'), NULL, prompt_home},
    {TYPED_CONTROL('e'), NULL, prompt_end},
    {TYPED_BACKSPACE, NULL, prompt_backspace},
    {TYPED_DELETE, NULL, prompt_delete},
    {TYPED_CONTROL('d'), NULL, prompt_delete},
    {TYPED_CONTROL('u'), NULL, prompt_kill},
    {TYPED_CONTROL('w'), NULL, prompt_kill_word},
};

static void
edit(struct picker *p, const struct binding *b, const char *text, size_t text_len)
{
	struct prompt *prompt = &p->view.prompt;
	size_t len = prompt->len;

	if (b != NULL)
		b->edit(prompt);
	else
		prompt_insert(prompt, text, text_len);
	if (prompt->len != len)
		query_changed(p);
}

static void
on_key(int key, const char *text, size_t len, void *arg)
{
	struct picker *p = arg;

	p->choosing = false;
	p->view.notice[0] = '\0';
	if (key == TYPED_TEXT) {
		edit(p, NULL, text, len);
		return;
	}
	for (size_t i = 0; i < sizeof bindings / sizeof *bindings; i++) {
		if (bindings[i].key != key)
			continue;
		if (bindings[i].act != NULL)
			bindings[i].act(p);
		else
			edit(p, &bindings[i], NULL, 0);
		return;
	}
}

/* The loop */

static void
on_escape(uv_timer_t *t)
{
	struct picker *p = t->data;

	typed_flush(&p->typed, on_key, p);
	draw(p);
}

static void
on_input(uv_poll_t *h, int status, int events)
{
	struct picker *p = h->data;
	char in[1024];
	ssize_t n;

	(void)status;
	(void)events;
	n = read(p->in, in, sizeof in);
	if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR)) {
		leave(p, CLI_NOTHING);
		return;
	}
	if (n > 0)
		typed_feed(&p->typed, in, (size_t)n, on_key, p);
	if (typed_waits(&p->typed))
		uv_timer_start(&p->escape, on_escape, ESCAPE_MS, 0);
	else
		uv_timer_stop(&p->escape);
	draw(p);
}

static void
read_size(struct picker *p)
{
	terminal_size_of(p->out, &p->view.cols, &p->view.rows);
	if (p->view.cols == 0) {
		p->view.cols = 80;
		p->view.rows = 24;
	}
}

static void
on_winch(uv_signal_t *h, int signum)
{
	struct picker *p = h->data;

	(void)signum;
	read_size(p);
	draw_anew(p);
	ask_soon(p); /* more or fewer lines around a hit */
}

static int
open_terminal(struct picker *p)
{
	int rc;

	p->out = open("/dev/tty", O_RDWR | O_NOCTTY | O_CLOEXEC);
	p->in = open("/dev/tty", O_RDONLY | O_NOCTTY | O_CLOEXEC);
	if (p->in < 0 || p->out < 0)
		return cli_error("search: there is no terminal: %s", strerror(errno));
	if ((rc = terminal_raw_on(p->out, end_screen)) != 0)
		return cli_error("search: the terminal: %s", strerror(-rc));
	write_all(p, begin_screen, sizeof begin_screen - 1);
	return 0;
}

static void
start_loop(struct picker *p)
{
	uv_timer_t *timers[] = {&p->quiet, &p->refresh, &p->escape};

	uv_poll_init(&p->loop, &p->input, p->in);
	p->input.data = p;
	uv_poll_start(&p->input, UV_READABLE, on_input);
	uv_signal_init(&p->loop, &p->winch);
	p->winch.data = p;
	uv_signal_start(&p->winch, on_winch, SIGWINCH);
	for (size_t i = 0; i < sizeof timers / sizeof *timers; i++) {
		uv_timer_init(&p->loop, timers[i]);
		timers[i]->data = p;
	}
	read_size(p);
	p->changed = true;
	ask(p);
	draw(p);
}

static int
run_command(const char *command, const struct search_hit *h)
{
	char line[24];

	snprintf(line, sizeof line, "%" PRIu64, h->line);
	setenv("PANESCRY_PANE", h->pane, 1);
	setenv("PANESCRY_LINE", line, 1);
	setenv("PANESCRY_TEXT", h->content, 1);
	execl("/bin/sh", "sh", "-c", command, (char *)NULL);
	return cli_error("search: /bin/sh: %s", strerror(errno));
}

static int
give_chosen(const struct picker *p)
{
	const struct search_hit *h = &p->view.answer.hits[p->view.selected];

	if (p->options->exec != NULL)
		return run_command(p->options->exec, h);
	printf("%s %" PRIu64 "\n", h->pane, h->line);
	return fflush(stdout) == 0 ? CLI_DONE
				   : cli_error("standard output: %s", strerror(errno));
}

/* What is wrong with the options is said before the screen is taken. */
static int
try_options(const struct search_query *query)
{
	struct search_query q = *query;
	struct buf out;
	char *path;
	int rc;

	q.npatterns = 1;
	q.patterns[0] = "^";
	q.limit = 1;
	path = search_path(&q);
	buf_init(&out, BUF_NO_MAX);
	rc = cli_ask("GET", path, NULL, &out);
	buf_release(&out);
	free(path);
	return rc;
}

int
picker_run(const struct picker_options *o)
{
	static struct picker p;
	const struct search_query *q = o->query;
	int rc;

	if ((rc = try_options(q)) != CLI_DONE)
		return rc;
	p.options = o;
	p.socket = paths_socket();
	p.fixed = q->fixed;
	p.newest = true;
	p.letters = q->icase ? IGNORE : SMART;
	p.view.color = o->color;
	buf_init(&p.shown, BUF_NO_MAX);
	if (q->npatterns != 0)
		prompt_insert(&p.view.prompt, q->patterns[0], strlen(q->patterns[0]));
	uv_loop_init(&p.loop);
	if ((rc = open_terminal(&p)) != 0)
		return rc;
	start_loop(&p);
	uv_run(&p.loop, UV_RUN_DEFAULT);
	terminal_restore();
	/* The process ends here; the loop and what is on it end with it. */
	return p.chosen ? give_chosen(&p) : p.status;
}
