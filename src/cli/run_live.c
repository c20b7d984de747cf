#include "config.h"

#include "cli/run_live.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cjson/cJSON.h>
#include <uv.h>

#include "base/str.h"
#include "base/xmalloc.h"
#include "cli/ask.h"
#include "cli/cli.h"
#include "cli/follow.h"
#include "cli/job_text.h"
#include "cli/lane.h"
#include "cli/paths.h"
#include "cli/put.h"
#include "cli/terminal.h"
#include "proto/json.h"

enum { INPUT_PIECE = 64 * 1024, NOT_READ_MS = 20, CANCEL_AGAIN_MS = 200 };

struct live {
	struct run_live how;
	uv_loop_t loop;
	char *socket, *path; /* of the job */
	uv_signal_t interrupt, winch;
	struct ask *cancel, *resize;
	uv_timer_t cancel_again;
	const char *why; /* it is cancelled; or NULL */
	bool interrupted, resized;

	struct lane *in; /* NULL: no input */
	struct ask *send, *look;
	uv_timer_t later;
	char *piece; /* not taken yet */
	size_t piece_len;
	bool eof;
	bool begun; /* the command has, before the piece was sent */

	int status;
};

static void
end(struct live *l, int status)
{
	l->status = status;
	uv_stop(&l->loop);
}

static void
say_how_back(const struct live *l)
{
	cli_error("%s goes on: panescry jobs output %s --follow, panescry jobs cancel %s",
	    l->how.id, l->how.id, l->how.id);
}

static char *
path_of(const struct live *l, const char *suffix)
{
	return xasprintf("%s%s", l->path, suffix);
}

/* Cancel. */

static void
send_cancel(struct live *l)
{
	cJSON *o = json_object();
	char *text, *path = path_of(l, "/cancel");

	json_add_text(o, "reason", l->why);
	text = json_print_take(o);
	ask_send(l->cancel, "POST", path, text, strlen(text));
	free(path);
	free(text);
}

static void
on_cancel_again(uv_timer_t *t)
{
	send_cancel(t->data);
}

/* 409: it has ended, which the follower is about to see, or its end is under way; or it is just being
 * taken up by another worker. Once more does no harm. */
static void
on_cancelled(void *arg, int rc, int status, const char *body, size_t len)
{
	struct live *l = arg;

	(void)body;
	(void)len;
	if (rc == 0 && status == 409)
		uv_timer_start(&l->cancel_again, on_cancel_again, CANCEL_AGAIN_MS, 0);
	else if (rc == 0 && status >= 400)
		cli_error("run: %s cannot be cancelled", l->how.id);
}

static void
cancel(struct live *l, const char *why)
{
	if (l->why != NULL)
		return;
	l->why = why;
	send_cancel(l);
}

static void
on_interrupt(uv_signal_t *h, int signum)
{
	struct live *l = h->data;

	(void)signum;
	if (l->interrupted) {
		say_how_back(l);
		end(l, 130);
		return;
	}
	l->interrupted = true;
	cancel(l, "interrupted");
	if (isatty(STDERR_FILENO))
		cli_error("%s is being cancelled; once more leaves it", l->how.id);
}

/* The size of the terminal. */

static void
send_size(struct live *l)
{
	unsigned cols, rows;
	char *text, *path;
	cJSON *o;

	terminal_size(&cols, &rows);
	if (cols == 0)
		return;
	o = json_object();
	cJSON_AddNumberToObject(o, "cols", cols);
	cJSON_AddNumberToObject(o, "rows", rows);
	text = json_print_take(o);
	path = path_of(l, "/resize");
	ask_send(l->resize, "POST", path, text, strlen(text));
	free(path);
	free(text);
}

static void
on_resized(void *arg, int rc, int status, const char *body, size_t len)
{
	struct live *l = arg;

	(void)rc;
	(void)status;
	(void)body;
	(void)len;
	if (l->resized)
		send_size(l);
	l->resized = false;
}

static void
on_winch(uv_signal_t *h, int signum)
{
	struct live *l = h->data;

	(void)signum;
	if (ask_is_busy(l->resize))
		l->resized = true;
	else
		send_size(l);
}

/* Input. */

bool
run_live_has_input(void)
{
	struct stat in, null;

	if (fstat(STDIN_FILENO, &in) != 0 || isatty(STDIN_FILENO))
		return false;
	return stat("/dev/null", &null) != 0 || !S_ISCHR(in.st_mode) ||
	       in.st_rdev != null.st_rdev;
}

static void
send_piece(struct live *l)
{
	char *path = path_of(l, l->eof ? "/input?eof=1" : "/input");

	ask_send(l->send, "POST", path, l->piece, l->piece_len);
	free(path);
}

static void
on_later(uv_timer_t *t)
{
	send_piece(t->data);
}

static void
on_read(void *arg, long rc, const char *data)
{
	struct live *l = arg;

	if (rc < 0)
		cli_error("run: standard input: %s", strerror((int)-rc));
	l->eof = rc <= 0;
	l->piece_len = rc > 0 ? (size_t)rc : 0;
	free(l->piece);
	l->piece = xmalloc(l->piece_len + 1);
	if (rc > 0)
		memcpy(l->piece, data, l->piece_len);
	send_piece(l);
}

static bool
is_error(const char *body, size_t len, const char *code)
{
	cJSON *o = json_parse(body, len);
	const char *error = json_string(o, "error");
	bool is = error != NULL && strcmp(error, code) == 0;

	cJSON_Delete(o);
	return is;
}

/* Nobody takes the input: it is kept for a command that has not begun, or not when it was sent, or that
 * a worker takes up just now. */
static void
on_looked(void *arg, int rc, int status, const char *body, size_t len)
{
	struct live *l = arg;
	cJSON *job = rc == 0 && status == 200 ? json_parse(body, len) : NULL;

	if (job != NULL && !cli_job_ended(job)) {
		l->begun = cJSON_IsNumber(cJSON_GetObjectItemCaseSensitive(job, "pid"));
		uv_timer_start(&l->later, on_later, NOT_READ_MS, 0);
	}
	cJSON_Delete(job);
}

static void
on_sent(void *arg, int rc, int status, const char *body, size_t len)
{
	struct live *l = arg;

	if (rc == -EPIPE && l->eof) {
		send_piece(l); /* twice is as good as once */
	} else if (rc == -EPIPE) {
		cli_error("run: the daemon went away with a part of the input: %s is cancelled",
		    l->how.id);
		cancel(l, "a part of its input was lost");
	} else if (rc == 0 && (status == 429 || status == 503)) {
		uv_timer_start(&l->later, on_later, NOT_READ_MS, 0);
	} else if (rc == 0 && status < 300 && !l->eof) {
		l->begun = true;
		lane_read(l->in, INPUT_PIECE);
	} else if (rc == 0 && status == 409 && !(l->begun && is_error(body, len, "no_input"))) {
		ask_send(l->look, "GET", l->path, NULL, 0);
	}
}

static void
start_input(struct live *l)
{
	struct ask_config ask = {&l->loop, l->socket, true, on_sent, l};

	l->send = ask_new(&ask);
	ask.once = false;
	ask.answer = on_looked;
	l->look = ask_new(&ask);
	uv_timer_init(&l->loop, &l->later);
	l->later.data = l;
	l->in = lane_new(&l->loop, STDIN_FILENO, on_read, l);
	lane_read(l->in, INPUT_PIECE);
}

/* The end. */

void
run_live_say(const char *id, const cJSON *job)
{
	const char *state = json_string(job, "state"), *error = json_string(job, "error");

	if (state == NULL || strcmp(state, "completed") == 0)
		return;
	if (error == NULL && strcmp(state, "failed") == 0)
		return;
	if (strcmp(state, "timed_out") == 0)
		state = "timed out";
	if (error != NULL)
		cli_error("%s: %s: %s", id, state, error);
	else
		cli_error("%s: %s", id, state);
}

static void
on_done(void *arg, int rc, const char *message, const cJSON *job)
{
	struct live *l = arg;

	if (rc == 0) {
		if (l->how.quiet) {
			char *text = cJSON_PrintUnformatted(job);
			put_json_line(text);
			cJSON_free(text);
		} else {
			run_live_say(l->how.id, job);
		}
		end(l, cli_job_status(job));
		return;
	}
	if (rc == -EPIPE)
		cli_error("run: standard output: %s", message);
	else
		cli_error("run: %s", message);
	say_how_back(l);
	end(l, rc == -ECONNREFUSED ? CLI_NO_DAEMON : CLI_ERROR);
}

static void
start_follow(struct live *l)
{
	struct follow_config f = {
	    .loop = &l->loop,
	    .socket = l->socket,
	    .id = l->how.id,
	    .wait = true,
	    .channels = {{.channel = 1, .fd = STDOUT_FILENO},
		{.channel = 2, .fd = STDERR_FILENO}},
	    .nchannels = l->how.quiet ? 0
			 : l->how.pty ? 1
				      : 2,
	    .done = on_done,
	    .arg = l,
	};

	follow_start(&f);
}

int
run_live(const struct run_live *r)
{
	static struct live l; /* what threads and the loop have of it stays */
	struct ask_config ask = {&l.loop, NULL, false, on_cancelled, &l};
	char *id = str_url_encode(r->id);

	signal(SIGPIPE, SIG_IGN);
	l.how = *r;
	l.socket = paths_socket();
	ask.socket = l.socket;
	l.path = xasprintf("/api/v1/jobs/%s", id);
	free(id);
	uv_loop_init(&l.loop);
	l.cancel = ask_new(&ask);
	ask.answer = on_resized;
	l.resize = ask_new(&ask);
	uv_timer_init(&l.loop, &l.cancel_again);
	l.cancel_again.data = &l;
	uv_signal_init(&l.loop, &l.interrupt);
	uv_signal_init(&l.loop, &l.winch);
	l.interrupt.data = l.winch.data = &l;
	uv_signal_start(&l.interrupt, on_interrupt, SIGINT);
	if (r->pty)
		uv_signal_start(&l.winch, on_winch, SIGWINCH);
	start_follow(&l);
	if (r->input)
		start_input(&l);
	uv_run(&l.loop, UV_RUN_DEFAULT);
	return l.status;
}
