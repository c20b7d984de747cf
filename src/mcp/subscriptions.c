/*
 * Subscriptions: what is subscribed to is looked at once in a while, one after the other, and when
 * it is not what it was the client is told to read it again.
 *
 * It is asked for, not listened to, so that a daemon that is replaced or away for a while makes no
 * difference, and so that a terminal that prints without a pause costs no more than one that prints a
 * line a second.
 */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "base/xmalloc.h"
#include "mcp/mcp_priv.h"
#include "proto/json.h"

struct subscription {
	struct subscription *prev, *next;
	char *uri, *path;
	char *seen; /* what tells whether it has changed */
};

static struct subscription *
find(const struct mcp *m, const char *uri)
{
	struct subscription *s;

	DL_FOREACH (m->subscriptions, s) {
		if (strcmp(s->uri, uri) == 0)
			return s;
	}
	return NULL;
}

static void
drop(struct mcp *m, struct subscription *s)
{
	struct request *r, *next;

	if (m->looking == s)
		m->looking = NULL;
	DL_FOREACH_SAFE (m->requests, r, next) {
		if (r->subscription == s)
			request_free(r);
	}
	DL_DELETE(m->subscriptions, s);
	m->nsubscriptions--;
	free(s->uri);
	free(s->path);
	free(s->seen);
	free(s);
}

void
subscriptions_free(struct mcp *m)
{
	while (m->subscriptions != NULL)
		drop(m, m->subscriptions);
}

bool
mcp_has_subscriptions(const struct mcp *m)
{
	return m->subscriptions != NULL;
}

/* What changes when there is something else to read; not who looks at it. */
static char *
state_of(const struct answer *a)
{
	static const char *const members[] = {"state", "offset", "cols", "rows", "title",
	    "agent", "updated", "turns", "messages", "tool_calls", "pid", "started", "ended",
	    "channels", "tries", NULL};

	if (a->json == NULL || a->status >= 400)
		return xasprintf("%d", a->status);
	return json_print_take(pick(a->json, members));
}

static void
subscribed(struct request *r, const struct answer *a)
{
	struct mcp *m = r->m;
	struct subscription *s;

	if (a->status >= 400) {
		reply_no_resource(r, r->name);
		return;
	}
	if (find(m, r->name) == NULL) {
		if (m->nsubscriptions >= MCP_SUBSCRIPTIONS_MAX) {
			reply_error(r, RPC_BUSY, "there are %u subscriptions already",
			    m->nsubscriptions);
			return;
		}
		s = xcalloc(1, sizeof *s);
		s->uri = xstrdup(r->name);
		s->path = xstrdup(r->text);
		s->seen = state_of(a);
		DL_APPEND(m->subscriptions, s);
		m->nsubscriptions++;
	}
	reply_take(r, json_object());
}

void
subscribe(struct request *r)
{
	const char *uri = json_string(r->args, "uri");

	if (uri == NULL) {
		reply_error(r, RPC_PARAMS, "uri must be a string");
	} else if ((r->text = resource_path(uri)) == NULL) {
		reply_no_resource(r, uri);
	} else {
		r->name = xstrdup(uri);
		r->refusals = true;
		ask_get(r, xstrdup(r->text), subscribed);
	}
}

void
unsubscribe(struct request *r)
{
	const char *uri = json_string(r->args, "uri");
	struct subscription *s;

	if (uri == NULL) {
		reply_error(r, RPC_PARAMS, "uri must be a string");
		return;
	}
	if ((s = find(r->m, uri)) != NULL)
		drop(r->m, s);
	reply_take(r, json_object());
}

/* Looking. */

static void look(struct mcp *m, struct subscription *s);

static void
looked(struct request *r, const struct answer *a)
{
	struct mcp *m = r->m;
	struct subscription *s = r->subscription;
	char *state = state_of(a);
	cJSON *params;

	/* A daemon that starts has no word about it yet. */
	if (a->status == 503 || strcmp(state, s->seen) == 0) {
		free(state);
	} else {
		free(s->seen);
		s->seen = state;
		params = json_object();
		cJSON_AddStringToObject(params, "uri", s->uri);
		notify(m, "notifications/resources/updated", params);
	}
	s = s->next;
	request_free(r);
	if ((m->looking = s) != NULL)
		look(m, s);
}

static void
look(struct mcp *m, struct subscription *s)
{
	struct request *r = request_new(m);

	r->subscription = s;
	r->refusals = true;
	ask_get(r, xstrdup(s->path), looked);
}

void
mcp_tick(struct mcp *m)
{
	if (m->looking != NULL || m->subscriptions == NULL)
		return;
	m->looking = m->subscriptions;
	look(m, m->looking);
}
