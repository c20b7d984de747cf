#include "config.h"

#include "net/addr.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>

#include "base/str.h"

static const unsigned char v4_prefix[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF};

static bool
is_v4(const struct addr *a)
{
	return memcmp(a->b, v4_prefix, sizeof v4_prefix) == 0;
}

static void
set_v4(struct addr *out, const void *four)
{
	memcpy(out->b, v4_prefix, sizeof v4_prefix);
	memcpy(out->b + sizeof v4_prefix, four, 4);
}

void
addr_of(const struct sockaddr *sa, struct addr *out)
{
	memset(out, 0, sizeof *out);
	if (sa->sa_family == AF_INET)
		set_v4(out, &((const struct sockaddr_in *)(const void *)sa)->sin_addr);
	else if (sa->sa_family == AF_INET6)
		memcpy(out->b, &((const struct sockaddr_in6 *)(const void *)sa)->sin6_addr,
		    sizeof out->b);
}

int
addr_parse(const char *text, struct addr *out)
{
	unsigned char four[4];

	if (inet_pton(AF_INET, text, four) == 1) {
		set_v4(out, four);
		return 0;
	}
	return inet_pton(AF_INET6, text, out->b) == 1 ? 0 : -EINVAL;
}

void
addr_text(const struct addr *a, char out[ADDR_TEXT])
{
	if (is_v4(a))
		inet_ntop(AF_INET, a->b + sizeof v4_prefix, out, ADDR_TEXT);
	else
		inet_ntop(AF_INET6, a->b, out, ADDR_TEXT);
}

bool
addr_same(const struct addr *a, const struct addr *b)
{
	return memcmp(a->b, b->b, sizeof a->b) == 0;
}

static void
mask(struct addr *a, unsigned bits)
{
	for (unsigned i = 0; i < sizeof a->b; i++) {
		unsigned left = bits > 8 * i ? bits - 8 * i : 0;

		if (left < 8)
			a->b[i] &= (unsigned char)(0xFF00 >> left);
	}
}

int
addr_net_parse(const char *text, struct addr_net *out)
{
	const char *slash = strchr(text, '/');
	size_t n = slash != NULL ? (size_t)(slash - text) : strlen(text);
	char addr[ADDR_TEXT];
	struct addr masked;
	uint64_t bits;
	unsigned most;

	if (n >= sizeof addr)
		return -EINVAL;
	memcpy(addr, text, n);
	addr[n] = '\0';
	if (addr_parse(addr, &out->addr) != 0)
		return -EINVAL;
	most = strchr(addr, ':') == NULL ? 32 : 128;
	bits = most;
	if (slash != NULL && str_u64(slash + 1, 0, most, &bits) != 0)
		return -EINVAL;
	out->bits = (unsigned)bits + (128 - most);
	masked = out->addr;
	mask(&masked, out->bits);
	return addr_same(&masked, &out->addr) ? 0 : -EINVAL;
}

bool
addr_net_has(const struct addr_net *n, const struct addr *a)
{
	struct addr masked = *a;

	mask(&masked, n->bits);
	return addr_same(&masked, &n->addr);
}

/* "[v6]", an IPv4 address, or a name of letters, digits, '-', '_' and dots, none at its ends. */
static int
read_name(const char *text, size_t n, struct origin *out)
{
	bool v6 = n > 2 && text[0] == '[' && text[n - 1] == ']';
	char name[ORIGIN_HOST], canonical[ADDR_TEXT];
	struct addr a;

	if (v6) {
		text++;
		n -= 2;
	}
	if (n == 0 || n >= sizeof name)
		return -EINVAL;
	for (size_t i = 0; i < n; i++)
		name[i] =
		    (char)(text[i] >= 'A' && text[i] <= 'Z' ? text[i] + 'a' - 'A' : text[i]);
	name[n] = '\0';
	out->literal = addr_parse(name, &a) == 0;
	if (v6 != (strchr(name, ':') != NULL) || (v6 && !out->literal))
		return -EINVAL;
	if (v6) {
		inet_ntop(AF_INET6, a.b, canonical, sizeof canonical);
		snprintf(out->host, sizeof out->host, "[%s]", canonical);
		return 0;
	}
	if (strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-_.") != n || name[0] == '.' ||
	    name[n - 1] == '.' || strstr(name, "..") != NULL)
		return -EINVAL;
	strcpy(out->host, name);
	return 0;
}

int
origin_of_host(const char *text, bool https, struct origin *out)
{
	const char *bracket = strrchr(text, ']'),
		   *colon = strchr(bracket != NULL ? bracket : text, ':');
	uint64_t port = https ? 443 : 80;
	size_t n = colon != NULL ? (size_t)(colon - text) : strlen(text);

	*out = (struct origin){.https = https};
	if (colon != NULL && (colon[1] == '0' || strlen(colon + 1) > 5 ||
				 str_u64(colon + 1, 1, 65535, &port) != 0))
		return -EINVAL;
	out->port = (uint16_t)port;
	return read_name(text, n, out);
}

int
origin_parse(const char *text, struct origin *out)
{
	if (strncasecmp(text, "http://", 7) == 0)
		return origin_of_host(text + 7, false, out);
	if (strncasecmp(text, "https://", 8) == 0)
		return origin_of_host(text + 8, true, out);
	return -EINVAL;
}

bool
origin_same(const struct origin *a, const struct origin *b)
{
	return a->https == b->https && a->port == b->port && strcmp(a->host, b->host) == 0;
}
