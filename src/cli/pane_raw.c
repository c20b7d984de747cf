#include "config.h"

#include "cli/pane_raw.h"

#include <signal.h>
#include <stdlib.h>

#include <uv.h>

#include "cli/cli.h"
#include "cli/pane_ws.h"
#include "cli/paths.h"
#include "proto/attach.h"

struct reading {
	uv_loop_t loop;
	struct client_ws *ws;
	struct buf *out;
	uint64_t start, at, to, acked;
	bool drawn, whole, full;
};

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
		r->drawn = true;
		r->start = r->at = e.offset;
	}
	if (r->at - r->acked >= PANE_WS_ACK_EVERY)
		pane_ws_acknowledge(r->ws, r->at, &r->acked);
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
    const char *id, uint64_t from, uint64_t to, struct buf *out, uint64_t *start, bool *drawn)
{
	static const struct client_ws_callbacks callbacks = {on_opened, on_message, on_closed};
	struct reading r = {.out = out,
	    .start = from,
	    .at = from,
	    .to = to,
	    .acked = from,
	    .whole = from >= to};
	struct client_ws_context *context = NULL;
	char *socket = paths_socket();

	signal(SIGPIPE, SIG_IGN);
	uv_loop_init(&r.loop);
	if (!r.whole && (context = client_ws_context_new(&r.loop)) != NULL) {
		r.ws = pane_ws_read(context, socket, id, from, &callbacks, &r);
		uv_run(&r.loop, UV_RUN_DEFAULT);
	}
	client_ws_context_free(context);
	uv_loop_close(&r.loop);
	free(socket);
	*start = r.start;
	*drawn = r.drawn;
	if (r.full)
		return cli_error("%s: it has written too much", id);
	return r.whole ? CLI_DONE : cli_error("%s: the daemon did not give what it wrote", id);
}
