/* What the files of net/ share: the server's inside, and libwebsockets. Not for others. */
#ifndef NET_SERVER_PRIV_H
#define NET_SERVER_PRIV_H

#include <sys/socket.h>

#include <libwebsockets.h>
#include <uthash.h>
#include <uv.h>

#include "base/buf.h"
#include "net/addr.h"
#include "net/auth.h"
#include "net/guard.h"
#include "net/http.h"
#include "net/server.h"
#include "net/ws.h"

enum { COOKIE_NAME_MAX = 32 };

/* One listening socket and the vhost that gets what it accepts. */
struct door {
	struct server *server;
	struct lws_vhost *vhost;
	int fd; /* -1: none */
	bool local;
	uv_poll_t poll;
	uv_timer_t pause; /* while descriptors are short */
};

/* Links in the order in which they came there. */
struct links {
	struct link *head; /* utlist */
	unsigned count;
};

/* A connection, from accept to its end: lws' opaque user data. */
struct link {
	struct link *prev, *next;
	struct door *door;
	struct links *list;      /* opening, idle or leaving; NULL: it is being served */
	uint64_t since_ms;       /* in the list */
	struct address *address; /* NULL: over the Unix socket */
	struct gate *gate;       /* until lws has it */
	struct lws *wsi;         /* from then on */
	unsigned requests;       /* that it has made */
};

struct server {
	struct server_config cfg;
	uv_loop_t *loop;
	struct lws_context *context;
	struct lws_protocols *protocols;
	struct door tcp, local;
	struct guard *guard;
	void *tls_context; /* SSL_CTX, lws' */
	bool tls_reloading, stopping;
	bool tls;
	int port;
	char cookie[COOKIE_NAME_MAX];
	struct ws_conn *conns;    /* utlist */
	uv_timer_t sweep;         /* pings */
	struct http_req *waiting; /* utlist: for an answer that comes later */
	uv_timer_t absence;       /* while there are any */
	uv_timer_t expiry;        /* of the first token by which something is open.. */
	int64_t expires_ms;       /* ..then, if it is under way */
	struct links opening, idle, leaving;
	struct link *adopting;     /* while lws takes it */
	bool adopted;              /* and it has made something of it */
	struct address *addresses; /* a hash */
	uv_timer_t tick;           /* while something has a time to end */
	struct http_req *requests; /* utlist: all */
	unsigned nrequests;
	uint64_t answers; /* bytes of answers that have not been taken */
	uint64_t refused_second;
	unsigned refused_logged, refused_unlogged; /* in it */
	char peeked[SERVER_HEADERS_MAX + 1];       /* of a gate, while it is looked at */
	struct buf message;                        /* the one that is being written */
	struct server_stats stats;
};

struct server *server_of(struct lws *wsi);
struct link *link_of(struct lws *wsi);
bool wsi_is_local(struct lws *wsi);

/* The buffer for the message that is being written, with the room that lws wants before it. */
struct buf *scratch(struct server *s);

/* A request header as a NUL-terminated copy that the caller frees; NULL where it is missing. */
char *wsi_header(struct lws *wsi, enum lws_token_indexes token);

/* The same of one that lws has no number for: the name is in lower case and ends with a colon. */
char *wsi_other_header(struct lws *wsi, const char *name);

/* Matches a path against a pattern with colon segments; fills params with copies that the
 * caller frees. */
bool path_match(const char *pattern, const char *path, char *params[HTTP_PARAMS_MAX]);

/* "name=value" arguments of the query, as lws decoded them. */
struct query {
	char **items;
	size_t count;
};
void query_read(struct query *q, struct lws *wsi);
const char *query_get(const struct query *q, const char *name);
void query_release(struct query *q);

/* access.c: who may pass. NULL when Host and Origin are right, or what is wrong with them. */
const char *access_refusal(struct lws *wsi);

/* Whoever asks, and by which token: one without an id is none. refused_s: nothing was looked at, as
 * too much was wrong before. */
struct who {
	enum auth_access access;
	bool by_cookie;
	unsigned refused_s;
	struct auth_token token;
};
void access_of(struct lws *wsi, struct who *out);

/* The token of the header Authorization, for the caller to free, or NULL. */
char *access_own_token(struct lws *wsi);

/* By a token that came in another way than a header; `out` says who nobody is when it is wrong, or is
 * not looked at. */
void access_of_token(struct lws *wsi, const char *token, struct who *out);

/* What is wrong with a cookie's coming as it does, or NULL. */
const char *access_cookie_refusal(struct lws *wsi, const struct who *w, bool changes);

/* Counts a refusal, and tells it unless one like it has been told. What: no text of the client. */
void access_tell(struct lws *wsi, enum guard_kind kind, const char *what);

/* Of tokens that come in another way: seconds until one is looked at, and one that was wrong. */
unsigned access_refused_s(struct lws *wsi);
void access_guessed(struct lws *wsi, const char *token);

/* What a path is without the base of all; itself where a proxy has taken that away. NULL: it is the
 * base, and nothing behind it. */
const char *access_path(struct lws *wsi, const char *path);

bool access_is_proxy(const struct server *s, const struct sockaddr_storage *ss);

/* Who it is for, and by what. */
void access_client(struct lws *wsi, struct addr *out);
bool access_is_https(struct lws *wsi);

/* Whether the token's end has come, or it was ended. */
bool access_is_over(const struct server *s, const struct who *w, int64_t now_ms);

int http_callback(
    struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in, size_t len);
size_t http_session_size(void);
void http_absence(uv_timer_t *t);

/* Refuses what waits for an answer, and closes what is open, to somebody who may no longer have it. */
void http_end_tokens(struct server *s, int64_t now_ms);
void ws_end_tokens(struct server *s, int64_t now_ms);

/* When the first of the tokens by which something is open expires, of those that have not; INT64_MAX:
 * none does. What was open by the others is being ended, which takes turns of the loop. */
int64_t http_first_expiry(const struct server *s, int64_t now_ms);
int64_t ws_first_expiry(const struct server *s, int64_t now_ms);
struct server *http_server(const struct http_req *r);
struct lws *http_wsi(const struct http_req *r);
struct who *http_who(struct http_req *r);

/* admit.c: whether Host and Origin are right, and whether the route is for whoever asks, whom it finds
 * out. False when it has been answered. */
bool http_admit_origin(struct http_req *r);
bool http_admit(struct http_req *r);
void http_reply_base(struct http_req *r); /* to the base of all paths, with a slash */
int ws_callback(
    struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in, size_t len);
size_t ws_session_size(void);

void tls_made(struct server *s, void *ctx);

/* Something is open by a token that may expire. */
void server_watch_expiry(struct server *s, const struct who *w);
/* links.c: a connection was accepted; it is served; it is answered; it only has to go. */
void link_arrived(struct door *d, int fd, const struct sockaddr_storage *from);
void link_adopt(struct link *l, int fd); /* by lws; the descriptor is taken */
void link_made(struct lws *wsi);         /* meanwhile: lws has one for it */
void link_busy(struct link *l);
void link_idle(struct link *l);
void link_leaves(struct link *l);
void link_free(struct link *l);
void links_stop(struct server *s);
void server_tick_wanted(struct server *s);
/* Counts it, and logs it unless there are many. */
void server_refused(struct server *s, const char *what, const char *why);

/* gate.c */
void gate_open(struct link *l, int fd); /* the descriptor is taken */
void gate_close(struct link *l);        /* with the link */
bool gate_late(struct link *l);         /* false: nothing needs to be said */
void gate_tell(int fd, int status, const char *code, const char *message);

/* Ends requests that are too slow; false when there are none at all. */
bool http_tick(struct server *s, uint64_t now_ms);

/* What is wrong with a head that lws has read, or NULL. */
const char *http_head_fault(struct lws *wsi);

/* Before an upgrade is accepted: 0, or the HTTP status that refuses it; *retry_s is set with 429. */
int ws_check_upgrade(struct lws *wsi, unsigned *retry_s);
void ws_sweep(struct server *s);

#endif
