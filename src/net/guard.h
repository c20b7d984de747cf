/*
 * Who guesses at tokens, and waits for it.
 *
 * A client is an IPv4 address, or the /64 of an IPv6 one, as that is what one machine is given.
 * So many different wrong tokens are free; with each that follows, the client is refused for
 * a while, a right token included, as an answer would say which it was: 5 seconds, then twice
 * as long each time, up to 15 minutes. The same wrong token again is no guess: a page that was
 * left open asks with its old one for hours. An hour after the last guess all is forgotten.
 *
 * It also says whether a refusal is worth a line of the log: one a client, kind and minute.
 *
 * At most GUARD_CLIENTS are known. The one that may be forgotten first makes room: an attacker
 * with more addresses than that guesses faster, and still at 160 bits.
 *
 * Pure: times are milliseconds of a clock that only goes forward. Loop's thread.
 */
#ifndef NET_GUARD_H
#define NET_GUARD_H

#include <stdbool.h>
#include <stdint.h>

#include "net/addr.h"

struct guard;

enum { GUARD_CLIENTS = 1024, GUARD_FIRST_S = 5, GUARD_MOST_S = 900, GUARD_FORGET_S = 3600 };

enum guard_kind { GUARD_ORIGIN, GUARD_TOKEN, GUARD_BLOCKED, GUARD_KINDS };

struct guard *guard_new(unsigned tries); /* wrong tokens that are free; 0: all are */
void guard_free(struct guard *g);

/* Seconds for which a client is still refused, rounded up; 0: it is not. */
unsigned guard_refused_s(const struct guard *g, const struct addr *client, uint64_t now_ms);

/* It has offered what is no token. */
void guard_wrong(
    struct guard *g, const struct addr *client, const char *token, uint64_t now_ms);

/* Whether a refusal of that kind is told now. */
bool guard_tells(
    struct guard *g, const struct addr *client, enum guard_kind kind, uint64_t now_ms);

unsigned guard_clients(const struct guard *g);

#endif
