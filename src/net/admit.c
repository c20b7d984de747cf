/* Which requests are let in, and what the others are told. */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/xmalloc.h"
#include "net/http_priv.h"
#include "net/server_priv.h"

static bool
in_scope(const struct http_req *r)
{
	const struct server_config *cfg = &http_server(r)->cfg;
	const char *pane = http_pane(r);

	return *pane == '\0' || (cfg->in_scope != NULL && cfg->in_scope(r, pane, cfg->arg));
}

/* 403 for what has gone a wrong way; `wrong` NULL: it has not. */
static bool
check_origin(struct http_req *r, const char *wrong)
{
	if (wrong == NULL)
		return true;
	http_server(r)->stats.refused++;
	access_tell(http_wsi(r), GUARD_ORIGIN, wrong);
	http_reply_error(r, 403, "forbidden", "%s", wrong);
	return false;
}

static void
reply_too_many(struct http_req *r, unsigned seconds)
{
	char text[16];

	snprintf(text, sizeof text, "%u", seconds);
	http_add_header(r, "retry-after", text);
	http_server(r)->stats.refused++;
	access_tell(http_wsi(r), GUARD_BLOCKED, "too many wrong tokens");
	http_reply_error(r, 429, "too_many_attempts",
	    "too many tokens from this address were wrong; in %u s the next is looked at",
	    seconds);
}

bool
http_may_offer(struct http_req *r)
{
	unsigned seconds = access_refused_s(http_wsi(r));

	if (seconds != 0)
		reply_too_many(r, seconds);
	return seconds == 0;
}

void
http_offered_wrong(struct http_req *r, const char *token)
{
	if (!wsi_is_local(http_wsi(r)))
		access_guessed(http_wsi(r), token);
}

char *
http_own_token(const struct http_req *r)
{
	const struct who *who = http_who((struct http_req *)r);

	return *who->token.id != '\0' && !who->by_cookie ? access_own_token(http_wsi(r)) : NULL;
}

bool
http_admit_origin(struct http_req *r)
{
	return check_origin(r, access_refusal(http_wsi(r)));
}

bool
http_admit(struct http_req *r)
{
	const struct http_route *route = http_route(r);
	bool changes = strcmp(route->method, "GET") != 0;
	struct who *who = http_who(r);

	if (route->access == AUTH_NONE)
		return true;
	access_of(http_wsi(r), who);
	if (who->refused_s != 0) {
		reply_too_many(r, who->refused_s);
		return false;
	}
	return http_admit_known(r) &&
	       check_origin(r, access_cookie_refusal(http_wsi(r), who, changes));
}

bool
http_admit_known(struct http_req *r)
{
	const struct who *who = http_who(r);

	if (who->access >= http_route(r)->access && in_scope(r))
		return true;
	if (who->access == AUTH_NONE) {
		http_server(r)->stats.refused++;
		http_add_header(r, "www-authenticate",
		    http_server(r)->cfg.basic ? "Basic realm=\"panescry\", charset=\"UTF-8\""
					      : "Bearer");
		http_reply_error(
		    r, 401, "unauthorised", "a token is needed; panescry token makes one");
	} else if (!in_scope(r)) {
		http_server(r)->stats.refused++;
		http_reply_error(
		    r, 403, "other_pane", "this token is for pane %s alone", who->token.pane);
	} else {
		http_server(r)->stats.refused++;
		http_reply_error(r, 403, "read_only", "this token may only read");
	}
	return false;
}

/* Relative addresses in the page need the slash. */
void
http_reply_base(struct http_req *r)
{
	char *to = xasprintf("%s/", http_server(r)->cfg.access->base);

	http_add_header(r, "location", to);
	http_reply(r, 302, NULL, NULL, 0);
	free(to);
}
