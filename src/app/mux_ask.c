/* What tmux is asked to do for a request: a size, a new pane, a line to be shown. */
#include "config.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>
#include <utlist.h>

#include "app/mux_priv.h"
#include "app/pane_json.h"
#include "base/str.h"
#include "base/xmalloc.h"
#include "pane/record.h"
#include "proto/json.h"
#include "tmux/run.h"

enum { CREATE_MS = 5000, RUN_MAX = 64 * 1024, WORDS_MAX = 64 };

/* A request that waits for tmux. */
struct asker {
	struct http_req *req; /* NULL: the client has gone */
	struct mux_pane *pane;
	uint64_t line;
	char *client;
	struct seed *seed;
};

static void
on_client_gone(void *arg)
{
	((struct asker *)arg)->req = NULL;
}

static struct asker *
asker_new(struct entry *e, struct http_req *r)
{
	struct asker *a = xcalloc(1, sizeof *a);

	a->req = r;
	a->pane = mux_ref(e->mux);
	http_on_gone(r, on_client_gone, a);
	return a;
}

static void
asker_free(struct asker *a)
{
	mux_unref(a->pane);
	seed_free(a->seed);
	free(a->client);
	free(a);
}

static void
fail(struct asker *a, int status, const char *code, const char *message)
{
	if (a->req != NULL)
		http_reply_error(a->req, status, code, "%s", message);
	asker_free(a);
}

static void
fail_gone(struct asker *a)
{
	fail(a, 503, "no_tmux", "its tmux server is not connected");
}

static void
not_there(struct http_req *r)
{
	http_reply_error(r, 503, "no_tmux", "its tmux server is not connected");
}

/* Sizes. */

static void
on_size(void *arg, int err, const char *why, const struct seed_part *parts, size_t n)
{
	struct asker *a = arg;

	(void)parts;
	(void)n;
	if (err != 0) {
		fail(a, 409, "refused", why);
		return;
	}
	if (a->req != NULL && a->pane->entry != NULL)
		http_reply_json_take(a->req, 200, pane_json(a->pane->entry));
	else if (a->req != NULL)
		http_reply_error(a->req, 409, "pane_exited", "the pane has ended");
	asker_free(a);
}

/* What tmux says of the new size stands in the stream before the answer to the next command. */
static void
on_resized(void *arg, int err, const char *why, const struct seed_part *parts, size_t n)
{
	struct asker *a = arg;

	(void)parts;
	(void)n;
	if (err != 0)
		fail(a, 409, "refused", why);
	else if (a->pane->server->tmux == NULL || tmux_tell(a->pane->server->tmux, a->pane->id,
						      "refresh-client", on_size, a) != 0)
		fail_gone(a);
}

void
mux_resize(struct entry *e, unsigned cols, unsigned rows, struct http_req *r)
{
	const struct tmux_pane *t = mux_pane(e);
	char command[96];
	struct asker *a;

	if (t == NULL) {
		not_there(r);
		return;
	}
	if (t->window_panes == 1) {
		/* The size that a viewer asked for is the most that a window may have. */
		snprintf(command, sizeof command, "refresh-client -C @%" PRIu32 ":%ux%u",
		    t->window, cols, rows);
		tmux_tell(e->mux->server->tmux, t->id, command, NULL, NULL);
		snprintf(command, sizeof command, "resize-window -t @%" PRIu32 " -x %u -y %u",
		    t->window, cols, rows);
	} else {
		snprintf(command, sizeof command, "resize-pane -t %%%" PRIu32 " -x %u -y %u",
		    t->id, cols, rows);
	}
	a = asker_new(e, r);
	if (tmux_tell(e->mux->server->tmux, t->id, command, on_resized, a) != 0)
		fail_gone(a);
}

/* A line, shown in copy mode. */

static void
on_shown(void *arg, int err, const char *why, const struct seed_part *parts, size_t n)
{
	struct asker *a = arg;

	(void)parts;
	(void)n;
	if (err != 0) {
		fail(a, 409, "refused", why);
		return;
	}
	if (a->req != NULL)
		http_reply(a->req, 204, NULL, NULL, 0);
	asker_free(a);
}

/* The row of a line, from the top of the history; -ENOENT when tmux has it no more. */
static int64_t
row_of(struct entry *e, const struct seed *s, uint64_t line)
{
	const struct seed_state *st = seed_state(s);
	int64_t from = mux_place(e, s), at;
	uint64_t below = 0, all = st->history + st->rows;

	if (from < 0)
		return from;
	at = from + (int64_t)(line - record_history_last(pane_record(e->pane)) - 1);
	if (at < 0 || (uint64_t)at >= seed_lines(s))
		return -ENOENT;
	for (size_t i = (size_t)at; i < seed_lines(s); i++)
		below += seed_rows(s, i);
	return below <= all ? (int64_t)(all - below) : 0;
}

/* In copy mode what is shown stands still: `history` rows are above its screen. */
static void
on_copying(void *arg, int err, const char *why, const struct seed_part *parts, size_t n)
{
	struct asker *a = arg;
	struct entry *e = a->pane->entry;
	const struct seed_state *st = seed_state(a->seed);
	uint64_t history, up, down;
	int64_t row;
	char command[512], move[80] = "";

	if (err != 0 || n == 0 || e == NULL || a->pane->server->tmux == NULL) {
		fail(a, 409, "refused", err != 0 ? why : "the pane has ended");
		return;
	}
	if (str_u64(parts[n - 1].data, 0, UINT32_MAX, &history) != 0)
		history = st->history;
	row = row_of(e, a->seed, a->line);
	if (row < 0) {
		fail(a, 409, "line_gone", "tmux does not have this line any more");
		return;
	}
	up = history > (uint64_t)row ? history - (uint64_t)row + st->rows / 3 : 0;
	if (up > history)
		up = history;
	down = (uint64_t)row - (history - up);
	if (down != 0)
		snprintf(move, sizeof move,
		    " ; send-keys -t %%%" PRIu32 " -X -N %" PRIu64 " cursor-down", a->pane->id,
		    down);
	snprintf(command, sizeof command,
	    "send-keys -t %%%1$u -X clear-selection ; send-keys -t %%%1$u -X goto-line "
	    "%2$" PRIu64 " ; send-keys -t %%%1$u -X top-line%3$s"
	    " ; send-keys -t %%%1$u -X start-of-line ; send-keys -t %%%1$u -X select-line",
	    a->pane->id, up, move);
	if (tmux_tell(a->pane->server->tmux, a->pane->id, command, on_shown, a) != 0)
		fail_gone(a);
}

enum { SHOW_MAX = 5, COMMAND_SIZE = 128 };

/* The pane, in its client or wherever its window is shown; returns how many commands it takes. */
static size_t
put_show(const struct asker *a, const struct tmux_pane *t, struct buf list[SHOW_MAX])
{
	if (a->client != NULL) {
		buf_puts(&list[0], "switch-client -c ");
		tmux_quote(&list[0], a->client, strlen(a->client));
		buf_printf(&list[0], " -t %%%" PRIu32, t->id);
		return 1;
	}
	buf_printf(&list[0], "select-window -t %%%" PRIu32, t->id);
	buf_printf(&list[1], "select-pane -t %%%" PRIu32, t->id);
	return 2;
}

/* With `copy`, copy mode, and then how many rows are above what it shows. One that is on already
 * shows what was there when it began, so it is left before. */
static int
show(struct asker *a, const struct tmux_pane *t, bool copy, tmux_answer_cb *cb)
{
	const char *commands[SHOW_MAX];
	struct buf list[SHOW_MAX];
	size_t n;
	int rc;

	for (int i = 0; i < SHOW_MAX; i++)
		buf_init(&list[i], BUF_NO_MAX);
	n = put_show(a, t, list);
	if (copy) {
		buf_printf(&list[n++], "copy-mode -q -t %%%" PRIu32, t->id);
		buf_printf(&list[n++], "copy-mode -t %%%" PRIu32, t->id);
		buf_printf(&list[n++],
		    "display-message -p -t %%%" PRIu32 " \"#{history_size}\"", t->id);
	}
	for (size_t i = 0; i < n; i++)
		commands[i] = list[i].data;
	rc = tmux_ask(a->pane->server->tmux, t->id, commands, n, cb, a);
	for (int i = 0; i < SHOW_MAX; i++)
		buf_release(&list[i]);
	return rc;
}

static void
on_found(void *arg, int err, const char *why, struct seed *take)
{
	struct asker *a = arg;
	const struct tmux_pane *t = a->pane->entry != NULL ? mux_pane(a->pane->entry) : NULL;

	a->seed = take;
	if (err != 0 || t == NULL)
		fail(a, 409, "refused", err != 0 ? why : "the pane has ended");
	else if (row_of(a->pane->entry, take, a->line) < 0)
		fail(a, 409, "line_gone", "tmux does not have this line any more");
	else if (show(a, t, true, on_copying) != 0)
		fail_gone(a);
}

void
mux_show(struct http_req *r, void *arg)
{
	struct entry *e = panes_resolve(r, arg);
	cJSON *o = e != NULL ? http_body_json(r) : NULL;
	const struct tmux_pane *t = e != NULL ? mux_pane(e) : NULL;
	struct asker *a;

	if (o == NULL)
		return;
	if (e->mux == NULL && (e->job != NULL || !pane_is_remote(e->pane))) {
		http_reply_error(
		    r, 409, "not_tmux", "%s is not a pane of tmux", pane_id(e->pane));
	} else if (t == NULL || e->mux == NULL) {
		not_there(r);
	} else {
		const char *client = json_string(o, "client");

		a = asker_new(e, r);
		a->client = client != NULL ? xstrdup(client) : NULL;
		if (json_u64(o, "line", 1, JSON_INT_MAX, &a->line) == 0)
			tmux_capture(e->mux->server->tmux, t->id, 0, TMUX_PLAIN, on_found, a);
		else if (show(a, t, false, on_shown) != 0)
			fail_gone(a);
	}
	cJSON_Delete(o);
}

/* New panes. */

struct mux_create {
	struct mux_create *prev, *next;
	struct app *app;
	struct http_req *req; /* NULL: the client has gone */
	struct mux_server *server;
	char *name;
	bool known;
	uint32_t pane;
	uv_timer_t late;
	struct tmux_run *run;
	bool done, asked;
};

static void
on_closed(uv_handle_t *h)
{
	struct mux_create *c = h->data;

	if (c->asked) { /* tmux still owes an answer */
		c->done = true;
		return;
	}
	free(c->name);
	free(c);
}

/* Answered, or given up. */
static void
create_end(struct mux_create *c)
{
	if (uv_is_closing((uv_handle_t *)&c->late))
		return;
	DL_DELETE(c->app->mux->creates, c);
	tmux_run_cancel(c->run);
	uv_close((uv_handle_t *)&c->late, on_closed);
}

static void
create_fail(struct mux_create *c, int status, const char *code, const char *why)
{
	if (c->req != NULL)
		http_reply_error(c->req, status, code, "%s", why);
	c->req = NULL;
	create_end(c);
}

static void
on_create_gone(void *arg)
{
	((struct mux_create *)arg)->req = NULL;
}

static void
on_late(uv_timer_t *timer)
{
	create_fail(timer->data, 503, "no_tmux",
	    "the pane did not appear: its command may have ended at once");
}

static void
on_named(void *arg, int err, const char *why, const struct seed_part *parts, size_t n)
{
	struct mux_server *s = arg;

	(void)err;
	(void)why;
	(void)parts;
	(void)n;
	if (s->tmux != NULL)
		tmux_list(s->tmux);
}

/* Its name is an option of the pane, so that it is known whoever asks tmux. */
static void
give_name(struct mux_server *s, uint32_t pane, const char *name)
{
	char *command =
	    xasprintf("set-option -p -t %%%" PRIu32 " @panescry-name \"%s\"", pane, name);

	tmux_tell(s->tmux, pane, command, on_named, s);
	free(command);
}

void
mux_created(struct entry *e)
{
	const char *name = entry_name(e);
	struct mux_create *c, *next;

	DL_FOREACH_SAFE (e->app->mux->creates, c, next) {
		if (!c->known || c->server != e->mux->server || c->pane != e->mux->id)
			continue;
		if (c->name != NULL && (name == NULL || strcmp(name, c->name) != 0)) {
			give_name(c->server, c->pane, c->name);
			continue;
		}
		if (c->req != NULL)
			http_reply_json_take(c->req, 201, pane_json(e));
		c->req = NULL;
		create_end(c);
	}
}

void
mux_creates_cancel(struct app *a)
{
	while (a->mux->creates != NULL)
		create_fail(a->mux->creates, 503, "stopping", "the daemon is ending");
}

/* "%12": it is there. Its name is an option of the pane. */
static void
take_id(struct mux_create *c, const char *text)
{
	uint64_t id;
	struct entry *e, *next;

	if (text[0] != '%' || str_u64(text + 1, 0, UINT32_MAX - 1, &id) != 0) {
		create_fail(c, 422, "cannot_start", *text != '\0' ? text : "tmux says nothing");
		return;
	}
	c->known = true;
	c->pane = (uint32_t)id;
	tmux_list(c->server->tmux);
	DL_FOREACH_SAFE (c->app->entries, e, next) {
		if (e->mux != NULL && e->mux->server == c->server && e->mux->id == c->pane) {
			mux_created(e);
			break;
		}
	}
}

static void
on_created(void *arg, int err, const char *why, const struct seed_part *parts, size_t n)
{
	struct mux_create *c = arg;

	c->asked = false;
	if (c->done) {
		on_closed((uv_handle_t *)&c->late);
		return;
	}
	if (err != 0 || n != 1)
		create_fail(c, 422, "cannot_start", why);
	else
		take_id(c, parts->data);
}

static void
on_ran(void *arg, const char *data, size_t len)
{
	struct mux_create *c = arg;
	char *text = xstrndup(data != NULL ? data : "", len);

	c->run = NULL;
	text[strcspn(text, "\n")] = '\0';
	take_id(c, text);
	free(text);
}

/* The words of the command, for tmux's parser or as they are. */
struct words {
	char *v[WORDS_MAX + 1];
	size_t n;
};

static void
add(struct words *w, const char *s)
{
	if (w->n < WORDS_MAX)
		w->v[w->n++] = xstrdup(s);
	w->v[w->n] = NULL;
}

static void
add_pair(struct words *w, const char *option, const char *value)
{
	if (value == NULL)
		return;
	add(w, option);
	add(w, value);
}

/* The value of an option that tmux expands as a format, in which #(...) is a command for a shell: it has to
 * come out as it is. Signs before a bracket, which tmux takes for a style, stay as they are. */
static void
add_literal(struct words *w, const char *option, const char *value)
{
	struct buf b;
	size_t n;

	if (value == NULL)
		return;
	buf_init(&b, BUF_NO_MAX);
	buf_puts(&b, "");
	for (const char *p = value; *p != '\0'; p += n) {
		bool style;

		n = strspn(p, "#");
		style = p[n] == '[';
		if (n == 0)
			buf_append(&b, p, n = strcspn(p, "#"));
		else
			for (size_t i = 0; i < (style ? n : 2 * n); i++)
				buf_putc(&b, '#');
	}
	add_pair(w, option, b.data);
	buf_release(&b);
}

/* One word would go through a shell. */
static void
add_command(struct words *w, const struct mux_wish *wish)
{
	char *const *argv = wish->argv;

	if (wish->shell)
		return;
	if (argv[1] == NULL) {
		struct buf b;

		buf_init(&b, BUF_NO_MAX);
		buf_puts(&b, "exec '");
		for (const char *p = argv[0]; *p != '\0'; p++)
			if (*p == '\'')
				buf_puts(&b, "'\\''");
			else
				buf_putc(&b, *p);
		buf_putc(&b, '\'');
		add(w, b.data);
		buf_release(&b);
		return;
	}
	for (; *argv != NULL; argv++)
		add(w, *argv);
}

static bool
has_session(struct app *a, const struct mux_server *s, const char *name)
{
	struct entry *e;

	DL_FOREACH (a->entries, e) {
		const struct tmux_pane *t = mux_pane(e);
		if (t != NULL && e->mux->server == s && strcmp(t->session_name, name) == 0)
			return true;
	}
	return false;
}

static void
make_words(struct words *w, const struct mux_wish *wish, bool window)
{
	char *target = wish->session != NULL ? xasprintf("=%s:", wish->session) : NULL;

	add(w, window ? "new-window" : "new-session");
	add(w, "-d");
	add(w, "-P");
	add_pair(w, "-F", "#{pane_id}");
	if (window)
		add_pair(w, "-t", target);
	else
		add_literal(w, "-s", wish->session);
	add_literal(w, "-n", wish->name);
	add_literal(w, "-c", wish->cwd);
	for (char *const *env = wish->env; env != NULL && *env != NULL; env++)
		add_pair(w, "-e", *env);
	if (!wish->shell)
		add(w, "--");
	add_command(w, wish);
	free(target);
}

/* On a command line of tmux a word that ends with a semicolon ends the command. */
static void
end_no_command(struct words *w)
{
	for (size_t i = 0; i < w->n; i++) {
		size_t len = strlen(w->v[i]);
		char *word;

		if (len == 0 || w->v[i][len - 1] != ';')
			continue;
		word = xasprintf("%.*s\\;", (int)(len - 1), w->v[i]);
		free(w->v[i]);
		w->v[i] = word;
	}
}

static void
start(struct mux_create *c, const struct mux_wish *wish)
{
	struct tmux_status st;
	struct words w = {.n = 0};
	struct buf b;
	bool there, window;

	tmux_status(c->server->tmux, &st);
	there = st.state == TMUX_CONNECTED;
	window =
	    there && (wish->session == NULL || has_session(c->app, c->server, wish->session));
	make_words(&w, wish, window);
	if (there) {
		buf_init(&b, BUF_NO_MAX);
		for (size_t i = 0; i < w.n; i++) {
			buf_puts(&b, i != 0 ? " " : "");
			tmux_quote(&b, w.v[i], strlen(w.v[i]));
		}
		const char *const command[] = {b.data};
		c->asked =
		    tmux_ask(c->server->tmux, CONTROL_NONE, command, 1, on_created, c) == 0;
		buf_release(&b);
	} else {
		end_no_command(&w);
		c->run = tmux_run(c->app->loop, c->server->socket, (const char *const *)w.v,
		    RUN_MAX, on_ran, c);
	}
	while (w.n > 0)
		free(w.v[--w.n]);
}

void
mux_create(struct app *a, struct http_req *r, const struct mux_wish *wish)
{
	struct mux_server *s = a->mux != NULL && a->mux->n != 0 ? &a->mux->servers[0] : NULL;
	struct mux_create *c;

	if (s == NULL || s->tmux == NULL) {
		http_reply_error(r, 503, "no_tmux", "the daemon follows no tmux server");
		return;
	}
	c = xcalloc(1, sizeof *c);
	c->app = a;
	c->req = r;
	c->server = s;
	c->name = wish->name != NULL ? xstrdup(wish->name) : NULL;
	http_on_gone(r, on_create_gone, c);
	DL_APPEND(a->mux->creates, c);
	uv_timer_init(a->loop, &c->late);
	c->late.data = c;
	uv_timer_start(&c->late, on_late, CREATE_MS, 0);
	start(c, wish);
}
