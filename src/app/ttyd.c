/* serve --ttyd: a pane for each client that comes, and nothing else to be had over TCP. */
#include "config.h"

#include <stdlib.h>

#include "app/app_priv.h"
#include "base/log.h"
#include "proto/tty.h"

#define ASSETS \
	{ \
		"GET", "/assets/:file", AUTH_NONE, 0, page_get, "the page's files" \
	}
#define HEALTH \
	{ \
		"GET", "/healthz", AUTH_NONE, 0, info_health, "is the daemon well" \
	}
#define TOKEN \
	{ \
		"GET", "/token", AUTH_READ, 0, tty_token, "the token of a client of ttyd" \
	}

static const struct http_route routes_open[] = {HEALTH, TOKEN, ASSETS,
    {"GET", "/", AUTH_NONE, 0, page_ttyd, "the page; with ?token= a login"}, {0}};

/* A browser asks a person for the credential when the page itself is refused. */
static const struct http_route routes_basic[] = {
    HEALTH, TOKEN, ASSETS, {"GET", "/", AUTH_READ, 0, page_ttyd, "the page"}, {0}};

void
app_limits_ttyd(struct app_limits *l)
{
	l->archive = l->sessions = l->harden = false;
	l->tmux_mode = MUX_OFF;
}

const struct http_route *
ttyd_routes(const struct app *a)
{
	if (a->cfg.ttyd.argv == NULL)
		return NULL;
	return a->cfg.ttyd.credential != NULL ? routes_basic : routes_open;
}

void
ttyd_open(struct app *a)
{
	if (a->cfg.ttyd.argv == NULL)
		return;
	for (struct ws_endpoint *e = a->endpoints; e->subprotocol != NULL; e++)
		e->local = true;
	a->endpoints[2].local = false;
	a->endpoints[2].path = "/ws";
	a->endpoints[2].has_room = ttyd_has_room;
}

bool
ttyd_has_room(void *arg)
{
	const struct app *a = arg;
	const struct app_ttyd *t = &a->cfg.ttyd;

	return !(t->once && a->ttyd_served) && !a->stopping &&
	       (t->clients_max == 0 || a->ttyd_clients < t->clients_max);
}

struct entry *
ttyd_client(struct app *a, struct tty *t, unsigned cols, unsigned rows, const char **cause)
{
	struct entry *e = NULL;
	char *why = NULL;

	if (!ttyd_has_room(a) || a->viewer_count >= a->cfg.limits.viewers_max ||
	    !registry_make_room(a)) {
		*cause = "too many clients";
		return NULL;
	}
	e = pane_start_for(a, t, cols, rows, &why);
	if (e == NULL) {
		log_error("ttyd", "no pane for a client: %s", why);
		*cause = "no pane could be made";
	} else {
		a->ttyd_clients++;
		a->ttyd_served = true;
	}
	free(why);
	return e;
}

void
ttyd_client_left(struct app *a, struct entry *e)
{
	a->ttyd_clients--;
	if (e != NULL) {
		e->tty = NULL;
		pane_end(e->pane);
	}
	if (a->cfg.ttyd.once)
		app_end(a);
}
