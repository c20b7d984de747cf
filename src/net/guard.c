#include "config.h"

#include "net/guard.h"

#include <stdlib.h>
#include <string.h>

#include <openssl/evp.h>
#include <uthash.h>

#include "base/xmalloc.h"

enum { RECENT = 32, TELL_MS = 60 * 1000, V6_NETWORK = 8 };

struct client {
	struct addr addr; /* the key */
	unsigned wrong;
	uint64_t recent[RECENT]; /* parts of digests, a ring */
	uint64_t refused_until_ms, seen_ms;
	uint64_t told_ms[GUARD_KINDS]; /* 0: not yet */
	UT_hash_handle hh;
};

struct guard {
	unsigned tries;
	struct client *clients;
};

struct guard *
guard_new(unsigned tries)
{
	struct guard *g = xcalloc(1, sizeof *g);

	g->tries = tries;
	return g;
}

static void
forget(struct guard *g, struct client *c)
{
	HASH_DEL(g->clients, c);
	free(c);
}

void
guard_free(struct guard *g)
{
	struct client *c, *next;

	if (g == NULL)
		return;
	HASH_ITER (hh, g->clients, c, next)
		forget(g, c);
	free(g);
}

/* The network, but for what stands for an IPv4 address, and ::1. */
static struct addr
key_of(const struct addr *addr)
{
	static const unsigned char zeroes[V6_NETWORK];
	struct addr key = *addr;

	if (memcmp(key.b, zeroes, sizeof zeroes) != 0)
		memset(key.b + V6_NETWORK, 0, sizeof key.b - V6_NETWORK);
	return key;
}

static struct client *
find(const struct guard *g, const struct addr *addr)
{
	struct addr key = key_of(addr);
	struct client *c;

	HASH_FIND(hh, g->clients, &key, sizeof key, c);
	return c;
}

/* From when on nothing is lost with it. */
static uint64_t
forgotten_ms(const struct client *c)
{
	uint64_t last = c->refused_until_ms > c->seen_ms ? c->refused_until_ms : c->seen_ms;

	return last + (c->wrong != 0 ? GUARD_FORGET_S * 1000ull : TELL_MS);
}

/* Drops what is forgotten, and one more if that is none. */
static void
make_room(struct guard *g, uint64_t now_ms)
{
	struct client *c, *next, *first = NULL;

	HASH_ITER (hh, g->clients, c, next) {
		if (forgotten_ms(c) <= now_ms)
			forget(g, c);
		else if (first == NULL || forgotten_ms(c) < forgotten_ms(first))
			first = c;
	}
	if (guard_clients(g) >= GUARD_CLIENTS)
		forget(g, first);
}

static struct client *
find_or_add(struct guard *g, const struct addr *addr, uint64_t now_ms)
{
	struct client *c = find(g, addr);

	if (c != NULL && forgotten_ms(c) <= now_ms) {
		forget(g, c);
		c = NULL;
	}
	if (c == NULL) {
		if (guard_clients(g) >= GUARD_CLIENTS)
			make_room(g, now_ms);
		c = xcalloc(1, sizeof *c);
		c->addr = key_of(addr);
		HASH_ADD(hh, g->clients, addr, sizeof c->addr, c);
	}
	c->seen_ms = now_ms;
	return c;
}

unsigned
guard_refused_s(const struct guard *g, const struct addr *addr, uint64_t now_ms)
{
	const struct client *c = find(g, addr);

	if (c == NULL || c->refused_until_ms <= now_ms)
		return 0;
	return (unsigned)((c->refused_until_ms - now_ms + 999) / 1000);
}

static uint64_t
part_of_digest(const char *token)
{
	unsigned char raw[EVP_MAX_MD_SIZE];
	uint64_t part;

	if (EVP_Digest(token, strlen(token), raw, NULL, EVP_sha256(), NULL) != 1)
		abort(); /* out of memory */
	memcpy(&part, raw, sizeof part);
	return part;
}

void
guard_wrong(struct guard *g, const struct addr *addr, const char *token, uint64_t now_ms)
{
	struct client *c = find_or_add(g, addr, now_ms);
	uint64_t part = part_of_digest(token), s = GUARD_FIRST_S;

	for (unsigned i = 0; i < RECENT && i < c->wrong; i++)
		if (c->recent[i] == part)
			return;
	c->recent[c->wrong++ % RECENT] = part;
	if (g->tries == 0 || c->wrong <= g->tries)
		return;
	for (unsigned i = g->tries + 1; i < c->wrong && s < GUARD_MOST_S; i++)
		s *= 2;
	c->refused_until_ms = now_ms + 1000 * (s < GUARD_MOST_S ? s : GUARD_MOST_S);
}

bool
guard_tells(struct guard *g, const struct addr *addr, enum guard_kind kind, uint64_t now_ms)
{
	struct client *c = find_or_add(g, addr, now_ms);

	if (c->told_ms[kind] != 0 && now_ms - c->told_ms[kind] < TELL_MS)
		return false;
	c->told_ms[kind] = now_ms != 0 ? now_ms : 1;
	return true;
}

unsigned
guard_clients(const struct guard *g)
{
	return HASH_COUNT(g->clients);
}
