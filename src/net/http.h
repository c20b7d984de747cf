/*
 * HTTP requests, and the table of routes that answers them.
 *
 * A request is given to its route's handler once: when its headers are in and, where it has a
 * body, all of the body. By then Host, Origin, token and size have been checked. The handler
 * answers with exactly one http_reply... call, at once or later; the request is gone after it.
 * When a client goes away before a late answer, the `gone` callback is called and the request
 * must not be used again.
 *
 * Loop's thread. Strings are borrowed from the request.
 */
#ifndef NET_HTTP_H
#define NET_HTTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "net/auth.h"

typedef struct cJSON cJSON;

struct http_req;

enum { HTTP_PARAMS_MAX = 4 };

struct http_route {
	const char *method; /* "GET" answers HEAD as well */
	const char *path;   /* "/api/v1/panes/:id": a segment with a colon matches any one */
	enum auth_access access; /* least that is needed; AUTH_NONE: open to all */
	size_t max_body;         /* bytes; 0: no body */
	void (*handler)(struct http_req *, void *arg);
	const char *help;
};

/* The n-th colon segment of the route, decoded. */
const char *http_param(const struct http_req *r, unsigned n);

/* What whoever asks may do; AUTH_NONE where the route asks for nothing. */
enum auth_access http_access(const struct http_req *r);

/* The only pane that whoever asks may see; "": all. */
const char *http_pane(const struct http_req *r);

/* What is asked for; NULL: nothing that there is. */
const struct http_route *http_route(const struct http_req *r);

/* A query argument, decoded; NULL where it is missing. */
const char *http_query(const struct http_req *r, const char *name);

/* The n-th of those with that name, from 0. */
const char *http_query_nth(const struct http_req *r, const char *name, unsigned n);

/* An integer query argument within lo..hi, or `fallback` where it is missing. For any other
 * value a 400 that names the argument is sent and false returned: the request is gone. */
bool http_query_u64(struct http_req *r, const char *name, uint64_t lo, uint64_t hi,
    uint64_t fallback, uint64_t *out);

/* The body, NUL-terminated. */
const char *http_body(const struct http_req *r, size_t *len);

/* The body as a JSON object, for the caller to delete (an empty body is {}); NULL when it is
 * none: a 400 has been sent then and the request is gone. */
cJSON *http_body_json(struct http_req *r);

/* A request header among the few that are kept: "if-none-match", "accept",
 * "accept-encoding", "range", "mcp-protocol-version". */
const char *http_header(const struct http_req *r, const char *name);

/* The token that it brings in Authorization, for the caller to free; NULL: none, or it is let in by
 * something else. To be asked before the handler returns. */
char *http_own_token(const struct http_req *r);

/* For a handler that answers later. */
void http_on_gone(struct http_req *r, void (*gone)(void *), void *arg);

/* Before the answer: one more response header. */
void http_add_header(struct http_req *r, const char *name, const char *value);

/* For a token that comes in another way than a header. Whether one may be offered: false when too
 * many were wrong, and that has been answered; and that it was wrong. */
bool http_may_offer(struct http_req *r);
void http_offered_wrong(struct http_req *r, const char *token);

/* Before the answer: a cookie that carries the token from now on. */
void http_login(struct http_req *r, const char *token);

/* The answers. Bytes are copied, but for http_reply_static, whose bytes must stay. */
void http_reply(struct http_req *r, int status, const char *type, const void *body, size_t len);
void http_reply_static(
    struct http_req *r, int status, const char *type, const void *body, size_t len);
void http_reply_take(struct http_req *r, int status, const char *type, char *body, size_t len);
void http_reply_json_take(struct http_req *r, int status, cJSON *o);
void http_reply_error(struct http_req *r, int status, const char *code, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));

#endif
