#include "config.h"

#include "app/agents_remove.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "app/agents_priv.h"
#include "app/app_priv.h"
#include "app/live.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/xmalloc.h"
#include "proto/json.h"
#include "store/sessions_remove.h"

#define DAY_MS (86400ll * 1000)

/* The loop's clock stands still while the machine sleeps, so the day is looked at by the wall's. */
enum { LOOK_MS = 600 * 1000, SETTLE_MS = 1000 };

/* What somebody asked for. */

struct removal {
	struct app *app;
	struct http_req *req; /* NULL: the client has gone */
};

static void
asker_gone(void *arg)
{
	((struct removal *)arg)->req = NULL;
}

static void
on_removed(int rc, int64_t n, void *arg)
{
	struct removal *rm = arg;
	cJSON *o;

	if (rc == 0 && n != 0)
		live_removed(rm->app);
	if (rm->req == NULL) {
		free(rm);
		return;
	}
	if (rc == -ENOENT) {
		http_reply_error(rm->req, 404, "no_such_session", "there is no such session");
	} else if (rc != 0) {
		http_reply_error(rm->req, 503, "store_unavailable", "%s", strerror(-rc));
	} else {
		o = json_object();
		cJSON_AddNumberToObject(o, "removed", (double)n);
		http_reply_json_take(rm->req, 200, o);
	}
	free(rm);
}

static struct removal *
removal_new(struct http_req *r, struct app *a)
{
	struct removal *rm = xcalloc(1, sizeof *rm);

	rm->req = r;
	rm->app = a;
	http_on_gone(r, asker_gone, rm);
	return rm;
}

void
sessions_delete(struct http_req *r, void *arg)
{
	struct app *a = arg;

	sessions_remove(a->store, http_param(r, 0), on_removed, removal_new(r, a));
}

void
sessions_delete_before(struct http_req *r, void *arg)
{
	struct app *a = arg;
	const char *before = http_query(r, "before");
	int64_t ms;

	if (before == NULL || clock_parse(before, clock_wall_ms(), &ms) != 0) {
		http_reply_error(r, 400, "bad_params",
		    "before must be a time as 2026-11-21T02:03:04Z, or how long ago as 90d");
		return;
	}
	sessions_remove_before(a->store, ms, false, on_removed, removal_new(r, a));
}

/* What is old, or too much. */

struct retention {
	struct app *app;
	uv_timer_t timer;
	int64_t swept_ms; /* 0: not yet */
	bool settled;     /* when it was last */
};

static void
on_swept(int rc, int64_t n, void *arg)
{
	(void)arg;
	if (rc == 0 && n != 0)
		log_info("sessions", "%lld of the oldest have been removed", (long long)n);
	else if (rc != 0 && rc != -ECANCELED)
		log_warn("sessions", "old ones could not be removed: %s", strerror(-rc));
}

static void
on_timer(uv_timer_t *t)
{
	struct retention *rt = t->data;
	struct app *a = rt->app;
	const struct app_limits *l = &a->cfg.limits;
	int64_t now = clock_wall_ms();
	bool settled = agents_settled(a), first = rt->swept_ms == 0 || settled != rt->settled;

	if (first || now < rt->swept_ms || now - rt->swept_ms >= DAY_MS) {
		if (l->sessions_days != 0)
			sessions_remove_before(
			    a->store, now - l->sessions_days * DAY_MS, true, on_swept, NULL);
		rt->swept_ms = now;
		rt->settled = settled;
	}
	if (first || settled)
		sessions_remove_beyond(a->store, l->sessions_max, on_swept, NULL);
	uv_timer_start(t, on_timer, settled ? LOOK_MS : SETTLE_MS, 0);
}

void
retention_open(struct app *a)
{
	struct retention *rt;

	a->retention = rt = xcalloc(1, sizeof *rt);
	rt->app = a;
	uv_timer_init(a->loop, &rt->timer);
	rt->timer.data = rt;
	uv_timer_start(&rt->timer, on_timer, 0, 0);
}

static void
on_closed(uv_handle_t *h)
{
	free(h->data);
}

void
retention_close(struct app *a)
{
	if (a->retention == NULL)
		return;
	uv_close((uv_handle_t *)&a->retention->timer, on_closed);
	a->retention = NULL;
}
