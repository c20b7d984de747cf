/*
 * Connections, from accept to their end: how many there may be, and how long one may take to say
 * what it wants.
 *
 * A connection that has not said it yet, or has been answered and says nothing more, is worth the
 * least: where there are too many, those go first, the longest-waiting one before others. So whoever
 * sends a request at once is served, however many connections somebody opens and leaves.
 */
#include "config.h"

#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <utlist.h>

#include "base/log.h"
#include "base/xmalloc.h"
#include "net/server_priv.h"

enum {
	TICK_MS = 500,
	LEAVE_MS = 2000,   /* to read its refusal in */
	LOGGED_MAX = 10,   /* refusals a second that are logged one by one */
	PREFIX_BYTES = 8,  /* of an IPv6 address that one customer has all of */
	ADDRESS_BYTES = 4, /* of IPv4 */
};

/* What connections of one address have in common. */
struct address {
	unsigned char key[PREFIX_BYTES];
	unsigned count;
	UT_hash_handle hh;
};

static void
put_key(const struct sockaddr_storage *ss, unsigned char key[PREFIX_BYTES])
{
	const struct sockaddr_in6 *v6 = (const void *)ss;
	const struct sockaddr_in *v4 = (const void *)ss;

	memset(key, 0, PREFIX_BYTES);
	if (ss->ss_family == AF_INET)
		memcpy(key, &v4->sin_addr, ADDRESS_BYTES);
	else if (ss->ss_family == AF_INET6 && IN6_IS_ADDR_V4MAPPED(&v6->sin6_addr))
		memcpy(key, v6->sin6_addr.s6_addr + 12, ADDRESS_BYTES);
	else if (ss->ss_family == AF_INET6)
		memcpy(key, v6->sin6_addr.s6_addr, PREFIX_BYTES);
}

/* Counted in, to be given back by address_drop. */
static struct address *
address_of(struct server *s, const struct sockaddr_storage *ss)
{
	unsigned char key[PREFIX_BYTES];
	struct address *a;

	put_key(ss, key);
	HASH_FIND(hh, s->addresses, key, sizeof key, a);
	if (a == NULL) {
		a = xcalloc(1, sizeof *a);
		memcpy(a->key, key, sizeof key);
		HASH_ADD(hh, s->addresses, key, sizeof a->key, a);
	}
	a->count++;
	return a;
}

static void
address_drop(struct server *s, struct address *a)
{
	if (a == NULL || --a->count != 0)
		return;
	HASH_DEL(s->addresses, a);
	free(a);
}

/* Refusals are worth a line each, a flood of them is not. */
void
server_refused(struct server *s, const char *what, const char *why)
{
	uint64_t second = uv_now(s->loop) / 1000;

	s->stats.refused++;
	if (second != s->refused_second && s->refused_unlogged != 0)
		log_warn("net", "and %u more were refused", s->refused_unlogged);
	if (second != s->refused_second)
		s->refused_logged = s->refused_unlogged = 0;
	s->refused_second = second;
	if (s->refused_logged++ < LOGGED_MAX)
		log_warn("net", "refused %s: %s", what, why);
	else
		s->refused_unlogged++;
}

/* Lists. */

static void on_tick(uv_timer_t *t);

void
server_tick_wanted(struct server *s)
{
	if (!uv_is_active((uv_handle_t *)&s->tick))
		uv_timer_start(&s->tick, on_tick, TICK_MS, TICK_MS);
}

static void
put(struct link *l, struct links *list)
{
	struct server *s = l->door->server;

	if (l->list != NULL) {
		DL_DELETE(l->list->head, l);
		l->list->count--;
	}
	l->list = list;
	l->since_ms = uv_now(s->loop);
	if (list == NULL)
		return;
	DL_APPEND(list->head, l);
	list->count++;
	server_tick_wanted(s);
}

void
link_busy(struct link *l)
{
	put(l, NULL);
}

void
link_idle(struct link *l)
{
	put(l, &l->door->server->idle);
}

void
link_leaves(struct link *l)
{
	put(l, &l->door->server->leaving);
}

/* Its memory goes now, or when lws has let go of it. */
static void
drop(struct link *l)
{
	if (l->gate != NULL)
		gate_close(l);
	else if (l->wsi != NULL)
		lws_set_timeout(l->wsi, PENDING_TIMEOUT_KILLED_BY_PARENT, LWS_TO_KILL_ASYNC);
}

static bool
drop_first(struct links *list)
{
	struct link *l = list->head;

	if (l == NULL)
		return false;
	put(l, NULL);
	drop(l);
	return true;
}

static void
drop_old(struct links *list, uint64_t now_ms, uint64_t ms)
{
	while (list->head != NULL && now_ms - list->head->since_ms >= ms) {
		struct link *l = list->head;

		if (list == &l->door->server->opening && gate_late(l))
			continue; /* it is told, and has moved */
		drop_first(list);
	}
}

static void
on_tick(uv_timer_t *t)
{
	struct server *s = t->data;
	uint64_t now = uv_now(s->loop);

	drop_old(&s->opening, now, s->cfg.bounds.header_seconds * 1000ull);
	drop_old(&s->leaving, now, LEAVE_MS);
	if (!http_tick(s, now) && s->opening.head == NULL && s->leaving.head == NULL)
		uv_timer_stop(t);
}

void
links_stop(struct server *s)
{
	struct link *l, *next;

	DL_FOREACH_SAFE (s->opening.head, l, next) {
		if (l->gate != NULL)
			gate_close(l);
	}
	DL_FOREACH_SAFE (s->leaving.head, l, next) {
		if (l->gate != NULL)
			gate_close(l);
	}
}

/* Connections. */

void
link_free(struct link *l)
{
	struct server *s = l->door->server;

	put(l, NULL);
	s->stats.connections--;
	address_drop(s, l->address);
	if (s->adopting == l)
		s->adopting = NULL;
	free(l);
}

/* It does not know its link yet. */
void
link_made(struct lws *wsi)
{
	struct server *s = lws_vhost_user(lws_get_vhost(wsi));

	s->adopted = true;
}

/* On failure lws has closed the descriptor. */
void
link_adopt(struct link *l, int fd)
{
	struct server *s = l->door->server;
	lws_adopt_desc_t desc = {
	    .vh = l->door->vhost,
	    .type = LWS_ADOPT_SOCKET | LWS_ADOPT_HTTP | LWS_ADOPT_ALLOW_SSL,
	    .fd.sockfd = fd,
	    .opaque = l,
	};
	struct lws *wsi;

	s->adopting = l;
	s->adopted = false;
	wsi = lws_adopt_descriptor_vhost_via_info(&desc);
	if (s->adopting == NULL)
		return; /* it has come and gone */
	s->adopting = NULL;
	/* lws may be done with what it has made, as after bytes that are no TLS, but lets go of it only
	 * at a later turn of the loop: the link goes then. */
	if (wsi == NULL && !s->adopted)
		link_free(l);
	else
		l->wsi = wsi;
}

/* NULL, or why there is no place for one more. */
static const char *
no_place(struct server *s, const struct address *a, int *status)
{
	const struct server_bounds *b = &s->cfg.bounds;

	*status = 429;
	if (a != NULL && a->count > b->per_address)
		return "there are too many connections from this address";
	*status = 503;
	if (s->opening.count >= b->half_open)
		drop_first(&s->opening);
	if (s->stats.connections < b->connections || drop_first(&s->idle) ||
	    drop_first(&s->opening))
		return NULL;
	return "there are too many connections";
}

void
link_arrived(struct door *d, int fd, const struct sockaddr_storage *from)
{
	struct server *s = d->server;
	/* A proxy's many clients are not one. */
	bool many = d->local || access_is_proxy(s, from);
	struct address *a = many ? NULL : address_of(s, from);
	int status;
	const char *why = no_place(s, a, &status);
	struct link *l;

	if (why != NULL) {
		server_refused(s, "a connection", why);
		if (d->local || !s->tls)
			gate_tell(fd, status, "too_many_connections", why);
		close(fd);
		address_drop(s, a);
		return;
	}
	l = xcalloc(1, sizeof *l);
	l->door = d;
	l->address = a;
	s->stats.connections++;
	put(l, &s->opening);
	/* The other doors' bytes cannot be looked at beforehand, or need not be. */
	if (d->local || s->tls)
		link_adopt(l, fd);
	else
		gate_open(l, fd);
}
