/* The page's files, and the link that lets a browser in. */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "app/app_priv.h"
#include "base/str.h"
#include "base/xmalloc.h"
#include "net/assets.h"

/* xterm.js sets styles of its own at run time, which no hash or nonce could name. Nothing of the page
 * makes markup or code out of text, and no policy that would let it can be made. */
static const char csp[] =
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data:; font-src 'self'; connect-src 'self'; manifest-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
    "require-trusted-types-for 'script'; trusted-types 'none'";

static const struct asset *
find(const char *dir, const char *name)
{
	for (size_t i = 0; i < net_asset_count; i++) {
		const char *path = net_assets[i].path;
		if (strncmp(path, dir, strlen(dir)) == 0 &&
		    strcmp(path + strlen(dir), name) == 0)
			return &net_assets[i];
	}
	return NULL;
}

/* "gzip" is named, and not with a weight of zero. */
static bool
takes_gzip(const char *coding)
{
	const char *p = coding != NULL ? strstr(coding, "gzip") : NULL;
	size_t weight;

	if (p == NULL)
		return false;
	p += strlen("gzip");
	p += strspn(p, " ");
	if (*p != ';')
		return true;
	p += strcspn(p, "=,");
	if (*p != '=')
		return true;
	weight = strcspn(p, ",");
	return strcspn(p, "123456789") < weight;
}

static void
send_asset(struct http_req *r, const struct asset *f)
{
	const char *etag = http_header(r, "if-none-match");
	bool hashed = strncmp(f->path, "/assets/", 8) == 0;

	http_add_header(r, "etag", f->etag);
	http_add_header(r, "vary", "accept-encoding");
	http_add_header(
	    r, "cache-control", hashed ? "public, max-age=31536000, immutable" : "no-cache");
	if (strncmp(f->content_type, "text/html", 9) == 0)
		http_add_header(r, "content-security-policy", csp);
	if (etag != NULL && strstr(etag, f->etag) != NULL) {
		http_reply(r, 304, NULL, NULL, 0);
	} else if (takes_gzip(http_header(r, "accept-encoding"))) {
		http_add_header(r, "content-encoding", "gzip");
		http_reply_static(r, 200, f->content_type, f->gzip, f->gzip_len);
	} else {
		http_reply_static(r, 200, f->content_type, f->data, f->len);
	}
}

/* Opened by a person most of the time, who is to read more than JSON. */
void
page_refuse_link(struct http_req *r)
{
	static const char refusal[] =
	    "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n"
	    "<meta name=\"viewport\" content=\"width=device-width\">\n"
	    "<meta name=\"color-scheme\" content=\"light dark\">\n"
	    "<title>panescry: this link is not valid</title>\n"
	    "<h1>This link is not valid, or no longer</h1>\n"
	    "<p>It may have been opened before, have expired or been ended. Run\n"
	    "<code>panescry token</code> for a new one.</p>\n";
	const char *accept = http_header(r, "accept");

	if (accept == NULL || strstr(accept, "text/html") == NULL) {
		http_reply_error(r, 401, "unauthorised",
		    "this link is not valid or no longer; panescry token makes a new one");
		return;
	}
	http_add_header(
	    r, "content-security-policy", "default-src 'none'; frame-ancestors 'none'");
	http_reply(r, 401, "text/html; charset=utf-8", refusal, sizeof refusal - 1);
}

static void
reply_nothing_here(struct http_req *r)
{
	http_reply_error(r, 404, "not_found", "there is nothing at this path");
}

void
page_get(struct http_req *r, void *arg)
{
	const struct app *a = arg;
	const char *token = http_query(r, "token"), *name = http_param(r, 0);
	const struct asset *f;
	char *page;

	if (token != NULL && *name == '\0') {
		page = xasprintf("%s/", a->cfg.limits.access.base);
		tokens_login(r, arg, token, page);
		free(page);
		return;
	}
	f = *name == '\0' ? find("/", "") : find("/assets/", name);
	if (f != NULL)
		send_asset(r, f);
	else
		reply_nothing_here(r);
}

/* Where the page of the pane is that is asked for, for the caller to free; NULL: it cannot be one, and that
 * has been answered. Whether there is such a pane is not said: anybody may ask. */
static char *
pane_page(struct http_req *r, const struct app *a)
{
	const char *id = http_param(r, 0);
	char *part, *page;

	if (!str_id_valid(id)) {
		reply_nothing_here(r);
		return NULL;
	}
	part = str_url_encode(id);
	page = xasprintf("%s/p/%s/", a->cfg.limits.access.base, part);
	free(part);
	return page;
}

void
page_pane(struct http_req *r, void *arg)
{
	const char *token = http_query(r, "token");
	char *page = pane_page(r, arg);

	if (page != NULL && token != NULL)
		tokens_login(r, arg, token, page);
	else if (page != NULL)
		send_asset(r, find("/p/", ""));
	free(page);
}

/* The page of serve --ttyd. */
void
page_ttyd(struct http_req *r, void *arg)
{
	const struct app *a = arg;
	const char *token = http_query(r, "token");
	char *page = xasprintf("%s/", a->cfg.limits.access.base);

	if (token != NULL && a->cfg.ttyd.credential == NULL)
		tokens_login(r, arg, token, page);
	else
		send_asset(r, find("/ttyd/", ""));
	free(page);
}

/* Relative addresses in the page need the slash. */
void
page_pane_base(struct http_req *r, void *arg)
{
	char *page = pane_page(r, arg);

	if (page == NULL)
		return;
	http_add_header(r, "location", page);
	http_reply(r, 302, NULL, NULL, 0);
	free(page);
}
