/* From where the TCP door is reached, as it is given. Pure; any thread. */
#include "config.h"

#include <errno.h>
#include <string.h>

#include "net/server.h"

int
server_access_origin(struct server_access *a, const char *text)
{
	if (a->norigins == SERVER_ORIGINS_MAX)
		return -ENOSPC;
	return origin_parse(text, &a->origins[a->norigins]) == 0 ? (a->norigins++, 0) : -EINVAL;
}

int
server_access_proxy(struct server_access *a, const char *text)
{
	if (a->nproxies == SERVER_PROXIES_MAX)
		return -ENOSPC;
	return addr_net_parse(text, &a->proxies[a->nproxies]) == 0 ? (a->nproxies++, 0)
								   : -EINVAL;
}

int
server_access_base(struct server_access *a, const char *text)
{
	static const char *const own[] = {
	    "/api", "/assets", "/healthz", "/mcp", "/metrics", "/p", "/token", "/ws"};
	size_t n = strlen(text), first = 1 + strcspn(text + (n != 0), "/");

	while (n != 0 && text[n - 1] == '/')
		n--;
	if (*text != '/' || n >= sizeof a->base || strstr(text, "//") != NULL ||
	    strstr(text, "/.") != NULL ||
	    strspn(
		text, "/ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.~") !=
		strlen(text))
		return -EINVAL;
	for (size_t i = 0; i < sizeof own / sizeof *own; i++)
		if (strlen(own[i]) == first && strncmp(own[i], text, first) == 0)
			return -EINVAL;
	memcpy(a->base, text, n);
	a->base[n] = '\0';
	return 0;
}
