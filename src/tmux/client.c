#include "config.h"

#include "tmux/client.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <utlist.h>
#include <uv.h>

#include "base/buf.h"
#include "base/str.h"
#include "os/os.h"
#include "os/spawn.h"
#include "base/xmalloc.h"

enum {
	READ_SIZE = 256 * 1024,
	MARK_BYTES = 16,
	MARK_SIZE = 2 * MARK_BYTES + 32,
	WHY_MAX = 300,
};

struct request {
	struct request *prev, *next;
	tmux_answer_cb *cb;
	void *arg;
	uint64_t number;
	uint64_t since; /* loop time */
	size_t n, got;  /* parts */
	bool failed;
	bool raw; /* its output is coming */
	char why[WHY_MAX];
	struct seed_part parts[SEED_PARTS_MAX];
};

struct write {
	uv_write_t req;
	char *data;
};

struct tmux_client {
	uv_loop_t *loop;
	struct tmux_client_callbacks cb;
	void *arg;
	uint32_t session;
	pid_t pid; /* or a ticket (os/spawn.h); 0: it has been reaped */
	uv_pipe_t in, out;
	unsigned open_handles;
	struct control *control;
	struct request *requests; /* utlist, oldest first */
	uint64_t count;           /* of requests, ever */
	char secret[2 * MARK_BYTES + 1];
	char why[WHY_MAX];
	char *buffer; /* what is read goes here */
	bool ready, closing, freed, ours;
};

/* Marks. */

static void
mark(const struct tmux_client *c, uint64_t number, size_t i, char out[MARK_SIZE])
{
	snprintf(
	    out, MARK_SIZE, "%s-%llx-%x", c->secret, (unsigned long long)number, (unsigned)i);
}

/* The one behind all. */
enum { LAST_MARK = SEED_PARTS_MAX + 1 };

static bool
is_mark(const struct tmux_client *c, const struct request *r, size_t i, const char *line)
{
	char text[MARK_SIZE];

	mark(c, r->number, i, text);
	return strcmp(text, line) == 0;
}

static int
make_secret(struct tmux_client *c)
{
	unsigned char random[MARK_BYTES];
	int rc = os_random(random, sizeof random);

	if (rc != 0)
		return rc;
	for (size_t i = 0; i < sizeof random; i++)
		snprintf(c->secret + 2 * i, 3, "%02x", random[i]);
	return 0;
}

/* Answers. */

/* Once: the request stays until its last mark has come. */
static void
tell(struct request *r, int err)
{
	struct seed_part parts[SEED_PARTS_MAX];
	tmux_answer_cb *cb = r->cb;
	size_t n = r->got;
	char why[WHY_MAX];

	memcpy(parts, r->parts, sizeof parts);
	memcpy(why, r->why, sizeof why);
	r->got = 0;
	r->cb = NULL;
	if (cb != NULL)
		cb(r->arg, err, why, parts, n); /* r may be gone then */
	for (size_t i = 0; i < n; i++)
		free((char *)parts[i].data);
}

static void
answer(struct tmux_client *c, int err)
{
	struct request *r = c->requests;

	DL_DELETE(c->requests, r);
	tell(r, err);
	free(r);
}

static void
fail_all(struct tmux_client *c)
{
	while (c->requests != NULL) {
		snprintf(c->requests->why, WHY_MAX, "tmux has gone");
		answer(c, -ECANCELED);
	}
}

/* Reads raw text up to the next mark, or the one behind all. */
static void
expect(struct tmux_client *c, struct request *r)
{
	char next[MARK_SIZE], last[MARK_SIZE];

	r->raw = true;
	mark(c, r->number, r->got + 1, next);
	mark(c, r->number, LAST_MARK, last);
	control_raw(c->control, next, last, TMUX_ANSWER_MAX);
}

static void
set_why(char why[WHY_MAX], const char *text, size_t len)
{
	snprintf(why, WHY_MAX, "%.*s", (int)(len < WHY_MAX ? len : WHY_MAX - 1), text);
}

/* Of raw text that ended too soon: the line before %error. */
static void
find_error(struct request *r, const char *data, size_t len)
{
	const char *end = data != NULL ? memmem(data, len, "\n%error ", 8) : NULL, *line;

	r->failed = true;
	if (end == NULL) {
		set_why(r->why, "too much", strlen("too much"));
		return;
	}
	line = str_last(data, '\n', (size_t)(end - data));
	line = line != NULL ? line + 1 : data;
	set_why(r->why, line, (size_t)(end - line));
}

/* The line that begins at p, without its newline, within `to`. */
static size_t
line_length(const char *p, const char *to)
{
	const char *nl = memchr(p, '\n', (size_t)(to - p));

	return (size_t)((nl != NULL ? nl : to) - p);
}

static bool
begins_with(const char *p, size_t len, const char *word)
{
	return len >= strlen(word) && memcmp(p, word, strlen(word)) == 0;
}

/*
 * Between two marks stand the %end of the first one's block, the command's block, and the %begin of
 * the second one's; from tmux 3.8 on, also notifications that the command caused, between the
 * blocks. So the block begins at the first %begin, and ends at the last %end that belongs to it:
 * others are of what it holds.
 */
static bool
find_block(const char *data, size_t len, const char **from, const char **end)
{
	const char *p = data, *to = data + len;
	char close[80];
	size_t n = 0;

	while (p < to && !begins_with(p, n = line_length(p, to), "%begin "))
		p += n + 1;
	if (p >= to)
		return false;
	snprintf(close, sizeof close, "%%end %.*s\n", (int)(n < 60 ? n - 7 : 53), p + 7);
	*from = p + n + 1;
	for (p = to; p > *from;) {
		const char *nl = str_last(*from, '\n', (size_t)(p - 1 - *from));

		p = nl != NULL ? nl + 1 : *from;
		if (begins_with(p, (size_t)(to - p), close)) {
			*end = p > *from ? p - 1 : p; /* without the last newline */
			return true;
		}
	}
	return false;
}

static void
take_part(struct request *r, const char *data, size_t len)
{
	struct seed_part *part = &r->parts[r->got++];
	const char *from = data, *end = data;
	char *copy;

	if (!find_block(data, len, &from, &end))
		from = end = data;
	copy = xmalloc((size_t)(end - from) + 1);
	memcpy(copy, from, (size_t)(end - from));
	copy[end - from] = '\0';
	*part = (struct seed_part){copy, (size_t)(end - from)};
}

/* The parser's callbacks. */

static void
on_output(void *arg, uint32_t pane, const char *data, size_t len)
{
	struct tmux_client *c = arg;

	if (!c->freed)
		c->cb.output(c, pane, data, len, c->arg);
}

static void
on_notice(void *arg, const struct control_notice *n)
{
	struct tmux_client *c = arg;

	if (c->freed)
		return;
	if (n->kind == CONTROL_SESSION_CHANGED && !c->ready && n->session == c->session) {
		c->ready = true;
		c->cb.ready(c, c->arg);
		return;
	}
	if (n->kind == CONTROL_EXIT)
		set_why(c->why, n->text, strlen(n->text));
	c->cb.notice(c, n, c->arg);
}

static void
on_begin(void *arg, bool ours)
{
	((struct tmux_client *)arg)->ours = ours;
}

static void
on_text(void *arg, const char *line, size_t len)
{
	struct tmux_client *c = arg;
	struct request *r = c->requests;

	if (!c->ready)
		set_why(c->why, line, len); /* why it could not attach */
	if (!c->ours || r == NULL)
		return;
	if (r->n != 0 && r->got == 0 && is_mark(c, r, 0, line))
		expect(c, r);
	else if (is_mark(c, r, LAST_MARK, line))
		answer(c, r->failed || r->got < r->n ? -EIO : 0);
	else
		set_why(r->why, line, len);
}

static void
on_end(void *arg, bool error)
{
	struct tmux_client *c = arg;

	if (error && c->ours && c->requests != NULL)
		c->requests->failed = true;
}

static void
on_raw(void *arg, int which, const char *data, size_t len)
{
	struct tmux_client *c = arg;
	struct request *r = c->requests;

	if (r == NULL)
		return;
	if (which == 0 && data != NULL) {
		take_part(r, data, len);
		if (r->got < r->n)
			expect(c, r);
		else
			tell(r, 0); /* before any output that follows */
		return;
	}
	find_error(r, data, len);
	if (which == 1)
		answer(c, -EIO);
}

static const struct control_callbacks control_callbacks = {
    on_output, on_notice, on_begin, on_text, on_end, on_raw};

/* Processes. */

enum { FLAGS_SIZE = 48, ARGS_SIZE = 4096 };

static void
put_flags(char flags[FLAGS_SIZE], bool silent)
{
	snprintf(flags, FLAGS_SIZE, "ignore-size,pause-after=%d%s", TMUX_PAUSE_AFTER_S,
	    silent ? ",no-output" : "");
}

/* By its last argument. */
static bool
is_ours(pid_t pid)
{
	char args[ARGS_SIZE], flags[FLAGS_SIZE];
	ssize_t n = os_process_args(pid, args, sizeof args);

	for (int silent = 0; silent < 2 && n > 0; silent++) {
		size_t len;

		put_flags(flags, silent != 0);
		len = strlen(flags) + 1;
		if ((size_t)n > len && args[n - 1] == '\0' &&
		    memcmp(args + n - (ssize_t)len, flags, len) == 0 &&
		    args[n - (ssize_t)len - 1] == '\0')
			return true;
	}
	return false;
}

void
tmux_client_end_orphan(pid_t pid)
{
	pid_t parent = os_process_parent(pid);
	char its[32], own[32];

	if (parent == 0 || !is_ours(pid))
		return;
	/* Where the keeper starts them, they are its children from the beginning. */
	if (parent == getppid() && spawn_elsewhere() &&
	    os_process_started(pid) >= os_process_started(getpid()))
		return;
	if (parent != getppid() && os_process_program(parent, its, sizeof its) == 0 &&
	    os_process_program(getpid(), own, sizeof own) == 0 && strcmp(its, own) == 0)
		return; /* another daemon's */
	kill(pid, SIGKILL);
}

/* Pipes. */

static void
on_closed(uv_handle_t *h)
{
	struct tmux_client *c = h->data;

	if (--c->open_handles != 0 || !c->freed)
		return;
	control_free(c->control);
	free(c->buffer);
	free(c);
}

static void
close_pipes(struct tmux_client *c)
{
	if (c->closing)
		return;
	c->closing = true;
	uv_close((uv_handle_t *)&c->in, on_closed);
	uv_close((uv_handle_t *)&c->out, on_closed);
}

static void
on_alloc(uv_handle_t *h, size_t hint, uv_buf_t *buf)
{
	struct tmux_client *c = h->data;

	(void)hint;
	*buf = uv_buf_init(c->buffer, READ_SIZE);
}

static void
on_read(uv_stream_t *s, ssize_t n, const uv_buf_t *buf)
{
	struct tmux_client *c = s->data;

	if (n >= 0) {
		/* A long answer is one. */
		if (c->requests != NULL && c->requests->raw)
			c->requests->since = uv_now(c->loop);
		control_feed(c->control, buf->base, (size_t)n);
		return;
	}
	close_pipes(c);
	fail_all(c);
	if (!c->freed)
		c->cb.gone(c, c->why, c->arg);
}

static void
on_written(uv_write_t *req, int status)
{
	struct write *w = (struct write *)req;

	(void)status; /* an end shows in what is read */
	free(w->data);
	free(w);
}

static void
send_take(struct tmux_client *c, struct buf *b)
{
	struct write *w = xcalloc(1, sizeof *w);
	uv_buf_t out = uv_buf_init(b->data, (unsigned)b->len);

	w->data = b->data;
	if (c->closing || uv_write(&w->req, (uv_stream_t *)&c->in, &out, 1, on_written) != 0)
		on_written(&w->req, 0);
}

/* Requests. */

static struct request *
add_request(struct tmux_client *c, size_t n, tmux_answer_cb *cb, void *arg)
{
	struct request *r = xcalloc(1, sizeof *r);

	r->cb = cb;
	r->arg = arg;
	r->n = n;
	r->number = c->count++;
	r->since = uv_now(c->loop);
	DL_APPEND(c->requests, r);
	return r;
}

static void
put_mark(struct tmux_client *c, const struct request *r, size_t i, struct buf *b)
{
	char text[MARK_SIZE];

	mark(c, r->number, i, text);
	buf_printf(b, "display-message -p %s", text);
}

void
tmux_client_ask(
    struct tmux_client *c, const char *const *commands, size_t n, tmux_answer_cb *cb, void *arg)
{
	struct request *r = add_request(c, n, cb, arg);
	struct buf b;

	buf_init(&b, BUF_NO_MAX);
	put_mark(c, r, 0, &b);
	for (size_t i = 0; i < n; i++) {
		buf_printf(&b, " ; %s ; ", commands[i]);
		put_mark(c, r, i + 1, &b);
	}
	buf_putc(&b, '\n');
	put_mark(c, r, LAST_MARK, &b);
	buf_putc(&b, '\n');
	send_take(c, &b);
}

void
tmux_client_tell(struct tmux_client *c, const char *commands, tmux_answer_cb *cb, void *arg)
{
	struct request *r = add_request(c, 0, cb, arg);
	struct buf b;

	buf_init(&b, BUF_NO_MAX);
	buf_printf(&b, "%s\n", commands);
	put_mark(c, r, LAST_MARK, &b);
	buf_putc(&b, '\n');
	send_take(c, &b);
}

/* Coming and going. */

static int
start(struct tmux_client *c, const char *socket, bool silent, int in, int out)
{
	char target[16], flags[FLAGS_SIZE];
	char tmux[] = "tmux", s[] = "-S", control[] = "-Cu", attach[] = "attach-session",
	     e[] = "-E", t[] = "-t", f[] = "-f", *path = xstrdup(socket);
	char *argv[] = {tmux, control, s, path, attach, e, t, target, f, flags, NULL};
	struct spawn_spec how = {
	    .argv = argv, .envp = environ, .in = in, .out = out, .err = -1};
	int rc;

	snprintf(target, sizeof target, "$%u", c->session);
	put_flags(flags, silent);
	rc = spawn_process(&how, &c->pid);
	free(path);
	return rc;
}

static void
init_pipes(struct tmux_client *c, int in, int out)
{
	uv_pipe_init(c->loop, &c->in, 0);
	uv_pipe_init(c->loop, &c->out, 0);
	c->in.data = c->out.data = c;
	c->open_handles = 2;
	uv_pipe_open(&c->in, in);
	uv_pipe_open(&c->out, out);
	uv_read_start((uv_stream_t *)&c->out, on_alloc, on_read);
}

int
tmux_client_new(uv_loop_t *loop, const char *socket, uint32_t session, bool silent,
    const struct tmux_client_callbacks *cb, void *arg, struct tmux_client **out)
{
	struct tmux_client *c = xcalloc(1, sizeof *c);
	int in[2] = {-1, -1}, from[2] = {-1, -1}, rc;

	c->loop = loop;
	c->cb = *cb;
	c->arg = arg;
	c->session = session;
	if ((rc = make_secret(c)) == 0 && (rc = os_pipe(in)) == 0 && (rc = os_pipe(from)) == 0)
		rc = start(c, socket, silent, in[0], from[1]);
	if (in[0] >= 0)
		close(in[0]);
	if (from[1] >= 0)
		close(from[1]);
	if (rc != 0) {
		if (in[1] >= 0)
			close(in[1]);
		if (from[0] >= 0)
			close(from[0]);
		free(c);
		return rc;
	}
	c->control = control_new(&control_callbacks, c);
	c->buffer = xmalloc(READ_SIZE);
	init_pipes(c, in[1], from[0]);
	*out = c;
	return 0;
}

void
tmux_client_free(struct tmux_client *c)
{
	if (c == NULL || c->freed)
		return;
	c->freed = true;
	fail_all(c);
	/* A server that is stopped would keep it; but tmux 3.3 crashes when a client dies that has
	 * not said all yet. */
	if (c->ready)
		spawn_signal(c->pid, SIGKILL, false);
	if (!c->closing) {
		close_pipes(c);
	} else if (c->open_handles == 0) {
		control_free(c->control);
		free(c->buffer);
		free(c);
	}
}

bool
tmux_client_ready(const struct tmux_client *c)
{
	return c->ready && !c->closing;
}

uint32_t
tmux_client_session(const struct tmux_client *c)
{
	return c->session;
}

pid_t
tmux_client_pid(const struct tmux_client *c)
{
	return c->pid;
}

void
tmux_client_reaped(struct tmux_client *c)
{
	c->pid = 0;
}

uint64_t
tmux_client_waiting(const struct tmux_client *c)
{
	return c->requests != NULL ? c->requests->since : 0;
}
