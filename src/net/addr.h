/*
 * Addresses and origins, as text and as values.
 *
 * An IPv4 address is held as the IPv6 one that stands for it, so that it is the same whichever
 * socket it came by. An origin is a scheme, a host and a port, in one spelling: lower case, an
 * IPv6 address as RFC 5952 has it, the port always there. Two are the same when all three are.
 *
 * Pure; any thread. What is parsed may come from anybody.
 */
#ifndef NET_ADDR_H
#define NET_ADDR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct sockaddr;

enum { ADDR_TEXT = 48, ORIGIN_HOST = 256 };

struct addr {
	unsigned char b[16];
};

/* A network: an address and how many of its bits count. */
struct addr_net {
	struct addr addr;
	unsigned bits; /* 0..128 */
};

struct origin {
	bool https;
	bool literal; /* the host is an address */
	uint16_t port;
	char host[ORIGIN_HOST];
};

/* All zeroes for anything but IPv4 and IPv6. */
void addr_of(const struct sockaddr *sa, struct addr *out);
int addr_parse(const char *text, struct addr *out); /* -EINVAL */
void addr_text(const struct addr *a, char out[ADDR_TEXT]);
bool addr_same(const struct addr *a, const struct addr *b);

/* "ADDR" or "ADDR/BITS". -EINVAL, also when bits are set that do not count. */
int addr_net_parse(const char *text, struct addr_net *out);
bool addr_net_has(const struct addr_net *n, const struct addr *a);

/* "http://host", "https://host:port" and nothing behind it. -EINVAL; so is "null". */
int origin_parse(const char *text, struct origin *out);

/* A Host header: "host" or "host:port", of that scheme. -EINVAL. */
int origin_of_host(const char *text, bool https, struct origin *out);

bool origin_same(const struct origin *a, const struct origin *b);

#endif
