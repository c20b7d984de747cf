/*
 * The other end: requests and WebSockets to a daemon's Unix socket.
 *
 * client_request is for commands that ask one thing: it runs a loop of its own and blocks until
 * the answer is there. A client_call and a client_ws live on the caller's libuv loop. One
 * thread.
 */
#ifndef NET_CLIENT_H
#define NET_CLIENT_H

#include <stdbool.h>
#include <stddef.h>

typedef struct uv_loop_s uv_loop_t;

struct buf;
struct client_ws;

/* -ECONNREFUSED when nobody answers at the socket, -EPIPE when the answer was cut short,
 * -ETIMEDOUT after half a minute of silence. The body is appended to `out`. `body` may be NULL. */
int client_request(const char *socket, const char *method, const char *path, const void *body,
    size_t len, int *status, struct buf *out, char **cause);

/* The same on a loop: `answer` is called once, from the loop, with what client_request returns
 * and a body that is valid until it returns; the call is gone after it. One that is cancelled
 * closes its connection, which ends the daemon's work for it, and does not answer. */
struct client_call;
typedef void (*client_answer_cb)(int rc, int status, const char *body, size_t len, void *arg);
struct client_call *client_call(uv_loop_t *loop, const char *socket, const char *method,
    const char *path, const void *body, size_t len, client_answer_cb answer, void *arg);
void client_call_cancel(struct client_call *c);

/* A header of the answer, while `answer` runs: copied into `out` and true, or false where there is
 * none, or it is too long. `name` in any case. */
bool client_call_header(const struct client_call *c, const char *name, char *out, size_t size);

struct client_ws_callbacks {
	void (*opened)(void *arg);
	void (*message)(const void *msg, size_t len, void *arg); /* binary */
	/* Once, also when the connection could not be made: then code is 0. The close code
	 * is 1006 when the connection broke. The client_ws is gone after it. */
	void (*closed)(int code, const char *reason, void *arg);
};

/* One libwebsockets context for all connections of a process; NULL when it cannot start. To free it
 * runs the loop, on which nothing else may be, until its handles are closed. */
struct client_ws_context;
struct client_ws_context *client_ws_context_new(uv_loop_t *loop);
void client_ws_context_free(struct client_ws_context *ctx);

struct client_ws *client_ws_open(struct client_ws_context *ctx, const char *socket,
    const char *path, const char *subprotocol, const struct client_ws_callbacks *cb, void *arg);

/* Queues one binary message; -ENOBUFS when more than 1 MiB waits. */
int client_ws_send(struct client_ws *c, const void *data, size_t len);

/* Closes soon; `closed` follows. */
void client_ws_close(struct client_ws *c);

#endif
