/* A request, for the files that make one. */
#ifndef NET_HTTP_PRIV_H
#define NET_HTTP_PRIV_H

#include "net/server_priv.h"

enum { EXTRA_MAX = 8 }; /* headers that a handler adds */

struct extra {
	char *name, *value;
};

struct http_req {
	struct http_req *prev, *next;     /* of those that wait for an answer */
	struct http_req *before, *behind; /* of all */
	struct lws *wsi;
	struct server *server;
	const struct http_route *route;
	char *params[HTTP_PARAMS_MAX];
	struct query query;
	char *if_none_match, *accept, *accept_encoding, *range, *mcp_version;
	struct who who;
	struct http_inner *inner; /* a handler asks; NULL: a client does, and has a wsi */
	bool head, dispatched, body_done, waits, leaving;
	bool last;         /* the connection ends behind the answer */
	uint64_t moved_ms; /* its body began, or its answer did or went on; loop time */
	struct buf body;
	void (*gone)(void *);
	void *gone_arg;

	int status; /* of the answer; 0: none yet */
	const char *type;
	const char *out;
	char *out_owned;
	size_t out_len, out_at;
	bool headers_sent;
	struct extra extra[EXTRA_MAX];
	unsigned extra_count;
};

/* Made without a client: as little of it as req_free takes. */
void http_req_free(struct http_req *r);

/* The route, or NULL with *other true when only the method is wrong. */
const struct http_route *http_find_route(
    struct http_req *r, const char *method, const char *path, bool *other);
void http_dispatch(struct http_req *r);

/* admit.c: whether the route is for whoever asks, who is known. */
bool http_admit_known(struct http_req *r);

/* inner.c: there is an answer. */
void http_inner_answered(struct http_inner *in);

#endif
