/*
 * Who may pass: Host, Origin, token.
 *
 * A page of another site can make a browser send requests here, cookie included, and a name
 * that is re-bound to 127.0.0.1 makes them look like its own. So a loopback door answers only
 * to addresses and "localhost", and whatever changes state or opens a WebSocket must carry
 * this door's own origin, exactly, if it carries one: browsers always do.
 */
#include "config.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <arpa/inet.h>

#include "base/clock.h"
#include "base/str.h"
#include "net/server_priv.h"

/* "host", "host:port", "[v6]:port": an address literal or localhost. */
static bool
host_is_literal(const char *host)
{
	unsigned char addr[16];
	char name[64];
	size_t n;

	if (host[0] == '[') {
		n = strcspn(++host, "]");
		if (host[n] != ']' || (host[n + 1] != '\0' && host[n + 1] != ':'))
			return false;
	} else {
		n = strcspn(host, ":");
	}
	if (n >= sizeof name)
		return false;
	memcpy(name, host, n);
	name[n] = '\0';
	return strcasecmp(name, "localhost") == 0 || inet_pton(AF_INET, name, addr) == 1 ||
	       inet_pton(AF_INET6, name, addr) == 1;
}

/* Origin must be this door's scheme and the very Host that was asked for. */
static bool
origin_matches(const struct server *s, const char *origin, const char *host)
{
	const char *scheme = s->tls ? "https://" : "http://";

	return str_starts(origin, scheme) && strcasecmp(origin + strlen(scheme), host) == 0;
}

const char *
access_refusal(struct lws *wsi, bool check_origin)
{
	struct server *s = server_of(wsi);
	char *host, *origin = NULL;
	const char *wrong = NULL;

	if (wsi_is_local(wsi))
		return NULL;
	host = wsi_header(wsi, WSI_TOKEN_HOST);
	if (check_origin)
		origin = wsi_header(wsi, WSI_TOKEN_ORIGIN);
	if (host == NULL)
		wrong = "the request names no Host";
	else if (s->cfg.loopback && !host_is_literal(host))
		wrong = "this Host is not served here";
	else if (origin != NULL && !origin_matches(s, origin, host))
		wrong = "requests from this Origin are refused";
	free(host);
	free(origin);
	return wrong;
}

static bool
offer(const struct server *s, const char *token, struct who *out)
{
	struct auth_token t;

	if (auth_check(s->cfg.auth, token, clock_wall_ms(), &t) != AUTH_GOOD)
		return false;
	if (t.access > out->access)
		*out = (struct who){t.access, t};
	return true;
}

static bool
bearer_access(const struct server *s, struct lws *wsi, struct who *out)
{
	char *header = wsi_header(wsi, WSI_TOKEN_HTTP_AUTHORIZATION);
	bool good = header != NULL && strncasecmp(header, "Bearer ", 7) == 0 &&
		    offer(s, header + 7, out);

	free(header);
	return good;
}

/* A browser sends several of one name when hosts or paths differ; a stale one must not hide a
 * good one. */
static void
cookie_access(const struct server *s, struct lws *wsi, struct who *out)
{
	char *header = wsi_header(wsi, WSI_TOKEN_HTTP_COOKIE), *save = NULL;
	size_t n = strlen(s->cookie);

	for (char *c = header != NULL ? strtok_r(header, "; ", &save) : NULL; c != NULL;
	     c = strtok_r(NULL, "; ", &save)) {
		if (strncmp(c, s->cookie, n) == 0 && c[n] == '=')
			offer(s, c + n + 1, out);
	}
	free(header);
}

void
access_of(struct lws *wsi, struct who *out)
{
	struct server *s = server_of(wsi);

	*out = (struct who){.access = AUTH_NONE};
	if (wsi_is_local(wsi))
		out->access = AUTH_LOCAL;
	else if (s->cfg.no_auth)
		out->access = AUTH_WRITE;
	else if (!bearer_access(s, wsi, out))
		cookie_access(s, wsi, out);
}

bool
access_is_over(const struct server *s, const struct who *w, int64_t now_ms)
{
	return *w->token.id != '\0' && auth_find(s->cfg.auth, w->token.id, now_ms) == NULL;
}
