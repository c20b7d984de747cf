/*
 * Requests that a handler makes of the same table of routes, in the name of the client that it
 * answers: with that client's rights, and no others.
 *
 * What is asked for, and the answer, come in turns of the loop of their own, so neither is called from
 * within the other. Loop's thread.
 */
#ifndef NET_INNER_H
#define NET_INNER_H

#include <stddef.h>

struct http_inner;
struct http_req;

/* Once; the inner request is gone when it returns. */
typedef void (*http_inner_cb)(void *arg, int status, const char *body, size_t len);

/* `path` with a query, both escaped; what is borrowed is copied. The client's request must outlive
 * it, so that one that goes away (http_on_gone) is to cancel it. */
struct http_inner *http_inner_new(struct http_req *client, const char *method, const char *path,
    const void *body, size_t len, http_inner_cb answered, void *arg);

/* No answer will come. */
void http_inner_cancel(struct http_inner *in);

#endif
