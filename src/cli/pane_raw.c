#include "config.h"

#include "cli/pane_raw.h"

#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>

#include <uv.h>

#include "base/str.h"
#include "base/xmalloc.h"
#include "cli/cli.h"
#include "cli/paths.h"
#include "net/client.h"
#include "proto/attach.h"

enum { ACK_EVERY = 128 * 1024 };

struct reading {
	uv_loop_t loop;
	struct client_ws *ws;
	struct buf *out;
	uint64_t start, at, to, acked;
	size_t drawn;
	bool whole, full;
};

static void
acknowledge(struct reading *r)
{
	struct buf b;

	buf_init(&b, BUF_NO_MAX);
	attach_put_client_ack(&b, r->at);
	if (client_ws_send(r->ws, b.data, b.len) == 0)
		r->acked = r->at;
	buf_release(&b);
}

static void
take(struct reading *r, const struct attach_event *e)
{
	size_t skip = 0, len = e->len;

	if (e->offset < r->at)
		skip = r->at - e->offset < len ? (size_t)(r->at - e->offset) : len;
	if (e->offset + len > r->to)
		len = r->to > e->offset ? (size_t)(r->to - e->offset) : 0;
	if (skip < len) {
		r->full |= buf_append(r->out, e->data + skip, len - skip) != 0;
		r->at = e->offset + len;
	}
}

static void
on_opened(void *arg)
{
	(void)arg;
}

static void
on_message(const void *msg, size_t len, void *arg)
{
	struct reading *r = arg;
	struct attach_event e;

	if (r->whole || attach_parse_event(msg, len, &e) != 0)
		return;
	if (e.kind == ATTACH_EV_OUTPUT) {
		take(r, &e);
	} else if (e.kind == ATTACH_EV_SNAPSHOT) {
		buf_reset(r->out);
		r->full |= buf_append(r->out, e.data, e.len) != 0;
		r->drawn = e.len;
		r->start = r->at = e.offset;
	}
	if (r->at - r->acked >= ACK_EVERY)
		acknowledge(r);
	if ((r->whole = r->at >= r->to || r->full))
		client_ws_close(r->ws);
}

static void
on_closed(int code, const char *reason, void *arg)
{
	struct reading *r = arg;

	(void)code;
	(void)reason;
	r->ws = NULL;
	uv_stop(&r->loop);
}

int
pane_raw(
    const char *id, uint64_t from, uint64_t to, struct buf *out, uint64_t *start, size_t *drawn)
{
	static const struct client_ws_callbacks callbacks = {on_opened, on_message, on_closed};
	struct reading r = {.out = out, .start = from, .at = from, .to = to, .acked = from};
	struct client_ws_context *context;
	char *name = str_url_encode(id), *socket = paths_socket();
	char *path =
	    xasprintf("/ws/panes/%s?mode=ro&offset=%llu", name, (unsigned long long)from);

	signal(SIGPIPE, SIG_IGN);
	uv_loop_init(&r.loop);
	context = client_ws_context_new(&r.loop);
	if (context != NULL && from < to) {
		r.ws =
		    client_ws_open(context, socket, path, ATTACH_SUBPROTOCOL, &callbacks, &r);
		uv_run(&r.loop, UV_RUN_DEFAULT);
	}
	if (context != NULL)
		client_ws_context_free(context);
	uv_loop_close(&r.loop);
	free(path);
	free(socket);
	free(name);
	*start = r.start;
	*drawn = r.drawn;
	if (r.full)
		return cli_error("%s: it has written too much", id);
	return r.whole || from >= to
		   ? CLI_DONE
		   : cli_error("%s: the daemon did not give what it wrote", id);
}
