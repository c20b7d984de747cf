#include "config.h"

#include "net/server.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/log.h"
#include "base/xmalloc.h"
#include "net/server_priv.h"
#include "os/os.h"

enum {
	ACCEPT_TURN = 64, /* connections a turn of the loop */
	PAUSE_MS = 200,   /* without a descriptor to accept with */
	SWEEP_MS = 5000,
	HEADERS_IN = 2 * SERVER_HEADERS_MAX, /* as lws keeps them */
	SPARE = 64,                          /* connections that are ending */
	SERVICE_BUF = 16 * 1024,
	WS_RX = 1024,             /* read at a time from one WebSocket, held by each */
	WS_TX = 16 * 1024 * 1024, /* never cut what we hand over */
	KEEPALIVE_S = 75,
};

/* Not by the vhost: lws moves a connection to the vhost that its Host header names. */
struct link *
link_of(struct lws *wsi)
{
	return lws_get_opaque_user_data(wsi);
}

struct server *
server_of(struct lws *wsi)
{
	struct link *l = link_of(wsi);

	return l != NULL ? l->door->server : NULL;
}

bool
wsi_is_local(struct lws *wsi)
{
	return link_of(wsi)->door->local;
}

struct buf *
scratch(struct server *s)
{
	buf_reset(&s->message);
	buf_reserve(&s->message, LWS_PRE);
	buf_commit(&s->message, LWS_PRE);
	return &s->message;
}

char *
wsi_header(struct lws *wsi, enum lws_token_indexes token)
{
	int n = lws_hdr_total_length(wsi, token);
	char *s;

	if (n <= 0)
		return NULL;
	s = xmalloc((size_t)n + 1);
	if (lws_hdr_copy(wsi, s, n + 1, token) < 0) {
		free(s);
		return NULL;
	}
	return s;
}

bool
path_match(const char *pattern, const char *path, char *params[HTTP_PARAMS_MAX])
{
	unsigned n = 0;

	while (*pattern != '\0' && *path != '\0') {
		if (*pattern == ':' && n < HTTP_PARAMS_MAX) {
			size_t len = strcspn(path, "/");
			free(params[n]);
			params[n++] = xstrndup(path, len);
			path += len;
			pattern += strcspn(pattern, "/");
			if (len == 0)
				break;
		} else if (*pattern++ != *path++) {
			return false;
		}
	}
	return *pattern == '\0' && *path == '\0';
}

void
query_read(struct query *q, struct lws *wsi)
{
	int len;

	*q = (struct query){0};
	while (
	    (len = lws_hdr_fragment_length(wsi, WSI_TOKEN_HTTP_URI_ARGS, (int)q->count)) > 0) {
		char *item = xmalloc((size_t)len + 1);
		if (lws_hdr_copy_fragment(
			wsi, item, len + 1, WSI_TOKEN_HTTP_URI_ARGS, (int)q->count) < 0) {
			free(item);
			return;
		}
		q->items = xreallocarray(q->items, q->count + 1, sizeof *q->items);
		q->items[q->count++] = item;
	}
}

const char *
query_get(const struct query *q, const char *name)
{
	size_t n = strlen(name);

	for (size_t i = 0; i < q->count; i++) {
		if (strncmp(q->items[i], name, n) == 0 && q->items[i][n] == '=')
			return q->items[i] + n + 1;
	}
	return NULL;
}

void
query_release(struct query *q)
{
	for (size_t i = 0; i < q->count; i++)
		free(q->items[i]);
	free(q->items);
}

/* Doors. */

static void on_accept(uv_poll_t *h, int status, int events);

static void
on_pause_over(uv_timer_t *t)
{
	struct door *d = t->data;

	uv_poll_start(&d->poll, UV_READABLE, on_accept);
}

static void
accept_failed(struct door *d, int err)
{
	if (err != EMFILE && err != ENFILE && err != ENOBUFS && err != ENOMEM)
		return;
	log_warn("net", "no new connections for %d ms: %s", PAUSE_MS, strerror(err));
	uv_poll_stop(&d->poll);
	uv_timer_start(&d->pause, on_pause_over, PAUSE_MS, 0);
}

static void
on_accept(uv_poll_t *h, int status, int events)
{
	struct sockaddr_storage from = {0};
	struct door *d = h->data;
	socklen_t len;
	uid_t uid;
	int one = 1;

	(void)status;
	(void)events;
	for (int i = 0; i < ACCEPT_TURN; i++) {
		int fd;

		len = sizeof from;
		fd = os_accept(d->fd, (struct sockaddr *)&from, &len);
		if (fd < 0) {
			accept_failed(d, -fd);
			return;
		}
		if (d->local &&
		    (os_peer_uid(fd, &uid) != 0 || (uid != geteuid() && uid != 0))) {
			d->server->stats.refused++;
			close(fd);
			continue;
		}
		if (!d->local)
			setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
		link_arrived(d, fd, &from);
	}
}

static int
open_door(struct server *s, struct door *d, const char *name, int fd, bool tls, char **cause)
{
	struct lws_context_creation_info info = {
	    .port = CONTEXT_PORT_NO_LISTEN_SERVER,
	    .vhost_name = name,
	    .protocols = s->protocols,
	    .keepalive_timeout = KEEPALIVE_S,
	    .timeout_secs_ah_idle = s->cfg.bounds.header_seconds,
	    .alpn =
		"http/1.1", /* over HTTP/2 frames of lws 4.1 a large burst ends the socket */
	};

	d->server = s;
	d->fd = fd;
	d->local = d == &s->local;
	info.user = s;
	if (tls) {
		/* Without it lws serves this vhost in the clear, certificate or not. */
		info.options = LWS_SERVER_OPTION_DO_SSL_GLOBAL_INIT;
		info.ssl_cert_filepath = s->cfg.tls_cert;
		info.ssl_private_key_filepath = s->cfg.tls_key;
		info.ssl_options_set = SSL_OP_NO_TLSv1 | SSL_OP_NO_TLSv1_1;
		/* Of TLS 1.2: forward secrecy and authenticated encryption, nothing else. */
		info.ssl_cipher_list = "ECDHE+AESGCM:ECDHE+CHACHA20:!aNULL:!PSK";
	}
	if ((d->vhost = lws_create_vhost(s->context, &info)) == NULL)
		return err_set(cause, -EINVAL,
		    tls ? "the TLS certificate or key cannot be used"
			: "libwebsockets made no vhost");
	uv_poll_init(s->loop, &d->poll, fd);
	uv_timer_init(s->loop, &d->pause);
	d->poll.data = d->pause.data = d;
	return 0;
}

static void
close_door(struct door *d)
{
	if (d->vhost == NULL || d->fd < 0)
		return;
	uv_close((uv_handle_t *)&d->poll, NULL);
	uv_close((uv_handle_t *)&d->pause, NULL);
	close(d->fd);
	d->fd = -1;
}

/* The server. */

static void
on_lws_log(int level, const char *line)
{
	int n = (int)strcspn(line, "\n");

	/* A client can provoke most of what lws calls an error. */
	if (level == LLL_ERR)
		log_info("lws", "%.*s", n, line);
	else
		log_debug("lws", "%.*s", n, line);
}

static void
on_sweep(uv_timer_t *t)
{
	ws_sweep(t->data);
}

/* Tokens that end while something is open by them. */

enum { EXPIRY_MS_MAX = 60 * 1000 }; /* the wall clock may be set */

static void on_expiry(uv_timer_t *t);

static void
set_expiry(struct server *s, int64_t at_ms)
{
	int64_t wait = at_ms - clock_wall_ms();

	/* Never at once: the loop would run nothing but this timer. */
	wait = wait < 0 ? 1 : wait >= EXPIRY_MS_MAX ? EXPIRY_MS_MAX : wait + 1;
	uv_update_time(s->loop);
	uv_timer_start(&s->expiry, on_expiry, (uint64_t)wait, 0);
	s->expires_ms = at_ms;
}

void
server_tokens_ended(struct server *s)
{
	int64_t now = clock_wall_ms(), http, ws;

	http_end_tokens(s, now);
	ws_end_tokens(s, now);
	http = http_first_expiry(s, now);
	ws = ws_first_expiry(s, now);
	uv_timer_stop(&s->expiry);
	s->expires_ms = INT64_MAX;
	if (http != INT64_MAX || ws != INT64_MAX)
		set_expiry(s, http < ws ? http : ws);
}

static void
on_expiry(uv_timer_t *t)
{
	server_tokens_ended(t->data);
}

void
server_watch_expiry(struct server *s, const struct who *w)
{
	int64_t at = w->token.expires_ms;

	if (at != 0 && (!uv_is_active((uv_handle_t *)&s->expiry) || at < s->expires_ms))
		set_expiry(s, at);
}

/* protocols[0] is HTTP; each endpoint's subprotocol follows. */
static struct lws_protocols *
make_protocols(const struct server_config *cfg)
{
	struct lws_protocols *list;
	size_t n = 0;

	while (cfg->endpoints[n].subprotocol != NULL)
		n++;
	list = xcalloc(n + 2, sizeof *list);
	list[0] = (struct lws_protocols){.name = "http",
	    .callback = http_callback,
	    .per_session_data_size = http_session_size()};
	for (size_t i = 0; i < n; i++) {
		list[i + 1] = (struct lws_protocols){
		    .name = cfg->endpoints[i].subprotocol,
		    .callback = ws_callback,
		    .per_session_data_size = ws_session_size(),
		    .rx_buffer_size = WS_RX,
		    .tx_packet_size = WS_TX,
		    .user = (void *)&cfg->endpoints[i],
		};
	}
	return list;
}

static struct lws_context *
make_context(uv_loop_t *loop, bool tls, const struct server_bounds *b)
{
	/* The deadlines are ours, and these no more than a second thought. */
	unsigned longest =
	    b->header_seconds > b->body_seconds ? b->header_seconds : b->body_seconds;
	void *loops[] = {loop};
	struct lws_context_creation_info info = {
	    .options = LWS_SERVER_OPTION_LIBUV | LWS_SERVER_OPTION_EXPLICIT_VHOSTS,
	    .foreign_loops = loops,
	    .gid = (gid_t)-1,
	    .uid = (uid_t)-1,
	    .max_http_header_data2 = HEADERS_IN,
	    .max_http_header_pool2 = b->connections + SPARE,
	    .pt_serv_buf_size = SERVICE_BUF,
	    .timeout_secs = longest + 5,
	    .timeout_secs_ah_idle = b->header_seconds,
	};

	if (tls)
		info.options |= LWS_SERVER_OPTION_DO_SSL_GLOBAL_INIT;
	lws_set_log_level(LLL_ERR | LLL_WARN, on_lws_log);
	return lws_create_context(&info);
}

int
server_port_of(int fd)
{
	struct sockaddr_storage ss;
	socklen_t len = sizeof ss;

	if (fd < 0 || getsockname(fd, (struct sockaddr *)&ss, &len) != 0)
		return 0;
	if (ss.ss_family == AF_INET6)
		return ntohs(((struct sockaddr_in6 *)&ss)->sin6_port);
	return ntohs(((struct sockaddr_in *)&ss)->sin_port);
}

int
server_new(uv_loop_t *loop, const struct server_config *cfg, struct server **out, char **cause)
{
	struct server *s = xcalloc(1, sizeof *s);
	int rc = 0;

	s->cfg = *cfg;
	s->loop = loop;
	s->guard = guard_new(cfg->guard_tries);
	s->tls = cfg->tls_cert != NULL;
	s->port = server_port_of(cfg->tcp_fd);
	s->tcp.fd = s->local.fd = -1;
	snprintf(s->cookie, sizeof s->cookie, "panescry-%d", s->port);
	buf_init(&s->message, BUF_NO_MAX);
	uv_timer_init(loop, &s->sweep);
	uv_timer_init(loop, &s->absence);
	uv_timer_init(loop, &s->expiry);
	uv_timer_init(loop, &s->tick);
	s->sweep.data = s->absence.data = s->expiry.data = s->tick.data = s;
	uv_timer_start(&s->sweep, on_sweep, SWEEP_MS, SWEEP_MS);
	s->protocols = make_protocols(&s->cfg);
	s->context = make_context(loop, s->tls, &s->cfg.bounds);
	*out = s;
	if (s->context == NULL)
		return err_set(cause, -ENOTSUP,
		    "libwebsockets cannot start (is its libuv part installed?)");
	if (cfg->tcp_fd >= 0)
		rc = open_door(s, &s->tcp, "tcp", cfg->tcp_fd, s->tls, cause);
	if (rc == 0 && cfg->unix_fd >= 0)
		rc = open_door(s, &s->local, "local", cfg->unix_fd, false, cause);
	return rc;
}

static void
accept_at(struct door *d, bool accept)
{
	if (d->vhost == NULL || d->fd < 0)
		return;
	uv_timer_stop(&d->pause);
	if (accept)
		uv_poll_start(&d->poll, UV_READABLE, on_accept);
	else
		uv_poll_stop(&d->poll);
}

void
server_accept(struct server *s, bool accept)
{
	accept_at(&s->tcp, accept);
	accept_at(&s->local, accept);
}

void
server_stop(struct server *s)
{
	s->stopping = true;
	close_door(&s->tcp);
	close_door(&s->local);
	links_stop(s);
	uv_close((uv_handle_t *)&s->sweep, NULL);
	uv_close((uv_handle_t *)&s->absence, NULL);
	uv_close((uv_handle_t *)&s->expiry, NULL);
	uv_close((uv_handle_t *)&s->tick, NULL);
	if (s->context != NULL)
		lws_context_destroy(s->context);
}

void
server_free(struct server *s)
{
	if (s == NULL)
		return;
	/* With a foreign loop lws takes a second call once its handles are closed. */
	if (s->context != NULL)
		lws_context_destroy(s->context);
	buf_release(&s->message);
	guard_free(s->guard);
	free(s->protocols);
	free(s);
}

struct server_stats
server_stats(const struct server *s)
{
	return s->stats;
}

const char *
server_library(void)
{
	return lws_get_library_version();
}

int
server_port(const struct server *s)
{
	return s->port;
}

void
http_login(struct http_req *r, const char *token)
{
	struct server *s = http_server(r);
	const char *base = s->cfg.access->base;
	char *cookie = xasprintf("%s=%s; Path=%s; HttpOnly; SameSite=Strict; Max-Age=2592000%s",
	    s->cookie, token, *base != '\0' ? base : "/",
	    access_is_https(http_wsi(r)) ? "; Secure" : "");

	http_add_header(r, "set-cookie", cookie);
	free(cookie);
}
