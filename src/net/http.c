#include "config.h"

#include "net/http.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <cjson/cJSON.h>
#include <utlist.h>

#include "base/log.h"
#include "base/str.h"
#include "base/xmalloc.h"
#include "net/http_priv.h"
#include "net/inner.h"
#include "net/server_priv.h"
#include "os/os.h"
#include "proto/json.h"

enum {
	HEADERS_MAX = 4096,  /* of an answer */
	CHUNK = 64 * 1024,   /* of a body, a turn */
	DISCARDS = 16,       /* chunks of what is not wanted */
	SMALL_ANSWER = 4096, /* bytes; sent even when too much waits */
	ABSENCE_MS = 200,    /* between two looks at the clients that wait */
};

struct session {
	struct http_req *req;
};

size_t
http_session_size(void)
{
	return sizeof(struct session);
}

static void
stop_waiting(struct http_req *r)
{
	if (r->waits)
		DL_DELETE(r->server->waiting, r);
	r->waits = false;
	r->gone = NULL;
}

/* Whoever was to answer hears that nobody waits. */
static void
give_up(struct http_req *r)
{
	void (*gone)(void *) = r->gone;

	stop_waiting(r);
	if (gone != NULL)
		gone(r->gone_arg);
}

void
http_req_free(struct http_req *r)
{
	if (r == NULL)
		return;
	stop_waiting(r);
	if (r->inner == NULL) {
		DL_DELETE2(r->server->requests, r, before, behind);
		r->server->nrequests--;
	}
	if (r->out_owned != NULL)
		r->server->answers -= r->out_len;
	for (size_t i = 0; i < HTTP_PARAMS_MAX; i++)
		free(r->params[i]);
	for (unsigned i = 0; i < r->extra_count; i++) {
		free(r->extra[i].name);
		free(r->extra[i].value);
	}
	query_release(&r->query);
	buf_release(&r->body);
	free(r->if_none_match);
	free(r->accept);
	free(r->accept_encoding);
	free(r->range);
	free(r->mcp_version);
	free(r->out_owned);
	free(r);
}

const char *
http_param(const struct http_req *r, unsigned n)
{
	return n < HTTP_PARAMS_MAX && r->params[n] != NULL ? r->params[n] : "";
}

enum auth_access
http_access(const struct http_req *r)
{
	return r->who.access;
}

const char *
http_pane(const struct http_req *r)
{
	return r->who.token.pane;
}

const struct http_route *
http_route(const struct http_req *r)
{
	return r->route;
}

const char *
http_query(const struct http_req *r, const char *name)
{
	return query_get(&r->query, name);
}

const char *
http_query_nth(const struct http_req *r, const char *name, unsigned n)
{
	size_t len = strlen(name);

	for (size_t i = 0; i < r->query.count; i++) {
		const char *item = r->query.items[i];
		if (strncmp(item, name, len) == 0 && item[len] == '=' && n-- == 0)
			return item + len + 1;
	}
	return NULL;
}

bool
http_query_u64(struct http_req *r, const char *name, uint64_t lo, uint64_t hi,
    uint64_t fallback, uint64_t *out)
{
	const char *s = http_query(r, name);

	*out = fallback;
	if (s == NULL || str_u64(s, lo, hi, out) == 0)
		return true;
	http_reply_error(r, 400, "bad_params", "%s must be a number from %llu to %llu", name,
	    (unsigned long long)lo, (unsigned long long)hi);
	return false;
}

const char *
http_body(const struct http_req *r, size_t *len)
{
	*len = r->body.len;
	return r->body.data != NULL ? r->body.data : "";
}

cJSON *
http_body_json(struct http_req *r)
{
	cJSON *o;

	if (r->body.len == 0)
		return json_object();
	/* cJSON would end a name or a string at a NUL, and so take one name for another. */
	if (memchr(r->body.data, '\0', r->body.len) != NULL ||
	    (o = json_parse(r->body.data, r->body.len)) == NULL) {
		http_reply_error(r, 400, "bad_json", "the body is not a JSON object");
		return NULL;
	}
	return o;
}

const char *
http_header(const struct http_req *r, const char *name)
{
	if (strcmp(name, "range") == 0)
		return r->range;
	if (strcmp(name, "mcp-protocol-version") == 0)
		return r->mcp_version;
	if (strcmp(name, "accept") == 0)
		return r->accept;
	return strcmp(name, "if-none-match") == 0 ? r->if_none_match : r->accept_encoding;
}

void
http_on_gone(struct http_req *r, void (*gone)(void *), void *arg)
{
	struct server *s = r->server;

	r->gone = gone;
	r->gone_arg = arg;
	if (r->waits || r->inner != NULL)
		return;
	r->waits = true;
	DL_APPEND(s->waiting, r);
	server_watch_expiry(s, &r->who);
	if (!uv_is_active((uv_handle_t *)&s->absence))
		uv_timer_start(&s->absence, http_absence, ABSENCE_MS, ABSENCE_MS);
}

/* While a GET waits for its answer lws does not act upon the end of what the client sends. A
 * client that has been seen to have ended twice is taken to have gone; a shorter wait than that is
 * answered even so. */
void
http_absence(uv_timer_t *t)
{
	struct server *s = t->data;
	struct http_req *r;

	DL_FOREACH (s->waiting, r) {
		if (!os_socket_ended(lws_get_socket_fd(r->wsi)))
			continue;
		if (r->leaving)
			lws_set_timeout(
			    r->wsi, PENDING_TIMEOUT_KILLED_BY_PARENT, LWS_TO_KILL_ASYNC);
		r->leaving = true;
	}
	if (s->waiting == NULL)
		uv_timer_stop(t);
}

static struct http_req *
first_over(struct server *s, int64_t now_ms)
{
	struct http_req *r;

	DL_FOREACH (s->waiting, r)
		if (access_is_over(s, &r->who, now_ms))
			return r;
	return NULL;
}

void
http_end_tokens(struct server *s, int64_t now_ms)
{
	struct http_req *r;

	while ((r = first_over(s, now_ms)) != NULL) {
		give_up(r);
		s->stats.refused++;
		http_reply_error(r, 401, "unauthorised", "the token has ended");
	}
}

int64_t
http_first_expiry(const struct server *s, int64_t now_ms)
{
	const struct http_req *r;
	int64_t first = INT64_MAX;

	DL_FOREACH (s->waiting, r)
		if (r->who.token.expires_ms > now_ms && r->who.token.expires_ms < first)
			first = r->who.token.expires_ms;
	return first;
}

struct server *
http_server(const struct http_req *r)
{
	return r->server;
}

struct who *
http_who(struct http_req *r)
{
	return &r->who;
}

struct lws *
http_wsi(const struct http_req *r)
{
	return r->wsi;
}

/* Answers. */

void
http_add_header(struct http_req *r, const char *name, const char *value)
{
	if (r->extra_count == EXTRA_MAX)
		abort(); /* a handler of ours adds too many */
	r->extra[r->extra_count++] = (struct extra){xstrdup(name), xstrdup(value)};
}

static void
answer(struct http_req *r, int status, const char *type, const char *body, size_t len)
{
	if (r->status != 0)
		abort(); /* a handler of ours answered twice */
	r->status = status;
	r->type = type;
	r->out = body;
	r->out_len = len;
	r->moved_ms = uv_now(r->server->loop);
	stop_waiting(r);
	if (r->inner != NULL)
		http_inner_answered(r->inner);
	else
		lws_callback_on_writable(r->wsi);
}

void
http_reply_static(
    struct http_req *r, int status, const char *type, const void *body, size_t len)
{
	answer(r, status, type, body, len);
}

void
http_reply_take(struct http_req *r, int status, const char *type, char *body, size_t len)
{
	struct server *s = r->server;

	if (len > SMALL_ANSWER && s->answers + len > s->cfg.bounds.answer_bytes) {
		free(body);
		http_add_header(r, "retry-after", "1");
		http_reply_error(r, 503, "answers_full",
		    "too much has been answered that nobody has read yet");
		return;
	}
	s->answers += len;
	r->out_owned = body;
	answer(r, status, type, body, len);
}

void
http_reply(struct http_req *r, int status, const char *type, const void *body, size_t len)
{
	char *copy = xmalloc(len);

	if (len != 0)
		memcpy(copy, body, len);
	http_reply_take(r, status, type, copy, len);
}

void
http_reply_json_take(struct http_req *r, int status, cJSON *o)
{
	char *text = json_print_take(o);

	http_reply_take(r, status, "application/json", text, strlen(text));
}

void
http_reply_error(struct http_req *r, int status, const char *code, const char *fmt, ...)
{
	cJSON *o = json_object();
	va_list ap;
	char *text;

	va_start(ap, fmt);
	text = xvasprintf(fmt, ap);
	va_end(ap);
	cJSON_AddStringToObject(o, "error", code);
	json_add_text(o, "message", text);
	free(text);
	http_reply_json_take(r, status, o);
}

static int
put_header(
    struct lws *wsi, const char *name, const char *value, unsigned char **p, unsigned char *end)
{
	char with_colon[64];

	snprintf(with_colon, sizeof with_colon, "%s:", name);
	return lws_add_http_header_by_name(wsi, (const unsigned char *)with_colon,
	    (const unsigned char *)value, (int)strlen(value), p, end);
}

static int
send_headers(struct http_req *r)
{
	unsigned char buf[LWS_PRE + HEADERS_MAX], *start = buf + LWS_PRE, *p = start;
	unsigned char *end = buf + sizeof buf - 1;
	int bad;

	bad = lws_add_http_header_status(
	    r->wsi, (unsigned)r->status | LWSAHH_FLAG_NO_SERVER_NAME, &p, end);
	if (r->type != NULL)
		bad |= put_header(r->wsi, "content-type", r->type, &p, end);
	bad |= put_header(r->wsi, "x-content-type-options", "nosniff", &p, end);
	bad |= put_header(r->wsi, "referrer-policy", "no-referrer", &p, end);
	for (unsigned i = 0; i < r->extra_count; i++)
		bad |= put_header(r->wsi, r->extra[i].name, r->extra[i].value, &p, end);
	if (r->last)
		bad |= put_header(r->wsi, "connection", "close", &p, end);
	bad |= lws_add_http_header_content_length(r->wsi, r->out_len, &p, end);
	bad |= lws_finalize_write_http_header(r->wsi, start, &p, end);
	r->headers_sent = true;
	return bad;
}

/* A socket that is closed with bytes unread is reset, and its answer may be lost. */
static void
discard(struct lws *wsi)
{
	char bytes[CHUNK];

	if (server_of(wsi)->tls && !wsi_is_local(wsi))
		return;
	shutdown(lws_get_socket_fd(wsi), SHUT_WR);
	for (int i = 0; i < DISCARDS; i++) {
		if (recv(lws_get_socket_fd(wsi), bytes, sizeof bytes, MSG_DONTWAIT) <= 0)
			break;
	}
}

/* One turn of sending. Returns what the callback returns: non-zero ends the connection. */
static int
send_some(struct session *session)
{
	struct http_req *r = session->req;
	struct buf *b = scratch(r->server);
	struct lws *wsi = r->wsi;
	size_t n = r->out_len - r->out_at;
	bool last, over;

	r->moved_ms = uv_now(r->server->loop);
	if (!r->headers_sent) {
		if (send_headers(r))
			return -1;
		if (r->head || r->out_len == 0)
			goto done;
		lws_callback_on_writable(wsi);
		return 0;
	}
	if (n > CHUNK)
		n = CHUNK;
	last = r->out_at + n == r->out_len;
	buf_append(b, r->out + r->out_at, n);
	if (lws_write(wsi, (unsigned char *)b->data + LWS_PRE, n,
		last ? LWS_WRITE_HTTP_FINAL : LWS_WRITE_HTTP) < (int)n)
		return -1;
	r->out_at += n;
	if (!last) {
		lws_callback_on_writable(wsi);
		return 0;
	}
done:
	over = r->last;
	session->req = NULL;
	http_req_free(r);
	if (over) {
		discard(wsi);
		return -1;
	}
	link_idle(link_of(wsi));
	return lws_http_transaction_completed(wsi) ? -1 : 0;
}

/* Requests. */

static const char *
method_name(struct lws *wsi, bool *head)
{
	static const char *const names[LWSHUMETH_HEAD + 1] = {
	    [LWSHUMETH_GET] = "GET",
	    [LWSHUMETH_POST] = "POST",
	    [LWSHUMETH_OPTIONS] = "OPTIONS",
	    [LWSHUMETH_PUT] = "PUT",
	    [LWSHUMETH_PATCH] = "PATCH",
	    [LWSHUMETH_DELETE] = "DELETE",
	    [LWSHUMETH_HEAD] = "GET",
	};
	char *uri;
	int len, m = lws_http_get_uri_and_method(wsi, &uri, &len);

	*head = m == LWSHUMETH_HEAD;
	return m >= 0 && m <= LWSHUMETH_HEAD && names[m] != NULL ? names[m] : "";
}

const struct http_route *
http_find_route(struct http_req *r, const char *method, const char *path, bool *other)
{
	const struct server_config *cfg = &r->server->cfg;
	const struct http_route *t = cfg->routes;

	*other = false;
	if (cfg->tcp_routes != NULL && !wsi_is_local(r->wsi))
		t = cfg->tcp_routes;
	for (; t->method != NULL; t++) {
		if (!path_match(t->path, path, r->params))
			continue;
		if (strcmp(t->method, method) == 0)
			return t;
		*other = true;
		for (size_t i = 0; i < HTTP_PARAMS_MAX; i++) {
			free(r->params[i]);
			r->params[i] = NULL;
		}
	}
	return NULL;
}

void
http_dispatch(struct http_req *r)
{
	if (r->dispatched || r->status != 0)
		return;
	r->dispatched = true;
	r->route->handler(r, r->server->cfg.arg);
}

/* The declared length of the body; false when it cannot be taken (answered then). */
static bool
check_length(struct http_req *r, bool *has_body)
{
	char *length = wsi_header(r->wsi, WSI_TOKEN_HTTP_CONTENT_LENGTH);
	char *coding = wsi_header(r->wsi, WSI_TOKEN_HTTP_TRANSFER_ENCODING);
	uint64_t n = 0;
	int rc = length != NULL ? str_u64(length, 0, UINT64_MAX, &n) : 0;
	bool ok = false;

	if (coding != NULL)
		http_reply_error(
		    r, 411, "length_required", "send a Content-Length, not chunks");
	else if (rc == -EINVAL)
		http_reply_error(r, 400, "bad_length", "Content-Length is not a number");
	else if (rc != 0 || n > r->route->max_body)
		http_reply_error(
		    r, 413, "too_large", "the body may have %zu bytes", r->route->max_body);
	else
		ok = true;
	/* Where a body ends is not known, nor where the next request begins. */
	if (coding != NULL || rc == -EINVAL)
		r->last = true;
	*has_body = n != 0;
	free(length);
	free(coding);
	return ok;
}

/* lws 4.1 takes much for a head that is none; see gate.c. */
const char *
http_head_fault(struct lws *wsi)
{
	static const enum lws_token_indexes once[] = {WSI_TOKEN_HTTP, WSI_TOKEN_HOST,
	    WSI_TOKEN_ORIGIN, WSI_TOKEN_HTTP_CONTENT_LENGTH, WSI_TOKEN_HTTP_TRANSFER_ENCODING,
	    WSI_TOKEN_HTTP_AUTHORIZATION, WSI_TOKEN_UPGRADE};
	static const char *const blanks[] = {
	    "content-length :", "content-length\t:", "transfer-encoding :",
	    "transfer-encoding\t:", "host :", "host\t:", "origin :", "origin\t:"};
	char version[16];

	/* Without one, it has taken what was decoded in the path for the end of the line. */
	if (lws_hdr_copy(wsi, version, sizeof version, WSI_TOKEN_HTTP) <= 0 ||
	    (strcmp(version, "HTTP/1.1") != 0 && strcmp(version, "HTTP/1.0") != 0))
		return "the request line does not end in HTTP/1.1";
	for (size_t i = 0; i < sizeof once / sizeof *once; i++) {
		if (lws_hdr_total_length(wsi, once[i]) !=
		    lws_hdr_fragment_length(wsi, once[i], 0))
			return "a header is there twice that may come once";
	}
	if (lws_hdr_total_length(wsi, WSI_TOKEN_HTTP_CONTENT_LENGTH) > 0 &&
	    lws_hdr_total_length(wsi, WSI_TOKEN_HTTP_TRANSFER_ENCODING) > 0)
		return "the body has a length and a transfer coding";
	for (size_t i = 0; i < sizeof blanks / sizeof *blanks; i++) {
		if (lws_hdr_custom_length(wsi, blanks[i], (int)strlen(blanks[i])) >= 0)
			return "a header's name is not followed by a colon";
	}
	return NULL;
}

/* False when it has been answered, and is the connection's last. */
static bool
check_head(struct http_req *r, const char *path)
{
	const struct server_bounds *b = &r->server->cfg.bounds;
	const char *wrong = http_head_fault(r->wsi);

	for (const char *c = path; wrong == NULL && *c != '\0'; c++) {
		if ((unsigned char)*c < 0x20 || *c == 0x7F)
			wrong = "the path has a control character";
	}
	if (wrong == NULL && r->server->nrequests <= b->requests)
		return true;
	r->last = true;
	buf_init(&r->body, 0);
	server_refused(r->server, "a request", wrong != NULL ? wrong : "there are too many");
	if (wrong != NULL) {
		http_reply_error(r, 400, "bad_request", "%s", wrong);
	} else {
		http_add_header(r, "retry-after", "1");
		http_reply_error(r, 503, "too_many_requests",
		    "%u requests are under way already", r->server->nrequests - 1);
	}
	return false;
}

/* False where there is nothing to look after. */
bool
http_tick(struct server *s, uint64_t now_ms)
{
	const struct server_bounds *b = &s->cfg.bounds;
	struct http_req *r;

	DL_FOREACH2(s->requests, r, behind)
	{
		uint64_t ms = now_ms - r->moved_ms;

		if (r->status != 0 && ms >= b->send_seconds * 1000ull) {
			lws_set_timeout(
			    r->wsi, PENDING_TIMEOUT_KILLED_BY_PARENT, LWS_TO_KILL_ASYNC);
		} else if (r->status == 0 && !r->dispatched && !r->body_done &&
			   ms >= b->body_seconds * 1000ull) {
			r->last = true;
			http_reply_error(r, 408, "body_timeout",
			    "the body did not arrive within %u seconds", b->body_seconds);
		}
	}
	return s->requests != NULL;
}

static int
on_request(struct lws *wsi, struct session *session, const char *path)
{
	struct http_req *r = xcalloc(1, sizeof *r);
	bool other, has_body = false;
	const char *method;

	r->wsi = wsi;
	r->server = server_of(wsi);
	r->moved_ms = uv_now(r->server->loop);
	DL_APPEND2(r->server->requests, r, before, behind);
	r->server->nrequests++;
	server_tick_wanted(r->server);
	link_busy(link_of(wsi));
	r->last = ++link_of(wsi)->requests >= r->server->cfg.bounds.requests_each;
	r->if_none_match = wsi_header(wsi, WSI_TOKEN_HTTP_IF_NONE_MATCH);
	r->accept = wsi_header(wsi, WSI_TOKEN_HTTP_ACCEPT);
	r->accept_encoding = wsi_header(wsi, WSI_TOKEN_HTTP_ACCEPT_ENCODING);
	r->range = wsi_header(wsi, WSI_TOKEN_HTTP_RANGE);
	r->mcp_version = wsi_other_header(wsi, "mcp-protocol-version:");
	r->server->stats.requests++;
	query_read(&r->query, wsi);
	method = method_name(wsi, &r->head);
	http_req_free(session->req); /* a client that pipelines past an answer */
	session->req = r;
	if (!check_head(r, path))
		return 0;
	buf_init(&r->body, 0);
	if (!http_admit_origin(r))
		return 0;
	path = access_path(wsi, path);
	if (path == NULL) {
		http_reply_base(r);
		return 0;
	}
	r->route = http_find_route(r, method, path, &other);
	if (r->route == NULL) {
		if (other)
			http_reply_error(r, 405, "bad_method", "this path has no %s", method);
		else
			http_reply_error(r, 404, "not_found", "there is nothing at this path");
		return 0;
	}
	buf_init(&r->body, r->route->max_body);
	if (http_admit(r) && check_length(r, &has_body) && !has_body)
		http_dispatch(r);
	return 0;
}

static void
on_body(struct http_req *r, const void *data, size_t len)
{
	if (r->status == 0 && buf_append(&r->body, data, len) != 0)
		http_reply_error(
		    r, 413, "too_large", "the body may have %zu bytes", r->route->max_body);
}

/* Told again before the first turn of writing, the body was none: of a POST that was sent behind
 * another request, lws 4.1 gives the head as its body, and then tells its end for ever. So it is
 * not acted upon before that turn, and such a connection ends. */
static int
on_body_end(struct lws *wsi, struct http_req *r)
{
	if (r == NULL)
		return 0;
	if (r->body_done)
		return -1;
	r->body_done = true;
	lws_callback_on_writable(wsi);
	return 0;
}

static int
on_turn(struct session *session)
{
	struct http_req *r = session->req;

	if (r != NULL && r->body_done && r->route != NULL)
		http_dispatch(r);
	return r != NULL && r->status != 0 ? send_some(session) : 0;
}

static void
on_closed(struct session *session)
{
	struct http_req *r = session->req;

	if (r == NULL)
		return;
	session->req = NULL;
	give_up(r);
	http_req_free(r);
}

static int
refuse_upgrade(struct lws *wsi, unsigned status, unsigned retry_s)
{
	unsigned char buf[LWS_PRE + 512], *start = buf + LWS_PRE, *p = start;
	unsigned char *end = buf + sizeof buf - 1;
	char text[16];
	int bad = lws_add_http_header_status(wsi, status | LWSAHH_FLAG_NO_SERVER_NAME, &p, end);

	snprintf(text, sizeof text, "%u", retry_s);
	if (retry_s != 0)
		bad |= put_header(wsi, "retry-after", text, &p, end);
	bad |= put_header(wsi, "connection", "close", &p, end);
	bad |= lws_add_http_header_content_length(wsi, 0, &p, end);
	bad |= lws_finalize_write_http_header(wsi, start, &p, end);
	return bad ? -1 : 1;
}

/* 0 lets the upgrade go on, 1 says that an answer was sent, -1 ends the connection. The name that
 * lws passes here is not read: lws 4.1 has refused all that it does not know by then, mostly has
 * freed the headers that the name is in, and asks nevertheless (CVE-2025-11677). */
static int
on_upgrade(struct lws *wsi)
{
	char name[sizeof "websocket"];
	int status, n = lws_hdr_copy(wsi, name, sizeof name, WSI_TOKEN_UPGRADE);
	unsigned retry_s = 0;

	if (n > 0 && strcasecmp(name, "websocket") == 0) {
		status = http_head_fault(wsi) != NULL ? 400 : ws_check_upgrade(wsi, &retry_s);
	} else if (n > 0 && strcasecmp(name, "h2c") == 0) {
		status = 501;
	} else {
		server_of(wsi)->stats.refused++;
		return -1;
	}
	if (status == 0) {
		link_busy(link_of(wsi));
		return 0;
	}
	server_of(wsi)->stats.refused++;
	return refuse_upgrade(wsi, (unsigned)status, retry_s);
}

int
http_callback(
    struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in, size_t len)
{
	struct session *session = user;

	switch (reason) {
	case LWS_CALLBACK_HTTP:
		return on_request(wsi, session, in);
	case LWS_CALLBACK_HTTP_BODY:
		if (session->req != NULL)
			on_body(session->req, in, len);
		return 0;
	case LWS_CALLBACK_HTTP_BODY_COMPLETION:
		return on_body_end(wsi, session->req);
	case LWS_CALLBACK_HTTP_WRITEABLE:
		return on_turn(session);
	case LWS_CALLBACK_HTTP_CONFIRM_UPGRADE:
		return on_upgrade(wsi);
	case LWS_CALLBACK_OPENSSL_LOAD_EXTRA_SERVER_VERIFY_CERTS:
		tls_made(lws_vhost_user(in), user);
		return 0;
	case LWS_CALLBACK_CLOSED_HTTP:
		if (session != NULL)
			on_closed(session);
		return 0;
	case LWS_CALLBACK_WSI_CREATE:
		link_made(wsi);
		return 0;
	case LWS_CALLBACK_WSI_DESTROY:
		if (link_of(wsi) != NULL)
			link_free(link_of(wsi));
		return 0;
	default:
		return 0;
	}
}
