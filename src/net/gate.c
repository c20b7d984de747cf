/*
 * The gate: what arrives at the TCP door in the clear waits here, in the kernel's buffer, until the
 * head of its first request is whole and right. lws gets to know the connection then.
 *
 * lws 4.1 holds 16 KiB for each head that it has begun to read, and reads one that is not quite a
 * head in its own way: it takes a bare LF for the end of a line, decodes %0a in a path to one, and
 * when a name is the beginning of one that it knows, such as "X-A", takes what follows for more of
 * the name and may wait for ever. What it makes of later requests on a connection, and of those
 * that come by TLS or the Unix socket, is looked at when it has read them (http.c); a head that it
 * does not find the end of ends with its time.
 *
 * The bytes are looked at without being taken (MSG_PEEK), and the socket is told to wake us only
 * for more than there were (SO_RCVLOWAT).
 */
#include "config.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/log.h"
#include "base/xmalloc.h"
#include "net/server_priv.h"
#include "proto/http_head.h"

struct gate {
	uv_poll_t poll;
	struct link *link;
	int fd;
	size_t seen; /* bytes that have been looked at */
	bool told;   /* refused: it only has to read that */
};

static void
on_poll_closed(uv_handle_t *h)
{
	free(h->data);
}

/* The descriptor is the caller's again. */
static int
let_go(struct link *l)
{
	struct gate *g = l->gate;
	int fd = g->fd;

	l->gate = NULL;
	uv_close((uv_handle_t *)&g->poll, on_poll_closed);
	return fd;
}

void
gate_close(struct link *l)
{
	close(let_go(l));
	link_free(l);
}

static const char *
phrase(int status)
{
	switch (status) {
	case 400:
		return "Bad Request";
	case 408:
		return "Request Timeout";
	case 429:
		return "Too Many Requests";
	case 431:
		return "Request Header Fields Too Large";
	default:
		return "Service Unavailable";
	}
}

void
gate_tell(int fd, int status, const char *code, const char *message)
{
	char body[256], text[640];
	int len, n;

	len =
	    snprintf(body, sizeof body, "{\"error\":\"%s\",\"message\":\"%s\"}", code, message);
	n = snprintf(text, sizeof text,
	    "HTTP/1.1 %d %s\r\ncontent-type: application/json\r\ncontent-length: %d\r\n"
	    "x-content-type-options: nosniff\r\nreferrer-policy: no-referrer\r\n"
	    "%sconnection: close\r\n\r\n%s",
	    status, phrase(status), len,
	    status == 429 || status == 503 ? "retry-after: 1\r\n" : "", body);
	/* It has sent us next to nothing: there is room, or it does not read. */
	if (send(fd, text, (size_t)n, MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
		log_debug("net", "a refusal was not sent: %s", strerror(errno));
	shutdown(fd, SHUT_WR);
}

/* A socket that is closed with bytes unread is reset, and the answer with it: so it stays until the
 * client has closed it, for a little while. */
static void
refuse(struct gate *g, int status, const char *code, const char *message)
{
	int all = 1;

	g->told = true;
	gate_tell(g->fd, status, code, message);
	setsockopt(g->fd, SOL_SOCKET, SO_RCVLOWAT, &all, sizeof all);
	link_leaves(g->link);
}

bool
gate_late(struct link *l)
{
	struct gate *g = l->gate;

	/* A browser connects beforehand, and may not need it. */
	if (g == NULL || g->told || g->seen == 0)
		return false;
	l->door->server->stats.refused++;
	refuse(g, 408, "header_timeout", "the headers did not arrive in time");
	return true;
}

static void
discard(struct gate *g)
{
	struct server *s = g->link->door->server;
	ssize_t n = recv(g->fd, s->peeked, sizeof s->peeked, MSG_DONTWAIT);

	if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR))
		gate_close(g->link);
}

/* See above: the name is the beginning of one that lws knows, and not one itself. */
static bool
is_trap(const char *name, size_t len)
{
	const char *known;
	bool begins = false;

	for (int i = 0; (known = (const char *)lws_token_to_string(i)) != NULL; i++) {
		if (strncasecmp(known, name, len) != 0)
			continue;
		if (known[len] == ':')
			return false;
		begins |= strchr(known, ':') != NULL;
	}
	return begins;
}

/* What is new among the bytes ends a line, so that it is worth a look. */
static bool
has_line(const struct gate *g, const char *data, size_t n)
{
	return g->seen == 0 || memchr(data + g->seen, '\n', n - g->seen) != NULL;
}

static void
look(struct gate *g, size_t n)
{
	struct link *l = g->link;
	struct server *s = l->door->server;
	struct http_fault fault;
	size_t end;
	int rc = has_line(g, s->peeked, n)
		     ? http_head_check(s->peeked, n, &end, &fault, is_trap)
		     : 0;
	int more = (int)n + 1, one = 1;

	g->seen = n;
	if (rc == 0 && n > SERVER_HEADERS_MAX) {
		rc = -1;
		fault = (struct http_fault){431, "the headers are too long"};
	}
	if (rc == 0) {
		setsockopt(g->fd, SOL_SOCKET, SO_RCVLOWAT, &more, sizeof more);
		return;
	}
	if (rc < 0) {
		server_refused(s, "a request", fault.message);
		refuse(g, fault.status,
		    fault.status == 431 ? "headers_too_large" : "bad_request", fault.message);
		return;
	}
	setsockopt(g->fd, SOL_SOCKET, SO_RCVLOWAT, &one, sizeof one);
	link_adopt(l, let_go(l));
}

static void
on_gate(uv_poll_t *h, int status, int events)
{
	struct gate *g = h->data;
	struct server *s = g->link->door->server;
	ssize_t n;

	(void)events;
	if (g->told) {
		discard(g);
		return;
	}
	n = status == 0 ? recv(g->fd, s->peeked, sizeof s->peeked, MSG_PEEK | MSG_DONTWAIT) : 0;
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	/* No more than before: the client will not send the rest. */
	if (n <= 0 || (size_t)n <= g->seen)
		gate_close(g->link);
	else
		look(g, (size_t)n);
}

void
gate_open(struct link *l, int fd)
{
	struct gate *g = xcalloc(1, sizeof *g);

	g->link = l;
	g->fd = fd;
	g->poll.data = g;
	l->gate = g;
	uv_poll_init(l->door->server->loop, &g->poll, fd);
	uv_poll_start(&g->poll, UV_READABLE, on_gate);
}
