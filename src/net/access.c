/*
 * Who may pass: Host, Origin, token, and how often one may be wrong.
 *
 * A page of another site can make a browser send requests here, cookie included, and a name
 * that is re-bound to 127.0.0.1 makes them look like its own. So Host must be an address or
 * "localhost", with this door's port, or what --allow-origin names; and an Origin, on whatever
 * request, must be that of the Host, or a named one. A browser leaves Origin away where it
 * only goes to a page, or gets something of the page's own; so without one, a cookie is good for
 * that alone, and Sec-Fetch-Site must not say that another site is behind it.
 *
 * What stands before the daemon and is trusted (--trust-proxy) may say for whom it asks, and
 * where that one went to. The last word of each header is the proxy's own; the words before it
 * may be anybody's, and count in X-Forwarded-For alone, as far as they are of such proxies, too.
 */
#include "config.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/str.h"
#include "base/xmalloc.h"
#include "net/server_priv.h"

enum { COOKIES_MAX = 8 }; /* of our name, that are looked at */

static uint64_t
now_ms(void)
{
	return clock_mono_us() / 1000;
}

/* Where it comes from. */

static bool
is_trusted(const struct server *s, const struct addr *a)
{
	for (size_t i = 0; i < s->cfg.access->nproxies; i++)
		if (addr_net_has(&s->cfg.access->proxies[i], a))
			return true;
	return false;
}

bool
access_is_proxy(const struct server *s, const struct sockaddr_storage *ss)
{
	struct addr a;

	addr_of((const struct sockaddr *)ss, &a);
	return is_trusted(s, &a);
}

static void
peer_of(struct lws *wsi, struct addr *out)
{
	struct sockaddr_storage ss = {0};
	socklen_t len = sizeof ss;

	getpeername(lws_get_socket_fd(wsi), (struct sockaddr *)&ss, &len);
	addr_of((struct sockaddr *)&ss, out);
}

/* From the end on, the first that is no proxy of ours. */
static void
forwarded_for(const struct server *s, struct lws *wsi, struct addr *client)
{
	char *list = wsi_header(wsi, WSI_TOKEN_X_FORWARDED_FOR), *word;
	struct addr a;

	while (list != NULL && is_trusted(s, client)) {
		word = strrchr(list, ',');
		word = word != NULL ? word + 1 : list;
		word += strspn(word, " \t");
		word[strcspn(word, " \t")] = '\0';
		if (addr_parse(word, &a) != 0)
			break;
		*client = a;
		word = strrchr(list, ',');
		if (word == NULL)
			break;
		*word = '\0';
	}
	free(list);
}

void
access_client(struct lws *wsi, struct addr *out)
{
	peer_of(wsi, out);
	forwarded_for(server_of(wsi), wsi, out);
}

char *
wsi_other_header(struct lws *wsi, const char *name)
{
	int len = (int)strlen(name), n = lws_hdr_custom_length(wsi, name, len);
	char *value;

	if (n <= 0)
		return NULL;
	value = xmalloc((size_t)n + 1);
	if (lws_hdr_custom_copy(wsi, value, n + 1, name, len) < 0) {
		free(value);
		return NULL;
	}
	return value;
}

/* The last word of a proxy's header; NULL where there is none or no proxy of ours. */
static char *
forwarded(struct lws *wsi, const char *name)
{
	struct addr peer;
	char *value, *word;

	if (server_of(wsi)->cfg.access->nproxies == 0)
		return NULL;
	peer_of(wsi, &peer);
	if (!is_trusted(server_of(wsi), &peer) || (value = wsi_other_header(wsi, name)) == NULL)
		return NULL;
	word = strrchr(value, ',');
	word = word != NULL ? word + 1 : value;
	word += strspn(word, " \t");
	memmove(value, word, strlen(word) + 1);
	value[strcspn(value, " \t")] = '\0';
	return value;
}

bool
access_is_https(struct lws *wsi)
{
	char *proto = forwarded(wsi, "x-forwarded-proto:");
	bool https = proto != NULL ? strcasecmp(proto, "https") == 0 : server_of(wsi)->tls;

	free(proto);
	return https;
}

const char *
access_path(struct lws *wsi, const char *path)
{
	const char *base = server_of(wsi)->cfg.access->base;
	size_t n = strlen(base);

	if (n == 0 || wsi_is_local(wsi) || strncmp(path, base, n) != 0)
		return path;
	if (path[n] == '\0')
		return NULL;
	return path[n] == '/' ? path + n : path;
}

/* Host and Origin. */

static bool
is_allowed(const struct server *s, const struct origin *o)
{
	for (size_t i = 0; i < s->cfg.access->norigins; i++)
		if (origin_same(&s->cfg.access->origins[i], o))
			return true;
	return false;
}

static bool
is_double(struct lws *wsi, enum lws_token_indexes token)
{
	return lws_hdr_fragment_length(wsi, token, 1) > 0;
}

/* Where the request went to, as whoever asks sees it. */
static bool
read_host(struct lws *wsi, struct origin *out)
{
	char *host = forwarded(wsi, "x-forwarded-host:");
	bool good;

	if (host == NULL)
		host = wsi_header(wsi, WSI_TOKEN_HOST);
	good = host != NULL && !is_double(wsi, WSI_TOKEN_HOST) &&
	       origin_of_host(host, access_is_https(wsi), out) == 0;
	free(host);
	return good;
}

static bool
is_served(const struct server *s, const struct origin *host)
{
	bool nobodys = host->literal || strcmp(host->host, "localhost") == 0;

	return (nobodys && host->port == s->port) || is_allowed(s, host);
}

const char *
access_refusal(struct lws *wsi)
{
	const struct server *s = server_of(wsi);
	struct origin host, origin;
	const char *wrong = NULL;
	char *text;

	if (wsi_is_local(wsi))
		return NULL;
	if (!read_host(wsi, &host) || !is_served(s, &host))
		return "this Host is not served here; serve --allow-origin names others";
	text = wsi_header(wsi, WSI_TOKEN_ORIGIN);
	if (text != NULL &&
	    (is_double(wsi, WSI_TOKEN_ORIGIN) || origin_parse(text, &origin) != 0 ||
		!(origin_same(&origin, &host) || is_allowed(s, &origin))))
		wrong = "requests from this Origin are refused";
	free(text);
	return wrong;
}

const char *
access_cookie_refusal(struct lws *wsi, const struct who *w, bool changes)
{
	char *site;
	bool foreign;

	if (!w->by_cookie || lws_hdr_total_length(wsi, WSI_TOKEN_ORIGIN) > 0)
		return NULL;
	if (changes)
		return "a cookie is taken only with an Origin";
	site = wsi_other_header(wsi, "sec-fetch-site:");
	foreign = site != NULL && strcmp(site, "same-origin") != 0 && strcmp(site, "none") != 0;
	free(site);
	return foreign ? "requests from another site are refused" : NULL;
}

void
access_tell(struct lws *wsi, enum guard_kind kind, const char *what)
{
	struct server *s = server_of(wsi);
	char text[ADDR_TEXT];
	struct addr client;

	if (wsi_is_local(wsi))
		return;
	access_client(wsi, &client);
	if (!guard_tells(s->guard, &client, kind, now_ms()))
		return;
	addr_text(&client, text);
	log_warn("net", "refused %s: %s; more of it is not told for a minute", text, what);
}

/* Tokens. */

unsigned
access_refused_s(struct lws *wsi)
{
	struct addr client;

	if (wsi_is_local(wsi))
		return 0;
	access_client(wsi, &client);
	return guard_refused_s(server_of(wsi)->guard, &client, now_ms());
}

void
access_guessed(struct lws *wsi, const char *token)
{
	struct addr client;

	access_client(wsi, &client);
	guard_wrong(server_of(wsi)->guard, &client, token, now_ms());
	access_tell(wsi, GUARD_TOKEN, "a wrong token");
}

/* Whoever asks may offer several: what is wrong counts only where none is right. */
struct offer {
	struct lws *wsi;
	struct who *who;
	char *wrong[COOKIES_MAX + 1];
	size_t nwrong;
};

static void
offer(struct offer *o, const char *token, bool by_cookie)
{
	struct auth_token t;

	switch (auth_check(server_of(o->wsi)->cfg.auth, token, clock_wall_ms(), &t)) {
	case AUTH_GOOD:
		if (t.access > o->who->access)
			*o->who = (struct who){
			    .access = t.access, .token = t, .by_cookie = by_cookie};
		break;
	case AUTH_WRONG:
		o->wrong[o->nwrong++] = xstrdup(token);
		break;
	case AUTH_ENDED: /* known once, and so no guess */
		break;
	}
}

char *
access_own_token(struct lws *wsi)
{
	char *header = wsi_header(wsi, WSI_TOKEN_HTTP_AUTHORIZATION);
	const char *word = server_of(wsi)->cfg.basic ? "Basic " : "Bearer ";
	size_t n = strlen(word);
	bool ours = header != NULL && strncasecmp(header, word, n) == 0 && header[n] != '\0';

	if (ours)
		memmove(header, header + n, strlen(header + n) + 1);
	else
		free(header);
	return ours ? header : NULL;
}

/* The value of a cookie of ours from *at on, which is moved behind it. */
static const char *
next_cookie(const struct server *s, char **at)
{
	size_t n = strlen(s->cookie);
	char *c;

	while ((c = strsep(at, "; ")) != NULL)
		if (strncmp(c, s->cookie, n) == 0 && c[n] == '=' && c[n + 1] != '\0')
			return c + n + 1;
	return NULL;
}

/* A browser sends several of one name when hosts or paths differ; a stale one must not hide a
 * good one. */
static void
check(struct offer *o, const char *token, char *cookies)
{
	const char *value;

	if (token != NULL)
		offer(o, token, false);
	for (int i = 0; o->who->access == AUTH_NONE && i < COOKIES_MAX; i++) {
		if ((value = next_cookie(server_of(o->wsi), &cookies)) == NULL)
			break;
		offer(o, value, true);
	}
	for (size_t i = 0; i < o->nwrong; i++) {
		if (o->who->access == AUTH_NONE)
			access_guessed(o->wsi, o->wrong[i]);
		free(o->wrong[i]);
	}
}

static bool
has_cookie(const struct server *s, const char *cookies)
{
	char *copy = cookies != NULL ? xstrdup(cookies) : NULL, *at = copy;
	bool has = next_cookie(s, &at) != NULL;

	free(copy);
	return has;
}

void
access_of(struct lws *wsi, struct who *out)
{
	struct server *s = server_of(wsi);
	struct offer o = {.wsi = wsi, .who = out};
	char *token, *cookies;

	*out = (struct who){.access = AUTH_NONE};
	if (wsi_is_local(wsi) || s->cfg.no_auth) {
		out->access = wsi_is_local(wsi) ? AUTH_LOCAL : AUTH_WRITE;
		return;
	}
	token = access_own_token(wsi);
	cookies = wsi_header(wsi, WSI_TOKEN_HTTP_COOKIE);
	if (token != NULL || has_cookie(s, cookies)) {
		out->refused_s = access_refused_s(wsi);
		if (out->refused_s == 0)
			check(&o, token, cookies);
	}
	free(token);
	free(cookies);
}

void
access_of_token(struct lws *wsi, const char *token, struct who *out)
{
	struct offer o = {.wsi = wsi, .who = out};

	*out = (struct who){.access = AUTH_NONE};
	out->refused_s = access_refused_s(wsi);
	if (out->refused_s == 0)
		check(&o, token, NULL);
	else
		access_tell(wsi, GUARD_BLOCKED, "too many wrong tokens");
}

bool
access_is_over(const struct server *s, const struct who *w, int64_t at_ms)
{
	return *w->token.id != '\0' && auth_find(s->cfg.auth, w->token.id, at_ms) == NULL;
}
