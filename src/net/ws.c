#include "config.h"

#include "net/ws.h"

#include <stdlib.h>
#include <string.h>

#include <utlist.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/xmalloc.h"
#include "net/server_priv.h"
#include "os/os.h"

#define PING_AFTER_US (30ull * 1000 * 1000)
#define SILENT_US (90ull * 1000 * 1000)

enum {
	MESSAGE = 128 * 1024, /* bytes that are joined to one message, at the most */
	TURN = 256 * 1024,    /* bytes a turn of the loop, for one connection */
	NOW_MESSAGES = 3,     /* sent at once, the loop's turn not waited for */
	ROOM_MIN = 8 * 1024,  /* less room in the socket is waited for */
	HEADROOM = 64,        /* frame and message headers */
	REASON_MAX = 123,     /* bytes of text in a close frame, RFC 6455 5.5 */
	CLOSE_S = 30,         /* for a slow client to read all and answer the close frame */
};

struct ws_conn {
	struct ws_conn *prev, *next;
	struct lws *wsi;
	struct server *server;
	const struct ws_endpoint *endpoint;
	void *data;
	const char *close_reason;
	struct buf rx; /* a message that came in pieces */
	uint64_t heard_us, opened_us;
	struct who who;
	int close_code; /* 0: none */
	bool opened, rx_binary, ping, held, close_sent, broken;
	bool spoken; /* a whole message of it has come */
	bool over;   /* the client has closed it: nothing it sends behind that counts */
};

struct ws_request {
	char *params[HTTP_PARAMS_MAX];
	struct query query;
	const struct who *who;
};

size_t
ws_session_size(void)
{
	return sizeof(struct ws_conn);
}

const char *
ws_request_param(const struct ws_request *r)
{
	return r->params[0] != NULL ? r->params[0] : "";
}

const char *
ws_request_query(const struct ws_request *r, const char *name)
{
	return query_get(&r->query, name);
}

enum auth_access
ws_request_access(const struct ws_request *r)
{
	return r->who->access;
}

const char *
ws_request_pane(const struct ws_request *r)
{
	return r->who->token.pane;
}

enum auth_access
ws_access(const struct ws_conn *c)
{
	return c->who.access;
}

const char *
ws_pane(const struct ws_conn *c)
{
	return c->who.token.pane;
}

enum auth_access
ws_offer(struct ws_conn *c, const char *token)
{
	if (!wsi_is_local(c->wsi) && !c->server->cfg.no_auth) {
		access_of_token(c->wsi, token, &c->who);
		server_watch_expiry(c->server, &c->who);
	}
	return c->who.access;
}

void
ws_want_write(struct ws_conn *c)
{
	lws_callback_on_writable(c->wsi);
}

void
ws_close(struct ws_conn *c, int code, const char *reason)
{
	if (c->close_code != 0)
		return;
	c->close_code = code;
	c->close_reason = reason;
	lws_callback_on_writable(c->wsi);
}

void
ws_hold(struct ws_conn *c, bool hold)
{
	c->held = hold;
	c->heard_us = clock_mono_us();
	lws_rx_flow_control(c->wsi, hold ? 0 : 1);
}

void
server_send_away(struct server *s, int code, const char *reason)
{
	struct ws_conn *c;

	DL_FOREACH (s->conns, c)
		ws_close(c, code, reason);
}

/* Opening. */

static void
free_params(char *params[HTTP_PARAMS_MAX])
{
	for (size_t i = 0; i < HTTP_PARAMS_MAX; i++) {
		free(params[i]);
		params[i] = NULL;
	}
}

static char *
request_path(struct lws *wsi)
{
	char *whole = wsi_header(wsi, WSI_TOKEN_GET_URI);
	const char *path = whole != NULL ? access_path(wsi, whole) : NULL;
	char *copy = path != NULL ? xstrdup(path) : NULL;

	free(whole);
	return copy;
}

static bool
offers(struct lws *wsi, const char *subprotocol)
{
	char *list = wsi_header(wsi, WSI_TOKEN_PROTOCOL), *save = NULL;
	bool found = false;

	if (list == NULL)
		return false;
	for (char *s = strtok_r(list, ", \t", &save); s != NULL;
	     s = strtok_r(NULL, ", \t", &save))
		found |= strcmp(s, subprotocol) == 0;
	free(list);
	return found;
}

/* 16 bytes in base64: RFC 6455 4.2.1. */
static bool
is_key(const char *key)
{
	enum { DIGITS = 22, PADDED = 24 };

	return key != NULL && strlen(key) == PADDED && strcmp(key + DIGITS, "==") == 0 &&
	       strspn(
		   key, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/") ==
		   DIGITS;
}

/* 0, or the HTTP status that refuses it. libwebsockets would take any version, any key and
 * any HTTP. */
static int
handshake_fault(struct lws *wsi)
{
	char *version = wsi_header(wsi, WSI_TOKEN_VERSION);
	char *key = wsi_header(wsi, WSI_TOKEN_KEY);
	char *http = wsi_header(wsi, WSI_TOKEN_HTTP);
	int status = 0;

	if (version == NULL || strcmp(version, "13") != 0)
		status = 426;
	else if (!is_key(key) || http == NULL || strcmp(http, "HTTP/1.1") != 0)
		status = 400;
	free(version);
	free(key);
	free(http);
	return status;
}

static int
endpoint_fault(struct lws *wsi, const struct ws_endpoint *e)
{
	if (!offers(wsi, e->subprotocol))
		return 400;
	return e->has_room == NULL || e->has_room(server_of(wsi)->cfg.arg) ? 0 : 503;
}

int
ws_check_upgrade(struct lws *wsi, unsigned *retry_s)
{
	const struct ws_endpoint *e = server_of(wsi)->cfg.endpoints;
	char *params[HTTP_PARAMS_MAX] = {NULL}, *path = request_path(wsi);
	const char *wrong = access_refusal(wsi);
	struct who who = {.access = AUTH_NONE};
	int status = 404, fault;

	if (wrong == NULL) {
		access_of(wsi, &who);
		wrong = access_cookie_refusal(wsi, &who, true);
	}
	if (wrong != NULL) {
		access_tell(wsi, GUARD_ORIGIN, wrong);
		status = 403;
	} else if (who.refused_s != 0) {
		access_tell(wsi, GUARD_BLOCKED, "too many wrong tokens");
		*retry_s = who.refused_s;
		status = 429;
	} else if ((fault = handshake_fault(wsi)) != 0) {
		status = fault;
	}
	for (; path != NULL && status == 404 && e->subprotocol != NULL; e++) {
		if ((!e->local || wsi_is_local(wsi)) && path_match(e->path, path, params))
			status = endpoint_fault(wsi, e);
		free_params(params);
	}
	free(path);
	return status;
}

static void
on_established(struct lws *wsi, struct ws_conn *c)
{
	struct ws_request r = {.who = &c->who};
	char *path = request_path(wsi);
	const char *reason = NULL;
	int code = 1008;

	c->wsi = wsi;
	c->server = server_of(wsi);
	c->endpoint = lws_get_protocol(wsi)->user;
	c->heard_us = c->opened_us = clock_mono_us();
	buf_init(&c->rx,
	    c->endpoint->first_max != 0 ? c->endpoint->first_max : c->endpoint->max_message);
	DL_APPEND(c->server->conns, c);
	c->server->stats.websockets++;
	query_read(&r.query, wsi);
	access_of(wsi, &c->who);
	server_watch_expiry(c->server, &c->who);
	if (c->who.access == AUTH_NONE && c->endpoint->first_max == 0) {
		code = WS_CLOSE_UNAUTHORISED;
		reason = "a token is needed";
	} else if (path != NULL && path_match(c->endpoint->path, path, r.params)) {
		code = c->endpoint->open(c, &r, c->server->cfg.arg, &c->data, &reason);
		c->opened = code == 0;
	}
	if (code != 0) {
		c->server->stats.refused++;
		ws_close(c, code, reason != NULL ? reason : "");
	}
	free_params(r.params);
	query_release(&r.query);
	free(path);
}

static void
on_closed(struct ws_conn *c)
{
	if (c->server == NULL)
		return; /* was never established */
	DL_DELETE(c->server->conns, c);
	c->server->stats.websockets--;
	if (c->opened)
		c->endpoint->closed(c->data);
	c->opened = false;
	c->server = NULL;
	buf_release(&c->rx);
}

/* Reading. */

static void
deliver(struct ws_conn *c, const void *msg, size_t len)
{
	c->spoken = true;
	if (c->opened && c->close_code == 0)
		c->endpoint->message(c, c->data, c->rx_binary, msg, len);
}

static void
on_receive(struct lws *wsi, struct ws_conn *c, const void *in, size_t len)
{
	bool last = lws_is_final_fragment(wsi) && lws_remaining_packet_payload(wsi) == 0;

	if (c->over)
		return;
	c->heard_us = clock_mono_us();
	if (lws_is_first_fragment(wsi))
		c->rx_binary = lws_frame_is_binary(wsi);
	if (c->spoken)
		c->rx.max = c->endpoint->max_message;
	if (c->rx.len == 0 && last && len <= c->rx.max) {
		deliver(c, in, len);
		return;
	}
	if (buf_append(&c->rx, in, len) != 0) {
		ws_close(c, WS_CLOSE_TOO_BIG, "message too big");
		buf_release(&c->rx);
		return;
	}
	if (last) {
		deliver(c, c->rx.data, c->rx.len);
		buf_release(&c->rx);
	}
}

/* Writing. */

/* Not by lws_close_reason: Debian's libwebsockets is a debug build, which on libuv closes a
 * connection twice over and so cuts it before the close frame is out. The frame is made here;
 * the client's own, or CLOSE_S without one, ends the connection. */
static int
send_close(struct ws_conn *c)
{
	unsigned char buf[LWS_PRE + 4 + REASON_MAX], *p = buf + LWS_PRE;
	size_t len = strlen(c->close_reason);

	if (c->close_sent)
		return 0;
	c->close_sent = true;
	if (len > REASON_MAX)
		len = REASON_MAX;
	p[0] = 0x88; /* FIN, opcode close */
	p[1] = (unsigned char)(2 + len);
	p[2] = (unsigned char)(c->close_code >> 8);
	p[3] = (unsigned char)c->close_code;
	memcpy(p + 4, c->close_reason, len);
	/* On a WebSocket lws writes what it takes for HTTP as it is. */
	lws_set_timeout(c->wsi, PENDING_TIMEOUT_CLOSE_ACK, CLOSE_S);
	lws_rx_flow_control(c->wsi, 1);
	return lws_write(c->wsi, p, 4 + len, LWS_WRITE_HTTP) < 0 ? -1 : 0;
}

static int
send_ping(struct ws_conn *c)
{
	unsigned char buf[LWS_PRE];

	c->ping = false;
	return lws_write(c->wsi, buf + LWS_PRE, 0, LWS_WRITE_PING) < 0 ? -1 : 0;
}

/* Writes one message that the endpoint has. Returns its bytes, 0 when there is none, or -1. */
static int
send_one(struct ws_conn *c, size_t max)
{
	struct buf *b = scratch(c->server);
	int rc, len;

	rc = c->endpoint->pull(c, c->data, b, max);
	if (rc == 0)
		return 0;
	if (rc != 1) {
		ws_close(c, rc, "");
		return 0;
	}
	len = (int)(b->len - LWS_PRE);
	if (lws_write(c->wsi, (unsigned char *)b->data + LWS_PRE, (size_t)len,
		c->endpoint->text ? LWS_WRITE_TEXT : LWS_WRITE_BINARY) < len)
		return -1;
	c->server->stats.ws_messages_out++;
	c->server->stats.ws_bytes_out += (unsigned)len;
	return len;
}

/* What the socket cannot take would be copied and kept by libwebsockets until it can, a buffer
 * for each slow client: so only as much is pulled as there is room for. */
static int
on_writeable(struct ws_conn *c)
{
	size_t sent = 0;

	if (c->close_sent)
		return 0;
	if (c->broken)
		return -1;
	if (c->close_code != 0)
		return send_close(c);
	if (c->ping)
		return send_ping(c) == 0 ? (lws_callback_on_writable(c->wsi), 0) : -1;
	while (sent < TURN && !lws_partial_buffered(c->wsi)) {
		size_t room = os_socket_room(lws_get_socket_fd(c->wsi));
		if (room < ROOM_MIN)
			break;
		room = room - HEADROOM < MESSAGE ? room - HEADROOM : MESSAGE;
		int n = send_one(c, room);
		if (n <= 0)
			return n;
		sent += (size_t)n;
	}
	lws_callback_on_writable(c->wsi);
	return 0;
}

void
ws_write_now(struct ws_conn *c)
{
	int n = 1;

	if (!c->opened || c->broken || c->close_code != 0 || c->ping)
		n = 0;
	for (int i = 0; n != 0 && i < NOW_MESSAGES; i++) {
		if (lws_partial_buffered(c->wsi) ||
		    os_socket_room(lws_get_socket_fd(c->wsi)) < ROOM_MIN)
			break;
		n = send_one(c, ROOM_MIN - HEADROOM);
		if (n == 0)
			return;
		if (n < 0)
			break;
	}
	if (n < 0)
		c->broken = true; /* only a callback of lws may end a connection */
	lws_callback_on_writable(c->wsi);
}

static bool
is_mute(const struct ws_conn *c, uint64_t now_us)
{
	unsigned seconds = c->endpoint->first_seconds;

	return !c->spoken && seconds != 0 && now_us - c->opened_us >= seconds * 1000000ull;
}

void
ws_sweep(struct server *s)
{
	uint64_t now = clock_mono_us();
	struct ws_conn *c;

	DL_FOREACH (s->conns, c) {
		if (c->held || c->close_code != 0)
			continue; /* it is we who do not listen, or it is over */
		if (is_mute(c, now)) {
			ws_close(c, WS_CLOSE_POLICY, "the first message did not come in time");
			lws_set_timeout(c->wsi, PENDING_TIMEOUT_CLOSE_SEND, CLOSE_S);
		} else if (now - c->heard_us >= SILENT_US) {
			ws_close(c, WS_CLOSE_SILENT, "no answer to pings");
			/* Where its socket has no room, the close frame never leaves. */
			lws_set_timeout(c->wsi, PENDING_TIMEOUT_CLOSE_SEND, CLOSE_S);
		} else if (now - c->heard_us >= PING_AFTER_US) {
			c->ping = true;
			lws_callback_on_writable(c->wsi);
		}
	}
}

void
ws_end_tokens(struct server *s, int64_t now_ms)
{
	struct ws_conn *c;

	DL_FOREACH (s->conns, c) {
		if (c->close_code != 0 || !access_is_over(s, &c->who, now_ms))
			continue;
		ws_close(c, WS_CLOSE_UNAUTHORISED, "the token has ended");
		/* Where its socket has no room, the close frame never leaves. */
		lws_set_timeout(c->wsi, PENDING_TIMEOUT_CLOSE_SEND, CLOSE_S);
	}
}

int64_t
ws_first_expiry(const struct server *s, int64_t now_ms)
{
	const struct ws_conn *c;
	int64_t first = INT64_MAX;

	DL_FOREACH (s->conns, c)
		if (c->close_code == 0 && c->who.token.expires_ms > now_ms &&
		    c->who.token.expires_ms < first)
			first = c->who.token.expires_ms;
	return first;
}

int
ws_callback(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in, size_t len)
{
	struct ws_conn *c = user;

	switch (reason) {
	case LWS_CALLBACK_ESTABLISHED:
		on_established(wsi, c);
		return 0;
	case LWS_CALLBACK_RECEIVE:
		on_receive(wsi, c, in, len);
		return 0;
	case LWS_CALLBACK_RECEIVE_PONG:
		c->heard_us = clock_mono_us();
		return 0;
	case LWS_CALLBACK_WS_PEER_INITIATED_CLOSE:
		c->over = true;
		return c->close_sent ? -1 : 0; /* 0: lws answers it */
	case LWS_CALLBACK_SERVER_WRITEABLE:
		return on_writeable(c);
	case LWS_CALLBACK_CLOSED:
		on_closed(c);
		return 0;
	case LWS_CALLBACK_WSI_DESTROY:
		if (link_of(wsi) != NULL)
			link_free(link_of(wsi));
		return 0;
	default:
		return 0;
	}
}
