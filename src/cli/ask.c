#include "config.h"

#include "cli/ask.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <uv.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/xmalloc.h"
#include "net/client.h"

struct ask {
	struct ask_config cfg;
	uv_timer_t again;
	struct client_call *call;
	const char *method;
	char *path;
	struct buf body;
	bool busy, calling, brief;
	unsigned gone_s;
	uint64_t since_us; /* that nobody answers; 0: somebody does */
};

static void on_answer(int rc, int status, const char *body, size_t len, void *arg);

static void
send_now(struct ask *a)
{
	a->calling = true;
	a->call = client_call(a->cfg.loop, a->cfg.socket, a->method, a->path, a->body.data,
	    a->body.len, on_answer, a);
}

static void
on_again(uv_timer_t *t)
{
	send_now(t->data);
}

static void
tell(struct ask *a, int rc, int status, const char *body, size_t len)
{
	a->busy = false;
	a->since_us = 0;
	a->cfg.answer(a->cfg.arg, rc, status, body, len);
}

static void
on_answer(int rc, int status, const char *body, size_t len, void *arg)
{
	struct ask *a = arg;
	uint64_t now = clock_mono_us();

	a->calling = false;
	/* 503: a worker that starts, or is about to go. */
	if (rc == 0 && status != 503) {
		tell(a, 0, status, body, len);
		return;
	}
	if (a->cfg.once && rc != -ECONNREFUSED && rc != 0) {
		tell(a, -EPIPE, 0, "", 0);
		return;
	}
	/* One that was silent was there; what is asked for is not. */
	if (a->since_us == 0 || rc == -ETIMEDOUT)
		a->since_us = now;
	if (now - a->since_us > (uint64_t)a->gone_s * 1000000 && a->brief && rc == 0)
		tell(a, 0, status, body, len);
	else if (now - a->since_us > (uint64_t)a->gone_s * 1000000)
		tell(a, -ECONNREFUSED, 0, "", 0);
	else
		uv_timer_start(&a->again, on_again, ASK_AGAIN_MS, 0);
}

struct ask *
ask_new(const struct ask_config *config)
{
	struct ask *a = xcalloc(1, sizeof *a);

	a->cfg = *config;
	a->gone_s = ASK_GONE_S;
	buf_init(&a->body, BUF_NO_MAX);
	uv_timer_init(config->loop, &a->again);
	a->again.data = a;
	return a;
}

void
ask_be_brief(struct ask *a, unsigned seconds)
{
	a->brief = true;
	a->gone_s = seconds;
}

void
ask_send(struct ask *a, const char *method, const char *path, const void *body, size_t len)
{
	free(a->path);
	a->path = xstrdup(path);
	a->method = method;
	buf_reset(&a->body);
	if (len != 0)
		buf_append(&a->body, body, len);
	a->busy = true;
	send_now(a);
}

bool
ask_is_busy(const struct ask *a)
{
	return a->busy;
}

static void
on_freed(uv_handle_t *h)
{
	struct ask *a = h->data;

	buf_release(&a->body);
	free(a->path);
	free(a);
}

void
ask_free(struct ask *a)
{
	if (a->calling)
		client_call_cancel(a->call);
	a->calling = false;
	uv_close((uv_handle_t *)&a->again, on_freed);
}

bool
ask_header(const struct ask *a, const char *name, char *out, size_t size)
{
	return client_call_header(a->call, name, out, size);
}
