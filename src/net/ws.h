/*
 * WebSocket connections, and the table of endpoints that they reach.
 *
 * A connection is accepted when its path and subprotocol are an endpoint's, and Host and Origin
 * are right; a missing token or pane is then told by a close code, which a browser can see.
 * What it sends is handed over message by message; what it is sent is pulled from the endpoint
 * when its socket has room, so nothing waits in memory for a slow client.
 *
 * Loop's thread.
 */
#ifndef NET_WS_H
#define NET_WS_H

#include <stdbool.h>
#include <stddef.h>

#include "net/auth.h"

struct buf;
struct ws_conn;

enum {
	WS_CLOSE_OK = 1000,
	WS_CLOSE_NOT_TEXT = 1007,
	WS_CLOSE_POLICY = 1008,
	WS_CLOSE_TOO_BIG = 1009,
	WS_CLOSE_UNAUTHORISED = 4401,
	WS_CLOSE_SILENT = 4408
};

/* What the client asked for; good during `open` only. */
struct ws_request;
const char *ws_request_param(const struct ws_request *r); /* the :id of the path */
const char *ws_request_query(const struct ws_request *r, const char *name);
enum auth_access ws_request_access(const struct ws_request *r);
const char *ws_request_pane(const struct ws_request *r); /* the only one it may see; "": all */

/* Of a connection, from open on. The token is one that came in a message: what it opens counts from
 * then on instead of what the upgrade has brought. AUTH_NONE for one that is wrong, which counts as a
 * guess, or when too many were wrong before. Whoever needs none gets what he has. */
enum auth_access ws_access(const struct ws_conn *c);
const char *ws_pane(const struct ws_conn *c);
enum auth_access ws_offer(struct ws_conn *c, const char *token);

struct ws_endpoint {
	const char *subprotocol;
	const char *path;   /* as in a route, with at most one colon segment */
	size_t max_message; /* bytes; a longer one closes with 1009 */
	bool text;          /* what is pulled is UTF-8 text, not bytes */

	/* The first message may bring a token (ws_offer): open is called also for who has none yet,
	 * and has to let that one do nothing else. Such a message has so many bytes, and so many
	 * seconds to come; 0: this endpoint has none. */
	size_t first_max;
	unsigned first_seconds;

	bool local; /* at the Unix socket alone */
	/* Whether there is room for one more, before anything is known of it; NULL: there is. An upgrade
	 * for which there is none is answered with 503. */
	bool (*has_room)(void *arg);

	/* Returns 0 and the connection's data, or the code to close with and a reason. */
	int (*open)(struct ws_conn *, const struct ws_request *, void *arg, void **data,
	    const char **reason);
	void (*message)(struct ws_conn *, void *data, bool binary, const void *msg, size_t len);
	/* Appends at most one message of about `max` bytes. Returns 1 when it did, 0 when
	 * there is none now, or the code to close with. */
	int (*pull)(struct ws_conn *, void *data, struct buf *b, size_t max);
	void (*closed)(void *data); /* after an open that returned 0 */
};

/* Pulls one message at once, if the socket is ready for it, and the rest soon. Not from within
 * a callback of the endpoint. A turn of the loop less for what somebody waits for. */
void ws_write_now(struct ws_conn *c);

void ws_want_write(struct ws_conn *c);                          /* pull soon */
void ws_close(struct ws_conn *c, int code, const char *reason); /* soon; reason is static */
void ws_hold(struct ws_conn *c, bool hold); /* read nothing from this client */

#endif
