/*
 * The tables of routes and WebSockets, told to whoever may read.
 *
 * Whoever tests this daemon from outside walks what it is told here, so that no door can be
 * forgotten: it is made from the very tables that requests are looked up in.
 */
#include "config.h"

#include <cjson/cJSON.h>

#include "app/app_priv.h"
#include "proto/json.h"

/* No default: the compiler tells of a kind of access that has no word here. */
static const char *
access_word(enum auth_access access)
{
	switch (access) {
	case AUTH_NONE:
		return "open";
	case AUTH_READ:
		return "read_only";
	case AUTH_WRITE:
		return "read_write";
	case AUTH_LOCAL:
		return "local";
	}
	return "local";
}

static cJSON *
route_json(const struct http_route *t)
{
	cJSON *o = json_object();

	cJSON_AddStringToObject(o, "method", t->method);
	cJSON_AddStringToObject(o, "path", t->path);
	cJSON_AddStringToObject(o, "access", access_word(t->access));
	cJSON_AddNumberToObject(o, "max_body", (double)t->max_body);
	cJSON_AddStringToObject(o, "help", t->help);
	return o;
}

static cJSON *
socket_json(const struct ws_endpoint *e)
{
	cJSON *o = json_object();

	cJSON_AddStringToObject(o, "path", e->path);
	cJSON_AddStringToObject(o, "subprotocol", e->subprotocol);
	cJSON_AddNumberToObject(o, "max_message", (double)e->max_message);
	return o;
}

void
routes_list(struct http_req *r, void *arg)
{
	const struct app *a = arg;
	cJSON *o = json_object();
	cJSON *routes = cJSON_AddArrayToObject(o, "routes");
	cJSON *sockets = cJSON_AddArrayToObject(o, "sockets");

	for (const struct http_route *t = app_routes; t->method != NULL; t++)
		cJSON_AddItemToArray(routes, route_json(t));
	for (const struct ws_endpoint *e = a->endpoints; e->subprotocol != NULL; e++)
		cJSON_AddItemToArray(sockets, socket_json(e));
	http_reply_json_take(r, 200, o);
}
