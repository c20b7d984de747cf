/*
 * The endpoint /p/ID/ws, or /ws of serve --ttyd: a client that was written for ttyd, and its viewer.
 *
 * Before its first message such a client has no viewer, and is sent nothing: that message may bring the
 * token. It then gets a title, preferences and the whole screen, and what follows. It acknowledges
 * nothing. What it has not taken is held back by its socket, or because it has said PAUSE; both
 * leave its cursor behind in the ring.
 *
 * ttyd's own page comes back at once, without any delay, when it is closed with another code than 1000. So
 * a close of that kind is CALM_MS late, and a pane that had ended before is none.
 */
#include "config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cjson/cJSON.h>

#include "app/app_priv.h"
#include "app/job_panes.h"
#include "base/buf.h"
#include "base/str.h"
#include "base/utf8.h"
#include "base/xmalloc.h"
#include "pane/viewer.h"
#include "proto/attach.h"
#include "proto/json.h"
#include "proto/tty.h"

enum { CALM_MS = 1000, HELLO_S = 15 };

struct tty {
	struct app *app;
	struct ws_conn *conn;
	char *ref;             /* of the pane that it wants */
	struct entry *own;     /* of serve --ttyd: its pane; NULL once that is gone */
	struct viewer *viewer; /* NULL before the first message */
	char *title;           /* what it is told first */
	enum { SAY_TITLE, SAY_PREFERENCES, SAY_OUTPUT } next;
	bool read_only, paused;
	bool had_ended; /* the pane, when it came */
	bool counted;   /* among the clients of serve --ttyd */
	bool leaving;   /* it is to be closed: */
	int code;
	const char *reason; /* static */
	uv_timer_t calm;
};

static void
on_calm(uv_timer_t *h)
{
	struct tty *t = h->data;

	ws_close(t->conn, t->code, t->reason);
}

static void
leave(struct tty *t, int code, const char *reason)
{
	if (t->leaving)
		return;
	t->leaving = true;
	t->code = code;
	t->reason = reason;
	uv_timer_start(&t->calm, on_calm, CALM_MS, 0);
}

/* Opening. */

static int
tty_open(struct ws_conn *c, const struct ws_request *req, void *arg, void **data,
    const char **reason)
{
	struct app *a = arg;
	struct tty *t = xcalloc(1, sizeof *t);

	(void)reason;
	t->app = a;
	t->conn = c;
	t->ref = xstrdup(ws_request_param(req));
	uv_timer_init(a->loop, &t->calm);
	t->calm.data = t;
	*data = t;
	return 0;
}

/* What the pane's title is in a window: its command, as ttyd has it. */
static char *
title_of(const struct entry *e)
{
	char *const *argv = pane_argv(e->pane);
	const char *name = entry_name(e);
	struct buf b;

	buf_init(&b, BUF_NO_MAX);
	for (size_t i = 0; argv != NULL && argv[i] != NULL && b.len < TTY_INITIAL_MAX; i++)
		buf_printf(&b, "%s%s", i != 0 ? " " : "", argv[i]);
	if (b.len == 0)
		buf_puts(&b, name != NULL ? name : pane_id(e->pane));
	return buf_take(&b);
}

static void
attach(struct tty *t, struct entry *e, const struct tty_request *hello)
{
	struct viewer_spec spec = {.cols = hello->cols, .rows = hello->rows};

	t->read_only = ws_access(t->conn) < AUTH_WRITE || !job_pane_takes_input(e) ||
		       (t->counted && !t->app->cfg.ttyd.writable);
	t->had_ended = pane_state(e->pane) == PANE_EXITED;
	t->title = title_of(e);
	spec.read_only = t->read_only;
	t->viewer = viewer_new(e->pane, &spec, &attach_callbacks, t->conn);
	t->app->viewer_count++;
}

/* To the pane that it names. */
static void
greet_viewer(struct tty *t, const struct tty_request *hello)
{
	struct app *a = t->app;
	struct entry *e = NULL;
	const char *only = ws_pane(t->conn);
	bool found = str_id_valid(t->ref) && registry_find(a, t->ref, &e) == 0;

	if (*only != '\0' && (!found || strcmp(only, pane_id(e->pane)) != 0))
		leave(t, TTY_CLOSE_REFUSED, "this token is for another pane");
	else if (!found)
		leave(t, TTY_CLOSE_NO_PANE, "no such pane");
	else if (a->viewer_count >= a->cfg.limits.viewers_max)
		leave(t, TTY_CLOSE_FULL, "too many viewers");
	else
		attach(t, e, hello);
}

/* To a pane of its own. */
static void
greet_client(struct tty *t, const struct tty_request *hello)
{
	const char *cause = NULL;

	if (*ws_pane(t->conn) != '\0') {
		leave(t, TTY_CLOSE_REFUSED, "this token is for a pane");
		return;
	}
	t->own = ttyd_client(t->app, t, hello->cols, hello->rows, &cause);
	if (t->own == NULL) {
		leave(t, TTY_CLOSE_FULL, cause);
		return;
	}
	t->counted = true;
	attach(t, t->own, hello);
}

void
tty_pane_gone(struct tty *t)
{
	t->own = NULL;
}

void
tty_pane_failed(struct tty *t)
{
	leave(t, TTY_CLOSE_FAILED, "the command cannot be started");
}

static void
greet(struct tty *t, const struct tty_request *hello)
{
	enum auth_access access =
	    *hello->token != '\0' ? ws_offer(t->conn, hello->token) : ws_access(t->conn);

	if (access == AUTH_NONE)
		leave(t, TTY_CLOSE_REFUSED, "a token is needed");
	else if (t->app->cfg.ttyd.argv != NULL)
		greet_client(t, hello);
	else
		greet_viewer(t, hello);
}

/* Messages. What cannot be done is passed over, as ttyd does: its protocol has no word for it. */

static void
type(struct tty *t, const struct tty_request *req)
{
	struct attach_request input = {
	    .kind = ATTACH_REQ_INPUT, .input = req->input, .input_len = req->input_len};

	if (!t->read_only && req->input_len != 0 && !tty_is_answer(req->input, req->input_len))
		viewer_request(t->viewer, &input);
}

static void
resize(struct tty *t, const struct tty_request *req)
{
	struct attach_request size = {
	    .kind = ATTACH_REQ_RESIZE, .cols = req->cols, .rows = req->rows};

	if (req->cols != 0)
		viewer_request(t->viewer, &size);
}

static void
act(struct tty *t, const struct tty_request *req)
{
	switch (req->kind) {
	case TTY_REQ_INPUT:
		type(t, req);
		break;
	case TTY_REQ_RESIZE:
		resize(t, req);
		break;
	case TTY_REQ_PAUSE:
		t->paused = true;
		break;
	case TTY_REQ_RESUME:
		t->paused = false;
		ws_want_write(t->conn);
		break;
	case TTY_REQ_HELLO: /* again */
	case TTY_REQ_OTHER:
		break;
	}
}

static void
tty_message(struct ws_conn *c, void *data, bool binary, const void *msg, size_t len)
{
	struct tty *t = data;
	struct tty_request req;
	int rc;

	if (t->leaving)
		return;
	if (!binary && !utf8_valid(msg, len)) {
		ws_close(c, WS_CLOSE_NOT_TEXT, "text must be UTF-8");
		return;
	}
	rc = tty_parse(msg, len, &req);
	if (t->viewer == NULL && (rc != 0 || req.kind != TTY_REQ_HELLO))
		leave(t, TTY_CLOSE_REFUSED, "the first message must be {\"AuthToken\",...}");
	else if (t->viewer == NULL)
		greet(t, &req);
	else if (rc == 0)
		act(t, &req);
}

/* Sending. */

static void
put_title(const struct tty *t, struct buf *b)
{
	char host[256];

	if (gethostname(host, sizeof host) != 0)
		strcpy(host, "localhost");
	host[sizeof host - 1] = '\0';
	tty_put_title(b, t->title, host);
}

static int
ended(struct tty *t)
{
	if (t->had_ended || viewer_exit_status(t->viewer) <= 0)
		return TTY_CLOSE_ENDED;
	leave(t, TTY_CLOSE_FAILED, "the command has failed");
	return 0;
}

static int
tty_pull(struct ws_conn *c, void *data, struct buf *b, size_t max)
{
	struct tty *t = data;

	(void)c;
	if (t->viewer == NULL || t->paused || t->leaving)
		return 0;
	if (t->next == SAY_TITLE) {
		put_title(t, b);
		t->next = SAY_PREFERENCES;
		return 1;
	}
	if (t->next == SAY_PREFERENCES) {
		tty_put_preferences(b, t->counted ? t->app->cfg.ttyd.preferences : "{}");
		t->next = SAY_OUTPUT;
		return 1;
	}
	tty_put_output(b);
	switch (viewer_pull_bytes(t->viewer, b, max)) {
	case VIEWER_MESSAGE:
		return 1;
	case VIEWER_ENDED:
		return ended(t);
	case VIEWER_NOTHING:
		break;
	}
	return 0;
}

static void
on_freed(uv_handle_t *h)
{
	free(h->data);
}

static void
tty_closed(void *data)
{
	struct tty *t = data;
	struct app *a = t->app;

	if (t->viewer != NULL) {
		viewer_free(t->viewer);
		a->viewer_count--;
		if (t->counted)
			ttyd_client_left(a, t->own);
		registry_sweep(a);
		app_check_stopped(a);
	}
	free(t->ref);
	free(t->title);
	uv_close((uv_handle_t *)&t->calm, on_freed);
}

const struct ws_endpoint tty_endpoint = {.subprotocol = TTY_SUBPROTOCOL,
    .path = "/p/:id/ws",
    .max_message = TTY_MESSAGE_MAX,
    .first_max = TTY_HELLO_MAX,
    .first_seconds = HELLO_S,
    .open = tty_open,
    .message = tty_message,
    .pull = tty_pull,
    .closed = tty_closed};

/* GET /p/ID/token, or /token of serve --ttyd: what its first message is to bring. That is no more than whoever asks has shown: one
 * who is let in by a cookie, which no script reads, needs nothing. */
void
tty_token(struct http_req *r, void *arg)
{
	char *token, *text;
	cJSON *o;

	if (((struct app *)arg)->cfg.ttyd.argv == NULL && panes_resolve(r, arg) == NULL)
		return;
	token = http_own_token(r);
	o = json_object();
	cJSON_AddStringToObject(o, "token", token != NULL ? token : "");
	free(token);
	text = json_print_take(o);
	http_add_header(r, "cache-control", "no-store");
	http_reply_take(r, 200, "application/json;charset=utf-8", text, strlen(text));
}
