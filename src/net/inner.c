#include "config.h"

#include "net/inner.h"

#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "base/xmalloc.h"
#include "net/http_priv.h"

struct http_inner {
	struct http_req *req;
	uv_timer_t turn;
	http_inner_cb answered;
	void *arg;
};

static void
on_closed(uv_handle_t *h)
{
	struct http_inner *in = h->data;

	http_req_free(in->req);
	free(in);
}

static void
end(struct http_inner *in)
{
	in->answered = NULL;
	uv_close((uv_handle_t *)&in->turn, on_closed);
}

/* First it is asked, then it has an answer. */
static void
on_turn(uv_timer_t *t)
{
	struct http_inner *in = t->data;
	struct http_req *r = in->req;

	if (r->status == 0) {
		http_dispatch(r);
		return;
	}
	in->answered(in->arg, r->status, r->out != NULL ? r->out : "", r->out_len);
	if (in->answered != NULL) /* it may have been cancelled in there */
		end(in);
}

void
http_inner_answered(struct http_inner *in)
{
	if (!uv_is_closing((uv_handle_t *)&in->turn))
		uv_timer_start(&in->turn, on_turn, 0, 0);
}

void
http_inner_cancel(struct http_inner *in)
{
	struct http_req *r = in->req;
	void (*gone)(void *) = r->gone;

	if (in->answered == NULL)
		return;
	end(in);
	r->gone = NULL;
	if (gone != NULL)
		gone(r->gone_arg);
}

/* The path alone is left of it. False: it is not escaped as it should be. */
static bool
read_query(struct query *q, char *path)
{
	char *args = strchr(path, '?'), *item;

	if (args != NULL)
		*args++ = '\0';
	while (args != NULL && (item = strsep(&args, "&")) != NULL) {
		if (str_url_decode(item, true) != 0)
			return false;
		q->items = xreallocarray(q->items, q->count + 1, sizeof *q->items);
		q->items[q->count++] = xstrdup(item);
	}
	return str_url_decode(path, false) == 0;
}

static void
admit(struct http_req *r, const char *method, char *path, const void *body, size_t len)
{
	bool other;

	if (!read_query(&r->query, path)) {
		http_reply_error(r, 400, "bad_request", "the path is not escaped as it should");
		return;
	}
	r->route = http_find_route(r, method, path, &other);
	if (r->route == NULL) {
		http_reply_error(r, 404, "not_found", "there is nothing at this path");
		return;
	}
	if (!http_admit_known(r))
		return;
	if (len > r->route->max_body) {
		http_reply_error(
		    r, 413, "too_large", "the body may have %zu bytes", r->route->max_body);
		return;
	}
	if (len != 0)
		buf_append(&r->body, body, len);
	uv_timer_start(&r->inner->turn, on_turn, 0, 0);
}

struct http_inner *
http_inner_new(struct http_req *client, const char *method, const char *path, const void *body,
    size_t len, http_inner_cb answered, void *arg)
{
	struct http_inner *in = xcalloc(1, sizeof *in);
	struct http_req *r = xcalloc(1, sizeof *r);
	char *copy = xstrdup(path);

	in->req = r;
	in->answered = answered;
	in->arg = arg;
	r->inner = in;
	r->server = client->server;
	r->who = client->who;
	buf_init(&r->body, BUF_NO_MAX);
	uv_timer_init(r->server->loop, &in->turn);
	in->turn.data = in;
	admit(r, method, copy, body, len);
	free(copy);
	return in;
}
