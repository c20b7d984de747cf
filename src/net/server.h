/*
 * The server: one libwebsockets context on the daemon's libuv loop.
 *
 * The listening sockets are ours and what they accept is handed to libwebsockets, so that one
 * day another process may hold them. There are two doors: TCP, where a token is asked for and
 * Host and Origin are checked, and a Unix socket (mode 0600, same user), where neither is.
 *
 * Loop's thread.
 */
#ifndef NET_SERVER_H
#define NET_SERVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "net/addr.h"

typedef struct uv_loop_s uv_loop_t;

struct auth;
struct http_req;
struct http_route;
struct server;
struct ws_endpoint;

enum { SERVER_HEADERS_MAX = 16 * 1024 }; /* bytes of request headers */

/* How much may be asked at a time, and how slowly. */
struct server_bounds {
	unsigned connections;   /* WebSockets and those at the Unix socket included */
	unsigned per_address;   /* of them, from one IPv4 address or one IPv6 /64 */
	unsigned half_open;     /* that have not sent the head of a request yet */
	unsigned requests;      /* that have not been answered to the end */
	unsigned requests_each; /* of one connection, the last of which closes it */
	unsigned header_seconds, body_seconds; /* for the whole of each to arrive */
	unsigned send_seconds;                 /* for a client to take any more of its answer */
	uint64_t answer_bytes;                 /* of all answers that have not been taken */
};

/* From where the TCP door is reached, besides at its own address. */
enum { SERVER_ORIGINS_MAX = 16, SERVER_PROXIES_MAX = 16, SERVER_BASE_MAX = 128 };

struct server_access {
	struct origin origins[SERVER_ORIGINS_MAX]; /* served, and let in */
	size_t norigins;
	struct addr_net proxies[SERVER_PROXIES_MAX]; /* whose X-Forwarded-... counts */
	size_t nproxies;
	char base[SERVER_BASE_MAX]; /* of all paths: "", or "/x" */
};

/* One more origin, or network of proxies. -EINVAL for what is none, -ENOSPC. */
int server_access_origin(struct server_access *a, const char *text);
int server_access_proxy(struct server_access *a, const char *text);

/* "/x", "/x/y"; "/" is as none. -EINVAL, also for what paths of the daemon's own begin with. */
int server_access_base(struct server_access *a, const char *text);

struct server_config {
	int tcp_fd;                     /* listening, non-blocking; -1 for none; taken */
	int unix_fd;                    /* likewise */
	const char *tls_cert, *tls_key; /* PEM files, or NULL */
	struct server_bounds bounds;
	bool no_auth;                        /* TCP needs no token */
	unsigned guard_tries;                /* wrong tokens that are free; 0: all are */
	const struct server_access *access;  /* borrowed */
	struct auth *auth;                   /* borrowed */
	const struct http_route *routes;     /* borrowed; ends with a NULL method */
	const struct http_route *tcp_routes; /* at the TCP door; NULL: the same */
	bool basic; /* Authorization: Basic is how a token comes, and is asked for */
	const struct ws_endpoint *endpoints; /* borrowed; ends with a NULL subprotocol */
	/* Whether one who holds a token for that pane may ask this; nobody may where it is NULL. */
	bool (*in_scope)(const struct http_req *r, const char *pane, void *arg);
	void *arg; /* for handlers and in_scope */
};

struct server_stats {
	unsigned connections;
	unsigned websockets;
	unsigned long long requests, refused, ws_messages_out, ws_bytes_out;
};

/* On failure *out must be given back, too: server_stop, the loop, server_free. */
int server_new(
    uv_loop_t *loop, const struct server_config *cfg, struct server **out, char **cause);

/* Accepts connections, or leaves them waiting; it does not accept before it is told to. */
void server_accept(struct server *s, bool accept);

/* Whether a certificate and a key can be served, or what is wrong with which. Blocks. */
int server_check_tls(const char *cert, const char *key, char **cause);

/* Reads both again, off the loop. What cannot be used is logged, and the old ones stay. */
void server_reload_tls(struct server *s);

/* Tokens were ended: what is open by them closes, WebSockets with 4401. Those that expire need no
 * word. */
void server_tokens_ended(struct server *s);

/* Asks every WebSocket client to come again: its connection closes with that code. */
void server_send_away(struct server *s, int code, const char *reason);

/* Ends every connection and closes the doors. The loop must run until it has nothing left
 * to do before server_free. */
void server_stop(struct server *s);
void server_free(struct server *s);

struct server_stats server_stats(const struct server *s);

/* libwebsockets' version. */
const char *server_library(void);

/* Port of the TCP door. */
int server_port(const struct server *s);
int server_port_of(int fd); /* where a socket listens; 0: on no port */

/* Makes listening sockets. `addr` is "ADDR:PORT" or "[ADDR]:PORT", numeric, or "localhost".
 * *loopback says what kind of address it was. */
int listen_tcp(const char *addr, int *fd, bool *loopback, char **cause);

/* What kind of address it is; false also for one that is none. */
bool listen_is_loopback(const char *addr);

/* -EADDRINUSE when another daemon answers there; a socket that nobody answers is replaced. */
int listen_unix(const char *path, int *fd, char **cause);

#endif
