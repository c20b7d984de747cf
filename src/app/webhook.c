#include "config.h"

#include "app/webhook.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <uv.h>

#include "base/log.h"
#include "base/str.h"
#include "base/xmalloc.h"

struct webhook {
	uv_getaddrinfo_t lookup;
	uv_tcp_t tcp;
	uv_connect_t connect;
	uv_write_t write;
	uv_timer_t timer;
	char *url, *request;
	char answer[64];
	size_t len;
	unsigned handles; /* that are open */
	bool ended, looking, anywhere;
};

struct target {
	char host[256], port[8];
	const char *path;
	bool v6; /* in brackets */
};

static unsigned under_way;

/* http://HOST[:PORT][/PATH], HOST perhaps in brackets. */
static bool
split(const char *url, struct target *t)
{
	const char *s = url + strlen("http://"), *end;
	bool v6 = *s == '[';
	uint64_t port = 80;
	size_t n;

	if (strlen(url) > WEBHOOK_URL_MAX || !str_starts(url, "http://"))
		return false;
	end = v6 ? strchr(++s, ']') : s + strcspn(s, ":/?#@");
	if (end == NULL || end == s || (n = (size_t)(end - s)) >= sizeof t->host)
		return false;
	memcpy(t->host, s, n);
	t->host[n] = '\0';
	end += v6;
	if (*end == ':') {
		char digits[8];

		n = strspn(++end, "0123456789");
		if (n == 0 || n >= sizeof digits)
			return false;
		memcpy(digits, end, n);
		digits[n] = '\0';
		if (str_u64(digits, 1, 65535, &port) != 0)
			return false;
		end += n;
	}
	for (const char *p = url; *p != '\0'; p++)
		if ((unsigned char)*p <= ' ' || *p == 0x7F)
			return false;
	snprintf(t->port, sizeof t->port, "%u", (unsigned)port);
	t->v6 = v6;
	t->path = *end == '/' ? end : "/";
	return *end == '/' || *end == '\0';
}

static bool
is_loopback(const char *host)
{
	struct in_addr v4;

	/* A name can begin as an address does. */
	if (uv_inet_pton(AF_INET, host, &v4) == 0)
		return ntohl(v4.s_addr) >> 24 == IN_LOOPBACKNET;
	return strcmp(host, "::1") == 0 || strcmp(host, "localhost") == 0;
}

bool
webhook_is_loopback(const struct sockaddr *address)
{
	const struct in6_addr *v6;

	if (address->sa_family == AF_INET) {
		struct sockaddr_in in;

		memcpy(&in, address, sizeof in);
		return ntohl(in.sin_addr.s_addr) >> 24 == IN_LOOPBACKNET;
	}
	if (address->sa_family != AF_INET6)
		return false;
	v6 = &((const struct sockaddr_in6 *)(const void *)address)->sin6_addr;
	return IN6_IS_ADDR_LOOPBACK(v6) ||
	       (IN6_IS_ADDR_V4MAPPED(v6) && v6->s6_addr[12] == IN_LOOPBACKNET);
}

const char *
webhook_check(const char *url, bool anywhere)
{
	struct target t;

	if (!split(url, &t))
		return "url must be http://HOST[:PORT]/PATH";
	if (!anywhere && !is_loopback(t.host))
		return "url must be on this machine's loopback (see webhooks_remote)";
	return NULL;
}

static void
free_if_over(struct webhook *w)
{
	if (w->handles != 0 || w->looking)
		return;
	free(w->url);
	free(w->request);
	free(w);
	under_way--;
}

static void
on_closed(uv_handle_t *h)
{
	struct webhook *w = h->data;

	w->handles--;
	free_if_over(w);
}

/* `wrong` NULL: all is well. */
static void
end(struct webhook *w, const char *wrong)
{
	if (w->ended)
		return;
	w->ended = true;
	if (wrong != NULL)
		log_warn("webhook", "%s: %s", w->url, wrong);
	if (w->looking)
		uv_cancel((uv_req_t *)&w->lookup);
	uv_close((uv_handle_t *)&w->tcp, on_closed);
	uv_close((uv_handle_t *)&w->timer, on_closed);
}

static void
on_timeout(uv_timer_t *t)
{
	end(t->data, "no answer in time");
}

static void
on_alloc(uv_handle_t *h, size_t size, uv_buf_t *buf)
{
	struct webhook *w = h->data;

	(void)size;
	*buf = uv_buf_init(w->answer + w->len, (unsigned)(sizeof w->answer - 1 - w->len));
}

/* The status line is all that is read. */
static void
on_read(uv_stream_t *s, ssize_t n, const uv_buf_t *buf)
{
	struct webhook *w = s->data;
	int status = 0;

	(void)buf;
	if (n > 0)
		w->len += (size_t)n;
	w->answer[w->len] = '\0';
	if (n >= 0 && w->len < 16 && strchr(w->answer, '\n') == NULL)
		return;
	if (sscanf(w->answer, "HTTP/1.%*c %d", &status) != 1)
		end(w, "the answer is not HTTP");
	else
		end(w, status >= 200 && status < 300 ? NULL : "refused");
}

static void
on_written(uv_write_t *req, int status)
{
	struct webhook *w = req->handle->data;

	if (status != 0)
		end(w, uv_strerror(status));
}

static void
on_connected(uv_connect_t *req, int status)
{
	struct webhook *w = req->handle->data;
	uv_buf_t b;

	if (w->ended)
		return;
	if (status != 0) {
		end(w, uv_strerror(status));
		return;
	}
	b = uv_buf_init(w->request, (unsigned)strlen(w->request));
	uv_write(&w->write, req->handle, &b, 1, on_written);
	uv_read_start(req->handle, on_alloc, on_read);
}

static void
on_found(uv_getaddrinfo_t *req, int status, struct addrinfo *res)
{
	struct webhook *w = req->data;
	const struct addrinfo *at = res;

	w->looking = false;
	/* A name is what whoever answers for it says, and may be another machine by now. */
	while (at != NULL && !w->anywhere && !webhook_is_loopback(at->ai_addr))
		at = at->ai_next;
	if (!w->ended) {
		if (status != 0)
			end(w, uv_strerror(status));
		else if (at == NULL)
			end(w, "its address is not of this machine's loopback: not called");
		else if ((status = uv_tcp_connect(
			      &w->connect, &w->tcp, at->ai_addr, on_connected)) != 0)
			end(w, uv_strerror(status));
	}
	uv_freeaddrinfo(res);
	free_if_over(w);
}

void
webhook_post(uv_loop_t *loop, const char *url, bool anywhere, const char *json)
{
	struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
	struct webhook *w;
	struct target t;

	if (under_way == WEBHOOKS_MAX || !split(url, &t)) {
		log_warn("webhook", "%s: dropped, %u are under way", url, under_way);
		return;
	}
	under_way++;
	w = xcalloc(1, sizeof *w);
	w->url = xstrdup(url);
	w->anywhere = anywhere;
	w->request = xasprintf("POST %s HTTP/1.1\r\nHost: %s%s%s:%s\r\nUser-Agent: panescry\r\n"
			       "Content-Type: application/json\r\nConnection: close\r\n"
			       "Content-Length: %zu\r\n\r\n%s",
	    t.path, t.v6 ? "[" : "", t.host, t.v6 ? "]" : "", t.port, strlen(json), json);
	uv_tcp_init(loop, &w->tcp);
	uv_timer_init(loop, &w->timer);
	w->handles = 2;
	w->tcp.data = w->timer.data = w->lookup.data = w;
	uv_timer_start(&w->timer, on_timeout, WEBHOOK_MS, 0);
	w->looking = uv_getaddrinfo(loop, &w->lookup, on_found, t.host, t.port, &hints) == 0;
	if (!w->looking)
		end(w, "the host cannot be looked up");
}
