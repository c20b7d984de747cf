#include "config.h"

#include "net/client.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <libwebsockets.h>
#include <uv.h>

#include "base/buf.h"
#include "base/xmalloc.h"

enum {
	WAITING_MAX = 1024 * 1024,
	WS_RX = 128 * 1024,
};

static void
quiet(int level, const char *line)
{
	(void)level;
	(void)line;
}

/* lws takes a Unix socket as an address that begins with a plus sign. */
static char *
unix_address(const char *socket)
{
	return xasprintf("+%s", socket);
}

/* WebSockets. */

struct client_ws_context {
	uv_loop_t *loop;
	struct lws_context *lws;
	struct lws_protocols protocols[2];
};

struct client_ws {
	struct lws *wsi;
	struct client_ws_callbacks cb;
	void *arg;
	struct buf rx;
	struct buf waiting; /* u32 length and bytes of each message */
	int close_code;     /* that the server gave; 0: none yet */
	char reason[126];
	bool open, closing;
};

static void
ws_gone(struct client_ws *c, int code)
{
	struct client_ws_callbacks cb = c->cb;
	void *arg = c->arg;
	char reason[sizeof c->reason];

	memcpy(reason, c->reason, sizeof reason);
	buf_release(&c->rx);
	buf_release(&c->waiting);
	free(c);
	cb.closed(code, reason, arg);
}

static void
ws_receive(struct client_ws *c, struct lws *wsi, const void *in, size_t len)
{
	bool last = lws_is_final_fragment(wsi) && lws_remaining_packet_payload(wsi) == 0;

	if (c->rx.len == 0 && last) {
		c->cb.message(in, len, c->arg);
		return;
	}
	buf_append(&c->rx, in, len);
	if (last) {
		c->cb.message(c->rx.data, c->rx.len, c->arg);
		buf_reset(&c->rx);
	}
}

static int
ws_write(struct client_ws *c)
{
	struct buf b;
	uint32_t len;
	int n;

	if (c->closing) {
		lws_close_reason(c->wsi, LWS_CLOSE_STATUS_NORMAL, NULL, 0);
		return -1;
	}
	if (c->waiting.len == 0)
		return 0;
	memcpy(&len, c->waiting.data, sizeof len);
	buf_init(&b, BUF_NO_MAX);
	memset(buf_reserve(&b, LWS_PRE), 0, LWS_PRE);
	buf_commit(&b, LWS_PRE);
	buf_append(&b, c->waiting.data + sizeof len, len);
	buf_drain(&c->waiting, sizeof len + len);
	n = lws_write(c->wsi, (unsigned char *)b.data + LWS_PRE, len, LWS_WRITE_BINARY);
	buf_release(&b);
	if (c->waiting.len != 0)
		lws_callback_on_writable(c->wsi);
	return n < (int)len ? -1 : 0;
}

static void
ws_peer_close(struct client_ws *c, const unsigned char *in, size_t len)
{
	c->close_code = len >= 2 ? in[0] << 8 | in[1] : 1005;
	if (len > 2 && len - 2 < sizeof c->reason)
		memcpy(c->reason, in + 2, len - 2);
}

static int
on_ws(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in, size_t len)
{
	struct client_ws *c = user;

	switch (reason) {
	case LWS_CALLBACK_CLIENT_ESTABLISHED:
		c->open = true;
		c->wsi = wsi;
		c->cb.opened(c->arg);
		return 0;
	case LWS_CALLBACK_CLIENT_RECEIVE:
		ws_receive(c, wsi, in, len);
		return 0;
	case LWS_CALLBACK_CLIENT_WRITEABLE:
		return ws_write(c);
	case LWS_CALLBACK_WS_PEER_INITIATED_CLOSE:
		ws_peer_close(c, in, len);
		return 0;
	case LWS_CALLBACK_CLIENT_CONNECTION_ERROR:
		if (c != NULL)
			ws_gone(c, 0);
		return 0;
	case LWS_CALLBACK_CLIENT_CLOSED:
		ws_gone(c, c->close_code != 0 ? c->close_code : 1006);
		return 0;
	default:
		return 0;
	}
}

struct client_ws_context *
client_ws_context_new(uv_loop_t *loop)
{
	struct client_ws_context *ctx = xcalloc(1, sizeof *ctx);
	void *loops[] = {loop};
	struct lws_context_creation_info info = {
	    .port = CONTEXT_PORT_NO_LISTEN,
	    .protocols = ctx->protocols,
	    .options = LWS_SERVER_OPTION_LIBUV,
	    .foreign_loops = loops,
	    .gid = (gid_t)-1,
	    .uid = (uid_t)-1,
	    .pt_serv_buf_size = WS_RX,
	};

	ctx->protocols[0] = (struct lws_protocols){
	    .name = "client", .callback = on_ws, .rx_buffer_size = WS_RX};
	lws_set_log_level(0, quiet);
	ctx->loop = loop;
	ctx->lws = lws_create_context(&info);
	if (ctx->lws == NULL) {
		free(ctx);
		return NULL;
	}
	return ctx;
}

void
client_ws_context_free(struct client_ws_context *ctx)
{
	if (ctx == NULL)
		return;
	lws_context_destroy(ctx->lws);
	/* With a foreign loop lws takes a second call once its handles are closed. */
	uv_run(ctx->loop, UV_RUN_DEFAULT);
	lws_context_destroy(ctx->lws);
	free(ctx);
}

struct client_ws *
client_ws_open(struct client_ws_context *ctx, const char *socket, const char *path,
    const char *subprotocol, const struct client_ws_callbacks *cb, void *arg)
{
	struct client_ws *c = xcalloc(1, sizeof *c);
	char *address = unix_address(socket);
	struct lws_client_connect_info to = {
	    .context = ctx->lws,
	    .address = address,
	    .path = path,
	    .host = "localhost",
	    .protocol = subprotocol,
	    .local_protocol_name = "client",
	    .userdata = c,
	};

	c->cb = *cb;
	c->arg = arg;
	buf_init(&c->rx, BUF_NO_MAX);
	buf_init(&c->waiting, WAITING_MAX);
	/* On failure the error callback has been called, and c is gone. */
	if (lws_client_connect_via_info(&to) == NULL)
		c = NULL;
	free(address);
	return c;
}

int
client_ws_send(struct client_ws *c, const void *data, size_t len)
{
	uint32_t n = (uint32_t)len;

	if (!c->open || len + sizeof n > WAITING_MAX - c->waiting.len)
		return -ENOBUFS;
	buf_append(&c->waiting, &n, sizeof n);
	buf_append(&c->waiting, data, len);
	lws_callback_on_writable(c->wsi);
	return 0;
}

void
client_ws_close(struct client_ws *c)
{
	c->closing = true;
	if (c->open)
		lws_callback_on_writable(c->wsi);
}
