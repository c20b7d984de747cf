/*
 * Requests, without libwebsockets: its client cuts a request line off at 2,048 bytes, and a
 * pattern alone may need more.
 *
 * One request a connection. The daemon states the length of every answer; what ends earlier was
 * cut short.
 */
#include "config.h"

#include "net/client.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <uv.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"
#include "base/xmalloc.h"

enum {
	HEAD_MAX = 64 * 1024, /* bytes of an answer's headers */
	CHUNK = 64 * 1024,
	SILENCE_MS = 30 * 1000, /* without a byte in either direction */
};

struct client_call {
	uv_poll_t poll;
	uv_timer_t silence;
	unsigned handles; /* that are still to be closed */
	int fd;           /* -1: closed */
	bool over;
	struct buf out, in; /* `in` is the body once there is a status */
	size_t sent;
	int status;
	char *head;      /* of the answer, once there is a status */
	uint64_t length; /* of the body */
	client_answer_cb answer;
	void *arg;
};

static void
on_handle_closed(uv_handle_t *h)
{
	struct client_call *c = h->data;

	if (--c->handles != 0)
		return;
	buf_release(&c->out);
	buf_release(&c->in);
	free(c->head);
	free(c);
}

/* Frees it as soon as the loop has let go of it. */
static void
hang_up(struct client_call *c)
{
	c->over = true;
	if (c->fd >= 0) {
		uv_close((uv_handle_t *)&c->poll, on_handle_closed);
		close(c->fd);
		c->fd = -1;
	}
	uv_close((uv_handle_t *)&c->silence, on_handle_closed);
}

static void
finish(struct client_call *c, int rc)
{
	if (c->over)
		return;
	c->answer(rc, c->status, c->in.data != NULL ? c->in.data : "", c->in.len, c->arg);
	if (!c->over) /* it may have been cancelled in there */
		hang_up(c);
}

/* The value of a header line, or NULL when it is another's. */
static const char *
value_of(const char *line, const char *name)
{
	size_t n = strlen(name);

	if (strncasecmp(line, name, n) != 0 || line[n] != ':')
		return NULL;
	line += n + 1;
	return line + strspn(line, " \t");
}

/* head ends with a NUL in place of the empty line. */
static int
parse_head(struct client_call *c, char *head)
{
	const char *value;
	char *save = NULL;
	char *line = strtok_r(head, "\r\n", &save);

	if (line == NULL || !str_starts(line, "HTTP/1.1 ") ||
	    (c->status = atoi(line + strlen("HTTP/1.1 "))) < 200)
		return -EPROTO;
	while ((line = strtok_r(NULL, "\r\n", &save)) != NULL) {
		if ((value = value_of(line, "content-length")) != NULL &&
		    str_u64(value, 0, BUF_NO_MAX, &c->length) != 0)
			return -EPROTO;
		if (value_of(line, "transfer-encoding") != NULL)
			return -EPROTO;
	}
	return 0;
}

/* 0 when the answer is whole, 1 when more is to come. */
static int
parse(struct client_call *c)
{
	char *end;
	int rc;

	if (c->status == 0) {
		end = c->in.data != NULL ? strstr(c->in.data, "\r\n\r\n") : NULL;
		if (end == NULL)
			return c->in.len > HEAD_MAX ? -EPROTO : 1;
		*end = '\0';
		c->head = xstrdup(c->in.data);
		if ((rc = parse_head(c, c->in.data)) != 0)
			return rc;
		buf_drain(&c->in, (size_t)(end + 4 - c->in.data));
	}
	return c->in.len < c->length;
}

static int
receive(struct client_call *c)
{
	ssize_t n = recv(c->fd, buf_reserve(&c->in, CHUNK), CHUNK, 0);

	if (n < 0)
		return errno == EAGAIN || errno == EINTR ? 1 : -EPIPE;
	if (n == 0)
		return -EPIPE;
	buf_commit(&c->in, (size_t)n);
	return parse(c);
}

static int
transmit(struct client_call *c)
{
	ssize_t n = send(c->fd, c->out.data + c->sent, c->out.len - c->sent, MSG_NOSIGNAL);

	if (n > 0)
		c->sent += (size_t)n;
	/* One who hangs up may have said why before. */
	if (n < 0 && errno != EAGAIN && errno != EINTR)
		c->sent = c->out.len;
	return 1;
}

static void
on_silence(uv_timer_t *t)
{
	finish(t->data, -ETIMEDOUT);
}

static void on_socket(uv_poll_t *h, int status, int events);

static void
wait_for(struct client_call *c)
{
	int events = UV_READABLE | (c->sent < c->out.len ? UV_WRITABLE : 0);

	uv_poll_start(&c->poll, events, on_socket);
	uv_timer_start(&c->silence, on_silence, SILENCE_MS, 0);
}

static void
on_socket(uv_poll_t *h, int status, int events)
{
	struct client_call *c = h->data;
	int rc = status < 0 ? -EPIPE : 1;

	if (rc == 1 && (events & UV_WRITABLE))
		rc = transmit(c);
	if (rc == 1 && (events & UV_READABLE))
		rc = receive(c);
	if (rc == 1)
		wait_for(c);
	else
		finish(c, rc);
}

static int
dial(const char *path)
{
	struct sockaddr_un un = {.sun_family = AF_UNIX};
	int fd;

	if (strlen(path) >= sizeof un.sun_path)
		return -1;
	memcpy(un.sun_path, path, strlen(path));
	fd = socket(AF_UNIX, SOCK_STREAM, 0);
	if (fd < 0)
		return -1;
	fcntl(fd, F_SETFD, FD_CLOEXEC);
	if (connect(fd, (struct sockaddr *)&un, sizeof un) != 0) {
		close(fd);
		return -1;
	}
	fcntl(fd, F_SETFL, O_NONBLOCK);
	return fd;
}

static void
on_not_connected(uv_timer_t *t)
{
	finish(t->data, -ECONNREFUSED);
}

struct client_call *
client_call(uv_loop_t *loop, const char *socket, const char *method, const char *path,
    const void *body, size_t len, client_answer_cb answer, void *arg)
{
	struct client_call *c = xcalloc(1, sizeof *c);

	c->answer = answer;
	c->arg = arg;
	buf_init(&c->in, BUF_NO_MAX);
	buf_init(&c->out, BUF_NO_MAX);
	buf_printf(&c->out, "%s %s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n",
	    method, path);
	if (strcmp(method, "POST") == 0)
		buf_printf(&c->out, "Content-Length: %zu\r\n", len);
	buf_puts(&c->out, "\r\n");
	if (len != 0)
		buf_append(&c->out, body, len);
	uv_timer_init(loop, &c->silence);
	c->silence.data = c;
	c->handles = 1;
	c->fd = dial(socket);
	if (c->fd < 0) {
		uv_timer_start(&c->silence, on_not_connected, 0, 0);
		return c;
	}
	uv_poll_init(loop, &c->poll, c->fd);
	c->poll.data = c;
	c->handles = 2;
	wait_for(c);
	return c;
}

void
client_call_cancel(struct client_call *c)
{
	if (!c->over)
		hang_up(c);
}

bool
client_call_header(const struct client_call *c, const char *name, char *out, size_t size)
{
	const char *line = c->head, *value;

	while (line != NULL && (line = strstr(line, "\r\n")) != NULL) {
		size_t n;

		line += 2;
		if ((value = value_of(line, name)) == NULL)
			continue;
		n = strcspn(value, "\r\n");
		if (n >= size)
			return false;
		memcpy(out, value, n);
		out[n] = '\0';
		return true;
	}
	return false;
}

/* The same, waiting for the answer. */

struct request {
	int rc, status;
	struct buf *out;
};

static void
on_answer(int rc, int status, const char *body, size_t len, void *arg)
{
	struct request *r = arg;

	r->rc = rc;
	r->status = status;
	if (len != 0 && rc == 0)
		buf_append(r->out, body, len);
}

int
client_request(const char *socket, const char *method, const char *path, const void *body,
    size_t len, int *status, struct buf *out, char **cause)
{
	struct request r = {.out = out};
	uv_loop_t loop;

	uv_loop_init(&loop);
	client_call(&loop, socket, method, path, body, len, on_answer, &r);
	uv_run(&loop, UV_RUN_DEFAULT);
	uv_loop_close(&loop);
	*status = r.status;
	return r.rc == 0 ? 0 : err_sys(cause, r.rc, "ask the daemon at %s", socket);
}
